//! What may be written of routes.

use panoply_core::ManualClock;

use super::*;
use crate::config::Source;

fn build(written: &str) -> Result<Settings, String> {
    let state = tempfile::tempdir().unwrap();
    let around = Surroundings::new(state.path(), Arc::new(ManualClock::new()));
    let app = "[app]\nupstream = \"http://127.0.0.1:3000\"\n[tls]\nmode = \"off\"\n";
    let text = format!("{app}{written}");
    let loaded = Source::new().text("panoply.toml", &text).load();
    let built = loaded.and_then(|loaded| Settings::build(&loaded, &around));
    built.map_err(|error| error.to_string())
}

const UP: &str = "upstream = \"http://127.0.0.1:4000\"\n";

#[test]
fn a_route_is_called_by_what_it_has() {
    let named = |written: &str| {
        let settings = build(&format!("[[route]]\n{UP}{written}")).unwrap();
        settings.routes[0].name.to_string()
    };
    assert_eq!(named("path = \"/api/\""), "/api");
    assert_eq!(named("domains = [\"api.a.test\"]"), "api.a.test");
    assert_eq!(
        named("domains = [\"a.test\", \"*.a.test\"]\npath = \"/v2\""),
        "a.test,*.a.test/v2"
    );
}

#[test]
fn what_is_wrong_is_said_with_what_to_write() {
    let hosts = "[listen]\nhosts = [\"a.test\", \"*.c.test\"]\n";
    let canonical = "[listen]\nhosts = [\"a.test\", \"b.test\"]\ncanonical = \"a.test\"\n";
    let api = format!("[[route]]\npath = \"/api\"\n{UP}");
    for (written, said) in [
        ("[[route]]\npath = \"/api\"\n", "route[0]: there is no app"),
        (&*format!("[[route]]\n{UP}"), "it has the whole site"),
        (
            &format!("[[route]]\npath = \"/\"\n{UP}"),
            "it has the whole site",
        ),
        (
            &format!("[[route]]\npath = \"api\"\n{UP}"),
            "`path` is `api`, which is no path",
        ),
        (
            &format!("[[route]]\npath = \"/a/../b\"\n{UP}"),
            "which is no path",
        ),
        (
            &format!("[[route]]\ndomains = []\n{UP}"),
            "the list is empty",
        ),
        (
            &format!("[[route]]\ndomains = [\"a b\"]\n{UP}"),
            "route[0].domains",
        ),
        (
            &format!("[[route]]\nstrip_path = true\ndomains = [\"a.test\"]\n{UP}"),
            "no path to leave out",
        ),
        (&format!("{api}{api}"), "`/api` is there a second time"),
        (
            &format!(
                "[[route]]\ndomains = [\"a.test\"]\n{UP}[[route]]\ndomains = [\"b.test\", \"A.test\"]\n{UP}"
            ),
            "`a.test` is there a second time",
        ),
        (
            &format!("[[route]]\npath = \"/caf%C3%A9\"\n{UP}"),
            "has a `%` in it",
        ),
        (
            &format!("[[route]]\npath = \"/api/{{id}}\"\n{UP}"),
            "has a `{` in it",
        ),
        (
            &format!("{hosts}[[route]]\ndomains = [\"*.b.test\"]\n{UP}"),
            "nobody can ask for `*.b.test`",
        ),
        (
            &format!("{api}command = [\"node\"]\n"),
            "`route[0].command` and `route[0].upstream` exclude",
        ),
        (
            &format!("{api}health = \"x\"\n"),
            "route[0].health: `x` is not a path",
        ),
        (
            &format!("{api}host = \"a b\"\n"),
            "route[0].host: `a b` is not a host",
        ),
        (
            &format!("{api}instances = 2\n"),
            "route[0].instances: somebody else",
        ),
        (
            &format!("{hosts}[[route]]\ndomains = [\"b.test\"]\n{UP}"),
            "nobody can ask for `b.test`",
        ),
        (
            &format!("{canonical}[[route]]\ndomains = [\"b.test\"]\npath = \"/x\"\n{UP}"),
            "`listen.canonical` leads",
        ),
        (
            &format!("{canonical}[[access]]\npath = \"/\"\nallow = []\ndomains = [\"b.test\"]\n"),
            "`listen.canonical` leads",
        ),
        (
            "[[route]]\npath = \"/api\"\nupstream = \"http://127.0.0.1:8080\"\n",
            "where the gateway itself listens",
        ),
        (&api.repeat(65), "64 are the most"),
        (
            &format!("{hosts}[[access]]\npath = \"/\"\nallow = []\ndomains = [\"b.test\"]\n"),
            "access[0].domains: nobody can ask for `b.test`",
        ),
        (
            "[[access]]\npath = \"/\"\nallow = []\ndomains = []\n",
            "is an empty list",
        ),
    ] {
        let error = build(written).map(|_| ()).unwrap_err();
        assert!(error.contains(said), "{written}: {error}");
    }
}

#[test]
fn below_a_wildcard_some_app_has_a_name_to_itself() {
    let table = "[listen]\nhosts = [\"a.test\", \"*.a.test\", \"*.b.test\"]\ncanonical = \"a.test\"\n\
                 [[access]]\npath = \"/\"\nallow = []\ndomains = [\"*.b.test\"]\n";
    let own = |name: &str| format!("{table}[[route]]\ndomains = [\"{name}\"]\n{UP}");
    let error = build(&own("x.a.test")).map(|_| ()).unwrap_err();
    assert!(error.contains("each written in full"), "{error}");
    assert_eq!(build(&own("x.b.test")).map(|_| ()), Ok(()));
}

#[test]
fn a_name_that_an_app_has_to_itself_is_asked_for() {
    let hosts = "[listen]\nhosts = [\"a.test\", \"*.c.test\"]\n";
    let canonical = "[listen]\nhosts = [\"a.test\", \"b.test\"]\ncanonical = \"a.test\"\n";
    let own = "[[route]]\ndomains = [\"B.test\"]\n";
    let wild = "[listen]\nhosts = [\"a.test\", \"*.a.test\"]\ncanonical = \"a.test\"\n";
    for written in [
        format!("{hosts}[[route]]\ndomains = [\"x.c.test\", \"*.c.test\"]\n{UP}"),
        // Beside one that others lead to.
        format!(
            "{canonical}[[access]]\npath = \"/\"\nallow = []\ndomains = [\"b.test\"]\n{own}{UP}\
             [[route]]\ndomains = [\"b.test\"]\npath = \"/x\"\n{UP}"
        ),
        // Some of those below it.
        format!(
            "{wild}[[access]]\npath = \"/\"\nallow = []\ndomains = [\"*.a.test\"]\n\
             [[headers.domain]]\ndomains = [\"*.a.test\"]\n[[route]]\ndomains = [\"x.a.test\"]\n{UP}"
        ),
    ] {
        let built = build(&written).map(|_| ());
        assert_eq!(built, Ok(()), "{written}");
    }
}

#[test]
fn tls_is_said_of_whichever_app_speaks_it() {
    let route = |scheme: &str| {
        let tls = "[tls.app]\nname = \"a.test\"\n";
        build(&format!(
            "{tls}[[route]]\npath = \"/api\"\nupstream = \"{scheme}://127.0.0.1:4000\"\n"
        ))
    };
    assert!(route("http").unwrap_err().contains("not spoken to by TLS"));
    assert!(route("https").is_ok());
}
