//! From flags to a configuration.

use std::path::Path;

use panoply_gateway::config::{ConfigError, Loaded, Source};
pub(crate) use panoply_gateway::{config_file as file, state_directory as state};

use toml::{Table, Value};

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
    if !args.routes.is_empty() {
        source = source.flag("--route", "route", routes(&args.routes)?);
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

/// The tables `[[route]]` that flags stand for, each `PLACE=URL`: a place that is named again has one instance more.
fn routes(written: &[String]) -> Result<Value, ConfigError> {
    let mut all: Vec<(&str, Vec<Value>)> = Vec::new();
    for one in written {
        let Some((place, url)) = one.split_once('=') else {
            let error =
                ConfigError::plain(format!("--route: `{one}` does not say where the app is"));
            return Err(error.with_help(
                "write what it has of the site and its address, as in `--route /api=http://127.0.0.1:4000`",
            ));
        };
        match all.iter_mut().find(|(known, _)| *known == place) {
            Some((_, urls)) => urls.push(url.into()),
            None => all.push((place, vec![url.into()])),
        }
    }
    let table = |(place, urls): (&str, Vec<Value>)| {
        let (domain, path) = place.split_at(place.find('/').unwrap_or(place.len()));
        let mut table = Table::new();
        if !domain.is_empty() {
            table.insert("domains".to_owned(), vec![domain].into());
        }
        if !path.is_empty() {
            table.insert("path".to_owned(), path.into());
        }
        table.insert("upstream".to_owned(), urls.into());
        Value::Table(table)
    };
    Ok(Value::Array(all.into_iter().map(table).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_a_place_and_an_address() {
        let read = |flags: &[&str]| {
            let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
            routes(&flags).map(|value| value.to_string())
        };
        let urls = |flags: &[&str]| read(flags).unwrap();
        assert_eq!(
            urls(&["/api=http://a:1", "/api=http://b:1", "/x=http://c:1?a=b"]),
            r#"[{ path = "/api", upstream = ["http://a:1", "http://b:1"] }, { path = "/x", upstream = ["http://c:1?a=b"] }]"#
        );
        assert_eq!(
            urls(&["docs.a.test/v2=http://a:1", "b.test=unix:/run/b"]),
            r#"[{ domains = ["docs.a.test"], path = "/v2", upstream = ["http://a:1"] }, { domains = ["b.test"], upstream = ["unix:/run/b"] }]"#
        );
        let error = read(&["http://a:1"]).unwrap_err().to_string();
        assert!(
            error.contains("--route /api=http://127.0.0.1:4000"),
            "{error}"
        );
    }
}
