//! `auth/no-rate-limit`, seen from outside: wrong logins of a user who does not exist, 15 at most, until
//! something gives way.

mod form;
mod signs;

use http::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use http::{Method, StatusCode};
use panoply_core::{Clock, SystemClock};
use url::Url;

use form::Form;
use signs::{Sign, Told};

use super::client::{Client, Question};
use super::domain::is_loopback;
use super::jar::Jar;
use super::options::{LiveOptions, LoginProbe};
use super::page::Page;
use super::target::Target;
use super::visit::with_cookies;
use crate::error::Error;
use crate::finding::{Confidence, Finding, Place};
use crate::report::Report;
use crate::rules::auth::NO_RATE_LIMIT;

/// More wrong logins are never sent. The article limits ten in a row.
const MOST: usize = 15;

/// Whether logins may be tried at a target, if they are to be.
pub(crate) fn allowed(target: &Target, options: &LiveOptions) -> Result<(), Error> {
    let host = target.host();
    let is_own = is_loopback(host)
        || options
            .owned
            .iter()
            .any(|own| own.eq_ignore_ascii_case(host));
    if options.login.is_none() || is_own {
        return Ok(());
    }
    Err(Error::NotOwned {
        host: host.to_owned(),
    })
}

/// Tries wrong logins at the site of `start`, in which `page` stands.
pub(crate) async fn probe(
    client: &Client,
    start: &Url,
    page: Option<&Page>,
    options: &LiveOptions,
    report: &mut Report,
) {
    let Some(probe) = &options.login else { return };
    let mut jar = Jar::default();
    let Some(form) = form::find(client, &mut jar, start, page, probe).await else {
        let reason = "no login was found; say where it is (`--login-path /login`)";
        report.not_checked(&NO_RATE_LIMIT, reason);
        return;
    };
    if form.action.host_str() != start.host_str() {
        let reason = format!("the login goes to {}; audit that by itself", form.action);
        report.not_checked(&NO_RATE_LIMIT, reason);
        return;
    }
    options
        .progress
        .say(&format!("trying wrong logins at {}", form.action));
    match attempts(client, jar, form.clone(), probe).await {
        Outcome::Limited(sign, after) => {
            tracing::debug!(%sign, after, "logins are limited");
        }
        Outcome::Unlimited(status) => {
            let place = Place::Url(form.action.to_string());
            let message = format!(
                "{MOST} wrong logins of one user in a row are answered alike ({status}), with no limit in sight"
            );
            report
                .push(Finding::new(&NO_RATE_LIMIT, place, message).confidence(Confidence::Likely));
        }
        Outcome::Unclear(reason) => {
            report.not_checked(&NO_RATE_LIMIT, format!("{}: {reason}", form.action));
        }
    }
}

enum Outcome {
    /// There was a sign of a limit, after so many.
    Limited(Sign, usize),
    /// All were answered alike.
    Unlimited(u16),
    /// It cannot be told.
    Unclear(String),
}

async fn attempts(client: &Client, mut jar: Jar, mut form: Form, probe: &LoginProbe) -> Outcome {
    let clock = SystemClock::new();
    let user = made_up(&form);
    let mut first: Option<Told> = None;
    let mut status = 0;
    for number in 1..=MOST {
        // Tokens against forged requests are mostly good for once.
        if number > 1 && !form.others.is_empty() {
            form.renew(client, &mut jar).await;
        }
        let question = question(&form, &user, probe);
        let before = clock.monotonic();
        let answer = match with_cookies(client, &mut jar, question).await {
            Ok(answer) => answer,
            Err(failure) => {
                return Outcome::Unclear(format!("attempt {number}: {}", failure.told()));
            }
        };
        let took = clock.monotonic().saturating_sub(before);
        let mut told = Told::new(&answer, took);
        // What went wrong mostly stands on the page to which it leads back.
        if let Some(Ok(next)) = answer.redirect()
            && next.host_str() == form.action.host_str()
            && let Ok(page) = with_cookies(client, &mut jar, Question::page(&next)).await
        {
            told.led_to(&next, &page);
        }
        if let Some(sign) = told.sign(first.as_ref()) {
            return Outcome::Limited(sign, number);
        }
        if let Some(reason) = told.unclear(&form.page) {
            return Outcome::Unclear(reason);
        }
        status = answer.status.as_u16();
        first.get_or_insert(told);
    }
    Outcome::Unlimited(status)
}

/// A user who does not exist.
fn made_up(form: &Form) -> String {
    let name = format!("panoply-audit-{}", random());
    if form.user_is_mail {
        name + "@example.com"
    } else {
        name
    }
}

fn random() -> String {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).ok();
    format!("{:016x}", u64::from_be_bytes(bytes))
}

fn question(form: &Form, user: &str, probe: &LoginProbe) -> Question {
    let password = format!("wrong-{}", random());
    let question = Question::new(Method::POST, &form.action);
    // A browser says where its form stood; those who refuse foreign forms look at it.
    let origin = form.page.origin().ascii_serialization();
    let question = question.header(http::header::ORIGIN, &origin);
    let question = question.header(http::header::REFERER, form.page.as_str());
    let fetched = HeaderName::from_static("sec-fetch-site");
    let question = question.header(fetched, "same-origin");
    if probe.json {
        let fields = [(&form.user, user), (&form.password, &password)];
        let fields = fields.map(|(name, value)| (name.clone(), value.into()));
        let body = serde_json::Value::Object(fields.into_iter().collect());
        return { question.header(CONTENT_TYPE, "application/json") }
            .header(ACCEPT, "application/json")
            .body(body.to_string());
    }
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(&form.others);
    body.append_pair(&form.user, user);
    body.append_pair(&form.password, &password);
    { question.header(CONTENT_TYPE, "application/x-www-form-urlencoded") }
        .header(ACCEPT, "text/html,*/*;q=0.8")
        .body(body.finish())
}

/// Whether an answer says by its status alone that a login was refused.
fn is_refusal(status: StatusCode) -> bool {
    matches!(status.as_u16(), 401 | 403 | 422)
}
