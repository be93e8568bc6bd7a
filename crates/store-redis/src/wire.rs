//! What goes to the script and comes back, packed: little-endian, numbers of 64 bits.

use std::net::IpAddr;
use std::time::Duration;

use panoply_core::{
    Action, Block, BlockId, CounterKey, Decision, Moment, Network, Op, Receipt, State, Subject,
};
use redis::Cmd;
use smallvec::SmallVec;

/// What never comes: the script counts in doubles, which are exact up to here.
const NEVER: i64 = 1 << 53;
/// The largest count.
const MOST: i64 = NEVER - 1;
/// The bytes of an operation without its note.
const OPERATION: usize = 2 + 8 * 8;

/// The names of keys, all of which a cluster keeps in one place.
#[derive(Debug, Clone)]
pub(crate) struct Names(String);

impl Names {
    pub(crate) fn new(prefix: &str) -> Self {
        Self(format!("{{{prefix}}}:"))
    }

    /// What every key begins with.
    pub(crate) fn root(&self) -> &str {
        &self.0
    }

    pub(crate) fn blocks(&self) -> Vec<u8> {
        [self.0.as_bytes(), b"blocks"].concat()
    }
}

/// The call that makes a decision.
pub(crate) fn decide(names: &Names, script: &str, ops: &[Op<'_>]) -> Cmd {
    let members = ops.iter().filter(|op| op.action.member().is_some()).count();
    let keys = 1 + ops.len() + members;
    let size = keys * (names.0.len() + 24) + ops.len() * (OPERATION + 48) + 64;
    let mut cmd = Cmd::with_capacity(3 + keys + ops.len(), size);
    cmd.arg("EVALSHA").arg(script).arg(keys);
    let mut bytes = names.blocks();
    cmd.arg(bytes.as_slice());
    for op in ops {
        for key in std::iter::once(op.key).chain(op.action.member()) {
            bytes.truncate(names.0.len());
            bytes.push(b'c');
            bytes.extend(key.to_bits().to_be_bytes());
            cmd.arg(bytes.as_slice());
        }
    }
    for op in ops {
        bytes.clear();
        operation(&mut bytes, op);
        cmd.arg(bytes.as_slice());
    }
    cmd
}

fn operation(bytes: &mut Vec<u8>, op: &Op<'_>) {
    let (action, a, b, c) = action(op);
    let (rule, lock) = (op.rule, op.rule.locks());
    let flags = u8::from(op.action.member().is_some()) + 2 * u8::from(lock.is_some());
    let longest = lock.map_or(Some(Duration::ZERO), |lock| lock.most());
    let shortest = lock.map_or(Some(Duration::ZERO), |lock| lock.first());
    bytes.extend([action, flags]);
    for number in [
        count(rule.points()),
        count(rule.threshold()),
        period(rule.window()),
        period(shortest),
        period(longest),
        a,
        b,
        c,
    ] {
        bytes.extend(number.to_le_bytes());
    }
    // A network's length stands behind its address.
    let (kind, address, bits) = match op.subject {
        Subject::Client(address) => (1, Some(address), None),
        Subject::UserFrom(address) => (2, Some(address), None),
        Subject::User => (3, None, None),
        Subject::Network(network) => (4, Some(network.address()), Some(network.bits())),
        _ => (0, None, None),
    };
    let length = address.map_or(0, |address| if address.is_ipv4() { 4 } else { 16 });
    bytes.extend([kind, length + u8::from(bits.is_some())]);
    match address {
        Some(IpAddr::V4(address)) => bytes.extend(address.octets()),
        Some(IpAddr::V6(address)) => bytes.extend(address.octets()),
        None => {}
    }
    bytes.extend(bits);
    bytes.extend(rule.name().as_bytes());
}

/// The number of an action and what it needs beside the rule.
fn action(op: &Op<'_>) -> (u8, i64, i64, i64) {
    match op.action {
        Action::Reserve { cost, .. } => (1, cost.into(), 0, 0),
        Action::Refund { cost, receipt, .. } => (
            2,
            cost.into(),
            moment(receipt.window_end),
            receipt.lock_end.map_or(-1, moment),
        ),
        Action::Gcra { cost } => (3, 0, share(op, cost), 0),
        Action::Consume { points, window } => {
            let window = window.map_or(-1, |window| period(Some(window)));
            (4, count(points), window, 0)
        }
        Action::Add { points } => (5, count(points), -1, 0),
        Action::Block { time } => (6, 0, period(time), 0),
        Action::Set {
            count: points,
            window,
        } => (7, count(points), period(window), 0),
        Action::Forget => (9, 0, 0, 0),
        // Looking is what does no harm.
        _ => (8, 0, 0, 0),
    }
}

/// The time that `cost` points of a rate take.
fn share(op: &Op<'_>, cost: u32) -> i64 {
    let window = op
        .rule
        .window()
        .map_or(u128::from(u64::MAX), |window| window.as_micros());
    let points = u128::try_from(op.rule.points()).unwrap_or(0).max(1);
    let share = window.saturating_mul(cost.into()) / points;
    i64::try_from(share).unwrap_or(NEVER).min(NEVER)
}

fn count(points: i64) -> i64 {
    points.clamp(-MOST, MOST)
}

fn period(time: Option<Duration>) -> i64 {
    let micros = time.and_then(|time| i64::try_from(time.as_micros()).ok());
    micros.unwrap_or(NEVER).min(NEVER)
}

fn moment(moment: Moment) -> i64 {
    i64::try_from(moment.as_micros())
        .unwrap_or(NEVER)
        .min(NEVER)
}

fn to_moment(number: i64) -> Moment {
    match u64::try_from(number) {
        Ok(micros) if number < NEVER => Moment::from_micros(micros),
        Ok(_) => Moment::NEVER,
        Err(_) => Moment::ZERO,
    }
}

/// What the script answered; none when it is not what it answers.
pub(crate) fn decision(bytes: &[u8], ops: usize) -> Option<Decision> {
    let mut bytes = bytes;
    let now = to_moment(number(&mut bytes)?);
    let granted = byte(&mut bytes)? != 0;
    let states: Option<SmallVec<[State; 1]>> = (0..ops).map(|_| state(&mut bytes)).collect();
    let states = states.filter(|_| bytes.is_empty())?;
    Some(Decision::new(now, states, granted))
}

fn state(bytes: &mut &[u8]) -> Option<State> {
    let flags = byte(bytes)?;
    let mut state = State::absent();
    state.allowed = flags & 1 != 0;
    state.existed = flags & 2 != 0;
    state.first = flags & 4 != 0;
    state.locked = flags & 8 != 0;
    state.just_locked = flags & 16 != 0;
    state.count = number(bytes)?;
    state.until = to_moment(number(bytes)?);
    let window_end = to_moment(number(bytes)?);
    let lock_end = number(bytes)?;
    let lock_end = (lock_end >= 0).then(|| to_moment(lock_end));
    state.receipt = Receipt::new(window_end, lock_end);
    Some(state)
}

/// A block as the script lists it.
pub(crate) fn block(bytes: &[u8]) -> Option<Block> {
    let (key, mut rest) = bytes.split_first_chunk::<16>()?;
    let key = CounterKey::from_bits(u128::from_be_bytes(*key));
    let count = number(&mut rest)?;
    let left = number(&mut rest)?;
    let left = (left < NEVER).then(|| Duration::from_micros(u64::try_from(left).unwrap_or(0)));
    let (kind, length) = (byte(&mut rest)?, byte(&mut rest)?);
    let (address, rule) = rest.split_at_checked(length.into())?;
    let (address, bits) = match address {
        [address @ .., bits] if kind == 4 => (address, Some(*bits)),
        address => (address, None),
    };
    let four = || <[u8; 4]>::try_from(address).map(IpAddr::from);
    let address = { four() }.or_else(|_| <[u8; 16]>::try_from(address).map(IpAddr::from));
    let network = |address| bits.and_then(|bits| Network::new(address, bits));
    let subject = match (kind, address) {
        (1, Ok(address)) => Subject::Client(address),
        (2, Ok(address)) => Subject::UserFrom(address),
        (3, _) => Subject::User,
        (4, Ok(address)) => network(address).map_or(Subject::Hidden, Subject::Network),
        _ => Subject::Hidden,
    };
    let rule = String::from_utf8_lossy(rule).into_owned();
    Some(Block::new(key, rule, subject, count, left))
}

/// The keys of one id lie between these, both included.
pub(crate) fn keys_of(id: BlockId) -> ([u8; 17], [u8; 17]) {
    (bound(b'[', id, 0), bound(b'[', id, 0xff))
}

/// The keys behind one id lie behind this.
pub(crate) fn behind(id: BlockId) -> [u8; 17] {
    bound(b'(', id, 0xff)
}

fn bound(kind: u8, id: BlockId, rest: u8) -> [u8; 17] {
    let mut bytes = [rest; 17];
    // An id is its 16 digits.
    let high = u64::from_str_radix(&id.to_string(), 16).unwrap_or(u64::MAX);
    let given = std::iter::once(kind).chain(high.to_be_bytes());
    for (place, byte) in bytes.iter_mut().zip(given) {
        *place = byte;
    }
    bytes
}

fn byte(bytes: &mut &[u8]) -> Option<u8> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*first)
}

