use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use panoply_core::{
    Block, BlockId, ClientAddress, CounterKeys, CounterStore, Decision, ManualClock, Op, Refusal,
    Release, Reply, Scheme, StoreError,
};
use panoply_store_memory::MemoryStore;
use proptest::prelude::*;
use tower::{Layer as _, Service as _, ServiceExt as _, service_fn};

use super::*;
use crate::said::said;
use crate::{BlockLayer, Blocklist, LimitConfig, LimitLayer};

mod places;
mod probes;

type Body = Full<Bytes>;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// A node: the two layers around an app that answers what it is told, and counts what it sees.
struct Node {
    list: Blocklist,
    blocks: BlockLayer,
    answers: AnswerLayer,
    status: AtomicU16,
    seen: Mutex<Vec<String>>,
}

impl Node {
    fn new(store: Arc<dyn CounterStore>, clock: &ManualClock, limits: &[LimitConfig]) -> Self {
        let list = Blocklist::with_clock(store, CounterKeys::new([7; 16]), clock.clone());
        Self::on(list, limits, ProbesConfig::new())
    }

    fn on(list: Blocklist, limits: &[LimitConfig], probes: ProbesConfig) -> Self {
        let answers = AnswerLayer::new(limits.iter().cloned(), probes, list.clone()).unwrap();
        let answers = answers.sparing(|client| client.ip().to_string() == "192.0.2.1");
        Self {
            blocks: BlockLayer::new(list.clone()).sparing(answers.spares().clone()),
            list,
            answers,
            status: AtomicU16::new(404),
            seen: Mutex::default(),
        }
    }

    async fn ask(&self, request: Request<Body>) -> Response<Body> {
        let app = service_fn(|request: Request<Body>| async move {
            let path = request.uri().path().to_owned();
            self.seen.lock().unwrap().push(path);
            let mut answer = Response::new(Full::default());
            *answer.status_mut() =
                StatusCode::from_u16(self.status.load(Ordering::Relaxed)).unwrap();
            Ok::<_, Infallible>(answer)
        });
        let service = self.blocks.layer(self.answers.layer(app));
        service.oneshot(request).await.unwrap()
    }

    async fn get(&self, client: &str, path: &str) -> u16 {
        self.ask(request(client, path)).await.status().as_u16()
    }

    /// What so many different paths are answered.
    async fn scan(&self, client: &str, number: usize) -> Vec<u16> {
        let mut statuses = Vec::new();
        for number in 0..number {
            statuses.push(self.get(client, &format!("/scan/{number}")).await);
        }
        statuses
    }

    fn seen(&self) -> usize {
        std::mem::take(&mut *self.seen.lock().unwrap()).len()
    }
}

fn request(client: &str, path: &str) -> Request<Body> {
    let mut request = Request::get(path).body(Full::default()).unwrap();
    let ip: std::net::IpAddr = client.parse().unwrap();
    let client = ClientAddress::direct(SocketAddr::new(ip, 1), Scheme::Http);
    request.extensions_mut().insert(client);
    request
}

fn memory(clock: &ManualClock) -> Arc<MemoryStore> {
    Arc::new(MemoryStore::builder().clock(clock.clone()).build())
}

fn scanners() -> LimitConfig {
    LimitConfig::new(3, MINUTE)
        .name("scanners")
        .answers([403, 404])
        .lock(HOUR)
}

fn node(clock: &ManualClock, limits: &[LimitConfig]) -> Node {
    Node::new(memory(clock), clock, limits)
}

const BAD: &str = "203.0.113.9";
const GOOD: &str = "203.0.113.10";

#[tokio::test]
async fn who_asks_for_too_much_that_is_not_there_is_held_out_everywhere() {
    let clock = ManualClock::new();
    let node = node(&clock, &[scanners()]);
    assert_eq!(node.scan(BAD, 5).await, [404, 404, 404, 429, 429]);
    assert_eq!(node.seen(), 3);
    node.status.store(200, Ordering::Relaxed);
    clock.advance(MINUTE * 30);
    let answer = node.ask(request(BAD, "/")).await;
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["retry-after"], "1800");
    let refusal = answer.extensions().get::<Refusal>().unwrap();
    assert_eq!(refusal.rule(), "limits/answers");
    assert!(refusal.block().is_some());
    assert_eq!(node.get(GOOD, "/").await, 200);
    clock.advance(MINUTE * 30);
    assert_eq!(node.get(BAD, "/").await, 200);
}

