//! Functions and constants by name, over all files.

use std::collections::HashMap;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Block, Expr, ImplItemFn, ItemConst, ItemFn, ItemImpl, ItemMod, ItemStatic, Local,
    Pat, Path, Signature,
};

use super::crates::File;
use crate::source::Location;

/// A function outside of tests.
pub(super) struct Function<'a> {
    pub(super) file: &'a File,
    pub(super) attributes: &'a [Attribute],
    pub(super) signature: &'a Signature,
    pub(super) block: &'a Block,
    /// The type or trait that it belongs to.
    pub(super) owner: Option<String>,
    /// What its variables were set to, in order.
    pub(super) variables: Vec<(String, &'a Expr)>,
}

impl Function<'_> {
    pub(super) fn name(&self) -> String {
        self.signature.ident.to_string()
    }
}

/// All that can be referred to.
pub(super) struct Code<'a> {
    pub(super) files: &'a [File],
    pub(super) functions: Vec<Function<'a>>,
    by_name: HashMap<String, Vec<usize>>,
    constants: HashMap<String, Vec<(&'a File, &'a Expr)>>,
}

impl<'a> Code<'a> {
    pub(super) fn index(files: &'a [File]) -> Self {
        let mut code = Self {
            files,
            functions: Vec::new(),
            by_name: HashMap::new(),
            constants: HashMap::new(),
        };
        for file in files {
            let owner = None;
            Indexer {
                code: &mut code,
                file,
                owner,
            }
            .visit_file(&file.ast);
        }
        code
    }

    /// The function that a path names, if there is only one that it can be.
    pub(super) fn function(&self, path: &Path) -> Option<usize> {
        let mut segments = path.segments.iter().rev();
        let all = self.by_name.get(&segments.next()?.ident.to_string())?;
        if let [only] = all[..] {
            return Some(only);
        }
        // `auth::login`: the one in auth.rs, auth/mod.rs, or of the type `auth`.
        let within = segments.next()?.ident.to_string();
        let mut fitting = all.iter().filter(|at| {
            self.functions.get(**at).is_some_and(|function| {
                let path = function.file.source.path();
                let is_owner = function.owner.as_ref() == Some(&within);
                is_owner
                    || path.ends_with(&format!("/{within}.rs"))
                    || path.contains(&format!("/{within}/"))
            })
        });
        let first = fitting.next()?;
        fitting.next().is_none().then_some(*first)
    }

    /// The function of this name, if there is only one.
    pub(super) fn named(&self, name: &str) -> Option<usize> {
        match self.by_name.get(name)?[..] {
            [only] => Some(only),
            _ => None,
        }
    }

    /// What a constant is set to, if only one has this name.
    pub(super) fn constant(&self, path: &Path) -> Option<(&'a File, &'a Expr)> {
        match self
            .constants
            .get(&path.segments.last()?.ident.to_string())?[..]
        {
            [only] => Some(only),
            _ => None,
        }
    }
}

struct Indexer<'a, 'c> {
    code: &'c mut Code<'a>,
    file: &'a File,
    owner: Option<String>,
}

impl<'a> Indexer<'a, '_> {
    fn add(&mut self, attributes: &'a [Attribute], signature: &'a Signature, block: &'a Block) {
        let mut variables = Variables(Vec::new());
        variables.visit_block(block);
        let at = self.code.functions.len();
        let named = self
            .code
            .by_name
            .entry(signature.ident.to_string())
            .or_default();
        named.push(at);
        self.code.functions.push(Function {
            file: self.file,
            attributes,
            signature,
            block,
            owner: self.owner.clone(),
            variables: variables.0,
        });
    }

    fn constant(&mut self, name: &syn::Ident, value: &'a Expr) {
        let all = self.code.constants.entry(name.to_string()).or_default();
        all.push((self.file, value));
    }
}

