//! Values that are set, and where they come from.

use super::axum;

#[test]
fn sessions_of_tower_are_read() {
    let source = "fn main() {\n let store = MemoryStore::default();\n let layer = SessionManagerLayer::new(store)\n .with_secure(false)\n .with_same_site(SameSite::None)\n .with_http_only(false);\n}";
    assert_eq!(
        axum(source, &[]),
        [
            "3:session/memory-store high certain",
            "4:cookie/no-secure high certain",
            "5:cookie/no-samesite medium certain",
            "6:cookie/httponly-disabled medium certain",
            "3:cookie/no-expiry info certain",
        ]
    );
    let right = "fn main() {\n let layer = SessionManagerLayer::new(PostgresStore::new(pool)).with_secure(config.secure);\n let layer = layer.with_expiry(e);\n}";
    assert_eq!(axum(right, &[]), [""; 0]);
    let dry = "fn main() {\n LoginConfig::new(\"/login\").danger_dry_run(true); x.danger_dry_run(false);\n}";
    assert_eq!(axum(dry, &[]), ["2:auth/no-rate-limit medium certain"]);
    let tests = "#[cfg(test)]\nmod tests {\n fn x() { SessionManagerLayer::new(MemoryStore::default()).with_secure(false); }\n}";
    assert_eq!(axum(tests, &[]), [""; 0]);
}

#[test]
fn cookies_of_handlers_are_read() {
    let of = |cookie: &str| {
        axum(
            &format!("async fn h(jar: CookieJar) {{\n {cookie}\n}}"),
            &[],
        )
    };
    assert_eq!(
        of("jar.add(Cookie::new(\"session\", id))"),
        [
            "2:cookie/no-secure high likely",
            "2:cookie/httponly-disabled medium likely",
            "2:cookie/no-samesite low likely"
        ]
    );
    assert_eq!(
        of(
            "jar.add(Cookie::build((\"session\", id)).secure(true).http_only(true).same_site(SameSite::Lax))"
        ),
        [""; 0]
    );
    assert_eq!(
        of("jar.add(Cookie::build((\"theme\", t)).secure(true).same_site(SameSite::Lax).build())"),
        [""; 0]
    );
    assert_eq!(
        of(
            "let mut c = Cookie::new(\"sid\", v); c.set_secure(true); c.set_http_only(true); c.set_same_site(SameSite::Strict);"
        ),
        [""; 0]
    );
    assert_eq!(
        of("jar.add(Cookie::build((\"sid\", \"\")).max_age(Duration::ZERO))"),
        [""; 0]
    );
    assert_eq!(
        of(
            "jar.add(Cookie::build((\"sid\", v)).secure(cfg.secure).http_only(true).same_site(SameSite::None))"
        ),
        ["2:cookie/no-samesite medium likely"]
    );
}

#[test]
fn secrets_in_the_source_are_found() {
    let of = |body: &str| {
        axum(
            &format!("const KEY: &[u8] = b\"much secret\";\nfn f() {{\n {body}\n}}"),
            &[],
        )
    };
    let found = ["3:secrets/hardcoded high certain"];
    assert_eq!(of("EncodingKey::from_secret(b\"secret\");"), found);
    assert_eq!(of("EncodingKey::from_secret(\"secret\".as_ref());"), found);
    assert_eq!(of("DecodingKey::from_secret(KEY);"), found);
    assert_eq!(
        of("let key = \"x\".repeat(64); Key::from(key.as_bytes());"),
        found
    );
    assert_eq!(of("Key::from(&[0; 64]);"), found);
    assert_eq!(
        of("env::var(\"JWT_SECRET\").unwrap_or_else(|_| \"secret\".to_string());"),
        ["3:secrets/hardcoded high likely"]
    );
    for right in [
        "EncodingKey::from_secret(env::var(\"JWT_SECRET\")?.as_bytes());",
        "Key::from(config.key.as_bytes());",
        "Key::from(include_bytes!(\"key\"));",
        "env::var(\"PORT\").unwrap_or(\"3000\".into());",
        "env::var(\"JWT_SECRET\").unwrap_or_default();",
        "Key::generate();",
    ] {
        assert_eq!(of(right), [""; 0], "{right}");
    }
}

#[test]
fn redirects_follow_the_request() {
    let of = |body: &str| {
        axum(
            &format!(
                "async fn f(Query(q): Query<Q>, State(s): State<S>) -> Redirect {{\n {body}\n}}"
            ),
            &[],
        )
    };
    let open = ["2:redirect/open medium likely"];
    assert_eq!(of("Redirect::to(&q.next)"), open);
    assert_eq!(
        of("let next = q.next.unwrap_or(\"/\".into()); Redirect::temporary(&next)"),
        open
    );
    assert_eq!(of("Redirect::to(&format!(\"{}\", q.next))"), open);
    assert_eq!(of("Redirect::to(&format!(\"/{}\", q.next))"), open);
    assert_eq!(
        of("(StatusCode::FOUND, [(header::LOCATION, q.next)])"),
        open
    );
    assert_eq!(
        of("if let Some(next) = q.next { return Redirect::to(&next); } Redirect::to(\"/\")"),
        open
    );
    assert_eq!(
        of("if q.next.starts_with('/') { Redirect::to(&q.next) } else { Redirect::to(\"/\") }"),
        ["2:redirect/open medium possible"]
    );
    for right in [
        "Redirect::to(\"/\")",
        "Redirect::to(&s.home)",
        "Redirect::to(&format!(\"/items/{}\", q.id))",
        "Redirect::to(&safe_path(&q.next))",
        "if ALLOWED.contains(&q.next) { Redirect::to(&q.next) } else { Redirect::to(\"/\") }",
        "let url = Url::parse(&q.next)?; if url.host_str() == Some(\"a\") { Redirect::to(&q.next) } else { Redirect::to(\"/\") }",
    ] {
        assert_eq!(of(right), [""; 0], "{right}");
    }
}
