//! `redirect/open`.

use super::Rules;
use crate::finding::{Confidence, Finding};
use crate::js::facts::{Call, Callee, CheckKind, HandlerId, Part, Val, Value};
use crate::rules::redirect::OPEN;

impl<'a> Rules<'a> {
    pub(super) fn redirects(&mut self) {
        let mut found = Vec::new();
        for call in &self.program.calls {
            if let Some(target) = self.target(call) {
                found.extend(self.open_redirect(call, target));
            }
        }
        self.report.findings.extend(found);
    }

    /// Where a call sends the client.
    fn target(&self, call: &'a Call) -> Option<&'a Val> {
        let Callee::Response(name) = &call.callee else {
            return None;
        };
        let first = call.args.first()?;
        match &**name {
            "redirect" => Some(
                call.args
                    .get(1)
                    .filter(|_| !matches!(first.v, Value::Text(_) | Value::Pieces(_)))
                    .unwrap_or(first),
            ),
            "location" => Some(first),
            "set" | "header" | "setHeader"
                if first
                    .text()
                    .is_some_and(|name| name.eq_ignore_ascii_case("location")) =>
            {
                call.args.get(1)
            }
            // `res.writeHead(302, { Location: … })`, `res.set({ Location: … })`.
            "set" | "header" | "writeHead" => {
                let headers = call.args.last()?;
                let named = |name| self.program.prop(headers, name);
                Some(&named("Location").or_else(|| named("location"))?.val)
            }
            _ => None,
        }
    }

    fn open_redirect(&self, call: &Call, target: &Val) -> Option<Finding> {
        if !call.cond.in_production() {
            return None;
        }
        for (cond, val) in target.alternatives() {
            if !cond.in_production() {
                continue;
            }
            let Some(led) = led_by(val) else { continue };
            if self.is_checked(&led.path, call.within) {
                continue;
            }
            let message = format!("`req.{}` decides where the redirect goes", shown(&led.path));
            let finding = self.finding(&OPEN, call.at, message)?;
            let sure = if led.after_slash {
                Confidence::Possible
            } else {
                Confidence::Certain
            };
            return Some(finding.confidence(sure));
        }
        None
    }

    /// Whether the handler compares it in a way that keeps other hosts out.
    fn is_checked(&self, path: &str, within: Option<HandlerId>) -> bool {
        let checks = self.program.checks.iter();
        let checks = checks.filter(|check| check.within == within && *check.of == *path);
        let (mut single, mut double) = (false, false);
        for check in checks {
            match &check.kind {
                CheckKind::Host | CheckKind::Listed => return true,
                CheckKind::Equal(Some(text)) => {
                    // `next === ''` and `next[1] === '/'` say nothing by themselves.
                    if !text.is_empty() && text.len() > 1 {
                        return true;
                    }
                    double |= &**text == "/" || &**text == "\\";
                }
                CheckKind::Equal(None) => {}
                CheckKind::Starts(Some(text)) => match &**text {
                    "/" => single = true,
                    "//" | "/\\" => double = true,
                    text if text.starts_with("http")
                        && !text.ends_with(':')
                        && text.matches('/').count() < 3
                        && text.len() < 9 =>
                    {
                        double = true;
                    }
                    _ => return true,
                },
                CheckKind::Starts(None) => return true,
                CheckKind::Matches(Some(pattern)) => {
                    // A pattern that is tied to the beginning, and not satisfied by a slash alone.
                    let tied = pattern.starts_with('^');
                    if tied && pattern.len() > 4 {
                        return true;
                    }
                    double |= pattern.contains("//")
                        || pattern.contains("\\/\\/")
                        || pattern.contains("http");
                }
                CheckKind::Matches(None) => return true,
                CheckKind::Contains(Some(text)) => {
                    double |= matches!(&**text, "//" | "://" | "http" | ":" | "." | "\\");
                }
                CheckKind::Contains(None) => {}
                CheckKind::Asked(name) => {
                    let name = name.to_ascii_lowercase();
                    let checks = [
                        "safe",
                        "valid",
                        "allow",
                        "trusted",
                        "local",
                        "whitelist",
                        "permitted",
                        "sanitize",
                        "isrelative",
                        "internal",
                    ];
                    if checks.iter().any(|word| name.contains(word))
                        && !name.contains("validator:isurl")
                    {
                        return true;
                    }
                }
            }
        }
        double && (single || self.has_contains(path, within))
    }

    /// Whether what would name another host is looked for at all.
    fn has_contains(&self, path: &str, within: Option<HandlerId>) -> bool {
        self.program.checks.iter().any(|check| {
            check.within == within
                && *check.of == *path
                && matches!(&check.kind, CheckKind::Contains(Some(text)) if matches!(&**text, "//" | "://" | "http"))
        })
    }
}

/// A part of the request that stands where a host would.
struct Led {
    path: String,
    /// Behind a slash, so that it takes another slash in it to lead away.
    after_slash: bool,
}

fn led_by(val: &Val) -> Option<Led> {
    match &val.v {
        Value::Request(path) if is_free(path) => Some(Led {
            path: path.to_string(),
            after_slash: false,
        }),
        Value::Pieces(parts) => {
            let mut prefix = String::new();
            for part in parts.iter() {
                match part {
                    Part::Known(text) => {
                        prefix.push_str(text);
                        if !is_host_open(&prefix) {
                            return None;
                        }
                    }
                    Part::Of(val) => {
                        let after_slash = prefix == "/";
                        return val
                            .alternatives()
                            .into_iter()
                            .find_map(|(_, val)| match &val.v {
                                // A parameter of the path has no slash in it.
                                Value::Request(path)
                                    if is_free(path)
                                        && !(after_slash
                                            && path.starts_with("params")
                                            && !path.ends_with(".0")) =>
                                {
                                    Some(Led {
                                        path: path.to_string(),
                                        after_slash,
                                    })
                                }
                                _ => None,
                            });
                    }
                }
            }
            None
        }
        _ => None,
    }
}

/// Whether what follows a text can still change the host that it leads to.
fn is_host_open(prefix: &str) -> bool {
    if prefix.is_empty() || prefix == "/" || prefix == "//" || prefix == "/\\" {
        return true;
    }
    let rest = prefix.split_once("://").map(|(_, rest)| rest);
    // `https://` and `https://www.` may be completed to any host; `https://example.com/` not.
    match rest {
        Some(rest) => !rest.contains(['/', '?', '#']) && !rest.contains('.') || rest == "www.",
        None => false,
    }
}

/// Whether the client writes this part of the request as it likes.
fn is_free(path: &str) -> bool {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    match first {
        "query" | "body" | "params" | "cookies" => true,
        "headers" => rest == "x-forwarded-host" || rest == "x-redirect" || rest.contains("return"),
        _ => false,
    }
}

fn shown(path: &str) -> String {
    match path.strip_prefix("headers.") {
        Some(name) => format!("headers['{name}']"),
        None => path.to_owned(),
    }
}
