//! Several gateways on one state directory: one of them has it.

use super::support;

use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::{Gateway, blocks, panoply, test_app, wait_for};

fn moody(config: &str) -> Gateway {
    Gateway::setup()
        .config(config)
        .command(&test_app("moody.mjs"))
        .start()
}

#[test]
fn one_that_is_started_before_another_has_ended_has_what_that_one_had() {
    let mut first = moody("");
    let state = first.dir.path().join("state");
    let added = blocks(&state, &["add", "203.0.113.9"]);
    assert!(added.status.success(), "{added:?}");
    let mut second = Gateway::setup()
        .command(&test_app("moody.mjs"))
        .state_of(&first)
        .start();
    second
        .process
        .line_with(&["counts in memory until"], Duration::from_secs(10));
    first.process.signal(Signal::TERM);
    first.process.status(Duration::from_secs(20));
    // By whichever comes second of the socket and the store.
    wait_for(
        "the second one to have both",
        Duration::from_secs(20),
        || {
            let listed = blocks(&state, &["list"]);
            let is_there = String::from_utf8_lossy(&listed.stdout).contains("203.0.113.9");
            (listed.status.success() && is_there).then_some(())
        },
    );
}

#[test]
fn one_whose_app_is_not_up_answers_once_another_has_ended() {
    let mut first = moody("");
    let state = first.dir.path().join("state");
    let (mut second, _dir, _) = Gateway::setup()
        .command(&["sleep".to_owned(), "300".to_owned()])
        .state_of(&first)
        .spawn();
    second.line_with(&["counts in memory until"], Duration::from_secs(10));
    first.process.signal(Signal::TERM);
    first.process.status(Duration::from_secs(20));
    wait_for("the second one to answer", Duration::from_secs(20), || {
        blocks(&state, &["list"]).status.success().then_some(())
    });
}

/// Of three on one state directory whoever comes to have the store is the one that is asked.
#[test]
fn of_two_that_wait_for_a_third_to_end_one_has_the_store_and_the_socket() {
    for _ in 0..2 {
        let mut first = moody("");
        let state = first.dir.path().join("state");
        let mut others: Vec<Gateway> = (0..2)
            .map(|_| {
                let setup = Gateway::setup().command(&test_app("moody.mjs"));
                setup.state_of(&first).start()
            })
            .collect();
        for other in &mut others {
            other
                .process
                .line_with(&["counts in memory until"], Duration::from_secs(10));
        }
        let status = |what: &str| {
            let mut command = panoply();
            command
                .arg("status")
                .arg("--json")
                .arg("--state")
                .arg(&state);
            let said: serde_json::Value =
                serde_json::from_slice(&command.output().unwrap().stdout).ok()?;
            Some(said[what].clone())
        };
        // Where nobody is asked any more, none of them comes to be while another has the store.
        std::fs::remove_file(state.join("control.sock")).unwrap();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(3) {
            assert_eq!(status("process"), None, "one without the store is asked");
            std::thread::yield_now();
        }
        first.process.signal(Signal::TERM);
        first.process.status(Duration::from_secs(20));
        let asked = wait_for("one to be asked", Duration::from_secs(20), || {
            status("process")
        });
        let counts = wait_for("one to have the store", Duration::from_secs(20), || {
            let has = |other: &&Gateway| {
                let said = other.process.said();
                said.iter()
                    .any(|line| line.contains("counts in the state directory now"))
            };
            others.iter().find(has).map(|other| other.process.id())
        });
        assert_eq!(asked.as_u64(), Some(u64::from(counts)));
        let listed = blocks(&state, &["list"]);
        assert!(listed.status.success(), "{listed:?}");
    }
}
