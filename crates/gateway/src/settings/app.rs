//! What stands behind the gateway, and how it is asked whether it is well.

use super::App;
use crate::app::Health;
use crate::config::{ConfigError, Loaded};

/// What the app is asked for to know that it is well.
pub(super) fn health(loaded: &Loaded, by_https: bool) -> Result<Option<Health>, ConfigError> {
    let config = &loaded.config;
    let Some(written) = &config.app.health else {
        return Ok(None);
    };
    let path = { written.starts_with('/') }.then(|| written.parse().ok());
    let Some(path) = path.flatten() else {
        let message = format!("app.health: `{written}` is not a path");
        return Err(loaded
            .error("app.health", message)
            .with_help("write a path of the app, such as `/healthz`"));
    };
    let domains = config.tls.domain_names().iter();
    let names = { config.listen.canonical.iter() }.chain(domains);
    let names: Vec<String> = names.chain(config.listen.hosts.listed()).cloned().collect();
    Ok(Some(Health::new(path, &names, by_https)))
}

/// The command that starts it, or where it runs.
pub(super) fn app(loaded: &Loaded) -> Result<App, ConfigError> {
    let app = &loaded.config.app;
    match (&app.command, &app.upstream) {
        (Some(_), Some(_)) => Err(loaded
            .error("app", "`app.command` and `app.upstream` exclude each other")
            .with_help("keep `command` to have the app started, or `upstream` if it runs already")),
        (Some(command), None)
            if command
                .first()
                .is_none_or(|program| program.trim().is_empty()) =>
        {
            Err(loaded
                .error("app.command", "`app.command` is empty")
                .with_help("write the program and its arguments: `[\"node\", \"server.js\"]`"))
        }
        (Some(command), None) => Ok(App::Command {
            command: command.clone(),
            start_timeout: app.start_timeout.get(),
        }),
        (None, Some(upstream)) => Ok(App::Upstream(upstream.clone())),
        (None, None) => Err(loaded.error("app", "there is no app to guard").with_help(
            "say how to start it, `panoply run -- node server.js`, or where it runs, \
                 `panoply run --upstream http://127.0.0.1:3000`",
        )),
    }
}
