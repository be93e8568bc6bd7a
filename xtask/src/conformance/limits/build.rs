//! rate-limiter-flexible's options, said our way.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use panoply_core::{
    Block, BlockId, CounterKeys, CounterStore, Decision, ManualClock, Op, Release, Reply,
    StoreError,
};
use panoply_limits::{Burst, Limiter, LimiterConfig, Lists, Queue, Union};
use panoply_store_memory::MemoryStore;
use serde_json::Value;

use super::place::Place;

/// A store that can be taken away, and counts how often it is asked.
#[derive(Debug)]
pub(super) struct Counted {
    store: Arc<dyn CounterStore>,
    pub(super) down: AtomicBool,
    pub(super) asked: AtomicU64,
}

impl Counted {
    pub(super) async fn new(place: &Place) -> Result<Arc<Self>, String> {
        Ok(Arc::new(Self {
            store: place.store().await?,
            down: AtomicBool::new(false),
            asked: AtomicU64::new(0),
        }))
    }
}

impl CounterStore for Counted {
    fn decide<'a>(&'a self, ops: &[Op<'_>]) -> Reply<'a, Decision> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.down.load(Ordering::SeqCst) {
            return Reply::ready(Err(StoreError::transient("store down")));
        }
        self.store.decide(ops)
    }

    fn blocks(&self, after: Option<BlockId>, most: usize) -> Reply<'_, Vec<Block>> {
        self.store.blocks(after, most)
    }

    fn release(&self, which: Release) -> Reply<'_, usize> {
        self.store.release(which)
    }
}

/// Whatever a trace calls a limiter.
#[derive(Debug)]
pub(super) enum Built {
    Limiter(Limiter),
    Union(Union),
    Burst(Burst),
    Lists(Lists),
    Queue(Arc<Queue>),
}

/// The limiters of a trace by name, those that others are made of first.
pub(super) struct Stage {
    pub(super) main: Arc<Counted>,
    pub(super) built: HashMap<String, Built>,
}

impl Stage {
    pub(super) async fn new(
        limiters: &Value,
        keys: &CounterKeys,
        place: &Place,
    ) -> Result<Self, String> {
        let main = Counted::new(place).await?;
        let mut stage = Self {
            main,
            built: HashMap::new(),
        };
        let all = limiters.as_object().ok_or("`limiters` is no object")?;
        for _ in 0..=all.len() {
            for (name, options) in all {
                if stage.built.contains_key(name) || !stage.is_ready(options) {
                    continue;
                }
                let built = stage.build(options, keys, place).await?;
                stage.built.insert(name.clone(), built);
            }
        }
        match all.keys().find(|name| !stage.built.contains_key(*name)) {
            Some(name) => Err(format!("`{name}` is made of what is not there")),
            None => Ok(stage),
        }
    }

    fn is_ready(&self, options: &Value) -> bool {
        let there = |name: &Value| {
            name.as_str()
                .is_none_or(|name| self.built.contains_key(name))
        };
        let single = ["limiter", "rate", "burst", "insuranceLimiter"];
        let several = options["of"].as_array().into_iter().flatten();
        single.iter().all(|key| there(&options[*key])) && several.into_iter().all(there)
    }

    fn limiter(&self, name: &Value) -> Result<Limiter, String> {
        match name.as_str().and_then(|name| self.built.get(name)) {
            Some(Built::Limiter(limiter)) => Ok(limiter.clone()),
            _ => Err(format!("{name} is no limiter")),
        }
    }

