//! Classes, `new`, and `this`.

use std::rc::Rc;
use std::sync::Arc;

use super::super::facts::{Kind, Loc, Prop, Val, Value};
use super::super::ir::{Class, Key, MemberKind};
use super::Interp;

impl Interp<'_> {
    /// A class, with its methods in its prototype.
    pub(super) fn class(&mut self, class: &Arc<Class>, scope: u32) -> Val {
        let at = self.loc(class.at);
        let parent = class.parent.as_ref().map(|parent| self.eval(parent, scope));
        let proto = self.alloc(Kind::Plain, at);
        let parent_proto = parent
            .as_ref()
            .map(|parent| self.get(parent, "prototype", at));
        if let Some(obj) = self.obj_mut(proto) {
            obj.proto = parent_proto;
        }
        let inner = self.scope(Some(scope), false);
        let kind = Kind::Class {
            class: class.clone(),
            scope: inner,
            constructor: None,
            proto,
            parent: parent.clone(),
        };
        let val = self.object(kind, at);
        let Some(id) = val.object() else {
            return val;
        };
        if let Some(name) = &class.name {
            self.declare(inner, name, val.clone());
        }
        if let Some(parent) = &parent {
            self.declare(inner, &Arc::from("super"), parent.clone());
        }
        self.declare(inner, &Arc::from("this"), val.clone());
        let constructor = Val::new(Value::Object(id), at);
        self.put(proto, "constructor", constructor, at);
        for decorator in &class.decorators {
            self.eval(decorator, scope);
        }
        for member in &class.members {
            let name: Option<Rc<str>> = match &member.key {
                Key::Name(name) => Some(Rc::from(&**name)),
                Key::Computed(key) => match self.eval(key, inner).v {
                    Value::Text(text) => Some(text),
                    _ => None,
                },
            };
            let is_method = member.kind != MemberKind::Field;
            if !is_method && !member.is_static {
                continue;
            }
            let label = name.clone().unwrap_or_else(|| Rc::from(""));
            let value = match &member.value {
                Some(value) => self.eval_named(value, inner, &label),
                None => Val::new(Value::Undefined, at),
            };
            if is_method {
                self.belongs_to(&value, parent.clone());
            }
            let member_at = self.loc(member.at);
            if member.kind == MemberKind::Constructor {
                let made = value.object();
                if let Some(Kind::Class { constructor, .. }) =
                    self.obj_mut(id).map(|obj| &mut obj.kind)
                {
                    *constructor = made;
                }
                continue;
            }
            let owner = if member.is_static { id } else { proto };
            let Some(name) = name else { continue };
            let (name, getter) = match member.kind {
                MemberKind::Setter => (Rc::from(format!("set {name}")), false),
                MemberKind::Getter => (name, true),
                _ => (name, false),
            };
            if let Some(obj) = self.obj_mut(owner) {
                let prop = Prop {
                    val: value,
                    at: member_at,
                    getter,
                };
                obj.put(name, prop);
            }
        }
        self.decorated(class, proto, inner);
        val
    }

    /// Tells a method what `super` is in it.
    fn belongs_to(&mut self, method: &Val, parent: Option<Val>) {
        let Some(obj) = method.object().and_then(|id| self.obj_mut(id)) else {
            return;
        };
        if let Kind::Function(closure) = &mut obj.kind {
            closure.parent = parent;
        }
    }

    /// `new callee(…)`.
    pub(super) fn construct(&mut self, callee: &Val, args: Vec<Val>, at: Loc, hint: &str) -> Val {
        match &callee.v {
            Value::OneOf(all) => self.of_each(all, at, |it, callee| {
                it.construct(callee, args.clone(), at, hint)
            }),
            Value::Object(id) => match self.obj(*id).map(|obj| obj.kind.clone()) {
                Some(Kind::Class { .. }) => {
                    let made = self.object(Kind::Plain, at);
                    self.initialize(callee, &made, args, at);
                    made
                }
                Some(Kind::Function(_)) => {
                    let proto = self.get(callee, "prototype", at);
                    let made = self.object(Kind::Plain, at);
                    if let Some(obj) = made.object().and_then(|id| self.obj_mut(id)) {
                        obj.proto = Some(proto);
                    }
                    let given = self.call(callee, made.clone(), args, at, hint);
                    if given.object().is_some() {
                        given
                    } else {
                        made
                    }
                }
                Some(Kind::Bound {
                    callee,
                    args: first,
                    ..
                }) => {
                    let args = first.into_iter().chain(args).collect();
                    self.construct(&callee, args, at, hint)
                }
                Some(Kind::Namespace(module)) => {
                    let inner = self.imported(module, Some("default"));
                    self.construct(&inner, args, at, hint)
                }
                _ => self.call_new(callee, args, at, hint),
            },
            _ => self.call_new(callee, args, at, hint),
        }
    }

    /// Runs a class's constructor on an object, and first its parents'.
    pub(super) fn initialize(&mut self, class_val: &Val, this: &Val, args: Vec<Val>, at: Loc) {
        let kind = class_val
            .object()
            .and_then(|id| self.obj(id))
            .map(|obj| obj.kind.clone());
        let Some(Kind::Class {
            class,
            scope,
            constructor,
            proto,
            parent,
        }) = kind
        else {
            self.initialize_foreign(class_val, this, args, at);
            return;
        };
        if self.frames.len() >= super::MAX_DEPTH {
            return;
        }
        if let Some(obj) = this.object().and_then(|id| self.obj_mut(id))
            && obj.proto.is_none()
        {
            obj.proto = Some(Val::new(Value::Object(proto), at));
        }
        if let (None, Some(parent)) = (constructor, &parent) {
            self.initialize(parent, this, args.clone(), at);
        }
        let home = class_val
            .object()
            .and_then(|id| self.obj(id))
            .map(|obj| obj.at.file);
        let file = self.file;
        self.file = home.unwrap_or(file);
        let fields = self.scope(Some(scope), true);
        self.declare(fields, &Arc::from("this"), this.clone());
        for member in &class.members {
            let (MemberKind::Field, false, Key::Name(name)) =
                (member.kind, member.is_static, &member.key)
            else {
                continue;
            };
            let member_at = self.loc(member.at);
            let value = match &member.value {
                Some(value) => self.eval_named(value, fields, name),
                // `private app: Application;` is set later.
                None => continue,
            };
            if let Some(id) = this.object() {
                self.put(id, name, value, member_at);
            }
        }
        self.file = file;
        if let Some(constructor) = constructor {
            let constructor = Val::new(Value::Object(constructor), at);
            self.call(&constructor, this.clone(), args, at, "constructor");
        }
    }

    /// `super(…)` of a class of a package: the object may have anything from there.
    fn initialize_foreign(&mut self, class_val: &Val, this: &Val, args: Vec<Val>, at: Loc) {
        if let Value::Object(_) = class_val.v
            && matches!(
                class_val
                    .object()
                    .and_then(|id| self.obj(id))
                    .map(|obj| &obj.kind),
                Some(Kind::Function(_))
            )
        {
            self.call(class_val, this.clone(), args, at, "super");
            return;
        }
        let made = self.call_new(class_val, args, at, "super");
        let Some(id) = this.object() else {
            return;
        };
        let stack = self.program.as_stack(&made);
        if let Some(obj) = self.obj_mut(id) {
            match stack {
                // `class App extends express.Router`: the object is the router.
                Some(stack) => obj.kind = Kind::Stack(stack),
                None => obj.open = true,
            }
        }
    }

    /// A parameter that a constructor keeps: `constructor(private readonly users: Users)`.
    pub(super) fn keep_field(&mut self, scope: u32, name: &str, val: Val, at: Loc) {
        let this = self.lookup(scope, "this");
        if let Some(id) = this.and_then(|this| this.object()) {
            self.put(id, name, val, at);
        }
    }
}
