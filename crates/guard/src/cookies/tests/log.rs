//! What the log is told of cookies.

use super::*;
use crate::said::said;

#[test]
fn of_what_script_may_read_the_log_is_told_once_a_name() {
    let guard = guard("script_readable = ['lang']\nleave = ['raw']");
    let sets = [
        "a=secret1",
        "a=secret2",
        "b=1; HttpOnly",
        "lang=de",
        "raw=1",
        "c=1",
    ];
    let told = said(|| {
        for set in sets {
            out(&guard, set, true);
        }
    });
    assert_eq!(told.lines().count(), 2, "{told}");
    assert!(told.contains("HttpOnly was added") && told.contains("cookie=a"));
    assert!(!told.contains("secret"), "{told}");
}

#[test]
fn an_app_of_many_names_does_not_fill_the_log() {
    let guard = guard("");
    let told = said(|| {
        for name in 0..300 {
            out(&guard, &format!("a{name}=1"), true);
        }
    });
    assert_eq!(told.lines().count(), 256);
}

#[test]
fn what_has_no_room_is_told_once() {
    for (name, bytes, why) in [
        ("PHPSESSID", 4085, "too large for a longer name"),
        ("basket", 3500, "too large to be sealed: its user can read"),
        ("basket", 4080, "too large to be sealed or marked"),
    ] {
        let guard = guard("seal = ['basket']");
        let set = format!("{name}={}; HttpOnly", "x".repeat(bytes));
        let told = said(|| {
            out(&guard, &set, true);
            out(&guard, &set, true);
        });
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(told.contains(why) && !told.contains("xxx"), "{told}");
    }
}

#[test]
fn of_two_sessions_of_one_name_the_log_is_told_once() {
    let guard = guard("");
    let site = pair(&guard, "JSESSIONID=secret1");
    let below = out(&guard, "JSESSIONID=secret2; Path=/shop", true);
    let below = below.split_once(';').unwrap().0;
    let ask = |cookies: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_str(cookies).unwrap());
        guard.incoming(&mut headers, true);
        headers
    };
    let told = said(|| {
        for _ in 0..2 {
            let headers = ask(&format!("{below}; {site}"));
            assert_eq!(headers[COOKIE], "JSESSIONID=secret1");
        }
    });
    assert_eq!(told.lines().count(), 1, "{told}");
    let advice = "cookies.names.\"JSESSIONID\".rename = false";
    assert!(told.contains(advice) && !told.contains("secret"), "{told}");
    // One twice, or a name that nobody protects.
    let told = said(|| {
        ask(&format!("{site}; {site}"));
        ask(&format!("{below}; {below}"));
        ask("a=1; a=2");
    });
    assert_eq!(told, "");
}

#[test]
fn of_a_session_that_other_hosts_share_the_log_is_told_once() {
    let told = |config: &str| {
        let guard = guard(config);
        said(|| {
            for _ in 0..2 {
                let set = "connect.sid=secret; Domain=a.example; Path=/; HttpOnly";
                out(&guard, set, true);
                incoming(&guard, &["connect.sid=secret"], true);
            }
            // Over plain HTTP no name is another.
            let set = "PHPSESSID=secret; Domain=a.example; HttpOnly";
            out(&guard, set, false);
            incoming(&guard, &["PHPSESSID=secret"], false);
        })
    };
    let rename = "names.'connect.sid'.rename = false";
    assert_eq!(told(rename), "");
    let told = told("");
    assert_eq!(told.lines().count(), 2, "{told}");
    for why in ["for a whole domain", "by its plain name"] {
        assert!(told.contains(why), "{told}");
    }
    assert!(
        told.contains(&format!("cookies.{}", rename.replace('\'', "\""))),
        "{told}"
    );
    assert!(!told.contains("secret"), "{told}");
}
