//! What the shop remembers, all of it in memory and bounded.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use http::{Request, header};

use crate::demo::form;

/// How many comments are kept; the oldest makes room.
pub(in crate::demo) const COMMENTS: usize = 40;
/// The longest comment in bytes; the rest is cut off.
pub(in crate::demo) const COMMENT_BYTES: usize = 2000;
/// The longest name, search, user name or password in bytes.
pub(in crate::demo) const FIELD_BYTES: usize = 500;
/// How many sessions are kept; the oldest makes room.
pub(in crate::demo) const SESSIONS: usize = 1000;

const FIRST_SESSION: u64 = 1001;

/// Comments and sessions.
#[derive(Debug)]
pub(super) struct State {
    pub(super) comments: VecDeque<Comment>,
    pub(super) seen: VecDeque<Seen>,
    sessions: BTreeMap<u64, Session>,
    next_session: u64,
}

/// One entry of the guestbook.
#[derive(Debug)]
pub(super) struct Comment {
    pub(super) name: String,
    pub(super) text: String,
}

/// What the neighbour's script kept of one visit.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) visit: String,
    pub(super) read: String,
    /// Whether the owner's session was sent along.
    pub(super) owner: bool,
}

/// What is known of one visitor.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) owner: bool,
    pub(super) closed: bool,
    pub(super) mugs: u8,
}

/// One request with the session it belongs to.
#[derive(Debug)]
pub(super) struct Visit<'a> {
    request: &'a Request<Bytes>,
    session: u64,
    is_new: bool,
}

impl Default for State {
    fn default() -> Self {
        let comment = |name: &str, text: &str| Comment {
            name: name.into(),
            text: text.into(),
        };
        Self {
            comments: VecDeque::from([
                comment(
                    "Marta",
                    "The blue one survived two house moves and a toddler.",
                ),
                comment("Jun", "Arrived in a day, wrapped in newspaper. Charming."),
            ]),
            seen: VecDeque::new(),
            sessions: BTreeMap::new(),
            next_session: FIRST_SESSION,
        }
    }
}

impl State {
    /// Finds the visitor's session, or gives a new one: the next number, before anyone asked.
    pub(super) fn visit<'a>(&mut self, request: &'a Request<Bytes>) -> Visit<'a> {
        let known = session_number(request).filter(|number| self.sessions.contains_key(number));
        let session = known.unwrap_or_else(|| {
            let number = self.next_session;
            self.next_session = number.wrapping_add(1);
            self.sessions.insert(number, Session::default());
            number
        });
        while self.sessions.len() > SESSIONS {
            self.sessions.pop_first();
        }
        Visit {
            request,
            session,
            is_new: known.is_none(),
        }
    }

    /// The session of `visit`.
    pub(super) fn session(&mut self, visit: &Visit<'_>) -> &mut Session {
        self.sessions.entry(visit.session).or_default()
    }

    /// Adds a comment as it came.
    pub(super) fn comment(&mut self, name: String, text: String) {
        self.comments.push_back(Comment { name, text });
        while self.comments.len() > COMMENTS {
            self.comments.pop_front();
        }
    }

    /// Keeps what the neighbour saw.
    pub(super) fn see(&mut self, seen: Seen) {
        self.seen.push_back(seen);
        while self.seen.len() > COMMENTS {
            self.seen.pop_front();
        }
    }

    #[cfg(test)]
    pub(super) fn sessions(&self) -> usize {
        self.sessions.len()
    }
}

impl Visit<'_> {
    /// A field of the query.
    pub(super) fn query(&self, name: &str) -> String {
        let query = self.request.uri().query().unwrap_or_default();
        form::field(query.as_bytes(), name, FIELD_BYTES)
    }

    /// A field of the form that was sent.
    pub(super) fn sent(&self, name: &str, max: usize) -> String {
        form::field(self.request.body(), name, max)
    }

    /// The number to be told in a cookie, when the visitor came without one that we know.
    pub(super) fn new_session(&self) -> Option<u64> {
        self.is_new.then_some(self.session)
    }
}

/// Reads `connect.sid=s%3A1001`.
fn session_number(request: &Request<Bytes>) -> Option<u64> {
    request
        .headers()
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix("connect.sid=s%3A"))
        .and_then(|number| number.parse().ok())
}
