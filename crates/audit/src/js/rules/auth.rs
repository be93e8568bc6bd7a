//! `auth/…`: logins, and what limits them.
//!
//! Long because what a login is and what limits it are told by the same words.

use super::chain::{App, Layer, loose};
use super::limiter::{Limiter, is_limiting};
use super::{Rules, is_unknown};
use crate::finding::{Confidence, Finding};
use crate::js::facts::{Callee, Matches, StackKind, Val};
use crate::rules::auth::{IP_ONLY, LIMITER_TOO_LATE, NO_RATE_LIMIT, SPOOFABLE_KEY};

/// A route that lets in who knows a password.
struct Login<'a> {
    /// Its first handler's number, and its last one's.
    first: usize,
    last: usize,
    /// The first one that answers whatever happens: what comes after it does nothing.
    answers: usize,
    layer: &'a Layer,
    /// How sure it is that it is one.
    sure: Confidence,
}

impl Rules<'_> {
    pub(super) fn logins(&mut self) {
        let mut found = Vec::new();
        for app in self.apps.iter().filter(|app| !app.is_mounted) {
            self.logins_of(app, &mut found);
        }
        // Routers that nothing mounts, as far as is known: what runs before them is not known either.
        let limited = self.calls_of(is_limiting).next().is_some();
        for router in loose(self.program) {
            for login in self.find_logins(&router) {
                if !limited && self.limits_before(&router, &login).is_none() {
                    let message = format!(
                        "passwords can be tried at `{}` without a limit",
                        login.layer.path
                    );
                    let finding = self.finding(&NO_RATE_LIMIT, login.layer.at, message);
                    found.extend(finding.map(|finding| finding.confidence(Confidence::Possible)));
                }
            }
        }
        self.spoofable(&mut found);
        self.report.findings.extend(found);
    }

    fn logins_of(&self, app: &App, found: &mut Vec<Finding>) {
        if app.kind == StackKind::Nest {
            return;
        }
        for login in self.find_logins(app) {
            let at = login.layer.at;
            if let Some(limiter) = self.limits_before(app, &login) {
                if limiter.by_address && limiter.spoofed.is_none() {
                    let message = format!(
                        "logins at `{}` are limited by address alone",
                        login.layer.path
                    );
                    let finding = self.finding(&IP_ONLY, at, message);
                    found.extend(finding.map(|finding| finding.confidence(Confidence::Likely)));
                }
                continue;
            }
            let late = app.in_production().find(|(number, layer)| {
                let later = *number > login.last
                    || layer.group == login.layer.group && *number > login.answers;
                later
                    && layer.runs_for(login.layer) == Matches::Yes
                    && self.limiter(layer).is_some()
            });
            if let Some((_, layer)) = late {
                let message = format!("the limiter comes after the login `{}`", login.layer.path);
                let finding = self.finding(&LIMITER_TOO_LATE, layer.at, message);
                found.extend(finding.map(|finding| match self.program.location(at) {
                    Some(place) => finding.related(place, "answers before the limiter is asked"),
                    None => finding,
                }));
                continue;
            }
            let unknown = app.escapes
                || app.in_production().any(|(number, layer)| {
                    number < login.last
                        && is_unknown(&layer.handler)
                        && layer.runs_for(login.layer) != Matches::No
                });
            let sure = if unknown {
                login.sure.min(Confidence::Likely)
            } else {
                login.sure
            };
            let message = format!(
                "passwords can be tried at `{}` without a limit",
                login.layer.path
            );
            let finding = self.finding(&NO_RATE_LIMIT, at, message);
            found.extend(finding.map(|finding| {
                finding.confidence(sure).help(
                    "Put a limiter in front of it, by user and address: `rateLimit({ windowMs: 15 * 60 * 1000, limit: 10 })` \
                     of express-rate-limit at least; `panoply run` counts failed logins by itself.",
                )
            }));
        }
    }

    /// The limiter that runs before a login's own work, or in it.
    fn limits_before(&self, app: &App, login: &Login<'_>) -> Option<Limiter> {
        let mut best: Option<Limiter> = None;
        for (number, layer) in app.in_production() {
            let in_route = layer.group == login.layer.group
                && number >= login.first
                && number <= login.answers;
            let before = number < login.first && layer.runs_for(login.layer) != Matches::No;
            if !in_route && !before {
                continue;
            }
            let limiter = self
                .limiter(layer)
                .or_else(|| in_route.then(|| self.limits_within(&layer.handler, layer.at))?);
            if let Some(limiter) = limiter {
                // One that counts by user is what matters, if there are several.
                let better = best
                    .as_ref()
                    .is_none_or(|best| best.by_address && !limiter.by_address);
                if better {
                    best = Some(limiter);
                }
            }
        }
        best
    }

    fn find_logins<'a>(&self, app: &'a App) -> Vec<Login<'a>> {
        let mut out: Vec<Login<'a>> = Vec::new();
        let all: Vec<(usize, &Layer)> = app.in_production().collect();
        for (position, (number, layer)) in all.iter().enumerate() {
            let posts = matches!(layer.method.as_deref(), Some("post" | "all" | "put"));
            if !posts
                || all.get(..position).is_some_and(|before| {
                    before
                        .iter()
                        .any(|(_, other)| other.group == layer.group && other.path == layer.path)
                })
            {
                continue;
            }
            let route: Vec<&(usize, &Layer)> = all
                .iter()
                .filter(|(_, other)| other.group == layer.group && other.path == layer.path)
                .collect();
            let handlers = route.iter().map(|(_, layer)| &layer.handler);
            let Some(sure) = self.is_login(layer, handlers) else {
                continue;
            };
            let last = route.last().map_or(*number, |(number, _)| *number);
            if out.iter().any(|login| login.layer.at == layer.at) {
                continue;
            }
            let answers = route.iter().find(|(_, layer)| {
                let handler = self.handler(&layer.handler);
                handler.is_some_and(|handler| handler.responds && !handler.calls_next)
            });
            out.push(Login {
                first: *number,
                last,
                answers: answers.map_or(last, |(number, _)| *number),
                layer,
                sure,
            });
        }
        out
    }

    fn is_login<'v>(
        &self,
        layer: &Layer,
        handlers: impl Iterator<Item = &'v Val>,
    ) -> Option<Confidence> {
        let words: Vec<&str> = layer.path.words().collect();
        if words.iter().any(|word| is_other(word)) {
            return None;
        }
        let by_path = layer.path.is_known() && words.last().is_some_and(|last| is_login_word(last));
        let mut evidence: Option<Confidence> = None;
        let mut by_name = false;
        // `POST /session` with a password makes one.
        let by_password =
            layer.path.is_known() && words.last().is_some_and(|last| is_session(last));
        let mut takes_password = false;
        let mut handlers = handlers.peekable();
        while let Some(handler) = handlers.next() {
            let closure = self.program.closure(handler);
            // What stands in front of others may be called `authenticate`, and only asks who it is.
            by_name = closure.is_some_and(|closure| is_login_name(&closure.name));
            takes_password |= by_password && self.hands_on_a_password(handler);
            // A guard that also takes a password with each request makes no route a login.
            let is_last = handlers.peek().is_none();
            let found = if is_last || by_path {
                self.evidence(handler)
            } else {
                self.strategy(handler)
            };
            match found {
                Evidence::Password => evidence = Some(Confidence::Certain),
                Evidence::Otherwise => return None,
                Evidence::None => {}
            }
        }
        match (by_path, evidence) {
            (_, Some(sure)) => Some(sure),
            (false, None) if by_name && layer.method.as_deref() == Some("post") => {
                Some(Confidence::Likely)
            }
            (true, None) if layer.method.as_deref() == Some("post") => Some(Confidence::Likely),
            (false, None) if takes_password && layer.method.as_deref() == Some("post") => {
                Some(Confidence::Likely)
            }
            _ => None,
        }
    }

    /// Whether a handler gives what it was sent as a password to something else.
    fn hands_on_a_password(&self, handler: &Val) -> bool {
        let is_password = |val: &Val| {
            let asked = self.program.requested(val);
            let mut asked = asked.iter().map(|path| path.to_ascii_lowercase());
            asked.any(|path| path.contains("passw"))
        };
        let in_it = |val: &Val| {
            let props = val.object().and_then(|id| self.program.obj(id));
            let props = props.into_iter().flat_map(|obj| &obj.props);
            props.into_iter().any(|(_, prop)| is_password(&prop.val))
        };
        let mut given = self.calls_in(handler).iter().flat_map(|call| &call.args);
        given.any(|arg| is_password(arg) || in_it(arg))
    }

    /// Whether a handler is `passport.authenticate(…)` itself.
    fn strategy(&self, handler: &Val) -> Evidence {
        let call = self.program.as_call(handler);
        call.and_then(|call| by_strategy(&call.callee, &call.args))
            .unwrap_or(Evidence::None)
    }

    /// What a handler does to let somebody in.
    fn evidence(&self, handler: &Val) -> Evidence {
        if let Some(call) = self.program.as_call(handler) {
            if let Some(found) = by_strategy(&call.callee, &call.args) {
                return found;
            }
            let inner = call.args.iter().map(|arg| self.evidence(arg));
            return inner.fold(Evidence::None, Evidence::or);
        }
        let number = handler.object().and_then(|id| self.handlers.get(&id));
        let Some((number, _)) = number.copied() else {
            return Evidence::None;
        };
        let mut evidence = Evidence::None;
        for call in self.calls_in(handler) {
            if let Some(found) = by_strategy(&call.callee, &call.args) {
                evidence = evidence.or(found);
                continue;
            }
            let compares = match &call.callee {
                Callee::External(path) => is_password_check(path),
                Callee::Own(_, name) | Callee::Unknown(name) => is_check_name(name),
                Callee::Request(_) | Callee::Response(_) => false,
            };
            let of_password = || {
                call.args.iter().chain(&call.this).any(|arg| {
                    self.program
                        .requested(arg)
                        .iter()
                        .any(|path| path.to_ascii_lowercase().contains("passw"))
                })
            };
            let sure_name = matches!(&call.callee, Callee::External(_))
                || !matches!(call.callee.name(), "compare" | "verify");
            if compares && (sure_name || of_password()) {
                evidence = evidence.or(Evidence::Password);
            }
        }
        // `if (req.body.password === settings.password)`
        let compared = self.program.checks.iter().any(|check| {
            check.within == Some(number)
                && matches!(check.kind, crate::js::facts::CheckKind::Equal(None))
                && matches!(
                    &*check.of,
                    "body.password" | "body.pass" | "body.pwd" | "body.passwd"
                )
        });
        if compared
            && self
                .source_of(handler)
                .is_some_and(|source| !source.contains("confirm"))
        {
            evidence = evidence.or(Evidence::Password);
        }
        evidence
    }

    /// Limiters whose key the client writes.
    fn spoofable(&self, found: &mut Vec<Finding>) {
        let mut seen = Vec::new();
        for app in self.apps.iter().filter(|app| !app.is_mounted) {
            for (_, layer) in app.in_production() {
                let limiter = self.limiter(layer).or_else(|| {
                    self.handler(&layer.handler)?;
                    self.limits_within(&layer.handler, layer.at)
                });
                let Some(at) = limiter.and_then(|limiter| limiter.spoofed) else {
                    continue;
                };
                if seen.contains(&at) {
                    continue;
                }
                seen.push(at);
                let message = "the limiter counts by a header that every client may write";
                found.extend(self.finding(&SPOOFABLE_KEY, at, message));
            }
        }
    }
}

