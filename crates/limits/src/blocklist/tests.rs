use panoply_core::ManualClock;
use panoply_store_memory::MemoryStore;

use super::*;

#[tokio::test]
async fn what_one_node_blocks_the_others_learn() {
    let clock = ManualClock::new();
    let store = Arc::new(MemoryStore::builder().clock(clock.clone()).build());
    let node = || {
        let keys = CounterKeys::new([7; 16]);
        Blocklist::with_clock(store.clone(), keys, clock.clone())
    };
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
    list.0.known.store(Arc::new(all.collect()));
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
    list.0.known.store(Arc::new(all.collect()));
    assert_eq!(list.find(client(0)), None);
    list.release(Release::Client(client(1))).await.unwrap();
    assert_eq!(list.find(client(0)), Some(first));
}

async fn ask(list: &Blocklist, client: Option<&str>) -> StatusCode {
    let app =
        tower::service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(Bytes::new())));
    let mut request = Request::new(());
    if let Some(client) = client {
        let peer = std::net::SocketAddr::new(client.parse().unwrap(), 1);
        let client = ClientAddress::direct(peer, panoply_core::Scheme::Https);
        request.extensions_mut().insert(client);
    }
    let app = BlockLayer::new(list.clone()).layer(app);
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
