//! Follows routers through variables, branches and functions, in the order of the code.

use std::collections::{HashMap, HashSet};

use syn::visit::{self, Visit};
use syn::{Block, Expr, ExprCall, ExprClosure, ExprMethodCall, Stmt};

use super::code::{Code, Function, inner, is_test, last, place, tail};
use super::layer::Layer;
use super::router::Router;

/// Functions that make routers call each other no deeper.
const MAX_DEPTH: usize = 8;

/// What is known of functions, so that each is looked at once.
#[derive(Default)]
pub(super) struct Known {
    /// Those whose router is used by another.
    pub(super) called: HashSet<usize>,
    /// What they return.
    routers: HashMap<usize, Option<Router>>,
}

pub(super) struct Eval<'a, 'c> {
    pub(super) code: &'c Code<'a>,
    pub(super) function: &'c Function<'a>,
    pub(super) own: &'c [String],
    known: &'c mut Known,
    depth: usize,
    variables: HashMap<String, Router>,
    pub(super) served: Vec<Router>,
}

impl<'a, 'c> Eval<'a, 'c> {
    pub(super) fn new(
        code: &'c Code<'a>,
        function: &'c Function<'a>,
        own: &'c [String],
        known: &'c mut Known,
        depth: usize,
    ) -> Self {
        let (variables, served) = (HashMap::new(), Vec::new());
        Self {
            code,
            function,
            own,
            known,
            depth,
            variables,
            served,
        }
    }

    pub(super) fn block(&mut self, block: &Block) -> Option<Router> {
        let mut tail = None;
        for statement in &block.stmts {
            match statement {
                Stmt::Local(local) if !is_test(&local.attrs) => {
                    let Some(init) = &local.init else { continue };
                    match (self.router(&init.expr), super::code::bound(&local.pat)) {
                        (Some(router), Some(name)) => {
                            self.variables.insert(name, router);
                        }
                        (Some(_), None) => {}
                        (None, _) => self.search(&init.expr),
                    }
                }
                Stmt::Expr(Expr::Assign(assign), _) => {
                    let name = match &*assign.left {
                        Expr::Path(path) => last(&path.path),
                        _ => None,
                    };
                    match (self.router(&assign.right), name) {
                        (Some(router), Some(name)) => {
                            self.variables.insert(name, router);
                        }
                        _ => self.search(&assign.right),
                    }
                }
                Stmt::Expr(Expr::Return(given), _) => {
                    if let Some(expr) = &given.expr {
                        tail = self.router(expr);
                        if tail.is_none() {
                            self.search(expr);
                        }
                    }
                }
                Stmt::Expr(expr, semicolon) => {
                    let router = self.router(expr);
                    match (router, semicolon) {
                        (Some(router), None) => tail = Some(router),
                        // `cfg.service(…)` changes what it is called on.
                        (Some(router), Some(_)) => self.put_back(expr, router),
                        (None, _) => self.search(expr),
                    }
                }
                _ => {}
            }
        }
        tail
    }

    fn put_back(&mut self, expr: &Expr, router: Router) {
        if let Expr::Path(path) = super::chain::Chain::of(expr).root
            && let Some(name) = last(&path.path)
            && self.variables.contains_key(&name)
        {
            self.variables.insert(name, router);
        }
    }

    /// Looks for routers that are handed on inside of something else.
    fn search(&mut self, expr: &Expr) {
        let mut search = Search { eval: self };
        visit::visit_expr(&mut search, expr);
    }

    /// The router that an expression is.
    pub(super) fn router(&mut self, expr: &Expr) -> Option<Router> {
        match inner(expr) {
            Expr::Path(path) => self.variables.get(&last(&path.path)?).cloned(),
            Expr::Call(call) => self.call(call),
            Expr::MethodCall(call) => self.method(call),
            Expr::Block(of) => self.block(&of.block),
            Expr::If(of) => {
                let before = self.variables.clone();
                let then = self.block(&of.then_branch);
                let changed = std::mem::replace(&mut self.variables, before);
                let otherwise = of
                    .else_branch
                    .as_ref()
                    .and_then(|(_, expr)| self.router(expr));
                // What was added in one branch may be there.
                self.variables.extend(changed);
                then.or(otherwise)
            }
            _ => None,
        }
    }

