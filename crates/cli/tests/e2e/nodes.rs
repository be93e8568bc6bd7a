//! Several gateways, a gateway that is killed, a store that goes away: ten guesses stay ten.

use super::support;

use std::time::{Duration, Instant};

use panoply_store_test::PostgresServer;
use rustix::process::Signal;
use serde_json::Value;
use support::{
    App, Gateway, Redis, Verdicts, blocks, curl, node_in, panoply, test_app, text, wait_for,
};

/// How many passwords the app was shown for `user`.
fn shown(app: &App, user: &str) -> u64 {
    let url = format!("{}/shown?user={user}", app.origin());
    let answer = curl(std::path::Path::new("/dev/null"), &[&url]);
    answer.text().parse().unwrap()
}

fn guess(version: &str, number: u32, user: &str, gateways: &[&Gateway]) -> Value {
    let number = number.to_string();
    let mut arguments = vec![version, &number, user];
    arguments.extend(gateways.iter().map(|gateway| gateway.origin.as_str()));
    // Each has an authority of its own; those that do not speak TLS have none.
    let authorities = gateways.iter().map(|gateway| std::fs::read(gateway.ca()));
    let authorities: Vec<u8> = authorities.flatten().flatten().collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), authorities).unwrap();
    let environment = [("CA", file.path().to_str().unwrap())];
    node_in("guesses.mjs", &arguments, None, &environment)
}

fn login(gateway: &Gateway, user: &str) -> (u16, Duration) {
    let form = format!("username={user}&password=wrong");
    let before = Instant::now();
    let answer = curl(&gateway.ca(), &[&gateway.url("/login"), "-d", &form]);
    (answer.status, before.elapsed())
}

/// One more guess at a gateway that has the state of another.
fn again(gateway: &Gateway, first: &Gateway, user: &str) -> u16 {
    let form = format!("username={user}&password=wrong");
    curl(&first.ca(), &[&gateway.url("/login"), "-d", &form]).status
}

fn on(store: &str, more: &str) -> String {
    format!(
        "[tls]\nmode = \"off\"\n[store]\nurl = \"{store}\"\nsecret = \"a secret of all nodes\"\n{more}"
    )
}

/// Three nodes on a machine that may be so busy that a store is silent for longer than any should
/// be, when the insurance would rightly let through more.
const THREE: &str = "nodes = 3\ndeadline = \"5s\"\n";

/// The same, where it is silent on purpose, too.
const TWO: &str = "nodes = 2\ndeadline = \"500ms\"\n";

/// A login that waits for no store, on a machine that may be busy: curl is started for it, and both a verdict and a
/// settlement may come to know that Redis is silent.
const AT_ONCE: Duration = Duration::from_secs(15);

/// A thousand guesses at three gateways over either version.
fn three_show_ten(store: &str) {
    let app = App::start(&test_app("logins.mjs"));
    let mut wrong = Verdicts::default();
    for (version, user) in [("1", "ada"), ("2", "grace")] {
        let config = match version {
            "2" => on(store, THREE).replace("mode = \"off\"\n", ""),
            _ => on(store, THREE),
        };
        let gateways = [(); 3].map(|()| Gateway::before(&app.origin(), &config));
        let gateways: Vec<&Gateway> = gateways.iter().collect();
        let counts = guess(version, 1000, user, &gateways);
        wrong.equal(version, counts["401"].as_u64(), Some(10));
        wrong.equal(version, counts["429"].as_u64(), Some(990));
        wrong.equal(version, shown(&app, user), 10);
    }
    wrong.settle();
}

#[test]
fn three_gateways_on_one_redis_show_the_app_ten() {
    three_show_ten(&Redis::start().url());
}

#[test]
fn three_gateways_on_one_postgres_show_the_app_ten() {
    three_show_ten(&PostgresServer::start().url());
}

