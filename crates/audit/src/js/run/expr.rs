//! Expressions.
//!
//! Long because an expression is one match.

use std::rc::Rc;

use super::super::facts::{Kind, Loc, Part, Prop as FactProp, Val, Value};
use super::super::ir::{Assign, Expr, ExprKind, Item, Key, Logical, Name, Pattern, Prop};
use super::{Flow, Interp};

impl Interp<'_> {
    /// What an expression gives; a function or class in it gets a name, if it has none.
    pub(super) fn eval_named(&mut self, expr: &Expr, scope: u32, name: &str) -> Val {
        match &expr.kind {
            ExprKind::Function(function) if function.name.is_none() => {
                self.closure(function, scope, name)
            }
            _ => self.eval(expr, scope),
        }
    }

    /// What an expression gives.
    pub(super) fn eval(&mut self, expr: &Expr, scope: u32) -> Val {
        let at = self.loc(expr.at);
        if !self.step() {
            return Val::unknown(at);
        }
        self.nested(|it| it.eval_inside(expr, scope, at))
            .unwrap_or_else(|| Val::unknown(at))
    }

    fn eval_inside(&mut self, expr: &Expr, scope: u32, at: Loc) -> Val {
        let value = match &expr.kind {
            ExprKind::Undefined => Value::Undefined,
            ExprKind::Null => Value::Null,
            ExprKind::Bool(it) => Value::Bool(*it),
            ExprKind::Number(it) => Value::Number(*it),
            ExprKind::Text(it) => Value::text(it),
            ExprKind::Regex(it) => Value::Regex(Rc::from(&**it)),
            ExprKind::Template(texts, parts) => return self.template(texts, parts, scope, at),
            ExprKind::Name(name) => return self.name(name, scope, at),
            ExprKind::This => {
                return self
                    .value_of_this(scope)
                    .unwrap_or_else(|| Val::unknown(at));
            }
            ExprKind::Super => {
                return self
                    .lookup(scope, "super")
                    .unwrap_or_else(|| Val::unknown(at));
            }
            ExprKind::Array(items) => {
                let (items, complete) = self.items(items, scope);
                let list = self.list(items, at);
                if let (false, Some(obj)) =
                    (complete, list.object().and_then(|id| self.obj_mut(id)))
                {
                    obj.open = true;
                }
                return list;
            }
            ExprKind::Object(props) => return self.object_literal(props, scope, at),
            ExprKind::Function(function) => {
                let val = self.closure(function, scope, "");
                if let (Some(name), false) = (&function.name, function.is_arrow) {
                    // A function expression knows itself by its name.
                    let inner = self.scope(Some(scope), false);
                    self.declare(inner, name, val.clone());
                    if let Some(Kind::Function(closure)) = val
                        .object()
                        .and_then(|id| self.obj_mut(id))
                        .map(|obj| &mut obj.kind)
                    {
                        closure.scope = inner;
                    }
                }
                return val;
            }
            ExprKind::Class(class) => return self.class(class, scope),
            ExprKind::Member(object, name) => {
                let object = self.eval(object, scope);
                return self.get(&object, name, at);
            }
            ExprKind::Index(object, key) => {
                let object = self.eval(object, scope);
                let key = self.eval(key, scope);
                return self.get_by(&object, &key, at);
            }
            ExprKind::Call(callee, args) => return self.eval_call(callee, args, scope, at),
            ExprKind::New(callee, args) => {
                let callee_val = self.eval(callee, scope);
                let (args, _) = self.items(args, scope);
                return self.construct(&callee_val, args, at, last_name(callee));
            }
            ExprKind::Import(from) => {
                let from = self.eval(from, scope);
                return self.import_call(&from, at);
            }
            ExprKind::Not(inner) => {
                let val = self.eval(inner, scope);
                let (when, unless) = self.split(&val);
                let sides = [(unless, true), (when, false)];
                let sides = sides
                    .into_iter()
                    .filter_map(|(cond, truth)| Some((cond?, Val::new(Value::Bool(truth), at))));
                return Val::one_of(sides, at);
            }
            ExprKind::Negate(inner) => match self.eval(inner, scope).v {
                Value::Number(number) => Value::Number(-number),
                _ => Value::Unknown,
            },
            ExprKind::Typeof(inner) => {
                let val = self.eval(inner, scope);
                match (
                    &val.v,
                    val.object()
                        .and_then(|id| self.obj(id))
                        .map(|obj| &obj.kind),
                ) {
                    (_, Some(Kind::Function(_) | Kind::Class { .. })) => Value::text("function"),
                    (Value::Text(_), _) => Value::text("string"),
                    (Value::Undefined, _) => Value::text("undefined"),
                    (_, Some(Kind::Plain | Kind::Array(_))) => Value::text("object"),
                    _ => Value::Unknown,
                }
            }
            ExprKind::Binary(op, a, b) => return self.binary(*op, a, b, scope, at),
            ExprKind::Logical(op, a, b) => return self.logical(*op, a, b, scope, at),
            ExprKind::Choice(test, yes, no) => return self.choice(test, yes, no, scope, at),
            ExprKind::Assign(op, target, value) => {
                return self.assignment(*op, target, value, scope, at);
            }
            ExprKind::Change(target) => {
                let target: &Pattern = target;
                self.bind_pattern(target, Val::unknown(at), scope, scope, false);
                Value::Unknown
            }
            ExprKind::Sequence(all) => {
                let mut last = Val::unknown(at);
                for expr in all {
                    last = self.eval(expr, scope);
                }
                return last;
            }
            ExprKind::Await(inner) => {
                let val = self.eval(inner, scope);
                return self.awaited(val);
            }
            ExprKind::Opaque(parts) => {
                for part in parts {
                    self.eval(part, scope);
                }
                Value::Unknown
            }
        };
        Val::new(value, at)
    }

    /// What a promise will be.
    pub(super) fn awaited(&mut self, val: Val) -> Val {
        match val
            .object()
            .and_then(|id| self.obj(id))
            .map(|obj| &obj.kind)
        {
            Some(Kind::Promise(inner)) => inner.clone(),
            _ => val,
        }
    }

    fn name(&mut self, name: &str, scope: u32, at: Loc) -> Val {
        self.lookup(scope, name).unwrap_or_else(|| match name {
            "NaN" | "Infinity" => Val::unknown(at),
            "global" | "globalThis" => Val::new(Value::external("global:global"), at),
            _ if super::builtin::is_global(name) => {
                Val::new(Value::external(&format!("global:{name}")), at)
            }
            _ => Val::unknown(at),
        })
    }

    fn template(&mut self, texts: &[Name], parts: &[Expr], scope: u32, at: Loc) -> Val {
        let mut texts = texts.iter();
        let first = texts.next().map_or("", |text| text);
        let mut whole = Val::new(Value::text(first), at);
        for part in parts {
            let val = self.eval(part, scope);
            whole = concat(&whole, &val, at);
            if let Some(text) = texts.next() {
                whole = concat(&whole, &Val::new(Value::text(text), at), at);
            }
        }
        whole
    }

    fn choice(&mut self, test: &Expr, yes: &Expr, no: &Expr, scope: u32, at: Loc) -> Val {
        let (when, unless) = self.test(test, scope);
        let before = self.path.clone();
        let mut all = Vec::new();
        for (cond, side) in [(when, yes), (unless, no)] {
            let Some(cond) = cond else { continue };
            self.path = cond.clone();
            let val = self.eval(side, scope);
            all.push((cond, val));
        }
        self.path = before;
        Val::one_of(all, at)
    }

    fn assignment(
        &mut self,
        op: Assign,
        target: &Pattern,
        value: &Expr,
        scope: u32,
        at: Loc,
    ) -> Val {
        let name = match target {
            Pattern::Name(name) => Some(&**name),
            Pattern::Place(Expr {
                kind: ExprKind::Member(_, name),
                ..
            }) => Some(&**name),
            _ => None,
        };
        let old = |it: &mut Self| match target {
            Pattern::Name(name) => it.name(name, scope, at),
            Pattern::Place(place) => it.eval(place, scope),
            _ => Val::unknown(at),
        };
        let val = match op {
            Assign::Set => self.eval_named(value, scope, name.unwrap_or_default()),
            Assign::Add => {
                let old = old(self);
                let more = self.eval(value, scope);
                Self::add(&old, &more, at)
            }
            Assign::Arithmetic => {
                self.eval(value, scope);
                Val::unknown(at)
            }
            Assign::Logical(op) => {
                let before = old(self);
                let (when, unless) = self.split(&before);
                let (keep, other) = match op {
                    Logical::And => (unless, when),
                    _ => (when, unless),
                };
                let saved = self.path.clone();
                let mut all = Vec::new();
                all.extend(keep.map(|cond| {
                    let val = before.under(&cond);
                    (cond, val)
                }));
                if let Some(cond) = other {
                    self.path = cond.clone();
                    let val = self.eval(value, scope);
                    all.push((cond, val));
                    self.path = saved;
                }
                Val::one_of(all, at)
            }
        };
        self.bind_pattern(target, val.clone(), scope, scope, false);
        val
    }

    /// Elements or arguments; whether all of them are known.
    pub(super) fn items(&mut self, items: &[Item], scope: u32) -> (Vec<Val>, bool) {
        let mut out = Vec::with_capacity(items.len());
        let mut complete = true;
        for item in items {
            let val = self.eval(&item.value, scope);
            if !item.spread {
                out.push(val);
            } else if let Some(more) = self.elements(&val) {
                out.extend(more.into_iter().take(super::MAX_ITEMS));
            } else {
                complete = false;
                out.push(Val::unknown(val.at));
            }
        }
        (out, complete)
    }

    fn object_literal(&mut self, props: &[Prop], scope: u32, at: Loc) -> Val {
        let object = self.object(Kind::Plain, at);
        let Some(id) = object.object() else {
            return object;
        };
        for prop in props {
            match prop {
                Prop::Spread(from) => {
                    let from = self.eval(from, scope);
                    self.copy_props(id, &from);
                }
                Prop::Value {
                    at,
                    key,
                    value,
                    getter,
                } => {
                    let prop_at = self.loc(*at);
                    let key = match key {
                        Key::Name(name) => Some(Rc::from(&**name)),
                        Key::Computed(key) => match self.eval(key, scope).v {
                            Value::Text(text) => Some(text),
                            _ => None,
                        },
                    };
                    let val = self.eval_named(value, scope, key.as_deref().unwrap_or_default());
                    let Some(obj) = self.obj_mut(id) else {
                        continue;
                    };
                    let getter = *getter;
                    match key {
                        Some(key) => obj.put(
                            key,
                            FactProp {
                                val,
                                at: prop_at,
                                getter,
                            },
                        ),
                        None => obj.open = true,
                    }
                }
            }
        }
        object
    }

    /// `a + b`.
    pub(super) fn add(a: &Val, b: &Val, at: Loc) -> Val {
        if let (Value::Number(a), Value::Number(b)) = (&a.v, &b.v) {
            return Val::new(Value::Number(a + b), at);
        }
        concat(a, b, at)
    }

    /// The body of an arrow, a getter, or any other function: what it leaves by.
    pub(super) fn returned(&mut self, flow: Flow, at: Loc) -> Val {
        let path = self.path.clone();
        let Some(frame) = self.frames.pop() else {
            return Val::unknown(at);
        };
        let mut all = frame.returns;
        if all.is_empty() {
            return Val::new(Value::Undefined, at);
        }
        if flow == Flow::On {
            all.push((path, Val::new(Value::Undefined, at)));
        }
        Val::one_of(all, at)
    }
}

