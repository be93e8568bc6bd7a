//! What each rule asks of options, cookies, secrets and answers.
//!
//! Long because every rule has its cases here.

use super::{of, one, report};

fn app(lines: &str) -> String {
    format!(
        "const express = require('express'); const app = express(); const production = process.env.NODE_ENV === 'production';\n{lines}"
    )
}

fn session(options: &str) -> Vec<String> {
    let text = app(&format!("app.use(require('express-session')({options}));"));
    let mut all = super::audit(&[("app.js", &text)]);
    all.retain(|shown| shown.contains("session/") || shown.contains("cookie/"));
    all.into_iter()
        .map(|shown| shown.replace("app.js:2 ", ""))
        .collect()
}

#[test]
fn a_session_as_it_should_be_is_left_alone() {
    for right in [
        "{ store: new (require('connect-redis').RedisStore)({}), name: 'id', cookie: { secure: true, sameSite: 'lax', maxAge: 1000 } }",
        "{ store: S, key: 'id', cookie: { secure: 'auto', sameSite: true, expires: new Date(9) } }",
        "{ store: production ? S : undefined, name: 'id', cookie: { secure: production, sameSite: 'strict', maxAge: 1 } }",
        "Object.assign({ cookie: { sameSite: 'lax', maxAge: 1, secure: process.env.SECURE } }, { name: 'x' }, { store: S })",
        "{ ...require('./unknown') }",
        "unknown()",
        "(() => { const o = { cookie: {} }; o.name = 'x'; o.store = S; o.cookie.secure = true; o.cookie.sameSite = 'lax'; o.cookie.maxAge = 3; return o; })()",
        "(() => { const o = { name: 'n', store: S, cookie: { maxAge: 3, sameSite: 'lax' } }; if (production) { o.cookie.secure = true; } return o; })()",
    ] {
        assert_eq!(session(right), [""; 0], "{right}");
    }
}

#[test]
fn what_a_session_lacks_is_said() {
    let all = [
        "cookie/no-expiry",
        "cookie/no-samesite",
        "cookie/no-secure",
        "session/default-name",
        "session/memory-store",
    ];
    assert_eq!(session(""), all);
    assert_eq!(session("{}"), all);
    assert_eq!(
        session("{ cookie: { secure: !production }, name: production ? 'connect.sid' : 'x' }"),
        all
    );
    let rest = "name: 'x', store: S";
    let good = "secure: true, sameSite: 'lax', maxAge: 1";
    for (cookie, rule) in [
        ("httpOnly: false", "cookie/httponly-disabled"),
        ("secure: false", "cookie/no-secure"),
        ("secure: production && false", "cookie/no-secure"),
        ("sameSite: false", "cookie/no-samesite"),
        ("path: 'app'", "cookie/relative-path"),
        ("domain: '.example.com'", "cookie/broad-domain"),
        ("maxAge: null", "cookie/no-expiry"),
    ] {
        let options = format!("{{ {rest}, cookie: {{ {good}, {cookie} }} }}");
        assert_eq!(session(&options), [rule], "{cookie}");
    }
    assert_eq!(
        session(&format!(
            "{{ name: 'x', store: new (require('express-session').MemoryStore)(), cookie: {{ {good} }} }}"
        )),
        ["session/memory-store"]
    );
    let late = "(() => { const o = { name: 'x', store: S, cookie: { secure: true, sameSite: 'lax', maxAge: 1 } }; if (production) o.cookie.secure = false; return o; })()";
    assert_eq!(session(late), ["cookie/no-secure"]);
}

#[test]
fn cookie_session_has_its_own_ways() {
    let cookie = |options: &str| {
        let text = app(&format!("app.use(require('cookie-session')({options}));"));
        let mut all = super::audit(&[("app.js", &text)]);
        all.retain(|shown| shown.contains("session/") || shown.contains("cookie/"));
        all
    };
    assert_eq!(
        cookie("{ secure: true, sameSite: 'lax', maxAge: 1, keys: K }"),
        [""; 0]
    );
    assert!(
        cookie("{ cookie: { secure: true }, sameSite: 'lax', maxAge: 1 }")
            .contains(&"app.js:2 session/cookie-session-nested".to_owned())
    );
    let held = app(
        "app.use(require('cookie-session')({ secure: true, sameSite: 'lax', maxAge: 1 }));\napp.post('/x', (req, res) => { req.session.id = 1;\n req.session.password = req.body.password; req.session.token = null; });",
    );
    assert_eq!(
        one("session", &held),
        ["app.js:4 session/cookie-session-sensitive?"]
    );
}

