#![doc = include_str!("../README.md")]

mod access;
mod answers;
mod blocklist;
mod challenge;
mod error;
mod exempt;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod insured;
mod limiter;
mod login;
mod names;
mod original;
mod outage;
mod paths;
mod request;
#[cfg(test)]
#[path = "../../guard/src/said.rs"]
mod said;
mod time;
mod tried;

pub use access::{
    AccessConfig, AccessFuture, AccessLayer, AccessService, Satisfy, UserHeaders, forget_meant,
    hash_password, may_take_steps,
};
pub use answers::{AnswerFuture, AnswerLayer, AnswerService, Count, ProbesConfig, Spares};
pub use blocklist::{
    BlockError, BlockFuture, BlockLayer, BlockService, Blocklist, Challenged, Loss, Maintenance,
};
pub use challenge::{
    CHALLENGE_PATH, ChallengeConfig, ChallengeFuture, ChallengeLayer, ChallengeService,
};
pub use error::Error;
pub use insured::{Insured, InsuredConfig};
pub use limiter::{
    Burst, Limiter, LimiterConfig, Lists, Queue, QueueError, Rejection, Standing, Union,
    UnionRejection,
};
pub use login::{
    Attempt, Claim, Denied, Device, GuardedBody, LoginConfig, LoginFuture, LoginGuard, LoginLayer,
    LoginReport, LoginRules, LoginService, LoginVerdict, OnOutage, Otherwise, Outcome, Refused,
    Signs, counter_keys, sends_a_password,
};
pub use paths::{PathRules, PathsFound};
pub use request::{
    Algorithm, LimitConfig, LimitFuture, LimitLayer, LimitService, LimitedUser, ShowHeaders,
};
pub use time::Counter;
