//! Tasks and passes as they go out: sealed, each for one host.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use panoply_cookies::{KeyRing, Sealer};
use panoply_core::Clock;

use super::pass::{Pass, is_ahead, wide};
use super::solution::Solution;

/// Seals and opens.
#[derive(Debug)]
pub(super) struct Seals {
    sealer: ArcSwap<Sealer>,
    clock: Arc<dyn Clock>,
}

/// How long a task may take at most; a page that was left in the background is given another.
const TASK: Duration = Duration::from_mins(5);

/// What is sealed for the site's cookies opens as none of these.
const SITE: &str = "panoply challenge 1";

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

    /// A task of so many bits, for a pass that is good for `lasts`: so much of it is left in any case to who has solved it.
    pub(super) fn task(
        &self,
        caller: &Caller,
        bits: u8,
        lasts: Duration,
    ) -> Result<String, panoply_cookies::Error> {
        let mut task = wide(caller.network).octets().to_vec();
        task.extend(self.now().to_be_bytes());
        task.push(bits);
        let time = TASK.min(lasts / 2);
        self.sealer.load().seal(&caller.name("task"), &task, time)
    }

    /// When the task was given that somebody has solved, if it was given to him and has so many bits at least. From then
    /// on his pass is good, so that nobody has a longer one for sending a solution again.
    pub(super) fn solved(&self, caller: &Caller, solution: Solution<'_>, least: u8) -> Option<u64> {
        let opened = self.sealer.load().open(&caller.name("task"), solution.task);
        let opened = opened.ok()?;
        let (bits, rest) = opened.value.split_last()?;
        let (network, at) = rest.split_first_chunk::<16>()?;
        let at = u64::from_be_bytes(at.try_into().ok()?);
        let is_own = *network == wide(caller.network).octets() && !is_ahead(at, self.now());
        (is_own && *bits >= least && solution.solves(*bits)).then_some(at)
    }

    /// A pass, and whether it should be sealed anew whatever its age.
    pub(super) fn open(&self, caller: &Caller, sealed: &[u8]) -> Option<(Pass, bool)> {
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
        let end: Option<SystemTime> = UNIX_EPOCH.checked_add(Duration::from_secs(pass.ends(lasts)));
        let end = end.unwrap_or(UNIX_EPOCH);
        { self.sealer.load() }.seal_until(&caller.name("pass"), &pass.to_bytes(), end)
    }
}

impl Caller {
    fn name(&self, what: &str) -> String {
        format!("{what} {}", self.host)
    }
}
