use std::net::SocketAddr;

use axum::Router;
use axum::routing::{get, post};
use panoply::limits::LoginVerdict;
use panoply::{ClientConfig, LoginConfig, Panoply};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let suit = Panoply::recommended() // ok session/memory-store cookie/no-secure
        .client(ClientConfig::new().trusted_proxies(["loopback"])) // ok proxy/trust-all
        .logins([LoginConfig::route("/login").username("username")])
        .build()?;
    let app = Router::new() // ok headers/helmet-missing
        .route("/", get(|| async { "ok" }))
        .route("/login", post(login)) // ok auth/no-rate-limit auth/limiter-ip-only
        .layer(suit);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?; // ok tls/plain-http-server
    Ok(())
}

async fn login(verdict: LoginVerdict, form: String) -> &'static str {
    if std::env::var("FORM").is_ok_and(|expected| expected == form) {
        verdict.succeeded();
        return "welcome";
    }
    verdict.failed();
    "no"
}
