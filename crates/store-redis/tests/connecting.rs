//! Connecting: what is refused and what is said, passwords, TLS, replicas, clusters.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says no by panicking"
)]

mod server;

use std::time::Duration;

use panoply_core::{Action, CounterKey, CounterStore, Op, Rule, StoreError};
use panoply_store_redis::{Error, RedisStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use server::{Server, free_port};

fn rule() -> Rule {
    Rule::new("r", 10, Duration::from_hours(1))
}

async fn reserve(store: &RedisStore) -> Result<bool, StoreError> {
    let rule = rule();
    let op = [Op::reserve(CounterKey::from_bits(7 << 90), &rule)];
    Ok(store.decide(&op).await?.is_granted())
}

async fn refused(url: String) -> (Error, String) {
    let builder = RedisStore::builder(url).connect_timeout(Duration::from_secs(20));
    assert!(!format!("{builder:?}").contains("hunter2"));
    let error = builder.connect().await.unwrap_err();
    let mut said = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        said = format!("{said}: {cause}");
        source = cause.source();
    }
    assert!(!format!("{said} {error:?}").contains("hunter2"), "{said}");
    (error, said)
}

async fn tell(server: &Server, words: &[&str]) {
    let mut look = server.look().await;
    let mut cmd = redis::cmd(words[0]);
    let _: redis::Value = cmd.arg(&words[1..]).query_async(&mut look).await.unwrap();
}

#[tokio::test]
async fn nobody_there() {
    let url = format!("redis://:hunter2@127.0.0.1:{}", free_port());
    let (error, said) = refused(url).await;
    assert!(matches!(error, Error::Unreachable { .. }), "{said}");
    assert!(
        said.contains("cannot be reached") && said.contains("store.url"),
        "{said}"
    );
    let (error, said) = refused("unix:///nowhere/redis.sock?pass=hunter2".to_owned()).await;
    assert!(matches!(error, Error::Unreachable { .. }), "{said}");
}

#[tokio::test]
async fn somebody_who_says_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let timeout = Duration::from_millis(50);
    let connecting = RedisStore::builder(url).connect_timeout(timeout).connect();
    let error = connecting.await.unwrap_err();
    assert!(matches!(error, Error::Silent { .. }), "{error}");
}

#[tokio::test]
async fn the_password() {
    let server = Server::with(&["--requirepass", "s3cret@/:"]).await;
    let port = server.port();
    for url in [
        format!("redis://127.0.0.1:{port}"),
        format!("redis://:hunter2@127.0.0.1:{port}"),
        format!("redis://me:hunter2@127.0.0.1:{port}"),
    ] {
        let (error, said) = refused(url).await;
        assert!(matches!(error, Error::Password { .. }), "{said}");
        assert!(said.contains("redis://:password@host"), "{said}");
    }
    let url = format!("redis://:s3cret%40%2F%3A@127.0.0.1:{port}/3");
    let store = RedisStore::builder(url).connect().await.unwrap();
    assert!(reserve(&store).await.unwrap());
    assert!(!format!("{store:?}").contains("s3cret"));
}

#[tokio::test]
async fn a_user_who_may_not() {
    let server = Server::start().await;
    let all = "~{panoply}:* +@read +@write +@scripting +@connection +time +info";
    for (user, rights, may) in [
        ("whole", all.to_owned(), true),
        (
            "bare",
            "~{panoply}:* +@all -info -@dangerous".to_owned(),
            true,
        ),
        (
            "reader",
            "~{panoply}:* +@read +@scripting +@connection +time".to_owned(),
            false,
        ),
        ("stranger", "~other:* +@all".to_owned(), false),
        ("mute", "~* +@all -evalsha".to_owned(), false),
    ] {
        let mut words = vec!["ACL", "SETUSER", user, "on", ">hunter2"];
        words.extend(rights.split(' '));
        tell(&server, &words).await;
        let url = format!("redis://{user}:hunter2@127.0.0.1:{}", server.port());
        if may {
            let store = RedisStore::builder(url).connect().await.unwrap();
            assert!(reserve(&store).await.is_ok());
        } else {
            let (error, said) = refused(url).await;
            assert!(matches!(error, Error::Permission { .. }), "{user}: {said}");
            assert!(said.contains(all), "{said}");
        }
    }
}

