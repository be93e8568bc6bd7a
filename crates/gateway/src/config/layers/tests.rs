use super::*;

fn source(text: &str) -> Source {
    Source {
        file: Some(("panoply.toml".into(), text.to_owned())),
        ..Source::default()
    }
}

fn env(name: &str, value: &str) -> [(String, String); 1] {
    [(name.to_owned(), value.to_owned())]
}

#[test]
fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
    let file = "[listen]\nhttp = \"127.0.0.1:1\"\n\n[app]\nupstream = \"http://a:1\"\n";
    let path = "listen.http";
    let http = |loaded: &Loaded| loaded.config.listen.http.unwrap().to_string();

    let loaded = source(file).load().unwrap();
    assert_eq!(
        (http(&loaded).as_str(), loaded.origin(path)),
        ("127.0.0.1:1", Origin::File(2))
    );
    let loaded = source(file)
        .env(env("PANOPLY_LISTEN_HTTP", "127.0.0.1:2"))
        .load()
        .unwrap();
    assert_eq!(http(&loaded), "127.0.0.1:2");
    assert_eq!(loaded.origin(path).to_string(), "PANOPLY_LISTEN_HTTP");
    let loaded = source(file)
        .env(env("PANOPLY_LISTEN_HTTP", "127.0.0.1:2"))
        .flag("--listen-http", path, "127.0.0.1:3")
        .load()
        .unwrap();
    assert_eq!(http(&loaded), "127.0.0.1:3");
    assert_eq!(
        loaded.origin(path),
        Origin::Flag("--listen-http".to_owned())
    );
    assert_eq!(loaded.origin("listen.https"), Origin::Default);
}

#[test]
fn a_command_given_later_replaces_an_upstream() {
    let loaded = source("[app]\nupstream = \"http://a:1\"\n")
        .flag("COMMAND", "app.command", vec!["node"])
        .load()
        .unwrap();
    assert_eq!(loaded.config.app.upstream, None);
    assert_eq!(loaded.origin("app.upstream"), Origin::Default);
}

#[test]
fn an_upstream_given_later_replaces_a_command_and_how_often_that_is_started() {
    let written = "[app]\ncommand = [\"node\"]\ninstances = 3\n";
    let upstream = |source: Source| source.flag("--upstream", "app.upstream", "http://a:1");
    let loaded = upstream(source(written)).load().unwrap();
    assert_eq!(loaded.config.app.command, None);
    assert_eq!(loaded.value("app.instances"), None);
    assert_eq!(loaded.origin("app.instances"), Origin::Default);
    // Whoever says both at once is told of it later on.
    let both = source("").flag("--instances", "app.instances", "3");
    let loaded = upstream(both).load().unwrap();
    assert!(loaded.value("app.instances").is_some());
}

#[test]
fn environment_values_take_the_form_their_setting_has() {
    let load = |name: &str, value: &str| Source::new().env(env(name, value)).load();
    assert!(
        !load("PANOPLY_LOG_ACCESS", "false")
            .unwrap()
            .config
            .log
            .access
    );
    let command = load("PANOPLY_APP_COMMAND", "node, server.js")
        .unwrap()
        .config
        .app
        .command;
    assert_eq!(command.unwrap(), ["node", "server.js"]);
    let workers = load("PANOPLY_LISTEN_WORKERS", "3")
        .unwrap()
        .config
        .listen
        .workers;
    assert_eq!(workers.unwrap().get(), 3);
    let error = load("PANOPLY_LISTEN_HTPPS", "1").unwrap_err().to_string();
    assert!(
        error.contains("did you mean `PANOPLY_LISTEN_HTTPS`"),
        "{error}"
    );
    let error = load("PANOPLY_LISTEN_HTTP", "80").unwrap_err().to_string();
    assert!(error.contains("set by `PANOPLY_LISTEN_HTTP`"), "{error}");
}

