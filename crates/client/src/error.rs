//! What can be wrong with `[client]`.

/// A setting that is refused, with what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An entry of `trusted_proxies` is neither a name, an address nor a network.
    #[error(
        "`{entry}` is not a proxy to trust: write an address (`192.0.2.7`), a network \
         (`10.0.0.0/8`), or `loopback`, `linklocal` or `uniquelocal`{hint}"
    )]
    Proxy {
        /// What was written.
        entry: String,
        /// The nearest word, as a question.
        hint: String,
    },
    /// A network that holds every address there is.
    #[error(
        "`{entry}` would trust everybody, so that whoever sends X-Forwarded-For chooses his own \
         address: name the networks of your proxies, or count them with `hops`"
    )]
    Everybody {
        /// What was written.
        entry: String,
    },
    /// Both ways of saying whom to trust.
    #[error(
        "`trusted_proxies` and `hops` exclude each other: name the proxies, or count them, not both"
    )]
    Both,
    /// An IPv6 client can be no more than all 128 bits.
    #[error("`ipv6_prefix` is {0}, but an address has 128 bits: write 64, or at most 128")]
    Prefix(u8),
}

impl Error {
    /// The key in `[client]` that is wrong.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Proxy { .. } | Self::Everybody { .. } => "trusted_proxies",
            Self::Both => "hops",
            Self::Prefix(_) => "ipv6_prefix",
        }
    }
}
