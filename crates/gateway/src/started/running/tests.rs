use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};

use super::*;

#[test]
fn the_start_is_found_behind_whatever_name() {
    let tail = "0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 9 9";
    for (name, state, is_over) in [
        ("a b", "S", false),
        (") Z 1 2 3", "R", false),
        ("x", "Z", true),
    ] {
        let stat = format!("7 ({name}) {state} 1 7 5 {tail}");
        let expected = Stat {
            is_over,
            group: 7,
            start: 4711,
        };
        assert_eq!(Stat::parse(stat.as_bytes()), Some(expected), "{stat}");
    }
    for broken in ["", "7 (a) S", "7 (a) S 1 7 5 0 -1", "7 (a) S 1 x 5 0"] {
        assert_eq!(Stat::parse(broken.as_bytes()), None, "{broken}");
    }
}

#[test]
fn a_variable_says_one_thing() {
    let environment = b"A=1\0PORT=80\0XPORT=81\0PORTS=82\0B=1\0B=2\0C=\0";
    for (name, value, expected) in [
        ("PORT", "80", true),
        ("PORT", "8", false),
        ("PORT", "81", false),
        ("A", "1", true),
        ("B", "1", false),
        ("B", "2", false),
        ("C", "", true),
        ("D", "", false),
    ] {
        assert_eq!(says(environment, name, value), expected, "{name}={value}");
    }
}

/// A child that ends with its test.
struct Sleeper(Child);

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn sleeper(own_group: bool, variables: &[(&str, &str)]) -> (Sleeper, AppStarted) {
    let mut command = Command::new("sleep");
    command
        .arg("60")
        .env_clear()
        .envs(variables.iter().copied());
    if own_group {
        command.process_group(0);
    }
    let child = command.spawn().unwrap();
    let app = AppStarted {
        app: String::new(),
        instance: 2,
        port: 4000,
        process: Identity::of(Pid::from_child(&child)).unwrap(),
    };
    (Sleeper(child), app)
}

const OURS: [(&str, &str); 2] = [("PANOPLY_INSTANCE", "2"), ("PORT", "4000")];

#[test]
fn nobody_is_taken_for_the_one_that_was_started() {
    let (mut child, app) = sleeper(true, &OURS);
    assert!(matches!(find(&app), Found::Runs(_)));
    assert!(app.process.runs() && runs(app.process.pid().unwrap()));
    let with = |change: fn(&mut AppStarted)| {
        let mut other = app.clone();
        change(&mut other);
        find(&other)
    };
    let another = with(|app| app.process.start += 1);
    assert!(matches!(another, Found::Ended), "{another:?}");
    for doubtful in [
        with(|app| app.port += 1),
        with(|app| app.instance += 1),
        with(|app| app.process.process = 1),
        with(|app| app.process.process = 0),
    ] {
        assert!(matches!(doubtful, Found::Doubtful(_)), "{doubtful:?}");
    }
    let nobody = with(|app| app.process.process = 2_000_000_000);
    assert!(matches!(nobody, Found::Ended), "{nobody:?}");
    child.0.kill().unwrap();
    // Nobody has asked how it has ended.
    let deadline = std::iter::repeat_with(|| find(&app)).take(100_000);
    let mut ended = deadline.skip_while(|found| !matches!(found, Found::Ended));
    assert!(ended.next().is_some());
    assert!(!app.process.runs() && !runs(app.process.pid().unwrap()));
    child.0.wait().unwrap();
    assert!(matches!(find(&app), Found::Ended));
}

#[test]
fn who_is_in_somebody_elses_group_or_says_nothing_is_left_alone() {
    for (own_group, variables) in [
        (false, &OURS[..]),
        (true, &OURS[..1]),
        (true, &OURS[1..]),
        (true, &[]),
    ] {
        let (_child, app) = sleeper(own_group, variables);
        let found = find(&app);
        assert!(matches!(found, Found::Doubtful(_)), "{found:?}");
    }
}

/// As Ruby's servers do, whose title takes the place of their environment.
#[test]
fn who_says_nothing_and_listens_on_its_port_is_the_one() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let mut command = Command::new("sleep");
    command.arg("60").env_clear().process_group(0);
    command.stdin(OwnedFd::from(socket));
    let child = Sleeper(command.spawn().unwrap());
    // The parent's end went with the command.
    drop(command);
    let process = Identity::of(Pid::from_child(&child.0)).unwrap();
    let mut app = AppStarted {
        app: String::new(),
        instance: 0,
        port,
        process,
    };
    assert!(matches!(find(&app), Found::Runs(_)));
    app.port = port.wrapping_add(1);
    assert!(matches!(find(&app), Found::Doubtful(_)));
}

#[test]
fn what_has_lost_the_head_of_its_group_is_left_alone() {
    let mut command = Command::new("sh");
    // It goes on once nobody writes any more.
    command.args(["-c", "sleep 60 & read line"]);
    command.stdin(std::process::Stdio::piped());
    command.process_group(0).envs(OURS);
    let mut head = command.spawn().unwrap();
    let group = Pid::from_child(&head);
    let app = AppStarted {
        app: String::new(),
        instance: 2,
        port: 4000,
        process: Identity::of(group).unwrap(),
    };
    drop(head.stdin.take());
    // Not asked how it has ended, and asked.
    let found = std::iter::repeat_with(|| find(&app)).take(100_000);
    // On its way out it has no environment any more.
    let is_there = |found: &Found| match found {
        Found::Doubtful(why) => why != WITHOUT_HEAD,
        found => matches!(found, Found::Runs(_)),
    };
    let mut found = found.skip_while(is_there);
    let before = found.next().unwrap();
    head.wait().unwrap();
    let after = find(&app);
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
    for found in [before, after] {
        assert!(
            matches!(&found, Found::Doubtful(why) if why == WITHOUT_HEAD),
            "{found:?}"
        );
    }
}

#[test]
fn this_process_is_never_meant() {
    let own = rustix::process::getpid();
    let app = AppStarted {
        app: String::new(),
        instance: 0,
        port: 0,
        process: Identity::of(own).unwrap(),
    };
    assert!(matches!(find(&app), Found::Doubtful(_)));
    assert!(app.process.runs());
}
