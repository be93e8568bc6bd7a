//! What is open below a path that is not, who needs no password, and who it was.

use http::header::AUTHORIZATION;
use panoply_core::{KeptCredentials, PasswordUser};

use super::password::{CORRECT, guarded, with};
use super::*;

const HOME: &str = "198.51.100.1:1";
const OFFICE: &str = "10.0.0.1:1";

/// The site behind a password, with these exceptions.
fn site(except: &[&str]) -> AccessLayer {
    let site = AccessConfig::with_passwords("/", [("ada", CORRECT)]);
    guarded([site.except(except.iter().copied())]).0
}

/// What the app sees: a password, the users it is told of by headers and by the request, and whether a browser may
/// have brought rights; and what is answered.
async fn seen(layer: &AccessLayer, request: Request<()>) -> (u16, String) {
    let app = service_fn(|request: Request<()>| async move {
        let headers = request.headers();
        let told = { headers.iter() }.filter(|(name, _)| {
            let name = name.as_str().replace(['_', '.'], "-");
            name == "x-user" || name == "remote-user"
        });
        let told: Vec<_> = told
            .map(|(name, value)| format!("{name}={}", value.to_str().unwrap()))
            .collect();
        let said = format!(
            "{} {} {} {}",
            headers.contains_key(AUTHORIZATION),
            request.extensions().get::<KeptCredentials>().is_some(),
            { request.extensions().get() }.map_or("nobody", PasswordUser::name),
            told.join(",")
        );
        Ok::<_, Infallible>(Response::new(Bytes::from(said)))
    });
    let answer = layer.layer(app).oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = String::from_utf8(answer.into_body().to_vec()).unwrap();
    (status, if status == 200 { body } else { String::new() })
}

async fn status(layer: &AccessLayer, path: &str) -> u16 {
    seen(layer, with(path, HOME, "")).await.0
}

#[tokio::test]
async fn an_exception_opens_what_is_written_and_no_more() {
    let layer = site(&[
        "/webhooks/",
        "/health",
        "/.well-known/",
        "/a b/",
        "/hook.php",
    ]);
    for path in [
        "/webhooks/",
        "/webhooks/x",
        "/webhooks/x?y=/../admin",
        "/webhooks/x/y.json",
        "/webhooks/caf%C3%A9",
        "/webhooks/a%20b",
        "/webhooks/./x",
        "/webhooks/%E6%97%A5%E6%9C%AC/x",
        "/webhooks/a.b.c",
        "/webhooks/stripe.php",
        "/health",
        "/health?x",
        "/.well-known/security.txt",
        "/a%20b/c",
        "/hook.php",
    ] {
        assert_eq!(status(&layer, path).await, 200, "{path}");
    }
    for path in [
        "/",
        "/webhooks",
        "/webhooksx",
        "/webhooks.json",
        "/Webhooks/x",
        "/WEBHOOKS/",
        "/%77ebhooks/x",
        "/webhooks%2fx",
        "/webhooks%2Fx",
        "//webhooks/x",
        "/./webhooks/x",
        "/x/../webhooks/x",
        "/x/webhooks/x",
        "/webhooks/../admin",
        "/webhooks/x/../../admin",
        "/webhooks/..",
        "/webhooks/%2e%2e/admin",
        "/webhooks/%2E%2e/admin",
        "/webhooks/.%2e/admin",
        "/webhooks/..%2fadmin",
        "/webhooks/%252e%252e%252fadmin",
        "/webhooks/%25252e%25252e/admin",
        "/webhooks//admin",
        "/webhooks//../admin",
        "/webhooks/%2fadmin",
        "/webhooks/..\\admin",
        "/webhooks/..%5cadmin",
        "/webhooks\\..\\admin",
        "/webhooks/..;/admin",
        "/webhooks/;/../admin",
        "/webhooks/.;x/admin",
        "/webhooks;x/y",
        "/webhooks/x;y",
        "/webhooks/%3b/admin",
        "/webhooks/%00/../admin",
        "/webhooks/%00",
        "/webhooks/x%0a",
        "/webhooks/%c0%ae%c0%ae/admin",
        "/webhooks/%c0%2e%c0%2e/admin",
        "/webhooks/%ff../admin",
        "/webhooks/.%ff./admin",
        "/webhooks/.%e2%80%8b./admin",
        "/webhooks/.%c2%ad./admin",
        "/webhooks/%ef%bc%8e%ef%bc%8e/admin",
        "/webhooks/%e2%80%a5/admin",
        "/webhooks/..%20/admin",
        "/webhooks/.%20./admin",
        "/webhooks/.../admin",
        "/webhooks/index.php/admin",
        "/webhooks/index.php/",
        "/hook.php/admin",
        "/hook.php/",
        "/index.php/webhooks/x",
        "/webhooks/x%3fy",
        "/webhooks/x%23y",
        "/health/",
        "/health/x",
        "/health.json",
        "/healthz",
        "/Health",
        "/health;x",
        "/health%00",
        "/health/../admin",
        "/health%20",
    ] {
        assert_eq!(status(&layer, path).await, 401, "{path}");
    }
}

