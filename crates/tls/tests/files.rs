//! Certificates from files: what is refused, what is warned of, what is taken over.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails like the test")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use panoply_core::ManualClock;
use panoply_tls::{CertificateFiles, ClientsConfig, Refresh, TlsConfig, Warning};
use rcgen::KeyPair;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use support::{Authority, DAY, Files, client, local, shake, shown};
use tempfile::TempDir;

fn home() -> (TempDir, ManualClock, Authority) {
    (
        tempfile::tempdir().unwrap(),
        ManualClock::new(),
        Authority::new(),
    )
}

fn refusal(config: TlsConfig) -> (String, String) {
    let state = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new());
    let error = config.build(state.path(), clock).unwrap_err();
    (error.key().to_owned(), error.to_string())
}

#[test]
fn a_missing_file_is_named() {
    let (home, _, authority) = home();
    let files = authority.issue(home.path(), "shop", &["shop.example"]);
    let gone = home.path().join("gone.pem");
    let (key, message) = refusal(TlsConfig::new().certificate(&files.certificate, &gone));
    assert_eq!(key, "key");
    let expected = format!(
        "tls.key: {}: cannot be read: there is no such file",
        gone.display()
    );
    assert_eq!(message, expected);
    let second = CertificateFiles::new(&gone, &files.key);
    let (key, _) = refusal(files.config().certificates([second]));
    assert_eq!(key, "certificates.0.certificate");
    for odd in [home.path(), "/dev/null".as_ref()] {
        let (_, message) = refusal(TlsConfig::new().certificate(odd, &files.key));
        assert!(message.contains("is no file; name one"), "{message}");
    }
}

#[test]
fn files_that_were_put_together_are_read_whole() {
    let (home, clock, authority) = home();
    let root = authority.root(home.path());
    let issuer = fs::read_to_string(&root).unwrap();
    let (certificate, key) = authority.pems(&["shop.example"]);
    let (mark, glued) = ("\u{feff}", certificate.trim_end());
    for chain in [
        format!("{glued}{issuer}"),
        format!("{glued} \t{issuer}"),
        format!("{certificate}{mark}{issuer}"),
        format!("{mark}{certificate}{issuer}"),
        format!("{mark}{certificate}{mark}{issuer}").replace('\n', "\r\n"),
    ] {
        let files = Files::write(home.path(), "shop", &chain, &format!("{mark}{key}"));
        let tls = local(home.path(), &clock, files.config());
        let (client, _) = shake(&tls, &Arc::new(client(&root, &clock)), "shop.example").unwrap();
        assert_eq!(client.peer_certificates().unwrap().len(), 2, "{chain}");
    }
}

#[test]
fn a_chain_with_a_gap_is_told_of() {
    let (home, clock, authority) = home();
    let issuer = fs::read_to_string(authority.root(home.path())).unwrap();
    let (certificate, key) = authority.pems(&["shop.example"]);
    // Of another name, or it would pass for the issuer's.
    let mut other = rcgen::CertificateParams::new(["other.example".to_owned()]).unwrap();
    other
        .distinguished_name
        .push(rcgen::DnType::CommonName, "Another");
    let other = other
        .self_signed(&KeyPair::generate().unwrap())
        .unwrap()
        .pem();
    for (chain, complete) in [
        (certificate.clone(), true),
        (format!("{certificate}{issuer}"), true),
        (format!("{certificate}{other}"), false),
        (format!("{certificate}{other}{issuer}"), true),
    ] {
        let files = Files::write(home.path(), "shop", &chain, &key);
        let tls = local(home.path(), &clock, files.config());
        let warnings = tls.warnings();
        let is_told = |warning: &Warning| matches!(warning, Warning::Incomplete(_));
        assert_eq!(!warnings.iter().any(is_told), complete, "{warnings:?}");
    }
    // One that says where its issuer's can be fetched, as those do that are issued by no root.
    let (certificate, key) = authority.pems_that_name_their_issuer(&["shop.example"]);
    let files = Files::write(home.path(), "shop", &certificate, &key);
    let said: Vec<String> = local(home.path(), &clock, files.config())
        .warnings()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(
        said.iter()
            .any(|said| said.contains("`CN=Authority of a test`, who issued it")),
        "{said:?}"
    );
}

