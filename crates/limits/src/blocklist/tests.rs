use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use panoply_core::{ManualClock, Networks};
use panoply_store_memory::MemoryStore;
use tower_layer::Layer as _;

use super::*;

/// A store, and what makes nodes that have it.
fn nodes(clock: &ManualClock) -> (Arc<MemoryStore>, impl Fn() -> Blocklist + use<>) {
    let store = Arc::new(MemoryStore::builder().clock(clock.clone()).build());
    let (kept, clock) = (Arc::clone(&store), clock.clone());
    let node = move || {
        let keys = CounterKeys::new([7; 16]);
        Blocklist::with_clock(kept.clone(), keys, clock.clone())
    };
    (store, node)
}

#[tokio::test]
async fn what_one_node_blocks_the_others_learn() {
    let clock = ManualClock::new();
    let (_, node) = nodes(&clock);
    let (one, other) = (node(), node());
    let [bad, worse]: [IpAddr; 2] = [[203, 0, 113, 9].into(), [203, 0, 113, 10].into()];
    let minute = Duration::from_mins(1);
    let id = one.add(bad, Some(minute)).await.unwrap();
    one.add(worse, None).await.unwrap();
    assert_eq!(one.find(bad), Some(id));
    assert_eq!(other.find(bad), None);
    other.refresh().await.unwrap();
    assert_eq!(other.find(bad), Some(id));
    clock.advance(minute);
    assert_eq!((one.find(bad), other.find(bad)), (None, None));
    assert!(other.find(worse).is_some());
    assert_eq!(one.release(Release::Client(worse)).await.unwrap(), 1);
    assert_eq!(one.find(worse), None);
    other.refresh().await.unwrap();
    assert_eq!(other.find(worse), None);
}

#[tokio::test]
async fn a_list_in_place_of_another_begins_with_what_that_one_knew() {
    let clock = ManualClock::new();
    let list = || {
        let store = Arc::new(MemoryStore::builder().clock(clock.clone()).build());
        Blocklist::with_clock(store, CounterKeys::new([7; 16]), clock.clone())
    };
    let (earlier, next) = (list(), list());
    let [bad, good]: [IpAddr; 2] = [[203, 0, 113, 9].into(), [203, 0, 113, 10].into()];
    let minute = Duration::from_mins(1);
    let id = earlier.add(bad, Some(minute)).await.unwrap();
    next.begin_with(&earlier);
    assert_eq!((next.find(bad), next.find(good)), (Some(id), None));
    clock.advance(minute);
    assert_eq!(next.find(bad), None, "its time is over all the same");
    // What the store says counts, once it can be asked: here it has another one.
    next.add(good, None).await.unwrap();
    earlier.add(bad, None).await.unwrap();
    next.begin_with(&earlier);
    next.refresh().await.unwrap();
    assert_eq!(next.find(bad), None);
    assert!(next.find(good).is_some() && earlier.find(bad).is_some());
}

fn known(clients: impl Iterator<Item = (IpAddr, Entry)>) -> Arc<Known> {
    let mut known = Known::default();
    known.clients.extend(clients);
    Arc::new(known)
}

#[tokio::test]
async fn beyond_the_most_nobody_is_added_until_there_is_room() {
    let clock = ManualClock::new();
    let store = Arc::new(MemoryStore::builder().clock(clock.clone()).build());
    let list = Blocklist::with_clock(store.clone(), CounterKeys::new([7; 16]), clock.clone());
    let client = |number: u32| IpAddr::from(number.to_be_bytes());
    let all = (0..MOST).map(|number| {
        let client = client(u32::try_from(number).unwrap());
        let until = Some(Duration::from_mins(1)).filter(|_| number < 3);
        let id = BlockId::of(CounterKey::from_bits(number as u128));
        (client, Entry { id, until })
    });
    list.0.known.store(known(all));
    let late = client(0x7f00_0001);
    let error = list.add(late, None).await.unwrap_err();
    assert!(error.to_string().contains("release some"), "{error}");
    assert!(store.is_empty(), "it is kept all the same");
    assert!(
        list.add(client(5), None).await.is_ok(),
        "it is known already"
    );
    // Three are over.
    clock.advance(Duration::from_mins(1));
    list.add(late, None).await.unwrap();
    assert!(list.find(late).is_some());
    assert_eq!(list.find(client(2)), None);
}

