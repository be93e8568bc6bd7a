use super::*;

#[test]
fn the_policy_names_the_two_apps_and_nothing_else() {
    let page = StartPage::new(&urls()).handle(&get("/"));
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(
        told(&page, "content-security-policy"),
        "default-src 'none'; style-src 'self'; img-src 'self'; \
         frame-src http://127.0.0.1:3000 https://localhost:8443; \
         form-action http://127.0.0.1:3000; frame-ancestors 'none'; base-uri 'none'"
    );
    let html = text(&page);
    assert!(html.contains("https://localhost:8443/search?q=%3Cscript%3Eran%28"));
    assert!(!html.contains("<script") && !html.contains("{{") && !html.contains(" style="));
}

#[test]
fn urls_that_are_none_reach_neither_page_nor_policy() {
    let hostile = DemoUrls {
        naked: "http://a'; script-src *;\"><script>".into(),
        guarded: "javascript:alert(1)".into(),
        ca: None,
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
    for (host, status) in [
        ("localhost:3001", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1:3001", 200),
        ("[::1]:3001", 200),
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
