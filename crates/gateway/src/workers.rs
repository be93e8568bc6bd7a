//! The threads that serve, started and waited for together.

use std::io;
use std::sync::{Arc, mpsc};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::balance;
use crate::error::{Error, system};
use crate::listen::{self, Listeners};
use crate::settings::Settings;
use crate::shared::Shared;
use crate::worker::{self, Door};

/// One of them.
pub(crate) type Worker = JoinHandle<io::Result<()>>;

/// Starts all of them, or none.
///
/// # Errors
///
/// When one of them cannot begin: whoever came to it would wait for ever.
pub(crate) fn start(
    shared: &Arc<Shared>,
    listeners: &Listeners,
    settings: &Settings,
) -> Result<Vec<Worker>, Error> {
    let door = |tls| move |listener| Door { listener, tls };
    let divide =
        |sockets| listen::divide(sockets, settings.workers).map_err(system("to share a socket"));
    let plain = divide(&listeners.http)?.into_iter();
    let doors_of_each = plain.zip(divide(&listeners.https)?);
    let grace = settings.drain;
    let (begun, begins) = mpsc::channel();
    let mut workers: Vec<Worker> = Vec::new();
    let mut refused = None;
    let balances = balance::among(settings.workers);
    for ((http, https), (balance, inbox)) in doors_of_each.zip(balances) {
        let http = http.into_iter().map(door(false));
        let doors: Vec<Door> = http.chain(https.into_iter().map(door(true))).collect();
        let name = format!("worker-{}", workers.len());
        let (shared, begun) = (Arc::clone(shared), begun.clone());
        let serve = move || {
            worker::run(shared, doors, (balance, inbox), grace, move || {
                // Whoever waits for it waits for all.
                let _ = begun.send(());
            })
        };
        match Builder::new().name(name).spawn(serve) {
            Ok(thread) => workers.push(thread),
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    drop(begun);
    // Ends once each of them has begun, or ended.
    if begins.iter().count() == workers.len() && refused.is_none() {
        return Ok(workers);
    }
    shared.drain(false);
    let refused = refused.or(join(workers));
    Err(system("a worker")(
        refused.unwrap_or_else(|| io::Error::other("it ended by a panic")),
    ))
}

/// Resolves once all have ended.
pub(crate) async fn ended(workers: &[Worker]) {
    while running(workers) > 0 {
        tokio::time::sleep(LOOK).await;
    }
}

/// How many have not ended.
pub(crate) fn running(workers: &[Worker]) -> usize {
    { workers.iter() }
        .filter(|worker| !worker.is_finished())
        .count()
}

/// How often it is looked whether they have ended.
const LOOK: Duration = Duration::from_millis(10);

/// Waits for the end of all; why the first of those could not begin that could not.
pub(crate) fn join(workers: Vec<Worker>) -> Option<io::Error> {
    let mut first = None;
    for worker in workers {
        match worker.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => first = first.or(Some(error)),
            Err(_) => tracing::error!("a worker ended by a panic"),
        }
    }
    first
}
