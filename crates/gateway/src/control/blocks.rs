//! Blocks that are made and lifted by hand, of a client, a network or everybody.

use std::net::IpAddr;
use std::time::Duration;

use panoply::limits::{BlockError, Blocklist};
use panoply_client::Client;
use panoply_core::{Network, Release, StoreError};

use super::message::Said;
use super::server::failed;
use crate::proxy_protocol::Senders;
use crate::settings::Live;

/// What counts as one client at an address, by the configuration in force.
pub(super) fn client(live: &Live, address: IpAddr) -> IpAddr {
    live.suit.client().network_of(address)
}

pub(super) async fn add(live: &Live, client: IpAddr, seconds: Option<u64>) -> Said {
    if let Some(why) = needed_client(live.suit.client(), &live.proxy_protocol, client) {
        return Said::Failed { why };
    }
    let list = live.suit.blocklist();
    match list.add(client, seconds.map(Duration::from_secs)).await {
        Ok(block) => {
            tracing::info!(client.ip = %client, %block, "blocked by hand");
            Said::added(block)
        }
        Err(error) => failed(&error),
    }
}

pub(super) async fn add_network(live: &Live, network: &str, seconds: Option<u64>) -> Said {
    let (list, Some(network)) = (live.suit.blocklist(), Network::parse(network)) else {
        return no_network(network);
    };
    if let Some(client) = live.suit.client().client_of(network) {
        return add(live, client, seconds).await;
    }
    if let Some(why) = needed_network(live.suit.client(), &live.proxy_protocol, network) {
        return Said::Failed { why };
    }
    match list
        .add_network(network, seconds.map(Duration::from_secs))
        .await
    {
        Ok(block) => {
            tracing::info!(%network, %block, "blocked by hand");
            Said::added(block)
        }
        Err(BlockError::Store(error)) => failed(&error),
        Err(error) => Said::Failed {
            why: error.to_string(),
        },
    }
}

/// Why a network cannot be blocked: proxies are in it.
fn needed_network(client: &Client, senders: &Senders, network: Network) -> Option<String> {
    let (proxy, key) = match client.first_proxy_within(network) {
        Some(proxy) => (proxy, "client.trusted_proxies"),
        None => (senders.first_within(network)?, "listen.proxy_protocol"),
    };
    Some(format!(
        "`{network}` holds `{proxy}`, which `{key}` names: what the proxy itself asks, as whether this gateway is \
         well, would be refused. Block networks beside it"
    ))
}

/// Why what counts as one client at `address` cannot be blocked: it is a proxy, or one is in its network.
fn needed_client(client: &Client, senders: &Senders, address: IpAddr) -> Option<String> {
    let network = |bits| Network::new(address, bits);
    let own = { 0..=128 }
        .filter_map(network)
        .find(|&network| client.client_of(network).is_some());
    if let Some(why) = own.and_then(|own| needed_network(client, senders, own)) {
        return Some(why);
    }
    // Where proxies are counted, whoever is nearest is trusted, and none has a name.
    let are_named = network(0).is_some_and(|all| client.first_proxy_within(all).is_some());
    let key = if are_named && client.trusts(address) {
        "client.trusted_proxies"
    } else if senders.include(address) {
        "listen.proxy_protocol"
    } else {
        return None;
    };
    Some(format!(
        "`{address}` is in a network that `{key}` names: what a proxy itself asks from there, as whether this \
         gateway is well, would be refused. If it is none, name the proxies there more narrowly"
    ))
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

/// Closes the whole site.
pub(super) async fn close(list: &Blocklist, seconds: Option<u64>) -> Result<Said, StoreError> {
    let time = seconds.map(Duration::from_secs);
    let block = list.begin_maintenance(time).await?;
    tracing::warn!(%block, seconds, "the site is closed for maintenance by hand");
    Ok(Said::added(block))
}

/// Opens it again.
pub(super) async fn open(list: &Blocklist) -> Result<Said, StoreError> {
    let was_closed = list.end_maintenance().await?;
    if was_closed {
        tracing::warn!("maintenance is over, by hand");
    }
    let count = usize::from(was_closed);
    Ok(Said::Released { count })
}

fn no_network(text: &str) -> Said {
    let why = format!("`{text}` is no network: write it as `203.0.113.0/24` or `2001:db8::/32`");
    Said::Failed { why }
}

#[cfg(test)]
mod tests {
    use panoply_client::ClientConfig;
    use panoply_core::Networks;

    use super::*;

    #[test]
    fn no_proxy_is_blocked_by_hand() {
        let proxies = ["10.0.0.5", "172.16.0.0/12", "2001:db8::5"];
        let named = ClientConfig::new().trusted_proxies(proxies);
        let named = named.build().unwrap();
        let senders = ["192.0.2.7", "198.51.100.0/24", "2001:db9::5"];
        let senders = Senders::new(Networks::parse(&senders).unwrap());
        let (trusted, sender) = ("`client.trusted_proxies`", "`listen.proxy_protocol`");
        for (address, key) in [
            ("10.0.0.5", Some(trusted)),
            ("10.0.0.6", None),
            ("172.16.3.4", Some(trusted)),
            ("2001:db8::", Some(trusted)),
            ("2001:db8:0:1::", None),
            ("192.0.2.7", Some(sender)),
            ("192.0.2.8", None),
            ("198.51.100.9", Some(sender)),
            ("2001:db9::", Some(sender)),
            ("2001:db9:0:1::", None),
        ] {
            let why = needed_client(&named, &senders, address.parse().unwrap());
            let as_wanted = match (&why, key) {
                (Some(why), Some(key)) => why.contains(key),
                (why, key) => why.is_none() && key.is_none(),
            };
            assert!(as_wanted, "{address}: {why:?}");
        }
        for (network, key) in [
            ("10.0.0.0/8", Some(trusted)),
            ("192.0.2.0/24", Some(sender)),
            ("2001:db9::/32", Some(sender)),
            ("203.0.113.0/24", None),
        ] {
            let why = needed_network(&named, &senders, Network::parse(network).unwrap());
            assert_eq!(why.is_some(), key.is_some(), "{network}: {why:?}");
            assert!(why.is_none_or(|why| why.contains(key.unwrap_or_default())));
        }
        // A number of proxies names nobody.
        let counted = ClientConfig::new().hops(1).build().unwrap();
        let nobody = Senders::default();
        let client = "203.0.113.9".parse().unwrap();
        assert_eq!(needed_client(&counted, &nobody, client), None);
    }
}
