//! Certificates that other programs have as well.

use std::fs;
use std::path::Path;

use super::*;

/// A hook that notes what it was called for, and what it is to do next.
fn config(folder: &Path) -> AcmeConfig {
    let script = "cd \"$0\"; echo \"$RENEWED_DOMAINS\" >> calls; cp \"$RENEWED_LINEAGE\"/*.pem .; echo a word; \
                  echo another >&2; exit $(cat status)";
    let hook = ["/bin/sh", "-c", script, &folder.display().to_string()].map(str::to_owned);
    AcmeConfig {
        deploy_hook: hook.to_vec(),
        together: crate::config::Together::All(true),
        ..AcmeConfig::default()
    }
}

fn calls(folder: &Path) -> usize {
    let calls = fs::read_to_string(folder.join("calls")).unwrap_or_default();
    assert!(
        calls
            .lines()
            .all(|line| line == "shop.example www.shop.example"),
        "{calls}"
    );
    calls.lines().count()
}

#[tokio::test]
async fn a_hook_is_called_once_for_each_certificate() {
    let (state, clock, folder) = (state(), ManualClock::new(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    fs::write(folder.join("status"), "0").unwrap();
    let directory = Scripted::new(&clock, 90 * DAY);
    let start = || {
        let names = ["shop.example", "www.shop.example"];
        let issuers = std::slice::from_ref(&directory);
        start_with(&state, &clock, issuers, &names, config(folder), None)
    };
    let mut process = start();
    for _ in 0..3 {
        process.acme.step().await;
        assert_eq!((directory.count(), calls(folder)), (1, 1));
        process = start();
    }
    // What it was given is what is in force.
    let whole = fs::read_to_string(process.file()).unwrap();
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!(
        whole.trim(),
        (read("privkey.pem") + &read("fullchain.pem")).trim()
    );
    let path = process
        .acme
        .place
        .storage
        .path("live/shop.example/fullchain.pem");
    assert_eq!(fs::read_to_string(path).unwrap(), read("fullchain.pem"));
    clock.advance(65 * DAY);
    process.acme.step().await;
    process.acme.step().await;
    assert_eq!((directory.count(), calls(folder)), (2, 2));
    assert_ne!(
        whole.trim(),
        (read("privkey.pem") + &read("fullchain.pem")).trim()
    );
}

#[tokio::test]
async fn a_hook_that_fails_is_called_again_and_nothing_else_minds() {
    let (state, clock, folder) = (state(), ManualClock::new(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    fs::write(folder.join("status"), "3").unwrap();
    let directory = Scripted::new(&clock, 90 * DAY);
    let names = ["shop.example", "www.shop.example"];
    let issuers = std::slice::from_ref(&directory);
    let process = start_with(&state, &clock, issuers, &names, config(folder), None);
    for _ in 0..3 {
        process.acme.step().await;
        assert_eq!((directory.count(), calls(folder)), (1, 1));
    }
    assert!(process.left("shop.example", &clock) > Some(89 * DAY));
    clock.advance(Duration::from_mins(61));
    fs::write(folder.join("status"), "0").unwrap();
    for _ in 0..3 {
        process.acme.step().await;
        clock.advance(Duration::from_mins(61));
    }
    assert_eq!((directory.count(), calls(folder)), (1, 2));
}

#[tokio::test]
async fn one_is_called_at_a_time() {
    let (state, clock, folder) = (state(), ManualClock::new(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    fs::write(folder.join("status"), "0").unwrap();
    let directory = Scripted::new(&clock, 90 * DAY);
    let names = ["shop.example", "www.shop.example"];
    let issuers = std::slice::from_ref(&directory);
    let process = start_with(&state, &clock, issuers, &names, config(folder), None);
    let other = process.acme.place.storage.try_lock("deploy").unwrap();
    process.acme.step().await;
    assert_eq!((directory.count(), calls(folder)), (1, 0));
    drop(other);
    process.acme.step().await;
    assert_eq!(calls(folder), 1);
}
