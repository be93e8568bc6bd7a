//! A real server on loopback, on one thread, until its standard input is closed.

use std::future::IntoFuture as _;
use std::io::Read as _;
use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;

use crate::services::{self, Dress};

#[cfg(feature = "served")]
mod served;
#[cfg(feature = "served")]
use served::served;

/// Serves, and says at which port.
pub(crate) fn run(name: &str) -> Result<()> {
    let dress = Dress::named(name).with_context(|| format!("there is no service {name}"))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    // Until whoever started this has gone.
    let (ended, end) = tokio::sync::oneshot::channel();
    std::thread::spawn(|| {
        std::io::stdin().read_to_end(&mut Vec::new()).ok();
        ended.send(()).ok();
    });
    runtime.block_on(async {
        if dress == Dress::Served {
            return served(end).await;
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", listener.local_addr()?.port());
        let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
            stream.set_nodelay(true).ok();
        });
        let served = axum::serve(listener, services::connected(dress.service()?));
        tokio::select! {
            served = served.into_future() => Ok(served?),
            _ = end => Ok(()),
        }
    })
}

#[cfg(not(feature = "served"))]
async fn served(_: impl Future) -> Result<()> {
    anyhow::bail!("built without it: `--features served`")
}
