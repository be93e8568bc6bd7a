//! The page of work.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Method, Request, Response};
use panoply_core::{PageOfItsOwn, Refusal, RequestId};

use super::layer::CHALLENGE_PATH;
use super::place::inside;
use super::solution::seed;
use crate::Error;

const SCRIPT: &str = include_str!("page.js");

const STYLE: &str = include_str!("page.css");

/// Stands in a site's own page for the task.
const PLACE: &str = "{task}";

/// Stands there for the id that the log has.
const ID: &str = "{request_id}";

/// What the script shows, by its name: the site's own page may have any of them in its own words.
const PARTS: [(&str, &str); 8] = [
    (
        "bar",
        "<p><progress data-panoply=bar max=1 value=0 aria-label=\"How much of the task is done\"></progress></p>",
    ),
    ("working", "<p data-panoply=working hidden>Working…</p>"),
    (
        "done",
        "<p data-panoply=done hidden>Done. Loading the page…</p>",
    ),
    (
        "form",
        "<p data-panoply=form hidden>Done. What you have sent did not arrive yet: please let your browser send it again \
         when it asks.</p>",
    ),
    (
        "cookies",
        "<p data-panoply=cookies hidden>The task is solved, but your browser did not keep the cookie that says so. \
         Please allow cookies for this site.</p>",
    ),
    (
        "rounds",
        "<p data-panoply=rounds hidden>The task was solved several times, and the site asks for it again and again. Your \
         address may be changing all the time, or something between you and the site keeps cookies from it.</p>",
    ),
    (
        "away",
        "<p data-panoply=away hidden>The site could not be reached.</p>",
    ),
    (
        "again",
        "<p><button data-panoply=again type=button hidden>Try again</button></p>",
    ),
];

const NO_SCRIPT: &str = "<noscript><p><strong>The task needs JavaScript. Please switch it on for this site, and load \
    the page again.</strong></p></noscript>";

const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

/// A page, around its task.
#[derive(Debug)]
pub(super) struct Page {
    before: String,
    /// With all of the task but what is of one request alone.
    after: String,
    policy: HeaderValue,
}

impl Page {
    /// The one that there is, or a site's own.
    pub(super) fn new(own: Option<&str>) -> Result<Self, Error> {
        let wrong = |problem: &str| Error::Value {
            key: "page",
            problem: problem.to_owned(),
            example: "`{task}` once where the task is to stand, such as `<main>{task}</main>`",
        };
        let text = own.map_or_else(usual, str::to_owned);
        let (before, after) = { text.split_once(PLACE) }
            .ok_or_else(|| wrong("has no `{task}`, so that nobody could solve it"))?;
        if after.contains(PLACE) {
            return Err(wrong("has `{task}` twice"));
        }
        if let Some(place) = inside(before) {
            let problem = format!("has `{PLACE}` in {place}, where nobody could solve it");
            return Err(wrong(&problem));
        }
        let says = |name: &str| {
            ["", "\"", "'"].iter().any(|quote| {
                let part = format!("data-panoply={quote}{name}{quote}");
                text.contains(&part)
            })
        };
        let parts = PARTS.iter().filter(|(name, _)| !says(name));
        let parts: String = parts.map(|(_, part)| *part).collect();
        let no_script = if text.contains("<noscript") {
            ""
        } else {
            NO_SCRIPT
        };
        Ok(Self {
            before: before.to_owned(),
            after: format!(
                "<div role=status aria-live=polite>{parts}</div>{no_script}</div><script>{SCRIPT}</script>{after}"
            ),
            policy: policy(own.is_some()),
        })
    }

    /// The answer of a refusal as a page that solves `task`.
    pub(super) fn answer<B>(
        &self,
        refusal: Refusal,
        request: &Request<B>,
        task: &str,
        bits: u8,
    ) -> Response<Bytes> {
        let mut response = refusal.answer_to(request);
        let id: Option<&RequestId> = request.extensions().get();
        let sends = !matches!(*request.method(), Method::GET | Method::HEAD);
        let page = self.with(task, bits, sends, id);
        let headers = response.headers_mut();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(page.len()));
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        headers.insert(CONTENT_TYPE, html);
        headers.insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        headers.insert(ROBOTS, HeaderValue::from_static("noindex"));
        *response.body_mut() = Bytes::from(page);
        response.extensions_mut().insert(PageOfItsOwn::new());
        response
    }

    fn with(&self, task: &str, bits: u8, sends: bool, id: Option<&RequestId>) -> String {
        // A browser asks before it sends a form again, and may be told no.
        let form = if sends { " data-form=yes" } else { "" };
        let seed = seed(task);
        let (high, low) = seed.split_at(16);
        let half = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0, |all, byte| all << 8 | u128::from(*byte))
        };
        let seed = format!("{:032x}{:032x}", half(high), half(low));
        let id = id.map_or_else(|| "-".to_owned(), RequestId::to_string);
        let [before, after] = [&self.before, &self.after].map(|text| text.replace(ID, &id));
        // A sealed text has letters, digits, `.`, `-` and `_`.
        format!(
            "{before}<div data-at=\"{CHALLENGE_PATH}\" data-task=\"{task}\" data-seed=\"{seed}\" \
             data-bits=\"{bits}\"{form}>{after}"
        )
    }
}

