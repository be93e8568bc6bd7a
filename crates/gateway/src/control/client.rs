//! The command's end of the socket.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use panoply_acme::Reason;
use panoply_core::Network;

use super::message::{Ask, BlockEntry, ChallengeStanding, LONGEST, Said, Status};
use super::reports::Reports;
use super::{PATIENCE, SOCKET};
use crate::reports::Received;

/// Longest that it takes to say how everything stands: longer than a store that hangs is waited for.
const STANDING: Duration = Duration::from_secs(10);

/// A gateway that runs, by its state directory.
///
/// ```no_run
/// use std::path::Path;
/// use panoply_gateway::Control;
///
/// for block in Control::of(Path::new("state")).blocks()? {
///     println!("{} {}", block.id, block.rule);
/// }
/// # Ok::<(), panoply_gateway::ControlError>(())
/// ```
#[derive(Debug)]
pub struct Control(PathBuf);

/// Why a gateway could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// Nobody answers at the socket.
    #[error("no gateway runs on the state directory {}: name the one of `panoply run` with `--state DIR`", .0.display())]
    Nobody(PathBuf),
    /// There is no such directory, any more or at all.
    #[error(
        "there is no state directory {}: name the one of `panoply run` with `--state DIR`; a gateway that runs is \
         asked again once the one that it uses is back",
        .0.display()
    )]
    NoState(PathBuf),
    /// The directory is somebody else's.
    #[error("{}: permission denied; a gateway is asked by the user that runs it", .0.display())]
    Denied(PathBuf),
    /// It is there, and says nothing.
    #[error("the gateway has said nothing for {} s: it hangs, or waits for what does", .0.as_secs())]
    Silent(Duration),
    /// The socket failed.
    #[error("the gateway broke off")]
    Broken(#[from] io::Error),
    /// The gateway answered that it cannot.
    #[error("{0}")]
    Failed(String),
}

impl Control {
    /// The gateway that runs on this state directory.
    pub fn of(state: &Path) -> Self {
        Self(state.to_owned())
    }

    /// How everything stands.
    ///
    /// # Errors
    ///
    /// When no gateway answers.
    pub fn status(&self) -> Result<Status, ControlError> {
        match self.ask(&Ask::Status)? {
            Said::Status(status) => Ok(*status),
            said => Err(unexpected(said)),
        }
    }

    /// The blocks in force, in the order of their ids.
    ///
    /// # Errors
    ///
    /// When no gateway answers, or its store fails.
    pub fn blocks(&self) -> Result<Vec<BlockEntry>, ControlError> {
        let mut all = Vec::new();
        self.each_block(|block| all.push(block))?;
        Ok(all)
    }

    /// The same, one after the other, of however many there are.
    ///
    /// # Errors
    ///
    /// When no gateway answers, or its store fails; some may have been told by then.
    pub fn each_block(&self, mut told: impl FnMut(BlockEntry)) -> Result<(), ControlError> {
        let mut after = None;
        loop {
            match self.ask(&Ask::List { after })? {
                Said::Blocks(page) => {
                    let Some(last) = page.last() else {
                        return Ok(());
                    };
                    after = Some(last.id.clone());
                    page.into_iter().for_each(&mut told);
                }
                said => return Err(unexpected(said)),
            }
        }
    }

    /// Blocks a client for `time`, or until it is released; gives the block's id.
    ///
    /// # Errors
    ///
    /// When no gateway answers, or its store fails.
    pub fn add(&self, client: IpAddr, time: Option<Duration>) -> Result<String, ControlError> {
        let seconds = time.map(whole_seconds);
        self.added(&Ask::Add { client, seconds })
    }

    /// Blocks all clients of a network for `time`, or until it is released; gives the block's id.
    ///
    /// # Errors
    ///
    /// When it is too wide, or holds this machine or a trusted proxy, no gateway answers, or its store fails.
    pub fn add_network(
        &self,
        network: Network,
        time: Option<Duration>,
    ) -> Result<String, ControlError> {
        let (network, seconds) = (network.to_string(), time.map(whole_seconds));
        self.added(&Ask::AddNetwork { network, seconds })
    }

