//! Several gateways on one state directory: one of them has it.

use super::support;

use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::{Gateway, blocks, curl, panoply, test_app, text, wait_for};

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
            // The one that has it listens anew.
            if let Some(asked) = status("process") {
                let first = u64::from(first.process.id());
                assert_eq!(
                    asked.as_u64(),
                    Some(first),
                    "one without the store is asked"
                );
            }
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

fn status(state: &std::path::Path) -> (bool, String) {
    let mut command = panoply();
    let output = { command.arg("status").arg("--state").arg(state) }.output();
    let output = output.unwrap();
    let said = if output.status.success() {
        output.stdout
    } else {
        output.stderr
    };
    (output.status.success(), text(&said))
}

fn is_there(gateway: &Gateway) -> bool {
    let metrics = format!("{}/metrics", gateway.admin);
    let metrics = curl("/dev/null".as_ref(), &[&metrics]).text();
    metrics.contains("panoply_state_there 1")
}

#[test]
fn a_control_socket_that_is_removed_is_there_again() {
    let mut gateway = moody("");
    let state = gateway.dir.path().join("state");
    std::fs::remove_file(state.join("control.sock")).unwrap();
    gateway
        .process
        .line_with(&["the control socket was removed"], Duration::from_secs(20));
    let (answers, said) = status(&state);
    assert!(answers && !said.contains("warning"), "{said}");
}

#[test]
fn a_state_directory_that_is_moved_is_told_and_found_again() {
    let long = Duration::from_secs(20);
    let mut gateway = moody("");
    let [state, aside] = ["state", "aside"].map(|name| gateway.dir.path().join(name));
    wait_for("the metric", long, || is_there(&gateway).then_some(()));
    std::fs::rename(&state, &aside).unwrap();
    gateway
        .process
        .line_with(&["was removed or moved while it is in use"], long);
    let (answers, said) = status(&state);
    assert!(
        !answers && said.contains("there is no state directory"),
        "{said}"
    );
    assert!(!is_there(&gateway));
    // Keys and a secret of another directory would log everybody out.
    gateway.process.signal(Signal::HUP);
    gateway.process.line_with(
        &["the configuration stays as it was: the state directory"],
        long,
    );
    assert!(
        !state.exists(),
        "it was made anew, where the other is to be put back"
    );
    std::fs::create_dir(&state).unwrap();
    gateway
        .process
        .line_with(&["is another than the one that is in use"], long);
    let said = wait_for("an answer in the other one", long, || {
        Some(status(&state)).filter(|(answers, _)| *answers)
    });
    assert!(
        said.1.contains("is another than the one that is in use"),
        "{}",
        said.1
    );
    std::fs::remove_dir_all(&state).unwrap();
    std::fs::rename(&aside, &state).unwrap();
    gateway.process.line_with(&["is back where it was"], long);
    wait_for("an answer in the former", long, || {
        let (answers, said) = status(&state);
        (answers && !said.contains("is another")).then_some(())
    });
    gateway.process.signal(Signal::HUP);
    gateway.process.line_with(&["has been reloaded"], long);
}
