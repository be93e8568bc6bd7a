//! The list of blocks.

use std::net::IpAddr;

use panoply_core::{Action, Lock, Network, Op, Release, Subject};

use crate::Trial;

async fn block(trial: &Trial, name: &str, subject: Subject) {
    let rule = trial.rule(1, 100.0);
    let time = Some(trial.unit * 10);
    let op = Op::new(trial.key(name), &rule, Action::Block { time }).about(subject);
    assert!(trial.decide(&[op]).await.state().locked);
}

/// A lock is listed with its rule, whom it stands for, its count and its time, until it is over.
pub async fn lists_and_releases(trial: &Trial) {
    let client: IpAddr = "203.0.113.9".parse().unwrap();
    let rule = trial.rule(2, 100.0).lock(Lock::fixed(trial.unit * 2));
    let op = Op::reserve(trial.key("a"), &rule).about(Subject::Client(client));
    trial.decide(&[op]).await;
    assert!(trial.store.blocks(None, 100).await.unwrap().is_empty());
    let locked = trial.decide(&[op]).await;
    assert!(locked.state().just_locked);
    let listed = trial.store.blocks(None, 100).await.unwrap();
    assert_eq!(listed.len(), 1);
    let block = &listed[0];
    assert_eq!((block.key, block.count), (trial.key("a"), 2));
    assert_eq!(block.rule, "test/rule");
    assert_eq!(block.subject, Subject::Client(client));
    assert!(block.left.unwrap() <= trial.unit * 2);

    let release = Release::Id(block.id());
    assert_eq!(trial.store.release(release).await.unwrap(), 1);
    assert_eq!(trial.store.release(release).await.unwrap(), 0);
    assert_eq!(trial.count(trial.key("a"), &rule).await, 0);
    assert!(trial.reserve(trial.key("a"), &rule).await);
    trial.decide(&[op]).await;
    assert_eq!(trial.store.blocks(None, 100).await.unwrap().len(), 1);
    trial.pass(2.2).await;
    assert!(trial.store.blocks(None, 100).await.unwrap().is_empty());
}

/// All blocks of a client are released together, those of others stay.
pub async fn releases_by_client(trial: &Trial) {
    let one: IpAddr = "2001:db8:1:2::".parse().unwrap();
    let other: IpAddr = "203.0.113.9".parse().unwrap();
    block(trial, "a", Subject::Client(one)).await;
    block(trial, "b", Subject::UserFrom(one)).await;
    block(trial, "c", Subject::UserFrom(other)).await;
    block(trial, "d", Subject::User).await;
    block(trial, "e", Subject::Hidden).await;
    assert_eq!(trial.store.release(Release::Client(one)).await.unwrap(), 2);
    let left = trial.store.blocks(None, 100).await.unwrap();
    let mut subjects: Vec<String> = left
        .iter()
        .map(|block| format!("{:?}", block.subject))
        .collect();
    subjects.sort();
    assert_eq!(subjects, ["Hidden", "User", "UserFrom(203.0.113.9)"]);
}

/// A network is listed as it was blocked, and is none of the clients in it.
pub async fn networks(trial: &Trial) {
    let network = |text: &str| Subject::Network(Network::parse(text).unwrap());
    let all = [
        "203.0.113.0/24",
        "203.0.113.0/25",
        "10.0.0.0/8",
        "2001:db8::/32",
        "2001:db8::9/128",
    ];
    for text in all {
        block(trial, text, network(text)).await;
    }
    let lowest: IpAddr = "203.0.113.0".parse().unwrap();
    block(trial, "a", Subject::Client(lowest)).await;
    assert_eq!(
        trial.store.release(Release::Client(lowest)).await.unwrap(),
        1
    );
    let listed = trial.store.blocks(None, 100).await.unwrap();
    assert_eq!(listed.len(), all.len());
    for text in all {
        let block = listed.iter().find(|block| block.key == trial.key(text));
        let block = block.unwrap();
        assert_eq!(block.subject, network(text));
        let release = Release::Id(block.id());
        assert_eq!(trial.store.release(release).await.unwrap(), 1);
    }
    assert!(trial.store.blocks(None, 100).await.unwrap().is_empty());
}

/// A long list comes in pages that neither miss nor repeat one.
pub async fn pages(trial: &Trial) {
    for number in 0..25 {
        block(trial, &number.to_string(), Subject::User).await;
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = trial.store.blocks(after, 10).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 10);
        after = Some(last.id());
        seen.extend(page.iter().map(panoply_core::Block::id));
    }
    assert_eq!(seen.len(), 25);
    assert!(seen.is_sorted());
}
