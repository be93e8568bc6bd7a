mod cookies;
mod values;

use std::fs;
use std::path::Path;

use crate::finding::{Finding, Place};
use crate::options::Options;
use crate::project::Project;
use crate::report::Report;

const AXUM: &str = "[package]\nname = \"shop\"\n[dependencies]\naxum = \"0.8\"\naxum-extra = \"0.10\"\n\
    tower-sessions = \"0.14\"\ntower_governor = \"0.7\"\njsonwebtoken = \"9\"\npanoply = \"0.1\"\npanoply-gateway = \"0.1\"\n";
const ACTIX: &str = "[package]\nname = \"shop\"\n[dependencies]\nactix-web = \"4\"\nactix-session.workspace = true\nactix-governor = \"0.5\"\n";

fn look(files: &[(&str, &str)], options: &Options) -> Report {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    look_at(dir.path(), options)
}

fn look_at(dir: &Path, options: &Options) -> Report {
    let project = Project::open(dir).unwrap();
    let mut report = Report::new("shop");
    super::check(&project, options, &mut report);
    report.sort();
    report
}

fn tell(report: &Report) -> Vec<String> {
    let line = |finding: &Finding| match &finding.place {
        Place::Code(place) => place.position().0,
        _ => 0,
    };
    let tell = |finding: &Finding| {
        let Finding {
            rule,
            severity,
            confidence,
            ..
        } = finding;
        format!(
            "{}:{} {severity} {}",
            line(finding),
            rule.id,
            confidence.as_str()
        )
    };
    report.findings.iter().map(tell).collect()
}

/// What is said of an axum app of this source, without what does not matter here.
fn axum(source: &str, without: &[&str]) -> Vec<String> {
    let report = look(
        &[("Cargo.toml", AXUM), ("src/main.rs", source)],
        &Options::new(),
    );
    assert!(
        report
            .not_checked
            .iter()
            .all(|entry| !entry.reason.contains("not valid")),
        "{:?}",
        report.not_checked
    );
    let mut told = tell(&report);
    told.retain(|line| !without.iter().any(|rule| line.contains(rule)));
    told
}

fn actix(source: &str, without: &[&str]) -> Vec<String> {
    let report = look(
        &[("Cargo.toml", ACTIX), ("src/main.rs", source)],
        &Options::new(),
    );
    let mut told = tell(&report);
    told.retain(|line| !without.iter().any(|rule| line.contains(rule)));
    told
}

const HEADERS: [&str; 1] = ["headers/"];

#[test]
fn a_login_needs_a_limit_that_is_around_it() {
    let bare = "async fn main() {\n let app = Router::new()\n .route(\"/\", get(index))\n .route(\"/login\", post(login));\n axum::serve(l, app).await;\n}\nasync fn login() {}\nasync fn index() {}";
    assert_eq!(
        axum(bare, &[]),
        [
            "2:headers/helmet-missing high certain",
            "4:auth/no-rate-limit high likely"
        ]
    );
    let around = bare.replace(
        "post(login))",
        "post(login))\n .layer(GovernorLayer { config })",
    );
    assert_eq!(axum(&around, &HEADERS), [""; 0]);
    let of_route = bare.replace("post(login)", "post(login).layer(GovernorLayer { config })");
    assert_eq!(axum(&of_route, &HEADERS), [""; 0]);
    let late = bare.replace(
        " .route(\"/login\"",
        " .layer(GovernorLayer { config })\n .route(\"/login\"",
    );
    assert_eq!(
        axum(&late, &HEADERS),
        ["5:auth/limiter-too-late high certain"]
    );
    let suit = bare
        .replace("post(login))", "post(login))\n .layer(suit)")
        .replace(
            " let app",
            " let suit = Panoply::recommended().build()?; let app",
        );
    assert_eq!(axum(&suit, &[]), [""; 0]);
    let served = bare.replace("axum::serve(l, app)", "Server::new(app).serve()");
    assert_eq!(axum(&served, &[]), [""; 0]);
    let read = bare.replace("post(login)", "get(login)");
    assert_eq!(axum(&read, &HEADERS), [""; 0]);
}

