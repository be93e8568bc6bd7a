mod apart;
mod deploy;
mod on_demand;
mod unwritten;
mod wrong;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use panoply_core::{CertificateSource, Clock, ManualClock};
use panoply_tls::{Lasting, Mode, Tls, TlsConfig};
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::*;
use crate::builder::AcmeBuilder;
use crate::config::{AcmeConfig, ChallengeKind};
use crate::issuer::{Issued, Issuer, Order, Pending, Window};
use crate::managed::covers;
use crate::state::Standing;

const DAY: Duration = Duration::from_hours(24);

/// A directory that does as it is told, and notes what it is asked for.
#[derive(Debug)]
struct Scripted {
    url: &'static str,
    clock: ManualClock,
    lifetime: Duration,
    orders: Mutex<Vec<(Duration, ChallengeKind)>>,
    away: AtomicBool,
    /// Whether its answers are more than we bear.
    mad: AtomicBool,
    /// A name whose orders are never decided.
    silent: Mutex<Option<String>>,
    /// What is issued in place of the names that were ordered.
    names: Mutex<Option<Vec<String>>>,
    /// How old certificates are when they are issued.
    aged: Mutex<Duration>,
    /// The kinds that fail.
    closed: Mutex<Vec<ChallengeKind>>,
    /// Where a folder stands in the way once something was ordered.
    breaks: Mutex<Option<PathBuf>>,
    /// The window of every certificate, in days of its life, if it says any.
    window: Mutex<Option<(u32, u32)>>,
}

impl Scripted {
    fn new(clock: &ManualClock, lifetime: Duration) -> Arc<Self> {
        Self::at("https://ca.example/directory", clock, lifetime)
    }

    fn at(url: &'static str, clock: &ManualClock, lifetime: Duration) -> Arc<Self> {
        Arc::new(Self {
            url,
            clock: clock.clone(),
            lifetime,
            orders: Mutex::default(),
            away: AtomicBool::new(false),
            mad: AtomicBool::new(false),
            silent: Mutex::default(),
            names: Mutex::default(),
            aged: Mutex::default(),
            closed: Mutex::default(),
            breaks: Mutex::default(),
            window: Mutex::default(),
        })
    }

    fn count(&self) -> usize {
        lock(&self.orders).len()
    }

    fn issue(&self, names: &[String]) -> Issued {
        let key = KeyPair::generate().unwrap();
        let names = lock(&self.names).clone().unwrap_or(names.to_vec());
        let mut params = CertificateParams::new(names).unwrap();
        let now = self.clock.wall() - *lock(&self.aged);
        params.not_before = now.into();
        params.not_after = (now + self.lifetime).into();
        let certificate = params.self_signed(&key).unwrap();
        Issued::new(&key.serialize_pem(), &certificate.pem())
    }

    fn decide(&self, order: &Order<'_>) -> Result<Issued, Failure> {
        lock(&self.orders).push((self.clock.monotonic(), order.kind));
        if let Some(path) = lock(&self.breaks).take() {
            let _ = std::fs::remove_file(&path);
            std::fs::create_dir(path).unwrap();
        }
        if self.away.load(Ordering::SeqCst) {
            return Err(Failure::new(Fault::Directory, "away", "wait"));
        }
        if lock(&self.closed).contains(&order.kind) {
            return Err(Failure::new(Fault::Validation, "nobody there", "open it"));
        }
        Ok(self.issue(order.names))
    }
}

impl Issuer for Scripted {
    fn url(&self) -> &str {
        self.url
    }

    fn order<'a>(&'a self, order: &'a Order<'a>) -> Pending<'a, Result<Issued, Failure>> {
        let decided = self.decide(order);
        let silent = lock(&self.silent).clone();
        Box::pin(async move {
            if silent.is_some_and(|name| order.names.contains(&name)) {
                std::future::pending::<()>().await;
            }
            assert!(!self.mad.load(Ordering::SeqCst), "as a test wants it");
            decided
        })
    }

    fn window<'a>(&'a self, pem: &'a [u8]) -> Pending<'a, Result<Option<Window>, Failure>> {
        assert!(pem.starts_with(b"-----BEGIN"));
        let window = lock(&self.window).map(|(start, end)| {
            let begun = self.clock.wall();
            Window::new(begun + DAY * start, begun + DAY * end, DAY)
        });
        Box::pin(std::future::ready(Ok(window)))
    }

    fn revoke<'a>(&'a self, pem: &'a [u8], _: Reason) -> Pending<'a, Result<(), Failure>> {
        assert!(pem.starts_with(b"-----BEGIN"));
        Box::pin(std::future::ready(Ok(())))
    }
}

