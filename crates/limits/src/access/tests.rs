//! No spelling gets past.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use panoply_core::{ClientAddress, Refusal, Scheme};
use proptest::prelude::*;
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::fuzzing::{APPS, OPEN, is_counted, part_is_read_as_the_whole};
use super::path::{Below, Reading, Spelled};
use super::*;
use crate::said::said;

mod names;
mod open;
mod password;

fn is_covered(below: &str, path: &str) -> bool {
    Below::new(below).unwrap().covers(&Reading::of(path))
}

#[test]
fn however_it_is_written_it_is_there() {
    for path in [
        "/admin",
        "/admin/",
        "/admin/users?x",
        "/ADMIN/x",
        "/%61dmin",
        "/%2561dmin/x",
        "//admin",
        "/./admin",
        "/x/../admin",
        "/x/%2e%2e/admin",
        "/x/..%2fadmin",
        "/x/%252e%252e%252fadmin",
        "/x/..;/admin",
        "/x\\..\\admin",
        "/%5cadmin",
        "/admin;a=b/x",
        "/;a/admin",
        "/admin%00",
        "/admin%20",
        "/admin%09x",
        "/admin./x",
        "/admin%20../x",
        "/admin.json",
        "/admin%3fx",
        "/admin%23x",
        "/admin/../x",
        "/x/%2e%2e/admin/%252e%252e",
        "//host/admin",
        "/\\host/admin",
        "/index.php/admin",
        "/shop/index.php/x/../admin",
        "/%ef%bd%81dmin",
        "/\u{ff41}dmin",
        "/%c0%afadmin",
        "/x%c0%af..%c0%afadmin",
        "/%61%64%6d%69%6e",
        "/%u0061dmin/x",
        "/%U0061dmin",
        "/%25u0061dmin",
        "/%u%30061dmin",
        "/x/%u002e%u002e/admin",
        "/x%e0%80%af..%e0%80%afadmin",
        "/x/%e0%80%ae%e0%80%ae/admin",
        "/x/%f0%80%80%ae./admin",
        "/(S(abc))/admin/x",
        "/(A(x)S(y))/admin",
        "/adm/(S(x))in/x",
        "/admin::$INDEX_ALLOCATION/x",
        "/admin:$i30:$INDEX_ALLOCATION",
        "/admin%3a%3a%24index_allocation/x",
    ] {
        assert!(is_covered("/admin/", path), "{path}");
        assert!(is_covered("/Admin", path), "{path}");
    }
    for path in [
        "/",
        "/administration",
        "/superadmin",
        "/admin-x",
        "/blog/admin",
        "/blog/about%20admin",
        "/blog/caf%c3%a9/admin",
        "/blog/a%2fadmin",
        "/caf%e9",
        "/x;y",
        "/a/../b",
        "/index.php/blog",
        "/admi",
        "/a:b",
        "/v1/admin:list",
        "/v1/admin::list",
        "/x::$DATA",
        "/blog::$DATA/x",
        "/wiki/Foo_(bar)",
        "/wiki/(foo)/(a)",
        "/wiki/f(x)(y)",
        "/%u",
        "/%user",
        "/%u12g4",
        "/%e6%97%a5%f0%9f%98%80%e0%a4%b9",
    ] {
        assert!(!is_covered("/admin/", path), "{path}");
        assert!(is_covered("/", path), "{path}");
    }
    for plain in ["/a:b/", "/v1/users:list", "/wiki/Foo_(bar)"] {
        assert!(Below::new(plain).is_some(), "{plain}");
    }
    assert!(is_covered("/a/b/", "/A/x/..//b.json"));
    assert!(is_covered("/a/b/", "/a./b"));
    assert!(is_covered("/a/b/", "/x/(S(y%252fz))/q"));
    assert!(!is_covered("/a/b/", "/a.json/b"));
    assert!(!is_covered("/a/b/", "/a"));
    assert!(is_covered("/wp-login.php", "/blog/../wp-login.php/x"));
    assert!(is_covered("/caf%C3%A9", "/CAF%c3%89/x"));
}

#[test]
fn what_is_no_utf8_is_read_in_latin() {
    for path in [
        "/caf%E9/x",
        "/CAF%c9",
        "/caf%25E9/x",
        "/x/..%2fcaf%E9",
        "/x%FF/..;/caf%E9",
    ] {
        for own in ["/caf\u{e9}/", "/cafe\u{301}/", "/caf%C3%A9", "/caf%E9/"] {
            assert!(is_covered(own, path), "{own} {path}");
        }
    }
    assert!(is_covered("/caf%E9/", "/caf%C3%A9") && is_covered("/\u{20ac}uro", "/%80uro"));
    for path in [
        "/caf%E8/",
        "/x/caf%E9",
        "/caf%EF%BF%BD",
        "/caf%E9s",
        "/caf%C3%83%C2%A9",
    ] {
        assert!(!is_covered("/caf\u{e9}/", path), "{path}");
        assert!(!is_covered("/caf%E9/", path), "{path}");
    }
}

