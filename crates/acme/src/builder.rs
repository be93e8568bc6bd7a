//! What a manager of certificates is made of.

use std::io;
use std::path::Path;
use std::sync::Arc;

use panoply_core::Clock;
use panoply_tls::{Challenges, Tls};

use crate::client::Client;
use crate::command::Starting;
use crate::config::{AcmeConfig, ChallengeKind, ConfigError, Directory};
use crate::directories::{Directories, Rehearsed};
use crate::issuer::Issuer;
use crate::managed::{Managed, Place};
use crate::manager::Acme;
use crate::sharing::Sharing;
use crate::storage::{self, Storage};
use crate::unwritten::Unwritten;

/// Why certificates cannot be managed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The `[acme]` table.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The state directory.
    #[error("the certificates in {directory} cannot be kept: {source}")]
    #[non_exhaustive]
    State {
        /// Where.
        directory: String,
        /// What the system said.
        source: io::Error,
    },
    /// The state directory ends with the container.
    #[error(
        "the state directory {directory} ends with this container, and each new one would order its \
         certificates anew until the directory refuses for a week; mount a volume there, name \
         another with `--state DIR`, or write `acme.temporary_state = true`"
    )]
    #[non_exhaustive]
    Temporary {
        /// Where.
        directory: String,
    },
}

/// One certificate that is to be there.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) names: Vec<String>,
    pub(crate) kinds: Vec<ChallengeKind>,
    /// Which directories are asked for it.
    pub(crate) asked: Arc<str>,
    file: String,
}

/// What [`Acme`] is made of.
#[derive(Debug)]
pub struct AcmeBuilder {
    config: AcmeConfig,
    names: Vec<String>,
    tls: Arc<Tls>,
    clock: Arc<dyn Clock>,
    challenges: Challenges,
    issuers: Vec<Rehearsed>,
    unwritten: Unwritten,
    starting: Starting,
}

impl AcmeBuilder {
    /// Certificates for `names`, ordered as `config` says, for `tls`, whose challenges are
    /// `challenges`.
    pub fn new(
        config: AcmeConfig,
        names: impl IntoIterator<Item = impl Into<String>>,
        tls: Arc<Tls>,
        challenges: Challenges,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            config,
            names: names.into_iter().map(Into::into).collect(),
            tls,
            clock,
            challenges,
            issuers: Vec::new(),
            unwritten: Unwritten::default(),
            starting: Starting::default(),
        }
    }

    /// Goes on with what an earlier one on the same state directory has had issued and could not write.
    #[must_use]
    pub fn unwritten(mut self, unwritten: Unwritten) -> Self {
        self.unwritten = unwritten;
        self
    }

    /// Starts the hooks of the configuration so; as they come by default.
    #[must_use]
    pub const fn starting(mut self, starting: Starting) -> Self {
        self.starting = starting;
        self
    }

    /// Orders here, in place of the directories of the configuration.
    #[must_use]
    pub fn issuer(mut self, issuer: Arc<dyn Issuer>) -> Self {
        self.issuers.push((issuer, None));
        self
    }

    /// As [`issuer`](Self::issuer), and what has failed there is tried here first.
    #[must_use]
    pub fn rehearsed(mut self, issuer: Arc<dyn Issuer>, rehearsal: Arc<dyn Issuer>) -> Self {
        self.issuers.push((issuer, Some(rehearsal)));
        self
    }

    /// Checks the configuration, and puts in force what was kept in `state`.
    ///
    /// # Errors
    ///
    /// When a setting is wrong, or the state directory cannot be used.
    pub fn open(self, state: &Path) -> Result<Acme, Error> {
        self.config.check(&self.names)?;
        let directory = state.display().to_string();
        let unusable = |source| Error::State {
            directory: directory.clone(),
            source,
        };
        let storage = Storage::open(state, self.unwritten, Arc::clone(&self.clock));
        let storage = storage.map_err(unusable)?;
        let storage = Arc::new(storage);
        let config = Arc::new(self.config);
        let sharing = Arc::new(Sharing::default());
        let issuers = if self.issuers.is_empty() {
            let client = |directory| -> Arc<dyn Issuer> {
                Arc::new(Client::new(
                    directory,
                    Arc::clone(&config),
                    Arc::clone(&storage),
                    self.challenges.clone(),
                    (Arc::clone(&sharing), Arc::clone(&self.clock)),
                    self.starting,
                ))
            };
            let both = |directory: Directory| {
                let rehearsal = directory.rehearsal().map(client);
                (client(directory), rehearsal)
            };
            config.in_force().into_iter().map(both).collect()
        } else {
            self.issuers
        };
        let urls = issuers.iter().map(|(issuer, _)| issuer.url().to_owned());
        let urls: Arc<[String]> = urls.collect();
        let asked: Arc<str> = storage::tag(urls.join(" ").as_bytes()).into();
        let place = Place {
            storage,
            tls: self.tls,
            clock: self.clock,
            directories: urls,
            asked,
            starting: self.starting,
        };
        let groups = config.groups(self.names).into_iter();
        let managed = groups.map(|names| {
            let group = Group::new(names, &config, &place.asked);
            Arc::new(Managed::new(group, false, place.clone()))
        });
        Ok(Acme::new(
            managed.collect(),
            Directories::new(issuers),
            config,
            place,
            (sharing, self.challenges),
        ))
    }
}

impl Group {
    pub(crate) fn new(mut names: Vec<String>, config: &AcmeConfig, asked: &Arc<str>) -> Self {
        names.sort_unstable();
        names.dedup();
        let hash = storage::tag(names.join(" ").as_bytes());
        let first = names.first().map_or("", String::as_str);
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || "-.".contains(c) {
                c
            } else {
                '_'
            }
        };
        let first: String = first.chars().map(plain).take(100).collect();
        let mut kinds = names
            .first()
            .map_or_else(Vec::new, |name| config.kinds(name));
        // All names of an order are shown in one way.
        kinds.retain(|kind| names.iter().all(|name| config.kinds(name).contains(kind)));
        Self {
            file: format!("{first}-{hash}"),
            names,
            kinds,
            asked: Arc::clone(asked),
        }
    }

    /// What it is called among nodes.
    pub(crate) fn name(&self) -> &str {
        &self.file
    }

    /// The directory in which other programs find its files: the same when names are added to it, unless one of them comes
    /// before all others in the alphabet.
    pub(crate) fn handed_on(&self) -> String {
        let name = { self.file.rsplit_once('-') }.map_or(&*self.file, |(first, _)| first);
        format!("live/{name}")
    }

    /// The file that says which certificate was handed on.
    pub(crate) fn handed(&self) -> String {
        format!("{}.handed", self.file)
    }

    /// The file of the key and the chain.
    pub(crate) fn pem(&self) -> String {
        format!("{}.pem", self.file)
    }

    /// The file of what is to be remembered.
    pub(crate) fn record(&self) -> String {
        format!("{}.json", self.file)
    }
}