fn number(bytes: &mut &[u8]) -> Option<i64> {
    let (first, rest) = bytes.split_first_chunk::<8>()?;
    *bytes = rest;
    Some(i64::from_le_bytes(*first))
}

#[cfg(test)]
mod tests {
    use panoply_core::Rule;

    use super::*;

    #[test]
    fn what_never_comes_is_told_both_ways() {
        assert_eq!(moment(Moment::NEVER), NEVER);
        assert_eq!(to_moment(NEVER), Moment::NEVER);
        assert_eq!(
            to_moment(moment(Moment::from_micros(7))),
            Moment::from_micros(7)
        );
        assert_eq!(period(None), NEVER);
        assert_eq!(period(Some(Duration::MAX)), NEVER);
        assert_eq!(count(i64::MIN), -MOST);
    }

    #[test]
    fn an_operation_has_the_length_that_the_script_reads() {
        let rule = Rule::new("a", i64::MAX, Duration::MAX);
        let mut bytes = Vec::new();
        let op = Op::new(
            CounterKey::from_bits(1),
            &rule,
            Action::Gcra { cost: u32::MAX },
        );
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        operation(&mut bytes, &op.about(Subject::UserFrom(address)));
        assert_eq!(bytes[OPERATION..], [2, 4, 192, 0, 2, 1, b'a']);
    }

    #[test]
    fn an_answer_that_is_none_is_not_believed() {
        let mut answer = vec![0; 9 + 33];
        assert!(decision(&answer, 1).is_some());
        assert!(decision(&answer, 2).is_none());
        answer.pop();
        assert!(decision(&answer, 1).is_none());
        for length in 0..34 {
            assert!(block(&vec![0; length]).is_none());
        }
        assert!(
            block(&[255; 34]).is_none(),
            "an address longer than the rest"
        );
    }

    #[test]
    fn bounds_hold_the_keys_of_an_id() {
        let id: BlockId = "00c0ffee00c0ffee".parse().unwrap();
        let (first, last) = keys_of(id);
        assert!(first < last && behind(id)[1..] == last[1..]);
    }
}
