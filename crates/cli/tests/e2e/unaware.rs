//! Apps that know nothing of what stands in front of them: they work, or the log says what to write, and
//! that then helps.

use super::support;

use std::time::Duration;

use support::{Answer, Gateway, Verdicts, curl, free_port, test_app};

const PATIENCE: Duration = Duration::from_secs(20);

/// A form of the page at `from`, as a browser sends it.
fn form(gateway: &Gateway, from: &str) -> Answer {
    let origin = format!("Origin: {from}");
    curl(
        &gateway.ca(),
        &["-H", &origin, "-d", "a=b", &gateway.url("/form")],
    )
}

fn hints(gateway: &Gateway) -> usize {
    let said = gateway.process.said();
    let hint = |line: &&String| line.contains("the app has refused the first form");
    said.iter().filter(hint).count()
}

#[test]
fn forms_of_an_app_that_compares_origins() {
    let mut wrong = Verdicts::default();
    let mut gateway = Gateway::setup().command(&test_app("unaware.mjs")).start();
    wrong.equal("untold", form(&gateway, &gateway.origin).status, 403);
    let line = gateway
        .process
        .line_with(&["the app has refused the first form"], PATIENCE);
    for words in ["below [app] write origin", &gateway.origin] {
        wrong.check(line.contains(words), || line.clone());
    }
    wrong.equal("again", form(&gateway, &gateway.origin).status, 403);
    wrong.equal("hints", hints(&gateway), 1);
    drop(gateway);

    // What the line says is done.
    let gateway = Gateway::setup()
        .config("[app]\norigin = \"http\"\n")
        .command(&test_app("unaware.mjs"))
        .start();
    let answer = form(&gateway, &gateway.origin);
    wrong.equal(
        "told",
        (answer.status, answer.text()),
        (200, "taken".into()),
    );
    // Whoever writes plain HTTP on the way to the client has that origin in truth.
    let plain = gateway.origin.replace("https://", "http://");
    let answer = form(&gateway, &plain);
    wrong.equal("of plain HTTP", answer.text().as_str(), "not from null");
    let answer = form(&gateway, "https://evil.example");
    wrong.equal("of another site", answer.status, 403);
    wrong.equal("hints", hints(&gateway), 0);
    drop(gateway);

    // It is written, and the app goes by X-Forwarded-Proto.
    let gateway = Gateway::setup()
        .config("[app]\norigin = \"http\"\n")
        .environment("AWARE", "1")
        .command(&test_app("unaware.mjs"))
        .start();
    wrong.equal("aware", form(&gateway, &gateway.origin).status, 403);
    let line = { gateway.process }.line_with(&["the app has refused the first form"], PATIENCE);
    wrong.check(line.contains("take origin"), || line.clone());
    wrong.settle();
}

#[test]
fn who_is_led_to_plain_http_of_the_site_goes_by_https() {
    let mut wrong = Verdicts::default();
    let mut gateway = Gateway::setup().command(&test_app("unaware.mjs")).start();
    let led = |path: &str| curl(&gateway.ca(), &[&gateway.url(path)]).header("location");
    wrong.equal("own", led("/old"), Some(gateway.url("/new")));
    wrong.equal(
        "other",
        led("/away").as_deref(),
        Some("http://other.example/"),
    );
    wrong.equal("circle", led("/circle"), Some(gateway.url("/circle")));
    let line = gateway.process.line_with(&["in a circle"], PATIENCE);
    wrong.check(line.contains("X-Forwarded-Proto"), || line.clone());
    wrong.settle();
}

#[test]
fn an_app_with_a_port_of_its_own_is_found() {
    let port = free_port();
    let mut app = test_app("unaware.mjs");
    app.push(port.to_string());
    let (mut process, _dir, _) = Gateway::setup()
        .config("[app]\nstart_timeout = \"1s\"\n")
        .command(&app)
        .spawn();
    process.line_with(&[&format!("listens on {port}")], PATIENCE);
    let line = process.line_with(&["on a port of its own"], PATIENCE);
    let upstream = format!("--upstream http://127.0.0.1:{port}");
    assert!(line.contains(&upstream), "{line}");
}
