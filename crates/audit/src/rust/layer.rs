//! What a layer does, by the names that stand in it and in what it refers to.

use std::collections::{BTreeSet, HashSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Block, Expr, ExprMethodCall, Lit, Macro, Path};

use super::code::{Code, Function, place};
use crate::source::Location;

/// A layer, and what is known of it.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub(super) place: Location,
    /// Whether it limits how often something is tried.
    pub(super) limits: bool,
    /// Whether it sets all headers that matter.
    pub(super) dresses: bool,
    /// Which of them it sets one by one.
    pub(super) headers: BTreeSet<&'static str>,
    /// Whether it may be anything.
    pub(super) is_unknown: bool,
}

/// Headers that Helmet sets and that an app misses most.
pub(super) const HEADERS: [&str; 4] = [
    "content-security-policy",
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
];

/// Layers and middleware that set all of them.
const DRESSES: [&str; 8] = [
    "Panoply",
    "Suit",
    "HeadersLayer",
    "HeadersConfig",
    "HelmetLayer",
    "Helmet",
    "HelmetLayerBuilder",
    "SecurityHeadersLayer",
];

/// Those that limit; more are told by their names.
const LIMITS: [&str; 7] = [
    "GovernorLayer",
    "Governor",
    "LimitLayer",
    "LoginLayer",
    "LoginConfig",
    "Panoply",
    "Suit",
];

/// Those that do neither.
const ELSE: [&str; 40] = [
    "TraceLayer",
    "CorsLayer",
    "Cors",
    "CompressionLayer",
    "DecompressionLayer",
    "RequestDecompressionLayer",
    "TimeoutLayer",
    "SessionManagerLayer",
    "SessionMiddleware",
    "SessionLayer",
    "Extension",
    "AuthManagerLayer",
    "AuthManagerLayerBuilder",
    "CookieManagerLayer",
    "RequestBodyLimitLayer",
    "DefaultBodyLimit",
    "NormalizePath",
    "NormalizePathLayer",
    "Logger",
    "TracingLogger",
    "Compress",
    "IdentityMiddleware",
    "SetRequestIdLayer",
    "PropagateRequestIdLayer",
    "CatchPanicLayer",
    "HandleErrorLayer",
    "ConcurrencyLimitLayer",
    "BufferLayer",
    "LoadShedLayer",
    "SetSensitiveHeadersLayer",
    "SetSensitiveRequestHeadersLayer",
    "OtelAxumLayer",
    "OtelInResponseLayer",
    "PrometheusMetricLayer",
    "CsrfLayer",
    "MessagesManagerLayer",
    "HttpAuthentication",
    "RequireAuthorizationLayer",
    "ValidateRequestHeaderLayer",
    "SessionsLayer",
];

impl Layer {
    pub(super) fn of(
        code: &Code<'_>,
        function: &Function<'_>,
        expr: &Expr,
        own: &[String],
    ) -> Self {
        let words = words(code, function, expr);
        let has = |known: &[&str]| known.iter().any(|known| words.contains(*known));
        let limits = has(&LIMITS)
            || words
                .iter()
                .any(|word| is_limiter(word) || own.contains(word));
        let names = || {
            words
                .iter()
                .map(|word| word.to_ascii_lowercase().replace('_', "-"))
        };
        let headers: BTreeSet<_> = HEADERS
            .into_iter()
            .filter(|header| names().any(|name| name == *header))
            .collect();
        let ours = ["panoply", "panoply-headers"]
            .iter()
            .any(|name| function.file.uses(name));
        let dresses = has(&DRESSES) || (ours && words.contains("Headers"));
        // Headers that are set by names which are not seen may be any.
        let sets = ["DefaultHeaders", "headers_mut"]
            .iter()
            .any(|word| words.contains(*word));
        let is_known = has(&ELSE) || words.contains("\u{0}known");
        let is_unknown = !limits && !dresses && headers.is_empty() && (sets || !is_known);
        let place = place(function.file, expr);
        Self {
            place,
            limits,
            dresses,
            headers,
            is_unknown,
        }
    }
}