#[tokio::test]
async fn what_only_servers_of_windows_read_opens_nothing() {
    let layer = site(&["/webhooks/"]);
    for (path, expected) in [
        ("/webhooks/%u002e%u002e/admin", 401),
        ("/webhooks/%u002e./admin", 401),
        ("/webhooks/%25u002e%25u002e/admin", 401),
        ("/webhooks/%e0%80%ae%e0%80%ae/admin", 401),
        ("/webhooks/..%e0%80%afadmin", 401),
        ("/webhooks/%f0%80%80%ae./admin", 401),
        ("/webhooks/(S(x))../admin", 401),
        ("/webhooks::$INDEX_ALLOCATION/x", 401),
        ("/webhooks/x::$DATA", 401),
        ("/webhooks/a:b", 200),
        ("/webhooks/Foo_(bar)", 200),
        ("/webhooks/%user", 200),
    ] {
        assert_eq!(status(&layer, path).await, expected, "{path}");
    }
}

#[tokio::test]
async fn a_header_in_which_another_path_is_meant_opens_nothing() {
    let layer = site(&["/webhooks/"]);
    for (path, meant, expected) in [
        ("/webhooks/x", "/admin", 401),
        ("/admin", "/webhooks/x", 401),
        ("/webhooks/x", "/webhooks/../x", 401),
        ("/webhooks/x", "/webhooks/y", 200),
        ("/webhooks/x", "/webhooks/\u{e4}", 200),
        ("/webhooks/x", "/admin/\u{e4}", 401),
        ("/webhooks/x", "/admin?x=http://a/webhooks/y", 401),
        ("/webhooks/x", "/webhooks/#/../../admin", 401),
    ] {
        let mut request = with(path, HOME, "");
        let value = http::HeaderValue::from_bytes(meant.as_bytes()).unwrap();
        request.headers_mut().insert("x-original-url", value);
        assert_eq!(seen(&layer, request).await.0, expected, "{path} {meant}");
    }
}

