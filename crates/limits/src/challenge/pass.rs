//! A pass: from which networks its browser has solved a task, and when.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use smallvec::SmallVec;

/// The networks that a browser has solved a task from, the newest first: one that goes from its WLAN to another network
/// and back, or from IPv6 to IPv4, works once for each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pass(SmallVec<[(Ipv6Addr, u64); MOST]>);

/// As many networks are in one; more would make one that many share.
const MOST: usize = 4;

const EACH: usize = 24;

/// How many seconds a node's clock may be ahead of another's. What is further ahead was made while a clock was wrong, and
/// would be good until long after it was put right.
const AHEAD: u64 = 300;

/// Whether what was made at `at` cannot have been, at `now`.
pub(super) const fn is_ahead(at: u64, now: u64) -> bool {
    at > now.saturating_add(AHEAD)
}

/// How a pass stands for one who shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is another's, or too old.
    None,
    Good,
    /// It is good, and half of its time is over.
    Aged,
}

impl Pass {
    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (each, rest) = bytes.as_chunks::<EACH>();
        if !rest.is_empty() || each.is_empty() || each.len() > MOST {
            return None;
        }
        let one = |each: &[u8; EACH]| {
            let (network, at) = (each.first_chunk::<16>()?, each.last_chunk::<8>()?);
            Some(((*network).into(), u64::from_be_bytes(*at)))
        };
        each.iter().map(one).collect::<Option<_>>().map(Self)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let each = self.0.iter();
        each.flat_map(|(network, at)| network.octets().into_iter().chain(at.to_be_bytes()))
            .collect()
    }

    /// How it stands for a client of this network at `now`, in seconds since 1970, if it is good for `lasts`.
    pub(super) fn standing(&self, network: IpAddr, now: u64, lasts: Duration) -> Standing {
        let network = wide(network);
        let is_own = |(own, at): &&(Ipv6Addr, u64)| *own == network && !is_ahead(*at, now);
        let own = self.0.iter().find(is_own);
        match own.map(|(_, at)| now.saturating_sub(*at)) {
            Some(age) if age * 2 < lasts.as_secs() => Standing::Good,
            Some(age) if age < lasts.as_secs() => Standing::Aged,
            _ => Standing::None,
        }
    }

    /// The same, good for a client of this network since `at`, or since later where it was so; others stay that are good.
    #[must_use]
    pub(super) fn with(&self, network: IpAddr, at: u64, lasts: Duration) -> Self {
        let network = wide(network);
        let (own, others): (SmallVec<[_; MOST]>, SmallVec<[_; MOST]>) =
            { self.0.iter().copied() }.partition(|(of, _)| *of == network);
        let own = own.into_iter().map(|(_, own)| own);
        let since = own.filter(|own| !is_ahead(*own, at)).fold(at, u64::max);
        let is_good = |(_, other): &(Ipv6Addr, u64)| {
            at.saturating_sub(*other) < lasts.as_secs() && !is_ahead(*other, at)
        };
        let others = others.into_iter().filter(is_good);
        let all = std::iter::once((network, since)).chain(others);
        Self(all.take(MOST).collect())
    }

    /// When it is good for nobody any more, in seconds since 1970, if it is good for `lasts`.
    pub(super) fn ends(&self, lasts: Duration) -> u64 {
        let newest = self.0.iter().map(|(_, at)| *at).max();
        newest.unwrap_or(0).saturating_add(lasts.as_secs())
    }
}

/// Addresses of IPv4 are written within IPv6.
pub(super) fn wide(network: IpAddr) -> Ipv6Addr {
    match network {
        IpAddr::V4(network) => network.to_ipv6_mapped(),
        IpAddr::V6(network) => network,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LASTS: Duration = Duration::from_secs(100);

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_network_has_its_own_time() {
        let (home, away) = (ip("203.0.113.9"), ip("2001:db8::"));
        let pass = Pass::default()
            .with(home, 1000, LASTS)
            .with(away, 1040, LASTS);
        assert_eq!(pass.standing(home, 1049, LASTS), Standing::Good);
        assert_eq!(pass.standing(home, 1050, LASTS), Standing::Aged);
        assert_eq!(pass.standing(home, 1099, LASTS), Standing::Aged);
        assert_eq!(pass.standing(home, 1100, LASTS), Standing::None);
        assert_eq!(pass.standing(away, 1100, LASTS), Standing::Aged);
        assert_eq!(
            pass.standing(ip("203.0.113.8"), 1040, LASTS),
            Standing::None
        );
        // Another node's clock may be behind.
        assert_eq!(pass.standing(away, 1000, LASTS), Standing::Good);
        // No clock of a node is so far behind: the pass was made by one that was ahead, and is not good until then.
        assert_eq!(pass.standing(away, 1040 - 301, LASTS), Standing::None);
        let anew = pass.with(away, 700, LASTS);
        assert_eq!((anew.ends(LASTS), anew.to_bytes().len()), (1100, 2 * EACH));
        assert_eq!(pass.with(away, 600, LASTS).ends(LASTS), 700);
        // A shorter time that was set since holds for those that are there.
        let short = Duration::from_secs(10);
        assert_eq!(pass.standing(away, 1050, short), Standing::None);
    }

    #[test]
    fn a_pass_does_not_grow() {
        let networks = (0..9).map(|n| ip(&format!("203.0.113.{n}")));
        let pass = networks.fold(Pass::default(), |pass, network| {
            pass.with(network, 1, LASTS)
        });
        assert_eq!(pass.to_bytes().len(), MOST * EACH);
        assert_eq!(pass.standing(ip("203.0.113.5"), 1, LASTS), Standing::Good);
        assert_eq!(pass.standing(ip("203.0.113.4"), 1, LASTS), Standing::None);
        // A task that was given before is solved once more: it makes nothing older, and nothing newer.
        let again = pass.with(ip("203.0.113.8"), 0, LASTS);
        assert_eq!((again.ends(LASTS), &again), (101, &pass));
        // What is over makes room.
        let later = pass.with(ip("203.0.113.8"), 500, LASTS);
        assert_eq!(later.to_bytes().len(), EACH);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(networks in proptest::collection::vec((any::<IpAddr>(), 0_u64..50), 1..4)) {
            let each = networks.iter();
            let pass = each.fold(Pass::default(), |pass, (network, at)| pass.with(*network, *at, LASTS));
            prop_assert_eq!(Pass::parse(&pass.to_bytes()), Some(pass));
        }

        #[test]
        fn anything_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..130)) {
            if let Some(pass) = Pass::parse(&bytes) {
                prop_assert_eq!(pass.to_bytes(), bytes);
            }
        }
    }
}
