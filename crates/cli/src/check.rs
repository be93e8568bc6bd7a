//! `panoply check`.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use panoply_core::SystemClock;
use panoply_gateway::config::{ConfigError, Loaded};
use panoply_gateway::{Settings, Surroundings};
use panoply_headers::HeaderInForce;

use crate::args::SettingArgs;
use crate::print::{fail, say};
use crate::source;

/// Prints what is in force, where it came from, and what is weaker than it could be.
pub(crate) fn run(args: &SettingArgs) -> ExitCode {
    // Looking must not make an authority where there is none.
    let scratch = match tempfile::tempdir() {
        Ok(scratch) => scratch,
        Err(error) => return fail(format!("error: no temporary directory: {error}")),
    };
    let state = panoply_gateway::state_directory(args.state.as_deref());
    let state = if state.exists() {
        state
    } else {
        scratch.path().to_owned()
    };
    let around = Surroundings::new(&state, Arc::new(SystemClock::new()));
    match source::load(args).and_then(|loaded| report(loaded, &around)) {
        Ok(report) => say(report.trim_end()),
        Err(error) => return fail(error.for_stderr()),
    }
    ExitCode::SUCCESS
}

fn report(loaded: Loaded, around: &Surroundings) -> Result<String, ConfigError> {
    // A file may leave the app to the command line, as `panoply run -- …` does.
    let app_is_missing = loaded.config.app.is_missing();
    let loaded = if app_is_missing {
        let speaks_tls = loaded.config.tls.app_tls().is_some();
        let scheme = if speaks_tls { "https" } else { "http" };
        loaded.with_flag("check", "app.upstream", format!("{scheme}://127.0.0.1:1"))?
    } else {
        loaded
    };
    let settings = Settings::build(&loaded, around)?;
    crate::audit::check(&loaded)?;
    let mut text = match loaded.file() {
        Some(path) => format!("{} is valid.\n", path.display()),
        None => "No file was read; the defaults are valid.\n".to_owned(),
    };
    if app_is_missing {
        text.push_str(
            "It names no app: give one to `panoply run`, after `--` or with `--upstream`.\n",
        );
    }
    text.push_str("\nIn force, and where each value comes from:\n");
    for (path, value, origin) in settings.explain(&loaded) {
        if app_is_missing && path == "app.upstream" {
            continue;
        }
        line(&mut text, format_args!("  {path:<30} {value:<34} {origin}"));
    }
    guarded(&mut text, &settings, &loaded);
    cookies(&mut text, &settings);
    text.push_str("\nHeaders of every answer to a client that came by HTTPS:\n");
    let mut prefix = "/".to_owned();
    let stand_in = settings
        .tls()
        .is_some_and(|tls| tls.ca_certificate().is_some());
    let ordered = settings.orders_certificates();
    let holds_back = stand_in
        && loaded
            .value("headers.strict-transport-security.local")
            .is_none();
    for header in settings.suit().headers().describe() {
        if holds_back && header.name == "strict-transport-security" {
            if !ordered {
                text.push_str("  (no Strict-Transport-Security: the certificate is a local one)\n");
                continue;
            }
            text.push_str("  (the next one once the ordered certificate is in force)\n");
        }
        if header.path != prefix {
            prefix.clone_from(&header.path);
            line(&mut text, format_args!("below {prefix}:"));
        }
        line(
            &mut text,
            format_args!("  {}: {}", header.name, header.value),
        );
    }
    domains(&mut text, &settings, holds_back);
    let warnings = settings
        .tls()
        .map(panoply_gateway::certificate_warnings)
        .unwrap_or_default();
    if !warnings.is_empty() {
        text.push_str("\nCertificates to look at:\n");
        for warning in warnings {
            line(&mut text, format_args!("  {warning}"));
        }
    }
    let open = settings.permission_warnings();
    if !open.is_empty() {
        text.push_str("\nFiles to look at:\n");
        for warning in open {
            line(&mut text, format_args!("  {warning}"));
        }
    }
    let unused = settings.unused_pages();
    if !unused.is_empty() {
        text.push_str("\nPages to look at:\n");
        for (key, why) in unused {
            line(&mut text, format_args!("  {key}: {why}"));
        }
    }
    let weakenings = settings.weakenings(&loaded);
    if !weakenings.is_empty() {
        text.push_str("\nWeaker than the defaults, because the configuration says so:\n");
        for (key, why) in weakenings {
            line(&mut text, format_args!("  {key}: {why}"));
        }
    }
    Ok(text)
}

