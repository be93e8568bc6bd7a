use super::*;

mod edges;

fn error(toml: &str) -> String {
    match toml::from_str::<SessionConfig>(toml) {
        Ok(config) => config.validate().unwrap_err().to_string(),
        Err(error) => error.message().to_owned(),
    }
}

fn checked(toml: &str) -> Settings {
    toml::from_str::<SessionConfig>(toml)
        .unwrap()
        .check(None)
        .unwrap()
}

#[test]
fn what_cannot_work_is_refused_with_what_would() {
    let said = [
        (
            "idle = \"13h\"",
            "`lifetime` is 12h, shorter than the 13h that `idle` gives it: write a `lifetime` that \
             is no shorter",
        ),
        (
            "cookie = { maxAge = \"7d\" }",
            "`lifetime` is 12h, shorter than the 7d that `cookie.max_age` gives it: write a \
             `lifetime` that is no shorter",
        ),
        (
            "idle = \"1m\"",
            "`touch` is 1m, and a session that is only read would end after 1m: write at most half \
             of `idle`",
        ),
        ("idle = \"0s\"", "`idle` is 0s: write a second or more"),
        (
            "name = \"__Host-id\"\ncookie = { secure = \"auto\" }",
            "`name` is \"__Host-id\", which browsers accept with `cookie.secure`, without \
             `cookie.domain` and with the path \"/\" only: write a name without the prefix, such as \
             \"id\"",
        ),
        (
            "cookie = { domain = \"example.com\" }",
            "`name` is \"__Host-id\", which browsers accept with `cookie.secure`, without \
             `cookie.domain` and with the path \"/\" only: write a name without the prefix, such as \
             \"id\"",
        ),
        (
            "name = \"__secure-id\"\ncookie = { secure = false }",
            "`name` is \"__secure-id\", which browsers accept with `cookie.secure` only: write a \
             name without the prefix, such as \"id\"",
        ),
        (
            "cookie = { secure = false, same_site = \"none\" }",
            "`cookie.same_site` is \"none\", which browsers accept with `cookie.secure` only: write \
             \"lax\" or \"strict\"",
        ),
        (
            "lifetime = \"500d\"\ncookie = { max_age = \"401d\" }",
            "`cookie.max_age` is 401d, and browsers keep a cookie between \
             a second and 400 days: write a time such as \"30d\"",
        ),
        (
            "name = \"a b\"",
            "`name` is \"a b\", which can be no cookie's name: write letters, digits, `-`, `_` and \
             `.`",
        ),
        (
            "name = \"id\"\ncookie = { path = \"/a; Domain=evil.example\" }",
            "`cookie.path` is \"/a; Domain=evil.example\", which is no path: write a path from the \
             root, such as \"/app\"",
        ),
        (
            "name = \"id\"\ncookie = { domain = \"a;b\" }",
            "`cookie.domain` is \"a;b\", which is no domain: write a domain such as \"example.com\"",
        ),
        (
            "deadline = \"1ms\"",
            "`deadline` is 1ms, within which no store answers: write 10ms or more, such as \"2s\"",
        ),
        (
            "most_bytes = 0",
            "`most_bytes` is 0, in which nothing fits: write 256 or more, such as 65536",
        ),
        (
            "grace = \"1h\"",
            "`grace` is 1h, for which an old id would be good: write ten minutes at most, such as \
             \"30s\"",
        ),
        (
            "idle = 30",
            "invalid type: integer `30`, expected a time with its unit, such as \"30s\", \"15m\" or \
             \"12h\"",
        ),
        (
            "cookie = { secure = \"yes\" }",
            "invalid value: string \"yes\", expected true, false or \"auto\"",
        ),
    ];
    for (toml, expected) in said {
        assert_eq!(error(toml), expected, "{toml}");
    }
    assert!(error("idel = \"1h\"").starts_with("unknown field `idel`, expected one of `name`"));
}

#[test]
fn ids_of_others_are_tried_before_they_are_used() {
    let short = SessionConfig::new().danger_genid(|| "1".to_owned());
    assert_eq!(short.validate().unwrap_err().key(), "genid");
    let long = SessionConfig::new().danger_genid(|| "their-own-0123456789".to_owned());
    assert_eq!(
        long.check(None).unwrap().id().unwrap().as_str(),
        "their-own-0123456789"
    );
}

#[test]
fn cookies_are_written_as_they_are_set() {
    let line = |toml: &str, https| {
        let settings = checked(toml);
        let max_age = settings.cookie.max_age();
        settings.cookie.line("v", max_age, https)
    };
    assert_eq!(
        line("", true),
        "__Host-id=v; Path=/; Secure; HttpOnly; SameSite=Lax"
    );
    let express = "name = \"sid\"\nlifetime = \"24h\"\ntouch = \"1s\"\nsaveUninitialized = true\n\
                   [cookie]\nmaxAge = \"24h\"\ndomain = \"example.com\"\npath = \"/app\"\n\
                   secure = true\nsameSite = \"strict\"\npartitioned = true\npriority = \"high\"\n\
                   httpOnly = false";
    assert_eq!(
        line(express, true),
        "sid=v; Domain=example.com; Path=/app; Max-Age=86400; Secure; Partitioned; Priority=High; \
         SameSite=Strict"
    );
    let auto = "cookie = { secure = \"auto\" }";
    assert_eq!(
        line(auto, true),
        "id=v; Path=/; Secure; HttpOnly; SameSite=Lax"
    );
    assert_eq!(line(auto, false), "id=v; Path=/; HttpOnly; SameSite=Lax");
    assert_eq!(
        checked("").cookie.deletion(true),
        "__Host-id=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; HttpOnly; \
         SameSite=Lax"
    );
}

#[test]
fn a_cookie_that_is_kept_keeps_its_session() {
    let settings = checked("lifetime = \"30d\"\ncookie = { max_age = \"7d\" }");
    assert_eq!(settings.idle, Duration::from_hours(7 * 24));
    let settings = checked("lifetime = \"30d\"\nidle = \"1h\"\ncookie = { max_age = \"7d\" }");
    assert_eq!(settings.idle, Duration::from_hours(1));
    assert_eq!(checked("renew = \"0s\"").renew, None);
}
