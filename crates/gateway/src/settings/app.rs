//! What stands behind the gateway, and how it is asked whether it is well.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use panoply_tls::AppTls;

use crate::app::Health;
use crate::config::{ConfigError, Loaded, Upstream};
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

/// What stands behind the gateway, and by what it is known.
pub(super) fn app(loaded: &Loaded, around: &Surroundings) -> Result<App, ConfigError> {
    let app = &loaded.config.app;
    if let Some(own) = &around.own {
        return of_ones_own(loaded).map(|()| App::Own(own.clone()));
    }
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
            instances: app.instances.get(),
        }),
        (None, Some(upstreams)) => {
            let addresses = addresses(loaded, upstreams.addresses())?;
            let each = upstreams.addresses().iter();
            let each = each.map(|one| Ok((one.clone(), tls(loaded, around, one)?)));
            let upstreams = each.collect::<Result<_, _>>()?;
            Ok(App::Upstream {
                upstreams,
                addresses,
            })
        }
        (None, None) => Err(loaded.error("app", "there is no app to guard").with_help(
            "say how to start it, `panoply run -- node server.js`, or where it runs, \
                 `panoply run --upstream http://127.0.0.1:3000`",
        )),
    }
}

/// How many instances may be found by what is written: as many as are said to be, where that is one name.
fn addresses(loaded: &Loaded, upstreams: &[Upstream]) -> Result<usize, ConfigError> {
    if loaded.value("app.instances").is_none() {
        return Ok(1);
    }
    match upstreams {
        [Upstream::Tcp { host, .. }] if host.parse::<IpAddr>().is_err() => {
            Ok(loaded.config.app.instances.of_a_name())
        }
        _ => {
            let message = "app.instances: somebody else starts the app, and each address of `app.upstream` is one";
            Err(loaded.error("app.instances", message).with_help(
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

/// The host that the app is told, in place of the client's.
pub(super) fn host(loaded: &Loaded) -> Result<Option<HeaderValue>, ConfigError> {
    let Some(written) = &loaded.config.app.host else {
        return Ok(None);
    };
    let host = panoply_core::parse_host(written.as_bytes());
    let host = host.and_then(|_| HeaderValue::from_str(written).ok());
    host.map(Some).ok_or_else(|| {
        let message = format!("app.host: `{written}` is not a host");
        let error = loaded.error("app.host", message);
        error.with_help("write it as the app knows it, `app.internal` or `app.internal:8080`")
    })
}

/// Requests to a gateway before itself would go in a circle until nothing is left of it. Of a name that is seen when it
/// is looked up.
///
/// # Errors
///
/// When the app is where one of the `listeners` is.
pub(super) fn not_ourselves(
    loaded: &Loaded,
    app: &App,
    listeners: [(&'static str, Option<SocketAddr>); 3],
) -> Result<(), ConfigError> {
    let App::Upstream { upstreams, .. } = app else {
        return Ok(());
    };
    { upstreams.iter() }.try_for_each(|(one, _)| not_here(loaded, one, listeners))
}

fn not_here(
    loaded: &Loaded,
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
    let message =
        format!("app.upstream: `{host}:{port}` is where the gateway itself listens (`{key}`)");
    let error = loaded.error("app.upstream", message);
    Err(error.with_help(
        "write the address at which the app listens, or another one for the gateway: both cannot have the same port",
    ))
}

/// How an app is known that speaks TLS itself.
fn tls(
    loaded: &Loaded,
    around: &Surroundings,
    upstream: &Upstream,
) -> Result<Option<Arc<AppTls>>, ConfigError> {
    let config = loaded.config.tls.app_tls();
    let Upstream::Tcp {
        host, tls: true, ..
    } = upstream
    else {
        return match config {
            Some(_) => Err(no_tls(loaded)),
            None => Ok(None),
        };
    };
    let http2 = loaded.config.app.h2c;
    let config = config.cloned().unwrap_or_default();
    let tls = config.open(host, http2, Arc::clone(&around.clock));
    let tls = tls.map_err(|error| {
        let key = format!("tls.{}", error.key());
        loaded.error(&key, error.to_string())
    })?;
    Ok(Some(Arc::new(tls)))
}

fn no_tls(loaded: &Loaded) -> ConfigError {
    let message = "tls.app: the app is not spoken to by TLS";
    let error = loaded.error("tls.app", message);
    error.with_help(
        "write `upstream = \"https://…\"` below `[app]` if it speaks it, or take the table away",
    )
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
