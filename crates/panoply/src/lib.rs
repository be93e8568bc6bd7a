#![doc = include_str!("../README.md")]

pub mod pages;
mod stack;
mod suit;
pub mod trace;

pub use panoply_client as client;
pub use panoply_client::ClientConfig;
pub use panoply_cookies as cookies;
pub use panoply_cookies::KeyRing;
pub use panoply_core::{
    BlockId, CertificateSource, ClientAddress, Clock, Connection, CounterStore, ManualClock,
    Network, Nonce, PasswordUser, Refusal, Release, RequestId, Scheme, Secret, SessionStore,
    StoreError, SystemClock, TlsSession,
};
pub use panoply_guard as guard;
pub use panoply_guard::{CookieGuardConfig, CrossSiteConfig};
pub use panoply_headers as headers;
pub use panoply_headers::{Directive, HeadersConfig};

pub use panoply_limits as limits;
pub use panoply_limits::{
    AccessConfig, ChallengeConfig, LimitConfig, LoginConfig, ProbesConfig, Satisfy,
};
pub use panoply_sessions as sessions;
pub use panoply_sessions::{Session, SessionConfig, Sessions};
pub use stack::{Dressed, Guarded, Inside, Outside, Suit, Worn};
pub use suit::{Error, Panoply};

/// The code of the guide is compiled with the examples of the documentation.
#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../../../docs/guides/axum.md")]
struct Guide;

#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../../../docs/guides/from-tower-sessions.md")]
struct GuideFromTowerSessions;
