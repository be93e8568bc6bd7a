//! Who tries to log in, and why they may not.

use std::net::IpAddr;
use std::time::Duration;

use panoply_core::{BlockId, StoreError};

use super::device::Device;
use super::name::{normalised, without_escapes};
use crate::tried::{Told, Tried};

/// Who tries to log in.
#[derive(Debug, Clone)]
pub struct Claim {
    pub(super) client: IpAddr,
    pub(super) users: Vec<String>,
    pub(super) device: Option<Device>,
    is_many: bool,
}

impl Claim {
    /// A client; give [`ClientAddress::network`](panoply_core::ClientAddress::network).
    pub const fn new(client: IpAddr) -> Self {
        Self {
            client,
            users: Vec::new(),
            device: None,
            is_many: false,
        }
    }

    /// Whether the client is known to be many, as an office behind one address: what is counted of it alone, whoever
    /// the user (`login/client`, `login/names`), is not then, unless no user is named. What is counted of a user is.
    #[must_use]
    pub const fn many(mut self, is_many: bool) -> Self {
        self.is_many = is_many;
        self
    }

    /// Whether nothing is counted of the client alone.
    pub(super) const fn spares_client(&self) -> bool {
        self.is_many && !self.users.is_empty()
    }

    /// A user name as it was sent. Given several, as an app might read any of them, each counts.
    #[must_use]
    pub fn user(mut self, name: &str) -> Self {
        let bare = without_escapes(name);
        for name in std::iter::once(name).chain(bare.as_deref()) {
            let name = normalised(name);
            if !name.is_empty() && !self.users.contains(&name) {
                self.users.push(name);
            }
        }
        self
    }

    /// A device cookie that came along.
    #[must_use]
    pub fn device(mut self, device: Option<Device>) -> Self {
        self.device = device;
        self
    }

    /// The client.
    pub const fn client(&self) -> IpAddr {
        self.client
    }

    /// The user names, normalised.
    pub fn users(&self) -> &[String] {
        &self.users
    }

    /// The user name, if there is exactly one.
    pub fn only_user(&self) -> Option<&str> {
        match self.users.as_slice() {
            [user] => Some(user),
            _ => None,
        }
    }
}

/// Why an attempt may not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// Too many failures.
    #[error("too many failed logins")]
    Refused(Refused),
    /// The store could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which rule refused, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// The rule, such as `login/pair`.
    pub rule: &'static str,
    /// The id under which the block is listed.
    pub block: BlockId,
    /// The count.
    pub count: i64,
    /// How much longer; none means until it is released.
    pub retry_after: Option<Duration>,
}

impl Refused {
    /// Says that a login would have been refused, or how many since it was said.
    pub(super) fn tell(&self, tried: &Tried) {
        let (rule, block) = (self.rule, self.block);
        match tried.note(rule) {
            Some(Told::One) => tracing::warn!(
                rule,
                %block,
                "a login would have been refused, but dry_run is on"
            ),
            Some(Told::Many(logins, within)) => tracing::warn!(
                rule,
                %block,
                logins,
                within_s = within.as_secs(),
                "more logins would have been refused, the last by this block, but dry_run is on"
            ),
            None => {}
        }
    }
}
