//! Express's idea of a client's address.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderValue};
use panoply_client::{Client, ClientConfig, Error};
use panoply_core::{ClientAddress, Scheme};
use serde_json::Value;

use super::Outcome;

/// `trust_proxy`, `remote` and `xff` to the address, the scheme and the host.
pub(crate) fn run(file: &Value) -> Outcome {
    Outcome::of(file, judge)
}

fn judge(case: &Value) -> Result<bool, String> {
    let setting = case["trust_proxy"]
        .as_str()
        .ok_or("`trust_proxy` is no text")?;
    let everybody = setting == "true";
    let built = config(setting)?.build();
    if case.get("config_error").is_some() {
        return match built {
            Err(_) => Ok(true),
            Ok(_) => Err("accepted, where Express refuses the setting".to_owned()),
        };
    }
    if everybody {
        // To trust everybody cannot be said here: the client would choose his own address.
        return match built {
            Err(_) => Ok(false),
            Ok(_) => Err("everybody would be trusted".to_owned()),
        };
    }
    let client = match built {
        Ok(client) => client,
        // Express takes the text "1" for the address 0.0.0.1, which nobody means by it.
        Err(Error::Proxy { entry, .. }) if entry.parse::<u32>().is_ok() => return Ok(false),
        Err(error) => return Err(format!("refused: {error}")),
    };
    let remote = case["remote"].as_str().ok_or("`remote` is no text")?;
    let peer = SocketAddr::new(address(remote).ok_or("`remote` is no address")?, 4711);
    let list = case["xff"].as_str();
    let found = client.resolve(peer, Scheme::Http, &headers(list)?);
    let theirs = case["ip"].as_str().ok_or("`ip` is no text")?;
    match address(theirs) {
        Some(ip) if ip == found.ip() => same_words(case, &client, &found),
        Some(ip) => Err(format!("found {}, Express {ip}", found.ip())),
        // Express hands on whatever stands there; ours is the last good one before it.
        None => {
            let expected = believed(&client, peer, list.unwrap_or_default());
            if expected == found.ip() {
                Ok(false)
            } else {
                Err(format!(
                    "found {}, expected {expected} for {theirs:?}",
                    found.ip()
                ))
            }
        }
    }
}

/// The scheme and host, which Express believes from a trusted peer.
fn same_words(case: &Value, client: &Client, found: &ClientAddress) -> Result<bool, String> {
    let host = found
        .forwarded_host()
        .map_or("app.internal", |host| host.as_str());
    let ours = (found.scheme().as_str(), host);
    let theirs = (case["protocol"].as_str(), case["hostname"].as_str());
    let trusted = client.trusts(found.peer().ip());
    if (Some(ours.0), Some(ours.1)) == theirs {
        Ok(true)
    } else {
        Err(format!(
            "{ours:?} where Express says {theirs:?}; the peer is trusted: {trusted}"
        ))
    }
}

/// The address that the walk must end at: the entry before the first that is none, a port apart.
fn believed(client: &Client, peer: SocketAddr, list: &str) -> IpAddr {
    let entries = list
        .rsplit(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty());
    let mut reached = peer.ip();
    for entry in entries {
        let bare = entry.parse::<SocketAddr>().map(|address| address.ip()).ok();
        match address(entry).or(bare) {
            Some(ip) => reached = ip,
            None => break,
        }
        if !client.trusts(reached) {
            break;
        }
    }
    reached.to_canonical()
}

/// Express's setting, said our way.
fn config(setting: &str) -> Result<ClientConfig, String> {
    let config = ClientConfig::new();
    if setting == "unset" || setting == "false" {
        return Ok(config);
    }
    if setting == "true" {
        return Ok(config.trusted_proxies(["0.0.0.0/0", "::/0"]));
    }
    if let Ok(hops) = setting.parse() {
        return Ok(config.hops(hops));
    }
    let quoted = setting.strip_suffix(" (string)").unwrap_or(setting);
    let value: Value = serde_json::from_str(quoted).map_err(|error| error.to_string())?;
    let entries = match value {
        Value::Array(list) => list,
        single => vec![single],
    };
    let entries = entries.iter().filter_map(Value::as_str);
    Ok(config.trusted_proxies(entries.map(|entry| entry.replace("-invalid", ""))))
}

fn headers(list: Option<&str>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
    headers.insert("x-forwarded-host", HeaderValue::from_static("evil.example"));
    if let Some(list) = list {
        let list = HeaderValue::from_str(list).map_err(|error| error.to_string())?;
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
