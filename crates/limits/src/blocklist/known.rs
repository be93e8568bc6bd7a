//! What one process knows of the blocks by hand.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use panoply_core::{BlockId, Network};

/// Clients and networks. A network is looked up by each length that one of them has, so that what a request
/// costs does not grow with their number.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    pub(super) clients: HashMap<IpAddr, Entry>,
    networks: HashMap<Network, Entry>,
    /// The lengths that there are, the longest first: of IPv4, and of IPv6.
    lengths: [Vec<u8>; 2],
    pub(super) everybody: Option<Entry>,
    /// Whether everybody has to show that he runs a browser.
    pub(super) challenged: Option<Entry>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) id: BlockId,
    /// By the process's clock; none is for ever.
    pub(super) until: Option<Duration>,
}

/// Who is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whom {
    Client(IpAddr),
    Network(Network),
    Everybody,
    /// Nobody, unless he does not show that he runs a browser.
    Challenged,
}

impl Known {
    pub(super) fn is_empty(&self) -> bool {
        !self.names_somebody() && self.everybody.is_none() && self.challenged.is_none()
    }

    /// Whether any are told by their addresses.
    pub(super) fn names_somebody(&self) -> bool {
        !(self.clients.is_empty() && self.networks.is_empty())
    }

    /// How many are.
    pub(super) fn len(&self) -> usize {
        self.clients.len() + self.networks.len()
    }

    pub(super) fn knows(&self, whom: Whom) -> bool {
        match whom {
            Whom::Client(client) => self.clients.contains_key(&client),
            Whom::Network(network) => self.networks.contains_key(&network),
            Whom::Everybody => self.everybody.is_some(),
            Whom::Challenged => self.challenged.is_some(),
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (Whom, Entry)> {
        let clients =
            { self.clients.iter() }.map(|(client, entry)| (Whom::Client(*client), *entry));
        let networks = self.networks.iter();
        let everybody = self.everybody.map(|entry| (Whom::Everybody, entry));
        let challenged = self.challenged.map(|entry| (Whom::Challenged, entry));
        { clients.chain(networks.map(|(network, entry)| (Whom::Network(*network), *entry))) }
            .chain(everybody)
            .chain(challenged)
    }

    pub(super) fn insert(&mut self, whom: Whom, entry: Entry) {
        match whom {
            Whom::Client(client) => {
                self.clients.insert(client, entry);
            }
            Whom::Network(network) => {
                self.networks.insert(network, entry);
                let [four, six] = &mut self.lengths;
                let lengths = if network.address().is_ipv4() {
                    four
                } else {
                    six
                };
                if !lengths.contains(&network.bits()) {
                    lengths.push(network.bits());
                    lengths.sort_unstable_by(|one, other| other.cmp(one));
                }
            }
            Whom::Everybody => self.everybody = Some(entry),
            Whom::Challenged => self.challenged = Some(entry),
        }
    }

    pub(super) fn retain(&mut self, keep: impl Fn(Whom, &Entry) -> bool) {
        self.clients
            .retain(|client, entry| keep(Whom::Client(*client), entry));
        self.networks
            .retain(|network, entry| keep(Whom::Network(*network), entry));
        self.everybody = { self.everybody }.filter(|entry| keep(Whom::Everybody, entry));
        self.challenged = { self.challenged }.filter(|entry| keep(Whom::Challenged, entry));
        for (lengths, four) in self.lengths.iter_mut().zip([true, false]) {
            let is_used = |bits: u8| {
                let mut left = self.networks.keys();
                left.any(|network| network.bits() == bits && network.address().is_ipv4() == four)
            };
            lengths.retain(|bits| is_used(*bits));
        }
    }

    /// The narrowest network in force that holds the address.
    pub(super) fn network_of(
        &self,
        address: IpAddr,
        in_force: impl Fn(&Entry) -> bool,
    ) -> Option<(Network, Entry)> {
        let [four, six] = &self.lengths;
        let lengths = if address.is_ipv4() { four } else { six };
        lengths.iter().find_map(|bits| {
            let network = Network::new(address, *bits)?;
            let entry = self
                .networks
                .get(&network)
                .filter(|entry| in_force(entry))?;
            Some((network, *entry))
        })
    }
}
