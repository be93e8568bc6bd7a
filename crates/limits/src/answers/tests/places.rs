//! Which requests a limit of answers is for, and how limits are told apart.

use super::*;

fn below(path: &str) -> LimitConfig {
    let limit = LimitConfig::new(2, MINUTE).name("below").path(path);
    limit.answers([404]).lock(HOUR).methods(["GET"])
}

#[tokio::test]
async fn no_way_of_writing_a_path_leads_past_it() {
    for (method, path) in [
        ("GET", "/g/N"),
        ("HEAD", "/g/N"),
        ("GET", "/index.php/g/N"),
        ("GET", "/G/N"),
        ("GET", "/g/items/..%2f..%2f..%2fN"),
        ("GET", "/x/../g/N"),
    ] {
        let node = node(&ManualClock::new(), &[below("/g/")]);
        let mut given = Vec::new();
        for number in 0..4 {
            let mut request = request(BAD, &path.replace('N', &number.to_string()));
            *request.method_mut() = method.parse().unwrap();
            given.push(node.ask(request).await.status().as_u16());
        }
        assert_eq!(given, [404, 404, 429, 429], "{method} {path}");
    }
    let node = node(&ManualClock::new(), &[below("/g/")]);
    for path in ["/h/1", "/gg/2", "/index.php/h/3", "/h/..%2fi/4", "/g.x/5"] {
        assert_eq!(node.get(BAD, path).await, 404, "{path}");
    }
    assert_eq!(node.get(BAD, "/g/6").await, 404);
}

#[test]
fn no_two_have_the_same_name() {
    let layer = |limits: &[LimitConfig]| {
        let store = memory(&ManualClock::new());
        let list = Blocklist::new(store, CounterKeys::new([7; 16]));
        AnswerLayer::new(limits.iter().cloned(), ProbesConfig::new(), list).map(drop)
    };
    let nameless = || LimitConfig::new(3, MINUTE).answers([404]).lock(HOUR);
    let error = layer(&[nameless(), nameless().answers([401])]).unwrap_err();
    assert_eq!(error.key(), "name");
    assert!(error.to_string().contains("`/`"), "{error}");
    assert!(layer(&[nameless(), nameless().name("other")]).is_ok());
    assert!(layer(&[nameless(), nameless().path("/api/")]).is_ok());
    assert!(layer(&[nameless().name("probes")]).is_err());
}

#[tokio::test]
async fn those_without_a_name_in_two_layers_count_apart() {
    let clock = ManualClock::new();
    let store: Arc<dyn CounterStore> = memory(&clock);
    let of = |points| {
        let limit = LimitConfig::new(points, MINUTE).answers([404]).lock(HOUR);
        Node::new(Arc::clone(&store), &clock, &[limit])
    };
    let (outer, inner) = (of(3), of(4));
    assert_eq!(outer.scan(BAD, 2).await, [404, 404]);
    assert_eq!(inner.scan(BAD, 4).await, [404, 404, 404, 404]);
}

#[tokio::test]
async fn one_for_some_names_counts_what_is_asked_for_under_them() {
    let limit = || LimitConfig::new(2, MINUTE).answers([404]).lock(HOUR);
    let limits = [
        limit().name("a").domains(["a.test"]),
        limit().name("b").domains(["b.test"]),
    ];
    let node = node(&ManualClock::new(), &limits);
    let mut number = 0;
    let mut ask = async |client: &str, host: Option<&str>| {
        number += 1;
        let mut request = request(client, &format!("/x{number}"));
        if let Some(host) = host {
            request.headers_mut().insert("host", host.parse().unwrap());
        }
        node.ask(request).await.status().as_u16()
    };
    // Two under each of the two are not three under one.
    for (host, expected) in [
        (Some("c.test"), 404),
        (Some("A.test:80"), 404),
        (Some("b.test."), 404),
        (Some("a.test"), 404),
        (Some("c.test"), 429),
    ] {
        assert_eq!(ask(BAD, host).await, expected, "{host:?}");
    }
    // Who names nobody may mean either.
    for expected in [404, 404, 429] {
        assert_eq!(ask(GOOD, None).await, expected);
    }
}

#[tokio::test]
async fn a_limit_that_comes_before_another_gives_nobody_fresh_points() {
    let clock = ManualClock::new();
    let store = memory(&clock);
    let before = Node::new(store.clone(), &clock, &[scanners()]);
    let other = LimitConfig::new(50, MINUTE).name("other").answers([500]);
    let after = Node::new(store, &clock, &[other.lock(HOUR), scanners()]);
    assert_eq!(before.scan(BAD, 2).await, [404; 2]);
    assert_eq!(after.get(BAD, "/third").await, 404);
    assert_eq!(after.get(BAD, "/").await, 429);
}