#[test]
fn a_secret_is_shown_to_nobody() {
    let state = tempfile::tempdir().unwrap();
    let clock = std::sync::Arc::new(panoply_core::SystemClock::new());
    let around = crate::Surroundings::new(state.path(), clock);
    let file = "[app]\nupstream = \"http://127.0.0.1:3000\"\n[tls]\ndomains = [\"shop.dev\"]\n\
                [acme]\nexternal_account = { id = \"a\", key = \"c2VjcmV0\" }\n\
                [acme.on_demand]\nallow = \"http://127.0.0.1:3000/a?token=c2VjcmV0\"\n";
    let loaded = source(file).load().unwrap();
    let settings = crate::Settings::build(&loaded, &around).unwrap();
    let shown = format!("{:?}", settings.explain(&loaded));
    assert!(shown.contains("acme.external_account.key"), "{shown}");
    assert!(shown.contains("http://127.0.0.1:3000/a?…"), "{shown}");
    assert!(!shown.contains("c2VjcmV0"), "{shown}");
    // Neither by an error about it, or about what stands beside it.
    for (good, bad) in [
        ("c2VjcmV0\" }", "c2VjcmV0?\" }"),
        ("id = \"a\"", "id = \"\""),
    ] {
        let loaded = source(&file.replace(good, bad)).load().unwrap();
        let error = crate::Settings::build(&loaded, &around)
            .unwrap_err()
            .to_string();
        assert!(error.contains("line 6 of panoply.toml"), "{error}");
        assert!(!error.contains("c2VjcmV0"), "{error}");
    }
    // It need not be in a file at all.
    let loaded = source("[acme.external_account]\nid = \"a\"\n")
        .env(env("PANOPLY_ACME_EXTERNAL_ACCOUNT_KEY", "c2VjcmV0"));
    let account = loaded.load().unwrap().config.acme.external_account.unwrap();
    assert_eq!(
        (account.id.as_str(), account.key.as_str()),
        ("a", "c2VjcmV0")
    );
}

#[test]
fn a_challenge_on_a_port_that_is_off_is_refused() {
    let state = tempfile::tempdir().unwrap();
    let clock = std::sync::Arc::new(panoply_core::SystemClock::new());
    let around = crate::Surroundings::new(state.path(), clock);
    let file = "[app]\nupstream = \"http://127.0.0.1:3000\"\n[listen]\nhttp = \"off\"\n\
                [tls]\ndomains = [\"shop.dev\"]\n[acme]\nchallenges = [\"http-01\"]\n";
    let build = |file: &str| crate::Settings::build(&source(file).load().unwrap(), &around);
    let error = build(file).unwrap_err().to_string();
    assert!(error.contains("`listen.http` is off"), "{error}");
    assert!(build(&file.replace("\"off\"", "\"127.0.0.1:8080\"")).is_ok());
    assert!(build(&file.replace("[\"http-01\"]", "[\"http-01\", \"tls-alpn-01\"]")).is_ok());
}

/// Each of these has a secret in the wrong place.
const WRONG: &[&str] = &[
    "[[access]]\npath = \"/\"\nusers = \"ada:hunter2\"\n",
    "[[access]]\npath = \"/\"\nuser = \"ada:hunter2\"\n",
    "[[access]]\npath = \"/\"\nusers = [\"ada:hunter2\"]\n",
    "[[access]]\npath = \"/\"\nusers = [\n\"ada:hunter2\"\n]\n",
    "[[access]]\npath = \"/\"\nusers = [{ name = \"ada\", password = \"hunter2\" }]\n",
    "[[access]]\npath = \"/\"\nusers = { ada = [\"hunter2\"] }\n",
    "[[access]]\npath = \"/\"\nusers = { ada = { password = \"hunter2\" } }\n",
    "[[access]]\npath = \"/\"\n[[access.users]]\nada = \"hunter2\"\n",
    "[[access]]\npath = \"/\"\nusers = \"\"\"\nada:hunter2\n\"\"\"\n",
    "[[access]]\npath = \"/\"\nusers.ada.password = \"hunter2\"\n",
    "[[access]]\npath = 1\nusers = { ada = \"hunter2\" }\n",
    "access = [{ path = \"/\", users = \"ada:hunter2\" }]\n",
    "access = [{ path = \"/\", usres = { ada = \"hunter2\" } }]\n",
    "access = { path = \"/\", users = { ada = \"hunter2\" } }\n",
    "access = \"ada:hunter2\"\nusers = \"ada:hunter2\"\n",
    "users = { ada = \"hunter2\" }\n",
    "[store]\nsecret = [\"hunter2\"]\n",
    "store = { secret = { of = \"hunter2\" } }\n",
    "store = { secret = \"hunter2\", nodes = \"x\" }\n",
    "[admin]\ntoken = { is = \"hunter2\" }\n",
];

