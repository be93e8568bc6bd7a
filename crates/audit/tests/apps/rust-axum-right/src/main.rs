use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Query};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use axum_server::tls_rustls::RustlsConfig;
use serde::Deserialize;
use time::Duration;
use tower_governor::GovernorLayer;
use tower_governor::governor::GovernorConfigBuilder;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_sessions::cookie::SameSite;
use tower_sessions::{Expiry, Session, SessionManagerLayer};
use tower_sessions_redis_store::RedisStore;
use tower_sessions_redis_store::fred::prelude::{ClientLike, Config, Pool};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = Pool::new(Config::from_url(&std::env::var("REDIS_URL")?)?, None, None, None, 6)?;
    pool.init().await?;
    let sessions = SessionManagerLayer::new(RedisStore::new(pool)) // ok session/memory-store session/default-name cookie/no-secure cookie/httponly-disabled cookie/no-expiry
        .with_name("__Host-id")
        .with_same_site(SameSite::Lax) // ok cookie/no-samesite
        .with_path("/") // ok cookie/relative-path
        .with_expiry(Expiry::OnInactivity(Duration::hours(1)));
    let limit = GovernorConfigBuilder::default().per_second(60).burst_size(5).finish().ok_or("no limit")?;
    let logins = Router::new() // ok headers/helmet-missing
        .route("/login", post(login)) // ?? auth/limiter-ip-only // ok auth/no-rate-limit auth/limiter-too-late
        .layer(GovernorLayer::new(Arc::new(limit))); // ok auth/limiter-spoofable-key
    let app = Router::new() // ok headers/helmet-missing
        .route("/", get(home))
        .route("/go", get(go))
        .merge(logins)
        .layer(sessions)
        .layer(set(header::CONTENT_SECURITY_POLICY, "default-src 'self'"))
        .layer(set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains"))
        .layer(set(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(set(header::X_FRAME_OPTIONS, "SAMEORIGIN"))
        .layer(set(header::REFERRER_POLICY, "no-referrer"));
    let tls = RustlsConfig::from_pem_file("cert.pem", "key.pem").await?;
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    axum_server::bind_rustls(SocketAddr::from(([0, 0, 0, 0], 443)), tls).serve(service).await?; // ok tls/plain-http-server
    Ok(())
}

fn set(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}

async fn home() -> &'static str {
    "ok"
}

#[derive(Deserialize)]
struct Credentials {
    name: String,
    password: String,
}

async fn login(session: Session, Form(form): Form<Credentials>) -> impl IntoResponse {
    let ok = std::env::var("PASSWORD").is_ok_and(|password| password == form.password);
    if session.cycle_id().await.is_err() || !ok {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    session.insert("user", form.name).await.ok();
    Redirect::to("/").into_response() // ok redirect/open
}

#[derive(Deserialize)]
struct Target {
    item: u32,
}

async fn go(Query(target): Query<Target>) -> Redirect {
    Redirect::to(&format!("/items/{}", target.item)) // ok redirect/open
}
