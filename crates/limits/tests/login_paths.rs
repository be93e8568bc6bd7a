//! Logins whose paths lie one within another, or may be read in several ways.

#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use http::Request;
use http_body_util::Full;
use panoply_core::{ClientAddress, Scheme};
use panoply_limits::{LoginConfig, LoginLayer};

mod site;

use site::Site;

fn site(logins: impl IntoIterator<Item = LoginConfig>) -> Site {
    Site::of(|build| LoginLayer::all(logins.into_iter().map(build)))
}

/// What is asked for, and whether a trusted proxy stands between, with what it passes on.
type Asks<'a> = (&'a str, Option<(&'static str, &'a str)>);

async fn status(site: &Site, (path, meant): Asks<'_>, client: u8, body: &str) -> u16 {
    let mut request = Request::post(path).header("host", "a.test");
    if let Some((name, value)) = meant {
        request = request.header(name, value);
    }
    let mut request = request.body(Full::from(body.to_owned())).unwrap();
    let peer = format!("203.0.113.{client}:1").parse().unwrap();
    let client = ClientAddress::direct(peer, Scheme::Https).with_trusted_peer(meant.is_some());
    request.extensions_mut().insert(client);
    site.ask(request).await.status().as_u16()
}

/// How many of twenty guesses, each from another client, come to the app.
async fn guesses(site: &Site, asks: Asks<'_>, body: &str) -> usize {
    for client in 0..20 {
        status(site, asks, client, body).await;
    }
    site.tried()
}

/// How many of 45 guesses at the login come to the app, if whoever knows the password says it after every nine in this way.
async fn forgiven(site: &Site, right: Asks<'_>, body: &str) -> usize {
    let mut tried = 0;
    for _ in 0..5 {
        for _ in 0..9 {
            status(site, ("/login", None), 30, body).await;
        }
        tried += site.tried();
        status(site, right, 30, &format!("{body}&right")).await;
        site.tried();
    }
    tried
}

/// A login that a success forgives guesses of one client at, and counts nothing else.
fn forgiving(path: &str, field: &str) -> LoginConfig {
    let table = format!(
        "path = \"{path}\"\nusername = \"{field}\"\nrealm = \"{path}\"\nuser = false\nnames = false\nclient = false"
    );
    toml::from_str(&table).unwrap()
}

fn of(path: &str, field: &str) -> LoginConfig {
    LoginConfig::route(path).username(field).realm(path)
}

#[tokio::test]
async fn the_whole_path_comes_before_the_beginning_of_one_wherever_it_is_written() {
    let logins = || {
        [
            of("/login", "one"),
            of("/login/staff", "two"),
            of("/login.json", "three"),
        ]
    };
    let mut others = logins();
    others.reverse();
    for logins in [logins(), others] {
        let site = site(logins);
        for (path, body, expected) in [
            // Without a password, which what only begins so has to have.
            ("/login/staff", "two=ada", 10),
            ("/login/staff", "two=bob&pass=x", 10),
            ("/LOGIN/Staff/", "two=eve&one=x", 10),
            ("/login/staff/x", "two=dan&pass=x", 10),
            ("/login", "one=ada", 10),
            ("/login/x", "one=bob&pass=x", 10),
            ("/login/x", "one=bob", 20),
            ("/login.json", "three=ada", 10),
            ("/login.xml", "one=eve", 10),
            // The other's field is not looked at.
            ("/login/staff", "one=zoe&pass=x", 20),
            ("/login.json", "one=zoe", 20),
        ] {
            assert_eq!(
                guesses(&site, (path, None), body).await,
                expected,
                "{path} {body}"
            );
        }
    }
}

#[tokio::test]
async fn a_login_for_a_name_takes_none_from_one_that_has_the_whole_path() {
    let shop = of("/login", "one").domains(["a.test"]);
    let site = site([shop, of("/login/staff", "two")]);
    for (path, body, expected) in [
        ("/login/staff", "two=ada", 10),
        ("/login/staff", "two=bob&pass=x", 10),
        ("/login/staff", "one=bob&pass=x", 10),
        ("/login", "one=ada", 10),
    ] {
        assert_eq!(
            guesses(&site, (path, None), body).await,
            expected,
            "{path} {body}"
        );
    }
}

/// Of two that may be read, either app may be the one that answers.
#[tokio::test]
async fn what_windows_reads_as_another_login_is_that_as_well() {
    let logins = || [forgiving("/b/login", "two"), forgiving("/login", "one")];
    for path in [
        "/b/x/../(S(y))/../login",
        "/(S(x))/login",
        "/login::$DATA",
        "/login%20.",
        "/%c0%aflogin",
    ] {
        let site = self::site([of("/b/login", "two"), of("/login", "one")]);
        assert_eq!(
            guesses(&site, (path, None), "one=ada&two=x").await,
            10,
            "{path}"
        );
        // Nobody knows whose success it would be.
        let site = self::site(logins());
        assert_eq!(
            forgiven(&site, (path, None), "one=eve&two=eve").await,
            10,
            "{path}"
        );
    }
    let site = self::site(logins());
    assert_eq!(
        forgiven(&site, ("/login", None), "one=eve&two=eve").await,
        45
    );
}

#[tokio::test]
async fn what_a_header_says_is_meant_is_a_login_as_well() {
    for meant in [
        ("x-original-url", "/login"),
        ("x-rewrite-url", "/LOGIN/?next=/x"),
        ("x-original-url", "https://a.test/login"),
        ("x-original-url", "//a.test/login"),
        ("x-original-url", "http:/login"),
        ("x-original-url", "login"),
        ("x-original-url", "https://a.test\\login"),
        ("x-original-url", "/(S(x))/login"),
    ] {
        let site = self::site([LoginConfig::route("/login")]);
        let asks = ("/home", Some(meant));
        assert_eq!(guesses(&site, asks, "username=ada").await, 10, "{meant:?}");
        // An app that goes by what was asked for says yes to whatever is sent there.
        let site = self::site([forgiving("/login", "username")]);
        assert_eq!(forgiven(&site, asks, "username=eve").await, 10, "{meant:?}");
    }
    let site = site([LoginConfig::route("/login")]);
    for meant in ["/home", "", "/x?/login", "/logins"] {
        let asks = ("/home", Some(("x-original-url", meant)));
        assert_eq!(guesses(&site, asks, "username=ada").await, 20, "{meant}");
    }
    // Where the same is meant, it is one login, and its success forgives.
    let site = self::site([forgiving("/login", "username")]);
    let same = ("/login", Some(("x-original-url", "/login?x")));
    assert_eq!(forgiven(&site, same, "username=bob").await, 45);
}
