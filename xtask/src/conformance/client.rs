//! Express's idea of a client's address.
//!
//! Where Express believes a sane thing, ours is the same. Where it does not, which is told by what
//! stands in its answer and never by the case's name, ours is what the rules of
//! `conformance/ADAPTED.md` say.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderValue};
use panoply_client::{Client, ClientConfig, Error};
use panoply_core::{ClientAddress, Scheme};
use serde_json::{Value, json};

use super::Outcome;

/// How one case went, when it did not fail.
enum Verdict {
    /// As Express.
    Same,
    /// Otherwise on purpose: what we do.
    Adapted(String),
}

/// Express's `trust proxy`, said our way.
struct Setting {
    config: ClientConfig,
    hops: Option<u8>,
    everybody: bool,
}

/// `trust_proxy`, `remote` and `xff` to the address, the scheme and the host.
pub(crate) fn run(file: &Value) -> Outcome {
    let mut outcome = Outcome::default();
    let cases = file.get("cases").and_then(Value::as_array);
    for case in cases.into_iter().flatten() {
        let name = format!(
            "trust proxy {}, peer {}, list {}",
            case["trust_proxy"].as_str().unwrap_or_default(),
            case["remote"].as_str().unwrap_or("none"),
            case["xff"]
        );
        match judge(case) {
            Ok(Verdict::Same) => outcome.passed.push(name),
            Ok(Verdict::Adapted(ours)) => {
                let theirs = case["ip"].to_string();
                outcome
                    .adapted
                    .push(format!("{name}: Express {theirs}, here {ours}"));
            }
            Err(why) => outcome.failed.push((name, why)),
        }
    }
    outcome
}

fn judge(case: &Value) -> Result<Verdict, String> {
    let text = |key: &str| case[key].as_str().ok_or(format!("`{key}` is no text"));
    let setting = Setting::read(text("trust_proxy")?)?;
    let built = setting.config.clone().build();
    if case.get("config_error").is_some() {
        return match built {
            Err(_) => Ok(Verdict::Same),
            Ok(_) => Err("accepted, where Express refuses the setting".to_owned()),
        };
    }
    if setting.everybody {
        return nobody_trusts_everybody().map(|()| Verdict::Adapted("refused".to_owned()));
    }
    let client = match built {
        Ok(client) => client,
        Err(Error::Proxy { entry, .. }) if is_odd_number(&entry) => {
            return Ok(Verdict::Adapted("refused".to_owned()));
        }
        Err(error) => return Err(format!("refused: {error}")),
    };
    let remote = address(text("remote")?).ok_or("`remote` is no address")?;
    let peer = SocketAddr::new(remote, 4711);
    let list = case["xff"].as_str();
    let found = client.resolve(peer, Scheme::Http, &headers(list)?);
    same_words(case, &found)?;
    if let Some(theirs) = sane(case) {
        return if theirs == found.ip() {
            Ok(Verdict::Same)
        } else {
            Err(format!("found {}, Express {theirs}", found.ip()))
        };
    }
    let expected = setting.walk(&client, peer, list.unwrap_or_default());
    if expected == found.ip() {
        Ok(Verdict::Adapted(expected.to_string()))
    } else {
        Err(format!("found {}, expected {expected}", found.ip()))
    }
}

/// Express's address, if it and all that was believed on the way to it are addresses.
fn sane(case: &Value) -> Option<IpAddr> {
    let believed = case["ips"].as_array();
    let good = |entry: &Value| entry.as_str().and_then(address).is_some();
    if believed.is_some_and(|ips| !ips.iter().all(good)) {
        return None;
    }
    case["ip"].as_str().and_then(address)
}

/// The scheme and host, which Express believes from a trusted peer.
fn same_words(case: &Value, found: &ClientAddress) -> Result<(), String> {
    let host = found
        .forwarded_host()
        .map_or("app.internal", |host| host.as_str());
    let ours = (found.scheme().as_str(), host);
    let theirs = (case["protocol"].as_str(), case["hostname"].as_str());
    if (Some(ours.0), Some(ours.1)) == theirs {
        Ok(())
    } else {
        Err(format!("{ours:?}, where Express says {theirs:?}"))
    }
}

/// To trust everybody cannot be said here: the client would choose his own address.
fn nobody_trusts_everybody() -> Result<(), String> {
    for entry in ["0.0.0.0/0", "::/0", "true"] {
        if ClientConfig::new().trusted_proxies([entry]).build().is_ok() {
            return Err(format!("`{entry}` is accepted"));
        }
    }
    match serde_json::from_value::<ClientConfig>(json!({ "trusted_proxies": true })) {
        Err(_) => Ok(()),
        Ok(_) => Err("`trusted_proxies = true` is accepted".to_owned()),
    }
}

