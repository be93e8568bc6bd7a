//! Tests: under which condition they hold.

use std::rc::Rc;

use super::super::facts::{Check, CheckKind, Cond, EVERYWHERE, Loc, Val, Value};
use super::super::ir::{Binary, Expr, ExprKind, Logical};
use super::Interp;

impl Interp<'_> {
    /// When a test holds, and when it does not; nothing where that cannot be.
    pub(super) fn test(&mut self, test: &Expr, scope: u32) -> (Option<Cond>, Option<Cond>) {
        match &test.kind {
            ExprKind::Not(inner) => {
                let (when, unless) = self.test(inner, scope);
                (unless, when)
            }
            ExprKind::Logical(Logical::And, a, b) => {
                let before = self.path.clone();
                let (yes, no) = self.test(a, scope);
                let Some(yes) = yes else {
                    return (None, no);
                };
                self.path = yes;
                let (both, not_second) = self.test(b, scope);
                self.path = before.clone();
                let unless = match (&both, no, not_second) {
                    (_, None, second) => second,
                    (_, first, None) => first,
                    (Some(both), _, _) => self.rest_of(&before, both),
                    (None, ..) => Some(before),
                };
                (both, unless)
            }
            ExprKind::Logical(Logical::Or, a, b) => {
                let before = self.path.clone();
                let (yes, no) = self.test(a, scope);
                let Some(no) = no else {
                    return (yes, None);
                };
                self.path = no;
                let (second, neither) = self.test(b, scope);
                self.path = before.clone();
                let when = match (&neither, yes, second) {
                    (_, None, second) => second,
                    (_, first, None) => first,
                    (Some(neither), _, _) => self.rest_of(&before, neither),
                    (None, ..) => Some(before),
                };
                (when, neither)
            }
            _ => {
                let (from, known) = (self.program.checks.len(), self.next_test);
                let val = self.eval(test, scope);
                let inner = self.next_test;
                let sides = self.split(&val);
                // What other functions compare comes back as a value, whose own tests say more.
                if inner == known && self.next_test > inner && self.frames.len() == 1 {
                    self.tie(from, test);
                }
                sides
            }
        }
    }

    /// Remembers of which test the comparisons from this one on are.
    fn tie(&mut self, from: usize, test: &Expr) {
        let number = self.next_test;
        for check in self.program.checks.iter_mut().skip(from) {
            let is_equal = matches!(check.kind, CheckKind::Equal(_));
            let holds = match &test.kind {
                ExprKind::Binary(Binary::Equal, ..) if is_equal => Some(true),
                ExprKind::Binary(Binary::Unequal, ..) if is_equal => Some(false),
                ExprKind::Call(..) | ExprKind::Index(..) => Some(true),
                _ => None,
            };
            check.test = Some((number, holds));
        }
    }

    /// Where a test of several parts comes out the other way; it is a test of its own, if it is not one of theirs.
    fn rest_of(&mut self, whole: &Cond, part: &Cond) -> Option<Cond> {
        let rest = whole.without(part)?;
        if rest != *whole {
            return Some(rest);
        }
        let test = self.fresh_test();
        let parts = part.tests().iter().map(|(test, _)| *test).collect();
        self.program.compound.push((test, parts));
        whole.and(&Cond::test(EVERYWHERE, test, true))
    }

    /// When a value counts as true, and when not.
    pub(super) fn split(&mut self, val: &Val) -> (Option<Cond>, Option<Cond>) {
        let path = self.path.clone();
        if let Value::Env(name) = &val.v {
            let test = self.env_test(name);
            return (
                path.and(&Cond::test(EVERYWHERE, test, true)),
                path.and(&Cond::test(EVERYWHERE, test, false)),
            );
        }
        let val = val.under(&path);
        let (yes, no) = val.truth();
        if yes & no & path.mask() == 0 {
            return (path.and(&Cond::worlds(yes)), path.and(&Cond::worlds(no)));
        }
        // A choice that an earlier test made: the same test decides here.
        if let Value::OneOf(all) = &val.v {
            let of = |truth: bool| {
                let mut those = all.iter().filter(|(_, val)| val.v.truthy() == Some(truth));
                let first = those.next().map(|(cond, _)| cond.clone());
                (first, those.next().is_some())
            };
            let known = all.iter().all(|(_, val)| val.v.truthy().is_some());
            match (known, of(true), of(false)) {
                (true, (Some(when), false), (Some(unless), _)) => {
                    let rest = path.without(&when).or_else(|| path.and(&unless));
                    return (path.and(&when), rest);
                }
                (true, (Some(when), _), (Some(unless), false)) => {
                    let rest = path.without(&unless).or_else(|| path.and(&when));
                    return (rest, path.and(&unless));
                }
                _ => {}
            }
            // `process.env.X || ''` is as true as the variable is there.
            if let [(_, env), (_, other)] = &**all
                && let (Value::Env(name), Some(false)) = (&env.v, other.v.truthy())
            {
                let test = self.env_test(name);
                return (
                    path.and(&Cond::test(EVERYWHERE, test, true)),
                    path.and(&Cond::test(EVERYWHERE, test, false)),
                );
            }
        }
        let test = self.fresh_test();
        (
            path.and(&Cond::test(yes, test, true)),
            path.and(&Cond::test(no, test, false)),
        )
    }

    fn env_test(&mut self, name: &Rc<str>) -> u32 {
        if let Some(test) = self.env_tests.get(name) {
            return *test;
        }
        let test = self.fresh_test();
        self.env_tests.insert(name.clone(), test);
        test
    }

    /// `a || b`, `a && b`, `a ?? b`.
    pub(super) fn logical(&mut self, op: Logical, a: &Expr, b: &Expr, scope: u32, at: Loc) -> Val {
        let before = self.path.clone();
        let from = self.program.checks.len();
        let first = self.eval(a, scope);
        // `pages[name] || name`: there may be none, and that it is looked for says nothing of the second.
        let is_listed = op != Logical::And
            && matches!(a.kind, ExprKind::Index(..))
            && self.program.checks.len() > from;
        let (when, unless) = if is_listed {
            let test = self.fresh_test();
            self.tie(from, a);
            let side = |holds| before.and(&Cond::test(EVERYWHERE, test, holds));
            (side(true), side(false))
        } else if op == Logical::Coalesce {
            self.nullish(&first)
        } else {
            self.split(&first)
        };
        // Where the first is the answer, and where the second is.
        let (keep, second) = match op {
            Logical::And => (unless, when),
            Logical::Or | Logical::Coalesce => (when, unless),
        };
        let mut all = Vec::new();
        if let Some(keep) = keep {
            let kept = first.under(&keep);
            let kept = kept.alternatives().into_iter().filter(|(_, val)| {
                let truth = val.v.truthy();
                match op {
                    Logical::Or => truth != Some(false),
                    Logical::And => truth != Some(true),
                    Logical::Coalesce => !val.is_nothing(),
                }
            });
            all.extend(kept.filter_map(|(cond, val)| Some((keep.and(&cond)?, val.clone()))));
        }
        if let Some(second) = second {
            self.path = second.clone();
            let val = self.eval(b, scope);
            all.push((second, val));
            self.path = before;
        }
        Val::one_of(all, at)
    }

    /// When a value is there, and when it is `undefined` or `null`.
    fn nullish(&mut self, val: &Val) -> (Option<Cond>, Option<Cond>) {
        let unknown = |it: &Value| matches!(it, Value::Unknown | Value::Env(_) | Value::Request(_));
        let all = val.alternatives();
        if all.iter().any(|(_, val)| unknown(&val.v)) {
            return self.split(val);
        }
        let path = self.path.clone();
        let mask = |nothing: bool| {
            let those = all.iter().filter(|(_, val)| val.is_nothing() == nothing);
            those.fold(0, |mask, (cond, _)| mask | cond.mask())
        };
        (
            path.and(&Cond::worlds(mask(false))),
            path.and(&Cond::worlds(mask(true))),
        )
    }

    /// `a == b`.
    pub(super) fn equal(&mut self, a: &Val, b: &Val, at: Loc) -> Val {
        self.note_equal(a, b);
        self.note_equal(b, a);
        let mut all = Vec::new();
        for (first, a) in a.alternatives() {
            for (second, b) in b.alternatives() {
                let Some(cond) = first.and(&second) else {
                    continue;
                };
                match same(&a.v, &b.v) {
                    Same::Known(same) => all.push((cond, Val::new(Value::Bool(same), at))),
                    Same::In(worlds) => {
                        for (mask, same) in [(worlds, true), (EVERYWHERE & !worlds, false)] {
                            let cond = cond.and(&Cond::worlds(mask));
                            all.extend(cond.map(|cond| (cond, Val::new(Value::Bool(same), at))));
                        }
                    }
                    Same::Unknown => all.push((cond, Val::unknown(at))),
                }
            }
        }
        Val::one_of(all, at)
    }

    fn note_equal(&mut self, a: &Val, b: &Val) {
        // Whether it is there, or switched on: that is no comparison with what somebody keeps.
        if b.is_nothing() || matches!(b.v, Value::Bool(_) | Value::Number(_)) {
            return;
        }
        let with = b.text().map(Rc::from);
        self.note(a, CheckKind::Equal(with));
    }

    /// Remembers that something of the request was looked at.
    pub(super) fn note(&mut self, val: &Val, kind: CheckKind) {
        for of in self.program.requested(val) {
            let (kind, within) = (kind.clone(), self.handler);
            let kind = if of.contains("()") {
                CheckKind::Host
            } else {
                kind
            };
            let of = of.split("()").next().map_or(of.clone(), Rc::from);
            if self.program.checks.len() < 20_000 {
                let test = None;
                let check = Check {
                    of,
                    kind,
                    within,
                    test,
                };
                self.program.checks.push(check);
            }
        }
    }

    /// A comparison, or another operation of two values.
    pub(super) fn binary(&mut self, op: Binary, a: &Expr, b: &Expr, scope: u32, at: Loc) -> Val {
        let first = self.eval(a, scope);
        let second = self.eval(b, scope);
        match op {
            Binary::Add => Self::add(&first, &second, at),
            Binary::Equal => self.equal(&first, &second, at),
            Binary::Unequal => {
                let equal = self.equal(&first, &second, at);
                not(&equal, at)
            }
            Binary::In => {
                self.note(&first, CheckKind::Listed);
                match (first.text(), second.object()) {
                    (Some(key), Some(id)) => match self.obj(id) {
                        Some(obj) if obj.prop(key).is_some() => Val::new(Value::Bool(true), at),
                        Some(obj) if !obj.open => Val::new(Value::Bool(false), at),
                        _ => Val::unknown(at),
                    },
                    _ => Val::unknown(at),
                }
            }
            Binary::Less | Binary::LessEqual | Binary::Greater | Binary::GreaterEqual => {
                self.note(&first, CheckKind::Contains(None));
                let (Value::Number(a), Value::Number(b)) = (&first.v, &second.v) else {
                    return Val::unknown(at);
                };
                let holds = match op {
                    Binary::Less => a < b,
                    Binary::LessEqual => a <= b,
                    Binary::Greater => a > b,
                    _ => a >= b,
                };
                Val::new(Value::Bool(holds), at)
            }
            Binary::Subtract | Binary::Multiply => match (&first.v, &second.v) {
                (Value::Number(a), Value::Number(b)) => {
                    let number = if op == Binary::Subtract { a - b } else { a * b };
                    Val::new(Value::Number(number), at)
                }
                _ => Val::unknown(at),
            },
            Binary::InstanceOf | Binary::Arithmetic => Val::unknown(at),
        }
    }
}

