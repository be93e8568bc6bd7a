//! Reading single middlewares of Helmet 3.23.3.

use std::time::Duration;

use serde_json::{Map, Value as Json};

use super::javascript::{is_truthy, printed, to_text};
use crate::config::Stripped;
use crate::setting::{Setting, Value};
use crate::{
    CacheControl, Error, Header, HeadersConfig, HstsConfig, Preset, PublicKeyPinsConfig,
    XContentTypeOptions, XDownloadOptions, XFrameOptions, XXssProtection,
};

const MIDDLEWARES: [&str; 11] = [
    "dnsPrefetchControl",
    "frameguard",
    "hidePoweredBy",
    "hpkp",
    "hsts",
    "ieNoOpen",
    "noCache",
    "noSniff",
    "permittedCrossDomainPolicies",
    "referrerPolicy",
    "xssFilter",
];

/// Reads one middleware, so that its header is the only one that is sent.
pub(crate) fn read(middleware: &str, options: &Json) -> Result<HeadersConfig, Error> {
    let none = Json::Object(Map::new());
    let options = match options {
        Json::Null if middleware != "hpkp" => &none,
        options => options,
    };
    let mut config = HeadersConfig::new(Preset::Helmet);
    for header in Header::ALL {
        config = config.without(*header);
    }
    config.stripped = Stripped::Nothing;
    let (header, setting) = match middleware {
        "hidePoweredBy" => {
            if options.get("setTo").is_some_and(is_truthy) {
                let error = Error::source(
                    "a made-up `X-Powered-By` hides nothing: scanners try their attacks anyway",
                    "leave `setTo` out, and the header is taken off",
                );
                return Err(error.at("setTo"));
            }
            config.stripped = Stripped::PoweredBy;
            return Ok(config);
        }
        "hpkp" => (Header::PublicKeyPins, Setting::Pins(pins(options)?)),
        "hsts" => (
            Header::StrictTransportSecurity,
            Setting::Hsts(hsts(options)?),
        ),
        middleware => value(middleware, options)?,
    };
    config.settings.set(header, setting);
    Ok(config)
}

fn value(middleware: &str, options: &Json) -> Result<(Header, Setting), Error> {
    let (header, value) = match middleware {
        "noCache" => (Header::CacheControl, Value::Cache(CacheControl::Helmet3)),
        "ieNoOpen" => (
            Header::XDownloadOptions,
            Value::Download(XDownloadOptions::Noopen),
        ),
        "noSniff" => {
            let value = Value::ContentType(XContentTypeOptions::Nosniff);
            (Header::XContentTypeOptions, value)
        }
        "dnsPrefetchControl" => {
            let control = super::dns_prefetch(options.get("allow"));
            (Header::XDnsPrefetchControl, Value::DnsPrefetch(control))
        }
        "frameguard" => (Header::XFrameOptions, Value::Frame(frame(options)?)),
        "referrerPolicy" => {
            let policy = super::referrer(options)?;
            (Header::ReferrerPolicy, Value::Referrer(policy))
        }
        "xssFilter" => (Header::XXssProtection, Value::Xss(xss(options)?)),
        "permittedCrossDomainPolicies" => {
            let policies = super::cross_domain(options)?;
            let value = Value::CrossDomain(policies);
            (Header::XPermittedCrossDomainPolicies, value)
        }
        other => {
            let names = MIDDLEWARES.into_iter();
            return Err(Error::unknown(
                "a middleware of Helmet 3 that we have",
                other,
                names,
            ));
        }
    };
    Ok((header, Setting::Value(value)))
}

