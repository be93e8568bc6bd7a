//! What limits how often something is tried.

use super::Rules;
use super::chain::{Layer, made_by};
use super::options::{Setting, first_or_nothing};
use crate::js::facts::{Call, Callee, Loc, Val, Value};

/// Attempts at once that stop nobody: every password that people choose.
const ENDLESS: f64 = 10_000.0;

/// Something that limits.
#[derive(Debug, Clone)]
pub(super) struct Limiter {
    /// Where it is made; of an own function, where it is registered.
    pub(super) at: Loc,
    /// Whether a package does it.
    pub(super) of_package: bool,
    /// Whether it counts by address and nothing else.
    pub(super) by_address: bool,
    /// Where its key is taken from a header that the client writes.
    pub(super) spoofed: Option<Loc>,
}

impl Rules<'_> {
    /// The limiter that a layer is.
    pub(super) fn limiter(&self, layer: &Layer) -> Option<Limiter> {
        self.limiter_val(&layer.handler, layer.at)
    }

    fn limiter_val(&self, val: &Val, at: Loc) -> Option<Limiter> {
        if let Some(path) = made_by(self.program, val) {
            if let Some(call) = self.program.as_call(val) {
                if is_limiting(path) {
                    return (!self.limits_nothing(call)).then(|| self.of_call(call));
                }
                // `wrap(limiter)`
                let inner = call.args.iter().find_map(|arg| self.limiter_val(arg, at));
                if inner.is_some() {
                    return inner;
                }
            } else if is_limiting(path) {
                // `bruteforce.prevent`: a member of what a call gave.
                return Some(Limiter {
                    at,
                    of_package: true,
                    by_address: path.starts_with("express-brute"),
                    spoofed: None,
                });
            }
            return None;
        }
        if self.is_named(val, at) {
            return Some(own(at));
        }
        self.limits_by_hand(val, at)
    }

    /// Whether a limiter's options let everybody try for ever.
    fn limits_nothing(&self, call: &Call) -> bool {
        let options = first_or_nothing(&call.args, call.at);
        let option = |names: &[&str]| Setting::of(self.program, &options, names);
        let most = option(&["max", "limit"]);
        let endless = most.all(|most| matches!(most, Value::Number(most) if *most >= ENDLESS));
        let skip = option(&["skip"]);
        let skips = skip.val().is_some_and(|skip| self.says_yes(skip));
        let key = option(&["keyGenerator"]);
        let source = key.val().and_then(|key| self.source_of(key));
        // Another key each time is a limit of its own each time.
        let ever_new = source.is_some_and(|source| {
            let new = [
                "Date.now(",
                "Math.random(",
                "randomUUID(",
                "performance.now(",
            ];
            new.iter().any(|word| source.contains(word))
        });
        endless || skips || ever_new
    }

    /// What a package's limiter counts by.
    fn of_call(&self, call: &Call) -> Limiter {
        let options = first_or_nothing(&call.args, call.at);
        let options = if options.object().is_some_and(|id| {
            matches!(
                self.program.obj(id).map(|obj| &obj.kind),
                Some(crate::js::facts::Kind::Plain)
            )
        }) {
            options
        } else {
            call.args.get(1).cloned().unwrap_or(options)
        };
        let key = Setting::of(self.program, &options, &["keyGenerator", "key", "lookup"]);
        let spoofed = key.val().and_then(|key| {
            let source = self.source_of(key)?;
            names_header(source).then_some(())
        });
        Limiter {
            at: call.at,
            of_package: true,
            by_address: key.is_absent()
                || key
                    .val()
                    .and_then(|key| self.source_of(key))
                    .is_some_and(is_by_address),
            spoofed: spoofed.and(key.at()),
        }
    }

    /// One of the app's own functions that limits, by what it does.
    fn limits_by_hand(&self, val: &Val, at: Loc) -> Option<Limiter> {
        let handler = self.handler(val)?;
        if !handler.calls_next {
            return None;
        }
        self.limits_within(val, at)
    }

    /// Whether a handler limits before it does anything else, and by what.
    pub(super) fn limits_within(&self, val: &Val, at: Loc) -> Option<Limiter> {
        let mut own_functions: Vec<Val> = Vec::new();
        for call in self.calls_in(val) {
            match &call.callee {
                Callee::External(path) if is_limiting(path) => {
                    // `limit(req, res, next)`, by one's own hand.
                    let made = call
                        .this
                        .as_ref()
                        .and_then(|this| self.program.as_call(this));
                    if let (Some(made), true) = (made, path.ends_with("()")) {
                        return Some(self.of_call(made));
                    }
                    let mut keys = Vec::new();
                    for arg in &call.args {
                        keys.extend(self.program.requested(arg));
                    }
                    let spoofed = keys.iter().any(|key| is_client_header(key));
                    let by_user = keys
                        .iter()
                        .any(|key| key.starts_with("body") || key.starts_with("user"));
                    return Some(Limiter {
                        at: call.at,
                        of_package: true,
                        by_address: !by_user && !keys.is_empty(),
                        spoofed: spoofed.then_some(call.at),
                    });
                }
                Callee::Response(name)
                    if matches!(&**name, "status" | "sendStatus" | "writeHead") =>
                {
                    let code = call.args.first().map(|code| &code.v);
                    if code == Some(&crate::js::facts::Value::Number(429.0)) {
                        return Some(own(at));
                    }
                }
                Callee::Own(id, name) => {
                    if is_limiting_name(name) {
                        return Some(own(at));
                    }
                    own_functions.push(Val::new(crate::js::facts::Value::Object(*id), call.at));
                }
                Callee::Unknown(name) if is_limiting_name(name) => return Some(own(at)),
                _ => {}
            }
        }
        // Failures that are counted in a record of the user's: words are all there is to go by.
        let counts = |val: &Val| {
            let source = self.source_of(val).map(without_comments);
            source.is_some_and(|source| counts_failures(&source))
        };
        (counts(val) || own_functions.iter().any(counts)).then(|| own(at))
    }

    /// Whether the person who runs the audit, or the app's own name for it, says that it limits.
    fn is_named(&self, val: &Val, at: Loc) -> bool {
        let name = self
            .program
            .closure(val)
            .map(|closure| closure.name.clone());
        if let Some(name) = &name
            && self
                .options
                .limiters
                .iter()
                .any(|limiter| **limiter == **name)
        {
            return true;
        }
        if name.is_some_and(|name| is_limiting_name(&name)) {
            return true;
        }
        if matches!(
            val.v,
            crate::js::facts::Value::Unknown | crate::js::facts::Value::External { .. }
        ) {
            let text = self.text(val.at);
            let short = text.len() < 200;
            return short && is_limiting_name(text) || self.named_in(at);
        }
        self.named_in(at)
    }

    /// Whether a registration names one of the functions that the person named.
    fn named_in(&self, at: Loc) -> bool {
        if self.options.limiters.is_empty() {
            return false;
        }
        // Names stand among the first arguments; what a handler's body says does not count.
        let text = self.text(at);
        let head = text.split("=>").next().unwrap_or(text);
        let head = head.split("function").next().unwrap_or(head);
        let mut words = head.split(|it: char| !it.is_alphanumeric() && it != '_' && it != '$');
        words.any(|word| self.options.limiters.iter().any(|limiter| limiter == word))
    }
}

