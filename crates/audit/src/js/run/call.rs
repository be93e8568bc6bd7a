//! Calls.
//!
//! Long because every kind of callee is called here.

use std::rc::Rc;
use std::sync::Arc;

use super::super::facts::{Call, CallId, Callee, Cond, Kind, Loc, ObjId, Val, Value};
use super::super::ir::{Expr, ExprKind, Item};
use super::expr::last_name;
use super::{Frame, Interp, MAX_CALLS, MAX_DEPTH, MAX_RECURSION};

impl Interp<'_> {
    /// A call as it is written.
    pub(super) fn eval_call(&mut self, callee: &Expr, args: &[Item], scope: u32, at: Loc) -> Val {
        match &callee.kind {
            ExprKind::Super => {
                let parent = self.lookup(scope, "super");
                let this = self.lookup(scope, "this");
                let (args, _) = self.items(args, scope);
                if let (Some(parent), Some(this)) = (parent, this) {
                    self.initialize(&parent, &this, args, at);
                }
                Val::new(Value::Undefined, at)
            }
            ExprKind::Member(object, name) => {
                let at = self.in_chain(object, at);
                let this = if matches!(object.kind, ExprKind::Super) {
                    return self.super_method(name, args, scope, at);
                } else {
                    self.eval(object, scope)
                };
                let (args, _) = self.items(args, scope);
                self.call_method(&this, name, args, at)
            }
            ExprKind::Index(object, key) => {
                let this = self.eval(object, scope);
                let key = self.eval(key, scope);
                let (args, _) = self.items(args, scope);
                let mut out = Vec::new();
                let before = self.path.clone();
                for (cond, key) in key.alternatives() {
                    let Some(path) = before.and(&cond) else {
                        continue;
                    };
                    self.path = path.clone();
                    let val = match key.text() {
                        Some(name) => self.call_method(&this, name, args.clone(), at),
                        None => {
                            let callee = self.get_by(&this, key, at);
                            self.call(&callee, this.clone(), args.clone(), at, "")
                        }
                    };
                    out.push((path, val));
                }
                self.path = before;
                Val::one_of(out, at)
            }
            _ => {
                let val = self.eval(callee, scope);
                let (args, _) = self.items(args, scope);
                let this = Val::new(Value::Undefined, at);
                self.call(&val, this, args, at, last_name(callee))
            }
        }
    }

    /// In a chain of calls each is where its own name stands.
    fn in_chain(&self, object: &Expr, at: Loc) -> Loc {
        if !matches!(object.kind, ExprKind::Call(..)) {
            return at;
        }
        let text = self
            .program
            .files
            .get(at.file as usize)
            .map(|source| source.text());
        let rest = text.and_then(|text| text.get(object.at.end as usize..));
        let skipped = rest.and_then(|rest| rest.find(|it: char| it.is_alphanumeric() || it == '_'));
        let start = skipped.and_then(|skipped| u32::try_from(skipped).ok());
        let start = object.at.end.saturating_add(start.unwrap_or(0));
        let start = if start < at.span.end {
            start
        } else {
            at.span.start
        };
        let end = at.span.end;
        Loc {
            file: at.file,
            span: super::super::ir::Span { start, end },
        }
    }

    fn super_method(&mut self, name: &str, args: &[Item], scope: u32, at: Loc) -> Val {
        let (args, _) = self.items(args, scope);
        let parent = self.lookup(scope, "super");
        let this = self.lookup(scope, "this");
        let (Some(parent), Some(this)) = (parent, this) else {
            return Val::unknown(at);
        };
        let proto = self.get(&parent, "prototype", at);
        let method = self.get(&proto, name, at);
        self.call(&method, this, args, at, name)
    }

    /// `this.name(…)`.
    pub(super) fn call_method(&mut self, this: &Val, name: &str, args: Vec<Val>, at: Loc) -> Val {
        match &this.v {
            Value::OneOf(all) => self.of_each(all, at, |it, this| {
                it.call_method(this, name, args.clone(), at)
            }),
            Value::Object(id) => self.call_own_method(*id, this, name, args, at),
            Value::Text(_)
            | Value::Pieces(_)
            | Value::Mode(_)
            | Value::Env(_)
            | Value::Regex(_) => self.text_method(this, name, &args, at),
            Value::Request(path) => {
                let path = path.clone();
                self.request_method(&path, this, name, args, at)
            }
            Value::Response => self.response_method(name, args, at),
            Value::External { path, .. } if path.starts_with("response:") => Val::unknown(at),
            Value::External { .. } => {
                let callee = self.get(this, name, at);
                self.call(&callee, this.clone(), args, at, name)
            }
            _ => self.call_unknown(Some(this), name, args, at),
        }
    }

    fn call_own_method(
        &mut self,
        id: ObjId,
        this: &Val,
        name: &str,
        args: Vec<Val>,
        at: Loc,
    ) -> Val {
        // `promise.resolve = resolve` holds what the object does anyway, and is no way further.
        let prop = self.inherited(id, name);
        if let Some(prop) = prop.filter(|prop| !self.is_same_method(&prop.val, id, name)) {
            let callee = if prop.getter {
                self.call(&prop.val, this.clone(), Vec::new(), at, name)
            } else {
                prop.val.under(&self.path)
            };
            return self.call(&callee, this.clone(), args, at, name);
        }
        let Some(kind) = self.obj(id).map(|obj| obj.kind.clone()) else {
            return Val::unknown(at);
        };
        match kind {
            Kind::Stack(stack) => self.stack_method(stack, this, name, args, at),
            Kind::Route(stack, path) => self.route_method(stack, &path, this, name, args, at),
            Kind::Array(_) => self.array_method(id, this, name, args, at),
            Kind::Promise(_) if name == "resolve" => self.resolve_promise(this, &args, at),
            Kind::Promise(inner) => self.then(&inner, name, args, at),
            Kind::Function(_) | Kind::Class { .. } | Kind::Bound { .. }
                if matches!(name, "bind" | "call" | "apply") =>
            {
                self.bind_call_apply(this, name, args, at)
            }
            Kind::Namespace(_) => {
                let callee = self.get(this, name, at);
                self.call(&callee, this.clone(), args, at, name)
            }
            Kind::Result(_) => {
                let callee = self.get(this, name, at);
                self.call(&callee, this.clone(), args, at, name)
            }
            Kind::Class {
                parent: Some(parent),
                ..
            } => {
                let callee = self.get(&parent, name, at);
                self.call(&callee, this.clone(), args, at, name)
            }
            Kind::Plain | Kind::Function(_) | Kind::Class { .. } | Kind::Server { .. }
                if matches!(name, "then" | "catch" | "finally") =>
            {
                self.then(this, name, args, at)
            }
            Kind::Server { .. } => self.server_method(id, this, name, args, at),
            Kind::Plain if name == "hasOwnProperty" => {
                if let Some(first) = args.first() {
                    self.note(first, super::super::facts::CheckKind::Listed);
                }
                Val::unknown(at)
            }
            _ => {
                // A method of what it inherits from a package.
                let proto = self.obj(id).and_then(|obj| obj.proto.clone());
                let foreign = proto.filter(|proto| matches!(proto.v, Value::External { .. }));
                match foreign {
                    Some(proto) => {
                        let callee = self.get(&proto, name, at);
                        self.call(&callee, this.clone(), args, at, name)
                    }
                    None => self.call_unknown(Some(this), name, args, at),
                }
            }
        }
    }

    /// `f.call(this, …)`, `f.apply(this, […])`, `f.bind(this, …)`.
    fn bind_call_apply(&mut self, callee: &Val, name: &str, args: Vec<Val>, at: Loc) -> Val {
        let mut args = args.into_iter();
        let this = args
            .next()
            .unwrap_or_else(|| Val::new(Value::Undefined, at));
        let rest: Vec<Val> = args.collect();
        match name {
            "bind" => {
                let kind = Kind::Bound {
                    callee: callee.clone(),
                    this,
                    args: rest,
                };
                self.object(kind, at)
            }
            "apply" => {
                let list = rest.first().and_then(|list| self.elements(list));
                self.call(callee, this, list.unwrap_or_default(), at, "")
            }
            _ => self.call(callee, this, rest, at, ""),
        }
    }

    /// What comes of a value that is one of several: `then` is done with each, where it is that one.
    pub(super) fn of_each(
        &mut self,
        all: &[(Cond, Val)],
        at: Loc,
        mut then: impl FnMut(&mut Self, &Val) -> Val,
    ) -> Val {
        let before = self.path.clone();
        let mut out = Vec::new();
        for (cond, val) in all {
            if let Some(path) = before.and(cond) {
                self.path = path.clone();
                let val = then(self, val);
                out.push((path, val));
            }
        }
        self.path = before;
        Val::one_of(out, at)
    }

    /// Calls a value; `hint` is the name that it was called by.
    pub(super) fn call(
        &mut self,
        callee: &Val,
        this: Val,
        args: Vec<Val>,
        at: Loc,
        hint: &str,
    ) -> Val {
        // Methods of packages, getters and bound functions lead into calls without a frame of their own.
        let val = self.nested(|it| it.step().then(|| it.call_one(callee, this, args, at, hint)));
        val.flatten().unwrap_or_else(|| Val::unknown(at))
    }

    fn call_one(&mut self, callee: &Val, this: Val, args: Vec<Val>, at: Loc, hint: &str) -> Val {
        match &callee.v {
            Value::OneOf(all) => self.of_each(all, at, |it, callee| {
                it.call(callee, this.clone(), args.clone(), at, hint)
            }),
            Value::External { path, of } => {
                if let Some(method) = path.strip_prefix("method:") {
                    return self.call_method(&this, method, args, at);
                }
                let path = path.clone();
                let this = match of {
                    Some(of) => Some(Val::new(Value::Object(*of), at)),
                    None => Some(this).filter(|this| !this.is_nothing()),
                };
                self.call_external(&path, false, this, args, at)
            }
            Value::Object(id) => self.call_object(*id, callee, this, args, at, hint),
            Value::Next => {
                match args.first().map(|arg| &arg.v) {
                    None | Some(Value::Undefined | Value::Null) => self.next_called(),
                    Some(Value::Text(text)) if matches!(&**text, "route" | "router") => {
                        self.next_called();
                    }
                    Some(_) => self.fails(),
                }
                Val::new(Value::Undefined, at)
            }
            _ => self.call_unknown(None, hint, args, at),
        }
    }

    fn call_object(
        &mut self,
        id: ObjId,
        callee: &Val,
        this: Val,
        args: Vec<Val>,
        at: Loc,
        hint: &str,
    ) -> Val {
        let Some(kind) = self.obj(id).map(|obj| obj.kind.clone()) else {
            return Val::unknown(at);
        };
        match kind {
            Kind::Function(_) => self.call_function(id, this, args, at),
            Kind::Class { .. } => self.construct(callee, args, at, hint),
            Kind::Bound {
                callee,
                this: bound,
                args: first,
            } => {
                let args = first.into_iter().chain(args).collect();
                let this = if bound.is_nothing() { this } else { bound };
                self.call(&callee, this, args, at, hint)
            }
            Kind::Namespace(module) => {
                let inner = self.imported(module, Some("default"));
                self.call(&inner, this, args, at, hint)
            }
            Kind::Plain => match self.inherited(id, "default") {
                Some(inner) => self.call(&inner.val, this, args, at, hint),
                None => self.call_unknown(None, hint, args, at),
            },
            Kind::Result(call) => {
                let path = self.program.call(call).map(|call| call.callee.clone());
                match path {
                    Some(Callee::External(path)) if path.len() < 160 => {
                        let path = Rc::from(format!("{path}()"));
                        self.call_external(&path, false, Some(callee.clone()), args, at)
                    }
                    _ => self.call_unknown(None, hint, args, at),
                }
            }
            Kind::Stack(_) => {
                // `app(req, res)`.
                for arg in &args {
                    if matches!(arg.v, Value::Next) {
                        self.next_called();
                    }
                }
                Val::new(Value::Undefined, at)
            }
            _ => self.call_unknown(None, hint, args, at),
        }
    }

    /// Calls something with `new` that is no class of the program's own.
    pub(super) fn call_new(&mut self, callee: &Val, args: Vec<Val>, at: Loc, hint: &str) -> Val {
        match &callee.v {
            Value::External { path, .. } if !path.starts_with("method:") => {
                let path = path.clone();
                self.call_external(&path, true, None, args, at)
            }
            Value::Object(id) => {
                if let Some(Kind::Result(call)) = self.obj(*id).map(|obj| obj.kind.clone()) {
                    let callee = self.program.call(call).map(|call| call.callee.clone());
                    if let Some(Callee::External(path)) = callee {
                        let path = Rc::from(format!("{path}()"));
                        return self.call_external(&path, true, None, args, at);
                    }
                }
                self.call(callee, Val::new(Value::Undefined, at), args, at, hint)
            }
            _ => self.call_unknown(None, hint, args, at),
        }
    }

    /// Runs one of the program's own functions.
    pub(super) fn call_function(&mut self, id: ObjId, this: Val, args: Vec<Val>, at: Loc) -> Val {
        let Some(Kind::Function(closure)) = self.obj(id).map(|obj| obj.kind.clone()) else {
            return Val::unknown(at);
        };
        let function = Arc::clone(&closure.function);
        let key = (closure.file, function.id);
        if !closure.name.is_empty() {
            let callee = Callee::Own(id, closure.name.clone());
            self.record(callee, false, None, args.clone(), at);
        }
        let deep = self
            .frames
            .iter()
            .filter(|frame| frame.function == key)
            .count();
        let ran = self.ran.entry(key).or_insert(0);
        *ran += 1;
        if *ran > MAX_CALLS || deep >= MAX_RECURSION || self.frames.len() >= MAX_DEPTH {
            return Val::unknown(at);
        }
        let before = self.path.clone();
        let file = std::mem::replace(&mut self.file, closure.file);
        let scope = self.scope(Some(closure.scope), true);
        if !function.is_arrow {
            self.declare(scope, &Arc::from("this"), this);
            let list = self.list(args.clone(), at);
            self.declare(scope, &Arc::from("arguments"), list);
            if let Some(parent) = &closure.parent {
                self.declare(scope, &Arc::from("super"), parent.clone());
            }
        }
        for (number, param) in function.params.iter().enumerate() {
            let given = args.get(number).cloned();
            let val = given.unwrap_or_else(|| Val::new(Value::Undefined, at));
            self.bind_pattern(&param.pattern, val, scope, scope, true);
            if let (true, Some(name)) = (param.is_field, param.name())
                && let Some(val) = self.lookup(scope, name)
            {
                self.keep_field(scope, name, val, at);
            }
        }
        if let Some(rest) = &function.rest {
            let more = args.into_iter().skip(function.params.len()).collect();
            let more = self.list(more, at);
            self.bind_pattern(rest, more, scope, scope, true);
        }
        self.frames.push(Frame {
            function: key,
            returns: Vec::new(),
        });
        let flow = self.stmts(&function.body, scope);
        let val = self.returned(flow, at);
        self.file = file;
        self.path = before;
        val
    }

    /// Calls something of which only the name is known.
    pub(super) fn call_unknown(
        &mut self,
        this: Option<&Val>,
        name: &str,
        args: Vec<Val>,
        at: Loc,
    ) -> Val {
        for arg in args.iter().chain(this) {
            self.note(arg, super::super::facts::CheckKind::Asked(Rc::from(name)));
        }
        let callee = Callee::Unknown(Rc::from(name));
        self.escapes(name, &args, at);
        self.record(callee, false, this.cloned(), args.clone(), at);
        self.callbacks(name, &args, at);
        if matches!(
            name,
            "then" | "catch" | "finally" | "on" | "once" | "exec" | "lean"
        ) {
            return this.cloned().unwrap_or_else(|| Val::unknown(at));
        }
        Val::unknown(at)
    }

    /// Remembers a call.
    pub(super) fn record(
        &mut self,
        callee: Callee,
        is_new: bool,
        this: Option<Val>,
        args: Vec<Val>,
        at: Loc,
    ) -> CallId {
        let id = CallId(u32::try_from(self.program.calls.len()).unwrap_or(u32::MAX));
        self.program.calls.push(Call {
            callee,
            is_new,
            this,
            args,
            at,
            cond: self.path.clone(),
            within: self.handler,
        });
        id
    }

    /// An app in the hands of something unknown may be told more.
    pub(super) fn escapes(&mut self, name: &str, args: &[Val], at: Loc) {
        for arg in args {
            let inner = arg.object().and_then(|id| self.obj(id));
            let inner = inner.map(|obj| match &obj.kind {
                Kind::Plain => obj.props.iter().map(|(_, prop)| prop.val.clone()).collect(),
                _ => Vec::new(),
            });
            for val in std::iter::once(arg.clone()).chain(inner.unwrap_or_default()) {
                if let Some(stack) = self.program.as_stack(&val) {
                    self.event(
                        stack,
                        super::super::facts::EventKind::Escape(Rc::from(name)),
                        at,
                    );
                }
            }
        }
    }

    /// The function that a value is, also if it is bound to something.
    pub(super) fn as_function(&self, val: &Val) -> Option<Arc<super::super::ir::Function>> {
        let mut val = val.clone();
        for _ in 0..4 {
            match &self.obj(val.object()?)?.kind {
                Kind::Function(closure) => return Some(closure.function.clone()),
                Kind::Bound { callee, .. } => val = callee.clone(),
                _ => return None,
            }
        }
        None
    }

    /// Whether a value is the method of this name that an object has by itself.
    fn is_same_method(&self, val: &Val, of: ObjId, name: &str) -> bool {
        let is_method = |val: &Val| match &val.v {
            Value::External { path, .. } => path.strip_prefix("method:") == Some(name),
            _ => false,
        };
        let obj = val.object().and_then(|id| self.obj(id));
        match obj.map(|obj| &obj.kind) {
            Some(Kind::Bound { callee, this, .. }) => {
                is_method(callee) && this.object() == Some(of)
            }
            _ => is_method(val),
        }
    }
}
