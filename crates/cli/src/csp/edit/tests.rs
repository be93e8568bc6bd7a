use std::collections::BTreeMap;

use super::*;

const NO_NAME: &[String] = &[];

/// What the file becomes with a script and an image source, enforced.
fn edited(text: &str) -> String {
    let mut document: DocumentMut = text.parse().unwrap();
    let site = BTreeMap::from([
        ("img-src", vec!["data:", "https://i.test"]),
        ("script-src", vec!["https://s.test"]),
    ]);
    allow(&mut document, &BTreeMap::from([(SITE, site)])).unwrap();
    enforce(&mut document);
    // Whatever was made of it is what the gateway reads.
    let config: panoply_gateway::config::Config = toml::from_str(&document.to_string()).unwrap();
    let headers = config.headers.build().unwrap();
    let policy = headers.describe().iter();
    let policy = { policy }.find(|header| header.name == "content-security-policy");
    let policy = &policy.unwrap().value;
    assert!(
        policy.contains("https://s.test") && policy.contains("https://i.test"),
        "{policy}"
    );
    document.to_string()
}

#[test]
fn a_table_is_made_where_there_is_none() {
    assert_eq!(
        edited(""),
        "[headers.content-security-policy]\nappend = { img-src = [\"data:\", \"https://i.test\"], \
         script-src = [\"https://s.test\"] }\n"
    );
    let before = "# mine\n[app]\nupstream = \"http://127.0.0.1:1\" # here\n\n[headers]\npreset = \
                  \"helmet\" # kept\n\n# of logs\n[log]\nlevel = \"info\"\n";
    let after = edited(before);
    for line in before.lines() {
        assert!(after.contains(line), "{line} is gone: {after}");
    }
    let (headers, log) = (
        after.find("[headers.content").unwrap(),
        after.find("[log]").unwrap(),
    );
    assert!(headers < log, "{after}");
}

#[test]
fn what_stands_there_is_added_to() {
    let before = "[headers.content-security-policy]\n# until we know\nreport_only = true # for a \
                  week\n# ours\nappend = { script-src = [\"https://a.test\"], img-src = \"data:\" } \
                  # so far\n";
    let after = edited(before);
    assert_eq!(
        after,
        before
            .replace("report_only = true", "report_only = false")
            .replace(
                "[\"https://a.test\"]",
                "[\"https://a.test\", \"https://s.test\"]"
            )
            .replace("\"data:\"", "\"data: https://i.test\"")
    );
    assert_eq!(edited(&after), after, "a second time changes nothing");
}

#[test]
fn lists_of_many_lines_stay_so() {
    let before = "[headers.content-security-policy.append]\nscript-src = [\n  \"https://a.test\", # \
                  first\n  # second\n  \"https://b.test\",\n]\n";
    let after = edited(before);
    assert!(
        after.contains("\n  \"https://b.test\",\n  \"https://s.test\",\n]"),
        "{after}"
    );
    assert!(
        after.contains("# first") && after.contains("# second"),
        "{after}"
    );
}

#[test]
fn every_way_to_write_a_policy_is_taken() {
    for (before, kept) in [
        (
            "[headers]\ncontent-security-policy = \"default-src 'self'\"\n",
            "policy = \"default-src",
        ),
        ("[headers]\ncontent-security-policy = true\n", "append"),
        (
            "headers.content-security-policy.report_only = true\n",
            "report_only = false",
        ),
        ("headers = { preset = \"helmet\" }\n", "preset"),
        ("headers.preset = \"helmet\"\n", "preset"),
        (
            "[headers.content-security-policy]\nreplace = { img-src = \"'none'\" }\n",
            "replace",
        ),
        ("[[headers.path]]\nprefix = \"/a\"\n", "prefix"),
    ] {
        let after = edited(before);
        assert!(after.contains(kept), "{before} became {after}");
    }
}

