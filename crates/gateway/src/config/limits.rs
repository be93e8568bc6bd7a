//! `[limits]`: bounds on everything a client may send or make us wait for.

use std::fmt;
use std::num::NonZeroU32;

use serde::Deserialize;

use super::units::{ByteSize, Span};

/// `[limits]`: each has a default that no honest browser meets; `docs/defaults.md` has the reasons.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LimitsConfig {
    /// Bytes of a request's head; 32 KiB.
    pub header_bytes: ByteSize,
    /// Headers of a request; 100.
    pub header_count: NonZeroU32,
    /// Bytes of a request's body; 100 MiB.
    pub body_bytes: ByteSize,
    /// From a head's first byte to its last; 10 s.
    pub head_timeout: Span,
    /// Between requests on one connection; 75 s.
    pub idle_timeout: Span,
    /// For the next byte of a body that a client sends, or takes; 30 s.
    pub stall_timeout: Span,
    /// From a request's last byte to the first of the app's answer; 60 s.
    pub response_timeout: Span,
    /// Connections in all; 10,000.
    pub connections: NonZeroU32,
    /// Connections of one client (of one /64 for IPv6), proxies that are trusted apart; 256.
    pub connections_per_client: NonZeroU32,
    /// Requests at once on one HTTP/2 connection; 100.
    pub streams: NonZeroU32,
    /// HTTP/2 streams reset on one connection before it is closed; 50.
    pub stream_resets: NonZeroU32,
    /// How long a stop waits for what is in flight; 30 s.
    pub drain: Span,
    /// What is different below some paths.
    pub path: Vec<PathLimitsConfig>,
}

/// `[[limits.path]]`: what is different for a prefix of paths and all below it. What it does not say is as in
/// `[limits]`; of several that fit, the longest is followed.
///
/// A path that an app could read as one below it without being spelled so, by its case or as `/a/../upload`, is not
/// given more by it, but held to whatever of it is stricter.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct PathLimitsConfig {
    /// Such as `/upload`, for that and `/upload/a`, not for `/uploads`.
    pub prefix: Option<String>,
    /// The names under which it is so, such as `media.shop.example` or `*.shop.example`; all of the site's by default.
    pub domains: Option<Vec<String>>,
    /// Bytes of a request's body.
    pub body_bytes: Option<ByteSize>,
    /// For the next byte of a body that a client sends, or takes.
    pub stall_timeout: Option<Span>,
    /// From a request's last byte to the first of the app's answer.
    pub response_timeout: Option<Span>,
}

impl fmt::Display for PathLimitsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = self.prefix.as_deref().unwrap_or("/");
        let names = self.domains.as_deref().unwrap_or_default().join(", ");
        write!(f, "{names}{}/…:", prefix.trim_end_matches('/'))?;
        let set = [
            ("body_bytes", self.body_bytes.map(|size| size.to_string())),
            (
                "stall_timeout",
                self.stall_timeout.map(|span| span.to_string()),
            ),
            (
                "response_timeout",
                self.response_timeout.map(|span| span.to_string()),
            ),
        ];
        let set = set
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)));
        for (number, (key, value)) in set.enumerate() {
            let comma = if number > 0 { "," } else { "" };
            write!(f, "{comma} {key} {value}")?;
        }
        Ok(())
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let count = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self {
            header_bytes: ByteSize::bytes(32 << 10),
            header_count: count(100),
            body_bytes: ByteSize::bytes(100 << 20),
            head_timeout: Span::seconds(10),
            idle_timeout: Span::seconds(75),
            stall_timeout: Span::seconds(30),
            response_timeout: Span::seconds(60),
            connections: count(10_000),
            connections_per_client: count(256),
            streams: count(100),
            stream_resets: count(50),
            drain: Span::seconds(30),
            path: Vec::new(),
        }
    }
}
