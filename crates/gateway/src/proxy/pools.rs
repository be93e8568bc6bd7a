//! One worker's connections to all instances of the app, and which of them a request goes to.

use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use panoply_core::Clock;

use super::http1::Interims;
use super::pool::Pool;
use crate::app::{Rank, Standing};
use crate::descriptors::Descriptors;

/// One pool for each instance of an app.
#[derive(Debug)]
pub(crate) struct Pools {
    app: Arc<Standing>,
    /// In the order of their numbers.
    all: Box<[Rc<Pool>]>,
    /// The next to be asked of those that have as little to do.
    turn: Cell<usize>,
}

impl Pools {
    /// Of an app that stands so.
    pub(crate) fn new(app: &Arc<Standing>, clock: Rc<dyn Clock>, descriptors: Descriptors) -> Self {
        Self::with(app, Pool::new(clock, descriptors))
    }

    /// Of another app, of the same worker.
    pub(crate) fn beside(&self, app: &Arc<Standing>) -> Self {
        Self::with(app, self.common().beside())
    }

    fn with(app: &Arc<Standing>, mut first: Pool) -> Self {
        if let [one, _, ..] = app.instances() {
            first = first.counted_by(one.number(), one.work());
        }
        let others = app.instances().iter().skip(1);
        let others = others.map(|one| Rc::new(first.beside().counted_by(one.number(), one.work())));
        let others: Vec<_> = others.collect();
        Self {
            app: Arc::clone(app),
            all: std::iter::once(Rc::new(first)).chain(others).collect(),
            turn: Cell::new(0),
        }
    }

    /// How the app stands.
    pub(super) const fn app(&self) -> &Arc<Standing> {
        &self.app
    }

    /// Whether there are several instances.
    pub(crate) const fn are_several(&self) -> bool {
        self.all.len() > 1
    }

    /// What is the same for all of them, such as the moment.
    pub(crate) fn common(&self) -> &Rc<Pool> {
        // There is one at least, whatever the app.
        #[expect(clippy::indexing_slicing, reason = "made of one, and those beside it")]
        &self.all[0]
    }

    /// What the app says ahead of its answers.
    pub(crate) fn interims(&self) -> &Interims {
        self.common().interims()
    }

    /// Goes to where the instances are: nobody who is idle is to keep one that another has taken the place of.
    pub(crate) fn follow(&self) {
        for (pool, instance) in self.all.iter().zip(self.app.instances()) {
            pool.move_to(instance.load().address());
        }
    }

    /// See [`Pool::is_sending`].
    pub(crate) fn is_sending(&self) -> bool {
        self.all.iter().any(|pool| pool.is_sending())
    }

    /// See [`Pool::sweep`].
    pub(crate) fn sweep(&self) {
        self.all.iter().for_each(|pool| pool.sweep());
    }

    /// See [`Pool::make_room`].
    pub(crate) fn make_room(&self) {
        self.all.iter().for_each(|pool| pool.make_room());
    }

    /// The instance for a request: of those that stand best the one that has the least to do or, with a `client`, that
    /// one's own.
    pub(crate) fn choose(&self, client: Option<Client>) -> Choice {
        let mut choice = Choice {
            pool: Rc::clone(self.common()),
            client,
            tried: u64::from(self.all.len() == 1),
        };
        if self.all.len() > 1 {
            self.next(&mut choice, Rank::Away);
        } else if let Some(instance) = self.app.instances().first() {
            choice.pool.move_to(instance.load().address());
        }
        choice
    }

    /// Where there are others, nobody else is sent to that one until it has been seen again.
    pub(super) fn miss(&self, pool: &Rc<Pool>) {
        let is_it = |one: &Rc<Pool>| self.all.len() > 1 && Rc::ptr_eq(one, pool);
        let number = self.all.iter().position(is_it);
        if let Some(instance) = number.and_then(|number| self.app.instance(number)) {
            instance.is_away();
        }
    }

