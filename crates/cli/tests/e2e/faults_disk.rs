//! A start on a disk that has no room, or takes no writes: what to do is said.

use super::support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use support::{Gateway, Recorder, Verdicts, curl, free_port, text};

/// What a start says whose state directory is a disk of a megabyte, with what is in `before` and after `then`.
fn start(origin: &str, before: &Path, then: &str) -> String {
    let state = tempfile::tempdir().unwrap();
    let mut command = Command::new("timeout");
    command.args(["20", "unshare", "--mount"]);
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    let script = format!(
        "mount -t tmpfs -o size=1m tmpfs \"$0\" && cp -a \"$1/.\" \"$0\" && shift && {{ {then}; }} && exec \"$@\""
    );
    let [http, https] = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
    let output = command
        .args(["sh", "-c", &script])
        .args([state.path(), before])
        .arg(env!("CARGO_BIN_EXE_panoply"))
        .args(["run", "--upstream", origin, "--state"])
        .arg(state.path())
        .args(["--listen-http", &http, "--listen-https", &https])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert!(!output.status.success(), "{said}");
    said
}

#[test]
fn a_start_without_room_says_what_to_do() {
    let app = Recorder::start();
    let nothing = tempfile::tempdir().unwrap();
    let mut first = Gateway::before(&app.origin(), "");
    first.process.signal(Signal::TERM);
    first.process.status(Duration::from_secs(10));
    let kept = first.dir.path().join("state");
    let full = "dd if=/dev/zero of=\"$0/ballast\" bs=4k 2>/dev/null || :";
    let read_only = "mount -o remount,ro \"$0\"";
    let room = "there is no room left on";
    let writing = "its file system is mounted read-only; mount it for writing";
    let mut wrong = Verdicts::default();
    for (before, then, words) in [
        (nothing.path(), full, room),
        (&*kept, full, room),
        (nothing.path(), read_only, writing),
        (&*kept, read_only, writing),
    ] {
        let said = start(&app.origin(), before, then);
        wrong.check(said.contains(words), || {
            format!("{}, {then}: {said}", before.display())
        });
    }
    wrong.settle();
}

/// As `LimitFSIZE=` has it: the system would end whoever writes beyond it.
#[test]
fn a_file_that_may_not_grow_is_a_disk_that_is_full() {
    let denies = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
    let app = Recorder::answering(denies);
    let mut gateway = Gateway::setup()
        .config("[tls]\nmode = \"off\"\n")
        .upstream(&app.origin())
        .through(&["prlimit", "--fsize=61440"])
        .start();
    let url = gateway.url("/login");
    // One more would be locked, which is not announced where it cannot be kept.
    for number in 0..9 {
        let body = format!("username=user{number}&password=wrong");
        let answer = curl(Path::new("/dev/null"), &["--data", &body, &url]);
        assert_eq!(
            answer.status,
            401,
            "{number}: {}",
            gateway.process.said().join("\n")
        );
    }
    let said = gateway.process.said().join("\n");
    assert!(said.contains("cannot be written down"), "{said}");
    gateway.process.signal(Signal::TERM);
    let status = gateway.process.status(Duration::from_secs(20));
    assert!(status.success(), "{status}");
}
