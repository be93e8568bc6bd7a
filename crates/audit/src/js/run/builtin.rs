//! What the language gives: globals and their functions.

use std::rc::Rc;

use super::super::facts::{Callee, Cond, Kind, Loc, Val, Value};
use super::{Flow, Interp};

/// Whether a name is there without being declared.
pub(super) fn is_global(name: &str) -> bool {
    matches!(
        name,
        "require"
            | "process"
            | "console"
            | "Object"
            | "Array"
            | "JSON"
            | "Promise"
            | "String"
            | "Number"
            | "Boolean"
            | "Math"
            | "Date"
            | "Error"
            | "RegExp"
            | "Map"
            | "Set"
            | "Symbol"
            | "Buffer"
            | "URL"
            | "URLSearchParams"
            | "setTimeout"
            | "setInterval"
            | "setImmediate"
            | "queueMicrotask"
            | "clearTimeout"
            | "clearInterval"
            | "parseInt"
            | "parseFloat"
            | "encodeURIComponent"
            | "decodeURIComponent"
            | "encodeURI"
            | "decodeURI"
            | "escape"
            | "unescape"
            | "isNaN"
            | "Reflect"
            | "Proxy"
            | "Function"
            | "TypeError"
            | "RangeError"
            | "WeakMap"
            | "fetch"
            | "structuredClone"
            | "Bun"
            | "Deno"
            | "crypto"
            | "performance"
    )
}

