//! `[app]`: what stands behind the gateway.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

use super::units::{Span, as_text};

/// `[app]`: a command that starts the app, or the address of one that runs already.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct AppConfig {
    /// The command and its arguments; it is started with `PORT` set and restarted when it ends.
    #[serde(deserialize_with = "words")]
    pub command: Option<Vec<String>>,
    /// The address of an app that runs already, such as `http://127.0.0.1:3000`.
    pub upstream: Option<Upstream>,
    /// Whether the app speaks HTTP/2 without TLS; no by default.
    pub h2c: bool,
    /// By which scheme the app is told the origin of its own pages. `http` is for one that does not believe
    /// `X-Forwarded-Proto`, and takes its own forms for another site's; `https`, the truth, by default.
    pub origin: AppOrigin,
    /// How long a command may take until it accepts connections; 60 s by default.
    pub start_timeout: Span,
}

/// What the app takes its own origin to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AppOrigin {
    /// What its clients came by, which `X-Forwarded-Proto` tells it.
    #[default]
    Https,
    /// What it is asked by.
    Http,
}

/// A list of words; whoever writes a line as for a shell is told how the list would be.
fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    struct Words;

    impl<'de> de::Visitor<'de> for Words {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of words such as [\"node\", \"server.js\"]")
        }

        fn visit_str<E: de::Error>(self, line: &str) -> Result<Vec<String>, E> {
            let words: Vec<&str> = line.split_whitespace().collect();
            Err(E::custom(format!(
                "a command is a list with one string for each word: write {words:?}"
            )))
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
            let mut words = Vec::new();
            while let Some(word) = list.next_element()? {
                words.push(word);
            }
            Ok(words)
        }
    }

    deserializer.deserialize_any(Words).map(Some)
}

impl AppConfig {
    /// Whether neither a command nor an address is given.
    pub fn is_missing(&self) -> bool {
        self.command.is_none() && self.upstream.is_none()
    }
}

impl Default for AppConfig {
    fn default() -> Self {
        Self {
            command: None,
            upstream: None,
            h2c: false,
            origin: AppOrigin::default(),
            start_timeout: Span::seconds(60),
        }
    }
}

/// The host and port of an app, written as `http://127.0.0.1:3000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    host: String,
    port: u16,
}

impl Upstream {
    /// The name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, 80 when none was written.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Upstream {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = |hint: &str| format!("`{text}` is not the address of an app: {hint}");
        if text.starts_with("https://") {
            return Err(bad(
                "the app is spoken to without TLS: write `http://…`, and keep it on \
                            this machine or a private network",
            ));
        }
        let Some(rest) = text.strip_prefix("http://") else {
            return Err(bad("write it as `http://127.0.0.1:3000`"));
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return Err(bad("leave out the path; the client's own is passed on"));
        }
        let authority = panoply_core::parse_host(authority.as_bytes())
            .ok_or_else(|| bad("write it as `http://127.0.0.1:3000`"))?;
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        Ok(Self {
            host,
            port: authority.port_u16().unwrap_or(80),
        })
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "http://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "http://{}:{}", self.host, self.port)
        }
    }
}

as_text!(
    Upstream,
    "the address of an app as text, such as \"http://127.0.0.1:3000\""
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_written_as_a_line_is_told_as_a_list() {
        let read = |toml: &str| toml::from_str::<AppConfig>(toml);
        let command = read("command = [\"node\", \"server.js\"]").unwrap().command;
        assert_eq!(command.unwrap(), ["node", "server.js"]);
        let error = read("command = \"node server.js\"")
            .unwrap_err()
            .to_string();
        assert!(error.contains("write [\"node\", \"server.js\"]"), "{error}");
    }

    #[test]
    fn upstreams_and_what_to_write_instead() {
        let parse = |text: &str| text.parse::<Upstream>().map(|u| u.to_string());
        assert_eq!(
            parse("http://127.0.0.1:3000/").unwrap(),
            "http://127.0.0.1:3000"
        );
        assert_eq!(parse("http://[::1]:3000").unwrap(), "http://[::1]:3000");
        assert_eq!(parse("http://app").unwrap(), "http://app:80");
        for bad in [
            "https://a",
            "127.0.0.1:3000",
            "http://a/b",
            "http://u@a",
            "http://",
            "ftp://a",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
