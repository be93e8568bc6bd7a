//! Whatever stands in a file: it ends, and does not panic.

use proptest::prelude::*;

use super::report;

const APP: &str = r"
const express = require('express'); const session = require('express-session');
const app = express(); class A extends express.Router { #x = 1; static { app.use(this); } get y() { return super.z; } }
app.use(session({ secret: process.env.S || 'x', cookie: { ...{ secure: true }, maxAge: 1e3 * 60 } }));
for (const [k, { v = k } = {}] of Object.entries({ a: { v: 1 } })) app.get(`/${k}`, async (req, res, next) => {
  try { const { next: n, ...rest } = req.query; if (!n?.startsWith('/')) return next(); res.redirect(n ?? '/'); } catch { next(); }
});
app.use(function (err, req, res, next) { res.status(500).json({ stack: err.stack }); }); app.listen(+process.env.PORT || 3000);
";

fn survives(text: &str) {
    let report = report(&[
        ("app.js", text),
        ("package.json", "{\"dependencies\":{\"express\":\"5\"}}"),
    ]);
    let failed = report
        .not_checked
        .iter()
        .any(|entry| entry.reason.contains("fault of the audit"));
    assert!(!failed, "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutilated_apps(cuts in proptest::collection::vec((0..APP.len(), 0..40_usize), 1..6)) {
        let mut text = APP.to_owned();
        for (at, length) in cuts {
            let end = (at + length).min(text.len());
            if at < end { text.replace_range(at..end, ""); }
        }
        survives(&text);
    }

    #[test]
    fn shuffled_words(words in proptest::collection::vec(0..200_usize, 1..80)) {
        let all: Vec<&str> = APP.split_inclusive([' ', '(', ')', '{', '}', ';', ',', '.']).collect();
        let text: String = words.iter().map(|word| all[word % all.len()]).collect();
        survives(&text);
    }
}

#[test]
fn hostile_programs_end() {
    let head = "const app = require('express')(); app.get('/', (q, s) => s.end());\n";
    let doubling = (0..64).map(|n| format!("function f{n}() {{ f{}(); f{}(); }}", n + 1, n + 1));
    let doubling = doubling.collect::<Vec<_>>().join("\n");
    for text in [
        "function f(x) { return f(f(x)); } f(1);".to_owned(),
        "let a = []; while (true) { a.push(a); a.forEach((x) => a.push(x)); }".to_owned(),
        "const o = {}; o.o = o; for (const k in o) Object.assign(o, o.o, { [k]: o }); JSON.stringify(o);".to_owned(),
        format!("{doubling} f0();"),
        "let s = 'x'; for (let i = 0; i < 1e9; i++) s += s;".to_owned(),
        "class A extends A {} new A(); class B { constructor() { new B(); } } new B();".to_owned(),
        "const r = require('express').Router(); r.use(r); app.use(r); for (const i of [1,2,3,4,5,6,7,8]) { const n = require('express').Router(); n.use(r, r, r); r.use(n, n); }".to_owned(),
        "const p = new Proxy({}, {}); p.a.b.c.d = p; p.then(p).catch(p); new Promise((r) => r(r));".to_owned(),
        format!("x = {}1{}", "[".repeat(300), "]".repeat(300)),
        format!("x = {}", vec!["y"; 4_000].join(" + ")),
        format!("if (a) {{}} {}", "else if (b) {} ".repeat(800)),
        "require('./app'); module.exports = require('./app'); module.exports.app = module;".to_owned(),
        "const p = new Promise((r) => { done = r; }); p.resolve = done; p.resolve({});".to_owned(),
        "const p = new Promise((r) => { done = r; }); p.resolve = done; const q = Promise.resolve(p); q.then(p.resolve); p.resolve(p);".to_owned(),
        "let l = []; l.push = l.pop; l.pop = l.push; l.push(1); l.map = l.filter; l.filter = l.map; l.map((x) => x);".to_owned(),
        "const { push, pop } = []; const l = []; l.push = pop; l.pop = push; l.push(1); const { then } = Promise.resolve(1); const t = { then, get x() { return this.x(); } }; t.x(); t.then(t.then);".to_owned(),
        "var a = b => a(b); a(a); [1].map(a).map(a); setTimeout(function t() { setTimeout(t); });".to_owned(),
    ] {
        survives(&format!("{head}{text}"));
    }
}

/// Of a project that holds `file`, what is said not to have been checked.
fn untold(file: &str, text: &[u8], manifest: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    std::fs::write(dir.path().join("package.json"), manifest).unwrap();
    let project = crate::Project::open(dir.path()).unwrap();
    let mut report = crate::Report::new("test");
    crate::js::check(&project, &crate::Options::new(), &mut report);
    let reasons = report.not_checked.into_iter().map(|entry| entry.reason);
    reasons.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_file_that_may_be_the_app_and_is_not_read_is_named() {
    let large = [&b"require('express')();"[..], &vec![b' '; 3 << 20]].concat();
    for manifest in ["{}", "{\"dependencies\":{\"express\":\"5\"}}"] {
        for (text, why) in [
            (&b"const e = require('express'; e();"[..], "Expected"),
            (&b"\xff\xfe\x00"[..], "it is no text in UTF-8"),
            (&large, "it is larger than 2 MiB"),
        ] {
            let said = untold("server.js", text, manifest);
            let named = said.contains("`server.js` cannot be read: ") && said.contains(why);
            assert!(named, "{why}: {said}");
        }
    }
    let said = untold("server.js", b"x();", "{");
    assert!(said.contains("`package.json` cannot be read: "), "{said}");
    // What browsers load is no server; other JSON has comments now and then.
    for (file, text) in [("public/lib.js", &large[..]), ("tsconfig.json", b"{ // }")] {
        let said = untold(file, text, "{}");
        assert!(!said.contains("cannot be read"), "{said}");
    }
}
