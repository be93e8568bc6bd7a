//! `cookie/…`: each library by its own defaults.

use super::Rules;
use super::options::{Setting, first_or_nothing, nth_or_nothing};
use super::session::{is_cookie_session, is_express_session, is_response_cookie};
use crate::finding::{Confidence, Finding};
use crate::js::facts::{Call, Loc, Val, Value};
use crate::rule::{Rule, Severity};
use crate::rules::cookie::{
    BROAD_DOMAIN, NO_EXPIRY, NO_HTTP_ONLY, NO_SAME_SITE, NO_SECURE, RELATIVE_PATH,
};

/// A cookie that some call sets.
struct Cookie<'a> {
    call: &'a Call,
    /// Its attributes.
    options: Val,
    /// What a reader calls it.
    shown: String,
    /// What stands for it where the library is told nothing.
    defaults: Defaults,
    /// Whether stealing it is worth something.
    matters: bool,
    /// Whether page script has to read it.
    for_script: bool,
}

impl<'a> Cookie<'a> {
    fn of_session(call: &'a Call, options: Val, secure_by_itself: bool) -> Self {
        Self {
            call,
            options,
            shown: "the session cookie".to_owned(),
            defaults: Defaults {
                http_only: true,
                secure_by_itself,
            },
            matters: true,
            for_script: false,
        }
    }
}

/// What makes the text of a `Set-Cookie`, with arguments as `res.cookie` has them.
fn is_serialized(path: &str) -> bool {
    matches!(
        path,
        "cookie:serialize" | "cookie:default.serialize" | "cookie:default:serialize"
    )
}

/// What a library does if an attribute is left out.
#[derive(Clone, Copy)]
struct Defaults {
    http_only: bool,
    /// It is Secure on its own where the request came over HTTPS, as far as Express knows.
    secure_by_itself: bool,
}