    /// Releases the block of this id, all blocks of this client's address, or that of this network; says how
    /// many.
    ///
    /// # Errors
    ///
    /// When `key` is none of them, no gateway answers, or its store fails.
    pub fn release(&self, key: &str) -> Result<usize, ControlError> {
        let ask = match key.parse() {
            Ok(client) => Ask::ReleaseClient { client },
            Err(_) => match Network::parse(key) {
                Some(network) => Ask::ReleaseNetwork {
                    network: network.to_string(),
                },
                None => Ask::ReleaseId { id: key.to_owned() },
            },
        };
        self.released(&ask)
    }

    /// Forgets the failed logins of a user and lifts the locks that came of them; says how many
    /// counters there were.
    ///
    /// # Errors
    ///
    /// When no gateway answers, or its store fails.
    pub fn release_user(&self, user: &str) -> Result<usize, ControlError> {
        let user = user.to_owned();
        self.released(&Ask::ReleaseUser { user })
    }

    /// Answers everybody with 503 for `time`, or until it is ended, on all nodes that share the store; gives the
    /// block's id.
    ///
    /// # Errors
    ///
    /// When no gateway answers, or its store fails.
    pub fn begin_maintenance(&self, time: Option<Duration>) -> Result<String, ControlError> {
        let seconds = time.map(whole_seconds);
        self.added(&Ask::BeginMaintenance { seconds })
    }

    /// Ends that; says whether the site was closed.
    ///
    /// # Errors
    ///
    /// When no gateway answers, or its store fails.
    pub fn end_maintenance(&self) -> Result<bool, ControlError> {
        Ok(self.released(&Ask::EndMaintenance)? > 0)
    }

    /// Lets browsers alone in that have solved a task, for `time`, or until it is ended, on all nodes that share the
    /// store; gives the block's id.
    ///
    /// # Errors
    ///
    /// When no gateway answers, or its store fails.
    pub fn begin_challenge(&self, time: Option<Duration>) -> Result<String, ControlError> {
        let seconds = time.map(whole_seconds);
        self.added(&Ask::BeginChallenge { seconds })
    }

    /// Ends that; says whether it had begun.
    ///
    /// # Errors
    ///
    /// When no gateway answers, or its store fails.
    pub fn end_challenge(&self) -> Result<bool, ControlError> {
        Ok(self.released(&Ask::EndChallenge)? > 0)
    }

    /// Of whom a pass is asked.
    ///
    /// # Errors
    ///
    /// When no gateway answers.
    pub fn challenge(&self) -> Result<ChallengeStanding, ControlError> {
        match self.ask(&Ask::Challenge)? {
            Said::Challenge(standing) => Ok(*standing),
            said => Err(unexpected(said)),
        }
    }

    /// Revokes the certificate for `name`, a domain or an address, at the ACME directory that has
    /// issued it, and has another ordered at once.
    ///
    /// # Errors
    ///
    /// When no gateway answers, it holds none, or the directory refuses.
    pub fn revoke(&self, name: &str, reason: Reason) -> Result<(), ControlError> {
        let name = name.to_owned();
        match self.ask(&Ask::Revoke { name, reason })? {
            Said::Revoked => Ok(()),
            said => Err(unexpected(said)),
        }
    }

    /// Has the program that is installed now take over from the gateway that runs; gives the process
    /// that serves from now on.
    ///
    /// # Errors
    ///
    /// When no gateway answers, or the new one does not come to serve: then the old one goes on.
    pub fn upgrade(&self) -> Result<u32, ControlError> {
        match self.ask(&Ask::Upgrade)? {
            Said::Upgraded { process } => Ok(process),
            said => Err(unexpected(said)),
        }
    }

