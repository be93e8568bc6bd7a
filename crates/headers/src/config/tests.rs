use std::fmt::Write as _;

use insta::assert_snapshot;

use crate::{Error, Headers, HeadersConfig};

fn read(text: &str) -> Result<Headers, String> {
    let config: HeadersConfig = toml::from_str(text).map_err(|error| error.to_string())?;
    config.build().map_err(|error: Error| error.to_string())
}

fn value(text: &str, name: &str) -> Option<String> {
    let headers = read(text).unwrap();
    let found = headers
        .describe()
        .iter()
        .find(|one| one.path == "/" && one.name == name);
    found.map(|one| one.value.clone())
}

#[test]
fn everything_at_once() {
    let headers = read(
        r#"
        preset = "strict"
        override = "always"
        x-frame-options = "sameorigin"
        x-dns-prefetch-control = false
        x-content-type-options = true
        referrer-policy = ["no-referrer", "same-origin"]
        cross-origin-embedder-policy = "credentialless"
        cross-origin-opener-policy-report-only = "same-origin"
        permissions-policy = { camera = ["self"], usb = false }
        reporting-endpoints = { main = "https://r.example/" }
        cache-control = "private"
        integrity-policy = { blocked_destinations = ["script"], endpoints = ["main"] }
        remove = ["X-Foo"]
        keep = ["Server"]
        clear_site_data_on = ["/logout"]
        clear_site_data = ["cookies"]
        no_store_with_cookie = false
        nonce_placeholder = "abcdefghijklmnopqrstuv-_"
        reports_to = "/.reports"

        [strict-transport-security]
        max_age = "400d"
        preload = true
        local = true

        [content-security-policy]
        append = { script-src = ["https://js.stripe.com"], img-src = "https: blob:" }
        replace = { frame-src = "https://js.stripe.com" }
        remove = ["require-trusted-types-for"]
        report_only = true
        add_to_app = true

        [[path]]
        prefix = "/embed"
        x-frame-options = false
        content-security-policy = { replace = { frame-ancestors = ["https://a.example"] } }
        "#,
    )
    .unwrap();
    let lines: Vec<_> = headers.describe().iter().map(ToString::to_string).collect();
    assert_snapshot!(lines.join("\n"));
    assert_eq!(
        headers.nonce_placeholder(),
        Some("abcdefghijklmnopqrstuv-_")
    );
    let lines: Vec<_> = headers
        .weakenings()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_snapshot!("weakenings", lines.join("\n"));
}

#[test]
fn wrong_tables_teach() {
    let mut said = String::new();
    for wrong in [
        "presets = \"helmet\"",
        "preset = \"helm\"",
        "x-frame-option = \"DENY\"",
        "frameguard = true",
        "[[path]]\nprefix = \"/a\"\nhsts = false",
        "csp = true",
        "x-frame-options = \"ALLOW-FROM x\"",
        "x-frame-options = 3",
        "override = \"never\"",
        "remove = [\"X Foo\"]",
        "nonce_placeholder = \"short\"",
        "reports_to = \"http://a.example\"",
        "permissions-policy = { geolocaton = [] }",
        "clear_site_data = [\"cookie\"]",
        "public-key-pins = { max_age = \"5d\", sha256s = [\"a\"] }",
        "integrity-policy = { blocked_destinations = [] }",
        "[strict-transport-security]\nmax_age = 31536000",
        "[strict-transport-security]\nmax_age = \"a year\"",
        "[strict-transport-security]\npreload = true\nmax_age = \"30d\"",
        "[strict-transport-security]\nmaxAge = \"30d\"",
        "[content-security-policy.append]\nscript-scr = [\"'self'\"]",
        "[content-security-policy.append]\nscript-src = [\"self\"]",
        "[content-security-policy.append]\nscript-src = [\"'self'; img-src *\"]",
        "[content-security-policy.replace]\nscript-src = [\"'none'\", \"'self'\"]",
        "[content-security-policy]\npolicy = \"default-src 'self'\\n\"",
        "content-security-policy = \"default-src 'slef'\"",
        "[[path]]\nx-frame-options = false",
        "[[path]]\nprefix = \"embed\"",
        "[[path]]\nprefix = \"/a\"\npreset = \"api\"",
        "[[path]]\nprefix = \"/a\"\n[[path]]\nprefix = \"/a/\"",
        "[[path]]\nprefix = \"/a\"\ncontent-security-policy = { append = { img-src = \"x:y:z\" } }",
        "content-security-policy = { report_only = true }\n\
         content-security-policy-report-only = \"img-src *\"",
        "helmet = { frameguards = true }",
        "helmet = { contentSecurityPolicy = { directives = { scriptSrc = [\"'slef'\"] } } }",
        "preset = \"api\"\nhelmet = {}",
    ] {
        let error = read(wrong).expect_err(wrong);
        write!(said, "{wrong}\n{error}\n\n").unwrap();
    }
    assert_snapshot!(said);
}

#[test]
fn a_helmet_object_inline() {
    let text = "x-xss-protection = false\n\
                helmet = { frameguard = { action = \"deny\" }, hsts = { maxAge = 7 } }";
    assert_eq!(value(text, "x-frame-options").as_deref(), Some("DENY"));
    let hsts = value(text, "strict-transport-security");
    assert_eq!(hsts.as_deref(), Some("max-age=7; includeSubDomains"));
    assert_eq!(value(text, "x-xss-protection"), None);
}

#[test]
fn a_second_policy_that_only_reports() {
    let text = "content-security-policy-report-only = { append = { img-src = \"https:\" } }";
    let second = value(text, "content-security-policy-report-only").unwrap();
    assert!(second.contains(";img-src 'self' data: https:;"), "{second}");
    let first = value(text, "content-security-policy");
    assert_eq!(first, value("", "content-security-policy"));
}

#[test]
fn switching_off_and_on() {
    let csp = "content-security-policy";
    assert_eq!(value("content-security-policy = false", csp), None);
    assert_eq!(value("content-security-policy = true", csp), value("", csp));
    let hsts = "strict-transport-security = { preload = true }";
    assert_eq!(
        value(hsts, "strict-transport-security").as_deref(),
        Some("max-age=31536000; includeSubDomains; preload")
    );
    let strict = "preset = \"strict\"\nstrict-transport-security = { preload = true }";
    assert_eq!(
        value(strict, "strict-transport-security").as_deref(),
        Some("max-age=63072000; includeSubDomains; preload")
    );
}

#[test]
fn presets_as_they_are() {
    for preset in ["strict", "api", "legacy"] {
        let headers = read(&format!("preset = \"{preset}\"")).unwrap();
        let lines: Vec<_> = headers.describe().iter().map(ToString::to_string).collect();
        let weak: Vec<_> = headers
            .weakenings()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_snapshot!(
            preset,
            format!("{}\n\n{}", lines.join("\n"), weak.join("\n"))
        );
    }
    assert_eq!(read("").unwrap().weakenings(), []);
}