/// One process on a state directory.
struct Process {
    acme: Acme,
    tls: Arc<Tls>,
}

fn start(
    state: &TempDir,
    clock: &ManualClock,
    issuers: &[Arc<Scripted>],
    names: &[&str],
) -> Process {
    start_with(state, clock, issuers, names, AcmeConfig::default(), None)
}

/// For `shop.example`, at one directory.
fn start_one(state: &TempDir, clock: &ManualClock, directory: &Arc<Scripted>) -> Process {
    start(
        state,
        clock,
        std::slice::from_ref(directory),
        &["shop.example"],
    )
}

/// With a configuration of its own, and a rehearsal for each issuer.
fn start_with(
    state: &TempDir,
    clock: &ManualClock,
    issuers: &[Arc<Scripted>],
    names: &[&str],
    config: AcmeConfig,
    rehearsal: Option<&Arc<Scripted>>,
) -> Process {
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    let lasting = Lasting::default();
    let tls = TlsConfig::new()
        .mode(Mode::Acme)
        .domains(names.iter().copied());
    let tls = tls.build_with(state.path(), Arc::clone(&clock), &lasting);
    let tls = Arc::new(tls.unwrap().unwrap());
    let names = names.iter().copied();
    let mut builder = AcmeBuilder::new(config, names, Arc::clone(&tls), lasting.challenges, clock);
    for issuer in issuers {
        let issuer = Arc::clone(issuer) as Arc<dyn Issuer>;
        builder = match rehearsal {
            Some(rehearsal) => builder.rehearsed(issuer, Arc::clone(rehearsal) as _),
            None => builder.issuer(issuer),
        };
    }
    Process {
        acme: builder.open(state.path()).unwrap(),
        tls,
    }
}

fn state() -> TempDir {
    tempfile::tempdir().unwrap()
}

impl Process {
    /// How long the certificate for the name is still good; none while the local one stands in.
    fn left(&self, name: &str, clock: &ManualClock) -> Option<Duration> {
        let all = self.tls.certificates();
        let held = all.iter().find(|info| {
            info.source() != CertificateSource::Local && covers(info, &[name.to_owned()])
        })?;
        Some(
            held.not_after()
                .duration_since(clock.wall())
                .unwrap_or_default(),
        )
    }

    fn file(&self) -> PathBuf {
        let group = &self.acme.all()[0].group;
        self.acme.place.storage.path(&group.pem())
    }
}

#[tokio::test]
async fn a_stand_in_until_it_has_come_and_the_same_one_after_a_restart() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    let names = ["shop.example", "www.shop.example"];
    let process = start(&state, &clock, std::slice::from_ref(&directory), &names);
    assert_eq!(process.left("shop.example", &clock), None);
    process.acme.step().await;
    assert_eq!(directory.count(), 2);
    for name in names {
        assert!(process.left(name, &clock) > Some(89 * DAY), "{name}");
    }
    assert!(matches!(
        process.acme.states()[0].standing,
        Standing::Held { .. }
    ));
    let again = start(&state, &clock, std::slice::from_ref(&directory), &names);
    assert!(again.left("shop.example", &clock).is_some());
    again.acme.step().await;
    assert_eq!(directory.count(), 2);
}

/// Neither a gap nor a loop.
async fn ten_years_of(lifetime: Duration) {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, lifetime);
    let mut process = start_one(&state, &clock, &directory);
    process.acme.step().await;
    let mut hours = 0_u64;
    while hours < 10 * 365 * 24 {
        // The directory is away for a day each month, and the process is restarted each fortnight.
        directory
            .away
            .store(hours % 720 < 24 && hours > 24, Ordering::SeqCst);
        if hours.is_multiple_of(336) {
            process = start_one(&state, &clock, &directory);
        }
        process.acme.step().await;
        let left = process.left("shop.example", &clock).unwrap();
        assert!(left > lifetime / 8, "{left:?} left after {hours} hours");
        clock.advance(Duration::from_hours(2));
        hours += 2;
    }
    // At two thirds at the latest, at 19 thirtieths at the earliest, and what failed meanwhile.
    let needed = 3650 * 24 / (lifetime.as_secs() / 3600 * 2 / 3);
    let orders = directory.count() as u64;
    assert!(orders >= needed, "{orders} of {needed}");
    assert!(orders < needed * 13 / 10 + 200, "{orders} of {needed}");
    let orders = lock(&directory.orders);
    for week in orders.windows(50) {
        assert!(
            week[49].0 > week[0].0 + 7 * DAY,
            "more than 50 orders in a week"
        );
    }
}

