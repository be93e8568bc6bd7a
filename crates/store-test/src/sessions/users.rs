//! The sessions of a user.

use panoply_core::{Committed, Cycle, Destroy, SessionChange, SessionKey, UserChange};

use super::SessionTrial;

/// Makes a session called `name` and logs `user` in.
async fn logged_in(trial: &SessionTrial, name: &str, user: &str) -> SessionKey {
    let key = trial.make(name).await;
    trial.done(&key, &trial.login(user)).await;
    key
}

async fn names(trial: &SessionTrial, user: &str, of: &[&str]) -> Vec<String> {
    let listed = trial.sessions(user).await;
    assert!(listed.is_sorted_by_key(|session| session.fingerprint));
    let is = |name: &&&str| {
        let fingerprint = trial.key(name).fingerprint();
        listed
            .iter()
            .any(|session| session.fingerprint == fingerprint)
    };
    let names: Vec<String> = of
        .iter()
        .filter(is)
        .map(|name| (*name).to_owned())
        .collect();
    assert_eq!(names.len(), listed.len(), "a session that nobody knows");
    names
}

/// A user's sessions are listed with their times, whatever key they have, and nobody else's.
pub async fn lists_sessions(trial: &SessionTrial) {
    assert!(trial.sessions("alice").await.is_empty());
    let key = trial.make("a").await;
    trial.pass(1.0).await;
    let login = trial
        .login("alice")
        .cycle(Cycle::replace(trial.key("b"), trial.unit));
    trial.done(&key, &login).await;
    assert_eq!(
        trial.live(&trial.key("b")).await.record.user,
        Some(trial.user("alice"))
    );
    logged_in(trial, "of bob", "bob").await;
    trial.pass(1.0).await;
    trial.done(&trial.key("b"), &SessionChange::new()).await;
    trial.pass(1.0).await;
    let listed = trial.sessions("alice").await;
    assert_eq!(listed.len(), 1);
    let session = listed[0];
    assert_eq!(session.fingerprint, key.fingerprint());
    let times = [session.since_seen, session.since_login, session.age];
    for (number, time) in times.into_iter().enumerate() {
        let expected = trial.units(f64::from(u32::try_from(number).unwrap()) + 1.0);
        if trial.is_exact() {
            assert_eq!(time, expected);
        } else {
            assert!(time >= expected && time < expected + trial.unit, "{time:?}");
        }
    }
}

/// A long list comes in pages that neither miss nor repeat one.
pub async fn pages_sessions(trial: &SessionTrial) {
    for number in 0..25 {
        logged_in(trial, &number.to_string(), "alice").await;
        logged_in(trial, &format!("bob's {number}"), "bob").await;
    }
    let user = trial.user("alice");
    let mut seen = Vec::new();
    loop {
        let page = trial
            .store
            .sessions(&user, seen.last().copied(), 10)
            .await
            .unwrap();
        assert!(page.len() <= 10);
        if page.is_empty() {
            break;
        }
        seen.extend(page.iter().map(|session| session.fingerprint));
    }
    assert_eq!(seen.len(), 25);
    assert!(seen.is_sorted());
    seen.dedup();
    assert_eq!(seen.len(), 25);
}

/// A session is one user's at a time, and may be nobody's again.
pub async fn changes_users(trial: &SessionTrial) {
    let key = logged_in(trial, "a", "alice").await;
    let before = trial.live(&key).await.record;
    trial.pass(0.1).await;
    assert_eq!(trial.done(&key, &trial.login("bob")).await.version, 3);
    let after = trial.live(&key).await.record;
    assert!(after.user_since > before.user_since);
    assert_eq!(names(trial, "bob", &["a"]).await, ["a"]);
    assert!(trial.sessions("alice").await.is_empty());
    let clear = SessionChange::new().user(UserChange::Clear);
    assert_eq!(trial.done(&key, &clear).await.version, 4);
    assert!(trial.sessions("bob").await.is_empty());
    assert_eq!(trial.live(&key).await.record.user, None);
    let all = Destroy::User {
        user: &trial.user("bob"),
        except: None,
    };
    assert_eq!(trial.destroy(all).await, 0);
    trial.live(&key).await;
}

