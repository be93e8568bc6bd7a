//! The suite that every store passes, on a real server.

mod server;

use std::sync::Arc;
use std::time::Duration;

use panoply_store_test::Trial;

use server::Server;

panoply_store_test::suite!(async {
    let server = Server::start().await;
    let store = server.store().await;
    Trial::waited(Arc::new(store), Duration::from_secs(1)).on(server)
});
