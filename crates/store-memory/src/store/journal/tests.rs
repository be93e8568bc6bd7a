use panoply_core::{CounterKeys, CounterStore, Lock, ManualClock, Rule};

use super::*;

const DAY: Duration = Duration::from_hours(24);

struct Case {
    clock: ManualClock,
    store: MemoryStore,
    keys: CounterKeys,
    rule: Rule,
}

impl Case {
    fn new() -> Self {
        let clock = ManualClock::new();
        Self {
            store: Self::store(&clock),
            clock,
            keys: CounterKeys::new([5; 16]),
            rule: Rule::new("pair", 10, DAY).lock(Lock::fixed(DAY)),
        }
    }

    fn store(clock: &ManualClock) -> MemoryStore {
        MemoryStore::builder()
            .max_keys(1024)
            .clock(clock.clone())
            .build()
    }

    fn key(&self, number: u32) -> CounterKey {
        self.keys.key("pair", &[&number.to_le_bytes()])
    }

    fn reserve(&self, number: u32) -> bool {
        let op = Op::reserve(self.key(number), &self.rule);
        self.store.decide_and_tell(&[op], |_| {}).is_granted()
    }

    /// The same store, written down and put back.
    fn copied(&self) -> MemoryStore {
        let copy = Self::store(&self.clock);
        for part in 0..MemoryStore::PARTS {
            for image in self.store.sketches(part) {
                assert!(copy.restore_sketch(part, image));
            }
            self.store.each_of(part, |kept| copy.restore(&kept));
        }
        copy
    }
}

#[test]
fn a_refusal_tells_nothing_and_a_grant_tells_all() {
    let case = Case::new();
    let member = Some(case.key(9));
    let set = Op::new(case.key(1), &case.rule, Action::Reserve { cost: 1, member });
    let mut told = Vec::new();
    case.store.decide_and_tell(&[set], |writes| {
        writes.each(|kept| told.push((kept.key, kept.record.map(|record| record.count))));
    });
    assert_eq!(told, [(case.key(1), Some(1)), (case.key(9), Some(1))]);
    // The member is counted once more, the set is as it was.
    told.clear();
    case.store.decide_and_tell(&[set], |writes| {
        writes.each(|kept| told.push((kept.key, kept.record.map(|record| record.count))));
    });
    assert_eq!(told, [(case.key(9), Some(2))]);
    while case.reserve(1) {}
    let op = Op::reserve(case.key(1), &case.rule);
    case.store
        .decide_and_tell(&[op], |_| panic!("a refusal was told of"));
}

#[test]
fn what_is_written_down_is_what_comes_back() {
    let case = Case::new();
    for number in 0..5000 {
        assert!(case.reserve(number));
    }
    let client = Subject::Client("203.0.113.9".parse().unwrap());
    let block = Op::new(case.key(7), &case.rule, Action::Block { time: None }).about(client);
    case.store.decide_and_tell(&[block], |_| {});
    let copy = case.copied();
    assert_eq!(copy.len(), case.store.len());
    let blocks = |store: &MemoryStore| store.blocks(None, 10).now().unwrap().unwrap();
    assert_eq!(blocks(&copy), blocks(&case.store));
    assert_eq!(blocks(&copy)[0].subject, client);
    for number in 0..5000 {
        let op = Op::new(case.key(number), &case.rule, Action::Get);
        let state = |store: &MemoryStore| store.decide_and_tell(&[op], |_| {}).state();
        assert_eq!(state(&copy), state(&case.store), "{number}");
    }
}

#[test]
fn what_is_released_does_not_come_back_out_of_the_sketch() {
    let case = Case::new();
    for number in 0..5000 {
        assert!(case.reserve(number));
    }
    let folded = (0..5000).find(|number| !case.store.holds(case.key(*number)));
    let folded = folded.unwrap();
    while case.reserve(folded) {}
    let id = panoply_core::BlockId::of(case.key(folded));
    let mut told = Vec::new();
    let released = case.store.release_and_tell(Release::Id(id), |kept| {
        told.push((kept.key, kept.record.map(|record| record.count)));
    });
    assert_eq!(released, 1);
    assert_eq!(told, [(case.key(folded), Some(0))]);
    let tries = (0..50).filter(|_| case.reserve(folded)).count();
    assert_eq!(tries, 10);
}

#[test]
fn a_store_can_go_on_at_a_later_time() {
    let clock = ManualClock::new();
    clock.advance(DAY);
    let start = Moment::from_micros(5_000_000);
    let store = MemoryStore::builder()
        .clock(clock.clone())
        .starting_at(start.after(Some(DAY)))
        .build();
    clock.advance(DAY);
    assert_eq!(store.moment(), start.after(Some(DAY * 2)));
}

#[test]
fn what_is_over_is_no_block_any_more() {
    let case = Case::new();
    while case.reserve(1) {}
    let blocks = || case.store.blocks(None, 10).now().unwrap().unwrap().len();
    assert_eq!(blocks(), 1);
    case.clock.advance(DAY);
    assert_eq!(blocks(), 0);
    let id = Release::Id(BlockId::of(case.key(1)));
    assert_eq!(case.store.release_and_tell(id, |_| {}), 0);
}
