//! The layer by itself, before an app that says what it was sent.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, COOKIE, HOST, SET_COOKIE};
use http::{Method, Request, Response, StatusCode};
use panoply_cookies::KeyRing;
use panoply_core::{
    ClientAddress, CounterKeys, ManualClock, PageOfItsOwn, Refusal, Scheme, Secret,
};
use panoply_store_memory::MemoryStore;
use tower::{ServiceExt as _, service_fn};
use tower_layer::Layer as _;

use super::cookies::NAMES;
use super::service::SOLUTION;
use super::solution::solve;
use super::*;
use crate::Blocklist;

mod again;
mod paths;

const HTML: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

/// What the tests ask for; by default a page, by HTTPS.
#[derive(Clone)]
struct Ask {
    method: Method,
    path: String,
    client: &'static str,
    scheme: Scheme,
    host: &'static str,
    headers: Vec<(&'static str, String)>,
}

fn get(path: &str) -> Ask {
    Ask {
        method: Method::GET,
        path: path.to_owned(),
        client: "203.0.113.9",
        scheme: Scheme::Https,
        host: "shop.example",
        headers: vec![("accept", HTML.to_owned())],
    }
}

impl Ask {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers
            .retain(|(own, _)| *own != name || name == "cookie");
        self.headers.push((name, value.into()));
        self
    }

    fn pass(self, pass: &str) -> Self {
        self.with("cookie", pass)
    }

    fn from(mut self, client: &'static str) -> Self {
        self.client = client;
        self
    }

    fn by(mut self, method: Method) -> Self {
        self.method = method;
        self
    }
}

struct Site {
    layer: ChallengeLayer,
    list: Blocklist,
    clock: ManualClock,
    keys: KeyRing,
    /// What the app sets.
    sets: Vec<&'static str>,
}

impl Site {
    fn new(config: &ChallengeConfig) -> Self {
        let (clock, keys) = (ManualClock::new(), KeyRing::random().unwrap());
        let store = Arc::new(MemoryStore::builder().clock(clock.clone()).build());
        let list = Blocklist::with_clock(store, CounterKeys::new([7; 16]), clock.clone());
        let layer = ChallengeLayer::new(config, &keys, Arc::new(clock.clone())).unwrap();
        let layer = layer.switched_by(list.clone());
        Self {
            layer,
            list,
            clock,
            keys,
            sets: Vec::new(),
        }
    }

    fn always() -> Self {
        Self::new(&ChallengeConfig::new().paths(["/"]).work(4))
    }

    async fn ask(&self, ask: Ask) -> Response<Bytes> {
        let sets = self.sets.clone();
        let app = service_fn(move |request: Request<()>| {
            let cookies = request.headers().get_all(COOKIE).iter();
            let cookies: Vec<&[u8]> = cookies.map(http::HeaderValue::as_bytes).collect();
            let mut response = Response::new(Bytes::from(cookies.join(&b'|')));
            for value in &sets {
                response
                    .headers_mut()
                    .append(SET_COOKIE, value.parse().unwrap());
            }
            async { Ok::<_, Infallible>(response) }
        });
        let mut request = Request::builder().method(ask.method).uri(ask.path);
        for (name, value) in ask.headers {
            request = request.header(name, value);
        }
        let mut request = request.header(HOST, ask.host).body(()).unwrap();
        let peer = (ask.client.parse::<std::net::IpAddr>().unwrap(), 1).into();
        let client = ClientAddress::direct(peer, ask.scheme);
        request.extensions_mut().insert(client);
        self.layer.layer(app).oneshot(request).await.unwrap()
    }

    async fn status(&self, ask: Ask) -> u16 {
        self.ask(ask).await.status().as_u16()
    }

