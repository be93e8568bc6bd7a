//! `proxy/…`.

use super::chain::App;
use super::limiter::Limiter;
use super::options::{Setting, first_or_nothing};
use super::session::{is_cookie_session, is_express_session};
use super::{Rules, sureness};
use crate::finding::{Confidence, Finding};
use crate::js::facts::{Loc, Val, Value};
use crate::rules::proxy::{TRUST_ALL, TRUST_UNSET};

/// Proxies in a row that nobody has; what is said to be behind so many believes whoever says so.
const MANY_HOPS: f64 = 20.0;

impl Rules<'_> {
    pub(super) fn proxies(&mut self) {
        let mut found = Vec::new();
        for app in &self.apps {
            found.extend(self.trust_all(app));
        }
        self.trust_unset(&mut found);
        self.report.findings.extend(found);
    }

    fn trust_all(&self, app: &App) -> Option<Finding> {
        let (val, at, cond) = app.setting("trust proxy")?;
        let val = val.in_production();
        let all = val.alternatives();
        let believed = all
            .iter()
            .filter(|(_, val)| self.trusts_all(val) || self.says_yes(val))
            .count();
        if believed == 0 {
            return None;
        }
        let message = "`trust proxy` believes `X-Forwarded-For` from everybody";
        let finding = self.finding(&TRUST_ALL, at, message)?;
        let sure = if believed == all.len() && cond.is_certain() {
            Confidence::Certain
        } else {
            Confidence::Possible
        };
        Some(finding.confidence(sure))
    }

    /// `true`, more hops than anybody has, or networks that hold every address.
    fn trusts_all(&self, val: &Val) -> bool {
        let everybody = |text: &str| {
            let mut networks = text.split(',').map(str::trim);
            networks.any(|network| network.ends_with("/0"))
        };
        match &val.v {
            Value::Bool(true) => true,
            Value::Number(hops) => *hops >= MANY_HOPS,
            Value::Text(text) => everybody(text),
            Value::Object(_) => {
                let mut items = self.program.items(val).unwrap_or_default().iter();
                items.any(|item| item.text().is_some_and(everybody))
            }
            _ => false,
        }
    }

    /// `() => true`.
    pub(super) fn says_yes(&self, val: &Val) -> bool {
        let Some(closure) = self.program.closure(val) else {
            return false;
        };
        matches!(
            closure.function.body.as_slice(),
            [crate::js::ir::Stmt {
                kind: crate::js::ir::StmtKind::Return(Some(crate::js::ir::Expr {
                    kind: crate::js::ir::ExprKind::Bool(true),
                    ..
                })),
                ..
            }]
        )
    }

    /// Something that needs `trust proxy`, in a project where no app has it.
    fn trust_unset(&self, found: &mut Vec<Finding>) {
        let set = self.apps.iter().any(|app| {
            app.settings
                .iter()
                .any(|(name, ..)| &**name == "trust proxy")
        });
        let serves_tls = self
            .apps
            .iter()
            .any(|app| app.listens.iter().any(|(_, secure)| *secure))
            || self
                .calls_of(|path| {
                    path.starts_with("https:createServer") || path.starts_with("http2:createSecure")
                })
                .next()
                .is_some();
        let nest_or_escaped = self.apps.iter().all(|app| app.layers.is_empty());
        if set || serves_tls || nest_or_escaped || self.sets_trust_elsewhere() {
            return;
        }
        for call in self.calls_of(|path| is_express_session(path) || is_cookie_session(path)) {
            let options = first_or_nothing(&call.args, call.at);
            let of_library = self
                .calls_of(is_express_session)
                .any(|other| std::ptr::eq(other, call));
            let holder = if of_library {
                match Setting::of(self.program, &options, &["cookie"]) {
                    Setting::Is(val, _) => val,
                    _ => continue,
                }
            } else {
                options.clone()
            };
            let proxy = Setting::of(self.program, &options, &["proxy"]);
            let secure = Setting::of(self.program, &holder, &["secure"]);
            let needs = secure.all(|it| *it == Value::Bool(true));
            if !needs || !(proxy.is_absent() || proxy.is_false()) {
                continue;
            }
            let message = "behind a proxy this cookie is not set at all: it is `secure`, and `trust proxy` is not set";
            let finding = self.finding(&TRUST_UNSET, secure.at().unwrap_or(call.at), message);
            found.extend(
                finding.map(|finding| finding.confidence(Confidence::Likely.min(sureness(call)))),
            );
        }
        for limiter in self.registered_limiters() {
            if !limiter.by_address {
                continue;
            }
            let message = "behind a proxy all clients share one limit: it counts by address, and `trust proxy` is not set";
            let finding = self.finding(&TRUST_UNSET, limiter.at, message);
            found.extend(finding.map(|finding| finding.confidence(Confidence::Possible)));
        }
    }

    /// Whether some call of something unknown names the setting.
    fn sets_trust_elsewhere(&self) -> bool {
        self.program.calls.iter().any(|call| {
            call.args.first().and_then(crate::js::facts::Val::text) == Some("trust proxy")
        })
    }

    /// Limiters of packages that some app runs, each once.
    fn registered_limiters(&self) -> Vec<Limiter> {
        let mut out: Vec<Limiter> = Vec::new();
        let mut seen: Vec<Loc> = Vec::new();
        for app in &self.apps {
            for (_, layer) in app.in_production() {
                let Some(limiter) = self.limiter(layer) else {
                    continue;
                };
                if limiter.of_package && !seen.contains(&limiter.at) {
                    seen.push(limiter.at);
                    out.push(limiter);
                }
            }
        }
        out
    }
}
