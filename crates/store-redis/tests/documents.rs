//! The texts of connect-redis, on a real server.

mod server;

use std::time::Duration;

use panoply_core::SessionDocuments as _;

use server::Server;

#[tokio::test]
async fn texts_are_swapped() {
    let server = Server::start().await;
    let documents = server.store().await.documents("sess:");
    let hour = Duration::from_hours(1);
    assert_eq!(documents.read("a").await.unwrap(), None);
    assert!(
        !documents
            .swap("a", Some("x"), Some(("y", hour)))
            .await
            .unwrap()
    );
    assert!(documents.swap("a", None, Some(("{}", hour))).await.unwrap());
    assert!(!documents.swap("a", None, Some(("y", hour))).await.unwrap());
    assert!(
        documents
            .swap("a", Some("{}"), Some(("ü", hour)))
            .await
            .unwrap()
    );
    let found = documents.read("a").await.unwrap().unwrap();
    assert_eq!(found.text, "ü");
    let left = found.left.unwrap();
    assert!(left <= hour && left > hour / 2, "{left:?}");
    assert!(documents.touch("a", hour * 2).await.unwrap());
    assert!(documents.read("a").await.unwrap().unwrap().left.unwrap() > hour);
    assert!(documents.swap("a", Some("ü"), None).await.unwrap());
    assert!(!documents.touch("a", hour).await.unwrap());
    assert!(
        documents.swap("b", None, Some(("", hour))).await.unwrap(),
        "empty is something"
    );
    assert!(!documents.swap("b", None, Some(("z", hour))).await.unwrap());
    assert!(documents.remove("b").await.unwrap() && !documents.remove("b").await.unwrap());
}
