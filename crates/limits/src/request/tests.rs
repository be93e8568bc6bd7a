mod letters;
mod names;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use panoply_core::{
    Block, BlockId, ClientAddress, CounterKeys, CounterStore, Decision, Op, Release, Reply, Scheme,
    StoreError,
};
use panoply_store_memory::MemoryStore;
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::*;
use crate::said::said;

#[test]
fn that_all_clients_are_counted_as_one_is_told_once() {
    let ask = |key: &'static str| {
        said(move || {
            let limit = LimitConfig::new(9, Duration::from_mins(1)).key([key]);
            let store = Arc::new(MemoryStore::default());
            let layer = LimitLayer::new([limit], store, CounterKeys::new([7; 16])).unwrap();
            for _ in 0..3 {
                let app = service_fn(async |_: Request<()>| {
                    Ok::<_, std::convert::Infallible>(Response::new(Bytes::new()))
                });
                let mut request = Request::new(());
                request.extensions_mut().insert(LimitedUser::new("ada"));
                let answer = layer.layer(app).oneshot(request);
                futures_executor::block_on(answer).unwrap();
            }
        })
    };
    let told = ask("client");
    assert_eq!(told.matches("no client address").count(), 1, "{told}");
    assert_eq!(ask("user"), "");
}

/// A store that can be taken away.
#[derive(Debug, Default)]
struct Fickle {
    store: MemoryStore,
    away: AtomicBool,
}

impl CounterStore for Fickle {
    fn decide<'a>(&'a self, ops: &[Op<'_>]) -> Reply<'a, Decision> {
        if self.away.load(Ordering::SeqCst) {
            return Reply::ready(Err(StoreError::transient("away")));
        }
        self.store.decide(ops)
    }

    fn decide_now(&self, _: &[Op<'_>]) -> Option<Result<Decision, StoreError>> {
        None
    }

    fn blocks(&self, after: Option<BlockId>, most: usize) -> Reply<'_, Vec<Block>> {
        self.store.blocks(after, most)
    }

    fn release(&self, which: Release) -> Reply<'_, usize> {
        self.store.release(which)
    }
}

#[test]
fn that_requests_are_not_counted_is_told_once_until_they_are_again() {
    let told = said(|| {
        let store = Arc::new(Fickle::default());
        let limit = LimitConfig::new(99, Duration::from_mins(1)).key(["path"]);
        let keys = CounterKeys::new([7; 16]);
        let layer = LimitLayer::new([limit], store.clone(), keys).unwrap();
        for away in [false, true, true, true, false, false, true, true] {
            store.away.store(away, Ordering::SeqCst);
            let app = service_fn(async |_: Request<()>| {
                Ok::<_, std::convert::Infallible>(Response::new(Bytes::new()))
            });
            let answer = layer.layer(app).oneshot(Request::new(()));
            futures_executor::block_on(answer).unwrap();
        }
    });
    let warned = |text: &str| {
        told.lines()
            .filter(|line| line.contains("WARN") && line.contains(text))
            .count()
    };
    assert_eq!(
        (warned("not counted"), warned("counted again")),
        (2, 1),
        "{told}"
    );
}

#[test]
fn that_logins_are_not_counted_is_told_once_until_they_are_again() {
    use crate::{LoginConfig, OnOutage};
    use http_body_util::Full;
    use panoply_core::{ClientAddress, Scheme, Secret};

    // Ten attempts that fail lock whoever made them: what refuses him is a store that is there, too.
    let locked = [&[false; 12][..], &[true, false, true]].concat();
    for states in [vec![false, true, true, true, false, true], locked] {
        let told = said(|| {
            let store = Arc::new(Fickle::default());
            let login = LoginConfig::route("/login").on_outage(OnOutage::DangerPass);
            let layer = login
                .build(store.clone(), &Secret::new(vec![7; 32]))
                .unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build();
            runtime.unwrap().block_on(async {
                for away in states {
                    store.away.store(away, Ordering::SeqCst);
                    let app = service_fn(async |_: Request<_>| {
                        let refused = Response::builder().status(401);
                        let body = Full::<Bytes>::default();
                        Ok::<_, std::convert::Infallible>(refused.body(body).unwrap())
                    });
                    let client =
                        ClientAddress::direct("203.0.113.9:1".parse().unwrap(), Scheme::Https);
                    let mut request = Request::post("/login")
                        .body(Full::<Bytes>::from("username=ada"))
                        .unwrap();
                    request.extensions_mut().insert(client);
                    layer.layer(app).oneshot(request).await.unwrap();
                }
            });
        });
        let warned = told
            .lines()
            .filter(|line| line.contains("WARN") && line.contains("cannot be counted"));
        assert_eq!(warned.count(), 2, "{told}");
    }
}

