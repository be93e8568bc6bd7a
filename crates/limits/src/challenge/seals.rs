//! Tasks and passes as they go out: sealed, each for one host.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use panoply_cookies::{KeyRing, Sealer};
use panoply_core::Clock;

use super::pass::{Pass, wide};
use super::solution::Solution;

/// Seals and opens.
#[derive(Debug)]
pub(super) struct Seals {
    sealer: ArcSwap<Sealer>,
    clock: Arc<dyn Clock>,
}

/// How long a task may take; a page that was left in the background is given another.
const TASK: Duration = Duration::from_mins(5);

/// What is sealed for the site's cookies opens as none of these.
const SITE: &str = "panoply challenge 1";

/// No pass is longer, in bytes: one of four networks has some 210.
const MOST: usize = 320;

/// Who asks, for which host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) network: IpAddr,
    pub(super) host: String,
}

impl Seals {
    pub(super) fn new(keys: &KeyRing, clock: Arc<dyn Clock>) -> Self {
        let seals = Self {
            sealer: ArcSwap::from_pointee(Sealer::new(keys, SITE)),
            clock,
        };
        seals.use_keys(keys);
        seals
    }

    pub(super) fn use_keys(&self, keys: &KeyRing) {
        let sealer = Sealer::new(keys, SITE).clock(Arc::clone(&self.clock));
        self.sealer.store(Arc::new(sealer));
    }

    /// Since 1970, in seconds.
    pub(super) fn now(&self) -> u64 {
        let since = self.clock.wall().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| since.as_secs())
    }

    /// A task of so many bits.
    pub(super) fn task(&self, caller: &Caller, bits: u8) -> Result<String, panoply_cookies::Error> {
        let mut task = wide(caller.network).octets().to_vec();
        task.push(bits);
        self.sealer.load().seal(&caller.name("task"), &task, TASK)
    }

    /// Whether somebody has solved a task that was given to him, of so many bits at least.
    pub(super) fn is_solved(&self, caller: &Caller, solution: Solution<'_>, least: u8) -> bool {
        let opened = self.sealer.load().open(&caller.name("task"), solution.task);
        let Ok(opened) = opened else {
            return false;
        };
        let Some((bits, network)) = opened.value.split_last() else {
            return false;
        };
        *network == wide(caller.network).octets() && *bits >= least && solution.solves(*bits)
    }

    /// A pass, and whether it should be sealed anew whatever its age.
    pub(super) fn open(&self, caller: &Caller, sealed: &[u8]) -> Option<(Pass, bool)> {
        if sealed.len() > MOST {
            return None;
        }
        let sealed = str::from_utf8(sealed).ok()?;
        let opened = self.sealer.load().open(&caller.name("pass"), sealed).ok()?;
        Some((Pass::parse(&opened.value)?, opened.is_stale()))
    }

    /// A pass as it goes out.
    pub(super) fn seal(
        &self,
        caller: &Caller,
        pass: &Pass,
        lasts: Duration,
    ) -> Result<String, panoply_cookies::Error> {
        let end: Option<SystemTime> = self.clock.wall().checked_add(lasts);
        let end = end.unwrap_or(UNIX_EPOCH);
        { self.sealer.load() }.seal_until(&caller.name("pass"), &pass.to_bytes(), end)
    }
}

impl Caller {
    fn name(&self, what: &str) -> String {
        format!("{what} {}", self.host)
    }
}
