//! Cookies that are sent, that are taken away, and that are none; and routers inside others.

use super::{actix, axum, look};
use crate::options::Options;

/// Which lines of it have a cookie that is sent as it should not be.
fn bare(source: &str) -> Vec<String> {
    let all = actix(
        source,
        &["headers/", "cookie/httponly", "cookie/no-samesite"],
    );
    all.into_iter()
        .filter(|line| line.contains("cookie/no-secure"))
        .map(|line| line.split(':').next().unwrap_or_default().to_owned())
        .collect()
}

const NONE: [&str; 0] = [];

#[test]
fn a_cookie_that_is_taken_away_needs_nothing() {
    for right in [
        "fn f(mut r: HttpResponse) { r.add_removal_cookie(&Cookie::build(\"session\", \"\").path(\"/\").finish()); }",
        "fn f(mut r: HttpResponse) {\n let gone = Cookie::build(\"session\", \"\").finish();\n r.add_removal_cookie(&gone);\n}",
        "fn f(jar: CookieJar) { jar.remove(Cookie::new(\"session\", \"\")); }",
        "fn f() {\n let mut c = Cookie::new(\"session\", \"\");\n c.make_removal();\n}",
        "fn f() { let c = Cookie::build(\"session\", \"\").max_age(Duration::ZERO).finish(); }",
    ] {
        assert_eq!(bare(right), NONE, "{right}");
    }
}

#[test]
fn what_else_is_taken_away_hides_no_cookie() {
    let source = "fn f(map: Map) {\n map.remove(\"old\");\n HttpResponse::Ok().cookie(Cookie::build(\"session\", \"x\").finish()).finish()\n}";
    assert_eq!(bare(source), ["3"]);
    let two = "fn f(jar: CookieJar) {\n jar.remove(Cookie::new(\"old\", \"\"));\n jar.add(Cookie::new(\"session\", \"x\"))\n}";
    assert_eq!(bare(two), ["3"]);
}

#[test]
fn a_type_that_is_called_so_is_no_cookie() {
    let body = "fn f() {\n let c = Cookie::build(\"style\", \"x\");\n}";
    for own in [
        "use crate::models::Cookie;",
        "use super::settings::{Cookie, Theme};",
        "pub struct Cookie { style: String }",
    ] {
        assert_eq!(bare(&format!("{own}\n{body}")), NONE, "{own}");
    }
    assert_eq!(bare(&body.replace("Cookie::", "prefs::Cookie::")), NONE);
    for theirs in [
        "use actix_web::cookie::Cookie;",
        "use axum_extra::extract::cookie::{Cookie, CookieJar};",
        "use actix_web::prelude::*;",
    ] {
        assert_eq!(bare(&format!("{theirs}\n{body}")), ["3"], "{theirs}");
    }
    assert_eq!(
        bare(&body.replace("Cookie::", "actix_web::cookie::Cookie::")),
        ["2"]
    );
}

#[test]
fn a_router_that_is_put_into_another_is_no_app() {
    let manifest = super::AXUM;
    let router = |name: &str| {
        format!(
            "pub fn router() -> Router {{ Router::new().route(\"/{name}\", get(index)) }}\nasync fn index() {{}}"
        )
    };
    let main = "async fn main() {\n let app = Router::new().nest(\"/a\", a::routes::router()).merge(b::routes::router());\n axum::serve(l, app).await;\n}\n\
        fn router() -> Router { Router::new().route(\"/c\", get(index)) }\nasync fn index() {}";
    let report = look(
        &[
            ("Cargo.toml", manifest),
            ("src/main.rs", main),
            ("src/a/routes.rs", &router("a")),
            ("src/b/routes.rs", &router("b")),
        ],
        &Options::new(),
    );
    let mut places: Vec<String> = { report.findings.iter() }
        .filter(|finding| finding.rule.id == "headers/helmet-missing")
        .map(|finding| format!("{:?}", finding.place).chars().take(60).collect())
        .collect();
    places.sort();
    assert_eq!(places.len(), 1, "{places:?}");
    let alone = "fn router() -> Router {\n Router::new().route(\"/c\", get(index))\n}\nasync fn index() {}\nfn main() {}";
    let told = axum(alone, &[]);
    assert_eq!(told, ["2:headers/helmet-missing high possible"]);
}
