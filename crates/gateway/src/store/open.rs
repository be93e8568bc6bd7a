//! Opening the store that the configuration names.

use std::error::Error;
use std::io::{self, Seek as _};
use std::num::{NonZeroU32, NonZeroUsize};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use panoply::Clock;
use panoply::limits::{Insured, InsuredConfig};
use panoply_core::{CounterStore, Secret, SessionStore};
use panoply_store_memory::{MemoryStore, MemoryStoreBuilder};
use panoply_store_postgres::PostgresStore;
use panoply_store_redis::RedisStore;
use panoply_store_sqlite::SqliteStore;
use rustix::fs::{MemfdFlags, memfd_create};

use super::awaited::Awaited;
use super::is_foreign;
use crate::config::StoreUrl;

/// A store that is open.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn CounterStore>,
    /// The same, where an insurance stands in for it.
    pub(crate) insured: Option<Arc<Insured>>,
    /// The same, where it is a file that one process has to itself.
    pub(crate) file: Option<SqliteStore>,
    /// The same, where another process still has it.
    pub(crate) awaited: Option<Awaited>,
    /// The same, where it ends with the process, unless it is handed over.
    pub(crate) memory: Option<MemoryStore>,
    /// The same, where a server's settings say whether it forgets.
    pub(crate) redis: Option<RedisStore>,
    /// Where nodes keep what they share, if they have a store in common.
    pub(crate) sessions: Option<Arc<dyn SessionStore>>,
}

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("the store {url} cannot be used: {problem}")]
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
    pub(crate) deadline: Duration,
    /// Whether somebody asked for it; otherwise it is the default.
    pub(crate) asked: bool,
}

/// How many decisions a store is asked for at once: PostgreSQL makes those about one key one after
/// the other, and others must not wait behind them for long.
const fn in_flight(url: &StoreUrl) -> NonZeroUsize {
    let decisions = match url {
        StoreUrl::Postgres(_) => 32,
        _ => 256,
    };
    match NonZeroUsize::new(decisions) {
        Some(decisions) => decisions,
        None => NonZeroUsize::MIN,
    }
}

/// Opens the store on the runtime that calls; its tasks live there. One in memory goes on with the counters that
/// another gateway hands over.
///
/// # Errors
///
/// When it cannot be had, or nodes with another secret use it.
pub(crate) async fn open(
    plan: &Plan,
    clock: &Arc<dyn Clock>,
    counters: Option<OwnedFd>,
) -> Result<Opened, OpenError> {
    let builder = || MemoryStore::builder().clock(Arc::clone(clock));
    let memory = || builder().build();
    let own = |store: Arc<dyn CounterStore>| Opened {
        store,
        insured: None,
        file: None,
        awaited: None,
        memory: None,
        redis: None,
        sessions: None,
    };
    let in_memory = |store: MemoryStore| Opened {
        memory: Some(store.clone()),
        ..own(Arc::new(store))
    };
    if plan.url != StoreUrl::Memory {
        warn_of_lost(counters.as_ref());
    }
    let shared = |store: Arc<dyn CounterStore>, sessions: Arc<dyn SessionStore>| {
        let insurance = InsuredConfig::new()
            .nodes(plan.nodes)
            .deadline(plan.deadline)
            .in_flight(in_flight(&plan.url))
            .clock(Arc::clone(clock));
        let insured = Arc::new(insurance.build(store, Arc::new(memory())));
        Opened {
            store: Arc::clone(&insured) as _,
            insured: Some(insured),
            file: None,
            awaited: None,
            memory: None,
            redis: None,
            sessions: Some(sessions),
        }
    };
    match &plan.url {
        StoreUrl::Memory => Ok(in_memory(match counters {
            Some(counters) => carried_over(builder(), counters),
            None => memory(),
        })),
        StoreUrl::Sqlite(path) => match sqlite(path, clock, plan.asked) {
            Ok(store) => Ok(Opened {
                file: Some(store.clone()),
                ..own(Arc::new(store))
            }),
            Err(panoply_store_sqlite::Error::InUse(path)) if !plan.asked => {
                tracing::warn!(
                    path = %path.display(),
                    "another gateway counts in the state directory: this one counts in memory until that \
                     one has ended. If both are to stay, give each a state directory of its own \
                     (`--state DIR`), or a store that they share (`store.url`)"
                );
                Ok(Awaited::open(&path, clock))
            }
            Err(error) => Err(plan.cannot(&error)),
        },
        StoreUrl::Redis(url) => {
            let store = RedisStore::builder(url.as_str()).connect().await;
            let store = store.map_err(|error| plan.cannot(&error))?;
            plan.is_ours(&store).await?;
            let sessions = store.sessions();
            Ok(Opened {
                redis: Some(store.clone()),
                ..shared(Arc::new(store), Arc::new(sessions))
            })
        }
        StoreUrl::Postgres(url) => {
            let store = PostgresStore::builder(url.as_str()).connect().await;
            let store = store.map_err(|error| plan.cannot(&error))?;
            plan.is_ours(&store).await?;
            let sessions = store.sessions();
            Ok(shared(Arc::new(store), Arc::new(sessions)))
        }
    }
}

