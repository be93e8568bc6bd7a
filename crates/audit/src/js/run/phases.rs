//! What runs, and in which order: what starts the app, what nothing asks for, then its handlers.
//!
//! Long because all that is run, in its order.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use serde_json::Value as Json;

use super::super::facts::{
    Cond, EVERYWHERE, EventKind, Handler, HandlerId, Kind, LOST, Loc, ObjId, Program, StackId, Val,
    Value,
};
use super::super::files::{Content, Files, Package, normal};
use super::super::ir::{Class, Function};
use super::Interp;
use crate::project::is_sample;

/// What starts an app where no `package.json` says so.
const USUAL: [&str; 14] = [
    "server",
    "app",
    "index",
    "main",
    "src/server",
    "src/app",
    "src/index",
    "src/main",
    "bin/www",
    "server/index",
    "server/server",
    "server/app",
    "lib/index",
    "lib/app",
];

/// Executes a project.
pub(crate) fn run(files: &Files) -> Program {
    let mut interp = Interp::new(files);
    for file in &files.all {
        if let Content::Broken(reason) = &file.content {
            let path = file.source.path();
            let name = path.rsplit('/').next().unwrap_or(path);
            // Of what is JSON, the file that says what runs.
            let counts = !name.ends_with(".json") || name == "package.json";
            if name.contains('.') && counts {
                interp
                    .program
                    .unread
                    .push((path.to_owned(), reason.clone()));
            }
        }
    }
    let (leads, others) = entries(files);
    for entry in leads {
        interp.entry(entry);
    }
    // A launcher for development sets what production does not.
    let env = interp.env.clone();
    for entry in others {
        interp.entry(entry);
        interp.env.clone_from(&env);
    }
    let all: Vec<u32> = (0_u32..).zip(&files.all).map(|(at, _)| at).collect();
    for module in all {
        if interp.is_worth_running(module) {
            interp.entry(module);
            interp.env.clone_from(&env);
        }
    }
    interp.handlers();
    interp.rest();
    interp.program
}

/// The modules that `package.json` starts, else those with a usual name; and others that may be started.
fn entries(files: &Files) -> (Vec<u32>, Vec<u32>) {
    let (mut out, mut others) = (Vec::new(), Vec::new());
    let mut packages: Vec<&Package> = files.packages.iter().collect();
    packages.sort_by_key(|package| package.dir.len());
    for package in packages {
        if is_sample(&format!("{}/x", package.dir)) {
            continue;
        }
        let scripts = |names: &[&str]| -> Vec<String> {
            let scripts = names
                .iter()
                .filter_map(|script| package.json.get("scripts")?.get(script)?.as_str());
            scripts.flat_map(started).collect()
        };
        let mut wanted = scripts(&[
            "start",
            "start:prod",
            "prod",
            "production",
            "serve",
            "server",
        ]);
        wanted.extend(
            package
                .json
                .get("main")
                .and_then(Json::as_str)
                .map(str::to_owned),
        );
        let find = |wanted: Vec<String>| -> Vec<u32> {
            let found = wanted
                .iter()
                .filter_map(|main| files.built_from(&package.dir, main));
            found.collect()
        };
        let leads = find(wanted);
        let mut wanted = scripts(&["dev", "start:dev"]);
        match package.json.get("bin") {
            Some(Json::String(path)) => wanted.push(path.clone()),
            Some(Json::Object(all)) => {
                wanted.extend(all.values().filter_map(Json::as_str).map(str::to_owned));
            }
            _ => {}
        }
        // Of a program that is nothing else, they are what is started.
        let more = find(wanted);
        if leads.is_empty() {
            out.extend(more);
        } else {
            out.extend(leads);
            others.extend(more);
        }
        let usual = USUAL
            .iter()
            .filter_map(|name| files.file_or_folder(&normal(&format!("{}/{name}", package.dir))));
        out.extend(usual);
    }
    let mut seen = HashSet::new();
    let mut counts = |entry: &u32| {
        let path = files.get(*entry).map_or("", |file| file.source.path());
        !is_sample(path) && !path.ends_with(".json") && seen.insert(*entry)
    };
    out.retain(&mut counts);
    others.retain(counts);
    (out, others)
}

