//! Where logins usually are.

/// The paths at which apps usually have their login, by what their frameworks and tutorials call it.
pub(super) const PATHS: [&str; 57] = [
    "/login",
    "/log-in",
    "/log_in",
    "/signin",
    "/sign-in",
    "/sign_in",
    "/auth",
    "/auth/login",
    "/auth/signin",
    "/auth/sign-in",
    "/auth/sign_in",
    "/auth/local",
    "/auth/token",
    "/auth/jwt/create",
    "/auth/callback/credentials",
    "/authenticate",
    "/authentication",
    "/api/login",
    "/api/signin",
    "/api/auth",
    "/api/auth/login",
    "/api/auth/signin",
    "/api/auth/sign-in",
    "/api/auth/sign-in/email",
    "/api/auth/sign-in/username",
    "/api/auth/local",
    "/api/auth/callback/credentials",
    "/api/auth/token",
    "/api/authenticate",
    "/api/session",
    "/api/token",
    "/api/account/login",
    "/api/admin/login",
    "/api/user/login",
    "/api/users/authenticate",
    "/api/users/login",
    "/api/users/signin",
    "/api/v1/auth",
    "/api/v1/login",
    "/api/v1/auth/login",
    "/api/v1/auth/signin",
    "/api/v1/users/login",
    "/session",
    "/sessions",
    "/users/sign_in",
    "/users/authenticate",
    "/users/login",
    "/users/signin",
    "/user/login",
    "/user/signin",
    "/account/login",
    "/accounts/login",
    "/admin/login",
    "/ghost/api/admin/session",
    "/identity/account/login",
    "/login/index.php",
    "/wp-login.php",
];

/// What the last segment of a path is called where an app has its login below another path, be it that of
/// the app itself: `/hub/login`, `/shop/admin/login.php`, `/_matrix/client/v3/login`.
pub(super) const ENDS: [&str; 11] = [
    "login",
    "log-in",
    "log_in",
    "signin",
    "sign-in",
    "sign_in",
    "wp-login",
    "login_check",
    "authenticate",
    "j_security_check",
    "j_spring_security_check",
];

/// Those of them that a page is called to which a failed login leads back. Who is asked for a second factor
/// is led to `…/authenticate`, and is right so far.
const PAGES: usize = 7;

/// How the names of programs end, behind which a server lets anything follow (`PATH_INFO`).
const PROGRAMS: [&str; 8] = [
    ".php", ".phtml", ".php5", ".asp", ".aspx", ".cgi", ".cfm", ".pl",
];

/// Where `NextAuth` and Auth.js take a name and a password, for a provider that may be called anything.
const CALLBACK: &str = "/auth/callback/";

/// Whether a segment of a path, in its canonical form, begins as what a login is called: most paths have none.
pub(super) fn may_have_login(path: &str) -> bool {
    let bytes = path.as_bytes();
    let begins = |at: usize| bytes.get(at + 1).copied().is_some_and(begins_as_login);
    !path.starts_with('/') || memchr::memchr_iter(b'/', bytes).any(begins)
}

const fn begins_as_login(letter: u8) -> bool {
    matches!(letter, b'a' | b'j' | b'l' | b's' | b'w')
}

/// Whether a path, in its canonical form, has more behind what a login is called, or is one of `NextAuth`'s, which
/// looks at its first two segments alone.
pub(super) fn is_behind_login(path: &str) -> bool {
    let mut segments = path.split('/').skip(1).peekable();
    while let (Some(segment), Some(_)) = (segments.next(), segments.peek()) {
        // Most begin otherwise.
        let may_be = { segment.as_bytes().first().copied() }.is_some_and(begins_as_login);
        let bare = || segment.split_once('.').map_or(segment, |(bare, _)| bare);
        if may_be && (ENDS.contains(&bare()) || segment == "auth" && path.contains(CALLBACK)) {
            return true;
        }
    }
    false
}

/// What follows a program in a path, in its canonical form, which is a path to the program.
pub(crate) fn behind_program(path: &str) -> Option<&str> {
    path.get(program(path).len()..)
        .filter(|rest| !rest.is_empty())
}

/// A path, in its canonical form, without what follows a program in it.
pub(super) fn program(path: &str) -> &str {
    let mut at = 0;
    for segment in path.split_inclusive('/') {
        at += segment.len();
        let name = segment.strip_suffix('/');
        if name.is_some_and(is_program) {
            return path.get(..at.saturating_sub(1)).unwrap_or(path);
        }
    }
    path
}

/// Whether a segment is the name of a program.
pub(crate) fn is_program(segment: &str) -> bool {
    PROGRAMS.iter().any(|end| segment.ends_with(end))
}

/// Whether a path, in its canonical form, ends as that of a login.
pub(super) fn ends_as_login(path: &str) -> bool {
    ENDS.contains(&last(path))
}

/// Whether a path, in its canonical form, ends as that of a login's page.
pub(super) fn ends_as_page(path: &str) -> bool {
    ENDS.iter().take(PAGES).any(|end| *end == last(path))
}

/// The last segment, whatever format it has: frameworks take any. An index is its folder.
fn last(path: &str) -> &str {
    let mut segments = program(path).trim_end_matches('/').rsplit('/');
    let mut bare = || {
        let segment = segments.next()?;
        Some(segment.split_once('.').map_or(segment, |(bare, _)| bare))
    };
    let last = bare().unwrap_or("");
    if last == "index" {
        bare().unwrap_or(last)
    } else {
        last
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_glance_misses_no_login(path in "(/?([a-z]{0,2}|login|auth/callback|wp-login|sign_in|j_security_check|index)(\\.php)?){0,5}") {
            prop_assert!(may_have_login(&path) || !ends_as_login(&path) && !is_behind_login(&path));
        }
    }

    #[test]
    fn a_login_below_another_path_is_told_by_its_end() {
        for path in [
            "/hub/login",
            "/user/login/",
            "/rest/login",
            "/noauth/login.html",
            "/authenticate/login",
            "/api/v2/auth/login",
            "/_matrix/client/v3/login",
            "/-/verdaccio/sec/login",
            "/blog/wp-login.php",
            "/shop/j_security_check",
            "/realms/x/login-actions/authenticate",
            "/hub/login.foo",
            "/hub/login.",
            "/app/login.xhtml",
            "/moodle/login/index.php",
            "/blog/wp-login.php/x/y.css",
        ] {
            assert!(ends_as_login(path), "{path}");
        }
        for path in [
            "/",
            "/index.php",
            "/index",
            "/blog.php/x",
            "/posts/how-to-login",
            "/login/help",
            "/logins",
            "/api/sessions",
        ] {
            assert!(!ends_as_login(path), "{path}");
        }
        for path in ["/", "/index.php", "/posts/how-to", "/blog/xlogin", "/Login"] {
            assert!(!may_have_login(path), "{path}");
        }
        assert!(ends_as_page("/wp-login.php") && ends_as_page("/hub/login"));
        assert!(!ends_as_page("/accounts/2fa/authenticate") && !ends_as_page("/login_check"));
    }
}
