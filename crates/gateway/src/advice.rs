//! What an honest app or visitor may meet, told of once with the line that would let it pass.
//!
//! Each refusal is counted and in the access log with its rule. Which setting that rule is of, and what to
//! write, somebody has to know who sees a large upload fail for the first time.

use std::sync::atomic::{AtomicU32, Ordering};

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

/// Which of them have been told.
#[derive(Debug, Default)]
pub(crate) struct Told(AtomicU32);

impl Told {
    /// Tells of a rule that has refused something, the first time.
    pub(crate) fn tell(&self, rule: &str) {
        if let Some(advice) = self.first(rule) {
            tracing::info!(rule, "{advice}");
        }
    }

    /// Tells of each anew: what was to be written may have been, and not be enough.
    pub(crate) fn begin_anew(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn first(&self, rule: &str) -> Option<&'static str> {
        let at = ADVICE.iter().position(|(known, _)| *known == rule)?;
        let bit = 1_u32.checked_shl(u32::try_from(at).ok()?)?;
        // Looked at first: a flood must not have all workers write here.
        let is_told = |told| told & bit != 0;
        if is_told(self.0.load(Ordering::Relaxed))
            || is_told(self.0.fetch_or(bit, Ordering::Relaxed))
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
