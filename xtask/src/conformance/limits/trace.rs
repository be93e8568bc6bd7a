//! One trace, step by step.

#![expect(
    clippy::indexing_slicing,
    reason = "JSON answers null for what is not there"
)]

use std::sync::atomic::Ordering;
use std::time::Duration;

use panoply_core::{Clock as _, CounterKeys, ManualClock};
use panoply_limits::{Rejection, Standing, UnionRejection};
use serde_json::{Map, Value, json};

use super::build::{Built, Stage, seconds};
use super::model::{Model, same};
use super::place::Place;

/// What a step came to: `ok`, `rejected` or `error`, and the value.
type Answer = (&'static str, Value);

/// Runs a trace; why we differ where we do.
pub(super) async fn judge(
    trace: &Value,
    keys: &CounterKeys,
    place: &Place,
) -> Result<Vec<String>, String> {
    let clock = &place.clock;
    let stage = Stage::new(&trace["limiters"], keys, place).await?;
    let steps = trace["steps"].as_array().ok_or("`steps` is no list")?;
    if steps.iter().any(|step| step["op"] == "remove_tokens") {
        return queued(&stage, steps, clock).await.map(|()| Vec::new());
    }
    let mut answers = Vec::new();
    let mut differs = None;
    let mut seen: Vec<String> = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        advance(place, step)?;
        if let Some(key) = step["key"].as_str()
            && !seen.iter().any(|seen| seen == key)
        {
            seen.push(key.to_owned());
        }
        let before = stage.main.asked.load(Ordering::SeqCst);
        let (answer, delay) = act(&stage, trace, step, &seen, clock).await?;
        let calls = stage.main.asked.load(Ordering::SeqCst) - before;
        let settled = step["settled_t"].as_f64().map_or(0.0, |settled| {
            settled - step["t"].as_f64().unwrap_or_default()
        });
        let late = (delay.as_secs_f64() * 1000.0 - settled).abs() > 0.5;
        // The peer takes a second round trip to write a block; ours is always one.
        let chatty = step["store_calls"]
            .as_u64()
            .is_some_and(|theirs| calls > theirs);
        let wrong = !as_recorded(step, &answer) || late || chatty;
        if wrong && differs.is_none() {
            differs = Some(format!(
                "step {number}, {}: we say {} {} after {delay:?} and {calls} calls",
                step, answer.0, answer.1
            ));
        }
        answers.push(answer);
    }
    match differs {
        None => Ok(Vec::new()),
        Some(why) => explained(trace, steps, &answers).map_err(|more| format!("{why} ({more})")),
    }
}

fn advance(place: &Place, step: &Value) -> Result<(), String> {
    let millis = step["t"].as_u64().ok_or("`t` is no time")?;
    place.reach(Duration::from_millis(millis))
}

fn as_recorded(step: &Value, (kind, value): &Answer) -> bool {
    match *kind {
        // The words of an error are our own.
        "error" => step.get("error").is_some(),
        kind => step.get(kind).is_some_and(|recorded| same(recorded, value)),
    }
}

/// The defects of the peer for which our answers differ.
fn explained(trace: &Value, steps: &[Value], answers: &[Answer]) -> Result<Vec<String>, String> {
    let limiters = trace["limiters"].as_object().ok_or("no limiters")?;
    let (Some(options), 1) = (limiters.values().next(), limiters.len()) else {
        return Err("more than one limiter, so there is no reason to differ".to_owned());
    };
    let mut theirs = Model::new(options, true);
    let mut ours = Model::new(options, false);
    for (number, (step, answer)) in steps.iter().zip(answers).enumerate() {
        let now = step["t"].as_f64().unwrap_or_default();
        let (kind, value) = theirs.step(step, now)?;
        if !as_recorded(step, &(kind, value.clone())) {
            return Err(format!(
                "step {number}: the model of the peer says {kind} {value}"
            ));
        }
        let (kind, value) = ours.step(step, now)?;
        if kind != answer.0 || !same(&value, &answer.1) {
            return Err(format!("step {number}: by our rules it is {kind} {value}"));
        }
    }
    let shown: Vec<String> = theirs
        .shown
        .union(&ours.shown)
        .map(|defect| defect.reason().to_owned())
        .collect();
    if shown.is_empty() {
        return Err("no known defect shows".to_owned());
    }
    Ok(shown)
}

