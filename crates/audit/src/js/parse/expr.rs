//! Expressions.

use std::sync::Arc;

use oxc_ast::ast::{
    Argument, ArrayExpressionElement, AssignmentOperator, BinaryOperator, ChainElement, Expression,
    LogicalOperator, MemberExpression, ObjectPropertyKind, PropertyKey, PropertyKind,
    UnaryOperator,
};
use oxc_span::GetSpan;

use super::{Lower, name, opaque, span};
use crate::js::ir::{Assign, Binary, Expr, ExprKind, Item, Key, Logical, Pattern, Prop};

impl Lower {
    /// An expression; one that nests too deeply is one of which nothing is known.
    pub(super) fn expr(&mut self, expr: &Expression) -> Expr {
        let at = span(expr.span());
        self.deeper(|lower| lower.expr_inside(expr))
            .unwrap_or_else(|| opaque(at, Vec::new()))
    }

    fn boxed(&mut self, expr: &Expression) -> Box<Expr> {
        Box::new(self.expr(expr))
    }

    fn expr_inside(&mut self, expr: &Expression) -> Expr {
        let at = span(expr.span());
        let kind = match expr {
            Expression::BooleanLiteral(it) => ExprKind::Bool(it.value),
            Expression::NullLiteral(_) => ExprKind::Null,
            Expression::NumericLiteral(it) => ExprKind::Number(it.value),
            Expression::RegExpLiteral(it) => ExprKind::Regex(name(it.regex.pattern.text.as_str())),
            Expression::StringLiteral(it) => ExprKind::Text(name(it.value.as_str())),
            Expression::TemplateLiteral(it) => {
                let texts = it.quasis.iter().map(|quasi| {
                    let value = quasi.value.cooked.as_ref().unwrap_or(&quasi.value.raw);
                    name(value.as_str())
                });
                let texts = texts.collect();
                let parts = it.expressions.iter().map(|part| self.expr(part)).collect();
                ExprKind::Template(texts, parts)
            }
            Expression::Identifier(it) if it.name == "undefined" => ExprKind::Undefined,
            Expression::Identifier(it) => ExprKind::Name(name(it.name.as_str())),
            Expression::Super(_) => ExprKind::Super,
            Expression::ThisExpression(_) => ExprKind::This,
            Expression::ArrayExpression(it) => {
                ExprKind::Array(it.elements.iter().map(|item| self.element(item)).collect())
            }
            Expression::ArrowFunctionExpression(it) => ExprKind::Function(Arc::new(self.arrow(it))),
            Expression::FunctionExpression(it) => {
                ExprKind::Function(Arc::new(self.function(it, None)))
            }
            Expression::ClassExpression(it) => ExprKind::Class(Arc::new(self.class(it))),
            Expression::AssignmentExpression(it) => {
                let op = match it.operator {
                    AssignmentOperator::Assign => Assign::Set,
                    AssignmentOperator::Addition => Assign::Add,
                    AssignmentOperator::LogicalOr => Assign::Logical(Logical::Or),
                    AssignmentOperator::LogicalAnd => Assign::Logical(Logical::And),
                    AssignmentOperator::LogicalNullish => Assign::Logical(Logical::Coalesce),
                    _ => Assign::Arithmetic,
                };
                let target = self.target(&it.left);
                ExprKind::Assign(op, Box::new(target), self.boxed(&it.right))
            }
            Expression::AwaitExpression(it) => ExprKind::Await(self.boxed(&it.argument)),
            Expression::BinaryExpression(it) => {
                let op = match it.operator {
                    BinaryOperator::Addition => Binary::Add,
                    BinaryOperator::Equality | BinaryOperator::StrictEquality => Binary::Equal,
                    BinaryOperator::Inequality | BinaryOperator::StrictInequality => {
                        Binary::Unequal
                    }
                    BinaryOperator::LessThan => Binary::Less,
                    BinaryOperator::LessEqualThan => Binary::LessEqual,
                    BinaryOperator::GreaterThan => Binary::Greater,
                    BinaryOperator::GreaterEqualThan => Binary::GreaterEqual,
                    BinaryOperator::Subtraction => Binary::Subtract,
                    BinaryOperator::Multiplication => Binary::Multiply,
                    BinaryOperator::In => Binary::In,
                    BinaryOperator::Instanceof => Binary::InstanceOf,
                    _ => Binary::Arithmetic,
                };
                ExprKind::Binary(op, self.boxed(&it.left), self.boxed(&it.right))
            }
            Expression::LogicalExpression(it) => {
                let op = match it.operator {
                    LogicalOperator::Or => Logical::Or,
                    LogicalOperator::And => Logical::And,
                    LogicalOperator::Coalesce => Logical::Coalesce,
                };
                ExprKind::Logical(op, self.boxed(&it.left), self.boxed(&it.right))
            }
            Expression::ConditionalExpression(it) => {
                let test = self.boxed(&it.test);
                let yes = self.boxed(&it.consequent);
                ExprKind::Choice(test, yes, self.boxed(&it.alternate))
            }
            Expression::CallExpression(it) => {
                let callee = self.boxed(&it.callee);
                ExprKind::Call(callee, self.arguments(&it.arguments))
            }
            Expression::NewExpression(it) => {
                let callee = self.boxed(&it.callee);
                ExprKind::New(callee, self.arguments(&it.arguments))
            }
            Expression::ChainExpression(it) => match &it.expression {
                ChainElement::CallExpression(call) => {
                    let callee = self.boxed(&call.callee);
                    ExprKind::Call(callee, self.arguments(&call.arguments))
                }
                ChainElement::TSNonNullExpression(inner) => return self.expr(&inner.expression),
                other => match other.as_member_expression() {
                    Some(member) => self.member(member),
                    None => ExprKind::Opaque(Vec::new()),
                },
            },
            Expression::ImportExpression(it) => ExprKind::Import(self.boxed(&it.source)),
            Expression::ObjectExpression(it) => {
                ExprKind::Object(it.properties.iter().map(|prop| self.prop(prop)).collect())
            }
            Expression::ParenthesizedExpression(it) => return self.expr(&it.expression),
            Expression::SequenceExpression(it) => {
                ExprKind::Sequence(it.expressions.iter().map(|part| self.expr(part)).collect())
            }
            Expression::TaggedTemplateExpression(it) => {
                let mut parts = vec![self.expr(&it.tag)];
                parts.extend(it.quasi.expressions.iter().map(|part| self.expr(part)));
                ExprKind::Opaque(parts)
            }
            Expression::UnaryExpression(it) => {
                let argument = self.boxed(&it.argument);
                match it.operator {
                    UnaryOperator::LogicalNot => ExprKind::Not(argument),
                    UnaryOperator::UnaryNegation => ExprKind::Negate(argument),
                    UnaryOperator::Typeof => ExprKind::Typeof(argument),
                    UnaryOperator::Delete => ExprKind::Change(Box::new(Pattern::Place(*argument))),
                    UnaryOperator::Void | UnaryOperator::UnaryPlus | UnaryOperator::BitwiseNot => {
                        ExprKind::Opaque(vec![*argument])
                    }
                }
            }
            Expression::UpdateExpression(it) => {
                let target = self.simple_target(&it.argument);
                ExprKind::Change(Box::new(target))
            }
            Expression::YieldExpression(it) => {
                ExprKind::Opaque(it.argument.iter().map(|part| self.expr(part)).collect())
            }
            Expression::PrivateInExpression(it) => ExprKind::Opaque(vec![self.expr(&it.right)]),
            Expression::TSAsExpression(it) => return self.expr(&it.expression),
            Expression::TSSatisfiesExpression(it) => return self.expr(&it.expression),
            Expression::TSTypeAssertion(it) => return self.expr(&it.expression),
            Expression::TSNonNullExpression(it) => return self.expr(&it.expression),
            Expression::TSInstantiationExpression(it) => return self.expr(&it.expression),
            other => match other.as_member_expression() {
                Some(member) => self.member(member),
                None => ExprKind::Opaque(Vec::new()),
            },
        };
        Expr { at, kind }
    }

