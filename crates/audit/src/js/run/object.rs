//! `Object.…`, and what JSON holds.

use std::rc::Rc;

use serde_json::Value as Json;

use super::super::facts::{Kind, Loc, Prop, Val, Value};
use super::Interp;

/// Deeper than any configuration.
const MAX_JSON_DEPTH: u8 = 24;

impl Interp<'_> {
    pub(super) fn object_function(&mut self, name: &str, args: &[Val], at: Loc) -> Option<Val> {
        let first = args.first()?;
        Some(match name {
            "assign" => self.assign_all(first, args.get(1..).unwrap_or_default()),
            "freeze" | "seal" | "preventExtensions" | "setPrototypeOf" => first.clone(),
            "create" => {
                let made = self.object(Kind::Plain, at);
                if let Some(obj) = made.object().and_then(|id| self.obj_mut(id)) {
                    obj.proto = Some(first.clone()).filter(|proto| !proto.is_nothing());
                }
                made
            }
            "keys" => match self.keys(first) {
                Some(keys) => self.list(keys, at),
                None => self.any_list(at),
            },
            "values" => match self.keys(first) {
                Some(keys) => {
                    let values = keys.iter().map(|key| self.get_by(first, key, at)).collect();
                    self.list(values, at)
                }
                None => self.any_list(at),
            },
            "entries" => match self.keys(first) {
                Some(keys) => {
                    let mut entries = Vec::new();
                    for key in keys {
                        let value = self.get_by(first, &key, at);
                        entries.push(self.list(vec![key, value], at));
                    }
                    self.list(entries, at)
                }
                None => self.any_list(at),
            },
            "fromEntries" => {
                let made = self.object(Kind::Plain, at);
                let entries = self.elements(first)?;
                for entry in entries {
                    let pair = self.elements(&entry)?;
                    let (Some(key), Some(value)) = (pair.first(), pair.get(1)) else {
                        continue;
                    };
                    if let Some(key) = key.text() {
                        self.set(&made, key, value.clone(), at);
                    }
                }
                made
            }
            "defineProperty" => {
                let key = args.get(1)?.text()?.to_owned();
                let descriptor = args.get(2)?;
                let value = self.get(descriptor, "value", at);
                let getter = self.get(descriptor, "get", at);
                let is_getter = getter.object().is_some();
                let id = first.object()?;
                let val = if is_getter { getter } else { value };
                let prop = Prop {
                    val,
                    at,
                    getter: is_getter,
                };
                self.obj_mut(id)?.put(Rc::from(key), prop);
                first.clone()
            }
            _ => Val::unknown(at),
        })
    }

    /// `Object.assign(to, …from)`.
    pub(super) fn assign_all(&mut self, to: &Val, from: &[Val]) -> Val {
        for (_, target) in to.alternatives() {
            if let Some(id) = target.object() {
                for from in from {
                    self.copy_props(id, from);
                }
            }
        }
        to.clone()
    }

    /// A new object that has what all of these have; nested ones too where `deep`.
    pub(super) fn merged(&mut self, all: &[Val], deep: bool, at: Loc) -> Val {
        let made = self.object(Kind::Plain, at);
        if let Some(id) = made.object() {
            for from in all {
                if deep {
                    self.merge_deep(id, from, at, 0);
                } else {
                    self.copy_props(id, from);
                }
            }
        }
        made
    }

    fn merge_deep(&mut self, to: super::super::facts::ObjId, from: &Val, at: Loc, depth: u8) {
        let plain = |it: &Self, val: &Val| {
            let obj = val.object().and_then(|id| it.obj(id));
            obj.is_some_and(|obj| matches!(obj.kind, Kind::Plain) && !obj.open)
        };
        if depth > 8 || !plain(self, from) {
            self.copy_props(to, from);
            return;
        }
        let props = from
            .object()
            .and_then(|id| self.obj(id))
            .map(|obj| obj.props.clone());
        for (name, prop) in props.unwrap_or_default() {
            let have = self
                .obj(to)
                .and_then(|obj| obj.prop(&name))
                .map(|prop| prop.val.clone());
            match have {
                Some(have) if plain(self, &have) && plain(self, &prop.val) => {
                    let inner = self.object(Kind::Plain, at);
                    if let Some(id) = inner.object() {
                        self.copy_props(id, &have);
                        self.merge_deep(id, &prop.val, at, depth + 1);
                    }
                    self.put(to, &name, inner, prop.at);
                }
                _ => self.put(to, &name, prop.val, prop.at),
            }
        }
    }

    /// A list of which nothing is known.
    pub(super) fn any_list(&mut self, at: Loc) -> Val {
        let list = self.list(Vec::new(), at);
        if let Some(obj) = list.object().and_then(|id| self.obj_mut(id)) {
            obj.open = true;
        }
        list
    }

    /// What a JSON text stands for.
    pub(super) fn read_json(&mut self, json: &Json, at: Loc, depth: u8) -> Val {
        let value = match json {
            Json::Null => Value::Null,
            Json::Bool(it) => Value::Bool(*it),
            Json::Number(it) => it.as_f64().map_or(Value::Unknown, Value::Number),
            Json::String(it) => return Val::new(Value::text(it), self.place_of(it, at)),
            _ if depth > MAX_JSON_DEPTH => Value::Unknown,
            Json::Array(items) => {
                let items = items
                    .iter()
                    .take(5_000)
                    .map(|item| self.read_json(item, at, depth + 1));
                let items = items.collect();
                return self.list(items, at);
            }
            Json::Object(props) => {
                let made = self.object(Kind::Plain, at);
                for (name, json) in props.iter().take(5_000) {
                    let val = self.read_json(json, at, depth + 1);
                    let prop_at = val.at;
                    if let Some(obj) = made.object().and_then(|id| self.obj_mut(id)) {
                        obj.props.push((
                            Rc::from(name.as_str()),
                            Prop {
                                val,
                                at: prop_at,
                                getter: false,
                            },
                        ));
                    }
                }
                return made;
            }
        };
        Val::new(value, at)
    }

    /// Where a text stands in a file, for a JSON parser that does not say.
    fn place_of(&self, text: &str, at: Loc) -> Loc {
        let source = self.program.files.get(at.file as usize);
        let quoted = serde_json::to_string(text).unwrap_or_default();
        let found = source.and_then(|source| source.text().find(&quoted));
        let Some(start) = found.and_then(|start| u32::try_from(start).ok()) else {
            return at;
        };
        let end = start.saturating_add(u32::try_from(quoted.len()).unwrap_or(0));
        Loc {
            file: at.file,
            span: super::super::ir::Span { start, end },
        }
    }
}