fn res(standing: &Standing, memory: bool) -> Value {
    // In memory the peer makes a new record for a block, and calls that first.
    let first = standing.is_first_in_duration() || (memory && standing.is_just_blocked());
    json!({
        "remaining": standing.remaining_points(),
        "ms": standing.ms_before_next(),
        "consumed": standing.consumed_points(),
        "first": first,
    })
}

#[expect(
    clippy::too_many_lines,
    reason = "a line for each operation of each kind of limiter"
)]
async fn act(
    stage: &Stage,
    trace: &Value,
    step: &Value,
    seen: &[String],
    clock: &ManualClock,
) -> Result<(Answer, Duration), String> {
    let op = step["op"].as_str().unwrap_or_default();
    let name = step["limiter"].as_str().unwrap_or("main");
    match op {
        "store_down" | "store_up" => {
            stage.main.down.store(op == "store_down", Ordering::SeqCst);
            return Ok((("ok", Value::Null), Duration::ZERO));
        }
        _ => {}
    }
    let limiter = stage
        .built
        .get(name)
        .ok_or_else(|| format!("there is no limiter `{name}`"))?;
    let memory = |name: &str| trace["limiters"][name]["type"] == "memory";
    let key = step["key"].as_str().unwrap_or_default();
    // Parts of points cannot be said; the peer cuts them off.
    let n = step["n"].as_f64().unwrap_or(1.0).trunc();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number of points"
    )]
    let (points, count) = (n.max(0.0) as u32, n as i64);
    let rejected = |rejection: Rejection, memory: bool| match rejection {
        Rejection::Limited(standing) => ("rejected", res(&standing, memory)),
        error => ("error", json!(error.to_string())),
    };
    macro_rules! told {
        ($result:expr) => {
            match $result {
                Ok(standing) => ("ok", res(&standing, memory(name) && op != "block")),
                Err(error) => ("error", json!(error.to_string())),
            }
        };
    }
    macro_rules! looked {
        ($result:expr) => {
            match $result {
                Ok(Some(standing)) => ("ok", res(&standing, false)),
                Ok(None) => ("ok", Value::Null),
                Err(error) => ("error", json!(error.to_string())),
            }
        };
    }
    let time = seconds(&step["sec"]);
    let mut delay = Duration::ZERO;
    let answer = match (limiter, op) {
        (Built::Limiter(limiter), "consume") => {
            let custom = seconds(&step["opts"]["customDuration"]);
            let taken = match custom {
                Some(custom) => limiter.consume_for(key, points, custom).await,
                None => limiter.consume(key, points).await,
            };
            match taken {
                Ok(standing) => {
                    delay = standing.delay();
                    ("ok", res(&standing, memory(name)))
                }
                // By an insurance in memory too.
                Err(rejection) => {
                    let insured = stage.main.down.load(Ordering::SeqCst);
                    rejected(rejection, memory(name) || insured)
                }
            }
        }
        (Built::Limiter(limiter), "penalty") => match limiter.penalty(key, points).await {
            Ok(standing) => ("ok", res(&standing, false)),
            Err(error) => ("error", json!(error.to_string())),
        },
        (Built::Limiter(limiter), "reward") => told!(limiter.reward(key, points).await),
        (Built::Limiter(limiter), "block") => {
            told!(limiter.block(key, time.unwrap_or_default()).await)
        }
        (Built::Limiter(limiter), "set") => told!(limiter.set(key, count, time).await),
        (Built::Limiter(limiter), "get") => looked!(limiter.get(key).await),
        (Built::Limiter(limiter), "delete") => match limiter.delete(key).await {
            Ok(there) => ("ok", json!(there)),
            Err(error) => ("error", json!(error.to_string())),
        },
        (Built::Limiter(limiter), "clear_inmemory_blocks") => {
            limiter.delete_in_memory_blocked_all();
            ("ok", Value::Null)
        }
        (Built::Limiter(limiter), "dump") => {
            let mut storage = Map::new();
            for key in seen {
                let found = limiter.get(key).await.map_err(|error| error.to_string())?;
                let Some(standing) = found else { continue };
                let now = i64::try_from(clock.monotonic().as_millis()).unwrap_or(i64::MAX);
                let end = match standing.ms_before_next() {
                    -1 => Value::Null,
                    left => json!(now + left),
                };
                let record = json!({
                    "key": key, "value": standing.consumed_points(), "expires_t": end
                });
                storage.insert(storage.len().to_string(), record);
            }
            ("ok", json!({ "storage": storage }))
        }
        (Built::Union(union), "consume") => {
            let each = |all: Vec<(String, Standing)>| {
                let told = |(name, standing): (String, Standing)| {
                    let by_prefix =
                        |(_, options): &(&String, &Value)| options["keyPrefix"] == *name;
                    let all = trace["limiters"].as_object();
                    let found = all.and_then(|all| all.iter().find(by_prefix));
                    let memory = found.is_some_and(|(_, options)| options["type"] == "memory");
                    (name, res(&standing, memory))
                };
                Value::Object(all.into_iter().map(told).collect())
            };
            match union.consume(key, points).await {
                Ok(all) => ("ok", each(all)),
                Err(UnionRejection::Limited(all)) => ("rejected", each(all)),
                Err(error) => ("error", json!(error.to_string())),
            }
        }
        (Built::Burst(burst), "consume") => {
            // The standing is the rate's.
            match burst.consume(key, points).await {
                Ok(standing) => ("ok", res(&standing, true)),
                Err(rejection) => rejected(rejection, true),
            }
        }
        (Built::Burst(burst), "get") => looked!(burst.get(key).await),
        (Built::Lists(lists), "consume") => match lists.consume(key, points).await {
            Ok(standing) => ("ok", res(&standing, true)),
            Err(rejection) => rejected(rejection, true),
        },
        (Built::Lists(lists), "penalty") => told!(lists.penalty(key, points).await),
        (Built::Lists(lists), "reward") => told!(lists.reward(key, points).await),
        (Built::Lists(lists), "block") => {
            told!(lists.block(key, time.unwrap_or_default()).await)
        }
        (Built::Lists(lists), "set") => told!(lists.set(key, count, time).await),
        (Built::Lists(lists), "get") => looked!(lists.get(key).await),
        (Built::Lists(lists), "delete") => match lists.delete(key).await {
            Ok(there) => ("ok", json!(there)),
            Err(error) => ("error", json!(error.to_string())),
        },
        (_, op) => return Err(format!("`{op}` is not known of this kind of limiter")),
    };
    Ok((answer, delay))
}