impl Interp<'_> {
    /// Calls what a package or the language gives.
    pub(super) fn call_external(
        &mut self,
        path: &Rc<str>,
        is_new: bool,
        this: Option<Val>,
        args: Vec<Val>,
        at: Loc,
    ) -> Val {
        let known = match path.split_once(':') {
            Some(("global", name)) => self.call_global(name, is_new, &args, at),
            _ => None,
        };
        let known = known.or_else(|| self.call_node(path, &args, at));
        if let Some(val) = known {
            return val;
        }
        self.call_package(path, is_new, this, args, at)
    }

    /// A call of something that is not known further: it is remembered, and so is its result.
    pub(super) fn opaque_call(
        &mut self,
        path: &Rc<str>,
        is_new: bool,
        this: Option<Val>,
        args: Vec<Val>,
        at: Loc,
    ) -> Val {
        let mut result = self.alloc(Kind::Plain, at);
        result.maybe = !is_new;
        let callee = Callee::External(path.clone());
        let call = self.record(callee, is_new, this, args.clone(), at);
        if let Some(obj) = self.obj_mut(result) {
            obj.kind = Kind::Result(call);
            obj.open = true;
        }
        let name = path.rsplit(['.', ':']).next().unwrap_or(path).to_owned();
        for arg in &args {
            self.note(
                arg,
                super::super::facts::CheckKind::Asked(Rc::from(&**path)),
            );
        }
        self.escapes(path, &args, at);
        self.callbacks(&name, &args, at);
        Val::new(Value::Object(result), at)
    }

    fn call_global(&mut self, name: &str, is_new: bool, args: &[Val], at: Loc) -> Option<Val> {
        let first = args.first();
        let undefined = Val::new(Value::Undefined, at);
        let val = match name {
            "require" => return Some(self.require(first?, at)),
            "require.resolve" => return first.cloned(),
            "process.exit" | "process.abort" => {
                self.exits = true;
                undefined
            }
            "process.cwd" => {
                let path = self.files.get(self.file).map(|file| file.source.path());
                let dir = self.files.package_dir(path.unwrap_or_default());
                Val::new(Value::text(&format!("/{dir}")), at)
            }
            "process.nextTick" | "setTimeout" | "setInterval" | "setImmediate"
            | "queueMicrotask" => {
                self.callbacks(name, args.get(..1).unwrap_or_default(), at);
                Val::unknown(at)
            }
            "process.on" | "process.once" => {
                self.callbacks("on", args, at);
                Val::unknown(at)
            }
            "Promise" if is_new => return Some(self.promise(first?, at)),
            "Promise.resolve" => first.cloned().unwrap_or(undefined),
            "Promise.all" | "Promise.allSettled" => first.cloned().unwrap_or(undefined),
            "Promise.reject" | "Promise.race" | "Promise.any" => Val::unknown(at),
            "Array.isArray" => {
                let known = |val: &Val| match val.v {
                    Value::Object(id) => match self.obj(id).map(|obj| &obj.kind) {
                        Some(Kind::Array(_)) => Value::Bool(true),
                        Some(Kind::Plain) => Value::Bool(false),
                        _ => Value::Unknown,
                    },
                    Value::Text(_) | Value::Undefined | Value::Null => Value::Bool(false),
                    _ => Value::Unknown,
                };
                let v = first.map_or(Value::Unknown, known);
                Val::new(v, at)
            }
            "Array.from" => {
                let items = first.and_then(|list| self.elements(list))?;
                let list = self.list(items, at);
                match args.get(1) {
                    Some(_) => self.call_method(&list, "map", args.get(1..)?.to_vec(), at),
                    None => list,
                }
            }
            "Array.of" => self.list(args.to_vec(), at),
            "Boolean" => match first.and_then(|val| val.v.truthy()) {
                Some(truth) => Val::new(Value::Bool(truth), at),
                None => {
                    let truth = super::flow::not(first?, at);
                    super::flow::not(&truth, at)
                }
            },
            "String" => {
                let empty = Val::new(Value::text(""), at);
                let val = first.cloned().unwrap_or_else(|| empty.clone());
                if matches!(val.v, Value::Request(_) | Value::Env(_) | Value::OneOf(_)) {
                    val
                } else {
                    super::expr::concat(&empty, &val, at)
                }
            }
            "Number" | "parseInt" | "parseFloat" => {
                let first = first?;
                let numbers = first.alternatives().into_iter().map(|(cond, val)| {
                    let v = match &val.v {
                        Value::Number(number) => Value::Number(*number),
                        Value::Text(text) => {
                            text.trim().parse().map_or(Value::Unknown, Value::Number)
                        }
                        Value::Env(name) => Value::Env(name.clone()),
                        _ => Value::Unknown,
                    };
                    (cond, Val::new(v, at))
                });
                Val::one_of(numbers.collect::<Vec<_>>(), at)
            }
            "decodeURIComponent" | "decodeURI" | "unescape" => first.cloned().unwrap_or(undefined),
            "encodeURIComponent" | "escape" => match first.map(|val| &val.v) {
                Some(Value::Text(_)) => first.cloned()?,
                // What is encoded cannot change where an address leads.
                _ => Val::unknown(at),
            },
            "Buffer.from" => {
                // `Buffer.from('secret')` is as hard-coded as the text.
                let plain = first.filter(|val| !matches!(val.v, Value::Unknown));
                return plain.cloned().or_else(|| Some(Val::unknown(at)));
            }
            "JSON.parse" => {
                let text = first?.text().map(str::to_owned);
                match text.and_then(|text| serde_json::from_str(&text).ok()) {
                    Some(json) => {
                        let json: serde_json::Value = json;
                        self.read_json(&json, at, 0)
                    }
                    None => match &first?.v {
                        Value::Request(_) => first.cloned()?,
                        _ => Val::unknown(at),
                    },
                }
            }
            "JSON.stringify" => match &first?.v {
                Value::Caught(path) => Val::new(Value::Caught(path.clone()), at),
                _ => return None,
            },
            "Error" | "TypeError" | "RangeError" => {
                self.record(
                    Callee::External(Rc::from("global:Error")),
                    true,
                    None,
                    args.to_vec(),
                    at,
                );
                let made = self.object(Kind::Plain, at);
                if let Some(obj) = made.object().and_then(|id| self.obj_mut(id)) {
                    obj.open = true;
                }
                made
            }
            "RegExp" => match first.map(|val| &val.v) {
                Some(Value::Text(text)) => Val::new(Value::Regex(text.clone()), at),
                Some(Value::Regex(text)) => Val::new(Value::Regex(text.clone()), at),
                _ => Val::unknown(at),
            },
            _ if name.starts_with("console.") => undefined,
            _ if name.starts_with("Object.") => {
                return self.object_function(name.trim_start_matches("Object."), args, at);
            }
            _ if name.starts_with("Math.") || name.starts_with("Date") => Val::unknown(at),
            _ => return None,
        };
        Some(val)
    }

    /// `new Promise((resolve, reject) => …)`.
    fn promise(&mut self, executor: &Val, at: Loc) -> Val {
        let promise = self.object(Kind::Promise(Val::unknown(at)), at);
        let resolve = Kind::Bound {
            callee: Val::new(Value::external("method:resolve"), at),
            this: promise.clone(),
            args: Vec::new(),
        };
        let resolve = self.object(resolve, at);
        let reject = Val::new(Value::external("global:Promise.reject"), at);
        self.call(executor, Val::unknown(at), vec![resolve, reject], at, "");
        promise
    }

    /// A promise is told what it will be; whether a method was that.
    pub(super) fn resolve_promise(&mut self, promise: &Val, args: &[Val], at: Loc) -> Val {
        let val = args
            .first()
            .cloned()
            .unwrap_or_else(|| Val::new(Value::Undefined, at));
        let path = self.path.clone();
        if let Some(obj) = promise.object().and_then(|id| self.obj_mut(id))
            && let Kind::Promise(inner) = &mut obj.kind
        {
            *inner = match inner.v {
                Value::Unknown => val,
                _ => Val::one_of([(Cond::ALWAYS, inner.clone()), (path, val)], at),
            };
        }
        Val::new(Value::Undefined, at)
    }

    /// Calls a function for each of some values.
    pub(super) fn call_each(
        &mut self,
        callback: &Val,
        items: Vec<Val>,
        list: &Val,
        at: Loc,
    ) -> Vec<Val> {
        let mut out = Vec::with_capacity(items.len());
        for (number, item) in items.into_iter().take(super::MAX_ITEMS).enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "it is small")]
            let number = Val::new(Value::Number(number as f64), at);
            let args = vec![item, number, list.clone()];
            out.push(self.call(callback, Val::new(Value::Undefined, at), args, at, ""));
        }
        out
    }

    /// Calls a function for an element that is not known.
    pub(super) fn call_maybe(&mut self, callback: &Val, args: Vec<Val>, at: Loc) -> Val {
        let mut given = Val::unknown(at);
        self.maybe(|it| {
            given = it.call(callback, Val::new(Value::Undefined, at), args, at, "");
            Flow::On
        });
        given
    }
}
