//! Apps that are made, and then told what is not seen.

use super::chain::App;
use super::{MOST_NAMED, Rules};
use crate::js::facts::{Loc, StackKind};
use crate::project::is_sample;
use crate::rules::auth::NO_RATE_LIMIT;
use crate::rules::errors::DEFAULT_HANDLER;
use crate::rules::headers::HELMET_MISSING;
use crate::rules::proxy::TRUST_ALL;

impl Rules<'_> {
    /// Says which apps could not be followed: none of what is found of them is all.
    pub(super) fn lost(&mut self) {
        let is_followed = |app: &App| app.is_mounted || self.is_served(app) && !app.is_lost;
        // What one line makes may be followed where one function calls it, and not where another does.
        let followed: Vec<Loc> = { self.apps.iter().filter(|app| is_followed(app)) }
            .map(|app| app.at)
            .collect();
        let mut lost: Vec<String> = Vec::new();
        for app in &self.apps {
            let is_express = app.kind == StackKind::App && app.born.in_production();
            if !is_express || followed.contains(&app.at) {
                continue;
            }
            let Some(place) = self.program.location(app.at) else {
                continue;
            };
            let path = place.source().path();
            let shown = format!("`{path}:{}`", place.position().0);
            if !is_sample(path) && !lost.contains(&shown) {
                lost.push(shown);
            }
        }
        let Some(reason) = not_followed(&lost) else {
            return;
        };
        for rule in [
            &HELMET_MISSING,
            &NO_RATE_LIMIT,
            &TRUST_ALL,
            &DEFAULT_HANDLER,
        ] {
            self.report.not_checked(rule, reason.clone());
        }
    }
}

fn not_followed(lost: &[String]) -> Option<String> {
    let (named, more) = lost.split_at(lost.len().min(MOST_NAMED));
    let all = named.join(", ");
    match (named.len(), more.len()) {
        (0, _) => None,
        (1, _) => Some(format!("the app made at {all} could not be followed")),
        (_, 0) => Some(format!("the apps made at {all} could not be followed")),
        (_, more) => Some(format!(
            "the apps made at {all} and {more} more could not be followed"
        )),
    }
}
