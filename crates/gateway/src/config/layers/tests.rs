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
