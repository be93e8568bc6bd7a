//! `Permissions-Policy`: which powers of the browser a page and its frames may use.
//!
//! Permissions Policy (W3C) §5.2. Where the application sends one of its own, its word on a feature
//! holds, unless ours is "nobody"; features on which it is silent are added.

use std::fmt;

use http::HeaderValue;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::Error;
use crate::error::{check_characters, printable};

/// Who may use each feature; a feature that is not named is left to the browser.
///
/// ```
/// use panoply_headers::PermissionsPolicy;
///
/// let policy = PermissionsPolicy::new()
///     .deny("camera")
///     .allow("geolocation", ["self", "https://maps.example"])?;
/// assert_eq!(policy.to_string(), "camera=(), geolocation=(self \"https://maps.example\")");
/// # Ok::<(), panoply_headers::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PermissionsPolicy(Vec<(Box<str>, Vec<Box<str>>)>);

impl PermissionsPolicy {
    /// Says nothing of any feature.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Nobody may use `feature`.
    #[must_use]
    pub fn deny(mut self, feature: &str) -> Self {
        self.set(feature, Vec::new());
        self
    }

    /// Those may use `feature` whom `origins` names: `self`, `src`, `*` or origins such as
    /// `https://maps.example`.
    ///
    /// # Errors
    ///
    /// When an origin is none, or the feature's name looks like a misspelt one.
    pub fn allow<'a>(
        mut self,
        feature: &str,
        origins: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, Error> {
        check_feature(feature)?;
        let origins = origins
            .into_iter()
            .map(|origin| match check_origin(origin) {
                Ok(()) => Ok(origin.into()),
                Err(error) => Err(error.at(feature)),
            });
        let origins = origins.collect::<Result<_, _>>()?;
        self.set(feature, origins);
        Ok(self)
    }

    /// What `change` says, and this where it is silent.
    #[must_use]
    pub(crate) fn with(mut self, change: &Self) -> Self {
        for (feature, origins) in &change.0 {
            self.set(feature, origins.clone());
        }
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The features for which all may.
    pub(crate) fn open(&self) -> impl Iterator<Item = &str> {
        let all = |origins: &[Box<str>]| origins.iter().any(|origin| &**origin == "*");
        self.0
            .iter()
            .filter_map(move |(feature, origins)| all(origins).then_some(&**feature))
    }

    pub(crate) fn value(&self) -> Result<HeaderValue, Error> {
        let text = self.to_string();
        check_characters(&text, &[])?;
        HeaderValue::try_from(text).map_err(|_| Error::form("a header value", "something else"))
    }

    /// The application's policy with ours added to it.
    pub(crate) fn joined<'a>(
        &self,
        app: impl Iterator<Item = &'a HeaderValue>,
    ) -> Option<HeaderValue> {
        let app: Vec<&str> = app.filter_map(|value| value.to_str().ok()).collect();
        let app: Vec<&str> = app.iter().flat_map(|value| members(value)).collect();
        let name = |member: &str| member.split('=').next().unwrap_or("").trim().to_owned();
        let ours = self.0.iter();
        let denied: Vec<_> = ours.filter(|(_, origins)| origins.is_empty()).collect();
        let mut all: Vec<String> = app
            .iter()
            .filter(|member| !denied.iter().any(|(feature, _)| **feature == *name(member)))
            .map(|member| member.trim().to_owned())
            .collect();
        let kept: Vec<String> = all.iter().map(|member| name(member)).collect();
        for (feature, origins) in &self.0 {
            if !kept.iter().any(|name| **name == **feature) {
                all.push(member(feature, origins));
            }
        }
        HeaderValue::try_from(all.join(", ")).ok()
    }

    fn set(&mut self, feature: &str, origins: Vec<Box<str>>) {
        match self.0.iter_mut().find(|(one, _)| **one == *feature) {
            Some((_, there)) => *there = origins,
            None => self.0.push((feature.into(), origins)),
        }
    }
}

impl fmt::Display for PermissionsPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members: Vec<_> = self
            .0
            .iter()
            .map(|(feature, who)| member(feature, who))
            .collect();
        f.write_str(&members.join(", "))
    }
}

fn member(feature: &str, origins: &[Box<str>]) -> String {
    let word = |origin: &str| match origin {
        word @ ("self" | "src" | "*") => word.to_owned(),
        origin => format!("\"{origin}\""),
    };
    let words: Vec<_> = origins.iter().map(|origin| word(origin)).collect();
    match words.as_slice() {
        [all] if all == "*" => format!("{feature}=*"),
        words => format!("{feature}=({})", words.join(" ")),
    }
}

/// The members of a structured dictionary (RFC 9651 §3.2), split at commas outside quotes.
fn members(text: &str) -> Vec<&str> {
    let mut quoted = false;
    let outside = |c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    };
    let parts = text.split(outside);
    parts.filter(|part| !part.trim().is_empty()).collect()
}

fn check_feature(feature: &str) -> Result<(), Error> {
    if FEATURES.contains(&feature) {
        return Ok(());
    }
    // New features appear every year; a name is refused only if it is nearly a known one.
    let alike = |known: &&&str| strsim::jaro_winkler(known, feature) > 0.93;
    let name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let fits = feature.starts_with(|c: char| c.is_ascii_lowercase()) && feature.bytes().all(name);
    if !fits || FEATURES.iter().any(|known| alike(&known)) {
        return Err(Error::unknown(
            "a feature",
            feature,
            FEATURES.iter().copied(),
        ));
    }
    Ok(())
}

