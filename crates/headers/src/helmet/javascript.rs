//! How JavaScript takes a value that came from JSON.

use serde_json::Value as Json;

/// Whether `if (value)` holds.
pub(super) fn is_truthy(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::Bool(on) => *on,
        Json::Number(number) => number.as_f64() != Some(0.0),
        Json::String(text) => !text.is_empty(),
        Json::Array(_) | Json::Object(_) => true,
    }
}

/// What `String(value)` gives.
pub(super) fn to_text(value: &Json) -> String {
    match value {
        Json::Null => "null".to_owned(),
        Json::Bool(on) => on.to_string(),
        Json::Number(number) => match number.as_f64() {
            // JavaScript writes 5.0 as 5 and -0 as 0.
            Some(float) if float.fract() == 0.0 && float.abs() < 1e21 => {
                format!("{:.0}", float + 0.0)
            }
            _ => number.to_string(),
        },
        Json::String(text) => text.clone(),
        Json::Array(list) => {
            let text = |value: &Json| match value {
                Json::Null => String::new(),
                value => to_text(value),
            };
            list.iter().map(text).collect::<Vec<_>>().join(",")
        }
        Json::Object(_) => "[object Object]".to_owned(),
    }
}

/// The value as an error message shows it: a text bare, all else as JSON.
pub(super) fn printed(value: &Json) -> String {
    match value {
        Json::String(text) => crate::error::printable(text),
        value => crate::error::printable(&value.to_string()),
    }
}
