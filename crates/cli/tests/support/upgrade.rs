//! Gateways that follow one another, and either end of what they say to each other.

use std::fs;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{Gateway, Process, panoply, text, wait_for};

/// Whoever serves at last; it ends with the test.
#[derive(Debug)]
pub(crate) struct Last(pub(crate) PathBuf);

impl Last {
    pub(crate) fn of(gateway: &Gateway) -> Self {
        Self(gateway.dir.path().join("state"))
    }

    pub(crate) fn status(&self) -> Option<Value> {
        serde_json::from_str(&self.ask(&["status", "--json"]).1).ok()
    }

    pub(crate) fn process(&self) -> Option<Pid> {
        let process = self.status()?["process"].as_i64()?;
        Pid::from_raw(i32::try_from(process).ok()?)
    }

    /// `panoply upgrade`: whether it succeeded, and what it said.
    pub(crate) fn upgrade(&self) -> (bool, String) {
        self.ask(&["upgrade"])
    }

    /// A command that asks whoever serves: whether it succeeded, and what it said.
    pub(crate) fn ask(&self, arguments: &[&str]) -> (bool, String) {
        let mut command = panoply();
        command.args(arguments).arg("--state").arg(&self.0);
        let output = command.output().unwrap();
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        (output.status.success(), said)
    }

    pub(crate) fn stop(&self) {
        if let Some(process) = self.process() {
            let _ = kill_process(process, Signal::TERM);
            ended(process);
        }
    }
}

impl Drop for Last {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Waits for the end of a process that is nobody's, or somebody else's.
pub(crate) fn ended(process: Pid) {
    wait_for("a process to end", Duration::from_secs(20), || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
        // Nobody may be there to ask how it ended.
        let gone = stat.is_err() || stat.is_ok_and(|stat| stat.contains(") Z "));
        gone.then_some(())
    });
}

/// The process that has started `process`.
pub(crate) fn parent(process: Pid) -> Pid {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).unwrap();
    let behind = stat.rsplit(") ").next().unwrap();
    let parent = behind.split(' ').nth(1).unwrap().parse().unwrap();
    Pid::from_raw(parent).unwrap()
}

/// A command for an app that says its process in a file, and serves once it is let.
#[derive(Debug)]
pub(crate) struct Gate(PathBuf);

impl Gate {
    pub(crate) fn of(gateway: &Gateway) -> Self {
        Self(gateway.dir.path().join("gate"))
    }

    pub(crate) fn command(&self, app: &[String]) -> Vec<String> {
        let gate = self.0.display();
        let script = format!(
            "echo $$ > {gate}.new; mv {gate}.new {gate}.process\n\
             while [ ! -e {gate}.open ]; do sleep 0.05; done\nexec \"$@\""
        );
        let mut command = vec!["sh".to_owned(), "-c".to_owned(), script, "sh".to_owned()];
        command.extend_from_slice(app);
        command
    }

    /// Waits for the app to come to it.
    pub(crate) fn reached(&self) -> Pid {
        let file = self.0.with_extension("process");
        let process = wait_for("the app at its gate", Duration::from_secs(20), || {
            fs::read_to_string(&file).ok()
        });
        fs::remove_file(&file).unwrap();
        Pid::from_raw(process.trim().parse().unwrap()).unwrap()
    }

    pub(crate) fn open(&self) {
        fs::write(self.0.with_extension("open"), "").unwrap();
    }
}

/// Puts a program in place of another in one step, as a package does.
pub(crate) fn install(from: &Path, to: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let new = to.with_extension("new");
    fs::copy(from, &new).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(&new, to).unwrap();
}

/// What systemd is told.
#[derive(Debug)]
pub(crate) struct Systemd(UnixDatagram);

impl Systemd {
    /// At `path`, which is `NOTIFY_SOCKET` for whoever tells.
    pub(crate) fn at(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Self(socket)
    }

    /// The next it is told.
    pub(crate) fn told(&self) -> String {
        let mut bytes = [0; 4096];
        let length = self.0.recv(&mut bytes).unwrap();
        text(&bytes[..length])
    }
}

/// One end of what two gateways say to each other, for what no gateway does by itself.
#[derive(Debug)]
pub(crate) struct Line(OwnedFd);

impl Line {
    /// That of a gateway which this one hands over to, introduced and with a socket to listen on at `listener`;
    /// its configuration is `file`, its state beside that.
    pub(crate) fn to_heir(file: &Path, listener: &TcpListener) -> (Self, Process) {
        let (line, its) = Self::pair();
        let mut command = panoply();
        command.args(["run", "--config"]).arg(file).arg("--state");
        command.arg(file.with_file_name("state"));
        command.env("PANOPLY_HANDOVER", "1");
        let gateway = Process::start_with_input(&mut command, Stdio::from(its));
        // It holds the other end as well.
        drop(command);
        let null = fs::File::open("/dev/null").unwrap();
        line.say(&json!({"Hello": {"version": 2}}), &[null.as_fd()]);
        let address = listener.local_addr().unwrap();
        let sockets = json!({"Sockets": {"entrance": "Http", "address": address}});
        line.say(&sockets, &[listener.as_fd()]);
        (line, gateway)
    }

    pub(crate) fn pair() -> (Self, OwnedFd) {
        let (unix, packets) = (AddressFamily::UNIX, SocketType::SEQPACKET);
        let (ours, its) = socketpair(unix, packets, SocketFlags::CLOEXEC, None).unwrap();
        (Self::patient(ours), its)
    }

    /// That of a program which a gateway has started.
    pub(crate) fn of_stdin() -> Self {
        Self::patient(std::io::stdin().as_fd().try_clone_to_owned().unwrap())
    }

    fn patient(line: OwnedFd) -> Self {
        set_socket_timeout(&line, Timeout::Recv, Some(Duration::from_secs(30))).unwrap();
        Self(line)
    }

    pub(crate) fn say(&self, word: &Value, with: &[BorrowedFd<'_>]) {
        let bytes = word.to_string().into_bytes();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(with.is_empty() || control.push(SendAncillaryMessage::ScmRights(with)));
        let bytes = [IoSlice::new(&bytes)];
        sendmsg(&self.0, &bytes, &mut control, SendFlags::NOSIGNAL).unwrap();
    }

    /// The next message, and the descriptors that came with it; none at the end.
    pub(crate) fn hear(&self) -> Option<(Value, Vec<OwnedFd>)> {
        let mut bytes = vec![0; 128 << 10];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(64))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut into = [IoSliceMut::new(&mut bytes)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let length = recvmsg(&self.0, &mut into, &mut control, flags)
            .unwrap()
            .bytes;
        let with = { control.drain() }.filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        });
        let with = with.flatten().collect();
        (length > 0).then(|| (serde_json::from_slice(&bytes[..length]).unwrap(), with))
    }

    /// Waits for a message; what comes before is of no interest.
    pub(crate) fn hear_of(&self, word: &str) -> Value {
        loop {
            let (said, _) = self.hear().unwrap_or_else(|| panic!("no {word}"));
            if said == *word || said.get(word).is_some() {
                return said;
            }
        }
    }
}
