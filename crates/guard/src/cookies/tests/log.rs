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
