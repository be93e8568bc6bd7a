//! Browsers alone are let in, by hand.

use std::time::Duration;

use panoply::limits::Blocklist;

use super::message::{ChallengeStanding, Said};
use super::server::failed;
use crate::config::Span;
use crate::settings::Live;

/// Asks everybody for a pass.
pub(super) async fn begin(list: &Blocklist, seconds: Option<u64>) -> Said {
    match list.begin_challenge(seconds.map(Duration::from_secs)).await {
        Ok(block) => {
            tracing::warn!(%block, seconds, "browsers alone are let in, by hand");
            Said::Added {
                id: block.to_string(),
            }
        }
        Err(error) => failed(&error),
    }
}

/// Ends that.
pub(super) async fn end(list: &Blocklist) -> Said {
    match list.end_challenge().await {
        Ok(had_begun) => {
            if had_begun {
                tracing::warn!("not browsers alone are let in any more, by hand");
            }
            Said::Released {
                count: usize::from(had_begun),
            }
        }
        Err(error) => failed(&error),
    }
}

/// Of whom a pass is asked.
pub(super) fn standing(live: &Live) -> Said {
    let (layer, challenged) = (live.suit.challenge(), live.suit.blocklist().challenged());
    let left = challenged.and_then(|challenged| challenged.left);
    Said::Challenge(Box::new(ChallengeStanding {
        everywhere: challenged.is_some(),
        seconds_left: left.map(|left| left.as_secs() + u64::from(left.subsec_nanos() > 0)),
        paths: layer.config().always().to_vec(),
        work: layer.config().bits(),
        passes_given: layer.passes_given(),
    }))
}

/// The same for whoever asks how everything stands, while it is asked everywhere.
pub(super) fn told(live: &Live) -> Option<String> {
    let left = match live.suit.blocklist().challenged()?.left {
        Some(left) => format!("for {} more", Span::seconds(left.as_secs())),
        None => "until that is ended".to_owned(),
    };
    Some(format!(
        "challenge: only browsers that have solved a task are let in {left}; `panoply challenge off` ends it"
    ))
}
