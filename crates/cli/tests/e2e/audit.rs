//! `panoply audit` as a person and a build start it: exit codes, forms, files, errors.

use super::support;

use std::process::Output;

use serde_json::Value;
use support::{panoply, text};
use tempfile::TempDir;

/// A folder with these files.
fn app(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::with_prefix("panoply-e2e-").unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

/// Runs `panoply audit` in a folder, as no build and at no terminal.
fn audit(folder: &TempDir, arguments: &[&str]) -> Output {
    let mut command = panoply();
    command
        .arg("audit")
        .args(arguments)
        .current_dir(folder.path())
        .env_remove("GITHUB_ACTIONS")
        .env_remove("NO_COLOR");
    command.output().unwrap()
}

/// The exit code, with what was said for whoever reads a failure.
fn code(output: &Output) -> (i32, String) {
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(!said.contains("panicked"), "{said}");
    assert!(
        !said.contains('\u{1b}'),
        "colours where nobody reads them: {said:?}"
    );
    (output.status.code().unwrap(), said)
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

const PACKAGE: (&str, &str) = (
    "package.json",
    "{\"name\": \"shop\", \"scripts\": {\"start\": \"node app.js\"}, \
      \"dependencies\": {\"express\": \"5.1.0\"}}",
);

/// A comment that suppresses nothing is reported, with severity low, whatever else is.
const STALE: (&str, &str) = (
    "app.js",
    "// panoply-ignore redirect/open -- checked by the proxy\nconsole.log('shop');\n",
);

#[test]
fn exit_codes_tell_how_it_went() {
    let clean = app(&[PACKAGE, ("app.js", "console.log('shop');\n")]);
    let only = ["--offline", "--only", "redirect,audit"];
    let (status, said) = code(&audit(&clean, &only));
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("nothing found"), "{said}");

    let stale = app(&[PACKAGE, STALE]);
    let with = |more: &[&str]| code(&audit(&stale, &[&only[..], more].concat()));
    let (status, said) = with(&[]);
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("low[audit/stale-suppression]"), "{said}");
    assert!(said.contains("app.js:1:4"), "{said}");
    for (fail_on, expected) in [("info", 1), ("low", 1), ("medium", 0), ("never", 0)] {
        assert_eq!(with(&["--fail-on", fail_on]).0, expected, "{fail_on}");
    }
    assert_eq!(with(&["--skip", "audit/stale-suppression"]).0, 0);

    // Of a site alone, and none was given.
    let (status, said) = with(&["--require", "tls/cert"]);
    assert_eq!(status, 3, "{said}");
    assert!(
        said.contains("tls/cert was asked for and could not be checked"),
        "{said}"
    );
}

#[test]
fn errors_name_what_is_wrong_and_what_to_write() {
    let folder = app(&[PACKAGE, STALE, ("empty/readme.txt", "")]);
    for (arguments, words) in [
        (
            &["--only", "session/memorystore"][..],
            &["`--only`", "did you mean `session/memory-store`"][..],
        ),
        (
            &["--skip", "sesion"],
            &["`--skip`", "did you mean `session`"],
        ),
        (
            &["--require", "zzz"],
            &["`--require`", "panoply audit --rules"],
        ),
        (
            &["--explain", "memory-store"],
            &["did you mean `session/memory-store`"],
        ),
        (&["nowhere"], &["`nowhere`", "No such file"]),
        (&["app.js"], &["`app.js` is not a folder"]),
        (&["empty"], &["`empty` has neither a package.json"]),
        (
            &["--baseline", "none.json"],
            &["`none.json`", "No such file"],
        ),
        (
            &["--baseline", "package.json"],
            &["`package.json` is no baseline", "--write-baseline"],
        ),
        (&["--fail-on", "worst"], &["worst", "high"]),
        (&["--format", "xml"], &["xml", "sarif"]),
        (
            &["--offline", "--output", "none/report.html"],
            &["`none/report.html` cannot be written"],
        ),
    ] {
        let output = audit(&folder, arguments);
        let (status, said) = code(&output);
        assert_eq!(status, 2, "{arguments:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{arguments:?} lacks {word:?}: {said}");
        }
        assert!(output.stdout.is_empty(), "{arguments:?}: {said}");
    }
}