fn pieces(val: &Val) -> Vec<Part> {
    match &val.v {
        Value::Text(text) if text.is_empty() => Vec::new(),
        Value::Text(text) => vec![Part::Known(text.clone())],
        Value::Mode(world) => vec![Part::Known(Rc::from(Value::mode_text(*world)))],
        Value::Number(number) => vec![Part::Known(Rc::from(number.to_string()))],
        Value::Bool(it) => vec![Part::Known(Rc::from(it.to_string()))],
        Value::Pieces(parts) => parts.to_vec(),
        _ => vec![Part::Of(val.clone())],
    }
}

/// The last name of what is called.
pub(super) fn last_name(callee: &Expr) -> &str {
    match &callee.kind {
        ExprKind::Name(name) | ExprKind::Member(_, name) => name,
        _ => "",
    }
}

/// Two values, one after the other, as a text.
pub(super) fn concat(a: &Val, b: &Val, at: Loc) -> Val {
    let mut all = Vec::new();
    for (first, a) in a.alternatives() {
        for (second, b) in b.alternatives() {
            if let Some(cond) = first.and(&second) {
                let mut parts = pieces(a);
                for piece in pieces(b) {
                    let room = parts.len() < 64;
                    match (parts.last_mut(), piece) {
                        (Some(Part::Known(have)), Part::Known(more)) => {
                            *have = Rc::from(format!("{have}{more}"));
                        }
                        (_, piece) if room => parts.push(piece),
                        _ => {}
                    }
                }
                let value = match parts.as_slice() {
                    [] => Value::text(""),
                    [Part::Known(text)] => Value::Text(text.clone()),
                    _ => Value::Pieces(Rc::from(parts)),
                };
                all.push((cond, Val::new(value, at)));
            }
        }
    }
    Val::one_of(all, at)
}
