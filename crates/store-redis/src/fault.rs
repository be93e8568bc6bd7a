//! What went wrong, and whether it may go right again by itself.

use panoply_core::StoreError;
use redis::RedisError;

use crate::Error;
use crate::address::Address;

/// What an error of the server or of the connection is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection is gone.
    Lost,
    /// The script is not known, after a flush or on another server.
    NoScript,
    /// Another node has the keys now.
    Moved,
    /// A replica: what was the primary is not.
    Replica,
    /// It is starting, failing over, or busy.
    Busy,
    /// No memory left.
    Memory,
    /// It cannot write its own files.
    Disk,
    /// No permission.
    Permission,
    /// The password is wrong or missing.
    Password,
    /// A key holds something else.
    Type,
    /// Something else.
    Other,
}

impl Fault {
    pub(crate) fn of(error: &RedisError) -> Self {
        // Of an error in a script older servers say `ERR`, and the code in its text, if at all.
        let inner = || {
            let text = error.detail().unwrap_or_default();
            if text.contains("user executing the script can't") {
                return Some(Self::Permission);
            }
            let words = text.split_ascii_whitespace();
            let mut codes = words.map(|word| Self::of_code(word.trim_start_matches('-')));
            codes.find(|fault| *fault != Self::Other)
        };
        match error.code() {
            Some("ERR") => inner().unwrap_or(Self::Other),
            Some(code) => Self::of_code(code),
            None if error.kind() == redis::ErrorKind::AuthenticationFailed => Self::Password,
            None if error.is_unrecoverable_error() || error.is_io_error() => Self::Lost,
            None => Self::Other,
        }
    }

    fn of_code(code: &str) -> Self {
        match code {
            "NOSCRIPT" => Self::NoScript,
            "MOVED" | "ASK" => Self::Moved,
            "READONLY" => Self::Replica,
            "LOADING" | "BUSY" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "NOREPLICAS" => {
                Self::Busy
            }
            "OOM" => Self::Memory,
            "MISCONF" => Self::Disk,
            "NOPERM" => Self::Permission,
            "NOAUTH" | "WRONGPASS" => Self::Password,
            "WRONGTYPE" => Self::Type,
            _ => Self::Other,
        }
    }

    /// Whether another connection, perhaps to another server, is what helps.
    pub(crate) const fn is_cured_by_dialling(self) -> bool {
        matches!(self, Self::Moved | Self::Replica)
    }

    /// Whether nothing was done, for certain.
    pub(crate) const fn is_before_it_began(self) -> bool {
        matches!(self, Self::NoScript)
    }
}

/// The error that a caller of the store gets.
pub(crate) fn store_error(error: RedisError) -> StoreError {
    let told = match Fault::of(&error) {
        Fault::Lost => {
            StoreError::transient("the connection to redis was lost before its answer came")
        }
        Fault::NoScript => StoreError::transient("redis has forgotten the script again"),
        Fault::Moved => StoreError::transient("the keys have moved to another node of the cluster"),
        Fault::Replica => StoreError::transient("redis is a replica now and takes no writes"),
        Fault::Busy => StoreError::transient("redis is starting, failing over or busy"),
        Fault::Memory => StoreError::permanent("redis has no memory left: raise `maxmemory`"),
        Fault::Disk => {
            StoreError::permanent("redis takes no writes while it cannot save its own: see its log")
        }
        Fault::Permission => {
            StoreError::permanent("redis does not permit this user what a decision needs")
        }
        Fault::Password => StoreError::permanent("redis wants another user name or password"),
        Fault::Type => StoreError::permanent(
            "a key of this store holds something else: give the store a prefix of its own",
        ),
        Fault::Other => StoreError::permanent("redis answered with an error"),
    };
    told.because(error)
}

/// The error that whoever connects gets.
pub(crate) fn connect_error(error: RedisError, address: &Address, root: &str) -> Error {
    let fault = Fault::of(&error);
    let address = address.to_string();
    let source = Box::new(error);
    match fault {
        Fault::Password => Error::Password { address, source },
        Fault::Permission => Error::Permission {
            address,
            prefix: root.to_owned(),
            source,
        },
        Fault::Replica => Error::Replica { address },
        Fault::Lost => Error::Unreachable {
            address,
            source: std::io::Error::other(source),
        },
        _ => Error::Refused { address, source },
    }
}

#[cfg(test)]
mod tests {
    use redis::{ErrorKind, ServerErrorKind};

    use super::*;

    #[test]
    fn an_error_in_a_script_is_known_by_its_code_in_old_servers_too() {
        let kind = ErrorKind::Server(ServerErrorKind::ResponseError);
        for (text, fault) in [
            (
                "Error running script (call to f_1): @user_script:9: -READONLY You can't write",
                Fault::Replica,
            ),
            (
                "@user_script: 1: -OOM command not allowed when used memory > 'maxmemory'.",
                Fault::Memory,
            ),
            ("@user_script:1: WRONGTYPE Operation against", Fault::Type),
            (
                "The user executing the script can't run this command or subcommand",
                Fault::Permission,
            ),
            ("unknown command", Fault::Other),
        ] {
            let error = RedisError::from((kind, "", text.to_owned()));
            assert_eq!(Fault::of(&error), fault, "{text}");
        }
    }

    #[test]
    fn what_somebody_must_act_on_is_permanent() {
        let transient = |kind| store_error(RedisError::from((kind, ""))).is_transient();
        assert!(transient(ErrorKind::Io));
        assert!(transient(ErrorKind::Server(ServerErrorKind::ReadOnly)));
        assert!(transient(ErrorKind::Server(ServerErrorKind::BusyLoading)));
        assert!(transient(ErrorKind::Server(ServerErrorKind::Moved)));
        assert!(!transient(ErrorKind::Server(ServerErrorKind::NoPerm)));
        assert!(!transient(ErrorKind::Server(
            ServerErrorKind::ResponseError
        )));
    }
}
