use axum::Router;
use axum::extract::{Form, Query};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde::{Deserialize, Serialize};
use tower_sessions::{MemoryStore, Session, SessionManagerLayer};

#[tokio::main]
async fn main() {
    let sessions = SessionManagerLayer::new(MemoryStore::default()) // !! session/memory-store cookie/no-expiry
        .with_secure(false) // !! cookie/no-secure
        .with_http_only(false) // !! cookie/httponly-disabled
        .with_path("app") // ?? cookie/relative-path
        .with_domain("example.com"); // ?? cookie/broad-domain
    let app = Router::new() // !! headers/helmet-missing
        .route("/", get(home))
        .route("/login", post(login)) // !! auth/no-rate-limit
        .route("/go", get(go))
        .layer(sessions);
    let listener = tokio::net::TcpListener::bind("0.0.0.0:3000").await.unwrap();
    axum::serve(listener, app).await.unwrap(); // ?? tls/plain-http-server
}

async fn home() -> &'static str {
    "ok"
}

#[derive(Deserialize)]
struct Credentials {
    name: String,
    password: String,
}

#[derive(Serialize)]
struct Claims {
    sub: String,
}

async fn login(session: Session, jar: CookieJar, Form(form): Form<Credentials>) -> impl IntoResponse {
    let ok = std::env::var("PASSWORD").is_ok_and(|password| password == form.password);
    session.insert("user", ok).await.ok();
    let key = EncodingKey::from_secret(b"correct horse battery staple"); // !! secrets/hardcoded
    let token = encode(&Header::default(), &Claims { sub: form.name }, &key).unwrap_or_default();
    let jar = jar.add(Cookie::new("token", token)); // !! cookie/no-secure cookie/httponly-disabled cookie/no-samesite // ?? cookie/no-expiry
    let lang = Cookie::build(("refresh_token", "r")).secure(true).http_only(true).same_site(SameSite::Lax).permanent(); // ok cookie/no-secure cookie/httponly-disabled cookie/no-samesite cookie/no-expiry
    (jar.add(lang), "ok")
}

#[derive(Deserialize)]
struct Target {
    next: String,
}

async fn go(Query(target): Query<Target>) -> Redirect {
    Redirect::to(&target.next) // !! redirect/open
}
