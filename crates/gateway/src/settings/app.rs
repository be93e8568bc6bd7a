//! What stands behind the gateway, and how it is asked whether it is well.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use panoply_tls::AppTls;

use crate::config::{AppConfig, ConfigError, Loaded, Upstream};
use crate::here;
use crate::own::Own;
use crate::surroundings::Surroundings;

/// What stands behind the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum App {
    /// A command of ours to start.
    Command {
        command: Vec<String>,
        start_timeout: Duration,
        instances: usize,
    },
    /// Somebody else's.
    Upstream {
        /// Where, and how each is known where it speaks TLS.
        upstreams: Vec<(Upstream, Option<Arc<AppTls>>)>,
        /// How many instances each of them may name.
        addresses: usize,
    },
    /// A service of this process.
    Own(Own),
}

impl App {
    /// The service of this process, if it is one.
    pub(crate) const fn own(&self) -> Option<&Own> {
        match self {
            Self::Own(own) => Some(own),
            Self::Command { .. } | Self::Upstream { .. } => None,
        }
    }

    /// How many instances it has.
    pub(crate) const fn instances(&self) -> usize {
        match self {
            Self::Command { instances, .. } => *instances,
            Self::Upstream {
                upstreams,
                addresses,
            } => upstreams.len() * *addresses,
            Self::Own(_) => 1,
        }
    }
}

/// What stands behind the gateway, and by what it is known.
pub(super) fn app(loaded: &Loaded, around: &Surroundings) -> Result<App, ConfigError> {
    if let Some(own) = &around.own {
        return of_ones_own(loaded).map(|()| App::Own(own.clone()));
    }
    let app = &loaded.config.app;
    if app.is_missing() {
        return Err(loaded.error("app", "there is no app to guard").with_help(
            "say how to start it, `panoply run -- node server.js`, or where it runs, \
                 `panoply run --upstream http://127.0.0.1:3000`",
        ));
    }
    let counted = loaded.value("app.instances").is_some();
    read(loaded, around, ("app", app), counted)
}

/// The app that is written below `table`; whether it is `counted` there how many instances it has.
pub(super) fn read(
    loaded: &Loaded,
    around: &Surroundings,
    (table, app): (&str, &AppConfig),
    counted: bool,
) -> Result<App, ConfigError> {
    let key = |name: &str| format!("{table}.{name}");
    match (&app.command, &app.upstream) {
        (Some(_), Some(_)) => {
            let (command, upstream) = (key("command"), key("upstream"));
            let message = format!("`{command}` and `{upstream}` exclude each other");
            Err(loaded.error(table, message).with_help(
                "keep `command` to have the app started, or `upstream` if it runs already",
            ))
        }
        (Some(command), None)
            if command
                .first()
                .is_none_or(|program| program.trim().is_empty()) =>
        {
            let key = key("command");
            Err(loaded
                .error(&key, format!("`{key}` is empty"))
                .with_help("write the program and its arguments: `[\"node\", \"server.js\"]`"))
        }
        (Some(command), None) => Ok(App::Command {
            command: command.clone(),
            start_timeout: app.start_timeout.get(),
            instances: app.instances.get(),
        }),
        (None, Some(upstreams)) => {
            let addresses = if counted {
                addresses(loaded, table, app, upstreams.addresses())?
            } else {
                1
            };
            let each = upstreams.addresses().iter();
            let each = each.map(|one| Ok((one.clone(), tls(loaded, around, app.h2c, one)?)));
            let upstreams = each.collect::<Result<_, _>>()?;
            Ok(App::Upstream {
                upstreams,
                addresses,
            })
        }
        (None, None) => Err(loaded
            .error(table, format!("{table}: there is no app"))
            .with_help(
                "write where it runs, `upstream = \"http://127.0.0.1:3000\"`, or how it is started, \
                 `command = [\"node\", \"server.js\"]`",
            )),
    }
}

/// How many instances may be found by what is written: as many as are said to be, where that is one name.
fn addresses(
    loaded: &Loaded,
    table: &str,
    app: &AppConfig,
    upstreams: &[Upstream],
) -> Result<usize, ConfigError> {
    let key = format!("{table}.instances");
    match upstreams {
        [Upstream::Tcp { host, .. }] if host.parse::<IpAddr>().is_err() => {
            Ok(app.instances.of_a_name())
        }
        _ => {
            let message = format!(
                "{key}: somebody else starts the app, and each address of `{table}.upstream` is one"
            );
            Err(loaded.error(&key, message).with_help(
                "write where its instances are as a list, `upstream = [\"http://127.0.0.1:3000\", \
                 \"http://127.0.0.1:3001\"]`, or the name that has an address for each",
            ))
        }
    }
}

