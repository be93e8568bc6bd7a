//! What was blocked told of once for each page, with the line that would allow it.

use std::collections::HashSet;
use std::time::Duration;

use panoply_headers::Directive;

use super::parse::Report;
use super::proposal::{eval, guarding, holds_code, is_origin};

/// What is remembered as told of; beyond it silence, said once.
const MOST_TOLD: usize = 1000;

/// After this all of them are told of anew, so that a stranger who makes up reports can silence the
/// genuine ones no longer than that.
const PERIOD: Duration = Duration::from_hours(1);

/// Logs a report that is new, with what to write into `panoply.toml`.
pub(super) fn tell(ledger: &mut Ledger, report: &Report, now: Duration) {
    if report.of_extension {
        return;
    }
    match ledger.note(report, now) {
        Told::Now => tracing::warn!(
            page = report.page,
            directive = report.directive,
            blocked = report.blocked,
            enforced = report.enforced,
            "{}",
            advice(report)
        ),
        Told::Full => tracing::warn!(
            "more than {MOST_TOLD} different reports: no further ones are logged for an hour"
        ),
        Told::Before => {}
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Told {
    Now,
    Before,
    Full,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Page, directive, and what was blocked: a page that lacks two sources has two lines to be told of, and
    /// would else break again, and silently, once the first is allowed.
    told: HashSet<[String; 3]>,
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
        let key = [&report.page, &report.directive, &report.blocked].map(String::clone);
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
        of_extension: _,
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
        let append = format!("append = {{ {written} = [\"{source}\"] }}");
        // What one name lacks is nothing that all others should have.
        match page.split_once('/') {
            Some((name, _)) if !name.is_empty() => format!(
                "below the [[headers.domain]] of {name} write content-security-policy.{append}"
            ),
            _ => format!("below [headers.content-security-policy] write {append}"),
        }
    };
    let known = directive.parse::<Directive>().ok();
    if let Some(why) = known.and_then(guarding) {
        return format!("the policy's {directive} {did} {blocked} on {page}: {why}");
    }
    match blocked.as_str() {
        "inline" if directive.ends_with("-attr") => format!(
            "the policy {did} an inline event handler or style attribute on {page}; move it into a \
             file of the app's, since allowing it would allow injected ones too"
        ),
        "inline" => {
            let element = if written == "style-src" {
                "style"
            } else {
                "script"
            };
            format!(
                "the policy {did} an inline {element} on {page}: move it into a file of the app's; or have \
                 the app write what PANOPLY_NONCE holds as its `nonce` (docs/guides says how with Next.js, Nuxt, \
                 Astro, React Router, SvelteKit and Vite), and {}; or, if it is the same on every visit, allow \
                 it by its hash, which the browser's console shows: {}. For an app that nobody can change see \
                 docs/csp.md",
                allow("'nonce'"),
                allow("'sha256-…'")
            )
        }
        "eval" | "wasm-eval" => {
            format!("the policy {did} {blocked} on {page}: {}", eval(blocked))
        }
        "self" | "" if known.is_some() => format!(
            "the policy's {directive} {did} something of the app's own on {page}: {}",
            allow("'self'")
        ),
        scheme @ ("data" | "blob" | "filesystem" | "mediastream")
            if known.is_some_and(|known| !holds_code(known)) =>
        {
            format!(
                "the policy {did} a {scheme}: URL on {page}; to allow such: {}",
                allow(&format!("{scheme}:"))
            )
        }
        // Anybody can send a report: a line is written for what names one host, and for nothing wider.
        origin if known.is_some() && is_origin(origin) && has_tls(origin) => format!(
            "the policy {did} {origin} on {page}; if that is yours to trust: {}",
            allow(origin)
        ),
        other => format!(
            "the policy's {directive} {did} {other} on {page}; `panoply csp suggest` says what can be \
             done"
        ),
    }
}

fn has_tls(origin: &str) -> bool {
    origin.starts_with("https://") || origin.starts_with("wss://")
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
            of_extension: false,
        }
    }

    #[test]
    fn once_a_page_and_source_and_bounded() {
        let mut ledger = Ledger::default();
        assert_eq!(
            ledger.note(&report("img-src", "https://a.test"), Duration::ZERO),
            Told::Now
        );
        assert_eq!(
            ledger.note(&report("img-src", "https://a.test"), Duration::ZERO),
            Told::Before
        );
        assert_eq!(
            ledger.note(&report("img-src", "https://b.test"), Duration::ZERO),
            Told::Now,
            "or whoever allows the first is told nothing of the second"
        );
        for n in 0..MOST_TOLD - 2 {
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
        let told = advice(&Report {
            page: "docs.a.test/p".to_owned(),
            ..report("script-src-elem", "https://js.stripe.com")
        });
        let line = told
            .rsplit("[[headers.domain]] of docs.a.test write ")
            .next();
        let table = format!(
            "domain = [{{ domains = [\"docs.a.test\"], {} }}]",
            line.unwrap()
        );
        let config: panoply_headers::HeadersConfig = toml::from_str(&table).unwrap();
        let headers = config.build().unwrap();
        let sent = headers.describe_domains()[0].1.iter();
        assert!({ sent }.any(|one| one.value.contains("https://js.stripe.com")));
        // A hash is of no use to a framework whose scripts are others on each visit.
        let told = advice(&report("script-src-elem", "inline"));
        for line in ["'nonce'", "'sha256-…'"] {
            let line = format!("append = {{ script-src = [\"{line}\"] }}");
            assert!(told.contains(&line), "{told}");
        }
        let told = advice(&report("script-src-attr", "inline"));
        assert!(
            !told.contains("append"),
            "no advice that would let injected handlers run: {told}"
        );
        assert!(advice(&report("img-src", "data")).contains(r#"img-src = ["data:"]"#));
        for (directive, blocked) in [
            ("script-src", "*"),
            ("script-src", "https:"),
            ("script-src", "data"),
            ("script-src", "eval"),
            ("script-src", "https://*.evil.test"),
            ("script-src", "http://evil.test"),
            ("script-src", "https://evil.test;script-src?*"),
            ("base-uri", "https://evil.test"),
            ("object-src", "data"),
            ("frame-ancestors", "https://evil.test"),
            ("made-up", "https://evil.test"),
        ] {
            let told = advice(&report(directive, blocked));
            assert!(
                !told.contains("append = "),
                "a stranger's report is no advice: {told}"
            );
        }
    }
}
