//! Reports of both kinds, cut down to what is told of them.

use std::net::IpAddr;

use panoply_core::HostName;
use serde::{Deserialize, Serialize};

/// The most reports of one request that are looked at.
const MAX_REPORTS: usize = 20;

/// The longest text of a report that is kept, in characters.
const MAX_TEXT: usize = 200;

/// One blocked thing, as the browser tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The path of the page; behind its name (`docs.shop.example/p`) where that has headers of its own.
    pub page: String,
    /// The directive that blocked it.
    pub directive: String,
    /// What was blocked: a URL's origin, or a word such as `inline`.
    pub blocked: String,
    /// Whether it was blocked or only reported.
    pub enforced: bool,
    /// Whether an extension of the browser's has caused it, which says nothing of the site.
    pub of_extension: bool,
}

impl Report {
    /// Its page is one of this name, which has headers of its own.
    pub(super) fn be_of(&mut self, name: &HostName) {
        let name = match name {
            HostName::Address(IpAddr::V6(address)) => format!("[{address}]"),
            name => name.to_string(),
        };
        self.page = tame(&format!("{name}{}", self.page));
    }
}

/// `report-uri`'s form (CSP Level 2 §4.4).
#[derive(Deserialize)]
struct Old {
    #[serde(rename = "csp-report")]
    report: Body,
}

/// The Reporting API's form (CSP Level 3 §5.5).
#[derive(Deserialize)]
struct New {
    #[serde(rename = "type")]
    kind: String,
    body: serde_json::Value,
}

/// What is reported, by the names of either form.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Body {
    #[serde(alias = "documentURL")]
    document_uri: Option<String>,
    #[serde(alias = "effectiveDirective")]
    effective_directive: Option<String>,
    violated_directive: Option<String>,
    #[serde(alias = "blockedURL")]
    blocked_uri: Option<String>,
    #[serde(alias = "sourceFile")]
    source_file: Option<String>,
    disposition: Option<String>,
}

/// The reports in a body of the given media type, or nothing when it is something else.
pub(super) fn parse(media: &str, body: &[u8]) -> Option<Vec<Report>> {
    match media {
        "application/csp-report" | "application/json" => {
            let Old { report } = serde_json::from_slice(body).ok()?;
            Some(report.build().into_iter().collect())
        }
        "application/reports+json" => {
            let reports: Vec<New> = serde_json::from_slice(body).ok()?;
            let violations = reports
                .into_iter()
                .filter(|report| report.kind == "csp-violation");
            let report = |report: New| serde_json::from_value::<Body>(report.body).ok()?.build();
            Some(violations.take(MAX_REPORTS).filter_map(report).collect())
        }
        _ => None,
    }
}

impl Body {
    fn build(self) -> Option<Report> {
        let directive = self.effective_directive.or(self.violated_directive)?;
        // `violated-directive` may be the whole directive; its name is enough.
        let directive = directive.split_ascii_whitespace().next()?;
        let named = directive
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        if !named || directive.len() > 40 {
            return None;
        }
        let page: http::Uri = self.document_uri?.parse().ok()?;
        let blocked = self.blocked_uri.unwrap_or_default();
        let of_extension = [Some(&blocked), self.source_file.as_ref()];
        let enforced = self
            .disposition
            .is_none_or(|disposition| disposition != "report");
        Some(Report {
            // No host, which the client could make up, and no query, which may be secret.
            page: tame(page.path()),
            directive: directive.to_owned(),
            blocked: source(&blocked, &page),
            enforced,
            of_extension: of_extension
                .into_iter()
                .flatten()
                .any(|url| is_extension(url)),
        })
    }
}

/// Whether a browser's own parts or an extension are what this URL, or its scheme, names.
fn is_extension(url: &str) -> bool {
    let scheme = url.split(':').next().unwrap_or(url).to_ascii_lowercase();
    scheme.ends_with("-extension")
        || matches!(&*scheme, "chrome" | "resource" | "webkit-masked-url")
}

/// What a policy would name to allow `blocked`: a URL's origin, `self` for the page's own, the scheme
/// of what has no origin; a word as it is.
fn source(blocked: &str, page: &http::Uri) -> String {
    let scheme = blocked.split(':').next().unwrap_or(blocked);
    if ["data", "blob", "filesystem", "mediastream", "about"].contains(&scheme) {
        return scheme.to_owned();
    }
    let uri: Option<http::Uri> = blocked.parse().ok();
    match uri.as_ref().and_then(origin) {
        Some(blocked) if origin(page).as_ref() == Some(&blocked) => "self".to_owned(),
        Some(blocked) => tame(&blocked),
        None => tame(blocked),
    }
}

fn origin(uri: &http::Uri) -> Option<String> {
    Some(format!("{}://{}", uri.scheme_str()?, host_of(uri)?))
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
        let page = "https://shop.test/p".parse().unwrap();
        for (blocked, expected) in [
            ("https://user:pw@a.test/x?y", "https://a.test"),
            ("https://a.test:8443/x", "https://a.test:8443"),
            ("https://shop.test/own.js", "self"),
            ("inline", "inline"),
            ("data:text/html;base64,secret", "data"),
            ("blob", "blob"),
        ] {
            assert_eq!(source(blocked, &page), expected);
        }
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
            of_extension: false,
        };
        assert_eq!(
            parse("application/csp-report", old),
            Some(vec![expected.clone()])
        );
        assert_eq!(parse("application/reports+json", new), Some(vec![expected]));
    }

    #[test]
    fn a_page_stands_behind_a_name_that_is_read_again() {
        for (host, page) in [
            ("DOCS.a.test.:8443", "docs.a.test/p"),
            ("192.0.2.1", "192.0.2.1/p"),
            ("[0::1]:80", "[::1]/p"),
        ] {
            let mut report = body("https://a.test/p", "img-src", "x").build().unwrap();
            let name = HostName::parse(host.as_bytes()).unwrap();
            report.be_of(&name);
            assert_eq!(report.page, page);
            let host = page.trim_end_matches("/p");
            assert_eq!(HostName::parse(host.as_bytes()), Some(name));
        }
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
        let named = |directive| report(directive, "inline").unwrap().pop();
        assert_eq!(named("x\ny"), None, "a page that is no URL");
        let build = |directive: &str| body("http://a/", directive, "inline").build();
        assert_eq!(build("x\ny").map(|r| r.directive), Some("x".into()));
        assert_eq!(build("UPPER"), None);
    }

    #[test]
    fn extensions_are_known_by_what_they_load_and_where_they_run() {
        let of = |blocked: &str, file: Option<&str>| {
            let mut body = body("https://a.test/", "script-src", blocked);
            body.source_file = file.map(str::to_owned);
            body.build().unwrap().of_extension
        };
        assert!(of("chrome-extension", None));
        assert!(of("moz-extension://5f3a/x.js", None));
        assert!(of("inline", Some("safari-web-extension://5f3a/content.js")));
        assert!(of("eval", Some("chrome-extension")));
        assert!(!of("inline", Some("https://a.test/x-extension")));
        assert!(!of("https://chrome.test", None));
    }

    fn body(page: &str, directive: &str, blocked: &str) -> Body {
        Body {
            document_uri: Some(page.to_owned()),
            effective_directive: Some(directive.to_owned()),
            violated_directive: None,
            blocked_uri: Some(blocked.to_owned()),
            source_file: None,
            disposition: None,
        }
    }

    proptest! {
        #[test]
        fn what_is_kept_is_printable_and_short(page in "http://a/\\PC{0,300}", blocked: String) {
            if let Some(report) = body(&page, "img-src", &blocked).build() {
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
