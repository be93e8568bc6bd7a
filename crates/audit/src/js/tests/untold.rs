//! What is not known: it is said so, or what runs without it is judged.

use super::{of, one, report};

const EXPRESS: &str = "const express = require('express'); const app = express();\n";

fn not_checked(files: &[(&str, &str)]) -> Vec<String> {
    let all = report(files).not_checked.into_iter();
    all.map(|entry| format!("{} {}", entry.rule.id, entry.reason))
        .collect()
}

#[test]
fn logins_of_nest_are_not_judged() {
    let main = "import { NestFactory } from '@nestjs/core';\n(async () => { const app = await NestFactory.create(M); await app.listen(1); })();";
    let all = not_checked(&[("main.ts", main)]);
    assert!(
        all.iter()
            .any(|it| it.starts_with("auth/no-rate-limit") && it.contains("NestJS")),
        "{all:?}"
    );
    let all = not_checked(&[("app.js", EXPRESS)]);
    assert!(!all.iter().any(|it| it.contains("NestJS")), "{all:?}");
}

#[test]
fn what_nest_answers_needs_its_headers_too() {
    let main = |lines: &str| {
        format!(
            "import {{ NestFactory }} from '@nestjs/core';\nimport {{ M }} from './m';\n(async () => {{\n  const app = await NestFactory.create(M);\n{lines}  await app.listen(1);\n}})();"
        )
    };
    let module = ("m.ts", "export class M {}");
    let found = |lines: &str| {
        let main = main(lines);
        let mut all = super::audit(&[("main.ts", &main), module]);
        all.retain(|it| it.contains("headers/") || it.contains("fingerprint/"));
        all
    };
    assert_eq!(
        found(""),
        [
            "main.ts:4 fingerprint/x-powered-by?",
            "main.ts:4 headers/helmet-missing?"
        ]
    );
    // What is said to help is there in TypeScript, and helps.
    let bare = main("");
    let findings = report(&[("main.ts", &bare), module]).findings;
    let mut helps = findings.into_iter().map(|finding| finding.help);
    let disabled = "app.getHttpAdapter().getInstance().disable('x-powered-by')";
    assert!(helps.any(|help| help.contains(disabled)));
    assert_eq!(
        found(&format!("{disabled};\n")),
        ["main.ts:4 headers/helmet-missing?"]
    );
    assert_eq!(found("app.use(require('helmet')());\n"), [""; 0]);
    // A module may apply it, to some routes or to all.
    let applied = "import helmet from 'helmet';\nexport class M { configure(all) { all.apply(helmet()).forRoutes('*'); } }";
    let files = [("main.ts", &*main("")), ("m.ts", applied)];
    assert_eq!(of("headers", &files), [""; 0]);
    let told = not_checked(&files);
    for rule in ["headers/helmet-missing", "redirect/open"] {
        assert!(told.iter().any(|it| it.starts_with(rule)), "{told:?}");
    }
    // Fastify has another way.
    let fastify = main("").replace("create(M)", "create(M, new FastifyAdapter())");
    let fastify =
        format!("import {{ FastifyAdapter }} from '@nestjs/platform-fastify';\n{fastify}");
    assert_eq!(of("headers", &[("main.ts", &fastify), module]), [""; 0]);
}

#[test]
fn an_app_without_express_has_not_passed() {
    let told = |files: &[(&str, &str)]| -> Vec<String> {
        let mut all = not_checked(files);
        all.retain(|it| it.starts_with("session/memory-store"));
        all
    };
    let script = ("app.js", "console.log(1)");
    for (package, reason) in [
        (
            "{\"dependencies\":{\"next\":\"16\"}}",
            "the app is built on next; only Express apps are read",
        ),
        ("{}", "no Express app is there; only such are read"),
    ] {
        let all = told(&[("package.json", package), script]);
        assert_eq!(all, [format!("session/memory-store {reason}")]);
    }
    // A service in Rust has been read, whatever its pages bring along.
    let rust = ("Cargo.toml", "[package]\nname = \"a\"");
    assert_eq!(told(&[rust, ("web/package.json", "{}"), script]), [""; 0]);
    assert_eq!(told(&[("app.js", EXPRESS)]), [""; 0]);
}