#[test]
fn what_would_not_hold_is_refused() {
    for (text, told) in [
        (
            "[headers]\ncontent-security-policy = false\n",
            "sends no policy",
        ),
        (
            "[headers.helmet.contentSecurityPolicy.directives]\ndefaultSrc = [\"'self'\"]\n",
            "helmet.contentSecurityPolicy",
        ),
    ] {
        let mut document: DocumentMut = text.parse().unwrap();
        let site = BTreeMap::from([("img-src", vec!["data:"])]);
        let error = allow(&mut document, &BTreeMap::from([(SITE, site)])).unwrap_err();
        assert!(error.contains(told), "{error}");
        assert!(learn(&mut document).is_err());
    }
}

#[test]
fn paths_have_their_own_tables() {
    let text = "[[headers.path]]\nprefix = \"/a/\"\ncontent-security-policy = { report_only = true \
                }\n\n[[headers.path]]\nprefix = \"/b\" # b\n";
    let mut document: DocumentMut = text.parse().unwrap();
    let image = BTreeMap::from([("img-src", vec!["https://i.test"])]);
    let both = BTreeMap::from([
        ((NO_NAME, "/a"), image.clone()),
        ((NO_NAME, "/b"), image.clone()),
    ]);
    allow(&mut document, &both).unwrap();
    enforce(&mut document);
    let after = document.to_string();
    assert_eq!(after.matches("https://i.test").count(), 2, "{after}");
    assert!(
        after.contains("report_only = false") && after.contains("# b"),
        "{after}"
    );
    let error = allow(&mut document, &BTreeMap::from([((NO_NAME, "/c"), image)])).unwrap_err();
    assert!(error.contains("/c"), "{error}");
    toml::from_str::<panoply_gateway::config::Config>(&after)
        .unwrap()
        .headers
        .build()
        .unwrap();
}

#[test]
fn names_have_their_own_tables() {
    let text = "[[headers.domain]]\ndomains = [\"a.test\"] # a\n\n[[headers.domain]]\ndomains = [\"b.test\", \
                \"*.b.test\"]\ncontent-security-policy = { append = { img-src = [\"https://h.test\"] }, \
                report_only = true }\n";
    let names = ["b.test".to_owned(), "*.b.test".to_owned()];
    let image = BTreeMap::from([("img-src", vec!["https://i.test"])]);
    for text in [
        text.to_owned(),
        "headers = { domain = [{ domains = [\"b.test\", \"*.b.test\"] }] }\n".to_owned(),
    ] {
        let mut document: DocumentMut = text.parse().unwrap();
        let of_b = BTreeMap::from([((names.as_slice(), "/"), image.clone())]);
        allow(&mut document, &of_b).unwrap();
        enforce(&mut document);
        let after = document.to_string();
        assert!(!after.contains("report_only = true"), "{after}");
        let config: panoply_gateway::config::Config = toml::from_str(&after).unwrap();
        let headers = config.headers.build().unwrap();
        let of = |sent: &[panoply_headers::HeaderInForce]| {
            sent.iter().any(|one| one.value.contains("https://i.test"))
        };
        let sent: Vec<_> = { headers.describe_domains().iter() }
            .map(|(names, sent)| (names.len(), of(sent)))
            .collect();
        assert!(sent.ends_with(&[(2, true)]) && !sent.contains(&(1, true)));
        assert!(!of(headers.describe()), "{after}");
    }
    let mut document: DocumentMut = text.parse().unwrap();
    let other = BTreeMap::from([((&names[..1], "/"), image)]);
    let error = allow(&mut document, &other).unwrap_err();
    assert!(error.contains("`b.test`"), "{error}");
}

#[test]
fn learning_is_a_switch() {
    let mut document: DocumentMut = "[log]\nlevel = \"info\"\n".parse().unwrap();
    learn(&mut document).unwrap();
    let learning = document.to_string();
    assert!(
        learning.contains("[headers.content-security-policy]\nreport_only = true"),
        "{learning}"
    );
    enforce(&mut document);
    assert_eq!(document.to_string(), learning.replace("= true", "= false"));
}
