//! What a login goes through: who tries, what is answered to whom may not, how it is settled.

use std::error::Error;
use std::time::Duration;

use http::StatusCode;
use http::header::{CONTENT_ENCODING, COOKIE};
use http::request::Parts;
use http_body_util::LengthLimitError;
use panoply_core::{BodyTooLong, ClientAddress, Refusal, StoreError};

use super::body::{Coding, decoded};
use super::config::Otherwise;
use super::future::BoxError;
use super::layer::{LoginLayer, Settings};
use super::outcome::Outcome;
use super::password::sends_a_password;
use super::reading::{self, Unreadable};
use super::route::has_credentials;
use super::{Attempt, Claim, LoginGuard, Refused};

/// Who tries, as far as it can be read.
pub(super) fn claim(
    guard: &LoginGuard,
    settings: &Settings,
    parts: &Parts,
    body: Vec<u8>,
) -> Result<Claim, Refusal> {
    let client = client(parts)?;
    let (body, as_sent) = read(parts, body)?;
    named(guard, settings, parts, client, (&body, as_sent.as_deref()))
}

/// The claim of a client by the names in what was read, and in how that came where it was otherwise.
fn named(
    guard: &LoginGuard,
    settings: &Settings,
    parts: &Parts,
    client: &ClientAddress,
    (body, as_sent): (&[u8], Option<&[u8]>),
) -> Result<Claim, Refusal> {
    let names = reading::names(parts, body, as_sent, &settings.field);
    let names = names.map_err(|unreadable| match unreadable {
        Unreadable::Charset => unsupported("The character set of the body is not supported here."),
        Unreadable::Malformed => bad("The body of the login cannot be read."),
        Unreadable::TooMany => bad("The login holds too many user names."),
    })?;
    // WordPress, and who else cleans what it is sent, takes tags out of a name, in a way of its own.
    if names.iter().any(|name| name.contains('<')) {
        return Err(bad("The user name of the login has a `<` in it."));
    }
    let is_many = settings.exempt.contains(client.ip());
    let mut claim = Claim::new(client.network()).many(is_many);
    for name in &names {
        claim = claim.user(name);
    }
    let device_by = |wanted: &str| {
        let cookies = parts.headers.get_all(COOKIE).iter();
        cookies
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == wanted)
            // As many as a browser would send, and a few more.
            .take(4)
            .find_map(|(_, value)| guard.device(value))
    };
    let device = device_by(LoginLayer::DEVICE_COOKIE_BY_HTTPS);
    let device = device.or_else(|| device_by(LoginLayer::DEVICE_COOKIE));
    Ok(claim.device(device))
}

/// The same of what only the end of its path says to be a login, as far as it was read: nobody, unless a password is
/// sent; and of what cannot be read, or is longer than a login, the client alone, since it may be something else.
pub(super) fn claim_if_login(
    guard: &LoginGuard,
    settings: &Settings,
    parts: &Parts,
    body: Option<Vec<u8>>,
) -> Result<Option<Claim>, Refusal> {
    let nameless = || {
        let client = parts.extensions.get::<ClientAddress>()?;
        let is_many = settings.exempt.contains(client.ip());
        Some(Claim::new(client.network()).many(is_many))
    };
    let Some(body) = body else {
        return Ok(nameless());
    };
    let Ok((as_read, as_sent)) = read(parts, body) else {
        return Ok(nameless());
    };
    let query = parts.uri.query().map(str::as_bytes);
    let mut sent = [Some(&*as_read), as_sent.as_deref(), query]
        .into_iter()
        .flatten();
    if !has_credentials(&parts.headers) && !sent.any(sends_a_password) {
        return Ok(None);
    }
    let client = client(parts)?;
    let read = (&*as_read, as_sent.as_deref());
    let claim = named(guard, settings, parts, client, read);
    Ok(claim.ok().or_else(nameless))
}

fn client(parts: &Parts) -> Result<&ClientAddress, Refusal> {
    parts.extensions.get::<ClientAddress>().ok_or_else(|| {
        tracing::error!("a login carries no client address: the client layer must stand before");
        let detail = "The client cannot be told from another.";
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "login/client", detail)
    })
}