#[test]
fn limits_of_two_layers_count_together_only_where_they_are_the_same() {
    use panoply_core::{ClientAddress, Scheme};

    const MINUTE: Duration = Duration::from_mins(1);
    let plain = || LimitConfig::new(2, MINUTE);
    // What the second layer answers whoever has spent all points of the first.
    let of_all = |first: &[LimitConfig], second: &[LimitConfig]| {
        let store: Arc<dyn CounterStore> = Arc::new(MemoryStore::default());
        let layer = |limits: &[LimitConfig]| {
            let (limits, keys) = (limits.iter().cloned(), CounterKeys::new([7; 16]));
            LimitLayer::new(limits, Arc::clone(&store), keys).unwrap()
        };
        let ask = |layer: &LimitLayer| {
            let app = service_fn(async |_: Request<()>| {
                Ok::<_, std::convert::Infallible>(Response::new(Bytes::new()))
            });
            let client = ClientAddress::direct("203.0.113.9:1".parse().unwrap(), Scheme::Https);
            let mut request = Request::new(());
            request.extensions_mut().insert(client);
            let answer = layer.layer(app).oneshot(request);
            futures_executor::block_on(answer).unwrap().status()
        };
        let (first, second) = (layer(first), layer(second));
        while ask(&first) == 200 {}
        ask(&second) == 200
    };
    let left = |first, second| of_all(&[first], &[second]);
    assert!(left(plain(), LimitConfig::new(3, MINUTE)));
    assert!(left(plain(), LimitConfig::new(2, 2 * MINUTE)));
    assert!(left(plain(), plain().methods(["GET"])));
    assert!(left(plain(), plain().name("second")));
    assert!(left(plain().name("first"), plain().name("second")));
    // On two nodes, and before and after a reload.
    assert!(!left(plain(), plain()));
    assert!(!left(
        plain().name("one"),
        LimitConfig::new(1, MINUTE).name("one")
    ));
    // One that has nothing to do with them comes, goes, or stands elsewhere.
    let other = LimitConfig::new(9, MINUTE).name("other").path("/other/");
    for own in [plain(), plain().name("one"), plain().key(["path"])] {
        let (alone, behind) = ([own.clone()], [other.clone(), own.clone()]);
        assert!(!of_all(&alone, &behind));
        assert!(!of_all(&behind, &alone));
        assert!(!of_all(&behind, &[own, other.clone()]));
    }
    // Nor does one that is alike but for what it counts by.
    let by_path = || plain().key(["path"]);
    let sparse = || plain().algorithm(Algorithm::Gcra);
    assert!(!of_all(&[by_path()], &[sparse(), by_path()]));
    assert!(!of_all(&[plain()], &[by_path(), plain()]));
}

#[test]
fn limits_that_are_alike_do_not_count_one_request_twice() {
    let one = LimitConfig::new(2, Duration::from_mins(1));
    let keys = CounterKeys::new([7; 16]);
    let limits = [one.clone(), one];
    let layer = LimitLayer::new(limits, Arc::new(MemoryStore::default()), keys).unwrap();
    let asked = layer.asked(&Request::new(()));
    let [first, second] = asked.as_slice() else {
        panic!("{}", asked.len());
    };
    assert_ne!(first.key(), second.key());
}

/// How many of the requests go on.
fn passed(
    limit: LimitConfig,
    requests: impl IntoIterator<Item = (&'static str, &'static str)>,
) -> usize {
    let store = Arc::new(MemoryStore::default());
    let layer = LimitLayer::new([limit], store, CounterKeys::new([7; 16])).unwrap();
    let ask = |(method, path): (&str, &str)| {
        let app = service_fn(async |_: Request<()>| {
            Ok::<_, std::convert::Infallible>(Response::new(Bytes::new()))
        });
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(())
            .unwrap();
        let answer = futures_executor::block_on(layer.layer(app).oneshot(request));
        answer.unwrap().status().is_success()
    };
    requests
        .into_iter()
        .map(ask)
        .filter(|passes| *passes)
        .count()
}

#[test]
fn no_way_of_writing_a_path_leads_past_its_limit() {
    let limit = |path: &str| LimitConfig::new(1, Duration::from_mins(1)).path(path);
    for path in [
        "/api/items/..%2f..%2f..%2fq",
        "/api/../x",
        "/api/%2e%2e/x",
        "/api/..;/x",
        "/api/x%5c..%5c..%5cz",
        "/x/../api/items/..%2f..%2f..%2fq",
        "/x/..%2fapi/items",
        "/index.php/api/x",
        "/a/index.php/api/x",
        "/INDEX.php/..%2f/API;a/x",
    ] {
        for method in ["GET", "POST"] {
            let passed = passed(limit("/api/"), [("GET", "/api/x"), (method, path)]);
            assert_eq!(passed, 1, "{method} {path}");
        }
    }
    for path in [
        "/x/..%2fq",
        "/apis/..%2fq",
        "/index.php/apis",
        "/index.php",
        "/api.json",
    ] {
        assert_eq!(
            passed(limit("/api/"), [("GET", "/api/x"), ("GET", path)]),
            2,
            "{path}"
        );
    }
    // An exact path.
    for path in ["/otp/..%2fx", "/otp.json", "/otp.a.b", "/index.php/otp"] {
        let passed = passed(limit("/otp"), [("POST", "/otp"), ("POST", path)]);
        assert_eq!(passed, 1, "{path}");
    }
    for (method, path) in [("POST", "/otp/x"), ("POST", "/.otp"), ("GET", "/otp.js")] {
        let passed = passed(limit("/otp"), [("POST", "/otp"), (method, path)]);
        assert_eq!(passed, 2, "{method} {path}");
    }
}

