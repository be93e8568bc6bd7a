//! The suite that every store of sessions passes, on a real server.

mod server;

use std::sync::Arc;
use std::time::Duration;

use panoply_store_test::SessionTrial;

use server::Server;

panoply_store_test::session_suite!(async {
    let server = Server::start().await;
    let store = server.store().await.sessions();
    SessionTrial::waited(Arc::new(store), Duration::from_secs(1)).on(server)
});
