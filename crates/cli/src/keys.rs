//! `panoply keys`.

use std::path::PathBuf;
use std::process::ExitCode;

use panoply_cookies::KeyRing;

use crate::args::{KeysArgs, KeysCommand, SettingArgs};
use crate::print::{fail, say};
use crate::source;

/// Lists or rotates the keys in their file.
pub(crate) fn run(args: &KeysArgs) -> ExitCode {
    let (path, is_named) = match path(args) {
        Ok(found) => found,
        Err(message) => return fail(message),
    };
    let there = path.exists();
    if !there && !is_named {
        let state = path.parent().unwrap_or(&path).display();
        return fail(format_args!(
            "error: no keys are in the state directory {state}: name the one of `panoply run` with `--state DIR`, or \
             the file that is to be made with `--file FILE`"
        ));
    }
    let done = match args.what {
        KeysCommand::List => KeyRing::open(&path),
        KeysCommand::Rotate if there => KeyRing::rotate_file(&path),
        KeysCommand::Rotate => KeyRing::open_or_create(&path),
    };
    let keys = match done {
        Ok(keys) => keys,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            let said = error.to_string();
            let named = format!("{}: ", path.display());
            let named = if said.contains(&*path.to_string_lossy()) {
                ""
            } else {
                &named
            };
            let help = if there {
                ""
            } else {
                "\nhelp: `panoply keys rotate` makes it"
            };
            return fail(format_args!(
                "error: {named}{said}{}{help}",
                cause.unwrap_or_default()
            ));
        }
    };
    let newest = keys
        .ids()
        .next()
        .map(|id| id.to_string())
        .unwrap_or_default();
    match args.what {
        KeysCommand::List => {
            let ids: Vec<_> = keys.ids().map(|id| id.to_string()).collect();
            say(ids.join("\n"));
        }
        KeysCommand::Rotate if there => say(format_args!(
            "{}: the new key {newest} seals within 90 seconds, {} open",
            path.display(),
            keys.len()
        )),
        KeysCommand::Rotate => say(format_args!(
            "{}: made, with the key {newest}",
            path.display()
        )),
    }
    ExitCode::SUCCESS
}

/// The file that a gateway with these settings uses, and whether anybody has said where it is: one that is made in the
/// usual place is nobody's, where the gateway that is meant runs on another state directory.
fn path(args: &KeysArgs) -> Result<(PathBuf, bool), String> {
    if let Some(file) = &args.file {
        return Ok((file.clone(), true));
    }
    let settings = SettingArgs {
        config: args.config.clone(),
        state: args.state.clone(),
        ..SettingArgs::default()
    };
    let loaded = source::load(&settings).map_err(|error| error.for_stderr())?;
    Ok(match loaded.config.keys.file {
        Some(file) => (file, true),
        None => (
            source::state(args.state.as_deref()).join("keys"),
            args.state.is_some(),
        ),
    })
}
