use super::*;

#[test]
fn a_comment_is_printed_raw() {
    let shop = Shop::default();
    let signed = shop.handle(&post(
        "/comments",
        &[("name", "<i>me</i>"), ("text", PAYLOAD)],
    ));
    assert_eq!(signed.status(), StatusCode::SEE_OTHER);
    assert_eq!(told(&signed, "location"), "/#guestbook");
    let front = shop.handle(&get("/"));
    assert!(text(&front).contains(PAYLOAD) && text(&front).contains("<i>me</i>"));

    shop.handle(&post("/comments/clear", &[]));
    let front = shop.handle(&get("/"));
    assert!(!text(&front).contains(PAYLOAD) && text(&front).contains("Marta"));
}

#[test]
fn a_search_is_printed_raw_but_leaves_its_own_field_whole() {
    let query = format!("\"{PAYLOAD}");
    let page = Shop::default().handle(&get(&format!("/search?q={}", form::encode(&query))));
    assert!(text(&page).contains(&format!("“{query}”")));
    assert!(text(&page).contains("value=\"&quot;&lt;script&gt;"));
}

#[test]
fn sessions_are_counted_upwards_in_a_cookie_without_flags() {
    let shop = Shop::default();
    assert_eq!(
        told(&shop.handle(&get("/")), "set-cookie"),
        "connect.sid=s%3A1001; Path=/"
    );
    assert_eq!(
        told(&shop.handle(&get("/")), "set-cookie"),
        "connect.sid=s%3A1002; Path=/"
    );
    let known = with_cookie(get("/"), "a=b; connect.sid=s%3A1001");
    assert_eq!(told(&shop.handle(&known), "set-cookie"), "");
}

#[test]
fn headers_name_the_software_and_protect_nobody() {
    for path in [
        "/",
        "/search?q=x",
        "/account",
        "/static/shop.js",
        "/nothing",
    ] {
        let answer = Shop::default().handle(&get(path));
        assert_eq!(told(&answer, "x-powered-by"), "Express");
        assert!(told(&answer, "server").starts_with("NaiveShop"));
        assert_eq!(told(&answer, "content-security-policy"), "");
        assert_eq!(told(&answer, "x-frame-options"), "");
    }
}

#[test]
fn the_login_takes_any_number_of_guesses_and_keeps_the_session() {
    let shop = Shop::default();
    shop.handle(&get("/"));
    let cookie = "connect.sid=s%3A1001";
    let guess = |user: &str, password: &str| {
        let form = post("/login", &[("username", user), ("password", password)]);
        shop.handle(&with_cookie(form, cookie))
    };
    for password in 0..2000 {
        let refused = guess("owner", password.to_string().as_str());
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    }
    assert!(text(&guess("<b>", "x")).contains("no such user"));
    let accepted = guess("owner", "letmein1");
    assert_eq!(told(&accepted, "location"), "/account");
    assert_eq!(told(&accepted, "set-cookie"), "");
    let account = shop.handle(&with_cookie(get("/account"), cookie));
    assert!(text(&account).contains("the owner"));
    shop.handle(&with_cookie(post("/logout", &[]), cookie));
    let account = shop.handle(&with_cookie(get("/account"), cookie));
    assert!(text(&account).contains("a guest"));
}

#[test]
fn an_account_closes_with_one_post_and_opens_again() {
    let shop = Shop::default();
    shop.handle(&get("/"));
    let cookie = "connect.sid=s%3A1001";
    let account = || text(&shop.handle(&with_cookie(get("/account"), cookie))).to_owned();
    assert!(account().contains("Close my account"));
    shop.handle(&with_cookie(post("/account/close", &[]), cookie));
    assert!(account().contains("Account closed"));
    shop.handle(&with_cookie(post("/account/open", &[]), cookie));
    assert!(account().contains("Close my account"));
}

#[test]
fn pages_work_under_script_src_self() {
    let shop = Shop::default();
    for path in ["/", "/search", "/login", "/account", "/nothing"] {
        let page = shop.handle(&get(path));
        let page = text(&page);
        let scripts = page.matches("<script").count();
        assert_eq!(
            scripts,
            page.matches("<script src=\"/static/").count(),
            "{path}"
        );
        let inline = [
            " onclick=",
            " onload=",
            " onerror=",
            " style=",
            "<style",
            "javascript:",
        ];
        for word in inline {
            assert!(!page.contains(word), "{path} has {word}");
        }
        assert!(!page.contains("{{"), "{path} has an empty slot");
    }
}

#[test]
fn methods_and_paths_that_are_not_there_are_refused() {
    let shop = Shop::default();
    let refused = shop.handle(&post("/search", &[]));
    assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(told(&refused, "allow"), "GET, HEAD");
    assert_eq!(told(&shop.handle(&get("/comments")), "allow"), "POST");
    let put = Request::put("/login").body(Bytes::new()).unwrap();
    assert_eq!(told(&shop.handle(&put), "allow"), "GET, HEAD, POST");
    assert_eq!(
        shop.handle(&get("/static/../x")).status(),
        StatusCode::NOT_FOUND
    );
}

#[test]
fn memory_is_bounded() {
    let shop = Shop::default();
    let long = "é".repeat(super::super::server::BODY_BYTES / 12);
    for _ in 0..SESSIONS + 50 {
        shop.handle(&post("/comments", &[("name", &long), ("text", &long)]));
    }
    let (comments, sessions, bytes) = shop.held();
    assert_eq!((comments, sessions), (COMMENTS, SESSIONS));
    assert!(bytes <= COMMENTS * (COMMENT_BYTES + FIELD_BYTES));
}

fn hostile() -> impl Strategy<Value = Request<Bytes>> {
    let paths = prop::sample::select(vec![
        "/",
        "/search",
        "/comments",
        "/comments/clear",
        "/basket",
        "/login",
        "/logout",
        "/account",
        "/account/close",
        "/account/open",
        "/static/shop.js",
        "/%2e%2e/x",
        "/x",
    ]);
    let methods = prop::sample::select(vec!["GET", "HEAD", "POST", "PUT", "OPTIONS", "XYZ"]);
    let bytes = prop::collection::vec(any::<u8>(), 0..300);
    let cookie = prop_oneof![
        bytes.clone(),
        any::<u64>().prop_map(|n| format!("connect.sid=s%3A{n}").into_bytes()),
        (1000_u64..1010).prop_map(|n| format!("x; connect.sid=s%3A{n};").into_bytes()),
    ];
    let body = prop_oneof![
        bytes.clone(),
        bytes.prop_map(|text| [b"q=1&text=", &*text, b"&name=", &text].concat()),
    ];
    (methods, paths, "[ -~]{0,80}", cookie, body).prop_map(|(method, path, q, cookie, body)| {
        let uri = format!("{path}?q={}", form::encode(&q));
        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = method.parse().unwrap();
        *request.uri_mut() = uri.parse().unwrap();
        if let Ok(cookie) = cookie.as_slice().try_into() {
            request.headers_mut().insert(header::COOKIE, cookie);
        }
        request
    })
}

proptest! {
    #[test]
    fn no_request_breaks_the_shop(requests in prop::collection::vec(hostile(), 1..60)) {
        let shop = Shop::default();
        for request in &requests {
            let status = shop.handle(request).status().as_u16();
            prop_assert!([200, 303, 401, 404, 405].contains(&status), "{status}");
        }
        let (comments, sessions, bytes) = shop.held();
        prop_assert!(comments <= COMMENTS && sessions <= SESSIONS);
        prop_assert!(bytes <= COMMENTS * (COMMENT_BYTES + FIELD_BYTES));
    }
}
