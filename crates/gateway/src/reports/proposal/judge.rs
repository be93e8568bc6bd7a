//! One sighting against one policy.

use std::net::IpAddr;

use panoply_headers::{ContentSecurityPolicy, Directive};

use super::can_be_written;
use crate::reports::evidence::{CspEvidence, Sighting};

/// What becomes of a sighting.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The policy allows it already.
    Settled,
    /// This source would.
    Allow(Directive, String),
    /// It would, but there is a reason not to.
    Doubt(Directive, String, String),
    /// No source is proposed; what to do.
    ByHand(String),
}

/// How many clients have reported something, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) clients: usize,
    pub(super) reports: u64,
}

pub(super) fn judge(
    seen: &Sighting,
    policy: &ContentSecurityPolicy,
    heard: Heard,
    evidence: &CspEvidence,
) -> Verdict {
    let Ok(reported) = seen.directive.parse::<Directive>() else {
        return Verdict::ByHand("no directive that this version knows".to_owned());
    };
    if let Some(why) = guarding(reported) {
        return Verdict::ByHand(why.to_owned());
    }
    let directive = written(reported, policy);
    let source = match &*seen.source {
        "inline" => return Verdict::ByHand(inline(reported, policy)),
        "eval" | "wasm-eval" => return Verdict::ByHand(eval(&seen.source)),
        "self" | "" => "'self'".to_owned(),
        scheme @ ("data" | "blob" | "filesystem" | "mediastream") => format!("{scheme}:"),
        origin if is_origin(origin) => origin.to_owned(),
        _ => {
            return Verdict::ByHand("not something that a policy can name".to_owned());
        }
    };
    if policy.allows(reported, &source) {
        return Verdict::Settled;
    }
    if source.ends_with(':') && holds_code(reported) {
        return Verdict::ByHand(format!(
            "`{source}` would let injected text run as code: serve it as a file of the app's"
        ));
    }
    if !can_be_written(directive, &source) {
        return Verdict::ByHand("a policy cannot name it: serve it under a host's name".to_owned());
    }
    if forgets_hosts(policy, reported) && source != "'self'" {
        return Verdict::ByHand(
            "`'strict-dynamic'` makes browsers forget hosts: give the element that loads it the \
             nonce, or have a script that bears one load it"
                .to_owned(),
        );
    }
    match doubt(heard, &source, evidence) {
        Some(why) => Verdict::Doubt(directive, source, why),
        None => Verdict::Allow(directive, source),
    }
}

/// Whether it names one host, and nothing wider.
pub(in crate::reports) fn is_origin(source: &str) -> bool {
    let host = |host: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b);
        !host.is_empty() && host.bytes().all(plain)
    };
    matches!(source.split_once("://"), Some(("http" | "https" | "ws" | "wss", rest)) if host(rest))
}

/// `script-src` speaks for `-elem` and `-attr`, unless the policy has one of these.
fn written(reported: Directive, policy: &ContentSecurityPolicy) -> Directive {
    match reported {
        Directive::ScriptSrcElem
        | Directive::ScriptSrcAttr
        | Directive::StyleSrcElem
        | Directive::StyleSrcAttr
            if policy.sources(reported).is_none() =>
        {
            reported.fallback().unwrap_or(reported)
        }
        other => other,
    }
}

/// Directives that guard against other sites and injected elements, which no report may open.
pub(in crate::reports) fn guarding(directive: Directive) -> Option<&'static str> {
    Some(match directive {
        Directive::FrameAncestors => {
            "another site holds the page in a frame: allow it only if you know who, with \
             `frame-ancestors` under `append`"
        }
        Directive::BaseUri => {
            "an injected `<base>` redirects the page's own scripts: take the element out, or write \
             `base-uri` yourself"
        }
        Directive::ObjectSrc => "browsers run no plug-ins any more: use another element",
        Directive::FormAction => {
            "a form is sent elsewhere, as an injected one would be: if it is yours, write \
             `form-action` under `append`"
        }
        Directive::RequireTrustedTypesFor | Directive::TrustedTypes => {
            "script writes text into a sink of injection: have it make a Trusted Type of it first"
        }
        one if one.fallback().is_none() && one != Directive::DefaultSrc => {
            "not a matter of sources"
        }
        _ => return None,
    })
}

fn inline(reported: Directive, policy: &ContentSecurityPolicy) -> String {
    match reported {
        Directive::ScriptSrcAttr => {
            "an event handler in an attribute: add it with `addEventListener` in a file of the \
             app's, since allowing it allows injected ones"
                .to_owned()
        }
        Directive::StyleSrcAttr => {
            "a `style` attribute: use a class and a style sheet of the app's".to_owned()
        }
        other => {
            let (element, directive) = match written(other, policy) {
                one @ (Directive::StyleSrc | Directive::StyleSrcElem) => ("style", one),
                one => ("script", one),
            };
            let nonce = if policy.uses_nonce() {
                String::new()
            } else {
                format!(" with `append = {{ {directive} = [\"'nonce'\"] }}`")
            };
            format!(
                "an inline {element}: best move it into a file of the app's. Or have the app write \
                 what PANOPLY_NONCE holds as its `nonce` attribute{nonce}; it is told at its start. Or, if it never changes, \
                 allow it by its hash, which the browser's console shows: `append = {{ {directive} = \
                 [\"'sha256-…'\"] }}`. `'unsafe-inline'` would let injected ones run"
            )
        }
    }
}

pub(in crate::reports) fn eval(what: &str) -> String {
    if what == "wasm-eval" {
        return "WebAssembly is compiled: if the app needs it, write `'wasm-unsafe-eval'` into \
                `script-src` yourself"
            .to_owned();
    }
    "text is run as a program (`eval`, `new Function`, a timer with text): find which library does, \
     and its build that does not; `'unsafe-eval'` would run injected text too"
        .to_owned()
}

/// Whether what comes from there runs, or shows pages.
pub(in crate::reports) fn holds_code(directive: Directive) -> bool {
    matches!(
        directive,
        Directive::DefaultSrc
            | Directive::ScriptSrc
            | Directive::ScriptSrcElem
            | Directive::ScriptSrcAttr
            | Directive::WorkerSrc
            | Directive::ChildSrc
            | Directive::FrameSrc
            | Directive::FencedFrameSrc
    )
}

fn forgets_hosts(policy: &ContentSecurityPolicy, directive: Directive) -> bool {
    let scripts = matches!(
        directive,
        Directive::ScriptSrc | Directive::ScriptSrcElem | Directive::WorkerSrc
    );
    let sources = policy.effective(directive).unwrap_or_default();
    scripts && sources.iter().any(|one| one.as_str() == "'strict-dynamic'")
}

fn doubt(heard: Heard, source: &str, evidence: &CspEvidence) -> Option<String> {
    if heard.clients <= 1 && evidence.clients > 1 {
        return Some(format!(
            "only one client of {} has reported it here, and anybody can send reports",
            evidence.clients
        ));
    }
    if heard.reports <= 1 {
        return Some("it was reported once, and anybody can send reports".to_owned());
    }
    let plain = ["http://", "ws://"]
        .iter()
        .find_map(|scheme| source.strip_prefix(scheme))?;
    let host = plain.rsplit_once(':').map_or(plain, |(host, _)| host);
    let own = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    (!own).then(|| "it comes without TLS: whoever is on the way can change it".to_owned())
}