/// A store that counts how often its blocks are read, and takes its time once it has released.
#[derive(Debug, Default)]
struct Read(MemoryStore, std::sync::atomic::AtomicUsize);

impl CounterStore for Read {
    fn decide<'a>(&'a self, ops: &[Op<'_>]) -> panoply_core::Reply<'a, panoply_core::Decision> {
        self.0.decide(ops)
    }

    fn decide_now(&self, ops: &[Op<'_>]) -> Option<Result<panoply_core::Decision, StoreError>> {
        self.0.decide_now(ops)
    }

    fn blocks(
        &self,
        after: Option<BlockId>,
        most: usize,
    ) -> panoply_core::Reply<'_, Vec<panoply_core::Block>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.blocks(after, most)
    }

    fn release(&self, which: Release) -> panoply_core::Reply<'_, usize> {
        let released = self.0.release(which);
        panoply_core::Reply::later(async move {
            let released = released.await;
            tokio::task::yield_now().await;
            released
        })
    }
}

#[tokio::test]
async fn whoever_adds_many_has_none_of_them_read_again() {
    let store = Arc::new(Read::default());
    let list = || Blocklist::new(Arc::clone(&store) as _, CounterKeys::new([7; 16]));
    let (one, other) = (list(), list());
    let client =
        |number: u16| IpAddr::from([10, 0, number.to_be_bytes()[0], number.to_be_bytes()[1]]);
    for number in 0..500 {
        one.add(client(number), None).await.unwrap();
    }
    assert_eq!(store.1.load(Ordering::Relaxed), 1);
    // What another node has done is learned of, by whoever adds as well.
    let id = other.add(client(500), None).await.unwrap();
    assert!((0..=500).all(|number| other.find(client(number)).is_some()));
    one.add(client(501), Some(Duration::from_mins(1)))
        .await
        .unwrap();
    assert_eq!(one.find(client(500)), Some(id));
    assert!((0..=501).all(|number| one.find(client(number)).is_some()));
    let read = store.1.load(Ordering::Relaxed);
    one.release(Release::Client(client(3))).await.unwrap();
    one.release(Release::Id(id)).await.unwrap();
    one.add(client(502), None).await.unwrap();
    assert_eq!(store.1.load(Ordering::Relaxed), read);
    assert_eq!((one.find(client(3)), one.find(client(500))), (None, None));
    assert!(one.find(client(4)).is_some());
    // What another node has added meanwhile is read by whoever releases as well.
    other.add(client(503), None).await.unwrap();
    one.release(Release::Client(client(5))).await.unwrap();
    assert!(one.find(client(503)).is_some() && one.find(client(5)).is_none());
    let before = store.1.load(Ordering::Relaxed);
    one.refresh().await.unwrap();
    assert_eq!(store.1.load(Ordering::Relaxed), before);
}

#[tokio::test]
async fn who_is_blocked_while_being_released_is_known_as_the_store_has_it() {
    let list = Blocklist::new(Arc::new(Read::default()), CounterKeys::new([7; 16]));
    let bad = IpAddr::from([203, 0, 113, 9]);
    list.add(bad, None).await.unwrap();
    let release = list.release(Release::Client(bad));
    let (released, added) = tokio::join!(release, list.add(bad, None));
    assert_eq!((released.unwrap(), added.is_ok()), (1, true));
    let kept = list.0.store.blocks(None, PAGE).await.unwrap().len();
    assert_eq!((list.find(bad).is_some(), kept), (true, 1));
}