/// Beyond the cap those go that are the user's for longest, with a tombstone, and never the own.
pub async fn caps_sessions(trial: &SessionTrial) {
    let of = ["a", "b", "c", "d", "e"];
    // Made in the opposite order of their logins: it is the login that counts.
    for name in of.iter().rev() {
        trial.make(name).await;
        trial.pass(0.05).await;
    }
    logged_in(trial, "bob's", "bob").await;
    for (name, evicted) in of.iter().zip([0, 0, 0, 1, 1]) {
        let stamp = trial
            .done(&trial.key(name), &trial.capped_login("alice", 3))
            .await;
        assert_eq!(stamp.evicted, evicted, "{name}");
        trial.pass(0.05).await;
    }
    assert_eq!(names(trial, "alice", &of).await, ["c", "d", "e"]);
    for gone in ["a", "b"] {
        let key = trial.key(gone);
        assert!(trial.is_absent(&key).await);
        assert_eq!(
            trial.commit(&key, &SessionChange::new()).await,
            Committed::Gone
        );
        assert_eq!(trial.commit(&key, &trial.create()).await, Committed::Gone);
    }
    // Whoever logs in again is the latest, and needs no room.
    let again = trial
        .done(&trial.key("c"), &trial.capped_login("alice", 3))
        .await;
    assert_eq!(again.evicted, 0);
    trial.pass(0.05).await;
    let lower = trial
        .done(&trial.key("e"), &trial.capped_login("alice", 2))
        .await;
    assert_eq!(lower.evicted, 1);
    assert_eq!(names(trial, "alice", &of).await, ["c", "e"]);
    let made = trial
        .create()
        .user(trial.capped_login("alice", 1).new_user());
    assert_eq!(trial.done(&trial.key("f"), &made).await.evicted, 2);
    assert_eq!(trial.sessions("bob").await.len(), 1);
}

/// A commit that is refused neither logs anybody in nor out.
pub async fn refused_logins_end_nothing(trial: &SessionTrial) {
    let (key, other) = (logged_in(trial, "a", "alice").await, trial.make("b").await);
    let login = trial.capped_login("alice", 1);
    for refused in [
        login.clone().if_version(9),
        login.clone().set("a", "12345").most_bytes(3),
        login.cycle(Cycle::replace(key, trial.unit)),
    ] {
        let committed = trial.commit(&other, &refused).await;
        assert!(!matches!(committed, Committed::Done(_)));
    }
    assert_eq!(names(trial, "alice", &["a", "b"]).await, ["a"]);
    assert_eq!(trial.live(&other).await.record.user, None);
}

/// One session is ended by its name, and only by its own user.
pub async fn destroys_one(trial: &SessionTrial) {
    let key = logged_in(trial, "a", "alice").await;
    logged_in(trial, "b", "alice").await;
    let fingerprint = key.fingerprint();
    let (alice, bob) = (trial.user("alice"), trial.user("bob"));
    let one = |user| Destroy::One { user, fingerprint };
    assert_eq!(trial.destroy(one(&bob)).await, 0);
    trial.live(&key).await;
    assert_eq!(trial.destroy(one(&alice)).await, 1);
    assert_eq!(trial.destroy(one(&alice)).await, 0);
    assert!(trial.is_absent(&key).await);
    assert_eq!(trial.commit(&key, &trial.create()).await, Committed::Gone);
    assert_eq!(names(trial, "alice", &["a", "b"]).await, ["b"]);
}

/// All sessions of a user are ended but one, named by any of its keys that opens it.
pub async fn destroys_all_but_one(trial: &SessionTrial) {
    for name in ["a", "b", "c", "d"] {
        logged_in(trial, name, "alice").await;
    }
    let stranger = logged_in(trial, "bob's", "bob").await;
    let (key, new) = (trial.key("b"), trial.key("new"));
    let cycle = SessionChange::new().cycle(Cycle::renew(new.clone(), trial.units(100.0)));
    trial.done(&key, &cycle).await;
    let user = trial.user("alice");
    let all_but = |except| Destroy::User {
        user: &user,
        except,
    };
    assert_eq!(trial.destroy(all_but(Some(&key))).await, 3);
    assert_eq!(names(trial, "alice", &["a", "b", "c", "d"]).await, ["b"]);
    assert_eq!(trial.destroy(all_but(Some(&new))).await, 0);
    assert_eq!(
        trial.commit(&trial.key("a"), &trial.create()).await,
        Committed::Gone
    );
    assert_eq!(trial.destroy(all_but(Some(&stranger))).await, 1);
    assert!(trial.is_absent(&new).await);
    assert!(trial.sessions("alice").await.is_empty());
    assert_eq!(trial.destroy(all_but(None)).await, 0);
    trial.live(&stranger).await;
}
