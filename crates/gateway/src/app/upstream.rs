//! An app that somebody else runs.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::exposed;
use crate::config::Upstream;
use crate::shared::{AppState, Shared};

/// How often a name is looked up again: containers move.
const AGAIN: Duration = Duration::from_secs(10);

/// Finds the app's address and keeps it up to date, for as long as the gateway runs.
pub(crate) async fn follow(shared: Arc<Shared>, upstream: Upstream) {
    let fixed = upstream.host().parse::<std::net::IpAddr>().is_ok();
    let mut known: Option<SocketAddr> = None;
    loop {
        match find(&upstream, known).await {
            Ok(address) => {
                if known.replace(address) != Some(address) {
                    tracing::info!(%upstream, %address, "the app is at");
                    shared.app.store(Arc::new(AppState::Up(address)));
                    shared.metrics.app(true);
                    if address.ip().is_loopback() {
                        exposed::warn(address.port());
                    }
                }
            }
            Err(error) => tracing::warn!(%upstream, %error, "the app's name cannot be resolved"),
        }
        if fixed && known.is_some() {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn find(upstream: &Upstream, known: Option<SocketAddr>) -> io::Result<SocketAddr> {
    let found = tokio::net::lookup_host((upstream.host(), upstream.port())).await?;
    let mut found: Vec<SocketAddr> = found.collect();
    if let Some(known) = known.filter(|known| found.contains(known)) {
        return Ok(known);
    }
    // The first that accepts: `localhost` may be either of two.
    for address in &found {
        let dial = tokio::net::TcpStream::connect(address);
        if matches!(
            tokio::time::timeout(Duration::from_secs(1), dial).await,
            Ok(Ok(_))
        ) {
            return Ok(*address);
        }
    }
    found
        .drain(..)
        .next()
        .ok_or_else(|| io::ErrorKind::NotFound.into())
}
