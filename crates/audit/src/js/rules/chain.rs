//! What a request runs through, in the order in which Express runs it.

use std::collections::HashSet;
use std::rc::Rc;

use crate::js::facts::{
    Cond, Event, EventKind, Kind, LOST, Loc, Matches, Obj, Program, Route, Stack, StackId,
    StackKind, Val, Value,
};

/// More layers than any app has; mounts that multiply stop there.
const MAX_LAYERS: usize = 30_000;
/// Routers inside routers.
const MAX_DEPTH: usize = 16;

/// An app, and what its requests run through.
#[derive(Debug)]
pub(super) struct App {
    pub(super) kind: StackKind,
    /// Where it is made.
    pub(super) at: Loc,
    /// When it is made.
    pub(super) born: Cond,
    /// Whether it is mounted in another.
    pub(super) is_mounted: bool,
    pub(super) layers: Vec<Layer>,
    /// Settings, in order: name, value, when, where.
    pub(super) settings: Vec<(Rc<str>, Val, Cond, Loc)>,
    /// Where it listens, and whether that is over TLS.
    pub(super) listens: Vec<(Loc, bool)>,
    /// Whether something unknown may have told it more.
    pub(super) escapes: bool,
    /// Whether it is kept in something that is not known, so that most of it is told there.
    pub(super) is_lost: bool,
}

/// A handler under a path.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    /// Handlers of one call have the same.
    pub(super) group: u32,
    /// Whether no other handler of its call comes after it.
    pub(super) is_last: bool,
    /// Nothing for `use`.
    pub(super) method: Option<Rc<str>>,
    pub(super) path: Route,
    pub(super) handler: Val,
    /// The call that registers it.
    pub(super) at: Loc,
    pub(super) cond: Cond,
}

impl Layer {
    /// Whether it runs for requests that a route takes.
    pub(super) fn runs_for(&self, route: &Self) -> Matches {
        if !self.cond.in_production() || !self.cond.meets(&route.cond) {
            return Matches::No;
        }
        match (&self.method, &route.method) {
            (None, _) => self.path.leads_to(&route.path),
            (Some(have), Some(wanted))
                if have == wanted || &**have == "all" || &**wanted == "all" =>
            {
                self.path.is(&route.path)
            }
            _ => Matches::No,
        }
    }
}

impl App {
    /// A stack with its layers, and nothing else that it is told.
    fn new(program: &Program, id: StackId, stack: &Stack) -> Self {
        let mut flat = Flat {
            program,
            layers: Vec::new(),
            group: 0,
            open: Vec::new(),
        };
        flat.stack(id, &Route::root(), &Cond::ALWAYS);
        Self {
            kind: stack.kind,
            at: stack.at,
            born: stack.born.clone(),
            is_mounted: false,
            layers: flat.layers,
            settings: Vec::new(),
            listens: Vec::new(),
            escapes: false,
            is_lost: false,
        }
    }

    /// Layers that can run in production, with their number.
    pub(super) fn in_production(&self) -> impl Iterator<Item = (usize, &Layer)> {
        let layers = self.layers.iter().enumerate();
        layers.filter(|(_, layer)| layer.cond.in_production())
    }

    /// Whether a layer runs only where an early return keeps the rest of the app away.
    pub(super) fn is_aside(&self, program: &Program, layer: &Layer) -> bool {
        let mut aside = program.aside.iter();
        aside.any(|(leaves, goes_on)| {
            let mut layers = self.layers.iter();
            leaves.covers(&layer.cond) && layers.any(|other| goes_on.covers(&other.cond))
        })
    }

    /// What a setting is at last in production.
    pub(super) fn setting(&self, name: &str) -> Option<(&Val, Loc, &Cond)> {
        let settings = self.settings.iter().rev();
        let mut settings =
            settings.filter(|(have, _, cond, _)| &**have == name && cond.in_production());
        settings.next().map(|(_, val, cond, at)| (val, *at, cond))
    }
}

