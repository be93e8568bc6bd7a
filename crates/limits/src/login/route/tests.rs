//! Which requests are logins.

use bytes::Bytes;
use http_body_util::{Empty, Full};
use proptest::prelude::*;

use super::*;

fn is_login(method: &str, uri: &str, header: Option<(&str, &str)>) -> bool {
    let route = Route::new(&["/login".to_owned()], Vec::new());
    let mut request = Request::builder().method(method).uri(uri);
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    route
        .known_by(&request.body(Empty::<Bytes>::new()).unwrap())
        .is_some()
}

#[test]
fn however_a_path_is_written_it_is_the_login() {
    for path in [
        "/login",
        "/LOGIN",
        "/login/",
        "//login",
        "/login//",
        "/%6cogin",
        "/%6Cog%69n",
        "/%256cogin",
        "/./login",
        "/x/../login",
        "/login;a=b",
        "/login.json",
        "/login?x=1",
        "/%2flogin",
        "/login%2f",
        "/login%00",
        "/login%20",
        "/x/%2e%2e/login",
        "/lo%67in/.",
        "http://shop.example/login",
    ] {
        assert!(is_login("POST", path, None), "{path}");
    }
    for path in ["/", "/login-help", "/logins", "/api/login", "/x/login"] {
        assert!(!is_login("POST", path, None), "{path}");
    }
}

#[test]
fn to_servers_of_windows_more_is_the_login() {
    let own = Route::new(&["/app/login".to_owned()], Vec::new());
    let usual = Route::new(&["/login".to_owned()], Vec::new()).or_below(true);
    let by = |route: &Route, path: &str| {
        let request = Request::post(path).body(Full::<Bytes>::from("x")).unwrap();
        let known = route.known_by(&request);
        known.map(|known| (known.by, known.is_doubtful))
    };
    for path in [
        "/app/(S(abc))/login",
        "/(A(x)F(y))/app/login",
        "/app/lo/(S(x))gin",
        "/app./login",
        "/app/login::$DATA",
        "/app%20/login:$i30:$INDEX_ALLOCATION/",
        "/app/login%20.",
        "/app%c0%aflogin",
        "/app%c1%9clogin",
        "/app%e0%80%aflog%f0%80%81%a9n",
        "/app%25c0%25aflogin",
        "/%uff41pp/login",
        "/app/x/../(S(y))/login",
    ] {
        assert_eq!(by(&own, path), Some((By::Path, true)), "{path}");
    }
    for path in ["/(S(x))/app/login/x", "/app/login../(S(x))y"] {
        assert_eq!(by(&own, path), Some((By::End, true)), "{path}");
    }
    for path in ["/app/login", "/App/Login", "/app//login/"] {
        assert_eq!(by(&own, path), Some((By::Path, false)), "{path}");
    }
    for path in ["/shop/(S(x))/login", "/shop/login::$DATA", "/shop/login./x"] {
        assert_eq!(by(&usual, path).map(|(by, _)| by), Some(By::End), "{path}");
    }
    for path in [
        "/app/(login)",
        "/app/login:x",
        "/app/(S(login",
        "/a.pp/login",
        "/app/%c3%a9",
    ] {
        assert_eq!(by(&own, path), None, "{path}");
    }
    let other = Route::new(
        &["/entr\u{e9}e".to_owned(), "/stra\u{df}e".to_owned()],
        Vec::new(),
    );
    for path in [
        "/entr%E9e",
        "/ENTR%C9E/",
        "/entr%25E9e",
        "/x/../entr%E9e",
        "/entr%E9e.",
        "/STRASSE",
    ] {
        assert_eq!(by(&other, path).map(|(by, _)| by), Some(By::Path), "{path}");
    }
    for path in ["/entr%c3%a9e", "/entr\u{e9}e", "/stra%C3%9Fe"] {
        assert_eq!(by(&other, path), Some((By::Path, false)), "{path}");
    }
    assert_eq!(by(&other, "/entr%E9e/x"), Some((By::End, true)));
    assert_eq!(by(&other, "/entr%E8e"), None);
    assert!(other.is_login_page("/entr%E9e?again"));
    // Where such an app leads whoever has failed.
    assert!(own.is_login_page("/(S(x))/login") && own.is_login_page("/(S(x))/app/login?again"));
    assert!(!own.is_login_page("/(S(x))/home"));
}

#[test]
fn below_a_path_a_login_is_told_by_its_end_where_that_is_meant() {
    let route = Route::new(&["/login".to_owned()], Vec::new()).or_below(true);
    let asked = |method: &str, path: &str, kind: &str| {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("content-type", kind).body("x".to_owned());
        route.known_by(&request.unwrap()).is_some()
    };
    let form = "application/x-www-form-urlencoded";
    for path in [
        "/hub/login",
        "/hub/login/?next=%2F",
        "/hub/%6Cogin",
        "/x/../hub//login;a",
        "/NoAuth/Login.html",
        "/files/login.png",
        "/blog/wp-login.php/x.css",
        "/login",
    ] {
        for method in ["POST", "PUT", "PATCH", "GET"] {
            assert!(asked(method, path, form), "{method} {path}");
        }
        assert!(!is_login("POST", path, None) || path == "/login", "{path}");
    }
    for path in ["/hub/login-help", "/hub", "/hub/x"] {
        assert!(!asked("POST", path, form), "{path}");
    }
    assert!(asked("PUT", "/api/login", "Application/JSON"));
    assert!(!asked("PUT", "/dav/login", "application/octet-stream"));
    assert!(asked("PUT", "/login", "application/octet-stream"));
    assert!(route.is_login_page("/hub/login?next=%2F"));
    assert!(route.is_login_page("/hub/login?next=https://a.example/home"));
    assert!(!route.is_login_page("/accounts/2fa/authenticate/"));
}

