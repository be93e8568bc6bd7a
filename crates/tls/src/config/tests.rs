use panoply_core::ManualClock;

use super::*;

fn parse(text: &str) -> Result<TlsConfig, String> {
    toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
}

fn refusal(config: TlsConfig) -> (String, String) {
    let state = tempfile::tempdir().unwrap();
    let error = config
        .build(state.path(), Arc::new(ManualClock::new()))
        .unwrap_err();
    (error.key().to_owned(), error.to_string())
}

#[test]
fn the_mode_follows_from_what_is_given() {
    let mode = |text| parse(text).unwrap().effective_mode();
    assert_eq!(mode(""), Mode::Local);
    for nobodys in [
        "shop.example",
        "localhost",
        "shop.test",
        "a.internal",
        "box",
        "10.0.0.1",
    ] {
        let mode = parse(&format!("domains = ['{nobodys}']")).unwrap();
        assert_eq!(mode.effective_mode(), Mode::Local, "{nobodys}");
    }
    for public in [
        "shop.example.com",
        "*.shop.dev",
        "93.184.216.34",
        "2606:2800:220:1::1",
    ] {
        let config = parse(&format!("domains = ['shop.test', '{public}']")).unwrap();
        assert_eq!(config.effective_mode(), Mode::Acme, "{public}");
        assert_eq!(config.acme_domains(), [public]);
    }
    let written = parse("mode = 'acme'\ndomains = ['shop.test']").unwrap();
    assert_eq!(written.acme_domains(), ["shop.test"]);
    // An authority of one's own issues for all but this machine.
    let names = ["localhost", "127.0.0.1", "shop.internal", "10.0.0.7"];
    let own = TlsConfig::new().domains(names).own_authority(true);
    assert_eq!(own.effective_mode(), Mode::Acme);
    assert_eq!(own.acme_domains(), ["shop.internal", "10.0.0.7"]);
    let local = TlsConfig::new().domains(["localhost"]).own_authority(true);
    assert_eq!(local.effective_mode(), Mode::Local);
    assert_eq!(mode("certificate = 'a'\nkey = 'b'"), Mode::Files);
    assert_eq!(
        mode("certificates = [{ certificate = 'a', key = 'b' }]"),
        Mode::Files
    );
    assert_eq!(mode("mode = 'off'"), Mode::Off);
    let state = tempfile::tempdir().unwrap();
    let off = TlsConfig::new().mode(Mode::Off).certificate("a", "b");
    assert!(
        off.build(state.path(), Arc::new(ManualClock::new()))
            .unwrap()
            .is_none()
    );
    assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 0);
}

#[test]
fn toml_and_setters_say_the_same() {
    let config = parse(
        "mode = 'files'\nprofile = 'modern'\ncertificate = 'c'\nkey = 'k'\ndomains = ['a.example']\n\
         certificates = [{ certificate = '/d', key = 'l' }]",
    );
    let built = TlsConfig::new()
        .mode(Mode::Files)
        .profile(Profile::Modern)
        .certificate("c", "k")
        .domains(["a.example"])
        .certificates([CertificateFiles::new("/d", "l")]);
    assert_eq!(config.unwrap(), built);
    let moved = built.relative_to(Path::new("/etc"));
    assert_eq!(moved.certificate.as_deref(), Some(Path::new("/etc/c")));
    assert_eq!(moved.certificates, [CertificateFiles::new("/d", "/etc/l")]);
}

#[test]
fn unknown_words_name_the_nearest() {
    for (text, message) in [
        (
            "mode = 'locale'",
            "tls.mode: `locale` is not known (did you mean `local`?); write `acme`, `files`, `local` or `off`",
        ),
        (
            "mode = 'letsencrypt'",
            "tls.mode: `letsencrypt` is not known; write `acme`, `files`, `local` or `off`",
        ),
        (
            "profile = 'moderm'",
            "tls.profile: `moderm` is not known (did you mean `modern`?); write `intermediate` or `modern`",
        ),
    ] {
        assert_eq!(parse(text).unwrap_err(), message);
    }
    assert!(
        parse("certificat = 'a'")
            .unwrap_err()
            .contains("unknown field `certificat`")
    );
}

#[test]
fn contradictions_are_refused() {
    let config = |text| refusal(parse(text).unwrap());
    let (key, message) = config("certificate = 'a'");
    assert_eq!(key, "certificate");
    assert_eq!(
        message,
        "tls.certificate: needs `key` beside it, the PEM file with the private key"
    );
    assert_eq!(config("key = 'a'").0, "key");
    let (key, message) = config("mode = 'acme'");
    assert_eq!(key, "mode");
    assert!(message.contains("needs `domains`"), "{message}");
    let (key, message) = config("mode = 'files'");
    assert_eq!(key, "mode");
    assert!(
        message.contains("needs `certificate` and `key`"),
        "{message}"
    );
    let (key, message) = config("mode = 'local'\ncertificate = 'a'\nkey = 'b'");
    assert_eq!(key, "mode");
    assert!(message.contains("`local` would not use"), "{message}");
}

#[test]
fn a_domain_that_is_none_is_told_what_to_write() {
    for (domain, message) in [
        ("https://shop.example/", "is a URL; write `shop.example`"),
        ("shop.example:8443", "has a port; write `shop.example`"),
        ("[::1]:443", "has a port; write `::1`"),
        (
            "Shop.Example",
            "has upper-case letters; write `shop.example`",
        ),
        ("shop.example.", "ends in a dot; write `shop.example`"),
        ("shop.example/login", "has a path; write `shop.example`"),
        ("", "is empty; write a name such as `shop.example`"),
        (
            "shop example",
            "has a space in it; write a name such as `shop.example`",
        ),
        (
            "shop.*",
            "has a `*` that is not the whole first label; write a name such as `shop.example`",
        ),
        (
            "-shop.example",
            "is not a domain name; write a name such as `shop.example`",
        ),
        (
            "192.168.1.300",
            "is not a domain name; write a name such as `shop.example`",
        ),
        (
            "a..example",
            "is not a domain name; write a name such as `shop.example`",
        ),
        (
            "bücher.example",
            "is not ASCII; write its ASCII form, such as `xn--bcher-kva.example` for `bücher.example`",
        ),
    ] {
        let (key, text) = refusal(TlsConfig::new().domains([domain]));
        assert_eq!(key, "domains");
        assert_eq!(text, format!("tls.domains: `{domain}` {message}"));
    }
    for domain in [
        "shop.example",
        "*.shop.example",
        "intranet",
        "192.168.1.3",
        "::1",
        "xn--bcher-kva.example",
    ] {
        domain::check(domain).unwrap();
    }
}

proptest::proptest! {
    #[test]
    fn an_accepted_domain_can_be_certified(domain in "[a-z0-9.:*-]{1,20}") {
        if domain::check(&domain).is_ok() {
            rcgen::CertificateParams::new(vec![domain.clone()]).unwrap();
            let plain = domain.replacen('*', "a", 1);
            rustls_pki_types::ServerName::try_from(plain).unwrap();
        }
    }
}