#[test]
fn the_file_says_what_flags_say() {
    let folder = app(&[
        PACKAGE,
        STALE,
        (
            "panoply.toml",
            "[audit]\nonly = [\"redirect\", \"audit\"]\nfail_on = \"medium\"\noffline = true\n",
        ),
    ]);
    assert_eq!(code(&audit(&folder, &[])).0, 0);
    assert_eq!(code(&audit(&folder, &["--fail-on", "low"])).0, 1);
    // From elsewhere it is that of the target.
    let name = folder
        .path()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let outside = panoply()
        .args(["audit", &name])
        .current_dir(folder.path().parent().unwrap())
        .output()
        .unwrap();
    assert_eq!(code(&outside).0, 0);
    let check = panoply()
        .arg("check")
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(check.status.success(), "{check:?}");

    for (line, words) in [
        (
            "skip = [\"audit\", \"sesion/default-name\"]",
            &["panoply.toml:2", "session/default-name"][..],
        ),
        ("fail_on = \"worst\"", &["panoply.toml:2", "worst", "high"]),
        ("limiter = [\"slowDown\"]", &["panoply.toml:2", "limiters"]),
    ] {
        let wrong = app(&[
            PACKAGE,
            STALE,
            ("panoply.toml", &format!("[audit]\n{line}\n")),
        ]);
        let checked = panoply()
            .arg("check")
            .current_dir(wrong.path())
            .output()
            .unwrap();
        for output in [audit(&wrong, &[]), checked] {
            let (status, said) = code(&output);
            assert_eq!(status, 2, "{line}: {said}");
            for word in words {
                assert!(said.contains(word), "{line} lacks {word:?}: {said}");
            }
        }
    }
}

#[test]
fn every_form_is_written_where_it_is_wanted() {
    let folder = app(&[PACKAGE, STALE]);
    let only = ["--offline", "--only", "redirect,audit"];
    let with = |more: &[&str]| audit(&folder, &[&only[..], more].concat());
    let report = json(&with(&["--format", "json"]));
    assert_eq!(report["schema"], 1);
    assert_eq!(report["target"], ".");
    assert_eq!(report["findings"][0]["rule"], "audit/stale-suppression");
    assert_eq!(report["findings"][0]["file"], "app.js");
    let sarif = json(&with(&["--format", "sarif"]));
    assert_eq!(sarif["version"], "2.1.0");
    assert_eq!(
        sarif["runs"][0]["results"][0]["ruleId"],
        "audit/stale-suppression"
    );
    let github = with(&["--format", "github"]);
    assert!(
        text(&github.stdout).starts_with("::notice file=app.js,line=1,"),
        "{github:?}"
    );

    let files = [
        "--output", "a.json", "--output", "a.sarif", "--output", "a.html", "--output", "a.txt",
    ];
    let output = with(&files);
    assert!(output.stdout.is_empty(), "{output:?}");
    assert!(text(&output.stderr).contains("1 low in"), "{output:?}");
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(read("a.json").contains("\"schema\": 1"));
    assert!(read("a.sarif").contains("\"2.1.0\""));
    assert!(read("a.html").starts_with("<!doctype html>"));
    assert!(read("a.txt").starts_with("low[audit/"));
    let output = with(&["--output", "b.html", "--output", "-"]);
    assert!(text(&output.stdout).starts_with("low[audit/"), "{output:?}");
    assert!(read("b.html").starts_with("<!doctype html>"));

    // In GitHub Actions the log has the report, and the pull request the annotations.
    let mut command = panoply();
    command
        .arg("audit")
        .args(only)
        .env("GITHUB_ACTIONS", "true");
    let output = command.current_dir(folder.path()).output().unwrap();
    let said = text(&output.stdout);
    assert!(
        said.starts_with("low[audit/") && said.contains("\n::notice file=app.js"),
        "{said}"
    );
}

