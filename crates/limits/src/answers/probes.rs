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
        is_name(name) || (in_etc && is_one_of(name, &["passwd", "shadow"]))
    })
}

fn is_name(name: &str) -> bool {
    let Some(first) = name.as_bytes().first() else {
        return false;
    };
    match first.to_ascii_lowercase() {
        b'.' => begins(name, ".env") || begins(name, ".git") || is_one_of(name, HIDDEN),
        b'a' => is_one_of(name, &["actuator", "adminer.php", "alfa.php"]),
        b'b' => is_one_of(name, &["backup.sql", "boaform"]),
        b'c' => is_one_of(name, &["c99.php", "cgi-bin"]),
        b'd' => is_one_of(name, &["database.sql", "db.sql", "dump.sql"]),
        b'e' => is_one_of(name, &["eval-stdin.php"]),
        b'g' => is_one_of(name, &["gponform"]),
        b'h' => is_one_of(name, &["hnap1"]),
        b'i' => is_one_of(name, &["id_dsa", "id_ed25519", "id_rsa"]),
        b'j' => is_one_of(name, &["jmx-console"]),
        b'm' => is_one_of(name, &["myadmin", "mysqladmin"]),
        b'p' => begins(name, "phpmyadmin") || is_one_of(name, &["phpinfo.php", "phpunit", "pma"]),
        b'r' => is_one_of(name, &["r57.php"]),
        b's' => is_one_of(name, &["server-info", "server-status", "shell.php"]),
        b'w' => {
            begins(name, "wp-config.php")
                || is_one_of(
                    name,
                    &[
                        "web.config",
                        "wlwmanifest.xml",
                        "wp-admin",
                        "wp-login.php",
                        "wso.php",
                    ],
                )
        }
        b'x' => is_one_of(name, &["xmlrpc.php"]),
        b'_' => is_one_of(name, &["_ignition", "_profiler"]),
        _ => false,
    }
}

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
