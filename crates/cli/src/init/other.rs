//! Apps that are not Node: a command that is likely, and what to know about it.

use std::path::Path;

use serde_json::Value;
use toml_edit::DocumentMut;

use super::{
    InitError,
    app::{App, Port, Start, read, read_inside},
};

/// The command of the `web` process of a `Procfile`.
pub(super) fn procfile(dir: &Path) -> Result<Option<String>, InitError> {
    let text = read(dir, "Procfile")?.unwrap_or_default();
    let web = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("web:"));
    Ok(web
        .map(str::trim)
        .filter(|web| !web.is_empty())
        .map(str::to_owned))
}

/// A command line as words, or handed to a shell when it has more than words.
pub(super) fn command(line: &str) -> Vec<String> {
    let is_plain = |c: char| c.is_alphanumeric() || " \t-_./:=@,+%".contains(c);
    let first = line.split_whitespace().next().unwrap_or_default();
    if line.chars().all(is_plain) && !first.contains('=') {
        return line.split_whitespace().map(str::to_owned).collect();
    }
    shell(line)
}

/// `exec` leaves no shell between the gateway's signals and the app.
fn shell(line: &str) -> Vec<String> {
    let is_simple = !line.contains(['|', ';', '&', '\n']) && !line.starts_with("exec ");
    let starts_with_variable = line
        .split_whitespace()
        .next()
        .is_some_and(|w| w.contains('='));
    let exec = if is_simple && !starts_with_variable {
        "exec "
    } else {
        ""
    };
    vec!["sh".into(), "-c".into(), format!("{exec}{line}")]
}

/// A Rust service.
pub(super) fn cargo(dir: &Path) -> Result<Option<App>, InitError> {
    const FRAMEWORKS: [(&str, &str); 5] = [
        ("axum", "axum"),
        ("actix-web", "Actix Web"),
        ("rocket", "Rocket"),
        ("warp", "warp"),
        ("poem", "poem"),
    ];
    let Some(text) = read(dir, "Cargo.toml")? else {
        return Ok(None);
    };
    let manifest: DocumentMut = text.parse().map_err(|source| InitError::Toml {
        path: dir.join("Cargo.toml"),
        source: Box::new(source),
    })?;
    let dependencies = manifest.get("dependencies");
    let framework = FRAMEWORKS
        .iter()
        .find(|(name, _)| dependencies.is_some_and(|d| d.get(name).is_some()));
    let label = framework.map_or("", |(_, label)| label);
    let mut app = App::new(format!("{label} Rust service").trim_start());
    let name = manifest
        .get("package")
        .and_then(|p| p.get("name")?.as_str());
    app.name = name.map(str::to_owned);
    app.saw(
        "Cargo.toml",
        name.map_or("a workspace".into(), |name| format!("package `{name}`")),
    );
    let main = read_inside(dir, "src/main.rs").unwrap_or_default();
    let port = rust_port(&main);
    match &port {
        Some(Port::Told(_)) => app.saw("src/main.rs", "reads PORT"),
        Some(Port::Fixed(port)) => {
            app.saw(
                "src/main.rs",
                format!("listens on {port}, whatever PORT says"),
            );
            app.start_notes.push(format!(
                "The app listens on {port} and does not read PORT: start it yourself, or let it \
                 read `std::env::var(\"PORT\")` and use the command below."
            ));
        }
        None => app
            .start_notes
            .push("The app must listen on the port in PORT.".into()),
    }
    if label == "Rocket" {
        app.start_notes
            .push("Rocket reads ROCKET_PORT and not PORT.".into());
    }
    app.start_notes.push(
        "In production start what `cargo build --release` made. A tower service can also wear \
         Panoply inside: see the crate `panoply`."
            .into(),
    );
    let command = ["cargo", "run", "--release"].map(str::to_owned);
    let rocket = match label {
        "Rocket" => shell("ROCKET_PORT=$PORT exec cargo run --release"),
        _ => command.to_vec(),
    };
    app.starts_with(Some(rocket), port.filter(|_| label != "Rocket"));
    Ok(Some(app))
}

fn rust_port(main: &str) -> Option<Port> {
    if main.contains("\"PORT\"") {
        return Some(Port::Told(None));
    }
    ["0.0.0.0:", "127.0.0.1:", "localhost:", "[::]:", "[::1]:"]
        .iter()
        .find_map(|host| {
            let (_, after) = main.split_once(&format!("\"{host}"))?;
            let port = after
                .split('"')
                .next()?
                .parse()
                .ok()
                .filter(|port| *port != 0)?;
            Some(Port::Fixed(port))
        })
}

