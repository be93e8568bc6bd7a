//! Listeners that can stand beside each other, and one that must not stand open.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use panoply_core::{Networks, Secret};

use super::secrets;
use crate::admin::is_loopback;
use crate::config::{ConfigError, Loaded, Origin};
use crate::proxy_protocol::Senders;

/// No two listeners want one port.
pub(super) fn apart(
    loaded: &Loaded,
    listeners: [(&str, Option<SocketAddr>); 3],
) -> Result<(), ConfigError> {
    let clash = |a: SocketAddr, b: SocketAddr| {
        let (one, other) = (a.ip(), b.ip());
        // `[::]` takes IPv4 as well.
        let takes =
            |one: IpAddr, other: IpAddr| one.is_unspecified() && (one.is_ipv6() || other.is_ipv4());
        let meet = one == other || takes(one, other) || takes(other, one);
        a.port() != 0 && a.port() == b.port() && meet
    };
    for (number, (key, address)) in listeners.iter().enumerate() {
        for (before, other) in listeners.iter().take(number) {
            if let (Some(a), Some(b)) = (address, other)
                && clash(*a, *b)
            {
                let message = format!("`{key}` ({a}) and `{before}` ({b}) want the same port");
                // Shown where one of them was written.
                let at = [*key, *before].into_iter();
                let at = at.clone().find(|key| loaded.origin(key) != Origin::Default);
                return Err(loaded
                    .error(at.unwrap_or(key), message)
                    .with_help("give each a port of its own, or turn one `\"off\"`"));
            }
        }
    }
    Ok(())
}

/// Who says by the PROXY protocol whose connections he passes on.
pub(super) fn senders(loaded: &Loaded) -> Result<Arc<Senders>, ConfigError> {
    let key = "listen.proxy_protocol";
    let networks = Networks::parse(&loaded.config.listen.proxy_protocol)
        .map_err(|error| loaded.error(key, format!("{key}: {error}")))?;
    if networks.are_all() {
        let message = format!(
            "{key} would have everybody say who he is: name the addresses or networks of the load balancers"
        );
        return Err(loaded.error(key, message));
    }
    Ok(Arc::new(Senders::new(networks)))
}

/// What whoever comes to the admin listener must know; nothing only where no other machine reaches it.
pub(super) fn admin_token(
    loaded: &Loaded,
    admin: Option<SocketAddr>,
) -> Result<Option<Secret>, ConfigError> {
    let make = "set it, or PANOPLY_ADMIN_TOKEN, to what `openssl rand -hex 32` prints";
    match (&loaded.config.admin.token, admin) {
        (Some(token), _) => {
            let uncarried = "holds what no header can carry: spaces, or other than ASCII";
            let is_carried = token.bytes().all(|byte| byte.is_ascii_graphic());
            let complaint =
                secrets::complaint(token).or_else(|| (!is_carried).then(|| uncarried.to_owned()));
            match complaint {
                Some(complaint) => {
                    let message = format!("admin.token {complaint}");
                    Err(loaded.error("admin.token", message).with_help(make))
                }
                None => Ok(Some(Secret::new(token.clone().into_bytes()))),
            }
        }
        (None, Some(address)) if !is_loopback(address.ip()) => {
            let message = format!(
                "admin.listen: other machines reach {address}, and there is no `admin.token`"
            );
            let help = format!(
                "listen on 127.0.0.1:{} and come by SSH, or set `admin.token` (PANOPLY_ADMIN_TOKEN) to \
                 what `openssl rand -hex 32` prints",
                address.port()
            );
            Err(loaded.error("admin.listen", message).with_help(help))
        }
        (None, _) => Ok(None),
    }
}
