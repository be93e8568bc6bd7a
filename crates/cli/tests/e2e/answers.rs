//! Who asks on and on for what is not there is held out, from everything and on every node.

use super::support;

use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use support::siege::refusals;
use support::{
    App, Gateway, Recorder, Redis, Verdicts, blocks, curl, node, panoply, test_app, text, wait_for,
};

/// Clients say who they are; 203.0.113.77 is the operator's own scanner.
const CONFIG: &str = "[tls]\nmode = \"off\"\n[client]\ntrusted_proxies = [\"loopback\"]\n";

const SCANNERS: &str = "[[limit]]\nname = \"scanners\"\nanswers = [403, 404]\npoints = 20\n\
    window = \"10m\"\nlock = \"1h\"\nexempt = [\"203.0.113.77\"]\n";

fn get(gateway: &Gateway, client: &str, path: &str) -> support::Answer {
    let from = format!("X-Forwarded-For: {client}");
    curl(Path::new("/dev/null"), &["-H", &from, &gateway.url(path)])
}

fn status(gateway: &Gateway, client: &str, path: &str) -> u16 {
    get(gateway, client, path).status
}

/// How many requests for what is not there have reached the app.
fn missed(app: &App) -> u64 {
    let answer = curl(
        Path::new("/dev/null"),
        &[&format!("{}/missed", app.origin())],
    );
    answer.text().parse().unwrap()
}

fn app(takes: u32) -> App {
    let mut command = vec!["env".to_owned(), format!("TAKES={takes}")];
    command.extend(test_app("sparse.mjs"));
    App::start(&command)
}

fn table(gateway: &Gateway) -> String {
    text(&blocks(&gateway.dir.path().join("state"), &["list"]).stdout)
}

