//! Pebble: Let's Encrypt's own server for tests, with a DNS of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::process::Process;
use super::{Pki, curl, free_port, require};

/// A directory that ends with the test.
#[derive(Debug)]
pub(crate) struct Pebble {
    pub(crate) process: Process,
    _dns: Process,
    dir: TempDir,
    ca: PathBuf,
    port: u16,
    management: u16,
    dns: u16,
    dns_management: u16,
    /// Where it looks for an answer over HTTP, and in a handshake.
    pub(crate) http: u16,
    pub(crate) https: u16,
}

impl Pebble {
    /// `environment` holds its fault options; `more` goes into its configuration.
    pub(crate) fn start(environment: &[(&str, &str)], more: &serde_json::Value) -> Self {
        require("pebble");
        require("pebble-challtestsrv");
        let dir = TempDir::with_prefix("panoply-pebble-").unwrap();
        let pki = Pki::new(dir.path());
        let (certificate, key) = pki.leaf("pebble", "DNS:localhost,IP:127.0.0.1");
        let [port, management, dns, dns_management, http, https] =
            std::array::from_fn(|_| free_port());
        let mut config = serde_json::json!({
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": certificate,
            "privateKey": key,
            "httpPort": http,
            "tlsPort": https,
        });
        let more = more.as_object().cloned().unwrap_or_default();
        config.as_object_mut().unwrap().extend(more);
        let file = dir.path().join("pebble.json");
        let config = serde_json::json!({ "pebble": config });
        std::fs::write(&file, config.to_string()).unwrap();
        let mut servers = Process::start(
            Command::new("pebble-challtestsrv")
                .args(["-dns01", &format!("127.0.0.1:{dns}")])
                .args(["-management", &format!("127.0.0.1:{dns_management}")])
                .args(["-http01", "", "-https01", "", "-tlsalpn01", ""])
                .args(["-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""]),
        );
        servers.line_with(&["management server"], Duration::from_secs(20));
        let process = run(dir.path(), dns, environment);
        Self {
            process,
            _dns: servers,
            ca: pki.ca(),
            dir,
            port,
            management,
            dns,
            dns_management,
            http,
            https,
        }
    }

    /// Without waiting between and within validations.
    pub(crate) fn quick() -> Self {
        Self::start(&[("PEBBLE_VA_NOSLEEP", "1")], &serde_json::Value::Null)
    }

    /// Puts renewal information and profiles in front of it; configurations lead there from now on.
    pub(crate) fn with_renewal_information(&mut self) -> Process {
        require("node");
        let (port, pebble) = (free_port(), self.port);
        let pki = self.dir.path().join("pki");
        let mut stub = Process::start(
            Command::new("node")
                .arg(super::scripts().join("ari.mjs"))
                .args([port.to_string(), pebble.to_string()])
                .args(["pebble.pem", "pebble.key", "ca.pem"].map(|file| pki.join(file))),
        );
        stub.line_with(&["stub ready"], Duration::from_secs(20));
        self.port = port;
        stub
    }

    /// A gateway's configuration for certificates from here.
    pub(crate) fn config(&self, domains: &str, acme: &str) -> String {
        format!(
            "[listen]\nhttp = \"127.0.0.1:{}\"\nhttps = \"127.0.0.1:{}\"\n\
             [tls]\nmode = \"acme\"\ndomains = {domains}\n\
             [acme]\ntemporary_state = true\ndirectories = [\"https://127.0.0.1:{}/dir\"]\n\
             roots = \"{}\"\n{acme}\n",
            self.http,
            self.https,
            self.port,
            self.ca.display()
        )
    }

    /// The root that browsers would have.
    pub(crate) fn root(&self) -> PathBuf {
        let url = format!("https://127.0.0.1:{}/roots/0", self.management);
        let path = self.dir.path().join("root.pem");
        std::fs::write(&path, curl(&self.ca, &[&url]).body).unwrap();
        path
    }

    /// Where it is, and the root of its own certificate.
    pub(crate) fn directory(&self) -> (String, PathBuf) {
        let url = format!("https://127.0.0.1:{}/dir", self.port);
        (url, self.ca.clone())
    }

    /// Ends it, as an outage does.
    pub(crate) fn stop(&mut self) {
        self.process.signal(rustix::process::Signal::KILL);
        self.process.status(Duration::from_secs(10));
    }

    /// Lets it begin anew, on the same port.
    pub(crate) fn start_again(&mut self, environment: &[(&str, &str)]) {
        self.process = run(self.dir.path(), self.dns, environment);
    }

    /// The serial number of the certificate that it issued last.
    pub(crate) fn last_serial(&self) -> String {
        let said = self.process.said();
        let mut issued = said.iter().rev().filter_map(|line| {
            let (_, rest) = line.split_once("Issued certificate serial ")?;
            rest.split_whitespace().next()
        });
        issued.next().unwrap().to_owned()
    }

    /// What it says of a certificate.
    pub(crate) fn status_of(&self, serial: &str) -> String {
        let url = format!(
            "https://127.0.0.1:{}/cert-status-by-serial/{serial}",
            self.management
        );
        let said = curl(&self.ca, &[&url]).json();
        said["Status"].as_str().unwrap().to_owned()
    }

    /// A command for `acme.dns_hook`.
    pub(crate) fn dns_hook(&self) -> PathBuf {
        self.dns_hook_that_says("$3")
    }

    /// One that puts this in the place of the answer, in the shell's words.
    pub(crate) fn dns_hook_that_says(&self, answer: &str) -> PathBuf {
        let path = self.dir.path().join("dns-hook");
        let text = format!(
            "#!/bin/sh\ncase $1 in present) way=set-txt;; *) way=clear-txt;; esac\n\
             echo \"$1 $2\" >> {}\n\
             exec curl -sf -d \"{{\\\"host\\\":\\\"$2.\\\",\\\"value\\\":\\\"{answer}\\\"}}\" http://127.0.0.1:{}/$way\n",
            self.dir.path().join("hook.log").display(),
            self.dns_management
        );
        executable(&path, &text);
        path
    }

    /// What the hook was called with.
    pub(crate) fn hook_log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("hook.log")).unwrap_or_default()
    }

    /// Lets a name's address be another one.
    pub(crate) fn point(&self, name: &str, address: &str) {
        let body = format!("{{\"host\":\"{name}.\",\"addresses\":[\"{address}\"]}}");
        let url = format!("http://127.0.0.1:{}/add-a", self.dns_management);
        let status = Command::new("curl")
            .args(["-sf", "-d", &body, &url])
            .status();
        assert!(status.unwrap().success());
    }

    /// How often it said a line with these words.
    pub(crate) fn count(&self, words: &str) -> usize {
        self.process
            .said()
            .iter()
            .filter(|line| line.contains(words))
            .count()
    }
}

fn run(dir: &Path, dns: u16, environment: &[(&str, &str)]) -> Process {
    let mut process = Process::start(
        Command::new("pebble")
            .arg("-config")
            .arg(dir.join("pebble.json"))
            .args(["-dnsserver", &format!("127.0.0.1:{dns}")])
            .env("PEBBLE_AUTHZREUSE", "0")
            .envs(environment.iter().copied()),
    );
    process.line_with(&["ACME directory available"], Duration::from_secs(20));
    process
}

fn executable(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
