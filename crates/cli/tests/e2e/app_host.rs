//! In front of an app that answers for one host alone, whatever its clients ask for.

use super::support;

use support::{App, Gateway, Recorder, Verdicts, curl};

const CONFIG: &str = "[app]\nhost = \"app.internal:8080\"\n";

#[test]
fn the_app_is_told_its_own_host_and_leads_to_the_clients() {
    let app = Recorder::answering(
        "HTTP/1.1 302 Found\r\nLocation: http://app.internal:8080/next?a\r\n\
         Set-Cookie: a=1; Domain=app.internal; Path=/x\r\nContent-Length: 0\r\n\r\n",
    );
    let gateway = Gateway::before(&app.origin(), CONFIG);
    let mut wrong = Verdicts::default();
    for version in ["--http1.1", "--http2"] {
        app.take();
        let own = format!("Origin: {}", gateway.origin);
        let post = ["-X", "POST", "-H", &own, version, &gateway.url("/form")];
        let answer = curl(&gateway.ca(), &post);
        let location = answer.header("location").unwrap_or_default();
        wrong.equal("location", location, gateway.url("/next?a"));
        let cookie = answer.header("set-cookie").unwrap_or_default();
        wrong.check(
            cookie.starts_with("a=1") && !cookie.to_ascii_lowercase().contains("domain"),
            || cookie.clone(),
        );
        let seen = app.seen().to_ascii_lowercase();
        for line in [
            "\r\nhost: app.internal:8080\r\n".to_owned(),
            format!("\r\nx-forwarded-host: {}\r\n", gateway.address()),
            // Rails and Next.js compare the two.
            format!("\r\norigin: {}\r\n", gateway.origin),
        ] {
            wrong.check(seen.contains(&line), || format!("no {line:?} in {seen}"));
        }
    }
    wrong.settle();
}

#[test]
fn so_is_one_that_speaks_http2() {
    let app = App::start(&support::test_app("h2c.mjs"));
    let gateway = Gateway::before(&app.origin(), &format!("{CONFIG}h2c = true\n"));
    let seen = curl(&gateway.ca(), &[&gateway.url("/")]).json();
    assert_eq!(seen["authority"], "app.internal:8080");
    assert_eq!(seen.get("host"), None, "{seen}");
}
