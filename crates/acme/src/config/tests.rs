use super::*;

fn check(table: &str, names: &[&str]) -> Result<(), String> {
    let config: AcmeConfig = toml::from_str(table).map_err(|e| e.message().to_owned())?;
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    config.check(&names).map_err(|error| error.to_string())
}

#[test]
fn what_is_wrong_is_told_with_what_to_write() {
    let why = |table, names: &[&str]| check(table, names).unwrap_err();
    assert!(why("contact = \"ops\"", &["a.com"]).contains("acme.contact: `ops`"));
    assert!(why("directories = [\"letsencript\"]", &["a.com"]).contains("or the directory's URL"));
    assert!(why("directories = [\"http://ca\"]", &["a.com"]).contains("begins with `https://`"));
    for bad in [
        "https://bad host/dir",
        "https://b\u{fc}cher.example/dir",
        "https://me:pw@ca/dir",
    ] {
        let said = check(&format!("directories = [\"{bad}\"]"), &["a.com"]).unwrap_err();
        assert!(
            said.contains("is no URL") && said.contains("in ASCII"),
            "{said}"
        );
    }
    assert!(why("challenges = [\"dns-01\"]", &["a.com"]).contains("acme.dns_hook"));
    assert!(why("", &["*.a.com"]).contains("`*.a.com` needs DNS-01"));
    assert!(why("dns_hook = [\"/bin/true\"]", &["192.0.2.1"]).contains("add `tls-alpn-01`"));
    let account = "external_account = { id = \"a\", key = \"?\" }";
    assert!(why(account, &["a.com"]).contains("acme.external_account.key"));
    for good in [
        "",
        "contact = \"a@b\"\nprofile = \"shortlived\"",
        "dns_hook = [\"/bin/true\"]",
    ] {
        assert_eq!(check(good, &["a.com"]), Ok(()), "{good}");
    }
    assert_eq!(check("dns_hook = [\"/bin/true\"]", &["*.a.com"]), Ok(()));
}

#[test]
fn a_key_is_not_printed() {
    let table = "external_account = { id = \"a\", key = \"c2VjcmV0\" }";
    let config: AcmeConfig = toml::from_str(table).unwrap();
    assert!(!format!("{config:?}").contains("c2VjcmV0"));
}

#[test]
fn a_hook_is_shown_without_what_may_be_secret() {
    let table = |allow: &str| format!("[on_demand]\nallow = {allow}");
    let refused = check(&table("\"http://me:pw@127.0.0.1/x\""), &["a.com"]).unwrap_err();
    assert!(
        refused.contains("not sent") && !refused.contains("pw"),
        "{refused}"
    );
    for (allow, shown) in [
        (
            "\"http://127.0.0.1:3000/a?token=pw\"",
            "http://127.0.0.1:3000/a?…",
        ),
        ("\"http://127.0.0.1:3000/a\"", "http://127.0.0.1:3000/a"),
        ("[\"/bin/true\", \"--token=pw\"]", "/bin/true …"),
        ("[\"/bin/true\"]", "/bin/true"),
    ] {
        let config: AcmeConfig = toml::from_str(&table(allow)).unwrap();
        assert_eq!(config.on_demand.unwrap().allow.to_string(), shown);
    }
}

#[test]
fn what_cannot_work_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("garbage.pem");
    std::fs::write(&garbage, "garbage").unwrap();
    let garbage = format!("roots = {:?}", garbage.display().to_string());
    let mixed = "dns_hook = [\"/bin/true\"]\nchallenges = [\"dns-01\", \"http-01\"]\n";
    let together = format!("{mixed}together = true");
    let listed = format!("{mixed}together = [[\"*.a.com\", \"192.0.2.1\"]]");
    for (table, said) in [
        (
            "contact = \"mailto:ops@a.com\"",
            "acme.contact: `mailto:ops@a.com`",
        ),
        ("contact = \"ops@\"", "acme.contact: `ops@`"),
        ("contact = \"@a.com\"", "acme.contact: `@a.com`"),
        ("contact = \"a@b, c@d\"", "acme.contact: `a@b, c@d`"),
        (
            "external_account = { id = \"\", key = \"YQ\" }",
            "acme.external_account.id: ",
        ),
        (
            "external_account = { key = \"YQ\" }",
            "acme.external_account.id: ",
        ),
        (
            "external_account = { id = \"a\" }",
            "acme.external_account.key: ",
        ),
        (
            "external_account = { id = \"a\", key = \"\" }",
            "acme.external_account.key: ",
        ),
        (
            "roots = \"/no/such.pem\"",
            "acme.roots: /no/such.pem cannot be read",
        ),
        (garbage.as_str(), "garbage.pem holds no certificate"),
        ("dns_hook = [\"\"]", "acme.dns_hook: `` is no program"),
        (
            "dns_hook = [\"/no/such\"]",
            "acme.dns_hook: `/no/such` is no program",
        ),
        (
            "dns_hook = [\"/bin/true --x\"]",
            "acme.dns_hook: `/bin/true --x` is no program",
        ),
        (
            "dns_hook = [\"no-such-program\"]",
            "acme.dns_hook: `no-such-program` is no",
        ),
        (
            "dns_hook = [\"/etc/passwd\"]",
            "acme.dns_hook: `/etc/passwd` is no program",
        ),
        (together.as_str(), "acme.together: "),
        (listed.as_str(), "acme.together: "),
    ] {
        let names: &[_] = if table.contains("together") {
            &["*.a.com", "192.0.2.1"]
        } else {
            &["a.com"]
        };
        let refused = check(table, names).unwrap_err();
        assert!(refused.contains(said), "{table}: {refused}");
    }
    assert_eq!(check(mixed, &["*.a.com", "192.0.2.1"]), Ok(()));
    assert_eq!(check("dns_hook = [\"true\"]", &["a.com"]), Ok(()));
}

#[test]
fn a_directory_is_a_url_that_can_be_asked() {
    for text in [
        "https://bad host/dir",
        "https://b\u{fc}cher.example/dir",
        "https:///dir",
        "https://",
        "http://ca.example/dir",
    ] {
        assert!(text.parse::<Directory>().is_err(), "{text}");
    }
    let good: Directory = "https://ca.example:14000/dir".parse().unwrap();
    assert_eq!(good.url(), "https://ca.example:14000/dir");
}

#[test]
fn a_rehearsal_takes_the_place_of_every_directory() {
    for others in [
        "",
        "directories = [\"letsencrypt\", \"https://ca.example/dir\"]",
    ] {
        let table = format!("staging = true\n{others}");
        let config: AcmeConfig = toml::from_str(&table).unwrap();
        assert_eq!(config.in_force(), [Directory::staging()], "{others}");
        assert_ne!(Directory::staging().url(), Directory::lets_encrypt().url());
    }
}