#[test]
fn an_express_that_nobody_is_seen_to_ask_for_is_told_of() {
    let package = ("package.json", "{\"dependencies\":{\"express\":\"5\"}}");
    let hidden = ("app.mjs", "const app = load('express')(); app.listen(1);");
    let all = not_checked(&[package, hidden]);
    assert!(
        all.iter()
            .any(|it| it.starts_with("headers/helmet-missing")),
        "{all:?}"
    );
    // Asked for in the way of CommonJS from a module, it is seen.
    for import in [
        "import { createRequire } from 'node:module';",
        "import { createRequire } from 'module';",
    ] {
        let text = format!(
            "{import}\nconst require = createRequire(import.meta.url);\nconst app = require('express')();\napp.get('/', (req, res) => res.end());"
        );
        let all = of("headers", &[package, ("app.mjs", &text)]);
        assert_eq!(all, ["app.mjs:3 headers/helmet-missing"]);
    }
}

#[test]
fn options_from_elsewhere_are_said_once_a_call() {
    let said = |lines: &str| {
        let mut all = not_checked(&[("app.js", &format!("{EXPRESS}{lines}"))]);
        all.retain(|it| it.contains("`app.js:2`"));
        all.into_iter()
            .map(|it| it.split(' ').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let none = [""; 0];
    for (lines, rules) in [
        (
            "app.use(require('express-session')(load()));",
            &["cookie/no-secure", "session/memory-store"][..],
        ),
        (
            "app.use(require('express-session')({ ...load(), cookie: {} }));",
            &["session/memory-store"],
        ),
        (
            "app.use(require('cookie-session')(load()));",
            &["cookie/no-secure"],
        ),
        (
            "app.use(require('helmet')(load()));",
            &["headers/helmet-weakened"],
        ),
        (
            "app.use(require('express-rate-limit')(load()));",
            &["auth/limiter-spoofable-key"],
        ),
        (
            "app.use(require('express-session')({ store: S, cookie: {} }));",
            &none[..],
        ),
        ("app.use(require('express-session')());", &none),
        ("app.use(require('helmet')());", &none),
        (
            "app.use(require('express-rate-limit')({ limit: 3 }));",
            &none,
        ),
        (
            "app.use(require('express-session')(load() || { cookie: {} }));",
            &none,
        ),
    ] {
        assert_eq!(said(lines), rules, "{lines}");
    }
}

#[test]
fn what_follows_an_early_return_runs() {
    let text = "const express = require('express');
module.exports = function create(env, ctx) {
  const app = express();
  if (ctx.bootErrors && ctx.bootErrors.length > 0) {
    app.get('*', (req, res) => res.end('broken'));
    return app;
  }
  app.use(express.static('public'));
  app.post('/login', (req, res) => { check(req.body.password); res.end(); });
  app.use(require('errorhandler')());
  return app;
};
";
    let main = "require('./app')(process.env, load()).listen(1);";
    let found = |group: &str| of(group, &[("app.js", text), ("main.js", main)]);
    assert_eq!(
        found("errors"),
        [
            "app.js:10 errors/dev-handler-unguarded?",
            "app.js:3 errors/default-404?",
        ]
    );
    assert_eq!(found("auth"), ["app.js:9 auth/no-rate-limit?"]);
    // A guard is none.
    let guarded = format!(
        "{EXPRESS}app.get('/', (q, s) => s.end());\nif (load().debug) app.use(require('errorhandler')());"
    );
    assert_eq!(one("errors/dev", &guarded), [""; 0]);
}

#[test]
fn a_guard_that_takes_passwords_makes_no_login() {
    let routes = |last: &str| {
        let text = format!(
            "{EXPRESS}const passport = require('passport');
const must = (req, res, next) => {{
  if (req.isAuthenticated()) return next();
  if (req.headers.authorization) return passport.authenticate('basic', {{ session: false }})(req, res, next);
  if (req.headers.other) return passport.authenticate('local')(req, res, next);
  res.redirect('/signin');
}};
{last}"
        );
        one("auth", &text)
    };
    assert_eq!(
        routes("app.post('/api/connections', must, (req, res) => res.json({}));"),
        [""; 0]
    );
    assert_eq!(
        routes("app.post('/api/in', passport.authenticate('local'), (req, res) => res.json({}));"),
        ["app.js:9 auth/no-rate-limit"]
    );
    assert_eq!(
        routes(
            "app.post('/api/in', (req, res, next) => { passport.authenticate('local')(req, res, next); });"
        ),
        ["app.js:9 auth/no-rate-limit"]
    );
    assert_eq!(
        routes("app.post('/api/x', passport.authenticate('basic'), (req, res) => res.json({}));"),
        [""; 0]
    );
    // What is only cleaned up is not compared with what somebody keeps.
    let cleaned = |with: &str| {
        routes(&format!(
            "app.post('/api/x', (req, res) => {{ if (req.body.password === {with}) note(); res.json({{}}); }});"
        ))
    };
    assert_eq!(cleaned("true"), [""; 0]);
    assert_eq!(cleaned("null"), [""; 0]);
    assert_eq!(cleaned("load()"), ["app.js:9 auth/no-rate-limit"]);
}

#[test]
fn a_session_that_is_made_with_a_password_is_a_login() {
    let routes = |route: &str| {
        one(
            "auth",
            &format!("{EXPRESS}app.use(express.json());\n{route}"),
        )
    };
    for wrong in [
        "app.post('/session', async (req, res) => { const { email, password } = req.body; res.json(await find(email, password)); });",
        "app.post('/api/auth', (req, res) => users.open({ name: req.body.name, password: req.body.password }).then((user) => res.json(user)));",
    ] {
        assert_eq!(routes(wrong), ["app.js:3 auth/no-rate-limit?"], "{wrong}");
    }
    for right in [
        "app.post('/session', async (req, res) => { res.json(await renew(req.body.token)); });",
        "app.post('/users', async (req, res) => { res.json(await make(req.body.email, req.body.password)); });",
        "app.delete('/session', async (req, res) => { res.json(await end(req.body.password)); });",
    ] {
        assert_eq!(routes(right), [""; 0], "{right}");
    }
}

#[test]
fn a_view_decides_what_it_shows_of_an_error() {
    let handler = |what: &str| {
        one(
            "errors/dev",
            &format!("{EXPRESS}app.use((error, req, res, next) => {{ {what} }});"),
        )
    };
    assert_eq!(handler("res.render('error', { error });"), [""; 0]);
    assert_eq!(
        handler("res.render('error', { trace: error.stack });"),
        ["app.js:2 errors/dev-handler-unguarded"]
    );
}

#[test]
fn what_is_used_where_nothing_is_given_is_judged() {
    let fallback = "{ name: 'x', secret: 'very secret phrase', cookie: { maxAge: 1 } }";
    let expected = [
        "cookie/no-samesite?",
        "cookie/no-secure?",
        "secrets/hardcoded?",
        "session/memory-store?",
    ];
    for text in [
        format!(
            "{EXPRESS}module.exports = (args) => {{ app.use(require('express-session')(args.session || {fallback})); }};"
        ),
        format!(
            "const express = require('express');
function initServer(args) {{ const app = express(); app.use(require('express-session')(args.config.session || {fallback})); app.get('/', (q, s) => s.end()); return app; }}
function initDatabase(args, cb) {{ args.db.connect((err) => {{ if (err) return cb(err); cb(null); }}); }}
exports.init = (args, done) => {{ initDatabase(args, (err) => {{ if (err) return done(err); done(null, initServer(args)); }}); }};"
        ),
    ] {
        let mut all = super::audit(&[("app.js", &text)]);
        all.retain(|it| {
            ["cookie/", "session/", "secrets/"]
                .iter()
                .any(|group| it.contains(group))
        });
        let all: Vec<&str> = all
            .iter()
            .map(|it| it.split(' ').next_back().unwrap())
            .collect();
        assert_eq!(all, expected, "{text}");
    }
}