    /// The task of the page that is answered, solved.
    async fn solved(&self, ask: &Ask) -> String {
        let page = self.ask(ask.clone()).await;
        let page = String::from_utf8(page.body().to_vec()).unwrap();
        let value = |name: &str| {
            let (_, rest) = page.split_once(&format!("data-{name}=\"")).unwrap();
            rest.split('"').next().unwrap().to_owned()
        };
        let (task, bits) = (value("task"), value("bits").parse().unwrap());
        let seed = super::solution::seed(&task);
        let seed: String = seed
            .iter()
            .fold(String::new(), |all, byte| format!("{all}{byte:02x}"));
        assert_eq!(value("seed"), seed);
        format!("{task} {}", solve(&task, bits))
    }

    async fn send(&self, ask: &Ask, solution: &str) -> Response<Bytes> {
        let mut ask = ask.clone().by(Method::POST).with("accept", "*/*");
        CHALLENGE_PATH.clone_into(&mut ask.path);
        self.ask(ask.with(SOLUTION.as_str().to_owned().leak(), solution))
            .await
    }

    /// A pass for whoever asks so.
    async fn pass(&self, ask: &Ask) -> String {
        let solution = self.solved(ask).await;
        let given = self.send(ask, &solution).await;
        assert_eq!(given.status(), StatusCode::CREATED);
        cookie(&given)
    }
}

/// The cookie that an answer sets, as it is sent back.
fn cookie(answer: &Response<Bytes>) -> String {
    let set = answer.headers()[SET_COOKIE].to_str().unwrap();
    set.split(';').next().unwrap().to_owned()
}

fn rule(answer: &Response<Bytes>) -> Option<&'static str> {
    answer.extensions().get::<Refusal>().map(Refusal::rule)
}

#[tokio::test]
async fn a_browser_solves_a_task_and_is_let_in() {
    let site = Site::always();
    let answer = site.ask(get("/shop?a=b")).await;
    assert_eq!(answer.status(), 403);
    assert_eq!(rule(&answer), Some("challenge/page"));
    let headers = answer.headers();
    assert_eq!(headers[CACHE_CONTROL], "no-store");
    assert_eq!(headers[CONTENT_TYPE], "text/html; charset=utf-8");
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none';script-src 'sha256-"),
        "{policy}"
    );
    assert!(answer.extensions().get::<PageOfItsOwn>().is_some());

    let solution = site.solved(&get("/shop")).await;
    let given = site.send(&get("/"), &solution).await;
    assert_eq!((given.status().as_u16(), rule(&given)), (201, None));
    let set = given.headers()[SET_COOKIE].to_str().unwrap();
    let (pair, attributes) = set.split_once(';').unwrap();
    assert!(pair.starts_with("__Host-panoply-pass=v1."), "{pair}");
    assert_eq!(
        attributes,
        " Path=/; Max-Age=43200; HttpOnly; SameSite=Lax; Secure"
    );
    assert_eq!(site.layer.passes_given(), 1);

    // The page asks whether it was kept.
    let mut held = get(CHALLENGE_PATH).with("accept", "*/*");
    assert_eq!(site.status(held.clone()).await, 403);
    held = held.pass(pair);
    assert_eq!(site.status(held).await, 204);
    // The app is told nothing of it, whatever else is sent.
    for (cookies, left) in [
        (pair.to_owned(), ""),
        (format!("a=1; {pair}; b=2"), "a=1; b=2"),
        (format!("{pair}; a=1"), "a=1"),
        (format!("a=1;{pair}"), "a=1"),
        (format!("panoply-pass=x; {pair}"), ""),
    ] {
        let answer = site.ask(get("/shop").pass(&cookies)).await;
        assert_eq!(answer.status(), 200, "{cookies}");
        assert_eq!(answer.body(), left, "{cookies}");
        assert!(!answer.headers().contains_key(SET_COOKIE));
    }
    // Over HTTP/2 each cookie may be a line of its own.
    let crumbs = get("/").pass("a=1").pass(pair).pass("b=2");
    assert_eq!(site.ask(crumbs).await.body(), "a=1|b=2");
}

