//! A random walk, beside the logic that every store follows.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use panoply_core::{
    Committed, Cycle, Destroy, Loaded, Moment, SessionChange, SessionFingerprint, SessionKey,
    SessionRecord, SessionSlot, UserChange, UserKey,
};

use super::SessionTrial;
use crate::dice::Dice;

/// The logic itself, kept in maps.
#[derive(Debug, Default)]
struct Model {
    /// Where each key leads: a session by its first key.
    keys: HashMap<SessionKey, SessionKey>,
    sessions: HashMap<SessionKey, SessionSlot>,
    tombstones: HashMap<SessionKey, SessionSlot>,
    now: Moment,
}

impl Model {
    /// What is kept at `key`.
    fn at(&self, key: &SessionKey) -> Option<&SessionSlot> {
        let live = self
            .keys
            .get(key)
            .and_then(|first| self.sessions.get(first));
        let holds = |slot: &&SessionSlot| slot.holds(key, self.now);
        live.filter(holds)
            .or_else(|| self.tombstones.get(key).filter(holds))
    }

    fn load(&self, key: &SessionKey) -> Loaded {
        let slot = self.at(key);
        slot.map_or(Loaded::Absent, |slot| slot.load(key, self.now))
    }

    fn commit(&mut self, key: &SessionKey, change: &SessionChange) -> Committed {
        let to = change.new_key().map(Cycle::to);
        let taken = to.is_some_and(|to| self.at(to).is_some());
        let (after, mut committed) =
            SessionRecord::apply(self.at(key).cloned(), key, change, taken, self.now);
        let Some(record) = after else {
            return committed;
        };
        let first = record.first_key.clone();
        self.keys.insert(record.key.clone(), first.clone());
        self.tombstones.remove(&record.key);
        if record.first_key == record.key {
            self.tombstones.remove(&first);
        }
        let own = record.fingerprint();
        self.sessions
            .insert(first, SessionSlot::Live(Arc::new(record)));
        if let UserChange::Set {
            user,
            most: Some(most),
        } = change.new_user()
        {
            let all = self.of(&user);
            let since = all
                .iter()
                .map(|record| (record.user_since, record.fingerprint()));
            let surplus = SessionRecord::too_many(since, own, most.get().try_into().unwrap());
            for record in all {
                if surplus.contains(&record.fingerprint()) {
                    self.end(&record);
                }
            }
            if let Committed::Done(stamp) = &mut committed {
                stamp.evicted = surplus.len();
            }
        }
        committed
    }

    /// The user's sessions, in their order.
    fn of(&self, user: &UserKey) -> Vec<Arc<SessionRecord>> {
        let live = self.sessions.values().filter_map(|slot| match slot {
            SessionSlot::Live(record) if !record.is_over(self.now) => Some(record.clone()),
            _ => None,
        });
        let mut all: Vec<_> = live
            .filter(|record| record.user.as_ref() == Some(user))
            .collect();
        all.sort_by_key(|record| record.fingerprint());
        all
    }

    fn end(&mut self, record: &SessionRecord) {
        let until = record.tombstone_end(self.now);
        for key in record.keys(self.now) {
            self.keys.remove(key);
            self.tombstones
                .insert(key.clone(), SessionSlot::Tombstone { until });
        }
        self.sessions.remove(&record.first_key);
    }

    fn destroy(&mut self, which: Destroy<'_>) -> usize {
        let ended: Vec<Arc<SessionRecord>> = match which {
            Destroy::Key(key) => match self.load(key) {
                Loaded::Live(live) => vec![live.record],
                _ => Vec::new(),
            },
            Destroy::One { user, fingerprint } => {
                let mut all = self.of(user);
                all.retain(|record| record.fingerprint() == fingerprint);
                all
            }
            Destroy::User { user, except } => {
                let except = except.and_then(|key| match self.load(key) {
                    Loaded::Live(live) => Some(live.record.fingerprint()),
                    _ => None,
                });
                let mut all = self.of(user);
                all.retain(|record| Some(record.fingerprint()) != except);
                all
            }
            _ => unreachable!(),
        };
        for record in &ended {
            self.end(record);
        }
        ended.len()
    }
}

