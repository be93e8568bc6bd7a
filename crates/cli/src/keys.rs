//! `panoply keys`.

use std::path::PathBuf;
use std::process::ExitCode;

use panoply_cookies::KeyRing;

use crate::args::{KeysArgs, KeysCommand, SettingArgs};
use crate::{fail, say, show, source};

/// Lists or rotates the keys in their file.
pub(crate) fn run(args: &KeysArgs) -> ExitCode {
    let path = match path(args) {
        Ok(path) => path,
        Err(message) => return fail(message),
    };
    let there = path.exists();
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
            return show(ids.join("\n"));
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

/// The file that a gateway with these settings uses.
fn path(args: &KeysArgs) -> Result<PathBuf, String> {
    if let Some(file) = &args.file {
        return Ok(file.clone());
    }
    let settings = SettingArgs {
        config: args.config.clone(),
        state: args.state.clone(),
        ..SettingArgs::default()
    };
    let loaded = source::load(&settings).map_err(|error| error.for_stderr())?;
    let own = || source::state(args.state.as_deref()).join("keys");
    Ok(loaded.config.keys.file.unwrap_or_else(own))
}
