//! Many callers at once.

use panoply_core::{Committed, Cycle, Destroy, Loaded, SessionChange, SessionKey};
use tokio::task::JoinSet;

use super::SessionTrial;

/// What becomes of many commits at once, each by a key and with a change of its own.
async fn at_once(
    trial: &SessionTrial,
    commits: impl IntoIterator<Item = (SessionKey, SessionChange)>,
) -> Vec<Committed> {
    let mut callers = JoinSet::new();
    for (key, change) in commits {
        let trial = trial.clone();
        callers.spawn(async move { trial.commit(&key, &change).await });
    }
    callers.join_all().await
}

fn done(committed: &[Committed]) -> usize {
    let done = |committed: &&Committed| matches!(committed, Committed::Done(_));
    committed.iter().filter(done).count()
}

/// Two that write different values at once both survive, every time.
pub async fn two_writers_survive(trial: &SessionTrial) {
    for round in 0..30 {
        let key = trial.make(&round.to_string()).await;
        let commits = ["a", "b"].map(|name| (key.clone(), SessionChange::new().set(name, "1")));
        assert_eq!(done(&at_once(trial, commits).await), 2);
        let record = trial.live(&key).await.record;
        assert_eq!((record.values.len(), record.version), (2, 3));
    }
}

/// A hundred commits at once lose nothing, and no two of them get one version.
pub async fn a_hundred_lose_nothing(trial: &SessionTrial) {
    let key = trial.make("a").await;
    let commits = (0..100).map(|number| {
        let change = SessionChange::new().set(format!("n{number}"), number.to_string());
        (key.clone(), change.set("all", number.to_string()))
    });
    let mut versions: Vec<u64> = at_once(trial, commits)
        .await
        .into_iter()
        .map(|committed| match committed {
            Committed::Done(stamp) => stamp.version,
            other => panic!("{other:?}"),
        })
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, (2..=101).collect::<Vec<u64>>());
    let record = trial.live(&key).await.record;
    assert_eq!(record.values.len(), 101);
    for number in 0..100 {
        let value = record.values.get(&format!("n{number}")).unwrap();
        assert_eq!(value, number.to_string().as_bytes());
    }
}

/// A counter that is raised under a version by many at once is raised by each.
pub async fn counters_lose_nothing(trial: &SessionTrial) {
    const CALLERS: usize = 10;
    const EACH: usize = 4;
    let key = trial.key("a");
    trial.done(&key, &trial.create().set("n", "0")).await;
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (trial, key) = (trial.clone(), key.clone());
        callers.spawn(async move {
            let mut left = EACH;
            while left > 0 {
                let record = trial.live(&key).await.record;
                let text = std::str::from_utf8(record.values.get("n").unwrap()).unwrap();
                let number: usize = text.parse().unwrap();
                let change = SessionChange::new().set("n", (number + 1).to_string());
                match trial.commit(&key, &change.if_version(record.version)).await {
                    Committed::Done(_) => left -= 1,
                    Committed::Stale => {}
                    other => panic!("{other:?}"),
                }
            }
        });
    }
    callers.join_all().await;
    let all = (CALLERS * EACH).to_string();
    assert_eq!(trial.value(&key, "n").await, Some(all));
}

/// Of many that make one session at once, one does.
pub async fn one_makes_it(trial: &SessionTrial) {
    let key = trial.key("a");
    let commits = (0..20).map(|number: u32| {
        let change = trial.create().set(format!("n{number}"), "1");
        (key.clone(), change)
    });
    let committed = at_once(trial, commits).await;
    assert_eq!(done(&committed), 1);
    let refused = |committed: &&Committed| **committed == Committed::Taken;
    assert_eq!(committed.iter().filter(refused).count(), 19);
    assert_eq!(trial.live(&key).await.record.values.len(), 1);
}

