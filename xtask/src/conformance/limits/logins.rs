//! The article's login flow, by our guard.
//!
//! The peer reads its counters, lets the password be verified, and counts then. Here an attempt
//! is reserved first. So the answers are the same, but no guess past the limit is verified.

#![expect(
    clippy::indexing_slicing,
    reason = "JSON answers null for what is not there"
)]

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use panoply_core::{Clock as _, Secret};
use panoply_limits::{Attempt, Counter, Denied, LoginGuard, LoginRules};
use serde_json::Value;

use super::build::Counted;
use super::place::Place;

const NO_ORACLE: &str = "users that do not exist count and are answered as those that do";
const BEFORE: &str = "the attempt past the limit is refused before it is verified";
const EARLIER: &str = "a lock begins with the last failure that the limit allows, so that it is \
                       over earlier, and the longest of several is told";
const KEPT: &str = "the count survives the lock, and only the points in it are told";
const RACE: &str = "guesses at once are counted before they are verified";
const SPREAD: &str = "guesses at one user from many clients are counted together";

/// One guard, and what it has done.
struct Flow<'a> {
    guard: LoginGuard,
    limiters: &'a Value,
    store: Arc<Counted>,
    place: &'a Place,
    counted: HashMap<String, Tally>,
    reasons: Vec<String>,
}

/// Our rules once more: what is counted of one key.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    count: u64,
    window_end: u64,
    lock_end: u64,
}

pub(super) async fn judge(trace: &Value, place: &Place) -> Result<Vec<String>, String> {
    let store = Counted::new(place).await?;
    let limiters = &trace["limiters"];
    let rules = rules(limiters).map_err(|error| error.to_string())?;
    let secret = Secret::new(vec![9; 32]);
    let guard = LoginGuard::new(store.clone(), &secret, rules, "flow");
    let mut flow = Flow {
        guard: guard.map_err(|error| error.to_string())?,
        limiters,
        store,
        place,
        counted: HashMap::new(),
        reasons: Vec::new(),
    };
    for (number, step) in trace["steps"].as_array().into_iter().flatten().enumerate() {
        flow.step(step)
            .await
            .map_err(|why| format!("step {number}, {step}: {why}"))?;
    }
    // Told even though the ten or hundred tries of this trace are each under its own limit.
    if trace["quirk"]
        .as_str()
        .is_some_and(|quirk| quirk.contains("distributed"))
    {
        guards_users_from_everywhere(place).await?;
        flow.differs(SPREAD);
    }
    Ok(flow.reasons)
}

fn counter(options: &Value) -> Option<Counter> {
    let points = u32::try_from(options["points"].as_u64()?).ok()?;
    let time = |key: &str| Duration::try_from_secs_f64(options[key].as_f64()?).ok();
    let counter = Counter::new(points, time("duration")?);
    Some(match time("blockDuration").filter(|time| !time.is_zero()) {
        Some(lock) => counter.lock(lock),
        None => counter,
    })
}

/// The peer's two limiters as our rules; the flow with one counts a user from everywhere.
fn rules(limiters: &Value) -> Result<LoginRules, panoply_limits::Error> {
    LoginRules::none()
        .client(counter(&limiters["ip"]))?
        .pair(counter(&limiters["userip"]))?
        .ever(counter(&limiters["user"]))
}

