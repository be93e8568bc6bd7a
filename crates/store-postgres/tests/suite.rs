//! The suite that every store passes, on a real server.

mod server;

use std::sync::Arc;
use std::time::Duration;

use panoply_store_test::Trial;

panoply_store_test::suite!(async {
    let server = server::start().await;
    let store = server::store(&server).await;
    Trial::waited(Arc::new(store), Duration::from_secs(1)).on(server)
});
