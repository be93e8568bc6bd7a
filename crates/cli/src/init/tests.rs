use std::{fs, path::Path};

use proptest::prelude::*;
use tempfile::TempDir;

use super::{InitError, Output, run};

/// A directory with these files.
fn app(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

/// The file that is written, and the summary, with the directory's name taken out.
fn both(files: &[(&str, &str)]) -> String {
    let dir = app(files);
    let summary = run(dir.path(), Output::Beside, false).unwrap().to_string();
    let summary = summary.replace(&dir.path().display().to_string(), "DIR");
    format!("{}\n---\n{summary}", written(dir.path()))
}

fn written(dir: &Path) -> String {
    fs::read_to_string(dir.join("panoply.toml")).unwrap()
}

fn refused(dir: &TempDir) -> String {
    let error = run(dir.path(), Output::Beside, false).unwrap_err();
    error
        .to_string()
        .replace(&dir.path().display().to_string(), "DIR")
}

/// The file for these files, parsed.
fn parsed(files: &[(&str, &str)]) -> toml_edit::DocumentMut {
    let dir = app(files);
    run(dir.path(), Output::Beside, false).unwrap();
    written(dir.path()).parse().unwrap()
}

fn command(files: &[(&str, &str)]) -> String {
    let toml = parsed(files);
    let command = toml["app"]
        .get("command")
        .and_then(|command| command.as_array())
        .map(|c| c.to_string().trim().to_owned());
    command.unwrap_or_else(|| {
        toml["app"]
            .get("upstream")
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned()
    })
}

const TABLES: [&str; 12] = [
    "app",
    "listen",
    "tls",
    "headers",
    "reports",
    "client",
    "cookies",
    "cross_site",
    "store",
    "limits",
    "log",
    "admin",
];

const EXPRESS: &str = r#"{
  "name": "shop", "version": "1.0.0",
  "scripts": { "start": "node server.js" },
  "engines": { "node": ">=20" },
  "dependencies": { "express": "^5.1.0", "helmet": "^8.1.0" }
}"#;

const SERVER: &str = r"
const app = require('express')();
// app.listen(4000);
app.use(require('helmet')());
app.set('trust proxy', 1);
app.listen(process.env.PORT || 3000);
";

mod snapshots {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn express_with_npm_start() {
        assert_snapshot!(both(&[("package.json", EXPRESS), ("server.js", SERVER)]));
    }

    #[test]
    fn express_with_only_a_main_file() {
        let package = r#"{ "name": "shop", "main": "./lib/app.js", "dependencies": { "express": "4.21.2" } }"#;
        let main = "const { PORT = 8000, HOST } = process.env;\nexpress().listen(PORT);";
        assert_snapshot!(both(&[("package.json", package), ("lib/app.js", main)]));
    }

    #[test]
    fn a_port_that_is_hard_coded() {
        let main = "const port = 3000;\napp.enable('trust proxy');\napp.listen(port, () => {});";
        assert_snapshot!(both(&[("package.json", EXPRESS), ("server.js", main)]));
    }

    #[test]
    fn nothing_that_is_known() {
        assert_snapshot!(refused(&app(&[("index.html", "")])));
    }

    #[test]
    fn a_monorepo_package_without_a_start_script() {
        let root = r#"{ "name": "mono", "private": true, "workspaces": ["packages/*"],
            "packageManager": "pnpm@9.1.0", "scripts": { "dev": "turbo dev" } }"#;
        assert_snapshot!(both(&[
            ("package.json", root),
            (
                "packages/api/package.json",
                r#"{ "scripts": { "start": "node ." } }"#
            ),
            ("packages/ui/package.json", r#"{ "name": "ui" }"#),
        ]));
    }

    #[test]
    fn a_django_project() {
        let manage = "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'mysite.settings')\nmain()\n";
        assert_snapshot!(both(&[
            ("manage.py", manage),
            ("requirements.txt", "Django==5.2\ngunicorn==23.0\n"),
        ]));
    }

    #[test]
    fn json_that_is_none() {
        assert_snapshot!(refused(&app(&[(
            "package.json",
            "{\n  \"name\": \"x\",\n}\n"
        )])));
    }
}

