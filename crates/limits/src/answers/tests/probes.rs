//! Who asks for what only scanners ask for.

use super::*;

/// Whom probes do not count for.
const PRIVATE: [&str; 6] = [
    "127.0.0.1",
    "10.0.0.7",
    "192.168.1.2",
    "100.100.9.9",
    "fe80::1",
    "fd00::1",
];

#[tokio::test]
async fn probes_count_by_themselves_and_only_where_the_app_has_them_not() {
    let clock = ManualClock::new();
    let node = node(&clock, &[]);
    let probe = |number: usize| format!("/x{number}/.env");
    for number in 0..50 {
        assert_eq!(node.get(BAD, &format!("/{number}")).await, 404);
    }
    for status in [200, 302, 401, 403] {
        node.status.store(status, Ordering::Relaxed);
        for number in 0..50 {
            assert_eq!(node.get(BAD, &probe(number)).await, status);
        }
    }
    node.status.store(404, Ordering::Relaxed);
    for number in 0..50 {
        for private in PRIVATE {
            assert_eq!(node.get(private, &probe(number)).await, 404, "{private}");
        }
        let expected = if number < 10 { 404 } else { 429 };
        assert_eq!(node.get(BAD, &probe(number)).await, expected, "{number}");
    }
    assert_eq!(node.get(BAD, "/").await, 429);
    let list = Blocklist::with_clock(memory(&clock), CounterKeys::new([7; 16]), clock.clone());
    let off = Node::on(list, &[], ProbesConfig::new().enabled(false));
    for number in 0..50 {
        assert_eq!(off.get(BAD, &probe(number)).await, 404);
    }
}

#[tokio::test]
async fn of_probes_only_what_is_to_be_read_counts() {
    let clock = ManualClock::new();
    let node = node(&clock, &[]);
    let ask = async |method: &str, number: usize| {
        let mut request = request(BAD, &format!("/{number}/.git/config"));
        *request.method_mut() = method.parse().unwrap();
        node.ask(request).await.status()
    };
    for method in ["PROPFIND", "PUT", "POST", "OPTIONS", "MKCOL"] {
        for number in 0..20 {
            assert_eq!(ask(method, number).await, 404, "{method}");
        }
    }
    for number in 0..12 {
        let method = if number % 2 == 0 { "GET" } else { "HEAD" };
        assert_eq!(
            ask(method, number).await,
            if number < 10 { 404 } else { 429 }
        );
    }
}

#[test]
fn probes_are_off_until_the_table_is_written() {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Whole {
        probes: ProbesConfig,
    }
    let read = |text: &str| toml::from_str::<Whole>(text).unwrap().probes.to_string();
    let off = "paths that only scanners ask for: off";
    assert_eq!(read(""), off);
    assert_eq!(read("[probes]\nenabled = false"), off);
    assert_eq!(read("[probes]"), ProbesConfig::new().to_string());
    let on = read("[probes]\npoints = 5");
    assert!(
        on.starts_with("5 paths") && on.contains("doubling to 1d"),
        "{on}"
    );
    assert!(on.contains("; those with .env…, .git…, "), "{on}");
    assert_eq!(ProbesConfig::default().to_string(), off);
}
