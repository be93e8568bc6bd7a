use panoply_core::Scheme;
use proptest::prelude::*;

use super::*;
use crate::access::fuzzing::APPS;

fn found(rules: &PathRules, path: &str) -> (Option<usize>, Vec<usize>) {
    let found = rules.find(&Request::post(path).body(()).unwrap());
    assert_eq!(rules.certain(path), found.certain, "{path}");
    (found.certain, found.possible.to_vec())
}

#[test]
fn the_longest_is_followed_and_what_might_be_meant_is_minded() {
    let rules = PathRules::new([
        "/upload/",
        "/comments",
        "/upload/small",
        "/report.pdf",
        "/report",
    ]);
    let rules = rules.unwrap();
    for (path, certain, possible) in [
        ("/", None, &[][..]),
        ("/uploads", None, &[]),
        ("/upload", Some(0), &[]),
        ("/upload/", Some(0), &[]),
        ("/upload/My%20File.JPG", Some(0), &[]),
        ("/upload/caf%C3%A9", Some(0), &[]),
        // The program reads a path of its own, be it empty.
        ("/upload/index.php/", None, &[0]),
        ("/upload/small/x", Some(2), &[]),
        ("/upload/Small/x", Some(0), &[2]),
        ("/upload/sm%61ll", Some(0), &[2]),
        ("/Upload/x", None, &[0]),
        ("/%75pload/x", None, &[0]),
        ("/upload//x", None, &[0]),
        ("/upload/x;v=1", None, &[0]),
        ("/upload/%2e%2e/comments", None, &[0, 1]),
        ("/upload/..%2Fcomments", None, &[0, 1]),
        ("/upload/index.php/comments", None, &[0, 1]),
        ("/upload/index.php", Some(0), &[]),
        ("/comments.json", None, &[1]),
        // A rule that was written for this very file is more to the point than one for what it is a format of.
        ("/report.pdf", Some(3), &[]),
        ("/report.csv", None, &[4]),
        ("/x%00", None, &[0, 1, 2, 3, 4]),
    ] {
        assert_eq!(found(&rules, path), (certain, possible.to_vec()), "{path}");
    }
}

#[test]
fn a_header_in_which_another_path_is_meant_only_holds_to_more() {
    let rules = PathRules::new(["/upload", "/comments"]).unwrap();
    for (meant, possible) in [
        ("/comments", &[1][..]),
        ("/%43omments?x", &[1]),
        ("/other", &[]),
        ("/comments/\u{e4}", &[1]),
        ("/comments?x=http://a/y", &[1]),
        ("http:/comments", &[1]),
    ] {
        let meant = meant.as_bytes();
        let request = Request::post("/upload/a").header("x-original-url", meant);
        let found = rules.find(&request.body(()).unwrap());
        assert_eq!(found.certain, Some(0));
        assert_eq!(found.possible.to_vec(), possible, "{meant:?}");
    }
    // What is no text may be anywhere.
    let request = Request::post("/a").header("x-original-url", &b"/x\xff"[..]);
    let found = rules.find(&request.body(()).unwrap());
    assert_eq!(found.possible.to_vec(), [0, 1]);
    let request = Request::post("/a").header("x-rewrite-url", "/upload");
    assert_eq!(rules.find(&request.body(()).unwrap()).certain, None);
}

#[test]
fn the_root_is_for_all_that_has_no_other() {
    let rules = PathRules::new(["/", "/caf\u{e9} one"]).unwrap();
    assert_eq!(found(&rules, "/a/B%20c"), (Some(0), vec![]));
    assert_eq!(found(&rules, "/"), (Some(0), vec![]));
    assert_eq!(found(&rules, "/caf%C3%A9%20one/x"), (Some(1), vec![]));
    // Small digits say the same to every app.
    assert_eq!(found(&rules, "/caf%c3%a9%20one/x"), (Some(1), vec![]));
    assert_eq!(found(&rules, "/cafe%CC%81%20one/x"), (Some(0), vec![1]));
    // What only some read there has no leave.
    assert_eq!(found(&rules, "/caf%E9%20one/x"), (Some(0), vec![1]));
    assert_eq!(found(&rules, "/a//b"), (None, vec![0]));
    assert_eq!(found(&PathRules::default(), "/a//b"), (None, vec![]));
}

