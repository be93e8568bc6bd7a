//! What may just be, and what is built in code.

use super::*;

#[test]
fn the_edges_of_what_works_work() {
    for toml in [
        "idle = \"1s\"\nlifetime = \"1s\"\ntouch = \"500ms\"",
        "idle = \"1m\"\ntouch = \"30s\"",
        "grace = \"10m\"",
        "deadline = \"10ms\"",
        "most_bytes = 256",
        "lifetime = \"400d\"\ncookie = { max_age = \"400d\" }",
        "cookie = { max_age = \"1s\" }\ntouch = \"500ms\"",
    ] {
        let config: SessionConfig = toml::from_str(toml).unwrap();
        assert!(config.validate().is_ok(), "{toml}");
    }
    let long = |letters| format!("name = \"{}\"", "x".repeat(letters));
    assert_eq!(checked(&long(128)).cookie.name().len(), 128);
    for (toml, key) in [
        (long(129), "name"),
        (long(0), "name"),
        (domain(0), "cookie.domain"),
        (domain(1025), "cookie.domain"),
        (
            "cookie = { secure = false, partitioned = true }".to_owned(),
            "cookie.partitioned",
        ),
        (
            "name = \"__Host-a\"\ncookie = { path = \"/a\" }".to_owned(),
            "name",
        ),
    ] {
        let config: SessionConfig = toml::from_str(&toml).unwrap();
        assert_eq!(config.validate().unwrap_err().key(), key, "{toml}");
    }
}

fn domain(letters: usize) -> String {
    let domain = "x".repeat(letters);
    format!("name = \"id\"\ncookie = {{ domain = \"{domain}\" }}")
}

#[test]
fn what_is_built_is_what_is_read() {
    let built = CookieConfig::new()
        .danger_http_only(false)
        .secure(Secure::DangerAuto)
        .same_site(SameSite::Strict)
        .path("/app")
        .domain("a.example")
        .max_age(Duration::from_hours(1))
        .partitioned(true)
        .priority(Priority::Low);
    let read = toml::from_str(
        "http_only = false\nsecure = \"auto\"\nsame_site = \"strict\"\npath = \"/app\"\n\
         domain = \"a.example\"\nmax_age = \"1h\"\npartitioned = true\npriority = \"low\"",
    );
    assert_eq!(built, read.unwrap());

    let built = SessionConfig::new()
        .idle(Duration::from_mins(10))
        .lifetime(Duration::from_mins(100))
        .renew(Duration::from_mins(1))
        .grace(Duration::from_secs(6))
        .touch(Duration::from_secs(7))
        .deadline(Duration::from_millis(70));
    let built = built.check(None).unwrap();
    let read = checked(
        "idle = \"10m\"\nlifetime = \"100m\"\nrenew = \"1m\"\ngrace = \"6s\"\ntouch = \"7s\"\n\
         deadline = \"70ms\"",
    );
    for settings in [built, read] {
        let Settings {
            idle,
            lifetime,
            renew,
            grace,
            touch,
            deadline,
            ..
        } = settings;
        assert_eq!((idle.as_secs(), lifetime.as_secs()), (600, 6000));
        assert_eq!(renew, Some(Duration::from_mins(1)));
        assert_eq!((grace.as_secs(), touch.as_secs()), (6, 7));
        assert_eq!(deadline, Duration::from_millis(70));
    }
}

#[test]
fn a_short_session_of_express_is_touched_in_time() {
    let secret = panoply_cookies::ExpressSecret::danger_of_any_length("k");
    let touch = |max_age: u64| {
        let cookie = CookieConfig::express().max_age(Duration::from_secs(max_age));
        let secrets = ExpressSecrets::new([secret.clone()]);
        let config = SessionConfig::new().cookie(cookie);
        config.check(Some(secrets)).unwrap().touch.as_secs()
    };
    assert_eq!(touch(60), 30);
    assert_eq!(touch(6000), 60);
}
