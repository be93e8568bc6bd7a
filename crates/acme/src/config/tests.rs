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
    assert!(why("challenges = [\"dns-01\"]", &["a.com"]).contains("acme.dns_hook"));
    assert!(why("", &["*.a.com"]).contains("`*.a.com` needs DNS-01"));
    assert!(why("dns_hook = [\"hook\"]", &["192.0.2.1"]).contains("add `tls-alpn-01`"));
    let account = "external_account = { id = \"a\", key = \"?\" }";
    assert!(why(account, &["a.com"]).contains("acme.external_account.key"));
    for good in [
        "",
        "contact = \"a@b\"\nprofile = \"shortlived\"",
        "dns_hook = [\"hook\"]",
    ] {
        assert_eq!(check(good, &["a.com"]), Ok(()), "{good}");
    }
    assert_eq!(check("dns_hook = [\"hook\"]", &["*.a.com"]), Ok(()));
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
