//! What is said over the socket, as JSON.

use std::net::IpAddr;

use panoply_acme::Reason;
use panoply_core::{Block, Subject};
use serde::{Deserialize, Serialize};

use super::decision::{Outcome, OwnedOp};

/// A block in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BlockEntry {
    /// The id, as the log has it.
    pub id: String,
    /// The rule that blocked, such as `login/client`.
    pub rule: String,
    /// `client`, `user`, `user-from` (one user from one client) or `other`.
    pub kind: String,
    /// The client's address, where there is one.
    pub client: Option<IpAddr>,
    /// How much was counted.
    pub count: i64,
    /// How many more seconds; none means until it is released.
    pub seconds_left: Option<u64>,
}

impl From<&Block> for BlockEntry {
    fn from(block: &Block) -> Self {
        let kind = match block.subject {
            Subject::Client(_) => "client",
            Subject::UserFrom(_) => "user-from",
            Subject::User => "user",
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
    /// The app: `up at ADDRESS`, or `starting, or starting again`.
    pub app: String,
    /// The store: `answers`, or `does not answer`.
    pub store: String,
    /// How many blocks are in force, as far as the store tells.
    pub blocks: Option<usize>,
    /// The certificates that are ordered, or in force.
    pub certificates: Vec<CertificateEntry>,
    /// What should be looked at about them, a sentence each.
    pub warnings: Vec<String>,
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
    /// To release the block of this id.
    ReleaseId { id: String },
    /// To forget the failed logins of a user.
    ReleaseUser { user: String },
    /// To release all blocks of a client.
    ReleaseClient { client: IpAddr },
    /// To revoke the certificate for a name, and to order another.
    Revoke { name: String, reason: Reason },
}

/// What is answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Said {
    Status(Box<Status>),
    Blocks(Vec<BlockEntry>),
    Added { id: String },
    Released { count: usize },
    Revoked,
    Upgraded { process: u32 },
    Decided(Box<Outcome>),
    Failed { why: String },
}

/// Blocks in one answer.
pub(super) const PAGE: usize = 500;

/// No message is longer, in bytes.
pub(super) const LONGEST: u64 = 1 << 20;
