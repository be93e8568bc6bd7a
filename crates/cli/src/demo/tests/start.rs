use super::super::lab;
use super::*;

#[test]
fn the_policy_names_the_two_apps_and_nothing_else() {
    let page = StartPage::new(&urls()).handle(&get("/"));
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(
        told(&page, "content-security-policy"),
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
         img-src 'self'; frame-src http://127.0.0.1:3000 https://localhost:8443; \
         form-action http://127.0.0.1:3000 https://localhost:8443; frame-ancestors 'none'; \
         base-uri 'none'"
    );
    let html = text(&page);
    assert_eq!(html.matches("<script").count(), 1);
    assert!(html.contains("<script src=\"/start.js\" defer></script>"));
    assert!(!html.contains("{{") && !html.contains(" style=") && !html.contains(" onclick="));
    assert_eq!(
        html.matches("class=\"run\"").count(),
        lab::ATTACKS.len() + 1,
        "each attack and the audit have a button"
    );
}

#[test]
fn urls_that_are_none_reach_neither_page_nor_policy() {
    let hostile = DemoUrls {
        naked: "http://a'; script-src *;\"><script>".into(),
        guarded: "javascript:alert(1)".into(),
        ..urls()
    };
    let page = StartPage::new(&hostile).handle(&get("/"));
    assert!(told(&page, "content-security-policy").contains("frame-src 'none'; form-action"));
    assert!(!text(&page).contains("<script>"));
}

#[test]
fn ipv6_origins_are_kept_whole() {
    let urls = DemoUrls {
        guarded: "https://[::1]:8443/".into(),
        ..urls()
    };
    let page = StartPage::new(&urls).handle(&get("/"));
    assert!(told(&page, "content-security-policy").contains("https://[::1]:8443;"));
    assert!(text(&page).contains("href=\"https://[::1]:8443/\""));
}

#[test]
fn only_loopback_names_are_answered() {
    let page = StartPage::new(&urls());
    // By another name the naked shop would be another site, and its cookies would not be sent.
    for (host, status) in [
        ("127.0.0.1:1", 200),
        ("localhost:3001", 307),
        ("LOCALHOST", 307),
        ("[::1]:3001", 307),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("192.0.2.1", 421),
        ("", 421),
    ] {
        let request = Request::get("/")
            .header("host", host)
            .body(Bytes::new())
            .unwrap();
        assert_eq!(page.handle(&request).status().as_u16(), status, "{host}");
    }
}

#[test]
fn the_certificate_is_offered_and_nothing_secret_is() {
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("it's ca.pem");
    let page = StartPage::new(&DemoUrls {
        ca: Some(ca.clone()),
        ..urls()
    });
    assert_eq!(page.handle(&get("/ca.pem")).status(), StatusCode::NOT_FOUND);

    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(&ca, pem).unwrap();
    let answer = page.handle(&get("/ca.pem"));
    assert_eq!(text(&answer), pem);
    assert!(told(&answer, "content-disposition").starts_with("attachment"));
    assert!(text(&page.handle(&get("/"))).contains("href=\"/trust\""));
    assert!(text(&page.handle(&get("/trust"))).contains("it&#39;\\&#39;&#39;s ca.pem&#39;"));

    std::fs::write(&ca, format!("{pem}-----BEGIN PRIVATE KEY-----\n")).unwrap();
    assert_eq!(page.handle(&get("/ca.pem")).status(), StatusCode::NOT_FOUND);
    let without = StartPage::new(&urls());
    assert_eq!(
        without.handle(&get("/ca.pem")).status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        without.handle(&get("/trust")).status(),
        StatusCode::NOT_FOUND
    );
}

#[test]
fn it_is_read_only() {
    let request = Request::post("/")
        .header("host", "localhost")
        .body(Bytes::new())
        .unwrap();
    let answer = StartPage::new(&urls()).handle(&request);
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(told(&answer, "x-frame-options"), "DENY");
}

#[test]
fn attacks_are_begun_by_the_page_alone() {
    let lab = Lab::new(&urls(), Arc::new(CameBack::default())).unwrap();
    let ask = |request: http::request::Builder| {
        let request = request.body(Bytes::from_static(b"{}")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        let answer = runtime.block_on(lab.answer(&request));
        answer.map(|answer| answer.status().as_u16())
    };
    let attack = || Request::post("/attacks/framed/begin").header("host", "127.0.0.1:1");
    let own = "http://127.0.0.1:1";
    assert_eq!(ask(attack().header("origin", own)), Some(200));
    for origin in [
        "http://127.0.0.1:2",
        "https://127.0.0.1:1",
        "null",
        "http://evil.example",
    ] {
        assert_eq!(
            ask(attack().header("origin", origin)),
            Some(403),
            "{origin}"
        );
    }
    assert_eq!(ask(attack()), Some(403));
    let read = Request::get("/attacks/framed/begin").header("host", "127.0.0.1:1");
    assert_eq!(ask(read.header("origin", own)), Some(403));
    let unknown = Request::post("/attacks/none").header("host", "127.0.0.1:1");
    assert_eq!(ask(unknown.header("origin", own)), None);
    assert_eq!(ask(Request::get("/")), None);
}

#[test]
fn what_comes_back_is_bounded_and_known_by_its_run() {
    let came_back = CameBack::default();
    for run in 0..200 {
        came_back.loot(&run.to_string(), "http://a".into(), "x".repeat(9));
    }
    assert!(came_back.loot_from("0", "http://a").is_none());
    assert!(came_back.loot_from("199", "http://b").is_none());
    assert_eq!(
        came_back.loot_from("199", "http://a").unwrap().cookie.len(),
        9
    );
}