#[test]
fn a_session_is_read_where_it_stands_and_taken_out() {
    for path in [
        "/(S(abc))/blog/admin",
        "/(S(abc))",
        "/%28S%28abc%29%29/administration",
        "/blog/(S(admin))/x",
        "/ad/(S(x))mi/n",
        "/x/(A(y)S(z))/caf%E9",
    ] {
        assert!(!is_covered("/admin/", path), "{path}");
        assert!(is_covered("/", path), "{path}");
    }
    for path in [
        "/(S(x))/ADMIN.json",
        "/ad/(S(x))(F(y))min/z",
        "/%28s%28x%29%29/%61dmin",
        "/admin/(S(x))",
        "/ad/\u{ff08}S\u{ff08}x))min",
        "/(S(x))/index.php/blog/admin",
        // Of which nobody can say what is left.
        "/(S(x))/a//b",
        "/(S(x));a=b/c",
        "/(S(x))\\b",
        "/x/(S(y%2fz))/%2561",
        "/%25/(S(x))2561",
        "/a/(S(/(S(x))y))/b",
        "/(S(x))/../b",
        "/%2528S%2528x))/b",
    ] {
        assert!(is_covered("/admin/", path), "{path}");
    }
    assert!(Below::new("/(S(x))/a").is_none());
}

#[test]
fn what_few_apps_route_there_is_counted() {
    for path in [
        // A session out, and steps that it does not take.
        "/(S(x))a%64min::$DATA;/%252e%252e",
        // A name that ends before what ends it for others.
        "/admin:I30%00:$IN/u%252e",
        "/(S(x))admin%2f..%252f",
        // A backslash in a parameter.
        "/;\\users/admin",
        // A slash in a stream.
        "/admin::$DATA(F(y%252fz))/users",
    ] {
        is_counted(path);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn what_an_app_routes_there_is_covered(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "/", "/", "/", "admin", "admin", "ADMIN", "%61dmin", "a%64min", "%2561dmin", "users", "Users",
                "user%73", "x", "..", "..", ".", "%2e", "%2E%2e", "%252e%252e", "%2f", "%252f", ";", ";a=b", "\\",
                "%5c", "%00", "%20", ".json", "index.php", "%3b", "%3f", "%c3%a9", "%e9", "(S(x))", "(F(y%252fz))",
                "::$DATA", ":$i30:$x", "ad", "min",
            ]),
            0..12,
        ),
    ) {
        let path = format!("/{}", parts.concat());
        part_is_read_as_the_whole(&path);
        is_counted(&path);
        for below in [&["admin"][..], &["admin", "users"]] {
            let written = format!("/{}/", below.join("/"));
            for (app, route) in APPS {
                let routed = route(&path);
                let same = |(own, one): (&&str, &String)| one.as_str() == *own;
                if routed.len() >= below.len() && below.iter().zip(&routed).all(same) {
                    prop_assert!(is_covered(&written, &path), "{} routes {} below {}", app, path, written);
                }
            }
        }
        for (open, is_there) in OPEN {
            let open = Spelled::new(open).unwrap();
            for (app, route) in APPS {
                let is_open = open.is(&path, &Reading::of(&path));
                prop_assert!(!is_open || is_there(&route(&path)), "{} routes {}, which {:?} opens", app, path, open);
            }
        }
    }
}

fn request(path: &str, client: Option<&str>) -> Request<()> {
    let mut request = Request::get(path).body(()).unwrap();
    if let Some(client) = client {
        let client = ClientAddress::direct(client.parse().unwrap(), Scheme::Http);
        request.extensions_mut().insert(client);
    }
    request
}

fn ask(layer: &AccessLayer, request: Request<()>) -> Response<Bytes> {
    let app = service_fn(|_| async { Ok::<_, Infallible>(Response::new(Bytes::new())) });
    futures_executor::block_on(layer.layer(app).oneshot(request)).unwrap()
}

fn layer(text: &[&str]) -> AccessLayer {
    let rules = text
        .iter()
        .map(|text| toml::from_str::<AccessConfig>(text).unwrap());
    AccessLayer::new(rules).unwrap()
}

#[test]
fn it_is_there_for_those_who_are_named() {
    let layer = layer(&[
        "path = \"/admin/\"\nallow = [\"10.0.0.0/8\", \"203.0.113.7\", \"2001:db8::/32\"]",
        "path = \"/admin/keys\"\nallow = [\"203.0.113.7\"]",
        "path = \"/never\"\nallow = []",
    ]);
    for (path, client, status) in [
        ("/admin/x", "10.9.9.9:1", 200),
        ("/admin/x", "[::ffff:10.9.9.9]:1", 200),
        ("/admin/x", "[2001:db8:7::1]:1", 200),
        ("/admin/x", "203.0.113.8:1", 404),
        ("/admin/x", "127.0.0.1:1", 404),
        // Where two tables speak of it, both have to let him through.
        ("/admin/keys/x", "10.9.9.9:1", 404),
        ("/admin/x/../keys", "10.9.9.9:1", 404),
        ("/admin/keys/x", "203.0.113.7:1", 200),
        ("/never", "127.0.0.1:1", 404),
        ("/never", "203.0.113.7:1", 404),
        ("/", "198.51.100.1:1", 200),
    ] {
        let answer = ask(&layer, request(path, Some(client)));
        assert_eq!(answer.status(), status, "{path} {client}");
        let rule = answer.extensions().get().map(Refusal::rule);
        assert_eq!(rule, (status == 404).then_some("access/path"));
    }
}

