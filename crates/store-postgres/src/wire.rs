//! What goes to the functions and comes back.

use std::net::IpAddr;
use std::time::Duration;

use panoply_core::{
    Action, Block, BlockId, CounterKey, Decision, Moment, Network, Op, Receipt, State, Subject,
};
use smallvec::SmallVec;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// What never comes is the largest number there is.
const NEVER: i64 = i64::MAX;
/// Numbers of one operation, and of one state.
const STATE: usize = 5;

/// A decision's arguments.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) keys: Vec<Vec<u8>>,
    pub(crate) members: Vec<Vec<u8>>,
    pub(crate) numbers: Vec<i64>,
    pub(crate) rules: Vec<String>,
    pub(crate) subjects: Vec<i32>,
    pub(crate) addresses: Vec<Option<String>>,
}

impl Asked {
    /// What the statement is given.
    pub(crate) fn given(&self) -> [&(dyn ToSql + Sync); 6] {
        [
            &self.keys,
            &self.members,
            &self.numbers,
            &self.rules,
            &self.subjects,
            &self.addresses,
        ]
    }

    pub(crate) fn of(ops: &[Op<'_>]) -> Self {
        let mut asked = Self::default();
        for op in ops {
            let bytes = |key: CounterKey| key.to_bits().to_be_bytes().to_vec();
            asked.keys.push(bytes(op.key));
            asked
                .members
                .push(op.action.member().map(bytes).unwrap_or_default());
            asked.numbers.extend(numbers(op));
            asked.rules.push(op.rule.name().to_owned());
            asked.subjects.push(match op.subject {
                Subject::Client(_) => 1,
                Subject::UserFrom(_) => 2,
                Subject::User => 3,
                Subject::Network(_) => 4,
                _ => 0,
            });
            asked.addresses.push(match op.subject {
                Subject::Network(network) => Some(network.to_string()),
                subject => subject.address().map(|address| address.to_string()),
            });
        }
        asked
    }
}

fn numbers(op: &Op<'_>) -> [i64; 10] {
    let (action, a, b, c) = match op.action {
        Action::Reserve { cost, .. } => (1, cost.into(), 0, 0),
        Action::Refund { cost, receipt, .. } => (
            2,
            cost.into(),
            moment(receipt.window_end),
            receipt.lock_end.map_or(-1, moment),
        ),
        Action::Gcra { cost } => (3, 0, share(op, cost), 0),
        Action::Consume { points, window } => {
            (4, points, window.map_or(-1, |time| period(Some(time))), 0)
        }
        Action::Add { points } => (5, points, -1, 0),
        Action::Block { time } => (6, 0, period(time), 0),
        Action::Set { count, window } => (7, count, period(window), 0),
        Action::Forget => (9, 0, 0, 0),
        // Looking is what does no harm.
        _ => (8, 0, 0, 0),
    };
    let (rule, lock) = (op.rule, op.rule.locks());
    let of_lock = |time: Option<Duration>| if lock.is_some() { period(time) } else { 0 };
    [
        action,
        lock.is_some().into(),
        rule.points(),
        rule.threshold(),
        period(rule.window()),
        of_lock(lock.and_then(|lock| lock.first())),
        of_lock(lock.and_then(|lock| lock.most())),
        a,
        b,
        c,
    ]
}

/// The time that `cost` points of a rate take.
fn share(op: &Op<'_>, cost: u32) -> i64 {
    let window = op.rule.window();
    let window = window.map_or(u128::from(u64::MAX), |window| window.as_micros());
    let points = u128::try_from(op.rule.points()).unwrap_or(0).max(1);
    i64::try_from(window.saturating_mul(cost.into()) / points).unwrap_or(NEVER)
}

pub(crate) fn period(time: Option<Duration>) -> i64 {
    let micros = time.and_then(|time| i64::try_from(time.as_micros()).ok());
    micros.unwrap_or(NEVER)
}

fn moment(moment: Moment) -> i64 {
    i64::try_from(moment.as_micros()).unwrap_or(NEVER)
}

pub(crate) fn to_moment(number: i64) -> Moment {
    match u64::try_from(number) {
        Ok(micros) if number < NEVER => Moment::from_micros(micros),
        Ok(_) => Moment::NEVER,
        Err(_) => Moment::ZERO,
    }
}

/// What the function answered; none when it is not what it answers.
pub(crate) fn decision(numbers: &[i64], ops: usize) -> Option<Decision> {
    let (&[now, granted], states) = numbers.split_first_chunk::<2>()?;
    if states.len() != ops * STATE {
        return None;
    }
    let state = |numbers: &[i64]| {
        let &[flags, count, until, window_end, lock_end] = numbers else {
            return State::absent();
        };
        let mut state = State::absent();
        state.allowed = flags & 1 != 0;
        state.existed = flags & 2 != 0;
        state.first = flags & 4 != 0;
        state.locked = flags & 8 != 0;
        state.just_locked = flags & 16 != 0;
        state.count = count;
        state.until = to_moment(until);
        let lock_end = (lock_end >= 0).then(|| to_moment(lock_end));
        state.receipt = Receipt::new(to_moment(window_end), lock_end);
        state
    };
    let states: SmallVec<[State; 1]> = states.chunks(STATE).map(state).collect();
    Some(Decision::new(to_moment(now), states, granted != 0))
}

/// A block as it is listed.
pub(crate) fn block(row: &Row) -> Option<Block> {
    let key: &[u8] = row.try_get(0).ok()?;
    let key = CounterKey::from_bits(u128::from_be_bytes(key.try_into().ok()?));
    let count: i64 = row.try_get(1).ok()?;
    let lock_end: i64 = row.try_get(2).ok()?;
    let rule: String = row.try_get(3).ok()?;
    let kind: Option<i32> = row.try_get(4).ok()?;
    let address: Option<&str> = row.try_get(5).ok()?;
    let now: i64 = row.try_get(6).ok()?;
    let network = address.and_then(Network::parse);
    let address: Option<IpAddr> = address.and_then(|address| address.parse().ok());
    let subject = match (kind, address) {
        (Some(1), Some(address)) => Subject::Client(address),
        (Some(2), Some(address)) => Subject::UserFrom(address),
        (Some(3), _) => Subject::User,
        (Some(4), _) => network.map_or(Subject::Hidden, Subject::Network),
        _ => Subject::Hidden,
    };
    let left = to_moment(lock_end).since(to_moment(now));
    Some(Block::new(key, rule, subject, count, left))
}

/// The keys of one id lie between these, both included.
pub(crate) fn keys_of(id: BlockId) -> ([u8; 16], [u8; 16]) {
    (bound(id, 0), bound(id, 0xff))
}

fn bound(id: BlockId, rest: u8) -> [u8; 16] {
    // An id is its 16 digits.
    let high = u64::from_str_radix(&id.to_string(), 16).unwrap_or(u64::MAX);
    let low = u64::from_be_bytes([rest; 8]);
    ((u128::from(high) << 64) | u128::from(low)).to_be_bytes()
}