    /// Chooses another one than were tried already that stands no worse than `worst`; whether there is one.
    pub(super) fn next(&self, choice: &mut Choice, worst: Rank) -> bool {
        let turn = self.turn.replace(self.turn.get().wrapping_add(1));
        let all = self.all.len();
        let mut best: Option<((Rank, usize), usize)> = None;
        for number in (0..all).map(|step| (turn % all + step) % all) {
            let instance = { self.app.instance(number) }.filter(|_| !choice.has_tried(number));
            let Some(instance) = instance else {
                continue;
            };
            let burden = match choice.client {
                Some(client) => client.distance(instance.mark()),
                None => instance.work().requests(),
            };
            let worst_of = |rank: Rank| rank.max(instance.work().rank());
            let mark = (worst_of(instance.rank()), burden);
            if mark.0 <= worst && best.is_none_or(|(least, _)| mark < least) {
                best = Some((mark, number));
            }
        }
        let found = best.and_then(|(_, number)| Some((number, self.all.get(number)?)));
        let Some((number, pool)) = found else {
            return false;
        };
        choice.pool = Rc::clone(pool);
        choice.tried |= 1 << number;
        if let Some(instance) = self.app.instance(number) {
            pool.move_to(instance.load().address());
        }
        true
    }
}

/// Which instance a request goes to.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(super) pool: Rc<Pool>,
    /// Whose requests go together.
    client: Option<Client>,
    /// A bit for each that has been chosen.
    tried: u64,
}

impl Choice {
    /// The one at which `pool` is, and no other.
    pub(crate) fn only(pool: &Rc<Pool>) -> Self {
        Self {
            pool: Rc::clone(pool),
            client: None,
            tried: u64::MAX,
        }
    }

    pub(super) const fn client(&self) -> Option<Client> {
        self.client
    }

    /// Whether its client's requests are to go together.
    pub(super) const fn goes_together(&self) -> bool {
        self.client.is_some()
    }

    const fn has_tried(&self, number: usize) -> bool {
        self.tried >> number & 1 == 1
    }
}

/// A client whose requests go to one instance as long as that is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client(u64);

impl Client {
    /// Of this network.
    pub(crate) fn of(network: IpAddr) -> Self {
        let bits = match network {
            IpAddr::V4(ip) => u128::from(ip.to_bits()),
            IpAddr::V6(ip) => ip.to_bits(),
        };
        let (high, low) = (bits >> 64, bits & u128::from(u64::MAX));
        let halves = [high, low].map(|half| u64::try_from(half).unwrap_or_default());
        Self(halves.into_iter().fold(0, |mixed, half| mix(mixed ^ half)))
    }

    /// How far an instance is from it: each instance is the nearest to as many clients, and when it goes, those alone
    /// go elsewhere (rendezvous hashing). The same on all nodes.
    fn distance(self, instance: u64) -> usize {
        usize::try_from(mix(self.0 ^ mix(!instance)) >> 1).unwrap_or(usize::MAX)
    }
}

/// What an instance at an address is known by to its clients, on all nodes.
pub(crate) fn mark(ip: IpAddr) -> u64 {
    Client::of(ip).0
}

