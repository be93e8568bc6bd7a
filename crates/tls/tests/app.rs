//! An app that is spoken to by TLS: who passes for it.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails like the test")]

mod support;

use std::path::Path;
use std::sync::Arc;

use panoply_core::ManualClock;
use panoply_tls::{AppTls, AppTlsConfig, ClientsConfig, Error, Tls};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use support::{Authority, DAY, Files, local, shake};

/// TLS to an app at `host`.
fn open(config: AppTlsConfig, host: &str, clock: &ManualClock) -> Result<AppTls, Error> {
    config.open(host, false, Arc::new(clock.clone()))
}

/// Whether the app that has `server` is taken for the one that is reached by `app`.
fn is_believed(app: &AppTls, server: &Tls) -> Result<(), rustls::Error> {
    let name = app.name().to_str().into_owned();
    let (client, _) = shake(server, &app.client(), &name)?;
    assert_eq!(client.alpn_protocol(), Some(&b"http/1.1"[..]));
    Ok(())
}

/// One that signed itself.
fn self_signed(directory: &Path, stem: &str) -> Files {
    let mut params = CertificateParams::new(vec!["other.example".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2021, 1, 1);
    // As `openssl req -x509` makes it.
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    Files::write(directory, stem, &certificate.pem(), &key.serialize_pem())
}

#[test]
fn an_authority_vouches_for_the_name() {
    let (home, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let authority = Authority::new();
    let root = authority.root(home.path());
    let files = authority.issue(home.path(), "app", &["app.internal", "10.0.0.5"]);
    let server = local(home.path(), &clock, files.config());
    let trusting = || AppTlsConfig::new().ca(&root);
    for host in ["app.internal", "10.0.0.5"] {
        is_believed(&open(trusting(), host, &clock).unwrap(), &server).unwrap();
    }
    let by_another = open(trusting(), "10.0.0.6", &clock).unwrap();
    is_believed(&by_another, &server).unwrap_err();
    let named = open(trusting().name("app.internal"), "10.0.0.6", &clock).unwrap();
    is_believed(&named, &server).unwrap();
    // By the gateway's clock.
    clock.advance(400 * DAY);
    is_believed(&named, &server).unwrap_err();
}

#[test]
fn nobody_else_vouches_for_it() {
    let (home, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let [ours, theirs] = [Authority::new(), Authority::new()];
    let root = ours.root(home.path());
    let files = theirs.issue(home.path(), "app", &["app.internal"]);
    let server = local(home.path(), &clock, files.config());
    for config in [AppTlsConfig::new(), AppTlsConfig::new().ca(&root)] {
        let app = open(config, "app.internal", &clock).unwrap();
        let error = is_believed(&app, &server).unwrap_err();
        assert!(
            matches!(error, rustls::Error::InvalidCertificate(_)),
            "{error}"
        );
    }
}

#[test]
fn a_certificate_that_is_named_itself_is_taken_as_it_is() {
    let (home, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let named = self_signed(home.path(), "app");
    let server = local(home.path(), &clock, named.config());
    let trusting = AppTlsConfig::new().ca(&named.certificate);
    let app = open(trusting, "10.0.0.5", &clock).unwrap();
    is_believed(&app, &server).unwrap();
    let other = self_signed(home.path(), "other");
    let server = local(home.path(), &clock, other.config());
    is_believed(&app, &server).unwrap_err();
    // The certificate alone is known to everybody.
    let stolen = Files {
        key: other.key,
        ..named
    };
    let config = stolen.config().build(home.path(), Arc::new(clock));
    assert!(matches!(config, Err(Error::Mismatch { .. })), "{config:?}");
}

#[test]
fn the_app_is_shown_a_certificate_if_it_asks() {
    let (home, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let authority = Authority::new();
    let root = authority.root(home.path());
    let files = authority.issue(home.path(), "app", &["app.internal"]);
    let asking = files.config().clients(ClientsConfig::new(&root));
    let server = local(home.path(), &clock, asking);
    let config = AppTlsConfig::new().ca(&root);
    let without = open(config.clone(), "app.internal", &clock).unwrap();
    is_believed(&without, &server).unwrap_err();
    let own = authority.issue(home.path(), "gateway", &["gateway.internal"]);
    let config = config.certificate(&own.certificate, &own.key);
    assert_eq!(config.key_file(), Some(own.key.as_path()));
    let with = open(config, "app.internal", &clock).unwrap();
    is_believed(&with, &server).unwrap();
    assert_ne!(with, without);
}

#[test]
fn files_are_followed_and_bad_ones_are_not() {
    let (home, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let [before, after] = [Authority::new(), Authority::new()];
    let root = before.root(home.path());
    let files = after.issue(home.path(), "app", &["app.internal"]);
    let server = local(home.path(), &clock, files.config());
    let app = open(AppTlsConfig::new().ca(&root), "app.internal", &clock).unwrap();
    is_believed(&app, &server).unwrap_err();
    assert!(!app.refresh().unwrap());
    let same = after.root(home.path());
    assert_eq!(same, root);
    assert!(app.refresh().unwrap());
    is_believed(&app, &server).unwrap();
    std::fs::write(&root, "half of").unwrap();
    assert!(matches!(app.refresh(), Err(Error::NotPem { .. })));
    // Told once.
    assert!(!app.refresh().unwrap());
    is_believed(&app, &server).unwrap();
}

#[test]
fn what_is_wrong_is_told_with_what_to_write() {
    let (home, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let told = |config: AppTlsConfig, host| open(config, host, &clock).unwrap_err();
    let missing = home.path().join("missing.pem");
    let error = told(AppTlsConfig::new().ca(&missing), "a");
    assert_eq!(error.key(), "app.ca");
    assert!(error.to_string().starts_with("tls.app.ca: "), "{error}");
    let error = told(AppTlsConfig::new().name("not a name"), "a");
    assert_eq!(error.key(), "app.name");
    let half: AppTlsConfig = toml::from_str("certificate = \"a.pem\"").unwrap();
    let error = told(half, "a").to_string();
    assert!(
        error.contains("tls.app.certificate: needs `key`"),
        "{error}"
    );
    let unknown = toml::from_str::<AppTlsConfig>("insecure = true").unwrap_err();
    assert!(unknown.to_string().contains("`ca`"), "{unknown}");
}
