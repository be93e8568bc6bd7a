//! What servers are put together from.

use super::generate::Dice;
use super::site::Reply;

const POLICIES: [&str; 58] = [
    "default-src 'none'",
    "default-src 'self'",
    "default-src 'none'; script-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "default-src 'self'; script-src 'self' 'unsafe-inline'",
    "default-src 'self'; script-src 'self' 'unsafe-eval'",
    "default-src 'self'; style-src 'self' 'unsafe-inline'",
    "default-src 'self'; style-src 'self' 'unsafe-eval'",
    "default-src 'self'; script-src 'nonce-abc' 'unsafe-inline'",
    "default-src 'nonce-abc' 'unsafe-inline' https:",
    "default-src 'none'; script-src 'sha256-AAAA' 'strict-dynamic' https: 'unsafe-inline' 'self'; object-src 'none'",
    "default-src 'nonce-a' 'strict-dynamic' https: http://a.test",
    "script-src 'strict-dynamic' 'self'; object-src 'none'",
    "script-src 'strict-dynamic'; frame-ancestors 'self'; object-src 'none'",
    "default-src *",
    "default-src https:",
    "default-src 'self'; object-src https:",
    "default-src 'self'; script-src https://*",
    "default-src 'self'; script-src https://*.*",
    "default-src 'self'; script-src http://cdn.test",
    "default-src 'self'; img-src http://img.test",
    "default-src 'self'; media-src http:",
    "default-src 'self' ftp://a.test",
    "default-src 'self'; style-src https:",
    "default-src 'self'; style-src data:",
    "default-src 'self'; script-src data:",
    "default-src 'self'; img-src data: https:",
    "default-src 'self'; connect-src http://api.test",
    "img-src 'self'",
    "frame-ancestors 'none'",
    "frame-ancestors *",
    "script-src 'self'",
    "script-src 'self'; object-src 'none'",
    "script-src",
    "default-src",
    "upgrade-insecure-requests",
    "block-all-mixed-content; default-src 'self'",
    "sandbox; default-src 'self'",
    "sandbox",
    "",
    "x",
    "a b c",
    ";;;;;;;",
    " ; default-src 'self' ; ",
    "default-src 'self'; default-src 'none'",
    "DEFAULT-SRC 'SELF'; Script-Src 'Unsafe-Inline'",
    "default-src 'none'; report-uri /a; report-uri /b",
    "default-src 'self'; report-to a; report-to b",
    "default-src 'none', script-src 'self'",
    "default-src 'self' https://a.test/x https://a.test/xy; script-src data data:",
    "default-src 'none' 'self'",
    "default-src 'self';script-src\t'self'  'unsafe-inline'\t;",
    "default-src 'self'; script-src 'unsafe-inline",
    "default-src 'self'; script-src http https: httpx",
    "default-src 'self'; script-src *.test a.test",
    "default-src\u{a0}'self'",
    "trusted-types default; require-trusted-types-for 'script'; default-src 'self'",
    "default-src 'self'; form-action *; base-uri *",
    "report-uri /only",
];

const META: [&str; 12] = [
    "default-src 'self'",
    "default-src 'none'",
    "script-src 'self' 'unsafe-inline'",
    "frame-ancestors 'none'",
    "report-uri /a",
    "sandbox",
    "x",
    "default-src 'self' https://a.test/x/",
    "script-src https://a.test/%zz",
    "script-src https://a.test/b 'self'; object-src 'none'",
    "default-src https://a.test/ https://a.test/x/y",
    "style-src 'unsafe-inline'; frame-ancestors 'self'; default-src 'self'",
];

const HSTS: [&str; 17] = [
    "max-age=31536000",
    "max-age=63072000; includeSubDomains; preload",
    "max-age=15552000",
    "max-age=15551999",
    "max-age=0",
    "max-age=-1",
    "max-age=\"31536000\"",
    "max-age=",
    "max-age",
    "includeSubDomains",
    "MAX-AGE=31536000",
    "max-age=1; max-age=31536000",
    "max-age=31536000, max-age=0",
    "max-age = 31536000",
    "max-age=31536000abc",
    "",
    "; max-age=99999999999999999999999",
];

const FRAME: [&str; 9] = [
    "DENY",
    "sameorigin",
    "SAMEORIGIN ",
    "ALLOW-FROM https://a.test",
    "ALLOWALL",
    "DENY, DENY",
    "deny;",
    "",
    "none",
];

