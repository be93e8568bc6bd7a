//! A shop whose cart has moved from Express to axum. Everything else goes on to Express, and who is
//! logged in there is logged in here.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use panoply_cookies::{ExpressSecret, ExpressSecrets};
use panoply_core::SessionDocuments;
use panoply_sessions::{CookieConfig, Error as SessionError, Session, SessionConfig, Sessions};
use panoply_store_postgres::PostgresStore;
use panoply_store_redis::RedisStore;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Where everything goes that has not moved.
#[derive(Debug, Clone)]
struct Express {
    client: Client<HttpConnector, Body>,
    origin: Arc<str>,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let set =
        |name: &str, otherwise: &str| std::env::var(name).unwrap_or_else(|_| otherwise.into());
    let store = set("STORE", "redis://127.0.0.1:6379");
    let sessions = sessions(
        &set("SECRETS", "keyboard cat"),
        std::env::var("MAX_AGE")
            .ok()
            .map(|age| age.parse())
            .transpose()?,
        documents(&store).await?,
    )?;
    let express = Express {
        client: Client::builder(TokioExecutor::new()).build_http(),
        origin: set("EXPRESS", "http://127.0.0.1:3001").into(),
    };
    let app = Router::new()
        .route("/cart", post(add_to_cart))
        .route("/rust/account", get(account))
        .route("/rust/login", post(log_in))
        .route("/rust/logout", post(log_out))
        .layer(sessions.layer())
        // Not in the layer: Express looks after its own sessions.
        .fallback(to_express)
        .with_state(express);
    let port = set("PORT", "3000").parse()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    announce(&listener)?;
    Ok(axum::serve(listener, app).await?)
}

/// The sessions that Express has, by its own options.
fn sessions(
    secrets: &str,
    max_age: Option<u64>,
    documents: Arc<dyn SessionDocuments>,
) -> Result<Sessions, SessionError> {
    let secrets = secrets.split(',').map(ExpressSecret::danger_of_any_length);
    let mut cookie = CookieConfig::express();
    if let Some(millis) = max_age {
        cookie = cookie.max_age(Duration::from_millis(millis));
    }
    let config = SessionConfig::new().cookie(cookie);
    config.build_express(ExpressSecrets::new(secrets), documents)
}

/// Where connect-redis or connect-pg-simple keeps them.
async fn documents(url: &str) -> Result<Arc<dyn SessionDocuments>, Error> {
    if url.starts_with("redis") {
        let store = RedisStore::builder(url).connect().await?;
        return Ok(Arc::new(store.documents("sess:")));
    }
    let store = PostgresStore::builder(url).connect().await?;
    Ok(Arc::new(store.documents("session")?))
}

#[derive(Debug, Deserialize)]
struct Add {
    add: String,
}

/// The route that has moved: two at once both end up in the cart, which they did not in Express.
async fn add_to_cart(
    session: Session,
    Query(Add { add }): Query<Add>,
) -> Result<Response, SessionError> {
    if session.get::<String>("user").await?.is_none() {
        return Ok((StatusCode::UNAUTHORIZED, "Log in first.\n").into_response());
    }
    session
        .update("cart", |cart: Option<Vec<String>>| {
            let mut cart = cart.unwrap_or_default();
            cart.push(add.clone());
            cart
        })
        .await?;
    Ok(Redirect::to("/").into_response())
}

async fn account(session: Session) -> Result<Json<Value>, SessionError> {
    Ok(Json(json!({
        "user": session.get::<String>("user").await?,
        "cart": session.get::<Vec<String>>("cart").await?.unwrap_or_default(),
        "theme": session.get::<String>("theme").await?,
    })))
}

async fn log_in(session: Session) -> Result<Redirect, SessionError> {
    session.cycle_id().await?;
    session.insert("user", "grace").await?;
    Ok(Redirect::to("/"))
}

async fn log_out(session: Session) -> Result<Redirect, SessionError> {
    session.logout().await?;
    Ok(Redirect::to("/"))
}

async fn to_express(State(express): State<Express>, mut request: Request) -> Response {
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let Ok(uri) = format!("{}{path}", express.origin).parse::<Uri>() else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    *request.uri_mut() = uri;
    request.headers_mut().remove(header::CONNECTION);
    match express.client.request(request).await {
        Ok(answer) => answer.into_response(),
        Err(_) => (StatusCode::BAD_GATEWAY, "The shop is closed.\n").into_response(),
    }
}

#[expect(clippy::print_stdout, reason = "says where it is")]
fn announce(listener: &TcpListener) -> std::io::Result<()> {
    println!("http://{}", listener.local_addr()?);
    Ok(())
}