impl Rules<'_> {
    pub(super) fn cookies(&mut self) {
        let mut found = Vec::new();
        for cookie in self.all_cookies() {
            self.cookie(&cookie, &mut found);
        }
        self.written_cookies(&mut found);
        self.report.findings.extend(found);
    }

    /// Whether some app trusts a proxy, or speaks TLS itself.
    fn knows_https(&self) -> bool {
        self.apps.iter().any(|app| {
            let trusts = app
                .setting("trust proxy")
                .is_some_and(|(val, ..)| val.in_production().truth().0 != 0);
            trusts || app.listens.iter().any(|(_, secure)| *secure)
        })
    }

    fn all_cookies(&self) -> Vec<Cookie<'_>> {
        let mut all = Vec::new();
        for call in self.calls_of(is_express_session) {
            let cookie = Setting::of(self.program, &self.options_of(call), &["cookie"]);
            let options = match cookie {
                Setting::Absent => Val::new(Value::Undefined, call.at),
                Setting::Unknown => Val::unknown(call.at),
                Setting::Is(val, _) => val,
            };
            all.push(Cookie::of_session(call, options, false));
        }
        for call in self.calls_of(is_cookie_session) {
            all.push(Cookie::of_session(call, self.options_of(call), true));
        }
        for call in self.calls_of(|path| matches!(path, "csurf" | "tiny-csrf")) {
            let options = first_or_nothing(&call.args, call.at);
            let cookie = Setting::of(self.program, &options, &["cookie"]);
            let options = match cookie {
                Setting::Is(val, _) if val.v == Value::Bool(true) => {
                    Val::new(Value::Undefined, call.at)
                }
                Setting::Is(val, _) if val.object().is_some() => val,
                _ => continue,
            };
            all.push(Cookie {
                call,
                options,
                shown: "the cookie of csurf".to_owned(),
                defaults: Defaults {
                    http_only: false,
                    secure_by_itself: false,
                },
                matters: true,
                for_script: false,
            });
        }
        let by_hand = self
            .program
            .calls
            .iter()
            .filter(|call| is_response_cookie(call))
            // `res.setHeader('Set-Cookie', cookie.serialize(name, value, options))`.
            .chain(self.calls_of(is_serialized));
        all.extend(
            by_hand
                .filter(|call| call.cond.in_production())
                .filter_map(|call| self.response_cookie(call)),
        );
        all
    }

    fn response_cookie<'c>(&self, call: &'c Call) -> Option<Cookie<'c>> {
        let name = call.args.first()?;
        let value = call.args.get(1);
        let options = nth_or_nothing(&call.args, 2, call.at);
        // An empty value, or one that has ended, takes a cookie away.
        let ended = Setting::of(self.program, &options, &["maxAge"]);
        let ended = ended.all(|age| matches!(age, Value::Number(age) if *age <= 0.0));
        let empty = value.is_some_and(|value| value.text() == Some("") || value.is_nothing());
        if ended || empty {
            return None;
        }
        let text = name.text().unwrap_or_default();
        let shown = if text.is_empty() {
            "a cookie".to_owned()
        } else {
            format!("the cookie `{text}`")
        };
        Some(Cookie {
            call,
            options,
            shown,
            defaults: Defaults {
                http_only: false,
                secure_by_itself: false,
            },
            matters: is_credential(text),
            for_script: is_for_script(text),
        })
    }

    fn cookie(&self, cookie: &Cookie<'_>, found: &mut Vec<Finding>) {
        let (options, may_be_given) = self.where_nothing_is_given(&cookie.options);
        let option = |names: &[&str]| Setting::of(self.program, &options, names);
        let call = cookie.call;
        let known = if may_be_given {
            self.sureness_of(call).min(Confidence::Likely)
        } else {
            self.sureness_of(call)
        };
        let mut say = |rule: &'static Rule,
                       at: Option<Loc>,
                       what: &str,
                       severity: Severity,
                       sure: Confidence| {
            let message = format!("{} {what}", cookie.shown);
            let finding = self.finding(rule, at.unwrap_or(call.at), message);
            found.extend(
                finding.map(|finding| finding.severity(severity).confidence(sure.min(known))),
            );
        };
        let sure = Confidence::Certain;
        let secure = option(&["secure"]);
        if secure.is_off() {
            let (what, sure) = match (secure.at(), cookie.defaults.secure_by_itself) {
                (None, true) => (
                    "is Secure only where Express knows that the request came over HTTPS",
                    Confidence::Likely,
                ),
                _ => ("goes over plain HTTP too: it is not `secure`", sure),
            };
            let severity = if cookie.matters {
                NO_SECURE.severity
            } else {
                Severity::Low
            };
            // Behind a proxy that is trusted, Express knows.
            let by_itself =
                cookie.defaults.secure_by_itself && secure.is_absent() && self.knows_https();
            if !by_itself && (cookie.matters || secure.is_false()) {
                say(&NO_SECURE, secure.at(), what, severity, sure);
            }
        }
        let http_only = option(&["httpOnly", "httponly"]);
        let readable = http_only.is_false() || http_only.is_absent() && !cookie.defaults.http_only;
        if readable && cookie.matters && !cookie.for_script {
            say(
                &NO_HTTP_ONLY,
                http_only.at(),
                "can be read by page script: it is not `httpOnly`",
                NO_HTTP_ONLY.severity,
                sure,
            );
        }
        let same_site = option(&["sameSite", "samesite"]);
        if cookie.matters {
            if same_site.is_off() {
                say(
                    &NO_SAME_SITE,
                    same_site.at(),
                    "has no `sameSite`",
                    NO_SAME_SITE.severity,
                    sure,
                );
            } else if same_site
                .all(|it| matches!(it, Value::Text(text) if text.eq_ignore_ascii_case("none")))
            {
                let what = "is sent with what other sites cause: `sameSite` is `none`";
                say(
                    &NO_SAME_SITE,
                    same_site.at(),
                    what,
                    Severity::Low,
                    Confidence::Likely,
                );
            }
        }
        let path = option(&["path"]);
        if path.all(|it| matches!(it, Value::Text(text) if !text.starts_with('/'))) {
            say(
                &RELATIVE_PATH,
                path.at(),
                "has a path that does not begin with `/`",
                RELATIVE_PATH.severity,
                sure,
            );
        }
        let domain = option(&["domain"]);
        let broad = |it: &Value| matches!(it, Value::Text(text) if text.contains('.') && text.parse::<std::net::IpAddr>().is_err());
        if domain.all(broad) {
            let what = format!(
                "is sent to every host of `{}`",
                domain.text().unwrap_or_default()
            );
            say(
                &BROAD_DOMAIN,
                domain.at(),
                &what,
                BROAD_DOMAIN.severity,
                sure,
            );
        }
        let (age, expires) = (option(&["maxAge", "maxage"]), option(&["expires"]));
        let endless = |it: &Setting| {
            it.is_absent()
                || it.all(|it| matches!(it, Value::Null | Value::Undefined | Value::Bool(false)))
        };
        if endless(&age) && endless(&expires) && cookie.matters && !cookie.for_script {
            say(
                &NO_EXPIRY,
                None,
                "has neither `maxAge` nor `expires`",
                NO_EXPIRY.severity,
                sure,
            );
        }
    }
}

/// Whether a cookie of this name lets its holder in.
pub(super) fn is_credential(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    if is_for_script(&name) {
        return false;
    }
    let words = [
        "sess",
        "token",
        "auth",
        "jwt",
        "login",
        "remember",
        "refresh",
        "access",
        "credential",
        "bearer",
        "apikey",
        "api_key",
        "passw",
    ];
    words.iter().any(|word| name.contains(word))
        || matches!(
            name.as_str(),
            "sid" | "id" | "user" | "userid" | "user_id" | "uid" | "connect.sid" | "otp" | "secret"
        )
        || name.ends_with("_sid")
        || name.ends_with(".sid")
}

/// Whether page script has to read a cookie of this name.
pub(super) fn is_for_script(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains("csrf") || name.contains("xsrf")
}
