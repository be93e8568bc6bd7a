mod by_hand;
mod held;

use std::net::IpAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, PoisonError};

use panoply_core::{CounterKey, CounterKeys, Lock, ManualClock, Moment, Receipt, State, Subject};
use panoply_store_memory::MemoryStore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::*;

const HOUR: Duration = Duration::from_hours(1);
const DEADLINE: Duration = Duration::from_millis(50);
const PAUSE: Duration = Duration::from_secs(1);

/// What a store does when it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Answers,
    AnswersIn(Duration),
    Fails,
    Refuses,
    Hangs,
    /// Does what it is asked, and the answer is lost.
    Loses,
}

/// A store that fails on demand.
#[derive(Debug)]
struct Moody {
    store: MemoryStore,
    mood: Mutex<Mood>,
    asked: AtomicUsize,
}

impl Moody {
    fn mood(&self) -> Mood {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer<'a, T: Send + 'a>(&self, does: impl FnOnce() -> Reply<'a, T>) -> Reply<'a, T> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match self.mood() {
            Mood::Answers => does(),
            Mood::AnswersIn(time) => {
                let answer = does();
                Reply::later(async move {
                    tokio::time::sleep(time).await;
                    answer.await
                })
            }
            Mood::Fails => Reply::ready(Err(StoreError::transient("out for lunch"))),
            Mood::Refuses => Reply::ready(Err(StoreError::permanent("no permission"))),
            Mood::Hangs => Reply::later(std::future::pending()),
            Mood::Loses => {
                drop(does());
                Reply::later(std::future::pending())
            }
        }
    }
}

impl CounterStore for Moody {
    fn decide<'a>(&'a self, ops: &[Op<'_>]) -> Reply<'a, Decision> {
        self.answer(|| self.store.decide(ops))
    }

    fn decide_now(&self, ops: &[Op<'_>]) -> Option<Result<Decision, StoreError>> {
        let waits = !matches!(self.mood(), Mood::Answers | Mood::Fails | Mood::Refuses);
        if waits {
            return None;
        }
        self.answer(|| self.store.decide(ops)).now().ok()
    }

    fn blocks(&self, after: Option<BlockId>, most: usize) -> Reply<'_, Vec<Block>> {
        self.answer(|| self.store.blocks(after, most))
    }

    fn release(&self, which: Release) -> Reply<'_, usize> {
        self.answer(|| self.store.release(which))
    }
}

/// An insured store and what is around it.
struct World {
    clock: ManualClock,
    store: Arc<Moody>,
    insurance: Arc<MemoryStore>,
    insured: Arc<Insured>,
    rule: Rule,
}

impl World {
    fn new(nodes: u32) -> Self {
        let clock = ManualClock::new();
        let memory = || MemoryStore::builder().clock(clock.clone()).build();
        // The clocks of two stores have nothing to do with each other.
        clock.advance(HOUR);
        let store = Arc::new(Moody {
            store: memory(),
            mood: Mutex::new(Mood::Answers),
            asked: AtomicUsize::new(0),
        });
        let insurance = Arc::new(memory());
        let insured = InsuredConfig::new()
            .nodes(NonZeroU32::new(nodes).unwrap())
            .clock(clock.clone())
            .build(Arc::clone(&store) as _, Arc::clone(&insurance) as _);
        Self {
            clock,
            store,
            insurance,
            insured: Arc::new(insured),
            rule: Rule::new("login/pair", 10, 90 * 24 * HOUR).lock(Lock::doubling(HOUR, 24 * HOUR)),
        }
    }

    fn mood(&self, mood: Mood) {
        *self.store.mood.lock().unwrap() = mood;
    }

    fn asked(&self) -> usize {
        self.store.asked.swap(0, Ordering::Relaxed)
    }

    fn key(name: &str) -> CounterKey {
        CounterKeys::new([7; 16]).key("test", &[name.as_bytes()])
    }

    async fn reserve(&self, name: &str) -> State {
        let op = Op::reserve(Self::key(name), &self.rule);
        self.insured.decide(&[op]).await.unwrap().state()
    }

    async fn granted(&self, name: &str, tries: usize) -> usize {
        let mut granted = 0;
        for _ in 0..tries {
            granted += usize::from(self.reserve(name).await.allowed);
        }
        granted
    }

    async fn settle(&self, name: &str, action: Action) {
        let op = Op::new(Self::key(name), &self.rule, action);
        self.insured.decide(&[op]).await.unwrap();
    }