#[tokio::test]
async fn whoever_is_no_browser_is_refused_in_his_own_form() {
    let site = Site::always();
    // What another site has sent must not be sent again by a page of this one.
    let form = || get("/").by(Method::POST);
    let own = |site: &str, origin: &str| form().with("sec-fetch-site", site).with("origin", origin);
    for (ask, page) in [
        (get("/"), true),
        (get("/").by(Method::HEAD), true),
        (get("/").by(Method::POST), false),
        (own("same-origin", "null"), true),
        (own("same-origin", "https://evil.example"), true),
        (own("same-site", "https://shop.example"), false),
        (own("cross-site", "https://shop.example"), false),
        (own("none", "null"), false),
        (form().with("origin", "https://shop.example"), true),
        (form().with("origin", "https://evil.example"), false),
        (form().with("origin", "null"), false),
        (get("/").with("sec-fetch-site", "cross-site"), true),
        (get("/").with("sec-fetch-mode", "navigate"), true),
        (get("/").with("sec-fetch-mode", "cors"), false),
        (get("/").with("accept", "*/*"), false),
        (get("/").with("accept", "application/json"), false),
        (get("/").with("upgrade", "websocket"), false),
        (get("/").with("accept", "*/*").by(Method::OPTIONS), false),
    ] {
        let what = format!("{} {:?}", ask.method, ask.headers);
        let answer = site.ask(ask).await;
        assert_eq!(answer.status(), 403, "{what}");
        let expected = if page {
            "challenge/page"
        } else {
            "challenge/pass"
        };
        assert_eq!(rule(&answer), Some(expected), "{what}");
    }
    let answer = site.ask(get("/").with("accept", "application/json")).await;
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/problem+json");
}

#[tokio::test]
async fn without_the_table_nothing_is_asked_until_somebody_says_so() {
    let site = Site::new(&ChallengeConfig::new().work(4));
    let own = get("/").pass("__Host-panoply-pass=x; a=1");
    // It has not even looked.
    assert_eq!(
        site.ask(own.clone()).await.body(),
        "__Host-panoply-pass=x; a=1"
    );
    assert_eq!(site.status(get(CHALLENGE_PATH)).await, 200);

    let hour = Duration::from_hours(1);
    site.list.begin_challenge(Some(hour)).await.unwrap();
    assert_eq!(site.list.challenged().unwrap().left, Some(hour));
    assert_eq!(site.list.maintenance(), None);
    assert_eq!(site.status(get("/")).await, 403);
    let pass = site.pass(&get("/")).await;
    assert_eq!(site.status(get("/").pass(&pass)).await, 200);
    // It ends by itself, and passes that are left reach nobody.
    site.clock.advance(hour);
    assert_eq!(site.list.challenged(), None);
    assert_eq!(site.ask(get("/").pass(&pass)).await.body(), "");
    // A page that is still open is answered.
    assert_eq!(site.status(get(CHALLENGE_PATH).pass(&pass)).await, 204);

    site.list.begin_challenge(None).await.unwrap();
    assert_eq!(site.list.challenged().unwrap().left, None);
    assert_eq!(site.status(get("/")).await, 403);
    assert!(site.list.end_challenge().await.unwrap());
    assert!(!site.list.end_challenge().await.unwrap());
    assert_eq!(site.status(get("/")).await, 200);
}

#[tokio::test]
async fn another_node_learns_of_it_and_a_reload_forgets_nothing() {
    let site = Site::new(&ChallengeConfig::new());
    let clock = site.clock.clone();
    let other = Blocklist::with_clock(site.list.store_of(), CounterKeys::new([7; 16]), clock);
    site.list.begin_challenge(None).await.unwrap();
    assert_eq!(other.challenged(), None);
    other.refresh().await.unwrap();
    assert!(other.challenged().is_some());
    let after = Blocklist::with_clock(
        Arc::new(MemoryStore::builder().build()),
        CounterKeys::new([7; 16]),
        site.clock.clone(),
    );
    after.begin_with(&other);
    assert!(after.challenged().is_some());
    other.end_challenge().await.unwrap();
    site.list.refresh().await.unwrap();
    assert_eq!(site.list.challenged(), None);
}

