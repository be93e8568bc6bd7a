//! The suite that every store of sessions passes, on a real server.

mod server;

use std::sync::Arc;
use std::time::Duration;

use panoply_store_test::SessionTrial;

panoply_store_test::session_suite!(async {
    let server = server::start().await;
    let store = server::store(&server).await.sessions();
    SessionTrial::waited(Arc::new(store), Duration::from_secs(1)).on(server)
});