#[test]
fn what_the_browser_of_somebody_spared_reports_is_taken() {
    let app = Recorder::answering("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let scanners = SCANNERS.replace("203.0.113.77", "2001:db8::9");
    let gateway = Gateway::before(&app.origin(), &format!("{CONFIG}{scanners}"));
    for number in 0..20 {
        status(&gateway, "2001:db8::1", &format!("/{number}"));
    }
    let report = |client: &str| {
        let from = format!("X-Forwarded-For: {client}");
        let kind = "Content-Type: application/csp-report";
        let url = gateway.url("/.well-known/panoply/reports");
        let report = "{\"csp-report\":{}}";
        let sent = ["-H", &from, "-H", kind, "--data", report, &url];
        curl(Path::new("/dev/null"), &sent).status
    };
    assert_eq!(report("2001:db8::1"), 429);
    assert_eq!(report("2001:db8::9"), 204);
    assert!(!app.seen().contains("panoply/reports"));
}

#[test]
fn a_scanner_is_held_out_until_he_is_released() {
    let app = app(0);
    let mut gateway = Gateway::before(&app.origin(), &format!("{CONFIG}{SCANNERS}"));
    let mut wrong = Verdicts::default();
    let [bad, good, own] = ["203.0.113.9", "203.0.113.10", "203.0.113.77"];
    for number in 0..30 {
        let status = |client, path: &str| status(&gateway, client, path);
        let expected = if number < 20 { 404 } else { 429 };
        wrong.equal("bad", status(bad, &format!("/x/{number}")), expected);
        // The same picture again and again, and what is there.
        wrong.equal("good", status(good, "/gone.png"), 404);
        wrong.equal("good", status(good, &format!("/there/{number}")), 200);
        wrong.equal("own", status(own, &format!("/x/{number}")), 404);
    }
    let answer = get(&gateway, bad, "/");
    wrong.equal("everywhere", answer.status, 429);
    let after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    wrong.check((3500..=3600).contains(&after), || after.to_string());
    wrong.check(answer.header("content-security-policy").is_some(), || {
        "a refusal without headers".to_owned()
    });
    // Eleven: those above that were too many, and this one.
    wrong.equal("counted", refusals(&gateway, "limits/answers"), 11);
    let said = gateway.process.said();
    let told: Vec<&String> = said
        .iter()
        .filter(|line| line.contains("held out"))
        .collect();
    wrong.equal("told once", told.len(), 1);
    wrong.check(told.iter().all(|line| line.contains(bad)), || {
        format!("{told:?}")
    });
    let listed = table(&gateway);
    wrong.check(
        listed.contains("scan/scanners") && listed.contains(bad),
        || listed.clone(),
    );
    // What is in force after a reload, and after an end that nobody was told of.
    let written = std::fs::read_to_string(gateway.config_path()).unwrap();
    gateway.reload(&written);
    wrong.equal("reloaded", status(&gateway, bad, "/"), 429);
    gateway.process.signal(Signal::KILL);
    gateway.process.status(Duration::from_secs(10));
    let next = Gateway::setup()
        .config(&format!("{CONFIG}{SCANNERS}"))
        .upstream(&app.origin())
        .state_of(&gateway)
        .start();
    wrong.equal("started again", status(&next, bad, "/"), 429);
    wrong.equal("others", status(&next, good, "/"), 200);
    let state = gateway.dir.path().join("state");
    let released = blocks(&state, &["release", bad]);
    wrong.check(released.status.success(), || text(&released.stderr));
    wrong.equal("released", status(&next, bad, "/"), 200);
    wrong.settle();
}

#[test]
fn of_a_flood_no_more_is_seen_than_there_are_points() {
    let app = app(100);
    for (version, client) in [("1", "203.0.113.9"), ("2", "203.0.113.10")] {
        let config = format!("{CONFIG}{SCANNERS}");
        let config = match version {
            "2" => config.replace("mode = \"off\"\n", ""),
            _ => config,
        };
        let gateway = Gateway::before(&app.origin(), &config);
        let ca = Some(gateway.ca()).filter(|_| version == "2");
        let before = missed(&app);
        let arguments = [version, "400", client, &gateway.origin];
        let counts = node("scan.mjs", &arguments, ca.as_deref());
        assert_eq!(counts["404"].as_u64(), Some(20), "{version}: {counts}");
        assert_eq!(counts["429"].as_u64(), Some(380), "{version}: {counts}");
        // As many as were under way at once, and no more.
        let reached = missed(&app) - before;
        assert!(
            reached <= 20 + 100,
            "{version}: {reached} have reached the app"
        );
    }
}

#[test]
fn who_asks_for_what_only_scanners_ask_for_is_held_out_where_that_is_written() {
    let app = app(0);
    let gateway = Gateway::before(&app.origin(), &format!("{CONFIG}[probes]\n"));
    let mut wrong = Verdicts::default();
    for number in 0..60 {
        wrong.equal(
            "no probes",
            status(&gateway, "203.0.113.9", &format!("/x/{number}")),
            404,
        );
        let probe = format!("/{number}/.env");
        let expected = if number < 10 { 404 } else { 429 };
        wrong.equal("probes", status(&gateway, "203.0.113.10", &probe), expected);
        // A proxy that nobody has named, and this one itself.
        wrong.equal("private", status(&gateway, "10.0.0.7", &probe), 404);
        let own = curl(Path::new("/dev/null"), &[&gateway.url(&probe)]);
        wrong.equal("the proxy", own.status, 404);
    }
    wrong.check(table(&gateway).contains("scan/probes"), || table(&gateway));
    let mut check = panoply();
    check.args(["check", "--config"]).arg(gateway.config_path());
    check.arg("--state").arg(gateway.dir.path().join("state"));
    let said = text(&check.output().unwrap().stdout);
    wrong.check(
        said.contains("10 paths that only scanners ask for in 10m"),
        || said.clone(),
    );
    wrong.settle();
}

#[test]
fn with_nothing_written_and_after_it_is_taken_back_nobody_is() {
    let app = app(0);
    let gateway = Gateway::before(&app.origin(), CONFIG);
    let mut wrong = Verdicts::default();
    let client = "203.0.113.10";
    let probe =
        |gateway: &Gateway, number: usize| status(gateway, client, &format!("/{number}/.env"));
    for number in 0..30 {
        wrong.equal("off", probe(&gateway, number), 404);
    }
    let written = std::fs::read_to_string(gateway.config_path()).unwrap();
    gateway.reload(&format!("{written}\n[probes]\n"));
    for number in 0..12 {
        let expected = if number < 10 { 404 } else { 429 };
        wrong.equal("on", probe(&gateway, number), expected);
    }
    gateway.reload(&written);
    wrong.equal("off again", status(&gateway, client, "/there"), 200);
    wrong.settle();
}

#[test]
fn what_the_gateway_answers_itself_holds_nobody_out() {
    // Nobody is there: 502.
    let nobody = format!("http://127.0.0.1:{}", support::free_port());
    let config = format!(
        "{CONFIG}[app]\npatience = \"0s\"\n[[access]]\npath = \"/admin/\"\nallow = []\n{}",
        SCANNERS.replace("[403, 404]", "[403, 404, 421, 502]")
    );
    let gateway = Gateway::before(&nobody, &config);
    for number in 0..40 {
        assert_eq!(status(&gateway, "203.0.113.9", &format!("/{number}")), 502);
        let hidden = format!("/admin/{number}");
        assert_eq!(status(&gateway, "203.0.113.9", &hidden), 404);
    }
}

#[test]
fn one_node_counts_for_another() {
    let redis = Redis::start();
    let app = app(0);
    let config = format!(
        "{CONFIG}{SCANNERS}[store]\nurl = \"{}\"\nsecret = \"a secret of all nodes\"\nnodes = 2\n\
         deadline = \"5s\"\n",
        redis.url()
    );
    let [one, other] = [(); 2].map(|()| Gateway::before(&app.origin(), &config));
    let bad = "203.0.113.9";
    for number in 0..20 {
        let node = if number % 2 == 0 { &one } else { &other };
        assert_eq!(status(node, bad, &format!("/{number}")), 404);
    }
    for node in [&one, &other] {
        wait_for("both to know", Duration::from_secs(20), || {
            (status(node, bad, "/there") == 429).then_some(())
        });
    }
    let released = blocks(&other.dir.path().join("state"), &["release", bad]);
    assert!(released.status.success(), "{released:?}");
    for node in [&one, &other] {
        wait_for("both to let him in", Duration::from_secs(20), || {
            (status(node, bad, "/there") == 200).then_some(())
        });
    }
}
