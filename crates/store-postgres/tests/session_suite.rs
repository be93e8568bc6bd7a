//! The suite that every store of sessions passes, on a real server.

mod server;

use std::sync::Arc;
use std::time::Duration;

use panoply_store_test::SessionTrial;

panoply_store_test::session_suite!(async {
    let own = server::start().await;
    let sessions = server::store(&own).await.sessions();
    let store = server::Kept {
        sessions,
        _server: own,
    };
    SessionTrial::waited(Arc::new(store), Duration::from_secs(1))
});