#[test]
fn what_is_not_pem_is_told_apart() {
    let (home, _, authority) = home();
    let (certificate, key) = authority.pems(&["shop.example"]);
    let der = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let der_key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let half = &certificate.as_bytes()[..certificate.len() / 2];
    let sealed =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let rubbish = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let large = vec![b'-'; 2_000_000];
    let (c, k) = (certificate.as_bytes(), key.as_bytes());
    for (certificate, key, place, message) in [
        (&b""[..], k, "certificate", "is empty"),
        (b"hello", k, "certificate", "is not PEM"),
        (
            &der,
            k,
            "certificate",
            "convert it with `openssl x509 -inform DER -in",
        ),
        (
            b"\x30\x06\x02\x01\x03\x30\x01\x00",
            k,
            "certificate",
            "convert it with `openssl pkcs12 -nodes -in",
        ),
        (
            half,
            k,
            "certificate",
            "not written to its end: the line `-----END CERTIFICATE-----` is missing",
        ),
        (
            rubbish.as_bytes(),
            k,
            "certificate",
            "its certificate 1 cannot be read",
        ),
        (k, k, "certificate", "were `certificate` and `key` swapped?"),
        (c, c, "key", "were `certificate` and `key` swapped?"),
        (
            c,
            der_key.secret_der(),
            "key",
            "convert it with `openssl pkey -inform DER -in",
        ),
        (
            c,
            sealed.as_bytes(),
            "key",
            "decrypt it with `openssl pkey -in",
        ),
        (
            c,
            old.as_bytes(),
            "key",
            "decrypt it with `openssl pkey -in",
        ),
        (c, &large, "key", "is larger than 1 MiB"),
    ] {
        let files = Files::write(home.path(), "shop", "", "");
        fs::write(&files.certificate, certificate).unwrap();
        fs::write(&files.key, key).unwrap();
        let (found, text) = refusal(files.config());
        assert_eq!(found, place, "{text}");
        assert!(text.contains(message), "{text}");
    }
}

#[test]
fn a_key_that_does_not_match_is_refused() {
    let (home, _, authority) = home();
    let (certificate, _) = authority.pems(&["shop.example"]);
    let (_, key) = authority.pems(&["shop.example"]);
    let files = Files::write(home.path(), "shop", &certificate, &key);
    let (place, message) = refusal(files.config());
    assert_eq!(place, "key");
    assert!(
        message.contains("does not belong to the certificate in"),
        "{message}"
    );
}

#[test]
fn warns_of_what_should_be_looked_at() {
    let (home, clock, authority) = home();
    let files = authority.issue(home.path(), "shop", &["shop.example"]);
    let config = files.config().domains(["shop.example", "other.example"]);
    let tls = local(home.path(), &clock, config);
    assert_eq!(
        tls.warnings(),
        [Warning::Uncovered("other.example".to_owned())]
    );

    fs::set_permissions(&files.key, fs::Permissions::from_mode(0o644)).unwrap();
    let warnings = tls.warnings();
    assert!(matches!(&warnings[..], [_, Warning::ReadableKey(path)] if *path == files.key));
    let text = warnings[1].to_string();
    assert!(text.contains("chmod 600"), "{text}");

    clock.advance(300 * DAY);
    assert!(matches!(tls.warnings()[0], Warning::Expiring(_)));
    clock.advance(40 * DAY);
    let expired = &tls.warnings()[0];
    assert!(matches!(expired, Warning::Expired(_)));
    assert_eq!(
        expired.to_string(),
        "the certificate for shop.example, valid until 2030-12-01 00:00 UTC, has expired: \
         browsers refuse it; put a new one in its place"
    );
}

#[test]
fn new_files_are_taken_over_and_broken_ones_are_not() {
    let (home, clock, authority) = home();
    let files = authority.issue(home.path(), "shop", &["shop.example"]);
    let tls = local(home.path(), &clock, files.config());
    let print = || tls.certificates()[0].fingerprint();
    let first = print();
    assert_eq!(tls.refresh().unwrap(), Refresh::Unchanged);

    let (certificate, key) = authority.pems(&["shop.example", "new.example"]);
    fs::write(&files.certificate, &certificate).unwrap();
    let error = tls.refresh().unwrap_err();
    assert!(error.to_string().contains("does not belong"), "{error}");
    assert_eq!(print(), first);
    assert_eq!(tls.refresh().unwrap(), Refresh::Unchanged, "said once");
    assert!(matches!(&tls.warnings()[..], [Warning::Broken(text)] if *text == error.to_string()));

    fs::write(&files.key, &key).unwrap();
    match tls.refresh().unwrap() {
        Refresh::Replaced { certificates } => assert!(certificates[0].covers("new.example")),
        other => panic!("{other:?}"),
    }
    assert_ne!(print(), first);
    assert_eq!(tls.warnings(), []);

    fs::remove_file(&files.key).unwrap();
    assert!(tls.refresh().is_err());
    assert_eq!(tls.certificates().len(), 1);
    fs::write(&files.key, &key).unwrap();
    assert!(matches!(tls.refresh().unwrap(), Refresh::Replaced { .. }));
}

