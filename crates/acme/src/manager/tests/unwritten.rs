//! What the state directory does not take.

use super::*;
use crate::unwritten::Unwritten;

/// A process that goes on with `unwritten`, as after a reload.
fn reload(
    state: &TempDir,
    clock: &ManualClock,
    directory: &Arc<Scripted>,
    unwritten: &Unwritten,
) -> Process {
    let process = start_one(state, clock, directory);
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    let names = ["shop.example"];
    let tls = Arc::clone(&process.tls);
    let challenges = Lasting::default().challenges;
    let builder = AcmeBuilder::new(AcmeConfig::default(), names, tls, challenges, clock);
    let builder = builder.issuer(Arc::clone(directory) as _);
    let acme = builder.unwritten(unwritten.clone()).open(state.path());
    Process {
        acme: acme.unwrap(),
        ..process
    }
}

fn said(process: &Process) -> String {
    process.acme.states()[0].standing.to_string()
}

/// Where a file would be written stands a folder.
fn block(path: &std::path::Path) {
    let _ = std::fs::remove_file(path);
    std::fs::create_dir(path).unwrap();
}

#[tokio::test]
async fn what_cannot_be_written_is_served_from_memory_and_never_ordered_anew() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    let unwritten = Unwritten::default();
    let mut process = reload(&state, &clock, &directory, &unwritten);
    block(&process.file());
    for hour in 0..50 * 24 {
        process.acme.step().await;
        assert!(process.left("shop.example", &clock).is_some());
        if hour % 100 == 50 {
            process = reload(&state, &clock, &directory, &unwritten);
            assert!(process.left("shop.example", &clock).is_some());
        }
        clock.advance(Duration::from_hours(1));
    }
    assert_eq!(directory.count(), 1);
    let words = said(&process);
    assert!(words.contains("in memory alone"), "{words}");
    assert!(process.acme.write_down().is_err());
    std::fs::remove_dir(process.file()).unwrap();
    clock.advance(Duration::from_hours(1));
    process.acme.step().await;
    assert!(unwritten.is_empty() && process.acme.write_down().is_ok());
    assert!(said(&process).contains("to be renewed"));
    // And whoever starts now finds it.
    let again = start_one(&state, &clock, &directory);
    again.acme.step().await;
    assert!(again.left("shop.example", &clock).is_some());
    assert_eq!(directory.count(), 1);
}

#[tokio::test]
async fn it_is_tried_again_in_growing_pauses() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    let process = start_one(&state, &clock, &directory);
    block(&process.file());
    process.acme.step().await;
    let mut tries = Vec::new();
    let mut last = None;
    for second in 0..3600_u32 {
        process.acme.step().await;
        let Standing::Unwritten { again, .. } = process.acme.states()[0].standing else {
            panic!("{}", said(&process));
        };
        if last.replace(again) != Some(again) {
            tries.push(second);
        }
        // Whoever asks before its time changes nothing.
        assert!(process.acme.write_down().is_err());
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(
        tries,
        [0, 15, 45, 105, 225, 465, 945, 1545, 2145, 2745, 3345]
    );
}

#[tokio::test]
async fn a_process_that_ends_with_it_does_not_order_at_once() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    let process = start_one(&state, &clock, &directory);
    block(&process.file());
    for _ in 0..100 {
        start_one(&state, &clock, &directory).acme.step().await;
    }
    assert_eq!(directory.count(), 1);
    drop(process);
}

#[tokio::test]
async fn a_record_that_cannot_be_written_is_remembered() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    let process = start_one(&state, &clock, &directory);
    process.acme.step().await;
    clock.advance(61 * DAY);
    // In the middle of the renewal.
    let record = process
        .acme
        .place
        .storage
        .path(&process.acme.all()[0].group.record());
    *lock(&directory.breaks) = Some(record.clone());
    for _ in 0..30 * 24 {
        process.acme.step().await;
        clock.advance(Duration::from_hours(1));
    }
    assert_eq!(directory.count(), 2);
    assert!(
        said(&process).contains("in force, but what is known of it cannot be written"),
        "{}",
        said(&process)
    );
    std::fs::remove_dir(&record).unwrap();
    clock.advance(Duration::from_hours(1));
    process.acme.step().await;
    assert!(record.is_file() && said(&process).contains("to be renewed"));
}

#[tokio::test]
async fn what_another_process_has_written_since_is_the_newer_one() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    let one = start_one(&state, &clock, &directory);
    block(&one.file());
    one.acme.step().await;
    std::fs::remove_dir(one.file()).unwrap();
    // Another has found neither, and has ordered for itself.
    clock.advance(Duration::from_mins(3));
    let two = start_one(&state, &clock, &directory);
    two.acme.step().await;
    assert_eq!(directory.count(), 2);
    let theirs = std::fs::read(two.file()).unwrap();
    for _ in 0..10 {
        one.acme.step().await;
        clock.advance(Duration::from_mins(1));
    }
    assert_eq!(std::fs::read(one.file()).unwrap(), theirs);
    assert_eq!(directory.count(), 2);
    assert!(said(&one).contains("to be renewed"), "{}", said(&one));
}

#[tokio::test]
async fn nothing_is_ordered_where_there_is_no_room_for_it() {
    let (state, clock) = (state(), ManualClock::new());
    let directory = Scripted::new(&clock, 90 * DAY);
    let process = start_one(&state, &clock, &directory);
    // What is written to see whether there is room stands in the way itself.
    let room = process.acme.place.storage.path(".room.new");
    std::fs::create_dir(&room).unwrap();
    for _ in 0..100 {
        process.acme.step().await;
        clock.advance(Duration::from_mins(10));
    }
    assert_eq!(directory.count(), 0);
    assert!(said(&process).contains("nothing can be written in"));
    std::fs::remove_dir(&room).unwrap();
    clock.advance(Duration::from_mins(2));
    process.acme.step().await;
    assert!(process.left("shop.example", &clock).is_some());
}
