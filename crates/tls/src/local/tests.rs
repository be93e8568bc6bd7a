use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, SystemTime};

use panoply_core::{Clock as _, ManualClock};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::*;
use crate::error::At;
use crate::{pem, server};

const DAY: Duration = Duration::from_hours(24);

fn open(state: &Path, domains: &[&str], now: SystemTime) -> Result<Local, Error> {
    let domains: Vec<String> = domains.iter().map(|name| (*name).to_owned()).collect();
    Local::open(state, &domains, Arc::new(server::provider()), now)
}

fn ca(state: &Path) -> Vec<u8> {
    fs::read(state.join("ca.pem")).unwrap()
}

#[test]
fn makes_what_is_missing_for_the_owner_alone() {
    let home = tempfile::tempdir().unwrap();
    let state = home.path().join("deep/state");
    let now = ManualClock::new().wall();
    let local = open(&state, &["shop.localhost"], now).unwrap();
    let mode = |name: &str| fs::metadata(state.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(""), 0o700);
    assert_eq!(mode("ca.pem"), 0o644);
    assert_eq!(mode("leaf.pem"), 0o644);
    assert_eq!(
        [mode("ca-key.pem"), mode("leaf-key.pem"), mode("tls.lock")],
        [0o600; 3]
    );
    let left = fs::read_dir(&state).unwrap().count();
    assert_eq!(left, 5, "no temporary file is left");

    let info = &local.entry().info;
    assert_eq!(
        info.names(),
        ["127.0.0.1", "::1", "localhost", "shop.localhost"]
    );
    assert_eq!(info.not_after(), now + 90 * DAY);
    let leaf = &local.entry().key.cert[0];
    let (_, leaf) = X509Certificate::from_der(leaf).unwrap();
    assert!(!leaf.is_ca());
    assert!(
        leaf.extended_key_usage()
            .unwrap()
            .unwrap()
            .value
            .server_auth
    );
}

#[test]
fn the_authority_may_sign_certificates_and_nothing_below_it_may() {
    let state = tempfile::tempdir().unwrap();
    let now = ManualClock::new().wall();
    open(state.path(), &[], now).unwrap();
    let chain = pem::chain(&ca(state.path()), &At::state(state.path())).unwrap();
    let (_, root) = X509Certificate::from_der(&chain[0]).unwrap();
    let basic = root.basic_constraints().unwrap().unwrap();
    assert!(basic.critical && basic.value.ca);
    assert_eq!(basic.value.path_len_constraint, Some(0));
    let usage = root.key_usage().unwrap().unwrap();
    assert!(usage.critical && usage.value.key_cert_sign() && usage.value.crl_sign());
    assert!(!usage.value.digital_signature());
    assert!(root.extended_key_usage().unwrap().is_none());
    assert!(root.verify_signature(None).is_ok());
    let end = SystemTime::from(root.validity().not_after.to_datetime());
    assert_eq!(end, now + 3652 * DAY);
}

#[test]
fn an_authority_made_while_the_clock_was_ahead_is_good_when_it_is_right() {
    let (state, now) = (tempfile::tempdir().unwrap(), ManualClock::new().wall());
    open(state.path(), &[], now + 2000 * DAY).unwrap();
    let local = open(state.path(), &[], now).unwrap();
    let chain = pem::chain(&ca(state.path()), &At::state(state.path())).unwrap();
    let (_, root) = X509Certificate::from_der(&chain[0]).unwrap();
    assert!(SystemTime::from(root.validity().not_before.to_datetime()) <= now);
    assert!(local.entry().info.not_before() <= now);
}

