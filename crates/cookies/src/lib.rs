#![doc = include_str!("../README.md")]

mod date;
mod error;
mod express;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod keys;
mod pairs;
mod ring_file;
mod seal;
mod set_cookie;

pub use error::Error;
pub use express::{CookieSessionSignature, ExpressSecret, ExpressSecrets, decode, encode};
pub use keys::{KeyId, KeyRing};
pub use pairs::{Pair, pairs};
pub use seal::{Opened, Sealer};
pub use set_cookie::{Prefix, SameSite, SetCookie};