/// What Express takes for an address and nobody else: `1` for 0.0.0.1, `0x7f000001`, `127.1`.
fn is_odd_number(entry: &str) -> bool {
    let number = |part: &str| {
        let digits = part.strip_prefix("0x").unwrap_or(part);
        part.starts_with(|c: char| c.is_ascii_digit())
            && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    entry.parse::<IpAddr>().is_err() && entry.split('.').all(number)
}

impl Setting {
    fn read(text: &str) -> Result<Self, String> {
        let mut setting = Self {
            config: ClientConfig::new(),
            hops: None,
            everybody: text == "true",
        };
        if let Ok(hops) = text.parse() {
            setting.hops = Some(hops);
            setting.config = setting.config.hops(hops);
        } else if !matches!(text, "unset" | "false" | "true") {
            let quoted = text.strip_suffix(" (string)").unwrap_or(text);
            let entries: Vec<String> = serde_json::from_str(quoted)
                .or_else(|_| serde_json::from_str(quoted).map(|entry| vec![entry]))
                .map_err(|error| format!("`trust_proxy`: {error}"))?;
            // The recording marks what it expects to be refused.
            let entries = entries.iter().map(|entry| entry.replace("-invalid", ""));
            setting.config = setting.config.trusted_proxies(entries);
        }
        Ok(setting)
    }

    /// The address that the walk from the right must end at: the last that a trusted proxy wrote
    /// before an entry that is none, ports apart.
    fn walk(&self, client: &Client, peer: SocketAddr, list: &str) -> IpAddr {
        let mut reached = peer.ip().to_canonical();
        let entries = list
            .rsplit(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty());
        for (distance, entry) in entries.enumerate() {
            let trusted = match self.hops {
                Some(hops) => distance < usize::from(hops),
                None => client.trusts(reached),
            };
            let Some(ip) = with_port(entry).filter(|_| trusted) else {
                break;
            };
            reached = ip;
        }
        reached
    }
}

fn headers(list: Option<&str>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("app.internal"));
    headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
    headers.insert("x-forwarded-host", HeaderValue::from_static("evil.example"));
    if let Some(list) = list {
        let list = HeaderValue::from_bytes(list.as_bytes()).map_err(|error| error.to_string())?;
        headers.insert("x-forwarded-for", list);
    }
    Ok(headers)
}

/// An address as Express prints it: a zone is the machine's own affair.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.split('%').next().unwrap_or(text);
    bare.parse::<IpAddr>()
        .ok()
        .map(|address| address.to_canonical())
}

/// An address, in brackets or with a port too.
fn with_port(entry: &str) -> Option<IpAddr> {
    let socket = || entry.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    let bracketed = || address(entry.strip_prefix('[')?.strip_suffix(']')?);
    let ip = entry.parse().ok().or_else(socket).or_else(bracketed)?;
    Some(IpAddr::to_canonical(&ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(case: &Value) -> Outcome {
        run(&json!({ "cases": [case] }))
    }

    #[test]
    fn nonsense_is_told_by_rule() {
        let case = |trust: &str, xff: &str, ip: &str, ips: &[&str]| {
            outcome(&json!({
                "trust_proxy": trust, "remote": "10.0.0.5", "xff": xff, "ip": ip, "ips": ips,
                "protocol": "https", "hostname": "evil.example"
            }))
        };
        let through = case(
            "3",
            "6.6.6.6, unknown, 10.0.0.7",
            "6.6.6.6",
            &["6.6.6.6", "unknown", "10.0.0.7"],
        );
        assert!(through.adapted[0].ends_with("here 10.0.0.7"), "{through:?}");
        let port = case(
            "1",
            "6.6.6.6, 203.0.113.9:1",
            "203.0.113.9:1",
            &["203.0.113.9:1"],
        );
        assert!(port.adapted[0].ends_with("here 203.0.113.9"), "{port:?}");
        let wrong = case("\"10.0.0.5\"", "6.6.6.6", "7.7.7.7", &["7.7.7.7"]);
        assert_eq!(wrong.failed.len(), 1, "{wrong:?}");
    }

    #[test]
    fn the_words_of_a_trusted_peer_count() {
        let wrong = outcome(&json!({
            "trust_proxy": "1", "remote": "10.0.0.5", "xff": null, "ip": "10.0.0.5", "ips": [],
            "protocol": "http", "hostname": "app.internal"
        }));
        assert_eq!(wrong.failed.len(), 1, "{wrong:?}");
    }

    #[test]
    fn every_adapted_case_is_documented() {
        let cases = include_str!("../../../conformance/client-address.json");
        let page = include_str!("../../../conformance/ADAPTED.md");
        let outcome = run(&serde_json::from_str(cases).unwrap());
        assert!(!outcome.adapted.is_empty());
        for case in &outcome.adapted {
            assert!(page.contains(case.as_str()), "not in ADAPTED.md: {case}");
        }
    }
}
