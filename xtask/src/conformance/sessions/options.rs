//! express-session's and cookie-session's own options, as ours.

use std::sync::Arc;
use std::time::Duration;

use panoply_cookies::{ExpressSecret, ExpressSecrets};
use panoply_core::{ManualClock, SessionDocuments};
use panoply_sessions::{CookieConfig, Priority, SameSite, Secure, SessionConfig, Sessions};
use serde_json::Value;

/// A secret as text or `{"hex": …}`, or several.
pub(super) fn secrets(of: &Value) -> Result<ExpressSecrets, String> {
    let one = |secret: &Value| match (secret.as_str(), secret["hex"].as_str()) {
        (Some(text), _) => Ok(ExpressSecret::danger_of_any_length(text)),
        (None, Some(digits)) => Ok(ExpressSecret::danger_of_any_length(bytes(digits)?)),
        (None, None) => Err(format!("{secret} is no secret")),
    };
    let all: Result<Vec<ExpressSecret>, String> = match of {
        Value::Array(all) => all.iter().map(one).collect(),
        single => one(single).map(|secret| vec![secret]),
    };
    all.map(ExpressSecrets::new)
}

fn bytes(digits: &str) -> Result<Vec<u8>, String> {
    let wrong = || format!("{digits} is not hexadecimal");
    let places = (0..digits.len()).step_by(2);
    let byte = |at: usize| {
        let pair = digits.get(at..at + 2).ok_or_else(wrong)?;
        u8::from_str_radix(pair, 16).map_err(|_| wrong())
    };
    places.map(byte).collect()
}

/// `cookie` of express-session, or the options of cookie-session.
pub(super) fn cookie(of: &Value) -> CookieConfig {
    let mut cookie = CookieConfig::express();
    if let Some(millis) = of["maxAge"].as_u64() {
        cookie = cookie.max_age(Duration::from_millis(millis));
    }
    if let Some(domain) = of["domain"].as_str() {
        cookie = cookie.domain(domain);
    }
    if let Some(path) = of["path"].as_str() {
        cookie = cookie.path(path);
    }
    if let Some(http_only) = of["httpOnly"].as_bool() {
        cookie = cookie.danger_http_only(http_only);
    }
    match &of["secure"] {
        Value::Bool(true) => cookie = cookie.secure(Secure::Always),
        Value::String(auto) if auto == "auto" => cookie = cookie.secure(Secure::DangerAuto),
        _ => {}
    }
    match &of["sameSite"] {
        Value::Bool(true) => cookie = cookie.same_site(SameSite::Strict),
        Value::String(word) => match word.to_ascii_lowercase().as_str() {
            "strict" => cookie = cookie.same_site(SameSite::Strict),
            "lax" => cookie = cookie.same_site(SameSite::Lax),
            "none" => cookie = cookie.same_site(SameSite::None),
            _ => {}
        },
        _ => {}
    }
    if of["partitioned"] == true {
        cookie = cookie.partitioned(true);
    }
    match of["priority"].as_str() {
        Some("low") => cookie.priority(Priority::Low),
        Some("medium") => cookie.priority(Priority::Medium),
        Some("high") => cookie.priority(Priority::High),
        _ => cookie,
    }
}

/// Sessions by express-session's options; `ttl` is connect-redis's.
pub(super) fn sessions(
    options: &Value,
    id: &str,
    ttl: Option<Duration>,
    documents: Arc<dyn SessionDocuments>,
) -> Result<Sessions, String> {
    let id = id.to_owned();
    let mut config = SessionConfig::new()
        .cookie(cookie(&options["cookie"]))
        .rolling(options["rolling"] == true)
        .save_uninitialized(options["saveUninitialized"] == true)
        .danger_no_store(false)
        .clock(ManualClock::new())
        .danger_genid(move || id.clone());
    if let Some(name) = options["name"].as_str() {
        config = config.name(name);
    }
    if let Some(ttl) = ttl {
        config = config.idle(ttl);
    }
    let built = config.build_express(secrets(&options["secret"])?, documents);
    built.map_err(|error| error.to_string())
}
