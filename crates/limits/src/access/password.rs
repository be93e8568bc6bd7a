//! Passwords by which a path is there: Basic authentication (RFC 7617), guarded as logins are.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use panoply_core::{ClientAddress, Clock, CounterStore, Refusal, RequestId, Secret, StoreError};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::users::{Users, verify};
use crate::Error;
use crate::login::{Attempt, Claim, Denied, LoginGuard, LoginRules, too_many};
use crate::outage::Outage;
use crate::time::Counter;

/// The rule of its refusals.
const RULE: &str = "access/password";

/// How long a password that was right is taken without another look at it.
const KNOWN_FOR: Duration = Duration::from_hours(1);

/// How many of them are known at once.
const MOST_KNOWN: usize = 1024;

/// How long one waits for its turn to be looked at.
const TURN: Duration = Duration::from_secs(10);

/// How many wait for theirs from one network; more are told at once to come again.
const MOST_WAITING: usize = 128;

/// Of a name and a password, under a key of this process.
type Digest = [u8; 32];

/// What looks at passwords, and how many wrong ones there were.
pub(super) struct Passwords {
    guard: LoginGuard,
    /// Outlives the layer where another follows.
    memory: ArcSwap<Memory>,
    /// From where one is being looked at: one at a time. A page asks for twenty things at once, each with the same
    /// password; and whoever guesses is in nobody's way but his own.
    looks: Mutex<HashMap<IpAddr, Arc<tokio::sync::Mutex<()>>>>,
    /// A look takes a processor for a while, and half of them at most.
    turns: Semaphore,
    clock: Arc<dyn Clock>,
    away: Outage,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords")
            .field("guard", &self.guard)
            .finish_non_exhaustive()
    }
}

/// What was right.
struct Memory {
    key: hmac::Key,
    known: Mutex<HashMap<Digest, Known>>,
}

/// A password that was right.
struct Known {
    until: Duration,
    /// Who said it, and from where.
    who: Digest,
}

/// Whom a request says it is of.
pub(super) struct Said {
    name: String,
    password: String,
}

/// What is asked of a request before it may pass.
pub(super) struct Asked {
    pub(super) client: Option<ClientAddress>,
    pub(super) id: Option<RequestId>,
    /// The tables that its path is in, each with users of its own.
    pub(super) users: Vec<Arc<Users>>,
    pub(super) said: Option<Said>,
}

impl Asked {
    /// By what its client is counted.
    fn network(&self) -> IpAddr {
        let network = self.client.as_ref().map(ClientAddress::network);
        network.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }
}

impl Said {
    #[cfg(test)]
    pub(super) fn is(&self, name: &str, password: &str) -> bool {
        self.name == name && self.password == password
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What a request says by its `Authorization`; nothing where that is none of a name and a password.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(AUTHORIZATION)?.as_bytes();
        let (scheme, rest) = value.split_at_checked(6)?;
        if !scheme.eq_ignore_ascii_case(b"basic ") {
            return None;
        }
        let plain = STANDARD.decode(rest.trim_ascii()).ok()?;
        let plain = String::from_utf8(plain).ok()?;
        let (name, password) = plain.split_once(':')?;
        Some(Self {
            name: name.to_owned(),
            password: password.to_owned(),
        })
    }
}