#[tokio::test]
async fn a_pass_is_of_one_client_and_host_and_nobody_makes_one() {
    let site = Site::always();
    let pass = site.pass(&get("/")).await;
    assert_eq!(site.status(get("/").pass(&pass)).await, 200);
    let (_, value) = pass.split_once('=').unwrap();
    let mut elsewhere = get("/").pass(&pass);
    elsewhere.host = "admin.example";
    assert_eq!(site.status(elsewhere).await, 403);
    let mut port = get("/").pass(&pass);
    port.host = "SHOP.example:8443";
    assert_eq!(site.status(port).await, 200);
    let plain = format!("panoply-pass={value}");
    let task = site.solved(&get("/")).await;
    let (task, _) = task.split_once(' ').unwrap();
    let forged = [
        plain.clone(),
        pass.to_lowercase(),
        pass[..pass.len() - 1].to_owned(),
        format!("{pass}A"),
        format!("{pass}{}", "A".repeat(8000)),
        pass.replace("=v1.", "=v0."),
        format!("__Host-panoply-pass={task}"),
        "__Host-panoply-pass=".to_owned(),
        "__Host-panoply-pass=v1.000000000000.AAAA".to_owned(),
    ];
    for forged in forged {
        assert_eq!(site.status(get("/").pass(&forged)).await, 403, "{forged}");
    }
    assert_eq!(
        site.status(get("/").from("203.0.113.10").pass(&pass)).await,
        403
    );
    // Without TLS it has no prefix, and is not `Secure`.
    let mut ask = get("/");
    ask.scheme = Scheme::Http;
    let pass = site.pass(&ask).await;
    assert!(pass.starts_with(NAMES[1]) && site.status(ask.pass(&pass)).await == 200);
}

#[tokio::test]
async fn networks_of_ipv6_are_one_client_and_a_phone_keeps_both_of_its_own() {
    let site = Site::always();
    let (home, away) = ("2001:db8:1::1", "198.51.100.7");
    let pass = site.pass(&get("/").from(home)).await;
    assert_eq!(
        site.status(get("/").from("2001:db8:1::99").pass(&pass))
            .await,
        200
    );
    assert_eq!(
        site.status(get("/").from("2001:db8:2::1").pass(&pass))
            .await,
        403
    );
    assert_eq!(site.status(get("/").from(away).pass(&pass)).await, 403);
    let both = site.pass(&get("/").from(away).pass(&pass)).await;
    for client in [home, away] {
        assert_eq!(site.status(get("/").from(client).pass(&both)).await, 200);
    }
}

#[tokio::test]
async fn a_pass_ends_and_one_that_is_used_does_not() {
    let site = Site::always();
    let pass = site.pass(&get("/")).await;
    let second = Duration::from_secs(1);
    let nearly = Duration::from_secs(6 * 3600 - 1);
    site.clock.advance(nearly);
    let answer = site.ask(get("/").pass(&pass)).await;
    assert!(!answer.headers().contains_key(SET_COOKIE));
    site.clock.advance(second);
    // What a page is made of may be kept by whoever likes.
    let image = get("/").pass(&pass).with("sec-fetch-dest", "image");
    let image = site.ask(image).await;
    assert!(image.status() == 200 && !image.headers().contains_key(SET_COOKIE));
    let answer = site.ask(get("/").pass(&pass)).await;
    let renewed = cookie(&answer);
    assert_eq!(answer.status(), 200);
    site.clock.advance(nearly);
    assert_eq!(site.status(get("/").pass(&pass)).await, 200);
    site.clock.advance(second);
    assert_eq!(site.status(get("/").pass(&pass)).await, 403);
    assert_eq!(site.status(get("/").pass(&renewed)).await, 200);
    // Nothing was solved for it.
    assert_eq!(site.layer.passes_given(), 1);
}

