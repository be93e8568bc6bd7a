//! Requests and responses, as handlers see them.

use std::rc::Rc;

use super::super::facts::{Callee, HandlerId, Loc, Val, Value};
use super::Interp;

impl Interp<'_> {
    /// `res.name(…)`.
    pub(super) fn response_method(&mut self, name: &str, args: Vec<Val>, at: Loc) -> Val {
        let callee = Callee::Response(Rc::from(name));
        let responds = matches!(
            name,
            "send"
                | "json"
                | "end"
                | "render"
                | "redirect"
                | "sendFile"
                | "sendfile"
                | "sendStatus"
                | "jsonp"
                | "download"
                | "write"
                | "writeHead"
                | "pipe"
                | "format"
        );
        if responds && let Some(handler) = self.running() {
            handler.responds = true;
        }
        self.record(callee, false, None, args.clone(), at);
        if name == "format" {
            let parts = args
                .first()
                .and_then(|parts| self.keys(parts))
                .unwrap_or_default();
            for key in parts {
                if let Some(first) = args.first() {
                    let callback = self.get_by(first, &key, at);
                    self.call(&callback, Val::unknown(at), Vec::new(), at, "");
                }
            }
        } else {
            self.callbacks(name, &args, at);
        }
        match name {
            "get" | "getHeader" => Val::unknown(at),
            _ => Val::new(Value::Response, at),
        }
    }

    /// `req.name(…)`, and methods of its parts.
    pub(super) fn request_method(
        &mut self,
        path: &Rc<str>,
        this: &Val,
        name: &str,
        args: Vec<Val>,
        at: Loc,
    ) -> Val {
        match (&**path, name) {
            ("", "get" | "header") => {
                let header = args
                    .first()
                    .and_then(Val::text)
                    .map(str::to_ascii_lowercase);
                let header = header.unwrap_or_else(|| "*".to_owned());
                self.record(Callee::Request(Rc::from("get")), false, None, args, at);
                Val::new(Value::Request(Rc::from(format!("headers.{header}"))), at)
            }
            ("", "param") => {
                let name = args.first().and_then(Val::text).unwrap_or("*").to_owned();
                Val::new(Value::Request(Rc::from(format!("query.{name}"))), at)
            }
            ("app", "get") if args.first().and_then(Val::text) == Some("env") => Val::mode(at),
            ("app", "get" | "set") => Val::unknown(at),
            ("", _) => {
                self.record(
                    Callee::Request(Rc::from(name)),
                    false,
                    None,
                    args.clone(),
                    at,
                );
                self.callbacks(name, &args, at);
                Val::unknown(at)
            }
            // `req.session.regenerate(cb)`, `req.session.destroy(cb)`, `req.flash()`.
            (path, "regenerate" | "destroy" | "save" | "reload" | "touch")
                if path.starts_with("session") =>
            {
                self.record(
                    Callee::Request(Rc::from(format!("{path}.{name}"))),
                    false,
                    None,
                    args.clone(),
                    at,
                );
                self.callbacks(name, &args, at);
                Val::unknown(at)
            }
            (
                _,
                "trim" | "toString" | "toLowerCase" | "toUpperCase" | "replace" | "split"
                | "concat" | "normalize" | "pop" | "shift" | "at" | "valueOf" | "join" | "match"
                | "slice" | "substring" | "substr",
            ) => {
                self.note_asked(this, name, args.first());
                if name == "match" {
                    Val::unknown(at)
                } else {
                    this.clone()
                }
            }
            (
                _,
                "startsWith" | "includes" | "indexOf" | "endsWith" | "charAt" | "search"
                | "charCodeAt",
            ) => {
                self.note_asked(this, name, args.first());
                Val::unknown(at)
            }
            (path, "forEach" | "map" | "filter" | "some" | "every" | "find" | "reduce") => {
                let item = Val::new(Value::Request(Rc::from(format!("{path}.*"))), at);
                if let Some(callback) = args.first() {
                    self.call_maybe(callback, vec![item], at);
                }
                Val::unknown(at)
            }
            _ => {
                self.callbacks(name, &args, at);
                self.record(
                    Callee::Request(Rc::from(format!("{path}.{name}"))),
                    false,
                    None,
                    args,
                    at,
                );
                Val::unknown(at)
            }
        }
    }

    /// The handler that runs, to write down what it does.
    pub(super) fn running(&mut self) -> Option<&mut super::super::facts::Handler> {
        let HandlerId(id) = self.handler?;
        self.program.handlers.get_mut(id as usize)
    }

    /// `next()`, or `next` in the hands of something that may call it.
    pub(super) fn next_called(&mut self) {
        if let Some(handler) = self.running() {
            handler.calls_next = true;
        }
    }

    /// `next(error)`, or a `throw`.
    pub(super) fn fails(&mut self) {
        if let Some(handler) = self.running() {
            handler.fails = true;
        }
    }
}
