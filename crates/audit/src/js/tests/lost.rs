//! Apps that are told what is not seen: that is said, and no less is found of what is.

use super::report;

/// What is said of an app that is not followed.
fn lost(files: &[(&str, &str)]) -> Vec<String> {
    let mut all = report(files).not_checked;
    all.retain(|entry| entry.rule.id == "headers/helmet-missing");
    all.into_iter().map(|entry| entry.reason).collect()
}

#[test]
fn an_app_that_is_not_followed_is_named() {
    for (text, line) in [
        // A method that nothing calls, upon what nobody knows.
        (
            "const express = require('express');
function Site(options) { this.options = options; }
Site.prototype.open = function (done) {
  this.app = express();
  this.app.use(express.json());
  this.routes();
  require('http').createServer(this.app).listen(1, done);
};
Site.prototype.routes = function () { this.app.get('/', (req, res) => res.end()); };
module.exports = Site;",
            4,
        ),
        (
            "const express = require('express');
module.exports = { init(self) {
  self.app = express();
  self.app.set('trust proxy', true);
  self.app.get('/', (req, res) => res.end());
} };",
            3,
        ),
        // Two methods of which neither calls the other.
        (
            "const express = require('express');
exports.Shop = class {
  open() { this.web = express(); this.web.use(express.json()); }
  routes() { this.web.post('/login', (req, res) => res.end()); }
};",
            3,
        ),
        // One that is told nothing at all.
        ("const app = require('express')();\nload(app);", 1),
    ] {
        let reason = format!("the app made at `app.js:{line}` could not be followed");
        assert_eq!(lost(&[("app.js", text)]), [reason], "{text}");
    }
}

#[test]
fn the_rules_that_need_it_say_so() {
    let text =
        "const app = require('express')();\nload().app = app;\napp.get('/', (q, s) => s.end());";
    let report = report(&[("app.js", text)]);
    let rules: Vec<&str> = { report.not_checked.iter() }
        .filter(|entry| entry.reason.contains("could not be followed"))
        .map(|entry| entry.rule.id)
        .collect();
    let needed = [
        "auth/no-rate-limit",
        "errors/default-handler",
        "headers/helmet-missing",
        "proxy/trust-all",
    ];
    assert_eq!(rules, needed);
    // What is seen of it is judged.
    let mut findings = report.findings.iter();
    assert!(findings.any(|finding| finding.rule.id == "headers/helmet-missing"));
}

#[test]
fn apps_that_are_followed_are_not_named() {
    let none = [""; 0];
    for text in [
        "const app = require('express')(); app.get('/', (q, s) => s.end());",
        "const express = require('express'); const app = express(); const inner = express();
inner.get('/', (q, s) => s.end()); app.use('/inner', inner);",
        "const express = require('express');
class Site { constructor() { this.app = express(); this.routes(); } routes() { this.app.get('/', (q, s) => s.end()); } }
new Site();",
        "const express = require('express');
if (process.env.NODE_ENV === 'development') { const preview = express(); load(preview); }
const app = express(); app.get('/', (q, s) => s.end());",
        // Here one run of the function is followed, and another is not.
        "const express = require('express');
function make(self) { self.app = express(); self.app.get('/', (q, s) => s.end()); return self; }
make({}); exports.make = make;",
    ] {
        assert_eq!(lost(&[("app.js", text)]), none, "{text}");
    }
    let sample = "const app = require('express')(); load(app);";
    let main = "const app = require('express')(); app.get('/', (q, s) => s.end());";
    assert_eq!(lost(&[("app.js", main), ("test/site.js", sample)]), none);
}

#[test]
fn of_many_some_are_named() {
    let one = "{ const app = express();\nload(app); }\n";
    let text = |many: usize| format!("const express = require('express');\n{}", one.repeat(many));
    let reason = "the apps made at `app.js:2`, `app.js:4` could not be followed";
    assert_eq!(lost(&[("app.js", &text(2))]), [reason]);
    let reason =
        "the apps made at `app.js:2`, `app.js:4`, `app.js:6` and 3 more could not be followed";
    assert_eq!(lost(&[("app.js", &text(6))]), [reason]);
}

#[test]
fn routers_without_an_app_are_no_app() {
    let text = "const router = require('express').Router(); router.get('/', (q, s) => s.end()); load(router);";
    let reason = "express is asked for, but no call of it was found that makes an app";
    assert_eq!(lost(&[("app.js", text)]), [reason]);
}