const NOSNIFF: [&str; 6] = [
    "nosniff",
    "NoSniff",
    "nosniff, nosniff",
    "none",
    "",
    "nosniff;",
];

const REFERRER: [&str; 14] = [
    "no-referrer",
    "same-origin",
    "strict-origin",
    "strict-origin-when-cross-origin",
    "origin",
    "origin-when-cross-origin",
    "unsafe-url",
    "no-referrer-when-downgrade",
    "no-referrer, strict-origin-when-cross-origin",
    "no-referrer, unsafe-url",
    "unsafe-url, nonsense",
    "NO-REFERRER",
    "nonsense",
    "",
];

const CORP: [&str; 7] = [
    "same-origin",
    "same-site",
    "cross-origin",
    "Same-Origin",
    "nonsense",
    "",
    "same-origin, same-origin",
];

const COOKIES: [&str; 35] = [
    "theme=dark",
    "theme=dark; Secure",
    "theme=dark; Secure; SameSite=Lax",
    "theme=dark; SameSite=None",
    "theme=dark; Secure; SameSite=None",
    "theme=dark; Secure; SameSite=Maybe",
    "theme=dark; Secure; SameSite",
    "theme=dark; Secure; SameSite=",
    "theme=dark; Secure; samesite=STRICT",
    "theme=dark; Secure; SameSite=Lax; SameSite=Maybe",
    "sessid=1",
    "sessid=1; HttpOnly",
    "sessid=1; Secure; HttpOnly; SameSite=Lax",
    "sessid=1; Secure; SameSite=Lax",
    "SESSION=1; Secure; HttpOnly",
    "login=1; HttpOnly; SameSite=Strict",
    "connect.sid=s%3Aabc; Path=/; HttpOnly",
    "connect.sid=s%3Aabc; Path=/; HttpOnly; Secure; SameSite=Strict",
    "csrf=1; Secure",
    "XSRF-TOKEN=1; Secure",
    "_csrf=1; Secure; SameSite=Strict; HttpOnly",
    "_csrf=1; SameSite=Strict",
    "__Host-id=1; Secure; Path=/; HttpOnly; SameSite=Lax",
    "__Host-id=1; Path=/",
    "__Secure-sess=1; HttpOnly",
    "__Secure-sess=1; HttpOnly; Secure; SameSite=Lax",
    "heroku-session-affinity=1",
    "gone=; Max-Age=0; Path=/",
    "gone=; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
    "wide=1; Domain=shop.test; Secure",
    "wide=1; Domain=.test; Secure",
    "foreign=1; Domain=evil.test",
    "nameless",
    "=empty; Secure",
    "sessid=2; Path=relative; Secure; HttpOnly; SameSite=Lax",
];

const SCRIPTS: [&str; 26] = [
    "<script src=/a.js></script>",
    "<script src=/a.js integrity=sha384-abc></script>",
    "<script src=a.js></script>",
    "<script>1</script>",
    "<script src=https://cdn.test/a.js></script>",
    "<script src=https://cdn.test/a.js integrity=sha384-abc crossorigin></script>",
    "<script src=http://cdn.test/a.js></script>",
    "<script src=http://cdn.test/a.js integrity=sha384-abc></script>",
    "<script src=//cdn.test/a.js></script>",
    "<script src=//cdn.test/a.js integrity=sha384-abc></script>",
    "<script src=https://static.shop.test/a.js></script>",
    "<script src=https://static.shop.test/a.js integrity=sha384-abc></script>",
    "<script src=http://static.shop.test/a.js></script>",
    "<script src=HTTPS://CDN.TEST/a.js></script>",
    "<script src=''></script>",
    "<script src=https://127.0.0.1/a.js></script>",
    "<script src=data:text/javascript,1></script>",
    "<!-- <script src=http://cdn.test/a.js></script> -->",
    "<template><script src=http://cdn.test/a.js></script></template>",
    "<noscript><script src=http://cdn.test/a.js></script></noscript>",
    "<textarea><script src=http://cdn.test/a.js></script></textarea>",
    "<script>'<script src=http://cdn.test/a.js>'</script>",
    "<svg><script href=http://cdn.test/a.js></script></svg>",
    "<script src=https://a.github.io/x.js></script><script src=https://b.co.uk/x.js></script>",
    "<script src='///cdn.test/a.js'></script>",
    "<script src=https://cdn.test/a.js integrity></script>",
];

