//! The doors that the fuzzers enter by, and that the tests take with what the fuzzers have kept; in no
//! other build. `fuzz/README.md` says what each is for.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what fails is found"
)]

use std::fs;
use std::path::Path;

use panoply_cookies::pairs;
use tempfile::TempDir;
use url::Url;

use crate::deps;
use crate::finding::Place;
use crate::live::handshake::{Reply, read};
use crate::live::jar::Jar;
use crate::live::page::Page;
use crate::options::Options;
use crate::project::Project;
use crate::report::Report;
use crate::{js, rust, suppress};

/// A lock file, behind the number of its kind.
pub fn lockfile(data: &[u8]) {
    deps::fuzzing::lockfile(data);
}

/// An advisory, behind a line with a version.
pub fn advisory(data: &[u8]) {
    deps::fuzzing::advisory(data);
}

/// A Dockerfile.
pub fn dockerfile(data: &[u8]) {
    deps::fuzzing::dockerfile(data);
}

/// What a server sends first is read the same however it comes, and what follows changes nothing.
pub fn handshake(data: &[u8]) {
    let mut known = None;
    for end in 0..=data.len().min(300) {
        let now = read(&data[..end]);
        match known {
            Some(before) => assert_eq!(now, before, "{end} bytes"),
            None if now != Reply::More => known = Some(now),
            None => {}
        }
    }
}

/// A page has no more scripts, forms and links than it has tags, and reading on takes none away.
pub fn page(data: &[u8]) {
    let Ok(html) = std::str::from_utf8(data) else {
        return;
    };
    let page = Page::read(html);
    let tags = page.scripts.len() + page.forms.len() + page.links.len() + page.policies.len();
    assert!(tags <= html.matches('<').count());
    let more = Page::read(&format!("{html}<a href=x>"));
    assert!(more.scripts.starts_with(&page.scripts) && more.links.starts_with(&page.links));
}

/// Lines of `Set-Cookie` of a hostile site: what goes back to it is for its host, and can be sent.
pub fn jar(data: &[u8]) {
    let site: Url = "https://www.shop.example/a/b".parse().expect("an address");
    let other: Url = "https://other.example/a/b".parse().expect("an address");
    let mut jar = Jar::default();
    for line in data.split(|byte| *byte == b'\n') {
        jar.keep(line, &site);
    }
    assert_eq!(jar.header(&other), None);
    for kept in jar.all() {
        assert!(kept.domain == "www.shop.example" || kept.domain == "shop.example");
        assert!(!kept.name.is_empty() && !kept.name.contains([';', '=']));
    }
    if let Some(header) = jar.header(&site) {
        let read: Vec<_> = pairs(header.as_bytes()).collect();
        assert!(read.len() <= jar.all().len());
        assert!(!header.contains(['\r', '\n']));
    }
}

/// A file with comments that take findings away, behind the number of its language.
pub fn suppression(data: &[u8]) {
    suppress::fuzzing::suppression(data);
}

/// An Express app: it ends, does not fail, and what is found is in it.
pub fn app(data: &[u8]) {
    let manifest = "{\"dependencies\":{\"express\":\"5\",\"express-session\":\"1\"}}";
    audited(data, [("package.json", manifest)], "app.js", js::check);
}

/// A service in Rust, likewise.
pub fn service(data: &[u8]) {
    let manifest = "[package]\nname = \"shop\"\n[dependencies]\naxum = \"0.8\"\n\
        tower-sessions = \"0.14\"\ntower_governor = \"0.7\"\nactix-web = \"4\"\npanoply = \"0.1\"\n";
    audited(data, [("Cargo.toml", manifest)], "src/main.rs", rust::check);
}

type Check = fn(&Project, &Options, &mut Report);

fn audited<const N: usize>(data: &[u8], files: [(&str, &str); N], path: &str, check: Check) {
    thread_local! {
        static DIR: TempDir = tempfile::tempdir().expect("a folder");
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let write = |dir: &Path| {
        for (path, text) in files.into_iter().chain([(path, text)]) {
            let path = dir.join(path);
            fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        Project::open(dir).expect("an app")
    };
    // One folder for all inputs: the names in it stay the same.
    let project = DIR.with(|dir| write(dir.path()));
    let mut report = Report::new("fuzzed");
    check(&project, &Options::new(), &mut report);
    for entry in &report.not_checked {
        let failed = ["fault of the audit", "could not be read"];
        assert!(
            !failed.iter().any(|why| entry.reason.contains(why)),
            "{}",
            entry.reason
        );
    }
    for finding in &report.findings {
        if let Place::Code(at) = &finding.place {
            let (line, column) = at.position();
            let lines = at.source().text().lines().count();
            assert!(
                line > 0 && column > 0 && line <= lines.max(1),
                "{finding:?}"
            );
        }
    }
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
#[test]
fn what_the_fuzzers_kept_passes() {
    replay::all(&[
        ("lockfile", lockfile),
        ("advisory", advisory),
        ("dockerfile", dockerfile),
        ("handshake", handshake),
        ("jar", jar),
        ("page", page),
        ("suppression", suppression),
        ("app", app),
        ("service", service),
    ]);
}
