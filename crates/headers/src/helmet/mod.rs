//! Reading the options object of Helmet 8.3.0, as an Express app holds it.
//!
//! Helmet reads any JavaScript value; what a JSON value can do there it does here, down to which
//! values count as true. Two things differ: an option that Helmet does not know is refused, where
//! it would ignore it, and so is what Helmet accepts at start and then fails to send.

use serde_json::{Map, Value as Json};

use crate::config::Stripped;
use crate::setting::{Setting, Value};
use crate::{
    CrossOriginEmbedderPolicy, CrossOriginOpenerPolicy, CrossOriginResourcePolicy, Error, Header,
    HeadersConfig, OriginAgentCluster, Preset, Referrer, ReferrerPolicy, XContentTypeOptions,
    XDnsPrefetchControl, XDownloadOptions, XFrameOptions, XPermittedCrossDomainPolicies,
    XXssProtection,
};

mod csp;
mod hsts;
mod javascript;
pub(crate) mod legacy;

use javascript::{is_truthy, printed};

/// The options that Helmet 8 knows, with the older name of each.
const OPTIONS: [(&str, Option<&str>); 14] = [
    ("contentSecurityPolicy", None),
    ("crossOriginEmbedderPolicy", None),
    ("crossOriginOpenerPolicy", None),
    ("crossOriginResourcePolicy", None),
    ("originAgentCluster", None),
    ("referrerPolicy", None),
    ("strictTransportSecurity", Some("hsts")),
    ("xContentTypeOptions", Some("noSniff")),
    ("xDnsPrefetchControl", Some("dnsPrefetchControl")),
    ("xDownloadOptions", Some("ieNoOpen")),
    ("xFrameOptions", Some("frameguard")),
    (
        "xPermittedCrossDomainPolicies",
        Some("permittedCrossDomainPolicies"),
    ),
    ("xPoweredBy", Some("hidePoweredBy")),
    ("xXssProtection", Some("xssFilter")),
];

/// Reads `options` as Helmet does.
pub(crate) fn read(options: &Json) -> Result<HeadersConfig, Error> {
    read_as(options, false)
}

/// Reads `options`, but refuses what browsers would ignore or take otherwise than it was meant.
pub(crate) fn read_strictly(options: &Json) -> Result<HeadersConfig, Error> {
    read_as(options, true)
}

fn read_as(options: &Json, strict: bool) -> Result<HeadersConfig, Error> {
    let empty = Map::new();
    let object = match options {
        Json::Object(object) => object,
        Json::Array(list) if list.is_empty() => &empty,
        other => return Err(Error::form("an object of Helmet's options", printed(other))),
    };
    check_names(object)?;
    let mut config = HeadersConfig::new(Preset::Helmet);
    config.stripped = Stripped::PoweredBy;
    for (name, alias) in OPTIONS {
        let (used, option) = find(object, name, alias)?;
        if name == "xPoweredBy" {
            if option == Some(&Json::Bool(false)) {
                config.stripped = Stripped::Nothing;
            }
        } else if let Some(header) = header_of(name) {
            let setting = setting(header, option, strict).map_err(|error| error.at(used))?;
            config.settings.set(header, setting);
        }
    }
    Ok(config)
}

/// The name that is used, and its value. A `null` under the newer name counts as not there, but not
/// under the older one, nor under those that have one name only.
fn find<'a>(
    object: &'a Map<String, Json>,
    name: &'static str,
    alias: Option<&'static str>,
) -> Result<(&'static str, Option<&'a Json>), Error> {
    let Some(alias) = alias else {
        return Ok((name, object.get(name)));
    };
    match (object.get(name), object.get(alias)) {
        (Some(_), Some(_)) => Err(Error::Twice {
            key: name.to_owned(),
            found: name.to_owned(),
            other: Some(alias.to_owned()),
        }),
        (Some(Json::Null), None) => Ok((name, None)),
        (None, Some(value)) => Ok((alias, Some(value))),
        (value, None) => Ok((name, value)),
    }
}

fn check_names(object: &Map<String, Json>) -> Result<(), Error> {
    let aliases = OPTIONS.iter().filter_map(|(_, alias)| *alias);
    let names = OPTIONS.iter().map(|(name, _)| *name).chain(aliases);
    let unknown = |key: &&String| !names.clone().any(|name| name == key.as_str());
    match object.keys().find(unknown) {
        None => Ok(()),
        Some(key) => Err(Error::unknown("an option of Helmet 8", key, names).at(key)),
    }
}

/// The header of an option, which is named like it in another case.
fn header_of(name: &str) -> Option<Header> {
    let same = |header: &&Header| header.as_str().replace('-', "").eq_ignore_ascii_case(name);
    Header::ALL.iter().find(same).copied()
}

/// The header that Helmet's option `name` is about.
pub(crate) fn header_called(name: &str) -> Option<Header> {
    let (name, _) = OPTIONS
        .iter()
        .find(|(newer, older)| *newer == name || *older == Some(name))?;
    header_of(name)
}