    /// Has the apps that the gateway has started be started anew, without a request that fails: all of them, or the one
    /// that has `app` of the site, which is `/` for that of `[app]`. Gives the process that was the last to serve.
    ///
    /// # Errors
    ///
    /// When no gateway answers, the app is not its own to start, or the new one does not come up: then the old one
    /// goes on.
    pub fn restart(&self, app: Option<&str>) -> Result<u32, ControlError> {
        let ask = app.map_or(Ask::Restart, |app| Ask::RestartOf {
            app: app.to_owned(),
        });
        match self.ask(&ask)? {
            Said::Restarted { process } => Ok(process),
            said => Err(unexpected(said)),
        }
    }

    /// What browsers have reported, and the policies in force.
    ///
    /// # Errors
    ///
    /// When no gateway answers.
    pub fn reports(&self) -> Result<Reports, ControlError> {
        match self.ask(&Ask::Reports)? {
            Said::Reports(reports) => Ok(*reports),
            said => Err(unexpected(said)),
        }
    }

    /// Has the gateway forget what browsers have reported.
    ///
    /// # Errors
    ///
    /// When no gateway answers.
    pub fn forget_reports(&self) -> Result<(), ControlError> {
        match self.ask(&Ask::ForgetReports)? {
            Said::Forgotten => Ok(()),
            said => Err(unexpected(said)),
        }
    }

    /// Has the gateway that has taken over keep what this one was still sent.
    pub(crate) fn pass_on(&self, reports: Vec<Received>) -> Result<(), ControlError> {
        match self.ask(&Ask::PassOn { reports })? {
            Said::Noted => Ok(()),
            said => Err(unexpected(said)),
        }
    }

    /// Has the gateway read its configuration again, as SIGHUP does, and waits until it is in force.
    ///
    /// # Errors
    ///
    /// When no gateway answers, or the configuration is refused.
    pub fn reload(&self) -> Result<(), ControlError> {
        match self.ask(&Ask::Reload)? {
            Said::Reloaded => Ok(()),
            said => Err(unexpected(said)),
        }
    }

    /// The id of what was added.
    fn added(&self, ask: &Ask) -> Result<String, ControlError> {
        match self.ask(ask)? {
            Said::Added { id } => Ok(id),
            said => Err(unexpected(said)),
        }
    }

    /// How many there were.
    fn released(&self, ask: &Ask) -> Result<usize, ControlError> {
        match self.ask(ask)? {
            Said::Released { count } => Ok(count),
            said => Err(unexpected(said)),
        }
    }

    fn ask(&self, ask: &Ask) -> Result<Said, ControlError> {
        let stream = UnixStream::connect(self.0.join(SOCKET));
        let mut stream = stream.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound if !self.0.exists() => ControlError::NoState(self.0.clone()),
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                ControlError::Nobody(self.0.clone())
            }
            io::ErrorKind::PermissionDenied => ControlError::Denied(self.0.clone()),
            _ => ControlError::Broken(error),
        })?;
        let patience = match ask {
            Ask::Status => STANDING,
            _ => PATIENCE + Duration::from_secs(5),
        };
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        let mut bytes = serde_json::to_vec(ask).map_err(io::Error::other)?;
        bytes.push(b'\n');
        let mut line = String::new();
        let answered = stream.write_all(&bytes).and_then(|()| {
            let mut stream = BufReader::new(stream.take(LONGEST));
            stream.read_line(&mut line)
        });
        answered.map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ControlError::Silent(patience),
            _ => ControlError::Broken(error),
        })?;
        Ok(serde_json::from_str(&line).map_err(io::Error::other)?)
    }
}

/// No time at all would be what nobody asks for.
const fn whole_seconds(time: Duration) -> u64 {
    let begun = time.subsec_nanos() > 0;
    time.as_secs().saturating_add(begun as u64)
}

fn unexpected(said: Said) -> ControlError {
    match said {
        Said::Failed { why } => ControlError::Failed(why),
        _ => ControlError::Failed("the gateway answered something else".to_owned()),
    }
}