#[test]
fn nodes_with_another_secret_are_refused() {
    let redis = Redis::start();
    let app = App::start(&test_app("logins.mjs"));
    let _first = Gateway::before(&app.origin(), &on(&redis.url(), ""));
    let other = on(&redis.url(), "").replace("of all nodes", "of its own, alas");
    let (mut process, _dir, _) = Gateway::setup()
        .config(&other)
        .upstream(&app.origin())
        .spawn();
    let patience = Duration::from_secs(20);
    process.line_with(&["nodes with another secret use it"], patience);
    assert_eq!(process.status(patience).code(), Some(2));
    let said = process.said().join("\n");
    assert!(!said.contains("of its own, alas"), "{said}");
}

#[test]
fn a_store_that_is_not_there_is_told_at_start() {
    let app = App::start(&test_app("logins.mjs"));
    let (mut process, _dir, _) = Gateway::setup()
        .config(&on("redis://:hunter2@127.0.0.1:1", ""))
        .upstream(&app.origin())
        .spawn();
    let patience = Duration::from_secs(30);
    process.line_with(&["cannot be reached"], patience);
    assert_eq!(process.status(patience).code(), Some(2));
    let said = process.said().join("\n");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn killed_in_the_middle_the_count_goes_on() {
    // It takes its time, so that all ten are under way when the gateway is killed.
    let mut command = vec!["env".to_owned(), "TAKES=400".to_owned()];
    command.extend(test_app("logins.mjs"));
    let app = App::start(&command);
    let mut wrong = Verdicts::default();
    for (version, user) in [("1", "ada"), ("2", "grace"), ("1", "alan")] {
        let config = if version == "2" {
            ""
        } else {
            "[tls]\nmode = \"off\"\n"
        };
        let first = Gateway::before(&app.origin(), config);
        std::thread::scope(|scope| {
            let guesses = scope.spawn(|| match version {
                "2" => {
                    let ca = first.ca();
                    let environment = [("CA", ca.to_str().unwrap())];
                    let arguments = [version, "1000", user, &first.origin];
                    node_in("guesses.mjs", &arguments, None, &environment)
                }
                _ => guess(version, 1000, user, &[&first]),
            });
            wait_for("a few guesses", Duration::from_secs(20), || {
                (shown(&app, user) >= 4).then_some(())
            });
            first.process.signal(Signal::KILL);
            guesses.join().unwrap();
        });
        let second = Gateway::setup()
            .state_of(&first)
            .config(config)
            .upstream(&app.origin())
            .start();
        for _ in 0..20 {
            again(&second, &first, user);
        }
        let total = shown(&app, user);
        // Those that were reserved when it was killed may not have reached the app.
        wrong.check((4..=10).contains(&total), || format!("{user}: {total}"));
        wrong.equal("then", again(&second, &first, user), 429);
    }
    wrong.settle();
}

#[test]
fn who_is_blocked_stays_so_when_the_list_cannot_be_read_again() {
    let mut redis = Redis::start();
    let app = App::start(&test_app("logins.mjs"));
    let gateway = Gateway::before(&app.origin(), &on(&redis.url(), ""));
    let status = || curl(&gateway.ca(), &[&gateway.url("/")]).status;
    assert_ne!(status(), 403);
    let added = blocks(&gateway.dir.path().join("state"), &["add", "127.0.0.1"]);
    assert!(added.status.success(), "{added:?}");
    assert_eq!(status(), 403);
    redis.kill();
    let reloaded = |times: usize| {
        wait_for("the reload", Duration::from_secs(20), || {
            let said = gateway.process.said();
            let told = |line: &&String| line.contains("the configuration has been reloaded");
            (said.iter().filter(told).count() == times).then_some(())
        });
    };
    gateway.process.signal(Signal::HUP);
    reloaded(1);
    assert_eq!(status(), 403, "the store is away");
    redis.revive();
    gateway.process.signal(Signal::HUP);
    reloaded(2);
    assert_eq!(status(), 403, "the store has it still");
}

/// A Redis that was emptied, or may forget, is told of, and who was blocked by hand stays so on every node.
#[test]
fn blocks_by_hand_outlive_what_redis_has_lost() {
    let redis = Redis::start();
    redis.command("CONFIG SET maxmemory 100mb");
    redis.command("CONFIG SET maxmemory-policy allkeys-lru");
    let app = App::start(&test_app("logins.mjs"));
    let config = on(
        &redis.url(),
        "nodes = 2\ndeadline = \"5s\"\n[client]\ntrusted_proxies = [\"loopback\"]\n",
    );
    let nodes = [(); 2].map(|()| Gateway::before(&app.origin(), &config));
    let from = |node: &Gateway, client: &str| {
        let header = format!("X-Forwarded-For: {client}");
        curl(&node.ca(), &[&node.url("/"), "-H", &header]).status
    };
    let state = |node: &Gateway| node.dir.path().join("state");
    for whom in ["203.0.113.0/24", "198.51.100.7"] {
        let added = blocks(&state(&nodes[0]), &["add", whom, "--for", "1d"]);
        assert!(added.status.success(), "{added:?}");
    }
    let blocked = |what: &str| {
        wait_for(what, Duration::from_secs(20), || {
            let all = nodes
                .iter()
                .all(|node| from(node, "203.0.113.9") == 403 && from(node, "198.51.100.7") == 403);
            all.then_some(())
        });
    };
    blocked("the other node to learn");
    redis.command("FLUSHALL");
    let told = |node: &Gateway| {
        let said = node.process.said();
        said.iter()
            .any(|line| line.contains("the store has lost what was written"))
    };
    wait_for("a node to see it", Duration::from_secs(20), || {
        nodes.iter().any(&told).then_some(())
    });
    blocked("both nodes to know");
    let mut seen = 0;
    for node in &nodes {
        let listed = blocks(&state(node), &["list"]);
        let listed = text(&listed.stdout);
        assert!(
            listed.contains("203.0.113.0/24") && listed.contains("198.51.100.7"),
            "{listed}"
        );
        let mut status = panoply();
        status.arg("status").arg("--state").arg(state(node));
        let status = text(&status.output().unwrap().stdout);
        assert!(status.contains("maxmemory-policy allkeys-lru"), "{status}");
        seen += usize::from(status.contains("2 blocks by hand were put back"));
    }
    assert!(seen > 0);
    // What is released then stays so.
    let released = blocks(&state(&nodes[1]), &["release", "203.0.113.0/24"]);
    assert!(released.status.success(), "{released:?}");
    wait_for("both to let it in", Duration::from_secs(20), || {
        nodes
            .iter()
            .all(|node| from(node, "203.0.113.9") == 200)
            .then_some(())
    });
    assert_eq!(from(&nodes[0], "198.51.100.7"), 403);
}

#[test]
fn while_redis_is_away_the_insurance_decides() {
    let mut redis = Redis::start();
    let app = App::start(&test_app("logins.mjs"));
    let config = on(&redis.url(), TWO);
    let gateway = Gateway::before(&app.origin(), &config);
    let mut wrong = Verdicts::default();
    for _ in 0..3 {
        wrong.equal("counted in Redis", login(&gateway, "ada").0, 401);
    }
    // It hangs: nobody waits for it, and half of the limit is what one of two nodes lets through.
    redis.signal(Signal::STOP);
    let mut passed = 0;
    for _ in 0..20 {
        let (status, time) = login(&gateway, "ada");
        wrong.check(matches!(status, 401 | 429), || format!("hanging: {status}"));
        wrong.check(time < AT_ONCE, || format!("hanging: {time:?}"));
        passed += u64::from(status == 401);
    }
    wrong.check(passed <= 5, || format!("{passed} of 20 while it hung"));
    let health = |line: &str| {
        let metrics = curl(&gateway.ca(), &[&format!("{}/metrics", gateway.admin)]).text();
        metrics.contains(line).then_some(())
    };
    wait_for("the metrics", Duration::from_secs(10), || {
        health("panoply_store_up 0")
    });
    redis.signal(Signal::CONT);
    wait_for("Redis again", Duration::from_secs(20), || {
        login(&gateway, "nobody");
        // A hundred failures would block everybody here.
        std::thread::sleep(Duration::from_millis(250));
        health("panoply_store_up 1")
    });
    // It is gone, and comes back with what it had written down.
    redis.kill();
    for _ in 0..20 {
        let (status, time) = login(&gateway, "grace");
        wrong.check(matches!(status, 401 | 429), || format!("gone: {status}"));
        wrong.check(time < AT_ONCE, || format!("gone: {time:?}"));
    }
    wrong.check(shown(&app, "grace") <= 5, || {
        format!("{} while it was gone", shown(&app, "grace"))
    });
    // A new program would know nothing of that lock.
    let mut upgrade = panoply();
    upgrade.arg("upgrade").arg("--state");
    let output = upgrade
        .arg(gateway.dir.path().join("state"))
        .output()
        .unwrap();
    let said = text(&output.stderr);
    wrong.check(
        !output.status.success() && said.contains("cannot be reached"),
        || said,
    );
    wrong.equal("grace, after an upgrade", login(&gateway, "grace").0, 429);
    redis.revive();
    wait_for("Redis again", Duration::from_secs(20), || {
        login(&gateway, "nobody");
        // A hundred failures would block everybody here.
        std::thread::sleep(Duration::from_millis(250));
        health("panoply_store_up 1")
    });
    let total = all_of_adas(&gateway, &app);
    wrong.check(total <= 15, || format!("{total} in all"));
    wrong.settle();
}

/// Lets Ada guess until nothing is left to her, and gives how many of her guesses the app was shown in all. Redis
/// may be up by the metrics and not asked yet, or silent again where the machine is busy: then the insurance lets
/// through what is left of its own share, and what it refuses may have been counted in Redis all the same. So
/// there may be more than ten, or fewer.
fn all_of_adas(gateway: &Gateway, app: &App) -> u64 {
    let mut refused = 0;
    wait_for("nothing to be left", Duration::from_mins(1), || {
        refused = match login(gateway, "ada").0 {
            429 => refused + 1,
            _ => 0,
        };
        std::thread::sleep(Duration::from_millis(50));
        (refused == 6).then_some(())
    });
    shown(app, "ada")
}

#[test]
fn while_redis_takes_nothing_the_insurance_decides() {
    let redis = Redis::start();
    let app = App::start(&test_app("logins.mjs"));
    let gateway = Gateway::before(&app.origin(), &on(&redis.url(), TWO));
    let mut wrong = Verdicts::default();
    for _ in 0..3 {
        wrong.equal("counted in Redis", login(&gateway, "ada").0, 401);
    }
    let is = |line: &str| {
        login(&gateway, "nobody");
        let metrics = curl(&gateway.ca(), &[&format!("{}/metrics", gateway.admin)]).text();
        // A hundred failures would block everybody here.
        std::thread::sleep(Duration::from_millis(250));
        metrics.contains(line).then_some(())
    };
    let limit = Duration::from_secs(20);
    // After a failover the address may lead to a replica, which answers that it takes nothing; and Redis
    // may hold all writes back for a moment.
    for (what, how, back) in [
        ("a replica", "REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),
        // Until it is told, however long the logins take.
        ("a pause", "CLIENT PAUSE 300000 WRITE", "CLIENT UNPAUSE"),
    ] {
        redis.command(how);
        for user in ["grace", "alan"] {
            let user = format!("{user} during {what}").replace(' ', "-");
            let mut passed = 0;
            for _ in 0..12 {
                let (status, time) = login(&gateway, &user);
                wrong.check(matches!(status, 401 | 429), || format!("{user}: {status}"));
                wrong.check(time < AT_ONCE, || format!("{user}: {time:?}"));
                passed += u64::from(status == 401);
            }
            // One of two nodes, by itself.
            wrong.check(passed <= 5, || format!("{passed} of {user}"));
        }
        wait_for(what, limit, || is("panoply_store_up 0"));
        redis.command(back);
        wait_for("Redis again", limit, || is("panoply_store_up 1"));
    }
    let total = all_of_adas(&gateway, &app);
    wrong.check(total <= 15, || format!("{total} in all"));
    wrong.settle();
}
