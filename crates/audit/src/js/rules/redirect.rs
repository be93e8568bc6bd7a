//! `redirect/open`.

use super::Rules;
use super::chain::App;
use crate::finding::{Confidence, Finding};
use crate::js::facts::{Call, Callee, CheckKind, Cond, HandlerId, Loc, Outcome, Part, Val, Value};
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
        let all = target.alternatives();
        for (cond, val) in &all {
            let Some(when) = call.cond.and(cond).filter(Cond::in_production) else {
                continue;
            };
            let led = self.led_by(val, 0);
            let Some(led) = led.filter(|led| !led.is_path || self.is_for_all(call.within)) else {
                continue;
            };
            let checked = self.checks(&led.path, call.within, &when);
            if checked == Checked::Yes {
                continue;
            }
            let named = shown(&led.path);
            let message = if led.is_path {
                format!(
                    "`req.{named}` may begin with `//` and a host, which decides where the redirect goes"
                )
            } else {
                format!("`req.{named}` decides where the redirect goes")
            };
            let finding = self.finding(&OPEN, call.at, message)?;
            // Of texts that are put together in several ways, nobody says which one it is.
            let is_one = matches!(val.v, Value::Pieces(_)) && all.len() > 1;
            let sure = if led.after_slash || is_one {
                Confidence::Possible
            } else if led.is_path || checked == Checked::Elsewhere {
                Confidence::Likely
            } else {
                Confidence::Certain
            };
            return Some(finding.confidence(sure));
        }
        None
    }

    /// Whether a handler runs for every path, so that the client writes the path from its beginning.
    fn is_for_all(&self, within: Option<HandlerId>) -> bool {
        let handler = within.and_then(|id| self.program.handlers.get(id.0 as usize));
        let Some(handler) = handler else {
            return false;
        };
        let mut layers = self.apps.iter().flat_map(App::in_production);
        layers.any(|(_, layer)| {
            layer.path.is_everything() && layer.handler.object() == Some(handler.object)
        })
    }

    /// Whether a handler throws: on what that depends is not known behind it.
    fn throws(&self, within: Option<HandlerId>) -> bool {
        let handler = within.and_then(|id| self.program.handlers.get(id.0 as usize));
        let closure = handler.and_then(|handler| self.program.obj(handler.object));
        let at = closure.map_or_else(Loc::default, |obj| obj.at);
        let val = handler.map(|handler| Val::new(Value::Object(handler.object), at));
        let source = val.and_then(|val| self.source_of(&val));
        source.is_some_and(|source| source.contains("throw "))
    }

    /// What the checks of the handler are worth where the redirect is made.
    fn checks(&self, path: &str, within: Option<HandlerId>, when: &Cond) -> Checked {
        let checks = self.program.checks.iter();
        let checks = checks.filter(|check| check.within == within && *check.of == *path);
        let all: Vec<(&CheckKind, Option<bool>)> =
            checks.clone().map(|check| (&check.kind, None)).collect();
        // How a comparison comes out there; one whose test the redirect does not depend on is left out.
        let here = checks.filter_map(|check| {
            let Some((test, holds)) = check.test else {
                return Some((&check.kind, None));
            };
            let holds = match self.program.outcome(test, when) {
                Outcome::Is(outcome) => holds.map(|holds| holds == outcome),
                Outcome::Either => None,
                Outcome::Apart => return None,
            };
            Some((&check.kind, holds))
        });
        let here: Vec<(&CheckKind, Option<bool>)> = here.collect();
        if keep_out(&here) || self.throws(within) && keep_out(&all) {
            Checked::Yes
        } else if keep_out(&all) {
            Checked::Elsewhere
        } else {
            Checked::No
        }
    }
}

/// What checks are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Checked {
    /// They keep other hosts out.
    Yes,
    /// They would, if the redirect depended on them.
    Elsewhere,
    No,
}

