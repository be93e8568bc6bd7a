//! Values go into names, properties and patterns.

use std::rc::Rc;

use super::super::facts::LOST;
use super::super::facts::Write;
use super::super::facts::{Cond, Kind, Loc, ObjId, Prop, Val, Value};
use super::super::ir::{Expr, ExprKind, Key, Pattern};
use super::Interp;

impl Interp<'_> {
    /// Takes a value apart as a pattern says; `names` is the scope of what it declares.
    pub(super) fn bind_pattern(
        &mut self,
        pattern: &Pattern,
        val: Val,
        names: u32,
        scope: u32,
        declares: bool,
    ) {
        match pattern {
            Pattern::Name(name) if declares => self.declare(names, name, val),
            Pattern::Name(name) => self.assign_name(scope, name, val),
            Pattern::Place(place) => self.assign_place(place, val, scope),
            Pattern::Default(inner, default) => {
                let val = self.or_default(val, default, scope);
                self.bind_pattern(inner, val, names, scope, declares);
            }
            Pattern::Object(props, rest) => {
                let mut taken: Vec<Rc<str>> = Vec::new();
                for (key, inner) in props {
                    let at = val.at;
                    let part = match key {
                        Key::Name(name) => {
                            taken.push(Rc::from(&**name));
                            self.get(&val, name, at)
                        }
                        Key::Computed(key) => {
                            let key = self.eval(key, scope);
                            self.get_by(&val, &key, at)
                        }
                    };
                    self.bind_pattern(inner, part, names, scope, declares);
                }
                if let Some(rest) = rest {
                    let others = self.object(Kind::Plain, val.at);
                    if let Some(id) = others.object() {
                        self.copy_props(id, &val);
                        if let Some(obj) = self.obj_mut(id) {
                            obj.props.retain(|(name, _)| !taken.contains(name));
                        }
                    }
                    self.bind_pattern(rest, others, names, scope, declares);
                }
            }
            Pattern::Array(items, rest) => {
                let known = self.elements(&val);
                let at = val.at;
                for (number, inner) in items.iter().enumerate() {
                    let Some(inner) = inner else { continue };
                    let item = match &known {
                        Some(known) => known.get(number).cloned(),
                        None => Some(self.element_of(&val, at)),
                    };
                    let item = item.unwrap_or_else(|| Val::new(Value::Undefined, at));
                    self.bind_pattern(inner, item, names, scope, declares);
                }
                if let Some(rest) = rest {
                    let others = match known {
                        Some(known) => self.list(known.into_iter().skip(items.len()).collect(), at),
                        None => Val::unknown(at),
                    };
                    self.bind_pattern(rest, others, names, scope, declares);
                }
            }
        }
    }

    /// A value, or a default where it is `undefined`.
    pub(super) fn or_default(&mut self, val: Val, default: &Expr, scope: u32) -> Val {
        let all = val.alternatives();
        let absent = |val: &Val| matches!(val.v, Value::Undefined);
        if !all.iter().any(|(_, val)| absent(val)) {
            return match val.v {
                // What comes from outside may be left out.
                Value::Env(_) => {
                    let (when, unless) = self.split(&val);
                    let default = self.eval(default, scope);
                    let sides = [(when, val.clone()), (unless, default)];
                    let sides = sides
                        .into_iter()
                        .filter_map(|(cond, val)| Some((cond?, val)));
                    Val::one_of(sides, val.at)
                }
                _ => val,
            };
        }
        let default = self.eval(default, scope);
        let all = all.into_iter().map(|(cond, val)| {
            let val = if absent(val) { &default } else { val };
            (cond, val.clone())
        });
        Val::one_of(all.collect::<Vec<_>>(), val.at)
    }

    fn assign_place(&mut self, place: &Expr, val: Val, scope: u32) {
        let at = self.loc(place.at);
        match &place.kind {
            ExprKind::Member(object, name) => {
                let object = self.eval(object, scope);
                self.set(&object, name, val, at);
            }
            ExprKind::Index(object, key) => {
                let object = self.eval(object, scope);
                let key = self.eval(key, scope);
                match key.v {
                    Value::Text(name) => self.set(&object, &name, val, at),
                    _ => self.opened(&object),
                }
            }
            ExprKind::Name(name) => self.assign_name(scope, name, val),
            _ => {
                self.eval(place, scope);
            }
        }
    }

    /// Some property of an object was written, it is not known which.
    fn opened(&mut self, object: &Val) {
        if let Some(obj) = object.object().and_then(|id| self.obj_mut(id)) {
            obj.open = true;
        }
    }

    /// Writes a property.
    pub(super) fn set(&mut self, object: &Val, name: &str, val: Val, at: Loc) {
        match &object.v {
            Value::OneOf(all) => {
                let before = self.path.clone();
                for (cond, object) in all.iter() {
                    if let Some(path) = before.and(cond) {
                        self.path = path;
                        self.set(object, name, val.clone(), at);
                    }
                }
                self.path = before;
            }
            Value::Object(id) => self.set_own(*id, name, val, at),
            Value::External { path, of } => match (&**path, of) {
                ("global:global", _) => {
                    self.globals.insert(Rc::from(name), val);
                }
                ("global:process.env", _) => {
                    self.env.insert(Rc::from(name), val);
                }
                (path, _) if path.starts_with("response:") => {
                    let path = path.trim_start_matches("response:");
                    self.written(&format!("response.{path}.{name}"), val, at);
                }
                (_, Some(of)) => {
                    // `x().y.z = …`: kept as a property of a property.
                    let inner = path.rsplit('.').next().unwrap_or_default().to_owned();
                    let of = *of;
                    let have = self.obj(of).and_then(|obj| obj.prop(&inner));
                    let have = have.map(|prop| prop.val.clone());
                    let inside = match have {
                        Some(have) => have,
                        None => {
                            let made = self.object(Kind::Plain, at);
                            self.opened(&made);
                            self.put(of, &inner, made.clone(), at);
                            made
                        }
                    };
                    if let Some(id) = inside.object() {
                        self.set_own(id, name, val, at);
                    }
                }
                _ => {}
            },
            Value::Request(path) => {
                let path = if path.is_empty() {
                    name.to_owned()
                } else {
                    format!("{path}.{name}")
                };
                self.written(&path, val, at);
            }
            Value::Response => self.written(&format!("response.{name}"), val, at),
            // Whoever has that object tells the app what is not seen here.
            _ => self.escapes(LOST, &[val], at),
        }
    }

    fn written(&mut self, path: &str, val: Val, at: Loc) {
        let (cond, within) = (self.path.clone(), self.handler);
        if self.program.writes.len() < 50_000 {
            self.program.writes.push(Write {
                path: Rc::from(path),
                val,
                at,
                cond,
                within,
            });
        }
    }

    fn set_own(&mut self, id: ObjId, name: &str, val: Val, at: Loc) {
        let setter = format!("set {name}");
        if let Some(setter) = self.inherited(id, &setter) {
            let this = Val::new(Value::Object(id), at);
            self.call(&setter.val, this, vec![val], at, name);
            return;
        }
        self.put(id, name, val, at);
    }

    /// Copies all properties, as `Object.assign` and `...` do.
    pub(super) fn copy_props(&mut self, to: ObjId, from: &Val) {
        let all = from.alternatives().len() > 1;
        for (cond, from) in from.alternatives() {
            let before = self.path.clone();
            if all {
                let Some(path) = before.and(&cond) else {
                    continue;
                };
                self.path = path;
            }
            self.copy_one(to, from);
            self.path = before;
        }
    }

    fn copy_one(&mut self, to: ObjId, from: &Val) {
        if let Some(module) = self.namespace_of(from) {
            for name in self.export_names(module) {
                let val = self.imported(module, Some(&name));
                self.put(to, &name, val, from.at);
            }
            return;
        }
        let source = from.object().and_then(|id| self.obj(id)).cloned();
        let unknown = match &source {
            Some(obj) => obj.open || !matches!(obj.kind, Kind::Plain),
            None => !matches!(from.v, Value::Undefined | Value::Null | Value::Bool(_)),
        };
        if unknown {
            // It may write over everything that stands here already.
            let at = from.at;
            if let Some(obj) = self.obj_mut(to) {
                obj.open = true;
                for (_, prop) in &mut obj.props {
                    let sides = [
                        (Cond::ALWAYS, prop.val.clone()),
                        (Cond::ALWAYS, Val::unknown(at)),
                    ];
                    prop.val = Val::one_of(sides, prop.val.at);
                }
            }
        }
        for (name, prop) in source.map(|obj| obj.props).unwrap_or_default() {
            if name.starts_with("set ") {
                continue;
            }
            let val = if prop.getter {
                let this = from.clone();
                self.call(&prop.val, this, Vec::new(), prop.at, &name)
            } else {
                prop.val.clone()
            };
            let path = self.path.clone();
            let Some(obj) = self.obj_mut(to) else {
                return;
            };
            if path.covers(&obj.born) {
                // The place of the property is kept, not that of the copy.
                let getter = false;
                obj.put(
                    name,
                    Prop {
                        val,
                        at: prop.at,
                        getter,
                    },
                );
            } else {
                self.put(to, &name, val, prop.at);
            }
        }
    }
}
