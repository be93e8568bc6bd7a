//! Rust services: axum, actix, tower-sessions and Panoply itself.

mod chain;
mod code;
mod cookie;
mod crates;
mod eval;
mod headers;
mod layer;
mod limits;
mod others;
mod redirect;
mod route;
mod router;
mod secret;
mod session;

use std::thread;

use self::code::Code;
use self::crates::Files;
use crate::options::Options;
use crate::project::Project;
use crate::report::Report;
use crate::rules;

/// Expressions nest as deep as a person writes them, each level a few frames of the parser.
const STACK: usize = 64 << 20;

/// Adds what is found.
pub(crate) fn check(project: &Project, options: &Options, report: &mut Report) {
    let services = crates::services(project);
    others::check(project, !services.is_empty(), report);
    if services.is_empty() {
        return;
    }
    let found = thread::scope(|scope| {
        let work = || {
            let mut found = Report::default();
            let files = Files::read(project, &services, &mut found);
            look(&files, options, &mut found);
            found
        };
        let thread = thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, work);
        thread.ok().and_then(|thread| thread.join().ok())
    });
    match found {
        Some(found) => report.merge(found),
        None => report.not_checked(
            &rules::headers::HELMET_MISSING,
            "the Rust source could not be read",
        ),
    }
}

fn look(files: &Files, options: &Options, report: &mut Report) {
    let code = Code::index(&files.files);
    let routers = router::all(&code, &options.limiters);
    limits::check(&code, &routers, report);
    headers::check(&code, &routers, report);
    session::check(&code, report);
    cookie::check(&code, report);
    secret::check(&code, report);
    redirect::check(&code, report);
}

#[cfg(test)]
mod tests;
