//! What the audit of a running site finds, and what it leaves alone: against servers that the tests start.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::format_push_string,
    clippy::too_many_lines,
    reason = "a test may fail loudly"
)]

mod express;
mod findings;
mod login;
mod observatory;
mod support;
mod tls;
mod transport;
