//! Names, modules and values are followed as Node would.

use super::{of, one};

/// An app whose only question is whether Helmet is seen.
const ROUTE: &str = "app.get('/', (req, res) => res.send('ok')); app.listen(1);";

fn helmet(files: &[(&str, &str)]) -> Vec<String> {
    of("headers", files)
}

#[test]
fn a_missing_helmet_is_seen_at_all() {
    let text = format!("const app = require('express')();\n{ROUTE}");
    assert_eq!(one("headers", &text), ["app.js:1 headers/helmet-missing"]);
}

#[test]
fn ways_to_name_things() {
    for before in [
        "const express = require('express'), h = require('helmet'); const app = express(); app.use(h());",
        "import express from 'express'; import helmet from 'helmet'; const app = express(); app.use(helmet());",
        "import * as express from 'express'; import * as helmet from 'helmet'; const app = express(); app.use(helmet());",
        "import express, { Router as R } from 'express'; import { default as h } from 'helmet'; const app = express(); app.use(h());",
        "const { default: helmet } = require('helmet'); const app = require('express')(); app.use(helmet());",
        "let app; (function () { app = require('express')(); })(); [require('helmet')].forEach((m) => app.use(m()));",
        "const app = new (require('express'))(); const use = app.use.bind(app); use(require('helmet')());",
        "const app = require('express')(); app.use.apply(app, [require('helmet')()]);",
        "const app = require('express')(); const { helmet = require('helmet') } = {}; app.use([[helmet()]]);",
        "class S { constructor() { this.app = require('express')(); this.m(); } m() { this.app.use(require('helmet')()); } } const { app } = new S();",
        "class A { get app() { return this._a; } constructor() { this._a = require('express')(); } } class B extends A { constructor() { super(); this._a.use(require('helmet')()); } } const app = new B().app;",
        "function S() { this.app = require('express')(); } S.prototype.m = function () { this.app.use(require('helmet')()); return this; }; const app = new S().m().app;",
        "const app = require('express')(); for (const m of [require('helmet')()]) app.use(m);",
        "const app = require('express')(); const all = { helmet: require('helmet') }; for (const k in all) app.use(all[k]());",
        "const app = require('express')(); let on = true; if (on) { app.use(require('helmet')()); }",
        "const app = require('express')(); switch (1) { case 1: app.use(require('helmet')()); break; default: }",
        "const app = require('express')(); try { app.use(require('helmet')()); } catch (e) { process.exit(1); }",
        "const app = require('express')(); const make = ({ h } = { h: require('helmet') }) => h(); app.use(make());",
        "const app = require('express')(); (async () => { const { default: h } = await import('helmet'); app.use(h()); })();",
        "const app = require('express')(); const p = new Promise((ok) => ok(require('helmet'))); p.then((h) => app.use(h()));",
        "const app = require('express')(); app.use((req, res, next) => require('helmet')()(req, res, next));",
    ] {
        let text = format!("{before}\n{ROUTE}");
        assert_eq!(helmet(&[("app.js", &text)]), [""; 0], "{before}");
        let without = text
            .replace("require('helmet')", "require('morgan')")
            .replace("from 'helmet'", "from 'morgan'")
            .replace("import('helmet')", "import('morgan')");
        assert_eq!(helmet(&[("app.js", &without)]).len(), 1, "{without}");
    }
}

#[test]
fn other_files_are_followed() {
    let setup = "module.exports = (app) => { app.use(require('helmet')()); };";
    let app = "const app = require('express')();";
    for files in [
        vec![("app.js", "require('./setup')(app);"), ("setup.js", setup)],
        vec![
            ("app.js", "require('./setup')(app);"),
            ("setup/index.js", setup),
        ],
        vec![
            ("app.js", "require('./lib').setup(app);"),
            ("lib.js", "exports.setup = require('./setup');"),
            ("setup.js", setup),
        ],
        vec![
            (
                "app.js",
                "import('./setup.js').then((m) => m.default(app));",
            ),
            ("setup.js", setup),
        ],
        vec![
            (
                "app.js",
                "require('fs').readdirSync(__dirname + '/parts').filter((f) => /\\.js$/.test(f)).forEach((f) => require('./parts/' + f)(app));",
            ),
            ("parts/a.js", setup),
            ("parts/readme.txt", ""),
        ],
        vec![
            ("app.js", "require('./parts/' + process.env.PART)(app);"),
            ("parts/setup.js", setup),
        ],
        vec![
            (
                "app.js",
                "require('glob').sync('parts/**/*.js').forEach((f) => require(f)(app));",
            ),
            ("parts/a/b.js", setup),
        ],
        vec![
            ("app.js", "const { a } = require('./cycle'); a(app);"),
            (
                "cycle.js",
                "exports.a = (app) => require('./other').b(app);",
            ),
            (
                "other.js",
                "const c = require('./cycle'); exports.b = (app) => { c; app.use(require('helmet')()); };",
            ),
        ],
    ] {
        let text = format!("{app}\n{}\n{ROUTE}", files[0].1);
        let mut all = files.clone();
        all[0].1 = &text;
        assert_eq!(helmet(&all), [""; 0], "{files:?}");
    }
}

