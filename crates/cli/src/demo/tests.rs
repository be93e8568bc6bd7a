use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use proptest::prelude::*;

use super::{
    DemoUrls,
    app::{COMMENT_BYTES, COMMENTS, FIELD_BYTES, SESSIONS, Shop},
    form,
    start_page::{PAYLOAD, StartPage},
};

fn get(path: &str) -> Request<Bytes> {
    Request::get(path)
        .header("host", "127.0.0.1:1")
        .body(Bytes::new())
        .unwrap()
}

fn post(path: &str, fields: &[(&str, &str)]) -> Request<Bytes> {
    let body: Vec<_> = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", form::encode(value)))
        .collect();
    Request::post(path)
        .body(Bytes::from(body.join("&")))
        .unwrap()
}

fn with_cookie(mut request: Request<Bytes>, cookie: &str) -> Request<Bytes> {
    request
        .headers_mut()
        .insert(header::COOKIE, cookie.parse().unwrap());
    request
}

fn text(response: &Response<Bytes>) -> &str {
    std::str::from_utf8(response.body()).unwrap()
}

fn told<'a>(response: &'a Response<Bytes>, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

fn urls() -> DemoUrls {
    DemoUrls {
        naked: "http://127.0.0.1:3000".into(),
        guarded: "https://localhost:8443".into(),
        ca: None,
    }
}

mod shop {
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
}

mod start {
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
}

mod served {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
    };

    use super::super::serve_app;

    fn is_send<T: Send>(value: T) -> T {
        value
    }

    /// What the shop answers to `raw`, until it closes the connection.
    fn answer(raw: &[u8]) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(is_send(serve_app(listener)));
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(raw).await.unwrap();
            let mut answer = Vec::new();
            // A reset after the answer is as good as an end.
            let _ = stream.read_to_end(&mut answer).await;
            String::from_utf8_lossy(&answer).into_owned()
        })
    }

    #[test]
    fn a_page_is_served() {
        let page = answer(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert!(page.starts_with("HTTP/1.1 200") && page.contains("The Naive Shop"));
        let head = answer(b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"));
    }

    #[test]
    fn a_body_above_the_bound_is_refused() {
        let announced = "POST /comments HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n";
        let mut raw = announced.as_bytes().to_vec();
        raw.resize(raw.len() + super::super::server::BODY_BYTES + 1, b'a');
        let refused = answer(&raw);
        assert!(refused.starts_with("HTTP/1.1 413"), "{refused}");
        assert!(refused.contains("connection: close"));
    }

    #[test]
    fn what_is_no_http_is_refused() {
        assert!(answer(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n").starts_with("HTTP/1.1 400"));
        let chunk = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
        assert!(answer(chunk).starts_with("HTTP/1.1 400"));
    }
}
