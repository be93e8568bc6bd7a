//! Methods of texts and regular expressions.

use std::rc::Rc;

use regex::bytes::{Regex, RegexBuilder};

use super::super::facts::{CheckKind, Loc, Val, Value};
use super::Interp;

impl Interp<'_> {
    pub(super) fn text_method(&mut self, this: &Val, name: &str, args: &[Val], at: Loc) -> Val {
        let first = args.first();
        if let Value::Regex(pattern) = &this.v {
            return match (name, first) {
                ("test" | "exec", Some(subject)) => {
                    self.note(subject, CheckKind::Matches(Some(pattern.clone())));
                    self.matches(pattern, subject, name == "test", at)
                }
                _ => Val::unknown(at),
            };
        }
        self.note_asked(this, name, first);
        // A value of the environment stays one: `process.env.X.trim()`.
        if let Value::Env(_) = this.v {
            return match name {
                "trim" | "toString" | "toLowerCase" | "toUpperCase" | "replace" => this.clone(),
                "split" => self.any_list(at),
                _ => Val::unknown(at),
            };
        }
        if let (Value::Mode(_), "trim" | "toLowerCase" | "toString") = (&this.v, name) {
            return this.clone();
        }
        let text = match &this.v {
            Value::Text(text) => text.clone(),
            Value::Mode(world) => Rc::from(Value::mode_text(*world)),
            Value::Pieces(_) => {
                return match name {
                    "trim" | "toString" | "toLowerCase" => this.clone(),
                    _ => Val::unknown(at),
                };
            }
            _ => return Val::unknown(at),
        };
        self.known_text_method(&text, this, name, args, at)
    }

    fn known_text_method(
        &mut self,
        text: &Rc<str>,
        this: &Val,
        name: &str,
        args: &[Val],
        at: Loc,
    ) -> Val {
        let first = args.first();
        let other = first.and_then(Val::text);
        let number = |at: usize| match args.get(at).map(|val| &val.v) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        };
        let value = match (name, other) {
            ("startsWith", Some(other)) => Value::Bool(text.starts_with(other)),
            ("endsWith", Some(other)) => Value::Bool(text.ends_with(other)),
            ("includes", Some(other)) => Value::Bool(text.contains(other)),
            ("indexOf", Some(other)) => index(text.find(other)),
            ("lastIndexOf", Some(other)) => index(text.rfind(other)),
            ("concat", _) => {
                let mut whole = this.clone();
                for arg in args {
                    whole = super::expr::concat(&whole, arg, at);
                }
                return whole;
            }
            ("toLowerCase" | "toLocaleLowerCase", _) => Value::text(&text.to_lowercase()),
            ("toUpperCase", _) => Value::text(&text.to_uppercase()),
            ("trim" | "trimEnd" | "trimStart", _) => Value::text(text.trim()),
            ("toString" | "valueOf" | "normalize", _) => Value::Text(text.clone()),
            ("charAt", _) => {
                let at = number(0).unwrap_or(0.0);
                Value::text(slice(text, at, Some(at + 1.0)))
            }
            ("slice", _) => match (number(0), args.len(), number(1)) {
                (Some(from), 1, _) => Value::text(slice(text, from, None)),
                (Some(from), 2, Some(to)) => Value::text(slice(text, from, Some(to))),
                _ => Value::Unknown,
            },
            ("substring", _) => match (number(0), args.len(), number(1)) {
                (Some(from), 1, _) => Value::text(slice(text, from.max(0.0), None)),
                (Some(from), 2, Some(to)) => {
                    Value::text(slice(text, from.max(0.0), Some(to.max(0.0))))
                }
                _ => Value::Unknown,
            },
            ("substr", _) => match (number(0), args.len(), number(1)) {
                (Some(from), 1, _) => Value::text(slice(text, from, None)),
                (Some(from), 2, Some(length)) => {
                    let rest = slice(text, from, None);
                    Value::text(slice(rest, 0.0, Some(length)))
                }
                _ => Value::Unknown,
            },
            ("replace" | "replaceAll", Some(other)) => match args.get(1).and_then(Val::text) {
                Some(with) if name == "replace" => Value::text(&text.replacen(other, with, 1)),
                Some(with) => Value::text(&text.replace(other, with)),
                None => Value::Unknown,
            },
            ("replace", None) => match (first.map(|val| &val.v), args.get(1).and_then(Val::text)) {
                (Some(Value::Regex(pattern)), Some(with)) => match compiled(pattern) {
                    Some(regex) => {
                        let done = regex.replace_all(text.as_bytes(), with.as_bytes());
                        Value::text(&String::from_utf8_lossy(&done))
                    }
                    None => Value::Unknown,
                },
                _ => Value::Unknown,
            },
            ("split", Some(by)) => {
                let parts: Vec<Rc<str>> = if by.is_empty() {
                    text.chars().map(|it| Rc::from(it.to_string())).collect()
                } else {
                    text.split(by).map(Rc::from).collect()
                };
                return self.text_list(parts.into_iter().take(500), at);
            }
            ("match" | "search", _) => {
                return match first.map(|val| &val.v) {
                    Some(Value::Regex(pattern)) => {
                        let pattern = pattern.clone();
                        self.matches(&pattern, this, false, at)
                    }
                    _ => Val::unknown(at),
                };
            }
            _ => Value::Unknown,
        };
        Val::new(value, at)
    }

    /// Remembers how something of the request was looked at.
    pub(super) fn note_asked(&mut self, this: &Val, name: &str, first: Option<&Val>) {
        let with = first.and_then(|val| match &val.v {
            Value::Text(text) | Value::Regex(text) => Some(text.clone()),
            _ => None,
        });
        let kind = match name {
            "startsWith" => CheckKind::Starts(with),
            "charAt" | "at" | "substr" | "substring" | "slice" => CheckKind::Contains(with),
            "includes" | "indexOf" | "endsWith" | "search" => CheckKind::Contains(with),
            "match" => CheckKind::Matches(with),
            _ => return,
        };
        self.note(this, kind);
        // `allowed.includes(url)` where the list is a text, or `base.startsWith(url)`.
        if let Some(first) = first {
            self.note(first, CheckKind::Listed);
        }
    }

    fn matches(&mut self, pattern: &str, subject: &Val, only_whether: bool, at: Loc) -> Val {
        let mut out = Vec::new();
        for (cond, subject) in subject.alternatives() {
            let text = match &subject.v {
                Value::Text(text) => Some(text.clone()),
                Value::Mode(world) => Some(Rc::from(Value::mode_text(*world))),
                _ => None,
            };
            let found = text.and_then(|text| Some(compiled(pattern)?.is_match(text.as_bytes())));
            let v = match (found, only_whether) {
                (Some(found), true) => Value::Bool(found),
                (Some(false), false) => Value::Null,
                _ => Value::Unknown,
            };
            let val = if matches!((found, only_whether), (Some(true), false)) {
                self.any_list(at)
            } else {
                Val::new(v, at)
            };
            out.push((cond, val));
        }
        Val::one_of(out, at)
    }
}

/// A pattern, if it uses nothing that is JavaScript's alone.
pub(super) fn compiled(pattern: &str) -> Option<Regex> {
    let mut builder = RegexBuilder::new(pattern);
    builder.unicode(false).size_limit(1 << 16);
    builder.build().ok()
}

#[expect(clippy::cast_precision_loss, reason = "no text is that long")]
fn index(found: Option<usize>) -> Value {
    Value::Number(found.map_or(-1.0, |at| at as f64))
}

/// A part of a text by JavaScript's indices; ones inside a character give nothing.
fn slice(text: &str, from: f64, to: Option<f64>) -> &str {
    let length = text.len();
    let index = |at: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "it is between zero and the length"
        )]
        let index = if at < 0.0 {
            (length as f64 + at).max(0.0)
        } else {
            at.min(length as f64)
        } as usize;
        index
    };
    let (from, to) = (index(from), to.map_or(length, index));
    text.get(from..to.max(from)).unwrap_or_default()
}
