//! The peer's arithmetic, with each of its defects as a switch.

#![expect(
    clippy::indexing_slicing,
    reason = "JSON answers null for what is not there"
)]

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

/// A defect of the peer, which shows when it makes a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Defect {
    Decimals,
    SetWithoutTime,
    RewardLifts,
    PenaltyNeverBlocks,
    FreeEarly,
    LongTimesDie,
    HalfSeconds,
    ForeverIsLost,
    LocalReplaces,
}

impl Defect {
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Decimals => "points are whole numbers",
            Self::SetWithoutTime => "a count that is set without a time has the limiter's window",
            Self::RewardLifts => "neither a reward nor a set count lifts a block",
            Self::PenaltyNeverBlocks => "whatever carries a count past the points blocks",
            Self::FreeEarly => {
                "a block that is shorter than the window does not free the key early"
            }
            Self::LongTimesDie => "a long window is as long as it says",
            Self::HalfSeconds => "times are kept to the millisecond",
            Self::ForeverIsLost => "what has no end survives attempts",
            Self::LocalReplaces => "a block in memory does not stand for the store's",
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Record {
    value: f64,
    /// −1 for never.
    end: f64,
    blocked: bool,
    /// How much longer than it says it tells that it lives.
    boast: f64,
}

/// One limiter of the peer's.
#[derive(Debug)]
pub(super) struct Model {
    options: Value,
    redis: bool,
    with_defects: bool,
    records: HashMap<String, Record>,
    local: HashMap<String, f64>,
    /// The defects that came to bear.
    pub(super) shown: BTreeSet<Defect>,
}

const FOREVER: f64 = -1.0;

/// In seconds, what a timer of 32 bits can wait.
const LONGEST_TIMER: f64 = 2_147_483.0;

impl Model {
    pub(super) fn new(options: &Value, with_defects: bool) -> Self {
        Self {
            redis: options["type"] == "redis",
            options: options.clone(),
            with_defects,
            records: HashMap::new(),
            local: HashMap::new(),
            shown: BTreeSet::new(),
        }
    }

    fn number(&self, key: &str) -> f64 {
        self.options[key].as_f64().unwrap_or(0.0)
    }

    fn has(&mut self, defect: Defect) -> bool {
        self.shown.insert(defect);
        self.with_defects
    }

    /// A time in milliseconds, as this store keeps it; −1 for never.
    fn kept(&mut self, seconds: f64) -> f64 {
        let mut millis = seconds * 1000.0;
        if self.redis && seconds.fract() != 0.0 && self.has(Defect::HalfSeconds) {
            millis = seconds.floor() * 1000.0;
        }
        if !self.redis && seconds > LONGEST_TIMER && self.has(Defect::LongTimesDie) {
            millis = 1.0;
        }
        if millis <= 0.0 { FOREVER } else { millis }
    }

    fn end(now: f64, millis: f64) -> f64 {
        if millis < 0.0 { FOREVER } else { now + millis }
    }

    fn live(&self, key: &str, now: f64) -> Option<Record> {
        let record = self.records.get(key).copied()?;
        (record.end < 0.0 || record.end > now).then_some(record)
    }

    fn threshold(&self) -> f64 {
        let points = self.number("points");
        let at = self.number("blockOnConsumed");
        if at > points { at } else { points + 1.0 }
    }

