use actix_governor::{Governor, GovernorConfigBuilder};
use actix_session::config::PersistentSession;
use actix_session::storage::RedisSessionStore;
use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Key, SameSite};
use actix_web::middleware::DefaultHeaders;
use actix_web::{App, HttpResponse, HttpServer, Responder, web};
use serde::Deserialize;

#[derive(Deserialize)]
struct Credentials {
    name: String,
    password: String,
}

async fn login(session: Session, form: web::Form<Credentials>) -> impl Responder {
    if std::env::var("PASSWORD").ok().as_ref() != Some(&form.password) {
        return HttpResponse::Unauthorized().finish();
    }
    session.renew();
    let _ = session.insert("user", &form.name);
    HttpResponse::SeeOther().insert_header(("Location", "/")).finish() // ok redirect/open
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = Key::from(std::env::var("SESSION_KEY")?.as_bytes()); // ok secrets/hardcoded
    let store = RedisSessionStore::new(std::env::var("REDIS_URL")?).await?;
    let limit = GovernorConfigBuilder::default().seconds_per_request(10).burst_size(5).finish().ok_or("no limit")?;
    let tls = tls()?;
    HttpServer::new(move || {
        let sessions = SessionMiddleware::builder(store.clone(), key.clone()) // ok session/memory-store session/default-name cookie/no-secure cookie/httponly-disabled cookie/no-expiry
            .cookie_name("id".into())
            .cookie_same_site(SameSite::Strict) // ok cookie/no-samesite
            .session_lifecycle(PersistentSession::default().session_ttl(Duration::hours(1)))
            .build();
        let headers = DefaultHeaders::new()
            .add(("Content-Security-Policy", "default-src 'self'"))
            .add(("Strict-Transport-Security", "max-age=31536000; includeSubDomains"))
            .add(("X-Content-Type-Options", "nosniff"))
            .add(("X-Frame-Options", "SAMEORIGIN"))
            .add(("Referrer-Policy", "no-referrer"));
        App::new() // ok headers/helmet-missing
            .wrap(sessions)
            .wrap(headers)
            .service(web::resource("/login").wrap(Governor::new(&limit)).route(web::post().to(login))) // ?? auth/limiter-ip-only // ok auth/no-rate-limit
    })
    .bind_rustls_0_23(("0.0.0.0", 443), tls)? // ok tls/plain-http-server
    .run()
    .await?;
    Ok(())
}

fn tls() -> Result<rustls::ServerConfig, Box<dyn std::error::Error>> {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let chain = CertificateDer::pem_file_iter("cert.pem")?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file("key.pem")?;
    Ok(rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?)
}