/// Every app, with its layers; those inside others too, each by itself.
pub(super) fn apps(program: &Program) -> Vec<App> {
    let mounted = mounted(program);
    let stacks = program.stack_ids();
    let stacks = stacks.filter(|(_, stack)| stack.kind != StackKind::Router);
    let app = |(id, stack): (StackId, &Stack)| {
        let mut app = App::new(program, id, stack);
        app.is_mounted = mounted.contains(&id);
        app.settings = written(program, id);
        for event in &stack.events {
            match &event.kind {
                EventKind::Set(name, val) => {
                    app.settings
                        .push((name.clone(), val.clone(), event.cond.clone(), event.at));
                }
                EventKind::Listen { secure } if event.cond.in_production() => {
                    app.listens.push((event.at, *secure));
                }
                EventKind::Escape(name) => {
                    app.is_lost |= &**name == LOST;
                    app.escapes |= !is_harmless(name);
                }
                _ => {}
            }
        }
        app
    };
    let mut apps: Vec<App> = stacks.map(app).collect();
    // An app that some function makes and hands on is most likely what another one uses unseen.
    let uses_unseen = |app: &App| {
        let unknown =
            |layer: &Layer| layer.method.is_none() && matches!(layer.handler.v, Value::Unknown);
        app.layers.iter().any(unknown)
    };
    let unseen: Vec<Loc> = apps
        .iter()
        .filter(|app| uses_unseen(app))
        .map(|app| app.at)
        .collect();
    for app in &mut apps {
        let handed_on = app.listens.is_empty() && !app.born.is_certain();
        app.is_mounted |= handed_on && unseen.iter().any(|at| *at != app.at);
    }
    // What one line makes several times is an app's own only where it is told so.
    let places: Vec<Loc> = apps.iter().map(|app| app.at).collect();
    for app in &mut apps {
        app.escapes |= places.iter().filter(|at| **at == app.at).count() > 1;
    }
    apps
}

/// `app.settings['trust proxy'] = true`: what stands there without `set`, in front of what is set.
fn written(program: &Program, id: StackId) -> Vec<(Rc<str>, Val, Cond, Loc)> {
    let is_it = |obj: &&Obj| matches!(obj.kind, Kind::Stack(have) if have == id);
    let stacks = program.heap.iter().filter(is_it);
    let settings = stacks.filter_map(|obj| program.obj(obj.prop("settings")?.val.object()?));
    let props = settings.flat_map(|obj| &obj.props);
    let props = props.filter(|(name, _)| &**name != "env");
    props
        .map(|(name, prop)| (name.clone(), prop.val.clone(), Cond::ALWAYS, prop.at))
        .collect()
}

/// Routers that are mounted nowhere, each by itself.
pub(super) fn loose(program: &Program) -> Vec<App> {
    let mounted = mounted(program);
    let stacks = program.stack_ids();
    let stacks =
        stacks.filter(|(id, stack)| stack.kind == StackKind::Router && !mounted.contains(id));
    let app = |(id, stack)| App {
        escapes: true,
        ..App::new(program, id, stack)
    };
    stacks.map(app).collect()
}

/// Functions that an app is given to, without being told anything that matters here.
fn is_harmless(name: &str) -> bool {
    let last = name.rsplit([':', '.']).next().unwrap_or(name);
    matches!(
        last,
        "log"
            | "debug"
            | "info"
            | "emit"
            | "serverless"
            | "supertest"
            | "request"
            | "push"
            | "resolve"
    ) || [
        "socket.io",
        "http",
        "https",
        "supertest",
        "serverless-http",
        "express-list-endpoints",
        "vite",
        "ws",
        "cron",
        "node-cron",
        "@sentry/",
        "newrelic",
        "express-async-errors",
        "aws-serverless-express",
    ]
    .iter()
    .any(|package| {
        name.split(':')
            .next()
            .is_some_and(|have| have.starts_with(package))
    })
}

