//! The names that the cookies of popular stacks have.

use std::sync::LazyLock;

use hashbrown::HashMap;
use regex::bytes::{RegexSet, RegexSetBuilder};

/// What a cookie is for, as far as its name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A session.
    Session,
    /// A proof of who somebody is.
    Auth,
    /// The same for long.
    Remember,
    /// A token against forged requests that page script reads and sends back.
    ScriptToken,
    /// A token against forged requests that only the server reads.
    ServerToken,
    /// What a load balancer goes by.
    Balancer,
}

/// How a name is told.
enum How {
    Is(&'static str),
    Begins(&'static str),
    Like(&'static str),
}

use How::{Begins, Is, Like};

/// Name and kind; the stack that it is of stands behind.
#[rustfmt::skip]
const NAMES: [(How, Kind); 70] = [
    (Is("connect.sid"), Kind::Session), // express-session (Express, NestJS)
    (Is("session"), Kind::Session), // cookie-session, Flask, Starlette/FastAPI, Pyramid, @hapi/yar, @fastify/secure-session, axum_session
    (Is("session.sig"), Kind::Session), // cookie-session / cookies+keygrip
    (Is("sessionId"), Kind::Session), // @fastify/session
    (Like(r"^koa[.:]sess(\.sig)?$"), Kind::Session), // koa-session
    (Is("sails.sid"), Kind::Session), // Sails.js
    (Like("^adonis-session(-values)?$"), Kind::Session), // AdonisJS
    (Like(r"^(__Secure-)?(authjs|next-auth)\.session-token(\.\d+)?$"), Kind::Session), // Auth.js / NextAuth (chunked .0 .1)
    (Like(r"^(__Host-)?(authjs|next-auth)\.csrf-token$"), Kind::ServerToken), // Auth.js
    (Like(r"^(__Secure-)?better-auth\.session_(token|data)$"), Kind::Session), // better-auth
    (Is("__session"), Kind::Session), // Remix / React Router; Clerk; Firebase Hosting
    (Is("nuxt-session"), Kind::Session), // nuxt-auth-utils
    (Is("XSRF-TOKEN"), Kind::ScriptToken), // Angular, axios, Laravel
    (Is("_csrf"), Kind::ServerToken), // csurf
    (Is("PHPSESSID"), Kind::Session), // PHP, Symfony, Magento
    (Like("^[a-z0-9_-]+[_-]session$"), Kind::Session), // Laravel
    (Begins("remember_web_"), Kind::Remember), // Laravel remember-me
    (Is("ci_session"), Kind::Session), // CodeIgniter
    (Is("ci_csrf_token"), Kind::ServerToken), // CodeIgniter
    (Like("(?i)^cakephp$"), Kind::Session), // CakePHP
    (Is("YII_CSRF_TOKEN"), Kind::ServerToken), // Yii 1
    (Is("kohanasession"), Kind::Session), // Kohana
    (Is("ZENDSERVERSESSID"), Kind::Session), // Zend Server
    (Like("^wordpress_(logged_in|sec)_[0-9a-f]+$|^wordpress_[0-9a-f]{32}$"), Kind::Auth), // WordPress (multi-path: /wp-admin, plugins: do not __Host-)
    (Like("^S?SESS[0-9a-f]{32}$"), Kind::Session), // Drupal
    (Like(r"^phpbb\w*_sid$"), Kind::Session), // phpBB
    (Is("bbsessionhash"), Kind::Session), // vBulletin
    (Is("xf_session"), Kind::Session), // XenForo
    (Is("xf_csrf"), Kind::ScriptToken), // XenForo
    (Like(r"^\w*wiki\w*_?session$|^wiki\d+_session$"), Kind::Session), // MediaWiki
    (Is("DokuWiki"), Kind::Session), // DokuWiki
    (Is("OSTSESSID"), Kind::Session), // osTicket
    (Like(r"^JSESSIONID(\.[0-9a-f]+)?$"), Kind::Session), // Servlet containers
    (Is("SESSION"), Kind::Session), // Spring Session
    (Is("remember-me"), Kind::Remember), // Spring Security
    (Like("(?i)^ltpatoken2?$"), Kind::Auth), // WebSphere SSO (Domain cookie)
    (Is("PLAY_SESSION"), Kind::Session), // Play
    (Is("vertx-web.session"), Kind::Session), // Vert.x Web
    (Is("ASP.NET_SessionId"), Kind::Session), // ASP.NET
    (Is(".ASPXAUTH"), Kind::Auth), // ASP.NET forms auth
    (Begins("ASPSESSIONID"), Kind::Session), // Classic ASP
    (Begins("__RequestVerificationToken"), Kind::ServerToken), // ASP.NET MVC
    (Is(".AspNetCore.Session"), Kind::Session), // ASP.NET Core
    (Like(r"^\.AspNetCore\.(Cookies|Identity\.\w+)(C\d+)?$"), Kind::Auth), // ASP.NET Core auth (chunked C1 C2)
    (Begins(".AspNetCore.Antiforgery."), Kind::ServerToken), // ASP.NET Core
    (Like(r"^FedAuth\d*$"), Kind::Auth), // WIF / SharePoint
    (Is("sessionid"), Kind::Session), // Django
    (Is("csrftoken"), Kind::ScriptToken), // Django (JS reads it)
    (Is("AIOHTTP_SESSION"), Kind::Session), // aiohttp_session
    (Is("beaker.session.id"), Kind::Session), // Beaker (Bottle, Pylons)
    (Is("session_id"), Kind::Session), // CherryPy, Odoo, Fiber
    (Is("_xsrf"), Kind::ScriptToken), // Tornado, Jupyter (JS reads it)
    (Is("_streamlit_xsrf"), Kind::ScriptToken), // Streamlit
    (Is("_session_id"), Kind::Session), // Rails (old)
    (Like("^_[a-z0-9_]+_session$"), Kind::Session), // Rails
    (Like(r"^remember_\w+_token$"), Kind::Remember), // Devise
    (Is("rack.session"), Kind::Session), // Rack / Sinatra
    (Like("^_[a-z0-9_]+_key$"), Kind::Session), // Phoenix: _<app>_key
    (Is("REVEL_SESSION"), Kind::Session), // Revel (Go)
    (Is("mysession"), Kind::Session), // gin-contrib/sessions examples
    (Is("id"), Kind::Session), // tower-sessions, actix-session (OWASP-generic name)
    (Is("poem-session"), Kind::Session), // poem
    (Is("salvo.session.id"), Kind::Session), // salvo-session
    (Like("^(CFID|CFTOKEN|CFMAGIC|CFGLOBALS)$"), Kind::Session), // ColdFusion
    (Is("DARTSESSID"), Kind::Session), // Dart
    (Is("grafana_session"), Kind::Session), // Grafana
    (Like("^(MRHSession|LastMRH_Session|F5_ST|TIN)$"), Kind::Balancer), // F5 APM
    (Begins("BIGipServer"), Kind::Balancer), // F5 persistence
    (Like(r"^AWSALB(CORS|APP-\d+|TG(CORS)?)?$|^AWSELB(CORS)?$"), Kind::Balancer), // AWS load balancers
    (Like("^ASLBSA(CORS)?$|^ARRAffinity(SameSite)?$"), Kind::Balancer), // Azure Front Door / App Service
];

/// All of the table, ready to be asked.
struct Table {
    exact: HashMap<&'static [u8], Kind>,
    patterns: RegexSet,
    kinds: Vec<Kind>,
}

static TABLE: LazyLock<Option<Table>> = LazyLock::new(|| {
    let exact = NAMES.iter().filter_map(|(how, kind)| match how {
        Is(name) => Some((name.as_bytes(), *kind)),
        _ => None,
    });
    let pattern = |how: &How| match how {
        Is(_) => None,
        Begins(start) => Some(format!("^{}", regex::escape(start))),
        Like(pattern) => Some((*pattern).to_owned()),
    };
    let patterns: Vec<(String, Kind)> = NAMES
        .iter()
        .filter_map(|(how, kind)| Some((pattern(how)?, *kind)))
        .collect();
    let set = RegexSetBuilder::new(patterns.iter().map(|(pattern, _)| pattern));
    Some(Table {
        exact: exact.collect(),
        patterns: { set }.unicode(false).build().ok()?,
        kinds: patterns.into_iter().map(|(_, kind)| kind).collect(),
    })
});

/// What a cookie of this name is, if a popular stack calls one so.
///
/// ```
/// use panoply_guard::{Kind, kind_of};
///
/// assert_eq!(kind_of(b"connect.sid"), Some(Kind::Session));
/// assert_eq!(kind_of(b"_shop_session"), Some(Kind::Session));
/// assert_eq!(kind_of(b"csrftoken"), Some(Kind::ScriptToken));
/// assert_eq!(kind_of(b"theme"), None);
/// ```
pub fn kind_of(name: &[u8]) -> Option<Kind> {
    let table = TABLE.as_ref()?;
    table.exact.get(name).copied().or_else(|| {
        // Most names are like none of them, which is told sooner than which one it is.
        if !table.patterns.is_match(name) {
            return is_script_token(name).then_some(Kind::ScriptToken);
        }
        let found = table.patterns.matches(name).into_iter().next()?;
        table.kinds.get(found).copied()
    })
}

/// Whether a name says that it is a token against forged requests, in which case page script is whom it is
/// for: `csrfToken`, `XSRF-TOKEN-2`, Syncthing's `CSRF-Token-74VMD`. A server's own half is called otherwise.
///
/// By hand, since nearly every name of a cookie comes here, and has none of it.
fn is_script_token(name: &[u8]) -> bool {
    let begins = |bytes: &[u8], word: &[u8]| {
        let start = bytes.get(..word.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    let after = |(at, byte): (usize, &u8)| {
        // The `f` of `csrf`.
        if !byte.eq_ignore_ascii_case(&b'f') {
            return None;
        }
        let word = name.get(at.checked_sub(3)?..=at)?;
        let is_word = begins(word, b"csrf") || begins(word, b"xsrf");
        is_word.then(|| name.get(at + 1..)).flatten()
    };
    let Some(rest) = name.iter().enumerate().find_map(after) else {
        return false;
    };
    let rest = rest.strip_prefix(b"-").unwrap_or(rest);
    let rest = rest.strip_prefix(b"_").unwrap_or(rest);
    begins(rest, b"token")
        && match rest.get(b"token".len()..) {
            None | Some([]) => true,
            Some([b'-' | b'_', more @ ..]) => more.iter().all(u8::is_ascii_alphanumeric),
            Some(_) => false,
        }
}

/// Sessions whose whole name is known, that may go by another: with these no other host, balancer or
/// hosting goes by the name.
pub(crate) fn renamed() -> impl Iterator<Item = &'static str> {
    let exact = NAMES.iter().filter_map(|(how, kind)| match how {
        Is(name) if *kind == Kind::Session => Some(*name),
        _ => None,
    });
    // Firebase passes on no other than `__session`; a `.sig` goes with its own.
    let own = |name: &&str| !name.starts_with("__") && !is_signature(name);
    // Of those that are told by a pattern, the ones that most apps have.
    exact.filter(own).chain(COMMON)
}

/// Every name that is known whole.
pub(crate) fn known() -> impl Iterator<Item = &'static str> {
    let exact = NAMES.iter().filter_map(|(how, _)| match how {
        Is(name) => Some(*name),
        _ => None,
    });
    exact.chain(COMMON)
}

const COMMON: [&str; 5] = [
    "JSESSIONID",
    "koa.sess",
    "koa:sess",
    "laravel_session",
    "adonis-session",
];

/// Sessions of PHP whose names it reads from others as well.
pub(crate) const OF_PHP: [&str; 3] = ["laravel_session", "ci_session", "xf_session"];

/// Sessions of .NET, which knows no case in their names.
pub(crate) const OF_DOT_NET: [&str; 2] = ["ASP.NET_SessionId", ".AspNetCore.Session"];

/// Sessions that are all in the cookie, signed at best.
pub(crate) const WHOLE: [&str; 5] = [
    "session",
    "koa.sess",
    "koa:sess",
    "rack.session",
    "PLAY_SESSION",
];

pub(crate) fn is_signature(name: &str) -> bool {
    name.strip_suffix(".sig").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_one() {
        assert!(TABLE.is_some());
        for (name, kind) in [
            ("session.sig", Kind::Session),
            ("next-auth.session-token.1", Kind::Session),
            (
                "remember_web_59ba36addc2b2f9401580f014c7f58ea4e30989d",
                Kind::Remember,
            ),
            ("wordpress_logged_in_0123456789abcdef", Kind::Auth),
            ("SSESS0123456789abcdef0123456789abcdef", Kind::Session),
            ("JSESSIONID.1a2b", Kind::Session),
            ("cakePHP", Kind::Session),
            ("BIGipServerpool_x", Kind::Balancer),
            ("AWSALBTGCORS", Kind::Balancer),
            ("_xsrf", Kind::ScriptToken),
            ("CSRF-Token-74VMD", Kind::ScriptToken),
            ("csrfToken", Kind::ScriptToken),
            ("__Host-csrf_token", Kind::ScriptToken),
            ("ci_csrf_token", Kind::ServerToken),
            ("__Host-authjs.csrf-token", Kind::ServerToken),
        ] {
            assert_eq!(kind_of(name.as_bytes()), Some(kind), "{name}");
        }
        for name in [
            "",
            "lang",
            "JSESSIONIDx",
            "connect.sid2",
            "csrf_secret",
            "csrftoken.sig",
            "\u{fe}",
        ] {
            assert_eq!(kind_of(name.as_bytes()), None, "{name}");
        }
        for name in renamed() {
            assert_eq!(kind_of(name.as_bytes()), Some(Kind::Session), "{name}");
        }
    }
}
