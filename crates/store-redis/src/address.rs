//! Where the server is, read from a URL.

use std::fmt;
use std::path::PathBuf;

use redis::{ConnectionAddr, IntoConnectionInfo as _, RedisConnectionInfo};

use crate::Error;

/// Where a server is, and how to log in.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) place: Place,
    pub(crate) tls: bool,
    pub(crate) login: RedisConnectionInfo,
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Tcp(String, u16),
    Unix(PathBuf),
}

/// Each scheme, with the one that the driver is told.
const SCHEMES: [(&str, &str); 7] = [
    ("redis", "redis"),
    ("rediss", "redis"),
    ("valkey", "redis"),
    ("valkeys", "redis"),
    ("unix", "unix"),
    ("redis+unix", "unix"),
    ("valkey+unix", "unix"),
];

impl Address {
    /// Reads a URL; its errors never repeat what stands behind the scheme.
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        let (scheme, rest) = url.trim().split_once("://").ok_or_else(|| {
            Error::Url("write `redis://host:6379`, or `rediss://` for TLS".to_owned())
        })?;
        let known = SCHEMES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(scheme));
        let Some((name, plain)) = known else {
            return Err(Error::Url(unknown(scheme)));
        };
        let tls = matches!(*name, "rediss" | "valkeys");
        if *plain == "redis" {
            check_authority(rest)?;
        }
        // The driver would bring a TLS of its own.
        let info = format!("{plain}://{rest}").into_connection_info();
        let info = info.map_err(|error| Error::Url(explain(&error, plain)))?;
        let place = match info.addr() {
            ConnectionAddr::Tcp(host, port) => Place::Tcp(host.clone(), *port),
            ConnectionAddr::Unix(path) => Place::Unix(path.clone()),
            _ => return Err(Error::Url("write `redis://host:6379`".to_owned())),
        };
        let login = info
            .redis_settings()
            .clone()
            .set_lib_name(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        Ok(Self { place, tls, login })
    }

    /// The same login at another place, as a cluster names it.
    pub(crate) fn at(&self, host_and_port: &str) -> Option<Self> {
        let (host, port) = host_and_port.rsplit_once(':')?;
        let port = port.parse().ok()?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let host = match (host, &self.place) {
            // A node that does not know its own name: it is where we already are.
            ("" | "?", Place::Tcp(own, _)) => own.clone(),
            ("" | "?", Place::Unix(_)) => return None,
            (host, _) => host.to_owned(),
        };
        Some(Self {
            place: Place::Tcp(host, port),
            ..self.clone()
        })
    }
}

/// What the driver would read in another way than it was meant, or not at all.
fn check_authority(rest: &str) -> Result<(), Error> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, behind) = rest.split_at(end);
    let at_signs = authority.matches('@').count();
    if at_signs > 1 || behind.contains('@') {
        let help = "a password is written percent-encoded: `%40` for `@`, `%2F` for `/`, `%3A` \
                    for `:`, `%23` for `#`, `%3F` for `?`";
        return Err(Error::Url(help.to_owned()));
    }
    if behind.contains("#insecure") {
        let help = "`#insecure` is not known here: name the file with the certificate of your \
                    authority in SSL_CERT_FILE";
        return Err(Error::Url(help.to_owned()));
    }
    if behind.contains(['?', '#']) {
        let help = "nothing follows the number of the database: write `redis://host:6379/0`";
        return Err(Error::Url(help.to_owned()));
    }
    Ok(())
}

fn unknown(scheme: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if !scheme.bytes().all(plain) {
        // It may be a login, and so nothing to be shown.
        return "what stands before `://` is no scheme: write `redis://host:6379`, or `rediss://` for TLS"
            .to_owned();
    }
    let near = SCHEMES
        .iter()
        .map(|(name, _)| (strsim::damerau_levenshtein(name, scheme), name))
        .min();
    match near {
        Some((distance, name)) if distance <= 2 => {
            format!("`{scheme}://` is not known, did you mean `{name}://`?")
        }
        _ => format!(
            "`{scheme}://` is not known, write `redis://`, `rediss://` for TLS, or `unix://` for \
             a socket"
        ),
    }
}

fn explain(error: &redis::RedisError, plain: &str) -> String {
    let said = error.to_string().to_lowercase();
    if said.contains("database number") {
        "the database is a number: write `redis://host:6379/0`".to_owned()
    } else if said.contains("wildcard") {
        "`0.0.0.0` and `::` are no addresses to connect to: write `127.0.0.1`".to_owned()
    } else if said.contains("utf-8") {
        "the user name and the password are UTF-8, percent-encoded".to_owned()
    } else if plain == "unix" {
        "write `unix:///run/redis/redis.sock`, with `?db=0&user=name&pass=word` if need be"
            .to_owned()
    } else {
        "write `redis://user:password@host:6379/0`; user, password, port and database may be left \
         out"
        .to_owned()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Place::Tcp(host, port) => write!(f, "{host}:{port}"),
            Place::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        let error = Address::parse(url).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
        error
    }

    #[test]
    fn reads_what_people_write() {
        for (url, shown, tls) in [
            ("redis://127.0.0.1", "127.0.0.1:6379", false),
            ("rediss://cache.example:6380/2", "cache.example:6380", true),
            ("VALKEY://[::1]:7000", "[::1]:7000", false),
            ("unix:///run/redis.sock?db=3", "/run/redis.sock", false),
            ("valkeys://a:b@x/", "x:6379", true),
        ] {
            let address = Address::parse(url).unwrap();
            assert_eq!((address.to_string().as_str(), address.tls), (shown, tls));
        }
        let address = Address::parse("redis://me:s%40c%2Fret@h/5").unwrap();
        assert_eq!(address.login.username(), Some("me"));
        assert_eq!(address.login.password(), Some("s@c/ret"));
        assert_eq!(address.login.db(), 5);
        assert!(!format!("{address:?}").contains("ret"));
    }

    #[test]
    fn says_what_to_write() {
        for (url, help) in [
            ("localhost:6379", "write `redis://host:6379`"),
            ("reddis://x", "did you mean `redis://`"),
            ("http://x:secret@y", "write `redis://`"),
            ("redis://:secret/word@host", "percent-encoded"),
            ("redis://:sec@secret@host", "percent-encoded"),
            ("redis://:secret#1@host", "percent-encoded"),
            ("redis://host/zero", "the database is a number"),
            ("redis://host:port", "write `redis://user"),
            ("redis://0.0.0.0", "127.0.0.1"),
            ("rediss://host/#insecure", "SSL_CERT_FILE"),
            ("redis://host/0?secret=1", "nothing follows"),
            ("redis://", "write `redis://user"),
        ] {
            let said = refused(url);
            assert!(said.contains(help), "{url}: {said}");
        }
    }

    #[test]
    fn a_cluster_says_where() {
        let address = Address::parse("redis://:pw@seed:7000").unwrap();
        let moved = |to| address.at(to).map(|address| address.to_string());
        assert_eq!(moved("10.0.0.7:7002").as_deref(), Some("10.0.0.7:7002"));
        assert_eq!(moved(":7003").as_deref(), Some("seed:7003"));
        assert_eq!(moved("::1:7004").as_deref(), Some("[::1]:7004"));
        assert_eq!(moved("nowhere"), None);
        let password = address.at(":1").map(|address| address.login);
        assert_eq!(
            password.as_ref().and_then(|login| login.password()),
            Some("pw")
        );
    }
}
