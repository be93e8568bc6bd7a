//! The threads that serve, started and waited for together.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, mpsc};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::balance;
use crate::error::{Error, system};
use crate::listen::{self, Listeners};
use crate::settings::Settings;
use crate::shared::Shared;
use crate::worker::{self, Door, Post};

mod absence;

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
    let (begun, begins) = mpsc::channel();
    let mut workers: Vec<Worker> = Vec::new();
    let mut refused = None;
    let balances = balance::among(settings.workers);
    for ((http, https), (balance, inbox)) in doors_of_each.zip(balances) {
        let http = http.into_iter().map(door(false));
        let post = Post {
            shared: Arc::clone(shared),
            own: settings.app.own().cloned(),
            doors: http.chain(https.into_iter().map(door(true))).collect(),
            balance,
            inbox,
            generation: shared.generation(),
            grace: settings.drain,
        };
        let name = format!("worker-{}", workers.len());
        let begun = begun.clone();
        let serve = move || {
            serve(post, move || {
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

/// How long after it was begun a worker that has fallen over is begun anew, at the earliest.
const AGAIN: Duration = Duration::from_millis(if cfg!(test) { 10 } else { 1000 });

/// Whoever falls over sooner than this has not lived.
const SOON: Duration = Duration::from_secs(2);

/// How often in a row no worker has lived when the gateway ends: somebody else may start it anew, or see that it
/// does not serve.
const HOPELESS: u32 = 30;

/// How often the pause of one that does not live is doubled, while others serve its clients.
const DOUBLED: u32 = 6;

/// Serves until the gateway drains, however often the worker falls over: what waits at its doors would wait for
/// ever, since nobody else accepts it. Until it is begun anew others serve those who come.
///
/// # Errors
///
/// When it cannot begin the first time.
fn serve(mut post: Post, begun: impl FnOnce()) -> io::Result<()> {
    let mut begun = Some(begun);
    loop {
        let since = post.shared.clock.monotonic();
        let first = || {
            if let Some(begun) = begun.take() {
                begun();
            }
        };
        let served = catch_unwind(AssertUnwindSafe(|| worker::run(&mut post, first)));
        let why = match served {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) if begun.is_some() => return Err(error),
            Err(panic) if begun.is_some() => resume_unwind(panic),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "a panic, told of above".to_owned(),
        };
        tracing::error!(
            why,
            "a worker has fallen over, which is a fault of Panoply's, and its connections are lost; it is begun anew"
        );
        if post.shared.is_draining(post.generation) {
            return Ok(());
        }
        post.shared.metrics.worker_begun_anew();
        let ran = post.shared.clock.monotonic().saturating_sub(since);
        let falls = post.balance.fell(ran < SOON);
        if post.balance.is_hopeless(HOPELESS) {
            post.shared.give_up();
        }
        let doubled = falls.saturating_sub(1).min(DOUBLED);
        let [least, pause] = [AGAIN, AGAIN * (1 << doubled)].map(|pause| pause.saturating_sub(ran));
        absence::bridge(&mut post, least, pause);
        if post.shared.is_draining(post.generation) {
            return Ok(());
        }
        post.balance.is_back();
    }
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

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpStream};
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::{Instant, SystemTime};

    use panoply::{Clock, SystemClock};

    use super::*;
    use crate::access::AccessLog;
    use crate::config::Source;
    use crate::metrics::Metrics;
    use crate::surroundings::Surroundings;

    /// A clock that workers whose name begins so panic over as often as this says.
    #[derive(Debug)]
    struct Trap {
        clock: SystemClock,
        whom: &'static str,
        panics: AtomicU32,
    }

    impl Clock for Trap {
        fn monotonic(&self) -> Duration {
            self.clock.monotonic()
        }

        fn wall(&self) -> SystemTime {
            let thread = std::thread::current();
            let is_worker = thread
                .name()
                .is_some_and(|name| name.starts_with(self.whom));
            let one_less = |left: u32| left.checked_sub(1);
            let (done, tried) = (Ordering::AcqRel, Ordering::Acquire);
            let panics = is_worker && self.panics.fetch_update(done, tried, one_less).is_ok();
            assert!(!panics, "a worker has looked at the clock");
            self.clock.wall()
        }
    }

    /// What comes back for a request; nothing when it is not served.
    fn ask(address: SocketAddr) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        let request = b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = String::new();
        // Whoever was connected when the worker fell over has lost that connection.
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    /// Two workers, whose clients come to one address.
    struct Two {
        clock: Arc<Trap>,
        metrics: Arc<Metrics>,
        shared: Arc<Shared>,
        address: SocketAddr,
        workers: Vec<Worker>,
        _dir: tempfile::TempDir,
    }

    impl Two {
        /// They serve by a clock that may become a trap to those whose name begins so.
        fn serving(whom: &'static str) -> Self {
            let clock = Arc::new(Trap {
                clock: SystemClock::new(),
                whom,
                panics: AtomicU32::new(0),
            });
            let dir = tempfile::tempdir().unwrap();
            let around = Surroundings::new(dir.path(), Arc::clone(&clock) as Arc<dyn Clock>);
            let written = "[app]\nupstream = \"http://127.0.0.1:9\"\npatience = \"0s\"\n[tls]\nmode = \"off\"\n[listen]\nworkers = 2\n";
            let loaded = Source::new().text("panoply.toml", written).load().unwrap();
            let settings = Settings::build(&loaded, &around).unwrap();
            let metrics = Arc::new(Metrics::new());
            let (access, _writer) =
                AccessLog::start(io::sink(), true, Arc::clone(&around.clock)).unwrap();
            let (reports, _read) = tokio::sync::mpsc::channel(1);
            let (live, told) = (settings.live.clone(), Arc::clone(&metrics));
            let apps = settings.standing(&metrics);
            let ours = Arc::clone(&around.clock);
            let shared = Arc::new(Shared::new(live, apps, told, access, ours, reports, None));
            let sockets = listen::bind(([127, 0, 0, 1], 0).into(), 2).unwrap();
            let address = sockets.first().unwrap().local_addr().unwrap();
            let listeners = Listeners::new(sockets, Vec::new(), Vec::new());
            let workers = start(&shared, &listeners, &settings).unwrap();
            assert!(ask(address).starts_with("HTTP/1.1 503"));
            Self {
                clock,
                metrics,
                shared,
                address,
                workers,
                _dir: dir,
            }
        }

        fn begun_anew(&self) -> u32 {
            let text = self.metrics.handle().render();
            let count = text
                .lines()
                .find_map(|line| line.strip_prefix("panoply_worker_restarts_total "));
            count.map_or(0, |count| count.parse().unwrap())
        }

        /// Waits until so many have been begun anew.
        #[allow(
            clippy::disallowed_methods,
            reason = "other threads are waited for, by the real clock"
        )]
        fn wait_for(&self, begun_anew: u32) {
            let deadline = Instant::now() + Duration::from_mins(1);
            while self.begun_anew() < begun_anew {
                assert!(Instant::now() < deadline, "{}", self.begun_anew());
                std::thread::yield_now();
            }
        }
    }

    #[test]
    fn one_that_falls_over_is_begun_anew_where_it_listened() {
        let two = Two::serving("worker-");
        two.clock.panics.store(3, Ordering::Release);
        two.wait_for(3);
        assert_eq!(running(&two.workers), 2);
        // The kernel gives connections to both of their sockets.
        for number in 0..32 {
            let answer = ask(two.address);
            assert!(answer.starts_with("HTTP/1.1 503"), "{number}: {answer}");
        }

        // Nobody is begun anew who is to come to his end.
        two.shared.drain(false);
        assert_eq!(two.begun_anew(), 3);
        assert!(join(two.workers).is_none());
    }

    #[test]
    fn clients_of_one_that_does_not_live_are_served_by_others() {
        let two = Two::serving("worker-0");
        two.clock.panics.store(u32::MAX, Ordering::Release);
        two.wait_for(5);
        for number in 0..32 {
            let answer = ask(two.address);
            assert!(answer.starts_with("HTTP/1.1 503"), "{number}: {answer}");
        }
        two.shared.drain(false);
        assert!(join(two.workers).is_none());
    }

    #[tokio::test]
    async fn where_none_lives_the_gateway_ends() {
        let two = Two::serving("worker-");
        two.clock.panics.store(u32::MAX, Ordering::Release);
        let given_up = two.shared.given_up();
        tokio::time::timeout(Duration::from_mins(1), given_up)
            .await
            .unwrap();
        assert!(two.begun_anew() >= 2 * HOPELESS);
        two.shared.drain(false);
        assert!(join(two.workers).is_none());
    }
}
