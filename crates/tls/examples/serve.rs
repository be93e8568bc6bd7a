//! Answers every request over TLS with one line, for trying `curl`, `openssl` and `testssl` on it:
//!
//! ```text
//! cargo run -p panoply-tls --example serve -- 127.0.0.1:8443 state [modern]
//! curl --cacert state/ca.pem https://localhost:8443/
//! ```

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use panoply_core::SystemClock;
use panoply_tls::{Profile, TlsConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nhello\n";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:8443".to_owned());
    let state = PathBuf::from(arguments.next().unwrap_or("panoply-state".to_owned()));
    let profile = arguments
        .next()
        .map_or(Ok(Profile::default()), |word| word.parse())?;

    let config = TlsConfig::new().profile(profile);
    let tls = config.build(&state, Arc::new(SystemClock::new()))?;
    let tls = tls.ok_or("TLS is off")?;
    // This example speaks no HTTP/2.
    let mut settings = (*tls.server_config()).clone();
    settings.alpn_protocols.retain(|name| name != b"h2");
    let acceptor = TlsAcceptor::from(Arc::new(settings));
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        // A client that breaks off is its own affair.
        tokio::spawn(answer(acceptor.clone(), stream));
    }
}

async fn answer(acceptor: TlsAcceptor, stream: TcpStream) -> std::io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let mut request = [0; 4096];
    let _ = stream.read(&mut request).await?;
    stream.write_all(ANSWER).await?;
    stream.shutdown().await
}
