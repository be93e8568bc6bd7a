//! What is counted of logins.

use std::time::Duration;

use panoply_core::{Lock, Rule};

use crate::Error;
use crate::time::Counter;

/// The rules of the login guard, each of which may be left out.
///
/// | rule | counts | default | then |
/// |---|---|---|---|
/// | `login/pair` | consecutive failures of one user from one client | 10 in 90 days | locked for an hour, doubling to a day |
/// | `login/client` | failures of one client, any user | 100 a day | blocked for a day |
/// | `login/user` | failures of one user from everywhere, unknown devices | 10 an hour | locked for an hour |
/// | `login/names` | different users that failed from one client | 10 in 10 minutes | blocked for 10 minutes, doubling to a day |
/// | `login/ever` | consecutive failures of one user, ever | off | refused until released |
/// | `login/device` | consecutive failures of a known device | 10 in 90 days | treated as unknown for an hour, doubling to a day |
/// | `login/trust` | successes of one user that forgive failures, and those that make a device known | 10 a day each | the success gives back its own attempt and no more |
///
/// The last one is always there. What is read as a success need not be one: many apps lead whoever is
/// logged in already on to their front page, whatever name and password he sends, and who has an account
/// of his own could have the guesses at another forgiven for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginRules {
    pub(super) pair: Option<Rule>,
    pub(super) client: Option<Rule>,
    pub(super) user: Option<Rule>,
    pub(super) names: Option<Rule>,
    pub(super) ever: Option<Rule>,
    pub(super) device: Option<Rule>,
    pub(super) trust: Rule,
}

pub(super) const PAIR: &str = "login/pair";
pub(super) const CLIENT: &str = "login/client";
pub(super) const USER: &str = "login/user";
pub(super) const NAMES: &str = "login/names";
pub(super) const EVER: &str = "login/ever";
pub(super) const DEVICE: &str = "login/device";
pub(super) const TRUST: &str = "login/trust";

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const TEN_MINUTES: Duration = Duration::from_mins(10);

impl Default for LoginRules {
    fn default() -> Self {
        let pair = |name| Rule::new(name, 10, 90 * DAY).lock(Lock::doubling(HOUR, DAY));
        Self {
            pair: Some(pair(PAIR)),
            client: Some(Rule::new(CLIENT, 100, DAY).lock(Lock::fixed(DAY))),
            user: Some(Rule::new(USER, 10, HOUR).lock(Lock::fixed(HOUR))),
            names: Some(Rule::new(NAMES, 10, TEN_MINUTES).lock(Lock::doubling(TEN_MINUTES, DAY))),
            ever: None,
            device: Some(pair(DEVICE)),
            trust: trust(),
        }
    }
}

fn trust() -> Rule {
    Rule::new(TRUST, 10, DAY)
}

/// A user who is kept out is locked, so that he is found among the blocks and can be released: where no time is
/// said, for as long as the window.
fn locking(rule: Rule) -> Rule {
    match rule.window().filter(|_| rule.locks().is_none()) {
        Some(window) => rule.lock(Lock::fixed(window)),
        None => rule,
    }
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident = $rule:ident, $field:literal;)+) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        ///
        /// When the points or a time are zero, or the longest lock is shorter than the first.
        pub fn $name(mut self, counter: Option<Counter>) -> Result<Self, Error> {
            self.$name = counter.map(|counter| counter.rule($field, $rule)).transpose()?;
            Ok(self)
        }
    )+};
}

impl LoginRules {
    setters! {
        /// Consecutive failures of one user from one client.
        pair = PAIR, "pair";
        /// Failures of one client, whoever the user.
        client = CLIENT, "client";
        /// Different users that failed from one client.
        names = NAMES, "names";
        /// Consecutive failures of one user without an end to the count.
        ever = EVER, "ever";
        /// Consecutive failures of a known device.
        device = DEVICE, "device";
    }

    /// Failures of one user, whoever the client, unless it is a known device. Without a time for the lock it is as
    /// long as the window.
    ///
    /// # Errors
    ///
    /// When the points or a time are zero, or the longest lock is shorter than the first.
    pub fn user(mut self, counter: Option<Counter>) -> Result<Self, Error> {
        let rule = { counter }
            .map(|counter| counter.rule("user", USER))
            .transpose()?;
        self.user = rule.map(locking);
        Ok(self)
    }

    /// No rule at all, to which some are added.
    pub fn none() -> Self {
        Self {
            pair: None,
            client: None,
            user: None,
            names: None,
            ever: None,
            device: None,
            trust: trust(),
        }
    }
}
