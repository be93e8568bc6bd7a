//! A report as an app of middling carelessness gets it, for what is tested of the output.

use std::ops::Range;
use std::sync::Arc;

use crate::finding::{Confidence, Edit, Finding, Fix, Place};
use crate::report::{Grade, Report, Suppressed, SuppressedBy};
use crate::rules;
use crate::source::{Location, Source};

const APP: &str = "\
const express = require('express');
const session = require('express-session');
const { secret } = require('./config');

const app = express();

app.use(session({
  secret: 'keyboard cat',
  cookie: { secure: false },
}));

app.post('/login', (req, res) => {
\tres.cookie('theme', req.body.theme); res.cookie('token', sign(req.user));
  res.redirect(req.query.next);
});
app.listen(3000);
";

/// A source and a place in it, by what stands there.
pub(crate) fn at(source: &Arc<Source>, what: &str) -> Location {
    let start = source.text().find(what).unwrap();
    place(source, start..start + what.len())
}

fn place(source: &Arc<Source>, span: Range<usize>) -> Location {
    Location::new(source, span)
}

/// What stands in a folder.
pub(crate) fn code() -> Report {
    let app = Source::new("src/app.js", APP);
    let config = Source::new("src/config.js", "exports.secret = 'hunter2hunter2';\n");
    let lock = Source::new(
        "package-lock.json",
        "{\n  \"packages\": {\n    \"node_modules/express\": {\n      \"version\": \"4.16.0\"\n",
    );
    let code = |what: &str| Place::Code(at(&app, what));
    let mut report = Report::new("./shop");
    report.files = 34;
    report.push(Finding::new(
        &rules::headers::HELMET_MISSING,
        code("express()"),
        "this app sends no security headers: Helmet is not used",
    ));
    report.push(
        Finding::new(
            &rules::secrets::HARDCODED,
            code("secret: 'keyboard cat'"),
            "the secret of express-session stands in the source",
        )
        .help("`secret: process.env.SESSION_SECRET`, and change it now that it was written down."),
    );
    report.push(
        Finding::new(
            &rules::secrets::HARDCODED,
            code("{ secret }"),
            "the secret `hunter2hunter2` of jsonwebtoken stands in the source",
        )
        .related(at(&config, "'hunter2hunter2'"), "it is written here")
        .help("`secret: process.env.SESSION_SECRET`, and change it now that it was written down."),
    );
    let after = APP.find("express();").unwrap() + "express();".len();
    report.push(
        Finding::new(
            &rules::fingerprint::X_POWERED_BY,
            code("express()"),
            "`X-Powered-By: Express` goes out with every answer",
        )
        .fix(Fix::new(
            "add `app.disable('x-powered-by')`",
            vec![Edit::new(
                place(&app, after..after),
                "\napp.disable('x-powered-by');",
            )],
        )),
    );
    for cookie in ["res.cookie('theme'", "res.cookie('token'"] {
        report.push(Finding::new(
            &rules::cookie::NO_SAME_SITE,
            code(cookie),
            format!("`{cookie}` sets no `sameSite`")
                .replace("res.cookie('", "")
                .replace('\'', ""),
        ));
    }
    report.push(
        Finding::new(
            &rules::redirect::OPEN,
            code("res.redirect(req.query.next)"),
            "the redirect goes to `req.query.next`, whatever it is",
        )
        .confidence(Confidence::Likely),
    );
    report.push(
        Finding::new(
            &rules::auth::NO_RATE_LIMIT,
            code("app.post('/login'"),
            "`POST /login` can be tried without a limit",
        )
        .confidence(Confidence::Possible),
    );
    report.push(Finding::new(
        &rules::deps::EXPRESS_VULNERABLE,
        Place::Code(at(&lock, "\"version\": \"4.16.0\"")),
        "express 4.16.0 has 3 known holes, the worst of them high: CVE-2024-29041",
    ));
    report.push(Finding::new(
        &rules::runtime::NODE_EOL,
        Place::Target,
        "nothing says which Node.js runs it",
    ));
    report.suppressed.push(Suppressed {
        finding: Finding::new(
            &rules::cookie::NO_SECURE,
            code("secure: false"),
            "the cookie of express-session goes over plain HTTP too",
        ),
        by: SuppressedBy::Comment(Some("only reached through a VPN".into())),
    });
    report.not_checked(
        &rules::deps::VULNERABLE,
        "no advisories: give them with `--advisories FILE`",
    );
    report.not_checked(
        &rules::runtime::NODE_EOL,
        "nothing says which Node.js runs it",
    );
    report.sort();
    report
}

/// What a site answers.
pub(crate) fn site() -> Report {
    let url = "https://shop.example/";
    let mut report = Report::new("https://shop.example");
    report.push(Finding::new(
        &rules::headers::CSP,
        Place::Url(url.into()),
        "there is no Content-Security-Policy",
    ));
    report.push(
        Finding::new(
            &rules::headers::HSTS,
            Place::Url(url.into()),
            "`Strict-Transport-Security` lasts 1 day",
        )
        .help("`Strict-Transport-Security: max-age=31536000; includeSubDomains`"),
    );
    report.grade = Some(Grade::new(
        "C+".into(),
        60,
        vec![
            (
                "content-security-policy".into(),
                "not implemented".into(),
                -25,
            ),
            (
                "cookies".into(),
                "all with Secure, HttpOnly and SameSite".into(),
                5,
            ),
            ("x-frame-options".into(), "not implemented".into(), -20),
            ("redirection".into(), "to HTTPS on the same host".into(), 0),
        ],
    ));
    report.sort();
    report
}
