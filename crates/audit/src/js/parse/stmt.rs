//! Statements.
//!
//! Long because statements and module declarations are one match each.

use std::sync::Arc;

use oxc_ast::ast::{
    Declaration, ExportDefaultDeclarationKind, ForStatementInit, ForStatementLeft,
    ImportDeclarationSpecifier, ImportOrExportKind, ModuleDeclaration, ModuleExportName, Statement,
    TSEnumMemberName, TSModuleReference, VariableDeclaration, VariableDeclarationKind,
};
use oxc_span::GetSpan;

use super::{Lower, name, opaque, span};
use crate::js::ir::{Expr, ExprKind, Import, Item, Key, Name, Pattern, Prop, Span, Stmt, StmtKind};

impl Lower {
    /// Statements, in order.
    pub(super) fn stmts(&mut self, stmts: &[Statement]) -> Vec<Stmt> {
        let mut out = Vec::with_capacity(stmts.len());
        for stmt in stmts {
            self.deeper(|lower| lower.stmt_into(stmt, &mut out));
        }
        out
    }

    fn one(&mut self, stmt: &Statement) -> Box<Stmt> {
        let mut out = Vec::with_capacity(1);
        self.deeper(|lower| lower.stmt_into(stmt, &mut out));
        let only = if out.len() == 1 { out.pop() } else { None };
        Box::new(only.unwrap_or(Stmt {
            at: span(stmt.span()),
            kind: StmtKind::Block(out),
        }))
    }

    fn stmt_into(&mut self, stmt: &Statement, out: &mut Vec<Stmt>) {
        let at = span(stmt.span());
        if let Some(declaration) = stmt.as_declaration() {
            return self.declaration(declaration, out);
        }
        if let Some(declaration) = stmt.as_module_declaration() {
            return self.module_declaration(declaration, at, out);
        }
        let kind = match stmt {
            Statement::BlockStatement(it) => StmtKind::Block(self.stmts(&it.body)),
            Statement::BreakStatement(_) | Statement::ContinueStatement(_) => StmtKind::Leave,
            Statement::DoWhileStatement(it) => {
                let body = self.one(&it.body);
                StmtKind::While(self.expr(&it.test), body)
            }
            Statement::WhileStatement(it) => {
                let test = self.expr(&it.test);
                StmtKind::While(test, self.one(&it.body))
            }
            Statement::ExpressionStatement(it) => StmtKind::Expr(self.expr(&it.expression)),
            Statement::ForInStatement(it) => {
                let (pattern, declares) = self.for_left(&it.left);
                StmtKind::ForEach {
                    pattern,
                    declares,
                    over: self.expr(&it.right),
                    is_of: false,
                    body: self.one(&it.body),
                }
            }
            Statement::ForOfStatement(it) => {
                let (pattern, declares) = self.for_left(&it.left);
                StmtKind::ForEach {
                    pattern,
                    declares,
                    over: self.expr(&it.right),
                    is_of: true,
                    body: self.one(&it.body),
                }
            }
            Statement::ForStatement(it) => {
                let mut init = Vec::new();
                match &it.init {
                    Some(ForStatementInit::VariableDeclaration(it)) => {
                        self.variables(it, &mut init);
                    }
                    Some(other) => init.extend(other.as_expression().map(|expr| Stmt {
                        at,
                        kind: StmtKind::Expr(self.expr(expr)),
                    })),
                    None => {}
                }
                StmtKind::For {
                    init,
                    test: it.test.as_ref().map(|test| self.expr(test)),
                    update: it.update.as_ref().map(|update| self.expr(update)),
                    body: self.one(&it.body),
                }
            }
            Statement::IfStatement(it) => {
                let test = self.expr(&it.test);
                let yes = self.one(&it.consequent);
                StmtKind::If(test, yes, it.alternate.as_ref().map(|no| self.one(no)))
            }
            Statement::LabeledStatement(it) => return self.stmt_into(&it.body, out),
            Statement::ReturnStatement(it) => {
                StmtKind::Return(it.argument.as_ref().map(|value| self.expr(value)))
            }
            Statement::SwitchStatement(it) => {
                let on = self.expr(&it.discriminant);
                let case = |case: &oxc_ast::ast::SwitchCase| {
                    let test = case.test.as_ref().map(|test| self.expr(test));
                    (test, self.stmts(&case.consequent))
                };
                StmtKind::Switch(on, it.cases.iter().map(case).collect())
            }
            Statement::ThrowStatement(it) => StmtKind::Throw(self.expr(&it.argument)),
            Statement::TryStatement(it) => {
                let block = self.stmts(&it.block.body);
                let handler = it.handler.as_ref();
                let param = handler.and_then(|it| it.param.as_ref());
                let param = param.map(|param| self.binding(&param.pattern));
                StmtKind::Try {
                    block,
                    param,
                    handler: handler.map(|it| self.stmts(&it.body.body)),
                    finalizer: it.finalizer.as_ref().map(|it| self.stmts(&it.body)),
                }
            }
            Statement::WithStatement(it) => StmtKind::Block(vec![*self.one(&it.body)]),
            _ => StmtKind::Empty,
        };
        out.push(Stmt { at, kind });
    }