/// What two say of one session: old keys that are over may be kept or not, and since when it is
/// nobody's is nobody's business.
fn tidy(record: &SessionRecord, now: Moment) -> SessionRecord {
    let mut record = record.clone();
    record.old_keys.retain(|old| old.until > now);
    if record.user.is_none() {
        record.user_since = Moment::ZERO;
    }
    record
}

/// A walk and the times in it.
struct Walk<'a> {
    trial: &'a SessionTrial,
    dice: Dice,
    keys: Vec<SessionKey>,
    /// The last key that was given another, and the other: what comes next is often by one of them.
    cycled: Option<[SessionKey; 2]>,
    users: [UserKey; 2],
    times: [Duration; 4],
}

impl Walk<'_> {
    fn roll(&mut self, sides: usize) -> usize {
        usize::try_from(self.dice.roll(sides.try_into().unwrap())).unwrap()
    }

    fn key(&mut self) -> SessionKey {
        let number = self.roll(self.keys.len());
        self.keys[number].clone()
    }

    /// The key by which the next call comes.
    fn caller(&mut self) -> SessionKey {
        match self.cycled.clone() {
            Some(pair) if self.roll(2) == 0 => pair[self.roll(2)].clone(),
            _ => self.key(),
        }
    }

    fn time(&mut self) -> Duration {
        self.times[self.roll(4)]
    }

    fn change(&mut self, model: &Model, key: &SessionKey) -> SessionChange {
        let mut change = if self.roll(4) == 0 {
            SessionChange::create(self.time(), self.time())
        } else {
            SessionChange::new()
        };
        for _ in 0..self.roll(4) {
            let name = ["a", "b", "c", "d", "e"][self.roll(5)];
            change = match self.roll(4) {
                0 => change.remove(name),
                length => change.set(name, format!("\"{}\"", "x".repeat(length * 20))),
            };
        }
        let version = match model.load(key) {
            Loaded::Live(live) => live.record.version,
            _ => 1,
        };
        match self.roll(12) {
            0 => change = change.idle(self.time()),
            1 => change = change.lifetime(self.time()),
            2 => change = change.if_version(version + self.dice.roll(2)),
            3 => change = change.most_bytes(self.roll(160)),
            _ => {}
        }
        let user = self.users[self.roll(2)];
        let most = std::num::NonZeroU32::new(u32::try_from(self.roll(4)).unwrap());
        match self.roll(8) {
            0 | 1 => change = change.user(UserChange::Set { user, most }),
            2 => change = change.user(UserChange::Clear),
            _ => {}
        }
        let by_old = matches!(model.load(key), Loaded::Live(live) if !live.current);
        match self.roll(9) {
            5.. if by_old => {
                // So soon that an answer counts as lost where the clock is not moved, too.
                let grace = [self.time(), Duration::from_micros(1)][self.roll(2)];
                change = change.cycle(Cycle::renew(self.key(), grace));
            }
            0 => change = change.cycle(Cycle::renew(self.key(), self.time())),
            1 => change = change.cycle(Cycle::replace(self.key(), self.time())),
            2 => change = change.cycle(Cycle::settle(key.clone(), self.time())),
            _ => {}
        }
        change
    }

    async fn load(&mut self, model: &mut Model, key: &SessionKey) {
        let found = self.trial.load(key).await;
        if let Loaded::Live(live) = &found {
            model.now = live.now;
        }
        match (found, model.load(key)) {
            (Loaded::Live(found), Loaded::Live(expected)) => {
                let (found_record, expected_record) = (&found.record, &expected.record);
                let now = model.now;
                assert_eq!(tidy(found_record, now), tidy(expected_record, now));
                assert_eq!(found.record.values.bytes(), expected.record.values.bytes());
                for (name, value) in expected.record.values.iter() {
                    assert_eq!(found.record.values.get(name), Some(value));
                }
                assert_eq!(found.current, expected.current);
            }
            (Loaded::Absent, Loaded::Absent) | (Loaded::Replaced, Loaded::Replaced) => {}
            (found, expected) => panic!("{found:?} in place of {expected:?}"),
        }
    }

    async fn list(&mut self, model: &Model, user: &UserKey) {
        let all = self.trial.store.sessions(user, None, 100).await.unwrap();
        let names: Vec<SessionFingerprint> = all.iter().map(|info| info.fingerprint).collect();
        let expected = model.of(user);
        let expected: Vec<SessionFingerprint> = expected.iter().map(|r| r.fingerprint()).collect();
        assert_eq!(names, expected);
    }
}

