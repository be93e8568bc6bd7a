//! What must be found nowhere: secrets of clients, of the site and of the gateway itself, in what is
//! logged, answered, measured and printed, and in what a crash leaves.

use super::support;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::{Signal, geteuid};
use support::{
    Answer, Gateway, Pki, Process, Redis, Verdicts, curl_with, free_port, panoply, raw, test_app,
    text, wait_for,
};

/// What clients send, each found nowhere else.
const SENT: [&str; 10] = [
    "cookie-9b1f77aa",
    "bearer-4c20d1be",
    "YWRhOnBhc3N3b3JkLWJhc2ljLTcx",
    "password-form-5d3a",
    "password-json-88e1",
    "query-token-c0ffee11",
    "api-key-7e7e0d0d",
    "malformed-secret-31",
    "username-ada-4711",
    "upload-secret-9f9f",
];

/// What the site is configured with.
const STORE_PASSWORD: &str = "store-password-6a6b";
const STORE_SECRET: &str = "store-secret-0123456789";
/// What the app says to its own clients.
const FROM_APP: &str = "session-of-the-app-2b2c";

/// An app that sets a cookie, fails as it is told, and repeats nothing.
const APP: &str = r"
import { createServer } from 'node:http';
createServer(async (req, res) => {
  for await (const chunk of req) { void chunk; }
  const { pathname } = new URL(req.url, 'http://app');
  res.setHeader('Set-Cookie', 'connect.sid=session-of-the-app-2b2c; HttpOnly');
  if (pathname === '/hang-up') { req.socket.destroy(); return; }
  if (pathname === '/login') { res.writeHead(401).end('Wrong.\n'); return; }
  if (pathname === '/fails') { res.writeHead(500).end('Internal.\n'); return; }
  res.end('ok\n');
}).listen(process.env.PORT, '127.0.0.1', () => console.log('listens'));
";

/// Asks in every way that is answered, refused or broken off, and keeps all that came back.
fn drive(gateway: &Gateway, ca: &Path) -> Vec<Answer> {
    let secrets = [
        "-H",
        "Cookie: connect.sid=cookie-9b1f77aa; theme=dark",
        "-H",
        "Authorization: Bearer bearer-4c20d1be",
        "-H",
        "X-Api-Key: api-key-7e7e0d0d",
    ];
    let form = "username=username-ada-4711&password=password-form-5d3a";
    let json = r#"{"username":"username-ada-4711","password":"password-json-88e1"}"#;
    let long = format!("X-Long: {}", "api-key-7e7e0d0d".repeat(4000));
    let large = "upload-secret-9f9f".repeat(8000);
    let url = |path: &str| gateway.url(path);
    let token = url("/?token=query-token-c0ffee11");
    let (login, fails) = (url("/login?token=query-token-c0ffee11"), url("/fails"));
    let (hangs_up, other) = (url("/hang-up"), url("/other"));
    let mut asked: Vec<(Vec<&str>, &str)> = vec![
        (vec![&token], ""),
        (vec![&fails], ""),
        (vec![&hangs_up], ""),
        // Too long a head, too large a body, another site, a host that is none.
        (vec!["-H", &long, &token], ""),
        (vec!["--data-binary", "@-", &other], &large),
        (
            vec!["-H", "Sec-Fetch-Site: cross-site", "-d", form, &other],
            "",
        ),
        (vec!["-H", "Host: a b", &token], ""),
        (vec!["-X", "TRACE", &token], ""),
        (
            vec![
                "-H",
                "Authorization: Basic YWRhOnBhc3N3b3JkLWJhc2ljLTcx",
                &token,
            ],
            "",
        ),
    ];
    // Until it is locked, and beyond.
    for _ in 0..13 {
        asked.push((vec!["-d", form, &login], ""));
        asked.push((
            vec!["-H", "Content-Type: application/json", "-d", json, &login],
            "",
        ));
    }
    let mut answers = Vec::new();
    for (arguments, body) in &asked {
        for version in ["--http1.1", "--http2"] {
            let mut all = vec![version];
            all.extend(secrets);
            all.extend(arguments);
            // Some are answered by the end of the connection.
            answers.extend(curl_with(ca, &all, body.as_bytes()).ok());
        }
    }
    answers
}

