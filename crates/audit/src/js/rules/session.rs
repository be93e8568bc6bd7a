//! `session/…`.

use super::Rules;
use super::options::Setting;
use crate::finding::{Confidence, Edit, Finding, Fix};
use crate::js::facts::{Call, Callee, Kind, Program, Val, Value};
use crate::rules::session::{DEFAULT_NAME, MEMORY_STORE, NESTED, SENSITIVE};
use crate::source::Location;

/// Options of the cookie that cookie-session takes at the top, and nowhere else.
pub(super) const COOKIE_OPTIONS: [&str; 8] = [
    "maxAge", "expires", "path", "domain", "sameSite", "secure", "httpOnly", "signed",
];

/// Files that may name a cookie beside the program's own.
const NAMING: [&str; 11] = [
    "html", "ejs", "pug", "hbs", "vue", "svelte", "conf", "yml", "yaml", "py", "lua",
];
/// Packages by which cookies are read without express-session.
const READERS: [&str; 7] = [
    "cookie",
    "cookie-signature",
    "passport.socketio",
    "socket.io",
    "sockjs",
    "universal-cookie",
    "ws",
];

impl Rules<'_> {
    pub(super) fn sessions(&mut self) {
        let mut found = Vec::new();
        for call in self.calls_of(is_express_session) {
            let options = self.options_of(call);
            self.memory_store(call, &options, &mut found);
            found.extend(self.default_name(call, &options));
        }
        for call in self.calls_of(is_cookie_session) {
            let options = self.options_of(call);
            found.extend(self.nested(call, &options));
        }
        self.sensitive(&mut found);
        self.report.findings.extend(found);
    }

    fn memory_store(&self, call: &Call, options: &Val, found: &mut Vec<Finding>) {
        let store = Setting::of(self.program, options, &["store"]);
        let (at, message) = match &store {
            Setting::Unknown => return,
            Setting::Absent => (
                call.at,
                "express-session has no `store`: sessions are kept in memory".to_owned(),
            ),
            Setting::Is(val, at) => {
                let all = val.alternatives();
                let in_memory = |val: &Val| {
                    self.program.external(val) == Some("express-session:MemoryStore")
                        || val.is_nothing()
                        || matches!(val.v, Value::Bool(false))
                };
                if !all.iter().all(|(_, val)| in_memory(val)) {
                    return;
                }
                (*at, "the session's store is the one in memory".to_owned())
            }
        };
        let finding = self.finding(&MEMORY_STORE, at, message);
        found.extend(finding.map(|finding| {
            finding
                .confidence(self.sureness_of(call))
                .help("`store: new RedisStore({ client })` with connect-redis, or another of express-session's stores")
        }));
    }

    fn default_name(&self, call: &Call, options: &Val) -> Option<Finding> {
        let name = Setting::of(self.program, options, &["name", "key"]);
        let at = match &name {
            Setting::Absent => call.at,
            Setting::Is(_, at) if name.text() == Some("connect.sid") => *at,
            _ => return None,
        };
        let finding = self.finding(
            &DEFAULT_NAME,
            at,
            "the session cookie is called `connect.sid`, as every Express app's",
        )?;
        let finding = finding.confidence(self.sureness_of(call));
        if let Some(reader) = self.reads_the_name(call) {
            let help = format!(
                "`name: 'sessionId'`, and the same name where {reader} reads the cookie; everybody has to log in again once."
            );
            return Some(finding.help(help));
        }
        let finding = finding.help("`name: 'sessionId'`; everybody has to log in again once.");
        Some(match self.naming(options) {
            Some(fix) if name.is_absent() => finding.fix(fix),
            _ => finding,
        })
    }

    /// What else goes by the name of the session cookie: a file that has it, or a package that reads cookies.
    fn reads_the_name(&self, call: &Call) -> Option<String> {
        let mut files = (0_u32..).zip(&self.files.all);
        let named = files.find(|(number, file)| {
            let text = file.source.text();
            // What the session itself is told does not count.
            let own = call.at.span.start as usize..call.at.span.end as usize;
            let is_own = |at: usize| *number == call.at.file && own.contains(&at);
            let mut names = text.match_indices("connect.sid");
            names.any(|(at, _)| !is_own(at)) || text.contains("headers.cookie")
        });
        let named = named.map(|(_, file)| file);
        if let Some(file) = named {
            return Some(format!("`{}`", file.source.path()));
        }
        let others = self.project.paths().filter(|path| {
            let ext = path.rsplit('.').next().unwrap_or_default();
            NAMING.contains(&ext)
        });
        for path in others {
            let source = self.project.read(path);
            if source.is_some_and(|source| source.text().contains("connect.sid")) {
                return Some(format!("`{path}`"));
            }
        }
        let mut packages = self.program.packages.iter();
        let package = packages.find(|(name, _)| READERS.contains(&&**name));
        package.map(|(name, _)| format!("what `{name}` is told"))
    }

    /// `name: 'sessionId'` in front of the other options.
    fn naming(&self, options: &Val) -> Option<Fix> {
        let obj = self.program.obj(options.object()?)?;
        let place = self.program.location(obj.at)?;
        let text = place.text();
        let inside = text.strip_prefix('{')?;
        if obj.open || !matches!(obj.kind, Kind::Plain) {
            return None;
        }
        let start = place.span().start + 1;
        let gap: String = inside.chars().take_while(|it| it.is_whitespace()).collect();
        let written = match (inside.trim_start().starts_with('}'), gap.contains('\n')) {
            (true, _) => " name: 'sessionId' ".to_owned(),
            (false, true) => format!("{gap}name: 'sessionId',"),
            (false, false) => " name: 'sessionId',".to_owned(),
        };
        let edit = Edit::new(Location::new(place.source(), start..start), written);
        Some(Fix::new("name the session cookie", vec![edit]))
    }

    fn nested(&self, call: &Call, options: &Val) -> Option<Finding> {
        let cookie = Setting::of(self.program, options, &["cookie"]);
        let (val, at) = (cookie.val()?, cookie.at()?);
        let obj = self.program.obj(val.object()?)?;
        let names: Vec<&str> = obj
            .props
            .iter()
            .map(|(name, _)| &**name)
            .filter(|name| COOKIE_OPTIONS.contains(name))
            .collect();
        let ignored = if names.is_empty() {
            "what stands in it".to_owned()
        } else {
            format!("`{}`", names.join("`, `"))
        };
        let message = format!("cookie-session does not look into `cookie`: {ignored} is ignored");
        let finding = self.finding(&NESTED, at, message)?;
        Some(finding.confidence(self.sureness_of(call)))
    }

    /// What is written into a session that its visitor can read.
    fn sensitive(&self, found: &mut Vec<Finding>) {
        let readable = self.calls_of(is_cookie_session).next();
        let on_server = self.calls_of(is_express_session).next();
        let (Some(readable), None) = (readable, on_server) else {
            return;
        };
        for write in &self.program.writes {
            let Some(name) = write.path.strip_prefix("session.") else {
                continue;
            };
            let removed = write.val.is_nothing() || matches!(write.val.v, Value::Bool(_));
            if removed || !write.cond.in_production() {
                continue;
            }
            let Some(what) = secret_in(self.program, name, &write.val) else {
                continue;
            };
            let message = format!(
                "`req.session.{name}` holds {what}, which cookie-session sends to the browser readably"
            );
            let finding = self.finding(&SENSITIVE, write.at, message);
            found.extend(finding.map(|finding| {
                let finding = match self.program.location(readable.at) {
                    Some(place) => finding.related(place, "keeps the session in the cookie"),
                    None => finding,
                };
                finding.confidence(Confidence::Likely)
            }));
        }
    }
}