#[test]
fn a_baseline_lets_through_what_was_there() {
    let folder = app(&[PACKAGE, ("app.js", APP)]);
    let known = ["--offline", "--skip", "deps,runtime"];
    let with = |more: &[&str]| audit(&folder, &[&known[..], more].concat());
    let before = json(&with(&["--format", "json"]));
    let count = before["findings"].as_array().unwrap().len();
    let output = with(&["--write-baseline", "known.json"]);
    let (status, said) = code(&output);
    assert_eq!(status, 0, "{said}");
    assert!(
        said.contains(&format!("wrote {count} known findings to known.json")),
        "{said}"
    );
    // Lines move, and nothing is new.
    std::fs::write(
        folder.path().join("app.js"),
        format!("// the shop\n\n{APP}"),
    )
    .unwrap();
    let after = with(&["--baseline", "known.json", "--format", "json"]);
    assert_eq!(after.status.code(), Some(0), "{after:?}");
    assert_eq!(json(&after)["suppressed"].as_array().unwrap().len(), count);
    // Of what is not looked at any more nothing is told: an app that Express is still asked for in, but
    // nobody is seen to ask.
    std::fs::write(folder.path().join("app.js"), "console.log('shop');\n").unwrap();
    let hidden = json(&with(&["--baseline", "known.json", "--format", "json"]));
    let hidden = hidden["findings"].as_array().unwrap();
    assert!(!hidden.is_empty() && hidden.len() < count, "{hidden:?}");
    // What is put right is told, once its line can go.
    std::fs::write(folder.path().join("app.js"), RIGHT).unwrap();
    let gone = json(&with(&["--baseline", "known.json", "--format", "json"]));
    let gone = gone["findings"].as_array().unwrap();
    assert_eq!(gone.len(), count, "{gone:?}");
    for finding in gone {
        assert_eq!(finding["rule"], "audit/stale-baseline");
    }
}

/// Nothing is to be said of it.
const RIGHT: &str = "\
const app = require('express')();
app.set('trust proxy', 1);
app.use(require('helmet')());
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
module.exports = app;
";

const APP: &str = "\
const express = require('express');
const session = require('express-session');
const app = express();
app.use(session({ secret: 'keyboard cat', cookie: { secure: false } }));
app.post('/login', (req, res) => {
  if (req.body.password === process.env.PASSWORD) { req.session.user = 'ada'; }
  res.redirect('/');
});
app.listen(3000);
";

#[test]
fn rules_are_listed_and_explained() {
    let folder = app(&[PACKAGE]);
    let (status, said) = code(&audit(&folder, &["--rules"]));
    assert_eq!(status, 0);
    assert_eq!(said.lines().count(), panoply_audit::RULES.len());
    let (status, said) = code(&audit(&folder, &["--explain", "session/memory-store"]));
    assert_eq!(status, 0);
    for words in [
        "severity: high",
        "Why",
        "What to do",
        "https://expressjs.com/",
    ] {
        assert!(said.contains(words), "{said}");
    }
    let (_, said) = code(&audit(&folder, &["--explain", "proxy"]));
    assert!(
        said.contains("proxy/trust-all") && said.contains("proxy/trust-unset"),
        "{said}"
    );
}

#[test]
fn the_gateway_accepts_the_file_that_is_printed_for_it() {
    let folder = app(&[PACKAGE, ("app.js", APP)]);
    let output = audit(&folder, &["--offline", "--fix-with-gateway"]);
    let toml = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(toml.contains("[app]\n"), "{toml}");
    std::fs::write(folder.path().join("panoply.toml"), &*toml).unwrap();
    let check = panoply()
        .arg("check")
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(check.status.success(), "{toml}\n{check:?}");
}