    /// What a step answers: `ok` or `rejected`, and the value.
    pub(super) fn step(&mut self, step: &Value, now: f64) -> Result<(&'static str, Value), String> {
        let key = step["key"].as_str().unwrap_or_default().to_owned();
        let n = step["n"].as_f64().unwrap_or(1.0);
        let seconds = step["sec"].as_f64();
        match step["op"].as_str().unwrap_or_default() {
            "consume" => Ok(self.consume(&key, n, step["opts"]["customDuration"].as_f64(), now)),
            "penalty" => Ok(("ok", self.add(&key, n, now))),
            "reward" => Ok(("ok", self.add(&key, -n, now))),
            "block" => {
                let value = self.threshold();
                Ok((
                    "ok",
                    self.write(&key, value, seconds.unwrap_or(0.0), true, now),
                ))
            }
            "set" => Ok(("ok", self.set(&key, n, seconds, now))),
            "get" => Ok((
                "ok",
                match self.live(&key, now) {
                    Some(record) => self.told(&record, false, now),
                    None => Value::Null,
                },
            )),
            "delete" => {
                let there = self.live(&key, now).is_some();
                self.local.remove(&key);
                self.records.remove(&key);
                Ok(("ok", json!(there)))
            }
            "clear_inmemory_blocks" => {
                self.local.clear();
                Ok(("ok", Value::Null))
            }
            other => Err(format!("the model does not know `{other}`")),
        }
    }

    fn told(&self, record: &Record, first: bool, now: f64) -> Value {
        let left = if record.end < 0.0 {
            -1.0
        } else {
            record.end + record.boast - now
        };
        let mut remaining = (self.number("points") - record.value).max(0.0);
        if record.blocked && !self.with_defects {
            remaining = 0.0;
        }
        res(remaining, left, record.value, first)
    }

    fn whole(&mut self, value: f64) -> f64 {
        if value.fract() != 0.0 {
            self.has(Defect::Decimals);
        }
        value.trunc()
    }

    fn upsert(&mut self, key: &str, n: f64, custom: Option<f64>, now: f64) -> (Record, bool) {
        let earlier = self.live(key, now);
        let mut record = if let Some(mut record) = earlier {
            if self.redis
                && record.end < 0.0
                && self.number("duration") > 0.0
                && self.has(Defect::ForeverIsLost)
            {
                let millis = self.kept(self.number("duration"));
                record.end = Self::end(now, millis);
            }
            record
        } else {
            let seconds = custom.unwrap_or_else(|| self.number("duration"));
            let millis = self.kept(seconds);
            let dies = !self.redis && seconds > LONGEST_TIMER && self.with_defects;
            Record {
                end: Self::end(now, millis),
                boast: if dies { seconds * 1000.0 - millis } else { 0.0 },
                ..Record::default()
            }
        };
        let before = record.value;
        record.value = self.whole(before + n);
        // Whatever carries the count past the threshold blocks, if it is not blocked yet.
        let crosses = before < self.threshold() && record.value >= self.threshold();
        if crosses && !record.blocked && self.number("blockDuration") > 0.0 && !self.with_defects {
            self.block_by(&mut record, now);
        }
        self.records.insert(key.to_owned(), record);
        (record, earlier.is_none())
    }

    fn block_by(&mut self, record: &mut Record, now: f64) {
        let millis = self.kept(self.number("blockDuration"));
        let end = Self::end(now, millis);
        let early = end >= 0.0 && record.end > end;
        if !early || self.has(Defect::FreeEarly) {
            record.end = end;
        }
        record.blocked = true;
    }

    fn add(&mut self, key: &str, n: f64, now: f64) -> Value {
        let before = self.live(key, now);
        let (record, first) = self.upsert(key, n, None, now);
        if n < 0.0 && before.is_some_and(|before| before.blocked) {
            self.shown.insert(Defect::RewardLifts);
        }
        let value = before.map_or(0.0, |before| before.value);
        let crosses = value < self.threshold() && record.value >= self.threshold();
        if n > 0.0 && crosses && self.number("blockDuration") > 0.0 {
            self.shown.insert(Defect::PenaltyNeverBlocks);
        }
        self.told(&record, first, now)
    }

