//! What guards one request: nearly always one login, but under several names, or none that can be told, it may be that
//! of each.

use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderMap, StatusCode};
use panoply_core::Refusal;
use smallvec::SmallVec;

use super::config::{OnOutage, Otherwise};
use super::layer::Settings;
use super::outcome::{self, Answer, Outcome, Read};
use super::route::By;
use super::steps::{claim, claim_if_login, fail, settle, too_many};
use super::{Attempt, Claim, Denied, LoginGuard, Refused, elsewhere};

/// All of them.
pub(super) type Guards = Vec<Guarding>;

/// One of them, and what it has reserved.
#[derive(Debug)]
pub(super) struct Guarding {
    pub(super) guard: LoginGuard,
    pub(super) settings: Arc<Settings>,
    /// By what it is known to be this login.
    pub(super) by: By,
    /// Whether it is its app that answers: a success that another app tells of is none of its users'.
    pub(super) is_certain: bool,
    pub(super) attempt: Option<Attempt>,
    pub(super) would_refuse: Option<Refused>,
}

/// Those that it is not known whether they are logins, as long as nothing but the end of the path says so.
pub(super) fn may_be_none(guards: &[Guarding]) -> bool {
    guards.iter().all(|one| one.by == By::End)
}

/// Who tries, for each of those for which it is a login: others are left. What another site sends is no try.
pub(super) fn claims(
    guards: &mut Guards,
    parts: &Parts,
    read: Option<Vec<u8>>,
) -> Result<SmallVec<[Claim; 1]>, Refusal> {
    if let Some(refusal) = elsewhere::refusal(parts, read.as_deref()) {
        return Err(refusal);
    }
    let mut claims = SmallVec::new();
    let mut wrong = None;
    let mut copies = std::iter::repeat_n(read, guards.len());
    guards.retain(|one| {
        let read = copies.next().flatten();
        let (guard, settings) = (&one.guard, &*one.settings);
        let claimed = match one.by {
            By::End => claim_if_login(guard, settings, parts, read),
            _ => claim(guard, settings, parts, read.unwrap_or_default()).map(Some),
        };
        let claimed = claimed.unwrap_or_else(|refusal| {
            wrong.get_or_insert(refusal);
            None
        });
        let is_login = claimed.is_some();
        claims.extend(claimed);
        is_login
    });
    wrong.map_or(Ok(claims), Err)
}

/// Reserves an attempt by each of them; where one refuses, by none.
pub(super) async fn reserve(
    mut guards: Guards,
    claims: SmallVec<[Claim; 1]>,
) -> Result<Guards, Refusal> {
    let mut refusal = None;
    for (number, claim) in claims.into_iter().enumerate() {
        let (before, others) = guards.split_at_mut(number);
        let Some(one) = others.first_mut() else {
            break;
        };
        // What several have in common counts once, by the last of them, and each may refuse it.
        for other in before {
            if other.guard.counts_with(&one.guard) {
                let same = |attempt: &mut Attempt| attempt.who().users() == claim.users();
                give_back(other.attempt.take_if(same)).await;
            }
        }
        match one.guard.claim(claim).await {
            Ok(attempt) => {
                one.settings.away.is_over();
                one.attempt = Some(attempt);
            }
            Err(denied) => refusal = one.denied(denied),
        }
        if refusal.is_some() {
            break;
        }
    }
    let Some(refusal) = refusal else {
        return Ok(guards);
    };
    for one in &mut guards {
        give_back(one.attempt.take()).await;
    }
    Err(refusal)
}

async fn give_back(attempt: Option<Attempt>) {
    if let Some(attempt) = attempt
        && let Err(error) = attempt.give_back().await
    {
        tracing::warn!(%error, "a login that another guard has as well counts as failed");
    }
}

impl Guarding {
    /// What a login is refused with that may not be tried; nothing where it goes on all the same.
    fn denied(&mut self, denied: Denied) -> Option<Refusal> {
        let settings = &self.settings;
        match denied {
            Denied::Refused(refused) => {
                settings.away.is_over();
                tracing::debug!(
                    rule = refused.rule,
                    block = %refused.block,
                    count = refused.count,
                    retry_after_ms = refused.retry_after.map(|time| time.as_millis()),
                    dry_run = settings.dry_run,
                    verdict = "refused",
                    "login"
                );
                if !settings.dry_run {
                    return Some(too_many(&refused));
                }
                refused.tell(&settings.tried);
                self.would_refuse = Some(refused);
            }
            Denied::Store(error) => {
                // Once until it is back: whoever guesses would fill the log.
                if settings.away.begins() {
                    tracing::warn!(%error, "the store is away, logins cannot be counted");
                } else {
                    tracing::debug!(%error, "the store is away, logins cannot be counted");
                }
                if settings.on_outage == OnOutage::Refuse && !settings.dry_run {
                    let status = StatusCode::SERVICE_UNAVAILABLE;
                    let detail = "Logins are not possible at the moment.";
                    let refusal = Refusal::new(status, "login/outage", detail);
                    return Some(refusal.with_retry_after(Duration::from_secs(1)));
                }
            }
        }
        None
    }

    /// Whether the body of an answer has to be looked at.
    pub(super) fn needs_body(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        self.by != By::Head && self.settings.reader.needs_body(status, headers)
    }

    /// How an answer is read.
    pub(super) fn read(&self, answer: &Answer<'_>) -> Read {
        if self.by == By::Head {
            return outcome::read_by_head(answer);
        }
        let read = self.settings.reader.read(answer, &self.settings.route);
        match self.by {
            By::End => outcome::read_by_end(read, answer),
            _ => read,
        }
    }

    /// Tells of an answer to it that is the first of its kind.
    pub(super) fn note(&self, path: &str, status: StatusCode, read: Read) {
        let readings = &self.settings.readings;
        readings.note(path, status, read);
        let names = |attempt: &Attempt| !attempt.who().users().is_empty();
        if !self.attempt.as_ref().is_none_or(names) {
            readings.note_nameless(path, read);
        }
    }

    /// What becomes of its attempt if its answer says neither.
    fn otherwise(&self) -> Otherwise {
        if self.by == By::Head {
            Otherwise::Refund
        } else {
            self.settings.otherwise
        }
    }
}

/// Settles what all of them have reserved by how each has read the answer: the cookie by which the device will be known.
pub(super) async fn settle_all(guards: Guards, reads: SmallVec<[Outcome; 1]>) -> Option<String> {
    let mut cookie = None;
    for (mut one, outcome) in guards.into_iter().zip(reads) {
        let (outcome, otherwise) = match outcome {
            // It says nothing of whoever is named here: nobody may have looked at that.
            Outcome::Success if !one.is_certain => (Outcome::Neither, Otherwise::Refund),
            outcome => (outcome, one.otherwise()),
        };
        if let Some(attempt) = one.attempt.take() {
            let made = settle(attempt, outcome, otherwise).await;
            cookie = cookie.or(made);
        }
    }
    cookie
}

/// Whoever does not wait for the answer is told of all the same.
impl Drop for Guarding {
    fn drop(&mut self) {
        if let Some(attempt) = self.attempt.take() {
            fail(attempt);
        }
    }
}
