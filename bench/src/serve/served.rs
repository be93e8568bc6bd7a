//! The app behind all of the gateway, in one process.

use anyhow::Result;
use panoply_gateway::Server;

use crate::services::Dress;

/// Serves by [`Server`], with what the suit of [`Dress::Suit`] is configured with, until `end`.
pub(super) async fn served(end: impl Future) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Server::new(Dress::Served.service()?)
        .config_text(include_str!("served.toml"))
        .state(folder.path())
        .on_ready(|addresses| println!("{}", addresses.http.map_or(0, |http| http.port())));
    let end = async {
        end.await;
    };
    Ok(server.serve_until(end).await?)
}