#[test]
fn keeps_the_leaf_and_renews_it_at_two_thirds() {
    let (state, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let mut local = open(state.path(), &[], clock.wall()).unwrap();
    let first = local.entry().info.clone();
    let again = open(state.path(), &[], clock.wall()).unwrap();
    assert_eq!(again.entry().info, first);

    clock.advance(59 * DAY);
    assert!(!local.refresh(clock.wall()).unwrap());
    clock.advance(DAY);
    assert!(local.refresh(clock.wall()).unwrap());
    let second = local.entry().info.clone();
    assert_ne!(second.fingerprint(), first.fingerprint());
    assert_eq!(second.not_after(), clock.wall() + 90 * DAY);
    assert!(!local.refresh(clock.wall()).unwrap());
}

#[test]
fn the_second_process_takes_over_what_the_first_renewed() {
    let (state, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let mut one = open(state.path(), &[], clock.wall()).unwrap();
    let mut other = open(state.path(), &[], clock.wall()).unwrap();
    clock.advance(70 * DAY);
    assert!(one.refresh(clock.wall()).unwrap());
    assert!(other.refresh(clock.wall()).unwrap());
    assert_eq!(one.entry().info, other.entry().info);
}

#[test]
fn lasts_for_ten_years_and_then_says_what_to_do() {
    let (state, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let mut local = open(state.path(), &[], clock.wall()).unwrap();
    let before = ca(state.path());
    for _ in 0..59 {
        clock.advance(60 * DAY);
        assert!(local.refresh(clock.wall()).unwrap());
    }
    assert_eq!(ca(state.path()), before);
    clock.advance(60 * DAY);
    assert!(local.refresh(clock.wall()).unwrap());
    clock.advance(52 * DAY);
    let last = local.entry().info.not_after();
    assert_eq!(
        last,
        ManualClock::new().wall() + 3652 * DAY,
        "never beyond the authority"
    );
    clock.advance(DAY);
    let error = local.refresh(clock.wall()).unwrap_err();
    assert!(matches!(error, Error::CaExpired { .. }), "{error}");
    assert!(
        error.to_string().contains("delete it and `ca-key.pem`"),
        "{error}"
    );
    assert!(!local.refresh(clock.wall()).unwrap(), "said once");
    assert!(local.trouble().is_some());
}

#[test]
fn other_names_make_another_leaf_under_the_same_authority() {
    let (state, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    open(state.path(), &["a.localhost"], clock.wall()).unwrap();
    let before = ca(state.path());
    let local = open(state.path(), &["b.localhost"], clock.wall()).unwrap();
    assert!(local.entry().info.covers("b.localhost"));
    assert!(!local.entry().info.covers("a.localhost"));
    assert_eq!(ca(state.path()), before);
}

#[test]
fn many_starters_end_with_one_authority_and_one_leaf() {
    let home = tempfile::tempdir().unwrap();
    let state = home.path().join("state");
    let now = ManualClock::new().wall();
    let prints: Vec<_> = std::thread::scope(|scope| {
        let start = || {
            open(&state, &["shop.localhost"], now)
                .unwrap()
                .entry()
                .info
                .fingerprint()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(prints.windows(2).all(|two| two[0] == two[1]), "{prints:?}");
}

#[test]
fn a_damaged_leaf_is_remade() {
    for (name, content) in [
        ("leaf.pem", ""),
        ("leaf.pem", "-----BEGIN CERTIFICATE-----\nMIIB"),
        ("leaf-key.pem", "nonsense"),
    ] {
        let state = tempfile::tempdir().unwrap();
        let now = ManualClock::new().wall();
        open(state.path(), &[], now).unwrap();
        let before = ca(state.path());
        fs::write(state.path().join(name), content).unwrap();
        fs::write(state.path().join(".leaf.pem.new"), "left by a crash").unwrap();
        open(state.path(), &[], now).unwrap();
        assert_eq!(ca(state.path()), before);
    }
}

#[test]
fn a_leaf_of_another_authority_is_remade() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let now = ManualClock::new().wall();
    let foreign = open(one.path(), &[], now).unwrap();
    open(other.path(), &[], now).unwrap();
    for name in ["leaf.pem", "leaf-key.pem"] {
        fs::copy(one.path().join(name), other.path().join(name)).unwrap();
    }
    let local = open(other.path(), &[], now).unwrap();
    assert_ne!(local.entry().info, foreign.entry().info);
}

#[test]
fn the_authority_is_made_again_only_from_its_own_key() {
    let state = tempfile::tempdir().unwrap();
    let now = ManualClock::new().wall();
    open(state.path(), &[], now).unwrap();
    let [certificate, key] = ["ca.pem", "ca-key.pem"].map(|name| state.path().join(name));
    let kept = fs::read(&key).unwrap();
    let old = ca(state.path());

    fs::remove_file(&certificate).unwrap();
    let local = open(state.path(), &[], now).unwrap();
    assert_eq!(fs::read(&key).unwrap(), kept);
    // Whoever trusts the old certificate trusts what is issued under the new one.
    let old = pem::chain(&old, &At::state(&certificate)).unwrap();
    let (_, old) = X509Certificate::from_der(&old[0]).unwrap();
    let (_, leaf) = X509Certificate::from_der(&local.entry().key.cert[0]).unwrap();
    assert_eq!(leaf.issuer(), old.subject());
    assert!(leaf.verify_signature(Some(old.public_key())).is_ok());

    fs::remove_file(&key).unwrap();
    let error = open(state.path(), &[], now).unwrap_err();
    assert!(matches!(error, Error::CaKeyMissing { .. }), "{error}");
    assert!(!key.exists(), "no new key");

    fs::write(&key, "half a k").unwrap();
    let error = open(state.path(), &[], now).unwrap_err();
    assert!(matches!(error, Error::NotPem { .. }), "{error}");

    let foreign = rcgen::KeyPair::generate().unwrap().serialize_pem();
    fs::write(&key, foreign).unwrap();
    let error = open(state.path(), &[], now).unwrap_err();
    assert!(matches!(error, Error::CaMismatch { .. }), "{error}");

    fs::write(&key, &kept).unwrap();
    fs::write(&certificate, "-----BEGIN CERTIFICATE-----\nMIIB").unwrap();
    let error = open(state.path(), &[], now).unwrap_err();
    assert!(matches!(error, Error::CaUnfit { .. }), "{error}");
    assert_eq!(error.key(), "");
}
