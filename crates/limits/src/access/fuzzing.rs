//! What must hold for a path that is there for some addresses only, however it is written.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what fails is found"
)]

use http::Method;
use panoply_core::PathIndex;
use panoply_core::spelling::canonical;
use percent_encoding::percent_decode_str;

use super::path::{Below, Reading, Spelled, may_take_steps};
use crate::request::above;

/// An app by its name, and the segments by which it routes a path.
pub(crate) type App = (&'static str, fn(&str) -> Vec<String>);

/// A path that is open, and whether what is routed by some segments is that.
pub(crate) type Open = (&'static str, fn(&[String]) -> bool);

/// A path: where some app routes it below `/admin` or `/admin/users`, it is covered; and what is open below
/// `/admin/` or at `/users`, no app routes elsewhere.
pub fn access(data: &[u8]) {
    let path = format!("/{}", String::from_utf8_lossy(data));
    let reading = Reading::of(&path);
    for below in [&["admin"][..], &["admin", "users"]] {
        let written = format!("/{}/", below.join("/"));
        let covers = { Below::new(&written).expect("a plain path") }.covers(&reading);
        for (app, route) in APPS {
            let routed = route(&path);
            let is_below = below
                .iter()
                .enumerate()
                .all(|(at, own)| routed.get(at).is_some_and(|one| one == own));
            assert!(covers || !is_below, "{app} routes {path:?} below {written}");
        }
    }
    is_counted(&path);
    part_is_read_as_the_whole(&path);
    for (open, is_open) in OPEN {
        let holds = { Spelled::new(open).expect("a plain path") }.is(&path, &reading);
        for (app, route) in APPS {
            let routed = route(&path);
            assert!(
                !holds || is_open(&routed),
                "{app} routes {path:?} to {routed:?}, which {open} opens"
            );
        }
    }
}

/// Where some app routes a path below `/admin` or `/admin/users`, limits of these count it.
pub(crate) fn is_counted(path: &str) {
    // What stands behind two slashes, or has a format, is another path to them, and what C cuts off stays.
    const OTHERS: [&str; 3] = ["url", "format", "program"];
    let limits = ["/admin", "/admin/users"];
    let mut counted = [false; 2];
    let asks = (&Method::GET, path, &canonical(path));
    above(
        &PathIndex::new(limits),
        || limits.into_iter(),
        asks,
        &mut |number, _| {
            counted[number] = true;
        },
    );
    for (app, route) in APPS.iter().filter(|(app, _)| !OTHERS.contains(app)) {
        let routed = route(path);
        for (limit, counted) in limits.iter().zip(counted) {
            let mut own = limit.split('/').skip(1).zip(&routed);
            let is_below =
                own.all(|(own, one)| own == one) && routed.len() >= limit.matches('/').count();
            assert!(counted || !is_below, "{app} routes {path:?} below {limit}");
        }
    }
}

/// Whoever is asked for a part of a path that takes no steps reads in it what is read in the whole.
pub(crate) fn part_is_read_as_the_whole(path: &str) {
    if may_take_steps(path) {
        return;
    }
    let part = format!("/{}", path.trim_start_matches('/'));
    // What follows a program is a path of its own, whatever stands before it.
    for (app, route) in APPS.iter().filter(|(app, _)| *app != "program") {
        let whole = route(&format!("/api{path}"));
        let below = whole.strip_prefix(&["api".to_owned()]);
        assert_eq!(below, Some(&*route(&part)), "{app} routes {path:?}");
    }
}

/// Paths that are open, and whether an app that routes by some segments routes there.
pub(crate) const OPEN: [Open; 3] = [
    ("/admin/", |routed| {
        routed.first().is_some_and(|one| one == "admin")
    }),
    ("/admin/users/", |routed| {
        routed.starts_with(&["admin".to_owned(), "users".to_owned()])
    }),
    ("/users", |routed| routed == ["users"]),
];

/// How frameworks come from a target to the segments that they route by.
pub(crate) const APPS: [App; 10] = [
    // Express, Hono: by the letters that came, in any case.
    ("raw", |path| segments(&path.to_lowercase())),
    // Flask, Django, Go's mux with UseEncodedPath off: decoded once.
    ("decoded", |path| segments(&decode(path))),
    // Rack, Caddy, nginx: decoded, slashes merged, steps taken.
    ("taken", |path| taken(&decode(path))),
    // Behind another proxy that decodes.
    ("twice", |path| taken(&decode(&decode(path)))),
    // Tomcat, Jetty, Spring: parameters go before anything else.
    ("parameters", |path| {
        let bare: Vec<&str> = path
            .split('/')
            .map(|one| one.split(';').next().unwrap_or_default())
            .collect();
        taken(&decode(&bare.join("/")).replace('\\', "/"))
    }),
    // `new URL(req.url, base)`: what begins with two slashes has a host.
    ("url", |path| {
        let path = path
            .replace('\\', "/")
            .replace("%2e", ".")
            .replace("%2E", ".");
        let path = match path.strip_prefix("//") {
            Some(rest) => rest.split_once('/').map_or("", |(_, path)| path),
            None => &path,
        };
        taken(path)
    }),
    // Windows: dots and spaces at an end are nothing, in any case.
    ("windows", |path| {
        let path = taken(&decode(path).replace('\\', "/").to_lowercase());
        let bare = |one: &String| one.trim_end_matches(['.', ' ']).to_owned();
        path.iter().map(bare).collect()
    }),
    // IIS with ASP.NET: a session is taken out of the path, and a name is what NTFS goes by.
    ("asp", |path| {
        let path = decode(path).replace('\\', "/").to_lowercase();
        let mut joined = String::new();
        for segment in path.split('/') {
            let is_session = segment.starts_with("(s(") || segment.starts_with("(f(");
            match segment.split_once("))").filter(|_| is_session) {
                Some((_, rest)) => joined.push_str(rest),
                None => joined = format!("{joined}/{segment}"),
            }
        }
        let bare = |one: &String| {
            let name = match one.split_once(':') {
                Some((name, _)) if one.contains(":$") => name,
                _ => one,
            };
            name.trim_end_matches(['.', ' ']).to_owned()
        };
        taken(&joined).iter().map(bare).collect()
    }),
    // Rails, Phoenix: a format at the end.
    ("format", |path| {
        let mut path = taken(&decode(path));
        if let Some(last) = path.last_mut()
            && let Some((bare, _)) = last.clone().rsplit_once('.')
        {
            bare.clone_into(last);
        }
        path
    }),
    // PHP: what stands behind the program, and what C cuts off.
    ("program", |path| {
        let path = decode(path);
        let path = path.split('\0').next().unwrap_or_default();
        let path = path
            .split_once("/index.php/")
            .map_or(path, |(_, rest)| rest);
        taken(path)
    }),
];

fn decode(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

fn segments(path: &str) -> Vec<String> {
    let segments = path.split('/').filter(|one| !one.is_empty());
    segments.map(str::to_owned).collect()
}

fn taken(path: &str) -> Vec<String> {
    let mut stack = Vec::new();
    for segment in segments(path) {
        match segment.as_str() {
            "." => {}
            ".." => drop(stack.pop()),
            _ => stack.push(segment),
        }
    }
    stack
}