    fn call(&mut self, call: &ExprCall) -> Option<Router> {
        let Expr::Path(path) = inner(&call.func) else {
            return None;
        };
        let (owner, name) = tail(&path.path);
        match (owner.as_str(), name.as_str()) {
            ("Router" | "ApiRouter" | "OpenApiRouter", "new" | "default" | "with_openapi") => {
                let place = Some(place(self.function.file, call));
                return Some(Router {
                    place,
                    ..Router::default()
                });
            }
            ("App" | "Scope", "new") | ("web", "scope") if self.function.file.uses("actix-web") => {
                let place = Some(place(self.function.file, call));
                return Some(Router {
                    place,
                    is_actix: true,
                    ..Router::default()
                });
            }
            (_, "Ok" | "Some") => return self.router(call.args.first()?),
            _ => {}
        }
        let at = self.code.function(&path.path)?;
        let given = call.args.iter().find_map(|argument| self.router(argument));
        self.enter(at, given)
    }

    /// What `configure` makes of a router: by a function, or by a closure that calls one.
    fn configured(&mut self, expr: &Expr, given: Router) -> Option<Router> {
        match inner(expr) {
            Expr::Path(path) => self.enter(self.code.function(&path.path)?, Some(given)),
            Expr::Closure(closure) => {
                let name = closure.inputs.first().and_then(super::code::bound)?;
                let before = self.variables.insert(name.clone(), given);
                let router = match self.router(&closure.body) {
                    Some(router) => Some(router),
                    None => self.variables.get(&name).cloned().map(|router| Router {
                        is_unknown: true,
                        ..router
                    }),
                };
                self.variables.remove(&name);
                self.variables.extend(before.map(|router| (name, router)));
                router
            }
            _ => None,
        }
    }

    /// The router that a function returns, or makes of the one that it is given.
    fn enter(&mut self, at: usize, given: Option<Router>) -> Option<Router> {
        let function = self.code.functions.get(at)?;
        if self.depth >= MAX_DEPTH {
            return None;
        }
        let parameter = given.is_some().then(|| parameter(function)).flatten();
        if given.is_none() {
            if let Some(router) = self.known.routers.get(&at).cloned() {
                self.known.called.extend(router.is_some().then_some(at));
                return router;
            }
            // Whoever calls itself gets nothing.
            self.known.routers.insert(at, None);
        }
        let is_plain = given.is_none();
        let mut inside = Eval::new(self.code, function, self.own, self.known, self.depth + 1);
        if let (Some(name), Some(router)) = (parameter.clone(), given) {
            inside.variables.insert(name, router);
        }
        let router = inside.whole(parameter);
        if router.is_some() {
            self.known.called.insert(at);
        }
        if is_plain {
            self.known.routers.insert(at, router.clone());
        }
        router
    }

    /// The router that the function returns, or else what it makes of its parameter.
    fn whole(&mut self, parameter: Option<String>) -> Option<Router> {
        let tail = self.block(self.function.block);
        tail.or_else(|| self.variables.remove(&parameter?))
    }

    /// The same where nobody is seen that calls it: around what it adds there may be anything.
    pub(super) fn alone(&mut self) -> Option<Router> {
        let parameter = parameter(self.function);
        if let Some(name) = parameter.clone() {
            let router = Router {
                is_unknown: true,
                ..Router::default()
            };
            self.variables.insert(name, router);
        }
        self.whole(parameter)
    }

