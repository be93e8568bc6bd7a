//! As a service: what systemd is told and hands over, IPv6, an app that speaks HTTP/2.

use super::support;

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use support::{Gateway, Process, Recorder, Verdicts, curl, panoply, require, test_app, wait_for};

#[test]
fn systemd_is_told_and_its_sockets_are_taken() {
    let app = Recorder::start();
    let mut wrong = Verdicts::default();
    let setup = Gateway::setup();
    let socket_path = setup.dir().join("notify");
    let socket = UnixDatagram::bind(&socket_path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut told = String::new();
    let mut read = |word: &str| {
        let mut block = [0; 4096];
        while !told.contains(word) {
            let length = socket
                .recv(&mut block)
                .unwrap_or_else(|error| panic!("{word}: {error}, told: {told}"));
            told.push_str(&support::text(&block[..length]));
            told.push('\n');
        }
    };
    let config = "[tls]\nmode = \"off\"\n";
    let mut gateway = setup
        .config(config)
        .upstream(&app.origin())
        .environment("NOTIFY_SOCKET", socket_path.to_str().unwrap())
        .start();
    read("READY=1");
    gateway.process.signal(Signal::HUP);
    read("RELOADING=1");
    gateway.process.signal(Signal::TERM);
    read("STOPPING=1");
    wrong.equal(
        "exit status",
        gateway.process.status(Duration::from_secs(8)).code(),
        Some(0),
    );

    // A socket bound by somebody else, handed over as file descriptor 3.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let folder = tempfile::TempDir::with_prefix("panoply-e2e-").unwrap();
    let binary = panoply().get_program().to_str().unwrap().to_owned();
    std::fs::write(folder.path().join("panoply.toml"), config).unwrap();
    let script = format!(
        "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=http exec {binary} run --state state \
         --config panoply.toml --upstream {}",
        app.origin()
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]).current_dir(folder.path());
    let mut process = Process::start_with_input(&mut command, OwnedFd::from(listener).into());
    process.line_with(&["panoply: ready at "], Duration::from_secs(20));
    let answer = curl(
        "/dev/null".as_ref(),
        &[&format!("http://{address}/handed-over")],
    );
    wrong.equal("by the socket handed over", answer.status, 200);
    wrong.check(app.seen().contains("GET /handed-over "), || app.seen());
    wrong.settle();
}

#[test]
fn ipv6_is_an_address_like_any_other() {
    assert!(
        TcpListener::bind("[::1]:0").is_ok(),
        "this machine has no IPv6 on loopback"
    );
    let gateway = Gateway::setup()
        .config("[tls]\nmode = \"local\"\n")
        .arguments(&["--listen-http", "[::1]:0", "--listen-https", "[::1]:0"])
        .command(&support::example("express-files"))
        .start();
    let mut wrong = Verdicts::default();
    let seen = curl(
        &gateway.ca(),
        &["-g", &format!("https://[::1]:{}/echo", gateway.port())],
    )
    .json();
    wrong.equal("ip", seen["ip"].clone(), "::1");
    wrong.equal("secure", seen["secure"].clone(), true);
    wrong.equal(
        "Host",
        seen["headers"]["host"].clone(),
        format!("[::1]:{}", gateway.port()),
    );
    let plain = gateway.http.clone().unwrap();
    let answer = curl(&gateway.ca(), &["-g", &format!("{plain}/x")]);
    wrong.equal(
        "redirect",
        answer.header("location"),
        Some(format!("https://[::1]:{}/x", gateway.port())),
    );
    wrong.settle();
}

#[test]
fn an_app_may_be_spoken_to_in_http2() {
    require("node");
    let app = support::App::start(&support::test_app("h2c.mjs"));
    let gateway = Gateway::setup()
        .config("[app]\nh2c = true\n[tls]\nmode = \"local\"\n")
        .upstream(&app.origin())
        .start();
    let mut wrong = Verdicts::default();
    for version in ["--http1.1", "--http2"] {
        let answer = curl(
            &gateway.ca(),
            &[version, "-d", "hello", &gateway.url("/two?x=1")],
        );
        wrong.equal(version, answer.status, 200);
        let seen = answer.json();
        wrong.equal(version, seen["version"].clone(), "2.0");
        wrong.equal(version, seen["body"].clone(), "hello");
        wrong.equal(version, seen["path"].clone(), "/two?x=1");
        wrong.equal(version, seen["authority"].as_str(), Some(gateway.address()));
        wrong.equal(version, seen["for"].clone(), "127.0.0.1");
    }
    drop(app);
    wait_for("502 once the app is gone", Duration::from_secs(3), || {
        let answer = curl(&gateway.ca(), &[&gateway.url("/")]);
        matches!(answer.status, 502 | 503).then_some(())
    });
    wrong.settle();
}

