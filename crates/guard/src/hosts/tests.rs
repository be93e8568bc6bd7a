use std::convert::Infallible;
use std::net::IpAddr;

use bytes::Bytes;
use http::header::HOST;
use http::{Request, Response};
use panoply_core::{ClientAddress, Scheme};
use proptest::prelude::*;
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::{HostsLayer, SiteHost};
use crate::said::said;

const SITE: [&str; 4] = [
    "Shop.example",
    "*.shop.example.",
    "198.51.100.7",
    "[2001:db8::7]",
];

/// The status, and the host that the service was told: in `Host`, and as the one that the request is for.
fn ask(layer: &HostsLayer, request: Request<()>) -> (u16, String) {
    let app = service_fn(async |request: Request<()>| {
        let host = request.headers().get(HOST);
        let host = host.map_or("", |host| host.to_str().unwrap());
        let site = request.extensions().get::<SiteHost>();
        let told = format!("{host} {}", site.map_or("", SiteHost::as_str));
        Ok::<_, Infallible>(Response::new(Bytes::from(told)))
    });
    let answer = futures_executor::block_on(layer.layer(app).oneshot(request)).unwrap();
    let told = String::from_utf8(answer.body().to_vec()).unwrap();
    (answer.status().as_u16(), told)
}

fn status(layer: &HostsLayer, host: &str) -> u16 {
    ask(
        layer,
        Request::get("/").header(HOST, host).body(()).unwrap(),
    )
    .0
}

/// From a client that has come through a proxy, or without one.
fn from(client: &str, peer: &str, host: &str, forwarded: Option<&str>) -> Request<()> {
    let client: IpAddr = client.parse().unwrap();
    let peer = format!("{peer}:9").parse().unwrap();
    let client = ClientAddress::new(client, peer, Scheme::Https);
    let client = client.with_host(forwarded.map(|host| host.parse().unwrap()));
    let mut request = Request::get("/").header(HOST, host).body(()).unwrap();
    request.extensions_mut().insert(client);
    request
}

#[test]
fn the_names_of_the_site_and_no_others() {
    let site = HostsLayer::new(SITE).unwrap();
    for own in [
        "shop.example",
        "SHOP.example:8443",
        "shop.example.:443",
        "www.shop.example",
        "198.51.100.7:80",
        "[::ffff:198.51.100.7]",
        "[2001:db8:0::7]:443",
    ] {
        assert_eq!(status(&site, own), 200, "{own}");
    }
    for foreign in [
        "evil.example",
        "a.b.shop.example",
        ".shop.example",
        "shop.example..",
        "xshop.example",
        "shop.example.evil.example",
        "shop.example@evil.example",
        "shop.example, evil.example",
        "shop.example:99999",
        "198.51.100.8",
        "localhost",
        "127.0.0.1",
        "",
    ] {
        assert_eq!(status(&site, foreign), 421, "{foreign}");
    }
}

#[test]
fn all_that_a_request_names_is_looked_at() {
    let site = HostsLayer::new(SITE).unwrap();
    let asked = |target: &str, hosts: &[&str]| {
        let mut request = Request::get(target);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        ask(&site, request.body(()).unwrap()).0
    };
    assert_eq!(asked("/", &[]), 200);
    assert_eq!(asked("https://shop.example/", &[]), 200);
    assert_eq!(asked("https://evil.example/", &[]), 421);
    assert_eq!(asked("https://shop.example/", &["evil.example"]), 421);
    assert_eq!(asked("https://evil.example/", &["shop.example"]), 421);
    assert_eq!(asked("/", &["shop.example", "evil.example"]), 421);
    // Each is the site's, but which of them it is for the service may read as it likes.
    assert_eq!(asked("/", &["shop.example", "www.shop.example"]), 421);
    let both = asked("https://shop.example/", &["www.shop.example"]);
    assert_eq!(both, 421);
    assert_eq!(asked("https://Shop.example:443/", &["shop.example."]), 200);
}

#[test]
fn what_a_trusted_proxy_passes_on_is_what_counts_and_what_the_service_is_told() {
    let site = HostsLayer::new(SITE).unwrap();
    let passed_on = |host, forwarded| {
        let request = from("203.0.113.9", "10.0.0.1", host, Some(forwarded));
        ask(&site, request)
    };
    let own = |told: &str| (200, told.to_owned());
    for host in ["backend:80", "evil.example", "www.shop.example"] {
        let told = passed_on(host, "shop.example:8443");
        assert_eq!(told, own("shop.example:8443 shop.example"), "{host}");
    }
    let as_it_is = passed_on("Shop.example.", "shop.example");
    assert_eq!(as_it_is, own("Shop.example. shop.example"));
    assert_eq!(passed_on("shop.example", "evil.example").0, 421);
}

