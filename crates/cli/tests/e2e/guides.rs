//! The guides: every panoply.toml in them is one, and the apps that they are about work as they say.

use super::support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use support::{Gateway, Verdicts, node, panoply, require, root, text, wait_for};
use tempfile::TempDir;

/// The blocks of one language in a guide, without the space before them in a list.
fn blocks(guide: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for line in guide.lines() {
        let fence = line.trim_start();
        open = match open.take() {
            None if fence == format!("```{language}") => {
                Some((line.len() - fence.len(), String::new()))
            }
            None => None,
            Some((_, block)) if fence == "```" => {
                blocks.push(block);
                None
            }
            Some((space, mut block)) => {
                block.push_str(line.get(space..).unwrap_or_default());
                block.push('\n');
                Some((space, block))
            }
        };
    }
    assert!(open.is_none(), "a block of {language} is not closed");
    blocks
}

fn guide(name: &str) -> String {
    fs::read_to_string(root().join("docs/guides").join(name)).unwrap()
}

/// The first block of a guide that is a whole panoply.toml.
fn first_config(name: &str) -> String {
    blocks(&guide(name), "toml").into_iter().next().unwrap()
}

#[test]
fn each_panoply_toml_of_the_guides_is_accepted() {
    let mut wrong = Verdicts::default();
    let folder = TempDir::with_prefix("panoply-e2e-").unwrap();
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args([
            "-nodes",
            "-keyout",
            "privkey.pem",
            "-out",
            "fullchain.pem",
            "-days",
            "30",
        ])
        .args([
            "-subj",
            "/CN=shop.example",
            "-addext",
            "subjectAltName=DNS:shop.example",
        ])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    let line = "ada:$2y$04$9J9tGLkLx5NJtPdtC9CSf.zgQwMgmubJ5QAOVpg53Enwc1UrjDhR2\n";
    fs::write(folder.path().join("htpasswd"), line).unwrap();
    let mut checked = 0;
    let guides = root().join("docs/guides");
    for entry in fs::read_dir(guides).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        for (at, block) in blocks(&guide(&name), "toml").iter().enumerate() {
            if block.starts_with("# Cargo.toml") {
                continue;
            }
            wrong.check(block.starts_with("# panoply.toml\n"), || {
                format!("{name}, block {at}: which file is it?")
            });
            // What has to be there.
            let certificates = format!("{}/", folder.path().display());
            let block = block
                .replace("/etc/letsencrypt/live/shop.example/", &certificates)
                .replace(
                    "/etc/shop/inner-ca.pem",
                    &format!("{certificates}fullchain.pem"),
                )
                .replace("/etc/panoply/htpasswd", "htpasswd")
                .replace("/usr/local/bin/dns-hook", "/bin/true");
            fs::write(folder.path().join("panoply.toml"), &block).unwrap();
            let output = panoply()
                .args(["check", "--state", "state"])
                .current_dir(folder.path())
                .output()
                .unwrap();
            wrong.check(output.status.success(), || {
                format!("{name}, block {at}: {}\n{block}", text(&output.stderr))
            });
            checked += 1;
        }
    }
    wrong.check(checked >= 18, || {
        format!("only {checked} blocks were found")
    });
    wrong.settle();
}

#[test]
fn every_link_of_the_guides_leads_somewhere() {
    let mut wrong = Verdicts::default();
    let folder = root().join("docs/guides");
    for entry in fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let text = guide(&name);
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let path = target.split('#').next().unwrap_or_default();
            let is_ours = !path.is_empty() && !path.contains("://");
            wrong.check(!is_ours || folder.join(path).exists(), || {
                format!("{name}: {target}")
            });
        }
    }
    wrong.settle();
}

/// Waits for the browser's word on a login.
fn signed_in(origin: &str, path: &str, password: &str) -> Value {
    node("browser.mjs", &["signIn", origin, path, password], None)
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
}

