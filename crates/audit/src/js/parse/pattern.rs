//! What a value is given to: declarations, parameters, assignments.

use oxc_ast::ast::{
    ArrayAssignmentTarget, AssignmentTarget, AssignmentTargetMaybeDefault, AssignmentTargetPattern,
    AssignmentTargetProperty, BindingPattern, ObjectAssignmentTarget, SimpleAssignmentTarget,
};
use oxc_span::GetSpan;

use super::{Lower, name, opaque, span};
use crate::js::ir::{Expr, Key, Pattern};

impl Lower {
    /// A declaration's or a parameter's pattern.
    pub(super) fn binding(&mut self, pattern: &BindingPattern) -> Pattern {
        self.deeper(|lower| lower.binding_inside(pattern))
            .unwrap_or_else(|| nowhere(span(pattern.span())))
    }

    fn binding_inside(&mut self, pattern: &BindingPattern) -> Pattern {
        match pattern {
            BindingPattern::BindingIdentifier(it) => Pattern::Name(name(it.name.as_str())),
            BindingPattern::AssignmentPattern(it) => {
                let left = self.binding(&it.left);
                Pattern::Default(Box::new(left), Box::new(self.expr(&it.right)))
            }
            BindingPattern::ObjectPattern(it) => {
                let props = it.properties.iter();
                let props = props.map(|prop| (self.key(&prop.key), self.binding(&prop.value)));
                let props = props.collect();
                let rest = it.rest.as_ref();
                let rest = rest.map(|rest| Box::new(self.binding(&rest.argument)));
                Pattern::Object(props, rest)
            }
            BindingPattern::ArrayPattern(it) => {
                let items = it.elements.iter();
                let items = items.map(|item| item.as_ref().map(|item| self.binding(item)));
                let items = items.collect();
                let rest = it.rest.as_ref();
                let rest = rest.map(|rest| Box::new(self.binding(&rest.argument)));
                Pattern::Array(items, rest)
            }
        }
    }

    /// An assignment's left side.
    pub(super) fn target(&mut self, target: &AssignmentTarget) -> Pattern {
        let at = span(target.span());
        let lowered = self.deeper(|lower| {
            if let Some(simple) = target.as_simple_assignment_target() {
                return lower.simple_target(simple);
            }
            match target.as_assignment_target_pattern() {
                Some(AssignmentTargetPattern::ArrayAssignmentTarget(it)) => lower.array_target(it),
                Some(AssignmentTargetPattern::ObjectAssignmentTarget(it)) => {
                    lower.object_target(it)
                }
                None => nowhere(at),
            }
        });
        lowered.unwrap_or_else(|| nowhere(at))
    }

    /// A name or a member.
    pub(super) fn simple_target(&mut self, target: &SimpleAssignmentTarget) -> Pattern {
        let at = span(target.span());
        let inner = match target {
            SimpleAssignmentTarget::AssignmentTargetIdentifier(it) => {
                return Pattern::Name(name(it.name.as_str()));
            }
            SimpleAssignmentTarget::TSAsExpression(it) => &it.expression,
            SimpleAssignmentTarget::TSSatisfiesExpression(it) => &it.expression,
            SimpleAssignmentTarget::TSNonNullExpression(it) => &it.expression,
            SimpleAssignmentTarget::TSTypeAssertion(it) => &it.expression,
            other => {
                return match other.as_member_expression() {
                    Some(member) => Pattern::Place(Expr {
                        at,
                        kind: self.member(member),
                    }),
                    None => nowhere(at),
                };
            }
        };
        Pattern::Place(self.expr(inner))
    }

    fn maybe_default(&mut self, target: &AssignmentTargetMaybeDefault) -> Pattern {
        match target {
            AssignmentTargetMaybeDefault::AssignmentTargetWithDefault(it) => {
                let inner = self.target(&it.binding);
                Pattern::Default(Box::new(inner), Box::new(self.expr(&it.init)))
            }
            other => match other.as_assignment_target() {
                Some(target) => self.target(target),
                None => nowhere(span(other.span())),
            },
        }
    }

    fn array_target(&mut self, target: &ArrayAssignmentTarget) -> Pattern {
        let items = target.elements.iter();
        let items = items.map(|item| item.as_ref().map(|item| self.maybe_default(item)));
        let items = items.collect();
        let rest = target.rest.as_ref();
        let rest = rest.map(|rest| Box::new(self.target(&rest.target)));
        Pattern::Array(items, rest)
    }

    fn object_target(&mut self, target: &ObjectAssignmentTarget) -> Pattern {
        let prop = |prop: &AssignmentTargetProperty| match prop {
            AssignmentTargetProperty::AssignmentTargetPropertyIdentifier(it) => {
                let local = name(it.binding.name.as_str());
                let pattern = Pattern::Name(local.clone());
                let pattern = match &it.init {
                    Some(init) => Pattern::Default(Box::new(pattern), Box::new(self.expr(init))),
                    None => pattern,
                };
                (Key::Name(local), pattern)
            }
            AssignmentTargetProperty::AssignmentTargetPropertyProperty(it) => {
                (self.key(&it.name), self.maybe_default(&it.binding))
            }
        };
        let props = target.properties.iter().map(prop).collect();
        let rest = target.rest.as_ref();
        let rest = rest.map(|rest| Box::new(self.target(&rest.target)));
        Pattern::Object(props, rest)
    }
}

fn nowhere(at: crate::js::ir::Span) -> Pattern {
    Pattern::Place(opaque(at, Vec::new()))
}