const fn own(at: Loc) -> Limiter {
    Limiter {
        at,
        of_package: false,
        by_address: false,
        spoofed: None,
    }
}

/// Whether a package, or what it gives, limits.
pub(super) fn is_limiting(path: &str) -> bool {
    let package = path
        .split(':')
        .next()
        .unwrap_or(path)
        .trim_end_matches("()")
        .to_ascii_lowercase();
    [
        "rate-limit",
        "ratelimit",
        "rate_limit",
        "limiter",
        "brute",
        "throttle",
        "throttler",
        "slow-down",
        "slowdown",
        "arcjet",
        "express-bouncer",
        "toobusy-rate",
        "ddos",
        "express-fail2ban",
    ]
    .iter()
    .any(|word| package.contains(word))
}

fn is_limiting_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace(['_', '-'], "");
    [
        "ratelimit",
        "limiter",
        "throttle",
        "brute",
        "slowdown",
        "loginlimit",
        "toomany",
        "failedattempt",
        "loginattempt",
        "lockout",
        "limitlogin",
        "limitrequests",
        "antispam",
    ]
    .iter()
    .any(|word| name.contains(word))
}

/// Code without what is said about it; a `//` in a text cuts its line short, which is no loss here.
fn without_comments(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find("/*") {
        out.push_str(rest.get(..at).unwrap_or_default());
        let after = rest.get(at + 2..).unwrap_or_default();
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    let lines = out
        .lines()
        .map(|line| line.split_once("//").map_or(line, |(code, _)| code));
    lines.collect::<Vec<_>>().join("\n")
}

fn counts_failures(source: &str) -> bool {
    let source = source.to_ascii_lowercase().replace(['_', '-'], "");
    [
        "loginattempt",
        "failedattempt",
        "attemptsleft",
        "lockuntil",
        "lockeduntil",
        "islocked",
        "toomany",
        "failedlogin",
        "incloginattempts",
        "lockout",
        "ratelimit",
        "maxattempts",
    ]
    .iter()
    .any(|word| source.contains(word))
}

/// Headers that a client may write, if no proxy in front writes over them.
fn is_client_header(key: &str) -> bool {
    key.starts_with("headers.")
        && [
            "x-forwarded-for",
            "x-real-ip",
            "x-client-ip",
            "forwarded",
            "true-client-ip",
        ]
        .iter()
        .any(|header| key.contains(header))
}

fn names_header(source: &str) -> bool {
    let source = source.to_ascii_lowercase();
    [
        "x-forwarded-for",
        "x-real-ip",
        "x-client-ip",
        "true-client-ip",
    ]
    .iter()
    .any(|header| source.contains(header))
}

/// Whether a key is made of the address alone.
fn is_by_address(source: &str) -> bool {
    !["body", "user", "email", "params", "query"]
        .iter()
        .any(|word| source.contains(word))
}