#[test]
fn response_cookies_are_judged_by_what_they_are() {
    let set = |arguments: &str| {
        one(
            "cookie",
            &app(&format!(
                "app.get('/', (req, res) => {{ res.cookie({arguments}); }});"
            )),
        )
    };
    assert_eq!(set("'theme', 'dark'"), [""; 0]);
    assert_eq!(
        set("'token', t, { secure: true, httpOnly: true, sameSite: 'lax', maxAge: 1 }"),
        [""; 0]
    );
    assert_eq!(set("'token', '', {}"), [""; 0]);
    assert_eq!(set("'token', t").len(), 4);
    assert_eq!(set("'XSRF-TOKEN', t, { secure: true }"), [""; 0]);
    assert_eq!(set("'token', t, options"), [""; 0]);
    let by_hand = |head: &str, options: &str| {
        let text = format!(
            "{head}app.get('/', (req, res) => {{ res.setHeader('Set-Cookie', serialize('token', t, {options})); }});"
        );
        one("cookie", &app(&text))
    };
    for head in [
        "const { serialize } = require('cookie'); ",
        "const serialize = require('cookie').serialize; ",
    ] {
        let found = by_hand(head, "{ httpOnly: true, maxAge: 1 }");
        assert_eq!(
            found,
            ["app.js:2 cookie/no-samesite", "app.js:2 cookie/no-secure"]
        );
        let all = "{ httpOnly: true, maxAge: 1, secure: true, sameSite: 'lax' }";
        assert_eq!(by_hand(head, all), [""; 0]);
    }
    let imported = "import cookie from 'cookie'; import express from 'express'; const app = express();\napp.get('/', (req, res) => { res.append('Set-Cookie', cookie.serialize('token', t, { httpOnly: true })); });";
    assert_eq!(of("cookie", &[("app.mjs", imported)]).len(), 3);
}

#[test]
fn secrets_in_the_source_are_found_wherever_they_go() {
    let secret = |line: &str| one("secrets", &app(line));
    for wrong in [
        "app.use(require('express-session')({ secret: 'keyboard cat' }));",
        "app.use(require('express-session')({ secret: ['a', process.env.B] }));",
        "app.use(require('cookie-session')({ keys: ['k1'] }));",
        "app.use(require('cookie-parser')('x'));",
        "const K = { jwt: 'x' }; require('jsonwebtoken').sign({}, K.jwt);",
        "const { sign } = require('jsonwebtoken'); exports.f = (u) => sign(u, Buffer.from('x'));",
        "const { Strategy: S } = require('passport-jwt'); new S({ secretOrKey: 'x' }, () => {});",
        "app.use(require('express-jwt').expressjwt({ secret: 'x', algorithms: ['HS256'] }));",
        "process.env.S = 'x'; require('jsonwebtoken').verify(t, process.env.S);",
    ] {
        assert_eq!(secret(wrong), ["app.js:2 secrets/hardcoded"], "{wrong}");
    }
    for falls_back in [
        "app.use(require('express-session')({ secret: process.env.S || 'x' }));",
        "app.use(require('express-session')({ secret: process.env.S ?? 'x' }));",
        "const { S = 'x' } = process.env; app.use(require('cookie-parser')(S));",
    ] {
        assert_eq!(
            secret(falls_back),
            ["app.js:2 secrets/hardcoded?"],
            "{falls_back}"
        );
    }
    for right in [
        "app.use(require('express-session')({ secret: process.env.S }));",
        "app.use(require('express-session')({ secret: production ? process.env.S : 'dev' }));",
        "if (!process.env.S) throw new Error('S'); app.use(require('cookie-parser')(process.env.S));",
        "app.use(require('cookie-parser')());",
        "require('jsonwebtoken').sign('x', require('fs').readFileSync('key.pem'));",
        "require('jsonwebtoken').verify(t, '-----BEGIN PUBLIC KEY-----');",
        "app.use(require('cookie-parser')(require('crypto').randomBytes(8).toString('hex')));",
    ] {
        assert_eq!(secret(right), [""; 0], "{right}");
    }
    let json = [
        (
            "app.js",
            "const c = require('./config.json'); require('express')(); require('jsonwebtoken').sign({}, c.auth.secret);",
        ),
        ("config.json", "{\n\"auth\": {\n\"secret\": \"x\"}}"),
    ];
    assert_eq!(of("secrets", &json), ["config.json:3 secrets/hardcoded"]);
    assert_eq!(
        secret("require('dotenv').config({ path: __dirname + '/.env.example' });"),
        ["app.js:2 secrets/sample-env-loaded"]
    );
    assert_eq!(secret("require('dotenv').config();"), [""; 0]);
}

