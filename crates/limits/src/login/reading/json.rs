//! JSON, with every value of a key that stands there twice.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::{Field, Unreadable};

/// The values at `field`.
///
/// What cannot be parsed is refused and not passed on: JavaScript takes lone surrogates and any
/// depth, so that a name could stand in what only the app can read.
pub(super) fn names(body: &[u8], field: &Field, names: &mut Vec<String>) -> Result<(), Unreadable> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let walk = Walk {
        path: &mut Vec::new(),
        field,
        names,
    };
    walk.deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|_| Unreadable::Malformed)
}

/// Walks a document without building it.
struct Walk<'a> {
    path: &'a mut Vec<String>,
    field: &'a Field,
    names: &'a mut Vec<String>,
}

impl Walk<'_> {
    fn leaf(self, value: impl fmt::Display) {
        if self.field.holds(self.path) {
            self.names.push(value.to_string());
        }
    }

    fn deeper(&mut self) -> Walk<'_> {
        Walk {
            path: self.path,
            field: self.field,
            names: self.names,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.leaf(value);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.leaf(value);
        Ok(())
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "JavaScript knows no other numbers"
    )]
    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.leaf(Number(value as f64));
        Ok(())
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "JavaScript knows no other numbers"
    )]
    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.leaf(Number(value as f64));
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.leaf(Number(value));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let mut number = 0_usize;
        loop {
            self.path.push(number.to_string());
            let more = list.next_element_seed(self.deeper())?.is_some();
            self.path.pop();
            if !more {
                return Ok(());
            }
            number += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key.len() > 64 * 1024 {
                return Err(A::Error::custom("a key that is too long"));
            }
            self.path.push(key);
            let value = map.next_value_seed(self.deeper());
            self.path.pop();
            value?;
        }
        Ok(())
    }
}

/// A number as JavaScript writes it (ECMA-262 §6.1.6.1.20).
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number) = *self;
        let size = number.abs();
        if size == 0.0 {
            // There is no sign before it.
            f.write_str("0")
        } else if !(1e-6..1e21).contains(&size) {
            let text = format!("{number:e}");
            match text.split_once('e') {
                Some((digits, power)) if !power.starts_with('-') => write!(f, "{digits}e+{power}"),
                _ => f.write_str(&text),
            }
        } else {
            write!(f, "{number}")
        }
    }
}
