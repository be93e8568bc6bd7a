//! Cookies that are written as the header says.

use super::Rules;
use super::cookie::{is_credential, is_for_script};
use crate::finding::Finding;
use crate::js::facts::{Call, Callee, Part, Val, Value};
use crate::rule::{Rule, Severity};
use crate::rules::cookie::{NO_HTTP_ONLY, NO_SAME_SITE, NO_SECURE};

impl Rules<'_> {
    /// `res.setHeader('Set-Cookie', 'token=1; Path=/')`: cookies that are written as the header says.
    pub(super) fn written_cookies(&self, found: &mut Vec<Finding>) {
        for call in &self.program.calls {
            if !call.cond.in_production() {
                continue;
            }
            let Some(given) = self.set_cookie(call) else {
                continue;
            };
            let given = given.in_production();
            for (_, val) in given.alternatives() {
                let all = self
                    .program
                    .items(val)
                    .map_or_else(|| vec![val], |all| all.iter().collect());
                for val in all {
                    self.written_cookie(call, val, found);
                }
            }
        }
    }

    /// What a call gives the header.
    fn set_cookie<'c>(&'c self, call: &'c Call) -> Option<&'c Val> {
        let Callee::Response(name) = &call.callee else {
            return None;
        };
        let named = |name: &str| name.eq_ignore_ascii_case("set-cookie");
        match &**name {
            "set" | "header" | "setHeader" | "append" | "appendHeader"
                if call.args.first()?.text().is_some_and(named) =>
            {
                call.args.get(1)
            }
            "set" | "header" | "writeHead" => {
                let headers = call
                    .args
                    .last()?
                    .object()
                    .and_then(|id| self.program.obj(id))?;
                let mut props = headers.props.iter();
                props
                    .find(|(name, _)| named(name))
                    .map(|(_, prop)| &prop.val)
            }
            _ => None,
        }
    }

    fn written_cookie(&self, call: &Call, val: &Val, found: &mut Vec<Finding>) {
        // What is not known of it may hold any attribute, if it stands behind the value.
        let (text, open) = match &val.v {
            Value::Text(text) => (text.to_string(), false),
            Value::Pieces(parts) => {
                let known = |part: &Part| match part {
                    Part::Known(text) => text.to_string(),
                    Part::Of(_) => "*".to_owned(),
                };
                let text: String = parts.iter().map(known).collect();
                let open = text.split(';').skip(1).any(|word| word.contains('*'));
                (text, open)
            }
            _ => return,
        };
        let mut words = text.split(';').map(str::trim);
        let Some((name, value)) = words.next().and_then(|first| first.split_once('=')) else {
            return;
        };
        let attributes: Vec<String> = words.map(str::to_ascii_lowercase).collect();
        let has = |name: &str| {
            attributes
                .iter()
                .any(|word| word.split('=').next() == Some(name))
        };
        let ended = attributes.iter().any(|word| {
            word.starts_with("max-age=0") || word.starts_with("max-age=-") || word.contains("1970")
        });
        if ended || open || value.is_empty() || name.contains('*') {
            return;
        }
        let matters = is_credential(name);
        let mut say = |rule: &'static Rule, severity: Severity, what: &str| {
            let message = format!("the cookie `{name}` {what}");
            let finding = self.finding(rule, val.at, message);
            let sure = self.sureness_of(call);
            found.extend(finding.map(|finding| finding.severity(severity).confidence(sure)));
        };
        if matters && !has("secure") {
            say(
                &NO_SECURE,
                NO_SECURE.severity,
                "goes over plain HTTP too: it has no `Secure`",
            );
        }
        if matters && !is_for_script(name) && !has("httponly") {
            say(
                &NO_HTTP_ONLY,
                NO_HTTP_ONLY.severity,
                "can be read by page script: it has no `HttpOnly`",
            );
        }
        if matters && !has("samesite") {
            say(
                &NO_SAME_SITE,
                NO_SAME_SITE.severity,
                "is left to the browser as to other sites: it has no `SameSite`",
            );
        }
    }
}
