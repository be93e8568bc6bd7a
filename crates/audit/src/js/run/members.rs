//! Properties: what `a.b` gives.

use std::rc::Rc;

use super::super::facts::{Kind, Loc, ObjId, Prop, StackKind, Val, Value};
use super::Interp;

impl Interp<'_> {
    /// `object.name`.
    pub(super) fn get(&mut self, object: &Val, name: &str, at: Loc) -> Val {
        // A property may be written with what is read from it.
        self.nested(|it| it.get_inside(object, name, at))
            .unwrap_or_else(|| Val::unknown(at))
    }

    fn get_inside(&mut self, object: &Val, name: &str, at: Loc) -> Val {
        match &object.v {
            Value::OneOf(all) => {
                let before = self.path.clone();
                let mut out = Vec::new();
                self.steps += u32::try_from(all.len()).unwrap_or(0);
                for (cond, object) in all.iter() {
                    if let Some(path) = before.and(cond) {
                        self.path = path;
                        let val = self.get(object, name, at);
                        out.push((cond.clone(), val));
                    }
                }
                self.path = before;
                Val::one_of(out, at)
            }
            Value::Object(id) => self.get_own(*id, object, name, at),
            Value::External { path, of } => self.get_external(path, *of, name, at),
            Value::Request(path) => match (&**path, name) {
                ("", "app") => Val::new(Value::Request(Rc::from("app")), at),
                ("", "res") => Val::new(Value::Response, at),
                ("", _) => Val::new(Value::Request(Rc::from(name)), at),
                ("app.settings", "env") => Val::mode(at),
                (path, _) if path.len() > 120 => Val::new(Value::Request(Rc::from(path)), at),
                (path, _) => Val::new(Value::Request(Rc::from(format!("{path}.{name}"))), at),
            },
            Value::Response => match name {
                "req" => Val::new(Value::Request(Rc::from("")), at),
                "app" => Val::new(Value::Request(Rc::from("app")), at),
                _ => Val::new(Value::external(&format!("response:{name}")), at),
            },
            Value::Caught(path) if path.is_empty() => Val::new(Value::Caught(Rc::from(name)), at),
            Value::Text(text) if name == "length" => {
                #[expect(clippy::cast_precision_loss, reason = "no text is that long")]
                let length = text.chars().count() as f64;
                Val::new(Value::Number(length), at)
            }
            _ => Val::unknown(at),
        }
    }

    fn get_external(&mut self, path: &Rc<str>, of: Option<ObjId>, name: &str, at: Loc) -> Val {
        match (&**path, name) {
            ("global:global", _) => {
                let known = self.globals.get(name).cloned();
                return known
                    .unwrap_or_else(|| Val::new(Value::external(&format!("global:{name}")), at));
            }
            ("global:process.env", _) => return self.env_variable(name, at),
            ("global:require", "main") => return Val::unknown(at),
            ("global:process", "argv" | "pid" | "version" | "platform") => return Val::unknown(at),
            ("cluster", "isMaster" | "isPrimary" | "isWorker") => return Val::unknown(at),
            (path, "default") if !path.starts_with("global:") && !path.contains(':') => {
                return Val::new(Value::external(path), at);
            }
            ("path", "sep") => return Val::new(Value::text("/"), at),
            ("path", "posix") => return Val::new(Value::external("path"), at),
            ("fs", "promises") => return Val::new(Value::external("fs"), at),
            ("express", "json" | "urlencoded" | "static") => {}
            (path, "length") if path.contains("()") => return Val::unknown(at),
            _ => {}
        }
        if let Some(of) = of {
            // What was written there before.
            let inner = path.rsplit('.').next().unwrap_or_default().to_owned();
            let written = self
                .obj(of)
                .and_then(|obj| obj.prop(&inner))
                .map(|prop| prop.val.clone());
            let itself = |val: &Val| {
                val.alternatives().iter().any(|(_, val)| matches!(val.v, Value::External { of: Some(other), .. } if other == of))
            };
            if let Some(written) = written.filter(|written| !itself(written)) {
                return self.get(&written, name, at);
            }
        }
        if path.len() > 160 {
            return Val::unknown(at);
        }
        let mark = if path.contains(':') || path.ends_with(')') {
            '.'
        } else {
            ':'
        };
        let path = Rc::from(format!("{path}{mark}{name}"));
        Val::new(Value::External { path, of }, at)
    }

    pub(super) fn env_variable(&mut self, name: &str, at: Loc) -> Val {
        if let Some(set) = self.env.get(name) {
            return set.clone();
        }
        if name == "NODE_ENV" {
            return Val::mode(at);
        }
        let name: Rc<str> = Rc::from(name);
        if !self.program.env.iter().any(|(have, _)| *have == name) {
            self.program.env.push((name.clone(), at));
        }
        Val::new(Value::Env(name), at)
    }

    fn get_own(&mut self, id: ObjId, object: &Val, name: &str, at: Loc) -> Val {
        if let Some(prop) = self.inherited(id, name) {
            return if prop.getter {
                self.call(&prop.val, object.clone(), Vec::new(), at, name)
            } else {
                prop.val.under(&self.path)
            };
        }
        let Some(obj) = self.obj(id) else {
            return Val::unknown(at);
        };
        let open = obj.open
            || obj
                .proto
                .as_ref()
                .is_some_and(|proto| self.is_foreign(proto));
        match &obj.kind {
            Kind::Namespace(module) => {
                let module = *module;
                self.imported(module, Some(name))
            }
            Kind::Array(items) => match name {
                "length" if !open => {
                    #[expect(clippy::cast_precision_loss, reason = "no list is that long")]
                    let length = items.len() as f64;
                    Val::new(Value::Number(length), at)
                }
                _ => match name.parse::<usize>() {
                    Ok(number) => {
                        let absent = if open {
                            Value::Unknown
                        } else {
                            Value::Undefined
                        };
                        items
                            .get(number)
                            .cloned()
                            .unwrap_or_else(|| Val::new(absent, at))
                    }
                    Err(_) => self.method(object, name, at),
                },
            },
            Kind::Function(_) => match name {
                "prototype" => {
                    let made = self.object(Kind::Plain, at);
                    self.put(id, "prototype", made.clone(), at);
                    made
                }
                "name" | "length" => Val::unknown(at),
                _ => self.method_or_undefined(object, name, at),
            },
            Kind::Class { proto, parent, .. } => match (name, parent.clone()) {
                ("prototype", _) => Val::new(Value::Object(*proto), at),
                ("name" | "length", _) => Val::unknown(at),
                (_, Some(parent)) => self.get(&parent, name, at),
                _ => self.method_or_undefined(object, name, at),
            },
            Kind::Stack(stack) => {
                let stack = *stack;
                self.get_of_stack(stack, id, object, name, at)
            }
            Kind::Result(call) => {
                let callee = self.program.call(*call).map(|call| &call.callee);
                let path = match callee {
                    Some(super::super::facts::Callee::External(path)) => path.to_string(),
                    _ => return Val::unknown(at),
                };
                if name == "default" && path.ends_with("()") {
                    return object.clone();
                }
                let path = Rc::from(format!("{path}().{name}"));
                Val::new(Value::External { path, of: Some(id) }, at)
            }
            Kind::Plain if !open && !is_object_method(name) => Val::new(Value::Undefined, at),
            Kind::Plain if open => Val::unknown(at),
            _ => self.method(object, name, at),
        }
    }

    fn get_of_stack(
        &mut self,
        stack: super::super::facts::StackId,
        id: ObjId,
        object: &Val,
        name: &str,
        at: Loc,
    ) -> Val {
        match name {
            "locals" | "settings" => {
                let made = self.object(Kind::Plain, at);
                if let Some(obj) = made.object().and_then(|id| self.obj_mut(id)) {
                    obj.open = true;
                }
                if let (Some(inner), "settings") = (made.object(), name) {
                    self.put(inner, "env", Val::mode(at), at);
                }
                self.put(id, name, made.clone(), at);
                made
            }
            // Express 3 and 4: `app.use(app.router)`; Express 5: the router itself.
            "router" | "_router" => Val::unknown(at),
            "mountpath" | "stack" => Val::unknown(at),
            _ => {
                let nest = self
                    .program
                    .stack(stack)
                    .is_some_and(|stack| stack.kind == StackKind::Nest);
                if nest || super::express::is_method(name) {
                    self.method(object, name, at)
                } else {
                    Val::new(Value::Undefined, at)
                }
            }
        }
    }

    fn method_or_undefined(&mut self, object: &Val, name: &str, at: Loc) -> Val {
        if matches!(name, "bind" | "call" | "apply") || is_object_method(name) {
            self.method(object, name, at)
        } else {
            Val::new(Value::Undefined, at)
        }
    }

    /// A method of the language's own, with what it belongs to.
    fn method(&mut self, object: &Val, name: &str, at: Loc) -> Val {
        let callee = Val::new(Value::external(&format!("method:{name}")), at);
        let kind = Kind::Bound {
            callee,
            this: object.clone(),
            args: Vec::new(),
        };
        self.object(kind, at)
    }

    /// Whether something is of a package, so that it may have anything.
    fn is_foreign(&self, val: &Val) -> bool {
        match &val.v {
            Value::External { .. } | Value::Unknown => true,
            Value::Object(id) => match self.obj(*id) {
                Some(obj) => {
                    obj.open
                        || matches!(obj.kind, Kind::Result(_))
                        || obj.proto.as_ref().is_some_and(|proto| match proto.v {
                            Value::Object(inner) if inner == *id => false,
                            _ => self.is_foreign_once(proto),
                        })
                }
                None => true,
            },
            _ => false,
        }
    }

    fn is_foreign_once(&self, val: &Val) -> bool {
        match &val.v {
            Value::External { .. } | Value::Unknown => true,
            Value::Object(id) => self.obj(*id).is_none_or(|obj| obj.open),
            _ => false,
        }
    }

    /// A property of an object or of what it inherits from.
    pub(super) fn inherited(&self, id: ObjId, name: &str) -> Option<Prop> {
        let mut obj = self.obj(id)?;
        for _ in 0..12 {
            if let Some(prop) = obj.prop(name) {
                return Some(prop.clone());
            }
            obj = self.obj(obj.proto.as_ref()?.object()?)?;
        }
        None
    }

    /// `object[key]`.
    pub(super) fn get_by(&mut self, object: &Val, key: &Val, at: Loc) -> Val {
        let mut out = Vec::new();
        for (cond, key) in key.alternatives() {
            let val = match &key.v {
                Value::Text(name) => self.get(object, name, at),
                Value::Mode(world) => self.get_by_mode(object, *world, at),
                Value::Number(number) => self.get(object, &number.to_string(), at),
                _ => {
                    self.note(key, super::super::facts::CheckKind::Listed);
                    self.element_of(object, at)
                }
            };
            out.push((cond, val));
        }
        Val::one_of(out, at)
    }

    /// `config[process.env.NODE_ENV]`: also under another usual name of the environment.
    fn get_by_mode(&mut self, object: &Val, world: u8, at: Loc) -> Val {
        let name = Value::mode_text(world);
        let obj = object.object().and_then(|id| self.obj(id));
        let props = obj.map(|obj| obj.props.clone()).unwrap_or_default();
        let has = |name: &str| props.iter().any(|(have, _)| &**have == name);
        if has(name) {
            return self.get(object, name, at);
        }
        let other = props
            .iter()
            .find(|(have, _)| Value::mode_of(have) == Some(world));
        match other {
            Some((other, _)) => {
                let other = other.clone();
                self.get(object, &other, at)
            }
            None => self.get(object, name, at),
        }
    }

    /// The elements of a list, if all of them are known.
    pub(super) fn elements(&self, val: &Val) -> Option<Vec<Val>> {
        let obj = self.obj(val.object()?)?;
        match &obj.kind {
            Kind::Array(items) if !obj.open => Some(items.clone()),
            _ => None,
        }
    }

    /// The names of an object's properties, if all of them are known.
    pub(super) fn keys(&self, val: &Val) -> Option<Vec<Val>> {
        if let Some(module) = self.namespace_of(val) {
            let names = self.export_names(module).into_iter();
            return Some(
                names
                    .map(|name| Val::new(Value::Text(name), val.at))
                    .collect(),
            );
        }
        let obj = self.obj(val.object()?)?;
        if obj.open || !matches!(obj.kind, Kind::Plain | Kind::Function(_)) {
            return None;
        }
        let names = obj
            .props
            .iter()
            .filter(|(name, _)| !name.starts_with("set "));
        Some(
            names
                .map(|(name, prop)| Val::new(Value::Text(name.clone()), prop.at))
                .collect(),
        )
    }

    /// Any element of something.
    pub(super) fn element_of(&mut self, val: &Val, at: Loc) -> Val {
        match &val.v {
            Value::Request(path) => Val::new(Value::Request(Rc::from(format!("{path}.*"))), at),
            Value::Object(id) => {
                let Some(obj) = self.obj(*id) else {
                    return Val::unknown(at);
                };
                let all: Vec<Val> = match &obj.kind {
                    Kind::Array(items) => items.clone(),
                    Kind::Plain => obj.props.iter().map(|(_, prop)| prop.val.clone()).collect(),
                    _ => Vec::new(),
                };
                let open = obj.open || all.is_empty();
                let mut all: Vec<_> = all.into_iter().take(12).collect();
                if open {
                    all.push(Val::unknown(at));
                }
                let always = super::super::facts::Cond::ALWAYS;
                Val::one_of(all.into_iter().map(|val| (always.clone(), val)), at)
            }
            _ => Val::unknown(at),
        }
    }
}

fn is_object_method(name: &str) -> bool {
    matches!(
        name,
        "hasOwnProperty" | "toString" | "valueOf" | "isPrototypeOf"
    )
}