#[tokio::test]
async fn good_answers_and_the_same_path_again_cost_nothing() {
    let clock = ManualClock::new();
    let node = node(&clock, &[scanners()]);
    for _ in 0..50 {
        assert_eq!(node.get(BAD, "/gone.png?v=1").await, 404);
        assert_eq!(node.get(BAD, "/GONE.png?v=2").await, 404);
    }
    for status in [200, 204, 304, 301, 400, 401, 500] {
        node.status.store(status, Ordering::Relaxed);
        assert_eq!(node.scan(BAD, 10).await, [status; 10]);
    }
    node.status.store(403, Ordering::Relaxed);
    assert_eq!(node.scan(BAD, 3).await, [403, 403, 429]);
}

#[tokio::test]
async fn requests_are_counted_where_that_is_said() {
    let clock = ManualClock::new();
    let limit = scanners()
        .answers([401])
        .count(Count::Requests)
        .path("/api/");
    let node = node(&clock, &[limit]);
    node.status.store(401, Ordering::Relaxed);
    for expected in [401, 401, 401, 429] {
        assert_eq!(node.get(GOOD, "/elsewhere").await, 401);
        assert_eq!(node.get(BAD, "/api/me").await, expected);
    }
}

#[tokio::test]
async fn the_window_opens_with_the_first_and_a_second_lock_is_longer() {
    let clock = ManualClock::new();
    let node = node(&clock, &[scanners().longest(HOUR * 3)]);
    assert_eq!(node.scan(BAD, 2).await, [404, 404]);
    clock.advance(MINUTE);
    assert_eq!(node.scan(BAD, 4).await, [404, 404, 404, 429]);
    for hours in [1, 2, 3, 3] {
        let answer = node.ask(request(BAD, "/")).await;
        let seconds = (HOUR * hours).as_secs().to_string();
        assert_eq!(answer.headers()["retry-after"], seconds.as_str());
        clock.advance(HOUR * hours);
        assert_eq!(node.scan(BAD, 4).await, [404, 404, 404, 429]);
    }
}

#[tokio::test]
async fn what_the_suit_itself_answers_does_not_count() {
    let clock = ManualClock::new();
    let node = node(&clock, &[scanners()]);
    let refuses = service_fn(|request: Request<Body>| async move {
        let refusal = Refusal::new(StatusCode::FORBIDDEN, "cross-site", "No.");
        Ok::<_, Infallible>(refusal.answer_to(&request).map(Full::new))
    });
    let mut service = node.answers.layer(refuses);
    for number in 0..20 {
        let request = request(BAD, &format!("/{number}"));
        assert_eq!(service.call(request).await.unwrap().status(), 403);
    }
    assert_eq!(node.get(BAD, "/").await, 404);
}

#[tokio::test]
async fn what_a_page_has_a_browser_ask_for_does_not_count_nor_do_preflights() {
    let clock = ManualClock::new();
    let node = node(&clock, &[scanners()]);
    let with = |path: String, headers: &[(&'static str, &'static str)]| {
        let mut request = request(BAD, &path);
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        request
    };
    for number in 0..20 {
        let image = with(format!("/a/{number}"), &[("sec-fetch-dest", "image")]);
        assert_eq!(node.ask(image).await.status(), 404);
        let other = with(format!("/b/{number}"), &[("sec-fetch-site", "cross-site")]);
        assert_eq!(node.ask(other).await.status(), 404);
        let mut preflight = with(
            format!("/c/{number}"),
            &[
                ("origin", "https://a.test"),
                ("access-control-request-method", "PUT"),
            ],
        );
        *preflight.method_mut() = Method::OPTIONS;
        assert_eq!(node.ask(preflight).await.status(), 404);
    }
    assert_eq!(node.scan(BAD, 4).await, [404, 404, 404, 429]);
}

#[tokio::test]
async fn whom_a_limit_held_that_is_no_more_is_let_in() {
    let clock = ManualClock::new();
    let node = node(&clock, &[scanners()]);
    node.scan(BAD, 3).await;
    for limits in [
        vec![],
        vec![scanners().name("other")],
        vec![scanners().danger_dry_run(true)],
    ] {
        let next = Node::on(node.list.clone(), &limits, ProbesConfig::default());
        assert_eq!(next.get(BAD, "/").await, 404, "{limits:?}");
    }
    assert_eq!(node.get(BAD, "/").await, 429);
    // One that has not been told of limits holds whoever is on the list.
    let app = service_fn(|_| async { Ok::<_, Infallible>(Response::new(Body::default())) });
    let plain = BlockLayer::new(node.list.clone()).layer(app);
    let answer = plain.oneshot(request(BAD, "/")).await.unwrap();
    assert_eq!(answer.status(), 429);
}

