//! The suite that every store passes, on a real server.

mod server;

use std::sync::Arc;
use std::time::Duration;

use panoply_store_test::Trial;

panoply_store_test::suite!(async {
    let own = server::start().await;
    let store = server::store(&own).await;
    Trial::waited(
        Arc::new(server::Own { store, server: own }),
        Duration::from_secs(1),
    )
});
