//! All that was seen of a program.

use std::rc::Rc;
use std::sync::Arc;

use super::cond::Cond;
use super::heap::{Closure, Kind, Obj, ObjId, Prop};
use super::value::{Loc, Part, Val, Value};
use crate::source::{Location, Source};

/// An app's or a router's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct StackId(pub(crate) u32);

/// A call's number, in the order of execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CallId(pub(crate) u32);

/// A handler's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct HandlerId(pub(crate) u32);

/// All that was seen of a program.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) files: Vec<Arc<Source>>,
    pub(crate) heap: Vec<Obj>,
    pub(crate) calls: Vec<Call>,
    pub(crate) stacks: Vec<Stack>,
    pub(crate) handlers: Vec<Handler>,
    pub(crate) checks: Vec<Check>,
    /// Tests of several parts, each with those of its parts.
    pub(crate) compound: Vec<(u32, Vec<u32>)>,
    /// What was written into a part of the request or of the response: `session.user`.
    pub(crate) writes: Vec<Write>,
    /// All packages that are asked for, and where first.
    pub(crate) packages: Vec<(Rc<str>, Loc)>,
    /// Files that could not be read, and why.
    pub(crate) unread: Vec<(String, String)>,
    /// Files in which a bound was reached, so that some of it was not executed.
    pub(crate) cut_short: Vec<u32>,
    /// Methods of classes with their decorators: where the class is, the method, what the decorator gave.
    pub(crate) decorated: Vec<(Loc, Val, Val)>,
    /// Early returns of an app, `if (broken) { …; return app }`: when what stands there runs, and when the rest.
    pub(crate) aside: Vec<(Cond, Cond)>,
    /// Environment variables that are read.
    pub(crate) env: Vec<(Rc<str>, Loc)>,
}

/// An app or a router, and what it was told.
#[derive(Debug)]
pub(crate) struct Stack {
    pub(crate) kind: StackKind,
    /// The call that made it.
    pub(crate) at: Loc,
    /// When it is made.
    pub(crate) born: Cond,
    pub(crate) events: Vec<Event>,
}

/// What takes requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StackKind {
    App,
    Router,
    /// `NestFactory.create()`: an Express app whose routes are in decorators.
    Nest,
}

/// Something that an app or a router was told.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) kind: EventKind,
    pub(crate) at: Loc,
    pub(crate) cond: Cond,
}

/// What it was told.
#[derive(Debug, Clone)]
pub(crate) enum EventKind {
    /// `use`, and with a method a route.
    Use(Use),
    /// `set`, `enable`, `disable`.
    Set(Rc<str>, Val),
    /// `listen`, or a server that was made of it; whether that speaks TLS.
    Listen { secure: bool },
    /// It was given to something that is not known, which may tell it more.
    Escape(Rc<str>),
}

/// The name of an escape into a property of something that is not known.
pub(crate) const LOST: &str = "=";

/// `use`, or a route.
#[derive(Debug, Clone)]
pub(crate) struct Use {
    /// `get`, `post`, `all`; nothing for `use`.
    pub(crate) method: Option<Rc<str>>,
    /// Each path; empty for `use` without one.
    pub(crate) paths: Vec<Val>,
    /// Lists are flat.
    pub(crate) handlers: Vec<Val>,
}

/// A call of something that is not the app's own, or of an own function, by name.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) callee: Callee,
    /// With `new`.
    pub(crate) is_new: bool,
    /// What it was called upon.
    pub(crate) this: Option<Val>,
    pub(crate) args: Vec<Val>,
    pub(crate) at: Loc,
    pub(crate) cond: Cond,
    /// The handler that was running.
    pub(crate) within: Option<HandlerId>,
}