/// A fresh project, with the settings of the guide.
fn django(folder: &Path) {
    require("django-admin");
    run(Command::new("django-admin")
        .args(["startproject", "shop", "."])
        .current_dir(folder));
    let settings = blocks(&guide("django.md"), "python");
    let settings = settings
        .iter()
        .find(|block| block.starts_with("# shop/settings.py"))
        .unwrap();
    // Without whitenoise, which is no package of Debian's django; the admin's style is not looked at.
    let lines = settings.lines().filter(|line| !line.contains("whitenoise"));
    let settings = lines.collect::<Vec<_>>().join("\n") + "\n";
    assert!(settings.contains("SECURE_PROXY_SSL_HEADER"), "{settings}");
    let path = folder.join("shop/settings.py");
    let whole = fs::read_to_string(&path).unwrap() + &settings;
    fs::write(path, whole).unwrap();
    let manage = |arguments: &[&str]| {
        let mut command = Command::new("/usr/bin/python3");
        command
            .arg("manage.py")
            .args(arguments)
            .envs([
                ("SECRET_KEY", "for-a-test"),
                ("DJANGO_SUPERUSER_PASSWORD", "lovelace"),
            ])
            .current_dir(folder);
        run(&mut command);
    };
    manage(&["migrate", "-v0"]);
    let owner = ["--username", "ada", "--email", "ada@example.com"];
    manage(&[&["createsuperuser", "--noinput"][..], &owner].concat());
}

#[test]
fn djangos_admin_lets_its_owner_in_and_is_guarded() {
    let folder = TempDir::with_prefix("panoply-e2e-").unwrap();
    django(folder.path());
    let server = format!(
        "cd '{}' && exec /usr/bin/python3 manage.py runserver --noreload 127.0.0.1:$PORT",
        folder.path().display()
    );
    let gateway = Gateway::setup()
        .environment("SECRET_KEY", "for-a-test")
        .command(&["sh".to_owned(), "-c".to_owned(), server])
        .start();
    // By the name that the settings allow.
    let origin = gateway.origin.replace("127.0.0.1", "localhost");
    let mut wrong = Verdicts::default();
    let seen = signed_in(&origin, "/admin/login/?next=/admin/", "lovelace");
    // Django checks where the form comes from, and the browser was told to keep that to itself.
    wrong.equal("at", seen["at"].clone(), "/admin/");
    let said = seen["origin"].as_str().unwrap_or_default();
    wrong.equal("what the browser said of the origin", said, "null");
    let names = seen["cookies"].to_string();
    wrong.check(!names.contains("\"sessionid\""), || names.clone());
    wrong.check(names.contains("\"csrftoken\""), || names.clone());
    wrong.check(names.contains("panoply_device"), || names.clone());
    // The admin's own pages have nothing inline that the policy would have to allow.
    let said = seen["said"].to_string();
    wrong.check(!said.contains("Content Security Policy"), || said.clone());

    let page = support::curl(&gateway.ca(), &[&format!("{origin}/admin/login/")]);
    let cookie = page.header("set-cookie").unwrap_or_default();
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    let token = page.text();
    let token = token.split("csrfmiddlewaretoken\" value=\"").nth(1);
    let token = token.and_then(|rest| rest.split('"').next()).unwrap();
    let mut statuses = Vec::new();
    for guess in 0..12 {
        let form = format!("csrfmiddlewaretoken={token}&username=grace&password={guess}");
        let arguments = [
            "-H",
            &format!("Cookie: {cookie}"),
            "-H",
            &format!("Referer: {origin}/"),
            "-d",
            &form,
            &format!("{origin}/admin/login/"),
        ];
        statuses.push(support::curl(&gateway.ca(), &arguments).status);
    }
    wrong.equal("guesses", statuses, [vec![200; 10], vec![429; 2]].concat());
    wrong.settle();
}

#[test]
fn php_keeps_its_session_and_is_guarded() {
    require("php");
    let setup = Gateway::setup();
    let public = setup.dir().join("public");
    fs::create_dir(&public).unwrap();
    let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/php/index.php");
    fs::copy(app, public.join("index.php")).unwrap();
    let gateway = setup.config(&first_config("php.md")).start();
    let mut wrong = Verdicts::default();
    let home = wait_for("the app", Duration::from_secs(10), || {
        let answer = support::curl(&gateway.ca(), &[&gateway.url("/")]);
        (answer.status == 200).then_some(answer)
    });
    wrong.check(home.text().contains("127.0.0.1 https"), || home.text());
    wrong.equal("powered by", home.header("x-powered-by"), None);
    let cookie = home.header("set-cookie").unwrap_or_default();
    wrong.check(cookie.starts_with("__Host-id-"), || cookie.clone());
    let seen = signed_in(&gateway.origin, "/login", "wrong");
    wrong.equal("wrong password", seen["at"].clone(), "/login");
    let seen = signed_in(&gateway.origin, "/login", "lovelace");
    wrong.equal("at", seen["at"].clone(), "/account");
    wrong.equal("user", seen["heading"].clone(), "ada");
    // The inline script bears the nonce, and so runs.
    wrong.equal("title of the first page", seen["title"].clone(), "inline");
    wrong.settle();
}
