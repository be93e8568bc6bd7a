//! Paths, methods, what stands beside the body, and where a request comes from.

use super::{FORM, GUARD, Login, Reads, Site, say};
use crate::support::{App, Gateway, Verdicts, curl};

/// Paths and methods by which a login is reached.
pub(crate) fn routes() -> Vec<Login> {
    let body = "username=alice&password=x";
    let to = |app, method, target: &str| Login::of(app, FORM, body).to(method, target);
    let mut logins = Vec::new();
    for target in [
        "/login",
        "/LOGIN",
        "/LoGiN",
        "/login/",
        "/Login/",
        "/login?",
        "/login?x=/logout",
        "/login/?x",
        "/login??",
        "/login?_method=POST",
        "/login?_method=DELETE",
        "/login?%00",
        "http://shop.test/login",
        "http://elsewhere.test/LOGIN/?x",
        "HTTP://shop.test:80/login",
    ] {
        logins.push(to("simple", "POST", target));
        logins.push(to("extended", "POST", target));
    }
    // What Express does not take for the login, and other servers might.
    for target in [
        "//login",
        "/login//",
        "/%6cogin",
        "/%6Cogin",
        "/login%2f",
        "/%2flogin",
        "/%256cogin",
        "/login%",
        "/login%ff",
        "/./login",
        "/x/../login",
        "/login/.",
        "/login;x=y",
        "/login.json",
        "/login%00",
        "/login%20",
        "/\\login",
        "/login\\",
        "/login%5c",
        "\\login",
        "login",
        "/lo%C5%BFgin",
    ] {
        logins.push(to("simple", "POST", target).reads(Reads::Nothing));
    }
    for target in [
        b"/login\xa0".to_vec(),
        b"/login\xc2\xa0".to_vec(),
        b"/login\x0b".to_vec(),
        b"/login\xef\xbb\xbf".to_vec(),
    ] {
        let login = Login::of("simple", FORM, body).to("POST", target);
        logins.push(login.reads(Reads::Nothing));
    }
    logins.push(to("simple", "POST", "/login#x"));
    for target in [
        "/login",
        "/login/",
        "/login//",
        "/LOGIN",
        "/login/?x",
        "/Login//?x",
    ] {
        logins.push(to("mounted", "POST", target));
    }
    for target in [
        "/login",
        "/%6cogin",
        "/%6C%6F%67%69%6E",
        "/LOG%49N/",
        "/%6cogin?x=y",
    ] {
        logins.push(to("named", "POST", target));
    }
    for method in [
        "PUT", "PATCH", "POST", "GET", "DELETE", "OPTIONS", "PROPFIND", "LOCK",
    ] {
        logins.push(to("all", method, "/login"));
    }
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        for target in [
            "/login?_method=POST",
            "/login?_method=post",
            "/login?x=y&_method=pOsT",
            "/login?_method=POST&_method=GET",
            "/login?%5fmethod=%50OST",
            "/login/?_method=POST",
        ] {
            logins.push(to("override-query", method, target));
        }
        for header in [
            "X-HTTP-Method-Override",
            "x-http-method",
            "X-Method-Override",
        ] {
            for value in ["POST", "post", "POST, GET", "Post,", "\tPOST\t,x"] {
                logins.push(to("override-header", method, "/login").header(header, value));
            }
        }
        logins.push(
            to("override-header", method, "/login")
                .header("X-HTTP-Method-Override", "POST")
                .header("X-HTTP-Method-Override", "GET"),
        );
        let said =
            Login::of("override-body", FORM, "username=alice&_method=POST").to(method, "/login");
        logins.push(said);
    }
    logins.push(to("override-query", "POST", "/login?_method=GET").reads(Reads::Nothing));
    logins.push(to("simple", "post", "/login").reads(Reads::Nothing));
    logins.push(
        to("simple", "POST", "/login")
            .header("Connection", "upgrade")
            .header("Upgrade", "websocket"),
    );
    logins.push(to("simple", "POST", "/login").header("Upgrade", "h2c"));
    for (method, target) in [
        ("POST", "/login?next=/alice"),
        ("PUT", "/login/?user_agent=alice"),
    ] {
        let app = if method == "POST" { "simple" } else { "all" };
        logins.push(
            Login::of(app, FORM, "username=bob")
                .to(method, target)
                .reads(Reads::Other),
        );
    }
    logins
}

