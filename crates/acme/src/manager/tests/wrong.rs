//! What directories, disks and settings get wrong, and what comes of it.

use super::*;

const STAGING: &str = "https://acme-staging-v02.api.letsencrypt.org/directory";

fn ordered(process: &Process) -> Vec<panoply_tls::CertificateInfo> {
    let mut all = process.tls.certificates();
    all.retain(|info| info.source() != CertificateSource::Local);
    all
}

fn said(process: &Process) -> String {
    process.acme.states()[0].standing.to_string()
}

fn record(process: &Process) -> PathBuf {
    let group = &process.acme.all()[0].group;
    process.acme.place.storage.path(&group.record())
}

/// Steps for `seconds`, one a second.
async fn wait(process: &Process, clock: &ManualClock, seconds: u32) {
    for _ in 0..seconds {
        process.acme.step().await;
        clock.advance(Duration::from_secs(1));
    }
}

#[tokio::test]
async fn one_that_is_due_when_it_is_issued_is_not_replaced_in_a_loop() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    *lock(&directory.aged) = 85 * DAY;
    let process = start_one(&state, &clock, &directory);
    wait(&process, &clock, 30).await;
    assert_eq!(directory.count(), 1);
    // It is better than none.
    assert!(process.left("shop.example", &clock) > Some(4 * DAY));
    assert!(said(&process).contains("to be renewed already"));
    for _ in 0..48 {
        clock.advance(Duration::from_mins(30));
        process.acme.step().await;
    }
    assert!(directory.count() <= 10, "{}", directory.count());
    *lock(&directory.aged) = Duration::ZERO;
    clock.advance(2 * DAY);
    process.acme.step().await;
    assert!(process.left("shop.example", &clock) > Some(89 * DAY));
    assert!(said(&process).contains("in force"));
}

#[tokio::test]
async fn what_has_expired_or_is_for_others_is_not_put_in_force() {
    for (aged, names) in [
        (91 * DAY, None),
        (DAY, Some(vec!["other.example".to_owned()])),
    ] {
        let (state, clock) = (state(), ManualClock::new());
        let directory = Scripted::new(&clock, 90 * DAY);
        *lock(&directory.aged) = aged;
        *lock(&directory.names) = names;
        let process = start_one(&state, &clock, &directory);
        wait(&process, &clock, 30).await;
        assert_eq!(directory.count(), 1);
        assert_eq!(ordered(&process), []);
        assert!(said(&process).contains("has issued"), "{}", said(&process));
        assert!(!process.file().exists());
    }
}

#[tokio::test]
async fn names_in_another_order_are_the_same_certificate() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    let config: AcmeConfig = toml::from_str("together = true").unwrap();
    let issuers = std::slice::from_ref(&directory);
    let names = ["shop.example", "www.shop.example"];
    let process = start_with(&state, &clock, issuers, &names, config, None);
    process.acme.step().await;
    let before = ordered(&process);
    *lock(&directory.names) = Some(names.iter().rev().map(|name| (*name).to_owned()).collect());
    clock.advance(61 * DAY);
    process.acme.step().await;
    assert_eq!(directory.count(), 2);
    let after = ordered(&process);
    assert_eq!(after.len(), 1, "{after:?}");
    assert_ne!(after, before);
    assert!(process.left("shop.example", &clock) > Some(89 * DAY));
}

#[tokio::test]
async fn after_a_rehearsal_the_real_one_is_ordered_at_once() {
    let (state, clock) = (state(), ManualClock::new());
    let staging = Scripted::at(STAGING, &clock, 90 * DAY);
    let directory = Scripted::new(&clock, 90 * DAY);
    let process = start_one(&state, &clock, &staging);
    process.acme.step().await;
    assert_eq!(ordered(&process)[0].source(), CertificateSource::Staging);
    let again = start_one(&state, &clock, &staging);
    assert_eq!(ordered(&again)[0].source(), CertificateSource::Staging);

    let process = start_one(&state, &clock, &directory);
    // It stands in meanwhile, and this directory cannot revoke it.
    assert_eq!(ordered(&process)[0].source(), CertificateSource::Staging);
    let refused = process.acme.revoke("shop.example", Reason::Superseded);
    assert!(refused.await.unwrap_err().problem.contains("not asked"));
    process.acme.step().await;
    assert_eq!(directory.count(), 1);
    let now = ordered(&process);
    let sources: Vec<_> = now
        .iter()
        .map(panoply_tls::CertificateInfo::source)
        .collect();
    assert_eq!(sources, [CertificateSource::Acme]);
    wait(&process, &clock, 10).await;
    assert_eq!((staging.count(), directory.count()), (1, 1));
}

