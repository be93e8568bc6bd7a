//! Browsers alone are let in, by hand.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use panoply::limits::Blocklist;
use panoply_client::Client;
use panoply_core::{Network, StoreError};

use super::message::{ChallengeStanding, Said};
use super::status::for_more;
use crate::settings::Live;

/// Asks everybody for a pass.
pub(super) async fn begin(list: &Blocklist, seconds: Option<u64>) -> Result<Said, StoreError> {
    let time = seconds.map(Duration::from_secs);
    let block = list.begin_challenge(time).await?;
    tracing::warn!(%block, seconds, "browsers alone are let in, by hand");
    Ok(Said::added(block))
}

/// Ends that.
pub(super) async fn end(list: &Blocklist) -> Result<Said, StoreError> {
    let had_begun = list.end_challenge().await?;
    if had_begun {
        tracing::warn!("not browsers alone are let in any more, by hand");
    }
    let count = usize::from(had_begun);
    Ok(Said::Released { count })
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
        proxies_need_one: layer.config().exempted().is_empty() && has_proxies(live.suit.client()),
    }))
}

fn has_proxies(client: &Client) -> bool {
    let unspecified = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
    unspecified.into_iter().any(|address: IpAddr| {
        // Where proxies are counted, whoever is nearest is one.
        let all = Network::new(address, 0);
        client.trusts(address) || all.is_some_and(|all| client.first_proxy_within(all).is_some())
    })
}

/// The same for whoever asks how everything stands, while it is asked everywhere.
pub(super) fn told(live: &Live) -> Option<String> {
    let left = { live.suit.blocklist().challenged()?.left }
        .map_or_else(|| "until that is ended".to_owned(), for_more);
    Some(format!(
        "challenge: only browsers that have solved a task are let in {left}; `panoply challenge off` ends it"
    ))
}