#[test]
fn typescript_is_followed() {
    let files = [
        (
            "package.json",
            r#"{"main": "dist/main.js", "dependencies": {"express": "5"}}"#,
        ),
        (
            "tsconfig.json",
            r#"{"compilerOptions": {"baseUrl": ".", "paths": {"@lib/*": ["src/lib/*"]}}}"#,
        ),
        (
            "src/main.ts",
            "import { create } from '@lib/create';\nexport = create(<any>1);",
        ),
        ("src/lib/create.ts", "export * from './inner.js';"),
        (
            "src/lib/inner.ts",
            "import express = require('express');\nimport type { X } from 'x';\nexport function create(x: X): express.Express {\n  const app = express();\n  app.get('/', (_q, s) => { s.end(); });\n  return app!;\n}",
        ),
    ];
    assert_eq!(
        helmet(&files),
        ["src/lib/inner.ts:4 headers/helmet-missing"]
    );
}

#[test]
fn production_is_what_counts() {
    let app = |line: &str| {
        format!(
            "const app = require('express')(); const p = process.env.NODE_ENV === 'production';\n{line}\n{ROUTE}"
        )
    };
    for right in [
        "if (p) app.use(require('helmet')());",
        "if (process.env.NODE_ENV !== 'development') app.use(require('helmet')());",
        "if (app.get('env') === 'development') { } else { app.use(require('helmet')()); }",
        "p && app.use(require('helmet')());",
        "if (!p) { app.use(require('morgan')('dev')); } else app.use(require('helmet')());",
        "const config = { production: { h: true }, development: { h: false } }[process.env.NODE_ENV || 'development']; if (config.h) app.use(require('helmet')());",
        "function setup() { if (!p) return; app.use(require('helmet')()); } setup();",
        "if (process.env.HELMET) app.use(require('helmet')());",
        "switch (process.env.NODE_ENV) { case 'production': app.use(require('helmet')()); break; }",
    ] {
        assert_eq!(one("headers", &app(right)), [""; 0], "{right}");
    }
    for wrong in [
        "if (!p) app.use(require('helmet')());",
        "if (process.env.NODE_ENV === 'development') app.use(require('helmet')());",
        "function setup() { if (p) return; app.use(require('helmet')()); } setup();",
        "if (['development', 'test'].includes(process.env.NODE_ENV)) app.use(require('helmet')());",
    ] {
        assert_eq!(one("headers", &app(wrong)).len(), 1, "{wrong}");
    }
}

#[test]
fn what_is_no_express_is_left_alone() {
    assert_eq!(
        super::audit(&[(
            "src/App.jsx",
            "export default () => <a href={process.env.X || 'secret'}>x</a>;"
        )]),
        [""; 0]
    );
    let koa = [
        ("package.json", r#"{"dependencies": {"koa": "3"}}"#),
        (
            "app.js",
            "const app = new (require('koa'))(); app.use(() => {}); app.listen(1);",
        ),
    ];
    let report = super::report(&koa);
    assert!(report.findings.is_empty());
    assert!(
        report
            .not_checked
            .iter()
            .any(|entry| entry.reason.contains("koa"))
    );
}

#[test]
fn a_broken_file_is_said_and_the_rest_is_read() {
    let files = [
        (
            "app.js",
            "const app = require('express')();\nrequire('./bad');\napp.get('/', (q, s) => s.end());",
        ),
        ("bad.js", "const = 1"),
    ];
    let report = super::report(&files);
    assert!(
        report
            .not_checked
            .iter()
            .any(|entry| entry.reason.contains("bad.js"))
    );
    assert!(
        report
            .findings
            .iter()
            .any(|finding| finding.rule.id == "headers/helmet-missing")
    );
}

#[test]
fn tests_and_samples_are_not_judged() {
    let text = "const app = require('express')();\napp.get('/', (q, s) => s.end());";
    assert_eq!(
        super::audit(&[
            ("test/app.test.js", text),
            ("index.js", "require('express')")
        ]),
        [""; 0]
    );
}
