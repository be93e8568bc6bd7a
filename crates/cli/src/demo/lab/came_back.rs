//! What comes back to the attacker: stolen cookies, and what browsers report to the gateway.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use panoply_gateway::Report;

/// The most that is kept of either; the oldest makes room.
const MOST: usize = 64;

/// Shared by the page, which stolen goods are sent to, and the gateway, which reports are sent to.
#[derive(Debug, Default)]
pub(crate) struct CameBack(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    loot: VecDeque<Loot>,
    reports: VecDeque<Report>,
}

/// What a script sent from a page that it had no business in.
#[derive(Debug, Clone)]
pub(in crate::demo) struct Loot {
    run: String,
    /// The origin in which the script ran.
    pub(in crate::demo) from: String,
    pub(in crate::demo) cookie: String,
}

impl CameBack {
    /// Takes a report that the gateway was sent.
    pub(crate) fn report(&self, report: &Report) {
        let mut kept = self.kept();
        kept.reports.push_back(report.clone());
        while kept.reports.len() > MOST {
            kept.reports.pop_front();
        }
    }

    /// Takes what a script sent.
    pub(in crate::demo) fn loot(&self, run: &str, from: String, cookie: String) {
        let mut kept = self.kept();
        let run = run.chars().take(64).collect();
        kept.loot.push_back(Loot { run, from, cookie });
        while kept.loot.len() > MOST {
            kept.loot.pop_front();
        }
    }

    /// What the script of this run sent from `origin`.
    pub(in crate::demo) fn loot_from(&self, run: &str, origin: &str) -> Option<Loot> {
        let kept = self.kept();
        let of_this = |loot: &&Loot| loot.run == run && loot.from == origin;
        kept.loot.iter().find(of_this).cloned()
    }

    /// Takes away a report on `page` whose directive begins so.
    pub(super) fn take_report(&self, page: &str, directive: &str) -> Option<Report> {
        let mut kept = self.kept();
        let fits = |report: &Report| report.page == page && report.directive.starts_with(directive);
        let at = kept.reports.iter().position(fits)?;
        kept.reports.remove(at)
    }

    /// Forgets reports, so that the next is of what comes next.
    pub(super) fn forget_reports(&self) {
        self.kept().reports.clear();
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
