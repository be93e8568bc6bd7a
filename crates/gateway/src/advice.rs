//! What an honest app or visitor may meet, told of once with the line that would let it pass.
//!
//! Each refusal is counted and in the access log with its rule. Which setting that rule is of, and what to
//! write, somebody has to know who sees a large upload fail for the first time.

use std::sync::atomic::{AtomicU32, Ordering};

use http::Method;

/// What is told of, and how.
const ADVICE: [(&str, &str); 7] = [
    (
        "limits/body-bytes",
        "a request's body is larger than limits.body_bytes, or than what the [[limits.path]] of its path allows: \
         if such uploads are to pass, below [limits] write \
         a larger one, such as body_bytes = \"1GiB\"; for one path alone, below [[limits.path]] with its prefix",
    ),
    (
        "limits/head",
        "a request's head is larger than limits.header_bytes, often by its cookies: if such are to pass, below \
         [limits] write a larger one, such as header_bytes = \"64KiB\"; the app has a limit of its own",
    ),
    (
        "limits/header-count",
        "a request has more headers than limits.header_count: if such are to pass, below [limits] write a \
         larger one, such as header_count = 200",
    ),
    (
        "limits/slow-body",
        "a request's body stopped coming for limits.stall_timeout: if such clients are to be waited for, below \
         [limits] write a longer one, such as stall_timeout = \"2m\"; for one path alone, below [[limits.path]] with \
         its prefix",
    ),
    (
        "limits/connections-per-client",
        "one address has more connections than limits.connections_per_client: if it is a proxy or a whole \
         office, below [limits] write more, such as connections_per_client = 2000",
    ),
    (
        "limits/connections",
        "all places for connections are taken: if that is no attack, below [limits] write more, such as \
         connections = 20000",
    ),
    (
        "app/timeout",
        "the app did not begin its answer within limits.response_timeout, and the client was told 504: if it \
         needs longer, below [limits] write so, such as response_timeout = \"5m\"; for one path alone, below \
         [[limits.path]] with its prefix",
    ),
];

/// What can be set for a path alone is told of so many of them.
const PATHS: usize = 8;

/// How much of a path is written.
const LONGEST: usize = 120;

/// Which of them have been told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    rules: AtomicU32,
    /// Those of rules that can be set for a path alone.
    paths: crate::told::Told<PATHS>,
}

impl Told {
    /// Tells of a rule that has refused something, the first time.
    pub(crate) fn tell(&self, rule: &str) {
        if let Some(advice) = self.first(rule) {
            tracing::info!(rule, "{advice}");
        }
    }

    /// The same of what was refused to a request, with its `path`: the first time, and where that can be set for a
    /// path alone, for each.
    pub(crate) fn tell_of(&self, rule: &str, method: &Method, path: &str) {
        if let Some(advice) = self.first_of(rule, path) {
            let path: String = path.chars().take(LONGEST).collect();
            tracing::info!(rule, %method, path, "{advice}");
        }
    }

    /// Tells of each anew: what was to be written may have been, and not be enough.
    pub(crate) fn begin_anew(&self) {
        self.rules.store(0, Ordering::Relaxed);
        self.paths.begin_anew();
    }

    fn first_of(&self, rule: &str, path: &str) -> Option<&'static str> {
        let (_, advice) = ADVICE.iter().find(|(known, _)| *known == rule)?;
        if !advice.contains("[[limits.path]]") {
            return self.first(rule);
        }
        let path: String = path.chars().take(LONGEST).collect();
        self.paths
            .first(&format!("{rule} {path}"))
            .then_some(*advice)
    }

    fn first(&self, rule: &str) -> Option<&'static str> {
        let at = ADVICE.iter().position(|(known, _)| *known == rule)?;
        let bit = 1_u32.checked_shl(u32::try_from(at).ok()?)?;
        // Looked at first: a flood must not have all workers write here.
        let is_told = |told| told & bit != 0;
        if is_told(self.rules.load(Ordering::Relaxed))
            || is_told(self.rules.fetch_or(bit, Ordering::Relaxed))
        {
            return None;
        }
        ADVICE.get(at).map(|(_, advice)| *advice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_once() {
        let told = Told::default();
        for (rule, _) in ADVICE {
            assert!(told.first(rule).is_some(), "{rule}");
            assert_eq!(told.first(rule), None, "{rule}");
        }
        assert_eq!(told.first("login/pair"), None);
    }

    #[test]
    fn what_can_be_set_for_a_path_is_told_of_each() {
        let told = Told::default();
        let is_told = |rule: &str, path: &str| told.first_of(rule, path).is_some();
        assert!(is_told("limits/body-bytes", "/upload"));
        assert!(!is_told("limits/body-bytes", "/upload"));
        assert!(is_told("limits/body-bytes", "/avatar"));
        assert!(is_told("limits/slow-body", "/upload"));
        assert!(is_told("limits/head", "/upload") && !is_told("limits/head", "/avatar"));
        let more = (0..100).filter(|number| is_told("app/timeout", &format!("/{number}")));
        assert_eq!(more.count(), PATHS - 3, "without end");
        told.begin_anew();
        assert!(is_told("limits/body-bytes", "/upload"));
    }

    #[test]
    fn what_is_to_be_written_is_taken() {
        for (rule, advice) in ADVICE {
            let line = advice.split(" such as ").nth(1).unwrap_or_default();
            let line = line.split(';').next().unwrap_or_default();
            let table: Result<crate::config::LimitsConfig, _> = toml::from_str(line);
            assert!(table.is_ok(), "{rule}: {line}: {table:?}");
            assert_ne!(line, "", "{rule}");
        }
    }
}