/// What lets somebody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Evidence {
    None,
    Password,
    /// Somebody else's login, or a token: there is nothing to guess here.
    Otherwise,
}

impl Evidence {
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Password, _) | (_, Self::Password) => Self::Password,
            (Self::None, other) => other,
            (found, _) => found,
        }
    }
}

/// `passport.authenticate('local')` and its like.
fn by_strategy(callee: &Callee, args: &[Val]) -> Option<Evidence> {
    let Callee::External(path) = callee else {
        return None;
    };
    if !path.starts_with("passport") || !path.ends_with("authenticate") {
        return None;
    }
    let strategy = args.first().and_then(Val::text)?.to_ascii_lowercase();
    // Basic and Digest come with every request: no route of their own lets anybody in.
    let by_password = ["local", "ldap", "password", "login", "signin"];
    let otherwise = [
        "google",
        "github",
        "facebook",
        "twitter",
        "saml",
        "oauth",
        "openid",
        "oidc",
        "jwt",
        "bearer",
        "azure",
        "auth0",
        "linkedin",
        "discord",
        "apple",
        "microsoft",
        "cas",
        "header",
        "anonymous",
        "magic",
    ];
    if otherwise.iter().any(|word| strategy.contains(word)) {
        return Some(Evidence::Otherwise);
    }
    by_password
        .iter()
        .any(|word| strategy.contains(word))
        .then_some(Evidence::Password)
}