/// The finalizer of `SplitMix64`: each bit that goes in changes half of those that come out.
const fn mix(bits: u64) -> u64 {
    let bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use panoply_core::ManualClock;

    use super::*;
    use crate::metrics::Metrics;
    use crate::proxy::AppAddress;
    use crate::proxy::work::MOST_BROKEN;

    fn several(instances: u16) -> (Arc<Standing>, Pools) {
        let app = Standing::new(&Metrics::new(), 0, &"".into(), instances.into());
        let app = Arc::new(app);
        for (one, port) in app.instances().iter().zip(1..) {
            one.found(AppAddress::Tcp(([127, 0, 0, 1], port).into()), true);
        }
        let pools = Pools::new(&app, Rc::new(ManualClock::new()), Descriptors::default());
        (app, pools)
    }

    fn number(pools: &Pools, choice: &Choice) -> usize {
        let is_it = |pool: &Rc<Pool>| Rc::ptr_eq(pool, &choice.pool);
        pools.all.iter().position(is_it).unwrap()
    }

    fn of(client: u32) -> Client {
        Client::of(IpAddr::from(client.to_be_bytes()))
    }

    #[test]
    fn the_one_with_the_least_to_do_is_chosen_and_each_in_turn() {
        let (app, pools) = several(3);
        let numbers = || {
            let next = || number(&pools, &pools.choose(None));
            let mut numbers = [next(), next(), next()];
            numbers.sort_unstable();
            numbers
        };
        assert_eq!(numbers(), [0, 1, 2]);
        let busy = pools.all[1].busy();
        assert!(!numbers().contains(&1));
        drop(busy);
        assert_eq!(numbers(), [0, 1, 2]);
        // Of those that stand best, whatever they have to do.
        app.instances()[0].is_away();
        app.instances()[2].is_away();
        let _busy = pools.all[1].busy();
        assert_eq!(numbers(), [1, 1, 1]);
    }

    #[test]
    fn one_that_breaks_off_what_it_is_given_is_not_taken_for_idle() {
        let (app, pools) = several(2);
        let next = || number(&pools, &pools.choose(None));
        let both = || [next(), next(), next(), next()].contains(&0);
        let bad = app.instances()[0].work();
        for _ in 1..MOST_BROKEN {
            bad.has_broken_off();
        }
        assert!(both());
        bad.has_broken_off();
        assert!(!both());
        // One more is tried once it is seen to accept connections, and has to be answered.
        app.instances()[0].accepts();
        assert!(both());
        bad.has_broken_off();
        assert!(!both());
        bad.has_answered();
        bad.has_broken_off();
        assert!(both());
    }

    #[test]
    fn each_is_tried_once_and_the_worst_at_need() {
        let (app, pools) = several(3);
        app.instances()[0].is_away();
        let mut choice = pools.choose(None);
        let mut tried = vec![number(&pools, &choice)];
        assert!(pools.next(&mut choice, Rank::Down));
        tried.push(number(&pools, &choice));
        tried.sort_unstable();
        assert_eq!(tried, [1, 2]);
        assert!(!pools.next(&mut choice, Rank::Down));
        assert!(pools.next(&mut choice, Rank::Away));
        assert_eq!(number(&pools, &choice), 0);
        assert!(!pools.next(&mut choice, Rank::Away));
        // Where there is but one, nothing else.
        let (_, pools) = several(1);
        let mut choice = pools.choose(None);
        assert!(!pools.next(&mut choice, Rank::Away));
        assert!(pools.common().busy().is_none());
        let mut only = Choice::only(pools.common());
        assert!(!pools.next(&mut only, Rank::Away));
    }

    #[test]
    fn whoever_is_missed_is_not_sent_to() {
        let (app, pools) = several(2);
        pools.miss(&pools.all[0]);
        assert_eq!(app.instances()[0].rank(), Rank::Away);
        assert_eq!(app.instances()[1].rank(), Rank::Up);
        // One alone is asked all the same: nobody knows sooner that it is back.
        let (app, pools) = several(1);
        pools.miss(pools.common());
        assert_eq!(app.instances()[0].rank(), Rank::Up);
    }

    #[test]
    fn clients_are_spread_evenly_and_stay_where_they_are() {
        let (app, pools) = several(4);
        let own = || -> Vec<usize> {
            let own = |client| number(&pools, &pools.choose(Some(of(client))));
            (0x0a00_0000..0x0a00_0000 + 4000).map(own).collect()
        };
        let before = own();
        let mut counts = BTreeMap::new();
        for number in &before {
            *counts.entry(*number).or_insert(0) += 1;
        }
        assert!(
            counts.values().all(|count| (850..1150).contains(count)),
            "{counts:?}"
        );
        // However much they have to do.
        let _busy: Vec<_> = (0..9).map(|_| pools.all[2].busy()).collect();
        assert_eq!(own(), before);
        app.instances()[2].is_away();
        let mut taken = BTreeMap::new();
        for (before, after) in before.iter().zip(own()) {
            if *before == 2 {
                *taken.entry(after).or_insert(0) += 1;
            } else {
                assert_eq!(*before, after);
            }
        }
        // Those of one that goes are spread as well.
        assert_eq!(taken.len(), 3, "{taken:?}");
        assert!(taken.values().all(|count| *count > 200), "{taken:?}");
        app.instances()[2].accepts();
        assert_eq!(own(), before);
    }

    #[test]
    fn networks_of_either_kind_are_told_apart() {
        let (_, pools) = several(8);
        let at = |ip: &str| number(&pools, &pools.choose(Some(Client::of(ip.parse().unwrap()))));
        let all: std::collections::BTreeSet<usize> = (0..64)
            .flat_map(|one| {
                [
                    at(&format!("2001:db8:{one:x}::")),
                    at(&format!("10.{one}.0.1")),
                ]
            })
            .collect();
        assert_eq!(all.len(), 8);
    }
}