#[tokio::test]
async fn a_replica() {
    let server = Server::with(&["--replicaof", "127.0.0.1 1"]).await;
    let (error, said) = refused(server.url()).await;
    // Without a copy of its primary it may also say that it is not in sync.
    assert!(matches!(error, Error::Replica { .. }), "{said}");
    assert!(said.contains("address of the primary"), "{said}");
}

/// What was the primary is a replica after a failover: the store comes back with the new primary.
#[tokio::test]
async fn a_failover_is_followed() {
    let server = Server::start().await;
    let store = server.store().await;
    assert!(reserve(&store).await.unwrap());
    tell(&server, &["REPLICAOF", "127.0.0.1", "1"]).await;
    assert!(reserve(&store).await.unwrap_err().is_transient());
    // It looks elsewhere: by the same address another may be in charge.
    for _ in 0..600 {
        if !store.is_connected() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!store.is_connected());
    tell(&server, &["REPLICAOF", "NO", "ONE"]).await;
    for _ in 0..600 {
        if reserve(&store).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the store does not come back");
}

#[tokio::test]
async fn a_server_that_is_too_old() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = Vec::with_capacity(4096);
        while !heard.ends_with(b"$4\r\nINFO\r\n") {
            // The driver says its name first, which old servers do not know.
            let before = heard.windows(7).filter(|word| word == b"SETINFO").count();
            stream.read_buf(&mut heard).await.unwrap();
            let after = heard.windows(7).filter(|word| word == b"SETINFO").count();
            for _ in before..after {
                stream.write_all(b"-ERR unknown\r\n").await.unwrap();
            }
        }
        let info = "# Server\r\nredis_version:5.0.14\r\n";
        let answer = format!("${}\r\n{info}\r\n", info.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
        let _ = stream.read_buf(&mut heard).await;
    });
    let (error, said) = refused(format!("redis://{address}")).await;
    assert!(matches!(error, Error::TooOld { .. }), "{said}");
    assert!(said.contains("is 5.0.14: version 6.2 or newer"), "{said}");
    server.abort();
}

#[tokio::test]
async fn somebody_who_speaks_otherwise() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let (_, said) = refused(format!("redis://{address}")).await;
    assert!(said.contains("redis at 127.0.0.1"), "{said}");
    server.abort();
}

#[tokio::test]
async fn a_prefix_that_will_not_do() {
    for prefix in ["", "a{b", "ä", &"x".repeat(65)] {
        let store = RedisStore::builder("redis://127.0.0.1:1")
            .prefix(prefix)
            .connect();
        assert!(
            matches!(store.await.unwrap_err(), Error::Prefix(_)),
            "{prefix}"
        );
    }
}

/// What the server cannot do for a decision is told as what somebody must act on, and nothing is
/// written.
#[tokio::test]
async fn no_memory_and_other_peoples_keys() {
    let server = Server::start().await;
    let store = server.store().await;
    tell(&server, &["CONFIG", "SET", "maxmemory", "1"]).await;
    let error = reserve(&store).await.unwrap_err();
    assert!(
        !error.is_transient() && error.to_string().contains("maxmemory"),
        "{error}"
    );
    tell(&server, &["CONFIG", "SET", "maxmemory", "0"]).await;
    let rule = rule();
    let key = CounterKey::from_bits(7 << 90);
    let look = [Op::new(key, &rule, Action::Get)];
    assert!(!store.decide(&look).await.unwrap().state().existed);

    let mut look = server.look().await;
    let name = [b"{panoply}:c".as_slice(), &key.to_bits().to_be_bytes()].concat();
    let mut push = redis::cmd("RPUSH");
    let _: () = push
        .arg(&name)
        .arg("x")
        .query_async(&mut look)
        .await
        .unwrap();
    // Another type under the name of a counter is no counter, and is written over.
    assert!(reserve(&store).await.unwrap());
    let mut push = redis::cmd("RPUSH");
    push.arg("{panoply}:blocks").arg("x");
    let _: () = push.query_async(&mut look).await.unwrap();
    let error = store.blocks(None, 10).await.unwrap_err();
    assert!(
        !error.is_transient() && error.to_string().contains("prefix"),
        "{error}"
    );
}

