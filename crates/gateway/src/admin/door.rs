//! Who may come in: with a token by header or session, without one only on loopback, and never from
//! another site's page.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::header::{AUTHORIZATION, COOKIE, HOST, HeaderName, ORIGIN};
use http::request::Parts;
use http::{HeaderValue, Method};
use panoply_core::{ClientAddress, Nonce, Scheme, Secret, parse_host};

/// The cookie of whoever has shown the token.
pub(crate) const COOKIE_NAME: &str = "panoply_admin";

/// How long a session lasts.
const SESSION: Duration = Duration::from_hours(12);

/// Sessions at once; the oldest makes room.
const SESSIONS: usize = 16;

/// Wrong tokens of one client in a minute, after which it is not listened to.
const WRONG: u32 = 10;

/// Clients whose wrong tokens are counted; more are not listened to.
const COUNTED: usize = 256;

const MINUTE: Duration = Duration::from_mins(1);

/// Why a request goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// By a name that another site may have pointed here.
    Name,
    /// The listener is open to others, and there is no token any more.
    NoToken,
    /// Another site's page has sent it.
    OtherSite,
    /// Without the token, or with a wrong one.
    Stranger,
    /// Too many wrong ones.
    Guessing,
}

/// Keeps strangers out of one listener.
#[derive(Debug)]
pub(super) struct Door {
    loopback: bool,
    sessions: RefCell<VecDeque<Session>>,
    wrong: RefCell<Wrong>,
}

#[derive(Debug)]
struct Session {
    id: Secret,
    /// Another token ends it.
    token: Secret,
    until: Duration,
}

#[derive(Debug, Default)]
struct Wrong {
    since: Duration,
    by: HashMap<IpAddr, u32>,
}

impl Door {
    pub(super) fn new(bound: SocketAddr) -> Self {
        Self {
            loopback: is_loopback(bound.ip()),
            sessions: RefCell::default(),
            wrong: RefCell::default(),
        }
    }

    /// Whether the request is addressed to us, and from one of our own pages or none.
    pub(super) fn addressed(&self, head: &Parts, token: Option<&Secret>) -> Result<(), Stopped> {
        if token.is_none() && !self.loopback {
            return Err(Stopped::NoToken);
        }
        // With a token another site that has its name point here is a stranger: it has no cookie.
        if token.is_none() && host(head).is_some_and(|host| !is_own_name(host)) {
            return Err(Stopped::Name);
        }
        let navigates = field(head, "sec-fetch-mode") == Some("navigate")
            && field(head, "sec-fetch-dest") == Some("document");
        let opens = matches!(head.method, Method::GET | Method::HEAD) && navigates;
        match field(head, "sec-fetch-site") {
            None | Some("same-origin" | "none") => Ok(()),
            // A link to the page is nothing bad.
            Some(_) if opens => Ok(()),
            Some(_) => Err(Stopped::OtherSite),
        }
    }

    /// Whether whoever asks may see what there is.
    pub(super) fn admitted(
        &self,
        head: &Parts,
        token: Option<&Secret>,
        peer: IpAddr,
        now: Duration,
    ) -> Result<(), Stopped> {
        let Some(token) = token else { return Ok(()) };
        if self.has_session(head, token, now) {
            return Ok(());
        }
        match bearer(head) {
            Some(said) => self.compare(said, token, peer, now),
            None => Err(Stopped::Stranger),
        }
    }

    /// Whether a request that changes something comes from our own page, or brings the token itself.
    pub(super) fn is_own_page(head: &Parts) -> bool {
        let site = field(head, "sec-fetch-site");
        match head.headers.get(ORIGIN) {
            Some(origin) => {
                let origin = origin.to_str().ok().and_then(|text| text.split_once("://"));
                let ours = host(head);
                let same = origin.is_some_and(|(scheme, authority)| {
                    matches!(scheme, "http" | "https")
                        && ours.is_some_and(|ours| ours.eq_ignore_ascii_case(authority))
                });
                same && site.is_none_or(|site| site == "same-origin")
            }
            None => site == Some("same-origin") || bearer(head).is_some(),
        }
    }

