//! Domain names as the configuration writes them.

use std::net::IpAddr;

use crate::error::Error;

/// Checks that `text` is a domain name in the form in which certificates hold it: lower-case,
/// ASCII (A-labels, RFC 5890 §2.3.2.1), its first label perhaps `*`; or an IP address.
pub(crate) fn check(text: &str) -> Result<(), Error> {
    if is_valid(text) {
        return Ok(());
    }
    let bare = bare(text);
    let instead = if bare != text && is_valid(&bare) {
        format!("`{bare}`")
    } else if text.is_ascii() {
        "a name such as `shop.example`".to_owned()
    } else {
        "its ASCII form, such as `xn--bcher-kva.example` for `bücher.example`".to_owned()
    };
    Err(Error::Domain {
        domain: text.to_owned(),
        why: complaint(text),
        instead,
    })
}

/// What is wrong with `text` as a name of a site, and what to write; nothing where it is one, in the form in which
/// certificates hold it.
///
/// ```
/// use panoply_tls::complaint_about_name;
///
/// assert_eq!(complaint_about_name("*.shop.example"), None);
/// let complaint = complaint_about_name("Shop.example:443");
/// assert_eq!(complaint.as_deref(), Some("`Shop.example:443` has a port; write `shop.example`"));
/// ```
pub fn complaint_about_name(text: &str) -> Option<String> {
    match check(text) {
        Err(Error::Domain { why, instead, .. }) => Some(format!("`{text}` {why}; write {instead}")),
        _ => None,
    }
}

/// Whether it is this machine, whoever asks.
pub(crate) fn is_local(name: &str) -> bool {
    let address = name.parse::<IpAddr>();
    address.map_or_else(
        |_| name == "localhost" || name.ends_with(".localhost"),
        |address| address.is_loopback(),
    )
}

/// Whether a public authority may issue for a domain or an address: neither for `localhost` nor for the names that are
/// nobody's (RFC 6761, RFC 2606, ICANN's `internal`), nor for an address of a private network.
///
/// ```
/// use panoply_tls::is_public;
///
/// assert!(is_public("shop.example.com"));
/// assert!(!is_public("shop.internal"));
/// ```
pub fn is_public(name: &str) -> bool {
    /// What is nobody's by RFC 6761, 2606, 6762, 7686, 8375 and ICANN's word on `internal`.
    const NOBODYS: [&str; 9] = [
        "localhost",
        "test",
        "example",
        "invalid",
        "local",
        "internal",
        "onion",
        "home.arpa",
        "lan",
    ];
    match name.parse() {
        Ok(IpAddr::V4(address)) => {
            let shared = matches!(address.octets(), [100, 64..=127, ..]);
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_documentation()
                || address.is_broadcast()
                || shared)
        }
        Ok(IpAddr::V6(address)) => address.segments().first().is_some_and(|first| {
            // Global unicast, but for what is set apart for documentation.
            (first & 0xe000) == 0x2000 && !matches!(address.segments(), [0x2001, 0xdb8, ..])
        }),
        Err(_) => {
            let under = |end: &&str| {
                let rest = name.strip_suffix(end);
                rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            };
            name.contains('.') && !NOBODYS.iter().any(under)
        }
    }
}

fn complaint(text: &str) -> &'static str {
    if text.trim().is_empty() {
        "is empty"
    } else if !text.is_ascii() {
        "is not ASCII"
    } else if text.contains("://") {
        "is a URL"
    } else if text.contains('/') {
        "has a path"
    } else if text.contains(char::is_whitespace) {
        "has a space in it"
    } else if text.contains(':') {
        "has a port"
    } else if text.contains(|c: char| c.is_ascii_uppercase()) {
        "has upper-case letters"
    } else if text.ends_with('.') {
        "ends in a dot"
    } else if text.contains('*') {
        "has a `*` that is not the whole first label"
    } else {
        "is not a domain name"
    }
}

/// What of `text` may have been meant.
fn bare(text: &str) -> String {
    let text = text.trim();
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let text = text.split(['/', '?', '#']).next().unwrap_or(text);
    let text = text.rsplit_once('@').map_or(text, |(_, rest)| rest);
    let text = match text.strip_prefix('[').and_then(|t| t.split_once(']')) {
        Some((address, _)) => address,
        None if text.parse::<IpAddr>().is_ok() => text,
        None => text.split(':').next().unwrap_or(text),
    };
    text.trim_end_matches('.').to_ascii_lowercase()
}

fn is_valid(text: &str) -> bool {
    if let Ok(address) = text.parse::<IpAddr>() {
        return address.to_string() == text;
    }
    let name = text.strip_prefix("*.").unwrap_or(text);
    let last = name.rsplit('.').next().unwrap_or(name);
    text.len() <= 253 && name.split('.').all(is_label) && !is_number(last)
}

fn is_label(label: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&label.len())
        && label.bytes().all(allowed)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Whether browsers take a name that ends so for an IPv4 address (WHATWG URL, "ends in a number"), which
/// hexadecimal digits are as well.
fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x");
    label.bytes().all(|b| b.is_ascii_digit())
        || hex.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
}