fn pins(options: &Json) -> Result<PublicKeyPinsConfig, Error> {
    let truthy = |name: &str| options.get(name).filter(|value| is_truthy(value));
    if let (Some(_), Some(_)) = (truthy("maxage"), truthy("maxAge")) {
        return Err(Error::Twice {
            key: "maxAge".to_owned(),
            found: "maxAge".to_owned(),
            other: Some("maxage".to_owned()),
        });
    }
    let mut pins = PublicKeyPinsConfig::new();
    if let Some(age) = truthy("maxAge") {
        pins = pins.max_age(seconds(age).map_err(|error| error.at("maxAge"))?);
    }
    match options.get("sha256s") {
        Some(Json::Array(list)) => {
            pins = list
                .iter()
                .map(to_text)
                .fold(pins, PublicKeyPinsConfig::sha256);
        }
        None | Some(Json::Null) => {}
        Some(other) => {
            return Err(Error::form("a list of at least two pins", printed(other)).at("sha256s"));
        }
    }
    let subdomains = ["includeSubDomains", "includeSubdomains"];
    let subdomains = subdomains.into_iter().any(|name| truthy(name).is_some());
    pins = pins
        .include_subdomains(subdomains)
        .report_only(truthy("reportOnly").is_some());
    if let Some(uri) = truthy("reportUri") {
        pins = pins.report_uri(to_text(uri));
    }
    pins.build()?;
    Ok(pins)
}

/// A number of seconds above zero, or a text that holds one.
fn seconds(age: &Json) -> Result<Duration, Error> {
    let seconds = match age {
        Json::String(text) => text.trim().parse().ok(),
        age => age.as_f64(),
    };
    seconds
        .filter(|seconds| *seconds > 0.0)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| Error::form("a number of seconds above 0", printed(age)))
}

fn hsts(options: &Json) -> Result<HstsConfig, Error> {
    const HALF_A_YEAR: Duration = Duration::from_hours(180 * 24);
    if options.get("maxage").is_some() {
        return Err(Error::unknown("an option", "maxage", ["maxAge"].into_iter()).at("maxage"));
    }
    let subdomains = [
        options.get("includeSubDomains"),
        options.get("includeSubdomains"),
    ];
    if let [Some(_), Some(_)] = subdomains {
        return Err(Error::Twice {
            key: "includeSubDomains".to_owned(),
            found: "includeSubDomains".to_owned(),
            other: Some("includeSubdomains".to_owned()),
        });
    }
    let age = match options.get("maxAge") {
        None | Some(Json::Null) => HALF_A_YEAR,
        Some(age) => {
            let seconds = age.as_f64().filter(|seconds| *seconds >= 0.0);
            let age = seconds.and_then(|age| Duration::try_from_secs_f64(age.round()).ok());
            age.ok_or_else(|| {
                Error::form("a number of seconds, 0 or more", "another value").at("maxAge")
            })?
        }
    };
    let off = subdomains.contains(&Some(&Json::Bool(false)));
    let preload = options.get("preload").is_some_and(is_truthy);
    Ok(HstsConfig::new()
        .max_age(age)
        .include_subdomains(!off)
        .preload(preload)
        .lenient())
}

fn frame(options: &Json) -> Result<XFrameOptions, Error> {
    let Some(action) = options.get("action") else {
        return Ok(XFrameOptions::SameOrigin);
    };
    match action.as_str().map(str::to_uppercase).as_deref() {
        Some("DENY") => Ok(XFrameOptions::Deny),
        Some("SAMEORIGIN" | "SAME-ORIGIN") => Ok(XFrameOptions::SameOrigin),
        // Browsers ignore ALLOW-FROM, and with it the whole header.
        Some("ALLOW-FROM" | "ALLOWFROM") => Err(Error::source(
            "browsers ignore `ALLOW-FROM`, so that anybody may hold the page in a frame",
            "name who may in the `frame-ancestors` of a Content-Security-Policy",
        )
        .at("action")),
        _ => {
            let words = ["DENY", "SAMEORIGIN"].into_iter();
            Err(Error::unknown("an action", &printed(action), words).at("action"))
        }
    }
}

fn xss(options: &Json) -> Result<XXssProtection, Error> {
    if options.get("reportUri").is_some_and(is_truthy) {
        let error = Error::source(
            "no browser reports what a script filter blocked any more",
            "report violations of the Content-Security-Policy",
        );
        return Err(error.at("reportUri"));
    }
    match options.get("mode") {
        None => Ok(XXssProtection::Block),
        Some(Json::Null) => Ok(XXssProtection::Filter),
        Some(Json::String(mode)) if mode == "block" => Ok(XXssProtection::Block),
        Some(other) => {
            let words = ["block"].into_iter();
            Err(Error::unknown("a mode", &printed(other), words).at("mode"))
        }
    }
}
