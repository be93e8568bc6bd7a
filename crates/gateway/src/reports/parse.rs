//! Reports of both kinds, cut down to what is told of them.

use serde::Deserialize;

/// The most reports of one request that are looked at.
const MAX_REPORTS: usize = 20;

/// The longest text of a report that is kept, in characters.
const MAX_TEXT: usize = 200;

/// One blocked thing, as the browser tells it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Report {
    /// The path of the page.
    pub page: String,
    /// The directive that blocked it.
    pub directive: String,
    /// What was blocked: a URL's origin, or a word such as `inline`.
    pub blocked: String,
    /// Whether it was blocked or only reported.
    pub enforced: bool,
}

/// `report-uri`'s form (CSP Level 2 §4.4).
#[derive(Deserialize)]
struct Old {
    #[serde(rename = "csp-report")]
    report: OldBody,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct OldBody {
    document_uri: Option<String>,
    effective_directive: Option<String>,
    violated_directive: Option<String>,
    blocked_uri: Option<String>,
    disposition: Option<String>,
}

/// The Reporting API's form (CSP Level 3 §5.5).
#[derive(Deserialize)]
struct New {
    #[serde(rename = "type")]
    kind: String,
    body: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewBody {
    #[serde(rename = "documentURL")]
    document_url: Option<String>,
    effective_directive: Option<String>,
    #[serde(rename = "blockedURL")]
    blocked_url: Option<String>,
    disposition: Option<String>,
}

/// The reports in a body of the given media type, or nothing when it is something else.
pub(super) fn parse(media: &str, body: &[u8]) -> Option<Vec<Report>> {
    match media {
        "application/csp-report" | "application/json" => {
            let Old { report } = serde_json::from_slice(body).ok()?;
            let directive = report.effective_directive.or(report.violated_directive);
            let report = build(
                report.document_uri,
                directive,
                report.blocked_uri,
                report.disposition,
            );
            Some(report.into_iter().collect())
        }
        "application/reports+json" => {
            let reports: Vec<New> = serde_json::from_slice(body).ok()?;
            let violations = reports
                .into_iter()
                .filter(|report| report.kind == "csp-violation");
            let report = |report: New| {
                let body: NewBody = serde_json::from_value(report.body).ok()?;
                let NewBody {
                    document_url,
                    effective_directive,
                    blocked_url,
                    disposition,
                } = body;
                build(document_url, effective_directive, blocked_url, disposition)
            };
            Some(violations.take(MAX_REPORTS).filter_map(report).collect())
        }
        _ => None,
    }
}

fn build(
    page: Option<String>,
    directive: Option<String>,
    blocked: Option<String>,
    disposition: Option<String>,
) -> Option<Report> {
    let directive = directive?;
    // `violated-directive` may be the whole directive; its name is enough.
    let directive = directive.split_ascii_whitespace().next()?;
    let named = directive
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    if !named || directive.len() > 40 {
        return None;
    }
    Some(Report {
        page: path(&page?)?,
        directive: directive.to_owned(),
        blocked: origin(&blocked.unwrap_or_default()),
        enforced: disposition.is_none_or(|disposition| disposition != "report"),
    })
}

/// A page's path: no host, which the client could make up, and no query, which may be secret.
fn path(page: &str) -> Option<String> {
    let uri: http::Uri = page.parse().ok()?;
    Some(tame(uri.path()))
}

/// The origin of a URL, which is what a policy would allow; a word as it is.
fn origin(blocked: &str) -> String {
    let uri: Option<http::Uri> = blocked.parse().ok();
    let origin = uri.and_then(|uri| Some(format!("{}://{}", uri.scheme_str()?, host_of(&uri)?)));
    tame(&origin.unwrap_or_else(|| blocked.to_owned()))
}

/// Without the user's name and password, which no log may hold.
fn host_of(uri: &http::Uri) -> Option<&str> {
    uri.authority()?.as_str().rsplit('@').next()
}

/// Printable ASCII of bounded length, so that no report can forge a log line or paint a terminal.
fn tame(text: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_graphic() && !"\"'`\\".contains(c) {
            c
        } else {
            '?'
        }
    };
    text.chars().take(MAX_TEXT).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_blocked_is_named_without_credentials() {
        assert_eq!(origin("https://user:pw@a.test/x?y"), "https://a.test");
        assert_eq!(origin("https://a.test:8443/x"), "https://a.test:8443");
        assert_eq!(origin("inline"), "inline");
    }

    #[test]
    fn both_forms_say_the_same() {
        let old = br#"{"csp-report":{"document-uri":"https://a.test/p?token=1",
            "violated-directive":"script-src-elem 'self'","effective-directive":"script-src-elem",
            "blocked-uri":"https://cdn.test/x.js","disposition":"enforce","original-policy":"x"}}"#;
        let new = br#"[{"age":1,"type":"deprecation","body":{"id":"x"}},{"type":"csp-violation",
            "url":"https://a.test/p","body":{"documentURL":"https://a.test/p?token=1",
            "effectiveDirective":"script-src-elem","blockedURL":"https://cdn.test/x.js"}}]"#;
        let expected = Report {
            page: "/p".to_owned(),
            directive: "script-src-elem".to_owned(),
            blocked: "https://cdn.test".to_owned(),
            enforced: true,
        };
        assert_eq!(
            parse("application/csp-report", old),
            Some(vec![expected.clone()])
        );
        assert_eq!(parse("application/reports+json", new), Some(vec![expected]));
    }

    #[test]
    fn hostile_reports_are_tamed_or_refused() {
        let report = |directive: &str, blocked: &str| {
            let body = serde_json::json!({"csp-report": {"document-uri": "http://a/\u{1b}[31m",
                "effective-directive": directive, "blocked-uri": blocked}});
            parse("application/csp-report", body.to_string().as_bytes())
        };
        assert_eq!(
            report("img-src", "x"),
            Some(vec![]),
            "a page that is no URL says nothing"
        );
        let deep = [b"[".repeat(60_000), b"]".repeat(60_000)].concat();
        assert_eq!(parse("application/reports+json", &deep), None);
        assert_eq!(parse("text/plain", b"{}"), None);
        assert_eq!(
            build(Some("http://a/".into()), Some("x\ny".into()), None, None).map(|r| r.directive),
            Some("x".into())
        );
        assert_eq!(
            build(Some("http://a/".into()), Some("UPPER".into()), None, None),
            None
        );
    }

    proptest! {
        #[test]
        fn what_is_kept_is_printable_and_short(page in "http://a/\\PC{0,300}", blocked: String) {
            if let Some(report) = build(Some(page), Some("img-src".into()), Some(blocked), None) {
                for text in [&report.page, &report.blocked] {
                    prop_assert!(text.len() <= MAX_TEXT);
                    prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
                }
            }
        }

        #[test]
        fn parsing_never_panics(body: Vec<u8>) {
            for media in ["application/csp-report", "application/reports+json"] {
                let _ = parse(media, &body);
            }
        }
    }
}
