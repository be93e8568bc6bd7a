//! Blocks that are made and lifted by hand.

use std::net::IpAddr;
use std::time::Duration;

use panoply::limits::{BlockError, Blocklist};
use panoply_core::{Network, Release};

use super::message::Said;
use super::server::failed;
use crate::settings::Live;

/// What counts as one client at an address, by the configuration in force.
pub(super) fn client(live: &Live, address: IpAddr) -> IpAddr {
    live.suit.client().network_of(address)
}

pub(super) async fn add(list: &Blocklist, client: IpAddr, seconds: Option<u64>) -> Said {
    match list.add(client, seconds.map(Duration::from_secs)).await {
        Ok(block) => {
            tracing::info!(client.ip = %client, %block, "blocked by hand");
            Said::Added {
                id: block.to_string(),
            }
        }
        Err(error) => failed(&error),
    }
}

pub(super) async fn add_network(live: &Live, network: &str, seconds: Option<u64>) -> Said {
    let (list, Some(network)) = (live.suit.blocklist(), Network::parse(network)) else {
        return no_network(network);
    };
    if let Some(client) = live.suit.client().client_of(network) {
        return add(list, client, seconds).await;
    }
    if let Some(proxy) = live.suit.client().first_proxy_within(network) {
        let why = format!(
            "`{network}` holds `{proxy}`, which `client.trusted_proxies` names: what the proxy itself asks, as \
             whether this gateway is well, would be refused. Block networks beside it"
        );
        return Said::Failed { why };
    }
    match list
        .add_network(network, seconds.map(Duration::from_secs))
        .await
    {
        Ok(block) => {
            tracing::info!(%network, %block, "blocked by hand");
            Said::Added {
                id: block.to_string(),
            }
        }
        Err(BlockError::Store(error)) => failed(&error),
        Err(error) => Said::Failed {
            why: error.to_string(),
        },
    }
}

pub(super) async fn release_client(list: &Blocklist, client: IpAddr) -> Said {
    let count = match list.release(Release::Client(client)).await {
        Ok(count) => count,
        Err(error) => return failed(&error),
    };
    if let (0, Some(network)) = (count, list.find_network(client)) {
        let why = format!(
            "`{client}` is not blocked by itself, but in `{network}`, which is: `panoply blocks release {network}` \
             lets all of it in again"
        );
        return Said::Failed { why };
    }
    tracing::info!(client.ip = %client, count, "released by hand");
    Said::Released { count }
}

pub(super) async fn release_network(live: &Live, network: &str) -> Said {
    let (list, Some(network)) = (live.suit.blocklist(), Network::parse(network)) else {
        return no_network(network);
    };
    if let Some(client) = live.suit.client().client_of(network) {
        return release_client(list, client).await;
    }
    match list.release_network(network).await {
        Ok(count) => {
            tracing::info!(%network, count, "released by hand");
            Said::Released { count }
        }
        Err(error) => failed(&error),
    }
}

fn no_network(text: &str) -> Said {
    let why = format!("`{text}` is no network: write it as `203.0.113.0/24` or `2001:db8::/32`");
    Said::Failed { why }
}
