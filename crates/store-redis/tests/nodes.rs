//! Nodes that share a server, and a server that goes away.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says no by panicking"
)]

mod server;

use std::collections::HashSet;
use std::time::Duration;

use panoply_core::{
    Action, CounterKey, CounterKeys, CounterStore, Decision, Lock, Op, Release, Rule, StoreError,
    Subject,
};
use panoply_store_redis::RedisStore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use server::Server;

const HOUR: Duration = Duration::from_hours(1);

fn key(name: &str) -> CounterKey {
    CounterKeys::new([7; 16]).key("test", &[name.as_bytes()])
}

fn ten() -> Rule {
    Rule::new("login/pair", 10, 24 * HOUR)
}

async fn reserve(store: &RedisStore, name: &str) -> Result<Decision, StoreError> {
    let rule = ten();
    store.decide(&[Op::reserve(key(name), &rule)]).await
}

async fn count(store: &RedisStore, name: &str) -> i64 {
    let rule = ten();
    let look = [Op::new(key(name), &rule, Action::Get)];
    store.decide(&look).await.unwrap().state().count
}

/// Waits until the store answers again, for a minute at most.
async fn is_back(store: &RedisStore) {
    for _ in 0..1200 {
        if count_or_error(store).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the store does not come back");
}

async fn count_or_error(store: &RedisStore) -> Result<Decision, StoreError> {
    let rule = ten();
    store
        .decide(&[Op::new(key("look"), &rule, Action::Get)])
        .await
}

/// Reservations at once by all of `nodes`: how many were granted, refused, and failed.
async fn at_once(nodes: &[RedisStore], callers: usize, name: &'static str) -> [usize; 3] {
    let mut tasks = JoinSet::new();
    for number in 0..callers {
        let store = nodes[number % nodes.len()].clone();
        tasks.spawn(async move {
            match reserve(&store, name).await {
                Ok(decision) if decision.is_granted() => 0,
                Ok(_) => 1,
                Err(error) => {
                    assert!(error.is_transient(), "{error:?}");
                    2
                }
            }
        });
    }
    let mut sums = [0; 3];
    for which in tasks.join_all().await {
        sums[which] += 1;
    }
    sums
}

async fn three(server: &Server) -> [RedisStore; 3] {
    [
        server.store().await,
        server.store().await,
        server.store().await,
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_of_a_thousand_pass_three_nodes() {
    let server = Server::start().await;
    let nodes = three(&server).await;
    assert_eq!(at_once(&nodes, 1000, "a").await, [10, 990, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_script_that_was_forgotten_is_loaded_again() {
    let server = Server::start().await;
    let nodes = three(&server).await;
    let mut look = server.look().await;
    let flushing = tokio::spawn(async move {
        for _ in 0..200 {
            let mut flush = redis::cmd("SCRIPT");
            let _: () = flush.arg("FLUSH").query_async(&mut look).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    let (mut granted, mut failures) = (0, 0);
    for _ in 0..10 {
        let [passed, _, failed] = at_once(&nodes, 100, "a").await;
        granted += passed;
        // A flush between a load and its call is a failure that counts for nobody.
        failures += failed;
    }
    flushing.await.unwrap();
    assert!(failures < 1000, "nothing came through");
    granted += at_once(&nodes, 100, "a").await[0];
    assert_eq!(granted, 10);
    let rule = ten();
    let block = [Op::new(key("b"), &rule, Action::Block { time: None })];
    nodes[0].decide(&block).await.unwrap();
    let mut look = server.look().await;
    let _: () = redis::cmd("SCRIPT")
        .arg("FLUSH")
        .query_async(&mut look)
        .await
        .unwrap();
    assert_eq!(nodes[1].blocks(None, 10).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_is_killed_lets_nobody_beyond_the_limit() {
    // Kept on disk before it answers, so that a restart forgets nothing.
    let mut server = Server::with(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let nodes = three(&server).await;
    let mut granted = at_once(&nodes, 6, "a").await[0];
    let under_load = {
        let nodes = nodes.clone();
        tokio::spawn(async move {
            let mut sums = [0; 3];
            for _ in 0..40 {
                let more = at_once(&nodes, 50, "a").await;
                sums = [sums[0] + more[0], sums[1] + more[1], sums[2] + more[2]];
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            sums
        })
    };
    tokio::time::sleep(Duration::from_millis(20)).await;
    server.kill();
    let away = Instant::now();
    let error = reserve(&nodes[0], "a").await;
    assert!(error.is_err_and(|error| error.is_transient()));
    assert!(
        away.elapsed() < Duration::from_secs(2),
        "it answers at once"
    );
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.start_again().await;
    let [more, _, failed] = under_load.await.unwrap();
    granted += more;
    assert!(failed > 0, "it was away");
    for node in &nodes {
        is_back(node).await;
    }
    granted += at_once(&nodes, 50, "a").await[0];
    assert!((6..=10).contains(&granted), "{granted}");
    assert_eq!(count(&nodes[0], "a").await, 10);
    assert!(nodes.iter().all(RedisStore::is_connected));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_says_nothing_hangs_nobody() {
    let server = Server::start().await;
    let store = server.store().await;
    server.pause();
    for _ in 0..2 {
        let asked = tokio::time::timeout(Duration::from_secs(10), reserve(&store, "a"));
        let error = asked.await.unwrap().unwrap_err();
        assert!(error.is_transient(), "{error:?}");
    }
    server.resume();
    is_back(&store).await;
    assert!(reserve(&store, "b").await.unwrap().is_granted());
}

#[test]
fn a_store_is_used_from_other_runtimes() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let (send, receive) = std::sync::mpsc::channel();
    let (done, finished) = tokio::sync::oneshot::channel::<()>();
    let home = std::thread::spawn(move || {
        runtime().block_on(async {
            let server = Server::start().await;
            send.send(server.store().await).unwrap();
            let _ = finished.await;
        });
    });
    let store: RedisStore = receive.recv().unwrap();
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            std::thread::spawn(move || {
                runtime().block_on(async {
                    let mut granted = 0;
                    for _ in 0..50 {
                        granted += usize::from(reserve(&store, "a").await.unwrap().is_granted());
                    }
                    granted
                })
            })
        })
        .collect();
    let granted: usize = workers
        .into_iter()
        .map(|worker| worker.join().unwrap())
        .sum();
    assert_eq!(granted, 10);
    done.send(()).unwrap();
    home.join().unwrap();
    // Its runtime is gone, and so is the connection: no call waits for it.
    let error = runtime().block_on(reserve(&store, "a")).unwrap_err();
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_connection_ends_with_the_last_clone() {
    let server = Server::start().await;
    let store = server.store().await;
    let mut look = server.look().await;
    let mut clients = async || {
        let mut list = redis::cmd("CLIENT");
        let list: String = list.arg("LIST").query_async(&mut look).await.unwrap();
        list.lines().count()
    };
    assert_eq!(clients().await, 2);
    drop(store.clone());
    assert!(reserve(&store, "a").await.is_ok());
    drop(store);
    for _ in 0..500 {
        if clients().await == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the connection stays");
}

/// Every key ends by itself, but for what is to stay for ever.
#[tokio::test]
async fn nothing_leaks() {
    let server = Server::start().await;
    let store = server.store().await;
    let mut look = server.look().await;
    let rule = Rule::new("r", 2, HOUR).lock(Lock::fixed(Duration::from_millis(200)));
    let member = Some(key("member"));
    let address = "203.0.113.9".parse().unwrap();
    let ops = [
        Op::new(key("set"), &rule, Action::Reserve { cost: 1, member }),
        Op::new(key("rate"), &rule, Action::Gcra { cost: 1 }),
        Op::new(
            key("pair"),
            &rule,
            Action::Consume {
                points: 3,
                window: None,
            },
        )
        .about(Subject::UserFrom(address)),
    ];
    store.decide(&ops).await.unwrap();
    let keys = ttls(&mut look).await;
    assert_eq!(
        keys.len(),
        7,
        "four counters, a note and two indices: {keys:?}"
    );
    for (name, left) in &keys {
        assert!((0..=3_600_100).contains(left), "{name}: {left}");
        assert!(name.starts_with("{panoply}:"));
    }
    let note = keys
        .iter()
        .find(|(name, _)| name.starts_with("{panoply}:n"));
    assert!(note.is_some());

    // Blocks that are over leave the index with the next that come.
    let short = Action::Block {
        time: Some(Duration::from_millis(1)),
    };
    for number in 0..50 {
        let op = Op::new(key(&format!("short {number}")), &rule, short);
        store
            .decide(&[op.about(Subject::UserFrom(address))])
            .await
            .unwrap();
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    let long = Action::Block { time: Some(HOUR) };
    for number in 0..100 {
        let op = Op::new(key(&format!("long {number}")), &rule, long);
        store
            .decide(&[op.about(Subject::UserFrom(address))])
            .await
            .unwrap();
    }
    let mut card = redis::cmd("ZCARD");
    let filed: usize = card
        .arg("{panoply}:blocks")
        .query_async(&mut look)
        .await
        .unwrap();
    assert!(filed < 130, "{filed}");
    let listed = store.blocks(None, 1000).await.unwrap();
    assert_eq!(
        listed
            .iter()
            .filter(|block| block.left > Some(HOUR / 2))
            .count(),
        101
    );
    let released = store.release(Release::Client(address)).await.unwrap();
    assert_eq!(released, 101);
    let left: HashSet<String> = ttls(&mut look)
        .await
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(left.len(), 3, "set, member and rate: {left:?}");

    let ever = Action::Block { time: None };
    store
        .decide(&[Op::new(key("ever"), &rule, ever)])
        .await
        .unwrap();
    assert!(
        ttls(&mut look)
            .await
            .iter()
            .filter(|(_, left)| *left == -1)
            .count()
            == 3
    );
    store
        .decide(&[Op::new(key("ever"), &rule, Action::Forget)])
        .await
        .unwrap();
    assert_eq!(ttls(&mut look).await.len(), 3);
}

async fn ttls(look: &mut redis::aio::MultiplexedConnection) -> Vec<(String, i64)> {
    let names: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query_async(look).await.unwrap();
    let mut found = Vec::new();
    for name in names {
        let left: i64 = redis::cmd("PTTL")
            .arg(&name)
            .query_async(look)
            .await
            .unwrap();
        // One that ended between the two is not there any more.
        if left != -2 {
            found.push((String::from_utf8_lossy(&name).into_owned(), left));
        }
    }
    found
}

#[tokio::test]
async fn stores_with_other_prefixes_know_nothing_of_each_other() {
    let server = Server::start().await;
    let named = |prefix: &str| RedisStore::builder(server.url()).prefix(prefix).connect();
    let (one, other) = (named("one").await.unwrap(), named("other").await.unwrap());
    assert_eq!(
        at_once(std::slice::from_ref(&one), 20, "a").await,
        [10, 10, 0]
    );
    assert_eq!(at_once(&[other], 20, "a").await, [10, 10, 0]);
    let socket = format!("unix://{}", server.socket().display());
    let same = RedisStore::builder(socket)
        .prefix("one")
        .connect()
        .await
        .unwrap();
    assert_eq!(count(&same, "a").await, 10);
    assert!(one.address().starts_with("127.0.0.1:"));
}