/// Whether comparisons keep other hosts out; each with whether it holds where that is known.
fn keep_out(checks: &[(&CheckKind, Option<bool>)]) -> bool {
    let (mut single, mut double, mut looked) = (false, false, false);
    for (kind, holds) in checks {
        let fails = *holds == Some(false);
        match kind {
            CheckKind::Host => return true,
            CheckKind::Listed if !fails => return true,
            CheckKind::Listed => {}
            CheckKind::Equal(Some(text)) => {
                // `next === ''` and `next[1] === '/'` say nothing by themselves.
                if !text.is_empty() && text.len() > 1 && !fails {
                    return true;
                }
                double |= &**text == "/" || &**text == "\\";
            }
            CheckKind::Equal(None) => {}
            CheckKind::Starts(Some(text)) => match &**text {
                "/" => single |= !fails,
                "//" | "/\\" => double = true,
                text if is_scheme(text) => double = true,
                _ if fails => {}
                // `javascript:` and its like lead nowhere else.
                text if text.ends_with(':') => {}
                _ => return true,
            },
            CheckKind::Starts(None) if !fails => return true,
            CheckKind::Starts(None) => {}
            CheckKind::Matches(Some(pattern)) => {
                // A pattern that is tied to the beginning, and not satisfied by a slash or a scheme alone.
                let tied = pattern.starts_with('^') && pattern.len() > 4;
                if tied
                    && !fails
                    && !is_scheme(&pattern.replace(['^', '\\', '?', '(', ')', 's'], ""))
                {
                    return true;
                }
                double |= pattern.contains("//")
                    || pattern.contains("\\/\\/")
                    || pattern.contains("http");
                looked |= fails
                    && pattern
                        .replace('\\', "")
                        .trim_start_matches('^')
                        .starts_with("//");
            }
            CheckKind::Matches(None) => return true,
            CheckKind::Contains(Some(text)) => {
                double |= matches!(&**text, "//" | "://" | "http" | ":" | "." | "\\");
                // What would name another host is looked for at all.
                looked |= matches!(&**text, "//");
            }
            CheckKind::Contains(None) => {}
            CheckKind::Asked(name) => {
                if is_named_as_check(name) {
                    return true;
                }
            }
        }
    }
    double && (single || looked)
}

/// Whether a beginning names no host: `http`, `https://`.
fn is_scheme(text: &str) -> bool {
    text.starts_with("http")
        && !text.ends_with(':')
        && text.matches('/').count() < 3
        && text.len() < 9
}

/// Whether an unknown function is called as one that keeps other hosts out.
fn is_named_as_check(name: &str) -> bool {
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
    // That something is an address says nothing of whose.
    let of_addresses = ["validurl", "validateurl", "validator:isurl"];
    checks.iter().any(|word| name.contains(word))
        && !of_addresses.iter().any(|word| name.ends_with(word))
}

/// A part of the request that stands where a host would.
struct Led {
    path: String,
    /// Behind a slash, so that it takes another slash in it to lead away.
    after_slash: bool,
    /// Whether it is the request's own path, which begins with a slash.
    is_path: bool,
}

impl Rules<'_> {
    fn led_by(&self, val: &Val, depth: u8) -> Option<Led> {
        match &val.v {
            Value::Request(path) if is_free(path) || is_own_path(path) => Some(Led {
                path: path.to_string(),
                after_slash: false,
                is_path: is_own_path(path),
            }),
            Value::Pieces(parts) => led_by_parts(parts),
            Value::Object(_) if depth < 3 => {
                let call = self.program.as_call(val)?;
                let Callee::External(path) = &call.callee else {
                    return None;
                };
                match &**path {
                    // They leave slashes as they are.
                    "global:encodeURI" | "global:decodeURI" | "global:escape" => {
                        self.led_by(call.args.first()?, depth + 1)
                    }
                    // An address in `url` goes before the base.
                    "global:URL" | "url:URL" => self.led_by(call.args.first()?, depth + 1),
                    "global:URL().toString" | "url:URL().toString" => {
                        self.led_by(call.this.as_ref()?, depth + 1)
                    }
                    _ => None,
                }
            }
            Value::External { path, of: Some(of) }
                if matches!(&**path, "global:URL().href" | "url:URL().href") =>
            {
                self.led_by(&Val::new(Value::Object(*of), val.at), depth + 1)
            }
            _ => None,
        }
    }
}

fn led_by_parts(parts: &[Part]) -> Option<Led> {
    let mut prefix = String::new();
    for part in parts {
        match part {
            Part::Known(text) => {
                prefix.push_str(text);
                if !is_host_open(&prefix) {
                    return None;
                }
            }
            Part::Of(val) => {
                let after_slash = prefix == "/";
                let led = |val: &Val| match &val.v {
                    // The path has its own slash, which ends the host.
                    Value::Request(path) if is_own_path(path) && prefix.is_empty() => Some(Led {
                        path: path.to_string(),
                        after_slash,
                        is_path: true,
                    }),
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
                            is_path: false,
                        })
                    }
                    _ => None,
                };
                return { val.alternatives().into_iter() }.find_map(|(_, val)| led(val));
            }
        }
    }
    None
}

/// Whether what follows a text can still change the host that it leads to.
fn is_host_open(prefix: &str) -> bool {
    if prefix.is_empty() || prefix == "/" || prefix == "//" || prefix == "/\\" {
        return true;
    }
    // `https://shop.example` may be completed to any host, `.evil.example`; `https://shop.example/` not.
    let rest = prefix.split_once("://").map(|(_, rest)| rest);
    rest.is_some_and(|rest| !rest.contains(['/', '?', '#', '\\']))
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

/// Whether it is the path that was asked for, of which the client writes all but the first slash.
fn is_own_path(path: &str) -> bool {
    matches!(path, "path" | "url" | "originalUrl")
}

fn shown(path: &str) -> String {
    match path.strip_prefix("headers.") {
        Some(name) => format!("headers['{name}']"),
        None => path.to_owned(),
    }
}