    fn method(&mut self, call: &ExprMethodCall) -> Option<Router> {
        let method = call.method.to_string();
        let mut arguments = call.args.iter();
        let Some(mut router) = self.router(&call.receiver) else {
            // `state.router()`: a method of the app's own.
            let at = self.code.named(&method)?;
            return self.enter(at, None);
        };
        match method.as_str() {
            "route" | "route_service" | "api_route" => {
                let path = arguments.next().and_then(|path| self.path(path));
                let route = self.route(path, arguments.next(), call);
                router.add(route);
            }
            "nest" | "merge" | "nest_service" | "nest_api_service" => {
                let is_nested = method != "merge";
                let prefix = is_nested
                    .then(|| arguments.next())
                    .flatten()
                    .and_then(|path| self.path(path));
                match arguments.next().and_then(|child| self.router(child)) {
                    Some(child) => router.merge(&prefix.unwrap_or_default(), child),
                    None if method == "nest_service" => {}
                    None => router.is_unknown = true,
                }
            }
            "layer" | "route_layer" | "wrap" | "wrap_fn" => {
                if let Some(expr) = arguments.next() {
                    router.wrap(Layer::of(self.code, self.function, expr, self.own));
                }
            }
            "service" => {
                if let Some(expr) = arguments.next() {
                    self.service(&mut router, expr);
                }
            }
            "configure" => {
                let given = router.clone();
                match arguments
                    .next()
                    .and_then(|expr| self.configured(expr, given))
                {
                    Some(changed) => router = changed,
                    None => router.is_unknown = true,
                }
            }
            "routes" => self.described(&mut router, arguments.next()),
            _ => {}
        }
        Some(router)
    }
}

/// The name of the router that a function is given.
fn parameter(function: &Function<'_>) -> Option<String> {
    function.signature.inputs.iter().find_map(|input| {
        let syn::FnArg::Typed(typed) = input else {
            return None;
        };
        let ty = match &*typed.ty {
            syn::Type::Reference(of) => &*of.elem,
            other => other,
        };
        let syn::Type::Path(path) = ty else {
            return None;
        };
        let is_router = matches!(
            last(&path.path)?.as_str(),
            "Router" | "ServiceConfig" | "OpenApiRouter"
        );
        is_router.then(|| super::code::bound(&typed.pat)).flatten()
    })
}

struct Search<'e, 'a, 'c> {
    eval: &'e mut Eval<'a, 'c>,
}

/// Functions and methods that serve what they are given, and put nothing around it.
const SERVES: [&str; 6] = ["serve", "new", "bind", "run", "service", "Ok"];

impl Search<'_, '_, '_> {
    /// An argument of a function: what that does with a router is known of a few alone.
    fn hand(&mut self, argument: &Expr, to: &str) {
        match self.eval.router(argument) {
            Some(mut router) => {
                router.is_unknown |= !SERVES.contains(&to);
                self.eval.served.push(router);
            }
            None => visit::visit_expr(self, argument),
        }
    }
}

impl<'ast> Visit<'ast> for Search<'_, '_, '_> {
    fn visit_expr(&mut self, expr: &'ast Expr) {
        match self.eval.router(expr) {
            Some(router) => self.eval.served.push(router),
            None => visit::visit_expr(self, expr),
        }
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        let (owner, name) = match inner(&call.func) {
            Expr::Path(path) => tail(&path.path),
            _ => <(String, String)>::default(),
        };
        let file = self.eval.function.file;
        let is_gateway = owner == "Server" && name == "new" && file.uses("panoply-gateway");
        let router = { call.args.first() }.filter(|_| is_gateway);
        if let Some(mut router) = router.and_then(|router| self.eval.router(router)) {
            // Whatever its configuration says, which is looked at by itself.
            router.wrap(Layer::whole(place(file, call)));
            self.eval.served.push(router);
            return;
        }
        for argument in &call.args {
            self.hand(argument, &name);
        }
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        self.visit_expr(&call.receiver);
        for argument in &call.args {
            self.hand(argument, &call.method.to_string());
        }
    }

    fn visit_block(&mut self, block: &'ast Block) {
        let router = self.eval.block(block);
        self.eval.served.extend(router);
    }

    fn visit_expr_closure(&mut self, closure: &'ast ExprClosure) {
        self.visit_expr(&closure.body);
    }
}
