//! Statements.
//!
//! Long because a statement is one match.

use std::rc::Rc;

use super::super::facts::{Closure, Cond, Kind, Val, Value};
use super::super::ir::{Binary, Expr, ExprKind, Function, Pattern, Stmt, StmtKind};
use super::{Flow, Interp, MAX_ITEMS};

impl Interp<'_> {
    /// Statements of one scope, in order.
    pub(super) fn stmts(&mut self, stmts: &[Stmt], scope: u32) -> Flow {
        self.hoist(stmts, scope);
        for stmt in stmts {
            let flow = self.stmt(stmt, scope);
            if flow != Flow::On {
                return flow;
            }
        }
        Flow::On
    }

    /// Functions are there before the first statement.
    fn hoist(&mut self, stmts: &[Stmt], scope: u32) {
        for stmt in stmts {
            if let StmtKind::Function(function) = &stmt.kind {
                let val = self.closure(
                    function,
                    scope,
                    function.name.as_deref().unwrap_or_default(),
                );
                if let Some(name) = &function.name {
                    self.declare(scope, name, val);
                }
            }
        }
    }

    /// A function that sees a scope.
    pub(super) fn closure(
        &mut self,
        function: &std::sync::Arc<Function>,
        scope: u32,
        name: &str,
    ) -> Val {
        let name = function.name.as_deref().unwrap_or(name);
        let closure = Closure {
            function: function.clone(),
            scope,
            file: self.file,
            name: Rc::from(name),
            parent: None,
        };
        let at = self.loc(function.at);
        self.object(Kind::Function(closure), at)
    }

    pub(super) fn stmt(&mut self, stmt: &Stmt, scope: u32) -> Flow {
        if !self.step() {
            return Flow::Thrown;
        }
        match &stmt.kind {
            StmtKind::Empty | StmtKind::Function(_) => Flow::On,
            StmtKind::Expr(expr) => {
                self.exits = false;
                self.eval(expr, scope);
                if std::mem::take(&mut self.exits) {
                    Flow::Thrown
                } else {
                    Flow::On
                }
            }
            StmtKind::Declare {
                is_var,
                pattern,
                init,
            } => {
                self.declare_from(*is_var, pattern, init.as_ref(), scope, stmt);
                Flow::On
            }
            StmtKind::Class(class) => {
                let val = self.class(class, scope);
                if let Some(name) = &class.name {
                    self.declare(scope, name, val);
                }
                Flow::On
            }
            StmtKind::Return(value) => {
                let at = self.loc(stmt.at);
                let val = match value {
                    Some(value) => self.eval(value, scope),
                    None => Val::new(Value::Undefined, at),
                };
                let path = self.path.clone();
                if let Some(frame) = self.frames.last_mut() {
                    frame.returns.push((path, val));
                }
                Flow::Left
            }
            StmtKind::Throw(value) => {
                self.eval(value, scope);
                self.fails();
                Flow::Thrown
            }
            StmtKind::Leave => Flow::Broke,
            StmtKind::Block(body) => {
                let scope = self.scope(Some(scope), false);
                self.stmts(body, scope)
            }
            StmtKind::If(test, yes, no) => {
                let (when, unless) = self.test(test, scope);
                let no = no.as_deref();
                self.branches(
                    when,
                    unless,
                    |it| it.arm(yes, scope),
                    |it| no.map_or(Flow::On, |no| it.arm(no, scope)),
                )
            }
            StmtKind::For { .. } | StmtKind::ForEach { .. } | StmtKind::While(..) => {
                self.a_loop(stmt, scope)
            }
            StmtKind::Switch(on, cases) => self.switch(on, cases, scope),
            StmtKind::Try {
                block,
                param,
                handler,
                finalizer,
            } => {
                let flow = self.attempt(block, param.as_ref(), handler.as_deref(), scope);
                if let Some(finalizer) = finalizer {
                    let scope = self.scope(Some(scope), false);
                    self.stmts(finalizer, scope);
                }
                flow
            }
            StmtKind::Import { from, names } => {
                self.import(from, names, scope, stmt.at);
                Flow::On
            }
            StmtKind::Export(names) => {
                self.export(names);
                Flow::On
            }
            StmtKind::ExportFrom { from, names } => {
                self.export_from(from, names, stmt.at);
                Flow::On
            }
            StmtKind::ExportAll { from, name } => {
                self.export_all(from, name.as_ref());
                Flow::On
            }
            StmtKind::ExportDefault(value) => {
                let val = self.eval_named(value, scope, "default");
                self.export_value("default", val);
                Flow::On
            }
            StmtKind::ExportAssign(value) => {
                let val = self.eval(value, scope);
                self.export_assign(val);
                Flow::On
            }
        }
    }

    fn arm(&mut self, stmt: &Stmt, scope: u32) -> Flow {
        let scope = self.scope(Some(scope), false);
        self.stmts(std::slice::from_ref(stmt), scope)
    }

    fn declare_from(
        &mut self,
        is_var: bool,
        pattern: &Pattern,
        init: Option<&Expr>,
        scope: u32,
        stmt: &Stmt,
    ) {
        let scope_of_name = if is_var {
            self.function_scope(scope)
        } else {
            scope
        };
        let val = match (init, pattern) {
            (Some(init), Pattern::Name(name)) => self.eval_named(init, scope, name),
            (Some(init), _) => self.eval(init, scope),
            (None, Pattern::Name(name)) if is_var && self.has_name(scope_of_name, name) => return,
            (None, _) => Val::new(Value::Undefined, self.loc(stmt.at)),
        };
        self.bind_pattern(pattern, val, scope_of_name, scope, true);
    }

    /// Both sides of a test; where one of them leaves, what follows knows how the test came out.
    pub(super) fn branches(
        &mut self,
        when: Option<Cond>,
        unless: Option<Cond>,
        yes: impl FnOnce(&mut Self) -> Flow,
        no: impl FnOnce(&mut Self) -> Flow,
    ) -> Flow {
        let before = self.path.clone();
        let run = |it: &mut Self, cond: Option<Cond>, side: &mut dyn FnMut(&mut Self) -> Flow| {
            let cond = cond?;
            it.path = cond;
            let flow = side(it);
            Some((flow, it.path.clone()))
        };
        let (mut yes, mut no) = (Some(yes), Some(no));
        let sides = (when.clone(), unless.clone());
        let first = run(self, when, &mut |it| {
            yes.take().map_or(Flow::On, |yes| yes(it))
        });
        let second = run(self, unless, &mut |it| {
            no.take().map_or(Flow::On, |no| no(it))
        });
        let (flow, path) = match (first, second) {
            (Some(only), None) | (None, Some(only)) => {
                // The other side cannot be; this one is not an alternative.
                let path = if before.covers(&only.1) && only.0 == Flow::On {
                    before
                } else {
                    only.1
                };
                (only.0, path)
            }
            (None, None) => (Flow::Thrown, before),
            (Some((Flow::On, _)), Some((Flow::On | Flow::Thrown, _)))
            | (Some((Flow::Thrown, _)), Some((Flow::On, _))) => (Flow::On, before),
            (Some((Flow::On, path)), Some((flow, _))) => {
                self.left_aside(flow, sides.1, &path);
                (Flow::On, path)
            }
            (Some((flow, _)), Some((Flow::On, path))) => {
                self.left_aside(flow, sides.0, &path);
                (Flow::On, path)
            }
            (Some((Flow::Thrown, _)), Some((Flow::Thrown, _))) => (Flow::Thrown, before),
            (Some((Flow::Broke, _)), Some((Flow::Broke, _))) => (Flow::Broke, before),
            (Some(_), Some(_)) => (Flow::Left, before),
        };
        self.path = path;
        flow
    }

    /// Remembers a side that leaves with an app or a router, and where the rest of it goes on.
    fn left_aside(&mut self, flow: Flow, leaves: Option<Cond>, goes_on: &Cond) {
        let returns = self.frames.last().map(|frame| &frame.returns);
        let latest = returns.and_then(|returns| returns.last());
        let is_app = latest.is_some_and(|(_, val)| self.program.as_stack(val).is_some());
        if let (Flow::Left, true, Some(leaves)) = (flow, is_app, leaves)
            && !goes_on.is_certain()
        {
            self.program.aside.push((leaves, goes_on.clone()));
        }
    }

    fn a_loop(&mut self, stmt: &Stmt, scope: u32) -> Flow {
        let scope = self.scope(Some(scope), false);
        let before = self.path.clone();
        match &stmt.kind {
            StmtKind::For {
                init,
                test,
                update,
                body,
            } => {
                self.stmts(init, scope);
                if let Some(items) = self.counted(test.as_ref(), scope) {
                    self.counted_loop(init, items, body, scope);
                } else {
                    if let Some(test) = test {
                        self.eval(test, scope);
                    }
                    self.maybe(|it| it.arm(body, scope));
                    if let Some(update) = update {
                        self.eval(update, scope);
                    }
                }
            }
            StmtKind::ForEach {
                pattern,
                declares,
                over,
                is_of,
                body,
            } => {
                let over = self.eval(over, scope);
                let items = if *is_of {
                    self.elements(&over)
                } else {
                    self.keys(&over)
                };
                let at = over.at;
                match items {
                    Some(items) => {
                        for item in items.into_iter().take(MAX_ITEMS) {
                            let inner = self.scope(Some(scope), false);
                            self.bind_pattern(pattern, item, inner, inner, *declares);
                            self.arm(body, inner);
                            self.path = before.clone();
                        }
                    }
                    None => {
                        let item = self.element_of(&over, at);
                        self.maybe(|it| {
                            let inner = it.scope(Some(scope), false);
                            it.bind_pattern(pattern, item, inner, inner, *declares);
                            it.arm(body, inner)
                        });
                    }
                }
            }
            StmtKind::While(test, body) => {
                self.eval(test, scope);
                self.maybe(|it| it.arm(body, scope));
            }
            _ => {}
        }
        self.path = before;
        Flow::On
    }

    /// `for (let i = 0; i < list.length; i++)`: the list's length.
    fn counted(&mut self, test: Option<&Expr>, scope: u32) -> Option<usize> {
        let ExprKind::Binary(Binary::Less, _, bound) = &test?.kind else {
            return None;
        };
        match self.eval(bound, scope).v {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is a length"
            )]
            Value::Number(bound) if (0.0..1e6).contains(&bound) => Some(bound as usize),
            _ => None,
        }
    }

    fn counted_loop(&mut self, init: &[Stmt], items: usize, body: &Stmt, scope: u32) {
        let Some(StmtKind::Declare { pattern, .. }) = init.first().map(|first| &first.kind) else {
            self.maybe(|it| it.arm(body, scope));
            return;
        };
        let before = self.path.clone();
        for number in 0..items.min(MAX_ITEMS) {
            let inner = self.scope(Some(scope), false);
            #[expect(clippy::cast_precision_loss, reason = "it is small")]
            let number = Val::new(Value::Number(number as f64), self.loc(body.at));
            self.bind_pattern(pattern, number, inner, inner, true);
            self.arm(body, inner);
            self.path = before.clone();
        }
    }

    /// Code that may run, or not.
    pub(super) fn maybe(&mut self, work: impl FnOnce(&mut Self) -> Flow) -> Flow {
        let test = self.fresh_test();
        let before = self.path.clone();
        let mut flow = Flow::On;
        if let Some(path) = before.and(&Cond::test(before.mask(), test, true)) {
            self.path = path;
            flow = work(self);
        }
        self.path = before;
        flow
    }

    fn attempt(
        &mut self,
        block: &[Stmt],
        param: Option<&Pattern>,
        handler: Option<&[Stmt]>,
        scope: u32,
    ) -> Flow {
        let before = self.path.clone();
        let inner = self.scope(Some(scope), false);
        let tried = self.stmts(block, inner);
        let after = self.path.clone();
        let Some(handler) = handler else {
            return tried;
        };
        self.path = before.clone();
        let at = block
            .first()
            .map_or_else(Default::default, |first| self.loc(first.at));
        let body = |it: &mut Self| {
            let inner = it.scope(Some(scope), false);
            if let Some(param) = param {
                let caught = Val::new(Value::Caught(Rc::from("")), at);
                it.bind_pattern(param, caught, inner, inner, true);
            }
            it.stmts(handler, inner)
        };
        let test = self.fresh_test();
        let mut caught = Flow::Thrown;
        if let Some(path) = before.and(&Cond::test(before.mask(), test, true)) {
            self.path = path;
            caught = body(self);
        }
        let in_handler = std::mem::replace(&mut self.path, before.clone());
        match (tried, caught) {
            (Flow::On, _) => {
                self.path = after;
                Flow::On
            }
            (_, Flow::On) => {
                self.path = if tried == Flow::Thrown {
                    before
                } else {
                    in_handler
                };
                Flow::On
            }
            (Flow::Thrown, other) => other,
            (other, _) => other,
        }
    }

    fn switch(&mut self, on: &Expr, cases: &[(Option<Expr>, Vec<Stmt>)], scope: u32) -> Flow {
        let subject = self.eval(on, scope);
        let scope = self.scope(Some(scope), false);
        let before = self.path.clone();
        let mut rest = Some(before.clone());
        let mut default = None;
        let mut returns = true;
        for (number, (test, _)) in cases.iter().enumerate() {
            let Some(test) = test else {
                default = Some(number);
                continue;
            };
            let Some(now) = rest.clone() else { break };
            self.path = now;
            let value = self.eval(test, scope);
            let same = self.equal(&subject, &value, value.at);
            let (when, unless) = self.split(&same);
            if let Some(when) = when {
                self.path = when;
                returns &= self.case(cases, number, scope) == Flow::Left;
            }
            rest = unless;
        }
        if let (Some(number), Some(rest)) = (default, rest) {
            self.path = rest;
            returns &= self.case(cases, number, scope) == Flow::Left;
        } else {
            returns &= default.is_some();
        }
        self.path = before;
        if returns { Flow::Left } else { Flow::On }
    }

    /// A case and those that it falls through to.
    fn case(&mut self, cases: &[(Option<Expr>, Vec<Stmt>)], first: usize, scope: u32) -> Flow {
        for (_, body) in cases.iter().skip(first) {
            match self.stmts(body, scope) {
                Flow::On => {}
                flow => return flow,
            }
        }
        Flow::On
    }
}
