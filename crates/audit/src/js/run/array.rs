//! Methods of lists.

use std::rc::Rc;

use super::super::facts::{CheckKind, Cond, Kind, Loc, ObjId, Program, Val, Value};
use super::Interp;

impl Interp<'_> {
    pub(super) fn array_method(
        &mut self,
        id: ObjId,
        this: &Val,
        name: &str,
        args: Vec<Val>,
        at: Loc,
    ) -> Val {
        let known = self.elements(this);
        let first = args.first().cloned();
        match (name, known) {
            ("push" | "unshift", _) => {
                let certain = self.obj(id).is_some_and(|obj| self.path.covers(&obj.born));
                let path = self.path.clone();
                let added = args.into_iter().map(|arg| {
                    if certain {
                        arg
                    } else {
                        let absent = Val::new(Value::Undefined, arg.at);
                        let rest = Cond::ALWAYS.without(&path).unwrap_or(Cond::ALWAYS);
                        Val::one_of([(path.clone(), arg.clone()), (rest, absent)], arg.at)
                    }
                });
                let added: Vec<Val> = added.collect();
                if let Some(Kind::Array(items)) = self.obj_mut(id).map(|obj| &mut obj.kind)
                    && items.len() < 10_000
                {
                    if name == "push" {
                        items.extend(added);
                    } else {
                        items.splice(0..0, added);
                    }
                }
                Val::unknown(at)
            }
            ("forEach", Some(items)) => {
                if let Some(callback) = first {
                    self.call_each(&callback, items, this, at);
                }
                Val::new(Value::Undefined, at)
            }
            ("map" | "flatMap", Some(items)) => match first {
                Some(callback) => {
                    let mapped = self.call_each(&callback, items, this, at);
                    let mapped = if name == "flatMap" {
                        self.flat(mapped)
                    } else {
                        mapped
                    };
                    self.list(mapped, at)
                }
                None => self.any_list(at),
            },
            ("filter", Some(items)) => {
                let Some(callback) = first else {
                    return this.clone();
                };
                let verdicts = self.call_each(&callback, items.clone(), this, at);
                let kept = items.into_iter().zip(verdicts);
                let kept = kept.filter(|(_, verdict)| verdict.v.truthy() != Some(false));
                let kept = kept.map(|(item, _)| item).collect();
                self.list(kept, at)
            }
            ("reduce", Some(items)) => {
                let (Some(callback), mut sum) = (first, args.get(1).cloned()) else {
                    return Val::unknown(at);
                };
                for item in items.into_iter().take(super::MAX_ITEMS) {
                    sum = Some(match sum {
                        Some(before) => {
                            let args = vec![before, item];
                            self.call(&callback, Val::new(Value::Undefined, at), args, at, "")
                        }
                        None => item,
                    });
                }
                sum.unwrap_or_else(|| Val::unknown(at))
            }
            ("some" | "every" | "find" | "findIndex", Some(items)) => {
                if let Some(callback) = first {
                    self.call_each(&callback, items, this, at);
                }
                if name == "find" {
                    self.element_of(this, at)
                } else {
                    Val::unknown(at)
                }
            }
            (
                "forEach" | "map" | "filter" | "some" | "every" | "find" | "flatMap" | "reduce",
                None,
            ) => {
                let item = self.element_of(this, at);
                if let Some(callback) = first {
                    let args = if name == "reduce" {
                        vec![Val::unknown(at), item.clone()]
                    } else {
                        vec![item.clone()]
                    };
                    let given = self.call_maybe(&callback, args, at);
                    let list = self.any_list(at);
                    if let Some(Kind::Array(items)) = list
                        .object()
                        .and_then(|id| self.obj_mut(id))
                        .map(|obj| &mut obj.kind)
                    {
                        items.push(if name == "filter" { item } else { given });
                    }
                    return if matches!(name, "some" | "every" | "find" | "reduce") {
                        Val::unknown(at)
                    } else {
                        list
                    };
                }
                Val::unknown(at)
            }
            ("concat", Some(mut items)) => {
                let mut open = false;
                for arg in args {
                    match self.elements(&arg) {
                        Some(more) => items.extend(more),
                        None if arg.object().is_some() => items.push(arg),
                        None => {
                            open = true;
                            items.push(arg);
                        }
                    }
                }
                let list = self.list(items, at);
                if let Some(obj) = list.object().and_then(|id| self.obj_mut(id)) {
                    obj.open = open;
                }
                list
            }
            ("flat", Some(items)) => {
                let flat = self.flat(items);
                self.list(flat, at)
            }
            ("join", Some(items)) => {
                let by = first
                    .and_then(|by| by.text().map(str::to_owned))
                    .unwrap_or_else(|| ",".to_owned());
                let mut whole = Val::new(Value::text(""), at);
                for (number, item) in items.iter().enumerate() {
                    if number > 0 {
                        whole = super::expr::concat(&whole, &Val::new(Value::text(&by), at), at);
                    }
                    whole = super::expr::concat(&whole, item, at);
                }
                whole
            }
            ("includes" | "indexOf" | "lastIndexOf", known) => {
                let Some(wanted) = first else {
                    return Val::unknown(at);
                };
                self.note(&wanted, CheckKind::Listed);
                let texts = known.as_ref().map(|items| {
                    items
                        .iter()
                        .map(|item| item.text())
                        .collect::<Option<Vec<_>>>()
                });
                match (texts.flatten(), &wanted.v) {
                    (Some(texts), Value::Text(wanted)) if name == "includes" => {
                        Val::new(Value::Bool(texts.contains(&&**wanted)), at)
                    }
                    (Some(texts), Value::Mode(world)) if name == "includes" => {
                        let found = texts
                            .iter()
                            .any(|text| Value::mode_of(text) == Some(*world));
                        Val::new(Value::Bool(found), at)
                    }
                    (Some(texts), Value::OneOf(all)) if name == "includes" => {
                        let each = all.iter().map(|(cond, val)| {
                            let v = match &val.v {
                                Value::Mode(world) => Value::Bool(
                                    texts
                                        .iter()
                                        .any(|text| Value::mode_of(text) == Some(*world)),
                                ),
                                Value::Text(text) => Value::Bool(texts.contains(&&**text)),
                                _ => Value::Unknown,
                            };
                            (cond.clone(), Val::new(v, at))
                        });
                        Val::one_of(each.collect::<Vec<_>>(), at)
                    }
                    _ => Val::unknown(at),
                }
            }
            ("slice", Some(items)) => {
                let number = |val: Option<&Val>| match val.map(|val| &val.v) {
                    Some(Value::Number(number)) => Some(*number),
                    _ => None,
                };
                match (args.len(), number(args.first()), number(args.get(1))) {
                    (0, ..) => self.list(items, at),
                    (1, Some(from), _) if from >= 0.0 => {
                        #[expect(
                            clippy::cast_possible_truncation,
                            clippy::cast_sign_loss,
                            reason = "an index"
                        )]
                        let from = from as usize;
                        self.list(items.into_iter().skip(from).collect(), at)
                    }
                    _ => self.any_list(at),
                }
            }
            ("pop" | "shift" | "at", _) => self.element_of(this, at),
            ("sort" | "reverse" | "keys" | "values", Some(_)) => this.clone(),
            ("then", Some(_)) => self.then(this, name, args, at),
            _ => self.call_unknown(Some(this), name, args, at),
        }
    }

    /// Lists inside a list become one, as Express does with its handlers.
    pub(super) fn flat(&self, items: Vec<Val>) -> Vec<Val> {
        let mut out = Vec::with_capacity(items.len());
        flat_into(&self.program, items, &mut out, 0);
        out
    }

    /// A text's characters or lines, split.
    pub(super) fn text_list(&mut self, parts: impl Iterator<Item = Rc<str>>, at: Loc) -> Val {
        let parts = parts.map(|part| Val::new(Value::Text(part), at)).collect();
        self.list(parts, at)
    }
}

fn flat_into(program: &Program, items: Vec<Val>, out: &mut Vec<Val>, depth: u8) {
    for item in items {
        let inner = item
            .object()
            .and_then(|id| program.obj(id))
            .and_then(|obj| match &obj.kind {
                Kind::Array(inner) if depth < 8 => Some(inner.clone()),
                _ => None,
            });
        match inner {
            Some(inner) => flat_into(program, inner, out, depth + 1),
            None => out.push(item),
        }
    }
}
