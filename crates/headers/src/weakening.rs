//! What a configuration gives up.

use std::fmt;

use crate::config::Stripped;
use crate::parts::Parts;
use crate::setting::{Checked, Resolved, Value};
use crate::{
    ContentSecurityPolicy, CrossOriginEmbedderPolicy, Directive, Header, HeadersConfig, Hsts,
    Keyword, Override, Preset, Source, XXssProtection,
};

/// Something that is weaker than the preset `helmet`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Weakening {
    /// The dotted key below `[headers]` that makes it so.
    pub key: String,
    /// What it gives up.
    pub why: String,
    loud: bool,
}

impl Weakening {
    fn new(key: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            why: why.into(),
            loud: false,
        }
    }

    /// Whether it is said at each start too: what browsers have dropped, and what is meant to last
    /// no longer than a policy is learnt.
    pub const fn is_loud(&self) -> bool {
        self.loud
    }

    fn loud(mut self) -> Self {
        self.loud = true;
        self
    }
}

impl fmt::Display for Weakening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "headers.{}: {}", self.key, self.why)
    }
}

/// Everything that `config` gives up.
pub(crate) fn weakenings(config: &HeadersConfig, parts: &Parts) -> Vec<Weakening> {
    let mut found = Vec::new();
    if config.over == Override::Always {
        found.push(Weakening::new(
            "override",
            "`always` replaces what the application sets more strictly",
        ));
    }
    for name in &config.keep {
        found.push(Weakening::new(
            "keep",
            format!("`{name}` tells what the site is made of"),
        ));
    }
    if config.stripped == Stripped::Nothing {
        found.push(Weakening::new("helmet.xPoweredBy", "`X-Powered-By` stays"));
    }
    compare(&parts.site, &Preset::Helmet.resolved(), "", &mut found);
    of_paths(parts, &mut found);
    found
}

/// Adds to what is `found` for the whole what is given up below paths besides.
fn of_paths(parts: &Parts, found: &mut Vec<Weakening>) {
    let helmet = Preset::Helmet.resolved();
    let of_policy = |policy: &Resolved| {
        let mut of_policy = Vec::new();
        compare(policy, &helmet, "", &mut of_policy);
        // What is so for the whole site has been said.
        of_policy.retain(|one| !found.contains(one));
        of_policy
    };
    let policies: Vec<_> = parts.policies.iter().map(of_policy).collect();
    for (number, (_, policy)) in parts.paths.iter().enumerate() {
        let of_path = policies.get(*policy).into_iter().flatten();
        found.extend(of_path.map(|one| {
            let mut one = one.clone();
            one.key.insert_str(0, &format!("path.{number}."));
            one
        }));
    }
}

/// Adds to what is `found` for the site what is given up under the names of the table of this `number` besides.
pub(crate) fn of_domain(number: usize, parts: &Parts, found: &mut Vec<Weakening>) {
    let mut of_domain = Vec::new();
    compare(&parts.site, &Preset::Helmet.resolved(), "", &mut of_domain);
    of_paths(parts, &mut of_domain);
    of_domain.retain(|one| !found.contains(one));
    for mut one in of_domain {
        one.key.insert_str(0, &format!("domain.{number}."));
        found.push(one);
    }
}

