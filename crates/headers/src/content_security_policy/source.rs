//! One word of a directive's value.

use std::fmt;

use crate::Error;
use crate::error::printable;
use crate::keyword::keywords;

keywords! {
    /// A word between quotes that means something by itself (CSP Level 3 §2.3.1).
    pub enum Keyword, "a source between quotes" {
        /// Nothing; stands alone.
        None = "'none'",
        /// The page's own origin.
        SelfOrigin = "'self'",
        /// What stands in the page itself, injected or not.
        UnsafeInline = "'unsafe-inline'",
        /// Text that is run as a program.
        UnsafeEval = "'unsafe-eval'",
        /// Trusts what a trusted script loads, and forgets hosts and schemes.
        StrictDynamic = "'strict-dynamic'",
        /// Lets hashes speak for event handlers and `style` attributes too.
        UnsafeHashes = "'unsafe-hashes'",
        /// Puts the first 40 characters of what was blocked into the report.
        ReportSample = "'report-sample'",
        /// WebAssembly, without `eval`.
        WasmUnsafeEval = "'wasm-unsafe-eval'",
        /// Speculation rules in the page itself.
        InlineSpeculationRules = "'inline-speculation-rules'",
        /// `eval` of values that a Trusted Types policy has made.
        TrustedTypesEval = "'trusted-types-eval'",
        /// Puts the hashes of scripts into reports.
        ReportSha256 = "'report-sha256'",
        /// Puts the hashes of scripts into reports.
        ReportSha384 = "'report-sha384'",
        /// Puts the hashes of scripts into reports.
        ReportSha512 = "'report-sha512'",
    }
}

/// One word of a directive's value, such as `'self'` or `https://cdn.example`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// A word between quotes.
    Keyword(Keyword),
    /// `'nonce'`: the nonce of the request at hand, a fresh one for each.
    Nonce,
    /// A host, a scheme, a hash, a flag: whatever else stands there, as it stands there.
    Text(Box<str>),
}

impl Source {
    /// How a policy in the configuration asks for a fresh nonce.
    const FRESH_NONCE: &str = "'nonce'";

    /// The words of `text`, which are separated by white space.
    pub(crate) fn words(text: &str) -> impl Iterator<Item = Self> + '_ {
        text.split_ascii_whitespace().map(Self::from)
    }

    /// The word as it is written in a configuration; in a header a nonce stands in its place.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Keyword(word) => word.as_str(),
            Self::Nonce => Self::FRESH_NONCE,
            Self::Text(text) => text,
        }
    }

    /// Whether this is `keyword`, in whatever case.
    pub(crate) fn is(&self, keyword: Keyword) -> bool {
        self.as_str().eq_ignore_ascii_case(keyword.as_str())
    }

    /// Refuses what a list of sources cannot hold, or what does not mean what it seems to.
    pub(super) fn check(&self) -> Result<(), Error> {
        let Self::Text(text) = self else {
            return Ok(());
        };
        if let Some(word) = unquoted(text) {
            return Err(Error::source(
                format!("`{text}` without quotes is the name of a host"),
                format!("write `{word}`"),
            ));
        }
        if let Some(inner) = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')) {
            return check_quoted(text, inner);
        }
        if is_scheme(text) || is_host(text) {
            return Ok(());
        }
        let instead = if text.contains('\'') {
            "put a whole word between quotes, such as `'self'`"
        } else if text.contains('[') {
            "a policy cannot name an IPv6 address; name the host"
        } else if text.contains(['?', '#']) {
            "a source ends before `?` and `#`"
        } else {
            "write a host (`https://cdn.example`, `*.example`), a scheme (`data:`) or a word \
             between quotes (`'self'`)"
        };
        let why = format!("`{}` is neither host nor scheme", printable(text));
        Err(Error::source(why, instead))
    }
}

impl From<&str> for Source {
    fn from(word: &str) -> Self {
        let keyword = Keyword::ALL.iter().find(|known| known.as_str() == word);
        match keyword {
            Some(keyword) => Self::Keyword(*keyword),
            None if word == Self::FRESH_NONCE => Self::Nonce,
            None => Self::Text(word.into()),
        }
    }
}