impl Layer {
    /// What does all that a layer may do.
    pub(super) const fn whole(place: Location) -> Self {
        Self {
            place,
            limits: true,
            dresses: true,
            headers: BTreeSet::new(),
            is_unknown: false,
        }
    }
}

/// Whether a name says that something is limited.
pub(super) fn is_limiter(word: &str) -> bool {
    let word = word.to_ascii_lowercase().replace(['_', '-'], "");
    // What limits how large something is limits no attempts.
    if ["content", "body", "length", "size"]
        .iter()
        .any(|part| word.contains(part))
    {
        return false;
    }
    [
        "ratelimit",
        "throttle",
        "bruteforce",
        "toomanyrequests",
        "loginlimit",
        "attemptlimit",
    ]
    .iter()
    .any(|part| word.contains(part))
        || word.ends_with("limiter")
}

/// All names in an expression, in the variables and functions that it names, and so on.
fn words(code: &Code<'_>, function: &Function<'_>, expr: &Expr) -> HashSet<String> {
    let mut words = Words {
        code,
        function,
        found: HashSet::new(),
        seen: HashSet::new(),
        depth: 0,
    };
    words.visit_expr(expr);
    words.found
}

/// All names in the body of a function, and in those that it calls.
pub(super) fn words_of(code: &Code<'_>, at: usize) -> HashSet<String> {
    let Some(function) = code.functions.get(at) else {
        return HashSet::new();
    };
    let seen = HashSet::from([at]);
    let mut words = Words {
        code,
        function,
        found: HashSet::new(),
        seen,
        depth: 0,
    };
    words.visit_signature(function.signature);
    words.visit_block(function.block);
    words.found
}

struct Words<'a, 'c> {
    code: &'c Code<'a>,
    function: &'c Function<'a>,
    found: HashSet<String>,
    seen: HashSet<usize>,
    depth: usize,
}

/// Functions that call functions are followed no deeper.
const MAX_DEPTH: usize = 3;

impl Words<'_, '_> {
    fn enter(&mut self, at: usize) {
        let Some(function) = self.code.functions.get(at) else {
            return;
        };
        // It is the app's own, and all of it is here to be looked at.
        self.found.insert("\u{0}known".to_owned());
        if self.depth >= MAX_DEPTH || !self.seen.insert(at) {
            return;
        }
        let mut inside = Words {
            code: self.code,
            function,
            found: std::mem::take(&mut self.found),
            seen: std::mem::take(&mut self.seen),
            depth: self.depth + 1,
        };
        let block: &Block = function.block;
        inside.visit_block(block);
        self.found = inside.found;
        self.seen = inside.seen;
    }

    fn tokens(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    self.found.insert(name.to_string());
                }
                TokenTree::Group(group) => self.tokens(group.stream()),
                _ => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Words<'_, '_> {
    fn visit_path(&mut self, path: &'ast Path) {
        for segment in &path.segments {
            self.found.insert(segment.ident.to_string());
        }
        let variable = path.get_ident().map(ToString::to_string);
        let set = variable.and_then(|name| {
            let mut set = self
                .function
                .variables
                .iter()
                .filter(|(known, _)| *known == name);
            set.next_back().map(|(_, expr)| *expr)
        });
        if let Some(expr) = set {
            if self.depth < MAX_DEPTH {
                self.depth += 1;
                self.visit_expr(expr);
                self.depth -= 1;
            }
        } else if let Some(at) = self.code.function(path) {
            self.enter(at);
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        self.found.insert(call.method.to_string());
        visit::visit_expr_method_call(self, call);
    }

    fn visit_lit(&mut self, literal: &'ast Lit) {
        if let Lit::Str(text) = literal {
            self.found.insert(text.value());
        }
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        self.tokens(item.tokens.clone());
    }
}
