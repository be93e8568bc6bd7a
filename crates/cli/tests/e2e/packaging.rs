//! What is handed out beside the program: the units of systemd, and a root that cannot be written.

use super::support;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use rustix::process::{Signal, geteuid};
use support::{App, Pki, Process, Verdicts, curl, free_port, require, root, test_app, text, urls};

fn analyze(arguments: &[&str], at: &Path) -> Output {
    require("systemd-analyze");
    let mut command = Command::new("systemd-analyze");
    command
        .args(arguments)
        .current_dir(at)
        .env("SYSTEMD_COLORS", "0");
    command.output().unwrap()
}

#[test]
fn systemd_takes_the_units_and_finds_them_tight() {
    let dir = tempfile::tempdir().unwrap();
    let units = root().join("packaging/systemd");
    let copy = |name: &str| {
        let unit = fs::read_to_string(units.join(name)).unwrap();
        // The program is not installed where the tests run.
        let unit = unit.replace("/usr/bin/panoply", env!("CARGO_BIN_EXE_panoply"));
        fs::write(dir.path().join(name), unit).unwrap();
    };
    let mut wrong = Verdicts::default();
    let exposure = |most: &str| {
        let most = format!("--threshold={most}");
        let arguments = [
            "security",
            "--offline=true",
            "--no-pager",
            &most,
            "./panoply.service",
        ];
        let output = analyze(&arguments, dir.path());
        let said = text(&output.stdout);
        (
            output.status.success(),
            said.lines().last().unwrap_or_default().to_owned(),
        )
    };
    copy("panoply.service");
    let output = analyze(&["verify", "./panoply.service"], dir.path());
    wrong.check(output.status.success(), || text(&output.stderr));
    wrong.check(!text(&output.stderr).contains("panoply"), || {
        text(&output.stderr)
    });
    // It is ready when its app is, which no other start would hurry.
    let unit = fs::read_to_string(dir.path().join("panoply.service")).unwrap();
    wrong.check(unit.contains("\nTimeoutStartSec=infinity\n"), || {
        "an app that takes its time has the gateway ended".to_owned()
    });
    let (tight, said) = exposure("18");
    wrong.check(tight, || said.clone());

    fs::create_dir(dir.path().join("panoply.service.d")).unwrap();
    copy("panoply.service.d/socket.conf");
    copy("panoply.socket");
    let output = analyze(
        &["verify", "./panoply.service", "./panoply.socket"],
        dir.path(),
    );
    wrong.check(output.status.success(), || text(&output.stderr));
    wrong.check(!text(&output.stderr).contains("panoply"), || {
        text(&output.stderr)
    });
    let (tight, with_socket) = exposure("14");
    wrong.check(tight, || with_socket.clone());
    wrong.check(with_socket < said, || {
        format!("{with_socket}, before: {said}")
    });
    wrong.settle();
}

/// The libraries that the program needs, and what loads them.
fn libraries() -> Vec<String> {
    let output = Command::new("ldd")
        .arg(env!("CARGO_BIN_EXE_panoply"))
        .output()
        .unwrap();
    let said = text(&output.stdout);
    let words = said.split_whitespace().filter(|word| word.starts_with('/'));
    words.map(ToOwned::to_owned).collect()
}

