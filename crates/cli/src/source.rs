//! From flags to a configuration.

use std::path::Path;

use panoply_gateway::config::{ConfigError, Loaded, Source};
pub(crate) use panoply_gateway::{config_file as file, state_directory as state};

use crate::args::SettingArgs;

/// Reads everything that a configuration is made of, as it is now.
pub(crate) fn load(args: &SettingArgs) -> Result<Loaded, ConfigError> {
    let mut source = Source::new();
    if let Some(path) = file(args.config.as_deref()) {
        source = source.file(&path)?;
    }
    layered(source, args)
}

/// The same for a gateway that has read it before, or for one that takes over from it.
pub(crate) fn load_again(args: &SettingArgs) -> Result<Loaded, ConfigError> {
    let mut source = Source::new();
    if let Some(path) = file(args.config.as_deref()) {
        source = source.file_again(&path)?;
    }
    layered(source, args)
}

/// The same with `text` in the place of what the file at `path` holds.
pub(crate) fn load_text(
    args: &SettingArgs,
    path: &Path,
    text: &str,
) -> Result<Loaded, ConfigError> {
    layered(Source::new().text(path, text), args)
}

/// What stands above the file, on top of it.
fn layered(source: Source, args: &SettingArgs) -> Result<Loaded, ConfigError> {
    let mut source = source.own_env();
    let single = [
        ("--instances", "app.instances", &args.instances),
        ("--listen-http", "listen.http", &args.listen_http),
        ("--listen-https", "listen.https", &args.listen_https),
        ("--admin", "admin.listen", &args.admin),
        ("--user", "run.user", &args.user),
        ("--group", "run.group", &args.group),
    ];
    for (flag, path, value) in single {
        if let Some(value) = value {
            source = source.flag(flag, path, value.clone());
        }
    }
    match &*args.upstream {
        [] => {}
        [one] => source = source.flag("--upstream", "app.upstream", one.clone()),
        several => source = source.flag("--upstream", "app.upstream", several.to_vec()),
    }
    if !args.domains.is_empty() {
        source = source.flag("--domain", "tls.domains", args.domains.clone());
    }
    if args.acme_staging {
        source = source.flag("--acme-staging", "acme.staging", true);
    }
    if !args.command.is_empty() {
        source = source.flag("-- COMMAND", "app.command", args.command.clone());
    }
    source.load()
}
