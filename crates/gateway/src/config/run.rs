//! `[run]`: as whom the gateway and the app that it starts run, and what is left of them in a crash.

use serde::Deserialize;

/// `[run]`: the user that root becomes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct RunConfig {
    /// Started by root, the gateway becomes this user, by name or number, before it reads a
    /// certificate or a client; by default it stays who it is. The app that it starts is run by the
    /// same user.
    pub user: Option<String>,
    /// The group in place of the user's own.
    pub group: Option<String>,
    /// Whether a crash may leave the memory, with keys and passwords in it, on the disk, and others
    /// of the same user may read it while the gateway runs; no by default.
    pub danger_core_dumps: bool,
}
