//! The same app of axum's, bare and dressed: a page that reads a value of its session where there is
//! one, and a login. All that dresses it is one layer to axum, which boxes the service once for each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::{get, post};
use axum_helmet::Helmet;
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use panoply::client::ClientLayer;
use panoply::headers::Headers;
use panoply::{
    ClientConfig, CookieGuardConfig, KeyRing, LimitConfig, LoginConfig, Panoply, Session, Sessions,
};
use panoply_store_memory::MemorySessionStore;
use tower::{Service as _, ServiceBuilder};
use tower_governor::GovernorLayer;
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::key_extractor::SmartIpKeyExtractor;
use tower_sessions::{MemoryStore, Session as TowerSession, SessionManagerLayer};

use crate::grow::routes::limits_of;
use crate::paths::at_once;

/// How the app is dressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dress {
    /// Not at all.
    Bare,
    /// By the headers alone that an answer of [`Dress::Suit`] has, made before: nothing is decided.
    Sent,
    /// By Panoply: headers, client address, request limit, login guard, cross-site guard, cookie
    /// guard, sessions in memory.
    Suit,
    /// By those of Panoply's layers that do what the peers do: headers, client address, request limit,
    /// sessions in memory.
    Parts,
    /// By sessions in memory alone: all else does `panoply_gateway::Server`.
    Served,
    /// By crates that each do a part: headers, request limit, sessions in memory.
    Peers,
}

impl Dress {
    /// The one of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "bare" => Some(Self::Bare),
            "sent" => Some(Self::Sent),
            "suit" => Some(Self::Suit),
            "served" => Some(Self::Served),
            "parts" => Some(Self::Parts),
            "peers" => Some(Self::Peers),
            _ => None,
        }
    }

    /// The service.
    pub(crate) fn service(self) -> Result<Router> {
        match self {
            Self::Bare => Ok(bare()),
            Self::Sent => sent(),
            Self::Suit => suit(Points::Plenty),
            Self::Parts => parts(),
            Self::Served => {
                let sessions = Sessions::server_side(Arc::new(MemorySessionStore::default()))?;
                Ok(reading().layer(sessions.layer()))
            }
            Self::Peers => peers(),
        }
    }
}

/// How much a client may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Points {
    /// More than is measured.
    Plenty,
    /// One request an hour.
    One,
}

const PAGE: &str = match std::str::from_utf8(&[b'x'; 1024]) {
    Ok(page) => page,
    Err(_) => "",
};

async fn login() -> StatusCode {
    StatusCode::UNAUTHORIZED
}

fn bare() -> Router {
    let page = get(async || PAGE);
    Router::new().route("/", page).route("/login", post(login))
}

/// The app, with the headers of an answer of the suit on each of its own.
fn sent() -> Result<Router> {
    let mut suit = suit(Points::Plenty)?;
    let answer = at_once(suit.call(Request::new(Body::empty()))).context("it waits")?;
    let Ok(answer) = answer;
    let mut headers = answer.headers().clone();
    headers.remove(CONTENT_LENGTH);
    Ok(bare().layer(axum::middleware::map_response(
        move |mut answer: Response| {
            let headers = headers.iter();
            for (name, value) in headers {
                answer.headers_mut().insert(name, value.clone());
            }
            async { answer }
        },
    )))
}

/// The app in the whole suit.
pub(crate) fn suit(points: Points) -> Result<Router> {
    let most = match points {
        Points::Plenty => u32::MAX,
        Points::One => 1,
    };
    let limit = LimitConfig::new(most, Duration::from_hours(1));
    let sessions = Sessions::server_side(Arc::new(MemorySessionStore::default()))?;
    let suit = Panoply::recommended()
        .client(ClientConfig::new().trusted_proxies(["loopback"]))
        .limits([limit])
        .logins([LoginConfig::route("/login").username("username")])
        .cookies(CookieGuardConfig::new(), KeyRing::random()?, "shop.example")
        .build()?;
    let layers = ServiceBuilder::new().layer(suit).layer(sessions.layer());
    Ok(reading().layer(layers))
}

/// A page that reads its session, one that makes it, and a login.
fn reading() -> Router {
    let page = async |session: Session| match session.get::<u64>("views").await {
        Ok(Some(_)) => Ok(PAGE),
        _ => Err(StatusCode::IM_A_TEAPOT),
    };
    let make = async |session: Session| match session.insert("views", &1).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::IM_A_TEAPOT,
    };
    Router::new()
        .route("/", get(page))
        .route("/make", get(make))
        .route("/login", post(login))
}

fn parts() -> Result<Router> {
    let sessions = Sessions::server_side(Arc::new(MemorySessionStore::default()))?;
    let client = ClientConfig::new().trusted_proxies(["loopback"]);
    let headers = Headers::helmet().build()?;
    let layers = ServiceBuilder::new()
        .layer(headers.layer())
        .layer(ClientLayer::new(client.build()?))
        .layer(limits_of(1)?)
        .layer(sessions.layer());
    Ok(reading().layer(layers))
}

fn peers() -> Result<Router> {
    let page = async |request: Request| {
        let session = request.extensions().get::<TowerSession>();
        match session.context("no session")?.get::<u64>("views").await {
            Ok(Some(_)) => Ok(PAGE),
            _ => anyhow::bail!("no value"),
        }
    };
    let page =
        async move |request: Request| page(request).await.map_err(|_| StatusCode::IM_A_TEAPOT);
    let make = async |request: Request| {
        let session = request.extensions().get::<TowerSession>();
        match session {
            Some(session) if session.insert("views", 1).await.is_ok() => StatusCode::NO_CONTENT,
            _ => StatusCode::IM_A_TEAPOT,
        }
    };
    let sessions = SessionManagerLayer::new(MemoryStore::default());
    let limit = GovernorConfigBuilder::default()
        .per_nanosecond(1)
        .burst_size(u32::MAX)
        .key_extractor(SmartIpKeyExtractor)
        .use_headers()
        .finish();
    let headers = Helmet::default().into_layer().context("axum-helmet")?;
    let layers = ServiceBuilder::new()
        .layer(headers)
        .layer(GovernorLayer::new(limit.context("tower_governor")?))
        .layer(sessions);
    Ok(Router::new()
        .route("/", get(page))
        .route("/make", get(make))
        .route("/login", post(login))
        .layer(layers))
}

/// The service as it is served, with the client's address.
pub(crate) fn connected(
    service: Router,
) -> axum::extract::connect_info::IntoMakeServiceWithConnectInfo<Router, SocketAddr> {
    service.into_make_service_with_connect_info::<SocketAddr>()
}
