//! A real Express app, audited as it answers.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use panoply_audit::{LiveOptions, Severity, live};

use crate::support::node::{modules, scripts};

/// An app that runs until it is dropped.
struct App {
    child: Child,
    port: u16,
}

impl Drop for App {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl App {
    fn start(kind: &str, environment: &str) -> Self {
        let modules = modules("node/evasion");
        let mut child = Command::new("node")
            .arg("express.mjs")
            .args([modules.as_os_str(), kind.as_ref()])
            .current_dir(scripts())
            .env("NODE_ENV", environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let printed = child.stdout.take().unwrap();
        BufReader::new(printed).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap();
        Self { child, port }
    }
}

/// What is found of errors and fingerprints.
async fn found(kind: &str, environment: &str) -> Vec<(&'static str, Severity, String)> {
    let app = App::start(kind, environment);
    let url = format!("http://127.0.0.1:{}/", app.port);
    let report = live(&url, &LiveOptions::new()).await.unwrap();
    let mut found: Vec<_> = { report.findings.into_iter() }
        .filter(|one| matches!(one.rule.group(), "errors" | "fingerprint"))
        .map(|one| (one.rule.id, one.severity, one.message))
        .collect();
    found.sort_unstable();
    found
}

#[tokio::test]
async fn an_app_in_development_shows_its_stack() {
    let found = found("bare", "development").await;
    let ids: Vec<_> = found
        .iter()
        .map(|(id, severity, _)| (*id, *severity))
        .collect();
    assert_eq!(
        ids,
        [
            ("errors/default-404", Severity::Low),
            ("errors/default-handler", Severity::Medium),
            ("fingerprint/x-powered-by", Severity::Low)
        ],
        "{found:#?}"
    );
    assert!(found[1].2.contains("node_modules"), "{found:#?}");
}

#[tokio::test]
async fn an_app_in_production_shows_what_it_is() {
    let found = found("bare", "production").await;
    assert_eq!(found.len(), 3, "{found:#?}");
    assert_eq!(found[1].1, Severity::Low);
    assert!(found[1].2.contains("`Bad Request`"), "{found:#?}");
}

#[tokio::test]
async fn an_app_with_pages_of_its_own_shows_neither() {
    for environment in ["development", "production"] {
        assert_eq!(found("own", environment).await, []);
    }
}
