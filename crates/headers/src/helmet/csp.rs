//! Helmet's `contentSecurityPolicy`.

use serde_json::{Map, Value as Json};

use super::javascript::{is_truthy, printed, to_text};
use super::property;
use crate::content_security_policy::Name;
use crate::error::check_characters;
use crate::{ContentSecurityPolicy, CspConfig, Directive, Error, Source};

pub(super) fn read(options: &Json, strict: bool) -> Result<CspConfig, Error> {
    let report_only = property(options, "reportOnly")?.is_some_and(is_truthy);
    let use_defaults = options.get("useDefaults").is_none_or(is_truthy);
    let base = if use_defaults {
        crate::preset::helmet_csp()
    } else {
        ContentSecurityPolicy::default()
    };
    let policy = directives(options.get("directives"), base)?;
    let config = CspConfig::new().policy(policy).report_only(report_only);
    if !strict {
        return Ok(config.lenient());
    }
    config.build().map_err(|error| error.at("directives"))?;
    Ok(config)
}

fn directives(
    directives: Option<&Json>,
    mut policy: ContentSecurityPolicy,
) -> Result<ContentSecurityPolicy, Error> {
    let none = Map::new();
    let directives = match directives {
        Some(Json::Object(directives)) => directives,
        // An array's or a text's keys are numbers, which no directive is called; others have none.
        Some(Json::Array(list)) if !list.is_empty() => return Err(not_a_table()),
        Some(Json::String(text)) if !text.is_empty() => return Err(not_a_table()),
        _ => &none,
    };
    let mut seen: Vec<Name> = Vec::new();
    let mut joined_by_hand = false;
    for (raw, value) in directives {
        let at = |error: Error| error.at(raw).at("directives");
        let name = directive_name(raw).map_err(at)?;
        if seen.contains(&name) {
            let error = Error::Twice {
                key: String::new(),
                found: name.as_str().to_owned(),
                other: None,
            };
            return Err(at(error));
        }
        seen.push(name.clone());
        if value.is_null() {
            if name == Name::Known(Directive::DefaultSrc) {
                return Err(at(no_default_src()));
            }
            policy.remove(&name);
            continue;
        }
        let list = elements(value).map_err(at)?;
        joined_by_hand |= list.iter().any(|element| !element.is_string());
        for element in list.iter().filter_map(|element| element.as_str()) {
            check_element(element).map_err(at)?;
        }
        let texts = list.iter().map(|element| to_text(element));
        let texts = texts.collect::<Vec<_>>();
        texts
            .iter()
            .try_for_each(|text| check_characters(text, &[';', ',']))
            .map_err(at)?;
        policy.set(name, sources(&texts));
    }
    finish(policy, joined_by_hand)
}

/// A value is a text, or a list whose elements may be anything.
fn elements(value: &Json) -> Result<Vec<&Json>, Error> {
    match value {
        Json::String(_) => Ok(vec![value]),
        Json::Array(list) => Ok(list.iter().collect()),
        other => Err(Error::form(
            "a list of sources, a text or null",
            printed(other),
        )),
    }
}

/// Single words become sources that we understand; anything else stays as it stands.
fn sources(texts: &[String]) -> Vec<Source> {
    let mut sources = Vec::new();
    for text in texts {
        let words: Vec<_> = Source::words(text).collect();
        let apart: Vec<_> = words.iter().map(Source::as_str).collect();
        if !words.is_empty() && apart.join(" ") == *text {
            sources.extend(words);
        } else {
            sources.push(Source::Text(text.as_str().into()));
        }
    }
    sources
}

fn finish(
    policy: ContentSecurityPolicy,
    joined_by_hand: bool,
) -> Result<ContentSecurityPolicy, Error> {
    if policy.is_empty() {
        let error = Error::missing(
            "any directive",
            "set one, or `contentSecurityPolicy: false`",
        );
        return Err(error.at("directives"));
    }
    if policy.sources(Directive::DefaultSrc).is_none() {
        return Err(no_default_src().at("directives"));
    }
    // Helmet writes an empty word as a blank when any element of any directive is no text.
    let trailing = joined_by_hand && policy.directives().any(|(_, list)| is_blank(list));
    if trailing {
        return Err(Error::form("texts", "an empty text beside other values").at("directives"));
    }
    Ok(policy)
}

fn is_blank(list: &[Source]) -> bool {
    matches!(list, [only] if only.as_str().is_empty())
}

fn check_element(element: &str) -> Result<(), Error> {
    const WORDS: [&str; 9] = [
        "none",
        "self",
        "strict-dynamic",
        "report-sample",
        "inline-speculation-rules",
        "unsafe-inline",
        "unsafe-eval",
        "unsafe-hashes",
        "wasm-unsafe-eval",
    ];
    const PREFIXES: [&str; 4] = ["nonce-", "sha256-", "sha384-", "sha512-"];
    let bare =
        WORDS.contains(&element) || PREFIXES.iter().any(|prefix| element.starts_with(prefix));
    if bare {
        return Err(Error::source(
            format!(
                "`{}` without quotes is the name of a host",
                crate::error::printable(element)
            ),
            format!("write `\"'{}'\"`", crate::error::printable(element)),
        ));
    }
    Ok(())
}

/// `fontSrc` and `font-src` are one; a letter comes first, a letter or a digit last.
fn directive_name(raw: &str) -> Result<Name, Error> {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let fits = raw.starts_with(|c: char| c.is_ascii_lowercase())
        && raw.bytes().all(inner)
        && !raw.ends_with('-');
    if !fits {
        let words = Directive::ALL.iter().map(|known| known.as_str());
        return Err(Error::unknown("a directive", raw, words));
    }
    let mut name = String::with_capacity(raw.len() + 4);
    for letter in raw.chars() {
        if letter.is_ascii_uppercase() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    Ok(Name::from(name.as_str()))
}

fn no_default_src() -> Error {
    Error::missing(
        "`default-src`",
        "write `defaultSrc: [\"'none'\"]` or what may be loaded",
    )
}

fn not_a_table() -> Error {
    Error::form("an object of directives", "a list or a text").at("directives")
}
