//! Packages that make apps and routers, or that hand them on.

use std::rc::Rc;

use super::super::facts::{
    Callee, EventKind, Kind, Loc, ObjId, Stack, StackId, StackKind, Val, Value,
};
use super::Interp;

impl Interp<'_> {
    /// A call of a package's function.
    pub(super) fn call_package(
        &mut self,
        path: &Rc<str>,
        is_new: bool,
        this: Option<Val>,
        args: Vec<Val>,
        at: Loc,
    ) -> Val {
        match &**path {
            "express"
            | "express:application"
            | "@feathersjs/express"
            | "@feathersjs/express:default"
            | "loopback"
            | "json-server:create"
            | "express:createServer" => {
                if &**path == "express:createServer" {
                    self.record(Callee::External(path.clone()), false, None, args, at);
                }
                self.make_stack(StackKind::App, at)
            }
            "express:Router"
            | "router"
            | "express-promise-router"
            | "express-router"
            | "json-server:router"
            | "express-async-router:AsyncRouter"
            | "@awaitjs/express:Router"
            | "loopback:Router" => self.make_stack(StackKind::Router, at),
            "express-ws" | "express-ws:default" => {
                let made = self.object(Kind::Plain, at);
                if let (Some(id), Some(app)) = (made.object(), args.first()) {
                    self.put(id, "app", app.clone(), at);
                    if let Some(obj) = self.obj_mut(id) {
                        obj.open = true;
                    }
                }
                made
            }
            "@awaitjs/express:addAsync" | "express-async-handler:addAsync" => {
                args.into_iter().next().unwrap_or_else(|| Val::unknown(at))
            }
            "@nestjs/core:NestFactory.create" => self.nest(args, at),
            "http:createServer"
            | "http:Server"
            | "https:createServer"
            | "https:Server"
            | "http2:createServer"
            | "http2:createSecureServer"
            | "spdy:createServer"
            | "http-shutdown"
            | "stoppable"
            | "server-destroy"
            | "http-terminator:createHttpTerminator" => self.server(path, args, at),
            _ => {
                // A lazily loaded app: `serverless(app)`, `supertest(app)` are not told apart from others.
                self.opaque_call(path, is_new, this, args, at)
            }
        }
    }

    /// A new app or router.
    pub(super) fn make_stack(&mut self, kind: StackKind, at: Loc) -> Val {
        let id = StackId(u32::try_from(self.program.stacks.len()).unwrap_or(u32::MAX));
        let object = self.alloc(Kind::Stack(id), at);
        self.program.stacks.push(Stack {
            kind,
            at,
            born: self.path.clone(),
            events: Vec::new(),
        });
        Val::new(Value::Object(object), at)
    }

    /// `NestFactory.create(AppModule)`, also on an app of one's own.
    fn nest(&mut self, args: Vec<Val>, at: Loc) -> Val {
        let fastify = args.iter().any(|arg| {
            self.program
                .external(arg)
                .is_some_and(|path| path.contains("FastifyAdapter"))
        });
        if fastify {
            let path = Rc::from("@nestjs/core:NestFactory.create");
            return self.opaque_call(&path, false, None, args, at);
        }
        let path = Rc::from("@nestjs/core:NestFactory.create");
        self.record(Callee::External(path), false, None, args, at);
        self.make_stack(StackKind::Nest, at)
    }

    /// `http.createServer(app)`.
    fn server(&mut self, path: &str, args: Vec<Val>, at: Loc) -> Val {
        let secure =
            path.starts_with("https") || path.contains("Secure") || path.starts_with("spdy");
        let callee = Callee::External(Rc::from(path));
        self.record(callee, false, None, args.clone(), at);
        let server = self.object(Kind::Server { secure }, at);
        let mut handlers = Vec::new();
        for arg in &args {
            for (_, arg) in arg.alternatives() {
                if let Some(stack) = self.program.as_stack(arg) {
                    self.event(stack, EventKind::Listen { secure }, at);
                    if let Some(id) = server.object() {
                        self.put(id, "app", arg.clone(), at);
                    }
                } else if let Some(inner) = arg.object().and_then(|id| self.obj(id))
                    && let Kind::Server { .. } = inner.kind
                {
                    return arg.clone();
                }
                handlers.extend(self.as_function(arg).map(|_| arg.clone()));
            }
        }
        for handler in handlers {
            // `http.createServer((req, res) => app(req, res))`
            self.handler_like.extend(handler.object());
        }
        server
    }

    /// Methods of a server.
    pub(super) fn server_method(
        &mut self,
        id: ObjId,
        this: &Val,
        name: &str,
        args: Vec<Val>,
        at: Loc,
    ) -> Val {
        match name {
            "on" | "once" | "addListener" | "setTimeout" => {
                // `server.on('request', app)`
                if args.first().and_then(Val::text) == Some("request") {
                    let secure = matches!(
                        self.obj(id).map(|obj| &obj.kind),
                        Some(Kind::Server { secure: true })
                    );
                    let app = args.get(1).and_then(|app| self.program.as_stack(app));
                    if let Some(app) = app {
                        self.event(app, EventKind::Listen { secure }, at);
                    }
                }
                self.callbacks(name, &args, at);
            }
            _ => {
                let path = format!("http:Server().{name}");
                let callee = Callee::External(Rc::from(path));
                self.record(callee, false, Some(this.clone()), args.clone(), at);
                self.callbacks(name, &args, at);
            }
        }
        this.clone()
    }
}
