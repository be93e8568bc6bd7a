//! The headers of an ordinary app behind the gateway, and what the outside judges say of them.

use super::support;

use std::collections::BTreeMap;

use support::{Answer, App, Gateway, Pki, Recorder, Verdicts, curl, example, node};

/// What Helmet 8.3.0 sends (`conformance/headers.json`), less its policy.
const HELMET: &[(&str, &str)] = &[
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("origin-agent-cluster", "?1"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-dns-prefetch-control", "off"),
    ("x-download-options", "noopen"),
    ("x-frame-options", "SAMEORIGIN"),
    ("x-permitted-cross-domain-policies", "none"),
    ("x-xss-protection", "0"),
];

const CSP: &str = "default-src 'self';base-uri 'self';font-src 'self' https: data:;form-action 'self';\
    frame-ancestors 'self';img-src 'self' data:;object-src 'none';script-src 'self';script-src-attr 'none';\
    style-src 'self' https: 'unsafe-inline'";

/// A policy as a map, so that the order does not matter.
fn directives(policy: &str) -> BTreeMap<String, Vec<String>> {
    policy
        .split(';')
        .filter_map(|directive| {
            let mut words = directive.split_whitespace().map(ToOwned::to_owned);
            Some((words.next()?, words.collect()))
        })
        .collect()
}

/// Helmet's policy, with whatever reporting the gateway adds to it taken away.
fn enforced(answer: &Answer) -> BTreeMap<String, Vec<String>> {
    let mut policy = directives(&answer.header("content-security-policy").unwrap_or_default());
    policy.remove("report-uri");
    policy.remove("report-to");
    policy
}

fn check_helmet(wrong: &mut Verdicts, what: &str, answer: &Answer) {
    for (name, value) in HELMET {
        wrong.equal(&format!("{what}: {name}"), answer.all(name), vec![*value]);
    }
    for gone in ["x-powered-by", "server"] {
        wrong.equal(
            &format!("{what}: {gone}"),
            answer.header(gone),
            None::<String>,
        );
    }
}

#[test]
fn over_https_every_header_of_helmet_and_no_leak() {
    let gateway = Gateway::before_example("express-files", "");
    let ca = gateway.ca();
    let mut wrong = Verdicts::default();
    let mut https = directives(CSP);
    https.insert("upgrade-insecure-requests".into(), Vec::new());

    for version in ["--http1.1", "--http2"] {
        for path in [
            "/echo",
            "/status/404",
            "/status/500",
            "/file",
            "/status/204",
            "/none",
        ] {
            let answer = curl(&ca, &[version, &gateway.url(path)]);
            let what = format!("{version} {path}");
            check_helmet(&mut wrong, &what, &answer);
            // On `/none` as well, where the site's page stands in place of Express's own.
            wrong.equal(&what, enforced(&answer), https.clone());
            // A certificate of the local CA: it would force https on every other port of localhost.
            wrong.equal(
                &what,
                answer.header("strict-transport-security"),
                None::<String>,
            );
        }
    }

    let leaky = curl(&ca, &[&gateway.url("/leaky")]);
    for name in ["server", "x-generator", "x-aspnet-version", "x-powered-by"] {
        wrong.equal(name, leaky.header(name), None::<String>);
    }
    wrong.equal(
        "not on the list",
        leaky.header("x-runtime"),
        Some("0.1".to_owned()),
    );

    let cookies = curl(&ca, &[&gateway.url("/cookies")]);
    wrong.equal("Set-Cookie lines", cookies.all("set-cookie").len(), 3);
    wrong.check(
        cookies
            .all("set-cookie")
            .iter()
            .any(|line| line.contains("c=3, 4")),
        || format!("a comma within a cookie: {:?}", cookies.all("set-cookie")),
    );
    wrong.equal(
        "Link",
        cookies.header("link"),
        Some("</a>; rel=x, </b>; rel=y".to_owned()),
    );

    // What the gateway itself answers wears the same suit.
    let refused = curl(&ca, &["-X", "TRACE", &gateway.url("/echo")]);
    wrong.equal("TRACE", refused.status, 405);
    check_helmet(&mut wrong, "the gateway's own 405", &refused);
    wrong.settle();
}

#[test]
fn plain_http_redirects_once_and_promises_nothing() {
    let gateway = Gateway::before_example("express-files", "");
    let (ca, plain) = (
        gateway.ca(),
        gateway.http.clone().expect("a plain listener"),
    );
    let mut wrong = Verdicts::default();
    let to = format!("{}/a%2fb/c?d=e&f=%20g", gateway.origin);
    for method in ["GET", "POST", "HEAD"] {
        let mut arguments = vec!["--path-as-is"];
        arguments.extend(if method == "HEAD" {
            vec!["-I"]
        } else {
            vec!["-X", method]
        });
        let url = format!("{plain}/a%2fb/c?d=e&f=%20g");
        let answer = curl(&ca, &[&arguments[..], &[&url]].concat());
        wrong.equal(method, answer.status, 308);
        wrong.equal(method, answer.header("location"), Some(to.clone()));
        wrong.equal(
            method,
            answer.header("strict-transport-security"),
            None::<String>,
        );
        wrong.equal(method, answer.header("server"), None::<String>);
        let policy = answer.header("content-security-policy").unwrap_or_default();
        wrong.check(!policy.contains("upgrade-insecure-requests"), || {
            format!("{method}: {policy}")
        });
    }
    // Nobody is sent to a host that an attacker names in a way that changes where the URL leads.
    for host in ["evil.test/x@localhost", "a b", "localhost:99999", ""] {
        let reply = support::raw(
            plain.trim_start_matches("http://"),
            format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes(),
        );
        wrong.equal(&format!("Host: {host:?}"), reply.status(), 400);
    }
    let followed = curl(&ca, &["-L", &format!("{plain}/echo?x=1")]);
    wrong.equal("followed", followed.json()["url"].clone(), "/echo?x=1");
    wrong.settle();
}

#[test]
fn without_tls_no_header_speaks_of_it() {
    let gateway = Gateway::before_example("express-files", "[tls]\nmode = \"off\"\n");
    assert!(gateway.origin.starts_with("http://"), "{}", gateway.origin);
    let mut wrong = Verdicts::default();
    // Nobody may claim https either.
    for claim in [&[][..], &["-H", "X-Forwarded-Proto: https"]] {
        let answer = curl(
            "/dev/null".as_ref(),
            &[claim, &[&gateway.url("/echo")]].concat(),
        );
        check_helmet(&mut wrong, "plain", &answer);
        wrong.equal("plain CSP", enforced(&answer), directives(CSP));
        wrong.equal(
            "HSTS",
            answer.header("strict-transport-security"),
            None::<String>,
        );
        wrong.equal("protocol", answer.json()["protocol"].clone(), "http");
        wrong.equal("secure", answer.json()["secure"].clone(), false);
    }
    wrong.settle();
}

#[test]
fn never_a_downgrade_of_what_the_app_set() {
    let app = Recorder::answering(
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Frame-Options: DENY\r\n\
         Content-Security-Policy: default-src 'none'\r\nReferrer-Policy: unsafe-url\r\n\
         Strict-Transport-Security: max-age=63072000; includeSubDomains; preload\r\n\
         Cross-Origin-Opener-Policy: same-origin\r\nX-Content-Type-Options: nosniff\r\n\r\n",
    );
    let gateway = Gateway::before(&app.origin(), "");
    let answer = curl(&gateway.ca(), &[&gateway.url("/")]);
    let mut wrong = Verdicts::default();
    wrong.equal(
        "X-Frame-Options",
        answer.all("x-frame-options"),
        vec!["DENY"],
    );
    wrong.equal(
        "CSP",
        answer.all("content-security-policy"),
        vec!["default-src 'none'"],
    );
    wrong.equal(
        "Referrer-Policy",
        answer.all("referrer-policy"),
        vec!["no-referrer"],
    );
    wrong.equal(
        "nosniff",
        answer.all("x-content-type-options"),
        vec!["nosniff"],
    );
    wrong.settle();
}

#[test]
fn mdn_observatory_gives_0_naked_120_guarded_140_strict() {
    let naked = App::start(&example("express-login"));
    let before = node(
        "observatory.mjs",
        &[&format!("localhost:{}", naked.port)],
        None,
    );
    let mut wrong = Verdicts::default();
    wrong.equal("naked", before["score"].clone(), 0);

    let folder = tempfile::TempDir::with_prefix("panoply-e2e-").unwrap();
    let pki = Pki::new(folder.path());
    let (certificate, key) = pki.leaf("localhost", "DNS:localhost,IP:127.0.0.1");
    let files = format!(
        "[tls]\nmode = \"files\"\ncertificate = \"{}\"\nkey = \"{}\"\n",
        certificate.display(),
        key.display()
    );
    let scan = |gateway: &Gateway| {
        node(
            "observatory.mjs",
            &[&format!("localhost:{}", gateway.port())],
            Some(&pki.ca()),
        )
    };
    let gateway = Gateway::setup()
        .config(&files)
        .command(&example("express-login"))
        .start();
    let answer = curl(&pki.ca(), &[&gateway.url("/")]);
    wrong.equal(
        "HSTS with a certificate from files",
        answer.header("strict-transport-security"),
        Some("max-age=31536000; includeSubDomains".to_owned()),
    );
    let after = scan(&gateway);
    // Beyond the flags: the bonus for cookies that other sites' requests do not carry.
    wrong.equal(
        "the session's cookie",
        after["tests"]["cookies"][1].clone(),
        "cookies-secure-with-httponly-sessions-and-samesite",
    );
    wrong.check(after["score"].as_i64() >= Some(120), || {
        format!("guarded: {after:#}")
    });
    drop(gateway);

    let strict = format!(
        "{files}[headers]\npreset = \"strict\"\nnonce_placeholder = \"3q2-7wAAAAB_ZmFrZW5vbmNl\"\n"
    );
    // What is left of the maximum are the app's own: a safe cookie, a digest on its script.
    let gateway = Gateway::setup()
        .config(&strict)
        .command(&support::test_app("model.mjs"))
        .start();
    let scanned = scan(&gateway);
    wrong.check(scanned["score"].as_i64() >= Some(140), || {
        format!("strict: {scanned:#}")
    });

    let policy = curl(&pki.ca(), &[&gateway.url("/")])
        .header("content-security-policy")
        .unwrap();
    let judged = node("csp.mjs", &[&policy], None);
    wrong.check(judged["directives"].as_i64() >= Some(4), || {
        format!("{policy}: {judged}")
    });
    wrong.check(
        judged["findings"].as_array().is_some_and(Vec::is_empty),
        || format!("CSP Evaluator on {policy}: {judged:#}"),
    );
    wrong.settle();
}

#[test]
fn what_stands_for_a_nonce_goes_out_nowhere() {
    // As templates are: they write it whatever they are for; and backwards, so that it can be told here.
    let server = r#"
        const mark = process.env.PANOPLY_NONCE;
        const http = require('node:http');
        http.createServer((request, response) => {
            const type = new URL(request.url, 'http://app').searchParams.get('type');
            response.setHeader('content-type', type);
            response.setHeader('link', `</a.js>; rel=preload; as=script; nonce="${mark}"`);
            response.setHeader('x-backwards', [...mark].reverse().join(''));
            response.end(`<script nonce="${mark}">1</script>`);
        }).listen(process.env.PORT, '127.0.0.1');
    "#;
    let nonce = "[headers.content-security-policy]\nappend = { script-src = [\"'nonce'\"] }\n";
    let without = "[[headers.path]]\nprefix = \"/legacy\"\ncontent-security-policy = false\n";
    let mut gateway = Gateway::setup()
        .config(&format!("{nonce}{without}"))
        .command(&["node", "-e", server].map(str::to_owned))
        .start();
    let ask = |path: &str| {
        let answer = curl(&gateway.ca(), &[&gateway.url(path)]);
        let backwards = answer.header("x-backwards").unwrap();
        let mark: String = backwards.chars().rev().collect();
        let said = format!("{:?} {}", answer.all("link"), answer.text());
        assert!(!said.contains(&mark), "{path}: {said}");
        answer
    };
    let page = ask("/?type=text/html");
    let policy = page.header("content-security-policy").unwrap();
    let (_, nonce) = policy.split_once("'nonce-").unwrap();
    let (nonce, _) = nonce.split_once('\'').unwrap();
    assert!(page.text().contains(nonce), "{policy} {}", page.text());
    assert!(page.header("link").unwrap().contains(nonce), "{policy}");
    for path in [
        "/legacy/?type=text/html",
        "/?type=text/x-component",
        "/?type=application/json",
        "/?type=image/svg%2Bxml",
    ] {
        ask(path);
    }
    // Nor once no policy has one any more: the app still writes it.
    std::fs::write(gateway.config_path(), "").unwrap();
    gateway.process.signal(rustix::process::Signal::HUP);
    gateway
        .process
        .line_with(&["has been reloaded"], std::time::Duration::from_secs(10));
    let page = curl(&gateway.ca(), &[&gateway.url("/?type=text/html")]);
    let policy = page.header("content-security-policy").unwrap();
    assert!(!policy.contains("nonce-"), "{policy}");
    let mark: String = page.header("x-backwards").unwrap().chars().rev().collect();
    assert!(!page.text().contains(&mark), "{}", page.text());
}

#[test]
fn beside_a_nonce_films_are_to_be_had_in_parts_and_pages_are_not() {
    let server = r"
        require('node:http').createServer((request, response) => {
            const { range } = request.headers;
            const type = request.url === '/film' ? 'video/mp4' : 'text/html';
            response.writeHead(range ? 206 : 200, { 'content-type': type });
            response.end(range ?? 'all of it');
        }).listen(process.env.PORT, '127.0.0.1');
    ";
    let config = "[headers]\npreset = \"strict\"\n";
    let gateway = Gateway::setup()
        .config(config)
        .command(&["node", "-e", server].map(str::to_owned))
        .start();
    let part = |path: &str, dest: &str| {
        let dest = format!("sec-fetch-dest: {dest}");
        let url = gateway.url(path);
        let answer = curl(&gateway.ca(), &["-r", "0-1", "-H", &dest, &url]);
        (answer.status, answer.text())
    };
    assert_eq!(part("/film", "video"), (206, "bytes=0-1".to_owned()));
    assert_eq!(part("/page", "document"), (200, "all of it".to_owned()));
    // Whoever calls a page a film has none of it.
    let (status, text) = part("/page", "video");
    assert_eq!(status, 416, "{text}");
    let (status, text) = part("/page.mp4", "document");
    assert_eq!(status, 416, "{text}");
}
