//! Options of a library's call, as they are in production.

use crate::js::facts::{Cond, Loc, PRODUCTION, Program, Val, Value};

/// What an option is.
#[derive(Debug, Clone)]
pub(super) enum Setting {
    /// It is not given.
    Absent,
    /// It cannot be told.
    Unknown,
    /// This, and where that is written.
    Is(Val, Loc),
}

impl Setting {
    /// An option under the first of these names that is given.
    pub(super) fn of(program: &Program, options: &Val, names: &[&str]) -> Self {
        let options = options.in_production();
        let mut found: Option<Self> = None;
        for (_, options) in options.alternatives() {
            let one = Self::of_one(program, options, names);
            found = Some(match (found, one) {
                (None, one) => one,
                (Some(Self::Absent), Self::Absent) => Self::Absent,
                (Some(Self::Is(a, at)), Self::Is(b, _)) => {
                    let both = [(Cond::ALWAYS, a), (Cond::ALWAYS, b)];
                    Self::Is(Val::one_of(both, at), at)
                }
                _ => Self::Unknown,
            });
        }
        found.unwrap_or(Self::Unknown)
    }

    fn of_one(program: &Program, options: &Val, names: &[&str]) -> Self {
        match &options.v {
            Value::Undefined | Value::Null => return Self::Absent,
            Value::Object(_) => {}
            _ => return Self::Unknown,
        }
        for name in names {
            if let Some(prop) = program.prop(options, name) {
                if prop.getter {
                    return Self::Unknown;
                }
                let val = prop.val.in_production();
                return match val.v {
                    Value::Undefined => Self::Absent,
                    Value::Unknown => Self::Unknown,
                    _ => Self::Is(val, prop.at),
                };
            }
        }
        if program.is_open(options) {
            Self::Unknown
        } else {
            Self::Absent
        }
    }

    /// Whether it is, in all cases, something for which this holds.
    pub(super) fn all(&self, holds: impl Fn(&Value) -> bool) -> bool {
        match self {
            Self::Is(val, _) => val.alternatives().iter().all(|(_, val)| holds(&val.v)),
            _ => false,
        }
    }

    /// Whether it is not given, or switched off.
    pub(super) fn is_off(&self) -> bool {
        matches!(self, Self::Absent) || self.all(|val| val.truthy() == Some(false))
    }

    /// Whether it is written down as false.
    pub(super) fn is_false(&self) -> bool {
        self.all(|val| val.truthy() == Some(false))
    }

    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Where it is written.
    pub(super) fn at(&self) -> Option<Loc> {
        match self {
            Self::Is(_, at) => Some(*at),
            _ => None,
        }
    }

    /// Its value.
    pub(super) fn val(&self) -> Option<&Val> {
        match self {
            Self::Is(val, _) => Some(val),
            _ => None,
        }
    }

    /// Its text, where it has only one.
    pub(super) fn text(&self) -> Option<&str> {
        self.val().and_then(Val::text)
    }
}

/// A call's first argument, or nothing given.
pub(super) fn first_or_nothing(args: &[Val], at: Loc) -> Val {
    nth_or_nothing(args, 0, at)
}

/// A call's argument, or nothing given.
pub(super) fn nth_or_nothing(args: &[Val], number: usize, at: Loc) -> Val {
    let nothing = || Val::new(Value::Undefined, at);
    args.get(number).cloned().unwrap_or_else(nothing)
}

/// Texts that a value can be in production, with the condition of each.
pub(super) fn texts(val: &Val) -> Vec<(Cond, &Val)> {
    let all = val.alternatives().into_iter();
    all.filter(|(cond, val)| cond.mask() & PRODUCTION != 0 && matches!(val.v, Value::Text(_)))
        .collect()
}