impl Flow<'_> {
    fn differs(&mut self, reason: &str) {
        if !self.reasons.iter().any(|known| known == reason) {
            self.reasons.push(reason.to_owned());
        }
    }

    async fn step(&mut self, step: &Value) -> Result<(), String> {
        use std::sync::atomic::Ordering;
        let at = Duration::from_millis(step["t"].as_u64().ok_or("`t` is no time")?);
        self.place.reach(at)?;
        match step["op"].as_str().unwrap_or_default() {
            op @ ("store_down" | "store_up") => {
                self.store.down.store(op == "store_down", Ordering::SeqCst);
                Ok(())
            }
            "login" | "login_minimal" => self.login(step).await,
            "login_parallel" | "login_minimal_parallel" => self.at_once(step).await,
            // What is told of a counter differs with when it is counted.
            "get" => {
                self.differs(KEPT);
                Ok(())
            }
            other => Err(format!("`{other}` is not known of a login")),
        }
    }

    async fn attempt(&self, args: &Value) -> Result<Attempt, Denied> {
        let client: IpAddr = match args["ip"].as_str().map(str::parse) {
            Some(Ok(client)) => client,
            _ => IpAddr::from([0, 0, 0, 0]),
        };
        let user = args["user"].as_str().unwrap_or_default();
        self.guard.attempt(client, user).await
    }

    async fn login(&mut self, step: &Value) -> Result<(), String> {
        let args = &step["args"];
        if step.get("error").is_some() {
            return match self.attempt(args).await {
                Err(Denied::Store(_)) => Ok(()),
                _ => Err("decided without its store".to_owned()),
            };
        }
        let good = args["good"] == true;
        let expected = self.reserve(args);
        let ours = match self.attempt(args).await {
            Err(Denied::Refused(refused)) => {
                let wait = refused.retry_after.ok_or("refused for ever")?;
                Err(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
            }
            Err(error) => return Err(error.to_string()),
            Ok(attempt) if good => {
                attempt.succeed().await.map_err(|error| error.to_string())?;
                self.succeeded(args);
                Ok(())
            }
            Ok(attempt) => {
                attempt.fail();
                Ok(())
            }
        };
        if ours != expected {
            return Err(format!("{ours:?}, by our rules it is {expected:?}"));
        }
        if args["exists"] == false {
            self.differs(NO_ORACLE);
        }
        let recorded = &step["ok"];
        let theirs = recorded["status"].as_u64();
        let wait = recorded["retry_after"].as_str().map(str::to_owned);
        match ours {
            Ok(()) if theirs == Some(429) => self.differs(EARLIER),
            Err(_) if recorded["auth_called"] == true => self.differs(BEFORE),
            Err(ours) if wait != Some(ours.div_ceil(1000).max(1).to_string()) => {
                self.differs(EARLIER);
            }
            Ok(()) | Err(_) => {}
        }
        Ok(())
    }

    /// The limiters of a login, and the keys that they count it by.
    fn tallied(&self, args: &Value) -> Vec<(String, u64, u64, u64)> {
        let text = |key: &str| args[key].as_str().unwrap_or_default();
        let names = [
            ("ip", text("ip").to_owned()),
            ("userip", format!("{} {}", text("user"), text("ip"))),
            ("user", text("user").to_owned()),
        ];
        let tally = |(name, key): (&str, String)| {
            let options = self.limiters.get(name)?;
            let millis = |key: &str| options[key].as_u64().unwrap_or(0) * 1000;
            let points = options["points"].as_u64()?;
            Some((
                format!("{name} {key}"),
                points,
                millis("duration"),
                millis("blockDuration"),
            ))
        };
        names.into_iter().filter_map(tally).collect()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.place.clock.monotonic().as_millis()).unwrap_or(u64::MAX)
    }

    /// Takes a point of each, or says for how many milliseconds not.
    fn reserve(&mut self, args: &Value) -> Result<(), u64> {
        let now = self.now();
        let tallied = self.tallied(args);
        let locked = |(key, ..): &(String, u64, u64, u64)| {
            let lock_end = self.counted.get(key)?.lock_end;
            (lock_end > now).then(|| lock_end - now)
        };
        if let Some(wait) = tallied.iter().filter_map(locked).max() {
            return Err(wait);
        }
        for (key, points, window, block) in tallied {
            let tally = self.counted.entry(key).or_default();
            if tally.window_end <= now {
                (tally.count, tally.window_end) = (0, now + window);
            }
            tally.count += 1;
            if tally.count >= points {
                tally.lock_end = now + block;
            }
        }
        Ok(())
    }

    /// Gives a point back to each, and forgets the user from this client.
    fn succeeded(&mut self, args: &Value) {
        for (key, points, ..) in self.tallied(args) {
            let tally = self.counted.entry(key.clone()).or_default();
            if !key.starts_with("ip ") {
                *tally = Tally::default();
                continue;
            }
            tally.count -= 1;
            if tally.count < points {
                tally.lock_end = 0;
            }
        }
    }

    /// Many at once, none of which is settled before all have come.
    async fn at_once(&mut self, step: &Value) -> Result<(), String> {
        let args = &step["args"];
        let count = step["count"].as_u64().unwrap_or_default();
        let mut let_in = Vec::new();
        for _ in 0..count {
            let expected = self.reserve(args);
            match self.attempt(args).await {
                Ok(attempt) if expected.is_ok() => let_in.push(attempt),
                Err(Denied::Refused(_)) if expected.is_err() => {}
                other => return Err(format!("{other:?}, by our rules it is {expected:?}")),
            }
        }
        let verified = let_in.len() as u64;
        let good = args["good"] == true;
        for attempt in let_in {
            if good {
                attempt.succeed().await.map_err(|error| error.to_string())?;
                self.succeeded(args);
            } else {
                attempt.fail();
            }
        }
        let points = ["userip", "user"]
            .iter()
            .find_map(|name| self.limiters[*name]["points"].as_u64())
            .ok_or("no limiter of a user")?;
        let theirs = step["ok"]["passwords_verified"]
            .as_u64()
            .unwrap_or_default();
        if verified != theirs {
            self.differs(RACE);
        }
        if verified > points {
            return Err(format!("{verified} were verified, the limit is {points}"));
        }
        Ok(())
    }
}

/// With our own rules the eleventh guess at a user within the hour is refused, whoever sends it.
async fn guards_users_from_everywhere(place: &Place) -> Result<(), String> {
    let store = Counted::new(place).await?;
    let secret = Secret::new(vec![9; 32]);
    let guard = LoginGuard::new(store, &secret, LoginRules::default(), "all")
        .map_err(|error| error.to_string())?;
    let mut verified = 0;
    for number in 0..100_u8 {
        if let Ok(attempt) = guard.attempt(IpAddr::from([10, 0, 0, number]), "bob").await {
            attempt.fail();
            verified += 1;
        }
    }
    match verified {
        10 => Ok(()),
        verified => Err(format!("{verified} guesses from 100 clients were verified")),
    }
}