    fn set(&mut self, key: &str, n: f64, seconds: Option<f64>, now: f64) -> Value {
        let blocked = self.live(key, now).filter(|record| record.blocked);
        let told = seconds.unwrap_or_else(|| self.number("duration"));
        let value = self.whole(n);
        let answer = self.write(key, value, told, false, now);
        if let Some(blocked) = blocked
            && !self.has(Defect::RewardLifts)
        {
            let Some(record) = self.records.get_mut(key) else {
                return answer;
            };
            record.blocked = true;
            if record.end >= 0.0 && (blocked.end < 0.0 || blocked.end > record.end) {
                record.end = blocked.end;
            }
            let record = *record;
            let left = if record.end < 0.0 {
                -1.0
            } else {
                record.end - now
            };
            return res(0.0, left, value, false);
        }
        if seconds.is_none()
            && !self.redis
            && self.has(Defect::SetWithoutTime)
            && let Some(record) = self.records.get_mut(key)
        {
            record.end = FOREVER;
        }
        answer
    }

    fn write(&mut self, key: &str, value: f64, seconds: f64, blocked: bool, now: f64) -> Value {
        let millis = self.kept(seconds);
        let told = if seconds > 0.0 {
            seconds * 1000.0
        } else {
            -1.0
        };
        let record = Record {
            value,
            end: Self::end(now, millis),
            blocked,
            boast: 0.0,
        };
        self.records.insert(key.to_owned(), record);
        let left = if self.with_defects { told } else { millis };
        res(0.0, left, value, false)
    }

    fn consume(
        &mut self,
        key: &str,
        n: f64,
        custom: Option<f64>,
        now: f64,
    ) -> (&'static str, Value) {
        let n = if self.with_defects { n } else { n.trunc() };
        let local_at = self.number("inMemoryBlockOnConsumed");
        let local_for = self.number("inMemoryBlockDuration");
        if local_at > 0.0 {
            let left = self.local.get(key).map_or(0.0, |end| end - now);
            if left > 0.0 {
                return ("rejected", res(0.0, left, 0.0, false));
            }
        }
        let before = self.live(key, now);
        let (mut record, first) = self.upsert(key, n, custom, now);
        let points = self.number("points");
        let over = record.value > points;
        let mut answer = self.told(&record, first, now);
        if local_at > 0.0 && local_for <= 0.0 && record.value >= local_at && self.with_defects {
            let left = answer["ms"].as_f64().unwrap_or(0.0);
            self.local.insert(key.to_owned(), now + left);
            if self.number("blockDuration") > 0.0 && over {
                self.shown.insert(Defect::LocalReplaces);
            }
            return (if over { "rejected" } else { "ok" }, answer);
        }
        if over && self.with_defects && self.number("blockDuration") > 0.0 {
            let crosses = if self.number("blockOnConsumed") > points {
                let at = self.number("blockOnConsumed");
                record.value >= at && record.value - n < at
            } else {
                record.value <= points + n
            };
            if crosses {
                self.block_by(&mut record, now);
                self.records.insert(key.to_owned(), record);
                answer["ms"] = json!(self.number("blockDuration") * 1000.0);
                // In memory the block is a new record.
                if !self.redis {
                    answer["first"] = json!(true);
                }
            }
        }
        let refused = over || (record.blocked && !self.with_defects);
        let was_blocked = before.is_some_and(|before| before.blocked);
        if !self.with_defects && record.blocked && !was_blocked && !self.redis {
            answer["first"] = json!(true);
        }
        if local_at > 0.0 && record.value >= local_at {
            if local_for > 0.0 && refused {
                self.local.insert(key.to_owned(), now + local_for * 1000.0);
                answer["ms"] = json!(local_for * 1000.0);
            } else if local_for <= 0.0 {
                let left = answer["ms"].as_f64().unwrap_or(0.0);
                let left = if left < 0.0 { f64::MAX } else { left };
                self.local.insert(key.to_owned(), now + left);
            }
        }
        (if refused { "rejected" } else { "ok" }, answer)
    }
}

/// Numbers as the recordings have them.
fn res(remaining: f64, ms: f64, consumed: f64, first: bool) -> Value {
    json!({ "remaining": remaining, "ms": ms.ceil(), "consumed": consumed, "first": first })
}

/// Whether two answers say the same, whole numbers apart.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, value)| other.get(key).is_some_and(|more| same(value, more)))
        }
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (one, other) => one == other,
    }
}