#[tokio::test]
async fn an_old_record_is_the_first_directorys() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    let process = start_one(&state, &clock, &directory);
    process.acme.step().await;
    std::fs::write(record(&process), "{}").unwrap();
    let again = start_one(&state, &clock, &directory);
    // And one that was damaged says nothing of 1970.
    let states = again.acme.states();
    let Standing::Held { renewal } = states[0].standing else {
        panic!("{states:?}");
    };
    assert!(renewal > clock.wall() + 50 * DAY);
    again.acme.step().await;
    assert_eq!(directory.count(), 1);
}

#[tokio::test]
async fn two_with_other_directories_do_not_order_without_an_end() {
    let (state, clock) = (state(), ManualClock::new());
    let one = Scripted::new(&clock, 90 * DAY);
    let two = Scripted::at("https://ca.other.example/directory", &clock, 90 * DAY);
    let both = [&one, &two].map(|directory| start_one(&state, &clock, directory));
    for _ in 0..100 {
        for process in &both {
            process.acme.step().await;
        }
        clock.advance(Duration::from_secs(15));
    }
    let orders = one.count() + two.count();
    assert!(orders > 1 && orders <= 6, "{orders}");
}

#[tokio::test]
async fn another_directory_is_asked_at_once_whatever_the_first_has_said() {
    let (state, clock) = (state(), ManualClock::new());
    let one = Scripted::new(&clock, 90 * DAY);
    lock(&one.closed).extend([ChallengeKind::TlsAlpn01, ChallengeKind::Http01]);
    let process = start_one(&state, &clock, &one);
    for _ in 0..20 {
        process.acme.step().await;
        clock.advance(Duration::from_hours(1));
    }
    let two = Scripted::at("https://ca.other.example/directory", &clock, 90 * DAY);
    let process = start_one(&state, &clock, &two);
    process.acme.step().await;
    assert!(process.left("shop.example", &clock).is_some());
}

#[tokio::test]
async fn what_makes_us_fall_over_is_a_failure_and_not_the_end() {
    let (state, clock) = (state(), ManualClock::new());
    let [first, second] = [(); 2].map(|()| Scripted::new(&clock, 90 * DAY));
    first.mad.store(true, Ordering::SeqCst);
    second.away.store(true, Ordering::SeqCst);
    let both = [first.clone(), second.clone()];
    let process = start(&state, &clock, &both, &["shop.example"]);
    process.acme.step().await;
    assert_eq!((first.count(), second.count()), (1, 1));
    first.mad.store(false, Ordering::SeqCst);
    clock.advance(Duration::from_hours(1));
    process.acme.step().await;
    assert!(process.left("shop.example", &clock).is_some());
}

#[tokio::test]
async fn a_record_beyond_the_calendar_is_borne() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    let process = start_one(&state, &clock, &directory);
    process.acme.step().await;
    let most = u64::MAX;
    let fields = [
        "renew_at",
        "not_before",
        "under_way",
        "ask_at",
        "issued_at",
        "asked_at",
        "version",
    ];
    for field in fields {
        std::fs::write(record(&process), format!("{{\"{field}\": {most}}}")).unwrap();
        let again = start_one(&state, &clock, &directory);
        again.acme.step().await;
        assert!(again.left("shop.example", &clock).is_some(), "{field}");
    }
}

#[tokio::test]
async fn a_revocation_that_cannot_be_written_down_is_no_success() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    let process = start_one(&state, &clock, &directory);
    process.acme.step().await;
    std::fs::remove_file(record(&process)).unwrap();
    std::fs::create_dir(record(&process)).unwrap();
    let revoked = process
        .acme
        .revoke("shop.example", Reason::KeyCompromise)
        .await;
    let failure = revoked.unwrap_err();
    assert!(failure.problem.contains("is revoked, but"), "{failure}");
    // Once there is room it is.
    std::fs::remove_dir(record(&process)).unwrap();
    let revoked = process
        .acme
        .revoke("shop.example", Reason::KeyCompromise)
        .await;
    revoked.unwrap();
    process.acme.step().await;
    assert_eq!(directory.count(), 2);
}

#[tokio::test]
async fn what_is_revoked_is_said_to_be_while_there_is_no_other() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    let process = start_one(&state, &clock, &directory);
    process.acme.step().await;
    directory.away.store(true, Ordering::SeqCst);
    let revoked = process
        .acme
        .revoke("shop.example", Reason::KeyCompromise)
        .await;
    revoked.unwrap();
    process.acme.step().await;
    assert!(said(&process).contains("was revoked"), "{}", said(&process));
}