/// Nothing that is on its way brings back what was destroyed, by whichever key it comes.
pub async fn no_write_revives(trial: &SessionTrial) {
    for round in 0..5 {
        let first = trial.make(&format!("{round}/0")).await;
        let current = trial.key(&format!("{round}/1"));
        let cycle = Cycle::renew(current.clone(), trial.units(500.0));
        trial.done(&first, &SessionChange::new().cycle(cycle)).await;
        let mut writers = JoinSet::new();
        for number in 0..12 {
            let (trial, first, current) = (trial.clone(), first.clone(), current.clone());
            let to = trial.key(&format!("{round}/to/{number}"));
            writers.spawn(async move {
                let (by, other) = if number % 2 == 0 {
                    (first, current)
                } else {
                    (current, first)
                };
                let change = SessionChange::new().set("a", "1");
                let (mut tries, mut over) = (0, false);
                while !over {
                    let committed = trial.commit(&by, &change).await;
                    over = committed == Committed::Gone;
                    tries += 1;
                    assert!(tries < 100_000, "it was never destroyed");
                    tokio::task::yield_now().await;
                }
                // Destroyed once, it is so for every key and every change.
                let cycle = Cycle::replace(to.clone(), trial.unit);
                let changes = [change.clone(), change.cycle(cycle), trial.create()];
                for change in &changes {
                    for key in [&by, &other] {
                        assert_eq!(trial.commit(key, change).await, Committed::Gone);
                    }
                }
                for key in [&by, &other, &to] {
                    assert!(matches!(trial.load(key).await, Loaded::Absent));
                }
            });
        }
        trial
            .done(&current, &SessionChange::new().set("b", "1"))
            .await;
        tokio::task::yield_now().await;
        assert_eq!(trial.destroy(Destroy::Key(&first)).await, 1);
        writers.join_all().await;
    }
}

/// A session whose key is replaced over and over ends for good when its user's sessions are ended.
pub async fn no_cycle_escapes(trial: &SessionTrial) {
    let start = trial.key("0");
    let user = trial.login("alice").new_user();
    trial.done(&start, &trial.create().user(user)).await;
    let cycler = {
        let (trial, mut key) = (trial.clone(), start.clone());
        tokio::spawn(async move {
            for number in 1..100_000 {
                let to = trial.key(&number.to_string());
                let cycle = Cycle::replace(to.clone(), trial.unit);
                match trial.commit(&key, &SessionChange::new().cycle(cycle)).await {
                    Committed::Done(stamp) => assert!(stamp.cycled),
                    Committed::Gone => return (key, to),
                    other => panic!("{other:?}"),
                }
                key = to;
                tokio::task::yield_now().await;
            }
            panic!("it was never destroyed");
        })
    };
    while matches!(trial.load(&start).await, Loaded::Live(_)) {
        tokio::task::yield_now().await;
    }
    let all = Destroy::User {
        user: &trial.user("alice"),
        except: None,
    };
    assert_eq!(trial.destroy(all).await, 1);
    let (last, next) = cycler.await.unwrap();
    for key in [&start, &last, &next] {
        assert!(!matches!(trial.load(key).await, Loaded::Live(_)));
    }
    assert!(trial.sessions("alice").await.is_empty());
}

/// However many log in at once, no more sessions stay than the cap, and each is ended once.
pub async fn caps_hold(trial: &SessionTrial) {
    const LOGINS: usize = 30;
    let mut keys = Vec::new();
    for number in 0..LOGINS {
        keys.push(trial.make(&number.to_string()).await);
    }
    let logins = keys
        .iter()
        .map(|key| (key.clone(), trial.capped_login("alice", 3)));
    let evicted: usize = at_once(trial, logins)
        .await
        .into_iter()
        .map(|committed| match committed {
            Committed::Done(stamp) => stamp.evicted,
            other => panic!("{other:?}"),
        })
        .sum();
    assert_eq!(trial.sessions("alice").await.len(), 3);
    assert_eq!(evicted, LOGINS - 3);
    let mut live = 0;
    for key in &keys {
        live += usize::from(!trial.is_absent(key).await);
    }
    assert_eq!(live, 3);
}