#[tokio::test]
async fn ten_years_of_ninety_days() {
    ten_years_of(90 * DAY).await;
}

#[tokio::test]
async fn ten_years_of_forty_five_days() {
    ten_years_of(45 * DAY).await;
}

#[tokio::test]
async fn ten_years_of_six_days() {
    ten_years_of(6 * DAY).await;
}

#[tokio::test]
async fn what_fails_is_tried_otherwise_then_later_and_a_restart_changes_nothing() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    let both = vec![ChallengeKind::TlsAlpn01, ChallengeKind::Http01];
    lock(&directory.closed).clone_from(&both);
    let process = start_one(&state, &clock, &directory);
    process.acme.step().await;
    let kinds: Vec<_> = lock(&directory.orders)
        .iter()
        .map(|(_, kind)| *kind)
        .collect();
    assert_eq!(kinds, both);
    let states = process.acme.states();
    let Standing::Failed {
        problem, advice, ..
    } = &states[0].standing
    else {
        panic!("{states:?}");
    };
    assert_eq!(
        (problem.as_str(), advice.as_str()),
        ("nobody there", "open it")
    );
    for _ in 0..100 {
        let again = start_one(&state, &clock, &directory);
        again.acme.step().await;
    }
    assert_eq!(directory.count(), 2);
    clock.advance(Duration::from_mins(3));
    lock(&directory.closed).clear();
    process.acme.step().await;
    assert_eq!(directory.count(), 3);
    assert!(process.left("shop.example", &clock).is_some());
}

#[tokio::test]
async fn an_hour_of_outage_is_a_handful_of_orders() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    directory.away.store(true, Ordering::SeqCst);
    let process = start_one(&state, &clock, &directory);
    for _ in 0..720 {
        process.acme.step().await;
        clock.advance(Duration::from_secs(5));
    }
    assert!(directory.count() <= 6, "{}", directory.count());
    directory.away.store(false, Ordering::SeqCst);
    clock.advance(Duration::from_mins(20));
    process.acme.step().await;
    assert!(process.left("shop.example", &clock).is_some());
}

#[tokio::test]
async fn the_next_directory_is_asked_when_the_first_is_away() {
    let (state, clock) = (state(), ManualClock::new());
    let (first, second) = (
        Scripted::new(&clock, 90 * DAY),
        Scripted::new(&clock, 90 * DAY),
    );
    first.away.store(true, Ordering::SeqCst);
    let both = [first.clone(), second.clone()];
    let process = start(&state, &clock, &both, &["shop.example"]);
    process.acme.step().await;
    assert_eq!((first.count(), second.count()), (1, 1));
    assert!(process.left("shop.example", &clock).is_some());
}

#[tokio::test]
async fn the_directory_says_when() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    *lock(&directory.window) = Some((20, 22));
    let process = start_one(&state, &clock, &directory);
    process.acme.step().await;
    process.acme.step().await;
    *lock(&directory.window) = None;
    clock.advance(19 * DAY);
    process.acme.step().await;
    assert_eq!(directory.count(), 1);
    clock.advance(4 * DAY);
    process.acme.step().await;
    assert_eq!(directory.count(), 2);
}

#[tokio::test]
async fn two_processes_on_one_directory_order_once() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    let one = start_one(&state, &clock, &directory);
    let two = start_one(&state, &clock, &directory);
    let held = one
        .acme
        .place
        .storage
        .try_lock(one.acme.all()[0].group.name())
        .unwrap();
    two.acme.step().await;
    assert_eq!(two.acme.states()[0].standing, Standing::Elsewhere);
    drop(held);
    one.acme.step().await;
    two.acme.step().await;
    assert_eq!(directory.count(), 1);
    assert!(two.left("shop.example", &clock).is_some());
}

#[tokio::test]
async fn a_damaged_file_is_ordered_anew() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    let process = start_one(&state, &clock, &directory);
    process.acme.step().await;
    std::fs::write(process.file(), "-----BEGIN PRIVATE KEY-----\n").unwrap();
    let again = start_one(&state, &clock, &directory);
    again.acme.step().await;
    assert_eq!(directory.count(), 2);
    assert!(again.left("shop.example", &clock).is_some());
}

