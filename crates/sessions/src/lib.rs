#![doc = include_str!("../README.md")]

#[cfg(feature = "axum")]
mod axum;
mod config;
mod error;
mod express;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod id;
mod keeper;
mod login_required;
mod middleware;
#[cfg(test)]
#[path = "../../guard/src/said.rs"]
mod said;
mod sealed;
mod session;
mod sessions;

#[cfg(feature = "axum")]
pub use self::axum::{LoggedIn, NoSession, NotLoggedIn};
pub use config::{CookieConfig, OnOutage, Priority, SameSite, Secure, SessionConfig};
pub use error::Error;
pub use express::{CookieSession, CookieSessionRead};
pub use id::user_key;
pub use login_required::{
    LoginRequiredFuture, LoginRequiredLayer, LoginRequiredService, local_path,
};
pub(crate) use middleware::find_cookie;
pub use middleware::{SessionFuture, SessionLayer, SessionService};
pub use sealed::{CookieSealer, Opened};
pub use session::Session;
pub use sessions::Sessions;