/// What of a value written into a session should not be seen.
fn secret_in(program: &Program, name: &str, val: &Val) -> Option<String> {
    if is_secret_name(name) {
        return Some("a secret".to_owned());
    }
    let obj = program.obj(val.object()?)?;
    if !matches!(obj.kind, Kind::Plain) {
        return None;
    }
    let mut props = obj.props.iter();
    props
        .find(|(name, _)| is_secret_name(name))
        .map(|(name, _)| format!("`{name}`"))
}

fn is_secret_name(name: &str) -> bool {
    let name = name
        .rsplit('.')
        .next()
        .unwrap_or(name)
        .to_ascii_lowercase()
        .replace(['_', '-'], "");
    if name.contains("csrf") || name.contains("xsrf") {
        return false;
    }
    [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "apikey",
        "accesstoken",
        "refreshtoken",
        "creditcard",
        "cardnumber",
        "cvv",
        "ssn",
        "privatekey",
        "pwd",
    ]
    .iter()
    .any(|word| name.contains(word))
        || matches!(name.as_str(), "token" | "pin" | "tokens" | "jwt")
        || name.ends_with("token")
}

/// `session(…)` of express-session.
pub(super) fn is_express_session(path: &str) -> bool {
    path == "express-session"
}

/// `session(…)` of cookie-session.
pub(super) fn is_cookie_session(path: &str) -> bool {
    path == "cookie-session"
}

/// What a call makes a cookie with.
pub(super) fn is_response_cookie(call: &Call) -> bool {
    matches!(&call.callee, Callee::Response(name) if &**name == "cookie")
}
