//! Headers that are set and taken away by hand, and Helmets that are called by hand.

use super::{of, one};

const APP: &str = "const express = require('express'); const helmet = require('helmet'); const app = express();\n";
const END: &str = "\napp.get('/', (req, res) => res.end());";

fn found(lines: &str) -> Vec<String> {
    one("headers", &format!("{APP}{lines}{END}"))
}

#[test]
fn what_is_taken_away_is_not_set() {
    let text = "const app = require('express')();
app.use((req, res, next) => {
  for (const name of ['Content-Security-Policy', 'X-Frame-Options']) res.removeHeader(name);
  res.removeHeader('Strict-Transport-Security'); res.removeHeader('X-Content-Type-Options');
  next();
});
app.get('/', (req, res) => res.end());";
    assert_eq!(one("headers", text), ["app.js:1 headers/helmet-missing"]);
}

#[test]
fn what_is_taken_away_behind_helmet_is_told() {
    let after = "app.use(helmet());\napp.use((req, res, next) => {\n  res.removeHeader('Content-Security-Policy'); next();\n});";
    assert_eq!(found(after), ["app.js:4 headers/helmet-weakened"]);
    for right in [
        // In front of it, nothing is there yet.
        "app.use((req, res, next) => { res.removeHeader('Content-Security-Policy'); next(); });\napp.use(helmet());",
        "app.use(helmet());\napp.use((req, res, next) => { res.removeHeader('X-Powered-By'); next(); });",
        // Exceptions.
        "app.use(helmet());\napp.use('/embed', (req, res, next) => { res.removeHeader('X-Frame-Options'); next(); });",
        "app.use(helmet());\napp.use((req, res, next) => { if (req.query.embed) res.removeHeader('X-Frame-Options'); next(); });",
    ] {
        assert_eq!(found(right), [""; 0], "{right}");
    }
}

#[test]
fn values_that_stop_nothing_are_told() {
    let set = |value: &str| {
        found(&format!(
            "app.use(helmet());\napp.use((req, res, next) => {{\n  res.set({value});\n  next();\n}});"
        ))
    };
    for wrong in [
        "'Content-Security-Policy', \"default-src *\"",
        "'Content-Security-Policy', \"default-src 'self' 'unsafe-inline'\"",
        "{ 'content-security-policy': \"img-src 'self'\" }",
        "'Strict-Transport-Security', 'max-age=0'",
        "'X-Frame-Options', 'ALLOWALL'",
        "'X-Content-Type-Options', 'none'",
    ] {
        assert_eq!(set(wrong), ["app.js:4 headers/helmet-weakened"], "{wrong}");
    }
    for right in [
        "'Content-Security-Policy', \"default-src 'self'\"",
        "'Content-Security-Policy', load()",
        "'Content-Security-Policy', `default-src ${load()}`",
        "'Strict-Transport-Security', 'max-age=31536000'",
        "'X-Frame-Options', 'DENY'",
        "'X-Content-Type-Options', 'nosniff'",
        "'Cache-Control', 'no-store'",
    ] {
        assert_eq!(set(right), [""; 0], "{right}");
    }
}

#[test]
fn a_helmet_that_is_called_by_hand_is_one() {
    for right in [
        "const suit = helmet();\napp.use((req, res, next) => suit(req, res, next));",
        "app.use((req, res, next) => helmet()(req, res, next));",
        "const [a, b] = [helmet(), helmet({ frameguard: { action: 'deny' } })];
app.use((req, res, next) => { if (req.path.startsWith('/api/')) { a(req, res, next); } else { b(req, res, next); } });",
        "const [a, b] = [helmet(), helmet({ hsts: { maxAge: 31536000 } })];\napp.use((req, res, next) => (req.path === '/e' ? b : a)(req, res, next));",
    ] {
        assert_eq!(found(right), [""; 0], "{right}");
    }
    let weak = "const suit = helmet({\n  contentSecurityPolicy: false,\n});\napp.use((req, res, next) => suit(req, res, next));";
    assert_eq!(found(weak), ["app.js:3 headers/helmet-weakened"]);
}

#[test]
fn where_helmet_is_and_is_not_followed_nobody_is_certain() {
    let main = "const app = require('express')(); require('./suit').forEach((it) => load(it)(app)); app.get('/', (q, s) => s.end());";
    let suit = "module.exports = load(require('helmet'));";
    let sure = |files: &[(&str, &str)]| {
        let report = super::report(files);
        let mut all = report.findings.iter();
        let finding = all.find(|finding| finding.rule.id == "headers/helmet-missing");
        finding.map(|finding| finding.confidence.as_str())
    };
    assert_eq!(
        sure(&[("app.js", main), ("suit.js", suit)]),
        Some("possible")
    );
    // One that another app is seen to use is explained.
    let other = "const app = require('express')(); app.use(require('helmet')()); app.get('/', (q, s) => s.end());";
    let plain = "const app = require('express')(); app.get('/', (q, s) => s.end());";
    assert_eq!(
        sure(&[("app.js", plain), ("other.js", other)]),
        Some("certain")
    );
    // A package's function that is called as if it set them.
    let wrapped = "const app = require('express')(); app.use(require('@shop/middleware').setSecurityHeaders); app.get('/', (q, s) => s.end());";
    assert_eq!(sure(&[("app.js", wrapped)]), Some("possible"));
    let own = of("headers", &[("app.js", plain)]);
    assert_eq!(own, ["app.js:1 headers/helmet-missing"]);
}