/// `!x`.
pub(super) fn not(val: &Val, at: Loc) -> Val {
    let all = val.alternatives().into_iter().map(|(cond, val)| {
        let v = match val.v.truthy() {
            Some(truth) => Value::Bool(!truth),
            None => Value::Unknown,
        };
        (cond, Val::new(v, at))
    });
    Val::one_of(all, at)
}

/// Whether two values are equal.
enum Same {
    Known(bool),
    /// Equal in these worlds, else not.
    In(u8),
    Unknown,
}

fn same(a: &Value, b: &Value) -> Same {
    match (a, b) {
        (Value::Mode(world), Value::Text(text)) | (Value::Text(text), Value::Mode(world)) => {
            match Value::mode_of(text) {
                Some(of) => Same::Known(of & world != 0),
                None => Same::Unknown,
            }
        }
        (Value::Mode(a), Value::Mode(b)) => Same::Known(a == b),
        (Value::Env(_), Value::Text(text)) | (Value::Text(text), Value::Env(_)) => {
            Value::mode_of(text).map_or(Same::Unknown, Same::In)
        }
        (Value::Text(a), Value::Text(b)) => Same::Known(a == b),
        (Value::Bool(a), Value::Bool(b)) => Same::Known(a == b),
        (Value::Number(a), Value::Number(b)) => Same::Known((a - b).abs() < f64::EPSILON),
        (Value::Object(a), Value::Object(b)) if a == b => Same::Known(true),
        (Value::Undefined | Value::Null, Value::Undefined | Value::Null) => Same::Known(true),
        (
            Value::Undefined | Value::Null,
            Value::Text(_) | Value::Bool(_) | Value::Number(_) | Value::Object(_) | Value::Mode(_),
        )
        | (
            Value::Text(_) | Value::Bool(_) | Value::Number(_) | Value::Object(_) | Value::Mode(_),
            Value::Undefined | Value::Null,
        )
        | (Value::Text(_), Value::Bool(_) | Value::Number(_))
        | (Value::Bool(_) | Value::Number(_), Value::Text(_)) => Same::Known(false),
        _ => Same::Unknown,
    }
}
