//! Which of two holds when the application has set a header itself.

use std::str::FromStr;

use http::HeaderValue;

use crate::content_security_policy::lacking;
use crate::setting::{Checked, Value};
use crate::{ContentSecurityPolicy, Hsts, ReferrerPolicy, XFrameOptions};

/// What is sent in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Ours in place of the application's.
    Ours,
    /// The application's in place of ours.
    App,
    /// The application's, and this after it.
    Both(HeaderValue),
    /// This in place of both.
    Joined(HeaderValue),
}

impl Checked {
    /// Settles it between ours and the values that the application has sent.
    ///
    /// A value that no browser understands loses. Of several values browsers take the first, join
    /// them or ignore them all, by header; the strictest speaks for the application here.
    pub(crate) fn settle(&self, app: &[HeaderValue]) -> Verdict {
        match self {
            Self::Csp(csp) => {
                let policies = policies(app);
                if !policies.iter().any(ContentSecurityPolicy::is_understood) {
                    Verdict::Ours
                } else if csp.add_to_app {
                    beside(&csp.policy, &policies)
                } else {
                    Verdict::App
                }
            }
            Self::Hsts(hsts) => joined_hsts(hsts, app),
            Self::Pins(_) => Verdict::Ours,
            Self::Value(value) => value.settle(app),
        }
    }
}

impl Value {
    fn settle(&self, app: &[HeaderValue]) -> Verdict {
        match self {
            Self::Embedder(ours) => stricter(*ours, app),
            Self::Opener(ours) => stricter(*ours, app),
            Self::Resource(ours) => stricter(*ours, app),
            Self::AgentCluster(ours) => stricter(*ours, app),
            Self::ContentType(ours) => stricter(*ours, app),
            Self::DnsPrefetch(ours) => stricter(*ours, app),
            Self::Frame(ours) => framed(*ours, app),
            Self::CrossDomain(ours) => stricter(*ours, app),
            Self::Download(_) | Self::Xss(_) => Verdict::Ours,
            Self::Referrer(ours) => {
                let app = app.iter().filter_map(ReferrerPolicy::read).min();
                chosen(app.is_some_and(|app| app < ours.effective()))
            }
            Self::Cache(ours) => chosen(ours.is_met_by(app.iter())),
            Self::Permissions(ours) => match ours.joined(app.iter()) {
                Some(joined) => Verdict::Joined(joined),
                None => Verdict::Ours,
            },
            Self::Reporting(ours) => match ours.besides(app.iter()) {
                Some(rest) => Verdict::Both(rest),
                None => Verdict::App,
            },
            Self::Integrity(_) => Verdict::App,
        }
    }
}

const fn chosen(app: bool) -> Verdict {
    if app { Verdict::App } else { Verdict::Ours }
}

/// The words of each header stand in their enum from the strictest on.
fn stricter<T: FromStr + Ord + Copy>(ours: T, app: &[HeaderValue]) -> Verdict {
    // What follows a `;` are parameters, such as where COEP reports to.
    let word = |value: &HeaderValue| {
        let text = value.to_str().ok()?;
        let word = text.split(';').next().unwrap_or(text);
        word.trim().parse::<T>().ok()
    };
    let app = app.iter().filter_map(word).min();
    chosen(app.is_some_and(|app| app <= ours))
}

/// Of this one browsers read what stands behind a comma as another value, and let nobody frame the page where
/// they differ (HTML, "X-Frame-Options").
fn framed(ours: XFrameOptions, app: &[HeaderValue]) -> Verdict {
    let texts = app.iter().filter_map(|value| value.to_str().ok());
    let words = texts.flat_map(|text| text.split(','));
    let app = words.filter_map(|word| word.trim().parse().ok()).min();
    chosen(app.is_some_and(|app: XFrameOptions| app <= ours))
}

fn joined_hsts(ours: &Hsts, app: &[HeaderValue]) -> Verdict {
    // RFC 6797 §8.1: only the first field is processed.
    match app.first().and_then(Hsts::read) {
        None => Verdict::Ours,
        Some(app) => Verdict::Joined(ours.joined(&app).value()),
    }
}

/// A comma ends a policy and begins another. A directive that is not ASCII is none, as in browsers, and takes
/// nothing from the others.
fn policies(app: &[HeaderValue]) -> Vec<ContentSecurityPolicy> {
    let parts = app
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let read = parts.map(|part| {
        let directives = part
            .split(|byte| *byte == b';')
            .filter(|one| one.is_ascii());
        let directives = directives.filter_map(|one| str::from_utf8(one).ok());
        directives.collect::<Vec<_>>().join(";")
    });
    read.filter_map(|text| ContentSecurityPolicy::parse(&text).ok())
        .collect()
}

fn beside(ours: &ContentSecurityPolicy, app: &[ContentSecurityPolicy]) -> Verdict {
    let second = lacking(ours, app);
    match second.value() {
        Ok(value) if !second.is_empty() => Verdict::Both(value),
        _ => Verdict::App,
    }
}