#[test]
fn error_pages() {
    let route = "app.get('/', (q, s) => s.end());";
    let none = [
        "app.js:1 errors/default-404",
        "app.js:1 errors/default-handler",
    ];
    assert_eq!(one("errors", &app(route)), none);
    assert_eq!(
        one(
            "errors",
            &app(&format!("app.use((err, q, s) => s.end()); {route}"))
        )
        .len(),
        2,
        "one with three arguments takes no error"
    );
    for right in [
        "app.use((q, s) => s.status(404).end()); app.use((e, q, s, n) => s.status(500).end());",
        "app.use((q, s, n) => n(new Error('404'))); app.use((e, q, s, n) => { if (s.headersSent) return n(e); s.end(); });",
        "app.all('*', (q, s) => s.end()); app.use((e, q, s, n) => { console.log(e.stack); s.status(500).json({ m: e.message }); });",
    ] {
        assert_eq!(
            one("errors", &app(&format!("{route} {right}"))),
            [""; 0],
            "{right}"
        );
    }
    let early = format!("app.use((e, q, s, n) => s.end()); {route} app.use((q, s) => s.end());");
    assert_eq!(
        one("errors", &app(&early)),
        ["app.js:1 errors/default-handler"]
    );
    let handler = |body: &str| {
        one(
            "errors/dev",
            &app(&format!(
                "{route} app.use((err, req, res, next) => {{ {body} }});"
            )),
        )
    };
    for wrong in [
        "res.send(err.stack);",
        "res.status(500).json({ error: { stack: err.stack } });",
        "res.send(`<pre>${err.stack}</pre>`);",
        "const { stack } = err; res.end(stack);",
    ] {
        assert_eq!(
            handler(wrong),
            ["app.js:2 errors/dev-handler-unguarded"],
            "{wrong}"
        );
    }
    for right in [
        "res.json({ stack: production ? undefined : err.stack });",
        "if (process.env.NODE_ENV === 'development') return res.send(err.stack); res.end();",
        "res.json({ m: err.message, ...(production ? {} : { stack: err.stack }) });",
        "res.locals.error = req.app.get('env') === 'development' ? err : {}; res.render('error');",
        "console.error(err.stack); res.end();",
    ] {
        assert_eq!(handler(right), [""; 0], "{right}");
    }
    assert_eq!(
        one(
            "errors/dev",
            &app(&format!(
                "{route} if (app.get('env') === 'development') app.use(require('errorhandler')());"
            ))
        ),
        [""; 0]
    );
    assert_eq!(
        one(
            "errors/dev",
            &app(&format!("{route} app.use(require('errorhandler')());"))
        ),
        ["app.js:2 errors/dev-handler-unguarded"]
    );
}

