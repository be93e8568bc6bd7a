//! Sessions that an Express app reads and writes too.

mod cookie;
mod cookie_session;
mod document;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use cookie::ExpressCookie;
pub use cookie_session::{CookieSession, CookieSessionRead};
pub(crate) use document::COOKIE;
pub(crate) use store::ExpressStore;
