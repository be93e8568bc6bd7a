use std::fs;

use serde_json::json;

use super::disk::Found;
use super::*;

fn osv(value: &Value) -> Vec<Advisory> {
    let mut all = Vec::new();
    osv::read(value, &mut |advisory| all.push(advisory)).unwrap();
    all
}

fn lodash() -> Value {
    json!({
        "id": "GHSA-jf85-cpcp-j695",
        "summary": "Prototype Pollution in lodash",
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:H/A:H"}],
        "affected": [{
            "package": {"ecosystem": "npm", "name": "lodash"},
            "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "4.17.12"}]}]
        }]
    })
}

#[test]
fn osv_ranges_begin_and_end() {
    let one = &osv(&lodash())[0];
    assert_eq!(one.affects("4.17.11"), Some(true));
    assert_eq!(one.affects("4.17.12-pre"), Some(true));
    assert_eq!(one.affects("4.17.12"), Some(false));
    assert_eq!(one.affects("git+ssh://x"), None);
    assert_eq!(one.fixed("4.0.0").as_deref(), Some("4.17.12"));
    assert_eq!(one.severity, Some(Severity::High));
    let events = json!([
        {"fixed": "2.5.0"}, {"introduced": "2.0.0"}, {"introduced": "1.0.0"}, {"last_affected": "1.9.0"}
    ]);
    let many = json!({
        "id": "X-1",
        "affected": [{
            "package": {"ecosystem": "npm", "name": "x"},
            "ranges": [{"type": "SEMVER", "events": events}, {"type": "GIT", "events": [{"introduced": "0"}]}],
            "versions": ["9.0.0"]
        }],
        "database_specific": {"severity": "MODERATE"}
    });
    let one = &osv(&many)[0];
    let hit = ["1.0.0", "1.9.0", "2.0.0", "2.4.9", "9.0.0"];
    assert!(hit.iter().all(|version| one.affects(version) == Some(true)));
    let miss = ["0.9.0", "1.9.1", "2.5.0", "9.0.1"];
    assert!(
        miss.iter()
            .all(|version| one.affects(version) == Some(false))
    );
    assert_eq!(one.fixed("2.1.0").as_deref(), Some("2.5.0"));
    assert_eq!(one.fixed("1.1.0"), None);
    assert_eq!(one.severity, Some(Severity::Medium));
}

#[test]
fn what_was_withdrawn_is_left_out() {
    let mut value = lodash();
    value["withdrawn"] = json!("2024-01-01T00:00:00Z");
    assert!(osv(&value).is_empty());
    value["withdrawn"] = Value::Null;
    value["affected"][0]["ranges"] = json!([]);
    assert!(osv::read(&value, &mut |_| {}).is_err());
}

const SMALLVEC: &str = "```toml\n[advisory]\nid = \"RUSTSEC-2021-0003\"\npackage = \"smallvec\"\n\
    date = \"2021-01-08\"\ncvss = \"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H\"\n\n[versions]\n\
    patched = [\">= 0.6.14, < 1.0.0\", \">= 1.6.1\"]\nunaffected = [\"< 0.6.3\"]\n```\n\n\
    # Buffer overflow in SmallVec::insert_many\n\nMore.\n";

fn rustsec(text: &str) -> Vec<Advisory> {
    let mut all = Vec::new();
    rustsec::read(text, &mut |advisory| all.push(advisory)).unwrap();
    all
}

#[test]
fn rustsec_names_what_is_patched() {
    let one = &rustsec(SMALLVEC)[0];
    assert_eq!(one.title, "Buffer overflow in SmallVec::insert_many");
    assert_eq!((one.severity, one.kind), (Some(Severity::High), Kind::Hole));
    let hit = ["1.6.0", "0.6.3", "0.6.13", "1.0.0"];
    assert!(hit.iter().all(|version| one.affects(version) == Some(true)));
    // A prerelease of a patched line is patched.
    let miss = ["1.6.1", "0.6.14", "0.6.2", "2.0.0-alpha.1"];
    assert!(
        miss.iter()
            .all(|version| one.affects(version) == Some(false))
    );
    assert_eq!(one.fixed("1.6.0").as_deref(), Some("1.6.1"));
    assert_eq!(one.fixed("0.6.5").as_deref(), Some("0.6.14"));
    let notice = SMALLVEC.replace("cvss =", "informational = \"unmaintained\"\ncvss =");
    assert_eq!(rustsec(&notice)[0].kind, Kind::Notice);
    assert!(rustsec(&SMALLVEC.replace("cvss =", "withdrawn = \"2022-01-01\"\ncvss =")).is_empty());
    assert!(rustsec(&SMALLVEC.replace("cvss =", "collection = \"rust\"\ncvss =")).is_empty());
}

