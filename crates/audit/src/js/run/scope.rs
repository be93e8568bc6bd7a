//! Names and what they stand for.

use std::rc::Rc;

use super::super::facts::{Cond, Kind, Loc, Obj, ObjId, Prop, Val, Value};
use super::super::ir::Name;
use super::Interp;

/// A function's or a block's names.
pub(super) struct Scope {
    names: Vec<(Name, Binding)>,
    parent: Option<u32>,
    /// Whether `var` stays here.
    is_function: bool,
}

/// What a name stands for.
#[derive(Clone)]
enum Binding {
    Is {
        val: Val,
        born: Cond,
    },
    /// A name of another module; nothing for all of it.
    Import {
        module: u32,
        name: Option<Name>,
    },
}

impl Interp<'_> {
    /// A scope inside another.
    pub(super) fn scope(&mut self, parent: Option<u32>, is_function: bool) -> u32 {
        let id = u32::try_from(self.scopes.len()).unwrap_or(u32::MAX);
        self.scopes.push(Scope {
            names: Vec::new(),
            parent,
            is_function,
        });
        id
    }

    /// Gives a name to a value, in a scope itself.
    pub(super) fn declare(&mut self, scope: u32, name: &Name, val: Val) {
        let born = self.path.clone();
        self.bind(scope, name, Binding::Is { val, born });
    }

    /// Gives a name to something of another module.
    pub(super) fn declare_import(
        &mut self,
        scope: u32,
        local: &Name,
        module: u32,
        name: Option<Name>,
    ) {
        self.bind(scope, local, Binding::Import { module, name });
    }

    fn bind(&mut self, scope: u32, name: &Name, binding: Binding) {
        let Some(scope) = self.scopes.get_mut(scope as usize) else {
            return;
        };
        match scope.names.iter_mut().find(|(have, _)| have == name) {
            Some((_, have)) => *have = binding,
            None => scope.names.push((name.clone(), binding)),
        }
    }

    /// The scope that `var` belongs to.
    pub(super) fn function_scope(&self, mut scope: u32) -> u32 {
        while let Some(it) = self.scopes.get(scope as usize) {
            match it.parent {
                Some(parent) if !it.is_function => scope = parent,
                _ => break,
            }
        }
        scope
    }

    /// Whether a scope itself has a name.
    pub(super) fn has_name(&self, scope: u32, name: &str) -> bool {
        let scope = self.scopes.get(scope as usize);
        scope.is_some_and(|scope| scope.names.iter().any(|(have, _)| &**have == name))
    }

    /// What a name stands for.
    pub(super) fn lookup(&mut self, scope: u32, name: &str) -> Option<Val> {
        let mut at = Some(scope);
        while let Some(scope) = at.and_then(|at| self.scopes.get(at as usize)) {
            let found = scope.names.iter().find(|(have, _)| &**have == name);
            match found.map(|(_, binding)| binding.clone()) {
                Some(Binding::Is { val, .. }) => return Some(val.under(&self.path)),
                Some(Binding::Import { module, name }) => {
                    return Some(self.imported(module, name.as_deref()));
                }
                None => at = scope.parent,
            }
        }
        self.globals.get(name).cloned()
    }

    /// Gives a name another value, where it was declared; one that was not becomes global.
    pub(super) fn assign_name(&mut self, scope: u32, name: &Name, val: Val) {
        let mut at = Some(scope);
        while let Some(id) = at {
            let Some(scope) = self.scopes.get_mut(id as usize) else {
                break;
            };
            let path = &self.path;
            if let Some((_, have)) = scope.names.iter_mut().find(|(have, _)| have == name) {
                if let Binding::Is { val: old, born } = have {
                    *old = updated(old, val, born, path);
                }
                return;
            }
            at = scope.parent;
        }
        self.globals.insert(Rc::from(&**name), val);
    }

    /// A new object.
    pub(super) fn alloc(&mut self, kind: Kind, at: Loc) -> ObjId {
        let id = ObjId::new(u32::try_from(self.program.heap.len()).unwrap_or(u32::MAX));
        self.program
            .heap
            .push(Obj::new(kind, self.path.clone(), at));
        id
    }

    /// A new object, as a value.
    pub(super) fn object(&mut self, kind: Kind, at: Loc) -> Val {
        Val::new(Value::Object(self.alloc(kind, at)), at)
    }

    /// A new list.
    pub(super) fn list(&mut self, items: Vec<Val>, at: Loc) -> Val {
        self.object(Kind::Array(items), at)
    }

    pub(super) fn obj(&self, id: ObjId) -> Option<&Obj> {
        self.program.obj(id)
    }

    pub(super) fn obj_mut(&mut self, id: ObjId) -> Option<&mut Obj> {
        self.program.heap.get_mut(id.number as usize)
    }

    /// Writes a property of an object of which nothing else has to be known.
    pub(super) fn put(&mut self, id: ObjId, name: &str, val: Val, at: Loc) {
        let path = self.path.clone();
        let Some(obj) = self.obj_mut(id) else {
            return;
        };
        let absent = Val::new(Value::Undefined, at);
        let old = obj.prop(name).map_or(absent, |prop| prop.val.clone());
        let val = updated(&old, val, &obj.born, &path);
        let getter = false;
        obj.put(Rc::from(name), Prop { val, at, getter });
    }

    /// A function's arguments as it sees them.
    pub(super) fn value_of_this(&mut self, scope: u32) -> Option<Val> {
        self.lookup(scope, "this")
    }
}

/// What a value is after an assignment that happens only where `path` holds.
fn updated(old: &Val, new: Val, born: &Cond, path: &Cond) -> Val {
    if path.covers(born) {
        return new;
    }
    let at = new.at;
    let rest = born.without(path).unwrap_or(Cond::ALWAYS);
    let old = old.alternatives().into_iter().filter_map(|(cond, val)| {
        // What was written under this very condition is written over.
        if path.covers(&cond) {
            return None;
        }
        Some((cond.and(&rest)?, val.clone()))
    });
    let mut all: Vec<(Cond, Val)> = old.collect();
    all.push((path.clone(), new));
    Val::one_of(all, at)
}
