//! The sets of policies to start from.

use crate::content_security_policy::{Csp, Name};
use crate::keyword::keywords;
use crate::setting::{Checked, Resolved, Value};
use crate::{
    CacheControl, ContentSecurityPolicy, CrossOriginOpenerPolicy, CrossOriginResourcePolicy,
    Header, Hsts, HstsConfig, OriginAgentCluster, PermissionsPolicy, ReferrerPolicy, Source,
    XContentTypeOptions, XDnsPrefetchControl, XDownloadOptions, XFrameOptions,
    XPermittedCrossDomainPolicies, XXssProtection,
};

keywords! {
    /// A set of policies to start from. Default: `helmet`.
    #[derive(Default)]
    pub enum Preset, "a preset" {
        /// What Helmet 8.3.0 sends, byte for byte, less what plain HTTP must not carry.
        #[default]
        Helmet = "helmet",
        /// For applications that write our nonce into their scripts: the most that MDN's
        /// Observatory gives, and nothing that Google's CSP Evaluator finds fault with.
        Strict = "strict",
        /// For answers that no browser shows as a page.
        Api = "api",
        /// What Helmet 3 sent besides: `noCache` and the script filter. Each use warns.
        Legacy = "legacy",
    }
}

impl Preset {
    /// Whether answers to requests with cookies are kept out of caches unless the application has
    /// said something.
    pub(crate) fn no_store_with_cookie(self) -> bool {
        matches!(self, Self::Strict | Self::Api)
    }

    /// What it sends.
    pub(crate) fn resolved(self) -> Resolved {
        let mut resolved = helmet();
        let csp = |policy| Checked::Csp(Csp::of(policy));
        match self {
            Self::Helmet => {}
            Self::Strict => {
                let two_years = HstsConfig::new().max_age(Hsts::default().max_age() * 2);
                let hsts = two_years.build().unwrap_or_default();
                resolved.set(Header::ContentSecurityPolicy, csp(policy(STRICT)));
                resolved.set(Header::StrictTransportSecurity, Checked::Hsts(hsts));
                resolved.set(
                    Header::XFrameOptions,
                    value(Value::Frame(XFrameOptions::Deny)),
                );
                let denied = DENIED
                    .iter()
                    .fold(PermissionsPolicy::new(), |all, one| all.deny(one));
                resolved.set(Header::PermissionsPolicy, value(Value::Permissions(denied)));
            }
            Self::Api => {
                resolved.set(Header::ContentSecurityPolicy, csp(policy(API)));
                resolved.set(
                    Header::XFrameOptions,
                    value(Value::Frame(XFrameOptions::Deny)),
                );
                resolved.set(
                    Header::CacheControl,
                    value(Value::Cache(CacheControl::NoStore)),
                );
            }
            Self::Legacy => {
                resolved.set(
                    Header::XXssProtection,
                    value(Value::Xss(XXssProtection::Block)),
                );
                resolved.set(
                    Header::CacheControl,
                    value(Value::Cache(CacheControl::Helmet3)),
                );
            }
        }
        resolved
    }
}

/// Helmet's own policy.
pub(crate) fn helmet_csp() -> ContentSecurityPolicy {
    policy(HELMET)
}

fn helmet() -> Resolved {
    Resolved::of(vec![
        (
            Header::ContentSecurityPolicy,
            Checked::Csp(Csp::of(helmet_csp())),
        ),
        (
            Header::CrossOriginOpenerPolicy,
            value(Value::Opener(CrossOriginOpenerPolicy::default())),
        ),
        (
            Header::CrossOriginResourcePolicy,
            value(Value::Resource(CrossOriginResourcePolicy::default())),
        ),
        (
            Header::OriginAgentCluster,
            value(Value::AgentCluster(OriginAgentCluster::default())),
        ),
        (
            Header::ReferrerPolicy,
            value(Value::Referrer(ReferrerPolicy::default())),
        ),
        (
            Header::StrictTransportSecurity,
            Checked::Hsts(Hsts::default()),
        ),
        (
            Header::XContentTypeOptions,
            value(Value::ContentType(XContentTypeOptions::default())),
        ),
        (
            Header::XDnsPrefetchControl,
            value(Value::DnsPrefetch(XDnsPrefetchControl::default())),
        ),
        (
            Header::XDownloadOptions,
            value(Value::Download(XDownloadOptions::default())),
        ),
        (
            Header::XFrameOptions,
            value(Value::Frame(XFrameOptions::default())),
        ),
        (
            Header::XPermittedCrossDomainPolicies,
            value(Value::CrossDomain(XPermittedCrossDomainPolicies::default())),
        ),
        (
            Header::XXssProtection,
            value(Value::Xss(XXssProtection::default())),
        ),
    ])
}

const fn value(value: Value) -> Checked {
    Checked::Value(value)
}

fn policy(table: &[(&str, &str)]) -> ContentSecurityPolicy {
    let mut policy = ContentSecurityPolicy::default();
    for (directive, sources) in table {
        policy.set(Name::from(*directive), Source::words(sources).collect());
    }
    policy
}

const HELMET: &[(&str, &str)] = &[
    ("default-src", "'self'"),
    ("base-uri", "'self'"),
    ("font-src", "'self' https: data:"),
    ("form-action", "'self'"),
    ("frame-ancestors", "'self'"),
    ("img-src", "'self' data:"),
    ("object-src", "'none'"),
    ("script-src", "'self'"),
    ("script-src-attr", "'none'"),
    ("style-src", "'self' https: 'unsafe-inline'"),
    ("upgrade-insecure-requests", ""),
];

/// `'unsafe-inline'` and `https:` are for browsers that know neither nonces nor `'strict-dynamic'`;
/// all others ignore them beside those.
const STRICT: &[(&str, &str)] = &[
    ("default-src", "'none'"),
    ("base-uri", "'none'"),
    ("connect-src", "'self'"),
    ("font-src", "'self'"),
    ("form-action", "'self'"),
    ("frame-ancestors", "'none'"),
    ("frame-src", "'self'"),
    ("img-src", "'self' data:"),
    ("manifest-src", "'self'"),
    ("media-src", "'self'"),
    ("object-src", "'none'"),
    (
        "script-src",
        "'nonce' 'strict-dynamic' 'unsafe-inline' https:",
    ),
    ("script-src-attr", "'none'"),
    ("style-src", "'self' 'nonce'"),
    ("worker-src", "'self'"),
    ("require-trusted-types-for", "'script'"),
    ("upgrade-insecure-requests", ""),
];

const API: &[(&str, &str)] = &[
    ("default-src", "'none'"),
    ("frame-ancestors", "'none'"),
    ("base-uri", "'none'"),
    ("form-action", "'none'"),
];

/// Powers that a page seldom needs, and that an injected script or a frame would like to have.
const DENIED: &[&str] = &[
    "accelerometer",
    "browsing-topics",
    "camera",
    "display-capture",
    "geolocation",
    "gyroscope",
    "hid",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "serial",
    "usb",
    "xr-spatial-tracking",
];
