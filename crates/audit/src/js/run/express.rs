//! What apps and routers are told.

use std::rc::Rc;

use super::super::facts::{
    Callee, Event, EventKind, Kind, Loc, StackId, StackKind, Use, Val, Value,
};
use super::Interp;

/// HTTP methods that Express has a function for; the others of its list are hardly used.
const METHODS: [&str; 12] = [
    "get", "post", "put", "delete", "patch", "head", "options", "all", "search", "propfind",
    "report", "ws",
];

/// Whether an app or a router has such a method.
pub(super) fn is_method(name: &str) -> bool {
    METHODS.contains(&name)
        || matches!(
            name,
            "use"
                | "set"
                | "enable"
                | "disable"
                | "enabled"
                | "disabled"
                | "listen"
                | "route"
                | "param"
                | "engine"
                | "render"
                | "path"
                | "handle"
                | "del"
                | "on"
                | "once"
                | "emit"
                | "configure"
                | "postAsync"
                | "getAsync"
                | "useAsync"
                | "putAsync"
                | "deleteAsync"
        )
}

impl Interp<'_> {
    /// An app or router is told something.
    pub(super) fn event(&mut self, stack: StackId, kind: EventKind, at: Loc) {
        let event = Event {
            kind,
            at,
            cond: self.path.clone(),
        };
        if let Some(stack) = self.program.stacks.get_mut(stack.0 as usize)
            && stack.events.len() < 50_000
        {
            stack.events.push(event);
        }
    }

    /// `app.name(…)`.
    pub(super) fn stack_method(
        &mut self,
        stack: StackId,
        this: &Val,
        name: &str,
        args: Vec<Val>,
        at: Loc,
    ) -> Val {
        let kind = self.program.stack(stack).map(|stack| stack.kind);
        let name = name.strip_suffix("Async").unwrap_or(name);
        match name {
            "use" => self.told_use(stack, None, args, at),
            "get" if args.len() == 1 && kind != Some(StackKind::Router) => {
                return self.setting(stack, args.first(), at);
            }
            "set" => match (args.first().and_then(Val::text).map(Rc::from), args.get(1)) {
                (Some(name), Some(val)) => {
                    let val = val.clone();
                    self.event(stack, EventKind::Set(name, val), at);
                }
                (None, Some(_)) => self.event(stack, EventKind::Escape(Rc::from("set")), at),
                _ => return self.setting(stack, args.first(), at),
            },
            "enable" | "disable" => {
                if let Some(setting) = args.first().and_then(Val::text).map(Rc::from) {
                    let val = Val::new(Value::Bool(name == "enable"), at);
                    self.event(stack, EventKind::Set(setting, val), at);
                }
            }
            "enabled" | "disabled" => return Val::unknown(at),
            "listen" => {
                self.event(stack, EventKind::Listen { secure: false }, at);
                let callee = Callee::External(Rc::from("express().listen"));
                self.record(callee, false, Some(this.clone()), args.clone(), at);
                self.callbacks("listen", &args, at);
                let server = self.object(Kind::Server { secure: false }, at);
                if let Some(id) = server.object() {
                    self.put(id, "app", this.clone(), at);
                }
                return server;
            }
            "route" => {
                let path = args.into_iter().next().unwrap_or_else(|| Val::unknown(at));
                return self.object(Kind::Route(stack, path), at);
            }
            "configure" => {
                // Express 3: `app.configure('production', fn)`.
                let world = args.first().and_then(Val::text).and_then(Value::mode_of);
                let before = self.path.clone();
                if let Some(callback) = args.last().cloned() {
                    let cond = world.map(super::super::facts::Cond::worlds);
                    let path = cond.map_or(Some(before.clone()), |cond| before.and(&cond));
                    if let Some(path) = path {
                        self.path = path;
                        self.call(&callback, this.clone(), Vec::new(), at, "");
                    }
                }
                self.path = before;
            }
            "del" => self.told_use(stack, Some("delete"), args, at),
            _ if METHODS.contains(&name) => self.told_use(stack, Some(name), args, at),
            "param" => {
                for arg in &args {
                    self.handler_like
                        .extend(arg.object().filter(|_| self.as_function(arg).is_some()));
                }
            }
            "on" | "once" => self.callbacks(name, &args, at),
            "init" | "enableCors" | "setGlobalPrefix" | "useGlobalGuards" | "useGlobalPipes"
            | "getHttpAdapter" | "getInstance" | "setViewEngine" | "useStaticAssets"
            | "setBaseViewsDir"
                if kind == Some(StackKind::Nest) =>
            {
                let callee = Callee::External(Rc::from(format!(
                    "@nestjs/core:NestFactory.create().{name}"
                )));
                self.record(callee, false, Some(this.clone()), args, at);
            }
            _ => {
                let callee = Callee::Unknown(Rc::from(name));
                self.record(callee, false, Some(this.clone()), args.clone(), at);
                self.callbacks(name, &args, at);
                if kind == Some(StackKind::Nest) {
                    return Val::unknown(at);
                }
            }
        }
        this.clone()
    }

    /// `app.use(…)`, `app.post(…)`.
    fn told_use(&mut self, stack: StackId, method: Option<&str>, args: Vec<Val>, at: Loc) {
        let mut args = args.into_iter();
        let mut paths = Vec::new();
        let mut handlers = Vec::new();
        if let Some(first) = args.next() {
            let alone = args.len() == 0;
            match self.as_paths(&first, method.is_some(), alone) {
                Some(list) => paths = list,
                None => handlers.push(first),
            }
        }
        handlers.extend(args);
        let handlers = self.flat(handlers);
        let told = Use {
            method: method.map(Rc::from),
            paths,
            handlers,
        };
        self.event(stack, EventKind::Use(told), at);
    }

    /// The paths that a first argument is, if it is not a handler.
    fn as_paths(&self, val: &Val, is_route: bool, alone: bool) -> Option<Vec<Val>> {
        let known = |val: &Val| {
            matches!(
                val.v,
                Value::Text(_)
                    | Value::Pieces(_)
                    | Value::Regex(_)
                    | Value::Env(_)
                    | Value::Mode(_)
            )
        };
        let is_path = |val: &Val| {
            let all = val.alternatives();
            let maybe = |val: &Val| known(val) || !alone && matches!(val.v, Value::Unknown);
            let named = !alone && matches!(val.v, Value::Unknown) && self.is_named_like_a_path(val);
            named || all.iter().all(|(_, val)| maybe(val)) && all.iter().any(|(_, val)| known(val))
        };
        if let Some(items) = self.program.items(val) {
            return items
                .iter()
                .all(is_path)
                .then(|| items.to_vec())
                .filter(|items| !items.is_empty());
        }
        // A route's first argument is its path, whatever it is.
        (is_path(val) || is_route && val.object().is_none()).then(|| vec![val.clone()])
    }

    /// Whether what stands in the source is called as paths are.
    fn is_named_like_a_path(&self, val: &Val) -> bool {
        let source = self
            .program
            .files
            .get(val.at.file as usize)
            .map(|source| source.text());
        let span = val.at.span.start as usize..val.at.span.end as usize;
        let text = source
            .and_then(|source| source.get(span))
            .unwrap_or_default()
            .to_ascii_lowercase();
        let words = [
            "path", "base", "prefix", "url", "route", "mount", "root", "endpoint",
        ];
        text.len() < 80 && words.iter().any(|word| text.ends_with(word))
    }

    /// `app.get('name')`.
    fn setting(&mut self, stack: StackId, name: Option<&Val>, at: Loc) -> Val {
        let Some(name) = name.and_then(Val::text) else {
            return Val::unknown(at);
        };
        if name == "env" {
            return Val::mode(at);
        }
        let events = self
            .program
            .stack(stack)
            .map(|stack| stack.events.as_slice());
        let set = events
            .unwrap_or_default()
            .iter()
            .rev()
            .find_map(|event| match &event.kind {
                EventKind::Set(have, val) if &**have == name => Some(val.clone()),
                _ => None,
            });
        set.unwrap_or_else(|| Val::unknown(at))
    }

    /// `app.route('/x').post(…)`.
    pub(super) fn route_method(
        &mut self,
        stack: StackId,
        path: &Val,
        this: &Val,
        name: &str,
        args: Vec<Val>,
        at: Loc,
    ) -> Val {
        let name = name.strip_suffix("Async").unwrap_or(name);
        if METHODS.contains(&name) {
            let told = Use {
                method: Some(Rc::from(name)),
                paths: vec![path.clone()],
                handlers: self.flat(args),
            };
            self.event(stack, EventKind::Use(told), at);
        }
        this.clone()
    }
}
