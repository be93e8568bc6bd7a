//! Opening the store that the configuration names.

use std::num::NonZeroU32;
use std::sync::Arc;

use panoply::Clock;
use panoply_core::{CounterStore, Secret};
use panoply_store_memory::MemoryStore;

use crate::config::StoreUrl;

/// A store that is open.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn CounterStore>,
    pub(crate) insured: Option<Arc<panoply::limits::Insured>>,
}

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("store.url `{url}`: {problem}")]
pub struct OpenError {
    url: StoreUrl,
    problem: String,
}

/// What a store is opened with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) url: StoreUrl,
    pub(crate) secret: Secret,
    pub(crate) nodes: NonZeroU32,
    /// Whether somebody asked for it; otherwise it is the default.
    pub(crate) asked: bool,
}

/// Opens the store on the runtime that calls; its tasks live there.
pub(crate) async fn open(plan: &Plan, clock: &Arc<dyn Clock>) -> Result<Opened, OpenError> {
    let memory = || -> Arc<dyn CounterStore> {
        Arc::new(MemoryStore::builder().clock(Arc::clone(clock)).build())
    };
    match &plan.url {
        StoreUrl::Memory | StoreUrl::Sqlite(_) => Ok(Opened {
            store: memory(),
            insured: None,
        }),
        url => Err(OpenError {
            url: url.clone(),
            problem: "is not supported by this build".to_owned(),
        }),
    }
}
