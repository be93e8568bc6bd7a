//! The Naive Shop: what an app looks like that was never made ready for production.
//!
//! | mistake | where |
//! |---|---|
//! | stored XSS | `guestbook.rs` prints comments raw |
//! | reflected XSS | `search.rs` prints the query raw |
//! | a session cookie without flags, counted upwards, kept at login | `state.rs`, `reply.rs` |
//! | a page that any site may frame | `account.rs` |
//! | a login without a limit, that says which half was wrong, and sends on to wherever it is told | `login.rs` |
//! | a neighbour under the same name, whose script sees what the shop's sees | `blog.rs` |
//! | no check of where a form came from | every POST |
//! | headers that name the software | `reply.rs` |
//!
//! Its own script is a file, as it is in most apps, so that a Content-Security-Policy with
//! `script-src 'self'` stops a stranger's script and not the shop's.

mod account;
mod assets;
mod blog;
mod front;
mod guestbook;
mod login;
mod reply;
mod search;
mod state;

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{Method, Request, Response};

#[cfg(test)]
pub(super) use self::state::{COMMENT_BYTES, COMMENTS, FIELD_BYTES, SESSIONS};
use self::{
    reply::Reply,
    state::{State, Visit},
};

/// The app with all that it remembers.
#[derive(Debug, Default)]
pub(super) struct Shop {
    state: Mutex<State>,
}

/// A page: what is shown or done for one visitor.
type Page = fn(&mut State, &Visit<'_>) -> Reply;

impl Shop {
    /// The answer to one request.
    pub(super) fn handle(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path();
        if let Some(file) = assets::find(path) {
            return file.into_response();
        }
        let Some((read, write)) = route(path) else {
            return reply::not_found().into_response();
        };
        let page = match *request.method() {
            Method::GET | Method::HEAD => read,
            Method::POST => write,
            _ => None,
        };
        let Some(page) = page else {
            return reply::wrong_method(read.is_some(), write.is_some()).into_response();
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let visit = state.visit(request);
        let reply = page(&mut state, &visit);
        reply.with_session(visit.new_session()).into_response()
    }
}

/// The page at `path` for GET and for POST.
fn route(path: &str) -> Option<(Option<Page>, Option<Page>)> {
    Some(match path {
        "/" => (Some(front::show), None),
        "/search" => (Some(search::show), None),
        "/comments" => (None, Some(guestbook::sign)),
        "/comments/clear" => (None, Some(guestbook::clear)),
        "/guestbook" => (Some(guestbook::show), None),
        "/basket" => (None, Some(front::buy)),
        "/price.json" => (Some(front::price), None),
        "/blog" => (Some(blog::show), None),
        "/blog/seen" => (None, Some(blog::see)),
        "/blog/log" => (Some(blog::log), None),
        "/login" => (Some(login::show), Some(login::check)),
        "/logout" => (None, Some(login::leave)),
        "/account" => (Some(account::show), None),
        "/account/close" => (None, Some(account::close)),
        "/account/open" => (None, Some(account::open)),
        _ => return None,
    })
}

#[cfg(test)]
impl Shop {
    /// How many comments and sessions are held, and the bytes of all comments.
    pub(super) fn held(&self) -> (usize, usize, usize) {
        let state = self.state.lock().unwrap();
        let bytes = state
            .comments
            .iter()
            .map(|c| c.name.len() + c.text.len())
            .sum();
        (state.comments.len(), state.sessions(), bytes)
    }
}