/// A trace of a queue: callers that wait, each until its turn.
async fn queued(stage: &Stage, steps: &[Value], clock: &ManualClock) -> Result<(), String> {
    let Some(Built::Queue(queue)) = stage.built.get("main") else {
        return Err("`main` is no queue".to_owned());
    };
    let mut waiting = tokio::task::JoinSet::new();
    let started = tokio::time::Instant::now();
    let follow = {
        let clock = clock.clone();
        // The clock of the store follows the runtime's, which is moved by whoever waits.
        move || clock.advance(started.elapsed().saturating_sub(clock.monotonic()))
    };
    let last = steps
        .iter()
        .filter_map(|step| step["settled_t"].as_u64().or(step["t"].as_u64()));
    let last = last.max().unwrap_or_default() + 1;
    let ticker = tokio::spawn({
        let follow = follow.clone();
        async move {
            for _ in 0..=last {
                follow();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
    for (number, step) in steps.iter().enumerate() {
        let due = Duration::from_millis(step["t"].as_u64().unwrap_or_default());
        tokio::time::sleep_until(started + due).await;
        follow();
        let tokens = u32::try_from(step["n"].as_u64().unwrap_or(1)).unwrap_or(u32::MAX);
        let expires = seconds(&step["value"]).filter(|time| !time.is_zero());
        let queue = queue.clone();
        waiting.spawn(async move {
            let answer = queue.remove_tokens(tokens, expires).await;
            (number, answer, started.elapsed())
        });
        tokio::task::yield_now().await;
    }
    while let Some(done) = waiting.join_next().await {
        let (number, answer, at) = done.map_err(|error| error.to_string())?;
        let step = &steps[number];
        let answer = match answer {
            Ok(left) => ("ok", json!(left)),
            Err(error) => ("error", json!(error.to_string())),
        };
        let settled = step["settled_t"]
            .as_u64()
            .or(step["t"].as_u64())
            .unwrap_or_default();
        // A wait ends with the millisecond in which the clock has moved.
        let off = at.abs_diff(Duration::from_millis(settled));
        if !as_recorded(step, &answer) || off > Duration::from_millis(2) {
            return Err(format!(
                "step {number}, {step}: we say {answer:?} at {at:?}"
            ));
        }
    }
    ticker.abort();
    Ok(())
}
