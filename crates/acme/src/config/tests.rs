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
