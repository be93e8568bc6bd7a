//! Functions that something unknown calls, now or later: callbacks, promises, handlers.

use std::rc::Rc;

use super::super::facts::{Cond, Loc, Val, Value};
use super::super::ir::Pattern;
use super::{Flow, Interp};

impl Interp<'_> {
    /// Functions among the arguments of something unknown are called by it, sometime.
    pub(super) fn callbacks(&mut self, name: &str, args: &[Val], at: Loc) {
        for arg in args {
            if matches!(arg.v, Value::Next) {
                self.next_called();
            }
            for (cond, arg) in arg.alternatives() {
                let Some(function) = self.as_function(arg) else {
                    continue;
                };
                if is_handler(&function) {
                    self.handler_like.extend(arg.object());
                    continue;
                }
                let params = function.params.iter().enumerate();
                let given = params.map(|(number, param)| {
                    guess(number, param.name().unwrap_or_default(), name, at)
                });
                let given: Vec<Val> = given.collect();
                let Some(path) = self.path.and(&cond) else {
                    continue;
                };
                if self.handler.is_some() || is_immediate(name) {
                    let before = std::mem::replace(&mut self.path, path);
                    let this = Val::unknown(at);
                    self.call(arg, this, given, at, "");
                    self.path = before;
                } else if self.queue.len() < 20_000 {
                    self.queue.push_back(super::Later {
                        callee: arg.clone(),
                        args: given,
                        path,
                        file: self.file,
                    });
                }
            }
        }
    }

    /// `.then`, `.catch`, `.finally` of a promise of this.
    pub(super) fn then(&mut self, inner: &Val, name: &str, args: Vec<Val>, at: Loc) -> Val {
        let Some(callback) = args.into_iter().next() else {
            return inner.clone();
        };
        let this = Val::new(Value::Undefined, at);
        match name {
            "then" => {
                let val = self.call(&callback, this, vec![inner.clone()], at, "");
                self.awaited(val)
            }
            "catch" => {
                let caught = Val::new(Value::Caught(Rc::from("")), at);
                self.maybe(|it| {
                    it.call(&callback, this, vec![caught], at, "");
                    Flow::On
                });
                inner.clone()
            }
            _ => {
                self.call(&callback, this, Vec::new(), at, "");
                inner.clone()
            }
        }
    }

    /// Runs what waits.
    pub(super) fn drain(&mut self) {
        let mut rounds = 0;
        while let Some(later) = self.queue.pop_front() {
            rounds += 1;
            if rounds > 20_000 {
                break;
            }
            self.path = later.path;
            self.file = later.file;
            let at = later.callee.at;
            self.call(&later.callee, Val::unknown(at), later.args, at, "");
            self.path = Cond::ALWAYS;
        }
    }
}

/// What a callback's parameter is likely to be.
fn guess(number: usize, param: &str, called: &str, at: Loc) -> Val {
    let is_error = matches!(param, "err" | "error" | "e" | "ex" | "exception" | "_err");
    let v = if number == 0 && (is_error || called == "catch") {
        Value::Caught(Rc::from(""))
    } else {
        Value::Unknown
    };
    Val::new(v, at)
}

/// Whether a function looks like one that takes requests.
pub(super) fn is_handler(function: &super::super::ir::Function) -> bool {
    let mut params = function.params.iter();
    let mut first = params.next();
    if first
        .and_then(|param| param.name())
        .is_some_and(|name| matches!(name, "err" | "error" | "_err" | "_error"))
    {
        first = params.next();
    }
    let (Some(first), Some(second)) = (first, params.next()) else {
        return false;
    };
    let named = |param: &super::super::ir::Param, names: &[&str], kinds: &[&str]| {
        let name = param.name().unwrap_or_default().trim_start_matches('_');
        let name_matches = names.contains(&name);
        let kind = param.kind.as_deref().unwrap_or_default();
        name_matches || kinds.contains(&kind) && !matches!(param.pattern, Pattern::Place(_))
    };
    let requests = [
        "Request",
        "NextApiRequest",
        "ExpressRequest",
        "AuthRequest",
        "IncomingMessage",
    ];
    named(first, &["req", "request", "rq"], &requests)
        && named(
            second,
            &["res", "response", "rs", "resp", "reply"],
            &["Response", "ExpressResponse", "ServerResponse"],
        )
}

/// Whether something of this name calls a function before it returns.
fn is_immediate(name: &str) -> bool {
    matches!(
        name,
        "forEach"
            | "each"
            | "map"
            | "filter"
            | "reduce"
            | "some"
            | "every"
            | "find"
            | "findIndex"
            | "sort"
            | "flatMap"
            | "forOwn"
            | "forIn"
            | "mapValues"
            | "reduceRight"
            | "replace"
            | "times"
            | "tap"
            | "describe"
            | "eachSeries"
            | "eachOf"
            | "parallel"
            | "series"
            | "waterfall"
            | "configure"
            | "Promise"
            | "compose"
            | "pipe"
            | "once"
            | "walk"
            | "cb"
            | "callback"
            | "load"
            | "use"
    )
}
