use panoply_core::{ManualClock, Secret};
use panoply_store_memory::MemorySessionStore;
use tempfile::TempDir;

use super::*;
use crate::config::AcmeConfig;
use crate::unwritten::Unwritten;

struct Node {
    sharing: Sharing,
    storage: Storage,
    group: Group,
    _state: TempDir,
}

fn store(clock: &ManualClock) -> MemorySessionStore {
    MemorySessionStore::builder().clock(clock.clone()).build()
}

fn node(store: &MemorySessionStore, asked: &str) -> Node {
    let secret = Secret::new(vec![7; 32]);
    let sharing = Sharing::default();
    sharing.with(Arc::new(
        Nodes::new(Arc::new(store.clone()), &secret).unwrap(),
    ));
    let state = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new());
    let names = vec!["shop.example".to_owned()];
    Node {
        sharing,
        storage: Storage::open(state.path(), Unwritten::default(), clock).unwrap(),
        group: Group::new(names, &AcmeConfig::default(), &asked.into()),
        _state: state,
    }
}

impl Node {
    fn keep(&self, pem: &str, version: u64) {
        let record = Record {
            version,
            ..Record::default()
        };
        let record = serde_json::to_vec(&record).unwrap();
        self.storage.write(&self.group.record(), &record).unwrap();
        self.storage
            .write(&self.group.pem(), pem.as_bytes())
            .unwrap();
    }

    async fn pulled(&self) -> Option<String> {
        self.sharing.pull(&self.storage, &self.group).await.unwrap();
        let pem = self.storage.read(&self.group.pem()).unwrap();
        pem.map(|pem| String::from_utf8(pem.to_vec()).unwrap())
    }
}

#[tokio::test]
async fn the_newer_one_counts_whoever_could_not_hand_it_out() {
    let store = store(&ManualClock::new());
    let [one, two] = [(); 2].map(|()| node(&store, "both"));
    one.keep("first", 1);
    assert_eq!(one.pulled().await.as_deref(), Some("first"));
    assert_eq!(two.pulled().await.as_deref(), Some("first"));
    // Issued while the store was away.
    one.keep("second", 3);
    assert_eq!(two.pulled().await.as_deref(), Some("first"));
    assert_eq!(one.pulled().await.as_deref(), Some("second"));
    assert_eq!(two.pulled().await.as_deref(), Some("second"));
    two.keep("third", 5);
    two.sharing.push(&two.storage, &two.group).await.unwrap();
    assert_eq!(one.pulled().await.as_deref(), Some("third"));
    // What is damaged here is whole there.
    std::fs::remove_file(one.storage.path(&one.group.pem())).unwrap();
    assert_eq!(one.pulled().await.as_deref(), Some("third"));
}

#[tokio::test]
async fn nodes_with_other_directories_have_certificates_of_their_own() {
    let store = store(&ManualClock::new());
    let (one, two) = (node(&store, "staging"), node(&store, "production"));
    one.keep("rehearsal", 7);
    one.pulled().await;
    assert_eq!(two.pulled().await, None);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_has_changed_is_given_anew() {
    let store = store(&ManualClock::new());
    let [one, two] = [(); 2].map(|()| node(&store, "both"));
    let challenges = Challenges::default();
    let called = called(ChallengeKind::Http01, "token");
    for answer in ["first", "second"] {
        one.sharing
            .spread(&called, answer.as_bytes())
            .await
            .unwrap();
        two.sharing.answer(&challenges).await.unwrap();
        assert_eq!(challenges.http_answer("token").as_deref(), Some(answer));
    }
    one.sharing.withdraw(&[called]).await;
    two.sharing.answer(&challenges).await.unwrap();
    assert_eq!(challenges.http_answer("token"), None);
}

#[tokio::test(start_paused = true)]
async fn who_has_lost_a_right_learns_of_it() {
    let clock = ManualClock::new();
    let store = store(&clock);
    let [one, two] = [(); 2].map(|()| node(&store, "both"));
    assert!(one.sharing.begin("shop").await.unwrap());
    assert!(!two.sharing.begin("shop").await.unwrap());
    assert!(two.sharing.begin("other").await.unwrap());
    let held = tokio::time::timeout(Duration::from_mins(5), one.sharing.hold("shop"));
    assert!(held.await.is_err());
    clock.advance(LOCK + Duration::from_secs(1));
    assert!(two.sharing.begin("shop").await.unwrap());
    let held = tokio::time::timeout(Duration::from_mins(5), one.sharing.hold("shop"));
    assert!(held.await.is_ok());
}

#[tokio::test]
async fn a_node_whose_disk_takes_nothing_has_what_the_others_have() {
    let store = store(&ManualClock::new());
    let [one, two] = [(); 2].map(|()| node(&store, "both"));
    one.keep("first", 1);
    one.pulled().await;
    // Where it would be written first stands a folder.
    let new = two.storage.path(&format!(".{}.new", two.group.pem()));
    std::fs::create_dir(&new).unwrap();
    assert_eq!(two.pulled().await.as_deref(), Some("first"));
    // The record does not come to stand there without the certificate.
    assert!(!two.storage.path(&two.group.record()).exists());
    assert_eq!(two.pulled().await.as_deref(), Some("first"));
    std::fs::remove_dir(&new).unwrap();
    two.storage.write_all().unwrap();
    assert!(two.storage.path(&two.group.record()).is_file());
}
