#![doc = include_str!("../README.md")]

mod app_time;
mod body_too_long;
mod caused_elsewhere;
mod client_address;
mod clock;
mod connection;
mod counters;
mod files;
mod host;
mod host_names;
mod keep_private;
mod kept_credentials;
mod networks;
mod nonce;
mod password_user;
mod path_index;
mod random;
mod refusal;
mod refused_or;
mod request_id;
mod said_methods;
mod secret;
mod sessions;
mod site_origin;
pub mod spelling;
mod time_text;
mod told_once;
mod unindexed;

pub use app_time::AppTime;
pub use body_too_long::BodyTooLong;
pub use caused_elsewhere::CausedElsewhere;
pub use client_address::{ClientAddress, Scheme};
pub use clock::{Clock, ManualClock, SystemClock};
pub use connection::{CertificateSource, ClientCertificate, Connection, TlsSession};
pub use counters::{
    Action, Block, BlockId, CounterKey, CounterKeys, CounterStore, Decision, Lock, Moment, Op,
    Receipt, Record, Release, Reply, Rule, State, StoreError, Subject,
};
pub use files::{read_file, read_text_file};
pub use host::{is_host, parse_host};
pub use host_names::{HostName, HostNames};
pub use keep_private::keep_private;
pub use kept_credentials::KeptCredentials;
pub use networks::{Network, Networks, UnknownNetwork};
pub use nonce::Nonce;
pub use password_user::PasswordUser;
pub use path_index::PathIndex;
pub use refusal::{AskedForm, OwnPage, PageOfItsOwn, Refusal};
pub use refused_or::RefusedOr;
pub use request_id::RequestId;
pub use said_methods::said_methods;
pub use secret::Secret;
pub use sessions::{
    Committed, Cycle, Destroy, LiveSession, Loaded, OldKey, SessionChange, SessionDocument,
    SessionDocuments, SessionFingerprint, SessionInfo, SessionKey, SessionRecord, SessionSlot,
    SessionStamp, SessionStore, SessionValues, UserChange, UserKey,
};
pub use site_origin::SiteOrigin;
pub use time_text::TimeText;
pub use told_once::ToldOnce;
pub use unindexed::unindexed;