/// What was called.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Callee {
    /// Of a package: `express-session`, `rate-limiter-flexible:RateLimiterRedis().consume`.
    External(Rc<str>),
    /// Of the response: `cookie`, `status`.
    Response(Rc<str>),
    /// Of the request: `login`, `get`.
    Request(Rc<str>),
    /// One of the program's own functions.
    Own(ObjId, Rc<str>),
    /// Of something unknown: the last name that was written.
    Unknown(Rc<str>),
}

impl Callee {
    /// The last name.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::External(path) => path.rsplit(['.', ':']).next().unwrap_or(path),
            Self::Response(name)
            | Self::Request(name)
            | Self::Own(_, name)
            | Self::Unknown(name) => name,
        }
    }
}

/// A function that was executed as a handler.
#[derive(Debug)]
pub(crate) struct Handler {
    pub(crate) object: ObjId,
    /// Whether it is known to be one, not merely looks like one.
    pub(crate) registered: bool,
    /// Whether it calls `next()`.
    pub(crate) calls_next: bool,
    /// Whether it calls `next(error)`, or throws.
    pub(crate) fails: bool,
    /// Whether it answers.
    pub(crate) responds: bool,
    /// Whether it takes an error first.
    pub(crate) is_error: bool,
}

/// A comparison of what the request says, or of a part of it.
#[derive(Debug, Clone)]
pub(crate) struct Check {
    /// Of what: `query.next`.
    pub(crate) of: Rc<str>,
    pub(crate) kind: CheckKind,
    pub(crate) within: Option<HandlerId>,
    /// The test that it is all of, if that is known, and how that comes out where the comparison holds.
    pub(crate) test: Option<(u32, Option<bool>)>,
}

/// How something was compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CheckKind {
    /// With a text, or with another value.
    Equal(Option<Rc<str>>),
    /// Found in a list or an object.
    Listed,
    /// `startsWith` of this.
    Starts(Option<Rc<str>>),
    /// `includes`, `indexOf` and their like of this.
    Contains(Option<Rc<str>>),
    /// By a regular expression.
    Matches(Option<Rc<str>>),
    /// A part of its address, such as its host.
    Host,
    /// By a function that is not known.
    Asked(Rc<str>),
}

/// How a test comes out under a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// So.
    Is(bool),
    /// The condition depends on it; how it comes out is not known.
    Either,
    /// The condition does not depend on it.
    Apart,
}

/// A value that was put into the request or the response.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    /// `session.user`; `locals.error` for the response.
    pub(crate) path: Rc<str>,
    pub(crate) val: Val,
    pub(crate) at: Loc,
    pub(crate) cond: Cond,
    pub(crate) within: Option<HandlerId>,
}

impl Program {
    /// An object.
    pub(crate) fn obj(&self, id: ObjId) -> Option<&Obj> {
        self.heap.get(id.number as usize)
    }

    /// A call.
    pub(crate) fn call(&self, id: CallId) -> Option<&Call> {
        self.calls.get(id.0 as usize)
    }

    /// An app or a router.
    pub(crate) fn stack(&self, id: StackId) -> Option<&Stack> {
        self.stacks.get(id.0 as usize)
    }

    /// All apps and routers.
    pub(crate) fn stack_ids(&self) -> impl Iterator<Item = (StackId, &Stack)> {
        (0_u32..).map(StackId).zip(&self.stacks)
    }

    /// How a test comes out under a condition.
    pub(crate) fn outcome(&self, test: u32, cond: &Cond) -> Outcome {
        if let Some((_, holds)) = cond.tests().iter().find(|(have, _)| *have == test) {
            return Outcome::Is(*holds);
        }
        let of = |have: u32| self.compound.iter().find(|(whole, _)| *whole == have);
        let mut tests = cond.tests().iter();
        let in_one =
            tests.any(|(have, _)| of(*have).is_some_and(|(_, parts)| parts.contains(&test)));
        if in_one || cond.is_full() {
            Outcome::Either
        } else {
            Outcome::Apart
        }
    }