fn setting(header: Header, option: Option<&Json>, strict: bool) -> Result<Setting, Error> {
    let none_said = Json::Object(Map::new());
    let options = match option {
        Some(Json::Bool(false)) => return Ok(Setting::Off),
        None if header == Header::CrossOriginEmbedderPolicy => return Ok(Setting::Off),
        None | Some(Json::Bool(true)) => &none_said,
        Some(options) => options,
    };
    let value = match header {
        Header::ContentSecurityPolicy => return csp::read(options, strict).map(Setting::Csp),
        Header::StrictTransportSecurity => return hsts::read(options, strict).map(Setting::Hsts),
        Header::CrossOriginEmbedderPolicy => Value::Embedder(word(
            options,
            "policy",
            CrossOriginEmbedderPolicy::as_str,
            &[
                CrossOriginEmbedderPolicy::RequireCorp,
                CrossOriginEmbedderPolicy::Credentialless,
                CrossOriginEmbedderPolicy::UnsafeNone,
            ],
        )?),
        Header::CrossOriginOpenerPolicy => Value::Opener(word(
            options,
            "policy",
            CrossOriginOpenerPolicy::as_str,
            &[
                CrossOriginOpenerPolicy::SameOrigin,
                CrossOriginOpenerPolicy::SameOriginAllowPopups,
                CrossOriginOpenerPolicy::NoopenerAllowPopups,
                CrossOriginOpenerPolicy::UnsafeNone,
            ],
        )?),
        Header::CrossOriginResourcePolicy => Value::Resource(word(
            options,
            "policy",
            CrossOriginResourcePolicy::as_str,
            &[
                CrossOriginResourcePolicy::SameOrigin,
                CrossOriginResourcePolicy::SameSite,
                CrossOriginResourcePolicy::CrossOrigin,
            ],
        )?),
        Header::XPermittedCrossDomainPolicies => Value::CrossDomain(cross_domain(options)?),
        Header::ReferrerPolicy => Value::Referrer(referrer(options)?),
        Header::XFrameOptions => Value::Frame(frame(options)?),
        Header::XDnsPrefetchControl => {
            Value::DnsPrefetch(dns_prefetch(property(options, "allow")?))
        }
        // These take no options: whatever stands there switches them on.
        Header::OriginAgentCluster => Value::AgentCluster(OriginAgentCluster::Keyed),
        Header::XContentTypeOptions => Value::ContentType(XContentTypeOptions::Nosniff),
        Header::XDownloadOptions => Value::Download(XDownloadOptions::Noopen),
        _ => Value::Xss(XXssProtection::Off),
    };
    Ok(Setting::Value(value))
}

/// A property of whatever value: only `null` has none at all, and asking it is an error.
fn property<'a>(value: &'a Json, name: &str) -> Result<Option<&'a Json>, Error> {
    match value {
        Json::Null => Err(Error::form("an object of options, true or false", "null")),
        value => Ok(value.get(name)),
    }
}

/// One of `words`, as it is written; the first when nothing is said.
fn word<T: Copy>(
    options: &Json,
    name: &str,
    as_str: fn(T) -> &'static str,
    words: &[T],
) -> Result<T, Error> {
    let found = match property(options, name)? {
        None => words.first(),
        Some(Json::String(text)) => words.iter().find(|word| as_str(**word) == text),
        Some(_) => None,
    };
    found.copied().ok_or_else(|| {
        let found = options.get(name).map(printed).unwrap_or_default();
        let words = words.iter().map(|word| as_str(*word));
        Error::unknown("a policy", &found, words).at(name)
    })
}

fn cross_domain(options: &Json) -> Result<XPermittedCrossDomainPolicies, Error> {
    let words = &[
        XPermittedCrossDomainPolicies::None,
        XPermittedCrossDomainPolicies::MasterOnly,
        XPermittedCrossDomainPolicies::ByContentType,
        XPermittedCrossDomainPolicies::All,
    ];
    let as_str = XPermittedCrossDomainPolicies::as_str;
    word(options, "permittedPolicies", as_str, words)
}

fn dns_prefetch(allow: Option<&Json>) -> XDnsPrefetchControl {
    if allow.is_some_and(is_truthy) {
        XDnsPrefetchControl::On
    } else {
        XDnsPrefetchControl::Off
    }
}

fn frame(options: &Json) -> Result<XFrameOptions, Error> {
    let Some(found) = property(options, "action")? else {
        return Ok(XFrameOptions::SameOrigin);
    };
    match found.as_str().map(str::to_uppercase).as_deref() {
        Some("DENY") => Ok(XFrameOptions::Deny),
        Some("SAMEORIGIN" | "SAME-ORIGIN") => Ok(XFrameOptions::SameOrigin),
        _ => {
            let words = ["deny", "sameorigin"].into_iter();
            Err(Error::unknown("an action", &printed(found), words).at("action"))
        }
    }
}

fn referrer(options: &Json) -> Result<ReferrerPolicy, Error> {
    let at = |error: Error| error.at("policy");
    let token = |token: &Json| {
        let words = Referrer::ALL.iter();
        let said = |word: &&Referrer| token.as_str() == Some(word.as_str());
        words
            .clone()
            .copied()
            .find(|word| said(&word))
            .ok_or_else(|| {
                let words = words.map(|word| word.as_str());
                at(Error::unknown("a Referrer-Policy", &printed(token), words))
            })
    };
    match property(options, "policy")? {
        None => Ok(ReferrerPolicy::default()),
        Some(Json::Array(tokens)) => {
            let tokens = tokens.iter().map(token).collect::<Result<_, _>>()?;
            ReferrerPolicy::new(tokens).map_err(at)
        }
        Some(text) => Ok(token(text)?.into()),
    }
}

#[cfg(test)]
mod tests;
