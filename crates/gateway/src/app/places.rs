//! Which instance is at which of a name's addresses.

use std::net::SocketAddr;

/// So many places, each with an address or none.
#[derive(Debug)]
pub(super) struct Places {
    taken: Vec<Option<SocketAddr>>,
    /// Whether anything has been told of them.
    told: bool,
}

impl Places {
    pub(super) fn new(most: usize) -> Self {
        Self {
            taken: vec![None; most],
            told: false,
        }
    }

    /// The addresses that have a place, with its number.
    pub(super) fn taken(&self) -> impl Iterator<Item = (usize, SocketAddr)> {
        let taken = self.taken.iter().enumerate();
        taken.filter_map(|(number, address)| Some((number, (*address)?)))
    }

    /// Gives each address that was `found` a place, as long as there are any; what had one keeps it. Tells which places
    /// have changed, at the first time all of them, and how many addresses have none.
    pub(super) fn update(
        &mut self,
        found: &[SocketAddr],
    ) -> (Vec<(usize, Option<SocketAddr>)>, usize) {
        let first = !std::mem::replace(&mut self.told, true);
        let before = self.taken.clone();
        for place in &mut self.taken {
            if place.is_some_and(|address| !found.contains(&address)) {
                *place = None;
            }
        }
        let mut new: Vec<SocketAddr> = found.to_vec();
        // The same on all nodes, in whatever order they are told.
        new.sort_unstable();
        new.dedup();
        new.retain(|address| !self.taken.contains(&Some(*address)));
        let mut new = new.into_iter();
        for place in self.taken.iter_mut().filter(|place| place.is_none()) {
            *place = new.next();
        }
        let changed = before.iter().zip(&self.taken).enumerate();
        let changed = changed.filter(|(_, (before, after))| first || before != after);
        let changed = changed.map(|(number, (_, after))| (number, *after));
        (changed.collect(), new.count())
    }
}

/// Of a name that has addresses of both kinds those of one, since they lead to the same instances: of IPv4 if that is
/// what `keeps` says, or of which one `accepts` connections.
pub(super) async fn of_one_kind(
    found: Vec<SocketAddr>,
    keeps: Option<bool>,
    accepts: impl AsyncFn(&[SocketAddr]) -> bool,
) -> Vec<SocketAddr> {
    let (v4, v6): (Vec<_>, Vec<_>) = found.into_iter().partition(SocketAddr::is_ipv4);
    let is_v4 = match keeps {
        _ if v6.is_empty() => true,
        _ if v4.is_empty() => false,
        Some(is_v4) => is_v4,
        None => accepts(&v4).await || !accepts(&v6).await,
    };
    if is_v4 { v4 } else { v6 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(last: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, last], 3000))
    }

    #[test]
    fn whoever_stays_keeps_his_place() {
        let mut places = Places::new(3);
        let (changed, left) = places.update(&[at(2), at(1), at(2)]);
        assert_eq!(
            (changed, left),
            (vec![(0, Some(at(1))), (1, Some(at(2))), (2, None)], 0)
        );
        assert_eq!(places.update(&[at(1), at(2)]), (Vec::new(), 0));
        // One goes, and two come, of which one has no place.
        let (changed, left) = places.update(&[at(9), at(2), at(8), at(7)]);
        assert_eq!(
            (changed, left),
            (vec![(0, Some(at(7))), (2, Some(at(8)))], 1)
        );
        let (changed, _) = places.update(&[]);
        assert_eq!(changed, [(0, None), (1, None), (2, None)]);
        assert_eq!(places.taken().count(), 0);
    }

    #[tokio::test]
    async fn a_name_of_two_kinds_has_its_instances_once() {
        let six = |last: u16| SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, last], 3000));
        let (v4, v6) = (vec![at(1)], vec![six(1), six(2)]);
        let all = [v6.clone(), v4.clone()].concat();
        // The kind that is in use stays, however many there are of the other.
        for (keeps, kind) in [(true, &v4), (false, &v6)] {
            let kept = of_one_kind(all.clone(), Some(keeps), async |_| panic!("nobody asks"));
            assert_eq!(kept.await, *kind);
            let only = of_one_kind(kind.clone(), Some(!keeps), async |_| panic!("nobody asks"));
            assert_eq!(only.await, *kind);
        }
        // At first the one that accepts connections; it may be that the other cannot be reached from here.
        for (accepting, kind) in [(true, &v4), (false, &v6)] {
            let accepts =
                async |some: &[SocketAddr]| some.iter().all(SocketAddr::is_ipv4) == accepting;
            assert_eq!(of_one_kind(all.clone(), None, accepts).await, *kind);
        }
        assert_eq!(of_one_kind(all, None, async |_| false).await, v4);
    }
}
