use actix_session::storage::CookieSessionStore;
use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::{Cookie, Key, SameSite};
use actix_web::{App, HttpResponse, HttpServer, Responder, get, post, web};
use serde::Deserialize;

const KEY: &[u8; 64] = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"; // ?? secrets/hardcoded

#[derive(Deserialize)]
struct Credentials {
    name: String,
    password: String,
}

#[derive(Deserialize)]
struct Target {
    next: String,
}

#[post("/login")]
async fn login(session: Session, form: web::Form<Credentials>) -> impl Responder { // !! auth/no-rate-limit
    if std::env::var("PASSWORD").ok().as_ref() != Some(&form.password) {
        return HttpResponse::Unauthorized().finish();
    }
    let _ = session.insert("user", &form.name);
    let remember = Cookie::build("remember_me", form.name.clone()).secure(false).http_only(true).same_site(SameSite::Lax).finish(); // !! cookie/no-secure // ?? cookie/no-expiry
    HttpResponse::Ok().cookie(remember).finish()
}

#[get("/go")]
async fn go(target: web::Query<Target>) -> impl Responder {
    HttpResponse::Found().insert_header(("Location", target.next.clone())).finish() // !! redirect/open
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    HttpServer::new(|| {
        let sessions = SessionMiddleware::builder(CookieSessionStore::default(), Key::from(KEY)) // !! secrets/hardcoded // ok session/memory-store session/cookie-session-sensitive // ?? cookie/no-expiry
            .cookie_secure(false) // !! cookie/no-secure
            .cookie_http_only(false) // !! cookie/httponly-disabled
            .build();
        App::new().wrap(sessions).service(login).service(go) // !! headers/helmet-missing
    })
    .bind(("0.0.0.0", 8080))? // ?? tls/plain-http-server
    .run()
    .await
}
