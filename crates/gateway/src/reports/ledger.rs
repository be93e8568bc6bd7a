//! Each page and directive told of once, with the line that would allow what was blocked.

use std::collections::HashSet;
use std::time::Duration;

use panoply_core::Clock;
use tokio::sync::mpsc;

use super::Watcher;
use super::parse::Report;

/// Pages and directives that are remembered as told of; beyond them silence, said once.
const MOST_TOLD: usize = 1000;

/// After this all of them are told of anew, so that a stranger who makes up reports can silence the
/// genuine ones no longer than that.
const PERIOD: Duration = Duration::from_hours(1);

/// Logs each new report with what to write into `panoply.toml`, until no more can come; `watcher` is
/// shown every one.
pub(crate) async fn explain(
    mut reports: mpsc::Receiver<Report>,
    clock: impl Clock,
    watcher: Watcher,
) {
    let mut ledger = Ledger::default();
    while let Some(report) = reports.recv().await {
        watcher.see(&report);
        match ledger.note(&report, clock.monotonic()) {
            Told::Now => tracing::warn!(
                page = report.page,
                directive = report.directive,
                blocked = report.blocked,
                enforced = report.enforced,
                "{}",
                advice(&report)
            ),
            Told::Full => tracing::warn!(
                "more than {MOST_TOLD} different reports: no further ones are logged for an hour"
            ),
            Told::Before => {}
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Told {
    Now,
    Before,
    Full,
}

#[derive(Debug, Default)]
struct Ledger {
    told: HashSet<(String, String)>,
    full: bool,
    since: Duration,
}

impl Ledger {
    fn note(&mut self, report: &Report, now: Duration) -> Told {
        if now.saturating_sub(self.since) >= PERIOD {
            *self = Self {
                since: now,
                ..Self::default()
            };
        }
        let key = (report.page.clone(), report.directive.clone());
        if self.told.contains(&key) {
            Told::Before
        } else if self.told.len() < MOST_TOLD {
            self.told.insert(key);
            Told::Now
        } else if std::mem::replace(&mut self.full, true) {
            Told::Before
        } else {
            Told::Full
        }
    }
}

/// What was blocked, and how it could be allowed.
fn advice(report: &Report) -> String {
    let Report {
        page,
        directive,
        blocked,
        enforced,
    } = report;
    let did = if *enforced {
        "blocked"
    } else {
        "would have blocked"
    };
    // `script-src-elem` and `script-src-attr` fall back to `script-src`, which is in force.
    let written = directive
        .trim_end_matches("-elem")
        .trim_end_matches("-attr");
    let allow = |source: &str| {
        format!("[headers.content-security-policy] append = {{ {written} = [\"{source}\"] }}")
    };
    match blocked.as_str() {
        "inline" if directive.ends_with("-attr") => format!(
            "the policy {did} an inline event handler or style attribute on {page}; move it into a \
             file of the app's, since allowing it would allow injected ones too"
        ),
        "inline" => format!(
            "the policy {did} an inline {} on {page}; move it into a file of the app's, or allow \
             this one by its hash, which the browser's console shows: {}",
            if written == "style-src" {
                "style"
            } else {
                "script"
            },
            allow("'sha256-…'")
        ),
        "eval" | "wasm-eval" => format!(
            "the policy {did} {blocked} on {page}; if the app cannot do without: {}",
            allow(if blocked == "eval" {
                "'unsafe-eval'"
            } else {
                "'wasm-unsafe-eval'"
            })
        ),
        "self" | "" => format!(
            "the policy's {directive} {did} something of the app's own on {page}: {}",
            allow("'self'")
        ),
        scheme @ ("data" | "blob" | "filesystem" | "mediastream") => {
            format!(
                "the policy {did} a {scheme}: URL on {page}; to allow such: {}",
                allow(&format!("{scheme}:"))
            )
        }
        origin => format!(
            "the policy {did} {origin} on {page}; to allow it: {}",
            allow(origin)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(directive: &str, blocked: &str) -> Report {
        let [page, directive, blocked] = ["/p", directive, blocked].map(str::to_owned);
        Report {
            page,
            directive,
            blocked,
            enforced: true,
        }
    }

    #[test]
    fn once_a_page_and_directive_and_bounded() {
        let mut ledger = Ledger::default();
        assert_eq!(
            ledger.note(&report("img-src", "https://a.test"), Duration::ZERO),
            Told::Now
        );
        assert_eq!(
            ledger.note(&report("img-src", "https://b.test"), Duration::ZERO),
            Told::Before
        );
        for n in 0..MOST_TOLD - 1 {
            let page = Report {
                page: n.to_string(),
                ..report("img-src", "x")
            };
            assert_eq!(ledger.note(&page, Duration::ZERO), Told::Now);
        }
        assert_eq!(
            ledger.note(&report("font-src", "x"), Duration::ZERO),
            Told::Full
        );
        assert_eq!(
            ledger.note(&report("font-src", "x"), Duration::ZERO),
            Told::Before
        );
        assert_eq!(ledger.note(&report("font-src", "x"), PERIOD), Told::Now);
    }

    #[test]
    fn the_advice_is_a_line_to_copy() {
        let told = advice(&report("script-src-elem", "https://js.stripe.com"));
        assert!(
            told.ends_with(r#"append = { script-src = ["https://js.stripe.com"] }"#),
            "{told}"
        );
        let told = advice(&report("script-src-attr", "inline"));
        assert!(
            !told.contains("append"),
            "no advice that would let injected handlers run: {told}"
        );
        assert!(advice(&report("img-src", "data")).contains(r#"img-src = ["data:"]"#));
    }
}