const BASES: [&str; 4] = [
    "<base href=https://cdn.test/x/>",
    "<base href=/x/>",
    "<base target=_top>",
    "<base href=http://www.shop.test/>",
];

const TYPES: [&str; 8] = [
    "text/html",
    "text/html; charset=utf-8",
    "text/html;charset=utf-8",
    "text/html ; charset=utf-8",
    "TEXT/HTML",
    "application/xhtml+xml",
    "application/json",
    "text/plain",
];

/// A header, the values it may have, and the good one.
type Choice<'a> = (&'a str, &'a [&'a str], &'a str);

/// The page of a server.
pub(crate) fn page(dice: &mut Dice, careful: bool) -> Reply {
    let status = if dice.often(8) {
        200
    } else {
        dice.one(&[201, 204, 401, 403, 404, 500, 503, 304])
    };
    let mut reply = Reply::new(status);
    let kind = if dice.often(8) {
        dice.one(&TYPES[..3])
    } else {
        dice.one(&TYPES)
    };
    if !dice.often(1) {
        reply = reply.header("Content-Type", kind);
    }
    // The good one last, which the careful mostly have.
    let choices: [Choice<'_>; 7] = [
        ("Content-Security-Policy", &POLICIES, POLICIES[2]),
        ("Strict-Transport-Security", &HSTS, HSTS[0]),
        ("X-Frame-Options", &FRAME, FRAME[0]),
        ("X-Content-Type-Options", &NOSNIFF, NOSNIFF[0]),
        ("Referrer-Policy", &REFERRER, REFERRER[0]),
        ("Cross-Origin-Resource-Policy", &CORP, CORP[0]),
        ("Content-Security-Policy-Report-Only", &POLICIES, ""),
    ];
    for (name, values, good) in choices {
        if careful && dice.often(7) {
            if !good.is_empty() {
                reply = reply.header(name, good);
            }
        } else if dice.often(8) && !name.ends_with("Only") || dice.often(1) {
            reply = reply.header(name, dice.one(values));
            if dice.often(1) {
                reply = reply.header(name, dice.one(values));
            }
        }
    }
    reply.headers.extend(cookies(dice));
    reply.body(body(dice, careful))
}

fn body(dice: &mut Dice, careful: bool) -> String {
    let mut body = "<!doctype html><html><head><title>A page</title>".to_owned();
    if dice.often(1) {
        return String::new();
    }
    let times = if dice.often(2) { 1 + dice.below(2) } else { 0 };
    for _ in 0..times {
        let policy = dice.one(&META);
        body += &format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">");
    }
    if dice.often(1) {
        let policy = dice.one(&REFERRER);
        body += &format!("<meta name=Referrer content=\"{policy}\">");
    }
    if dice.often(1) {
        body.push_str(dice.one(&BASES));
    }
    body.push_str("</head><body>");
    let scripts = if careful {
        dice.below(2)
    } else {
        dice.below(4)
    };
    for _ in 0..scripts {
        body.push_str(dice.one(&SCRIPTS));
    }
    body + "</body></html>"
}

/// The lines that set cookies.
pub(crate) fn cookies(dice: &mut Dice) -> Vec<(String, String)> {
    let count = if dice.often(6) { 0 } else { 1 + dice.below(3) };
    (0..count)
        .map(|_| ("Set-Cookie".to_owned(), dice.one(&COOKIES).to_owned()))
        .collect()
}

/// The answer to another site that asks whether it may.
pub(crate) fn options(dice: &mut Dice) -> Reply {
    let status = dice.one(&[200, 204, 204, 404, 405]);
    let reply = Reply::new(status);
    let origin = "Access-Control-Allow-Origin";
    let credentials = "Access-Control-Allow-Credentials";
    match dice.below(7) {
        0 => reply.header(origin, "*"),
        1 => reply.header(origin, "ORIGIN"),
        2 => reply.header(origin, "ORIGIN").header(credentials, "true"),
        3 => reply
            .header(origin, "https://friend.test")
            .header(credentials, "true"),
        4 => reply.header(origin, ""),
        5 => reply.header(origin, "*").header(credentials, "true"),
        _ => reply,
    }
}