#[test]
fn cargo_ranges_are_read_as_cargo_reads_them() {
    let patched = |range: &str, version: &str| {
        let text = SMALLVEC
            .replace(
                "\">= 0.6.14, < 1.0.0\", \">= 1.6.1\"",
                &format!("\"{range}\""),
            )
            .replace("\"< 0.6.3\"", "");
        rustsec(&text)[0].affects(version) == Some(false)
    };
    for (range, inside, outside) in [
        ("^1.2.3", "1.9.0", "2.0.0"),
        ("^0.7.3", "0.7.9", "0.8.0"),
        ("^0.0.3", "0.0.3", "0.7.0"),
        ("~1.2", "1.2.9", "1.3.0"),
        ("~1.2.3", "1.2.4", "1.3.0"),
        ("=1.2.3", "1.2.3", "1.2.4"),
        ("1.2.*", "1.2.7", "1.3.0"),
        ("> 1.2.3", "1.2.4", "1.2.3"),
        ("<= 1.2", "1.2.9", "1.3.0"),
        (">= 1.0.0-rc.2", "1.0.0-rc.3", "1.0.0-rc.1"),
        ("> 1.0.0-rc.2", "1.0.0", "1.0.0-rc.2"),
    ] {
        assert!(patched(range, inside), "{range} {inside}");
        assert!(!patched(range, outside), "{range} {outside}");
    }
}

#[test]
fn both_forms_of_npm_audit_are_read() {
    let new = json!({
        "auditReportVersion": 2,
        "vulnerabilities": {
            "express": {"name": "express", "via": ["qs"], "range": "<=4.17.2"},
            "qs": {"name": "qs", "via": [{
                "source": 1_096_470, "name": "qs", "dependency": "qs", "title": "qs vulnerable to Prototype Pollution",
                "url": "https://github.com/advisories/GHSA-hrpp-h998-j3pp", "severity": "high",
                "range": ">=6.7.0 <6.7.3"
            }]}
        },
        "metadata": {"dependencies": {"total": 53}}
    });
    let old = json!({
        "advisories": {"1469": {
            "id": 1469, "module_name": "qs", "title": "Prototype Override", "severity": "moderate",
            "vulnerable_versions": "<6.0.4 || >=6.1.0 <6.1.2", "patched_versions": ">=6.0.4 <6.1.0 || >=6.1.2",
            "url": "https://npmjs.com/advisories/1469"
        }},
        "metadata": {"totalDependencies": 50}
    });
    assert!(npm::is_saved(&new) && npm::is_saved(&old) && !npm::is_saved(&lodash()));
    let (new, old) = (npm::saved(&new), npm::saved(&old));
    assert_eq!((new.total, old.total), (Some(53), Some(50)));
    let one = &new.advisories[0];
    assert_eq!((&*one.id, &*one.package), ("GHSA-hrpp-h998-j3pp", "qs"));
    assert_eq!(one.affects("6.7.0"), Some(true));
    assert_eq!(one.fixed("6.7.0").as_deref(), Some("6.7.3"));
    let one = &old.advisories[0];
    assert_eq!(one.id, "npm advisory 1469");
    assert_eq!(
        (one.affects("6.1.1"), one.affects("6.0.4")),
        (Some(true), Some(false))
    );
    assert_eq!(one.fixed("6.1.1").as_deref(), Some("6.1.2"));
    assert_eq!(one.fixed("5.0.0").as_deref(), Some("6.0.4"));
}

#[test]
fn a_folder_is_read_with_what_lies_deeper() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("crates/smallvec");
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("RUSTSEC-2021-0003.md"), SMALLVEC).unwrap();
    fs::write(dir.path().join("README.md"), "# About").unwrap();
    fs::write(
        dir.path().join("a.json"),
        json!([lodash(), lodash()]).to_string(),
    )
    .unwrap();
    fs::write(dir.path().join("b.json"), "{\"npm\": ").unwrap();
    let found = Found::read(dir.path());
    assert_eq!(found.covers, [Ecosystem::Npm, Ecosystem::Cargo]);
    assert_eq!(found.advisories.of(Ecosystem::Npm, "lodash").len(), 1);
    assert_eq!(found.advisories.of(Ecosystem::Cargo, "smallvec").len(), 1);
    assert_eq!(found.unread.len(), 1, "{:?}", found.unread);
    assert!(found.unread[0].contains("b.json"));
    let other = Found::read(&dir.path().join("README.md"));
    assert_eq!((other.covers.len(), other.unread.len()), (0, 1));
    assert_eq!(Found::read(&dir.path().join("none")).unread.len(), 1);
}

#[test]
fn what_fixes_it_is_not_affected_itself() {
    let range = "<0.2.4 || <1.2.6 || >=1.2.6 <1.3.0 || <=0.1.0";
    let saved = json!({"x": [{"id": 1, "vulnerable_versions": range, "severity": "high"}]});
    let saved = npm::bulk(&saved).unwrap().advisories;
    assert_eq!(saved[0].fixed("0.0.8").as_deref(), Some("1.3.0"));
    let only = json!({"x": [{"id": 1, "vulnerable_versions": "<=0.2.3", "severity": "high"}]});
    let only = npm::bulk(&only).unwrap().advisories;
    assert_eq!(only[0].fixed("0.2.3"), None);
    let spans = json!({
        "id": "X-1",
        "affected": [{
            "package": {"ecosystem": "npm", "name": "x"},
            "ranges": [
                {"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.0.0"}]},
                {"type": "SEMVER", "events": [{"introduced": "1.0.0"}, {"fixed": "1.1.0"}]}
            ],
            "versions": ["1.1.0"]
        }]
    });
    assert_eq!(osv(&spans)[0].fixed("0.5.0"), None);
}
