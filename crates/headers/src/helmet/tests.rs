use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::{HeadersConfig, Override};

fn error(options: &Json) -> (String, String) {
    let error = HeadersConfig::from_helmet(options).unwrap_err();
    (error.key().to_owned(), error.to_string())
}

#[test]
fn unknown_options_name_the_nearest() {
    let (key, text) = error(&json!({ "contentSecurityPolice": false }));
    assert_eq!(key, "helmet.contentSecurityPolice");
    assert!(
        text.contains("did you mean `contentSecurityPolicy`?"),
        "{text}"
    );
}

#[test]
fn keys_lead_to_the_place() {
    let directives = json!({ "scriptSrc": ["self"] });
    let (key, text) = error(&json!({ "contentSecurityPolicy": { "directives": directives } }));
    assert_eq!(key, "helmet.contentSecurityPolicy.directives.scriptSrc");
    assert!(text.contains("write `\"'self'\"`"), "{text}");
    let twice = json!({ "imgSrc": ["*"], "img-src": ["'self'"] });
    let (key, text) = error(&json!({ "contentSecurityPolicy": { "directives": twice } }));
    assert_eq!(key, "helmet.contentSecurityPolicy.directives.img-src");
    assert!(text.contains("`img-src` is said twice"), "{text}");
    let (key, text) = error(&json!({ "hsts": { "includeSubdomains": true } }));
    assert_eq!(key, "helmet.hsts.includeSubdomains");
    assert!(text.contains("did you mean `includeSubDomains`?"), "{text}");
    let (key, text) = error(&json!({ "hsts": true, "strictTransportSecurity": true }));
    assert_eq!(key, "helmet.strictTransportSecurity");
    assert!(text.ends_with("remove `hsts`"), "{text}");
}

#[test]
fn what_helmet_lets_through_is_listed() {
    let options = json!({
        "contentSecurityPolicy": { "directives": { "scriptSrc": ["'none'", "'slef'"] } },
        "hsts": { "maxAge": 60, "preload": true },
    });
    let headers = HeadersConfig::from_helmet(&options)
        .unwrap()
        .build()
        .unwrap();
    let keys: Vec<_> = headers
        .weakenings()
        .iter()
        .map(|one| one.key.as_str())
        .collect();
    assert_eq!(
        keys,
        [
            "strict-transport-security.max_age",
            "strict-transport-security.preload",
            "content-security-policy.script-src",
        ]
    );
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        prop::sample::select(vec![
            "'self'",
            "deny",
            "none",
            "https:",
            "no-referrer",
            "",
            "é\n;"
        ])
        .prop_map(Json::from),
        ".{0,12}".prop_map(Json::from),
    ];
    let key = prop::sample::select(vec![
        "contentSecurityPolicy",
        "directives",
        "useDefaults",
        "reportOnly",
        "scriptSrc",
        "default-src",
        "fooBar",
        "hsts",
        "maxAge",
        "preload",
        "frameguard",
        "action",
        "policy",
        "referrerPolicy",
        "xPoweredBy",
        "crossOriginEmbedderPolicy",
        "xXssProtection",
        "allow",
    ]);
    leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map(key.clone(), inner, 0..5).prop_map(|map| {
                Json::Object(
                    map.into_iter()
                        .map(|(key, value)| (key.to_owned(), value))
                        .collect(),
                )
            }),
        ]
    })
}

#[test]
fn a_made_up_powered_by_is_refused_and_nothing_said_is_not() {
    let read = |options| HeadersConfig::from_helmet3("hidePoweredBy", &options);
    let error = read(serde_json::json!({ "setTo": "PHP 4.2.0" })).unwrap_err();
    assert_eq!(error.key(), "helmet.hidePoweredBy.setTo");
    insta::assert_snapshot!(error);
    for options in [
        Json::Null,
        serde_json::json!({}),
        serde_json::json!({ "setTo": "" }),
    ] {
        assert!(read(options).is_ok());
    }
}

proptest! {
    /// Whatever is read can be built: what cannot be sent is refused when it is read.
    #[test]
    fn what_is_read_can_be_sent(options in json()) {
        if let Ok(config) = HeadersConfig::from_helmet(&options) {
            prop_assert!(config.override_app(Override::Always).build().is_ok());
        }
    }

    #[test]
    fn helmet_3_too(options in json(), name in "hpkp|hsts|frameguard|xssFilter|referrerPolicy") {
        if let Ok(config) = HeadersConfig::from_helmet3(&name, &options) {
            prop_assert!(config.build().is_ok());
        }
    }
}