#[tokio::test]
async fn where_more_are_blocked_than_are_known_one_takes_the_place_of_who_is_released() {
    let store = Arc::new(MemoryStore::default());
    let list = Blocklist::new(store, CounterKeys::new([7; 16]));
    let client = |number: usize| IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
    let first = list.add(client(0), None).await.unwrap();
    // Another node has added one, of whom there was no room to know.
    let all = (1..=MOST + 1).map(|number| {
        let id = BlockId::of(CounterKey::from_bits(number as u128));
        (client(number), Entry { id, until: None })
    });
    list.0.known.store(known(all));
    assert_eq!(list.find(client(0)), None);
    list.release(Release::Client(client(1))).await.unwrap();
    assert_eq!(list.find(client(0)), Some(first));
}

async fn ask(list: &Blocklist, client: Option<&str>) -> StatusCode {
    ask_layer(&BlockLayer::new(list.clone()), client).await
}

async fn ask_layer(layer: &BlockLayer, client: Option<&str>) -> StatusCode {
    let app =
        tower::service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(Bytes::new())));
    let mut request = Request::new(());
    if let Some(client) = client {
        let peer = std::net::SocketAddr::new(client.parse().unwrap(), 1);
        let client = ClientAddress::direct(peer, panoply_core::Scheme::Https);
        request.extensions_mut().insert(client);
    }
    let app = layer.layer(app);
    tower::ServiceExt::oneshot(app, request)
        .await
        .unwrap()
        .status()
}

#[tokio::test]
async fn a_block_of_one_address_of_ipv6_is_of_that_one_and_one_of_its_network_of_all() {
    let store = Arc::new(MemoryStore::default());
    let list = Blocklist::new(store, CounterKeys::new([7; 16]));
    list.add("2001:db8::9".parse().unwrap(), None)
        .await
        .unwrap();
    list.add("2001:db8:0:1::".parse().unwrap(), None)
        .await
        .unwrap();
    for (client, refused) in [
        ("2001:db8::9", true),
        ("2001:db8::8", false),
        ("2001:db8:0:1::8", true),
        ("203.0.113.9", false),
    ] {
        let status = ask(&list, Some(client)).await;
        assert_eq!(status == StatusCode::FORBIDDEN, refused, "{client}");
    }
}

#[test]
fn that_nobody_is_refused_for_want_of_an_address_is_told_once() {
    let told = crate::said::said(|| {
        futures_executor::block_on(async {
            let store = Arc::new(MemoryStore::default());
            let list = Blocklist::new(store, CounterKeys::new([7; 16]));
            ask(&list, None).await;
            list.add("203.0.113.9".parse().unwrap(), None)
                .await
                .unwrap();
            ask(&list, None).await;
            ask(&list, None).await;
        });
    });
    let errors = told.lines().filter(|line| line.contains("ERROR")).count();
    assert_eq!(errors, 1, "{told}");
}

