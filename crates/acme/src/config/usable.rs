//! What is only found out by looking at it: files, programs, addresses.

use std::path::Path;

use rustix::fs::{Access, access};

use super::{ConfigError, wrong};
use crate::transport;

/// Whether mail can be sent there.
pub(super) fn contact(contact: Option<&str>) -> Result<(), ConfigError> {
    let Some(contact) = contact else {
        return Ok(());
    };
    let strange = |c: char| c.is_whitespace() || c.is_control() || ":,;?<>".contains(c);
    let is_address = contact.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty() && !host.is_empty() && !host.contains('@') && !contact.contains(strange)
    });
    if is_address {
        return Ok(());
    }
    let problem = format!("`{contact}` is no e-mail address");
    let instead = "write one such as `ops@shop.example`";
    Err(wrong("contact", problem, instead))
}

/// Whether directories can be believed by what is in that file.
pub(super) fn roots(path: Option<&Path>) -> Result<(), ConfigError> {
    let Some(path) = path else { return Ok(()) };
    let instead = "write a PEM file with the root that the directory's own certificate is checked \
                   against, or take the key away";
    let read = transport::read_roots(path);
    read.map(drop)
        .map_err(|error| wrong("roots", error.to_string(), instead))
}

/// Whether the program can be started.
pub(super) fn hook(key: &'static str, command: &[String]) -> Result<(), ConfigError> {
    let Some(program) = command.first() else {
        return Ok(());
    };
    let is_program = |path: &Path| path.is_file() && access(path, Access::EXEC_OK).is_ok();
    let is_there = if program.contains('/') {
        is_program(Path::new(program))
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        !program.is_empty() && std::env::split_paths(&path).any(|at| is_program(&at.join(program)))
    };
    if is_there {
        return Ok(());
    }
    let problem = format!("`{program}` is no program that can be started");
    let instead = match key {
        "dns_hook" => {
            "write the command with each argument by itself, such as \
             `[\"/usr/local/bin/dns-hook\", \"--zone\", \"shop.example\"]`"
        }
        _ => {
            "write the command with each argument by itself, such as \
             `[\"/usr/local/bin/deploy-hook\", \"--reload\", \"postfix\"]`"
        }
    };
    Err(wrong(key, problem, instead))
}
