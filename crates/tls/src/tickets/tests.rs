use panoply_core::{ManualClock, Secret};
use panoply_store_memory::MemorySessionStore;
use proptest::prelude::*;

use super::*;

const HOUR: Duration = Duration::from_hours(1);

fn bound(tickets: &Tickets, about: &[u8], clock: &ManualClock) -> Arc<dyn ProducesTickets> {
    tickets.bound(about.to_vec(), Arc::new(clock.clone()))
}

fn nodes(clock: &ManualClock) -> Nodes {
    let store = MemorySessionStore::builder().clock(clock.clone()).build();
    Nodes::new(Arc::new(store), &Secret::new(vec![7; 32])).unwrap()
}

#[test]
fn a_ticket_opens_for_its_lifetime_and_its_key_is_forgotten() {
    let clock = ManualClock::new();
    let tickets = Tickets::default();
    let bound = bound(&tickets, b"terms", &clock);
    let first = bound.encrypt(b"session").unwrap();
    assert!(!first.windows(7).any(|window| window == b"session"));
    clock.advance(Duration::from_secs(PERIOD - 1));
    let last = bound.encrypt(b"session").unwrap();
    clock.advance(Duration::from_secs(1));
    let other = bound.encrypt(b"session").unwrap();
    assert_ne!(first.last_chunk::<ID>(), other.last_chunk::<ID>());
    clock.advance(Duration::from_secs(PERIOD - 2));
    assert_eq!(bound.decrypt(&last).as_deref(), Some(&b"session"[..]));
    clock.advance(Duration::from_secs(2));
    assert_eq!(bound.decrypt(&last), None);
    assert!(bound.encrypt(b"session").is_some() && bound.decrypt(&other).is_some());
    assert_eq!(tickets.0.ring.load().len(), 2);
}

#[test]
fn other_terms_and_other_bytes_are_no_ticket() {
    let clock = ManualClock::new();
    let tickets = Tickets::default();
    let ticket = bound(&tickets, b"no client", &clock).encrypt(b"x").unwrap();
    let other = bound(&tickets, b"client", &clock);
    assert_eq!(other.decrypt(&ticket), None);
    let own = bound(&tickets, b"no client", &clock);
    assert!(own.decrypt(&ticket).is_some());
    for at in 0..ticket.len() {
        let mut damaged = ticket.clone();
        damaged[at] ^= 1;
        assert_eq!(own.decrypt(&damaged), None);
        assert_eq!(own.decrypt(&ticket[..at]), None);
    }
}

#[tokio::test]
async fn nodes_open_what_others_have_sealed_for_a_week() {
    let clock = ManualClock::new();
    let nodes = nodes(&clock);
    let [one, two] = [(); 2].map(|()| Tickets::default());
    let [a, b] = [&one, &two].map(|tickets| bound(tickets, b"", &clock));
    // Before they have heard of each other.
    let early = b.encrypt(b"early").unwrap();
    assert!(a.decrypt(&early).is_none());
    for quarter in 0..7 * 24 * 4 {
        one.share(&nodes, &clock).await.unwrap();
        if quarter % 3 == 0 {
            // The other one is late.
            two.share(&nodes, &clock).await.unwrap();
        }
        for (from, to) in [(&a, &b), (&b, &a)] {
            let ticket = from.encrypt(b"session").unwrap();
            assert!(to.decrypt(&ticket).is_some(), "after {quarter} quarters");
        }
        if quarter == 0 {
            assert!(b.decrypt(&early).is_some());
        }
        clock.advance(HOUR / 4);
    }
    let kept = nodes.load(NAME).await.unwrap().unwrap();
    assert!(kept.len() <= 3, "{}", kept.len());
    assert!(one.0.ring.load().len() <= 3);
}

#[tokio::test]
async fn a_store_that_is_away_ends_no_session() {
    let clock = ManualClock::new();
    let store = MemorySessionStore::builder().clock(clock.clone()).build();
    let nodes = Nodes::new(Arc::new(store), &Secret::new(vec![7; 32])).unwrap();
    let tickets = Tickets::default();
    tickets.share(&nodes, &clock).await.unwrap();
    let bound = bound(&tickets, b"", &clock);
    for _ in 0..100 {
        clock.advance(HOUR);
        let ticket = bound.encrypt(b"x").unwrap();
        clock.advance(HOUR * 11);
        assert!(bound.decrypt(&ticket).is_some());
    }
    // It is back: its old keys are over, and a new one is made.
    tickets.share(&nodes, &clock).await.unwrap();
    assert_eq!(nodes.load(NAME).await.unwrap().unwrap().len(), 1);
}

#[test]
fn a_process_that_takes_over_opens_and_seals_as_the_one_before() {
    let clock = ManualClock::new();
    let (before, after) = (Tickets::default(), Tickets::default());
    let [a, b] = [&before, &after].map(|tickets| bound(tickets, b"", &clock));
    let early = a.encrypt(b"early").unwrap();
    clock.advance(Duration::from_secs(PERIOD));
    let late = a.encrypt(b"late").unwrap();
    let mut keys = before.hand_over();
    keys.push(Secret::new(vec![0; 8 + ID + KEY]));
    keys.push(Secret::new(Vec::new()));
    // One of a clock that was wrong would be kept for years.
    let tomorrow = TicketKey::random(now(&clock) + 3 * PERIOD, true).unwrap();
    keys.push(Secret::new([&[1][..], &tomorrow.to_bytes()].concat()));
    after.take_over(&keys, &clock);
    for ticket in [&early, &late] {
        assert!(b.decrypt(ticket).is_some());
    }
    assert!(a.decrypt(&b.encrypt(b"x").unwrap()).is_some());
    assert_eq!(after.0.ring.load().len(), 2);
    assert!(after.0.ring.load().iter().all(|key| !key.shared));
}

proptest! {
    #[test]
    fn nothing_else_opens_or_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let clock = ManualClock::new();
        let tickets = Tickets::default();
        let bound = bound(&tickets, b"", &clock);
        bound.encrypt(b"x").unwrap();
        prop_assert_eq!(bound.decrypt(&bytes), None);
        prop_assert!(TicketKey::from_bytes(&bytes).is_none() || bytes.len() == 8 + ID + KEY);
    }
}