/// A service of one's own is neither started nor found.
fn of_ones_own(loaded: &Loaded) -> Result<(), ConfigError> {
    let written = { loaded.set() }.find(|(key, _)| key.starts_with("app."));
    let Some((key, _)) = written else {
        return Ok(());
    };
    let message =
        format!("{key}: the app is the service of this very program, and no other is asked");
    let error = loaded.error(key, message);
    Err(error
        .with_help("take `[app]` away; `panoply run` is for an app that is a program of its own"))
}

/// Requests to a gateway before itself would go in a circle until nothing is left of it. Of a name that is seen when it
/// is looked up.
///
/// # Errors
///
/// When the app is where one of the `listeners` is.
pub(super) fn not_ourselves(
    loaded: &Loaded,
    (table, app): (&str, &App),
    listeners: [(&'static str, Option<SocketAddr>); 3],
) -> Result<(), ConfigError> {
    let App::Upstream { upstreams, .. } = app else {
        return Ok(());
    };
    { upstreams.iter() }.try_for_each(|(one, _)| not_here(loaded, table, one, listeners))
}

fn not_here(
    loaded: &Loaded,
    table: &str,
    upstream: &Upstream,
    listeners: [(&'static str, Option<SocketAddr>); 3],
) -> Result<(), ConfigError> {
    let Upstream::Tcp { host, port, .. } = upstream else {
        return Ok(());
    };
    let here = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let hosts: Vec<IpAddr> = match host.parse::<IpAddr>() {
        Ok(host) => vec![host],
        Err(_) if matches!(&*name, "localhost" | "ip6-localhost") => here.to_vec(),
        Err(_) => return Ok(()),
    };
    let meets = |at: SocketAddr| {
        let mut to = hosts.iter().map(|host| SocketAddr::new(*host, *port));
        to.any(|to| here::meets(at, to))
    };
    let of =
        |(key, at): (&'static str, Option<SocketAddr>)| at.filter(|at| meets(*at)).map(|_| key);
    let Some(key) = listeners.into_iter().find_map(of) else {
        return Ok(());
    };
    let own = format!("{table}.upstream");
    let message = format!("{own}: `{host}:{port}` is where the gateway itself listens (`{key}`)");
    let error = loaded.error(&own, message);
    Err(error.with_help(
        "write the address at which the app listens, or another one for the gateway: both cannot have the same port",
    ))
}

/// How an app is known that speaks TLS itself.
fn tls(
    loaded: &Loaded,
    around: &Surroundings,
    http2: bool,
    upstream: &Upstream,
) -> Result<Option<Arc<AppTls>>, ConfigError> {
    let Upstream::Tcp {
        host, tls: true, ..
    } = upstream
    else {
        return Ok(None);
    };
    let config = loaded.config.tls.app_tls().cloned().unwrap_or_default();
    let tls = config.open(host, http2, Arc::clone(&around.clock));
    let tls = tls.map_err(|error| {
        let key = format!("tls.{}", error.key());
        loaded.error(&key, error.to_string())
    })?;
    Ok(Some(Arc::new(tls)))
}

/// What is said of TLS with apps is said of one at least.
pub(super) fn some_tls<'a>(
    loaded: &Loaded,
    apps: impl IntoIterator<Item = &'a App>,
) -> Result<(), ConfigError> {
    let mut known = apps.into_iter().filter_map(|app| match app {
        App::Upstream { upstreams, .. } => Some(upstreams.iter().any(|(_, tls)| tls.is_some())),
        App::Command { .. } | App::Own(_) => None,
    });
    let Some(first) = known
        .next()
        .filter(|_| loaded.config.tls.app_tls().is_some())
    else {
        return Ok(());
    };
    if first || known.any(|is_tls| is_tls) {
        return Ok(());
    }
    let message = "tls.app: the app is not spoken to by TLS";
    let error = loaded.error("tls.app", message);
    let error = error.with_help(
        "write `upstream = \"https://…\"` below `[app]` if it speaks it, or take the table away",
    );
    Err(error)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use panoply_core::ManualClock;

    use super::*;
    use crate::config::Source;
    use crate::settings::Settings;

    #[test]
    fn an_app_at_the_gateway_s_own_address_is_refused() {
        let state = tempfile::tempdir().unwrap();
        let around = Surroundings::new(state.path(), Arc::new(ManualClock::new()));
        let build = |host: &str| {
            let text = format!(
                "[app]\nupstream = \"http://{host}:8080\"\n[listen]\nhttp = \":8080\"\n[tls]\nmode = \"off\"\n"
            );
            let loaded = Source::new().text("panoply.toml", &text).load().unwrap();
            Settings::build(&loaded, &around).map(|_| ())
        };
        // Without an interface there is nothing to be known by.
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        if socket.connect("198.51.100.7:9").is_ok() {
            let own = socket.local_addr().unwrap().ip().to_string();
            let error = build(&own).unwrap_err().to_string();
            assert!(
                error.contains("where the gateway itself listens"),
                "{error}"
            );
        }
        assert!(build("127.0.0.1").is_err());
        assert!(build("198.51.100.7").is_ok());
    }
}
