//! `panoply status`.

use std::fmt::Write as _;
use std::process::ExitCode;

use panoply_gateway::{CertificateEntry, ControlError, InstanceEntry, Status};

use crate::args::{HealthArgs, StatusArgs};
use crate::blocks;
use crate::print::say;

/// Asks the gateway that runs on the state directory how everything stands.
pub(crate) fn run(args: &StatusArgs) -> ExitCode {
    let control = args.running.control();
    match control.status() {
        Ok(status) if args.json => say(serde_json::to_string_pretty(&status).unwrap_or_default()),
        Ok(status) => say(text(&status).trim_end()),
        Err(error) => return blocks::failed(&error),
    }
    ExitCode::SUCCESS
}

/// Asks whether it can serve, as a container's health check does.
pub(crate) fn health(args: &HealthArgs) -> ExitCode {
    let control = args.running.control();
    match control.status() {
        Ok(status) => {
            let routes = status.routes.iter();
            let routes: String =
                { routes.map(|one| format!("; {} {}", one.name, one.app)) }.collect();
            say(format_args!(
                "app {}{routes}; store {}",
                status.app, status.store
            ));
            // A part of the site that is another app's is no reason to start everything anew.
            let serves = status.app.starts_with("up") && status.store.starts_with("answers");
            ExitCode::from(u8::from(!serves))
        }
        Err(error @ ControlError::Silent(_)) => {
            blocks::failed(&error);
            ExitCode::FAILURE
        }
        Err(error) => blocks::failed(&error),
    }
}

fn text(status: &Status) -> String {
    let mut text = String::new();
    let gateway = format!("{}, process {}", status.version, status.process);
    line(&mut text, "gateway", &gateway);
    line(&mut text, "app", &status.app);
    instances(&mut text, &status.instances);
    for route in &status.routes {
        line(&mut text, &route.name, &route.app);
        instances(&mut text, &route.instances);
    }
    line(&mut text, "store", &status.store);
    let blocks = match status.count_of_blocks() {
        Some(_) if status.blocks == Some(0) => "none".to_owned(),
        Some(count) => format!("{count}; `panoply blocks list` names them"),
        None => "not known while the store does not answer".to_owned(),
    };
    line(&mut text, "blocks", &blocks);
    if status.certificates.is_empty() {
        line(&mut text, "certificate", "none: TLS is off");
    }
    for certificate in &status.certificates {
        text.push('\n');
        line(&mut text, "certificate", &certificate.names.join(", "));
        line(&mut text, "", &held(certificate));
        for said in certificate.standing.lines() {
            line(&mut text, "", said);
        }
    }
    for warning in &status.warnings {
        text.push('\n');
        line(&mut text, "warning", warning);
    }
    text
}

/// Those of one app, where there are several.
fn instances(text: &mut String, all: &[InstanceEntry]) {
    for one in all.iter().filter(|_| all.len() > 1) {
        line(text, "", &instance(one));
    }
}

/// One of several.
fn instance(one: &InstanceEntry) -> String {
    let mut text = format!("{} {}", one.number, one.standing);
    // Writing to a string cannot fail.
    if let Some(process) = one.process {
        let _ = write!(text, ", process {process}");
    }
    match one.requests {
        None | Some(0) => {}
        Some(1) => text.push_str(", with a request"),
        Some(requests) => {
            let _ = write!(text, ", with {requests} requests");
        }
    }
    text
}

fn held(certificate: &CertificateEntry) -> String {
    let of = match certificate.source.as_str() {
        "acme" => "from an ACME directory",
        "files" => "from files",
        _ => "from the local authority",
    };
    match &certificate.valid_until {
        Some(end) => format!("{of}, valid until {end}"),
        None => "none yet; the one from the local authority stands in".to_owned(),
    }
}

fn line(text: &mut String, what: &str, said: &str) {
    // Writing to a string cannot fail, here and below.
    if what.len() > 12 {
        let _ = writeln!(text, "{what}");
        return line(text, "", said);
    }
    let _ = writeln!(text, "{what:<13}{said}");
}