#[tokio::test]
async fn an_exception_is_one_of_its_own_table_alone() {
    let site = AccessConfig::with_passwords("/", [("ada", CORRECT)]).except(["/webhooks/"]);
    let partner = AccessConfig::new("/webhooks/", ["203.0.113.7"]).except(["/webhooks/ping"]);
    let (layer, _) = guarded([site, partner]);
    for (path, client, expected) in [
        ("/webhooks/x", HOME, 404),
        ("/webhooks/x", "203.0.113.7:1", 200),
        ("/webhooks/ping", HOME, 200),
        ("/Webhooks/ping", HOME, 404),
        ("/webhooks/ping/../x", HOME, 404),
        ("/Webhooks/x", "203.0.113.7:1", 401),
        ("/", HOME, 401),
    ] {
        let told = seen(&layer, with(path, client, "")).await.0;
        assert_eq!(told, expected, "{path} {client}");
    }
    // What is open is the app's, with a password that is its own.
    let (_, saw) = seen(&layer, with("/webhooks/ping", HOME, "stripe:own")).await;
    assert_eq!(saw, "true false nobody ");
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn a_router_within_a_router_has_its_exceptions() {
    let nested = |whole: &str, cut: &str| {
        let mut request = with(cut, HOME, "");
        let whole = axum::extract::OriginalUri(whole.parse().unwrap());
        request.extensions_mut().insert(whole);
        request
    };
    let layer = site(&["/api/webhooks/"]);
    for (whole, cut, expected) in [
        ("/api/webhooks/x", "/webhooks/x", 200),
        ("/api/admin", "/admin", 401),
        ("/api/webhooks/../admin", "/webhooks/../admin", 401),
        // Something has made it another path, by which the app goes.
        ("/api/webhooks/x", "/admin", 401),
    ] {
        let told = seen(&layer, nested(whole, cut)).await.0;
        assert_eq!(told, expected, "{whole} {cut}");
    }
}

fn office(more: &str) -> AccessLayer {
    let text = format!(
        "path = \"/\"\nallow = [\"10.0.0.0/8\"]\nusers = {{ ada = \"{CORRECT}\" }}\n{more}"
    );
    guarded([toml::from_str(&text).unwrap()]).0
}

#[tokio::test]
async fn an_address_or_a_password_will_do_where_it_is_said() {
    let layer = office("satisfy = \"any\"");
    for (client, said, expected) in [
        // A browser that has shown a password shows it here, too; another site's page may not use what the office may.
        (OFFICE, "", (200, "false true nobody ")),
        (OFFICE, "ada:correct", (200, "false true nobody ")),
        (OFFICE, "ada:wrong", (200, "false true nobody ")),
        (HOME, "", (401, "")),
        (HOME, "ada:wrong", (401, "")),
        (HOME, "ada:correct", (200, "false true ada ")),
    ] {
        let (status, saw) = seen(&layer, with("/", client, said)).await;
        assert_eq!((status, &*saw), expected, "{client} {said}");
    }
    // Whose address nobody knows is asked for a password.
    assert_eq!(seen(&layer, request("/", None)).await.0, 401);
    // A token of the app's own is none of a browser's.
    let mut token = with("/", OFFICE, "");
    let bearer = "Bearer x".parse().unwrap();
    token.headers_mut().insert(AUTHORIZATION, bearer);
    assert_eq!(seen(&layer, token).await.1, "true true nobody ");

    for more in ["", "satisfy = \"all\""] {
        let layer = office(more);
        assert_eq!(seen(&layer, with("/", OFFICE, "")).await.0, 401);
        assert_eq!(seen(&layer, with("/", HOME, "ada:correct")).await.0, 404);
    }
}

#[tokio::test]
async fn an_address_that_will_do_for_one_table_does_for_no_other() {
    let any: AccessConfig = toml::from_str(&format!(
        "path = \"/\"\nallow = [\"10.0.0.0/8\"]\nusers = {{ ada = \"{CORRECT}\" }}\nsatisfy = \"any\""
    ))
    .unwrap();
    let admin = AccessConfig::with_passwords("/admin/", [("ada", CORRECT)]);
    let (layer, _) = guarded([any, admin]);
    assert_eq!(seen(&layer, with("/", OFFICE, "")).await.0, 200);
    assert_eq!(seen(&layer, with("/admin/", OFFICE, "")).await.0, 401);
    assert_eq!(
        seen(&layer, with("/admin/", OFFICE, "ada:correct")).await.0,
        200
    );
}

#[tokio::test]
async fn the_app_is_told_who_it_is_and_by_nobody_else() {
    let admin = AccessConfig::with_passwords("/admin/", [("ada", CORRECT)])
        .user_header("X-User")
        .except(["/admin/hook"]);
    let other = AccessConfig::with_passwords("/other/", [("ada", CORRECT)]);
    let (layer, _) = guarded([admin, other]);
    for (path, said, expected) in [
        ("/admin/", "ada:correct", "false true ada x-user=ada"),
        // What is known is told as well.
        ("/admin/", "ada:correct", "false true ada x-user=ada"),
        ("/admin/hook", "", "false false nobody "),
        ("/other/", "ada:correct", "false true ada "),
        ("/", "", "false false nobody "),
        ("/", "ada:correct", "false true nobody "),
        // Whether it is right is not said where nobody counts.
        ("/", "ada:wrong", "false true nobody "),
        ("/admin/hook", "ada:wrong", "false true nobody "),
        ("/", "eve:correct", "true false nobody "),
        ("/admin/hook", "eve:correct", "true false nobody "),
    ] {
        for name in ["x-user", "X_User", "x.user", "x_user"] {
            let mut request = with(path, HOME, said);
            let headers = request.headers_mut();
            headers.append(
                name.parse::<http::HeaderName>().unwrap(),
                "root".parse().unwrap(),
            );
            headers.append(
                name.parse::<http::HeaderName>().unwrap(),
                "eve".parse().unwrap(),
            );
            let (status, saw) = seen(&layer, request).await;
            assert_eq!((status, &*saw), (200, expected), "{path} {said} {name}");
        }
    }
    // Without the setting such a header is the app's and whoever stands in front's.
    let (layer, _) = guarded([AccessConfig::with_passwords("/admin/", [("ada", CORRECT)])]);
    let mut request = with("/", HOME, "");
    let own = "own".parse().unwrap();
    request.headers_mut().insert("x-user", own);
    assert_eq!(
        seen(&layer, request).await.1,
        "false false nobody x-user=own"
    );
}

#[tokio::test]
async fn what_is_open_tells_nobody_whether_a_password_is_right() {
    let layer = site(&["/webhooks/"]);
    let open = async |said| seen(&layer, with("/webhooks/x", HOME, said)).await.1;
    for is_known in [false, true] {
        if is_known {
            let shown = seen(&layer, with("/", HOME, "ada:correct")).await;
            assert_eq!(shown.1, "false true ada ");
        }
        for said in ["ada:correct", "ada:wrong", "ada:"] {
            assert_eq!(open(said).await, "false true nobody ", "{said} {is_known}");
        }
        for said in ["Ada:correct", "stripe:correct", "", "ada"] {
            let has = !said.is_empty();
            assert_eq!(open(said).await, format!("{has} false nobody "), "{said}");
        }
    }
}

#[tokio::test]
async fn a_layer_within_another_leaves_what_that_says() {
    let table =
        || AccessConfig::with_passwords("/admin/", [("ada", CORRECT)]).user_header("X-User");
    let (outer, _) = guarded([table()]);
    let elsewhere = AccessConfig::with_passwords("/elsewhere/", [("bob", CORRECT)]);
    let (inner, _) = guarded([elsewhere.user_header("X-User")]);
    let app = service_fn(|request: Request<()>| async move {
        let told = request.headers().get_all("x-user").iter();
        let told: Vec<_> = told.map(|value| value.to_str().unwrap()).collect();
        Ok::<_, Infallible>(Response::new(Bytes::from(told.join(","))))
    });
    for (path, expected) in [("/admin/", "ada"), ("/", "")] {
        let mut request = with(path, HOME, "ada:correct");
        let root = "root".parse().unwrap();
        request.headers_mut().insert("x-user", root);
        let answer = outer.layer(inner.layer(app)).oneshot(request).await;
        assert_eq!(answer.unwrap().body(), expected, "{path}");
    }
}

#[test]
fn what_is_wrong_with_one_says_what_to_write() {
    let users = format!("users = {{ ada = \"{CORRECT}\" }}");
    for (text, said) in [
        ("except = [\"health\"]", "has `health`, which is no path"),
        ("except = [\"/x/*\"]", "has `/x/*`, which is no path"),
        ("except = [\"/x/../y\"]", "has `/x/../y`, which is no path"),
        ("except = [\"/x?y\"]", "which is no path"),
        ("except = [\"/elsewhere/\"]", "does not lie below `/admin/`"),
        ("except = [\"/\"]", "does not lie below `/admin/`"),
        ("except = [\"/admin/\"]", "leaves nothing of `/admin/`"),
        ("except = [\"/Admin/\"]", "leaves nothing of `/admin/`"),
        (
            "except = [\"/admin/index.php/\"]",
            "nobody knows how; the program alone is `/admin/index.php`",
        ),
        (
            "except = [\"/admin/x/a.PHP/hook\"]",
            "the program alone is `/admin/x/a.PHP`",
        ),
        (
            "except = [\"/admin/x/.\"]",
            "has `/admin/x/.`, which apps read as `/admin/x/`",
        ),
        ("except = [\"/admin/x/%2e\"]", "read as `/admin/x/`"),
        ("except = [\"/admin/./x\"]", "read as `/admin/x`"),
        ("except = [\"/admin/%20/x/\"]", "read as `/admin/x/`"),
        (
            "satisfy = \"any\"",
            "`satisfy` is `any` of a password alone",
        ),
        ("satisfy = \"any\"\nallow = []", "of nobody's address"),
        ("user_header = \"X_User\"", "is `X_User`, where a name has"),
        ("user_header = \"X-User:\"", "is `X-User:`"),
        ("user_header = \"\"", "is ``"),
        ("user_header = \"Authorization\"", "says something else"),
        ("user_header = \"X-Forwarded-For\"", "says something else"),
        ("user_header = \"Sec-Fetch-Site\"", "says something else"),
        (
            "user_header = \"Host\"",
            "write `user_header = \"X-Forwarded-User\"`",
        ),
    ] {
        let text = format!("path = \"/admin/\"\n{users}\n{text}");
        let config: AccessConfig = toml::from_str(&text).unwrap();
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
    for (text, said) in [
        ("satisfy = \"any\"", "of addresses alone"),
        ("user_header = \"X-User\"", "none is asked for"),
    ] {
        let text = format!("path = \"/admin/\"\nallow = [\"10.0.0.0/8\"]\n{text}");
        let config: AccessConfig = toml::from_str(&text).unwrap();
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
    let odd = AccessConfig::with_passwords("/", [("jürgen", CORRECT)]);
    assert!(odd.validate().is_ok());
    let error = odd.user_header("X-User").validate().unwrap_err();
    assert!(
        error.to_string().contains("cannot tell of `jürgen`"),
        "{error}"
    );
    let odd = AccessConfig::with_passwords("/", [("a\u{7f}", CORRECT)]);
    assert!(odd.user_header("X-User").validate().is_err());
}

#[test]
fn it_is_shown_and_what_weakens_is_told() {
    let text = format!(
        "path = \"/\"\nallow = [\"10.0.0.0/8\"]\nusers = {{ ada = \"{CORRECT}\" }}\nsatisfy = \"any\"\n\
         except = [\"/health\", \"/webhooks/\"]\nuser_header = \"X-User\""
    );
    let config: AccessConfig = toml::from_str(&text).unwrap();
    assert_eq!(
        config.to_string(),
        "/…: 10.0.0.0/8, and everybody else with a password, who is told to the app in X-User; everybody: /health, \
         /webhooks/…"
    );
    assert!(!config.hides() && config.asks_for_passwords());
    let weak: Vec<_> = config.weakenings();
    let keys: Vec<_> = weak.iter().map(|(key, _)| *key).collect();
    assert_eq!(keys, ["satisfy", "except"]);
    assert!(weak[1].1.contains("/health, /webhooks/…"), "{weak:?}");
}
