//! A counter as it waits to be written, and as it stands in its row.

use std::net::IpAddr;

use panoply_core::{CounterKey, Moment, Network, Record, Subject};
use panoply_store_memory::Kept;
use rusqlite::types::ValueRef;

/// Counters to be written, the last state of each key.
pub(crate) type Rows = hashbrown::HashMap<u128, Row>;

/// What is to become of the row of one key.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) record: Option<Record>,
    pub(crate) kind: u32,
    pub(crate) lock: Option<(Box<str>, Subject)>,
}

impl Row {
    pub(crate) fn of(kept: &Kept<'_>) -> Self {
        Self {
            record: kept.record,
            kind: kept.kind,
            lock: kept.lock.map(|(rule, subject)| (rule.into(), subject)),
        }
    }
}

/// Big-endian, so that the database has keys in the order of their numbers.
pub(crate) const fn key_bytes(key: u128) -> [u8; 16] {
    key.to_be_bytes()
}

pub(crate) fn key_of(bytes: ValueRef<'_>) -> Option<CounterKey> {
    let bytes: [u8; 16] = bytes.as_blob().ok()?.try_into().ok()?;
    Some(CounterKey::from_bits(u128::from_be_bytes(bytes)))
}

pub(crate) fn micros(moment: Moment) -> i64 {
    i64::try_from(moment.as_micros()).unwrap_or(i64::MAX)
}

pub(crate) fn moment(micros: i64) -> Moment {
    match u64::try_from(micros) {
        Ok(micros) if micros < i64::MAX.unsigned_abs() => Moment::from_micros(micros),
        Ok(_) => Moment::NEVER,
        Err(_) => Moment::ZERO,
    }
}

/// The subject in words, so that a person who opens the database can read it.
pub(crate) fn subject_text(subject: Subject) -> Option<String> {
    match subject {
        Subject::Client(address) => Some(format!("client {address}")),
        Subject::UserFrom(address) => Some(format!("user from {address}")),
        Subject::User => Some("user".to_owned()),
        Subject::Network(network) => Some(format!("network {network}")),
        _ => None,
    }
}

pub(crate) fn subject_of(text: Option<&str>) -> Subject {
    let Some(text) = text else {
        return Subject::Hidden;
    };
    let address = |prefix: &str| -> Option<IpAddr> { text.strip_prefix(prefix)?.parse().ok() };
    if text == "user" {
        Subject::User
    } else if let Some(address) = address("user from ") {
        Subject::UserFrom(address)
    } else if let Some(network) = text.strip_prefix("network ") {
        Network::parse(network).map_or(Subject::Hidden, Subject::Network)
    } else {
        address("client ").map_or(Subject::Hidden, Subject::Client)
    }
}