#[test]
fn what_windows_reads_as_its_path_is_under_a_limit() {
    let limit = |path: &str| LimitConfig::new(1, Duration::from_mins(1)).path(path);
    for path in [
        "/(S(x))/api/x",
        "/a/(S(x))pi/x",
        "/api./x",
        "/api%20/x",
        "/api::$INDEX_ALLOCATION/x",
        "/%c0%afapi%c0%afx",
        "/x/..%c0%afapi/x",
        "/x/%c0%ae%c0%ae/api/x",
        "/(S(x))/index.php/api/x",
        "/api..%2f(S(x))y",
    ] {
        let both = [("GET", "/api/x"), ("GET", path)];
        assert_eq!(passed(limit("/api/"), both), 1, "{path}");
    }
    for path in [
        "/otp.",
        "/otp::$DATA",
        "/(F(x))/otp",
        "/(F(x))/otp.json",
        "/otp%20./",
    ] {
        let both = [("POST", "/otp"), ("POST", path)];
        assert_eq!(passed(limit("/otp"), both), 1, "{path}");
        // Neither is it another path where each is counted by itself.
        let each = limit("/").key(["path"]);
        let both = [("POST", "/otp"), ("POST", path)];
        let expected = if path.contains(".json") { 2 } else { 1 };
        assert_eq!(passed(each, both), expected, "{path}");
    }
    for path in ["/(api)/x", "/x/(S(api))/y", "/api:x", "/apis./x", "/otp."] {
        let both = [("GET", "/api/x"), ("GET", path)];
        assert_eq!(passed(limit("/api/"), both), 2, "{path}");
    }
}

#[test]
fn what_a_trusted_proxy_passes_on_as_meant_is_under_a_limit() {
    let passed = |at: &str, meant: &'static str, is_trusted: bool| {
        let limit = LimitConfig::new(1, Duration::from_mins(1))
            .path(at)
            .key(["path"]);
        let store = Arc::new(MemoryStore::default());
        let layer = LimitLayer::new([limit], store, CounterKeys::new([7; 16])).unwrap();
        let ask = |number: u8| {
            let app = service_fn(async |_: Request<()>| {
                Ok::<_, std::convert::Infallible>(Response::new(Bytes::new()))
            });
            let request = Request::get(format!("/{number}")).header("x-rewrite-url", meant);
            let client = ClientAddress::direct("198.51.100.1:1".parse().unwrap(), Scheme::Https);
            let request = request.extension(client.with_trusted_peer(is_trusted));
            let answer = layer.layer(app).oneshot(request.body(()).unwrap());
            futures_executor::block_on(answer)
                .unwrap()
                .status()
                .is_success()
        };
        (0..3).filter(|number| ask(*number)).count()
    };
    for meant in [
        "/api/x",
        "/API/x?y",
        "https://a.test/api/x",
        "//a.test/api/x",
        "/x/..%2fapi/x",
    ] {
        for at in ["/", "/api/"] {
            assert_eq!(passed(at, meant, true), 1, "{at} {meant}");
        }
    }
    assert_eq!(passed("/api/", "/apis", true), 3);
    // From others it is gone by then.
    assert_eq!(passed("/", "/api/x", false), 3);
}

#[test]
fn a_limit_of_a_method_is_one_of_what_is_said_to_be_that() {
    let limit = |method| LimitConfig::new(1, Duration::from_mins(1)).methods([method]);
    for said in [
        "/?_method=delete",
        "/?x&_METHOD=%44ELETE",
        "/?_method=put&_method=delete",
    ] {
        let asked = [("DELETE", "/"), ("POST", said), ("GET", said)];
        assert_eq!(passed(limit("DELETE"), asked), 1, "{said}");
    }
    let others = [
        ("DELETE", "/"),
        ("POST", "/?_method=put"),
        ("POST", "/?method=delete"),
    ];
    assert_eq!(passed(limit("DELETE"), others), 3);
    // What it is by itself it stays.
    let asked = [("POST", "/"), ("POST", "/?_method=put")];
    assert_eq!(passed(limit("POST"), asked), 1);
}

#[test]
fn a_limit_of_get_is_one_of_head() {
    let limit = |method| LimitConfig::new(1, Duration::from_mins(1)).methods([method]);
    let asked = [("GET", "/"), ("HEAD", "/"), ("HEAD", "/"), ("POST", "/")];
    assert_eq!(passed(limit("GET"), asked), 2);
    assert_eq!(passed(limit("HEAD"), asked), 3);
}
