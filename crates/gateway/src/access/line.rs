//! The lines themselves, written without anything in between: there is one for each request.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;
use panoply::trace::Exchange;

/// Lines that are gathered.
#[derive(Debug, Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    stamp: Stamp,
    /// What the apps are called, where there are several.
    apps: Box<[Box<str>]>,
}

impl Lines {
    /// Those of which each says which of these apps it is about.
    pub(super) fn of(apps: Box<[Box<str>]>) -> Self {
        Self {
            apps,
            ..Self::default()
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What there is; there is room for as many bytes afterwards.
    pub(super) fn take(&mut self, room: usize) -> Vec<u8> {
        std::mem::replace(&mut self.bytes, Vec::with_capacity(room))
    }

    /// A line as a JSON object. The query is left out: it may hold a token.
    pub(super) fn json(&mut self, exchange: &Exchange, now: SystemTime) {
        let Self { bytes, stamp, apps } = self;
        bytes.extend_from_slice(b"{\"timestamp\":\"");
        stamp.write(now, bytes);
        bytes.extend_from_slice(br#"","level":"INFO","message":"request","client.ip":""#);
        if let Some(client) = exchange.client {
            address(bytes, client);
        }
        bytes.extend_from_slice(b"\",\"method\":");
        string(bytes, exchange.method.as_str());
        bytes.extend_from_slice(b",\"host\":");
        string(bytes, host(exchange));
        bytes.extend_from_slice(b",\"path\":");
        string(bytes, exchange.uri.path());
        bytes.extend_from_slice(b",\"version\":\"");
        bytes.extend_from_slice(version(exchange.version).as_bytes());
        bytes.extend_from_slice(b"\",\"status\":");
        number(bytes, exchange.status.as_u16());
        bytes.extend_from_slice(b",\"bytes\":");
        number(bytes, exchange.bytes);
        bytes.extend_from_slice(b",\"duration_ms\":");
        milliseconds(bytes, exchange.duration);
        if let Some(app) = exchange.app.and_then(|app| apps.get(app.number)) {
            bytes.extend_from_slice(b",\"app\":");
            string(bytes, app);
        }
        if let Some(took) = exchange.app.and_then(|app| app.took) {
            bytes.extend_from_slice(b",\"app_ms\":");
            milliseconds(bytes, took);
        }
        if let Some(waited) = exchange.app.and_then(|app| app.waited) {
            bytes.extend_from_slice(b",\"app_wait_ms\":");
            milliseconds(bytes, waited);
        }
        if let Some(instance) = exchange.app.and_then(|app| app.instance) {
            bytes.extend_from_slice(b",\"app_instance\":");
            number(bytes, instance);
        }
        bytes.extend_from_slice(b",\"user_agent\":");
        string(bytes, text(exchange.user_agent.as_ref()));
        bytes.extend_from_slice(b",\"request_id\":\"");
        bytes.extend_from_slice(&exchange.id.digits());
        bytes.push(b'"');
        if let Some(rule) = exchange.rule {
            bytes.extend_from_slice(b",\"rule\":");
            string(bytes, rule);
        }
        if let Some(block) = exchange.block {
            // Writing to memory does not fail, here and below.
            let _ = write!(bytes, ",\"block\":\"{block}\"");
        }
        if exchange.aborted {
            bytes.extend_from_slice(b",\"aborted\":true");
        }
        bytes.extend_from_slice(b"}\n");
    }

    /// A line for a person.
    pub(super) fn text(&mut self, exchange: &Exchange, now: SystemTime) {
        let Self { bytes, stamp, apps } = self;
        stamp.write(now, bytes);
        let client = exchange.client.map(|ip| ip.to_string()).unwrap_or_default();
        let _ = write!(
            bytes,
            " {:>3} {:7} {}{} {:.1} ms {} B {client} {}",
            exchange.status.as_u16(),
            exchange.method.as_str(),
            host(exchange),
            plain(exchange.uri.path()),
            exchange.duration.as_secs_f64() * 1e3,
            exchange.bytes,
            exchange.id,
        );
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        if let Some(took) = exchange.app.and_then(|app| app.took) {
            let name = exchange.app.and_then(|app| apps.get(app.number));
            let name = name.map_or("", |name| name);
            let gap = if name.is_empty() { "" } else { " " };
            let _ = write!(bytes, " app{gap}{} {:.1} ms", plain(name), ms(took));
        }
        if let Some(waited) = exchange.app.and_then(|app| app.waited) {
            let _ = write!(bytes, " waited {:.1} ms", ms(waited));
        }
        if let Some(rule) = exchange.rule {
            let _ = write!(bytes, " refused by {rule}");
        }
        if let Some(block) = exchange.block {
            let _ = write!(bytes, " (block {block})");
        }
        if exchange.aborted {
            bytes.extend_from_slice(b" (broken off)");
        }
        bytes.push(b'\n');
    }
}

/// The time as RFC 3339 has it, in milliseconds. All but these is the same for a second.
#[derive(Debug, Default)]
struct Stamp {
    second: Option<u64>,
    text: String,
}

impl Stamp {
    fn write(&mut self, now: SystemTime, bytes: &mut Vec<u8>) {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        if self.second != Some(since.as_secs()) {
            let second = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
            let second = jiff::Timestamp::from_second(second).unwrap_or(jiff::Timestamp::MAX);
            self.text = format!("{second:.0}");
            // What it ends with comes behind the milliseconds.
            self.text.pop();
            self.second = Some(since.as_secs());
        }
        bytes.extend_from_slice(self.text.as_bytes());
        bytes.extend_from_slice(&thousandths(since.subsec_millis()));
        bytes.push(b'Z');
    }
}

fn number(bytes: &mut Vec<u8>, number: impl itoa::Integer) {
    bytes.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn address(bytes: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            for (place, octet) in address.octets().into_iter().enumerate() {
                if place > 0 {
                    bytes.push(b'.');
                }
                number(bytes, octet);
            }
        }
        IpAddr::V6(address) => {
            let _ = write!(bytes, "{address}");
        }
    }
}

/// The point and three digits behind it.
fn thousandths(number: u32) -> [u8; 4] {
    let digit = |of: u32| b'0' + u8::try_from(number / of % 10).unwrap_or(0);
    [b'.', digit(100), digit(10), digit(1)]
}

/// To the microsecond, without zeros at the end but for one.
fn milliseconds(bytes: &mut Vec<u8>, time: Duration) {
    let micros = (time.as_nanos() + 500) / 1000;
    number(bytes, micros / 1000);
    let digits = thousandths(u32::try_from(micros % 1000).unwrap_or(0));
    let zeros = digits
        .iter()
        .skip(2)
        .rev()
        .take_while(|digit| **digit == b'0');
    let kept = digits.len() - zeros.count();
    bytes.extend(digits.iter().take(kept));
}

/// A JSON string, in which a terminal finds nothing to obey.
fn string(bytes: &mut Vec<u8>, text: &str) {
    if text.is_ascii() {
        // A text is always written.
        let _ = serde_json::to_writer(bytes, text);
        return;
    }
    let whole = serde_json::to_string(text).unwrap_or_default();
    for c in whole.chars() {
        if misleads(c) {
            let _ = write!(bytes, "\\u{:04x}", u32::from(c));
        } else {
            let _ = write!(bytes, "{c}");
        }
    }
}

/// A path for a person: what a terminal obeys stands there as clients mostly write it.
fn plain(path: &str) -> Cow<'_, str> {
    if !path.contains(misleads) {
        return Cow::Borrowed(path);
    }
    let mut text = String::new();
    for c in path.chars() {
        let mut room = [0; 4];
        let whole = c.encode_utf8(&mut room);
        if misleads(c) {
            for byte in whole.bytes() {
                let _ = write!(text, "%{byte:02X}");
            }
        } else {
            text.push(c);
        }
    }
    Cow::Owned(text)
}

/// Whether a terminal obeys it, as it does U+009B, or shows what stands behind it elsewhere.
fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn text(value: Option<&HeaderValue>) -> &str {
    value.and_then(|value| value.to_str().ok()).unwrap_or("")
}

fn host(exchange: &Exchange) -> &str {
    let authority = exchange.uri.authority();
    let host = authority.map_or_else(
        || text(exchange.host.as_ref()),
        |authority| authority.as_str(),
    );
    // A name and a password before it are refused, and nobody else's business either.
    host.rsplit_once('@').map_or(host, |(_, host)| host)
}

const fn version(version: http::Version) -> &'static str {
    match version {
        http::Version::HTTP_10 => "1.0",
        http::Version::HTTP_2 => "2",
        _ => "1.1",
    }
}

#[cfg(test)]
mod tests;
