//! Logins under some of the site's names alone.

#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::sync::Arc;

use http::Request;
use http_body_util::Full;
use panoply_core::{ClientAddress, Scheme, Secret};
use panoply_limits::{LoginConfig, LoginLayer};
use panoply_store_memory::MemoryStore;

mod site;

use site::{Body, Site};

/// A site with these logins, and with the usual ones under all other names.
fn site(logins: impl IntoIterator<Item = LoginConfig>) -> Site {
    Site::of(|build| {
        let usual = build(LoginConfig::usual());
        LoginLayer::all(logins.into_iter().map(build)).or_elsewhere(&usual)
    })
}

fn shop() -> LoginConfig {
    LoginConfig::route("/login")
        .domains(["Shop.test", "*.shop.test"])
        .username("kunde")
}

fn wiki() -> LoginConfig {
    LoginConfig::route("/login")
        .domains(["wiki.test"])
        .username("who.name")
}

/// What a request says of whom it asks: the host of its target, `Host`, and what a trusted proxy says.
type Asks<'a> = (&'a str, &'a [&'a str], Option<&'a str>);

fn post((target, hosts, forwarded): Asks<'_>, client: u8, body: &str) -> Request<Body> {
    let mut request = Request::post(target);
    if body.starts_with('{') {
        request = request.header("content-type", "application/json");
    }
    for host in hosts {
        request = request.header("host", *host);
    }
    let mut request = request.body(Full::from(body.to_owned())).unwrap();
    let peer = format!("203.0.113.{client}:1").parse().unwrap();
    let client = ClientAddress::direct(peer, Scheme::Https);
    let client = client.with_host(forwarded.map(|host| host.parse().unwrap()));
    request.extensions_mut().insert(client);
    request
}

async fn status(site: &Site, asks: Asks<'_>, client: u8, body: &str) -> u16 {
    site.ask(post(asks, client, body)).await.status().as_u16()
}

/// How many of twenty guesses, each from another client so that the user alone is counted, come to the app.
async fn guesses(site: &Site, asks: Asks<'_>, body: &str) -> usize {
    for client in 0..20 {
        status(site, asks, client, body).await;
    }
    site.tried()
}