#[tokio::test]
async fn nothing_is_ordered_that_could_not_be_written_down() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    let process = start_one(&state, &clock, &directory);
    // Where the record would be written stands a directory.
    let record = process.acme.all()[0].group.record();
    std::fs::create_dir(process.acme.place.storage.path(&record)).unwrap();
    for _ in 0..50 {
        process.acme.step().await;
        clock.advance(Duration::from_hours(1));
    }
    assert_eq!(directory.count(), 0);
    let said = process.acme.states()[0].standing.to_string();
    assert!(said.contains("nothing can be written in"), "{said}");
}

#[tokio::test]
async fn what_has_failed_is_rehearsed_before_it_counts() {
    let (state, clock) = (state(), ManualClock::new());
    let [directory, rehearsal] = [(); 2].map(|()| Scripted::new(&clock, 90 * DAY));
    let kinds = vec![ChallengeKind::TlsAlpn01, ChallengeKind::Http01];
    for one in [&directory, &rehearsal] {
        lock(&one.closed).clone_from(&kinds);
    }
    let issuers = std::slice::from_ref(&directory);
    let names = ["shop.example"];
    let config = AcmeConfig::default();
    let process = start_with(&state, &clock, issuers, &names, config, Some(&rehearsal));
    process.acme.step().await;
    assert_eq!((directory.count(), rehearsal.count()), (2, 0));
    for _ in 0..200 {
        clock.advance(Duration::from_hours(1));
        process.acme.step().await;
    }
    assert_eq!(directory.count(), 2);
    assert!(rehearsal.count() > 5, "{}", rehearsal.count());
    // Mended: seen in the rehearsal first.
    for one in [&directory, &rehearsal] {
        lock(&one.closed).clear();
    }
    let rehearsed = rehearsal.count();
    clock.advance(2 * DAY);
    process.acme.step().await;
    assert_eq!((directory.count(), rehearsal.count()), (3, rehearsed + 1));
    assert!(process.left("shop.example", &clock).is_some());
}

#[tokio::test]
async fn a_rehearsal_that_is_away_keeps_nobody_from_an_order() {
    let (state, clock) = (state(), ManualClock::new());
    let [directory, rehearsal] = [(); 2].map(|()| Scripted::new(&clock, 90 * DAY));
    directory.away.store(true, Ordering::SeqCst);
    rehearsal.away.store(true, Ordering::SeqCst);
    let issuers = std::slice::from_ref(&directory);
    let names = ["shop.example"];
    let config = AcmeConfig::default();
    let process = start_with(&state, &clock, issuers, &names, config, Some(&rehearsal));
    process.acme.step().await;
    directory.away.store(false, Ordering::SeqCst);
    clock.advance(Duration::from_hours(1));
    process.acme.step().await;
    assert!(process.left("shop.example", &clock).is_some());
}

#[tokio::test]
async fn what_is_revoked_is_replaced_at_once() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    let process = start_one(&state, &clock, &directory);
    let reason = Reason::KeyCompromise;
    let refused = process.acme.revoke("shop.example", reason).await;
    assert!(refused.unwrap_err().problem.contains("`shop.example`"));
    process.acme.step().await;
    let before = std::fs::read(process.file()).unwrap();
    clock.advance(Duration::from_hours(2));
    process.acme.revoke("shop.example", reason).await.unwrap();
    // Until the next is there it is served on, and not revoked again.
    assert!(process.left("shop.example", &clock).is_some());
    directory.away.store(true, Ordering::SeqCst);
    for _ in 0..60 {
        process.acme.step().await;
        clock.advance(Duration::from_mins(1));
    }
    assert!(directory.count() <= 7, "{}", directory.count());
    directory.away.store(false, Ordering::SeqCst);
    clock.advance(Duration::from_hours(2));
    process.acme.step().await;
    assert_ne!(std::fs::read(process.file()).unwrap(), before);
    let orders = directory.count();
    clock.advance(Duration::from_hours(2));
    process.acme.step().await;
    assert_eq!(directory.count(), orders);
}

#[tokio::test]
async fn domains_share_certificates_as_they_are_told() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    let config: AcmeConfig = toml::from_str("together = [[\"a.dev\", \"b.dev\"]]").unwrap();
    let issuers = std::slice::from_ref(&directory);
    let names = ["a.dev", "b.dev", "c.dev"];
    let process = start_with(&state, &clock, issuers, &names, config, None);
    process.acme.step().await;
    let states = process.acme.states();
    let names: Vec<_> = states.iter().map(|state| state.names.join(" ")).collect();
    assert_eq!(names, ["a.dev b.dev", "c.dev"]);
    assert_eq!(directory.count(), 2);
}
