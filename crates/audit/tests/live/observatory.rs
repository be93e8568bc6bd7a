//! MDN Observatory's own scanner and the audit look at the same servers, and have to say the same: each
//! test's result and points, the score and the grade.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use panoply_audit::{LiveOptions, live};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::generate::{HOSTS, Plan, Shows, Way};
use crate::support::node::{modules, node};
use crate::support::pki::{self, Pki};
use crate::support::site::Site;

/// How many servers there are; `OBSERVATORY_SERVERS` says otherwise.
fn servers() -> u64 {
    let more = std::env::var("OBSERVATORY_SERVERS").ok();
    more.map_or(160, |number| number.parse().unwrap())
}

const NAMES: [&str; 7] = [
    "localhost",
    "127.0.0.1",
    "www.shop.test",
    "shop.test",
    "a.known.test",
    "exact.test",
    "other.test",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_grade_is_the_observatorys_on_every_server() {
    let pki = Pki::new();
    let preload = pki.folder().join("preload.json");
    let listed = json!({
        "known.test": { "mode": "force-https", "includeSubDomains": true },
        "exact.test": { "mode": "force-https" },
        "other.test": { "mode": "none", "includeSubDomains": true },
    });
    std::fs::write(&preload, listed.to_string()).unwrap();
    let acceptors = acceptors(&pki);

    let mut sites = Vec::new();
    let mut hosts = Vec::new();
    for seed in 0..servers() {
        let plan = Arc::new(Plan::roll(seed));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = acceptors[&(plan.shows as u8)].clone();
        let tls = (plan.way != Way::HttpOnly).then_some(acceptor);
        let serving = Arc::clone(&plan);
        sites.push(Site::on(listener, tls, move |asked| {
            serving.answer(asked, port)
        }));
        hosts.push((format!("{}:{port}", plan.host), plan));
    }

    let names: Vec<&str> = hosts.iter().map(|(host, _)| host.as_str()).collect();
    let input = json!(names);
    let (ca, list) = (pki.file(), preload.clone());
    let scanned = tokio::task::spawn_blocking(move || {
        node("observatory.mjs", &[&modules("node"), &list], &ca, &input)
    });
    let scanned = scanned.await.unwrap();

    let mut options = LiveOptions::new().authority(pki.file()).preloaded(preload);
    for name in HOSTS.iter().chain(&["other.test", "localhost"]) {
        options = options.resolve(*name, Ipv4Addr::LOCALHOST.into());
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (at, (host, plan)) in hosts.iter().enumerate() {
        let ours = match live(&format!("https://{host}"), &options).await {
            Ok(report) => report.grade.map(|grade| {
                json!({ "grade": grade.letter, "score": grade.score, "tests": grade.tests })
            }),
            Err(_) => None,
        };
        let theirs = &scanned[at];
        for test in theirs["tests"].as_array().into_iter().flatten() {
            *seen
                .entry(test[1].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
        match (&ours, theirs.get("error")) {
            (None, Some(_)) => {}
            (Some(ours), None) if ours == theirs => {}
            _ => wrong.push(format!(
                "{}\n{plan:#?}",
                difference(at, ours.as_ref(), theirs)
            )),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ:\n{}",
        wrong.len(),
        hosts.len(),
        wrong.join("\n\n")
    );
    // That all agree says little unless much of what can come out did.
    assert!(
        seen.len() >= 60,
        "only {} results came up: {seen:#?}",
        seen.len()
    );
}

fn acceptors(pki: &Pki) -> BTreeMap<u8, TlsAcceptor> {
    let pairs = [
        (Shows::Good, pki.good(&NAMES)),
        (Shows::Expired, pki.leaf(&pki::expired(&NAMES))),
        (Shows::SelfSigned, pki::self_signed(&NAMES)),
        (Shows::WrongName, pki.good(&["elsewhere.test"])),
        (Shows::Incomplete, pki.through(&NAMES, false)),
    ];
    let acceptor = |(shows, leaf): (Shows, pki::Leaf)| (shows as u8, leaf.acceptor());
    pairs.into_iter().map(acceptor).collect()
}

fn difference(seed: usize, ours: Option<&Value>, theirs: &Value) -> String {
    let mut lines = vec![format!("server {seed}")];
    let Some(ours) = ours.filter(|_| theirs.get("error").is_none()) else {
        return format!("server {seed}: ours {ours:?}, theirs {theirs}");
    };
    for key in ["grade", "score"] {
        if ours[key] != theirs[key] {
            lines.push(format!("{key}: ours {}, theirs {}", ours[key], theirs[key]));
        }
    }
    for (ours, theirs) in ours["tests"]
        .as_array()
        .unwrap()
        .iter()
        .zip(theirs["tests"].as_array().unwrap())
    {
        if ours != theirs {
            lines.push(format!("ours {ours}, theirs {theirs}"));
        }
    }
    lines.join("\n  ")
}