/// Says so where another gateway hands over what it has counted in memory, and this one counts elsewhere.
pub(crate) fn warn_of_lost(counters: Option<&OwnedFd>) {
    if counters.is_some() {
        tracing::warn!(
            "what was counted in memory ends with the gateway before this one: `store.url` is another one"
        );
    }
}

/// Everything that a store in memory has counted, for the gateway that takes over: in memory, too, since it is
/// nobody else's business.
///
/// # Errors
///
/// When there is no memory for it.
pub(crate) fn carry_over(store: &MemoryStore) -> io::Result<OwnedFd> {
    let file = memfd_create("panoply counters", MemfdFlags::CLOEXEC)?;
    let mut file = std::fs::File::from(file);
    store.write_image(&mut file)?;
    file.rewind()?;
    Ok(file.into())
}

/// What another gateway has counted, or nothing: no upgrade fails for that.
fn carried_over(builder: MemoryStoreBuilder, counters: OwnedFd) -> MemoryStore {
    let image = io::BufReader::with_capacity(1 << 16, std::fs::File::from(counters));
    match builder.clone().build_from(image) {
        Ok(store) => store,
        Err(error) => {
            tracing::warn!(
                %error,
                "what the gateway before this one has counted cannot be read: all counters begin anew, and \
                 whoever was locked or blocked is not any more"
            );
            builder.build()
        }
    }
}

fn sqlite(
    path: &Path,
    clock: &Arc<dyn Clock>,
    asked: bool,
) -> Result<SqliteStore, panoply_store_sqlite::Error> {
    if !asked && let Some(state) = path.parent() {
        // The state directory is ours to make, whatever else is not.
        crate::privilege::make_state(state).ok();
    }
    SqliteStore::builder(path).clock(Arc::clone(clock)).open()
}

impl Plan {
    async fn is_ours(&self, store: &dyn CounterStore) -> Result<(), OpenError> {
        match is_foreign(store, &self.secret).await {
            Ok(false) => Ok(()),
            Ok(true) => Err(OpenError {
                url: self.url.clone(),
                problem: "nodes with another secret use it, and each would count alone: give all \
                          nodes one `store.secret`, such as what the first has in the file \
                          `secret` of its state directory"
                    .to_owned(),
            }),
            Err(error) => Err(self.cannot(&error)),
        }
    }

    fn cannot(&self, error: &dyn Error) -> OpenError {
        let mut problem = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            // Some say their cause themselves.
            if !problem.contains(&cause_text) {
                problem.push_str(": ");
                problem.push_str(&cause_text);
            }
            source = cause.source();
        }
        OpenError {
            url: self.url.clone(),
            problem,
        }
    }
}