fn mounted(program: &Program) -> HashSet<StackId> {
    let mut all = HashSet::new();
    for (id, stack) in program.stack_ids() {
        for event in &stack.events {
            let EventKind::Use(told) = &event.kind else {
                continue;
            };
            for handler in &told.handlers {
                all.extend(
                    stacks_in(program, handler, 0)
                        .into_iter()
                        .filter(|inner| *inner != id),
                );
            }
        }
    }
    all
}

/// The apps and routers that a handler is, or that a wrapper around it was given.
fn stacks_in(program: &Program, handler: &Val, depth: u8) -> Vec<StackId> {
    let mut out = Vec::new();
    for (_, val) in handler.alternatives() {
        if let Some(id) = program.as_stack(val) {
            out.push(id);
        } else if let (Some(call), true) = (program.as_call(val), depth < 3) {
            for arg in &call.args {
                out.extend(stacks_in(program, arg, depth + 1));
            }
        }
    }
    out
}

struct Flat<'a> {
    program: &'a Program,
    layers: Vec<Layer>,
    group: u32,
    open: Vec<StackId>,
}

impl Flat<'_> {
    fn stack(&mut self, id: StackId, prefix: &Route, cond: &Cond) {
        if self.open.contains(&id) || self.open.len() >= MAX_DEPTH {
            return;
        }
        let program = self.program;
        let Some(stack) = program.stack(id) else {
            return;
        };
        self.open.push(id);
        for event in &stack.events {
            if self.layers.len() >= MAX_LAYERS {
                break;
            }
            self.event(event, prefix, cond);
        }
        self.open.pop();
    }

    fn event(&mut self, event: &Event, prefix: &Route, cond: &Cond) {
        let EventKind::Use(told) = &event.kind else {
            return;
        };
        let Some(cond) = cond.and(&event.cond) else {
            return;
        };
        self.group += 1;
        let group = self.group;
        for path in paths(&told.paths) {
            let path = prefix.join(&path);
            for (number, handler) in told.handlers.iter().enumerate() {
                let is_last = number + 1 == told.handlers.len();
                for (when, handler) in handler.alternatives() {
                    let Some(cond) = cond.and(&when) else {
                        continue;
                    };
                    let inner = stacks_in(self.program, handler, 0);
                    if inner.is_empty() {
                        self.layers.push(Layer {
                            group,
                            is_last,
                            method: told.method.clone(),
                            path: path.clone(),
                            handler: handler.clone(),
                            at: event.at,
                            cond,
                        });
                        continue;
                    }
                    for inner in inner {
                        self.stack(inner, &path, &cond);
                    }
                    self.group = self.group.max(group) + 1;
                }
            }
        }
    }
}

/// The paths that some values are.
fn paths(vals: &[Val]) -> Vec<Route> {
    if vals.is_empty() {
        return vec![Route::root()];
    }
    let mut out = Vec::new();
    for val in vals {
        for (_, val) in val.alternatives() {
            let route = match &val.v {
                Value::Text(text) => Route::parse(text),
                Value::Pieces(parts) => {
                    // `${prefix}/login`: what is not known may be anything.
                    parts.iter().fold(Route::root(), |route, part| match part {
                        crate::js::facts::Part::Known(text) => route.join(&Route::parse(text)),
                        crate::js::facts::Part::Of(_) => route.join(&Route::unknown()),
                    })
                }
                Value::Regex(pattern)
                    if matches!(&**pattern, ".*" | "^.*$" | "(.*)" | "^(.*)$" | ".") =>
                {
                    Route::parse("*")
                }
                _ => Route::unknown(),
            };
            if out.len() < 64 {
                out.push(route);
            }
        }
    }
    out
}

/// What kind of thing a handler is, if a package made it.
pub(super) fn made_by<'a>(program: &'a Program, handler: &'a Val) -> Option<&'a str> {
    if let Some(path) = program.external(handler) {
        return Some(path);
    }
    match &program.obj(handler.object()?)?.kind {
        Kind::Bound { callee, .. } => program.external(callee),
        _ => None,
    }
}
