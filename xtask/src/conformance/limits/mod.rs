//! rate-limiter-flexible's traces, with clocks that are moved: in memory and on a redis-server.
//!
//! Where the peer answers otherwise than we do, it must be for a reason that is named. So its own
//! arithmetic is said once more in `model.rs`, with each of its defects as a switch: a case is
//! adapted when the peer's answers are those of the model with its defects, ours are those of the
//! model without, and a named defect shows.

mod build;
mod logins;
mod model;
mod place;
mod trace;

use panoply_core::CounterKeys;
use serde_json::Value;

use self::place::{Place, Server};
use super::Outcome;

/// In the memory of this process.
pub(crate) fn run(file: &Value) -> Outcome {
    let mut outcome = Outcome::default();
    for (number, check) in list(file, "constructor_checks").iter().enumerate() {
        let name = format!("constructor {number}: {} {}", check["class"], check["opts"]);
        match build::check(check) {
            Ok(()) => outcome.passed.push(name),
            Err(why) => outcome.failed.push((name, why)),
        }
    }
    for trace in &list(file, "traces") {
        outcome.add(trace, judge(trace, &Place::memory()));
    }
    outcome
}

/// On a redis-server whose clock is moved.
///
/// Without the traces of queues, who wait by this process's clock: they are no matter of a store.
pub(crate) fn run_on_redis(file: &Value) -> Outcome {
    let mut outcome = Outcome::default();
    let server = match Server::start() {
        Ok(server) => server,
        Err(error) => {
            let why = format!("{error:#}");
            outcome.failed.push(("the server".to_owned(), why));
            return outcome;
        }
    };
    for trace in &list(file, "traces") {
        if !waits(trace) {
            outcome.add(trace, judge(trace, &Place::on(server.clone())));
        }
    }
    outcome
}

fn list(file: &Value, key: &str) -> Vec<Value> {
    file[key].as_array().cloned().unwrap_or_default()
}

fn waits(trace: &Value) -> bool {
    let steps = trace["steps"].as_array();
    steps.is_some_and(|steps| steps.iter().any(|step| step["op"] == "remove_tokens"))
}

impl Outcome {
    fn add(&mut self, trace: &Value, judged: Result<Vec<String>, String>) {
        let name = trace["id"].as_str().unwrap_or("without an id").to_owned();
        match judged {
            Ok(reasons) if reasons.is_empty() => self.passed.push(name),
            Ok(reasons) => self.adapted.push(format!("{name}: {}", reasons.join("; "))),
            Err(why) => self.failed.push((name, why)),
        }
    }
}

/// The reasons for which we differ, none if we do not.
fn judge(trace: &Value, place: &Place) -> Result<Vec<String>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(waits(trace))
        .build()
        .map_err(|error| error.to_string())?;
    let limiters = trace["limiters"].as_object();
    let flow = limiters.is_some_and(|all| all.values().any(|one| one["type"] == "flow"));
    if flow {
        runtime.block_on(logins::judge(trace, place))
    } else {
        let keys = CounterKeys::new([5; 16]);
        runtime.block_on(trace::judge(trace, &keys, place))
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