    /// `a.b`, `a['b']` and `a[b]`.
    pub(super) fn member(&mut self, member: &MemberExpression) -> ExprKind {
        match member {
            MemberExpression::StaticMemberExpression(it) => {
                ExprKind::Member(self.boxed(&it.object), name(it.property.name.as_str()))
            }
            MemberExpression::ComputedMemberExpression(it) => {
                let object = self.boxed(&it.object);
                match &it.expression {
                    Expression::StringLiteral(key) => {
                        ExprKind::Member(object, name(key.value.as_str()))
                    }
                    key => ExprKind::Index(object, self.boxed(key)),
                }
            }
            MemberExpression::PrivateFieldExpression(it) => {
                let field = format!("#{}", it.field.name.as_str());
                ExprKind::Member(self.boxed(&it.object), name(&field))
            }
        }
    }

    pub(super) fn arguments(&mut self, arguments: &[Argument]) -> Vec<Item> {
        let item = |argument: &Argument| match argument {
            Argument::SpreadElement(it) => Item {
                spread: true,
                value: self.expr(&it.argument),
            },
            other => Item {
                spread: false,
                value: match other.as_expression() {
                    Some(expr) => self.expr(expr),
                    None => opaque(span(other.span()), Vec::new()),
                },
            },
        };
        arguments.iter().map(item).collect()
    }

    fn element(&mut self, element: &ArrayExpressionElement) -> Item {
        let at = span(element.span());
        match element {
            ArrayExpressionElement::SpreadElement(it) => Item {
                spread: true,
                value: self.expr(&it.argument),
            },
            ArrayExpressionElement::Elision(_) => Item {
                spread: false,
                value: Expr {
                    at,
                    kind: ExprKind::Undefined,
                },
            },
            other => Item {
                spread: false,
                value: match other.as_expression() {
                    Some(expr) => self.expr(expr),
                    None => opaque(at, Vec::new()),
                },
            },
        }
    }

    fn prop(&mut self, prop: &ObjectPropertyKind) -> Prop {
        match prop {
            ObjectPropertyKind::SpreadProperty(it) => Prop::Spread(self.expr(&it.argument)),
            ObjectPropertyKind::ObjectProperty(it) => {
                let key = self.key(&it.key);
                let value = match (&it.value, &key) {
                    (Expression::FunctionExpression(function), Key::Name(key)) => Expr {
                        at: span(function.span),
                        kind: ExprKind::Function(Arc::new(self.function(function, Some(key)))),
                    },
                    (value, _) => self.expr(value),
                };
                Prop::Value {
                    at: span(it.span),
                    key,
                    value,
                    getter: it.kind == PropertyKind::Get,
                }
            }
        }
    }

    pub(super) fn key(&mut self, key: &PropertyKey) -> Key {
        match key {
            PropertyKey::StaticIdentifier(it) => Key::Name(name(it.name.as_str())),
            PropertyKey::PrivateIdentifier(it) => {
                Key::Name(name(&format!("#{}", it.name.as_str())))
            }
            PropertyKey::StringLiteral(it) => Key::Name(name(it.value.as_str())),
            PropertyKey::NumericLiteral(it) => Key::Name(name(&it.value.to_string())),
            other => Key::Computed(Box::new(match other.as_expression() {
                Some(expr) => self.expr(expr),
                None => opaque(span(other.span()), Vec::new()),
            })),
        }
    }
}