#[test]
fn what_stands_behind_a_login_does_not_hide_it() {
    let by = |route: &Route, method: &str, path: &str| {
        let request = Request::builder().method(method).uri(path);
        let known = route.known_by(&request.body(Empty::<Bytes>::new()).unwrap());
        known.map(|known| known.by)
    };
    let usual = Route::new(&["/login".to_owned()], Vec::new()).or_below(true);
    for path in [
        "/login/x",
        "/login/..%2f..%2fx",
        "/login/../x",
        "/x/..%2f/login/..%2f..%2f",
        "/hub/login/..%2f..%2f",
        "/wp-login.php/..%2f..%2fx",
        "/hub/LogIn/help",
        "/hub/signin.json/x",
        // NextAuth 4 looks at no more than two segments, and a provider may have any name.
        "/api/auth/callback/credentials/x",
        "/api/auth/callback/ldap",
        "/app/api/auth/callback/staff/",
        "/api/auth/callback/credentials/..%2f..%2fx",
    ] {
        assert_eq!(by(&usual, "POST", path), Some(By::End), "{path}");
        assert_eq!(by(&usual, "GET", path), None, "{path}");
    }
    for path in [
        "/logins/x",
        "/blog/login-2/x",
        "/auth/x",
        "/api/auth/callback",
        "/auth/callbacks/x",
    ] {
        assert_eq!(by(&usual, "POST", path), None, "{path}");
    }
    let own = Route::new(&["/sso/enter".to_owned()], Vec::new());
    for path in [
        "/sso/enter/x",
        "/sso/enter/..",
        "/sso/enter/..%2fx",
        "/SSO/enter//..;/..;/x",
    ] {
        assert_eq!(by(&own, "POST", path), Some(By::End), "{path}");
    }
    for path in ["/sso/entered", "/sso", "/login/x"] {
        assert_eq!(by(&own, "POST", path), None, "{path}");
    }
    let all = Route::new(&["/".to_owned()], Vec::new());
    assert_eq!(by(&all, "POST", "/x"), None);
}

#[test]
fn whatever_is_configured_is_found() {
    for known in ["/", "/login", "/Anmelden", "/ünter/x", "/%6c", "/1"] {
        let route = Route::new(&[known.to_owned()], Vec::new());
        for path in [
            "/",
            "/login",
            "/anmelden/",
            "/%C3%BCnter/x",
            "/l",
            "/1",
            "/x",
        ] {
            let request = Request::post(path).body(Empty::<Bytes>::new()).unwrap();
            let is = route.fit(&canonical(path)).is_some();
            assert_eq!(route.known_by(&request).is_some(), is, "{known} {path}");
            let same = canonical(known).eq_ignore_ascii_case(&canonical(path));
            assert_eq!(is, same, "{known} {path}");
        }
    }
}

proptest! {
    #[test]
    fn the_short_way_says_the_same(path in "/{0,2}(%6c|l|L)ogi(n|%6e)(/|/\\.|\\.json|;a|x|/\\.\\.)?") {
        let route = Route::new(&["/login".to_owned()], Vec::new());
        let request = Request::post(path.as_str()).body(Empty::<Bytes>::new());
        if let Ok(request) = request {
            let is = may_be(request.uri().path(), true, |path| route.fit(path).is_some());
            prop_assert_eq!(route.known_by(&request).is_some_and(|known| known.by == By::Path), is);
        }
    }
}

#[test]
fn however_a_method_is_said_it_is_a_login() {
    for method in ["POST", "PUT", "PATCH", "QUERY", "post"] {
        assert!(is_login(method, "/login", None), "{method}");
    }
    assert!(is_login("GET", "/login?_method=post", None));
    assert!(is_login(
        "DELETE",
        "/login",
        Some(("X-HTTP-Method-Override", "Post"))
    ));
    for value in ["POST, GET", "get,Post", "\tPOST\t,x", "POST,"] {
        let header = Some(("X-HTTP-Method-Override", value));
        assert!(is_login("GET", "/login", header), "{value}");
    }
    assert!(!is_login("GET", "/login", None));
    assert!(!is_login(
        "HEAD",
        "/login",
        Some(("X-HTTP-Method-Override", "get"))
    ));
}

#[test]
fn a_body_may_mean_another_method() {
    let route = Route::new(&["/login".to_owned()], Vec::new());
    for (body, means) in [("_method=POST&username=alice", true), ("", false)] {
        let request = Request::delete("/login")
            .body(Full::<Bytes>::from(body))
            .unwrap();
        assert_eq!(route.known_by(&request).is_some(), means, "{body}");
    }
}

#[test]
fn where_a_failure_leads_back_to() {
    let route = Route::new(&["/sessions".to_owned()], Vec::new());
    for page in [
        "/sessions",
        "/sessions?error=1",
        "https://shop.example/Login/",
        "?again",
        "/signin#x",
        "//shop.example/../login",
        "",
    ] {
        assert!(
            route.is_login_page(page) || page.starts_with("//"),
            "{page}"
        );
    }
    for page in [
        "/",
        "/account",
        "https://shop.example",
        "https://shop.example/home?login",
    ] {
        assert!(!route.is_login_page(page), "{page}");
    }
}
