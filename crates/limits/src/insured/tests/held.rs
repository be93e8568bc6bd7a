//! Who is locked while the store is away.

use super::*;

impl World {
    /// Lets the store be told of locks.
    async fn tells(&self) {
        self.clock.advance(Duration::from_secs(10));
        self.reserve("passer-by").await;
        tokio::time::sleep(DEADLINE).await;
    }

    /// Locked in a moment without the store.
    async fn locked_meanwhile(nodes: u32, name: &str) -> Self {
        let world = Self::new(nodes);
        world.mood(Mood::Fails);
        world.granted(name, 20).await;
        world
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_locked_meanwhile_stays_so_here() {
    let world = World::locked_meanwhile(3, "a").await;
    world.comes_back().await;
    assert_eq!(world.granted("a", 50).await, 0);
    assert_eq!(world.granted("b", 50).await, 10, "nobody else is");
    let left = world.reserve("a").await;
    assert!(left.locked && left.until > Moment::ZERO);
    world.clock.advance(HOUR);
    assert!(world.reserve("a").await.allowed, "the lock is over");
}

#[tokio::test(start_paused = true)]
async fn the_store_is_told_and_then_it_decides() {
    let world = World::locked_meanwhile(3, "a").await;
    world.comes_back().await;
    assert!(
        !world.kept("a").await.locked,
        "the attempt may still succeed"
    );
    world.tells().await;
    let kept = world.kept("a").await;
    assert!(kept.locked && kept.count == 10, "{kept:?}");
    assert_eq!(world.granted("a", 50).await, 0);
    // Whoever releases it there, at whichever node, has released it here.
    let which = Release::Id(BlockId::of(World::key("a")));
    assert_eq!(world.store.store.release(which).await.unwrap(), 1);
    world.clock.advance(Duration::from_secs(1));
    assert!(world.reserve("a").await.allowed);
    // In the next outage it is as it was.
    world.mood(Mood::Fails);
    assert_eq!(world.granted("a", 50).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_longer_lock_in_the_store_stays_as_it_is() {
    let world = World::locked_meanwhile(1, "a").await;
    let time = Some(24 * HOUR);
    let op = Op::new(World::key("a"), &world.rule, Action::Block { time });
    world.store.store.decide(&[op]).await.unwrap();
    let before = world.kept("a").await;
    world.comes_back().await;
    world.tells().await;
    assert_eq!(world.kept("a").await, before);
    world.clock.advance(2 * HOUR);
    assert!(!world.reserve("a").await.allowed);
}

#[tokio::test(start_paused = true)]
async fn a_shorter_lock_in_the_store_frees_nobody_here() {
    let world = World::locked_meanwhile(1, "a").await;
    let time = Some(HOUR / 2);
    let op = Op::new(World::key("a"), &world.rule, Action::Block { time });
    world.store.store.decide(&[op]).await.unwrap();
    world.comes_back().await;
    world.tells().await;
    world.clock.advance(HOUR / 2 + PAUSE);
    assert!(!world.reserve("a").await.allowed);
    world.tells().await;
    assert!(world.kept("a").await.locked, "told again once that is over");
}

#[tokio::test(start_paused = true)]
async fn a_success_lifts_what_its_own_attempt_has_locked() {
    let world = World::new(3);
    world.mood(Mood::Fails);
    world.granted("a", 2).await;
    let last = world.reserve("a").await;
    assert!(last.just_locked);
    world.comes_back().await;
    assert!(!world.reserve("a").await.allowed);
    world.settle("a", refund(last.receipt)).await;
    world.tells().await;
    assert!(world.reserve("a").await.allowed);
    assert!(!world.kept("a").await.locked);
}

#[tokio::test(start_paused = true)]
async fn a_release_here_is_one() {
    let world = World::locked_meanwhile(3, "a").await;
    world.comes_back().await;
    let which = Release::Id(BlockId::of(World::key("a")));
    assert_eq!(world.insured.release(which).await.unwrap(), 1);
    assert!(world.reserve("a").await.allowed);
    world.tells().await;
    assert!(!world.kept("a").await.locked);
}

#[tokio::test(start_paused = true)]
async fn those_who_are_locked_are_enough_to_see_that_it_is_back() {
    let world = World::locked_meanwhile(3, "a").await;
    world.mood(Mood::Answers);
    world.clock.advance(PAUSE);
    world.asked();
    assert!(!world.reserve("a").await.allowed);
    assert!(!world.insured.is_away());
    assert_eq!((world.asked(), world.kept("a").await.count), (1, 0));
    // From then on they cost it nothing.
    assert_eq!(world.granted("a", 50).await, 0);
    assert_eq!(world.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn they_are_told_of_in_bounds_and_hold_beyond_them() {
    let world = World::new(10);
    world.mood(Mood::Fails);
    let names: Vec<String> = (0..5000).map(|number| format!("n{number}")).collect();
    for name in &names {
        world.reserve(name).await;
    }
    world.comes_back().await;
    for name in &names {
        assert!(!world.reserve(name).await.allowed, "{name}");
    }
    world.asked();
    world.tells().await;
    let told = world.asked();
    assert!((2 * 4096..2 * 4096 + 10).contains(&told), "{told}");
    for name in &names {
        assert!(!world.reserve(name).await.allowed, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_goes_again_is_told_of_locks_later() {
    let world = World::locked_meanwhile(3, "a").await;
    world.comes_back().await;
    world.clock.advance(Duration::from_secs(10));
    world.mood(Mood::AnswersIn(DEADLINE / 2));
    world.reserve("passer-by").await;
    world.mood(Mood::Hangs);
    tokio::time::sleep(DEADLINE * 4).await;
    world.mood(Mood::Answers);
    assert!(!world.kept("a").await.locked);
    assert!(!world.reserve("a").await.allowed);
    world.tells().await;
    assert!(world.kept("a").await.locked);
}

#[tokio::test(start_paused = true)]
async fn a_block_by_hand_that_another_node_has_released_is_none() {
    let world = World::new(3);
    let block = Action::Block { time: None };
    let op = Op::new(World::key("b"), &world.rule, block);
    world.insured.decide(&[op]).await.unwrap();
    let which = Release::Id(BlockId::of(World::key("b")));
    assert_eq!(world.store.store.release(which).await.unwrap(), 1);
    world.clock.advance(Duration::from_secs(1));
    assert!(world.reserve("b").await.allowed);
    // Somebody else is locked while the store is away.
    world.mood(Mood::Fails);
    world.granted("a", 20).await;
    assert!(!world.reserve("b").await.allowed, "nobody has told it");
    world.comes_back().await;
    assert!(world.reserve("b").await.allowed);
    world.tells().await;
    assert!(world.kept("a").await.locked && !world.kept("b").await.locked);
}

#[tokio::test(start_paused = true)]
async fn whom_the_store_has_locked_stays_so_while_it_is_away() {
    let world = World::new(1);
    assert_eq!(world.granted("a", 20).await, 10);
    assert_eq!(world.granted("b", 10).await, 10, "refused by nothing yet");
    for mood in [Mood::Fails, Mood::Hangs] {
        world.mood(mood);
        world.clock.advance(Duration::from_mins(29));
        assert_eq!(world.granted("a", 20).await, 0, "{mood:?}");
    }
    let left = world.reserve("a").await;
    assert!(left.locked && left.until > Moment::ZERO);
    assert_eq!(world.granted("c", 20).await, 10);
    world.clock.advance(Duration::from_mins(2));
    assert_eq!(world.granted("a", 20).await, 10, "the lock is over");
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_was_released_is_not_held_in_an_outage() {
    let released = Release::Id(BlockId::of(World::key("a")));
    // On another node, which is learned when the store lets him in.
    let world = World::new(1);
    assert_eq!(world.granted("a", 20).await, 10);
    assert_eq!(world.store.store.release(released).await.unwrap(), 1);
    world.clock.advance(PAUSE);
    assert!(world.reserve("a").await.allowed);
    world.mood(Mood::Fails);
    assert_eq!(world.granted("a", 20).await, 10);
    // Here, while it is away.
    let world = World::new(1);
    assert_eq!(world.granted("a", 20).await, 10);
    world.mood(Mood::Fails);
    assert_eq!(world.granted("a", 20).await, 0);
    world.insured.release(released).await.unwrap_err();
    assert_eq!(world.granted("a", 20).await, 10);
}