#[test]
fn a_header_in_which_another_path_is_meant_is_read() {
    let layer = layer(&["path = \"/admin/\"\nallow = []"]);
    for (name, value, status) in [
        ("x-original-url", "/admin/x", 404),
        ("x-rewrite-url", "/%61dmin?x", 404),
        ("x-original-url", "http://a.example/admin", 404),
        ("x-original-url", "/other", 200),
        ("x-forwarded-for", "/admin", 200),
        // A path as well, and no address.
        ("x-original-url", "/admin/x?next=http://a.example/y", 404),
        ("x-original-url", "/admin/http://a.example/y", 404),
        ("x-original-url", "/other?next=http://a.example/admin", 200),
        ("x-original-url", "/other?next=https://a.example/", 200),
        ("x-original-url", "https://a.example/blog/admin", 200),
        ("x-original-url", "https://a.example:8443/", 200),
        ("x-original-url", "https://a.example", 200),
        // What is neither may be read in several ways.
        ("x-original-url", "http:/admin/x", 404),
        ("x-original-url", "http:\\\\a.example\\admin", 404),
        ("x-original-url", "http://a.example\\admin", 404),
        ("x-original-url", "http://a.example#/admin", 404),
        ("x-original-url", "admin", 404),
        ("x-original-url", "/x#/../admin", 404),
        ("x-original-url", "http:/blog", 200),
        ("x-original-url", "", 200),
    ] {
        let mut request = request("/", Some("10.0.0.1:1"));
        request.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(ask(&layer, request).status(), status, "{name}: {value}");
    }
    // An app reads what is not ASCII, too; what is no text, nobody knows how.
    for (value, status) in [
        ("/admin/x?\u{e4}".as_bytes(), 404),
        ("/admin/\u{e4}".as_bytes(), 404),
        ("/caf\u{e9}/x?\u{e4}".as_bytes(), 200),
        (b"/admin/\xff", 404),
        (b"/admin/x?\xe4", 404),
        (b"/ad\xffmin", 404),
        (b"\xff", 404),
    ] {
        for name in &super::place::MEANT {
            let mut request = request("/", Some("10.0.0.1:1"));
            let value = http::HeaderValue::from_bytes(value).unwrap();
            request.headers_mut().insert(name, value.clone());
            let answer = ask(&layer, request).status();
            assert_eq!(answer, status, "{name}: {value:?}");
        }
    }
}

#[test]
fn whom_nobody_knows_nothing_is_there_for() {
    let told = said(|| {
        let layer = layer(&["path = \"/admin/\"\nallow = [\"10.0.0.0/8\"]"]);
        for _ in 0..2 {
            assert_eq!(ask(&layer, request("/admin", None)).status(), 404);
        }
        assert_eq!(ask(&layer, request("/", None)).status(), 200);
    });
    assert_eq!(told.matches("no client address").count(), 1, "{told}");
}

#[test]
fn who_would_be_refused_can_be_looked_at_first() {
    let told = said(|| {
        let layer = layer(&["path = \"/admin/\"\nallow = []\ndry_run = true"]);
        for _ in 0..2 {
            let asked = request("/admin", Some("10.0.0.1:1"));
            assert_eq!(ask(&layer, asked).status(), 200);
        }
    });
    assert_eq!(told.matches("but dry_run is on").count(), 1, "{told}");
}

#[test]
fn a_table_that_is_wrong_says_what_to_write() {
    for (text, expected) in [
        ("path = \"/a\"", "`allow` is missing: write `allow = ["),
        ("allow = []", "`path` is missing"),
        (
            "path = \"admin\"\nallow = []",
            "is `admin`, which is no path",
        ),
        (
            "path = \"/admin/*\"\nallow = []",
            "which means all below it",
        ),
        ("path = \"/a/../b\"\nallow = []", "which is no path"),
        ("path = \"/a;b\"\nallow = []", "which is no path"),
        (
            "path = \"/a\"\nallow = [\"0.0.0.0/0\"]",
            "`allow` lets everybody",
        ),
        (
            "path = \"/a\"\nallow = [\"lopback\"]",
            "did you mean `loopback`?",
        ),
    ] {
        let config: AccessConfig = toml::from_str(text).unwrap();
        let error = AccessLayer::new([config]).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let shown = |text| toml::from_str::<AccessConfig>(text).unwrap().to_string();
    assert_eq!(
        shown("path = \"/admin/\"\nallow = [\"10.0.0.0/8\", \"loopback\"]"),
        "/admin/…: 10.0.0.0/8, loopback"
    );
    assert_eq!(shown("path = \"/\"\nallow = []"), "/…: nobody");
}
