//! `[app]`: what stands behind the gateway.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, de};

use super::instances::{Affinity, Instances, Upstreams};
use super::units::{Span, as_text};

/// `[app]`: a command that starts the app, or the address of one that runs already.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct AppConfig {
    /// The command and its arguments; it is started with `PORT` set and restarted when it ends.
    #[serde(deserialize_with = "words")]
    pub command: Option<Vec<String>>,
    /// The address of an app that runs already, such as `http://127.0.0.1:3000`, `unix:/run/app.sock` or
    /// `https://10.0.0.5:8443`: by TLS, as `[tls.app]` says. A list of them where it runs in several instances.
    pub upstream: Option<Upstreams>,
    /// How many times the command is started, each with a `PORT` of its own and its number in `PANOPLY_INSTANCE`,
    /// counted from 0; once by default, `"auto"` is once for each processor.
    pub instances: Instances,
    /// Which of several instances a client comes to: the one that has the least to do by default, with `client` always
    /// the same as long as it is there.
    pub affinity: Affinity,
    /// Whether the app speaks HTTP/2: without TLS, or at `https://` by TLS; no by default.
    pub h2c: bool,
    /// The host that the app is told, in place of the one that its clients ask for, which `X-Forwarded-Host` then tells
    /// it alone; for an app that is found by its name among others.
    pub host: Option<String>,
    /// By which scheme the app is told the origin of its own pages. `http` is for one that does not believe
    /// `X-Forwarded-Proto`, and takes its own forms for another site's; `https`, the truth, by default.
    pub origin: AppOrigin,
    /// How long a command may take until it accepts connections; 60 s by default.
    pub start_timeout: Span,
    /// A path such as `/healthz` that the app answers with 2xx or 3xx while it is well; none by default, and then it
    /// is well while it accepts connections. It is asked for every two seconds.
    pub health: Option<String>,
    /// How long a request waits for an app that accepts no connections at the moment, because it is started again;
    /// 5 s by default, `0s` is not at all.
    pub patience: Span,
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
pub(super) fn words<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<String>>, D::Error> {
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
            instances: Instances::default(),
            affinity: Affinity::default(),
            h2c: false,
            host: None,
            origin: AppOrigin::default(),
            start_timeout: Span::seconds(60),
            health: None,
            patience: Span::seconds(5),
        }
    }
}

/// Where an app listens: `http://127.0.0.1:3000`, or `unix:/run/app.sock` for a Unix socket on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Upstream {
    /// At a host and a port.
    Tcp {
        /// The name or address, without brackets.
        host: String,
        /// The port; when none was written 80, with TLS 443.
        port: u16,
        /// Whether it speaks TLS: `https://`.
        tls: bool,
    },
    /// At a Unix socket.
    Unix(Arc<Path>),
}

impl Upstream {
    pub(super) const fn is_tls(&self) -> bool {
        matches!(self, Self::Tcp { tls: true, .. })
    }
}

/// The longest path that a Unix socket may have everywhere: macOS allows for 104 bytes with the end, Linux for 108.
const LONGEST_SOCKET: usize = 103;

impl FromStr for Upstream {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = |hint: &str| format!("`{text}` is not the address of an app: {hint}");
        // As it is said to nginx.
        if let Some(path) = ["unix:", "http://unix:"]
            .iter()
            .find_map(|start| text.strip_prefix(start))
        {
            return socket(path).map_err(|hint| bad(&hint));
        }
        let (tls, rest) = match text.strip_prefix("https://") {
            Some(rest) => (true, Some(rest)),
            None => (false, text.strip_prefix("http://")),
        };
        let Some(rest) = rest else {
            // As it is said to Caddy and haproxy.
            let path = ["unix/", "unix@"]
                .iter()
                .find_map(|start| text.strip_prefix(start));
            return Err(bad(
                &match path.or_else(|| text.starts_with('/').then_some(text)) {
                    Some(path) => format!("for a Unix socket, write `unix:{path}`"),
                    None => {
                        "write it as `http://127.0.0.1:3000`, or `unix:/run/app.sock`".to_owned()
                    }
                },
            ));
        };
        if rest.contains([',', ' ']) {
            return Err(bad(
                "it is several: write a list, as in `[\"http://127.0.0.1:3000\", \"http://127.0.0.1:3001\"]`, or \
                 `--upstream` once for each",
            ));
        }
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
            .to_ascii_lowercase();
        Ok(Self::Tcp {
            host,
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            tls,
        })
    }
}

/// The Unix socket at `path`, which nginx wants to be followed by a colon.
fn socket(path: &str) -> Result<Upstream, String> {
    let path = path
        .strip_suffix(":/")
        .or_else(|| path.strip_suffix(':'))
        .unwrap_or(path);
    if !path.starts_with('/') {
        return Err("write the whole path, as in `unix:/run/app.sock`".to_owned());
    }
    if path.contains(':') {
        return Err(
            "leave out what follows the colon; the client's own path is passed on".to_owned(),
        );
    }
    if path.len() > LONGEST_SOCKET {
        let length = path.len();
        return Err(format!(
            "its path has {length} bytes, and a Unix socket's has {LONGEST_SOCKET} at most"
        ));
    }
    Ok(Upstream::Unix(Path::new(path).into()))
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port, tls } => {
                let scheme = if *tls { "https" } else { "http" };
                if host.contains(':') {
                    write!(f, "{scheme}://[{host}]:{port}")
                } else {
                    write!(f, "{scheme}://{host}:{port}")
                }
            }
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

as_text!(
    Upstream,
    "the address of an app as text, such as \"http://127.0.0.1:3000\" or \"unix:/run/app.sock\""
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
        assert_eq!(parse("https://app").unwrap(), "https://app:443");
        assert_eq!(parse("https://[::1]:8443/").unwrap(), "https://[::1]:8443");
        for written in [
            "unix:/run/a.sock",
            "http://unix:/run/a.sock",
            "http://unix:/run/a.sock:/",
        ] {
            assert_eq!(parse(written).unwrap(), "unix:/run/a.sock");
        }
        for written in ["unix//run/a.sock", "unix@/run/a.sock", "/run/a.sock"] {
            let error = parse(written).unwrap_err();
            assert!(error.ends_with("write `unix:/run/a.sock`"), "{error}");
        }
        for bad in [
            "https://a/b",
            "127.0.0.1:3000",
            "http://a/b",
            "http://u@a",
            "http://",
            "ftp://a",
            "unix:a.sock",
            "unix:",
            "http://unix:/run/a.sock:/b",
            &format!("unix:/{}", "a".repeat(LONGEST_SOCKET)),
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