/// Thousands of calls by chance come out as the logic says.
///
/// Where the clock is not moved, nothing expires during the walk, since of some answers nobody can
/// tell at which moment they were made.
pub async fn as_the_logic_says(trial: &SessionTrial) {
    let times = if trial.is_exact() {
        [1.0, 2.5, 6.0, 30.0]
    } else {
        [4000.0, 5000.0, 6000.0, 9000.0]
    };
    let mut walk = Walk {
        trial,
        dice: Dice::new(11),
        keys: (0..14)
            .map(|number| trial.key(&number.to_string()))
            .collect(),
        cycled: None,
        users: ["alice", "bob"].map(|name| trial.user(name)),
        times: times.map(|units| trial.units(units)),
    };
    let mut model = Model::default();
    let rounds = if trial.is_exact() { 30_000 } else { 2_500 };
    // The first answer says what the store's clock shows.
    let start = trial.key("start");
    let stamp = trial.done(&start, &trial.create()).await;
    let mut seen = HashSet::new();
    let (mut lost, mut settled) = (0, 0);
    model.now = stamp.now;
    for round in 0..rounds {
        if trial.is_exact() && walk.roll(5) == 0 {
            let units = [0.5, 1.0, 2.0, 9.0][walk.roll(4)];
            trial.pass(units).await;
            model.now = model.now.after(Some(trial.units(units)));
        } else if !trial.is_exact() && walk.roll(60) == 0 {
            // So that tombstones and taken keys do not end the walk.
            let fresh = (0..14).map(|number| trial.key(&format!("{round}/{number}")));
            walk.keys = fresh.collect();
        }
        let key = walk.caller();
        let which = walk.roll(24);
        let user = walk.users[walk.roll(2)];
        match which {
            0 => {
                let which = Destroy::Key(&key);
                assert_eq!(trial.destroy(which).await, model.destroy(which), "{round}");
            }
            1 if walk.roll(4) == 0 => {
                let except = Some(&key).filter(|_| round % 2 == 0);
                let which = Destroy::User {
                    user: &user,
                    except,
                };
                assert_eq!(trial.destroy(which).await, model.destroy(which), "{round}");
            }
            2 => {
                let fingerprint = key.fingerprint();
                let which = Destroy::One {
                    user: &user,
                    fingerprint,
                };
                assert_eq!(trial.destroy(which).await, model.destroy(which), "{round}");
            }
            3 | 4 => walk.list(&model, &user).await,
            5..12 => walk.load(&mut model, &key).await,
            _ => {
                let change = walk.change(&model, &key);
                let committed = trial.commit(&key, &change).await;
                if let Committed::Done(stamp) = &committed {
                    model.now = stamp.now;
                }
                seen.insert(std::mem::discriminant(&committed));
                let before = model.load(&key);
                let expected = model.commit(&key, &change);
                assert_eq!(committed, expected, "{round}: {change:?}");
                if let (Some(cycle), Loaded::Live(live), Committed::Done(stamp)) =
                    (change.new_key(), before, committed)
                {
                    if stamp.cycled {
                        walk.cycled = Some([key.clone(), cycle.to().clone()]);
                    }
                    let renewed = cycle.keeps_old() && stamp.cycled;
                    lost += usize::from(renewed && !live.current);
                    let waits = live.record.is_unsettled(cycle.grace(), stamp.now);
                    settled += usize::from(cycle.settles(&key) && live.current && waits);
                }
                walk.load(&mut model, &key).await;
            }
        }
    }
    assert_eq!(seen.len(), 5, "the walk has not been everywhere");
    assert!(lost > 0 && settled > 0, "{lost} {settled}");
}