#[tokio::test(start_paused = true)]
async fn who_follows_knows_what_was_blocked_before_and_elsewhere() {
    let store = Arc::new(MemoryStore::default());
    let node = || Blocklist::new(store.clone(), CounterKeys::new([7; 16]));
    let bad: IpAddr = [203, 0, 113, 9].into();
    node().add(bad, None).await.unwrap();
    let list = node();
    assert_eq!(list.find(bad), None);
    let follows = tokio::spawn(list.follow(Duration::from_secs(1)));
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(list.find(bad).is_some());
    node().release(Release::Client(bad)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(list.find(bad), None);
    follows.abort();
}

fn network(text: &str) -> Network {
    Network::parse(text).unwrap()
}

#[tokio::test]
async fn a_network_keeps_all_of_its_clients_out_until_it_is_over() {
    let clock = ManualClock::new();
    let (_, node) = nodes(&clock);
    let (list, other) = (node(), node());
    let hour = Duration::from_hours(1);
    let wide = list.add_network(network("203.0.0.0/16"), None).await;
    let narrow = network("203.0.113.0/24");
    let narrow_id = list.add_network(narrow, Some(hour)).await.unwrap();
    list.add_network(network("2001:db8::/32"), None)
        .await
        .unwrap();
    list.add_network(network("2001:db9::9/128"), None)
        .await
        .unwrap();
    // One that ends inside of a client's network is of those addresses alone.
    list.add_network(network("2001:dba::/96"), None)
        .await
        .unwrap();
    other.refresh().await.unwrap();
    for list in [&list, &other] {
        for (client, refused) in [
            ("203.0.113.9", true),
            ("203.0.114.9", true),
            ("203.1.0.1", false),
            ("::ffff:203.0.113.9", true),
            ("2001:db8:7::9", true),
            ("2001:db9::9", true),
            ("2001:db9::8", false),
            ("2001:dba::9", true),
            ("2001:dba::1:0:0:9", false),
        ] {
            let status = ask(list, Some(client)).await;
            assert_eq!(status == StatusCode::FORBIDDEN, refused, "{client}");
        }
        let client = "203.0.113.9".parse().unwrap();
        assert_eq!(list.find(client), Some(narrow_id), "the narrowest is told");
        assert_eq!(list.find_network(client), Some(narrow));
    }
    clock.advance(hour);
    let client = "203.0.113.9".parse().unwrap();
    assert_eq!(
        list.find(client),
        Some(wide.unwrap()),
        "the wider one goes on"
    );
    assert_eq!(list.find_network(client), Some(network("203.0.0.0/16")));
    assert_eq!(
        list.release_network(network("203.0.113.0/24"))
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        list.release_network(network("203.0.0.0/16")).await.unwrap(),
        1
    );
    other.refresh().await.unwrap();
    assert_eq!((list.find(client), other.find(client)), (None, None));
    assert!(list.find("2001:db8::1".parse().unwrap()).is_some());
}

#[tokio::test]
async fn a_client_and_the_network_around_it_are_released_each_by_itself() {
    let store = Arc::new(MemoryStore::default());
    let list = Blocklist::new(store, CounterKeys::new([7; 16]));
    let client: IpAddr = [203, 0, 113, 0].into();
    let own = list.add(client, None).await.unwrap();
    list.add_network(network("203.0.113.0/24"), None)
        .await
        .unwrap();
    assert_eq!(list.release(Release::Client(client)).await.unwrap(), 1);
    assert!(list.find(client).is_some(), "the network holds it");
    // A network of one address is that client.
    let again = list.add_network(network("203.0.113.0/32"), None).await;
    assert_eq!(again.unwrap(), own);
    list.release_network(network("203.0.113.0/24"))
        .await
        .unwrap();
    assert_eq!(list.find(client), Some(own));
    assert_eq!(
        list.release_network(network("203.0.113.0/32"))
            .await
            .unwrap(),
        1
    );
    assert_eq!(list.find(client), None);
}

#[tokio::test]
async fn a_network_that_holds_nearly_everybody_or_this_machine_is_refused() {
    let store = Arc::new(MemoryStore::default());
    let list = Blocklist::new(store.clone(), CounterKeys::new([7; 16]));
    for (wrong, told) in [
        ("0.0.0.0/0", "too wide"),
        ("::/0", "too wide"),
        ("128.0.0.0/7", "too wide"),
        ("2000::/15", "too wide"),
        ("127.0.0.0/8", "this machine"),
        ("::/64", "this machine"),
    ] {
        let error = list.add_network(network(wrong), None).await.unwrap_err();
        assert!(error.to_string().contains(told), "{wrong}: {error}");
    }
    assert!(store.is_empty());
    assert!(
        list.add_network(network("127.5.0.0/16"), None)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn networks_count_among_the_most() {
    let store = Arc::new(MemoryStore::default());
    let list = Blocklist::new(store, CounterKeys::new([7; 16]));
    let client = |number: usize| IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
    let all = (0..MOST - 1).map(|number| {
        let id = BlockId::of(CounterKey::from_bits(number as u128));
        (client(number), Entry { id, until: None })
    });
    list.0.known.store(known(all));
    list.add_network(network("203.0.113.0/24"), None)
        .await
        .unwrap();
    // What the store has is one block, and so much is known since.
    let all = (0..MOST).map(|number| {
        let id = BlockId::of(CounterKey::from_bits(number as u128));
        (client(number), Entry { id, until: None })
    });
    list.0.known.store(known(all));
    let error = list.add_network(network("198.51.100.0/24"), None).await;
    assert!(matches!(error.unwrap_err(), BlockError::Store(_)));
}

proptest::proptest! {
    #[test]
    fn who_is_held_is_who_is_in_one_of_the_networks(
        networks: Vec<(u8, u8)>, released: Vec<proptest::sample::Index>, clients: Vec<u8>
    ) {
        // All within 203.0.113.0/24, so that they lie in each other.
        let mut networks: Vec<Network> = { networks.into_iter() }
            .map(|(last, bits)| Network::new([203, 0, 113, last].into(), 24 + bits % 8).unwrap())
            .collect();
        let list = Blocklist::new(Arc::new(MemoryStore::default()), CounterKeys::new([7; 16]));
        futures_executor::block_on(async {
            for network in &networks {
                list.add_network(*network, None).await.unwrap();
            }
            for index in released.iter().filter(|_| !networks.is_empty()) {
                list.release_network(*index.get(&networks)).await.unwrap();
            }
        });
        let gone: Vec<Network> = { released.iter() }
            .filter(|_| !networks.is_empty())
            .map(|index| *index.get(&networks))
            .collect();
        networks.retain(|network| !gone.contains(network));
        for last in clients {
            let client = IpAddr::from([203, 0, 113, last]);
            let narrowest = { networks.iter().copied() }
                .filter(|network| network.contains(client))
                .max_by_key(|network| network.bits());
            proptest::prop_assert_eq!(list.find_network(client), narrowest);
        }
    }
}

/// Who is blocked in a store.
#[tokio::test]
async fn while_the_site_is_closed_only_those_are_let_in_that_it_is_open_to() {
    let clock = ManualClock::new();
    let (_, node) = nodes(&clock);
    let (one, other) = (node(), node());
    let hour = Duration::from_hours(1);
    assert!(!one.end_maintenance().await.unwrap());
    let bad: IpAddr = [203, 0, 113, 9].into();
    one.add(bad, None).await.unwrap();
    let block = one.begin_maintenance(Some(hour)).await.unwrap();
    other.refresh().await.unwrap();
    clock.advance(Duration::from_mins(20));
    let left = Some(Duration::from_mins(40));
    for list in [&one, &other] {
        assert_eq!(list.maintenance(), Some(Maintenance { block, left }));
        assert_eq!(ask(list, Some("192.0.2.7")).await, 503);
        assert_eq!(ask(list, None).await, 503, "nobody knows who that is");
        assert_eq!(ask(list, Some("203.0.113.9")).await, 403, "by hand");
        assert_eq!(
            list.find([192, 0, 2, 7].into()),
            None,
            "not for what he did"
        );
    }
    let open_to = Networks::parse(&["192.0.2.0/24"]).unwrap();
    let open = BlockLayer::new(one.clone()).open_to(open_to);
    assert_eq!(ask_layer(&open, Some("192.0.2.7")).await, 200);
    assert_eq!(ask_layer(&open, Some("192.0.3.7")).await, 503);
    assert!(other.end_maintenance().await.unwrap());
    one.refresh().await.unwrap();
    for list in [&one, &other] {
        assert_eq!(ask(list, Some("192.0.2.7")).await, 200);
        assert!(list.find(bad).is_some(), "who is blocked stays so");
    }
    // Until it is ended, and then for a time.
    one.begin_maintenance(None).await.unwrap();
    assert_eq!(one.maintenance().unwrap().left, None);
    one.begin_maintenance(Some(hour)).await.unwrap();
    assert_eq!(one.maintenance().unwrap().left, Some(hour));
    clock.advance(hour);
    assert_eq!(one.maintenance(), None);
    assert_eq!(ask(&one, Some("192.0.2.7")).await, 200);
}

#[tokio::test]
async fn a_site_that_is_closed_stays_so_where_the_store_has_lost_it() {
    let clock = ManualClock::new();
    let (store, node) = nodes(&clock);
    let list = node();
    list.begin_maintenance(None).await.unwrap();
    store.clear();
    list.refresh().await.unwrap();
    assert!(list.maintenance().is_some());
    let other = node();
    other.refresh().await.unwrap();
    assert!(other.maintenance().is_some(), "it was put back");
}

async fn kept(store: &MemoryStore) -> Vec<(String, Option<Duration>)> {
    let blocks = store.blocks(None, PAGE).await.unwrap().into_iter();
    let mut kept: Vec<_> =
        { blocks.map(|block| (format!("{:?}", block.subject), block.left)) }.collect();
    kept.sort();
    kept
}

#[tokio::test]
async fn what_a_store_has_lost_is_put_back_once_by_whoever_sees_it_first() {
    let clock = ManualClock::new();
    let (store, node) = nodes(&clock);
    let (one, other) = (node(), node());
    let client = |number: u8| IpAddr::from([203, 0, 113, number]);
    let (minute, hour) = (Duration::from_mins(1), Duration::from_hours(1));
    for number in 0..200 {
        one.add(client(number), Some(hour)).await.unwrap();
    }
    one.add(client(201), Some(minute)).await.unwrap();
    one.add(client(202), None).await.unwrap();
    one.add_network(network("198.51.100.0/24"), Some(hour))
        .await
        .unwrap();
    other.refresh().await.unwrap();
    clock.advance(minute);
    let before = kept(&store).await;
    assert_eq!(before.len(), 202, "one is over");
    assert_eq!(one.loss(), None);
    store.clear();
    one.refresh().await.unwrap();
    assert_eq!(kept(&store).await, before, "the same, for as long");
    let (put_back, at) = (202, clock.monotonic());
    assert_eq!(one.loss(), Some(Loss { put_back, at }));
    assert_eq!(one.find(client(201)), None);
    // Once it is put back, what is released stays so, and the other nodes find nothing lost.
    one.release(Release::Client(client(202))).await.unwrap();
    other.refresh().await.unwrap();
    assert_eq!((other.find(client(202)), other.loss()), (None, None));
    assert!(other.find(client(7)).is_some());
    assert_eq!(kept(&store).await.len(), 201);
    // Whoever adds or releases sees it, too.
    store.clear();
    other.add(client(203), None).await.unwrap();
    assert_eq!(kept(&store).await.len(), 202);
    one.refresh().await.unwrap();
    assert!(one.find(client(203)).is_some() && one.loss().unwrap().put_back == 202);
    store.clear();
    assert_eq!(one.release(Release::Client(client(203))).await.unwrap(), 0);
    assert_eq!(
        kept(&store).await.len(),
        201,
        "but for who was to be released"
    );
    assert_eq!(one.find(client(203)), None);
}

#[tokio::test]
async fn a_store_that_counts_anew_and_comes_to_the_same_is_not_the_same() {
    let store = Arc::new(MemoryStore::default());
    let list = Blocklist::new(store.clone(), CounterKeys::new([7; 16]));
    let [first, second] = [[203, 0, 113, 1], [203, 0, 113, 2]].map(IpAddr::from);
    list.add(first, None).await.unwrap();
    store.clear();
    list.add(second, None).await.unwrap();
    assert!(list.find(first).is_some() && list.find(second).is_some());
    assert_eq!(kept(&store).await.len(), 2);
}
