//! Where counters are kept.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use super::{CounterKey, Decision, Op, Reply, Subject};

/// Keeps counters and blocks.
///
/// Each method is one round trip and is done whole or not at all, whoever else calls at the same
/// time. The meaning of the operations is that of [`Record`](crate::Record); a store may apply it
/// or say the same in its own language.
pub trait CounterStore: fmt::Debug + Send + Sync {
    /// Does all operations of one decision at once, in their order.
    ///
    /// When a condition ([`Action::is_condition`](crate::Action::is_condition)) refuses, nothing is
    /// written at all. The keys of one decision, members included, differ from each other.
    ///
    /// Once the answer is there, a lock that was made survives whatever happens to the process, as
    /// far as the store survives it at all.
    fn decide<'a>(&'a self, ops: &[Op<'_>]) -> Reply<'a, Decision>;

    /// The blocks in force in the order of their ids, from the one behind `after`, `most` at most.
    fn blocks(&self, after: Option<BlockId>, most: usize) -> Reply<'_, Vec<Block>>;

    /// Forgets what was counted about a blocked key and lifts its lock; says how many there were.
    fn release(&self, which: Release) -> Reply<'_, usize>;

    /// What [`decide`](Self::decide) answers, where that is there without waiting, as from memory.
    ///
    /// `None` means that nothing was done, and is the answer unless a store knows better. Whoever
    /// asks this first makes no room for waiting where there is none.
    fn decide_now(&self, ops: &[Op<'_>]) -> Option<Result<Decision, StoreError>> {
        let _ = ops;
        None
    }
}

/// A key that is locked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Block {
    /// The key.
    pub key: CounterKey,
    /// The rule that locked it.
    pub rule: String,
    /// Whom it stands for.
    pub subject: Subject,
    /// The count.
    pub count: i64,
    /// How much longer; none means until it is released.
    pub left: Option<Duration>,
}

impl Block {
    /// A block of `key` by `rule`.
    pub const fn new(
        key: CounterKey,
        rule: String,
        subject: Subject,
        count: i64,
        left: Option<Duration>,
    ) -> Self {
        Self {
            key,
            rule,
            subject,
            count,
            left,
        }
    }

    /// The id by which it is named in logs and lists.
    pub const fn id(&self) -> BlockId {
        BlockId::of(self.key)
    }
}

/// The id of a block: the first 64 bits of its key, written as 16 hexadecimal digits.
///
/// ```
/// use panoply_core::BlockId;
///
/// let id: BlockId = "00c0ffee00c0ffee".parse()?;
/// assert_eq!(id.to_string(), "00c0ffee00c0ffee");
/// # Ok::<(), std::num::ParseIntError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId(u64);

impl BlockId {
    /// The id that a block of `key` has.
    pub const fn of(key: CounterKey) -> Self {
        Self((key.to_bits() >> 64) as u64)
    }
}

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for BlockId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

/// Which blocks to release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Release {
    /// The one of this id.
    Id(BlockId),
    /// All that stand for this client, with a user name or without.
    Client(IpAddr),
}

/// A store that could not do what was asked.
#[derive(Debug)]
pub struct StoreError {
    transient: bool,
    what: &'static str,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// It may work again by itself: the store cannot be reached, is busy, or took too long.
    pub fn transient(what: &'static str) -> Self {
        Self {
            transient: true,
            what,
            source: None,
        }
    }

    /// Somebody must act: no permission, a schema of another version, a disk that is full.
    pub fn permanent(what: &'static str) -> Self {
        Self {
            transient: false,
            ..Self::transient(what)
        }
    }

    /// The cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whether it may work again by itself.
    pub const fn is_transient(&self) -> bool {
        self.transient
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
