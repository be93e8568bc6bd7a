//! Order, mounts and paths are Express's.

use super::{of, one};

const LOGIN: &str =
    "(req, res) => { require('bcrypt').compare(req.body.password, 'x'); res.end(); }";

/// An app of these lines, with a limiter `l` and a login's handler `h`.
fn auth(lines: &str) -> Vec<String> {
    let text = format!(
        "const express = require('express'); const app = express(); const l = require('express-rate-limit')({{ keyGenerator: (req) => req.body.user }}); const h = {LOGIN};\n{lines}"
    );
    one("auth", &text)
}

#[test]
fn a_limiter_counts_where_express_runs_it() {
    for right in [
        "app.post('/login', l, h);",
        "app.post('/login', [l, [h]]);",
        "app.use(l); app.post('/login', h);",
        "app.use('/api', l); app.post('/api/login', h);",
        "app.use('/API/', l); app.post('/api/login', h);",
        "app.use(['/x', '/login'], l); app.post('/login', h);",
        "app.all('/login', l); app.post('/login', h);",
        "app.all('/api/*', l); app.post('/api/login', h);",
        "app.route('/login').all(l).post(h);",
        "const r = express.Router(); r.use(l); r.post('/login', h); app.use('/api', r);",
        "const r = express.Router(); r.post('/login', h); app.use('/api', l, r);",
        "const r = express.Router(); app.use('/api', l); app.use('/api', r); r.post('/login', h);",
        "const r = express.Router(); r.use(l); app.use('/login', r); app.post('/login', h);",
        "const o = express(); o.post('/login', h); app.use(l); app.use('/o', o);",
        "app.use(process.env.BASE || '/x', l); app.post('/x/login', h);",
        "app.post(/login$/, l, h);",
        "const wrap = (f) => (a, b, c) => f(a, b, c); app.post('/login', wrap(l), h);",
        "app.post('/login', slowDown, h);",
        "app.post('/login', (req, res, next) => { if (count(req) > 5) return res.status(429).end(); next(); }, h);",
    ] {
        assert_eq!(auth(right), [""; 0], "{right}");
    }
    for wrong in [
        "app.post('/login', h);",
        "app.use('/apis', l); app.post('/api/login', h);",
        "app.get('/login', l); app.post('/login', h);",
        "app.use('/login/x', l); app.post('/login', h);",
        "const r = express.Router(); r.use(l); app.post('/login', h);",
        "app.route('/login').get(l).post(h);",
        "if (process.env.NODE_ENV === 'development') app.use(l); app.post('/login', h);",
    ] {
        assert_eq!(auth(wrong), ["app.js:2 auth/no-rate-limit"], "{wrong}");
    }
    for late in [
        "app.post('/login', h); app.use(l);",
        "app.post('/login', h, l);",
        "const r = express.Router(); r.post('/login', h); app.use(r); app.use('/', l);",
        "const r = express.Router(); app.use(r); app.use(l); r.post('/login', h);",
    ] {
        assert_eq!(auth(late), ["app.js:2 auth/limiter-too-late"], "{late}");
    }
}

#[test]
fn helmet_counts_where_express_runs_it() {
    let app = |lines: &str| {
        format!(
            "const express = require('express'), helmet = require('helmet'); const app = express(), r = express.Router(); const h = (q, s) => s.end();\n{lines}"
        )
    };
    for right in [
        "app.use(helmet()); app.get('/', h);",
        "app.use('/health', h); app.use(helmet()); app.get('/', h);",
        "app.get('/', helmet(), h);",
        "r.get('/x', h); app.use(helmet()); app.use(r);",
        "r.use(helmet()); app.use(r); app.get('/', h);",
        "app.use(express.json(), helmet()); app.get('/', h);",
    ] {
        assert_eq!(one("headers", &app(right)), [""; 0], "{right}");
    }
    for late in [
        "app.get('/', h); app.use(helmet());",
        "app.use(r); app.use(helmet()); r.get('/x', h);",
        "app.use(express.static('public')); app.use(helmet()); app.get('/', h);",
    ] {
        assert_eq!(
            one("headers", &app(late)),
            ["app.js:2 headers/helmet-too-late"],
            "{late}"
        );
    }
    assert_eq!(
        one(
            "headers",
            &app("app.use('/api', helmet()); app.get('/api/x', h); app.get('/', h);")
        ),
        ["app.js:2 headers/helmet-partial?"]
    );
}

#[test]
fn handlers_inside_wrappers_are_found() {
    let app = "const app = require('express')();\n";
    for wrapped in [
        "const h = require('express-async-handler'); app.get('/', h(async (req, res) => {\n res.redirect(req.query.u); }));",
        "const c = (f) => (a, b, n) => Promise.resolve(f(a, b, n)).catch(n); app.get('/', c(async (req, res) => {\n res.redirect(req.query.u); }));",
        "class C { go(req, res) {\n return res.redirect(req.query.u); } } const c = new C(); app.get('/', c.go.bind(c));",
        "class C { go = (req, res) => {\n res.redirect(req.query.u); } } app.get('/', new C().go);",
        "exports.go = (req, res) => {\n res.redirect(req.query.u); };",
        "module.exports = { go: function ({ query }, response) {\n response.redirect(query.u); } }; app.get('/', module.exports.go);",
        "app.get('/', (req, res) => require('x')(function () {\n res.redirect(req.query.u); }));",
    ] {
        let text = format!("{app}{wrapped}");
        assert_eq!(
            one("redirect", &text),
            ["app.js:3 redirect/open"],
            "{wrapped}"
        );
    }
}

#[test]
fn an_app_that_nothing_calls_is_seen_too() {
    let files = [
        ("index.js", "module.exports = require('./lib/create');"),
        (
            "lib/create.js",
            "const express = require('express');\nmodule.exports = (o) => {\n  const app = express();\n  app.get('/', (q, s) => s.end());\n  return app;\n};",
        ),
    ];
    assert_eq!(
        of("headers", &files),
        ["lib/create.js:3 headers/helmet-missing"]
    );
}