impl<'a> Visit<'a> for Indexer<'a, '_> {
    fn visit_item_mod(&mut self, item: &'a ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'a ItemFn) {
        if !is_test(&item.attrs) {
            self.add(&item.attrs, &item.sig, &item.block);
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'a ItemImpl) {
        if is_test(&item.attrs) {
            return;
        }
        let owner = match (&item.trait_, &*item.self_ty) {
            (Some((path, ..)), _) => last(path),
            (None, syn::Type::Path(path)) => last(&path.path),
            _ => None,
        };
        let before = std::mem::replace(&mut self.owner, owner);
        visit::visit_item_impl(self, item);
        self.owner = before;
    }

    fn visit_impl_item_fn(&mut self, item: &'a ImplItemFn) {
        if !is_test(&item.attrs) {
            self.add(&item.attrs, &item.sig, &item.block);
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_const(&mut self, item: &'a ItemConst) {
        self.constant(&item.ident, &item.expr);
    }

    fn visit_item_static(&mut self, item: &'a ItemStatic) {
        self.constant(&item.ident, &item.expr);
    }
}

struct Variables<'a>(Vec<(String, &'a Expr)>);

impl<'a> Visit<'a> for Variables<'a> {
    fn visit_local(&mut self, local: &'a Local) {
        if let (Some(name), Some(init)) = (bound(&local.pat), &local.init) {
            self.0.push((name, &init.expr));
        }
        visit::visit_local(self, local);
    }

    fn visit_item_fn(&mut self, _: &'a ItemFn) {}
}

/// The one name that a pattern binds.
pub(super) fn bound(pattern: &Pat) -> Option<String> {
    match pattern {
        Pat::Ident(name) => Some(name.ident.to_string()),
        Pat::Type(typed) => bound(&typed.pat),
        _ => None,
    }
}

/// Whether something is there in tests alone, or while it is worked on.
pub(super) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let name = last(attribute.path());
        if name.as_deref() == Some("test") {
            return true;
        }
        let Ok(list) = attribute.meta.require_list() else {
            return false;
        };
        let text = list.tokens.to_string();
        name.as_deref() == Some("cfg")
            && !text.starts_with("not")
            && ["test", "debug_assertions"]
                .iter()
                .any(|word| text == *word || text.contains(&format!("({word}")))
    })
}

/// The last name of a path.
pub(super) fn last(path: &Path) -> Option<String> {
    path.segments
        .last()
        .map(|segment| segment.ident.to_string())
}

/// The last two names of a path: `Router::new`.
pub(super) fn tail(path: &Path) -> (String, String) {
    let mut segments = path
        .segments
        .iter()
        .rev()
        .map(|segment| segment.ident.to_string());
    let name = segments.next().unwrap_or_default();
    (segments.next().unwrap_or_default(), name)
}

/// Where a piece of syntax stands.
pub(super) fn place(file: &File, what: &impl Spanned) -> Location {
    Location::new(&file.source, what.span().byte_range())
}

/// An expression without what only wraps it: parentheses, `&`, `?`, `.await`.
pub(super) fn inner(expr: &Expr) -> &Expr {
    match expr {
        Expr::Paren(of) => inner(&of.expr),
        Expr::Group(of) => inner(&of.expr),
        Expr::Reference(of) => inner(&of.expr),
        Expr::Try(of) => inner(&of.expr),
        Expr::Await(of) => inner(&of.base),
        Expr::Unary(of) if matches!(of.op, syn::UnOp::Deref(_)) => inner(&of.expr),
        _ => expr,
    }
}

/// The text of a string or byte string.
pub(super) fn string(expr: &Expr) -> Option<String> {
    let Expr::Lit(literal) = inner(expr) else {
        return None;
    };
    match &literal.lit {
        syn::Lit::Str(text) => Some(text.value()),
        syn::Lit::ByteStr(bytes) => Some(String::from_utf8_lossy(&bytes.value()).into_owned()),
        _ => None,
    }
}

/// Whether it is the word `false`.
pub(super) fn is_false(expr: &Expr) -> bool {
    matches!(inner(expr), Expr::Lit(literal) if matches!(&literal.lit, syn::Lit::Bool(truth) if !truth.value))
}