#[test]
fn it_runs_in_a_root_that_cannot_be_written_with_nothing_else_in_it() {
    if !geteuid().is_root() {
        return eprintln!("left out: only root can make such a root");
    }
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("root");
    for below in ["usr/bin", "state", "etc", "proc"] {
        fs::create_dir_all(place.join(below)).unwrap();
    }
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_panoply"), place.join("usr/bin/panoply")).unwrap();
    for library in libraries() {
        let to = place.join(library.trim_start_matches('/'));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(&library, to).unwrap();
    }
    let state = dir.path().join("state");
    fs::create_dir(&state).unwrap();
    chown(&state, Some(65532), Some(65532)).unwrap();
    let app = App::start(&test_app("moody.mjs"));
    let inside = format!(
        "set -e; r={root}; mount --bind $r $r; mount -o remount,ro,bind $r; \
         mount --bind {state} $r/state; mount -t proc proc $r/proc; \
         exec setpriv --no-new-privs chroot --userspec=65532:65532 $r \
         /usr/bin/panoply \"$@\"",
        root = place.display(),
        state = state.display()
    );
    // As the image is run: nobody's user, no capability, nothing that could be had back.
    let panoply = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", &inside, "sh"])
            .args(arguments);
        command
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap());
        command
            .env("PANOPLY_STATE", "/state")
            .env("PANOPLY_APP_UPSTREAM", app.origin());
        command
    };
    let mut wrong = Verdicts::default();
    let health = |code: Option<i32>| {
        let output = panoply(&["health"]).output().unwrap();
        let said = format!(
            "{} {}{}",
            output.status,
            text(&output.stdout),
            text(&output.stderr)
        );
        (output.status.code() == code, said)
    };
    let (is, said) = health(Some(2));
    wrong.check(is, || format!("without a gateway: {said}"));
    let mut gateway = Process::start(
        panoply(&["run"])
            .env("PANOPLY_LISTEN_HTTPS", format!("127.0.0.1:{}", free_port()))
            .env("PANOPLY_LISTEN_HTTP", format!("127.0.0.1:{}", free_port())),
    );
    let ready = gateway.line_with(&["ready at"], Duration::from_secs(20));
    let answer = curl(&state.join("ca.pem"), &[&urls(&ready)[0]]);
    wrong.equal("an answer", answer.status, 200);
    let (is, said) = health(Some(0));
    wrong.check(is, || format!("with a gateway: {said}"));
    // It has not written anywhere else, and could not have.
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.id())).unwrap();
    wrong.check(status.contains("Uid:\t65532"), || status.clone());
    let mut changed = Command::new("find");
    changed.arg(&place).arg("-newer").arg(state.join("secret"));
    let found = text(&changed.output().unwrap().stdout);
    wrong.equal("written elsewhere", found.trim(), "");
    drop(app);
    gateway.signal(Signal::TERM);
    wrong.equal(
        "the end",
        gateway.status(Duration::from_secs(20)).code(),
        Some(0),
    );
    wrong.settle();
}

/// What stands below `name: |` in a manifest.
fn literal(manifest: &str, name: &str) -> String {
    let all = manifest.split_once(&format!("{name}: |\n")).unwrap().1;
    let lines = all
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with("    "));
    lines.map(str::trim_start).collect::<Vec<_>>().join("\n")
}

/// What a container's variables are called, with the key of the secret that each is from.
fn variables(manifest: &str) -> Vec<(String, String)> {
    let each = manifest.split("- name: PANOPLY_").skip(1);
    let of = |text: &str| {
        let name = format!("PANOPLY_{}", text.lines().next().unwrap());
        let key = text.split_once("key: ").unwrap().1;
        (name, key.split(' ').next().unwrap().to_owned())
    };
    each.map(of).collect()
}

#[test]
fn the_pods_of_the_manifest_come_up_once_its_secrets_are_written() {
    let manifest = fs::read_to_string(root().join("packaging/kubernetes/panoply.yaml")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (certificate, key) = Pki::new(dir.path()).leaf("server", "DNS:shop.example");
    let config = literal(&manifest, "panoply.toml")
        .replace("/tls/tls.crt", &certificate.display().to_string())
        .replace("/tls/tls.key", &key.display().to_string())
        .replace("/keys/keys", &dir.path().join("keys").display().to_string());
    fs::write(dir.path().join("panoply.toml"), &config).unwrap();
    let secrets = variables(&manifest);
    let check = |value: &dyn Fn(&str) -> String| {
        let mut command = support::panoply();
        command
            .args(["check", "--state", "state"])
            .current_dir(dir.path())
            .envs(secrets.iter().map(|(name, key)| (name, value(key))));
        command.output().unwrap()
    };
    let shipped = |key: &str| {
        let line = manifest.split_once(&format!("\n  {key}: \"")).unwrap().1;
        line.split('"').next().unwrap().to_owned()
    };
    let keys = support::panoply()
        .args(["keys", "rotate", "--file", "keys"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(keys.status.success(), "{}", text(&keys.stderr));
    let mut wrong = Verdicts::default();
    // Nobody's pods share a secret that stands in a manifest that everybody has.
    let output = check(&shipped);
    wrong.check(!output.status.success(), || "taken as it is".to_owned());
    let said = text(&output.stderr);
    wrong.check(said.contains("openssl rand"), || said.clone());
    let written = |key: &str| match key {
        "store-url" => shipped(key),
        key => format!("{key}-0123456789abcdef"),
    };
    let output = check(&written);
    wrong.check(output.status.success(), || text(&output.stderr));
    // What the admin listener asks for has to be written, too.
    let bare = |key: &str| match key {
        "store-secret" => written(key),
        key => shipped(key),
    };
    let said = text(&check(&bare).stderr);
    wrong.check(said.contains("admin.token"), || said.clone());
    wrong.settle();
}
