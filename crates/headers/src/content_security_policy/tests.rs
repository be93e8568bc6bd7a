use http::HeaderValue;
use panoply_core::Nonce;
use proptest::prelude::*;

use super::*;
use crate::preset::helmet_csp;

fn resolved(config: &CspConfig) -> ContentSecurityPolicy {
    config.build().unwrap()
}

#[test]
fn appending_never_takes_away() {
    let policy = resolved(
        &CspConfig::new()
            .append(Directive::ConnectSrc, "https://api.example")
            .append(Directive::ObjectSrc, "https://flash.example"),
    );
    let text = policy.to_string();
    assert!(
        text.ends_with(";connect-src 'self' https://api.example"),
        "{text}"
    );
    assert!(
        text.contains(";object-src https://flash.example;"),
        "{text}"
    );
}

#[test]
fn nonsense_is_refused_under_its_key() {
    let error = |config: CspConfig| config.build().unwrap_err();
    let both = error(CspConfig::new().replace(Directive::ScriptSrc, "'none' 'self'"));
    assert_eq!(both.key(), "replace.script-src");
    let slef = error(CspConfig::new().append(Directive::ScriptSrc, "'slef'"));
    assert_eq!(slef.key(), "append.script-src");
    assert!(
        slef.to_string().contains("did you mean `'self'`?"),
        "{slef}"
    );
    for (directive, sources) in [
        (Directive::ScriptSrc, "self https:"),
        (Directive::ScriptSrc, ""),
        (Directive::ScriptSrc, "'nonce-abc'"),
        (Directive::FrameAncestors, "'unsafe-inline'"),
        (Directive::UpgradeInsecureRequests, "1"),
        (Directive::Sandbox, "allow-script"),
        (Directive::RequireTrustedTypesFor, "script"),
        (Directive::ReportTo, ""),
    ] {
        let config = CspConfig::new().replace(directive, sources);
        assert!(config.build().is_err(), "{directive} {sources}");
    }
    let unknown = ContentSecurityPolicy::parse("script-scr 'self'")
        .unwrap()
        .check();
    assert!(
        unknown
            .unwrap_err()
            .to_string()
            .contains("did you mean `script-src`?")
    );
}

#[test]
fn parses_as_browsers_do() {
    let policy = ContentSecurityPolicy::parse(" ; IMG-SRC\t'self' ;;img-src *;x y ").unwrap();
    assert_eq!(policy.to_string(), "img-src 'self';x y");
    assert!(ContentSecurityPolicy::parse("a b, c d").is_err());
    assert!(ContentSecurityPolicy::parse("a\nb").is_err());
}

#[test]
fn without_a_nonce_nothing_opens() {
    let text = "script-src 'nonce' 'unsafe-inline' https:;img-src *;style-src 'nonce'";
    let policy = ContentSecurityPolicy::parse(text).unwrap();
    let pieces = NonceValue::new(&policy).unwrap().unwrap();
    assert_eq!(
        pieces.without_nonce(),
        "script-src 'none';img-src *;style-src 'none'"
    );
    let nonce = Nonce::random().unwrap();
    let expected = text.replace("'nonce'", &format!("'nonce-{}'", nonce.as_str()));
    assert_eq!(pieces.render(&nonce), expected.as_str());
    assert!(NonceValue::new(&helmet_csp()).unwrap().is_none());
}

#[test]
fn a_second_policy_spells_its_default_out() {
    let app = ContentSecurityPolicy::parse("child-src a.example").unwrap();
    let second = lacking(&helmet_csp(), &[app]);
    // `script-src`, on which the app is silent, would speak for workers too.
    let worker = second.sources(Directive::WorkerSrc).unwrap();
    assert_eq!(worker, [Source::from("a.example")]);
    for covered in [Directive::FrameSrc, Directive::ChildSrc] {
        assert_eq!(second.effective(covered), None, "{second}");
    }
    assert!(second.sources(Directive::ConnectSrc).is_some());
    assert_eq!(
        lacking(&helmet_csp(), &[helmet_csp()]),
        ContentSecurityPolicy::default()
    );
}

fn word() -> impl Strategy<Value = String> {
    let keywords: Vec<_> = Keyword::ALL
        .iter()
        .map(|word| word.as_str().to_owned())
        .collect();
    prop_oneof![
        prop::sample::select(keywords),
        Just("'nonce'".to_owned()),
        "https://[a-z]{1,8}\\.example(/[a-z]{0,4})?",
        "[a-z]{2,6}:",
        "[!-+\\--:<-~]{1,12}",
    ]
}

fn policies() -> impl Strategy<Value = String> {
    let known: Vec<_> = Directive::ALL
        .iter()
        .map(|one| one.as_str().to_owned())
        .collect();
    let name = prop_oneof![4 => prop::sample::select(known), 1 => "[a-zA-Z-]{1,12}"];
    let directive = (name, prop::collection::vec(word(), 0..4));
    prop::collection::vec(directive, 0..8).prop_map(|all| {
        let print = |(name, words): &(String, Vec<String>)| format!("{name} {}", words.join(" "));
        all.iter().map(print).collect::<Vec<_>>().join("; ")
    })
}

proptest! {
    #[test]
    fn printed_and_parsed_is_itself(text in policies()) {
        let policy = ContentSecurityPolicy::parse(&text).unwrap();
        let printed = policy.to_string();
        prop_assert_eq!(&ContentSecurityPolicy::parse(&printed).unwrap(), &policy);
        prop_assert!(HeaderValue::try_from(printed).is_ok());
    }

    #[test]
    fn whatever_is_read_can_be_sent(text in "\\PC{0,60}|[ -~\\t]{0,60}|.{0,40}") {
        if let Ok(policy) = ContentSecurityPolicy::parse(&text) {
            let _ = policy.check();
            prop_assert!(policy.value().is_ok());
            prop_assert!(NonceValue::new(&policy).is_ok());
            prop_assert_eq!(ContentSecurityPolicy::parse(&policy.to_string()).unwrap(), policy);
        }
    }

    #[test]
    fn what_is_lacking_is_said_by_ours_and_not_by_the_app(app in policies()) {
        let app = ContentSecurityPolicy::parse(&app).unwrap();
        let second = lacking(&helmet_csp(), std::slice::from_ref(&app));
        for directive in Directive::ALL {
            if let Some(said) = app.effective(*directive) {
                let ours = second.effective(*directive).unwrap_or(said);
                prop_assert_eq!(ours, said, "{} beside {}", second, app);
            }
        }
    }
}

#[tokio::test]
async fn a_policy_of_the_app_s_is_not_lost_for_a_byte_that_is_no_ascii() {
    use std::convert::Infallible;
    use tower::ServiceExt as _;
    use tower_layer::Layer as _;

    let stricter = "default-src 'none'; img-src 'self'; report-uri /caf\u{e9}";
    let bytes = stricter.as_bytes();
    let app = tower::service_fn(move |_: http::Request<()>| {
        let policy = http::HeaderValue::from_bytes(bytes).unwrap();
        let response = http::Response::builder().header("content-security-policy", policy);
        std::future::ready(Ok::<_, Infallible>(response.body(()).unwrap()))
    });
    let layer = crate::Headers::helmet().build().unwrap().layer();
    let response = layer
        .layer(app)
        .oneshot(http::Request::new(()))
        .await
        .unwrap();
    let sent = response.headers().get_all("content-security-policy").iter();
    let sent: Vec<_> = sent.map(http::HeaderValue::as_bytes).collect();
    assert_eq!(sent, [bytes]);
}
