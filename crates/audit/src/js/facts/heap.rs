//! Objects that the program made.

use std::rc::Rc;
use std::sync::Arc;

use super::cond::Cond;
use super::program::{CallId, StackId};
use super::value::{Loc, Val};
use crate::js::ir::{Class, Function};

/// An object's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ObjId {
    pub(crate) number: u32,
    /// Whether it stands for what something unknown gave, which may be nothing at all.
    pub(crate) maybe: bool,
}

impl ObjId {
    /// The object of this number, which is there.
    pub(crate) const fn new(number: u32) -> Self {
        let maybe = false;
        Self { number, maybe }
    }
}

/// An object.
#[derive(Debug, Clone)]
pub(crate) struct Obj {
    pub(crate) kind: Kind,
    pub(crate) props: Vec<(Rc<str>, Prop)>,
    /// Whether it may have properties that were not seen.
    pub(crate) open: bool,
    /// When it was made.
    pub(crate) born: Cond,
    pub(crate) at: Loc,
    /// Where what it lacks is looked for.
    pub(crate) proto: Option<Val>,
}

/// A property.
#[derive(Debug, Clone)]
pub(crate) struct Prop {
    pub(crate) val: Val,
    /// The whole of it, name and value.
    pub(crate) at: Loc,
    /// Whether the value is a function that gives it.
    pub(crate) getter: bool,
}

/// What an object is.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Plain,
    Array(Vec<Val>),
    Function(Closure),
    Class {
        class: Arc<Class>,
        scope: u32,
        constructor: Option<ObjId>,
        proto: ObjId,
        parent: Option<Val>,
    },
    /// A function with what it is called upon, and its first arguments.
    Bound {
        callee: Val,
        this: Val,
        args: Vec<Val>,
    },
    /// An app or a router.
    Stack(StackId),
    /// `app.route('/x')`.
    Route(StackId, Val),
    /// What a call of something external gave.
    Result(CallId),
    /// `import * as x`, or `exports` of a module with `export`.
    Namespace(u32),
    /// A promise of this.
    Promise(Val),
    /// `http.createServer(app)`.
    Server {
        secure: bool,
    },
}

/// A function of the program's own.
#[derive(Debug, Clone)]
pub(crate) struct Closure {
    pub(crate) function: Arc<Function>,
    /// The scope that it sees.
    pub(crate) scope: u32,
    pub(crate) file: u32,
    /// What it is called, also where only a variable or a property names it.
    pub(crate) name: Rc<str>,
    /// What `super` is in it.
    pub(crate) parent: Option<Val>,
}

impl Obj {
    /// An object that was made there.
    pub(crate) const fn new(kind: Kind, born: Cond, at: Loc) -> Self {
        Self {
            kind,
            props: Vec::new(),
            open: false,
            born,
            at,
            proto: None,
        }
    }

    /// A property of its own.
    pub(crate) fn prop(&self, name: &str) -> Option<&Prop> {
        let mut props = self.props.iter();
        props.find(|(key, _)| &**key == name).map(|(_, prop)| prop)
    }

    /// Gives it a property, or another value for one that it has.
    pub(crate) fn put(&mut self, name: Rc<str>, prop: Prop) {
        match self.props.iter_mut().find(|(key, _)| *key == name) {
            Some((_, have)) => *have = prop,
            None => self.props.push((name, prop)),
        }
    }
}
