//! The doors that the fuzzers enter by, and that the tests take with what the fuzzers have kept; in no
//! other build. `fuzz/README.md` says what each is for.

#![allow(clippy::indexing_slicing, reason = "what fails is found")]

use redis::Value;

use crate::address::{Address, Place};
use crate::{sessions, wire};

/// An address: refused without a word of what stands behind its scheme, or one that can be dialled.
pub fn redis_address(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    match Address::parse(text) {
        Ok(address) => {
            if let Place::Tcp(host, port) = &address.place {
                let again = address.at(&format!("{host}:{port}"));
                assert!(again.is_some_and(|again| again.tls == address.tls));
            }
        }
        Err(error) => {
            let said = error.to_string();
            let rest = text.split_once("://").map_or("", |(_, rest)| rest);
            let secret = rest.rsplit_once('@').map_or("", |(login, _)| login);
            let secret = secret.rsplit_once(':').map_or(secret, |(_, secret)| secret);
            if secret.len() >= 12 && said.contains(secret) {
                // The words of the error itself may be taken for a secret: another is told of alike.
                // Its signs stay, which decide what is wrong with it; `f` is a digit behind `%`.
                let letters = secret.replace(|c: char| c.is_alphabetic(), "f");
                let other = text.replace(secret, &letters);
                let other = Address::parse(&other).err().map(|error| error.to_string());
                assert_eq!(other, Some(said));
            }
        }
    }
}

/// What a server answers, as it comes over the wire: what the scripts say of it, or nothing.
pub fn redis_answer(data: &[u8]) {
    if let Ok(value) = redis::parse_redis_value(data) {
        sessions::fuzzing::answer(&value);
        if let Value::BulkString(bytes) = &value {
            let _ = wire::decision(bytes, 1);
            let _ = wire::block(bytes);
        }
    }
    let _ = wire::decision(data, 1);
    if let Some(block) = wire::block(data) {
        let (from, to) = wire::keys_of(block.id());
        assert!(from[1..] <= to[1..]);
    }
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
#[test]
fn what_the_fuzzers_kept_passes() {
    replay::all(&[
        ("redis_address", redis_address),
        ("redis_answer", redis_answer),
    ]);
}