impl Passwords {
    /// One that counts in `store`.
    pub(super) fn new(
        store: Arc<dyn CounterStore>,
        secret: &Secret,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        // Nobody's device is known here: ten guesses from anywhere would lock the one who knows. And an office in
        // which ten people mistype is not to be locked out of what each of them may see.
        let user = Counter::new(100, Duration::from_hours(1));
        let rules = LoginRules::default().device(None)?.names(None)?;
        let rules = rules.user(Some(user))?;
        let mut key = [0; 32];
        aws_lc_rs::rand::fill(&mut key).map_err(|_| Error::NoRandom)?;
        let memory = Memory {
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            known: Mutex::default(),
        };
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Self {
            guard: LoginGuard::new(store, secret, rules, "[[access]]")?,
            memory: ArcSwap::from_pointee(memory),
            looks: Mutex::default(),
            turns: Semaphore::new(cores.div_ceil(2)),
            clock,
            away: Outage::default(),
        })
    }

    pub(super) const fn guard(&self) -> &LoginGuard {
        &self.guard
    }

    /// Knows what `other` knows, and both go on together: of a hash that has changed nothing is known.
    pub(super) fn begin_with(&self, other: &Self) {
        self.memory.store(other.memory.load_full());
    }

    /// Whether a request may pass without being made to wait: it says what was right a while ago.
    ///
    /// If it says something else in the name of one who is known, he is looked at once more: otherwise one who is
    /// locked out could go on guessing, and would be told by what is known.
    pub(super) fn knows(&self, asked: &Asked) -> bool {
        let (now, memory) = (self.clock.monotonic(), self.memory.load());
        let Some(said) = &asked.said else {
            return false;
        };
        let mut known = lock(&memory.known);
        let is_known = |known: &HashMap<Digest, Known>, users: &Users| {
            let digest = memory.digest(users, asked, said);
            users.has(&said.name) && known.get(&digest).is_some_and(|known| known.until > now)
        };
        let mut own = asked.users.iter().filter(|users| users.has(&said.name));
        if own.any(|users| !is_known(&known, users)) {
            let who = memory.who(asked, said);
            known.retain(|_, known| known.who != who);
        }
        asked.users.iter().all(|users| is_known(&known, users))
    }

    /// Nothing when the request may pass. Whoever goes meanwhile has no part in it: what was begun is looked at to its
    /// end, and counts as what it is.
    pub(super) async fn check(self: Arc<Self>, asked: Asked) -> Option<Refusal> {
        if asked.said.is_none() {
            return Some(unknown());
        }
        let checked = tokio::spawn(async move { self.check_to_its_end(&asked).await });
        checked.await.unwrap_or_else(|_| Some(busy()))
    }

    async fn check_to_its_end(&self, asked: &Asked) -> Option<Refusal> {
        let said = asked.said.as_ref()?;
        let look = Arc::clone(lock(&self.looks).entry(asked.network()).or_default());
        if Arc::strong_count(&look) > MOST_WAITING {
            return Some(busy());
        }
        let looked = match tokio::time::timeout(TURN, look.lock()).await {
            Ok(_alone) => self.look(asked, said).await,
            Err(_) => Some(busy()),
        };
        drop(look);
        // With its last reader it is forgotten.
        lock(&self.looks).retain(|_, look| Arc::strong_count(look) > 1);
        looked
    }

    async fn look(&self, asked: &Asked, said: &Said) -> Option<Refusal> {
        let (own, others): (Vec<_>, Vec<_>) =
            { asked.users.iter() }.partition(|users| users.has(&said.name));
        for users in &own {
            let refused = self.look_among(users, asked, said).await;
            if refused.is_some() {
                return refused;
            }
        }
        // Who has shown who he is, and may go no further, has not guessed.
        match others.first() {
            Some(users) if own.is_empty() => self.look_among(users, asked, said).await,
            Some(_) => Some(unknown()),
            None => None,
        }
    }

    async fn look_among(&self, users: &Users, asked: &Asked, said: &Said) -> Option<Refusal> {
        let memory = self.memory.load_full();
        if memory.knows(users, asked, said, self.clock.monotonic()) {
            return None;
        }
        let claim = Claim::new(asked.network()).many(asked.client.is_none());
        let attempt = match self.guard.claim(claim.user(&said.name)).await {
            Ok(attempt) => attempt,
            Err(Denied::Refused(refused)) => {
                self.away.is_over();
                return Some(too_many(&refused));
            }
            Err(Denied::Store(error)) => return Some(self.is_away(&error)),
        };
        self.away.is_over();
        let Some(turn) = self.turn().await else {
            // It was no attempt.
            let _ = attempt.give_back().await;
            return Some(busy());
        };
        let (hash, password) = (users.hash(&said.name).to_owned(), said.password.clone());
        let verified = tokio::task::spawn_blocking(move || verify(&password, &hash)).await;
        drop(turn);
        if !(verified.unwrap_or(false) && users.has(&said.name)) {
            fail(attempt);
            return Some(unknown());
        }
        memory.know(users, asked, said, self.clock.monotonic());
        // What the store does not take back counts as a failure, as with every login.
        if let Err(error) = attempt.succeed().await {
            tracing::debug!(%error, "the store is away, a password that was right cannot be settled");
        }
        None
    }

    /// A place among those that are looked at; none when that takes too long.
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        let turn = tokio::time::timeout(TURN, self.turns.acquire()).await;
        turn.ok()?.ok()
    }

    fn is_away(&self, error: &StoreError) -> Refusal {
        // Once until it is back: whoever guesses would fill the log.
        if self.away.begins() {
            tracing::warn!(
                %error,
                "the store is away, passwords of [[access]] cannot be counted"
            );
        }
        let detail = "Logins are not possible at the moment.";
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "login/outage", detail)
            .with_retry_after(Duration::from_secs(1))
    }
}

