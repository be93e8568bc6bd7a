//! What is said over the socket, as JSON.

use std::io;
use std::net::IpAddr;

use panoply_acme::Reason;
use panoply_core::{Block, BlockId, Subject};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use super::decision::{Outcome, OwnedOp};
use super::reports::Reports;
use crate::reports::Received;

/// A block in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BlockEntry {
    /// The id, as the log has it.
    pub id: String,
    /// The rule that blocked, such as `login/client`.
    pub rule: String,
    /// `client`, `network`, `user`, `user-from` (one user from one client) or `other`.
    pub kind: String,
    /// The client's address, where there is one.
    pub client: Option<IpAddr>,
    /// The network, where a whole one is blocked, such as `203.0.113.0/24`.
    #[serde(default)]
    pub network: Option<String>,
    /// How much was counted.
    pub count: i64,
    /// How many more seconds; none means until it is released.
    pub seconds_left: Option<u64>,
}

impl BlockEntry {
    /// Whether somebody has blocked it by hand, so that nothing was counted.
    pub fn is_by_hand(&self) -> bool {
        self.rule.starts_with("block/") || self.is_everybody()
    }

    /// Whether it is no client's: the whole site is closed by it, or open to browsers alone.
    fn is_everybody(&self) -> bool {
        matches!(self.rule.as_str(), "maintenance" | "challenge")
    }

    /// Who is blocked, as a person reads it: an address, a network, or `a user from` an address.
    pub fn who(&self) -> String {
        let client = self.client.map(|client| client.to_string());
        let client = client.unwrap_or_default();
        match self.kind.as_str() {
            "client" => client,
            "user-from" => format!("a user from {client}"),
            "user" => "a user".to_owned(),
            "network" => self.network.clone().unwrap_or_default(),
            _ if self.rule == "challenge" => "all but browsers".to_owned(),
            _ if self.is_everybody() => "everybody".to_owned(),
            _ => "(not kept)".to_owned(),
        }
    }
}

/// Asks by one line, and gives the line that is answered.
pub(super) async fn ask_once(mut stream: UnixStream, ask: &Ask) -> io::Result<String> {
    let mut bytes = serde_json::to_vec(ask)?;
    bytes.push(b'\n');
    stream.write_all(&bytes).await?;
    let mut line = String::new();
    BufReader::new(stream.take(LONGEST))
        .read_line(&mut line)
        .await?;
    Ok(line)
}

impl From<&Block> for BlockEntry {
    fn from(block: &Block) -> Self {
        let kind = match block.subject {
            Subject::Client(_) => "client",
            Subject::UserFrom(_) => "user-from",
            Subject::User => "user",
            Subject::Network(_) => "network",
            _ => "other",
        };
        let left = block
            .left
            .map(|left| left.as_secs() + u64::from(left.subsec_nanos() > 0));
        Self {
            id: block.id().to_string(),
            rule: block.rule.clone(),
            kind: kind.to_owned(),
            client: block.subject.address(),
            network: match block.subject {
                Subject::Network(network) => Some(network.to_string()),
                _ => None,
            },
            count: block.count,
            seconds_left: left,
        }
    }
}

/// How a gateway stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Status {
    /// The version of the gateway.
    #[serde(default)]
    pub version: String,
    /// Its process.
    #[serde(default)]
    pub process: u32,
    /// The app: `up at ADDRESS`, `down at ADDRESS:` and why, or `starting, or starting again`; of one in several
    /// instances, `up`, `down` or `starting`, and how many of them are up.
    pub app: String,
    /// Its instances.
    #[serde(default)]
    pub instances: Vec<InstanceEntry>,
    /// The apps that have a part of the site (`[[route]]`).
    #[serde(default)]
    pub routes: Vec<RouteEntry>,
    /// The store: `answers`, `answers, but` what somebody must act on, or `does not answer`,
    /// with what is wrong where that is known.
    pub store: String,
    /// How many blocks are in force, as far as the store tells; no more than 500 are counted.
    pub blocks: Option<usize>,
    /// The certificates that are ordered, or in force.
    pub certificates: Vec<CertificateEntry>,
    /// What should be looked at about them, and what waits for a restart, a sentence each.
    pub warnings: Vec<String>,
}

impl Status {
    /// How many blocks are in force, for people; nothing while the store does not answer.
    pub fn count_of_blocks(&self) -> Option<String> {
        self.blocks.map(|count| match count {
            PAGE.. => format!("{count} or more"),
            _ => count.to_string(),
        })
    }
}

impl Status {
    /// Whether every app is up.
    pub fn are_apps_up(&self) -> bool {
        let mut apps = self.routes.iter().map(|route| &route.app);
        self.app.starts_with("up") && apps.all(|app| app.starts_with("up"))
    }
}

/// Of whom it is asked to show that he runs a browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChallengeStanding {
    /// Whether it is asked everywhere, because somebody has said so.
    pub everywhere: bool,
    /// For how many more seconds; none means until it is ended.
    pub seconds_left: Option<u64>,
    /// The paths below which it is always asked (`challenge.paths`).
    pub paths: Vec<String>,
    /// How many bits of a hash have to be zero.
    pub work: u8,
    /// How many passes this gateway has given since its start; for a solution that is sent again it gives another.
    pub passes_given: u64,
    /// Whether trusted proxies need one for what they ask in their own name, as `challenge.exempt` names nobody.
    #[serde(default)]
    pub proxies_need_one: bool,
}

/// How the app of a route stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RouteEntry {
    /// What it has of the site: `/api`, `api.shop.example` or `api.shop.example/v2`.
    pub name: String,
    /// As [`Status::app`].
    pub app: String,
    /// Its instances.
    pub instances: Vec<InstanceEntry>,
}