/// Each of these stands in an `[[access]]` with a path.
const WRONG_IN_ACCESS: &[&str] = &[
    "htpasswd = 'ada:HASH'",
    "htpasswd = 'ada:hunter2'",
    "htpasswd = 'hunter2'",
    "htpasswd = \"\"\"\nada:HASH\nbob:hunter2\n\"\"\"",
    "htpasswd = { ada = 'hunter2' }",
    "htpasswd = ['ada:hunter2']",
    "ada = 'HASH'",
    "ada = 'hunter2'",
    "ada = \"\"\"\nhunter2\"\"\"",
    "ada = ['x', # =\n 'hunter2']",
    "users = { ada = 'HASH' }\nbob = 'hunter2'",
    "bob = 'hunter2'\nusers = { ada = 'HASH' }",
    "basic_auth = 'ada:hunter2'",
    "auth = 'ada:hunter2'",
    "basic = 'ada:hunter2'",
    "pass = 'hunter2'",
    "login = { ada = 'hunter2' }",
    "login = { 'ada:hunter2' = 'x' }",
    "credentials = { ada = 'hunter2' }",
    "hash = 'HASH'",
    "hash = 'hunter2'",
    "allow = ['ada:hunter2']",
    "allow = 'hunter2'",
    "allow = ['10.0.0.1', 'hunter2']",
    "except = { ada = 'hunter2' }",
    "except = ['hunter2']\nallow = []",
    "user_header = 'ada:hunter2'\nusers = { ada = 'HASH' }",
    "satisfy = 'hunter2'",
    "satisfy = 'x`hunter2`'",
    "dry_run = 'hunter2'",
    "ada:hunter2",
    "hunter2",
    "users =\n'ada:hunter2'",
    "ada = # below\n'hunter2'",
    "'ada:hunter2' = 'x'",
    "'ada:hunter2'",
    "\"ada:hunter2\".x = 1",
    "users.ada.hunter2 = 1",
    "\"us\\u0065rs\" = 'ada:hunter2'",
    "\"us\\u0065rs\" = ['ada:hunter2']",
    "dry_run = 1 # ada:hunter2",
    "allow = [\n[log]\n[[access]]\nada = 'hunter2'",
    "allow = []\n[access] users = 'ada:hunter2'",
    "allow = []\n[access.'ada:hunter2']",
    "allow = []\n[access.'ada:hunter2'] x",
    "allow = []\n[log]\naccess = ['ada:hunter2']",
    "allow = []\n[listen]\naccess = ['ada:hunter2']",
    "allow = []\n[listen]\naccess = [{ path = '/', ada = 'hunter2' }]",
    "allow = []\n[listen]\naccess = [{ path = '/', htpasswd = ['hunter2'] }]",
    "allow = []\n[listen]\naccess = [\n{ path = '/', ada = 'hunter2' }\n]",
    "allow = []\n[listen]\n\"acc\\u0065ss\" = ['ada:hunter2']",
    "allow = []\n[listen]\nhttp = 'HASH'",
    "users = {\nada = 'hunter2'",
    "users = { ada = 'hunter2' }",
    "users = \"ada:hunter2",
    "users.'ada:hunter2' = 'x'",
    "[access.users]\nada = 'hunter2'",
    "htpasswd = ada:hunter2",
    "allow = [ada:hunter2]",
    "allow = []\nallow = ['ada:hunter2']",
    "ada 'hunter2'",
    "ada = '''hunter2",
    "ada = 'x' = 'hunter2'",
    "\tada = 'hunter2'\r",
    "\"[x]\" = 'hunter2'",
    "allow = []\n  [[access]] ada = 'hunter2'",
    "allow = []\n[[access] ada = 'hunter2'",
    "allow = []\n[access\nada = 'hunter2'",
    "allow = []\n[[access]]\n{ ada = 'hunter2' }",
    "allow = []\n[listen]\naccess = 'ada:hunter2'",
    "allow = []\n[listen]\naccess.ada = 'hunter2'",
    "allow = []\n[listen]\nx = { access = { ada = 'hunter2' } }",
];

