//! Limits for some of the site's names alone.

use http::header::HOST;
use panoply_core::{ClientAddress, CounterKey, Scheme};

use super::*;

const MINUTE: Duration = Duration::from_mins(1);

fn layer(store: &Arc<MemoryStore>, limits: &[LimitConfig]) -> LimitLayer {
    let keys = CounterKeys::new([7; 16]);
    LimitLayer::new(limits.iter().cloned(), store.clone(), keys).unwrap()
}

fn request(target: &str, hosts: &[&str], forwarded: Option<&str>) -> Request<()> {
    let mut request = Request::get(target).body(()).unwrap();
    for host in hosts {
        request.headers_mut().append(HOST, host.parse().unwrap());
    }
    let client = ClientAddress::direct("198.51.100.1:1".parse().unwrap(), Scheme::Https);
    let client = client.with_host(forwarded.map(|host| host.parse().unwrap()));
    request.extensions_mut().insert(client);
    request
}

fn passes(layer: &LimitLayer, request: Request<()>) -> bool {
    let app = service_fn(async |_: Request<()>| {
        Ok::<_, std::convert::Infallible>(Response::new(Bytes::new()))
    });
    let answer = layer.layer(app).oneshot(request);
    let answer = futures_executor::block_on(answer).unwrap();
    answer.status().is_success()
}

/// Whether a limit of one point for these names counts what is asked so.
fn counts(names: &[&str], target: &str, hosts: &[&str], forwarded: Option<&str>) -> bool {
    let limit = LimitConfig::new(1, MINUTE).domains(names.iter().copied());
    let layer = layer(&Arc::default(), &[limit]);
    let ask = || passes(&layer, request(target, hosts, forwarded));
    assert!(ask());
    !ask()
}

#[test]
fn a_limit_holds_for_its_names_alone_however_they_are_written() {
    let names = ["Api.a.test", "*.shop.test", "[::1]"];
    for (host, expected) in [
        ("api.a.test", true),
        ("API.A.test:8443", true),
        ("api.a.test.", true),
        (".api.a.test..", true),
        ("x.shop.test", true),
        ("[::1]:80", true),
        ("a.test", false),
        ("shop.test", false),
        ("a.x.shop.test", false),
        ("api.a.test.evil.test", false),
        // Every app may be asked by an address, and whoever is none says nothing.
        ("203.0.113.1:443", true),
        ("[2001:db8::1]", true),
        ("a b", true),
        ("", true),
    ] {
        assert_eq!(counts(&names, "/", &[host], None), expected, "{host}");
    }
    assert!(counts(&names, "/", &[], None));
    // By HTTP/2 it may stand in the target alone, by HTTP/1 beside another in `Host`.
    assert!(counts(&names, "https://api.a.test/", &[], None));
    assert!(counts(&names, "http://api.a.test/", &["a.test"], None));
    assert!(counts(&names, "http://a.test/", &["api.a.test"], None));
    assert!(counts(&names, "/", &["a.test", "api.a.test"], None));
    assert!(!counts(&names, "http://a.test/", &["b.test"], None));
    // Some apps take a name out of what is none.
    for odd in ["api.a.test:99999", "me@api.a.test", "api.a.test/"] {
        assert!(counts(&names, "http://a.test/", &[odd], None), "{odd}");
    }
    // What a proxy says that is trusted is a name as well as its own.
    assert!(counts(&names, "/", &["inner.test"], Some("api.a.test")));
    assert!(counts(&names, "/", &["api.a.test"], Some("a.test")));
    assert!(counts(&names, "/", &["10.0.0.1"], Some("api.a.test")));
    assert!(!counts(&names, "/", &["10.0.0.1"], Some("a.test")));
    // So is what a client on this machine may call it.
    for host in ["localhost", "x.localhost:8080", "LocalHost."] {
        assert!(counts(&names, "/", &[host], None), "{host}");
    }
}

#[test]
fn limits_for_other_names_count_apart_and_under_each_all_its_names_together() {
    let store = Arc::default();
    let limit = |names: &[&str]| LimitConfig::new(2, MINUTE).domains(names.iter().copied());
    let one = layer(&store, &[limit(&["a.test", "A2.test"]), limit(&["b.test"])]);
    let asks = |layer: &LimitLayer, host: &str| passes(layer, request("/", &[host], None));
    assert_eq!(
        ["a.test", "a2.test", "a.test", "b.test", "b.test", "b.test"].map(|host| asks(&one, host)),
        [true, true, false, true, true, false]
    );
    // So they do in layers of their own, with a name or without, and whatever their order.
    let again = layer(&store, &[limit(&["a2.test.", "a.test"])]);
    assert!(!asks(&again, "a.test"));
    for other in [
        LimitConfig::new(2, MINUTE),
        limit(&["a.test"]),
        limit(&["a.test", "a2.test"]).methods(["GET"]),
        limit(&["a.test"]).name("/"),
        LimitConfig::new(2, MINUTE).name("/"),
    ] {
        let other = layer(&store, &[other]);
        assert!(asks(&other, "a.test"));
    }
}

/// Points outlive an upgrade.
#[test]
fn limits_for_all_names_count_where_they_always_did() {
    let keys = CounterKeys::new([7; 16]);
    let key = |limit: LimitConfig| -> CounterKey {
        let layer = layer(
            &Arc::default(),
            &[LimitConfig::new(9, MINUTE).path("/x"), limit],
        );
        let asked = layer.asked(&request("/api", &["a.test"], None));
        asked[0].key()
    };
    let limit = LimitConfig::new(3, MINUTE).methods(["GET", "POST"]);
    let octets: &[u8] = &[b'c', 198, 51, 100, 1];
    // How many are like it; where it stands does not matter.
    let number = 0_u64.to_le_bytes();
    let sign = 4_323_426_243_853_576_238_u64.to_le_bytes();
    let nameless = keys.key("/", &[&[number, sign].concat(), octets]);
    assert_eq!(key(limit.clone()), nameless);
    assert_eq!(key(limit.name("api")), keys.key("api", &[&number, octets]));
}

#[test]
fn names_that_are_none_are_told_with_what_to_write() {
    for (names, problem) in [
        (&[][..], "`domains` is an empty list"),
        (&["a.test", "a.*.test"], "`a.*.test` is no host"),
        (&["https://a.test"], "its scheme does not matter"),
        (&["a.test:8443"], "its port does not matter"),
    ] {
        let limit = LimitConfig::new(1, MINUTE).domains(names.iter().copied());
        let error = limit.validate().unwrap_err();
        assert_eq!(error.key(), "domains");
        assert!(error.to_string().contains(problem), "{error}");
        let answers = limit.answers([404]).lock(MINUTE);
        assert_eq!(answers.validate(), Err(error));
    }
}

#[test]
fn a_name_is_one_limit_s() {
    let named = |points| LimitConfig::new(points, Duration::from_mins(1)).name("api");
    let layer = |limits: &[LimitConfig]| {
        let (limits, keys) = (limits.iter().cloned(), CounterKeys::new([7; 16]));
        LimitLayer::new(limits, Arc::new(MemoryStore::default()), keys).map(drop)
    };
    let other = || LimitConfig::new(1, Duration::from_mins(1));
    let taken = layer(&[other(), named(1), named(2).path("/api/")]).unwrap_err();
    assert!(
        matches!(taken, crate::Error::NameTaken { number: 2, .. }),
        "{taken}"
    );
    assert!(
        taken.to_string().contains("write one of its own"),
        "{taken}"
    );
    // Under other names of the site it is another.
    assert!(layer(&[named(1), named(1).domains(["a.test"]), other(), other()]).is_ok());
}
