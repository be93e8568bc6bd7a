use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn what_is_canonical_stays(path in "[/.a-cA-C%;_-]{0,12}") {
        if is_canonical(&path) && path != "/" {
            prop_assert_eq!(folded(&path, true), path.trim_end_matches('/'));
        }
    }

    /// What can be read otherwise is never missed for want of a look, and no reading takes a step.
    #[test]
    fn no_other_reading_is_missed(path in "(/|\\\\|[.]|[(]S[(]x[)][)]|:[$]d|%20|%c0%af|%u002f|a|A|\u{e9}|~){0,8}") {
        let path = format!("/{path}");
        for steps in [true, false] {
            let known = if steps { canonical(&path) } else { without_steps(&path) };
            let read = loosely(&path, &known, steps);
            prop_assert!(read.is_empty() || !is_canonical(&path), "{path}");
            let read = read.into_iter().next().unwrap_or(known.into_owned());
            let is_bare = |one: &str| !one.ends_with(['.', ' ']) && !one.contains(STREAM);
            let has_session = path.contains("(S(x))");
            prop_assert!(has_session || read.split('/').all(is_bare), "{path} {read}");
        }
    }
}

#[test]
fn what_iis_decodes_is_decoded() {
    for (path, read) in [
        ("/%u006cogin", "/login"),
        ("/x%U002f..%u005clogin%u003bx", "/login"),
        ("/%25u006cogin", "/login"),
        ("/%u%30%30%36cogin", "/login"),
        ("/%u65e5", "/\u{65e5}"),
        ("/%u%", "/%u%"),
        ("/%user/%u12", "/%user/%u12"),
        ("/%ud800", "/%ud800"),
        ("/%u00e\u{e9}", "/%u00e\u{e9}"),
    ] {
        assert_eq!(canonical(path), read, "{path}");
    }
}

#[test]
fn what_windows_reads_is_read() {
    let read = |path: &str, steps: bool| {
        let known = if steps {
            canonical(path)
        } else {
            without_steps(path)
        };
        loosely(path, &known, steps).into_iter().next()
    };
    for (path, taken) in [
        ("/(S(abc))/login", "/login"),
        ("/(A(x)F(y))/login", "/login"),
        ("/a/(S(x))/b/(F(y))/c", "/a/b/c"),
        ("/ad/(S(x))min", "/admin"),
        ("/(A(x))(F(y))/login", "/login"),
        ("/%28s%28x%29%29/login", "/login"),
        ("/login::$DATA", "/login"),
        ("/a:$I30:$INDEX_ALLOCATION/b", "/a/b"),
        ("/a./b. ./c..", "/a/b/c"),
        ("/a%20/b%20.", "/a/b"),
        ("/x%c0%afy%c1%9cz", "/x/y/z"),
        ("/x%e0%80%af..%f0%80%80%afy", "/y"),
        ("/%c1%ac%e0%81%af", "/lo"),
        ("/%uff21", "/a"),
        ("/stra\u{df}e", "/strasse"),
        ("/a/(S(x))/../b", "/b"),
        ("/ad/(S(x%252fy))min", "/admin"),
        ("/a.;x/b", "/a/b"),
        ("/;x%2fy/login", "/login"),
    ] {
        assert_eq!(read(path, true).as_deref(), Some(taken), "{path}");
    }
    for path in [
        "/",
        "/a.b/c",
        "/(a)/b",
        "/(S(x)/b",
        "/(SS(x))/b",
        "/a:b",
        "/a$b",
        "/a%20b",
        "/caf%C3%A9",
        "/%c0%2f",
        "/%e0%a0%80",
        "/A",
        "/a~1",
    ] {
        assert_eq!(read(path, true), None, "{path}");
    }
    assert_eq!(read("/a/..%c0%af.%20b", false).as_deref(), Some("/a/. b"));
}
