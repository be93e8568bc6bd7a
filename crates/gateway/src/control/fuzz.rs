//! What must hold for a line over the socket.

#![allow(clippy::expect_used, reason = "what fails is found")]

use serde_json::Value;

use super::message::{Ask, Said};

/// A line: refused, or written and read it says the same. Both sides are read.
pub fn control(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    if let Ok(ask) = serde_json::from_str::<Ask>(text) {
        let written = json(&ask);
        let again: Ask = serde_json::from_value(written.clone()).expect("it was written here");
        assert_eq!(json(&again), written);
    }
    if let Ok(said) = serde_json::from_str::<Said>(text) {
        let written = json(&said);
        let again: Said = serde_json::from_value(written.clone()).expect("it was written here");
        assert_eq!(json(&again), written);
    }
}

fn json(message: &impl serde::Serialize) -> Value {
    serde_json::to_value(message).expect("it can be written")
}
