//! Routers of axum and actix: which routes they have, and which layers are around each.

use std::collections::HashSet;

use syn::{Expr, ExprMethodCall};

use super::chain::{self, Chain};
use super::code::{Code, Function, inner, last};
use super::eval::{Eval, Known};
use super::layer::Layer;
use crate::source::Location;

/// A route, with the layers around it.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) path: String,
    /// Whether it takes POST.
    pub(super) posts: bool,
    /// The function that answers, by number, and its name.
    pub(super) handler: Option<usize>,
    pub(super) handler_name: String,
    pub(super) place: Location,
    pub(super) layers: Vec<Layer>,
    /// Layers that were put on the router before it, and so are not around it.
    pub(super) missed: Vec<Layer>,
}

/// What is served.
#[derive(Debug, Clone, Default)]
pub(super) struct Router {
    pub(super) place: Option<Location>,
    pub(super) routes: Vec<Route>,
    /// Whether a part of it could not be followed.
    pub(super) is_unknown: bool,
    /// Whether it is, by its function's name, a part of another.
    pub(super) is_nested: bool,
    /// Layers put on it so far.
    pub(super) applied: Vec<Layer>,
    /// Actix puts its middleware around all routes, also those that come later.
    pub(super) is_actix: bool,
}

/// All routers that are served, or handed to something that is not seen.
pub(super) fn all(code: &Code<'_>, own: &[String]) -> Vec<Router> {
    let mut served = Vec::new();
    let mut returned = Vec::new();
    let mut known = Known::default();
    for (at, function) in code.functions.iter().enumerate() {
        let mut eval = Eval::new(code, function, own, &mut known, 0);
        let tail = eval.alone();
        served.append(&mut eval.served);
        returned.extend(tail.map(|router| (at, router)));
    }
    let nested = nested(code);
    returned.retain(|(at, _)| !known.called.contains(at));
    // Whoever takes it from there may put anything around it.
    served.extend(returned.into_iter().map(|(at, mut router)| {
        let function = code.functions.get(at);
        // One that nests others itself is their app, though it may be called as they are.
        router.is_nested = function.is_some_and(|it| nested.contains(&it.name()) && !nests(it));
        router.is_unknown |= function.is_none_or(|function| function.signature.ident != "main");
        router
    }));
    // The same router is met once in its function and once in each that calls it.
    let mut seen = HashSet::new();
    served.retain(|router| {
        let key = router.place.as_ref().map(ToString::to_string);
        let routes: Vec<_> = router
            .routes
            .iter()
            .map(|route| (route.place.to_string(), route.layers.len()))
            .collect();
        seen.insert((key, routes))
    });
    served
}

/// Functions whose routers are put into others, by name: which of several it is nobody has to know.
fn nested(code: &Code<'_>) -> HashSet<String> {
    let mut names = HashSet::new();
    for function in &code.functions {
        let chains = chain::all(function).into_iter();
        for call in chains.flat_map(|chain| chain.calls) {
            if !is_nesting(call) {
                continue;
            }
            let given = call.args.last().map(|given| Chain::of(given).root);
            if let Some(Expr::Call(given)) = given
                && let Expr::Path(path) = inner(&given.func)
            {
                names.extend(last(&path.path));
            }
        }
    }
    // Of `Router::new()` it says nothing.
    names.retain(|name| !matches!(name.as_str(), "new" | "default" | "from"));
    names
}

fn nests(function: &Function<'_>) -> bool {
    let mut chains = chain::all(function).into_iter();
    chains.any(|chain| chain.calls.into_iter().any(is_nesting))
}

fn is_nesting(call: &ExprMethodCall) -> bool {
    let nests = ["nest", "merge", "nest_service", "nest_api_service"];
    nests.iter().any(|name| call.method == name)
}

impl Router {
    pub(super) fn add(&mut self, mut route: Route) {
        if self.is_actix {
            route.layers.extend(self.applied.iter().cloned());
        } else {
            route.missed.extend(self.applied.iter().cloned());
        }
        self.routes.push(route);
    }

    pub(super) fn merge(&mut self, prefix: &str, child: Self) {
        self.is_unknown |= child.is_unknown;
        for mut route in child.routes {
            let prefix = prefix.trim_end_matches('/');
            route.path = format!("{prefix}/{}", route.path.trim_start_matches('/'));
            self.add(route);
        }
    }

    pub(super) fn wrap(&mut self, layer: Layer) {
        for route in &mut self.routes {
            route.layers.push(layer.clone());
        }
        self.applied.push(layer);
    }
}
