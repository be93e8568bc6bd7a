//! An interpreter of abstract values: it executes an app as Node would, as far as that is known.
//!
//! What is not known is [`Value::Unknown`]; both sides of a test that is not known are executed, and what
//! they do carries the condition. Nothing of the outside world is touched.

mod array;
mod assign;
mod builtin;
mod call;
mod class;
mod expr;
mod express;
mod external;
mod flow;
mod http;
mod later;
mod members;
mod modules;
mod node;
mod object;
mod phases;
mod scope;
mod stmt;
mod text;

use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use super::facts::{Cond, HandlerId, ObjId, Program, Val};
use super::files::Files;
use super::ir::Span;
use scope::Scope;

pub(crate) use phases::run;

/// Expressions and statements that are executed at most; what is left of the program then is not.
const MAX_STEPS: u32 = 3_000_000;
/// Steps that one module's own code may take.
const MAX_STEPS_MODULE: u32 = 200_000;
/// Steps that one handler, or one function that nothing calls, may take.
const MAX_STEPS_HANDLER: u32 = 25_000;
/// Expressions inside expressions, calls included.
const MAX_NESTING: u32 = 8_000;
/// Objects and scopes that are kept at most.
const MAX_OBJECTS: usize = 1_500_000;
/// Calls inside calls.
const MAX_DEPTH: usize = 48;
/// The same function inside itself.
const MAX_RECURSION: usize = 3;
/// How often one function is executed; what it would give later is not known.
const MAX_CALLS: u32 = 300;
/// Elements of one loop.
const MAX_ITEMS: usize = 200;

/// A program that is executed.
pub(crate) struct Interp<'p> {
    pub(crate) program: Program,
    files: &'p Files,
    modules: Vec<modules::State>,
    scopes: Vec<Scope>,
    /// Under which condition the current code runs.
    path: Cond,
    /// The file whose code runs.
    file: u32,
    next_test: u32,
    /// Tests of environment variables, so that the same one comes out the same everywhere.
    env_tests: HashMap<Rc<str>, u32>,
    /// Environment variables that the program sets, and names that it makes global.
    env: HashMap<Rc<str>, Val>,
    globals: HashMap<Rc<str>, Val>,
    steps: u32,
    /// Where `steps` has to stop for what runs now.
    limit: u32,
    /// How deep the interpreter itself is.
    nesting: u32,
    /// Whether what runs now is a handler, of which less than all is no loss worth naming.
    in_handler: bool,
    frames: Vec<Frame>,
    /// How often each function ran.
    ran: HashMap<(u32, u32), u32>,
    /// What waits until the code that runs now is through.
    queue: VecDeque<Later>,
    handler: Option<HandlerId>,
    /// Functions that take requests and are registered nowhere that is known.
    handler_like: Vec<ObjId>,
    handled: HashMap<ObjId, HandlerId>,
    /// Where what is executed as a handler gets requests.
    worlds_of_handler: u8,
    asked: HashSet<Rc<str>>,
    /// Whether `process.exit()` was just called.
    exits: bool,
}

/// A call that is running.
struct Frame {
    function: (u32, u32),
    returns: Vec<(Cond, Val)>,
}

/// A function that runs later.
struct Later {
    callee: Val,
    args: Vec<Val>,
    path: Cond,
    file: u32,
}

/// How a statement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// What follows runs.
    On,
    /// It returned.
    Left,
    /// It left the loop, or its round.
    Broke,
    /// It threw, or ended the process.
    Thrown,
}

impl<'p> Interp<'p> {
    pub(crate) fn new(files: &'p Files) -> Self {
        let program = Program {
            files: files.all.iter().map(|file| file.source.clone()).collect(),
            ..Program::default()
        };
        Self {
            program,
            modules: files
                .all
                .iter()
                .map(|_| modules::State::default())
                .collect(),
            files,
            scopes: Vec::new(),
            path: Cond::ALWAYS,
            file: 0,
            next_test: 0,
            env_tests: HashMap::new(),
            env: HashMap::new(),
            globals: HashMap::new(),
            steps: 0,
            limit: MAX_STEPS_MODULE,
            nesting: 0,
            in_handler: false,
            frames: Vec::new(),
            ran: HashMap::new(),
            queue: VecDeque::new(),
            handler: None,
            handler_like: Vec::new(),
            handled: HashMap::new(),
            worlds_of_handler: super::facts::EVERYWHERE,
            asked: HashSet::new(),
            exits: false,
        }
    }

    /// Counts a step; whether there may be more.
    fn step(&mut self) -> bool {
        self.steps += 1;
        let more = self.steps < self.limit.min(MAX_STEPS)
            && self.program.heap.len() + self.scopes.len() < MAX_OBJECTS;
        if !more
            && (!self.in_handler || self.steps >= MAX_STEPS)
            && !self.program.cut_short.contains(&self.file)
        {
            self.program.cut_short.push(self.file);
        }
        more
    }

    /// Gives what runs next a budget of its own.
    fn budget(&mut self, steps: u32) {
        self.in_handler = steps < MAX_STEPS_MODULE;
        self.limit = self.steps.saturating_add(steps);
    }

    /// Goes a level deeper, if the stack allows it.
    fn nested<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.nesting >= MAX_NESTING {
            return None;
        }
        self.nesting += 1;
        let out = work(self);
        self.nesting -= 1;
        Some(out)
    }

    fn loc(&self, span: Span) -> super::facts::Loc {
        super::facts::Loc {
            file: self.file,
            span,
        }
    }

    fn fresh_test(&mut self) -> u32 {
        self.next_test += 1;
        self.next_test
    }
}
