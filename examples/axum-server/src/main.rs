//! An axum app that is its own gateway: TLS, the whole suit, the admin page, and a new version of it without a lost
//! request, in one program.

use std::sync::Arc;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use panoply::client::ClientExtractor;
use panoply::headers::CspNonce;
use panoply::sessions::{Error, LoggedIn};
use panoply::{Session, SessionConfig};
use panoply_gateway::Server;
use panoply_store_memory::MemorySessionStore;

#[derive(serde::Deserialize)]
struct Login {
    username: String,
    password: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // All that stands around it is in panoply.toml.
    Ok(Server::new(app()?).serve().await?)
}

fn app() -> Result<Router, Box<dyn std::error::Error>> {
    let sessions = SessionConfig::new().build(Arc::new(MemorySessionStore::default()))?;
    Ok(Router::new()
        .route("/", get(page))
        .route("/ip", get(ip))
        .route("/login", post(login))
        .route("/account", get(account))
        .route("/echo", get(echo))
        .layer(sessions.layer()))
}

async fn page(CspNonce(nonce): CspNonce) -> Html<String> {
    let nonce = nonce.as_str();
    Html(format!(
        "<!doctype html><html lang=en><title>Its own gateway</title><p id=seen>No script ran.</p>\
         <form method=post action=/login><input name=username aria-label=Name>\
         <input name=password type=password aria-label=Password><button>Log in</button></form>\
         <script nonce=\"{nonce}\">seen.textContent = 'This script may run.'</script></html>\n"
    ))
}

async fn ip(client: ClientExtractor) -> String {
    format!("{}\n", client.ip())
}

/// The guard has counted the attempt before it is here, and settles it by the answer: 401 fails, a redirect succeeds.
async fn login(session: Session, Form(form): Form<Login>) -> Result<Response, Error> {
    if !(form.username == "ada" && form.password == "lovelace") {
        return Ok((StatusCode::UNAUTHORIZED, "That is not it.\n").into_response());
    }
    session.login(&form.username).await?;
    Ok(Redirect::to("/account").into_response())
}

async fn account(LoggedIn(user): LoggedIn) -> String {
    format!("You are {user}.\n")
}

async fn echo(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |mut socket: WebSocket| {
        while let Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) = socket.recv().await
        {
            if socket.send(message).await.is_err() {
                return;
            }
        }
    })
}
