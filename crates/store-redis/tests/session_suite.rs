//! The suite that every store of sessions passes, on a real server.

mod server;

use std::sync::Arc;
use std::time::Duration;

use panoply_core::{
    Committed, Destroy, Loaded, Reply, SessionChange, SessionFingerprint, SessionInfo, SessionKey,
    SessionStore, UserKey,
};
use panoply_store_redis::RedisSessionStore;
use panoply_store_test::SessionTrial;

use server::Server;

/// A store that keeps its server.
#[derive(Debug)]
struct Own {
    store: RedisSessionStore,
    _server: Server,
}

impl SessionStore for Own {
    fn load<'a>(&'a self, key: &'a SessionKey) -> Reply<'a, Loaded> {
        self.store.load(key)
    }

    fn commit<'a>(
        &'a self,
        key: &'a SessionKey,
        change: &'a SessionChange,
    ) -> Reply<'a, Committed> {
        self.store.commit(key, change)
    }

    fn sessions<'a>(
        &'a self,
        user: &'a UserKey,
        after: Option<SessionFingerprint>,
        most: usize,
    ) -> Reply<'a, Vec<SessionInfo>> {
        self.store.sessions(user, after, most)
    }

    fn destroy<'a>(&'a self, which: Destroy<'a>) -> Reply<'a, usize> {
        self.store.destroy(which)
    }
}

panoply_store_test::session_suite!(async {
    let server = Server::start().await;
    let store = server.store().await.sessions();
    let own = Own {
        store,
        _server: server,
    };
    SessionTrial::waited(Arc::new(own), Duration::from_secs(1))
});
