//! rate-limiter-flexible's traces, on the memory store with a clock that is moved.
//!
//! Where the peer answers otherwise than we do, it must be for a reason that is named. So its own
//! arithmetic is said once more in `model.rs`, with each of its defects as a switch: a case is
//! adapted when the peer's answers are those of the model with its defects, ours are those of the
//! model without, and a named defect shows.

mod build;
mod logins;
mod model;
mod trace;

use panoply_core::{CounterKeys, ManualClock};
use serde_json::Value;

use super::Outcome;

pub(crate) fn run(file: &Value) -> Outcome {
    let mut outcome = Outcome::default();
    let list = |key: &str| file[key].as_array().cloned().unwrap_or_default();
    for (number, check) in list("constructor_checks").iter().enumerate() {
        let name = format!("constructor {number}: {} {}", check["class"], check["opts"]);
        match build::check(check) {
            Ok(()) => outcome.passed.push(name),
            Err(why) => outcome.failed.push((name, why)),
        }
    }
    for trace in &list("traces") {
        let name = trace["id"].as_str().unwrap_or("without an id").to_owned();
        match judge(trace) {
            Ok(reasons) if reasons.is_empty() => outcome.passed.push(name),
            Ok(reasons) => outcome
                .adapted
                .push(format!("{name}: {}", reasons.join("; "))),
            Err(why) => outcome.failed.push((name, why)),
        }
    }
    outcome
}

/// The reasons for which we differ, none if we do not.
fn judge(trace: &Value) -> Result<Vec<String>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| error.to_string())?;
    let limiters = trace["limiters"].as_object();
    let flow = limiters.is_some_and(|all| all.values().any(|one| one["type"] == "flow"));
    let keys = CounterKeys::new([5; 16]);
    if flow {
        runtime.block_on(logins::judge(trace, &keys))
    } else {
        runtime.block_on(trace::judge(trace, &keys, &ManualClock::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_adapted_case_is_documented() {
        let cases = include_str!("../../../../conformance/limits.json");
        let page = include_str!("../../../../conformance/ADAPTED.md");
        let outcome = run(&serde_json::from_str(cases).unwrap());
        assert!(outcome.failed.is_empty(), "{:?}", outcome.failed);
        assert!(!outcome.adapted.is_empty());
        for case in &outcome.adapted {
            assert!(page.contains(case.as_str()), "not in ADAPTED.md: {case}");
        }
    }

    #[test]
    fn a_wrong_answer_fails() {
        let step = |remaining: i64| {
            serde_json::json!({ "traces": [{
                "id": "a",
                "limiters": { "main": { "type": "memory", "points": 2, "duration": 1 } },
                "steps": [{ "t": 0, "op": "consume", "key": "a", "ok":
                    { "remaining": remaining, "ms": 1000, "consumed": 1, "first": true } }]
            }]})
        };
        assert_eq!(run(&step(1)).passed.len(), 1);
        assert_eq!(run(&step(0)).failed.len(), 1);
        let mut unknown = step(1);
        unknown["traces"][0]["steps"][0]["op"] = "dance".into();
        assert_eq!(run(&unknown).failed.len(), 1);
    }
}