fn check_origin(origin: &str) -> Result<(), Error> {
    if matches!(origin, "self" | "src" | "*") {
        return Ok(());
    }
    let host = origin
        .split_once("://")
        .filter(|(scheme, _)| matches!(*scheme, "http" | "https"))
        .map(|(_, host)| host);
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._:*[]".contains(&b);
    match host {
        Some(host) if !host.is_empty() && host.bytes().all(fits) => Ok(()),
        _ => Err(Error::source(
            format!("`{}` is not an origin", printable(origin)),
            "write `self`, `*`, or an origin such as `https://maps.example`",
        )),
    }
}

/// The W3C's registry of features, with those that Chromium has on trial.
const FEATURES: &[&str] = &[
    "accelerometer",
    "all-screens-capture",
    "ambient-light-sensor",
    "aria-notify",
    "attribution-reporting",
    "autoplay",
    "battery",
    "bluetooth",
    "browsing-topics",
    "camera",
    "captured-surface-control",
    "clipboard-read",
    "clipboard-write",
    "compute-pressure",
    "controlled-frame",
    "cross-origin-isolated",
    "deferred-fetch",
    "deferred-fetch-minimal",
    "digital-credentials-get",
    "direct-sockets",
    "display-capture",
    "document-domain",
    "encrypted-media",
    "execution-while-not-rendered",
    "execution-while-out-of-viewport",
    "focus-without-user-activation",
    "fullscreen",
    "gamepad",
    "geolocation",
    "gyroscope",
    "hid",
    "identity-credentials-get",
    "idle-detection",
    "interest-cohort",
    "join-ad-interest-group",
    "keyboard-map",
    "language-detector",
    "language-model",
    "local-fonts",
    "local-network-access",
    "magnetometer",
    "media-playback-while-not-visible",
    "microphone",
    "midi",
    "monetization",
    "navigation-override",
    "on-device-speech-recognition",
    "otp-credentials",
    "payment",
    "picture-in-picture",
    "private-aggregation",
    "private-state-token-issuance",
    "private-state-token-redemption",
    "publickey-credentials-create",
    "publickey-credentials-get",
    "rewriter",
    "run-ad-auction",
    "screen-wake-lock",
    "serial",
    "shared-storage",
    "shared-storage-select-url",
    "smart-card",
    "speaker-selection",
    "storage-access",
    "sub-apps",
    "summarizer",
    "sync-script",
    "sync-xhr",
    "translator",
    "unload",
    "usb",
    "usb-unrestricted",
    "vertical-scroll",
    "web-app-installation",
    "web-share",
    "window-management",
    "writer",
    "xr-spatial-tracking",
];

impl<'de> Deserialize<'de> for PermissionsPolicy {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct PolicyVisitor;

        impl<'de> Visitor<'de> for PolicyVisitor {
            type Value = PermissionsPolicy;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of features, such as { camera = [], geolocation = \"self\" }")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<PermissionsPolicy, A::Error> {
                let mut policy = PermissionsPolicy::new();
                while let Some(feature) = map.next_key::<String>()? {
                    let Origins(origins) = map.next_value()?;
                    let origins = origins.iter().map(String::as_str);
                    policy = policy.allow(&feature, origins).map_err(de::Error::custom)?;
                }
                Ok(policy)
            }
        }

        from.deserialize_map(PolicyVisitor)
    }
}

/// One origin or a list of them; `true` and `false` for all and nobody.
struct Origins(Vec<String>);

impl<'de> Deserialize<'de> for Origins {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OriginsVisitor;

        impl<'de> Visitor<'de> for OriginsVisitor {
            type Value = Origins;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of origins such as [\"self\", \"https://maps.example\"]")
            }

            fn visit_bool<E: de::Error>(self, all: bool) -> Result<Origins, E> {
                Ok(Origins(if all {
                    vec!["*".to_owned()]
                } else {
                    Vec::new()
                }))
            }

            fn visit_str<E: de::Error>(self, origins: &str) -> Result<Origins, E> {
                let words = origins.split_ascii_whitespace().map(str::to_owned);
                Ok(Origins(words.collect()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Origins, A::Error> {
                let mut origins = Vec::new();
                while let Some(origin) = seq.next_element()? {
                    origins.push(origin);
                }
                Ok(Origins(origins))
            }
        }

        from.deserialize_any(OriginsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_application_is_heard_except_where_nobody_may() {
        let ours = PermissionsPolicy::new()
            .deny("camera")
            .allow("usb", ["self"])
            .unwrap();
        let app = HeaderValue::from_static("camera=*, usb=(self \"https://a,b\"), midi=()");
        assert_eq!(
            ours.joined([app].iter()).unwrap(),
            "usb=(self \"https://a,b\"), midi=(), camera=()"
        );
    }

    #[test]
    fn misspelt_features_are_refused() {
        let error = PermissionsPolicy::new()
            .allow("geolocaton", [])
            .unwrap_err();
        assert!(
            error.to_string().contains("did you mean `geolocation`?"),
            "{error}"
        );
        assert!(
            PermissionsPolicy::new()
                .allow("brand-new-power", [])
                .is_ok()
        );
        assert!(
            PermissionsPolicy::new()
                .allow("camera", ["maps.example"])
                .is_err()
        );
    }
}