/// How many connections of clients each worker has: each has an epoll of its own, and Linux tells what
/// that looks at.
#[cfg(target_os = "linux")]
fn of_each_worker(gateway: &Gateway) -> Vec<usize> {
    let process = std::path::PathBuf::from(format!("/proc/{}", gateway.process.id()));
    let table = std::fs::read_to_string(process.join("net/tcp")).unwrap();
    let local = format!(":{:04X}", gateway.port());
    let clients: Vec<String> = { table.lines() }
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let established = fields.get(1)?.ends_with(&local) && *fields.get(3)? == "01";
            established.then(|| format!("socket:[{}]", fields.get(9).unwrap()))
        })
        .collect();
    let is_client = |number: &str| {
        let link = std::fs::read_link(process.join("fd").join(number));
        link.is_ok_and(|link| {
            clients
                .iter()
                .any(|client| link == std::path::Path::new(client))
        })
    };
    let looked_at = |entry: std::io::Result<std::fs::DirEntry>| {
        let watched = std::fs::read_to_string(entry.unwrap().path()).ok()?;
        let watched = watched.lines().filter_map(|line| line.strip_prefix("tfd:"));
        let numbers = watched.filter_map(|rest| rest.split_whitespace().next());
        let mut clients: Vec<String> = { numbers.filter(|number| is_client(number)) }
            .map(str::to_owned)
            .collect();
        clients.sort_unstable();
        Some(clients)
    };
    // An epoll may have several descriptors.
    let all: std::collections::BTreeSet<Vec<String>> = std::fs::read_dir(process.join("fdinfo"))
        .unwrap()
        .filter_map(looked_at)
        .collect();
    let mut counts: Vec<usize> = all
        .iter()
        .map(Vec::len)
        .filter(|count| *count > 0)
        .collect();
    counts.sort_unstable();
    counts
}

#[test]
#[cfg(target_os = "linux")]
fn connections_are_spread_over_the_workers() {
    let app = Recorder::start();
    let config = "[tls]\nmode = \"off\"\n[listen]\nworkers = 4\n";
    let gateway = Gateway::before(&app.origin(), config);
    let mut wrong = Verdicts::default();
    let mut open: Vec<support::Raw> = Vec::new();
    let one_more = |open: &mut Vec<support::Raw>| {
        let mut socket = support::Raw::open(gateway.address());
        socket.send(b"HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        let head = socket.read_until("\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        open.push(socket);
    };
    for _ in 0..16 {
        one_more(&mut open);
    }
    wrong.equal("16 of 4", of_each_worker(&gateway), vec![4; 4]);
    for _ in 0..8 {
        one_more(&mut open);
    }
    let counts = of_each_worker(&gateway);
    wrong.check(counts.len() == 4 && counts[3] - counts[0] <= 2, || {
        format!("24 of 4: {counts:?}")
    });
    wrong.settle();
}

/// The processes that have ended and been told to nobody, in whose `stat` the name of `program` is.
fn zombies(program: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let stats =
        processes.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    let is_one = |stat: &String| stat.contains(&format!("({program}) Z "));
    stats.filter(is_one).count()
}

#[test]
fn as_the_first_process_of_a_container_it_keeps_no_zombies() {
    let setup = Gateway::setup();
    // A name of their own: other tests run beside this one.
    let helper = setup.dir().join("orphan-helper");
    std::fs::copy("/bin/sleep", &helper).unwrap();
    let helper = helper.display();
    let script = format!("for number in 1 2 3 4 5; do ({helper} 0.3 &); done; exec \"$0\" \"$@\"");
    let mut command = vec!["sh".to_owned(), "-c".to_owned(), script];
    command.extend(test_app("moody.mjs"));
    let mut through = vec!["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];
    if !rustix::process::geteuid().is_root() {
        through.push("--map-root-user");
    }
    let gateway = setup
        .config("[tls]\nmode = \"off\"\n")
        .command(&command)
        .through(&through)
        .start();
    let limit = Duration::from_secs(30);
    // That of the kernel has fifteen letters at most.
    let left = || zombies("orphan-helper");
    wait_for("helpers that have lost their parent", limit, || {
        (left() == 5).then_some(())
    });
    wait_for("none of them", limit, || (left() == 0).then_some(()));
    let page = curl("/dev/null".as_ref(), &[&gateway.url("/")]);
    assert_eq!(page.status, 200);
}