/// A Django project.
pub(super) fn django(dir: &Path) -> Result<Option<App>, InitError> {
    let Some(manage) = read(dir, "manage.py")? else {
        return Ok(None);
    };
    let mut app = App::new("Django");
    let project = manage
        .split_once("DJANGO_SETTINGS_MODULE")
        .and_then(|(_, after)| after.split(['"', '\'']).nth(2))
        .and_then(|module| module.split('.').next())
        .filter(|name| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_'));
    app.name = project.map(str::to_owned);
    app.saw(
        "manage.py",
        project.map_or("a project".into(), |name| format!("project `{name}`")),
    );
    let needs = ["requirements.txt", "pyproject.toml", "Pipfile"]
        .into_iter()
        .find(|file| read_inside(dir, file).is_some_and(|text| text.contains("gunicorn")));
    let line = if let (Some(file), Some(project)) = (needs, project) {
        app.saw(file, "gunicorn");
        format!("gunicorn {project}.wsgi --bind 127.0.0.1:$PORT")
    } else {
        app.start_notes.push(
            "This is Django's own development server. For production install gunicorn and write \
             `exec gunicorn PROJECT.wsgi --bind 127.0.0.1:$PORT`."
                .into(),
        );
        "python3 manage.py runserver --noreload 127.0.0.1:$PORT".into()
    };
    app.start = Start::Command(shell(&line));
    app.client_notes.push(
        "Django believes no proxy. So that it knows when the client has HTTPS, write in its \
         settings: SECURE_PROXY_SSL_HEADER = (\"HTTP_X_FORWARDED_PROTO\", \"https\"), and the \
         names of your site in ALLOWED_HOSTS and CSRF_TRUSTED_ORIGINS."
            .into(),
    );
    Ok(Some(app))
}

/// Rails, or another Ruby app on Rack.
pub(super) fn ruby(dir: &Path) -> Result<Option<App>, InitError> {
    let Some(gemfile) = read(dir, "Gemfile")? else {
        return Ok(None);
    };
    let has = |gem: &str| {
        gemfile
            .lines()
            .map(str::trim)
            .filter_map(|line| line.strip_prefix("gem"))
            .any(|line| line.split(['"', '\'']).nth(1) == Some(gem))
    };
    if has("rails") {
        let mut app = App::new("Rails");
        app.saw("Gemfile", "rails");
        app.start = Start::Command(
            ["bin/rails", "server", "-b", "127.0.0.1"]
                .map(str::to_owned)
                .to_vec(),
        );
        app.start_notes
            .push("Rails reads PORT. RAILS_ENV is passed on as it is set.".into());
        app.client_notes.push(
            "Rails believes proxies on private addresses, and so Panoply. In production set \
             config.assume_ssl = true, and leave config.force_ssl to Panoply."
                .into(),
        );
        return Ok(Some(app));
    }
    let mut app = App::new(if has("sinatra") {
        "Sinatra"
    } else {
        "a Ruby app"
    });
    app.saw("Gemfile", "no rails");
    if dir.join("config.ru").is_file() {
        app.saw("config.ru", "a Rack app");
        app.start = Start::Command(shell("bundle exec rackup --host 127.0.0.1 --port $PORT"));
    } else {
        app.start_notes
            .push("There is no config.ru: write what starts the app.".into());
    }
    Ok(Some(app))
}

/// Laravel, Symfony, or plain PHP.
pub(super) fn php(dir: &Path) -> Result<Option<App>, InitError> {
    let mut pages = ["public/index.php", "index.php"].into_iter();
    let page = pages.find(|page| dir.join(page).is_file());
    let (seen, package) = match (read(dir, "composer.json")?, page) {
        (Some(text), _) => {
            let path = dir.join("composer.json");
            let package: Value =
                serde_json::from_str(&text).map_err(|source| InitError::Json { path, source })?;
            ("composer.json", package)
        }
        // Without a package of anybody's.
        (None, Some(page)) => (page, Value::Null),
        (None, None) => return Ok(None),
    };
    let has = |name: &str| {
        package
            .get("require")
            .is_some_and(|r| r.get(name).is_some())
    };
    let (made_with, line) = if has("laravel/framework") {
        ("Laravel", "php artisan serve --host=127.0.0.1 --port=$PORT")
    } else {
        let root = if dir.join("public").is_dir() {
            "public"
        } else {
            "."
        };
        let line = match root {
            "public" => "php -S 127.0.0.1:$PORT -t public",
            _ => "php -S 127.0.0.1:$PORT",
        };
        let symfony = has("symfony/framework-bundle");
        (if symfony { "Symfony" } else { "a PHP app" }, line)
    };
    let mut app = App::new(made_with);
    app.name = package
        .get("name")
        .and_then(Value::as_str)
        .map(str::to_owned);
    app.saw(seen, made_with);
    app.start = Start::Command(shell(line));
    app.start_notes.push(
        "This is PHP's own development server. In production let FrankenPHP, or php-fpm behind a \
         web server, listen on loopback, and write its address as `upstream`."
            .into(),
    );
    Ok(Some(app))
}