    /// Opens a session for whoever knows the token; gives the cookie.
    pub(super) fn open(
        &self,
        said: &str,
        token: &Secret,
        peer: IpAddr,
        now: Duration,
    ) -> Result<HeaderValue, Stopped> {
        self.compare(said, token, peer, now)?;
        let id = Nonce::random().map_err(|_| Stopped::Stranger)?;
        let cookie = format!(
            "{COOKIE_NAME}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}",
            id.as_str(),
            SESSION.as_secs()
        );
        let mut sessions = self.sessions.borrow_mut();
        sessions.retain(|session| session.until > now);
        while sessions.len() >= SESSIONS {
            sessions.pop_front();
        }
        sessions.push_back(Session {
            id: Secret::new(id.as_str().as_bytes().to_vec()),
            token: token.clone(),
            until: now.saturating_add(SESSION),
        });
        HeaderValue::try_from(cookie).map_err(|_| Stopped::Stranger)
    }

    /// Ends the request's session; gives the cookie that says so.
    pub(super) fn close(&self, head: &Parts) -> HeaderValue {
        let said: Vec<_> = cookies(head).map(secret).collect();
        let mut sessions = self.sessions.borrow_mut();
        sessions.retain(|session| !said.contains(&session.id));
        HeaderValue::from_static("panoply_admin=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
    }

    fn has_session(&self, head: &Parts, token: &Secret, now: Duration) -> bool {
        let sessions = self.sessions.borrow();
        // Another server on the same host may have set one of the same name.
        cookies(head).map(secret).any(|said| {
            let known = |session: &Session| {
                session.id == said && session.token == *token && session.until > now
            };
            sessions.iter().any(known)
        })
    }

    fn compare(
        &self,
        said: &str,
        token: &Secret,
        peer: IpAddr,
        now: Duration,
    ) -> Result<(), Stopped> {
        let client = ClientAddress::direct(SocketAddr::new(peer, 0), Scheme::Http).network();
        let mut wrong = self.wrong.borrow_mut();
        if now.saturating_sub(wrong.since) >= MINUTE {
            *wrong = Wrong {
                since: now,
                by: HashMap::new(),
            };
        }
        if wrong.by.get(&client).is_some_and(|count| *count >= WRONG) {
            return Err(Stopped::Guessing);
        }
        if secret(said) == *token {
            return Ok(());
        }
        if wrong.by.len() >= COUNTED && !wrong.by.contains_key(&client) {
            // Whoever has guessed least makes room: many addresses must not shut everybody else out.
            let least = wrong.by.iter().min_by_key(|(_, count)| **count);
            if let Some(least) = least.map(|(client, _)| *client) {
                wrong.by.remove(&least);
            }
        }
        *wrong.by.entry(client).or_default() += 1;
        tracing::warn!(client.ip = %peer, "a wrong token at the admin listener");
        Err(Stopped::Stranger)
    }
}

/// Whether only this machine can connect there.
pub(crate) fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// An address, or a name that always means this machine; any other may be pointed here by a stranger,
/// whose page is then of the same origin (DNS rebinding).
fn is_own_name(host: &str) -> bool {
    let Some(authority) = parse_host(host.as_bytes()) else {
        return false;
    };
    let name = authority.host().trim_matches(['[', ']']);
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name.parse::<IpAddr>().is_ok() || name == "localhost" || name.ends_with(".localhost")
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

/// The host that was asked for: of a target in absolute form the target's.
fn host(head: &Parts) -> Option<&str> {
    let target = head.uri.authority().map(http::uri::Authority::as_str);
    // One that is no text is no name of ours either.
    target.or_else(|| Some(head.headers.get(HOST)?.to_str().unwrap_or("?")))
}

fn bearer(head: &Parts) -> Option<&str> {
    let said = head.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = said.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_start())
}

fn cookies(head: &Parts) -> impl Iterator<Item = &str> {
    let fields = head.headers.get_all(COOKIE).iter();
    let pairs = fields.filter_map(|field| field.to_str().ok());
    let pairs = pairs.flat_map(|field| field.split(';'));
    pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == COOKIE_NAME)
        .map(|(_, value)| value)
        .take(SESSIONS)
}

fn field<'a>(head: &'a Parts, name: &'static str) -> Option<&'a str> {
    let value = head.headers.get(HeaderName::from_static(name))?;
    Some(value.to_str().unwrap_or("?"))
}

#[cfg(test)]
mod tests;