#[test]
fn redirects_lead_out_or_not() {
    let to = |body: &str| {
        one(
            "redirect",
            &app(&format!("app.get('/', (req, res) => {{ {body} }});")),
        )
    };
    for wrong in [
        "res.redirect(req.query.u);",
        "res.redirect(req.body.u || '/');",
        "const u = req.query['u']; if (u) res.redirect(u);",
        "res.redirect('https://' + req.query.host);",
        "let u = req.query.u; if (u.startsWith('/')) res.redirect(u);",
        "res.redirect(decodeURIComponent(req.query.u));",
        "res.writeHead(302, { Location: req.query.u }); res.end();",
        "res.writeHead(302, 'Found', { location: req.query.u }).end();",
        "res.set({ Location: req.query.u }).sendStatus(302);",
    ] {
        assert_eq!(to(wrong), ["app.js:2 redirect/open"], "{wrong}");
    }
    for right in [
        "res.redirect('/');",
        "res.redirect('/users/' + req.params.id);",
        "res.redirect('https://x.example/?u=' + req.query.u);",
        "const ok = ['/a', '/b']; if (ok.includes(req.query.u)) res.redirect(req.query.u);",
        "const u = req.query.u; if (!u.startsWith('/') || u.startsWith('//')) return res.end(); res.redirect(u);",
        "const u = new URL(req.query.u); if (u.host !== 'x.example') return res.end(); res.redirect(u.href);",
        "if (!/^\\/[a-z]+$/.test(req.query.u)) return res.end(); res.redirect(req.query.u);",
        "const map = { a: '/a' }; res.redirect(map[req.query.u]);",
        "res.redirect('https://' + req.headers.host + req.url);",
        "res.redirect('back');",
        "res.writeHead(302, { Location: '/', 'X-Asked': req.query.u }); res.end();",
        "res.writeHead(200);",
    ] {
        assert_eq!(to(right), [""; 0], "{right}");
    }
}

#[test]
fn proxies_and_limits() {
    let secure = "app.get('/', (q, s) => s.end()); app.use(require('express-session')({ cookie: { secure: true } }));";
    assert_eq!(one("proxy", &app(secure)), ["app.js:2 proxy/trust-unset?"]);
    assert_eq!(
        one(
            "proxy",
            &app(&format!("app.set('trust proxy', 1); {secure}"))
        ),
        [""; 0]
    );
    assert_eq!(
        one(
            "proxy",
            &app(&format!("app.enable('trust proxy'); {secure}"))
        ),
        ["app.js:2 proxy/trust-all"]
    );
    assert_eq!(
        one(
            "proxy",
            &app(&format!("app.set('trust proxy', () => true); {secure}"))
        ),
        ["app.js:2 proxy/trust-all"]
    );
    assert_eq!(
        one(
            "proxy",
            &app(&format!(
                "app.set('trust proxy', true); app.set('trust proxy', 'loopback'); {secure}"
            ))
        ),
        [""; 0]
    );
    let key = "app.set('trust proxy', 1); app.use(require('express-rate-limit')({ keyGenerator: (req) => req.headers['x-forwarded-for'] })); app.post('/login', (q, s) => s.end());";
    assert_eq!(
        one("auth", &app(key)),
        ["app.js:2 auth/limiter-spoofable-key"]
    );
    let by_address = "app.post('/login', require('express-rate-limit')({}), (q, s) => s.end());";
    assert_eq!(
        one("auth", &app(by_address)),
        ["app.js:2 auth/limiter-ip-only?"]
    );
}