#[test]
fn routers_are_followed_into_functions_and_prefixes() {
    let nested = "fn main() {\n let app = Router::new().nest(\"/api\", auth()).merge(pages());\n let app = app.layer(limit());\n axum::serve(l, app.into_make_service());\n}\n\
        fn auth() -> Router {\n Router::new().route(\"/login\", post(enter))\n}\n\
        fn pages() -> Router {\n Router::new().route(\"/\", get(home))\n}\n\
        fn limit() -> GovernorLayer {\n GovernorLayer { config: x() }\n}\nasync fn enter() {}";
    assert_eq!(axum(nested, &HEADERS), [""; 0]);
    let open = nested.replace(
        "app.layer(limit())",
        "app.layer(TraceLayer::new_for_http())",
    );
    assert_eq!(axum(&open, &HEADERS), ["7:auth/no-rate-limit high likely"]);
    let before = nested
        .replace("Router::new().nest", "Router::new().layer(limit()).nest")
        .replace("app.layer(limit())", "app");
    assert_eq!(
        axum(&before, &HEADERS),
        ["7:auth/limiter-too-late high certain"]
    );
    let unseen = nested.replace("app.layer(limit())", "app.layer(elsewhere::guard())");
    assert_eq!(
        axum(&unseen, &HEADERS),
        ["7:auth/no-rate-limit high possible"]
    );
    let built = nested.replace(
        "app.layer(limit())",
        "app.layer(ServiceBuilder::new().layer(TraceLayer::new_for_http()).layer(limit()))",
    );
    assert_eq!(axum(&built, &HEADERS), [""; 0]);
}

#[test]
fn a_router_may_be_handed_to_a_function() {
    let source = "fn main() {\n let app = add(Router::new()).layer(GovernorLayer { config });\n axum::serve(l, app);\n}\n\
        fn add(router: Router) -> Router {\n router.route(\"/login\", post(enter))\n}\nasync fn enter() {}";
    assert_eq!(axum(source, &HEADERS), [""; 0]);
    let open = source.replace(".layer(GovernorLayer { config })", "");
    assert_eq!(axum(&open, &HEADERS), ["6:auth/no-rate-limit high likely"]);
    // Nobody is seen who calls it.
    let alone = open.replace("add(Router::new())", "other()");
    assert_eq!(
        axum(&alone, &HEADERS),
        ["6:auth/no-rate-limit high possible"]
    );
}

#[test]
fn routes_may_be_described_above_their_functions() {
    let source = "async fn main() {\n let app = OpenApiRouter::new().routes(routes!(enter));\n axum::serve(l, app).await;\n}\n\
        #[utoipa::path(post, path = \"/login\", tag = \"a\")]\nasync fn enter() {}";
    assert_eq!(axum(source, &HEADERS), ["6:auth/no-rate-limit high likely"]);
    let read = source.replace("(post,", "(get,");
    assert_eq!(axum(&read, &HEADERS), [""; 0]);
    let later = source
        .replace("let app = ", "let app; if x { app = ")
        .replace(";\n axum", "; }\n axum");
    assert_eq!(axum(&later, &HEADERS), ["6:auth/no-rate-limit high likely"]);
}

#[test]
fn a_limit_may_be_a_function_or_in_the_handler() {
    let own = "async fn main() {\n let app = Router::new().route(\"/login\", post(login)).layer(middleware::from_fn(slow_down));\n axum::serve(l, app).await;\n}\nasync fn login() {}\nasync fn slow_down(r: Request, next: Next) -> Response { next.run(r).await }";
    assert_eq!(axum(own, &HEADERS), ["2:auth/no-rate-limit high likely"]);
    let files = [("Cargo.toml", AXUM), ("src/main.rs", own)];
    let named = look(&files, &Options::new().limiters(["slow_down".to_owned()]));
    assert!(tell(&named).iter().all(|line| !line.contains("auth/")));
    let inside = own.replace("{ next.run(r).await }", "{ if self.attempts.check() { return StatusCode::TOO_MANY_REQUESTS.into_response(); } next.run(r).await }");
    assert_eq!(axum(&inside, &HEADERS), [""; 0]);
    let size = own.replace("from_fn(slow_down)", "BodySizeLimiter::new(9)");
    assert_eq!(
        axum(&size, &HEADERS),
        ["2:auth/no-rate-limit high possible"]
    );
    let handler = own.replace("async fn login() {}", "async fn login(v: LoginVerdict) {}");
    assert_eq!(axum(&handler, &HEADERS), [""; 0]);
    let hidden = own
        .replace("\"/login\", post(login)", "\"/enter\", post(enter)")
        .replace(
            "async fn login() {}",
            "async fn enter() { argon.verify_password(a, b); }",
        );
    assert_eq!(
        axum(&hidden, &HEADERS),
        ["2:auth/no-rate-limit high possible"]
    );
}