    async fn build(
        &self,
        options: &Value,
        keys: &CounterKeys,
        place: &Place,
    ) -> Result<Built, String> {
        let names = |key: &str| {
            let list = options[key].as_array().cloned().unwrap_or_default();
            list.into_iter()
                .filter_map(|name| name.as_str().map(str::to_owned))
        };
        Ok(match options["type"].as_str().unwrap_or_default() {
            class @ ("memory" | "redis") => {
                // In memory each limiter of the peer has a storage of its own.
                let store: Arc<dyn CounterStore> = if class == "redis" {
                    self.main.clone()
                } else {
                    Counted::new(place).await?
                };
                let mut config = config(options, &place.clock)?;
                if options["insuranceLimiter"].is_string() {
                    config = config.insurance(self.limiter(&options["insuranceLimiter"])?);
                }
                let built = config.build(store, keys.clone());
                Built::Limiter(built.map_err(|error| error.to_string())?)
            }
            "union" => {
                let of = options["of"].as_array().cloned().unwrap_or_default();
                let of: Result<Vec<Limiter>, String> =
                    of.iter().map(|name| self.limiter(name)).collect();
                Built::Union(Union::new(of?).map_err(|error| error.to_string())?)
            }
            "bursty" => Built::Burst(Burst::new(
                self.limiter(&options["rate"])?,
                self.limiter(&options["burst"])?,
            )),
            "blackwhite" | "black_white" | "blackAndWhite" | "bw" => {
                let lists = Lists::new(self.limiter(&options["limiter"])?)
                    .allow(names("whiteList"))
                    .deny(names("blackList"))
                    .run_action_anyway(options["runActionAnyway"] == true);
                Built::Lists(lists)
            }
            "queue" => {
                let most = options["maxQueueSize"]
                    .as_u64()
                    .unwrap_or(u64::from(u32::MAX));
                let most = usize::try_from(most).map_err(|error| error.to_string())?;
                let limiter = self.limiter(&options["limiter"])?;
                Built::Queue(Arc::new(Queue::new(limiter, most, place.clock.clone())))
            }
            other => return Err(format!("a limiter of type `{other}` is not known")),
        })
    }
}

/// Seconds, as the peer writes them.
pub(super) fn seconds(value: &Value) -> Option<Duration> {
    Duration::try_from_secs_f64(value.as_f64()?).ok()
}

fn config(options: &Value, clock: &ManualClock) -> Result<LimiterConfig, String> {
    let mut config = LimiterConfig::new().clock(clock.clone());
    let whole = |key: &str| match &options[key] {
        Value::Null => Ok(None),
        value => match value.as_i64() {
            Some(number) => Ok(Some(number)),
            None => Err(format!("`{key}` must be a whole number")),
        },
    };
    if let Some(points) = whole("points")? {
        config = config.points(points);
    }
    if !options["duration"].is_null() {
        let duration = seconds(&options["duration"]).ok_or("`duration` is no time")?;
        config = config.duration(duration);
    }
    if let Some(duration) = seconds(&options["blockDuration"]) {
        config = config.block_duration(duration);
    }
    // Zero means off to the peer.
    let on = |threshold: Option<i64>| threshold.filter(|threshold| *threshold > 0);
    if let Some(count) = on(whole("blockOnConsumed")?) {
        config = config.block_on_consumed(count);
    }
    if let Some(count) = on(whole("inMemoryBlockOnConsumed")?) {
        config = config.in_memory_block_on_consumed(count);
    }
    let time = seconds(&options["inMemoryBlockDuration"]);
    if let Some(duration) = time.filter(|time| !time.is_zero()) {
        config = config.in_memory_block_duration(duration);
    }
    match &options["keyPrefix"] {
        Value::Null => {}
        Value::String(prefix) => config = config.key_prefix(prefix.clone()),
        _ => return Err("`keyPrefix` must be text".to_owned()),
    }
    if options["execEvenly"] == true {
        config = config.exec_evenly(true);
        if let Some(delay) = options["execEvenlyMinDelayMs"].as_u64() {
            config = config.exec_evenly_min_delay(Duration::from_millis(delay));
        }
    }
    Ok(config)
}

/// Whether a configuration is accepted or refused as by the peer.
pub(super) fn check(check: &Value) -> Result<(), String> {
    let options = &check["opts"];
    let clock = ManualClock::new();
    // What cannot be said here at all: a limiter always has its store, an insurance is a limiter.
    let unsayable = options["storeClient"] == "unset" || options["insuranceLimiter"].is_object();
    let built = match check["class"].as_str() {
        _ if unsayable => Err("cannot be said".to_owned()),
        Some("union") => Union::new([]).map(drop).map_err(|error| error.to_string()),
        _ => config(options, &clock).and_then(|config| {
            let store = Arc::new(MemoryStore::default());
            let built = config.build(store, CounterKeys::new([0; 16]));
            built.map(drop).map_err(|error| error.to_string())
        }),
    };
    match (built, check.get("error")) {
        (Ok(()), None) | (Err(_), Some(_)) => Ok(()),
        (Ok(()), Some(error)) => Err(format!("accepted, where the peer says {error}")),
        (Err(why), None) => Err(format!("refused, where the peer does not: {why}")),
    }
}
