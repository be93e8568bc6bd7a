//! A walk by chance, after which memory and totals are compared with the rows.

use std::num::NonZeroU32;
use std::time::Duration;

use panoply_core::{
    Cycle, Destroy, Loaded, SessionChange, SessionRecord, SessionStore, UserChange,
};

use super::{Case, HOUR, commit, key, user};
use crate::SqliteSessionStore;

pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    pub(super) fn choose(&mut self, places: usize) -> usize {
        usize::try_from(self.roll(places as u64)).unwrap()
    }

    fn byte(&mut self, most: u8) -> u8 {
        u8::try_from(self.roll(most.into())).unwrap()
    }

    fn time(&mut self) -> Duration {
        [Duration::ZERO, HOUR / 60, HOUR, HOUR * 10][self.choose(4)]
    }

    fn change(&mut self, keys: u64) -> SessionChange {
        let mut change = match self.roll(3) {
            0 => SessionChange::new(),
            _ => SessionChange::create(self.time(), self.time()),
        };
        for _ in 0..self.roll(3) {
            let name = ["a", "b", "c"][self.choose(3)];
            change = match self.choose(4) {
                0 => change.remove(name),
                length => change.set(name, vec![7; length * 9000]),
            };
        }
        let set = UserChange::Set {
            user: user(self.byte(3)),
            most: NonZeroU32::new(self.byte(5).into()),
        };
        match self.roll(8) {
            0 | 1 => change = change.user(set),
            2 => change = change.user(UserChange::Clear),
            _ => {}
        }
        let (to, grace) = (key(self.roll(keys)), self.time());
        match self.roll(5) {
            0 => change.cycle(Cycle::renew(to, grace)),
            1 => change.cycle(Cycle::replace(to, grace)),
            _ => change,
        }
    }

    async fn ask(store: SqliteSessionStore, mut dice: Self, keys: u64) {
        let (which, owner) = (key(dice.roll(keys)), user(dice.byte(3)));
        match dice.roll(12) {
            0 => drop(store.destroy(Destroy::Key(&which)).await.unwrap()),
            1 => {
                let fingerprint = key(dice.roll(keys)).fingerprint();
                let user = &owner;
                let one = Destroy::One { user, fingerprint };
                store.destroy(one).await.unwrap();
            }
            2 if dice.roll(8) == 0 => {
                let (user, except) = (&owner, Some(&which));
                store.destroy(Destroy::User { user, except }).await.unwrap();
            }
            3..6 => drop(store.load(&which).await.unwrap()),
            _ => drop(commit(&store, which, dice.change(keys)).await),
        }
    }
}

#[tokio::test]
async fn memory_and_totals_are_those_of_the_rows() {
    // Few keys, which are taken again and again; and more than there is room for.
    for keys in [12, 1500] {
        let case = Case::new();
        let mut dice = Dice(keys + 5);
        for round in 0..12 {
            let store = case.open(if round % 3 == 2 { 1 << 18 } else { 1 << 26 });
            for _ in 0..20 {
                let all = (0..=dice.roll(60)).map(|_| {
                    let own = Dice(dice.roll(u64::MAX) | 1);
                    Dice::ask(store.clone(), own, keys)
                });
                let all: Vec<_> = all.collect();
                case.together(all).await;
                case.clock.advance(Duration::from_secs(dice.roll(60)));
            }
            let mut seen = Vec::new();
            for number in 0..keys {
                seen.push(store.load(&key(number)).await.unwrap());
            }
            drop(store);
            case.check();
            let store = case.open(0);
            for (number, seen) in (0..).zip(seen) {
                let now = store.load(&key(number)).await.unwrap();
                assert_eq!(said(&seen), said(&now), "{round}: {number} of {keys}");
            }
        }
    }
}

/// What is answered, without the moment.
fn said(loaded: &Loaded) -> Result<(&SessionRecord, bool), bool> {
    match loaded {
        Loaded::Live(live) => Ok((&live.record, live.current)),
        Loaded::Replaced => Err(true),
        _ => Err(false),
    }
}
