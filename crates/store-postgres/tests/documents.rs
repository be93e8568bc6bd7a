//! The table of connect-pg-simple, on a real server.

mod server;

use std::time::Duration;

use panoply_core::SessionDocuments as _;

#[tokio::test]
async fn texts_are_swapped_whatever_the_time_zone() {
    let own = server::start().await;
    own.sql("create table \"session\" (sid varchar not null primary key, sess json not null, expire timestamp(6) not null)");
    let hour = Duration::from_hours(1);
    let store = server::store(&own).await;
    assert!(store.documents("a;drop").is_err() && store.documents("a.b.c").is_err());
    for zone in ["UTC", "America/New_York", "Asia/Kolkata"] {
        own.sql(&format!("alter role all set timezone to '{zone}'"));
        let documents = server::store(&own)
            .await
            .documents("public.session")
            .unwrap();
        let id = format!("a-{}", zone.len());
        let id = id.as_str();
        assert_eq!(documents.read(id).await.unwrap(), None);
        assert!(
            !documents
                .swap(id, Some("{}"), Some(("[]", hour)))
                .await
                .unwrap()
        );
        assert!(
            documents
                .swap(id, None, Some(("{ \"a\" : 1 }", hour)))
                .await
                .unwrap()
        );
        assert!(!documents.swap(id, None, Some(("{}", hour))).await.unwrap());
        let found = documents.read(id).await.unwrap().unwrap();
        assert_eq!(found.text, "{ \"a\" : 1 }", "to the letter");
        assert!(
            found.left.unwrap() <= hour && found.left.unwrap() > hour / 2,
            "{zone}"
        );
        // As connect-pg-simple asks.
        let theirs = format!(
            "select count(*) from session where sid = '{id}' and expire >= to_timestamp(extract(epoch from now()))"
        );
        assert_eq!(own.sql(&theirs).trim(), "1", "{zone}");
        assert!(
            documents
                .swap(id, Some(&found.text), Some(("{\"ü\":2}", hour)))
                .await
                .unwrap()
        );
        assert!(documents.touch(id, hour * 2).await.unwrap());
        assert!(documents.read(id).await.unwrap().unwrap().left.unwrap() > hour);
        assert!(documents.touch(id, Duration::ZERO).await.unwrap());
        assert_eq!(documents.read(id).await.unwrap(), None, "it is over");
        assert!(!documents.touch(id, hour).await.unwrap());
        assert!(
            documents.swap(id, None, Some(("{}", hour))).await.unwrap(),
            "made again"
        );
        assert!(!documents.swap(id, Some("[]"), None).await.unwrap());
        assert!(documents.swap(id, Some("{}"), None).await.unwrap());
        assert!(!documents.remove(id).await.unwrap());
    }
}
