//! A pooler that answers in the place of a server.

#![allow(clippy::unwrap_used, reason = "a test says no by panicking")]

use panoply_store_postgres::{Error, PostgresStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

#[tokio::test]
async fn a_pooler_that_takes_no_settings_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let pooler = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut length = [0; 4];
        stream.read_exact(&mut length).await.unwrap();
        let mut rest = vec![0; u32::from_be_bytes(length) as usize - 4];
        stream.read_exact(&mut rest).await.unwrap();
        // As PgBouncer 1.18 has it.
        let fields =
            b"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: options\0\0".as_slice();
        let mut said = vec![b'E'];
        said.extend(u32::try_from(fields.len() + 4).unwrap().to_be_bytes());
        said.extend(fields);
        stream.write_all(&said).await.unwrap();
    });
    let store = PostgresStore::builder(format!("postgres://panoply@127.0.0.1:{port}/p"));
    let error = store.connect().await.unwrap_err();
    assert!(matches!(error, Error::Pooler { .. }), "{error:?}");
    let said = error.to_string();
    assert!(
        said.contains("pool_mode = session") && said.contains("startup parameter"),
        "{said}"
    );
    pooler.await.unwrap();
}