    async fn kept(&self, name: &str) -> State {
        let op = Op::new(Self::key(name), &self.rule, Action::Get);
        self.store.store.decide(&[op]).await.unwrap().state()
    }

    /// Comes back, is noticed by the next decision after the pause, and is told what it is owed.
    async fn comes_back(&self) {
        self.mood(Mood::Answers);
        self.clock.advance(PAUSE);
        self.reserve("passer-by").await;
        assert!(!self.insured.is_away());
        tokio::time::sleep(DEADLINE).await;
    }
}

fn refund(receipt: Receipt) -> Action {
    Action::Refund {
        cost: 1,
        member: None,
        receipt,
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_the_deadline() {
    let world = World::new(1);
    world.mood(Mood::Hangs);
    for _ in 0..5 {
        let asked_at = Instant::now();
        assert!(world.reserve("a").await.allowed);
        assert!(asked_at.elapsed() <= DEADLINE + Duration::from_millis(2));
    }
    assert_eq!((world.asked(), world.insured.decided_instead()), (3, 5));
    // A probe waits no longer.
    world.clock.advance(PAUSE);
    let asked_at = Instant::now();
    assert!(world.reserve("a").await.allowed);
    assert!(asked_at.elapsed() <= DEADLINE + Duration::from_millis(2));
    assert_eq!(world.asked(), 1);
}

#[test]
fn what_is_there_at_once_is_insured_too() {
    let world = World::new(2);
    let op = Op::reserve(World::key("a"), &world.rule);
    let granted = || Some(world.insured.decide_now(&[op])?.unwrap().is_granted());
    assert_eq!(granted(), Some(true));
    for mood in [Mood::Hangs, Mood::AnswersIn(DEADLINE)] {
        world.mood(mood);
        assert_eq!(granted(), None);
    }
    assert_eq!(world.asked(), 1);
    let settled = Op::new(op.key, op.rule, Action::Forget);
    world.mood(Mood::Answers);
    assert!(
        world.insured.decide_now(&[settled]).is_none(),
        "done in both, later"
    );
    // The insurance has half of the points, and the third failure opens the way past the store.
    world.mood(Mood::Fails);
    assert!((0..3).all(|_| granted() == Some(true)));
    assert_eq!((world.asked(), world.insured.decided_instead()), (3, 3));
    assert_eq!(granted(), None);
    assert_eq!(world.asked(), 0);
}

#[test]
fn who_was_refused_by_a_lock_is_refused_without_asking() {
    let world = World::new(1);
    let op = Op::reserve(World::key("a"), &world.rule);
    let granted = || {
        world
            .insured
            .decide_now(&[op])
            .unwrap()
            .unwrap()
            .is_granted()
    };
    assert_eq!((0..20).filter(|_| granted()).count(), 10);
    assert_eq!(world.asked(), 11);
}

#[tokio::test(start_paused = true)]
async fn slow_is_not_away() {
    let world = World::new(1);
    world.mood(Mood::AnswersIn(DEADLINE / 3));
    assert_eq!(world.granted("a", 20).await, 10);
    // The first refusal is believed for a while.
    assert_eq!((world.asked(), world.insured.decided_instead()), (11, 0));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_answers_others_is_waited_for() {
    let world = World::new(3);
    world.mood(Mood::AnswersIn(DEADLINE * 4));
    let mut callers = JoinSet::new();
    for number in 0..40 {
        let (insured, rule) = (Arc::clone(&world.insured), world.rule.clone());
        callers.spawn(async move {
            // One after the other, so that somebody is answered all the time.
            tokio::time::sleep(DEADLINE / 5 * number).await;
            let op = Op::reserve(World::key("a"), &rule);
            let decision = insured.decide(&[op]).await;
            decision.is_ok_and(|decision| decision.is_granted())
        });
    }
    // Only the first were answered by nobody: three, which is a third of ten rounded down.
    let granted = callers.join_all().await;
    let granted = granted.into_iter().filter(|granted| *granted).count();
    let instead = world.insured.decided_instead();
    assert!(instead >= 3, "{instead}");
    assert!(granted <= 10 + 3, "{granted}");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_at_one_lock_cost_the_store_a_few() {
    let world = World::new(3);
    world.mood(Mood::AnswersIn(DEADLINE / 5));
    let mut callers = JoinSet::new();
    for _ in 0..1000 {
        let (insured, rule) = (Arc::clone(&world.insured), world.rule.clone());
        callers.spawn(async move {
            let op = Op::reserve(World::key("a"), &rule);
            insured.decide(&[op]).await.unwrap().is_granted()
        });
    }
    let granted = callers.join_all().await;
    assert_eq!(granted.iter().filter(|granted| **granted).count(), 10);
    assert_eq!((world.asked(), world.insured.decided_instead()), (256, 0));
    // Asked again when it is believed no longer, and told the truth.
    world.clock.advance(Duration::from_millis(250));
    assert!(world.reserve("a").await.locked);
    assert_eq!(world.asked(), 1);
    let mut told = world.reserve("a").await;
    assert!(told.locked && !told.allowed && told.count == 10);
    assert_eq!(world.asked(), 0);
    // Whoever is released is not refused by what was known.
    world.settle("a", Action::Forget).await;
    told = world.reserve("a").await;
    assert!(told.allowed && !told.locked);
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_is_an_error_and_lets_nobody_in() {
    let world = World::new(1);
    world.mood(Mood::AnswersIn(DEADLINE * 1000));
    let (insured, rule) = (Arc::clone(&world.insured), world.rule.clone());
    let late = tokio::spawn(async move {
        let op = Op::reserve(World::key("a"), &rule);
        insured
            .decide(&[op])
            .await
            .map(|decision| decision.is_granted())
    });
    tokio::task::yield_now().await;
    world.mood(Mood::Answers);
    for _ in 0..200 {
        world.reserve("passer-by").await;
        world.clock.advance(PAUSE);
        tokio::time::sleep(DEADLINE / 5).await;
    }
    let error = late.await.unwrap().unwrap_err();
    assert!(error.is_transient());
    assert_eq!(world.insured.decided_instead(), 0);
    assert!(!world.insured.is_away());
}

#[tokio::test(start_paused = true)]
async fn three_failures_in_a_row_leave_it_alone() {
    let world = World::new(1);
    for _ in 0..5 {
        world.mood(Mood::Fails);
        assert_eq!(world.granted("a", 2).await, 2);
        assert!(!world.insured.is_away());
        world.mood(Mood::Answers);
        world.reserve("b").await;
    }
    world.asked();
    world.mood(Mood::Fails);
    world.granted("c", 20).await;
    assert!(world.insured.is_away());
    assert_eq!(world.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn one_that_only_answers_who_looks_is_away() {
    let world = World::new(1);
    let looks = async || {
        let op = Op::new(World::key("list"), &world.rule, Action::Get);
        world.insured.decide(&[op]).await.unwrap();
    };
    for _ in 0..3 {
        world.mood(Mood::Fails);
        assert!(!world.insured.is_away());
        assert!(world.reserve("a").await.allowed);
        world.mood(Mood::Answers);
        looks().await;
    }
    assert!(world.insured.is_away());
    // It may be asked again before the pause is over, and is there once it has written something down.
    world.asked();
    world.clock.advance(PAUSE);
    looks().await;
    assert!(world.insured.is_away());
    assert!(world.reserve("a").await.allowed);
    assert_eq!(world.asked(), 2);
    assert!(!world.insured.is_away());
}

#[tokio::test(start_paused = true)]
async fn one_probe_a_pause_however_many_come() {
    let world = World::new(1);
    world.mood(Mood::Hangs);
    world.granted("a", 3).await;
    for _ in 0..3 {
        world.asked();
        world.clock.advance(PAUSE);
        let mut callers = JoinSet::new();
        for _ in 0..100 {
            let (insured, rule) = (Arc::clone(&world.insured), world.rule.clone());
            callers.spawn(async move {
                let op = Op::reserve(World::key("b"), &rule);
                insured.decide(&[op]).await.unwrap().is_granted()
            });
        }
        callers.join_all().await;
        assert_eq!(world.asked(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_nobody_waits_for_is_followed_by_another() {
    let world = World::new(1);
    world.mood(Mood::Hangs);
    world.granted("a", 3).await;
    world.clock.advance(PAUSE);
    let gone = tokio::time::timeout(DEADLINE / 2, world.reserve("a")).await;
    assert!(gone.is_err());
    world.comes_back().await;
}

#[tokio::test(start_paused = true)]
async fn limits_are_divided_and_hold_again_when_it_is_back() {
    let world = World::new(3);
    assert_eq!(world.granted("a", 4).await, 4);
    world.mood(Mood::Fails);
    assert_eq!(world.granted("a", 50).await, 3, "a third of ten");
    world.comes_back().await;
    assert_eq!(world.granted("a", 50).await, 0, "it was locked");
    world.clock.advance(HOUR);
    assert_eq!(world.granted("a", 50).await, 6, "four were counted before");
}

#[tokio::test(start_paused = true)]
async fn an_error_that_stays_stops_no_login_either() {
    let world = World::new(2);
    world.mood(Mood::Refuses);
    assert_eq!(world.granted("a", 50).await, 5);
    assert_eq!(world.asked(), 3);
    assert!(world.insured.is_away());
}

#[tokio::test(start_paused = true)]
async fn a_login_that_was_right_is_settled_when_the_store_is_back() {
    let world = World::new(1);
    assert_eq!(world.granted("a", 9).await, 9);
    let last = world.reserve("a").await;
    assert!(last.just_locked);
    let other = world.reserve("b").await;
    world.mood(Mood::Fails);
    world.granted("c", 3).await;
    world.asked();
    world.settle("a", Action::Forget).await;
    world.settle("b", refund(other.receipt)).await;
    assert_eq!(world.asked(), 0);
    assert!(world.kept("a").await.locked);
    world.comes_back().await;
    assert!(!world.kept("a").await.existed);
    assert_eq!(world.kept("b").await.count, 0);
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_given_back_is_not_given_back_twice() {
    for mood in [Mood::Loses, Mood::Hangs] {
        let world = World::new(1);
        assert_eq!(world.granted("a", 9).await, 9);
        let last = world.reserve("a").await;
        world.mood(mood);
        world.settle("a", refund(last.receipt)).await;
        world.comes_back().await;
        let kept = world.kept("a").await;
        assert!(!kept.locked, "{mood:?}");
        let count = if mood == Mood::Loses { 9 } else { 10 };
        assert_eq!(kept.count, count, "{mood:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_goes_again_is_told_the_rest_later() {
    let world = World::new(1);
    let first = world.reserve("a").await;
    let second = world.reserve("b").await;
    world.mood(Mood::Fails);
    world.granted("c", 3).await;
    world.settle("a", refund(first.receipt)).await;
    world.settle("b", refund(second.receipt)).await;
    world.mood(Mood::AnswersIn(DEADLINE / 2));
    world.clock.advance(PAUSE);
    world.reserve("passer-by").await;
    world.mood(Mood::Hangs);
    tokio::time::sleep(DEADLINE * 4).await;
    assert_eq!(world.kept("a").await.count, 1);
    world.mood(Mood::Answers);
    world.reserve("passer-by").await;
    tokio::time::sleep(DEADLINE).await;
    assert_eq!(world.kept("b").await.count, 0);
}

#[tokio::test(start_paused = true)]
async fn what_the_insurance_granted_gives_nothing_back_in_the_store() {
    let world = World::new(1);
    assert_eq!(world.granted("a", 5).await, 5);
    world.clock.advance(HOUR);
    world.mood(Mood::Fails);
    let granted = world.reserve("a").await;
    world.mood(Mood::Answers);
    world.settle("a", refund(granted.receipt)).await;
    assert_eq!(world.kept("a").await.count, 5);
    let op = Op::new(World::key("a"), &world.rule, Action::Get);
    let left = world.insurance.decide(&[op]).await.unwrap().state();
    assert_eq!(left.count, 0, "but there, where it was taken");
}

#[tokio::test(start_paused = true)]
async fn the_debts_are_bounded() {
    let world = World::new(1);
    world.mood(Mood::Fails);
    world.granted("a", 3).await;
    for _ in 0..10_000 {
        world.settle("b", Action::Forget).await;
    }
    world.asked();
    world.comes_back().await;
    assert_eq!(world.asked(), 4096 + 1);
}

#[tokio::test(start_paused = true)]
async fn blocks_and_releases_reach_both() {
    let client: IpAddr = "203.0.113.9".parse().unwrap();
    let world = World::new(1);
    let time = Some(HOUR);
    let block = [
        Op::new(World::key("a"), &world.rule, Action::Block { time })
            .about(Subject::Client(client)),
    ];
    world.insured.decide(&block).await.unwrap();
    assert_eq!(world.insured.blocks(None, 10).await.unwrap().len(), 1);
    world.mood(Mood::Fails);
    assert!(!world.reserve("a").await.allowed, "blocked there too");
    world.mood(Mood::Answers);
    let released = world.insured.release(Release::Client(client)).await;
    assert_eq!(released.unwrap(), 1);
    assert!(world.kept("a").await.receipt.window_end == Moment::ZERO);
    world.mood(Mood::Fails);
    assert!(world.reserve("a").await.allowed);
    // Nobody is told that there is a block where there is none.
    assert!(world.insured.decide(&block).await.is_err());
    world.mood(Mood::Hangs);
    assert!(world.insured.blocks(None, 10).await.is_err());
}
