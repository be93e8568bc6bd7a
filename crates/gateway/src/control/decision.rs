//! Decisions over the socket: those of a gateway that has handed its store over and still has
//! requests to finish.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use panoply_core::{
    Action, CounterKey, Decision, Lock, Moment, Network, Op, Receipt, Rule, State, StoreError,
    Subject,
};
use serde::{Deserialize, Serialize};
use tokio::net::UnixStream;

use super::SOCKET;
use super::message::{Ask, Said, ask_once};

/// Longest for one decision; its request waits for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// An operation that outlives the request that asks for it, and can be said over the socket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OwnedOp {
    key: Key,
    rule: Terms,
    subject: About,
    action: Deed,
}

/// A counter's name, as hexadecimal digits: JSON has no numbers of 128 bits.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Key(String);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Terms {
    name: String,
    points: i64,
    window: Option<Duration>,
    /// The first lock and the longest; none means for ever.
    lock: Option<(Option<Duration>, Option<Duration>)>,
    lock_at: i64,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum About {
    Hidden,
    Client(IpAddr),
    UserFrom(IpAddr),
    User,
    Network(IpAddr, u8),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Deed {
    Reserve(u32, Option<Key>),
    Refund(u32, Option<Key>, u64, Option<u64>),
    Gcra(u32),
    Consume(i64, Option<Duration>),
    Add(i64),
    Block(Option<Duration>),
    Set(i64, Option<Duration>),
    Get,
    Forget,
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Outcome {
    now: u64,
    granted: bool,
    states: Vec<Stand>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stand {
    count: i64,
    /// Allowed, existed, first, locked, just locked.
    flags: [bool; 5],
    until: u64,
    window_end: u64,
    lock_end: Option<u64>,
}

impl From<CounterKey> for Key {
    fn from(key: CounterKey) -> Self {
        Self(key.to_string())
    }
}

impl Key {
    fn read(&self) -> Result<CounterKey, StoreError> {
        let bits = u128::from_str_radix(&self.0, 16);
        bits.map(CounterKey::from_bits)
            .map_err(|error| strange().because(error))
    }
}

fn strange() -> StoreError {
    StoreError::permanent("the gateways do not understand each other")
}

impl OwnedOp {
    /// The same, to be kept.
    ///
    /// # Errors
    ///
    /// When it is of a kind that has no words here.
    pub(crate) fn of(op: &Op<'_>) -> Result<Self, StoreError> {
        let rule = op.rule;
        let action = match op.action {
            Action::Reserve { cost, member } => Deed::Reserve(cost, member.map(Key::from)),
            Action::Refund {
                cost,
                member,
                receipt,
            } => Deed::Refund(
                cost,
                member.map(Key::from),
                receipt.window_end.as_micros(),
                receipt.lock_end.map(Moment::as_micros),
            ),
            Action::Gcra { cost } => Deed::Gcra(cost),
            Action::Consume { points, window } => Deed::Consume(points, window),
            Action::Add { points } => Deed::Add(points),
            Action::Block { time } => Deed::Block(time),
            Action::Set { count, window } => Deed::Set(count, window),
            Action::Get => Deed::Get,
            Action::Forget => Deed::Forget,
            _ => return Err(strange()),
        };
        let subject = match op.subject {
            Subject::Client(address) => About::Client(address),
            Subject::UserFrom(address) => About::UserFrom(address),
            Subject::User => About::User,
            Subject::Network(network) => About::Network(network.address(), network.bits()),
            _ => About::Hidden,
        };
        Ok(Self {
            key: op.key.into(),
            rule: Terms {
                name: rule.name().to_owned(),
                points: rule.points(),
                window: rule.window(),
                lock: rule.locks().map(|lock| (lock.first(), lock.most())),
                lock_at: rule.threshold(),
            },
            subject,
            action,
        })
    }

    fn rule(&self) -> Rule {
        let terms = &self.rule;
        let window = terms.window.unwrap_or_default();
        let mut rule = Rule::new(terms.name.clone(), terms.points, window).lock_at(terms.lock_at);
        if terms.window.is_none() {
            rule = rule.without_window();
        }
        match terms.lock {
            Some((Some(first), Some(most))) => rule.lock(Lock::doubling(first, most)),
            Some(_) => rule.lock(Lock::forever()),
            None => rule,
        }
    }

    fn action(&self) -> Result<Action, StoreError> {
        let member = |key: &Option<Key>| key.as_ref().map(Key::read).transpose();
        Ok(match &self.action {
            Deed::Reserve(cost, key) => Action::Reserve {
                cost: *cost,
                member: member(key)?,
            },
            Deed::Refund(cost, key, window_end, lock_end) => Action::Refund {
                cost: *cost,
                member: member(key)?,
                receipt: Receipt::new(
                    Moment::from_micros(*window_end),
                    lock_end.map(Moment::from_micros),
                ),
            },
            Deed::Gcra(cost) => Action::Gcra { cost: *cost },
            Deed::Consume(points, window) => Action::Consume {
                points: *points,
                window: *window,
            },
            Deed::Add(points) => Action::Add { points: *points },
            Deed::Block(time) => Action::Block { time: *time },
            Deed::Set(count, window) => Action::Set {
                count: *count,
                window: *window,
            },
            Deed::Get => Action::Get,
            Deed::Forget => Action::Forget,
        })
    }
}

/// Calls `decide` with the operations as they were.
///
/// # Errors
///
/// When one of them makes no sense.
pub(crate) fn with_ops<T>(
    owned: &[OwnedOp],
    decide: impl FnOnce(&[Op<'_>]) -> T,
) -> Result<T, StoreError> {
    let rules: Vec<Rule> = owned.iter().map(OwnedOp::rule).collect();
    let ops = owned.iter().zip(&rules).map(|(owned, rule)| {
        let subject = match owned.subject {
            About::Hidden => Subject::Hidden,
            About::Client(address) => Subject::Client(address),
            About::UserFrom(address) => Subject::UserFrom(address),
            About::User => Subject::User,
            About::Network(address, bits) => {
                Network::new(address, bits).map_or(Subject::Hidden, Subject::Network)
            }
        };
        Ok(Op::new(owned.key.read()?, rule, owned.action()?).about(subject))
    });
    let ops = ops.collect::<Result<Vec<_>, StoreError>>()?;
    Ok(decide(&ops))
}

impl From<&Decision> for Outcome {
    fn from(decision: &Decision) -> Self {
        let states = decision.states().iter().map(|state| Stand {
            count: state.count,
            flags: [
                state.allowed,
                state.existed,
                state.first,
                state.locked,
                state.just_locked,
            ],
            until: state.until.as_micros(),
            window_end: state.receipt.window_end.as_micros(),
            lock_end: state.receipt.lock_end.map(Moment::as_micros),
        });
        Self {
            now: decision.now().as_micros(),
            granted: decision.is_granted(),
            states: states.collect(),
        }
    }
}

impl From<Outcome> for Decision {
    fn from(outcome: Outcome) -> Self {
        let states = outcome.states.iter().map(|stand| {
            let mut state = State::absent();
            let [allowed, existed, first, locked, just_locked] = stand.flags;
            (state.allowed, state.existed, state.first) = (allowed, existed, first);
            (state.locked, state.just_locked) = (locked, just_locked);
            state.count = stand.count;
            state.until = Moment::from_micros(stand.until);
            state.receipt = Receipt::new(
                Moment::from_micros(stand.window_end),
                stand.lock_end.map(Moment::from_micros),
            );
            state
        });
        Self::new(
            Moment::from_micros(outcome.now),
            states.collect(),
            outcome.granted,
        )
    }
}

/// Has the gateway that runs on `state` decide.
///
/// # Errors
///
/// When it does not answer, or its store fails.
pub(crate) async fn decide_at(state: &Path, ops: Vec<OwnedOp>) -> Result<Decision, StoreError> {
    let lost = |error: io::Error| {
        StoreError::transient("the gateway that has taken over does not answer").because(error)
    };
    let exchange = async {
        let stream = UnixStream::connect(state.join(SOCKET)).await?;
        let line = ask_once(stream, &Ask::Decide { ops }).await?;
        Ok(serde_json::from_str::<Said>(&line)?)
    };
    match tokio::time::timeout(PATIENCE, exchange).await {
        Ok(Ok(Said::Decided(outcome))) => Ok((*outcome).into()),
        Ok(Ok(Said::Failed { why })) => Err(lost(io::Error::other(why))),
        Ok(Ok(_)) => Err(strange()),
        Ok(Err(error)) => Err(lost(error)),
        Err(_) => Err(lost(io::ErrorKind::TimedOut.into())),
    }
}

#[cfg(test)]
mod tests {
    use panoply_core::{CounterKeys, CounterStore as _};
    use panoply_store_memory::MemoryStore;

    use super::*;

    #[test]
    fn an_operation_and_its_outcome_stay_what_they_are() {
        let hour = Duration::from_hours(1);
        let key = CounterKeys::new([7; 16]).key("login/pair", &[b"ada"]);
        let receipt = Receipt::new(Moment::from_micros(u64::MAX), Some(Moment::from_micros(3)));
        let rules = [
            Rule::new("login/pair", 10, hour).lock(Lock::doubling(hour, 24 * hour)),
            Rule::new("limit", 5, hour).without_window().lock_at(9),
            Rule::new("ever", 5, hour).lock(Lock::forever()),
        ];
        let actions = [
            Action::Reserve {
                cost: 1,
                member: Some(key),
            },
            Action::Refund {
                cost: 2,
                member: None,
                receipt,
            },
            Action::Gcra { cost: 3 },
            Action::Consume {
                points: -4,
                window: Some(hour),
            },
            Action::Add { points: 5 },
            Action::Block { time: None },
            Action::Set {
                count: 6,
                window: None,
            },
            Action::Get,
            Action::Forget,
        ];
        let client = Subject::UserFrom([203, 0, 113, 9].into());
        let network = Subject::Network(Network::parse("2001:db8::/32").unwrap());
        let all = rules
            .iter()
            .flat_map(|rule| actions.map(|action| (rule, action)));
        let all =
            all.flat_map(|(rule, action)| [client, network].map(|about| (rule, action, about)));
        for (rule, action, about) in all {
            let op = Op::new(key, rule, action).about(about);
            let said = serde_json::to_string(&[OwnedOp::of(&op).unwrap()]).unwrap();
            let read: Vec<OwnedOp> = serde_json::from_str(&said).unwrap();
            with_ops(&read, |ops| {
                assert_eq!((ops[0].key, ops[0].action), (op.key, op.action));
                assert_eq!(ops[0].subject, op.subject);
                assert_eq!(ops[0].rule.threshold(), rule.threshold());
                assert_eq!(ops[0].rule.clone().lock_at(0), rule.clone().lock_at(0));
            })
            .unwrap();
        }
        let store = MemoryStore::default();
        let ops = [0, 1].map(|_| Op::reserve(key, &rules[0]));
        let decided = store.decide(&ops[..1]).now().unwrap().unwrap();
        let said = serde_json::to_string(&Outcome::from(&decided)).unwrap();
        let read: Outcome = serde_json::from_str(&said).unwrap();
        assert_eq!(Decision::from(read), decided);
    }
}
