//! What becomes of a certificate once it has come: other programs have a use for it too.

use super::support;

use std::process::Command;
use std::time::Duration;

use support::acme::fingerprint;
use support::{Gateway, Pebble, Recorder, text};

#[test]
fn another_program_is_handed_the_certificate() {
    let (pebble, app) = (Pebble::quick(), Recorder::start());
    let folder = tempfile::tempdir().unwrap();
    let script = "cd \"$1\" && echo a word of the hook && cp \"$RENEWED_LINEAGE\"/*.pem . && \
                  echo \"$RENEWED_DOMAINS\" > names";
    let hook = [
        "/bin/sh",
        "-c",
        script,
        "hook",
        &folder.path().display().to_string(),
    ];
    let acme = format!("deploy_hook = {hook:?}");
    let config = pebble.config("[\"shop.example\"]", &acme);
    let mut gateway = Gateway::before(&app.origin(), &config);
    let patience = Duration::from_secs(20);
    gateway
        .process
        .line_with(&["a word of the hook", "the deploy hook says"], patience);
    gateway
        .process
        .line_with(&["handed on", "shop.example"], patience);
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("names"), "shop.example\n");
    // It is the one that clients are shown, with its key.
    let chain = read("fullchain.pem");
    let shown = fingerprint(&pebble, "shop.example");
    assert_eq!(chain.lines().nth(1), Some(&*shown));
    let public = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let path = |name: &str| folder.path().join(name).display().to_string();
    let of_key = public(&["pkey", "-in", &path("privkey.pem"), "-pubout"]);
    let certificate = path("fullchain.pem");
    assert_eq!(
        of_key,
        public(&["x509", "-in", &certificate, "-noout", "-pubkey"])
    );
}