impl From<Keyword> for Source {
    fn from(keyword: Keyword) -> Self {
        Self::Keyword(keyword)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What `text` becomes between quotes, if it means something only there.
fn unquoted(text: &str) -> Option<String> {
    let quoted = format!("'{}'", text.to_ascii_lowercase());
    let keyword = Keyword::ALL.iter().any(|word| word.as_str() == quoted);
    if keyword || quoted == Source::FRESH_NONCE {
        return Some(quoted);
    }
    let prefixed = ["nonce-", "sha256-", "sha384-", "sha512-"]
        .iter()
        .any(|prefix| quoted.get(1..).is_some_and(|text| text.starts_with(prefix)));
    prefixed.then(|| format!("'{text}'"))
}

fn check_quoted(text: &str, inner: &str) -> Result<(), Error> {
    if text.parse::<Keyword>().is_ok() {
        return Ok(());
    }
    if inner.starts_with("nonce-") {
        return Err(Error::source(
            "a nonce that stays the same lets an attacker in who has seen it once",
            "write `'nonce'`, which becomes a fresh one for each request",
        ));
    }
    let hash = inner
        .split_once('-')
        .and_then(|(name, digest)| Some((digest_length(name)?, digest)));
    if let Some((length, digest)) = hash {
        let base64 = |c: u8| c.is_ascii_alphanumeric() || b"+/-_=".contains(&c);
        if digest.len() == length && digest.bytes().all(base64) {
            return Ok(());
        }
        return Err(Error::source(
            format!("`{text}` holds no digest of that kind"),
            format!("it has {length} characters of base64"),
        ));
    }
    let words = Keyword::ALL.iter().map(|word| word.as_str());
    let words = words.chain([Source::FRESH_NONCE]);
    Err(Error::unknown("a source between quotes", text, words))
}

/// How many characters of base64 the digest takes.
fn digest_length(name: &str) -> Option<usize> {
    match name.to_ascii_lowercase().as_str() {
        "sha256" => Some(44),
        "sha384" => Some(64),
        "sha512" => Some(88),
        _ => None,
    }
}

/// `scheme-source`: `https:`, `data:`.
pub(super) fn is_scheme(text: &str) -> bool {
    text.strip_suffix(':').is_some_and(is_scheme_name)
}

fn is_scheme_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

/// `host-source`: `[scheme://] host [:port] [path]`.
pub(super) fn is_host(text: &str) -> bool {
    let rest = match text.split_once("://") {
        Some((scheme, rest)) if is_scheme_name(scheme) => rest,
        Some(_) => return false,
        None => text,
    };
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let port_fits = port.is_none_or(|port| port == "*" || port.parse::<u16>().is_ok());
    let host = host.strip_prefix("*.").unwrap_or(host);
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let host_fits = host == "*" || host.split('.').all(label);
    let path_fits = path
        .bytes()
        .all(|b| b.is_ascii_graphic() && !b"?#;,'\"".contains(&b));
    port_fits && host_fits && path_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_schemes() {
        for fine in [
            "https:",
            "data:",
            "wss://ws.example",
            "localhost:3000",
            "*",
            "*.example.com",
            "https://*:8443",
            "https://a.example:*/lib/x.js",
            "cdn",
            "http://127.0.0.1:80/",
        ] {
            assert_eq!(Source::from(fine).check(), Ok(()), "{fine}");
        }
        for bad in [
            "self",
            "None",
            "nonce-abc",
            "sha256-x",
            "'slef'",
            "'sha256-short'",
            "'nonce-abc'",
            "https://",
            "http://[::1]:80",
            "https://a.example?x",
            "a..b",
            "*.*.example",
            "'self",
            "//a.example",
            "https://a b",
            "a:99999",
            "unsafe-inline",
            "*example.com",
        ] {
            assert!(Source::from(bad).check().is_err(), "{bad}");
        }
    }

    #[test]
    fn messages_teach() {
        let words = |word: &str| Source::from(word).check().unwrap_err().to_string();
        assert_eq!(
            words("'slef'"),
            "`'slef'` is not a source between quotes; did you mean `'self'`?"
        );
        assert_eq!(
            words("self"),
            "`self` without quotes is the name of a host; write `'self'`"
        );
    }
}
