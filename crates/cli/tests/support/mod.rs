//! What the end-to-end tests share: the built binary, real apps, real clients, and the patience to wait for them.

#![allow(
    dead_code,
    unused_imports,
    reason = "each test binary uses its own part of this module"
)]

pub(crate) mod acme;
mod curl;
mod gateway;
mod h2;
mod npm;
mod pebble;
mod pki;
mod process;
mod raw;
mod redis;
pub(crate) mod siege;
mod tools;
pub(crate) mod upgrade;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(crate) use curl::{Answer, curl, curl_fails, curl_with};
pub(crate) use gateway::{
    App, DEMO_ON_FREE_PORTS, Gateway, Setup, authority, blocks, example, panoply, test_app, urls,
};
pub(crate) use h2::{H2, frame};
pub(crate) use npm::{npm_ci, require};
pub(crate) use panoply_store_test::free_port;
pub(crate) use pebble::Pebble;
pub(crate) use pki::Pki;
pub(crate) use process::Process;
pub(crate) use raw::{Raw, Recorder, Reply, ask, raw, statuses};
pub(crate) use redis::Redis;
pub(crate) use tools::{node, node_in, sslyze, testssl, text};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// The folder with the Node scripts.
pub(crate) fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node")
}

/// Waits until `probe` gives a value; fails the test with `what` after `limit`.
pub(crate) fn wait_for<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(
            Instant::now() < deadline,
            "waited {limit:?} in vain for {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Several failures told at once: a test that probes forty payloads names each that went wrong.
#[derive(Debug, Default)]
pub(crate) struct Verdicts(Vec<String>);

impl Verdicts {
    /// Notes `message` unless `holds`.
    pub(crate) fn check(&mut self, holds: bool, message: impl FnOnce() -> String) {
        if !holds {
            self.0.push(message());
        }
    }

    /// Notes that `left` should have been `right`.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "reads better with what was just made"
    )]
    pub(crate) fn equal<A, B>(&mut self, what: &str, left: A, right: B)
    where
        A: std::fmt::Debug + PartialEq<B>,
        B: std::fmt::Debug,
    {
        if left != right {
            self.0.push(format!("{what}: {left:?}, expected {right:?}"));
        }
    }

    /// Fails the test when anything was noted.
    pub(crate) fn settle(self) {
        assert!(
            self.0.is_empty(),
            "{} wrong:\n- {}",
            self.0.len(),
            self.0.join("\n- ")
        );
    }
}