/// The whole of what is said of a file, be it at once or when it is put to use.
fn said(text: &str) -> String {
    let state = tempfile::tempdir().unwrap();
    let clock = std::sync::Arc::new(panoply_core::SystemClock::new());
    let around = crate::Surroundings::new(state.path(), clock);
    let built = |loaded: Loaded| crate::Settings::build(&loaded, &around).map(drop);
    source(text).load().and_then(built).unwrap_err().to_string()
}

fn in_access(line: &str) -> String {
    // Of `correct`.
    const HASH: &str = "$2y$04$9J9tGLkLx5NJtPdtC9CSf.zgQwMgmubJ5QAOVpg53Enwc1UrjDhR2";
    let line = line.replace("HASH", HASH);
    format!("[app]\nupstream = \"http://127.0.0.1:3000\"\n[[access]]\npath = '/'\n{line}\n")
}

#[test]
fn no_error_shows_what_is_secret() {
    let whole = WRONG.iter().map(|text| (*text).to_owned());
    let mut bad = Vec::new();
    for text in whole.chain(WRONG_IN_ACCESS.iter().map(|line| in_access(line))) {
        let said = said(&text);
        if ["hunter2", "9J9tGLkL"]
            .iter()
            .any(|secret| said.contains(secret))
        {
            bad.push(said);
        }
    }
    let paths = "[[access]]\npath = ['/', 'ada:hunter2']\n";
    bad.extend(Some(said(paths)).filter(|said| said.contains("hunter2")));
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    let text = "[[access]]\npath = \"/\"\nusers = { ada = 4711 }\n";
    assert!(!said(text).contains("4711"));
    assert!(!said("[store]\nsecret = 4711\n").contains("4711"));
}

#[test]
fn an_error_of_an_access_shows_what_is_no_secret() {
    for (line, shown) in [
        ("ada = 'hunter2'", "unknown key `ada`"),
        ("ada = 'hunter2'", "ada = '*******'"),
        ("alow = ['10.0.0.1']", "did you mean `allow`?"),
        ("allow = ['10.0.0.1/40']", "has `10.0.0.1/40`"),
        ("allow = ['10.0.0.1/40']", "allow = ['10.0.0.1/40']"),
        ("allow = ['ada:hunter2']", "has `…`"),
        ("allow = ['ada:hunter2']", "an address (`192.0.2.7`)"),
        ("allow = []\nexcept = ['/']", "`/`, which leaves nothing"),
        ("satisfy = 'both'", "unknown value `both`"),
        ("satisfy = 'hunter2'", "known here: `all`, `any`"),
        ("dry_run = 'yes'", "the text `yes` cannot stand here"),
        (
            "htpasswd = '/none/here'",
            "`/none/here`, which cannot be read",
        ),
        ("htpasswd = 'ada:HASH'", "htpasswd = '***"),
        ("'ada:hunter2' = 'x'", "there is no such key"),
        ("'ada:hunter2' = 'x'", "known here: `path`"),
    ] {
        let said = said(&in_access(line));
        assert!(said.contains(shown), "{line}: {said}");
    }
}
