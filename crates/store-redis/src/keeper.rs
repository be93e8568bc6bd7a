//! Keeps one connection alive for as long as the store is there.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use panoply_core::StoreError;
use redis::aio::MultiplexedConnection;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::Error;
use crate::dial::{Dialler, Link, ask};

/// The connection as it is at present, made anew when it is lost.
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    state: ArcSwap<State>,
    dial_again: Notify,
}

enum State {
    Up(MultiplexedConnection),
    Down(Option<Arc<Error>>),
}

/// How often the server is asked whether it is still there.
const LOOK: Duration = Duration::from_secs(1);
/// How long it may take to answer that, and so the longest that a call can wait for its answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// The pause after the first attempt that failed, twice as long after each, to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(500));

impl Keeper {
    /// Keeps `link` on the runtime that calls this.
    pub(crate) fn start(dialler: Dialler, link: Link) -> Self {
        let shared = Arc::new(Shared {
            state: ArcSwap::from_pointee(State::Up(link.connection.clone())),
            dial_again: Notify::new(),
        });
        let task = tokio::spawn(keep(Arc::clone(&shared), dialler, link));
        Self { shared, task }
    }

    /// The connection, or why there is none. Never waits.
    pub(crate) fn connection(&self) -> Result<MultiplexedConnection, StoreError> {
        match &**self.shared.state.load() {
            State::Up(connection) => Ok(connection.clone()),
            State::Down(why) => {
                let error = StoreError::transient("redis cannot be reached");
                Err(match why {
                    Some(why) => error.because(Arc::clone(why)),
                    None => error,
                })
            }
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(&**self.shared.state.load(), State::Up(_))
    }

    /// Gives the connection up for another: the server behind it is not the right one any more.
    pub(crate) fn dial_again(&self) {
        self.shared.dial_again.notify_one();
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep(shared: Arc<Shared>, dialler: Dialler, mut link: Link) {
    loop {
        let address = link.address.to_string();
        let why = live(&shared, link).await;
        shared.state.store(Arc::new(State::Down(None)));
        tracing::warn!(store = address, why, "the connection to redis is lost");
        link = dial(&shared, &dialler).await;
        shared
            .state
            .store(Arc::new(State::Up(link.connection.clone())));
        tracing::info!(store = %link.address, "redis is connected again");
    }
}

/// Drives a connection to its end. What still waits for an answer then is told so at once, since
/// the driver is dropped.
async fn live(shared: &Shared, link: Link) -> &'static str {
    let mut connection = link.connection;
    let look = async {
        loop {
            tokio::time::sleep(LOOK).await;
            let mut ping = redis::cmd("PING");
            let asked = tokio::time::timeout(PATIENCE, ask(&mut connection, &mut ping)).await;
            if asked.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = link.driver => "closed",
        () = look => "no answer",
        () = shared.dial_again.notified() => "another server is in charge",
    }
}

async fn dial(shared: &Shared, dialler: &Dialler) -> Link {
    let (mut pause, longest) = PAUSES;
    loop {
        match dialler.dial().await {
            Ok(link) => return link,
            Err(error) => {
                tracing::debug!(%error, "redis is not connected");
                shared
                    .state
                    .store(Arc::new(State::Down(Some(Arc::new(error)))));
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}
