//! Modules: what they import from each other, and when they run.
//!
//! Long because `CommonJS` and ES modules meet here.

use std::rc::Rc;
use std::sync::Arc;

use super::super::facts::{Callee, Cond, Kind, Loc, ObjId, Part, Val, Value};
use super::super::files::{Content, dirname, is_builtin, normal};
use super::super::ir::{Import, Name, Span, StmtKind};
use super::{Frame, Interp};

/// How far a module is.
#[derive(Default)]
pub(super) struct State {
    scope: Option<u32>,
    /// What `module` is in it.
    module: Option<ObjId>,
    is_esm: bool,
    /// What it exports by `export`, by name.
    exports: Vec<(Rc<str>, Export)>,
    /// Modules of which it exports everything.
    stars: Vec<u32>,
    namespace: Option<ObjId>,
    /// What a JSON file holds.
    json: Option<Val>,
}

/// What a module exports under a name.
#[derive(Clone)]
enum Export {
    Local(Name),
    From { module: u32, name: Option<Name> },
    Is(Val),
}

impl Interp<'_> {
    /// Whether a module has started to run.
    pub(super) fn has_run(&self, module: u32) -> bool {
        self.modules
            .get(module as usize)
            .is_some_and(|state| state.scope.is_some() || state.json.is_some())
    }

    fn state(&mut self, module: u32) -> Option<&mut State> {
        self.modules.get_mut(module as usize)
    }

    /// Runs a module, once.
    pub(super) fn run_module(&mut self, module: u32) {
        if self.has_run(module) {
            return;
        }
        let files = self.files;
        let Some(file) = files.get(module) else {
            return;
        };
        let at = Loc {
            file: module,
            span: Span::default(),
        };
        let script = match &file.content {
            Content::Script(script) => script,
            Content::Json(json) => {
                let val = self.read_json(json, at, 0);
                if let Some(state) = self.state(module) {
                    state.json = Some(val);
                }
                return;
            }
            Content::Broken(_) => {
                if let Some(state) = self.state(module) {
                    state.json = Some(Val::unknown(at));
                }
                return;
            }
        };
        if self.frames.len() >= super::MAX_DEPTH * 3 {
            return;
        }
        let caller = std::mem::replace(&mut self.file, module);
        let handler = self.handler.take();
        let before = self.path.clone();
        let (limit, begun, in_handler) = (self.limit, self.steps, self.in_handler);
        self.budget(super::MAX_STEPS_MODULE);
        let scope = self.scope(None, true);
        let exports = self.object(Kind::Plain, at);
        let this = exports.clone();
        let object = self.alloc(Kind::Plain, at);
        self.put(object, "exports", exports.clone(), at);
        if let Some(state) = self.state(module) {
            state.scope = Some(scope);
            state.module = Some(object);
            state.is_esm = script.is_esm;
        }
        let dir = dirname(&file.source);
        let path = format!("/{}", file.source.path());
        let names = [
            ("module", Val::new(Value::Object(object), at)),
            ("exports", exports),
            ("this", this),
            ("__dirname", Val::new(Value::text(&dir), at)),
            ("__filename", Val::new(Value::text(&path), at)),
        ];
        for (name, val) in names {
            self.declare(scope, &Arc::from(name), val);
        }
        self.frames.push(Frame {
            function: (module, u32::MAX),
            returns: Vec::new(),
        });
        // In a cycle others see the names before this code has run.
        for stmt in &script.body {
            if let StmtKind::Export(names) = &stmt.kind {
                self.export(names);
            }
        }
        self.stmts(&script.body, scope);
        self.frames.pop();
        self.file = caller;
        self.handler = handler;
        self.path = before;
        // What a module takes is not taken from who asked for it.
        self.limit = limit.saturating_add(self.steps.saturating_sub(begun));
        self.in_handler = in_handler;
    }

    /// `import(wanted)`: of `CommonJS`, what it exports is also called `default`.
    pub(super) fn import_call(&mut self, wanted: &Val, at: Loc) -> Val {
        let all = self.require(wanted, at);
        let mut out = Vec::new();
        for (cond, val) in all.alternatives() {
            let own = val.object().and_then(|id| self.obj(id));
            let val = match own.map(|obj| &obj.kind) {
                Some(Kind::Namespace(_)) | None => val.clone(),
                Some(_) => {
                    let made = self.object(Kind::Plain, at);
                    if let Some(id) = made.object() {
                        if self
                            .obj(val.object().unwrap_or(id))
                            .is_some_and(|obj| matches!(obj.kind, Kind::Plain))
                        {
                            self.copy_props(id, val);
                        }
                        self.put(id, "default", val.clone(), at);
                    }
                    made
                }
            };
            out.push((cond, val));
        }
        Val::one_of(out, at)
    }

    /// `require(wanted)`.
    pub(super) fn require(&mut self, wanted: &Val, at: Loc) -> Val {
        let mut out = Vec::new();
        let before = self.path.clone();
        for (cond, wanted) in wanted.alternatives() {
            let Some(path) = before.and(&cond) else {
                continue;
            };
            self.path = path.clone();
            match &wanted.v {
                Value::Text(wanted) => {
                    let wanted = wanted.clone();
                    out.push((path, self.require_text(&wanted, at)));
                }
                Value::Pieces(_) => {
                    for file in self.files_like(wanted) {
                        let val = self.module_value(file, at);
                        out.push((path.clone(), val));
                    }
                }
                _ => out.push((path, Val::unknown(at))),
            }
            self.path = before.clone();
        }
        Val::one_of(out, at)
    }

    fn require_text(&mut self, wanted: &str, at: Loc) -> Val {
        if let Some(file) = self.files.resolve(self.file, wanted) {
            return self.module_value(file, at);
        }
        if wanted.starts_with(['.', '/']) {
            return Val::unknown(at);
        }
        self.package(wanted, at)
    }

    /// What a package gives.
    fn package(&mut self, wanted: &str, at: Loc) -> Val {
        let wanted = wanted.strip_prefix("node:").unwrap_or(wanted);
        let name: Rc<str> = Rc::from(wanted);
        if self.asked.insert(name.clone()) {
            self.program.packages.push((name, at));
        }
        let path = match wanted {
            "fs/promises" | "fs-extra" | "graceful-fs" => "fs",
            "path/posix" | "upath" => "path",
            "process" => "global:process",
            "express/lib/router" => "express:Router",
            "config" if !is_builtin(wanted) => return self.config_package(at),
            other => other,
        };
        if path.starts_with("dotenv/config") {
            let callee = Callee::External(Rc::from("dotenv/config"));
            self.record(callee, false, None, Vec::new(), at);
        }
        Val::new(Value::external(path), at)
    }

    /// Files whose path looks like a text of which parts are known.
    fn files_like(&self, wanted: &Val) -> Vec<u32> {
        let Value::Pieces(parts) = &wanted.v else {
            return Vec::new();
        };
        let known = |part: Option<&Part>| match part {
            Some(Part::Known(text)) => text.to_string(),
            _ => String::new(),
        };
        let first = known(parts.first());
        let last = if parts.len() > 1 {
            known(parts.last())
        } else {
            String::new()
        };
        let Some((dir, start)) = first.rsplit_once('/') else {
            return Vec::new();
        };
        let dir = match first.strip_prefix('/') {
            Some(_) => normal(dir),
            None => {
                let here = self.files.get(self.file).map(|file| dirname(&file.source));
                normal(&format!("{}/{dir}", here.unwrap_or_default()))
            }
        };
        let names = self.files.names_in(&dir).unwrap_or_default();
        let ending = last
            .rsplit('.')
            .next()
            .is_some_and(|ending| !ending.is_empty() && last.contains('.'));
        let fits = names.iter().filter(|name| {
            let stem = if ending {
                name
            } else {
                name.split('.').next().unwrap_or(name)
            };
            name.starts_with(start) && stem.ends_with(last.as_str())
        });
        let fits =
            fits.filter_map(|name| self.files.file_or_folder(&normal(&format!("{dir}/{name}"))));
        fits.take(40).collect()
    }

    /// What another module sees of a module.
    pub(super) fn module_value(&mut self, module: u32, at: Loc) -> Val {
        self.run_module(module);
        let Some(state) = self.modules.get(module as usize) else {
            return Val::unknown(at);
        };
        if let Some(json) = &state.json {
            return json.clone();
        }
        if state.is_esm && !(state.exports.is_empty() && state.stars.is_empty()) {
            return self.namespace(module, at);
        }
        let Some(object) = state.module else {
            return Val::unknown(at);
        };
        self.obj(object)
            .and_then(|obj| obj.prop("exports"))
            .map_or_else(|| Val::unknown(at), |prop| prop.val.clone())
    }

    /// The object that has a module's exports.
    fn namespace(&mut self, module: u32, at: Loc) -> Val {
        let known = self
            .modules
            .get(module as usize)
            .and_then(|state| state.namespace);
        let id = known.unwrap_or_else(|| self.alloc(Kind::Namespace(module), at));
        if let Some(obj) = self.obj_mut(id) {
            obj.born = Cond::ALWAYS;
        }
        if let Some(state) = self.state(module) {
            state.namespace = Some(id);
        }
        Val::new(Value::Object(id), at)
    }

    /// The module that a value is the namespace of.
    pub(super) fn namespace_of(&self, val: &Val) -> Option<u32> {
        match self.obj(val.object()?)?.kind {
            Kind::Namespace(module) => Some(module),
            _ => None,
        }
    }

    /// The names that a module exports.
    pub(super) fn export_names(&self, module: u32) -> Vec<Rc<str>> {
        let Some(state) = self.modules.get(module as usize) else {
            return Vec::new();
        };
        let mut names: Vec<Rc<str>> = state.exports.iter().map(|(name, _)| name.clone()).collect();
        for star in &state.stars {
            if let Some(state) = self.modules.get(*star as usize) {
                names.extend(state.exports.iter().map(|(name, _)| name.clone()));
            }
        }
        names
    }

    /// What a module exports under a name; all of it where there is none.
    pub(super) fn imported(&mut self, module: u32, name: Option<&str>) -> Val {
        self.imported_within(module, name, 0)
    }

    fn imported_within(&mut self, module: u32, name: Option<&str>, depth: u8) -> Val {
        let at = Loc {
            file: module,
            span: Span::default(),
        };
        let Some(state) = self.modules.get(module as usize) else {
            return Val::unknown(at);
        };
        let Some(name) = name else {
            return self.module_value(module, at);
        };
        if depth > 12 {
            return Val::unknown(at);
        }
        if state.is_esm {
            let export = state.exports.iter().find(|(have, _)| &**have == name);
            let (scope, stars) = (state.scope, state.stars.clone());
            return match export.map(|(_, export)| export.clone()) {
                Some(Export::Is(val)) => val,
                Some(Export::Local(local)) => {
                    let val = scope.and_then(|scope| self.lookup(scope, &local));
                    val.unwrap_or_else(|| Val::unknown(at))
                }
                Some(Export::From { module, name }) => {
                    self.imported_within(module, name.as_deref(), depth + 1)
                }
                None => {
                    for star in stars.into_iter().filter(|_| name != "default") {
                        let val = self.imported_within(star, Some(name), depth + 1);
                        if val.v != Value::Unknown {
                            return val;
                        }
                    }
                    // `export =`, or CommonJS beside `import`.
                    self.of_commonjs(module, name, at)
                }
            };
        }
        self.of_commonjs(module, name, at)
    }

    fn of_commonjs(&mut self, module: u32, name: &str, at: Loc) -> Val {
        let state = self.modules.get(module as usize);
        if let Some(json) = state.and_then(|state| state.json.clone()) {
            return if name == "default" {
                json
            } else {
                self.get(&json, name, at)
            };
        }
        let Some(object) = state.and_then(|state| state.module) else {
            return Val::unknown(at);
        };
        let exports = self
            .obj(object)
            .and_then(|obj| obj.prop("exports"))
            .map(|prop| prop.val.clone());
        let Some(exports) = exports else {
            return Val::unknown(at);
        };
        let has_default = exports
            .object()
            .and_then(|id| self.inherited(id, "default"))
            .is_some();
        let esm = state_is_esm(self.modules.get(module as usize));
        let empty = exports
            .object()
            .and_then(|id| self.obj(id))
            .is_some_and(|obj| matches!(obj.kind, Kind::Plain) && obj.props.is_empty());
        match name {
            _ if esm && empty => Val::unknown(at),
            "default" if !has_default => exports,
            _ => self.get(&exports, name, at),
        }
    }

    /// `import … from 'x'`.
    pub(super) fn import(&mut self, from: &str, names: &[Import], scope: u32, at: Span) {
        let at = self.loc(at);
        let Some(module) = self.files.resolve(self.file, from) else {
            let package = if from.starts_with(['.', '/']) {
                Val::unknown(at)
            } else {
                self.package(from, at)
            };
            for import in names {
                let val = match import.name.as_deref() {
                    None | Some("default") => package.clone(),
                    Some(name) => self.get(&package, name, at),
                };
                self.declare(scope, &import.local, val);
            }
            return;
        };
        self.run_module(module);
        for import in names {
            self.declare_import(scope, &import.local, module, import.name.clone());
        }
    }

    fn add_export(&mut self, name: &str, export: Export) {
        let module = self.file;
        let Some(state) = self.state(module) else {
            return;
        };
        match state.exports.iter_mut().find(|(have, _)| &**have == name) {
            Some((_, have)) => *have = export,
            None => state.exports.push((Rc::from(name), export)),
        }
    }

    /// `export { a as b }`.
    pub(super) fn export(&mut self, names: &[(Name, Name)]) {
        for (local, name) in names {
            self.add_export(name, Export::Local(local.clone()));
        }
    }

    /// `export { a as b } from 'x'`.
    pub(super) fn export_from(&mut self, from: &str, names: &[(Name, Name)], at: Span) {
        let at = self.loc(at);
        match self.files.resolve(self.file, from) {
            Some(module) => {
                self.run_module(module);
                for (there, here) in names {
                    let name = Some(there.clone());
                    self.add_export(here, Export::From { module, name });
                }
            }
            None => {
                let package = self.package(from, at);
                for (there, here) in names {
                    let val = self.get(&package, there, at);
                    self.add_export(here, Export::Is(val));
                }
            }
        }
    }

    /// `export * from 'x'`.
    pub(super) fn export_all(&mut self, from: &str, name: Option<&Name>) {
        let Some(module) = self.files.resolve(self.file, from) else {
            return;
        };
        self.run_module(module);
        match name {
            Some(name) => self.add_export(name, Export::From { module, name: None }),
            None => {
                let here = self.file;
                if let Some(state) = self.state(here) {
                    state.stars.push(module);
                }
            }
        }
    }

    /// `export default x`.
    pub(super) fn export_value(&mut self, name: &str, val: Val) {
        self.add_export(name, Export::Is(val));
    }

    /// `export = x`.
    pub(super) fn export_assign(&mut self, val: Val) {
        let module = self
            .modules
            .get(self.file as usize)
            .and_then(|state| state.module);
        let at = val.at;
        if let Some(module) = module {
            self.put(module, "exports", val, at);
        }
    }
}

fn state_is_esm(state: Option<&State>) -> bool {
    state.is_some_and(|state| state.is_esm)
}
