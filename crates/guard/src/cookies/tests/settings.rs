//! What is set, and what is said of it.

use std::convert::Infallible;
use std::future::{Pending, pending};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use panoply_core::Clock as _;
use tower::{Layer as _, Service};

use super::*;

#[test]
fn what_is_built_is_what_is_read() {
    let rule: CookieRule = toml::from_str("rename = false").unwrap();
    let built = CookieGuardConfig::new()
        .danger_enabled(false)
        .script_readable(["theme"])
        .rename(false)
        .seal(["basket"])
        .unsealable(Unsealable::Block)
        .leave(["raw"])
        .plain_until("2030-01-01")
        .no_store(false)
        .logout(["/logout"])
        .name("legacy", rule);
    let read = toml::from_str(
        "enabled = false\nscript_readable = ['theme']\nrename = false\nseal = ['basket']\n\
         unsealable = 'block'\nleave = ['raw']\nplain_until = '2030-01-01'\nno_store = false\n\
         logout = ['/logout']\nnames.legacy = { rename = false }",
    );
    assert_eq!(built, read.unwrap());
}

#[test]
fn what_is_weaker_is_told() {
    let weaker = |text: &str| {
        let config: CookieGuardConfig = toml::from_str(text).unwrap();
        let told = config.weakenings();
        assert!(told.iter().all(|(_, why)| why.contains(' ')), "{told:?}");
        let keys: Vec<&str> = told.into_iter().map(|(key, _)| key).collect();
        keys.join(" ")
    };
    assert_eq!(weaker(""), "");
    assert_eq!(weaker("enabled = false\nrename = false"), "enabled");
    assert_eq!(weaker("unsealable = 'block'"), "");
    assert_eq!(
        weaker("rename = false\nunsealable = 'pass'\nplain_until = '2030-01-01'\nno_store = false"),
        "rename unsealable plain_until no_store"
    );
}

#[test]
fn what_it_says_of_itself() {
    let guard = guard(
        "script_readable = ['theme']\nleave = ['raw']\nnames.admin = { same_site = 'strict' }\n\
         names.embed = { same_site = 'none' }",
    );
    let all = guard.explain();
    let said = |name: &str| {
        let fate = all.iter().find(|fate| fate.name == name).unwrap();
        fate.to_string()
    };
    assert_eq!(
        said("connect.sid"),
        "another name, Secure, HttpOnly, SameSite=Lax"
    );
    assert!(said("session").contains(", sealed, "));
    assert_eq!(said("theme"), "Secure, SameSite=Lax (page script reads it)");
    assert_eq!(
        said("XSRF-TOKEN"),
        "Secure, SameSite=Lax (page script reads it)"
    );
    assert_eq!(said("raw"), "left as it is");
    assert_eq!(said("admin"), "Secure, HttpOnly, SameSite=Strict");
    assert_eq!(said("embed"), "Secure, HttpOnly, SameSite=None");
    let mut names: Vec<&str> = all.iter().map(|fate| fate.name.as_str()).collect();
    assert!(!names.contains(&"session.sig"), "it goes with its own");
    let told = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), told, "each once");
    assert_eq!(said("*"), "Secure, HttpOnly, SameSite=Lax");
    assert_eq!(super::guard("enabled = false").explain(), []);
}

#[test]
fn debug_shows_the_settings_and_no_key() {
    let shown = format!("{:?}", guard("seal = ['basket']"));
    assert!(
        shown.contains("basket") && !shown.contains("sealer"),
        "{shown}"
    );
}

#[test]
fn a_sealed_cookie_opens_as_long_as_a_browser_keeps_it() {
    let config = CookieGuardConfig::new().seal(["basket"]);
    let clock = ManualClock::new();
    let (keys, secret) = (KeyRing::random().unwrap(), CounterKeys::new([7; 16]));
    let guard = CookieGuard::new(config, None, &keys, "a", &secret, clock.clone());
    let kept = |set: &str| {
        let sent = out(&guard, set, true);
        sent.split(';').next().unwrap().to_owned()
    };
    let hour = kept("basket=1; Max-Age=3600");
    // A browser that is never closed keeps what has no end, and 400 days is all that it grants.
    let (no_end, far_end) = (kept("basket=2"), kept("basket=3; Max-Age=99999999"));
    let start = clock.wall();
    let opens = |cookie: &str| incoming(&guard, &[cookie], true).is_some();
    clock.advance(Duration::from_secs(3599));
    assert!(opens(&hour));
    clock.advance(Duration::from_secs(1));
    assert!(!opens(&hour));
    clock.advance(Duration::from_hours(399 * 24));
    assert!(opens(&no_end) && opens(&far_end));
    let gone = clock.wall().duration_since(start).unwrap();
    clock.advance(Duration::from_hours(400 * 24).saturating_sub(gone));
    assert!(!opens(&no_end) && !opens(&far_end));
}

/// A service that takes no request at the moment.
struct Busy;

impl Service<Request<()>> for Busy {
    type Response = Response<Bytes>;
    type Error = Infallible;
    type Future = Pending<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Pending
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        pending()
    }
}

#[test]
fn a_busy_app_is_given_no_request() {
    let mut cx = Context::from_waker(Waker::noop());
    let mut cookies = CookieGuardLayer::new(guard("")).layer(Busy);
    assert!(cookies.poll_ready(&mut cx).is_pending());
    let cross_site = crate::CrossSiteConfig::new().build().unwrap();
    let mut cross_site = crate::CrossSiteLayer::new(cross_site).layer(Busy);
    assert!(cross_site.poll_ready(&mut cx).is_pending());
}
