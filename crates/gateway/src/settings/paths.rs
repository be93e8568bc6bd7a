//! The bounds of `[[limits.path]]`, checked, and which of them a request is held to.

use std::time::Duration;

use http::Request;
use panoply::limits::PathRules;
use panoply_core::ClientAddress;

use super::bounds::check_timeout;
use crate::config::{ByteSize, ConfigError, LimitsConfig, Loaded, PathLimitsConfig, Span};

/// How long is waited for the app, and for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    /// Longest wait for the head of an answer, counted from the last byte of the request.
    pub(crate) response: Duration,
    /// Longest wait for a client that has been asked for more of its request, or is to take its answer.
    pub(crate) stall: Duration,
}

impl Times {
    /// What holds where no path says otherwise.
    pub(crate) const fn of(limits: &LimitsConfig) -> Self {
        Self {
            response: limits.response_timeout.get(),
            stall: limits.stall_timeout.get(),
        }
    }
}

/// What a request may have and take; in its extensions where paths differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) body_bytes: u64,
    pub(crate) times: Times,
}

impl Allowance {
    fn of(limits: &LimitsConfig) -> Self {
        Self {
            body_bytes: limits.body_bytes.get(),
            times: Times::of(limits),
        }
    }

    /// What is different below a path.
    fn with(self, path: &PathLimitsConfig) -> Self {
        let Times { response, stall } = self.times;
        Self {
            body_bytes: path.body_bytes.map_or(self.body_bytes, ByteSize::get),
            times: Times {
                response: path.response_timeout.map_or(response, Span::get),
                stall: path.stall_timeout.map_or(stall, Span::get),
            },
        }
    }

    /// The less of each.
    fn least(self, other: Self) -> Self {
        Self {
            body_bytes: self.body_bytes.min(other.body_bytes),
            times: Times {
                response: self.times.response.min(other.times.response),
                stall: self.times.stall.min(other.times.stall),
            },
        }
    }
}

/// What is allowed below which paths.
#[derive(Debug)]
pub(crate) struct PathLimits {
    rules: PathRules,
    by_name: bool,
    site: Allowance,
    paths: Vec<Allowance>,
}

impl PathLimits {
    /// What this request may have; nothing where that is the same for all.
    ///
    /// The request has not come to where its client is found: `client` says who that is, where names matter.
    pub(crate) fn find<B>(
        &self,
        request: &Request<B>,
        client: impl FnOnce() -> Option<ClientAddress>,
    ) -> Option<Allowance> {
        if self.rules.is_empty() {
            return None;
        }
        let client = { self.by_name }.then(client).flatten();
        let found = self.rules.find_by(client.as_ref(), request);
        let path = |number: usize| self.paths.get(number).copied().unwrap_or(self.site);
        let certain = found.certain.map_or(self.site, path);
        let possible = found.possible.into_iter().map(path);
        Some(possible.fold(certain, Allowance::least))
    }

    /// Whether there are any at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

/// The tables, each of which says of one path what is different there.
pub(super) fn limits(loaded: &Loaded) -> Result<PathLimits, ConfigError> {
    let limits = &loaded.config.limits;
    let site = Allowance::of(limits);
    let key = |number: usize, key: &str| format!("limits.path[{number}]{key}");
    for (number, path) in limits.path.iter().enumerate() {
        let key = |name| key(number, name);
        if path.prefix.is_none() {
            let message = format!("{}: `prefix` is missing", key(""));
            let error = loaded.error(&key(""), message);
            return Err(error.with_help(
                "write a path such as `prefix = \"/upload\"`, which means all below it as well",
            ));
        }
        for (name, span) in [
            (".stall_timeout", path.stall_timeout),
            (".response_timeout", path.response_timeout),
        ] {
            span.map_or(Ok(()), |span| check_timeout(loaded, &key(name), span))?;
        }
        let is_set = [path.stall_timeout, path.response_timeout]
            .iter()
            .any(Option::is_some);
        if !is_set && path.body_bytes.is_none() {
            let message = format!("{}: nothing is different there", key(""));
            let error = loaded.error(&key(""), message);
            return Err(error.with_help(
                "write `body_bytes`, `stall_timeout` or `response_timeout` as well, such as \
                 `body_bytes = \"200MiB\"`",
            ));
        }
    }
    let paths = { limits.path.iter() }.map(|path| {
        let prefix = path.prefix.as_deref().unwrap_or_default();
        (prefix, path.domains.as_deref())
    });
    let rules = PathRules::by_name(paths).map_err(|(number, error)| {
        loaded.error(
            &key(number, &format!(".{}", error.key())),
            format!("{}: {error}", key(number, "")),
        )
    })?;
    Ok(PathLimits {
        by_name: rules.are_by_name(),
        rules,
        site,
        paths: limits.path.iter().map(|path| site.with(path)).collect(),
    })
}

/// The paths of `log.skip`.
pub(super) fn skipped(loaded: &Loaded) -> Result<PathRules, ConfigError> {
    let paths = &loaded.config.log.skip;
    PathRules::new(paths).map_err(|(number, _)| {
        let path = paths.get(number).map_or("", String::as_str);
        let problem = if paths.iter().take(number).any(|other| other == path) {
            "is named twice"
        } else {
            "is no path"
        };
        let error = loaded.error("log.skip", format!("log.skip: `{path}` {problem}"));
        error.with_help(
            "write paths such as `[\"/healthz\", \"/assets/\"]`, each of which means all below it as well",
        )
    })
}

#[cfg(test)]
mod tests {
    use panoply_core::Scheme;

