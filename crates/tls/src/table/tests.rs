use panoply_core::ManualClock;
use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls_pki_types::PrivateKeyDer;

use super::*;
use crate::server;

fn entry(names: &[&str], source: CertificateSource, key: &KeyPair) -> Arc<Entry> {
    entry_until(4000, names, source, key)
}

/// One that is good from 2020 until the first of January of that year.
fn entry_until(year: i32, names: &[&str], source: CertificateSource, key: &KeyPair) -> Arc<Entry> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(year, 1, 1);
    let certificate = params.self_signed(key).unwrap();
    let info = CertificateInfo::read(certificate.der(), source).unwrap();
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let chain = vec![certificate.der().clone()];
    let pair = CertifiedKey::from_der(chain, private, &server::provider()).unwrap();
    Arc::new(Entry {
        key: Arc::new(pair),
        info,
    })
}

fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

#[test]
fn with_mixed_sources_each_name_has_its_own() {
    use CertificateSource::{Acme, Files, Local};
    let key = key();
    let table = Table::new(vec![
        entry(&["localhost", "shop.example"], Local, &key),
        entry(&["shop.example", "*.shop.example"], Acme, &key),
        entry(&["old.shop.example", "both.example"], Files, &key),
        entry(&["both.example"], Acme, &key),
    ]);
    let resolver = Resolver::new(Challenges::default(), Arc::new(ManualClock::new()));
    assert_eq!(resolver.source(None), None);
    resolver.replace(table);
    for (name, source) in [
        (Some("localhost"), Local),
        (Some("shop.example"), Acme),
        (Some("a.shop.example"), Acme),
        (Some("old.shop.example"), Files),
        (Some("both.example"), Files),
        (Some("unknown.example"), Files),
        (None, Files),
    ] {
        assert_eq!(resolver.source(name), Some(source), "{name:?}");
    }
}

#[test]
fn what_is_over_gives_way_to_what_is_not() {
    use CertificateSource::{Acme, Files, Local};
    let key = key();
    let over = |names: &[&str], source| entry_until(2021, names, source, &key);
    let table = Table::new(vec![
        over(&["both.example"], Files),
        entry(&["both.example"], Files, &key),
        over(&["a.wild.example"], Acme),
        entry(&["*.wild.example"], Acme, &key),
        over(&["own.wild.example"], Files),
        over(&["shop.example"], Acme),
        entry(&["shop.example"], Local, &key),
    ]);
    let now = SystemTime::from(date_time_ymd(2026, 1, 1));
    for (name, source, good) in [
        ("both.example", Files, true),
        ("a.wild.example", Acme, true),
        ("own.wild.example", Acme, true),
        // What no browser trusts is of no use.
        ("shop.example", Acme, false),
        ("unknown.example", Files, true),
    ] {
        let chosen = table.choose(Some(name), now, |_| true).unwrap();
        let info = &chosen.info;
        assert_eq!(
            (info.source(), info.not_after() > now),
            (source, good),
            "{name}"
        );
        assert!(table.choose(Some(name), now, |_| false).is_some(), "{name}");
    }
}

#[test]
fn odd_names_get_the_default() {
    let key = key();
    let table = Table::new(vec![
        entry(&["first.example"], CertificateSource::Files, &key),
        entry(&["*.example"], CertificateSource::Files, &key),
    ]);
    for name in [
        "",
        ".",
        ".example",
        "example",
        "a.b.example",
        "..example",
        "a.",
    ] {
        let found = table.find(Some(name));
        assert_eq!(found[0].info.names(), ["first.example"], "{name:?}");
    }
    assert_eq!(table.find(Some("a.example"))[0].info.names(), ["*.example"]);
}

/// Straight from the words of RFC 9525 §6.3, label by label.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.split('.'), name.split('.'));
    let (pattern, name): (Vec<_>, Vec<_>) = (pattern.collect(), name.collect());
    pattern.len() == name.len()
        && pattern
            .iter()
            .zip(&name)
            .enumerate()
            .all(|(position, (p, n))| p == n || (position == 0 && *p == "*"))
}

proptest! {
    #[test]
    fn finds_what_matches_and_nothing_else(
        patterns in prop::collection::vec("(\\*\\.)?[ab](\\.[ab]){0,2}", 1..6),
        name in "[ab](\\.[ab]){0,3}",
    ) {
        let key = key();
        let default = entry(&["default.test"], CertificateSource::Files, &key);
        let entries = patterns
            .iter()
            .map(|pattern| entry(&[pattern], CertificateSource::Files, &key));
        let entries: Vec<_> = std::iter::once(default).chain(entries).collect();
        let table = Table::new(entries);
        let found = table.find(Some(&name))[0].info.names()[0].clone();

        let exact = patterns.iter().find(|pattern| **pattern == name);
        let wild = patterns.iter().find(|pattern| matches(pattern, &name));
        let expected = exact.or(wild).map_or("default.test", String::as_str);
        prop_assert_eq!(&found, expected);
        for entry in table.entries() {
            let own = &entry.info.names()[0];
            prop_assert_eq!(entry.info.covers(&name), matches(own, &name));
        }
    }
}
