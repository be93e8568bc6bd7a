//! Functions and classes.

use std::sync::Arc;

use oxc_ast::ast::{
    ArrowFunctionBody, ArrowFunctionExpression, Class as OxcClass, ClassElement, FormalParameters,
    Function as OxcFunction, MethodDefinitionKind, TSType, TSTypeAnnotation, TSTypeName,
};

use super::{Lower, name, opaque, span};
use crate::js::ir::{
    Class, Expr, ExprKind, Function, Key, Member, MemberKind, Name, Param, Pattern, Stmt, StmtKind,
};

impl Lower {
    /// A function; `given` is what the place it stands in calls it.
    pub(super) fn function(&mut self, function: &OxcFunction, given: Option<&Name>) -> Function {
        let id = self.next_function();
        let (params, rest) = self.params(&function.params);
        let body = function.body.as_ref();
        let body = body.map_or_else(Vec::new, |body| self.stmts(&body.statements));
        let own = function.id.as_ref().map(|id| name(id.name.as_str()));
        Function {
            id,
            at: span(function.span),
            name: own.or_else(|| given.cloned()),
            params,
            rest,
            body,
            is_arrow: false,
        }
    }

    /// An arrow function.
    pub(super) fn arrow(&mut self, arrow: &ArrowFunctionExpression) -> Function {
        let id = self.next_function();
        let (params, rest) = self.params(&arrow.params);
        let body = match &arrow.body {
            ArrowFunctionBody::FunctionBody(body) => self.stmts(&body.statements),
            other => {
                let value = other.as_expression().map(|expr| self.expr(expr));
                let at = value.as_ref().map_or(span(arrow.span), |value| value.at);
                vec![Stmt {
                    at,
                    kind: StmtKind::Return(value),
                }]
            }
        };
        Function {
            id,
            at: span(arrow.span),
            name: None,
            params,
            rest,
            body,
            is_arrow: true,
        }
    }

    fn params(&mut self, params: &FormalParameters) -> (Vec<Param>, Option<Pattern>) {
        let mut out = Vec::with_capacity(params.items.len());
        for item in &params.items {
            let mut pattern = self.binding(&item.pattern);
            if let Some(init) = &item.initializer {
                pattern = Pattern::Default(Box::new(pattern), Box::new(self.expr(init)));
            }
            out.push(Param {
                pattern,
                kind: item.type_annotation.as_ref().and_then(|it| type_name(it)),
                is_field: item.accessibility.is_some() || item.readonly,
            });
        }
        let rest = params.rest.as_ref();
        let rest = rest.map(|rest| self.binding(&rest.rest.argument));
        (out, rest)
    }

    /// A class.
    pub(super) fn class(&mut self, class: &OxcClass) -> Class {
        let parent = class.heritage.as_ref();
        let parent = parent.map(|parent| self.expr(&parent.expression));
        let mut members = Vec::with_capacity(class.body.body.len());
        for element in &class.body.body {
            members.extend(self.class_member(element));
        }
        let decorators = class.decorators.iter();
        let decorators = decorators.map(|it| self.expr(&it.expression)).collect();
        Class {
            at: span(class.span),
            name: class.id.as_ref().map(|id| name(id.name.as_str())),
            parent,
            members,
            decorators,
        }
    }

    fn class_member(&mut self, element: &ClassElement) -> Option<Member> {
        match element {
            ClassElement::MethodDefinition(it) => {
                it.value.body.as_ref()?;
                let key = self.key(&it.key);
                let given = match &key {
                    Key::Name(name) => Some(name),
                    Key::Computed(_) => None,
                };
                let function = self.function(&it.value, given);
                let kind = match it.kind {
                    MethodDefinitionKind::Constructor => MemberKind::Constructor,
                    MethodDefinitionKind::Method => MemberKind::Method,
                    MethodDefinitionKind::Get => MemberKind::Getter,
                    MethodDefinitionKind::Set => MemberKind::Setter,
                };
                let decorators = it.decorators.iter();
                let decorators = decorators.map(|it| self.expr(&it.expression)).collect();
                Some(Member {
                    at: span(it.span),
                    key,
                    is_static: it.r#static,
                    kind,
                    value: Some(Expr {
                        at: function.at,
                        kind: ExprKind::Function(Arc::new(function)),
                    }),
                    decorators,
                })
            }
            ClassElement::PropertyDefinition(it) => Some(Member {
                at: span(it.span),
                key: self.key(&it.key),
                is_static: it.r#static,
                kind: MemberKind::Field,
                value: it.value.as_ref().map(|value| self.expr(value)),
                decorators: Vec::new(),
            }),
            ClassElement::StaticBlock(it) => {
                // It runs once, as the value of a field that nobody reads.
                let function = Function {
                    id: self.next_function(),
                    at: span(it.span),
                    name: None,
                    params: Vec::new(),
                    rest: None,
                    body: self.stmts(&it.body),
                    is_arrow: true,
                };
                let callee = Expr {
                    at: span(it.span),
                    kind: ExprKind::Function(Arc::new(function)),
                };
                Some(Member {
                    at: span(it.span),
                    key: Key::Computed(Box::new(opaque(span(it.span), Vec::new()))),
                    is_static: true,
                    kind: MemberKind::Field,
                    value: Some(Expr {
                        at: span(it.span),
                        kind: ExprKind::Call(Box::new(callee), Vec::new()),
                    }),
                    decorators: Vec::new(),
                })
            }
            ClassElement::AccessorProperty(_) | ClassElement::TSIndexSignature(_) => None,
        }
    }
}

/// The last name of a type.
fn type_name(annotation: &TSTypeAnnotation) -> Option<Name> {
    let TSType::TSTypeReference(reference) = &annotation.type_annotation else {
        return None;
    };
    match &reference.type_name {
        TSTypeName::IdentifierReference(it) => Some(name(it.name.as_str())),
        TSTypeName::QualifiedName(it) => Some(name(it.right.name.as_str())),
        TSTypeName::ThisExpression(_) => None,
    }
}
