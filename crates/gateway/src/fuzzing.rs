//! The doors that the fuzzers enter by, and that the tests take with what the fuzzers have kept; in no
//! other build. `fuzz/README.md` says what each is for.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what fails is found"
)]

mod answer;
mod framing;
mod model;
mod route;

pub use answer::answer;
pub use framing::framing;
pub use route::route;

use crate::config::Source;
pub use crate::config::veil::fuzz::veil;
pub use crate::control::fuzz::control;
pub use crate::intake::fuzz::host;
pub use crate::nonce::fuzz::stamp;
pub use crate::proxy_protocol::fuzz::proxy_protocol;
pub use crate::reports::fuzz::reports;

/// A `panoply.toml`, and behind a NUL lines with variables: a configuration, or an error that can be
/// shown.
pub fn config(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let (text, variables) = text.split_once('\0').unwrap_or((text, ""));
    let variables = variables.lines().filter_map(|line| line.split_once('='));
    let variables = variables.map(|(name, value)| (format!("PANOPLY_{name}"), value.to_owned()));
    match Source::new()
        .text("panoply.toml", text)
        .env(variables)
        .load()
    {
        Ok(loaded) => {
            let headers = loaded.config.headers.build();
            let _ = headers.map_err(|error| error.to_string());
            let client = loaded.config.client.clone().build();
            let _ = client.map_err(|error| error.to_string());
            let paths: Vec<String> = loaded.set().map(|(path, _)| path.to_owned()).collect();
            for path in paths {
                let _ = loaded.error(&path, "shown").to_string();
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
#[test]
fn what_the_fuzzers_kept_passes() {
    replay::all(&[
        ("answer", answer),
        ("config", config),
        ("control", control),
        ("framing", framing),
        ("host", host),
        ("proxy_protocol", proxy_protocol),
        ("reports", reports),
        ("route", route),
        ("stamp", stamp),
        ("veil", veil),
    ]);
}
