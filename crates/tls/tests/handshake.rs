//! Handshakes as clients make them.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails like the test")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use panoply_core::{CertificateSource, ManualClock};
use panoply_tls::{CertificateFiles, Profile, TlsConfig};
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, HandshakeKind, NamedGroup, ProtocolVersion};
use support::{Authority, client, client_with, local, shake, shown};

#[test]
fn speaks_tls_1_3_with_the_post_quantum_hybrid_and_h2() {
    let (state, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let tls = local(state.path(), &clock, TlsConfig::new());
    let client = Arc::new(client(tls.ca_certificate().unwrap(), &clock));
    for name in ["localhost", "127.0.0.1", "::1"] {
        let (one, other) = shake(&tls, &client, name).unwrap();
        assert_eq!(one.protocol_version(), Some(ProtocolVersion::TLSv1_3));
        assert_eq!(one.alpn_protocol(), Some(&b"h2"[..]));
        let group = one.negotiated_key_exchange_group().unwrap().name();
        assert_eq!(group, NamedGroup::X25519MLKEM768);
        let session = tls.session(&other);
        assert_eq!(session.certificate, CertificateSource::Local);
        let asked = (name == "localhost").then_some("localhost");
        assert_eq!(session.server_name.as_deref(), asked);
    }
}

#[test]
fn the_order_of_the_server_counts_and_the_hybrid_is_first() {
    let (state, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let tls = local(state.path(), &clock, TlsConfig::new());
    let config = tls.server_config();
    let groups = &config.crypto_provider().kx_groups;
    let names: Vec<NamedGroup> = groups.iter().map(|group| group.name()).collect();
    assert_eq!(
        names,
        [
            NamedGroup::X25519MLKEM768,
            NamedGroup::X25519,
            NamedGroup::secp256r1,
            NamedGroup::secp384r1
        ]
    );
    assert_eq!(config.max_early_data_size, 0);

    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.reverse();
    let ca = tls.ca_certificate().unwrap();
    for (version, suite) in [
        (&TLS13, CipherSuite::TLS13_AES_128_GCM_SHA256),
        (&TLS12, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ] {
        let client = client_with(ca, &clock, provider.clone(), &[version]);
        let (one, _) = shake(&tls, &Arc::new(client), "localhost").unwrap();
        assert_eq!(one.negotiated_cipher_suite().unwrap().suite(), suite);
    }
}

#[test]
fn speaks_tls_1_2_with_old_groups_and_http_1_1() {
    let (state, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let tls = local(state.path(), &clock, TlsConfig::new());
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![kx_group::SECP256R1];
    let ca = tls.ca_certificate().unwrap();
    let mut client = client_with(ca, &clock, provider, &[&TLS12]);
    client.alpn_protocols = vec![b"http/1.1".to_vec()];
    let (one, _) = shake(&tls, &Arc::new(client), "localhost").unwrap();
    assert_eq!(one.protocol_version(), Some(ProtocolVersion::TLSv1_2));
    assert_eq!(one.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[test]
fn who_offers_http_1_0_alone_is_served_and_nobody_else_gets_it() {
    let (state, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let tls = local(state.path(), &clock, TlsConfig::new());
    let ca = tls.ca_certificate().unwrap();
    for (offered, spoken) in [
        (&["http/1.0"][..], "http/1.0"),
        (&["http/1.0", "http/1.1"], "http/1.1"),
        (&["http/1.0", "http/1.1", "h2"], "h2"),
    ] {
        let mut client = client(ca, &clock);
        let offered = offered.iter().map(|name| name.as_bytes().to_vec());
        client.alpn_protocols = offered.collect();
        let (one, _) = shake(&tls, &Arc::new(client), "localhost").unwrap();
        assert_eq!(one.alpn_protocol(), Some(spoken.as_bytes()));
    }
}

#[test]
fn modern_refuses_tls_1_2() {
    let (state, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let tls = local(
        state.path(),
        &clock,
        TlsConfig::new().profile(Profile::Modern),
    );
    let ca = tls.ca_certificate().unwrap();
    let provider = aws_lc_rs::default_provider;
    let old = Arc::new(client_with(ca, &clock, provider(), &[&TLS12]));
    let new = Arc::new(client_with(ca, &clock, provider(), &[&TLS13]));
    assert!(shake(&tls, &old, "localhost").is_err());
    assert!(shake(&tls, &new, "localhost").is_ok());
}

#[test]
fn resumes_from_a_ticket_until_it_is_too_old() {
    for version in [&TLS12, &TLS13] {
        let (state, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
        let tls = local(state.path(), &clock, TlsConfig::new());
        let ca = tls.ca_certificate().unwrap();
        let provider = aws_lc_rs::default_provider();
        let client = Arc::new(client_with(ca, &clock, provider, &[version]));
        let kind = || {
            let (one, _) = shake(&tls, &client, "localhost").unwrap();
            one.handshake_kind().unwrap()
        };
        assert_eq!(kind(), HandshakeKind::Full);
        assert_eq!(kind(), HandshakeKind::Resumed);
        clock.advance(Duration::from_hours(48));
        assert_eq!(kind(), HandshakeKind::Full);
    }
}

#[test]
fn a_ticket_of_one_name_is_not_taken_for_another() {
    let (state, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let config = TlsConfig::new().domains(["a.localhost", "b.localhost"]);
    let tls = local(state.path(), &clock, config);
    let client = Arc::new(client(tls.ca_certificate().unwrap(), &clock));
    for name in ["a.localhost", "b.localhost"] {
        let (one, _) = shake(&tls, &client, name).unwrap();
        assert_eq!(one.handshake_kind(), Some(HandshakeKind::Full));
    }
}

#[test]
fn the_name_asked_for_chooses_the_certificate() {
    let (home, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let authority = Authority::new();
    let root = authority.root(home.path());
    let default = authority.issue(home.path(), "default", &["shop.example", "127.0.0.1"]);
    let wild = authority.issue(home.path(), "wild", &["*.shop.example"]);
    let exact = authority.issue(home.path(), "exact", &["admin.shop.example"]);
    let more = [&wild, &exact].map(|files| CertificateFiles::new(&files.certificate, &files.key));
    let tls = local(home.path(), &clock, default.config().certificates(more));
    let client = Arc::new(client(&root, &clock));

    let certificates = tls.certificates();
    let names: Vec<&str> = certificates.iter().map(|c| c.names()[0].as_str()).collect();
    assert_eq!(
        names,
        ["shop.example", "*.shop.example", "admin.shop.example"]
    );
    for (name, expected) in [
        ("shop.example", 0),
        ("a.shop.example", 1),
        ("admin.shop.example", 2),
        ("127.0.0.1", 0),
    ] {
        let (one, other) = shake(&tls, &client, name).unwrap();
        let print = aws_lc_rs_fingerprint(&shown(&one));
        assert_eq!(
            print,
            *certificates[expected].fingerprint().as_bytes(),
            "{name}"
        );
        assert_eq!(tls.session(&other).certificate, CertificateSource::Files);
    }
    // One label only, and the default's certificate is not for it either.
    assert!(shake(&tls, &client, "a.b.shop.example").is_err());
    assert_eq!(tls.ca_certificate(), None);
}

#[test]
fn an_rsa_and_an_ecdsa_certificate_stand_side_by_side() {
    let (home, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let authority = Authority::new();
    let root = authority.root(home.path());
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let (certificate, key) = authority.pems_for(&["shop.example"], &key);
    let rsa = support::Files::write(home.path(), "rsa", &certificate, &key);
    let ecdsa = authority.issue(home.path(), "ecdsa", &["shop.example"]);
    let more = [CertificateFiles::new(&ecdsa.certificate, &ecdsa.key)];
    let tls = local(home.path(), &clock, rsa.config().certificates(more));

    let mut provider = aws_lc_rs::default_provider();
    let only = |scheme| move |known: &(rustls::SignatureScheme, _)| known.0 == scheme;
    for (scheme, expected) in [
        (rustls::SignatureScheme::RSA_PSS_SHA256, 0),
        (rustls::SignatureScheme::ECDSA_NISTP256_SHA256, 1),
    ] {
        let all = aws_lc_rs::default_provider().signature_verification_algorithms;
        let mapping: Vec<_> = all.mapping.iter().copied().filter(only(scheme)).collect();
        provider.signature_verification_algorithms.mapping = Vec::leak(mapping);
        let client = Arc::new(client_with(&root, &clock, provider.clone(), &[&TLS13]));
        let (one, _) = shake(&tls, &client, "shop.example").unwrap();
        let print = aws_lc_rs_fingerprint(&shown(&one));
        assert_eq!(
            print,
            *tls.certificates()[expected].fingerprint().as_bytes()
        );
    }
}

fn aws_lc_rs_fingerprint(der: &[u8]) -> [u8; 32] {
    let digest = ::aws_lc_rs::digest::digest(&::aws_lc_rs::digest::SHA256, der);
    digest.as_ref().try_into().unwrap()
}
