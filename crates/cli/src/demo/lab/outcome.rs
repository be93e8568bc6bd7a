//! What an attack came to, on both doors.

use serde_json::{Value, json};

use super::Both;

/// The longest text that is shown of what was sent or answered.
const SHOWN: usize = 4000;

/// What an attack came to at one door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Side {
    /// Whether the attack got what it wanted; `None` when what was seen does not tell.
    pub(super) fell: Option<bool>,
    /// What was sent.
    pub(super) sent: String,
    /// What was answered.
    pub(super) answered: String,
    /// That, in a sentence.
    pub(super) saw: String,
}

/// What an attack came to.
#[derive(Debug)]
pub(super) struct Outcome {
    sides: Both<Side>,
    /// Headers side by side.
    rows: Vec<Value>,
}

impl From<Both<Side>> for Outcome {
    fn from(sides: Both<Side>) -> Self {
        let rows = Vec::new();
        Self { sides, rows }
    }
}

impl Outcome {
    pub(super) fn with_rows(mut self, rows: Vec<Value>) -> Self {
        self.rows = rows;
        self
    }

    pub(super) fn into_value(self) -> Value {
        let [naked, guarded] = self.sides.map(|side| {
            let verdict = match side.fell {
                Some(true) => "fell",
                Some(false) => "held",
                None => "unclear",
            };
            json!({
                "verdict": verdict,
                "sent": shown(&side.sent),
                "answered": shown(&side.answered),
                "saw": side.saw,
            })
        });
        json!({"naked": naked, "guarded": guarded, "rows": self.rows})
    }
}

fn shown(text: &str) -> String {
    let text = text.trim_end();
    let cut = text.floor_char_boundary(SHOWN);
    let rest = text.len() - cut;
    if rest == 0 {
        return text.to_owned();
    }
    let kept = text.get(..cut).unwrap_or_default();
    format!("{kept}\n… {rest} more bytes")
}
