//! Chains of methods, as builders are written: `A::new(x).b(y).c(z)`.

use syn::visit::{self, Visit};
use syn::{Expr, ExprCall, ExprMethodCall, Stmt};

use super::code::{Code, Function, inner, is_test};

/// A chain, from its beginning.
pub(super) struct Chain<'a> {
    pub(super) whole: &'a Expr,
    /// What it begins with.
    pub(super) root: &'a Expr,
    pub(super) calls: Vec<&'a ExprMethodCall>,
}

impl<'a> Chain<'a> {
    pub(super) fn of(whole: &'a Expr) -> Self {
        let mut calls = Vec::new();
        let mut root = inner(whole);
        while let Expr::MethodCall(call) = root {
            calls.push(call);
            root = inner(&call.receiver);
        }
        calls.reverse();
        Self { whole, root, calls }
    }

    /// The call that it begins with, if its path ends so.
    pub(super) fn begins(&self, owner: &str, name: &str) -> Option<&'a ExprCall> {
        let Expr::Call(call) = self.root else {
            return None;
        };
        let Expr::Path(path) = inner(&call.func) else {
            return None;
        };
        (super::code::tail(&path.path) == (owner.to_owned(), name.to_owned())).then_some(call)
    }

    /// The last call of a method.
    pub(super) fn call(&self, name: &str) -> Option<&'a ExprMethodCall> {
        self.calls
            .iter()
            .rev()
            .find(|call| call.method == name)
            .copied()
    }

    /// What the last call of a method is given first.
    pub(super) fn argument(&self, name: &str) -> Option<&'a Expr> {
        self.call(name)?.args.first()
    }
}

/// All expressions of a function that are no part of a longer chain, without those for development.
pub(super) fn all<'a>(function: &Function<'a>) -> Vec<Chain<'a>> {
    let mut chains = Chains(Vec::new());
    chains.visit_block(function.block);
    chains.0
}

struct Chains<'a>(Vec<Chain<'a>>);

impl<'a> Visit<'a> for Chains<'a> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::MethodCall(_) | Expr::Call(_) = expr {
            let chain = Chain::of(expr);
            for call in &chain.calls {
                for argument in &call.args {
                    self.visit_expr(argument);
                }
            }
            match chain.root {
                Expr::Call(call) => visit::visit_expr_call(self, call),
                root if !std::ptr::eq(root, expr) => self.visit_expr(root),
                _ => {}
            }
            self.0.push(chain);
            return;
        }
        visit::visit_expr(self, expr);
    }

    fn visit_stmt(&mut self, statement: &'a Stmt) {
        let attributes = match statement {
            Stmt::Local(local) => &local.attrs,
            _ => return visit::visit_stmt(self, statement),
        };
        if !is_test(attributes) {
            visit::visit_stmt(self, statement);
        }
    }

    fn visit_item_fn(&mut self, _: &'a syn::ItemFn) {}
}

/// What a variable of a function, or a constant, was set to; itself for anything else.
pub(super) fn resolved<'a>(code: &Code<'a>, function: &Function<'a>, expr: &'a Expr) -> &'a Expr {
    let mut at = inner(expr);
    // `let a = b; let b = c;` is no longer than this, also when it goes in a circle.
    for _ in 0..8 {
        let Expr::Path(path) = at else { return at };
        let name = path.path.get_ident().map(ToString::to_string);
        let variable = name.and_then(|name| {
            let mut set = function
                .variables
                .iter()
                .filter(|(known, _)| *known == name);
            set.next_back().map(|(_, expr)| *expr)
        });
        let constant = || code.constant(&path.path).map(|(_, expr)| expr);
        match variable.or_else(constant) {
            Some(next) if !std::ptr::eq(inner(next), at) => at = inner(next),
            _ => return at,
        }
    }
    at
}