#[tokio::test]
async fn two_of_one_path_read_their_own_fields_and_count_apart() {
    let site = site([shop(), wiki()]);
    let [by_shop, by_wiki] = ["kunde=ada&x=a", r#"{"who":{"name":"ada"}}"#];
    for (host, body) in [
        ("shop.test", by_shop),
        ("WIKI.test:8443", by_wiki),
        ("other.test", "username=ada"),
    ] {
        assert_eq!(
            guesses(&site, ("/login", &[host], None), body).await,
            10,
            "{host}"
        );
    }
    // Ada is locked at each by now, and those of one list are one.
    for (host, body, expected) in [
        ("www.shop.test.", by_shop, 429),
        ("wiki.test", by_wiki, 429),
        ("other.test", "username=ada", 429),
        // Nobody that is read at the one is somebody at the other.
        ("shop.test", by_wiki, 401),
        ("wiki.test", "username=ada", 401),
    ] {
        let asks = ("/login", &[host][..], None);
        assert_eq!(
            status(&site, asks, 30, body).await,
            expected,
            "{host} {body}"
        );
    }
}

#[tokio::test]
async fn where_no_login_speaks_of_a_name_the_usual_ones_are_guarded() {
    let enter = LoginConfig::route("/enter").domains(["a.test", "192.0.2.7"]);
    let site = site([enter]);
    for (path, host, expected) in [
        ("/enter", "a.test", 10),
        ("/login", "a.test", 20),
        ("/enter", "192.0.2.7", 10),
        ("/login", "192.0.2.7", 20),
        ("/enter", "b.test", 20),
        ("/login", "b.test", 10),
        ("/x/wp-login.php", "b.test", 10),
        // Who says nothing that can be told may mean each.
        ("/enter", "192.0.2.8", 10),
        ("/login", "192.0.2.8", 10),
        ("/login", "[2001:db8::1]:443", 10),
        ("/enter", "a.test:99999", 10),
    ] {
        let body = format!("username={host}{path}&password=x");
        let asks = (path, &[host][..], None);
        assert_eq!(guesses(&site, asks, &body).await, expected, "{host}{path}");
    }
    for path in ["/enter", "/login"] {
        assert_eq!(guesses(&site, (path, &[], None), "username=eve").await, 10);
    }
}

/// Whichever name its app takes, its guard has counted the guess.
#[tokio::test]
async fn a_second_name_leads_past_no_guard() {
    let lax: LoginConfig = toml::from_str(
        "path = \"/login\"\ndomains = [\"shop.test\"]\nusername = \"kunde\"\npair = false\nuser = false\n\
         names = false\nclient = false\ndry_run = true",
    )
    .unwrap();
    let both = r#"{"kunde":"decoy NUMBER","who":{"name":"NAME"}}"#;
    let ways: [Asks<'_>; 6] = [
        ("http://shop.test/login", &["wiki.test"], None),
        ("http://wiki.test/login", &["shop.test"], None),
        ("/login", &["shop.test", "wiki.test"], None),
        ("/login", &["wiki.test"], Some("shop.test")),
        ("/login", &["shop.test"], Some("wiki.test")),
        ("http://shop.test/login", &["wiki.test:99999"], None),
    ];
    let site = site([lax, wiki()]);
    for (number, asks) in ways.into_iter().enumerate() {
        let user = format!("ada{number}");
        let mut tried = 0;
        for client in 0..20 {
            let body = both.replace("NUMBER", &client.to_string());
            status(&site, asks, client, &body.replace("NAME", &user)).await;
            tried += site.tried();
        }
        assert_eq!(tried, 10, "{asks:?}");
        // So does he who asks for the wiki alone.
        let alone = format!(r#"{{"who":{{"name":"{user}"}}}}"#);
        assert_eq!(
            status(&site, ("/login", &["wiki.test"], None), 99, &alone).await,
            429
        );
    }
}

/// Who has an account at the one names a user of the other as well, in the field of that.
#[tokio::test]
async fn a_success_that_another_app_may_tell_of_forgives_no_guess() {
    for asks in [
        ("/login", &["203.0.113.1"][..], None),
        ("/login", &["localhost"][..], None),
        ("/login", &[][..], None),
        ("/login", &["shop.test"][..], Some("wiki.test")),
        ("/login", &["wiki.test"][..], Some("shop.test")),
    ] {
        for logins in [vec![shop()], vec![shop(), wiki()], vec![wiki(), shop()]] {
            let site = site(logins);
            let right = r#"{"kunde":"vic","who":{"name":"mallory"},"username":"mallory","password":"right"}"#;
            let guess = ("/login", &["shop.test"][..], None);
            let mut tried = 0;
            for round in 0..5 {
                for _ in 0..9 {
                    status(&site, guess, 1, r#"{"kunde":"vic"}"#).await;
                }
                tried += site.tried();
                let answer = site.ask(post(asks, 1, right)).await;
                site.tried();
                assert!(
                    !answer.headers().contains_key("set-cookie"),
                    "{asks:?} {round}"
                );
            }
            assert_eq!(tried, 10, "{asks:?}");
        }
    }
}

/// Two logins of one realm are one as far as is counted of a user.
#[tokio::test]
async fn what_is_of_one_realm_counts_once() {
    let of = |name: &str, field: &str| {
        let login = LoginConfig::route("/login").domains([name]);
        login.username(field).realm("company")
    };
    let site = || {
        site([
            of("a.test", "one"),
            of("b.test", "two"),
            of("c.test", "one"),
        ])
    };
    let by_address: Asks<'_> = ("/login", &["203.0.113.1"], None);
    assert_eq!(guesses(&site(), by_address, "one=ada&two=ada").await, 10);
    // Neither is either of them got past with another name in the field of the other.
    assert_eq!(guesses(&site(), by_address, "one=bea&two=x").await, 10);
    assert_eq!(guesses(&site(), by_address, "one=x&two=bea").await, 10);
}

/// One on trial counts for itself alone: that it is full, and would lock, is nothing to the other.
#[tokio::test]
async fn one_that_is_tried_out_takes_no_attempt_from_the_strict_one_of_its_realm() {
    let strict = || {
        let login = LoginConfig::route("/login").domains(["a.test"]);
        login.username("one").realm("company")
    };
    let tried: LoginConfig = toml::from_str(
        "path = \"/login\"\ndomains = [\"b.test\"]\nusername = \"one\"\nrealm = \"company\"\ndry_run = true\n\
         pair = { points = 3, window = \"1h\" }\nuser = false\nnames = false\nclient = false",
    )
    .unwrap();
    for logins in [[strict(), tried.clone()], [tried.clone(), strict()]] {
        for asks in [
            ("/login", &["203.0.113.1"][..], None),
            ("/login", &["a.test"][..], Some("b.test")),
        ] {
            let site = site(logins.clone());
            for _ in 0..20 {
                status(&site, asks, 1, "one=ada").await;
            }
            assert_eq!(site.tried(), 10, "{asks:?}");
        }
        // Nor is anybody locked there whom only the one on trial has seen.
        let site = site(logins);
        for _ in 0..20 {
            status(&site, ("/login", &["b.test"], None), 1, "one=ada").await;
        }
        assert_eq!(site.tried(), 20);
        let asks = ("/login", &["a.test"][..], None);
        assert_eq!(guesses(&site, asks, "one=ada").await, 10);
    }
}

#[tokio::test]
async fn a_name_in_so_many_words_comes_before_a_wildcard() {
    let of = |name: &str, field: &str| LoginConfig::route("/login").domains([name]).username(field);
    let wide = || of("*.w.test", "one");
    for logins in [
        [wide(), of("a.w.test", "two")],
        [of("a.w.test", "two"), wide()],
    ] {
        let site = site(logins);
        let of = |host: &'static [&'static str]| ("/login", host, None);
        assert_eq!(guesses(&site, of(&["a.w.test"]), "two=eve").await, 10);
        assert_eq!(guesses(&site, of(&["b.w.test"]), "one=eve").await, 10);
    }
}

/// Where one of the two refuses, the other has counted nothing, and a success costs neither anything.
#[tokio::test]
async fn what_one_refuses_no_other_counts_and_a_success_is_given_back_by_both() {
    let site = site([shop(), wiki()]);
    let asks: Asks<'_> = ("/login", &["shop.test"], Some("wiki.test"));
    let body = r#"{"kunde":"bob","who":{"name":"bob"}}"#;
    for _ in 0..30 {
        let right = body.replace("{\"kunde", "{\"password\":\"right\",\"kunde");
        assert_eq!(status(&site, asks, 1, &right).await, 200, "{right}");
    }
    assert_eq!(site.tried(), 30);
    assert_eq!(
        guesses(&site, ("/login", &["wiki.test"], None), body).await,
        10
    );
    assert_eq!(guesses(&site, asks, body).await, 0);
    // Bob of the shop has all his guesses left.
    assert_eq!(
        guesses(&site, ("/login", &["shop.test"], None), body).await,
        10
    );
}

#[tokio::test]
async fn one_for_a_name_says_more_than_one_for_all_wherever_it_is_written() {
    let general = LoginConfig::route("/login").username("user");
    let logins = [general, LoginConfig::route("/enter"), shop()];
    let site = site(logins);
    for (path, host, body, expected) in [
        ("/login", "shop.test", "kunde=a&user=x", 10),
        ("/enter", "shop.test", "username=b", 10),
        ("/login", "b.test", "user=c&kunde=x", 10),
        ("/login", "10.0.0.1", "user=d&kunde=d", 10),
    ] {
        let asks = (path, &[host][..], None);
        assert_eq!(guesses(&site, asks, body).await, expected, "{host}{path}");
    }
    // Neither the other's field nor the usual ones are looked at.
    for (host, body) in [("shop.test", "user=e"), ("b.test", "kunde=e&username=f")] {
        let asks = ("/login", &[host][..], None);
        assert_eq!(guesses(&site, asks, body).await, 20, "{host}");
    }
}

#[tokio::test]
async fn those_of_a_realm_that_is_written_count_together() {
    let of = |name: &str| {
        LoginConfig::route("/login")
            .domains([name])
            .realm("company")
    };
    let site = site([of("a.test"), of("b.test")]);
    let asks = |host: &'static [&'static str]| ("/login", host, None);
    assert_eq!(guesses(&site, asks(&["a.test"]), "username=ada").await, 10);
    assert_eq!(guesses(&site, asks(&["b.test"]), "username=ada").await, 0);
}

#[test]
fn names_that_are_none_are_told_with_what_to_write() {
    for names in [&[][..], &["a.*"], &["a.test/x"]] {
        let login = LoginConfig::route("/login").domains(names.iter().copied());
        let store = Arc::new(MemoryStore::default());
        let error = login.build(store, &Secret::new(vec![7; 32])).unwrap_err();
        assert_eq!(error.key(), "domains");
    }
}