    use super::*;
    use crate::config::Source;

    fn read(text: &str) -> Result<PathLimits, ConfigError> {
        let loaded = Source::new().text("panoply.toml", text).load()?;
        limits(&loaded)
    }

    fn allowed(limits: &PathLimits, path: &str) -> (u64, u64, u64) {
        let request = Request::post(path).body(()).unwrap();
        let found = limits.find(&request, || None).unwrap();
        let Times { response, stall } = found.times;
        (found.body_bytes >> 10, response.as_secs(), stall.as_secs())
    }

    #[test]
    fn leave_is_given_as_spelled_and_what_is_stricter_holds_however() {
        let limits = read(
            "[limits]\nbody_bytes = \"1MiB\"\n\
             [[limits.path]]\nprefix = \"/upload\"\nbody_bytes = \"200MiB\"\nstall_timeout = \"2m\"\n\
             [[limits.path]]\nprefix = \"/upload/notes\"\nbody_bytes = \"4KiB\"\n\
             [[limits.path]]\nprefix = \"/report\"\nresponse_timeout = \"10m\"\n\
             [[limits.path]]\nprefix = \"/comments\"\nbody_bytes = \"16KiB\"\nresponse_timeout = \"5s\"\n",
        )
        .unwrap();
        let site = (1024, 60, 30);
        for (path, expected) in [
            ("/", site),
            ("/uploads", site),
            ("/upload/A%20b", (200 << 10, 60, 120)),
            // What it does not say is as for the site, and not as above it.
            ("/upload/notes/1", (4, 60, 30)),
            ("/upload/Notes", (4, 60, 30)),
            ("/report/1?x", (1024, 600, 30)),
            ("/comments", (16, 5, 30)),
            ("/COMMENTS", (16, 5, 30)),
            ("/upload/%2e%2e/comments", (16, 5, 30)),
            ("/upload/..;/x", site),
            ("/Upload", site),
            ("/x%00", (4, 5, 30)),
        ] {
            assert_eq!(allowed(&limits, path), expected, "{path}");
        }
        let none = read("").unwrap();
        assert!(none.is_empty() && none.find(&Request::new(()), || None).is_none());
    }

    #[test]
    fn a_name_has_other_bounds_and_a_proxy_says_which_is_asked_for() {
        let limits = read(
            "[limits]\nbody_bytes = \"1MiB\"\n\
             [[limits.path]]\nprefix = \"/\"\ndomains = [\"media.test\"]\nbody_bytes = \"200MiB\"\n\
             [[limits.path]]\nprefix = \"/\"\ndomains = [\"*.api.test\"]\nbody_bytes = \"4KiB\"\n\
             [[limits.path]]\nprefix = \"/x\"\nbody_bytes = \"8KiB\"\n",
        )
        .unwrap();
        let allowed = |path: &str, host: &str, said: Option<&str>| {
            let request = Request::post(path).header("host", host).body(()).unwrap();
            let client = || {
                let client = ClientAddress::direct("192.0.2.1:1".parse().unwrap(), Scheme::Http);
                Some(client.with_host(Some(said?.parse().unwrap())))
            };
            limits.find(&request, client).unwrap().body_bytes >> 10
        };
        for (path, host, said, expected) in [
            ("/", "media.test", None, 200 << 10),
            ("/", "MEDIA.test.:8443", None, 200 << 10),
            ("/x/y", "media.test", None, 8),
            ("/", "a.api.test", None, 4),
            ("/", "b.test", None, 1024),
            ("/x", "b.test", None, 8),
            ("/", "10.0.0.1", Some("media.test"), 200 << 10),
            ("/", "a.api.test", Some("media.test"), 4),
            ("/", "media.test", Some("b.test"), 1024),
            // An address may be anybody's.
            ("/", "10.0.0.1", None, 4),
        ] {
            assert_eq!(
                allowed(path, host, said),
                expected,
                "{path} {host} {said:?}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_what_to_write() {
        for (text, message, help) in [
            (
                "body_bytes = \"1MiB\"",
                "limits.path[0]: `prefix` is missing",
                "`prefix = \"/upload\"`",
            ),
            (
                "prefix = \"/a\"",
                "limits.path[0]: nothing is different there",
                "`body_bytes = \"200MiB\"`",
            ),
            (
                "prefix = \"/a\"\nresponse_timeout = \"10ms\"",
                "limits.path[0].response_timeout: 10ms is too short",
                "at least `1s`",
            ),
            (
                "prefix = \"a\"\nbody_bytes = \"1MiB\"",
                "`prefix` is `a`, which is no path: write a path",
                "",
            ),
            (
                "prefix = \"/a\"\nbody_bytes = 7",
                "text, such as \"32KiB\"",
                "",
            ),
            (
                "prefix = \"/a\"\nbody_bytes = \"1MiB\"\ndomains = [\"a.*\"]",
                "limits.path[0]: `domains` `a.*` is no host: a star stands for the first label alone: write names",
                "",
            ),
            (
                "path = \"/a\"",
                "unknown key `path`",
                "did you mean `prefix`?",
            ),
            (
                "prefix = \"/a\"\nidle_timeout = \"1m\"",
                "unknown key `idle_timeout`",
                "",
            ),
        ] {
            let error = read(&format!("[[limits.path]]\n{text}\n")).unwrap_err();
            let whole = error.render(false);
            assert!(whole.contains(message), "{text}: {whole}");
            assert!(whole.contains(help), "{text}: {whole}");
        }
    }
}
