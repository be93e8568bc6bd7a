//! A state directory that was restored in part.

use super::logins::guess;
use super::support;

use std::time::Duration;

use rustix::process::Signal;
use support::{App, Gateway, panoply, test_app, text, wait_for};

#[test]
fn locks_without_the_secret_of_their_time_are_told_of() {
    let app = App::start(&test_app("logins.mjs"));
    let before = Gateway::before(&app.origin(), "");
    assert_eq!(guess(&before, "1", 15, "ada")["401"].as_u64(), Some(10));
    let (mut process, dir) = (before.process, before.dir);
    process.signal(Signal::TERM);
    process.status(Duration::from_secs(20));
    let state = dir.path().join("state");
    std::fs::remove_file(state.join("secret")).unwrap();
    let _restored = Gateway::setup()
        .upstream(&app.origin())
        .state_in(&state)
        .start();
    wait_for("a warning", Duration::from_secs(10), || {
        let mut status = panoply();
        let status = status.arg("status").arg("--state").arg(&state).output();
        text(&status.unwrap().stdout)
            .contains("the locks in the store do not hold")
            .then_some(())
    });
}