#[test]
fn what_is_no_path_is_refused_with_its_number() {
    for (prefix, expected) in [
        (
            "upload",
            "`prefix` is `upload`, which is no path: write a path such as `\"/upload\"`",
        ),
        ("", "which is no path"),
        ("/a/*", "which is no path"),
        ("/a/../b", "which is no path"),
        ("/a;b", "which is no path"),
        ("/ok/", "`prefix` is `/ok/` a second time"),
    ] {
        let (number, error) = PathRules::new(["/ok", prefix]).unwrap_err();
        assert_eq!(number, 1);
        assert!(error.to_string().contains(expected), "{prefix}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// Where some app routes a path below a rule, that rule holds, or one below it.
    #[test]
    fn no_spelling_walks_around_a_rule(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "/", "/", "/", "/", "strict", "strict", "STRICT", "%73trict", "%2573trict", "lenient", "lenient",
                "Lenient", "x", "..", ".", "%2e", "%2E%2e", "%2f", ";", ";a=b", "\\", "%5c", "%00", "%20", ".json",
                "index.php", "%c3%a9", "%e9",
            ]),
            0..10,
        ),
    ) {
        let path = format!("/{}", parts.concat());
        let rules = PathRules::new(["/lenient", "/strict"]).unwrap();
        let request = Request::builder().uri(path.as_str()).body(());
        prop_assume!(request.is_ok());
        let found = rules.find(&request.unwrap());
        for (app, route) in APPS {
            let routed = route(&path);
            let first = routed.first().map_or("", String::as_str);
            if first == "strict" {
                prop_assert!(found.certain == Some(1) || found.possible.contains(&1), "{} {}", app, path);
            }
            if found.certain == Some(0) && found.possible.is_empty() {
                prop_assert!(first.eq_ignore_ascii_case("lenient"), "{} {} {:?}", app, path, routed);
            }
        }
    }
}

/// What is found for a request to `path`: what a trusted proxy says, and the hosts that it carries.
fn found_by(
    rules: &PathRules,
    path: &str,
    hosts: &[&str],
    said: Option<&str>,
) -> (Option<usize>, Vec<usize>) {
    let mut request = Request::post(path);
    for host in hosts {
        request = request.header("host", *host);
    }
    let request = request.body(()).unwrap();
    let client = ClientAddress::direct("192.0.2.1:1".parse().unwrap(), Scheme::Https);
    let client = client.with_host(said.map(|host| host.parse().unwrap()));
    let found = rules.find_by(Some(&client), &request);
    (found.certain, found.possible.to_vec())
}

#[test]
fn under_some_names_another_rule_is_followed() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let [media, wild, api]: [Vec<String>; 3] = [
        names(&["Media.test"]),
        names(&["*.test", "[::1]"]),
        names(&["api.example"]),
    ];
    let rules = PathRules::by_name([
        ("/", Some(&media[..])),
        ("/upload", None),
        ("/upload/", Some(&wild)),
        ("/upload", Some(&media)),
        ("/api", Some(&api)),
    ]);
    let rules = rules.unwrap();
    assert!(rules.are_by_name());
    assert_eq!(rules.certain("/upload/x"), Some(1));
    for (path, hosts, said, certain, possible) in [
        ("/", &["MEDIA.test.:8443"][..], None, Some(0), &[][..]),
        ("/", &["a.test"], None, None, &[]),
        // The longer path says more, then the name, and the name more than a wildcard.
        ("/upload/x", &["media.test"], None, Some(3), &[]),
        ("/upload/x", &["a.test"], None, Some(2), &[]),
        ("/upload/x", &["[::1]:80"], None, Some(2), &[0, 3]),
        ("/upload/x", &["api.example"], None, Some(1), &[]),
        ("/UPLOAD/x", &["media.test"], None, Some(0), &[1, 2, 3]),
        ("/UPLOAD/x", &["api.example"], None, None, &[1]),
        ("/API", &["api.example"], None, None, &[4]),
        ("/api/x", &["api.example"], None, Some(4), &[]),
        ("/api/x", &["a.test"], None, None, &[]),
        // Leave is given by the name that a proxy says, and what is stricter holds by any other.
        ("/api/x", &["10.0.0.1"], Some("api.example"), Some(4), &[]),
        ("/api/x", &["inner"], Some("api.example"), Some(4), &[]),
        (
            "/api/x",
            &["api.example"],
            Some("media.test"),
            Some(0),
            &[4],
        ),
        ("/upload", &["media.test"], Some("a.test"), Some(2), &[0, 3]),
        // Who cannot be told from another may be anybody, and is given nothing.
        ("/api/x", &["192.0.2.1"], None, None, &[0, 4]),
        ("/upload", &[], None, Some(1), &[2, 3]),
        (
            "http://media.test/upload",
            &["api.example:99999"],
            None,
            Some(3),
            &[2],
        ),
    ] {
        let found = found_by(&rules, path, hosts, said);
        assert_eq!(
            found,
            (certain, possible.to_vec()),
            "{path} {hosts:?} {said:?}"
        );
    }
}

#[test]
fn one_path_has_several_rules_for_names_that_are_not_the_same() {
    let a = ["a.test".to_owned()];
    let b = ["*.b.test".to_owned(), "A.test.".to_owned()];
    let rules = |second| PathRules::by_name([("/x", Some(&a[..])), ("/x/", second)]);
    assert!(rules(None).is_ok() && rules(Some(&b[..1])).is_ok());
    let (number, error) = rules(Some(&b)).unwrap_err();
    assert_eq!((number, error.key()), (1, "prefix"));
    let (number, error) = rules(Some(&[])).unwrap_err();
    assert_eq!((number, error.key()), (1, "domains"));
}
