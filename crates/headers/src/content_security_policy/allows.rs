//! Whether a policy lets something through: what is blocked still, once sources were added.

use super::source::is_scheme;
use super::{ContentSecurityPolicy, Directive, Keyword, Source};

impl ContentSecurityPolicy {
    /// Whether what `source` names may be loaded under `directive`: an origin
    /// (`https://cdn.example`), a scheme (`data:`) or a word between quotes (CSP Level 3 §6.7.2).
    ///
    /// Where that depends on more than an origin, on a path or on what has loaded it, the answer is no.
    ///
    /// ```
    /// use panoply_headers::{ContentSecurityPolicy, Directive};
    ///
    /// let policy = ContentSecurityPolicy::parse("default-src 'self'; img-src https://*.cdn.example")?;
    /// assert!(policy.allows(Directive::ImgSrc, "https://eu.cdn.example"));
    /// assert!(!policy.allows(Directive::ImgSrc, "https://cdn.example"));
    /// assert!(!policy.allows(Directive::FontSrc, "https://eu.cdn.example"));
    /// # Ok::<(), panoply_headers::Error>(())
    /// ```
    pub fn allows(&self, directive: Directive, source: &str) -> bool {
        let Some(sources) = self.effective(directive) else {
            return true;
        };
        let has = |keyword| sources.iter().any(|one| one.is(keyword));
        // It makes browsers forget hosts and schemes.
        if has(Keyword::StrictDynamic) && is_of_scripts(directive) && !source.starts_with('\'') {
            return false;
        }
        sources.iter().any(|one| matches(one, source))
    }
}

/// Whether `directive` says which scripts run.
fn is_of_scripts(directive: Directive) -> bool {
    directive
        .chain()
        .any(|one| one == Directive::ScriptSrc || one == Directive::WorkerSrc)
}

fn matches(pattern: &Source, source: &str) -> bool {
    let pattern = pattern.as_str();
    if pattern.eq_ignore_ascii_case(source) {
        return true;
    }
    let Some((scheme, authority)) = source.split_once("://") else {
        return false;
    };
    let network = ["http", "https", "ws", "wss"];
    if pattern == "*" {
        return network.contains(&scheme);
    }
    if is_scheme(pattern) {
        return scheme_fits(pattern.trim_end_matches(':'), scheme);
    }
    if pattern.starts_with('\'') {
        return false;
    }
    let (wanted, pattern) = match pattern.split_once("://") {
        Some((wanted, rest)) => (Some(wanted), rest),
        None => (None, pattern),
    };
    // Without one that of the page, which is nearly always one of these.
    let fits = wanted.map_or(network.contains(&scheme), |wanted| {
        scheme_fits(wanted, scheme)
    });
    // A path may be another one than that which was asked for.
    fits && !pattern.trim_end_matches('/').contains('/')
        && authority_fits(pattern.trim_end_matches('/'), authority, scheme)
}

/// A scheme stands for its encrypted form too, and that of HTTP for WebSocket.
fn scheme_fits(wanted: &str, scheme: &str) -> bool {
    let wanted = wanted.to_ascii_lowercase();
    wanted == scheme
        || matches!(
            (wanted.as_str(), scheme),
            ("http", "https" | "ws" | "wss") | ("ws", "wss" | "http" | "https") | ("https", "wss")
        )
}

fn authority_fits(pattern: &str, authority: &str, scheme: &str) -> bool {
    let split = |text: &str| match text.rsplit_once(':') {
        Some((host, port)) => (host.to_ascii_lowercase(), Some(port.to_owned())),
        None => (text.to_ascii_lowercase(), None),
    };
    let ((wanted, wanted_port), (host, port)) = (split(pattern), split(authority));
    let usual = if matches!(scheme, "https" | "wss") {
        "443"
    } else {
        "80"
    };
    let port = port.as_deref().unwrap_or(usual);
    let port_fits = match wanted_port.as_deref() {
        Some("*") => true,
        Some(wanted) => wanted == port,
        None => port == usual,
    };
    let host_fits = match wanted.strip_prefix('*') {
        Some(below) => host.len() > below.len() && host.ends_with(below),
        None => wanted == host,
    };
    port_fits && host_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(policy: &str, directive: Directive, source: &str) -> bool {
        let policy = ContentSecurityPolicy::parse(policy).unwrap();
        policy.allows(directive, source)
    }

    #[test]
    fn sources_are_matched_as_browsers_do() {
        use Directive::{ImgSrc, ScriptSrc, ScriptSrcElem};
        for (policy, directive, source) in [
            ("img-src https:", ImgSrc, "https://a.test"),
            ("img-src http:", ImgSrc, "https://a.test"),
            ("img-src *", ImgSrc, "http://a.test:81"),
            ("img-src A.test", ImgSrc, "https://a.test"),
            ("img-src a.test:*", ImgSrc, "https://a.test:8443"),
            ("img-src https://a.test:443", ImgSrc, "https://a.test"),
            ("img-src data:", ImgSrc, "data:"),
            ("default-src a.test", ScriptSrcElem, "https://a.test"),
            ("script-src 'self'", ScriptSrc, "'self'"),
            ("img-src x.test", ScriptSrc, "https://a.test"),
        ] {
            assert!(allows(policy, directive, source), "{policy}: {source}");
        }
        for (policy, directive, source) in [
            ("img-src https:", ImgSrc, "http://a.test"),
            ("img-src *", ImgSrc, "data:"),
            ("img-src a.test", ImgSrc, "https://a.test:8443"),
            ("img-src a.test", ImgSrc, "https://b.a.test"),
            ("img-src *.a.test", ImgSrc, "https://a.test"),
            ("img-src *.a.test", ImgSrc, "https://evila.test"),
            ("img-src a.test/lib/", ImgSrc, "https://a.test"),
            ("img-src 'none'", ImgSrc, "https://a.test"),
            ("img-src 'self'", ImgSrc, "https://self"),
            (
                "script-src 'strict-dynamic' https:",
                ScriptSrc,
                "https://a.test",
            ),
        ] {
            assert!(!allows(policy, directive, source), "{policy}: {source}");
        }
    }
}
