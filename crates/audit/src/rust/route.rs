//! Routes: what `.route(…)` and `.service(…)` say.

use syn::punctuated::Punctuated;
use syn::{Expr, ExprMethodCall};

use super::chain::Chain;
use super::code::{Function, inner, last, place, string};
use super::eval::Eval;
use super::layer::Layer;
use super::router::{Route, Router};

impl Eval<'_, '_> {
    /// Actix: a scope, a resource, or a function with its route above it.
    pub(super) fn service(&mut self, router: &mut Router, expr: &Expr) {
        let chain = Chain::of(expr);
        if let Some(scope) = chain
            .begins("web", "scope")
            .or_else(|| chain.begins("Scope", "new"))
        {
            let prefix = scope
                .args
                .first()
                .and_then(|path| self.path(path))
                .unwrap_or_default();
            match self.router(expr) {
                Some(child) => router.merge(&prefix, child),
                None => router.is_unknown = true,
            }
            return;
        }
        if let Some(resource) = chain
            .begins("web", "resource")
            .or_else(|| chain.begins("Resource", "new"))
        {
            let path = resource.args.first().and_then(|path| self.path(path));
            for call in &chain.calls {
                if matches!(call.method.to_string().as_str(), "route" | "to" | "post") {
                    let mut route = self.route(path.clone(), call.args.first(), call);
                    route.posts |= call.method == "to";
                    let wraps = chain.calls.iter().filter(|call| call.method == "wrap");
                    let layers = wraps.filter_map(|call| {
                        Some(Layer::of(
                            self.code,
                            self.function,
                            call.args.first()?,
                            self.own,
                        ))
                    });
                    route.layers.extend(layers);
                    router.add(route);
                }
            }
            return;
        }
        let function = match inner(expr) {
            Expr::Path(path) => self.code.function(&path.path),
            _ => None,
        };
        let above = function.and_then(|at| Some((at, self.code.functions.get(at)?)));
        let attribute = above.and_then(|(at, function)| {
            let mut attributes = function.attributes.iter();
            attributes.find_map(|attribute| {
                let method = last(attribute.path())?;
                let said = attribute.parse_args_with(|input: syn::parse::ParseStream<'_>| {
                    let path: syn::LitStr = input.parse()?;
                    let more: proc_macro2::TokenStream = input.parse()?;
                    Ok((path.value(), more))
                });
                let (path, more) = said.ok()?;
                // `#[route("/a", method = "GET", method = "POST")]`
                let posts = method == "post" || method == "route" && has_text(more, "\"POST\"");
                Some((at, function, posts, path))
            })
        });
        if let Some((at, function, posts, path)) = attribute {
            router.add(Route::above(at, function, posts, path));
        }
    }

    pub(super) fn path(&self, expr: &Expr) -> Option<String> {
        string(expr).or_else(|| match inner(expr) {
            Expr::Path(path) => string(self.code.constant(&path.path)?.1),
            _ => None,
        })
    }

    /// A route by what answers it: `get(a).post(b).layer(c)`, `web::post().to(b)`.
    pub(super) fn route(
        &mut self,
        path: Option<String>,
        methods: Option<&Expr>,
        call: &ExprMethodCall,
    ) -> Route {
        let mut route = Route {
            path: path.unwrap_or_default(),
            posts: false,
            handler: None,
            handler_name: String::new(),
            place: place(
                self.function.file,
                methods.map_or(&*call.receiver, |expr| expr),
            ),
            layers: Vec::new(),
            missed: Vec::new(),
        };
        if let Some(Expr::Lit(literal)) = call.args.first() {
            route.place = place(self.function.file, literal);
        }
        let Some(methods) = methods else { return route };
        let chain = Chain::of(methods);
        let mut handlers = Vec::new();
        let mut is_post = false;
        if let Expr::Call(call) = chain.root
            && let Expr::Path(path) = inner(&call.func)
        {
            is_post = matches!(
                last(&path.path).as_deref(),
                Some("post" | "any" | "post_service" | "any_service" | "post_with")
            );
            if is_post {
                handlers.extend(call.args.first());
            }
        }
        for call in &chain.calls {
            match call.method.to_string().as_str() {
                "post" | "post_with" => {
                    is_post = true;
                    handlers.extend(call.args.first());
                }
                "to" if is_post => handlers.extend(call.args.first()),
                "layer" | "route_layer" | "wrap" => {
                    if let Some(expr) = call.args.first() {
                        route
                            .layers
                            .push(Layer::of(self.code, self.function, expr, self.own));
                    }
                }
                _ => {}
            }
        }
        route.posts = is_post;
        if let Some(Expr::Path(path)) = handlers.last().map(|expr| inner(expr)) {
            route.handler = self.code.function(&path.path);
            route.handler_name = last(&path.path).unwrap_or_default();
        }
        route
    }

    /// `.routes(routes!(login))` of utoipa: what they are stands above the functions.
    pub(super) fn described(&mut self, router: &mut Router, expr: Option<&Expr>) {
        let parse = Punctuated::<syn::Path, syn::Token![,]>::parse_terminated;
        let paths = match expr.map(inner) {
            Some(Expr::Macro(of)) => of.mac.parse_body_with(parse).unwrap_or_default(),
            _ => Punctuated::new(),
        };
        if paths.is_empty() {
            router.is_unknown = true;
        }
        for path in &paths {
            let function = self.code.function(path);
            let described = function.and_then(|at| {
                let function = self.code.functions.get(at)?;
                let mut attributes = function.attributes.iter();
                let attribute = attributes
                    .find(|attribute| last(attribute.path()).as_deref() == Some("path"))?;
                let text = attribute.meta.require_list().ok()?.tokens.to_string();
                let (_, path) = text.split_once("path = \"")?;
                let path = path.split_once('"')?.0.to_owned();
                Some((at, function, text.trim_start().starts_with("post"), path))
            });
            let Some((at, function, posts, path)) = described else {
                router.is_unknown = true;
                continue;
            };
            router.add(Route::above(at, function, posts, path));
        }
    }
}

impl Route {
    /// The route that stands above the function of this number.
    fn above(at: usize, function: &Function<'_>, posts: bool, path: String) -> Self {
        Self {
            path,
            posts,
            handler: Some(at),
            handler_name: function.name(),
            place: place(function.file, &function.signature.ident),
            layers: Vec::new(),
            missed: Vec::new(),
        }
    }
}

/// Whether a text stands among the tokens as such.
fn has_text(tokens: proc_macro2::TokenStream, text: &str) -> bool {
    let mut tokens = tokens.into_iter();
    tokens
        .any(|token| matches!(token, proc_macro2::TokenTree::Literal(it) if it.to_string() == text))
}
