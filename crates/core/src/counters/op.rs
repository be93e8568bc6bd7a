//! What is done to a counter.

use std::net::IpAddr;
use std::time::Duration;

use super::{CounterKey, Receipt, Rule};
use crate::Network;

/// One thing to be done to one counter, as part of a decision.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Op<'a> {
    /// The counter.
    pub key: CounterKey,
    /// What it is held to. The same key always comes with the same rule.
    pub rule: &'a Rule,
    /// Whom a block of this key would stand for.
    pub subject: Subject,
    /// What is done.
    pub action: Action,
    /// Whether the answer may be given before the store has what is done on its disk, see
    /// [`write_behind`](Self::write_behind).
    pub write_behind: bool,
}

impl<'a> Op<'a> {
    /// Does `action` to `key`, held to `rule`.
    pub const fn new(key: CounterKey, rule: &'a Rule, action: Action) -> Self {
        Self {
            key,
            rule,
            subject: Subject::Hidden,
            action,
            write_behind: false,
        }
    }

    /// Takes one point, or refuses the whole decision.
    pub const fn reserve(key: CounterKey, rule: &'a Rule) -> Self {
        Self::new(
            key,
            rule,
            Action::Reserve {
                cost: 1,
                member: None,
            },
        )
    }

    /// Says whom a block of this key stands for, so that people can find it.
    #[must_use]
    pub const fn about(mut self, subject: Subject) -> Self {
        self.subject = subject;
        self
    }

    /// Says that nobody has to wait until this is on a disk: what a crash may lose of it is what the
    /// last second counted. It is for limits of requests, which keep an app from too much. A guess at
    /// a password is counted before it is answered.
    #[must_use]
    pub const fn write_behind(mut self) -> Self {
        self.write_behind = true;
        self
    }

    /// The same, held to another rule.
    #[must_use]
    pub const fn held_to(self, rule: &Rule) -> Op<'_> {
        let Self {
            key,
            rule: _,
            subject,
            action,
            write_behind,
        } = self;
        Op {
            key,
            rule,
            subject,
            action,
            write_behind,
        }
    }
}

/// Whom a block stands for. A client's address is kept in clear, and only while it is blocked; of a
/// user nothing but the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Subject {
    /// Nobody whom a person would know.
    #[default]
    Hidden,
    /// A client, any user.
    Client(IpAddr),
    /// One user name from one client.
    UserFrom(IpAddr),
    /// One user name, any client.
    User,
    /// All clients of a network, any user.
    Network(Network),
}

impl Subject {
    /// The client's address, where there is one; a network is not one client.
    pub const fn address(self) -> Option<IpAddr> {
        match self {
            Self::Client(address) | Self::UserFrom(address) => Some(address),
            Self::Hidden | Self::User | Self::Network(_) => None,
        }
    }
}

/// What is done to a counter.
///
/// [`Reserve`](Self::Reserve) and [`Gcra`](Self::Gcra) are conditions: when one of a decision
/// refuses, nothing of the whole decision is written. The rest are the operations of
/// rate-limiter-flexible, which count whatever comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Takes `cost` points, to be settled later.
    ///
    /// Refused while the key is locked, and, under a rule without a lock, when fewer points are
    /// left. The points that reach the limit lock the key at once; when the lock is over, one more
    /// attempt is let in, which locks it again for longer. A cost of zero only looks.
    Reserve {
        /// How many points.
        cost: u32,
        /// Counts each member once a window: a counter of different user names has the name here.
        member: Option<CounterKey>,
    },
    /// Gives back what a reservation took, and lifts the lock that it made. A window that has ended
    /// since is left as it is.
    Refund {
        /// How many points.
        cost: u32,
        /// The member of the reservation.
        member: Option<CounterKey>,
        /// What the reservation was answered.
        receipt: Receipt,
    },
    /// Takes `cost` of a rate: the rule's points spread evenly over its window, all of them at
    /// once where none was taken for long (the generic cell rate algorithm, ITU-T I.371).
    Gcra {
        /// How many points.
        cost: u32,
    },
    /// Counts `points`, then refuses when there are too many.
    Consume {
        /// How many points.
        points: i64,
        /// A window other than the rule's, if this opens it.
        window: Option<Duration>,
    },
    /// Counts `points` and refuses nothing; negative points are a reward.
    Add {
        /// How many points.
        points: i64,
    },
    /// Locks the key for this long, or for ever, in place of an earlier lock.
    Block {
        /// How long; none means for ever.
        time: Option<Duration>,
    },
    /// Sets the count and opens a window; a lock stays.
    Set {
        /// The count.
        count: i64,
        /// How long the window is; none means for ever.
        window: Option<Duration>,
    },
    /// Only looks.
    Get,
    /// Forgets the counter and its lock.
    Forget,
}

impl Action {
    /// Whether a refusal of this refuses the whole decision.
    pub const fn is_condition(&self) -> bool {
        matches!(self, Self::Reserve { .. } | Self::Gcra { .. })
    }

    /// The member that is counted once a window, if any.
    pub const fn member(&self) -> Option<CounterKey> {
        match self {
            Self::Reserve { member, .. } | Self::Refund { member, .. } => *member,
            _ => None,
        }
    }
}
