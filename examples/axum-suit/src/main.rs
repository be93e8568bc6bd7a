//! An axum app that wears the suit: headers with a nonce, the client's address, a guarded
//! login, a record a request.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::response::Html;
use axum::routing::{get, post};
use panoply::client::ClientExtractor;
use panoply::headers::{CspNonce, Headers};
use panoply::limits::LoginVerdict;
use panoply::{ClientConfig, Panoply};
use tokio::net::TcpListener;

type Error = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    // Every exchange is an event at level `debug`; the suit asks nothing else of the app.
    tracing_subscriber::fmt()
        .with_env_filter("panoply::access=debug")
        .with_writer(std::io::stderr)
        .init();
    let port = match std::env::var("PORT") {
        Ok(port) => port.parse()?,
        Err(_) => 3000,
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    announce(listener.local_addr()?);
    // With the peer's address: without it nobody knows who is calling.
    let service = app()?.into_make_service_with_connect_info::<SocketAddr>();
    Ok(axum::serve(listener, service).await?)
}

fn app() -> Result<Router, Error> {
    let suit = Panoply::recommended()
        // Scripts run with our nonce only; `Headers::helmet()` asks less of an app.
        .headers(Headers::strict())
        // A proxy on this machine may say whom it speaks for; nobody else may.
        .client(ClientConfig::new().trusted_proxies(["loopback"]))
        .build()?;
    Ok(Router::new()
        .route("/", get(page))
        .route("/ip", get(ip))
        .route("/login", post(login))
        .layer(suit))
}

async fn page(CspNonce(nonce): CspNonce) -> Html<String> {
    let nonce = nonce.as_str();
    Html(format!(
        "<!doctype html><html lang=en><title>In the suit</title><p id=seen>No script ran.</p>\
         <script nonce=\"{nonce}\">seen.textContent = 'This script may run.'</script>\
         <script>seen.textContent = 'This one should not have.'</script></html>\n"
    ))
}

async fn ip(client: ClientExtractor) -> String {
    format!("{}\n", client.ip())
}

/// The suit has counted the attempt before it is here, and settles it by the answer: 401 fails, a
/// redirect succeeds. Where an answer does not tell, the handler says so.
async fn login(verdict: LoginVerdict, form: String) -> &'static str {
    if form.contains("password=open-sesame") {
        verdict.succeeded();
        return "Welcome.\n";
    }
    verdict.failed();
    "That is not it.\n"
}

#[expect(clippy::print_stdout, reason = "says where it is")]
fn announce(address: SocketAddr) {
    println!("http://{address}");
}