/// Functions of packages that compare a password with its hash.
fn is_password_check(path: &str) -> bool {
    let (package, name) = path.split_once(':').unwrap_or((path, ""));
    match package {
        "bcrypt" | "bcryptjs" | "bcrypt-nodejs" | "bcrypt-as-promised" | "@node-rs/bcrypt" => {
            name.starts_with("compare") || name == "verify"
        }
        "argon2" | "@node-rs/argon2" | "password-hash" | "credential" | "scrypt-kdf"
        | "secure-password" | "pbkdf2-password" => name.starts_with("verify") || name.is_empty(),
        _ => is_check_name(name.rsplit('.').next().unwrap_or(name)) && !path.starts_with("global"),
    }
}

fn is_check_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "");
    matches!(
        name.as_str(),
        "comparepassword"
            | "comparepasswords"
            | "checkpassword"
            | "verifypassword"
            | "validpassword"
            | "validatepassword"
            | "isvalidpassword"
            | "matchpassword"
            | "ispasswordmatch"
            | "ispasswordvalid"
            | "passwordmatches"
            | "comparesync"
            | "verifysync"
            | "compare"
            | "checkcredentials"
            | "findbycredentials"
            | "iscorrectpassword"
            | "passwordcompare"
            | "correctpassword"
            | "verifycredentials"
            | "validatecredentials"
            | "authenticateuser"
    )
}

