//! How long an audit takes: a project of a thousand files, beside njsscan where it can be had.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use super::{middle, replace_section};
use crate::{install, root};

/// Where the section of the page begins.
const TITLE: &str = "## The audit";

const FILES: usize = 1000;
const ROUNDS: usize = 5;

/// What checks JavaScript by patterns, in a version that is told.
const NJSSCAN: &str = "njsscan==1.0.2";

/// What it finds most by; without it, it ends at once and says so in its report alone.
const SEMGREP: &str = "semgrep==1.172.0";

/// Measures, prints and writes its section of `docs/benchmarks.md`.
pub(super) fn run() -> Result<()> {
    super::cargo("build --release --package panoply-cli")?;
    let folder = tempfile::tempdir()?;
    let lines = project(folder.path())?;
    let panoply = root().join("target/release/panoply");
    let audit = |command: &mut Command| {
        command
            .args(["audit", "--offline", "--format", "json"])
            .arg(folder.path());
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let njsscan = njsscan(&root().join("target/tools/njsscan"));
    for round in 0..=ROUNDS {
        let mut command = Command::new(&panoply);
        audit(&mut command);
        let (seconds, output) = time(&mut command)?;
        let found: serde_json::Value = serde_json::from_slice(&output)?;
        let found = found.get("findings").and_then(serde_json::Value::as_array);
        ensure!(
            found.is_some_and(|found| !found.is_empty()),
            "nothing was found in {FILES} files"
        );
        // The first round is for warming up.
        if round > 0 {
            ours.push(seconds);
        }
    }
    if let Ok(program) = &njsscan {
        let mut command = Command::new(program);
        command.arg("--json").arg(folder.path());
        let path = std::env::var("PATH").unwrap_or_default();
        let own = program.parent().unwrap_or(program).display();
        let (seconds, output) = time(command.env("PATH", format!("{own}:{path}")))?;
        let told: serde_json::Value = serde_json::from_slice(&output)?;
        let errors = told.get("errors").and_then(serde_json::Value::as_array);
        ensure!(
            errors.is_some_and(Vec::is_empty),
            "{NJSSCAN} did not work: {errors:?}"
        );
        theirs.push(seconds);
    }
    let mut section = format!(
        "{TITLE}\n\nMade by `cargo xtask bench audit`: an Express app of {FILES} files and {lines} \
         lines, each of which is reached from the first; the whole command, start included, median of \
         {ROUNDS} runs (one of njsscan).\n\n| | seconds |\n|---|---|\n| panoply audit | {:.2} |\n",
        middle(ours)
    );
    match njsscan {
        Ok(_) => {
            let _ = writeln!(
                section,
                "| {NJSSCAN} with {SEMGREP} | {:.1} |",
                middle(theirs)
            );
        }
        Err(error) => eprintln!("not measured: {NJSSCAN}: {error:#}"),
    }
    print!("{section}");
    replace_section(TITLE, &section)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn time(command: &mut Command) -> Result<(f64, Vec<u8>)> {
    let start = Instant::now();
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .with_context(|| format!("{command:?}"))?;
    Ok((start.elapsed().as_secs_f64(), output.stdout))
}

/// Into an environment of its own.
fn njsscan(place: &Path) -> Result<std::path::PathBuf> {
    let program = place.join("bin/njsscan");
    if !program.is_file() || !place.join("bin/semgrep").is_file() {
        install::succeed(Command::new("python3").args(["-m", "venv"]).arg(place))?;
        let mut pip = Command::new(place.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check"]);
        install::succeed(pip.args([NJSSCAN, SEMGREP]))?;
    }
    Ok(program)
}

/// An app of routers, controllers and what they call; says how many lines it has.
pub(crate) fn project(root: &Path) -> Result<usize> {
    let each = (FILES - 1) / 3;
    for dir in ["routes", "controllers", "models"] {
        fs::create_dir(root.join(dir))?;
    }
    let mut app =
        "const express = require('express')\nconst session = require('express-session')\n\
                   const app = express()\n\
                   app.use(session({ secret: process.env.SECRET, resave: false }))\n"
            .to_owned();
    let mut lines = 0;
    for number in 0..each {
        let _ = writeln!(
            app,
            "app.use('/part{number}', require('./routes/part{number}'))"
        );
        let mut router = format!(
            "const router = require('express').Router()\n\
             const part = require('../controllers/part{number}')\n"
        );
        let mut controller = format!("const Part = require('../models/part{number}')\n");
        let mut model = "const fields = {}\n".to_owned();
        for way in 0..10 {
            let _ = writeln!(router, "router.get('/way{way}/:id', part.read{way})");
            let _ = writeln!(router, "router.post('/way{way}', part.write{way})");
            let _ = writeln!(
                controller,
                "exports.read{way} = async (req, res, next) => {{\n  try {{\n    \
                 const found = await Part.find{way}(req.params.id)\n    \
                 if (!found) return res.status(404).json({{ error: 'none' }})\n    \
                 res.json(found)\n  }} catch (error) {{\n    next(error)\n  }}\n}}\n\
                 exports.write{way} = (req, res) => {{\n  \
                 res.cookie('seen{way}', String(Date.now()))\n  \
                 res.redirect('/part{number}/way{way}/' + encodeURIComponent(req.body.id))\n}}"
            );
            let _ = writeln!(
                model,
                "fields.name{way} = {{ type: String, max: {way} }}\n\
                 exports.find{way} = (id) => Promise.resolve({{ id, fields, way: {way} }})"
            );
        }
        router.push_str("module.exports = router\n");
        for (dir, text) in [
            ("routes", router),
            ("controllers", controller),
            ("models", model),
        ] {
            lines += text.lines().count();
            fs::write(root.join(format!("{dir}/part{number}.js")), text)?;
        }
    }
    app.push_str("app.listen(process.env.PORT)\n");
    lines += app.lines().count();
    fs::write(root.join("app.js"), app)?;
    let package = "{\"name\":\"large\",\"private\":true,\"main\":\"app.js\",\
                   \"dependencies\":{\"express\":\"^5.1.0\",\"express-session\":\"^1.19.0\"}}\n";
    fs::write(root.join("package.json"), package)?;
    Ok(lines)
}