    fn for_left(&mut self, left: &ForStatementLeft) -> (Pattern, bool) {
        match left {
            ForStatementLeft::VariableDeclaration(it) => {
                let first = it.declarations.first();
                let pattern = first.map(|declarator| self.binding(&declarator.id));
                let nowhere = || Pattern::Place(opaque(span(it.span), Vec::new()));
                (pattern.unwrap_or_else(nowhere), true)
            }
            other => match other.as_assignment_target() {
                Some(target) => (self.target(target), false),
                None => (
                    Pattern::Place(opaque(span(other.span()), Vec::new())),
                    false,
                ),
            },
        }
    }

    fn variables(&mut self, declaration: &VariableDeclaration, out: &mut Vec<Stmt>) {
        if declaration.declare {
            return;
        }
        let is_var = declaration.kind == VariableDeclarationKind::Var;
        for it in &declaration.declarations {
            let pattern = self.binding(&it.id);
            out.push(Stmt {
                at: span(it.span),
                kind: StmtKind::Declare {
                    is_var,
                    pattern,
                    init: it.init.as_ref().map(|init| self.expr(init)),
                },
            });
        }
    }

    fn declaration(&mut self, declaration: &Declaration, out: &mut Vec<Stmt>) {
        let at = span(declaration.span());
        let kind = match declaration {
            Declaration::VariableDeclaration(it) => return self.variables(it, out),
            Declaration::FunctionDeclaration(it) => {
                if it.body.is_none() {
                    return;
                }
                StmtKind::Function(Arc::new(self.function(it, None)))
            }
            Declaration::ClassDeclaration(it) => {
                if it.declare {
                    return;
                }
                StmtKind::Class(Arc::new(self.class(it)))
            }
            Declaration::TSEnumDeclaration(it) => {
                let mut props = Vec::new();
                for (number, member) in it.body.members.iter().enumerate() {
                    let key = match &member.id {
                        TSEnumMemberName::Identifier(it) => name(it.name.as_str()),
                        TSEnumMemberName::String(it) | TSEnumMemberName::ComputedString(it) => {
                            name(it.value.as_str())
                        }
                        TSEnumMemberName::ComputedTemplateString(_) => continue,
                    };
                    #[expect(clippy::cast_precision_loss, reason = "no enum is that long")]
                    let number = ExprKind::Number(number as f64);
                    let at = span(member.span);
                    let value = member.initializer.as_ref().map(|value| self.expr(value));
                    props.push(Prop::Value {
                        at,
                        key: Key::Name(key),
                        value: value.unwrap_or(Expr { at, kind: number }),
                        getter: false,
                    });
                }
                StmtKind::Declare {
                    is_var: true,
                    pattern: Pattern::Name(name(it.id.name.as_str())),
                    init: Some(Expr {
                        at,
                        kind: ExprKind::Object(props),
                    }),
                }
            }
            Declaration::TSImportEqualsDeclaration(it) => {
                let TSModuleReference::ExternalModuleReference(from) = &it.module_reference else {
                    return;
                };
                if it.import_kind == ImportOrExportKind::Type {
                    return;
                }
                StmtKind::Declare {
                    is_var: false,
                    pattern: Pattern::Name(name(it.id.name.as_str())),
                    init: Some(require(at, name(from.expression.value.as_str()))),
                }
            }
            _ => return,
        };
        out.push(Stmt { at, kind });
    }