/// The files that a script of `package.json` starts.
fn started(script: &str) -> Vec<String> {
    let mut out = Vec::new();
    for command in script.split(['&', ';', '|']) {
        let mut words = command
            .split_whitespace()
            .map(|word| word.trim_matches(['"', '\'', '\\']));
        let starts = words.any(|word| {
            matches!(
                word.rsplit('/').next().unwrap_or(word),
                "node"
                    | "nodemon"
                    | "ts-node"
                    | "tsx"
                    | "ts-node-dev"
                    | "tsnd"
                    | "babel-node"
                    | "pm2"
                    | "forever"
                    | "supervisor"
                    | "node-dev"
                    | "bun"
                    | "esno"
                    | "swc-node"
                    | "pm2-runtime"
            )
        });
        if starts {
            let path = words.find(|word| {
                let is_option = word.starts_with('-') || word.contains('=');
                !is_option && !matches!(*word, "start" | "run" | "watch" | "startOrRestart")
            });
            out.extend(path.map(str::to_owned));
        }
    }
    out
}

impl Interp<'_> {
    /// Runs a module, and what it leaves to run later.
    fn entry(&mut self, module: u32) {
        self.path = Cond::ALWAYS;
        self.budget(super::MAX_STEPS_MODULE);
        self.run_module(module);
        self.budget(super::MAX_STEPS_MODULE);
        self.drain();
    }

    /// Whether a module that nothing asked for may be part of a server.
    fn is_worth_running(&self, module: u32) -> bool {
        let Some(file) = self.files.get(module) else {
            return false;
        };
        let path = file.source.path();
        let front = ["public/", "static/", "assets/", "www/", "wwwroot/"];
        let is_front = front
            .iter()
            .any(|dir| path.starts_with(dir) || path.contains(&format!("/{dir}")));
        let is_page = path.ends_with(".jsx") || path.ends_with(".tsx");
        let is_client = is_page || is_front && !file.source.text().contains("express");
        let known = self.has_run(module) || is_sample(path) || is_client;
        matches!(file.content, Content::Script(_)) && !known && file.source.text().len() < 300_000
    }

    /// Executes every function that takes requests, once.
    fn handlers(&mut self) {
        // Handlers may tell the app more, such as a route that is added when one is asked for.
        for _ in 0..3 {
            let worlds = self.worlds();
            let mut all: Vec<(Val, u8)> = Vec::new();
            for (id, stack) in self.program.stack_ids() {
                let reached = worlds.get(&id).copied().unwrap_or(EVERYWHERE);
                for event in &stack.events {
                    if let EventKind::Use(told) = &event.kind {
                        let worlds = reached & event.cond.mask();
                        all.extend(told.handlers.iter().map(|val| (val.clone(), worlds)));
                    }
                }
            }
            // One that is registered twice runs wherever either is.
            let mut where_each: HashMap<ObjId, u8> = HashMap::new();
            for (val, worlds) in &all {
                for (cond, val) in val.alternatives() {
                    if let Some(id) = val.object() {
                        *where_each.entry(id).or_insert(0) |= worlds & cond.mask();
                    }
                }
            }
            let before = self.handled.len();
            for (val, _) in all {
                for (_, val) in val.alternatives() {
                    let worlds = val.object().and_then(|id| where_each.get(&id));
                    self.worlds_of_handler = worlds
                        .copied()
                        .filter(|worlds| *worlds != 0)
                        .unwrap_or(EVERYWHERE);
                    self.handle_val(val, 0);
                }
            }
            self.worlds_of_handler = EVERYWHERE;
            if self.handled.len() == before {
                break;
            }
        }
        let like = std::mem::take(&mut self.handler_like);
        for id in like {
            self.handle(id, false);
        }
    }

    /// In which worlds each app and router gets requests.
    fn worlds(&self) -> HashMap<StackId, u8> {
        let mut mounts: Vec<(StackId, StackId, u8)> = Vec::new();
        for (outer, stack) in self.program.stack_ids() {
            for event in &stack.events {
                let EventKind::Use(told) = &event.kind else {
                    continue;
                };
                for handler in &told.handlers {
                    for (cond, val) in handler.alternatives() {
                        let inner = self.program.as_stack(val);
                        mounts.extend(
                            inner.map(|inner| (outer, inner, event.cond.mask() & cond.mask())),
                        );
                    }
                }
            }
        }
        let mut worlds: HashMap<StackId, u8> =
            mounts.iter().map(|(_, inner, _)| (*inner, 0)).collect();
        for _ in 0..8 {
            for (outer, inner, mask) in &mounts {
                let reached = worlds.get(outer).copied().unwrap_or(EVERYWHERE) & mask;
                *worlds.entry(*inner).or_insert(0) |= reached;
            }
        }
        // Routers that only lead to each other are reached from somewhere that is not known.
        worlds.retain(|_, mask| *mask != 0);
        worlds
    }

    /// Executes a value that was registered; functions in the hands of a wrapper too.
    fn handle_val(&mut self, val: &Val, depth: u8) {
        for (_, val) in val.alternatives() {
            let Some(id) = val.object() else { continue };
            match self.obj(id).map(|obj| obj.kind.clone()) {
                Some(Kind::Function(_) | Kind::Bound { .. }) => self.handle(id, true),
                Some(Kind::Result(call)) if depth < 4 => {
                    let args = self.program.call(call).map(|call| call.args.clone());
                    for arg in args.unwrap_or_default() {
                        // Options may have callbacks with requests too: `keyGenerator: (req) => …`.
                        self.handle_options(&arg);
                        if self
                            .as_function(&arg)
                            .is_some_and(|function| super::later::is_handler(&function))
                        {
                            self.handle_val(&arg, depth + 1);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn handle_options(&mut self, options: &Val) {
        let props = options
            .object()
            .and_then(|id| self.obj(id))
            .map(|obj| match obj.kind {
                Kind::Plain => obj.props.clone(),
                _ => Vec::new(),
            });
        for (_, prop) in props.unwrap_or_default() {
            let takes_request = self.as_function(&prop.val).is_some_and(|function| {
                function
                    .params
                    .first()
                    .and_then(|param| param.name())
                    .is_some_and(|name| matches!(name, "req" | "request"))
            });
            if takes_request && let Some(id) = prop.val.object() {
                self.handle(id, false);
            }
        }
    }

    /// Executes a function as a handler.
    pub(super) fn handle(&mut self, id: ObjId, registered: bool) {
        if let Some(known) = self.handled.get(&id) {
            if let Some(handler) = self.program.handlers.get_mut(known.0 as usize) {
                handler.registered |= registered;
            }
            return;
        }
        let val = Val::new(
            Value::Object(id),
            self.obj(id).map_or_else(Loc::default, |obj| obj.at),
        );
        let Some(function) = self.as_function(&val) else {
            return;
        };
        let number = HandlerId(u32::try_from(self.program.handlers.len()).unwrap_or(u32::MAX));
        self.handled.insert(id, number);
        let (args, is_error) = handler_args(&function, registered, val.at);
        self.program.handlers.push(Handler {
            object: id,
            registered,
            calls_next: false,
            fails: false,
            responds: false,
            is_error,
        });
        self.budget(super::MAX_STEPS_HANDLER);
        self.path = Cond::worlds(self.worlds_of_handler);
        self.handler = Some(number);
        let this = Val::unknown(val.at);
        let at = val.at;
        let given = self.call(&val, this, args, at, "");
        // `return (req, res, next) => …` of a handler that makes one.
        if !registered
            && let Some(inner) = self.as_function(&given)
            && super::later::is_handler(&inner)
        {
            self.handler_like.extend(given.object());
        }
        self.drain();
        self.handler = None;
    }

    /// Executes what nothing called: what others may import, methods that a framework would call.
    fn rest(&mut self) {
        let mut from = 0;
        for _ in 0..4 {
            let to = self.program.heap.len();
            // Who imports is made after what it imports, and calls it as it is meant to be called.
            for number in (from..to).rev() {
                self.never_called(ObjId::new(u32::try_from(number).unwrap_or(u32::MAX)));
            }
            from = to;
            if self.program.heap.len() == to {
                break;
            }
        }
        self.handlers();
    }

    fn never_called(&mut self, id: ObjId) {
        let Some(Kind::Function(closure)) = self.obj(id).map(|obj| obj.kind.clone()) else {
            return;
        };
        let ran = self.ran.contains_key(&(closure.file, closure.function.id));
        let path = self
            .files
            .get(closure.file)
            .map_or("", |file| file.source.path());
        if ran || is_sample(path) {
            return;
        }
        self.budget(super::MAX_STEPS_HANDLER);
        if super::later::is_handler(&closure.function) {
            self.handle(id, false);
            return;
        }
        let at = self.obj(id).map_or_else(Loc::default, |obj| obj.at);
        // Nobody can say how it is called, or whether.
        let test = self.fresh_test();
        self.path = Cond::test(EVERYWHERE, test, true);
        let args = closure.function.params.iter();
        let args = args.map(|param| Val::new(by_name(param.name().unwrap_or_default()), at));
        let args = args.collect();
        let this = self.object(Kind::Plain, at);
        if let Some(obj) = this.object().and_then(|id| self.obj_mut(id)) {
            obj.open = true;
        }
        self.call_function(id, this.clone(), args, at);
        // What it stands for is somebody else's, who tells what is kept there more.
        self.escapes(LOST, &[this], at);
        self.path = Cond::ALWAYS;
        self.drain();
    }

    /// Decorators of `NestJS` and its like say which routes a class has.
    pub(super) fn decorated(&mut self, class: &Class, proto: ObjId, scope: u32) {
        for member in &class.members {
            for decorator in &member.decorators {
                let val = self.eval(decorator, scope);
                let super::super::ir::Key::Name(name) = &member.key else {
                    continue;
                };
                let method = self
                    .obj(proto)
                    .and_then(|obj| obj.prop(name))
                    .map(|prop| prop.val.clone());
                let Some(method) = method else { continue };
                let class_at = self.loc(class.at);
                self.program.decorated.push((class_at, method, val));
            }
        }
    }
}

/// What a handler is called with, by how many parameters it takes.
fn handler_args(function: &Function, registered: bool, at: Loc) -> (Vec<Val>, bool) {
    let val = |v: Value| Val::new(v, at);
    let request = || val(Value::Request(Rc::from("")));
    let caught = || val(Value::Caught(Rc::from("")));
    let params = &function.params;
    let first = params
        .first()
        .and_then(|param| param.name())
        .unwrap_or_default();
    let is_error = params.len() == 4
        && (registered || matches!(first.trim_start_matches('_'), "err" | "error" | "e"));
    if is_error {
        return (
            vec![caught(), request(), val(Value::Response), val(Value::Next)],
            true,
        );
    }
    if !registered && matches!(first, "err" | "error") {
        return (
            vec![caught(), request(), val(Value::Response), val(Value::Next)],
            true,
        );
    }
    (
        vec![request(), val(Value::Response), val(Value::Next)],
        false,
    )
}

/// What a parameter is likely to be, of a function that nothing called.
fn by_name(name: &str) -> Value {
    match name {
        "req" | "request" => Value::Request(Rc::from("")),
        "res" | "response" => Value::Response,
        "next" => Value::Next,
        "err" | "error" => Value::Caught(Rc::from("")),
        _ => Value::Unknown,
    }
}