/// How one instance of an app stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InstanceEntry {
    /// Counted from 0, as the app is told in `PANOPLY_INSTANCE`.
    pub number: usize,
    /// `up`, `down` or `starting`.
    pub state: String,
    /// The same in a sentence: where it is, and what is wrong with it.
    pub standing: String,
    /// Its process, if the gateway has started it.
    pub process: Option<u32>,
    /// How many requests it is at, with connections that carry another protocol by now; not counted of one alone.
    pub requests: Option<usize>,
}

/// How one certificate stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CertificateEntry {
    /// The names that it is for.
    pub names: Vec<String>,
    /// `acme`, `files` or `local`.
    pub source: String,
    /// Until when the one that is held is valid, to the minute; none if there is none yet.
    pub valid_until: Option<String>,
    /// What is going on with it.
    pub standing: String,
}

/// What is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Ask {
    /// How everything stands.
    Status,
    /// Whether this gateway is there, all of its workers included.
    Pulse,
    /// To have the program that is installed now take over.
    Upgrade,
    /// To decide in the place of the gateway that asks, which has handed its store over.
    Decide { ops: Vec<OwnedOp> },
    /// The blocks behind an id.
    List { after: Option<String> },
    /// To block a client, for so many seconds or until it is released.
    Add {
        client: IpAddr,
        seconds: Option<u64>,
    },
    /// To block a network.
    AddNetwork {
        network: String,
        seconds: Option<u64>,
    },
    /// To release the block of this id.
    ReleaseId { id: String },
    /// To forget the failed logins of a user.
    ReleaseUser { user: String },
    /// To release all blocks of a client.
    ReleaseClient { client: IpAddr },
    /// To release the block of a network.
    ReleaseNetwork { network: String },
    /// To close the site for so many seconds, or until it is opened again.
    BeginMaintenance { seconds: Option<u64> },
    /// To open it again.
    EndMaintenance,
    /// To let browsers alone in, for so many seconds, or until that is ended.
    BeginChallenge { seconds: Option<u64> },
    /// To end it.
    EndChallenge,
    /// Of whom a pass is asked.
    Challenge,
    /// To revoke the certificate for a name, and to order another.
    Revoke { name: String, reason: Reason },
    /// What browsers have reported.
    Reports,
    /// To forget it.
    ForgetReports,
    /// To keep what was reported to the gateway before this one after it had handed over.
    PassOn { reports: Vec<Received> },
    /// To read the configuration again.
    Reload,
    /// To start all apps anew.
    Restart,
    /// To start the one anew that has this of the site.
    RestartOf { app: String },
}

/// What is answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Said {
    Status(Box<Status>),
    Alive,
    /// Not all workers are.
    Stuck,
    Blocks(Vec<BlockEntry>),
    Added {
        id: String,
    },
    Released {
        count: usize,
    },
    Revoked,
    Upgraded {
        process: u32,
    },
    Decided(Box<Outcome>),
    Reports(Box<Reports>),
    Challenge(Box<ChallengeStanding>),
    Forgotten,
    Noted,
    Reloaded,
    Restarted {
        process: u32,
    },
    Failed {
        why: String,
    },
}

impl Said {
    pub(super) fn added(block: BlockId) -> Self {
        Self::Added {
            id: block.to_string(),
        }
    }
}

/// Blocks in one answer.
pub(super) const PAGE: usize = 500;

/// No message is longer, in bytes.
pub(super) const LONGEST: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn blocks_that_were_not_all_counted_are_no_exact_number() {
        let said = |blocks| {
            let status = Status {
                version: String::new(),
                process: 1,
                app: String::new(),
                instances: Vec::new(),
                routes: Vec::new(),
                store: String::new(),
                blocks,
                certificates: Vec::new(),
                warnings: Vec::new(),
            };
            status.count_of_blocks()
        };
        assert_eq!(said(None), None);
        assert_eq!(said(Some(PAGE - 1)).as_deref(), Some("499"));
        assert_eq!(said(Some(PAGE)).as_deref(), Some("500 or more"));
    }

    proptest! {
        #[test]
        fn both_sides_say_the_same(
            id: String, user: String, client: IpAddr, seconds: Option<u64>, count: i64, why: String
        ) {
            let asks = [
                Ask::Status,
                Ask::Pulse,
                Ask::List { after: Some(id.clone()) },
                Ask::Add { client, seconds },
                Ask::ReleaseId { id: id.clone() },
                Ask::ReleaseUser { user: user.clone() },
                Ask::ReleaseClient { client },
                Ask::AddNetwork { network: user.clone(), seconds },
                Ask::ReleaseNetwork { network: user.clone() },
                Ask::BeginMaintenance { seconds },
                Ask::EndMaintenance,
                Ask::BeginChallenge { seconds },
                Ask::EndChallenge,
                Ask::Challenge,
                Ask::Revoke { name: user.clone(), reason: Reason::default() },
            ];
            for ask in asks {
                let line = serde_json::to_string(&ask).unwrap();
                prop_assert!(!line.contains('\n'), "a message is a line");
                let again: Ask = serde_json::from_str(&line).unwrap();
                prop_assert_eq!(format!("{again:?}"), format!("{ask:?}"));
            }
            let entry = BlockEntry {
                id: id.clone(),
                rule: user,
                kind: why.clone(),
                client: Some(client),
                network: Some(why.clone()),
                count,
                seconds_left: seconds,
            };
            for said in [Said::Blocks(vec![entry]), Said::Added { id }, Said::Failed { why }] {
                let line = serde_json::to_string(&said).unwrap();
                prop_assert!(!line.contains('\n'), "a message is a line");
                let again: Said = serde_json::from_str(&line).unwrap();
                prop_assert_eq!(format!("{again:?}"), format!("{said:?}"));
            }
        }
    }
}