fn compare(sent: &Resolved, helmet: &Resolved, prefix: &str, found: &mut Vec<Weakening>) {
    for (header, base) in helmet.iter() {
        match sent.get(header) {
            None => found.push(Weakening::new(
                format!("{prefix}{header}"),
                "not sent, unless the application does",
            )),
            Some(Checked::Hsts(hsts)) => hsts_weakenings(hsts, found),
            Some(checked) => word_weakening(header, checked, base, found),
        }
    }
    for (header, checked) in sent.iter() {
        match checked {
            Checked::Csp(csp) if header == Header::ContentSecurityPolicy => {
                if csp.report_only {
                    found.push(
                        Weakening::new(
                            format!("{header}.report_only"),
                            "nothing is blocked, and an injected script runs: violations are only \
                             reported, to learn what the policy must allow",
                        )
                        .loud(),
                    );
                }
                csp_weakenings(&csp.policy, found);
            }
            Checked::Pins(_) => found.push(
                Weakening::new(
                    header.as_str(),
                    "browsers dropped pins in 2018 to 2020: a lost key made a site unreachable",
                )
                .loud(),
            ),
            Checked::Value(Value::Cache(crate::CacheControl::Helmet3)) => found.push(
                Weakening::new(
                    header.as_str(),
                    "`Pragma`, `Expires` and `Surrogate-Control` are for caches of the nineties; \
                     `no-store` alone says it",
                )
                .loud(),
            ),
            Checked::Value(Value::Permissions(policy)) => {
                for feature in policy.open() {
                    let why = "any page in a frame may use it";
                    found.push(Weakening::new(format!("{header}.{feature}"), why));
                }
            }
            Checked::Value(Value::Embedder(CrossOriginEmbedderPolicy::UnsafeNone)) => {
                found.push(Weakening::new(
                    header.as_str(),
                    "says the same as no header",
                ));
            }
            _ => {}
        }
    }
}

/// Words stand in their enum from the strictest on.
fn word_weakening(header: Header, sent: &Checked, helmet: &Checked, found: &mut Vec<Weakening>) {
    let (Checked::Value(sent), Checked::Value(helmet)) = (sent, helmet) else {
        return;
    };
    let weaker = |sent: &str, helmet: &str| {
        Weakening::new(
            header.as_str(),
            format!("`{sent}` is weaker than `{helmet}`"),
        )
    };
    macro_rules! words {
        ($($variant:ident),+) => {
            match (sent, helmet) {
                $((Value::$variant(a), Value::$variant(b)) if a > b => {
                    found.push(weaker(a.as_str(), b.as_str()));
                })+
                (Value::Referrer(a), Value::Referrer(b)) if a.effective() > b.effective() => {
                    found.push(weaker(a.effective().as_str(), b.effective().as_str()));
                }
                (Value::Xss(sent), _) if *sent != XXssProtection::Off => found.push(
                    Weakening::new(
                        header.as_str(),
                        "browsers dropped the script filter: it could be turned against the page",
                    )
                    .loud(),
                ),
                _ => {}
            }
        };
    }
    words!(
        Opener,
        Resource,
        AgentCluster,
        ContentType,
        DnsPrefetch,
        Frame,
        CrossDomain
    );
}

fn hsts_weakenings(hsts: &Hsts, found: &mut Vec<Weakening>) {
    let key = Header::StrictTransportSecurity;
    let helmet = Hsts::default();
    if hsts.max_age() < helmet.max_age() {
        let days = hsts.max_age().as_secs() / (24 * 60 * 60);
        let why = format!("browsers forget after {days} days; Helmet says 365");
        found.push(Weakening::new(format!("{key}.max_age"), why));
    }
    if !hsts.includes_subdomains() {
        let why = "subdomains may be reached over plain HTTP";
        found.push(Weakening::new(format!("{key}.include_subdomains"), why));
    }
    if hsts.is_preload() && !hsts.is_preloadable() {
        let why = "the preload list asks for 365 days and subdomains";
        found.push(Weakening::new(format!("{key}.preload"), why));
    }
}

fn csp_weakenings(policy: &ContentSecurityPolicy, found: &mut Vec<Weakening>) {
    let key = |directive: Directive| format!("{}.{directive}", Header::ContentSecurityPolicy);
    if let Err(error) = policy.check() {
        let key = format!("{}.{}", Header::ContentSecurityPolicy, error.key());
        // The error's own text begins with its key, which stands here already.
        let text = error.to_string();
        let why = text.split_once(": ").map_or(text.as_str(), |(_, why)| why);
        found.push(Weakening::new(key, why));
    }
    for directive in [
        Directive::ScriptSrc,
        Directive::ScriptSrcElem,
        Directive::ScriptSrcAttr,
    ] {
        let own = policy.sources(directive);
        match (own, policy.effective(directive)) {
            (None, _) if directive != Directive::ScriptSrc => {}
            (_, None) => {
                found.push(Weakening::new(
                    key(directive),
                    "scripts may come from anywhere",
                ));
            }
            (_, Some(sources)) => script_weakenings(&key(directive), sources, found),
        }
    }
    let open = |sources: Option<&[Source]>| sources.is_none_or(|all| all.iter().any(is_anywhere));
    for (directive, why) in [
        (Directive::ObjectSrc, "plug-ins may come from anywhere"),
        (
            Directive::BaseUri,
            "an injected `<base>` can redirect the page's own scripts",
        ),
        (
            Directive::FormAction,
            "an injected form can send what is typed anywhere",
        ),
        (
            Directive::FrameAncestors,
            "any site may hold the page in a frame",
        ),
    ] {
        if open(policy.effective(directive)) {
            found.push(Weakening::new(key(directive), why));
        }
    }
}