    fn module_declaration(
        &mut self,
        declaration: &ModuleDeclaration,
        at: Span,
        out: &mut Vec<Stmt>,
    ) {
        self.is_esm = true;
        let kind = match declaration {
            ModuleDeclaration::ImportDeclaration(it) => {
                if it.import_kind == ImportOrExportKind::Type {
                    return;
                }
                let names = it.specifiers.iter().flatten().filter_map(import);
                let names: Vec<Import> = names.collect();
                if names.is_empty() && it.specifiers.as_ref().is_some_and(|all| !all.is_empty()) {
                    return;
                }
                StmtKind::Import {
                    from: name(it.source.value.as_str()),
                    names,
                }
            }
            ModuleDeclaration::ExportAllDeclaration(it) => StmtKind::ExportAll {
                from: name(it.source.value.as_str()),
                name: it.exported.as_ref().map(export_name),
            },
            ModuleDeclaration::ExportDefaultDeclaration(it) => return self.default(it, at, out),
            ModuleDeclaration::ExportDeclaration(it) => {
                let before = out.len();
                self.declaration(&it.declaration, out);
                let mut names = Vec::new();
                for stmt in out.get(before..).unwrap_or_default() {
                    match &stmt.kind {
                        StmtKind::Declare { pattern, .. } => declared(pattern, &mut names),
                        StmtKind::Function(function) => names.extend(function.name.clone()),
                        StmtKind::Class(class) => names.extend(class.name.clone()),
                        _ => {}
                    }
                }
                StmtKind::Export(names.into_iter().map(|name| (name.clone(), name)).collect())
            }
            ModuleDeclaration::ExportNamedDeclaration(it) => {
                if it.export_kind == ImportOrExportKind::Type {
                    return;
                }
                let names = it.specifiers.iter();
                let names = names.map(|it| (export_name(&it.local), export_name(&it.exported)));
                StmtKind::Export(names.collect())
            }
            ModuleDeclaration::ExportFromDeclaration(it) => {
                if it.export_kind == ImportOrExportKind::Type {
                    return;
                }
                let names = it.specifiers.iter();
                let names = names.map(|it| (export_name(&it.local), export_name(&it.exported)));
                StmtKind::ExportFrom {
                    from: name(it.source.value.as_str()),
                    names: names.collect(),
                }
            }
            ModuleDeclaration::TSExportAssignment(it) => {
                StmtKind::ExportAssign(self.expr(&it.expression))
            }
            ModuleDeclaration::TSNamespaceExportDeclaration(_) => return,
        };
        out.push(Stmt { at, kind });
    }

    fn default(
        &mut self,
        it: &oxc_ast::ast::ExportDefaultDeclaration,
        at: Span,
        out: &mut Vec<Stmt>,
    ) {
        let default = || name("default");
        let (declared, local) = match &it.declaration {
            ExportDefaultDeclarationKind::FunctionDeclaration(function) => {
                let function = Arc::new(self.function(function, None));
                match function.name.clone() {
                    Some(local) => (StmtKind::Function(function), local),
                    None => {
                        let kind = ExprKind::Function(function);
                        let kind = StmtKind::ExportDefault(Expr { at, kind });
                        return out.push(Stmt { at, kind });
                    }
                }
            }
            ExportDefaultDeclarationKind::ClassDeclaration(class) => {
                let class = Arc::new(self.class(class));
                match class.name.clone() {
                    Some(local) => (StmtKind::Class(class), local),
                    None => {
                        let kind = ExprKind::Class(class);
                        let kind = StmtKind::ExportDefault(Expr { at, kind });
                        return out.push(Stmt { at, kind });
                    }
                }
            }
            other => {
                if let Some(value) = other.as_expression() {
                    let kind = StmtKind::ExportDefault(self.expr(value));
                    out.push(Stmt { at, kind });
                }
                return;
            }
        };
        out.push(Stmt { at, kind: declared });
        let kind = StmtKind::Export(vec![(local, default())]);
        out.push(Stmt { at, kind });
    }
}

fn import(specifier: &ImportDeclarationSpecifier) -> Option<Import> {
    let (imported, local) = match specifier {
        ImportDeclarationSpecifier::ImportSpecifier(it) => {
            if it.import_kind == ImportOrExportKind::Type {
                return None;
            }
            (Some(export_name(&it.imported)), &it.local)
        }
        ImportDeclarationSpecifier::ImportDefaultSpecifier(it) => {
            (Some(name("default")), &it.local)
        }
        ImportDeclarationSpecifier::ImportNamespaceSpecifier(it) => (None, &it.local),
    };
    Some(Import {
        name: imported,
        local: name(local.name.as_str()),
    })
}

fn export_name(exported: &ModuleExportName) -> Name {
    name(exported.name().as_str())
}

/// All names that a pattern declares.
fn declared(pattern: &Pattern, names: &mut Vec<Name>) {
    match pattern {
        Pattern::Name(name) => names.push(name.clone()),
        Pattern::Default(inner, _) => declared(inner, names),
        Pattern::Object(props, rest) => {
            let inner = props.iter().map(|(_, inner)| inner);
            for inner in inner.chain(rest.as_deref()) {
                declared(inner, names);
            }
        }
        Pattern::Array(items, rest) => {
            for inner in items.iter().flatten().chain(rest.as_deref()) {
                declared(inner, names);
            }
        }
        Pattern::Place(_) => {}
    }
}

fn require(at: Span, from: Name) -> Expr {
    let callee = Expr {
        at,
        kind: ExprKind::Name(name("require")),
    };
    let from = Item {
        spread: false,
        value: Expr {
            at,
            kind: ExprKind::Text(from),
        },
    };
    Expr {
        at,
        kind: ExprKind::Call(Box::new(callee), vec![from]),
    }
}