/// Heads that cannot be read, with secrets in them, over plain HTTP.
fn malformed(address: &str) -> Vec<String> {
    let heads = [
        "GET / HTTP/1.1\r\nHost: a.test\r\nCookie: sid=malformed-secret-31\r\nBad Header: malformed-secret-31\r\n\r\n",
        "GET /?malformed-secret-31 HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\nCookie: malformed-secret-31\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nmalformed-secret-31",
        "malformed-secret-31\r\n\r\n",
        "GET http://malformed-secret-31@a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
    ];
    heads
        .map(|head| raw(address, head.as_bytes()).text())
        .to_vec()
}

fn printed(arguments: &[&str], more: &[PathBuf]) -> String {
    let output = panoply().args(arguments).args(more).output().unwrap();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

/// The lines of a PEM file that are secret.
fn lines_of(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    let lines = text
        .lines()
        .filter(|line| line.len() > 20 && !line.starts_with('-'));
    lines.map(ToOwned::to_owned).collect()
}

#[test]
fn no_secret_is_logged_answered_measured_or_printed() {
    let redis = Redis::start();
    let port = redis.url().rsplit(':').next().unwrap().to_owned();
    let set = ["-p", &port, "config", "set", "requirepass", STORE_PASSWORD];
    assert!(
        Command::new("redis-cli")
            .args(set)
            .status()
            .unwrap()
            .success()
    );
    let mut wrong = Verdicts::default();
    let mut statuses = Vec::new();
    for level in ["debug", "trace"] {
        let setup = Gateway::setup();
        let pki = Pki::new(setup.dir());
        let (certificate, key) = pki.leaf("shop", "DNS:localhost,IP:127.0.0.1");
        let script = setup.dir().join("app.mjs");
        fs::write(&script, APP).unwrap();
        let config = format!(
            "[tls]\ncertificate = {certificate:?}\nkey = {key:?}\n\
             [log]\nlevel = {level:?}\n[limits]\nbody_bytes = \"64KiB\"\n\
             [store]\nurl = \"redis://:{STORE_PASSWORD}@127.0.0.1:{port}\"\nsecret = {STORE_SECRET:?}\n\
             [[limit]]\npath = \"/fails\"\npoints = 1\nwindow = \"1h\"\n"
        );
        let command = ["node".to_owned(), script.display().to_string()];
        let mut gateway = setup.config(&config).command(&command).start();
        let state = gateway.dir.path().join("state");
        let answers = drive(&gateway, &pki.ca());
        wrong.check(answers.len() > 60, || format!("{} answers", answers.len()));
        statuses.extend(answers.iter().map(|answer| answer.status));
        let plain = gateway.http.clone().unwrap();
        let refusals = malformed(support::authority(&plain));
        wrong.check(
            refusals.iter().all(|refusal| refusal.contains(" 400 ")),
            || refusals.join("\n"),
        );
        let admin = gateway.admin.clone();
        let admin = |path: &str| {
            let answer = curl_with(Path::new("/dev/null"), &[&format!("{admin}{path}")], b"");
            answer.map_or_else(|error| error, |answer| answer.text())
        };
        // A reload that fails says what is wrong, not what is secret.
        let broken = format!("{config}secrte = \"{STORE_SECRET}\"\n");
        fs::write(gateway.config_path(), &broken).unwrap();
        gateway.process.signal(Signal::HUP);
        gateway
            .process
            .line_with(&["secrte"], Duration::from_secs(5));
        let config_file = [gateway.config_path()];
        let broken = printed(&["check", "--config"], &config_file);
        fs::write(gateway.config_path(), &config).unwrap();
        gateway.process.signal(Signal::HUP);
        gateway
            .process
            .line_with(&["has been reloaded"], Duration::from_secs(5));

        let bodies = answers
            .iter()
            .map(Answer::text)
            .collect::<Vec<_>>()
            .join("\n");
        let headers = answers.iter().filter(|answer| answer.status != 200);
        let headers = headers.flat_map(|answer| &answer.headers);
        let headers = headers.filter(|(name, _)| !name.eq_ignore_ascii_case("set-cookie"));
        let headers: Vec<String> = headers
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        let at_state = [state.clone()];
        let places = [
            ("log", gateway.process.said().join("\n")),
            ("answers", bodies),
            ("headers", headers.join("\n")),
            ("refusals", refusals.join("\n")),
            ("metrics", admin("/metrics")),
            ("health", admin("/health")),
            ("admin", admin("/")),
            ("check", printed(&["check", "--config"], &config_file)),
            ("check of what is wrong", broken),
            ("status", printed(&["status", "--state"], &at_state)),
            (
                "status as JSON",
                printed(&["status", "--json", "--state"], &at_state),
            ),
            ("blocks", printed(&["blocks", "list", "--state"], &at_state)),
            ("keys", printed(&["keys", "list", "--state"], &at_state)),
        ];
        let mut secrets: Vec<String> = SENT.map(ToOwned::to_owned).to_vec();
        secrets.extend([STORE_PASSWORD, STORE_SECRET, FROM_APP].map(ToOwned::to_owned));
        secrets.push("password-basic-71".to_owned());
        secrets.extend(lines_of(&key));
        secrets.extend(lines_of(&state.join("keys")));
        for (place, said) in &places {
            wrong.check(!said.is_empty(), || format!("nothing in {place}"));
            for secret in &secrets {
                wrong.check(!said.contains(secret), || {
                    let at = said
                        .lines()
                        .find(|line| line.contains(secret))
                        .unwrap_or_default();
                    format!("{level}: {secret} in {place}: {}", &at[..at.len().min(300)])
                });
            }
        }
        // What was looked for is found where it is.
        let answered = answers
            .iter()
            .any(|answer| answer.header("set-cookie").is_some());
        wrong.check(answered, || "the app set no cookie".to_owned());
        wrong.check(places[0].1.contains("/login"), || {
            "nothing was logged".to_owned()
        });
    }
    for status in [200, 400, 401, 403, 413, 429, 431, 502] {
        wrong.check(statuses.contains(&status), || {
            format!("no answer was {status}: {statuses:?}")
        });
    }
    wrong.settle();
}

/// A gateway that may leave as large a core as it likes, if it leaves one; where cores would lie.
fn crashing(more: &str) -> (Process, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    fs::write(dir.path().join("panoply.toml"), more).unwrap();
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = format!("http://{}", upstream.local_addr().unwrap());
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -c unlimited; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_panoply"))
        .args(["run", "--upstream", &upstream, "--state", "state"])
        .args(["--listen-http", "127.0.0.1:0"])
        .args(["--listen-https", &format!("127.0.0.1:{}", free_port())])
        .current_dir(dir.path());
    if geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    let mut process = Process::start(&mut command);
    process.line_with(&["ready at"], Duration::from_secs(20));
    (process, dir)
}

fn core_limit(process: &Process) -> String {
    let limits = fs::read_to_string(format!("/proc/{}/limits", process.id())).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    line.split_whitespace()
        .skip(4)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Whether a process of the same user can look into the memory.
fn can_be_read(process: &Process) -> bool {
    let mut command = Command::new("cat");
    command.arg(format!("/proc/{}/maps", process.id()));
    let maps = as_same_user(&mut command).output().unwrap();
    let mut command = Command::new("head");
    command
        .args(["-c", "0"])
        .arg(format!("/proc/{}/mem", process.id()));
    let memory = as_same_user(&mut command).output().unwrap();
    maps.status.success() || memory.status.success()
}

fn as_same_user(command: &mut Command) -> &mut Command {
    if geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    command
}

#[test]
fn a_crash_leaves_nothing_and_nobody_looks_into_the_memory() {
    // A machine may send cores elsewhere; the limit is the same there.
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    let lies_beside = !pattern.starts_with(['|', '/']);
    let cores = |dir: &tempfile::TempDir| {
        let files = fs::read_dir(dir.path()).unwrap().flatten();
        let names = files.map(|file| file.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with("core")).count()
    };
    let mut wrong = Verdicts::default();
    for signal in [Signal::SEGV, Signal::ABORT] {
        let (mut process, dir) = crashing("");
        wrong.equal("the limit", core_limit(&process), "0 0 bytes".to_owned());
        wrong.check(!can_be_read(&process), || {
            "the memory can be read".to_owned()
        });
        // Rust's runtime looks at the first of these itself, whether a stack has overflown.
        wait_for("the crash", Duration::from_secs(10), || {
            process.signal(signal);
            (!process.is_running()).then_some(())
        });
        let status = process.status(Duration::from_secs(1));
        wrong.check(!status.success(), || format!("{status}"));
        wrong.check(!status.to_string().contains("core dumped"), || {
            format!("{status}")
        });
        wrong.equal("cores", cores(&dir), 0);
    }
    // What was looked for is there once it is allowed.
    let (mut process, dir) = crashing("[run]\ndanger_core_dumps = true\n");
    wrong.check(core_limit(&process).starts_with("unlimited"), || {
        core_limit(&process)
    });
    wrong.check(can_be_read(&process), || {
        "it is hidden all the same".to_owned()
    });
    process.signal(Signal::ABORT);
    process.status(Duration::from_secs(30));
    if lies_beside {
        wait_for("a core", Duration::from_secs(5), || {
            (cores(&dir) == 1).then_some(())
        });
    }
    let said = panoply()
        .args(["check", "--upstream", "http://127.0.0.1:9"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    wrong.check(
        text(&said.stdout).contains("run.danger_core_dumps: "),
        || text(&said.stdout),
    );
    wrong.settle();
}

#[test]
fn an_app_s_crash_leaves_nothing_either() {
    let gateway = Gateway::setup()
        .config("[tls]\nmode = \"off\"\n")
        .command(&test_app("moody.mjs"));
    let gateway = gateway.start();
    let page = support::curl(Path::new("/dev/null"), &[&gateway.url("/")]).text();
    let app = page.trim_start_matches("pid ").trim().to_owned();
    let limits = fs::read_to_string(format!("/proc/{app}/limits")).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let words: Vec<&str> = line.unwrap().split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"]);
}

#[test]
fn the_app_is_not_told_what_is_the_gateway_s_alone() {
    let setup = Gateway::setup()
        .environment("PANOPLY_ADMIN_TOKEN", "token-of-the-admin-page-0123456789")
        .environment("PANOPLY_STORE_SECRET", &"secret-of-the-store-".repeat(3))
        .environment("A_SETTING_OF_THE_APP", "its own");
    let told = setup.dir().join("told");
    let script = format!(
        "env > '{}' && exec python3 -m http.server --bind 127.0.0.1 $PORT",
        told.display()
    );
    let gateway = setup
        .command(&["sh".to_owned(), "-c".to_owned(), script])
        .start();
    let told = fs::read_to_string(told).unwrap();
    assert!(told.contains("A_SETTING_OF_THE_APP=its own"), "{told}");
    assert!(!told.contains("-of-the-"), "{told}");
    drop(gateway);
}

/// What others on the machine can read of it, or replace, is said by all who are asked how it stands.
#[test]
fn what_others_can_read_is_told_with_what_to_write() {
    let setup = Gateway::setup();
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let state = setup.dir().join("state");
    let pki = Pki::new(setup.dir());
    let (certificate, key) = pki.leaf("shop", "DNS:localhost,IP:127.0.0.1");
    let own = setup.dir().join("own-key.pem");
    fs::copy(&key, &own).unwrap();
    fs::create_dir(&state).unwrap();
    fs::write(state.join("secret"), "0123456789abcdef0123456789abcdef").unwrap();
    mode(setup.dir(), 0o755);
    mode(&state, 0o777);
    mode(&state.join("secret"), 0o644);
    mode(&own, 0o644);
    let config = format!(
        "[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n",
        certificate.display(),
        own.display()
    );
    let gateway = setup
        .config(&config)
        .command(&test_app("moody.mjs"))
        .start();
    let shown = state.display();
    let told = [
        format!("`chmod o-w {shown}`"),
        format!("`secret`: `chmod o-rwx {shown}/secret`"),
        format!("`chmod o-rwx {}`", own.display()),
    ];
    let asked = |command: &[&str]| {
        let mut asked = panoply();
        asked.args(command).arg("--state").arg(&state);
        text(&asked.output().unwrap().stdout)
    };
    let config = gateway.config_path().display().to_string();
    let check = [
        "check",
        "--config",
        &config,
        "--upstream",
        "http://127.0.0.1:1",
    ];
    let mut wrong = Verdicts::default();
    for told in &told {
        let log = wait_for("the log", Duration::from_secs(10), || {
            let said = gateway.process.said().join("\n");
            said.contains(told.as_str()).then_some(said)
        });
        wrong.equal("once", log.matches(told.as_str()).count(), 1);
        for asked in [asked(&["status"]), asked(&check)] {
            wrong.check(asked.contains(told.as_str()), || format!("{told}: {asked}"));
        }
    }
    mode(&own, 0o640);
    mode(&state.join("secret"), 0o600);
    mode(&state, 0o700);
    let said = asked(&check);
    wrong.check(!said.contains("chmod"), || said);
    wrong.settle();
}
