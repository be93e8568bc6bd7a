//! A report as people and programs read it.
//!
//! Whatever the form, no secret that was found is told in it, and nothing of a file's text reaches a
//! terminal or a page as anything but text.

mod catalogue;
mod github;
mod html;
mod json;
mod line;
mod mask;
mod place;
mod sarif;
mod summary;
mod text;
mod verdict;

use std::path::PathBuf;
use std::time::Duration;

pub use catalogue::{catalogue, explain, list};
pub use github::github;
pub use html::html;
pub use json::json;
pub use sarif::sarif;
pub use summary::summary;
pub use text::text;
pub use verdict::{FailOn, Verdict};

pub(crate) use line::{masked, visible};
pub(crate) use mask::Masks;

/// How a report is to look.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Look {
    /// With a terminal's colours and links.
    pub colour: bool,
    /// How wide lines may be.
    pub width: usize,
    /// How long the audit took, if that is to be said.
    pub elapsed: Option<Duration>,
    /// The folder from which files are named where a program looks them up: the working directory.
    pub base: Option<PathBuf>,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            colour: false,
            width: 100,
            elapsed: None,
            base: None,
        }
    }
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