/// The headers that are different under some names.
fn domains(text: &mut String, settings: &Settings, holds_back: bool) {
    for (names, headers) in settings.suit().headers().describe_domains() {
        let site = settings.suit().headers().describe();
        line(
            text,
            format_args!("for {}, where different:", names.join(", ")),
        );
        let is_sent =
            |header: &&HeaderInForce| !(holds_back && header.name == "strict-transport-security");
        let different = headers.iter().filter(|header| !site.contains(header));
        for header in different.filter(is_sent) {
            let path = if header.path == "/" {
                ""
            } else {
                &*header.path
            };
            let gap = if path.is_empty() { "" } else { " " };
            line(
                text,
                format_args!("  {path}{gap}{}: {}", header.name, header.value),
            );
        }
        let here = |header: &&HeaderInForce| {
            let same = |own: &HeaderInForce| own.path == header.path && own.name == header.name;
            !headers.iter().any(same)
        };
        for header in site.iter().filter(here) {
            line(text, format_args!("  (no {})", header.name));
        }
    }
}

fn guarded(text: &mut String, settings: &Settings, loaded: &Loaded) {
    let routes = settings.routes(loaded);
    if !routes.is_empty() {
        text.push_str("\nOther apps, and what they have of the site:\n");
    }
    for route in routes {
        wrapped(text, &route);
    }
    text.push_str("\nLogins that are guarded:\n");
    let logins = settings.logins(loaded);
    let origin = loaded.origin("login");
    for login in &logins {
        wrapped(text, &format!("{login} ({origin})"));
    }
    if logins.is_empty() {
        text.push_str("  (none)\n");
    }
    let access = settings.access(loaded);
    if !access.is_empty() {
        text.push_str("\nPaths that are there for some only; others are told 404, or 401 where a password is missing:\n");
    }
    for access in access {
        wrapped(text, &access);
    }
    if let Some(challenge) = settings.challenge(loaded) {
        text.push_str(
            "\nWhere browsers are given a task first, and whatever else asks is refused:\n",
        );
        wrapped(text, &challenge);
    }
    let paths = settings.path_limits(loaded);
    if !paths.is_empty() {
        text.push_str("\nLimits that are different below a path:\n");
    }
    for path in paths {
        wrapped(text, &path);
    }
    let limits = settings.request_limits(loaded);
    if !limits.is_empty() {
        text.push_str("\nLimits of requests:\n");
    }
    for limit in limits {
        wrapped(text, &limit);
    }
    text.push_str("\nClients that are held out for what the app answers them:\n");
    for limit in settings.answer_limits(loaded) {
        wrapped(text, &limit);
    }
}

fn cookies(text: &mut String, settings: &Settings) {
    text.push_str("\nWhat becomes of the app's cookies for a client that came by HTTPS:\n");
    let fates = settings.cookies();
    // Each fate once, with the names that share it; that of all others comes last.
    let mut alike: Vec<(String, Vec<String>)> = Vec::new();
    for fate in &fates {
        let said = fate.to_string();
        let name = match &fate.alias {
            _ if fate.name == "*" => "any other".to_owned(),
            Some(alias) => {
                let alias = alias.trim_start_matches("__Host-");
                format!("{} ({alias})", fate.name)
            }
            None => fate.name.clone(),
        };
        match alike.iter_mut().find(|(known, _)| *known == said) {
            Some((_, names)) => names.push(name),
            None => alike.push((said, vec![name])),
        }
    }
    alike.sort_by_key(|(_, names)| names.iter().any(|name| name == "any other"));
    for (said, names) in &alike {
        wrapped(text, &format!("{said}: {}", names.join(", ")));
    }
    if fates.is_empty() {
        text.push_str("  (nothing: the guard is off)\n");
    }
}

/// A long line, broken between words.
fn wrapped(text: &mut String, sentence: &str) {
    let mut width = 0;
    for word in sentence.split(' ') {
        if width == 0 || width + word.len() > 90 {
            text.push_str(if width == 0 { "  " } else { "\n    " });
            width = 4;
        } else {
            text.push(' ');
        }
        text.push_str(word);
        width += word.len() + 1;
    }
    text.push('\n');
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{arguments}");
}