#[test]
fn headers_are_around_what_comes_before_them() {
    let of = |layers: &str| {
        let source = format!(
            "async fn main() {{\n let app = Router::new(){layers};\n axum::serve(l, app).await;\n}}\nasync fn security(r: Request, next: Next) {{ let mut a = next.run(r).await; a.headers_mut().insert(CONTENT_SECURITY_POLICY, x); a.headers_mut().insert(\"X-Content-Type-Options\", y); a }}"
        );
        axum(&source, &[])
    };
    assert_eq!(
        of(".route(\"/\", get(a)).layer(HelmetLayer::default())"),
        [""; 0]
    );
    assert_eq!(
        of("\n.layer(HelmetLayer::default())\n.route(\"/\", get(a))"),
        ["4:headers/helmet-too-late high certain"]
    );
    assert_eq!(
        of(".route(\"/\", get(a)).layer(CorsLayer::permissive())"),
        ["2:headers/helmet-missing high certain"]
    );
    assert_eq!(
        of(".route(\"/\", get(a)).layer(other::layer())"),
        ["2:headers/helmet-missing high possible"]
    );
    assert_eq!(
        of(
            ".route(\"/\", get(a)).layer(SetResponseHeaderLayer::overriding(header::X_FRAME_OPTIONS, v))"
        ),
        ["2:headers/helmet-partial medium likely"]
    );
    assert_eq!(
        of(".route(\"/\", get(a)); let app = around(app)"),
        ["2:headers/helmet-missing high possible"]
    );
    assert_eq!(
        of(".route(\"/\", get(a)).layer(from_fn(security))"),
        [""; 0]
    );
}

#[test]
fn actix_is_read() {
    let source = "#[post(\"/login\")]\nasync fn login() {}\n\
        async fn main() {\n HttpServer::new(move || {\n App::new()\n .service(login)\n .wrap(SessionMiddleware::builder(CookieSessionStore::default(), Key::from(&[0; 64])).cookie_secure(false).build())\n })\n .bind(a)\n}";
    assert_eq!(
        actix(source, &[]),
        [
            "5:headers/helmet-missing high certain",
            "7:secrets/hardcoded high certain",
            "7:cookie/no-secure high certain",
            "2:auth/no-rate-limit high likely",
        ]
    );
    let right = "#[post(\"/login\")]\nasync fn login() {}\n\
        async fn main() {\n HttpServer::new(move || {\n App::new()\n .wrap(Governor::new(&conf))\n .wrap(DefaultHeaders::new().add((\"Content-Security-Policy\", p)).add((\"X-Content-Type-Options\", \"nosniff\")))\n .configure(routes)\n })\n}\n\
        fn routes(cfg: &mut web::ServiceConfig) {\n cfg.service(web::scope(\"/api\").service(login));\n cfg.route(\"/x\", web::get().to(x));\n}";
    assert_eq!(actix(right, &[]), [""; 0]);
    let open = right.replace(".wrap(Governor::new(&conf))", "");
    assert_eq!(actix(&open, &[]), ["2:auth/no-rate-limit high likely"]);
    for (methods, found) in [
        ("\"GET\", method = \"HEAD\"", 0),
        ("\"GET\", method = \"POST\"", 1),
    ] {
        let attribute = format!("#[route(\"/login\", method = {methods})]");
        let routed = open.replace("#[post(\"/login\")]", &attribute);
        assert_eq!(actix(&routed, &[]).len(), found, "{methods}");
    }
    let closure = open.replace(".configure(routes)", ".configure(|cfg| routes(cfg, x))");
    assert_eq!(actix(&closure, &[]), ["2:auth/no-rate-limit high likely"]);
    let resource = "fn main() { HttpServer::new(|| App::new()\n .service(web::resource(\"/login\")\n .route(web::post().to(enter)))) }\nasync fn enter() {}";
    assert_eq!(
        actix(resource, &HEADERS),
        ["3:auth/no-rate-limit high likely"]
    );
}