/// A body as an app reads it, and how it came where that is otherwise.
pub(super) fn read(parts: &Parts, body: Vec<u8>) -> Result<(Vec<u8>, Option<Vec<u8>>), Refusal> {
    let as_sent = parts
        .headers
        .contains_key(CONTENT_ENCODING)
        .then(|| body.clone());
    let body =
        decoded(&parts.headers, body, LoginLayer::MOST_BODY).map_err(|coding| match coding {
            Coding::TooLong => too_long(),
            Coding::Unknown => unsupported("The encoding of the body is not supported here."),
        })?;
    let as_sent = as_sent.filter(|as_sent| *as_sent != body);
    Ok((body, as_sent))
}

pub(super) fn too_long() -> Refusal {
    let detail = "The body of a login is 64 KiB at most.";
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "login/body", detail)
}

/// Others' bodies, or more of the same client's, take up the room that there is for those that are still coming.
pub(super) fn crowded() -> Refusal {
    let detail = "Too many long logins are being sent. Try again later.";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "login/crowded", detail)
        .with_retry_after(Duration::from_secs(1))
}

pub(super) fn unsupported(detail: &'static str) -> Refusal {
    Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "login/body", detail)
}

pub(super) fn too_slow() -> Refusal {
    let detail = "The body of the login did not arrive in time.";
    Refusal::new(StatusCode::REQUEST_TIMEOUT, "login/slow-body", detail)
}

/// What a login is refused with whose body broke off, be it where that was longer than is taken here.
pub(super) fn broken<E: Into<BoxError>>(error: Option<Box<E>>) -> Refusal {
    let error: Option<BoxError> = error.map(|error| (*error).into());
    let is_at_a_limit = error.is_some_and(|error| {
        let first: &(dyn Error + 'static) = &*error;
        let mut causes = std::iter::successors(Some(first), |&one| one.source());
        causes.any(|one| one.is::<BodyTooLong>() || one.is::<LengthLimitError>())
    });
    if !is_at_a_limit {
        return bad("The body of the login broke off.");
    }
    let detail = "The request's body is larger than this server accepts.";
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "limits/body-bytes", detail)
}

pub(super) fn bad(detail: &'static str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "login/body", detail)
}

pub(crate) fn too_many(refused: &Refused) -> Refusal {
    // A lock without an end is told as a day, like one that is long.
    let after = refused.retry_after.unwrap_or(Duration::from_hours(24));
    let detail = "Too many failed logins. Try again later.";
    Refusal::new(StatusCode::TOO_MANY_REQUESTS, refused.rule, detail)
        .with_retry_after(after)
        .with_block(refused.block)
}

/// The rules that lock out all who share an address.
const OF_AN_ADDRESS: [&str; 2] = ["login/names", "login/client"];

/// Leaves an attempt counted, and tells whom it has locked.
pub(super) fn fail(attempt: Attempt) {
    for (rule, block) in attempt.locks() {
        let client = attempt.who().client();
        if OF_AN_ADDRESS.contains(&rule) {
            tracing::warn!(
                rule,
                %block,
                client.ip = %client,
                "locked after too many failed logins, which shuts out all who come from this address: if that is an \
                 office or a campus, name it in `exempt` of [[login]]; the guesses at each user still count there"
            );
        } else {
            tracing::warn!(rule, %block, client.ip = %client, "locked after too many failed logins");
        }
    }
    attempt.fail();
}

/// Settles an attempt: the cookie by which the device will be known, if there is one.
pub(super) async fn settle(
    attempt: Attempt,
    outcome: Outcome,
    otherwise: Otherwise,
) -> Option<String> {
    let settled = match (outcome, otherwise) {
        (Outcome::Success, _) => attempt.succeed().await,
        (Outcome::Neither, Otherwise::Refund) => attempt.give_back().await.map(|()| None),
        (Outcome::Failure, _) | (Outcome::Neither, Otherwise::Keep) => {
            fail(attempt);
            Ok(None)
        }
    };
    settled.unwrap_or_else(|error: StoreError| {
        tracing::warn!(%error, "a login could not be settled and counts as failed");
        None
    })
}