#[test]
fn what_is_tried_out_counts_whom_it_does_not_exempt() {
    let clock = ManualClock::new();
    let limit = scanners().danger_dry_run(true).exempt([GOOD]);
    let node = node(&clock, &[limit]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let log = |client| said(|| drop(runtime.block_on(node.scan(client, 20))));
    assert!(!log(GOOD).contains("dry_run is on"));
    assert!(log(BAD).contains("dry_run is on"));
}

#[tokio::test]
async fn a_network_is_one_client_and_who_is_spared_is_let_in_from_it() {
    let clock = ManualClock::new();
    let limit = scanners().exempt(["2001:db8::9", "198.51.100.0/24"]);
    let node = node(&clock, &[limit]);
    for (number, client) in ["2001:db8::1", "2001:db8::2", "2001:db8::3"]
        .iter()
        .enumerate()
    {
        assert_eq!(node.get(client, &format!("/{number}")).await, 404);
    }
    assert_eq!(node.get("2001:db8::4", "/").await, 429);
    assert_eq!(node.get("2001:db8::9", "/").await, 404);
    let blocked = |client: &str| {
        let client = request(client, "/").extensions().get().cloned();
        node.blocks.block_of(&client.unwrap()).is_some()
    };
    assert!(blocked("2001:db8::4") && !blocked("2001:db8::9"));
    assert_eq!(node.get("2001:db8:0:1::4", "/").await, 404);
    // A proxy, too, whatever it is answered.
    for spared in ["2001:db8::9", "198.51.100.7", "192.0.2.1"] {
        assert_eq!(node.scan(spared, 20).await, [404; 20], "{spared}");
    }
}

#[tokio::test]
async fn others_learn_it_and_a_release_on_one_is_one_on_all() {
    let clock = ManualClock::new();
    let store = memory(&clock);
    let nodes = [(); 2].map(|()| Node::new(store.clone(), &clock, &[scanners()]));
    let [one, other] = &nodes;
    for node in &nodes {
        node.list.refresh().await.unwrap();
    }
    one.scan(BAD, 3).await;
    one.list.refresh().await.unwrap();
    other.list.refresh().await.unwrap();
    for node in &nodes {
        node.status.store(200, Ordering::Relaxed);
        assert_eq!(node.get(BAD, "/").await, 429);
    }
    // One that is started later finds it, as after a restart.
    let late = Node::new(store.clone(), &clock, &[scanners()]);
    late.list.refresh().await.unwrap();
    assert_eq!(late.get(BAD, "/").await, 429);
    let blocks = store.blocks(None, 10).await.unwrap();
    assert_eq!(blocks.len(), 1, "{blocks:?}");
    assert_eq!(blocks[0].rule, "scan/scanners");
    assert_eq!(other.list.find(BAD.parse().unwrap()), None, "not by hand");
    let id = blocks[0].id();
    assert_eq!(other.list.release(Release::Id(id)).await.unwrap(), 1);
    assert_eq!(other.get(BAD, "/").await, 200);
    one.list.refresh().await.unwrap();
    assert_eq!(one.get(BAD, "/").await, 200);
}

#[tokio::test]
async fn a_node_that_has_not_learnt_of_it_does_with_the_first_answer_that_counts() {
    let clock = ManualClock::new();
    let store = memory(&clock);
    let nodes = [(); 2].map(|()| Node::new(store.clone(), &clock, &[scanners()]));
    nodes[0].scan(BAD, 3).await;
    assert_eq!(nodes[1].scan(BAD, 3).await, [429, 429, 429]);
    assert_eq!(nodes[1].seen(), 1);
}

#[tokio::test]
async fn who_is_released_from_one_limit_is_held_by_another() {
    let clock = ManualClock::new();
    let store = memory(&clock);
    let longer = scanners().name("longer").path("/longer/").lock(HOUR * 2);
    let limits = [scanners().path("/scan/"), longer];
    let nodes = [(); 2].map(|()| Node::new(store.clone(), &clock, &limits));
    let [one, other] = &nodes;
    one.list.refresh().await.unwrap();
    one.scan(BAD, 3).await;
    for number in 0..3 {
        assert_eq!(other.get(BAD, &format!("/longer/{number}")).await, 404);
    }
    other.list.refresh().await.unwrap();
    one.list.refresh().await.unwrap();
    let blocks = store.blocks(None, 10).await.unwrap();
    assert_eq!(blocks.len(), 2);
    let longer = blocks
        .iter()
        .find(|block| block.rule == "scan/longer")
        .unwrap();
    one.list.release(Release::Id(longer.id())).await.unwrap();
    one.status.store(200, Ordering::Relaxed);
    let answer = one.ask(request(BAD, "/")).await;
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["retry-after"], "3600");
}