#[test]
fn keys_that_the_client_writes_are_found() {
    let smart = "fn f() {\n let c = GovernorConfigBuilder::default().key_extractor(SmartIpKeyExtractor).finish();\n}";
    assert_eq!(
        axum(smart, &[]),
        ["2:auth/limiter-spoofable-key high likely"]
    );
    let own = "impl KeyExtractor for Ip {\n type Key = String;\n fn extract<T>(&self, r: &Request<T>) -> Result<String, E> {\n Ok(r.headers().get(\"X-Forwarded-For\")?.to_str()?.into())\n }\n}";
    assert_eq!(axum(own, &[]), ["3:auth/limiter-spoofable-key high likely"]);
    let peer = own.replace(
        "r.headers().get(\"X-Forwarded-For\")?.to_str()?",
        "r.extensions().get::<Peer>()?",
    );
    assert_eq!(axum(&peer, &[]), [""; 0]);
}

#[test]
fn what_is_not_rust_is_said_and_the_rest_goes_on() {
    let files = [
        ("Cargo.toml", AXUM),
        (
            "src/main.rs",
            "fn f() { EncodingKey::from_secret(b\"x\"); }",
        ),
        ("src/b.rs", "fn ("),
    ];
    let report = look(&files, &Options::new());
    assert_eq!(tell(&report), ["1:secrets/hardcoded high certain"]);
    assert!(report.not_checked.iter().any(|entry| {
        entry
            .reason
            .contains("`src/b.rs` is not valid Rust in line 1")
    }));
    let deep = format!("fn f() {{ {}1{}; }}", "(".repeat(5000), ")".repeat(5000));
    let report = look(
        &[("Cargo.toml", AXUM), ("src/main.rs", &deep)],
        &Options::new(),
    );
    assert!(
        report
            .not_checked
            .iter()
            .any(|entry| entry.reason.contains("nested deeper"))
    );
}

/// The suit of the one is enough; the other is a route that has moved out of an app, without the
/// headers and limits which the gateway in front of that app gives.
#[test]
fn our_own_examples_are_told_rightly() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let suit = look_at(&examples.join("axum-suit"), &Options::new());
    assert_eq!(tell(&suit), [""; 0]);
    let moved = look_at(&examples.join("express-to-axum"), &Options::new());
    let mut rules: Vec<&str> = moved
        .findings
        .iter()
        .map(|finding| finding.rule.id)
        .collect();
    rules.sort_unstable();
    assert_eq!(rules, ["auth/no-rate-limit", "headers/helmet-missing"]);
}

#[test]
fn what_is_no_service_on_axum_or_actix_is_said_not_to_be_read() {
    let said = |files: &[(&str, &str)]| {
        let mut all = look(files, &Options::new()).not_checked;
        all.retain(|entry| entry.rule.id == "redirect/open");
        let all = all.into_iter().map(|entry| entry.reason);
        all.collect::<Vec<_>>()
    };
    let manifest = |dependency: &str| {
        format!("[package]\nname = \"shop\"\n[dependencies]\n{dependency} = \"1\"\n")
    };
    let main = ("src/main.rs", "fn main() {}");
    let of = |name: &str| {
        format!(
            "`Cargo.toml` asks for {name}; of services in Rust, those on axum and actix-web are read"
        )
    };
    for other in ["rocket", "warp", "poem", "hyper"] {
        let toml = manifest(other);
        assert_eq!(said(&[("Cargo.toml", &toml), main]), [of(other)]);
    }
    // With a sign of a service, but none that is read.
    let toml = "[package]\nname = \"shop\"\n[dependencies]\nwarp = \"1\"\ntower-http = \"1\"\n";
    assert_eq!(said(&[("Cargo.toml", toml), main]), [of("warp")]);
    let bare = manifest("serde");
    let nothing = "no service on axum or actix-web is there; in Rust, only such are read";
    assert_eq!(said(&[("Cargo.toml", &bare), main]), [nothing]);
    let none = [""; 0];
    // A part of an app in JavaScript; a client; one that is read.
    assert_eq!(
        said(&[("native/Cargo.toml", &bare), ("package.json", "{}")]),
        none
    );
    let client = manifest("hyper");
    let shop = [("Cargo.toml", AXUM), main, ("client/Cargo.toml", &client)];
    assert_eq!(said(&shop), none);
}
