//! Where the counters of a trace are kept, and the clocks that are moved.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use panoply_core::{Clock as _, CounterStore, ManualClock};
use panoply_store_memory::MemoryStore;
use panoply_store_redis::RedisStore;
use tempfile::TempDir;

use crate::redis_server::RedisServer;

/// Where the counters of one trace are kept.
#[derive(Debug)]
pub(super) struct Place {
    /// The clock of this process.
    pub(super) clock: ManualClock,
    server: Option<Arc<Server>>,
    /// The server's time when the trace began, in microseconds.
    base: u64,
}

impl Place {
    /// In the memory of this process.
    pub(super) fn memory() -> Self {
        Self {
            clock: ManualClock::new(),
            server: None,
            base: 0,
        }
    }

    /// On a server, whose clock goes with this one.
    pub(super) fn on(server: Arc<Server>) -> Self {
        let base = server.now.load(Ordering::SeqCst);
        Self {
            clock: ManualClock::new(),
            server: Some(server),
            base,
        }
    }

    /// Moves the clocks, never back.
    pub(super) fn reach(&self, at: Duration) -> Result<(), String> {
        let now = self.clock.monotonic();
        self.clock.advance(at.saturating_sub(now));
        let Some(server) = &self.server else {
            return Ok(());
        };
        let micros = u64::try_from(at.max(now).as_micros()).unwrap_or(u64::MAX);
        let moved = server.set(self.base.saturating_add(micros));
        moved.map_err(|error| error.to_string())
    }

    /// A new store, in which nothing has been counted.
    pub(super) async fn store(&self) -> Result<Arc<dyn CounterStore>, String> {
        let Some(server) = &self.server else {
            let memory = MemoryStore::builder().clock(self.clock.clone()).build();
            return Ok(Arc::new(memory));
        };
        let number = server.stores.fetch_add(1, Ordering::SeqCst);
        let store = RedisStore::builder(server.redis.url())
            .prefix(format!("trace{number}"))
            .connect()
            .await
            .map_err(|error| error.to_string())?;
        Ok(Arc::new(store))
    }
}

/// A redis-server whose time of day is moved by hand, by a library that is preloaded.
#[derive(Debug)]
pub(super) struct Server {
    redis: RedisServer,
    clock: File,
    now: AtomicU64,
    stores: AtomicU64,
    _directory: TempDir,
}

/// When the servers' time begins, in microseconds: in 2027.
const BEGINNING: u64 = 1_800_000_000_000_000;

impl Server {
    pub(super) fn start() -> Result<Arc<Self>> {
        let directory = tempfile::tempdir()?;
        let source = directory.path().join("moved_clock.c");
        let library = directory.path().join("moved_clock.so");
        std::fs::write(&source, include_str!("moved_clock.c"))?;
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&library, &source])
            .status()
            .context("cc, which links Rust's programs too")?;
        ensure!(built.success(), "the preloaded clock does not compile");

        let file = directory.path().join("now");
        let clock = File::create(&file)?;
        clock.write_all_at(&BEGINNING.to_ne_bytes(), 0)?;
        let environment = [("LD_PRELOAD", &*library), ("MOVED_CLOCK", &*file)];
        let server = Self {
            redis: RedisServer::start(&environment)?,
            clock,
            now: AtomicU64::new(BEGINNING),
            stores: AtomicU64::new(0),
            _directory: directory,
        };
        Ok(Arc::new(server))
    }

    fn set(&self, now: u64) -> Result<()> {
        self.now.store(now, Ordering::SeqCst);
        self.clock.write_all_at(&now.to_ne_bytes(), 0)?;
        Ok(())
    }
}