#[tokio::test]
async fn what_is_counted_while_somebody_is_released_holds_nobody() {
    let clock = ManualClock::new();
    let node = node(&clock, &[scanners()]);
    let client = BAD.parse().unwrap();
    let turn = node.list.turn();
    let rule: Arc<str> = "scan/scanners".into();
    let id: BlockId = "00c0ffee00c0ffee".parse().unwrap();
    node.list.release(Release::Client(client)).await.unwrap();
    node.list.hold(client, id, &rule, Some(HOUR), turn);
    node.status.store(200, Ordering::Relaxed);
    assert_eq!(node.get(BAD, "/").await, 200);
    node.list
        .hold(client, id, &rule, Some(HOUR), node.list.turn());
    assert_eq!(node.get(BAD, "/").await, 429);
}

#[tokio::test]
async fn a_new_configuration_holds_who_was_held() {
    let clock = ManualClock::new();
    let store = memory(&clock);
    let earlier = Node::new(store.clone(), &clock, &[scanners()]);
    earlier.scan(BAD, 3).await;
    let next = Node::new(store.clone(), &clock, &[scanners()]);
    next.list.begin_with(&earlier.list);
    next.status.store(200, Ordering::Relaxed);
    assert_eq!(next.get(BAD, "/").await, 429);
    next.list.refresh().await.unwrap();
    assert_eq!(next.get(BAD, "/").await, 429);
    // Who is named in it is let in.
    let spares = Node::new(store, &clock, &[scanners().exempt([BAD])]);
    spares.list.begin_with(&earlier.list);
    assert_eq!(spares.get(BAD, "/").await, 404);
}

/// A store that can be away.
#[derive(Debug)]
struct Away(Arc<MemoryStore>, std::sync::atomic::AtomicBool, AtomicU16);

impl CounterStore for Away {
    fn decide<'a>(&'a self, ops: &[Op<'_>]) -> Reply<'a, Decision> {
        self.2.fetch_add(1, Ordering::Relaxed);
        if self.1.load(Ordering::Relaxed) {
            return Reply::ready(Err(StoreError::transient("away")));
        }
        self.0.decide(ops)
    }

    fn blocks(&self, after: Option<BlockId>, most: usize) -> Reply<'_, Vec<Block>> {
        self.0.blocks(after, most)
    }

    fn release(&self, which: Release) -> Reply<'_, usize> {
        self.0.release(which)
    }
}

#[tokio::test]
async fn while_the_store_is_away_nothing_counts_and_who_is_held_stays_so() {
    let clock = ManualClock::new();
    let store = Arc::new(Away(memory(&clock), false.into(), AtomicU16::new(0)));
    let node = Node::new(store.clone(), &clock, &[scanners()]);
    assert_eq!(node.scan(BAD, 4).await, [404, 404, 404, 429]);
    store.1.store(true, Ordering::Relaxed);
    assert_eq!(node.get(BAD, "/").await, 429);
    assert_eq!(node.scan(GOOD, 20).await, [404; 20]);
    store.1.store(false, Ordering::Relaxed);
    assert_eq!(node.scan(GOOD, 4).await, [404, 404, 404, 429]);
}