/// Whether a path's last word means that somebody logs in.
fn is_login_word(word: &str) -> bool {
    matches!(
        word.replace(['-', '_', '.'], "").as_str(),
        "login"
            | "signin"
            | "logon"
            | "authenticate"
            | "userlogin"
            | "loginuser"
            | "adminlogin"
            | "loginadmin"
            | "dologin"
            | "authlogin"
            | "locallogin"
            | "signinuser"
            | "usersignin"
    )
}

/// Whether a path's last word means what a login makes.
fn is_session(word: &str) -> bool {
    matches!(
        word,
        "session" | "sessions" | "auth" | "token" | "tokens" | "authentication"
    )
}

/// Whether a handler's own name means that it lets somebody in.
fn is_login_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "");
    let name = name
        .strip_prefix("post")
        .or_else(|| name.strip_prefix("handle"))
        .unwrap_or(&name);
    let name = name
        .strip_suffix("post")
        .or_else(|| name.strip_suffix("handler"))
        .unwrap_or(name);
    is_login_word(name)
}

/// Whether a path has to do with users, but lets nobody in.
fn is_other(word: &str) -> bool {
    let word = word.replace(['-', '_', '.'], "");
    [
        "logout",
        "signout",
        "signup",
        "register",
        "forgot",
        "reset",
        "changepassword",
        "updatepassword",
        "callback",
        "saml",
        "oauth",
        "profile",
    ]
    .iter()
    .any(|other| word.contains(other))
}