#[test]
fn this_machine_may_call_itself_by_its_own_names() {
    let site = HostsLayer::new(SITE).unwrap();
    for host in ["localhost:3000", "a.localhost", "127.0.0.1:3000", "[::1]"] {
        let from = |client, peer| ask(&site, from(client, peer, host, None)).0;
        assert_eq!(from("127.0.0.1", "127.0.0.1"), 200, "{host}");
        assert_eq!(from("203.0.113.9", "203.0.113.9"), 421, "{host}");
        // Behind a proxy on this machine, that is the proxy.
        assert_eq!(from("203.0.113.9", "127.0.0.1"), 421, "{host}");
    }
}

#[test]
fn what_is_no_host_is_refused_with_a_hint() {
    let refused = |name: &str| HostsLayer::new([name]).unwrap_err().to_string();
    assert!(refused("https://shop.example").contains("scheme does not matter"));
    assert!(refused("shop.example:443").contains("port does not matter"));
    assert!(refused("straße.example").contains("xn--"));
    assert!(refused("shop.*").contains("first label"));
    for none in ["", "*", "*.", "shop..example", "shop.example/a", "a b"] {
        assert!(refused(none).starts_with("hosts: "), "{none}");
    }
    let none: [&str; 0] = [];
    assert!(HostsLayer::new(none).is_err());
}

#[test]
fn the_log_has_each_host_once_and_not_without_end() {
    let site = HostsLayer::new(SITE).unwrap();
    let log = said(|| {
        assert_eq!(status(&site, "evil.example"), 421);
        assert_eq!(status(&site, "evil.example"), 421);
    });
    assert_eq!(log.matches("evil.example").count(), 1, "{log}");
    let log = said(|| {
        for number in 0..100 {
            status(&site, &format!("{number}.evil.example"));
        }
    });
    assert_eq!(log.lines().count(), 31, "{log}");
}

proptest! {
    #[test]
    fn nothing_but_the_name_passes(host in "[a-zA-Z0-9.:@\\[\\]-]{0,14}") {
        let site = HostsLayer::new(["a.test"]).unwrap();
        let bare = host.rsplit_once(':').map_or(&*host, |(bare, _)| bare);
        let known = bare.strip_suffix('.').unwrap_or(bare).eq_ignore_ascii_case("a.test");
        prop_assert!(known || status(&site, &host) == 421, "{}", host);
    }
}

#[test]
fn no_other_host_is_left_for_an_extractor() {
    let site = HostsLayer::new(SITE).unwrap();
    let left = |forwarded: Option<&str>, more: &[(&str, &str)]| {
        let app = service_fn(async |request: Request<()>| {
            let of = |name: &str| {
                let values = request.headers().get_all(name).iter();
                values
                    .map(|value| value.to_str().unwrap())
                    .collect::<Vec<_>>()
                    .join("|")
            };
            let told = [of("host"), of("x-forwarded-host"), of("forwarded")].join(" ");
            Ok::<_, Infallible>(Response::new(Bytes::from(told)))
        });
        let mut request = from("203.0.113.9", "10.0.0.1", "shop.example", forwarded);
        for (name, value) in more {
            let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        let answer = futures_executor::block_on(site.layer(app).oneshot(request)).unwrap();
        String::from_utf8(answer.body().to_vec()).unwrap()
    };
    // What a proxy has passed on of its client.
    for claims in [
        &[("forwarded", "host=evil.example")][..],
        &[("x-forwarded-host", "evil.example/")],
        &[("x-forwarded-host", "evil.example, shop.example")],
        &[
            ("x-forwarded-host", "evil.example"),
            ("forwarded", "host=evil.example;proto=https"),
        ],
    ] {
        for forwarded in [None, Some("shop.example")] {
            let left = left(forwarded, claims);
            assert!(!left.contains("evil"), "{left}");
            assert!(left.starts_with("shop.example "), "{left}");
        }
    }
    let own = left(
        Some("www.shop.example"),
        &[("x-forwarded-host", "www.shop.example")],
    );
    assert_eq!(own, "www.shop.example www.shop.example ");
}