/// Of many that renew one key at once, one does; the others' changes are done all the same.
pub async fn one_renews(trial: &SessionTrial) {
    let key = trial.make("a").await;
    let to = |number: usize| trial.key(&format!("to/{number}"));
    let commits = (0..20).map(|number| {
        let cycle = Cycle::renew(to(number), trial.units(500.0));
        let change = SessionChange::new()
            .set(format!("n{number}"), "1")
            .cycle(cycle);
        (key.clone(), change)
    });
    let committed = at_once(trial, commits).await;
    assert_eq!(done(&committed), 20);
    let mut current = 0;
    for (number, committed) in committed.iter().enumerate() {
        let Committed::Done(_) = committed else {
            unreachable!()
        };
        match trial.load(&to(number)).await {
            Loaded::Live(live) => current += usize::from(live.current),
            Loaded::Absent => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(current, 1);
    let cycled = |committed: &&Committed| matches!(committed, Committed::Done(s) if s.cycled);
    assert_eq!(committed.iter().filter(cycled).count(), 1);
    let live = trial.live(&key).await;
    assert!(!live.current);
    assert_eq!(live.record.values.len(), 20);
}

/// Of many that come by a key whose successor was lost, one renews it.
pub async fn one_renews_anew(trial: &SessionTrial) {
    let key = trial.make("a").await;
    let (lost, grace) = (trial.key("lost"), trial.units(1.0));
    let renew = |to| SessionChange::new().cycle(Cycle::renew(to, grace));
    trial.done(&key, &renew(lost)).await;
    trial.pass(1.1).await;
    let to = |number: usize| trial.key(&format!("to/{number}"));
    let commits = (0..20).map(|number| (key.clone(), renew(to(number)).set("n", "1")));
    let committed = at_once(trial, commits).await;
    assert_eq!(done(&committed), 20);
    let cycled = |committed: &&Committed| matches!(committed, Committed::Done(s) if s.cycled);
    assert_eq!(committed.iter().filter(cycled).count(), 1);
    assert!(!trial.live(&key).await.current);
}

/// Of many that replace one key at once, one does, and to the others the session is gone.
pub async fn one_replaces(trial: &SessionTrial) {
    let key = trial.make("a").await;
    let commits = (0..20).map(|number: u32| {
        let to = trial.key(&format!("to/{number}"));
        let cycle = Cycle::replace(to, trial.units(500.0));
        (
            key.clone(),
            SessionChange::new()
                .set("n", number.to_string())
                .cycle(cycle),
        )
    });
    let committed = at_once(trial, commits).await;
    assert_eq!(done(&committed), 1);
    let gone = |committed: &&Committed| **committed == Committed::Gone;
    assert_eq!(committed.iter().filter(gone).count(), 19);
    assert!(trial.is_replaced(&key).await);
}

/// Of many sessions that take one new key at once, one gets it.
pub async fn one_takes_a_key(trial: &SessionTrial) {
    let to = trial.key("to");
    let mut commits = Vec::new();
    for number in 0..20 {
        let key = trial.make(&number.to_string()).await;
        let cycle = Cycle::renew(to.clone(), trial.units(500.0));
        commits.push((key, SessionChange::new().set("a", "1").cycle(cycle)));
    }
    commits.push((to.clone(), trial.create()));
    let committed = at_once(trial, commits).await;
    assert_eq!(done(&committed), 1);
    let taken = |committed: &&Committed| **committed == Committed::Taken;
    assert_eq!(committed.iter().filter(taken).count(), 20);
    assert!(trial.live(&to).await.current);
}

/// Logins, logouts and lists of a few users, all over one another, do not wait for ever.
pub async fn no_session_deadlock(trial: &SessionTrial) {
    let names = ["a", "b", "c", "d", "e", "f"];
    for name in names {
        trial.make(name).await;
    }
    let mut callers = JoinSet::new();
    for caller in 0..12usize {
        let trial = trial.clone();
        callers.spawn(async move {
            for step in 0..40 {
                let name = names[(caller * 7 + step * 5) % names.len()];
                let user = ["alice", "bob", "carol"][(caller + step) % 3];
                let key = trial.key(name);
                match (caller + step * 3) % 8 {
                    0 => drop(trial.destroy(Destroy::Key(&key)).await),
                    1 => drop(trial.sessions(user).await),
                    2 => {
                        let user = trial.user(user);
                        let but = Destroy::User {
                            user: &user,
                            except: Some(&key),
                        };
                        trial.destroy(but).await;
                    }
                    3 => drop(trial.load(&key).await),
                    4 => {
                        let to = trial.key(&format!("{caller}/{step}"));
                        let made = trial.create().user(trial.login(user).new_user());
                        trial.commit(&to, &made).await;
                    }
                    _ => drop(trial.commit(&key, &trial.capped_login(user, 2)).await),
                }
            }
        });
    }
    let all = tokio::time::timeout(std::time::Duration::from_mins(1), callers.join_all());
    all.await.expect("they wait for each other");
    for user in ["alice", "bob", "carol"] {
        let login = trial.create().user(trial.capped_login(user, 2).new_user());
        trial
            .done(&trial.key(&format!("last of {user}")), &login)
            .await;
        assert!(trial.sessions(user).await.len() <= 2);
    }
}
