//! What somebody does by hand while the store is away.

use super::*;
use crate::Blocklist;

#[tokio::test(start_paused = true)]
async fn nobody_is_told_of_a_block_that_ends_with_the_outage() {
    let client: IpAddr = "203.0.113.9".parse().unwrap();
    let world = World::new(3);
    let keys = CounterKeys::new([7; 16]);
    let insured = Arc::clone(&world.insured) as _;
    let list = Blocklist::with_clock(insured, keys, world.clock.clone());
    for mood in [Mood::Fails, Mood::Refuses, Mood::Hangs] {
        world.mood(mood);
        assert!(list.add(client, None).await.is_err(), "{mood:?}");
        assert_eq!(list.find(client), None, "{mood:?}");
    }
    world.mood(Mood::Answers);
    list.add(client, None).await.unwrap();
    list.refresh().await.unwrap();
    assert!(list.find(client).is_some());
    let kept = world.store.store.blocks(None, 10).await.unwrap();
    assert_eq!(kept.len(), 1);
}