/// The page of a site that has none of its own.
fn usual() -> String {
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width\"><meta name=robots content=noindex>\
         <title>One moment</title><style>{STYLE}</style><main><h1>One moment, please</h1>\
         <p>This site is making sure that it is a browser that asks. Yours is solving a small task for it, and the page \
         will load by itself.</p>{PLACE}<p><small>Request {ID}</small></p></main></html>\n"
    )
}

/// By hashes, so that nothing else runs in it, whatever the site's own policy allows. To send a form again is to send one.
/// A page of the site's own was written by whoever may write the site, and may look as it likes.
fn policy(is_own: bool) -> HeaderValue {
    let hash = |text: &str| STANDARD.encode(digest(&SHA256, text.as_bytes()));
    let looks = if is_own {
        "style-src 'self' 'unsafe-inline';img-src 'self' data:;font-src 'self' data:".to_owned()
    } else {
        format!("style-src 'sha256-{}'", hash(STYLE))
    };
    let policy = format!(
        "default-src 'none';script-src 'sha256-{}';{looks};connect-src 'self';base-uri 'none';form-action 'self';\
         frame-ancestors 'self'",
        hash(SCRIPT)
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_the_elements_early() {
        assert!(!SCRIPT.contains("</") && !SCRIPT.contains("<!--") && !STYLE.contains("</"));
        let page = Page::new(None).unwrap();
        let policy = page.policy.to_str().unwrap();
        assert!(policy.contains("script-src 'sha256-") && !policy.contains("unsafe"));
    }

    #[test]
    fn a_page_of_the_site_s_own_has_the_words_that_it_has_and_no_other_script() {
        let own = "<html lang=de><title>Moment</title><p data-panoply=\"working\" hidden>Rechnet …</p>{task}\
                   <p>{request_id}<script>alert(1)</script><p data-panoply='away' hidden>Fort.</p>";
        let page = Page::new(Some(own)).unwrap();
        let id = RequestId::from_bytes([7; 12]);
        let text = page.with("v1.a.b", 3, false, Some(&id));
        assert!(text.starts_with("<html lang=de>") && text.ends_with("Fort.</p>"));
        assert!(text.contains("data-task=\"v1.a.b\"") && text.contains("data-bits=\"3\""));
        assert!(text.contains(&format!("<p>{id}<script>")), "{text}");
        for (name, _) in PARTS {
            let count = text.matches(&format!("data-panoply={name}")).count();
            let is_own = ["working", "away"].contains(&name);
            assert_eq!(count, usize::from(!is_own), "{name}");
            assert!(SCRIPT.contains(&format!("'{name}'")), "{name}");
        }
        assert_eq!(text.matches("<noscript>").count(), 1);
        let policy = page.policy.to_str().unwrap();
        let scripts = policy
            .split(';')
            .find(|part| part.starts_with("script-src"));
        assert!(
            scripts.is_some_and(|scripts| !scripts.contains("unsafe") && !scripts.contains("self"))
        );
        assert!(
            policy.contains("style-src 'self' 'unsafe-inline'"),
            "{policy}"
        );
        let bare = Page::new(Some(
            "{task}<noscript>Ohne Skript geht es nicht.</noscript>",
        ));
        assert!(!bare.unwrap().after.contains("needs JavaScript"));
    }

    #[test]
    fn a_page_that_solves_nothing_is_none() {
        for none in [
            "",
            "<p>One moment",
            "{ task }",
            "{task}{task}",
            "<p>One moment<!-- {task} -->",
            "<title>{task}</title>",
            "<main class=\"{task}\"></main>",
        ] {
            let error = Page::new(Some(none)).unwrap_err();
            assert_eq!(error.key(), "page");
            assert!(error.to_string().contains("`{task}` once"), "{error}");
        }
    }
}