impl Memory {
    /// Whether it was right a while ago. Who is not among the users never is: what is looked at in his place is another's.
    fn knows(&self, users: &Users, asked: &Asked, said: &Said, now: Duration) -> bool {
        let until = || {
            Some(
                lock(&self.known)
                    .get(&self.digest(users, asked, said))?
                    .until,
            )
        };
        users.has(&said.name) && until().is_some_and(|until| until > now)
    }

    fn know(&self, users: &Users, asked: &Asked, said: &Said, now: Duration) {
        let (digest, who) = (self.digest(users, asked, said), self.who(asked, said));
        let mut known = lock(&self.known);
        if known.len() >= MOST_KNOWN {
            known.retain(|_, known| known.until > now);
        }
        if known.len() >= MOST_KNOWN {
            // They are looked at once more.
            known.clear();
        }
        let until = now.saturating_add(KNOWN_FOR);
        known.insert(digest, Known { until, who });
    }

    /// Who says something, and from where.
    fn who(&self, asked: &Asked, said: &Said) -> Digest {
        let network = asked.network().to_string();
        self.signed([&network, &said.name])
    }

    /// By the hash as well: a password that is changed is not known. And by from where it comes.
    fn digest(&self, users: &Users, asked: &Asked, said: &Said) -> Digest {
        let network = asked.network().to_string();
        self.signed([users.hash(&said.name), &network, &said.name, &said.password])
    }

    fn signed<const N: usize>(&self, parts: [&str; N]) -> Digest {
        let mut of = hmac::Context::with_key(&self.key);
        for part in parts {
            of.update(&(part.len() as u64).to_be_bytes());
            of.update(part.as_bytes());
        }
        let mut digest = [0; 32];
        for (to, from) in digest.iter_mut().zip(of.sign().as_ref()) {
            *to = *from;
        }
        digest
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Leaves an attempt counted, and tells whom it has locked.
fn fail(attempt: Attempt) {
    for (rule, block) in attempt.locks() {
        tracing::warn!(
            rule,
            %block,
            client.ip = %attempt.who().client(),
            "locked after too many wrong passwords of [[access]]"
        );
    }
    attempt.fail();
}

/// There is more to look at than there are processors for it.
fn busy() -> Refusal {
    let detail = "This server has more to do than it can at the moment. Try again shortly.";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "access/busy", detail)
        .with_retry_after(Duration::from_secs(1))
}

/// Asks for a name and a password.
fn unknown() -> Refusal {
    let detail = "A user name and a password are needed here.";
    Refusal::new(StatusCode::UNAUTHORIZED, RULE, detail)
}

/// The answer of a refusal; one that asks for a password says so to browsers (RFC 7617 §2).
pub(super) fn answer(
    refusal: Refusal,
    id: Option<RequestId>,
    asked: &HeaderMap,
) -> Response<Bytes> {
    let asks = refusal.status() == StatusCode::UNAUTHORIZED;
    let refusal = match id {
        Some(id) => refusal.with_id(id),
        None => refusal,
    };
    let mut answer = refusal.into_response(asked);
    if asks {
        let realm = HeaderValue::from_static("Basic realm=\"restricted\", charset=\"UTF-8\"");
        answer.headers_mut().insert(WWW_AUTHENTICATE, realm);
    }
    answer
}