#[tokio::test]
async fn no_good_answer_asks_the_store() {
    let clock = ManualClock::new();
    let store = Arc::new(Away(memory(&clock), false.into(), AtomicU16::new(0)));
    let node = Node::new(store.clone(), &clock, &[scanners()]);
    node.status.store(200, Ordering::Relaxed);
    node.scan(GOOD, 20).await;
    assert_eq!(store.2.load(Ordering::Relaxed), 0);
    node.status.store(404, Ordering::Relaxed);
    node.scan(GOOD, 1).await;
    assert_eq!(store.2.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn what_is_tried_out_holds_nobody_and_is_no_block() {
    let clock = ManualClock::new();
    let store = memory(&clock);
    let node = Node::new(store.clone(), &clock, &[scanners().danger_dry_run(true)]);
    assert_eq!(node.scan(BAD, 20).await, [404; 20]);
    assert!(store.blocks(None, 10).await.unwrap().is_empty());
}

#[test]
fn the_log_says_once_who_is_held_out_and_why() {
    let clock = ManualClock::new();
    let node = node(&clock, &[scanners()]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let log = said(|| drop(runtime.block_on(node.scan(BAD, 20))));
    let lines: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("held out"))
        .collect();
    let [line] = lines[..] else { panic!("{log}") };
    for part in [BAD, "scan/scanners", "/scan/2", "3600", "`exempt`"] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

/// All at once: each has been asked before the app answers one.
#[tokio::test]
async fn of_many_at_once_no_more_than_the_points_are_answered() {
    let clock = ManualClock::new();
    let node = node(&clock, &[scanners()]);
    let gate = &tokio::sync::Semaphore::new(0);
    let app = service_fn(|_: Request<Body>| async move {
        let _ = gate.acquire().await;
        let mut answer = Response::new(Body::default());
        *answer.status_mut() = StatusCode::NOT_FOUND;
        Ok::<_, Infallible>(answer)
    });
    let service = node.blocks.layer(node.answers.layer(app));
    let asked = (0..200).map(|number| {
        let request = request(BAD, &format!("/{number}"));
        Box::pin(service.clone().oneshot(request))
    });
    let mut asked: Vec<_> = asked.collect();
    for future in &mut asked {
        assert!(futures_pending(future).await);
    }
    gate.close();
    let mut given = 0;
    for future in asked {
        given += usize::from(future.await.unwrap().status() == 404);
    }
    assert_eq!(given, 3);
}

/// Polls once; whether it is still to come.
async fn futures_pending<F: Future + Unpin>(future: &mut F) -> bool {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_pending())
    })
    .await
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let read = |text: &str| {
        let limit: LimitConfig = toml::from_str(text).unwrap();
        limit.validate().map_err(|error| error.to_string())
    };
    let good = "points = 50\nwindow = \"1m\"\nanswers = [403, 404]\n";
    assert_eq!(
        read(&format!("{good}lock = \"1h\"\nlongest = \"1d\"")),
        Ok(())
    );
    for (text, key) in [
        (good.to_owned(), "lock"),
        (format!("{good}lock = \"0s\""), "lock"),
        (format!("{good}lock = \"2h\"\nlongest = \"1h\""), "lock"),
        (format!("{good}lock = \"1h\"\ncost = 2"), "cost"),
        (format!("{good}lock = \"1h\"\nkey = \"path\""), "key"),
        (
            format!("{good}lock = \"1h\"\nalgorithm = \"gcra\""),
            "algorithm",
        ),
        (good.replace("403", "200") + "lock = \"1h\"", "answers"),
        (good.replace("403", "304") + "lock = \"1h\"", "answers"),
        (good.replace("[403, 404]", "[]") + "lock = \"1h\"", "lock"),
        (good.replace("50", "0") + "lock = \"1h\"", "points"),
    ] {
        let error = read(&text).unwrap_err();
        assert!(error.starts_with(&format!("`{key}`")), "{text}: {error}");
    }
    // Each to its own layer.
    let keys = || CounterKeys::new([7; 16]);
    let store = memory(&ManualClock::new());
    assert!(LimitLayer::new([scanners()], store.clone(), keys()).is_err());
    let plain = LimitConfig::new(1, MINUTE);
    let list = Blocklist::new(store, keys());
    assert!(AnswerLayer::new([plain], ProbesConfig::new(), list).is_err());
}

proptest! {
    /// Whatever is asked for in which order, a client is held out with the third path that is not there within a
    /// minute, and not before.
    #[test]
    fn a_client_is_held_with_its_last_point(
        asks in proptest::collection::vec((0_u8..3, 0_u8..8, any::<bool>(), 0_u64..40), 1..60)
    ) {
        let clock = ManualClock::new();
        let node = node(&clock, &[scanners()]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        // For each client: when its window ends and what was counted in it, and until when it is held.
        let mut model: [(u64, Vec<u8>, u64); 3] = Default::default();
        let mut now = 0_u64;
        for (client, path, is_there, later) in asks {
            clock.advance(Duration::from_secs(later));
            now += later;
            node.status.store(if is_there { 200 } else { 404 }, Ordering::Relaxed);
            let address = format!("203.0.113.{client}");
            let status = runtime.block_on(node.get(&address, &format!("/{path}")));
            let (window, counted, held) = &mut model[usize::from(client)];
            let expected = if now < *held {
                429
            } else if is_there {
                200
            } else {
                if now >= *window {
                    *window = now + 60;
                    counted.clear();
                }
                if !counted.contains(&path) {
                    counted.push(path);
                }
                if counted.len() == 3 {
                    *held = now + 3600;
                }
                404
            };
            prop_assert_eq!(status, expected, "{} {} at {}", address, path, now);
        }
    }
}