/// Basic credentials, and names in the query.
pub(crate) fn beside_the_body() -> Vec<Login> {
    let basic = |value: &str| {
        let mut login = Login::of("basic", "", "");
        login = login.header("Authorization", value);
        login
    };
    let mut logins: Vec<Login> = [
        "Basic YWxpY2U6eA==",
        "basic YWxpY2U6eA==",
        "BASIC   YWxpY2U6eA",
        "Basic YW.xp~Y2U6eA==",
        "Basic YWxpY2U6.e.A",
        "Basic YWxpY2U6eHh",
        "Basic YWxpY2U6eHhx-_8",
        "Basic QUxJQ0U6eA==",
        "Basic YWxpY2U6eDp5",
        "Basic YWxpY2U6",
        "Basic YWxpY2U6e",
        "Basic YWxpY2U6eA==========",
        "Basic IGFsaWNlIDp4",
    ]
    .into_iter()
    .map(basic)
    .collect();
    logins.extend([
        basic("Basic YWxpY2U6eA==").header("Authorization", "Basic Ym9iOng="),
        basic("Basic YWxpY2U6eP8=")
            .to("PUT", "/login")
            .reads(Reads::Nothing),
        basic("Basic YWxpY2U=").reads(Reads::Nothing),
        basic("Bearer YWxpY2U6eA==").reads(Reads::Nothing),
        basic("Basic YWxp=Y2U6eA==").reads(Reads::Nothing),
        basic("Basic Ym9iOmFsaWNl").reads(Reads::Other),
        basic("Basic Ym9iOng6YWxpY2U=").reads(Reads::Other),
    ]);
    for query in [
        "username=alice",
        "x=y&username=alice",
        "%75sername=%41lice",
        "username=bob&username=alice",
        "username=alice+",
        "username=alice#",
    ] {
        for app in ["query", "extended-query"] {
            logins.push(Login::of(app, "", "").to("POST", format!("/login?{query}")));
            logins
                .push(Login::of(app, FORM, "username=bob").to("POST", format!("/login/?{query}")));
        }
    }
    for query in [
        "username[]=alice",
        "username[=]=alice",
        "user[name]=alice",
        "username[50]=alice&username[0]=bob",
        "[username]=alice",
    ] {
        logins.push(Login::of("extended-query", "", "").to("POST", format!("/login?{query}")));
    }
    logins.push(
        Login::of("query", "", "")
            .to("POST", "/login?username=%61lice%ZZ")
            .reads(Reads::Nothing),
    );
    logins.push(
        Login::of("query", "", "")
            .to("POST", "/login?username=bob&x=alice")
            .reads(Reads::Other),
    );
    logins
}

/// One client is one, whatever it says of itself, and its /64 is one as well.
pub(crate) fn addresses(site: &mut Site) {
    let mut wrong = Verdicts::default();
    let hers = Login::plain("alice");
    let from = |client: &str| say(site.gateway(), &hers.bytes(client)).status;
    for (what, first, again) in [
        (
            "one /64",
            "2001:db8:1:2::1",
            &[
                "2001:db8:1:2:ffff::2",
                "2001:DB8:1:2::",
                "[2001:db8:1:2::3]:443",
            ][..],
        ),
        (
            "IPv4 in IPv6",
            "203.0.113.5",
            &[
                "::ffff:203.0.113.5",
                "::ffff:cb00:7105",
                "203.0.113.5:9",
                "[::ffff:203.0.113.5]:80",
            ],
        ),
        (
            "forged before it",
            "203.0.113.6",
            &[
                "1.2.3.4, 203.0.113.6",
                "alice, ::1 ,203.0.113.6",
                "127.0.0.1, 203.0.113.6",
                "203.0.113.6, 127.0.0.1",
                ",,203.0.113.6",
            ],
        ),
    ] {
        wrong.equal(what, from(first), 401);
        for client in again {
            wrong.equal(&format!("{what}: {client}"), from(client), 429);
        }
    }
    wrong.equal("another /64", from("2001:db8:1:3::1"), 401);
    wrong.equal("another address", from("203.0.113.7"), 401);
    // Nothing else that proxies write is believed.
    let client = "203.0.113.8";
    wrong.equal("plain", from(client), 401);
    for header in [
        "Forwarded",
        "X-Real-IP",
        "X-Client-IP",
        "CF-Connecting-IP",
        "True-Client-IP",
        "X-Cluster-Client-IP",
        "Fastly-Client-IP",
        "X-Original-Forwarded-For",
        "Via",
    ] {
        for value in ["198.51.100.1", "for=198.51.100.1", "127.0.0.1"] {
            let login = Login::plain("alice").header(header, value);
            let status = say(site.gateway(), &login.bytes(client)).status;
            wrong.equal(&format!("{header}: {value}"), status, 429);
        }
    }
    wrong.settle();
}

/// The same over HTTP/2, where a body needs no length and its absence is said in another way.
pub(crate) fn over_http_2(app: &App) {
    let gateway = Gateway::before(&app.origin(), &GUARD.replace("mode = \"off\"", ""));
    let ca = gateway.ca();
    let mut wrong = Verdicts::default();
    let url = gateway.url("/Login/");
    let mut ask = |what: &str, arguments: &[&str], expected: u16| {
        let arguments = [&["--http2", "-H", "X-App: all", &url], arguments].concat();
        let answer = curl(&ca, &arguments);
        wrong.equal(what, answer.status, expected);
        wrong.equal("version", answer.version, "HTTP/2");
    };
    ask("a failure", &["-d", "username=alice"], 401);
    let no_length = ["-H", "Content-Length:"];
    for method in ["POST", "GET", "DELETE", "OPTIONS"] {
        let again = ["-X", method, "-d", "username=%41lice"];
        ask(method, &again, 429);
        ask(method, &[&again[..], &no_length].concat(), 429);
    }
    for _ in 0..12 {
        // Who only looks at the page tries nothing: the app says that it has no name.
        ask("a look", &[], 400);
        ask(
            "a look with a length",
            &["-X", "DELETE", "-H", "Content-Length: 0"],
            400,
        );
    }
    ask("another", &["-d", "username=bob"], 401);
    wrong.settle();
}