#[test]
fn one_broken_pair_does_not_hold_back_the_others() {
    let (home, clock, authority) = home();
    let one = authority.issue(home.path(), "one", &["one.example"]);
    let two = authority.issue(home.path(), "two", &["two.example"]);
    let config = one
        .config()
        .certificates([CertificateFiles::new(&two.certificate, &two.key)]);
    let tls = local(home.path(), &clock, config);
    let before = tls.certificates();
    fs::write(&one.key, "broken").unwrap();
    authority.issue(home.path(), "two", &["two.example"]);
    assert!(tls.refresh().is_err());
    let after = tls.certificates();
    assert_eq!(after[0], before[0]);
    assert_ne!(after[1], before[1]);
}

#[test]
fn a_chain_that_is_being_written_waits_for_its_end() {
    let (home, clock, authority) = home();
    let root = fs::read_to_string(authority.root(home.path())).unwrap();
    let key = KeyPair::generate().unwrap();
    let (first, secret) = authority.pems_for(&["shop.example"], &key);
    let files = Files::write(home.path(), "shop", &(first + &root), &secret);
    let tls = local(home.path(), &clock, files.config());
    let print = || tls.certificates()[0].fingerprint();
    let before = print();

    let (second, _) = authority.pems_for(&["shop.example"], &key);
    fs::write(&files.certificate, &second).unwrap();
    assert_eq!(tls.refresh().unwrap(), Refresh::Unchanged);
    assert_eq!(print(), before);
    fs::write(&files.certificate, second.clone() + &root).unwrap();
    assert!(matches!(tls.refresh().unwrap(), Refresh::Replaced { .. }));
    // One that stays shorter is meant so.
    fs::write(&files.certificate, &second).unwrap();
    assert_eq!(tls.refresh().unwrap(), Refresh::Unchanged);
    assert!(matches!(tls.refresh().unwrap(), Refresh::Replaced { .. }));
}

#[test]
fn no_handshake_fails_while_files_change_under_load() {
    let (home, clock, authority) = home();
    let root = authority.root(home.path());
    let pairs: Vec<_> = (0..2).map(|_| authority.pems(&["shop.example"])).collect();
    let files = Files::write(home.path(), "shop", &pairs[0].0, &pairs[0].1);
    let tls = local(home.path(), &clock, files.config());
    let (done, shaken) = (AtomicBool::new(false), AtomicUsize::new(0));
    let seen: Vec<_> = std::thread::scope(|scope| {
        let load = || {
            let mut seen = std::collections::HashSet::new();
            while !done.load(Ordering::Relaxed) {
                let client = Arc::new(client(&root, &clock));
                let (one, _) = shake(&tls, &client, "shop.example").unwrap();
                seen.insert(shown(&one).to_vec());
                shaken.fetch_add(1, Ordering::Relaxed);
            }
            seen
        };
        let loads: Vec<_> = (0..2).map(|_| scope.spawn(load)).collect();
        for round in 1..=40 {
            let (certificate, key) = &pairs[round % 2];
            // As a careless tool writes: in place, in two steps, looked at in between.
            fs::write(&files.certificate, certificate).unwrap();
            assert!(tls.refresh().is_err());
            fs::write(&files.key, key).unwrap();
            assert!(matches!(tls.refresh().unwrap(), Refresh::Replaced { .. }));
            let reached = shaken.load(Ordering::Relaxed);
            while shaken.load(Ordering::Relaxed) < reached + 2 {
                std::thread::yield_now();
            }
        }
        done.store(true, Ordering::Relaxed);
        loads.into_iter().map(|load| load.join().unwrap()).collect()
    });
    assert!(seen.iter().all(|seen| seen.len() == 2));
}

#[test]
fn a_revocation_list_is_missed_when_it_is_old() {
    let (home, clock, authority) = home();
    let files = authority.issue(home.path(), "shop", &["shop.example"]);
    let list = home.path().join("partners.crl");
    fs::write(&list, authority.list()).unwrap();
    let clients = ClientsConfig::new(authority.root(home.path())).revoked([&list]);
    let tls = local(home.path(), &clock, files.config().clients(clients));
    assert_eq!(tls.warnings(), []);
    clock.advance(30 * DAY);
    let warnings = tls.warnings();
    assert!(
        matches!(&warnings[..], [Warning::StaleList(path, _)] if *path == list),
        "{warnings:?}"
    );
    let said = warnings[0].to_string();
    assert!(
        said.contains("partners.crl was to be replaced by 2030-01-1"),
        "{said}"
    );
}