#[test]
fn helmet_weakened() {
    let with = |options: &str| {
        one(
            "headers",
            &app(&format!(
                "const helmet = require('helmet'); app.use(helmet({options})); app.get('/', (q, s) => s.end());"
            )),
        )
    };
    for right in [
        "",
        "{ crossOriginEmbedderPolicy: false }",
        "{ hsts: { maxAge: 63072000 } }",
        "{ contentSecurityPolicy: production ? undefined : false }",
        "{ contentSecurityPolicy: { directives: { scriptSrc: [\"'self'\", (q, s) => s.locals.n, \"'unsafe-inline'\"] } } }",
        "options",
    ] {
        assert_eq!(with(right), [""; 0], "{right}");
    }
    for wrong in [
        "{ contentSecurityPolicy: false }",
        "{ frameguard: false }",
        "{ hsts: { maxAge: 60 } }",
        "{ contentSecurityPolicy: { directives: { 'script-src': [\"'self'\", \"'unsafe-inline'\"] } } }",
        "{ contentSecurityPolicy: { useDefaults: true, reportOnly: true } }",
    ] {
        assert_eq!(with(wrong), ["app.js:2 headers/helmet-weakened"], "{wrong}");
    }
    let apart = "const helmet = require('helmet'); app.use(helmet({ contentSecurityPolicy: false })); app.use(helmet.contentSecurityPolicy({})); app.get('/', (q, s) => s.end());";
    assert_eq!(one("headers", &app(apart)), [""; 0]);
    let open = apart.replace(
        "Policy({})",
        "Policy({ directives: { scriptSrc: [\"'self'\", \"'unsafe-inline'\"] } })",
    );
    assert_eq!(
        one("headers", &app(&open)),
        ["app.js:2 headers/helmet-weakened"]
    );
    let short = apart.replace("contentSecurityPolicy({})", "hsts({ maxAge: 60 })");
    assert_eq!(one("headers", &app(&short)).len(), 2);
    // What is there for one path is that path's.
    let docs = open.replace("app.use(helmet.c", "app.use('/docs', helmet.c");
    assert!(
        !one("headers", &app(&docs))
            .iter()
            .any(|it| it.contains("unsafe"))
    );
    assert_eq!(one("fingerprint", &app("app.use(require('helmet')({ xPoweredBy: false })); app.get('/', (q, s) => s.end());")).len(), 1);
    let pieces = "const helmet = require('helmet'); app.use(helmet.noSniff()); app.use(helmet.hsts()); app.get('/', (q, s) => s.end());";
    assert_eq!(
        one("headers", &app(pieces)),
        ["app.js:2 headers/helmet-partial"]
    );
    let by_hand = "app.use((q, s, n) => { s.set({ 'X-Frame-Options': 'DENY', 'x-content-type-options': 'nosniff' }); s.setHeader('Content-Security-Policy', \"default-src 'self'\"); s.header('Strict-Transport-Security', 'max-age=31536000'); n(); }); app.get('/', (q, s) => s.end());";
    assert_eq!(one("headers", &app(by_hand)), [""; 0]);
}

#[test]
fn fixes_stand_where_they_cannot_break_anything() {
    let text = "const express = require('express');\nconst app = express();\napp.use(require('express-session')({\n  store: S,\n}));\napp.get('/', (q, s) => s.end());\n";
    let report = report(&[("app.js", text)]);
    let mut written = text.to_owned();
    let mut edits: Vec<_> = report
        .findings
        .iter()
        .filter_map(|finding| finding.fix.as_ref())
        .flat_map(|fix| &fix.edits)
        .collect();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.span().start));
    for edit in edits {
        written.replace_range(edit.span(), &edit.text);
    }
    assert_eq!(
        written,
        "const express = require('express');\nconst app = express();\napp.disable('x-powered-by');\napp.use(require('express-session')({\n  name: 'sessionId',\n  store: S,\n}));\napp.get('/', (q, s) => s.end());\n"
    );
}

#[test]
fn plain_servers() {
    let tls = |files: &[(&str, &str)]| of("tls", files);
    assert_eq!(
        tls(&[(
            "app.js",
            "const app = require('express')();\napp.listen(1);"
        )]),
        ["app.js:2 tls/plain-http-server?"]
    );
    assert_eq!(
        tls(&[(
            "app.js",
            "const app = require('express')();\nrequire('https').createServer({}, app).listen(1);"
        )]),
        [""; 0]
    );
    assert_eq!(
        tls(&[
            (
                "app.js",
                "const app = require('express')();\nrequire('http').createServer(app).listen(1);"
            ),
            ("Procfile", "web: node .")
        ]),
        [""; 0]
    );
}

#[test]
fn a_key_made_of_chance_is_no_secret_of_the_source() {
    let secrets = |body: &str| {
        let text = app(&format!("const crypto = require('crypto');\n{body}"));
        let mut all = super::audit(&[("app.js", &text)]);
        all.retain(|shown| shown.contains("secrets/"));
        all.len()
    };
    let make = |data: &str| {
        format!(
            "function make(key) {{ const hmac = crypto.createHmac('sha1', key || 'shop'); \
             const of = {data}; hmac.update(of); return hmac.digest('hex'); }} make('client');"
        )
    };
    assert_eq!(secrets(&make("crypto.randomBytes(32)")), 0);
    assert_ne!(secrets(&make("'ada'")), 0);
    assert_ne!(secrets(&make("process.argv[2]")), 0);
}