    /// The bytes of a file.
    pub(crate) fn location(&self, at: Loc) -> Option<Location> {
        let source = self.files.get(at.file as usize)?;
        let span = at.span.start as usize..at.span.end as usize;
        Some(Location::new(source, span))
    }

    /// The app or router that a value is.
    pub(crate) fn as_stack(&self, val: &Val) -> Option<StackId> {
        match self.obj(val.object()?)?.kind {
            Kind::Stack(id) => Some(id),
            _ => None,
        }
    }

    /// The call whose result a value is.
    pub(crate) fn as_call(&self, val: &Val) -> Option<&Call> {
        match self.obj(val.object()?)?.kind {
            Kind::Result(id) => self.call(id),
            _ => None,
        }
    }

    /// The package's name that a value is, or the package's function whose result it is.
    pub(crate) fn external<'a>(&'a self, val: &'a Val) -> Option<&'a str> {
        match &val.v {
            Value::External { path, .. } => Some(path),
            Value::Object(_) => match &self.as_call(val)?.callee {
                Callee::External(path) => Some(path),
                _ => None,
            },
            _ => None,
        }
    }

    /// A property of an object literal, also one that it inherits.
    pub(crate) fn prop(&self, val: &Val, name: &str) -> Option<&Prop> {
        let mut obj = self.obj(val.object()?)?;
        for _ in 0..8 {
            if let Some(prop) = obj.prop(name) {
                return Some(prop);
            }
            obj = self.obj(obj.proto.as_ref()?.object()?)?;
        }
        None
    }

    /// Whether an object may have properties that were not seen, or is none.
    pub(crate) fn is_open(&self, val: &Val) -> bool {
        val.object()
            .and_then(|id| self.obj(id))
            .is_none_or(|obj| obj.open)
    }

    /// The function of the program's own that a value is, also if it is bound to something.
    pub(crate) fn closure(&self, val: &Val) -> Option<&Closure> {
        let mut obj = self.obj(val.object()?)?;
        for _ in 0..4 {
            match &obj.kind {
                Kind::Function(closure) => return Some(closure),
                Kind::Bound { callee, .. } => obj = self.obj(callee.object()?)?,
                _ => return None,
            }
        }
        None
    }

    /// The elements of an array.
    pub(crate) fn items(&self, val: &Val) -> Option<&[Val]> {
        match &self.obj(val.object()?)?.kind {
            Kind::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The parts of the request that a value is, is made of, or was computed from; after `()` follows
    /// what was made of it: `query.next().host`.
    pub(crate) fn requested(&self, val: &Val) -> Vec<Rc<str>> {
        let mut out = Vec::new();
        self.requested_into(val, 0, "", &mut out);
        out
    }

    fn requested_into(&self, val: &Val, depth: u8, suffix: &str, out: &mut Vec<Rc<str>>) {
        if depth > 6 || out.len() > 16 {
            return;
        }
        match &val.v {
            Value::Request(path) => out.push(Rc::from(format!("{path}{suffix}"))),
            Value::Pieces(parts) => {
                for part in parts.iter() {
                    if let Part::Of(val) = part {
                        self.requested_into(val, depth + 1, suffix, out);
                    }
                }
            }
            Value::OneOf(all) => {
                for (_, val) in all.iter() {
                    self.requested_into(val, depth + 1, suffix, out);
                }
            }
            Value::External { path, of: Some(of) } => {
                let name = path.rsplit('.').next().unwrap_or_default();
                let made = Val::new(Value::Object(*of), val.at);
                self.requested_into(&made, depth + 1, &format!("().{name}"), out);
            }
            Value::Object(_) => {
                let Some(call) = self.as_call(val) else {
                    return;
                };
                let suffix = if suffix.is_empty() { "()" } else { suffix };
                for arg in call.args.iter().chain(&call.this) {
                    self.requested_into(arg, depth + 1, suffix, out);
                }
            }
            _ => {}
        }
    }
}