#[test]
fn commands_are_guessed() {
    let node = |package: &str| command(&[("package.json", package), ("app.js", "")]);
    assert_eq!(
        node(r#"{"scripts":{"start":"node app.js"}}"#),
        r#"["npm", "start"]"#
    );
    assert_eq!(node(r#"{"main":"app.js"}"#), r#"["node", "app.js"]"#);
    assert_eq!(
        node(r#"{"main":"../../etc/passwd"}"#),
        r#"["node", "app.js"]"#
    );
    assert_eq!(
        node(r#"{"scripts":{"start":"PORT=4000 node app"}}"#),
        "http://127.0.0.1:4000"
    );
    assert_eq!(
        node(r#"{"scripts":{"start":"next start -p 4001"}}"#),
        "http://127.0.0.1:4001"
    );
    assert_eq!(
        node(r#"{"scripts":{"start":"next start -p $PORT"}}"#),
        r#"["npm", "start"]"#
    );

    // Which would listen on every address, past the gateway.
    let next = r#"{"scripts":{"start":"next start"}}"#;
    assert_eq!(node(next), r#"["npm", "start", "--", "-H", "127.0.0.1"]"#);
    assert_eq!(
        command(&[("package.json", next), ("yarn.lock", "")]),
        r#"["yarn", "start", "-H", "127.0.0.1"]"#
    );

    let lock = [("package.json", EXPRESS), ("yarn.lock", "")];
    assert_eq!(command(&lock), r#"["yarn", "start"]"#);
    let procfile = [
        ("package.json", EXPRESS),
        ("Procfile", "release: x\nweb: node s.js --prod\n"),
    ];
    assert_eq!(command(&procfile), r#"["node", "s.js", "--prod"]"#);
    let shell = [("Procfile", "web: gunicorn app:app -b :$PORT\n")];
    assert_eq!(
        command(&shell),
        r#"["sh", "-c", "exec gunicorn app:app -b :$PORT"]"#
    );
    let variable = [("Procfile", "web: A=1 node \"my app.js\"\n")];
    assert_eq!(
        command(&variable),
        r#"["sh", "-c", 'A=1 node "my app.js"']"#
    );

    let rust = "[package]\nname = \"x\"\n[dependencies]\naxum = \"0.8\"\n";
    assert_eq!(
        command(&[("Cargo.toml", rust)]),
        r#"["cargo", "run", "--release"]"#
    );
    let main = ("src/main.rs", "TcpListener::bind(\"0.0.0.0:3005\")");
    assert_eq!(
        command(&[("Cargo.toml", rust), main]),
        "http://127.0.0.1:3005"
    );

    let rails = command(&[("Gemfile", "gem \"rails\", \"~> 8.0\"")]);
    assert_eq!(rails, r#"["bin/rails", "server", "-b", "127.0.0.1"]"#);
    let rack = command(&[("Gemfile", "gem 'sinatra'"), ("config.ru", "")]);
    assert!(rack.contains("exec bundle exec rackup --host 127.0.0.1 --port $PORT"));
    let laravel = command(&[(
        "composer.json",
        r#"{"require":{"laravel/framework":"^12"}}"#,
    )]);
    assert!(laravel.contains("php artisan serve"));
    let php = command(&[("public/index.php", "<?php")]);
    assert!(
        php.contains("exec php -S 127.0.0.1:$PORT -t public"),
        "{php}"
    );
    let php = command(&[("index.php", "<?php")]);
    assert!(php.ends_with("php -S 127.0.0.1:$PORT\"]"), "{php}");
    let django = command(&[("manage.py", "")]);
    assert!(django.contains("manage.py runserver"));
}

#[test]
fn a_file_that_is_there_stays_unless_forced() {
    let dir = app(&[("package.json", EXPRESS), ("panoply.toml", "# mine\n")]);
    assert!(refused(&dir).starts_with("`DIR/panoply.toml` is there already"));
    assert_eq!(written(dir.path()), "# mine\n");
    run(dir.path(), Output::Beside, true).unwrap();
    assert!(written(dir.path()).contains("command = [\"npm\", \"start\"]"));
    let names: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 2, "no draft is left: {names:?}");
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_a_dangling_one_is_not_followed() {
    let dir = app(&[("package.json", EXPRESS), ("real.toml", "")]);
    let link = dir.path().join("panoply.toml");
    std::os::unix::fs::symlink("real.toml", &link).unwrap();
    run(dir.path(), Output::Beside, true).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(
        fs::read_to_string(dir.path().join("real.toml"))
            .unwrap()
            .contains("[app]")
    );

    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("nowhere.toml", &link).unwrap();
    let error = run(dir.path(), Output::Beside, false).unwrap_err();
    assert!(matches!(error, InitError::Exists(_)));
}

#[test]
fn output_goes_where_the_flag_says() {
    assert_eq!(Output::from(None), Output::Beside);
    assert_eq!(Output::from(Some("-".into())), Output::Stdout);
    let dir = app(&[("package.json", EXPRESS)]);
    let path = dir.path().join("other.toml");
    let summary = run(dir.path(), Output::from(Some(path.clone())), false)
        .unwrap()
        .to_string();
    assert!(path.exists() && !dir.path().join("panoply.toml").exists());
    assert!(summary.contains(&format!("panoply run --config {}", path.display())));
    let nowhere = dir.path().join("none/other.toml");
    let error = run(dir.path(), Output::File(nowhere), false).unwrap_err();
    assert!(error.to_string().contains("cannot be written"));
}

#[test]
fn what_cannot_be_read_is_said() {
    let error = run(Path::new("/nonexistent/app"), Output::Stdout, false).unwrap_err();
    assert!(error.to_string().contains("panoply init ./my-app"));
    assert!(refused(&app(&[("package.json", "[1]")])).contains("holds no object"));
    assert!(refused(&app(&[("package.json/x", "")])).contains("it is not a file"));
    assert!(refused(&app(&[("Cargo.toml", "[package")])).contains("not valid TOML"));
    let large = format!("\"{}\"", "x".repeat(1 << 20));
    assert!(refused(&app(&[("package.json", &large)])).contains("larger than 1 MiB"));
    let marked = format!("\u{feff}{EXPRESS}");
    assert_eq!(command(&[("package.json", &marked)]), r#"["npm", "start"]"#);
}

/// `toml` with every setting in force that it shows; of two that exclude each other, the first.
fn uncommented(toml: &str) -> String {
    let mut has_start = false;
    let lines = toml.lines().map(|line| match line.strip_prefix('#') {
        Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting,
        _ => line,
    });
    let lines = lines.filter(|line| {
        // That is another app.
        has_start &= !line.starts_with("[[route]]");
        let start = line.starts_with("command = ") || line.starts_with("upstream = ");
        !start || !std::mem::replace(&mut has_start, true)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Apps whose files differ in what is in force.
const APPS: [&[(&str, &str)]; 4] = [
    &[("package.json", EXPRESS), ("server.js", SERVER)],
    &[("package.json", EXPRESS), ("server.js", "app.listen(3000)")],
    &[("package.json", "{}")],
    &[("manage.py", "")],
];

#[test]
fn each_line_is_a_setting_or_prose() {
    for files in APPS {
        let dir = app(files);
        run(dir.path(), Output::Beside, false).unwrap();
        let toml = uncommented(&written(dir.path()));
        let document: toml_edit::DocumentMut = toml.parse().unwrap();
        for table in TABLES {
            assert!(
                !document[table].as_table().unwrap().is_empty(),
                "{table} in {toml}"
            );
        }
        assert!(
            toml.lines().all(|line| line.chars().count() <= 100),
            "{toml}"
        );
    }
}

#[test]
fn the_gateway_knows_every_key_and_value() {
    use panoply_gateway::config::Source;

    for files in APPS {
        let dir = app(files);
        run(dir.path(), Output::Beside, false).unwrap();
        let whole = dir.path().join("whole.toml");
        fs::write(&whole, uncommented(&written(dir.path()))).unwrap();
        for path in [whole, dir.path().join("panoply.toml")] {
            let loaded = Source::new().file(&path).and_then(Source::load);
            assert!(loaded.is_ok(), "{}", loaded.err().unwrap());
        }
    }
}

proptest! {
    #[test]
    fn no_package_breaks_the_file(
        name: String, script in "\\PC{0,40}|[ -~\n]{0,80}", main: String, version: String, code: String,
        proxy in "[ -~\n#\"]{0,30}",
    ) {
        let package = serde_json::json!({
            "name": name, "main": main, "workspaces": [main, "*"],
            "scripts": { "start": script, "dev": name },
            "engines": { "node": version }, "dependencies": { "express": version, "helmet": main },
        });
        let code = format!("{code}\napp.set('trust proxy', {proxy});\napp.listen(80)");
        let dir = app(&[("package.json", &package.to_string()), ("server.js", &code)]);
        let summary = run(dir.path(), Output::Beside, false).unwrap().to_string();
        prop_assert!(!summary.replace('\n', "").contains(char::is_control));
        let document: toml_edit::DocumentMut = written(dir.path()).parse().unwrap();
        let tables: Vec<&str> = document.iter().map(|(name, _)| name).collect();
        prop_assert_eq!(tables, TABLES);
        prop_assert!(document["app"].as_table().unwrap().len() <= 1);
    }
}

#[test]
fn what_a_framework_builds_is_started_without_a_script() {
    let starts = |needs: &str, scripts: &str| {
        let package = format!("{{ \"scripts\": {{ {scripts} }}, {needs} }}");
        command(&[("package.json", &package)])
    };
    let dev = r#""dev": "vite dev", "build": "vite build""#;
    let svelte = r#""devDependencies": { "@sveltejs/kit": "^2", "vite": "^8", "@sveltejs/adapter-node": "^5" }"#;
    assert_eq!(starts(svelte, dev), r#"["node", "build"]"#);
    let vite = r#""dependencies": { "react": "^19" }, "devDependencies": { "vite": "^8" }"#;
    let server = r#"["sh", "-c", "exec npx vite --host 127.0.0.1 --port $PORT"]"#;
    assert_eq!(starts(vite, dev), server);
    let nuxt = r#""dependencies": { "nuxt": "^4" }"#;
    assert_eq!(
        starts(nuxt, r#""dev": "nuxt dev""#),
        r#"["node", ".output/server/index.mjs"]"#
    );
    let astro = r#""dependencies": { "astro": "^5", "@astrojs/node": "^9" }"#;
    assert_eq!(starts(astro, dev), r#"["node", "dist/server/entry.mjs"]"#);
    // A script that starts it is what its makers say.
    assert_eq!(
        starts(vite, r#""start": "node server.js""#),
        r#"["npm", "start"]"#
    );
}

#[test]
fn an_app_that_compares_origins_is_told_its_own_by_http() {
    let told = |start: &str, needs: &str| {
        let package = format!("{{ \"scripts\": {{ {start} }}, \"dependencies\": {{ {needs} }} }}");
        let toml = parsed(&[("package.json", &package)]);
        toml["app"]
            .get("origin")
            .and_then(|it| it.as_str().map(str::to_owned))
    };
    let router = r#""@react-router/node": "^7""#;
    let serve = r#""start": "react-router-serve ./build/server/index.js""#;
    assert_eq!(told(serve, router).as_deref(), Some("http"));
    // A server of their own may believe a proxy.
    assert_eq!(told(r#""start": "node server.js""#, router), None);
    assert_eq!(told(serve, r#""express": "^5""#), None);
}

#[test]
fn what_a_hostile_project_calls_its_files_stays_in_its_line() {
    let main = "\n[run]\nuser = 'root'\n#\u{1b}[31m\"\u{7f}.js";
    let package = serde_json::json!({"main": main}).to_string();
    let code = "require('http').createServer().listen(3000)";
    let files = [("package.json", &*package), (main, code)];
    let toml = parsed(&files);
    assert!(toml.get("run").is_none(), "{toml}");
    let text = toml.to_string();
    let line = text.lines().find(|line| line.starts_with("#command"));
    let put_in_force: toml_edit::DocumentMut = line.unwrap()[1..].parse().unwrap();
    let words = put_in_force["command"].as_array().unwrap();
    let word = words.get(1).unwrap().as_str();
    assert_eq!(word, Some(main), "nothing is lost of it");
    assert!(!text.contains(['\u{1b}', '\u{7f}']));
}

#[test]
fn a_terminal_is_told_nothing_by_a_file_that_cannot_be_read() {
    let dir = app(&[("Cargo.toml", "[package]\nname = \u{1b}]0;x\u{7}\u{202e}\n")]);
    let said = refused(&dir);
    assert!(said.contains("line 2"), "{said}");
    assert!(!said.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{said:?}");
    let name = "{\"name\": \"a\u{2066}b\u{200f}c\"}";
    let told = both(&[("package.json", name)]);
    assert!(told.contains("a b c"), "{told}");
}

/// What looks alike is looked at a few times: what would be looked through each time is a megabyte.
#[test]
fn a_hostile_project_costs_no_more_than_another() {
    let package = |main: &str| serde_json::json!({"main": main}).to_string();
    let listens = ".listen(a ".repeat(100_000);
    let names = format!("{{{}}}", "a,".repeat(200_000));
    let env = format!("{names}{}", "}=process.env;".repeat(40_000));
    for code in [&listens, &env] {
        let files = [
            ("package.json", &*package("server.js")),
            ("server.js", code),
        ];
        assert!(both(&files).contains("server.js"));
    }
    let many = vec!["p/*"; 100_000];
    let package = serde_json::json!({"workspaces": many}).to_string();
    let start = r#"{"scripts": {"start": "node ."}}"#;
    let folders: Vec<_> = (0..100).map(|n| format!("p/{n}/package.json")).collect();
    let members = folders.iter().map(|name| (&**name, start));
    let files: Vec<_> = members.chain([("package.json", &*package)]).collect();
    let told = both(&files);
    assert!(
        told.contains("p/0, p/1, p/10, p/11, p/12, p/13 can be started"),
        "{told}"
    );
}

#[test]
fn a_link_in_the_way_is_called_one() {
    let dir = app(&[("package.json", "{}"), ("bashrc", "")]);
    std::os::unix::fs::symlink("bashrc", dir.path().join("panoply.toml")).unwrap();
    let said = refused(&dir);
    assert!(
        said.contains("a link to `bashrc`, is there already"),
        "{said}"
    );
}