fn script_weakenings(key: &str, sources: &[Source], found: &mut Vec<Weakening>) {
    let has = |keyword| sources.iter().any(|source| source.is(keyword));
    let trusted = |source: &Source| match source {
        Source::Nonce => true,
        Source::Text(text) => text.starts_with("'nonce-") || text.starts_with("'sha"),
        Source::Keyword(_) => false,
    };
    // A nonce or a hash switches `'unsafe-inline'` off, `'strict-dynamic'` hosts and schemes too.
    if has(Keyword::UnsafeInline) && !sources.iter().any(trusted) && !has(Keyword::StrictDynamic) {
        found.push(Weakening::new(
            key,
            "`'unsafe-inline'` runs scripts that were injected",
        ));
    }
    if has(Keyword::UnsafeEval) {
        found.push(Weakening::new(
            key,
            "`'unsafe-eval'` runs text as a program",
        ));
    }
    if !has(Keyword::StrictDynamic) {
        for source in sources.iter().filter(|source| is_anywhere(source)) {
            found.push(Weakening::new(
                key,
                format!("`{source}` lets scripts come from anywhere"),
            ));
        }
    }
    for source in sources
        .iter()
        .filter(|one| matches!(one, Source::Text(text) if text.starts_with("'nonce-")))
    {
        let why = format!("`{source}` is the same for everybody, and so protects nobody");
        found.push(Weakening::new(key, why));
    }
}

/// Whether `source` names no place in particular.
fn is_anywhere(source: &Source) -> bool {
    let words = [
        "*",
        "http:",
        "https:",
        "data:",
        "blob:",
        "filesystem:",
        "http://*",
        "https://*",
    ];
    matches!(source, Source::Text(text) if words.contains(&text.to_ascii_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use crate::{CspConfig, Directive, Headers, HeadersConfig};

    fn keys(config: &HeadersConfig) -> Vec<String> {
        let headers = config.build().unwrap();
        headers
            .weakenings()
            .iter()
            .map(|one| one.key.clone())
            .collect()
    }

    fn of_policy(change: impl FnOnce(CspConfig) -> CspConfig) -> Vec<String> {
        keys(&Headers::helmet().csp(change))
    }

    #[test]
    fn presets_are_not_weak() {
        for config in [Headers::helmet(), Headers::strict(), Headers::api()] {
            assert_eq!(keys(&config), [""; 0]);
        }
    }

    #[test]
    fn each_hole_in_a_policy_is_named() {
        let script = "content-security-policy.script-src";
        for weak in ["'unsafe-inline'", "'unsafe-eval'", "*", "https:", "data:"] {
            let found = of_policy(|policy| policy.append(Directive::ScriptSrc, weak));
            assert_eq!(found, [script], "{weak}");
        }
        let nonce = "'nonce' 'unsafe-inline'";
        let harmless = of_policy(|policy| policy.append(Directive::ScriptSrc, nonce));
        assert_eq!(harmless, [""; 0], "a nonce switches 'unsafe-inline' off");
        for (directive, key) in [
            (
                Directive::FrameAncestors,
                "content-security-policy.frame-ancestors",
            ),
            (Directive::BaseUri, "content-security-policy.base-uri"),
            (Directive::FormAction, "content-security-policy.form-action"),
        ] {
            assert_eq!(of_policy(|policy| policy.remove(directive)), [key]);
        }
        let reported = of_policy(|policy| policy.report_only(true));
        assert_eq!(reported, ["content-security-policy.report_only"]);
    }
}
