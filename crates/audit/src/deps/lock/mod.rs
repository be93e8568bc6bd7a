//! Lock files: which there are, and what stands in them.

mod bun;
mod cargo;
mod npm;
mod pnpm;
mod yarn;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::doc::Malformed;
use super::graph::{Ecosystem, Graph};
use super::manifest::{self, Manifest};
use crate::source::Source;

/// Larger than the lock file of any app.
pub(crate) const MAX_BYTES: u64 = 64 << 20;

/// A lock file that was read.
#[derive(Debug)]
pub(crate) struct Lock {
    pub(crate) kind: Kind,
    pub(crate) source: Arc<Source>,
    pub(crate) graph: Graph,
}

/// Who writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Npm,
    Yarn,
    Pnpm,
    Bun,
    BunBinary,
    Cargo,
}

/// All names of lock files, the one that counts first where several lie side by side.
pub(crate) const NAMES: [(&str, Kind); 7] = [
    ("npm-shrinkwrap.json", Kind::Npm),
    ("package-lock.json", Kind::Npm),
    ("pnpm-lock.yaml", Kind::Pnpm),
    ("yarn.lock", Kind::Yarn),
    ("bun.lock", Kind::Bun),
    ("bun.lockb", Kind::BunBinary),
    ("Cargo.lock", Kind::Cargo),
];

/// Why a lock file is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LockError {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("has version `{0}`, which is not known here")]
    Version(String),
    #[error("is not what its name says")]
    Unknown,
    #[error(
        "is binary; write it as text with `bun install --save-text-lockfile`, which makes a bun.lock"
    )]
    Binary,
}

impl Kind {
    /// By the name of the file.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let name = manifest::name(path);
        let found = NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, kind)| *kind)
    }

    /// Whether `packageManager` means it by this name.
    pub(crate) fn is_of(self, manager: &str) -> bool {
        match self {
            Self::Npm => manager == "npm",
            Self::Yarn => manager == "yarn",
            Self::Pnpm => manager == "pnpm",
            Self::Bun | Self::BunBinary => manager == "bun",
            Self::Cargo => false,
        }
    }

    pub(crate) fn ecosystem(self) -> Ecosystem {
        match self {
            Self::Cargo => Ecosystem::Cargo,
            _ => Ecosystem::Npm,
        }
    }

    /// The command that puts another version of a direct dependency in.
    pub(crate) fn install(self, name: &str, version: &str) -> String {
        match self {
            Self::Cargo => format!("cargo update -p {name} --precise {version}"),
            // It is brought in as if it were not there.
            _ => self.add(&format!("{name}@{version}")),
        }
    }

    /// The command that brings in a dependency that is not there yet.
    pub(crate) fn add(self, name: &str) -> String {
        match self {
            Self::Npm => format!("npm install {name}"),
            Self::Yarn => format!("yarn add {name}"),
            Self::Pnpm => format!("pnpm add {name}"),
            Self::Bun | Self::BunBinary => format!("bun add {name}"),
            Self::Cargo => format!("cargo add {name}"),
        }
    }

    /// The command that writes the lock file anew.
    pub(crate) fn install_all(self) -> String {
        let command = match self {
            Self::Npm => "npm install",
            Self::Yarn => "yarn install",
            Self::Pnpm => "pnpm install --no-frozen-lockfile",
            Self::Bun | Self::BunBinary => "bun install",
            Self::Cargo => "cargo update --workspace",
        };
        command.to_owned()
    }

    /// Reads the text of such a file.
    pub(crate) fn parse(
        self,
        text: &str,
        manifests: &[&Manifest],
        development: &HashMap<String, HashSet<String>>,
    ) -> Result<Graph, LockError> {
        match self {
            Self::Npm => npm::parse(text, manifests),
            Self::Yarn => yarn::parse(text, manifests),
            Self::Pnpm => pnpm::parse(text),
            Self::Bun => bun::parse(text),
            Self::BunBinary => Err(LockError::Binary),
            Self::Cargo => cargo::parse(text, development),
        }
    }
}

/// A path below another, without a slash in front.
fn under(dir: &str, name: &str) -> String {
    manifest::join(dir, name)
}

#[cfg(test)]
mod tests;
