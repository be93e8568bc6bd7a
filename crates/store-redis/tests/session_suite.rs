//! The suite that every store of sessions passes, on a real server.

mod server;

use std::sync::Arc;
use std::time::Duration;

use panoply_core::{Committed, Cycle, SessionChange, SessionKey, SessionStore as _};
use panoply_store_test::SessionTrial;

use server::Server;

panoply_store_test::session_suite!(async {
    let server = Server::start().await;
    let store = server.store().await.sessions();
    SessionTrial::waited(Arc::new(store), Duration::from_secs(1)).on(server)
});

/// An old key is kept as long as it may lead on, and no longer once the new one was seen.
#[tokio::test]
async fn an_old_key_that_is_settled_ends_by_itself() {
    const GRACE: Duration = Duration::from_secs(30);
    let server = Server::start().await;
    let sessions = server.store().await.sessions();
    let mut look = server.look().await;
    let key = |number: u8| SessionKey::from_hash([number; 32]);
    let hour = Duration::from_hours(1);
    let renew = |to| SessionChange::new().cycle(Cycle::renew(key(to), GRACE));
    let settle = SessionChange::new().cycle(Cycle::settle(key(3), GRACE));
    let mut left = Vec::new();
    for (by, change) in [
        (1, SessionChange::create(hour, hour)),
        (1, renew(2)),
        (2, renew(3)),
        (3, settle),
    ] {
        let done = sessions.commit(&key(by), &change).await.unwrap();
        assert!(matches!(done, Committed::Done(_)));
        let name = [b"{panoply}:k".as_slice(), &[2; 32]].concat();
        let mut ttl = redis::cmd("PTTL");
        let millis: i64 = ttl.arg(name).query_async(&mut look).await.unwrap();
        left.push(u64::try_from(millis).map(Duration::from_millis).ok());
    }
    // Rounded up, and a moment later.
    let soon = |left: Option<Duration>| left.is_some_and(|left| left < GRACE * 2);
    assert_eq!(left[0], None);
    assert!(
        left[1] > Some(hour / 2) && left[2] > Some(hour / 2),
        "{left:?}"
    );
    assert!(soon(left[3]), "{left:?}");
}
