//! Paths that scanners ask every site for, and visitors none that has not got them.

use panoply_core::spelling::canonical;

/// Whether a path is one that only a scanner asks for, unless the app has it.
///
/// Each of these names a file or a program by itself, wherever in the path. Names that a browser, a mail program, a
/// search engine or a phone asks for of its own accord are left out (`/favicon.ico`, `/.well-known/…`,
/// `/autodiscover/`), so are what file managers look for in every folder (`.DS_Store`) and what old pages link to below
/// `/wp-includes/`, and so are those that an app of one's own may lack for a while.
pub(super) fn is_probe(path: &str) -> bool {
    if path.contains(['%', '\\']) {
        return names_a_probe(&canonical(path));
    }
    names_a_probe(path)
}

fn names_a_probe(path: &str) -> bool {
    let mut before = "";
    path.split('/').any(|segment| {
        // What a path takes along for a Java server.
        let name = segment.split(';').next().unwrap_or(segment);
        let in_etc = before.eq_ignore_ascii_case("etc");
        before = segment;
        is_name(name) || (in_etc && is_one_of(name, IN_ETC))
    })
}

fn is_name(name: &str) -> bool {
    let Some(first) = name.as_bytes().first() else {
        return false;
    };
    is_one_of(name, beginning_with(*first)) || STARTS.iter().any(|start| begins(name, start))
}

/// What such a path has in it, for people: between two slashes, and with `…` what begins so.
pub(super) fn told() -> impl Iterator<Item = String> {
    let firsts = [b'.', b'_'].into_iter().chain(b'a'..=b'z');
    let names = firsts.flat_map(|first| beginning_with(first).iter());
    let starts = STARTS.iter().map(|start| format!("{start}…"));
    starts
        .chain(names.map(ToString::to_string))
        .chain(IN_ETC.iter().map(|name| format!("etc/{name}")))
}

/// The names that begin with it, which may be a capital letter.
const fn beginning_with(first: u8) -> &'static [&'static str] {
    match first.to_ascii_lowercase() {
        b'.' => HIDDEN,
        b'a' => &["actuator", "adminer.php", "alfa.php"],
        b'b' => &["backup.sql", "boaform"],
        b'c' => &["c99.php", "cgi-bin"],
        b'd' => &["database.sql", "db.sql", "dump.sql"],
        b'e' => &["eval-stdin.php"],
        b'g' => &["gponform"],
        b'h' => &["hnap1"],
        b'i' => &["id_dsa", "id_ed25519", "id_rsa"],
        b'j' => &["jmx-console"],
        b'm' => &["myadmin", "mysqladmin"],
        b'p' => &["phpinfo.php", "phpunit", "pma"],
        b'r' => &["r57.php"],
        b's' => &["server-info", "server-status", "shell.php"],
        b'w' => &[
            "web.config",
            "wlwmanifest.xml",
            "wp-admin",
            "wp-login.php",
            "wso.php",
        ],
        b'x' => &["xmlrpc.php"],
        b'_' => &["_ignition", "_profiler"],
        _ => &[],
    }
}

/// How others begin.
const STARTS: [&str; 4] = [".env", ".git", "phpmyadmin", "wp-config.php"];

const IN_ETC: &[&str] = &["passwd", "shadow"];

/// Names with a point in front, beside those that begin like `.env` and `.git`. Not all there are: apps keep files so
/// named, as the backups of phones are.
const HIDDEN: &[&str] = &[
    ".aws",
    ".bash_history",
    ".bashrc",
    ".bzr",
    ".circleci",
    ".docker",
    ".hg",
    ".htaccess",
    ".htpasswd",
    ".idea",
    ".kube",
    ".mysql_history",
    ".npmrc",
    ".pgpass",
    ".profile",
    ".s3cfg",
    ".ssh",
    ".svn",
    ".terraform",
    ".vscode",
];

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn begins(name: &str, start: &str) -> bool {
    let head = name.as_bytes().get(..start.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_is_what_is_counted() {
        let told: Vec<String> = told().collect();
        for one in &told {
            let path = one.replace('…', ".x");
            assert!(is_probe(&format!("/a/{path}/b")), "{one}");
        }
        for known in [".env…", "wp-login.php", ".ssh", "_profiler", "etc/passwd"] {
            assert!(told.iter().any(|one| one == known), "{known}");
        }
    }

    #[test]
    fn what_scanners_ask_for() {
        for path in [
            "/.env",
            "/api/.ENV.production",
            "/%2eenv",
            "/.git/config",
            "/.git-credentials",
            "/wp-login.php",
            "/blog/WP-Login.php",
            "/wp-includes/wlwmanifest.xml",
            "/wp-config.php.bak",
            "/phpMyAdmin-5.2/index.php",
            "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
            "/cgi-bin/luci/;stok=/locale",
            "/actuator/health",
            "/actuator;x=1/env",
            "/HNAP1/",
            "/static/..%2f..%2fetc/passwd",
            "/.aws/credentials",
            "//xmlrpc.php",
        ] {
            assert!(is_probe(path), "{path}");
        }
    }

    #[test]
    fn what_visitors_and_their_programs_ask_for() {
        for path in [
            "/",
            "/favicon.ico",
            "/robots.txt",
            "/sitemap.xml",
            "/ads.txt",
            "/apple-touch-icon-precomposed.png",
            "/browserconfig.xml",
            "/.well-known/security.txt",
            "/.well-known/change-password",
            "/.well-known/appspecific/com.chrome.devtools.json",
            "/.well-known/acme-challenge/x",
            "/.well-known/apple-app-site-association",
            "/autodiscover/autodiscover.xml",
            "/assets/index-BxY12.js.map",
            "/wp-content/uploads/2019/05/cat.jpg",
            "/wp-json/wp/v2/posts",
            "/wp-includes/js/jquery/jquery.js",
            "/.DS_Store",
            "/files/.DS_Store",
            "/feed",
            "/login",
            "/admin",
            "/user/profile",
            "/environment",
            "/git/x.git/info/refs",
            "/docs/etc/hosts",
            "/etc",
            "/passwd",
            "/remote.php/dav/.SeedVaultAndroidBackup/e3/e399",
            "/_matrix/media/r0/preview_url",
            "/_next/static/x.js",
            "/page.php",
            "/items;v=.env",
        ] {
            assert!(!is_probe(path), "{path}");
        }
    }
}