/// All keys of all decisions are in one slot, which is what a cluster asks for.
#[tokio::test]
async fn a_cluster() {
    let server = Server::with(&["--cluster-enabled", "yes"]).await;
    let (_, said) = refused(server.url()).await;
    assert!(said.contains("will not do"), "{said}");
    tell(&server, &["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).await;
    let mut store = RedisStore::builder(server.url()).connect().await;
    for _ in 0..500 {
        if store.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        store = RedisStore::builder(server.url()).connect().await;
    }
    let store = store.unwrap();
    let rule = rule().lock(panoply_core::Lock::fixed(Duration::from_mins(1)));
    let client = panoply_core::Subject::Client("203.0.113.9".parse().unwrap());
    let keys: Vec<CounterKey> = (1..=8)
        .map(|bits| CounterKey::from_bits(bits << 120))
        .collect();
    let member = Some(CounterKey::from_bits(99));
    let ops: Vec<Op<'_>> = keys
        .iter()
        .map(|&key| {
            Op::new(
                key,
                &rule,
                Action::Consume {
                    points: 11,
                    window: None,
                },
            )
            .about(client)
        })
        .chain([Op::new(
            CounterKey::from_bits(98),
            &rule,
            Action::Reserve { cost: 1, member },
        )])
        .collect();
    assert!(store.decide(&ops).await.unwrap().states()[7].just_locked);
    assert_eq!(store.blocks(None, 10).await.unwrap().len(), 8);
    let release = panoply_core::Release::Client("203.0.113.9".parse().unwrap());
    assert_eq!(store.release(release).await.unwrap(), 8);
}

#[tokio::test]
async fn a_server_that_may_forget_says_so_whenever_it_is_asked() {
    let server = Server::start().await;
    let store = RedisStore::builder(server.url()).connect().await.unwrap();
    assert_eq!(store.evicts().await.unwrap(), None);
    tell(&server, &["CONFIG", "SET", "maxmemory", "100mb"]).await;
    assert_eq!(store.evicts().await.unwrap(), None, "it refuses then");
    let policy = ["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"];
    tell(&server, &policy).await;
    assert_eq!(
        store.evicts().await.unwrap().as_deref(),
        Some("allkeys-lru")
    );
    tell(&server, &["CONFIG", "SET", "maxmemory", "0"]).await;
    assert_eq!(store.evicts().await.unwrap(), None, "there is no end to it");
}

/// Of two nodes the other has the keys: the store goes there.
#[tokio::test]
async fn a_cluster_sends_on() {
    let options = ["--cluster-enabled", "yes"];
    let (here, there) = (Server::with(&options).await, Server::with(&options).await);
    tell(&there, &["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).await;
    tell(
        &here,
        &["CLUSTER", "MEET", "127.0.0.1", &there.port().to_string()],
    )
    .await;
    for _ in 0..1000 {
        if let Ok(store) = RedisStore::builder(here.url()).connect().await {
            assert!(reserve(&store).await.unwrap());
            let mut look = there.look().await;
            let size: usize = redis::cmd("DBSIZE").query_async(&mut look).await.unwrap();
            assert_eq!(size, 1);
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the nodes do not meet");
}

#[tokio::test]
async fn over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (folder.path().join("cert"), folder.path().join("key"));
    std::fs::write(&cert, own.cert.pem()).unwrap();
    std::fs::write(&key, own.signing_key.serialize_pem()).unwrap();
    let port = free_port();
    let server = Server::with(&[
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        cert.to_str().unwrap(),
        "--tls-key-file",
        key.to_str().unwrap(),
        "--tls-auth-clients",
        "no",
        "--requirepass",
        "hunter2",
    ])
    .await;
    let url = format!("rediss://:hunter2@localhost:{port}");
    let builder = || RedisStore::builder(url.clone());
    let store = builder().roots(own.cert.pem()).connect().await.unwrap();
    assert!(reserve(&store).await.unwrap());

    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let error = builder()
        .roots(other.cert.pem())
        .connect()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "{error}");
    assert!(error.to_string().contains("SSL_CERT_FILE"), "{error}");
    let error = builder()
        .roots("no certificate")
        .connect()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Roots { .. }), "{error}");
    // Another name than the certificate's.
    let url = format!("rediss://:hunter2@127.0.0.1:{port}");
    let connecting = RedisStore::builder(url).roots(own.cert.pem()).connect();
    assert!(matches!(connecting.await.unwrap_err(), Error::Tls { .. }));
    // TLS where there is none, and none where there is TLS.
    for url in [
        format!("rediss://:hunter2@localhost:{}", server.port()),
        format!("redis://:hunter2@localhost:{port}"),
    ] {
        let builder = RedisStore::builder(url).roots(own.cert.pem());
        // The one waits for what the other will never say.
        let connecting = builder
            .connect_timeout(Duration::from_millis(300))
            .connect();
        let error = connecting.await.unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
