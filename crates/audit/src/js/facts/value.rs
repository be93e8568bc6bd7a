//! Values as far as they are known.

use std::rc::Rc;

use super::cond::{Cond, DEVELOPMENT, PRODUCTION, TEST};
use super::heap::ObjId;
use crate::js::ir::Span;

/// Bytes of one of the program's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) struct Loc {
    pub(crate) file: u32,
    pub(crate) span: Span,
}

/// A value, and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Val {
    pub(crate) v: Value,
    pub(crate) at: Loc,
}

/// A value, as far as it is known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Anything.
    Unknown,
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    Text(Rc<str>),
    /// A text of which parts are known.
    Pieces(Rc<[Part]>),
    Regex(Rc<str>),
    /// What `NODE_ENV` is in these worlds.
    Mode(u8),
    /// `process.env.NAME`.
    Env(Rc<str>),
    /// What a package gives: `express`, `express:Router`, `helmet:hsts`; `of` is the object that it
    /// was read from, where that is a result of a call.
    External {
        path: Rc<str>,
        of: Option<ObjId>,
    },
    Object(ObjId),
    /// The request (an empty path), or a part of it: `query.next`.
    Request(Rc<str>),
    Response,
    /// `next`.
    Next,
    /// Something that was thrown (an empty path), or a part of it: `stack`.
    Caught(Rc<str>),
    /// One of these, each where its condition holds.
    OneOf(Rc<[(Cond, Val)]>),
}

/// A piece of a text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part {
    Known(Rc<str>),
    Of(Val),
}

/// More alternatives of one value are not told apart.
const MAX_ALTERNATIVES: usize = 8;

impl Val {
    /// A value that was written there.
    pub(crate) const fn new(v: Value, at: Loc) -> Self {
        Self { v, at }
    }

    /// Anything, from there.
    pub(crate) const fn unknown(at: Loc) -> Self {
        Self::new(Value::Unknown, at)
    }

    /// What `NODE_ENV` is.
    pub(crate) fn mode(at: Loc) -> Self {
        let each = [PRODUCTION, DEVELOPMENT, TEST];
        let each = each.map(|world| (Cond::worlds(world), Self::new(Value::Mode(world), at)));
        Self::new(Value::OneOf(Rc::from(each.as_slice())), at)
    }

    /// Each alternative, and when it is that.
    pub(crate) fn alternatives(&self) -> Vec<(Cond, &Self)> {
        match &self.v {
            Value::OneOf(all) => all.iter().map(|(cond, val)| (cond.clone(), val)).collect(),
            _ => vec![(Cond::ALWAYS, self)],
        }
    }

    /// One of these; nested choices become one, equal ones too.
    pub(crate) fn one_of(all: impl IntoIterator<Item = (Cond, Self)>, at: Loc) -> Self {
        let mut flat: Vec<(Cond, Self)> = Vec::new();
        let mut push = |cond: Cond, val: Self| {
            let room = flat.len() < MAX_ALTERNATIVES;
            let same = flat.iter_mut().find(|(_, have)| *have == val);
            match same {
                Some((have, _)) if have.covers(&cond) => {}
                Some((have, _)) if cond.covers(have) => *have = cond,
                Some((have, _)) if have.is_certain() && cond.is_certain() => {
                    *have = Cond::worlds(have.mask() | cond.mask());
                }
                // One side of an unknown test and the other give the same.
                Some((have, _))
                    if Cond::worlds(have.mask()).without(have).as_ref() == Some(&cond) =>
                {
                    *have = Cond::worlds(have.mask());
                }
                _ if room => flat.push((cond, val)),
                _ => {
                    if let Some(last) = flat.last_mut() {
                        *last = (Cond::ALWAYS, Self::unknown(val.at));
                    }
                }
            }
        };
        for (cond, val) in all {
            match &val.v {
                Value::OneOf(inner) => {
                    for (when, val) in inner.iter() {
                        if let Some(both) = cond.and(when) {
                            push(both, val.clone());
                        }
                    }
                }
                _ => push(cond, val),
            }
        }
        match flat.as_slice() {
            [] => Self::unknown(at),
            [(_, only)] => only.clone(),
            _ => Self::new(Value::OneOf(Rc::from(flat)), at),
        }
    }

    /// What is left of it where a condition holds.
    pub(crate) fn under(&self, cond: &Cond) -> Self {
        let Value::OneOf(all) = &self.v else {
            return self.clone();
        };
        if cond.is_always() || all.iter().all(|(when, _)| when.meets(cond)) {
            return self.clone();
        }
        let left = all.iter().filter(|(when, _)| when.meets(cond));
        Self::one_of(left.cloned(), self.at)
    }

    /// What it is in production.
    pub(crate) fn in_production(&self) -> Self {
        self.under(&Cond::worlds(PRODUCTION))
    }

    /// Whether it is true, by world: where it can be, and where it can be false.
    pub(crate) fn truth(&self) -> (u8, u8) {
        let (mut yes, mut no) = (0, 0);
        for (cond, val) in self.alternatives() {
            match val.v.truthy() {
                Some(true) => yes |= cond.mask(),
                Some(false) => no |= cond.mask(),
                None => {
                    yes |= cond.mask();
                    no |= cond.mask();
                }
            }
        }
        (yes, no)
    }

    /// The text that it is, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.v {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The object that it is, if it is one.
    pub(crate) fn object(&self) -> Option<ObjId> {
        match self.v {
            Value::Object(id) => Some(id),
            _ => None,
        }
    }

    /// Whether it is, in all cases, none of `undefined`, `null` and unknown things.
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self.v, Value::Undefined | Value::Null)
    }
}

impl Value {
    /// A text.
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(Rc::from(text))
    }

    /// What a package gives.
    pub(crate) fn external(path: &str) -> Self {
        let path = Rc::from(path);
        Self::External { path, of: None }
    }

    /// Whether it counts as true, if that can be told.
    pub(crate) fn truthy(&self) -> Option<bool> {
        match self {
            Self::Undefined | Self::Null => Some(false),
            Self::Bool(it) => Some(*it),
            Self::Number(it) => Some(*it != 0.0 && !it.is_nan()),
            Self::Text(it) => Some(!it.is_empty()),
            Self::Pieces(parts) => {
                let known = |part: &Part| matches!(part, Part::Known(text) if !text.is_empty());
                parts.iter().any(known).then_some(true)
            }
            Self::Object(id) => (!id.maybe).then_some(true),
            Self::Regex(_) | Self::Mode(_) | Self::Response | Self::Next => Some(true),
            Self::Request(path) if path.is_empty() => Some(true),
            Self::Caught(path) if path.is_empty() => Some(true),
            Self::External { of: None, path } if !path.contains(['(', '.', ':']) => Some(true),
            _ => None,
        }
    }

    /// What `NODE_ENV` is called in a world.
    pub(crate) const fn mode_text(world: u8) -> &'static str {
        match world {
            PRODUCTION => "production",
            TEST => "test",
            _ => "development",
        }
    }

    /// The worlds that a name of an environment stands for, if it does for any.
    pub(crate) fn mode_of(text: &str) -> Option<u8> {
        match text.to_ascii_lowercase().as_str() {
            "production" | "prod" => Some(PRODUCTION),
            "development" | "dev" | "develop" | "local" | "debug" => Some(DEVELOPMENT),
            "test" | "testing" | "ci" => Some(TEST),
            _ => None,
        }
    }
}