#[tokio::test]
async fn a_pass_is_taken_by_whoever_has_the_keys() {
    let site = Site::always();
    let pass = site.pass(&get("/")).await;
    let config = ChallengeConfig::new().paths(["/"]);
    let clock = Arc::new(site.clock.clone());
    let again = |keys: &KeyRing| Site {
        layer: ChallengeLayer::new(&config, keys, clock.clone()).unwrap(),
        list: site.list.clone(),
        clock: site.clock.clone(),
        keys: keys.clone(),
        sets: Vec::new(),
    };
    assert_eq!(again(&site.keys).status(get("/").pass(&pass)).await, 200);
    let other = KeyRing::random().unwrap();
    assert_eq!(again(&other).status(get("/").pass(&pass)).await, 403);
    // One that an older key has sealed is sealed anew.
    let rotated = again(&site.keys.rotate().unwrap());
    let answer = rotated.ask(get("/").pass(&pass)).await;
    let newer = cookie(&answer);
    assert!(answer.status() == 200 && newer != pass);
    site.layer.use_keys(&rotated.keys);
    assert_eq!(site.status(get("/").pass(&newer)).await, 200);
}

#[tokio::test]
async fn tasks_are_ones_own_and_are_solved_in_time_and_in_full() {
    let site = Site::always();
    let solution = site.solved(&get("/")).await;
    let refused = async |ask: &Ask, solution: &str| {
        let answer = site.send(ask, solution).await;
        assert!(!answer.headers().contains_key(SET_COOKIE));
        (answer.status().as_u16(), rule(&answer)) == (403, Some("challenge/solution"))
    };
    assert!(refused(&get("/").from("203.0.113.10"), &solution).await);
    let mut elsewhere = get("/");
    elsewhere.host = "admin.example";
    assert!(refused(&elsewhere, &solution).await);
    let (task, number) = solution.split_once(' ').unwrap();
    let seed = super::solution::seed(task);
    let wrong = (0..1000)
        .find(|n| super::solution::zeros(&seed, *n) < 4)
        .unwrap();
    for made_up in [
        format!("{task} {wrong}"),
        format!("{task}A {number}"),
        format!("{task} {number} "),
        format!("v1.0.AAAA {}", solve("v1.0.AAAA", 4)),
        task.to_owned(),
        String::new(),
        "A".repeat(10_000),
    ] {
        assert!(refused(&get("/"), &made_up).await, "{made_up}");
    }
    // By no other method, which another site's page might be let send.
    let mut got = get(CHALLENGE_PATH).with("accept", "*/*");
    got = got.with("panoply-solution", solution.clone());
    assert_eq!(site.status(got).await, 403);
    // A pass is no task, whatever number is found for it.
    let pass = site.pass(&get("/")).await;
    let (_, pass) = pass.split_once('=').unwrap();
    assert!(refused(&get("/"), &format!("{pass} {}", solve(pass, 4))).await);
    // Who solves it twice has a pass for himself twice.
    assert_eq!(site.send(&get("/"), &solution).await.status(), 201);
    assert_eq!(site.send(&get("/"), &solution).await.status(), 201);
    site.clock.advance(Duration::from_mins(5));
    assert!(refused(&get("/"), &solution).await);
    // More is asked by now.
    let solution = site.solved(&get("/")).await;
    let harder = ChallengeConfig::new().paths(["/"]).work(5);
    let clock = Arc::new(site.clock.clone());
    let harder = Site {
        layer: ChallengeLayer::new(&harder, &site.keys, clock).unwrap(),
        ..Site::always()
    };
    assert_eq!(harder.send(&get("/"), &solution).await.status(), 403);
}
