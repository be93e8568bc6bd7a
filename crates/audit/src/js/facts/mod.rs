//! What an app does, as the rules read it.
//!
//! The interpreter fills a [`Program`]: every app and router with what it was told, in order; every
//! call of something that is not the app's own; every object that was made on the way.

mod cond;
mod heap;
mod paths;
mod program;
mod value;

pub(crate) use cond::{Cond, DEVELOPMENT, EVERYWHERE, PRODUCTION, TEST};
pub(crate) use heap::{Closure, Kind, Obj, ObjId, Prop};
pub(crate) use paths::{Matches, Route};
pub(crate) use program::{
    Call, CallId, Callee, Check, CheckKind, Event, EventKind, Handler, HandlerId, LOST, Outcome,
    Program, Stack, StackId, StackKind, Use, Write,
};
pub(crate) use value::{Loc, Part, Val, Value};
