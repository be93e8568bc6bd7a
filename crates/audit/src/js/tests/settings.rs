//! What an app is set to, by whom, and who relies on it.

use super::{of, one, report};

const APP: &str = "const express = require('express'); const app = express();\n";
const END: &str = "\napp.get('/', (req, res) => res.end());";
const NONE: [&str; 0] = [];

#[test]
fn a_session_cookie_that_something_else_reads_is_not_renamed() {
    let main = format!("{APP}app.use(require('express-session')({{ store: S }}));{END}");
    let fixed = |more: &[(&str, &str)], main: &str| {
        let files = [&[("app.js", main)], more].concat();
        let report = report(&files);
        let mut all = report.findings.into_iter();
        let finding = all.find(|finding| finding.rule.id == "session/default-name");
        let finding = finding.expect("it has its default name");
        assert!(
            finding.help.contains("log in again once"),
            "{}",
            finding.help
        );
        finding.fix.is_some()
    };
    assert!(fixed(&[], &main));
    for (path, text) in [
        (
            "out.js",
            "exports.out = (req, res) => res.clearCookie('connect.sid');",
        ),
        (
            "live.js",
            "exports.live = (socket) => load(socket.handshake.headers.cookie);",
        ),
        ("live.js", "require('socket.io')(load());"),
        ("read.js", "require('cookie').parse(load());"),
        ("nginx.conf", "proxy_cache_bypass $cookie_connect.sid;"),
        ("views/out.ejs", "<script>drop('connect.sid')</script>"),
    ] {
        assert!(!fixed(&[(path, text)], &main), "{path}: {text}");
    }
}

#[test]
fn everybody_is_believed_in_more_ways_than_one() {
    let set = |set: &str| one("proxy/trust-all", &format!("{APP}{set}{END}"));
    for wrong in [
        "app.set('trust proxy', '0.0.0.0/0');",
        "app.set('trust proxy', ['0.0.0.0/0', '::/0']);",
        "app.set('trust proxy', 'loopback, ::/0');",
        "app.set('trust proxy', 99);",
        "app.settings['trust proxy'] = true;",
    ] {
        assert_eq!(set(wrong), ["app.js:2 proxy/trust-all"], "{wrong}");
    }
    for right in [
        "app.set('trust proxy', 1);",
        "app.set('trust proxy', ['10.0.0.0/8', 'loopback']);",
        "app.settings['trust proxy'] = 'loopback';",
        "app.settings['trust proxy'] = true; app.set('trust proxy', 1);",
    ] {
        assert_eq!(set(right), NONE, "{right}");
    }
}

#[test]
fn a_launcher_for_development_is_not_production() {
    let app = "const app = require('express')(); app.get('/', (req, res) => res.end());
app.use((err, req, res, next) => { res.status(500).json({ stack: process.env.NODE_ENV === 'development' ? err.stack : '' }); });";
    let dev = "process.env.NODE_ENV = 'development'; require('../app');";
    let package = "{\"main\":\"app.js\",\"bin\":{\"dev\":\"bin/dev.js\"},\"scripts\":{\"dev\":\"node bin/dev.js\"}}";
    for package in [package, "{\"main\":\"app.js\"}", "{}"] {
        let files = [
            ("app.js", app),
            ("bin/dev.js", dev),
            ("package.json", package),
        ];
        assert_eq!(of("errors/dev", &files), NONE, "{package}");
    }
    // What starts the app says what it is.
    let main = format!("process.env.NODE_ENV = 'development';\n{app}");
    let files = [
        ("app.js", &*main),
        ("package.json", "{\"main\":\"app.js\"}"),
    ];
    assert_eq!(
        of("errors/dev", &files),
        ["app.js:3 errors/dev-handler-unguarded"]
    );
}

#[test]
fn an_error_handler_in_front_of_all_handles_nothing() {
    let found = |lines: &str| one("errors/dev", &format!("{APP}{lines}"));
    for right in [
        "app.use(require('errorhandler')());\napp.get('/', (req, res) => res.end());",
        "const r = express.Router(); r.use(require('errorhandler')()); r.get('/', (q, s) => s.end()); app.use('/', r);",
        "app.get('/a', (req, res) => res.end()); app.use('/b', require('errorhandler')());",
    ] {
        assert_eq!(found(right), NONE, "{right}");
    }
    let behind = "app.get('/', (req, res) => res.end());\napp.use(require('errorhandler')());";
    assert_eq!(found(behind), ["app.js:3 errors/dev-handler-unguarded"]);
    let parser = "app.use(express.json());\napp.use(require('errorhandler')());\napp.get('/', (req, res) => res.end());";
    assert_eq!(found(parser), ["app.js:3 errors/dev-handler-unguarded?"]);
}

#[test]
fn a_cookie_that_is_written_as_a_text_is_one() {
    let found = |set: &str| {
        let text = format!("{APP}app.get('/', (req, res) => {{ {set} res.end(); }});");
        let mut all = one("cookie/", &text);
        all.sort();
        all
    };
    let all = [
        "app.js:2 cookie/httponly-disabled",
        "app.js:2 cookie/no-samesite",
        "app.js:2 cookie/no-secure",
    ];
    for wrong in [
        "res.setHeader('Set-Cookie', 'token=1; Path=/');",
        "res.append('set-cookie', `session=${load()}`);",
        "res.setHeader('Set-Cookie', ['theme=dark', 'token=1']);",
        "res.writeHead(200, { 'Set-Cookie': 'token=1' });",
    ] {
        assert_eq!(found(wrong), all, "{wrong}");
    }
    for right in [
        "res.setHeader('Set-Cookie', 'token=1; Secure; HttpOnly; SameSite=Lax');",
        "res.setHeader('Set-Cookie', `token=1; ${load()}`);",
        "res.setHeader('Set-Cookie', 'token=; Max-Age=0');",
        "res.setHeader('Set-Cookie', 'theme=dark');",
        "res.setHeader('Set-Cookie', load());",
    ] {
        assert_eq!(found(right), NONE, "{right}");
    }
}

#[test]
fn a_limit_that_lets_everybody_try_is_none() {
    let found = |limit: &str| {
        let text = format!(
            "{APP}const rate = require('express-rate-limit');\n{limit}\napp.post('/login', guard, (req, res) => {{ check(req.body.password); res.end(); }});"
        );
        let mut all = one("auth/no-rate-limit", &text);
        for it in &mut all {
            *it = it.trim_end_matches('?').to_owned();
        }
        all
    };
    for wrong in [
        "const guard = rate({ max: 1e6 });",
        "const guard = rate({ limit: 5, skip: () => true });",
        "const guard = rate({ limit: 5, keyGenerator: () => Date.now() });",
    ] {
        assert_eq!(found(wrong), ["app.js:4 auth/no-rate-limit"], "{wrong}");
    }
    for right in [
        "const guard = rate({ limit: 5, skip: (req) => req.query.x });",
        "const guard = rate({ max: 100 });",
        "const hits = {}; const guard = function rateLimiter(req, res, next) { if ((hits[req.ip] = (hits[req.ip] || 0) + 1) > 5) return res.status(429).end(); next(); };",
    ] {
        assert_eq!(found(right), NONE, "{right}");
    }
}
