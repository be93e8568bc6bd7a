//! Express's idea of a client's address.

use serde_json::Value;

use super::Outcome;

pub(crate) fn run(_file: &Value) -> Outcome {
    Outcome::default()
}
