//! Which part of a host's name one party registered.

use std::net::IpAddr;

/// The registered domain of a host, where hosting of others counts as one registrar: `a.github.io` is of
/// `a.github.io`. None for addresses and for what nobody can register.
pub(crate) fn registered(host: &str) -> Option<&str> {
    if is_address(host) {
        return None;
    }
    psl::domain_str(host)
}

/// The registered domain of a host by the registries alone: `a.github.io` is of `github.io`.
pub(crate) fn registered_at_registry(host: &str) -> Option<&str> {
    let mut suffix = psl::suffix(host.as_bytes()).filter(|_| !is_address(host))?;
    while suffix.typ() == Some(psl::Type::Private) {
        let parent = suffix.as_bytes();
        let dot = parent.iter().position(|byte| *byte == b'.')?;
        suffix = psl::suffix(parent.get(dot + 1..)?)?;
    }
    // The suffix and the label in front of it.
    let before = host.len().checked_sub(suffix.as_bytes().len() + 1)?;
    let front = host.get(..before)?;
    host.get(front.rfind('.').map_or(0, |dot| dot + 1)..)
}

/// Whether a host is an address, not a name.
pub(crate) fn is_address(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse::<IpAddr>().is_ok()
}

/// Whether a host is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let address = name.parse::<IpAddr>();
    name == "localhost"
        || name.ends_with(".localhost")
        || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosting_is_told_from_registries() {
        for (host, own, registry) in [
            (
                "www.shop.example",
                Some("shop.example"),
                Some("shop.example"),
            ),
            ("a.b.co.uk", Some("b.co.uk"), Some("b.co.uk")),
            ("a.github.io", Some("a.github.io"), Some("github.io")),
            ("x.a.github.io", Some("a.github.io"), Some("github.io")),
            ("co.uk", None, None),
            ("com", None, None),
            ("localhost", None, None),
            ("127.0.0.1", None, None),
            ("[::1]", None, None),
        ] {
            assert_eq!(registered(host), own, "{host}");
            assert_eq!(registered_at_registry(host), registry, "{host}");
        }
    }

    #[test]
    fn this_machine_is_known_by_all_its_names() {
        for host in [
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "127.0.0.9",
            "[::1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["localhost.example", "10.0.0.1", "128.0.0.1", "[::2]"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
