//! Why a store could not be connected.

use std::error::Error as StdError;
use std::time::Duration;

use tokio_postgres::error::SqlState;

/// What connects nothing. No message holds a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The table's name would have to be quoted.
    #[error(
        "`{0}` will not do as a table: write letters, digits and `_`, such as `session` or \
         `app.session`"
    )]
    Table(String),
    /// The URL is not one.
    #[error("store.url: {0}: write `postgres://user:password@host/database`")]
    Url(String),
    /// The schema's name would not do.
    #[error("schema: `{0}` will not do, write up to 48 letters, digits or `_`, such as `panoply`")]
    Schema(String),
    /// Nobody answers there.
    #[error(
        "postgres at {address} cannot be reached ({source}): start it there, or correct `store.url`"
    )]
    Unreachable {
        /// Where it was looked for.
        address: String,
        /// What the system said.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// It takes too long.
    #[error(
        "postgres at {address} did not answer within {timeout:?}: is this its address, and does a \
         firewall let it through?"
    )]
    Silent {
        /// Where it was looked for.
        address: String,
        /// How long it was waited for.
        timeout: Duration,
    },
    /// The roots cannot be read.
    #[error("the root certificates cannot be read ({source}): write them as PEM")]
    Roots {
        /// What is wrong.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The password is wrong, or there should be one.
    #[error(
        "postgres at {address} refuses the user name or password ({source}): write \
         `postgres://user:password@host/database`, with `%40` for `@`, `%2F` for `/` and `%3A` for `:`"
    )]
    Password {
        /// Where it runs.
        address: String,
        /// What the server said.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// There is no such database.
    #[error("postgres at {address} has no such database ({source}): make it with `createdb`")]
    Database {
        /// Where it runs.
        address: String,
        /// What the server said.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The role may not do what is needed.
    #[error(
        "postgres at {address} does not permit it ({source}): `grant create on database … to …` for \
         the first start (or make the schema yourself, and `grant usage, create on schema {schema} to …`); once it \
         is filled, `grant usage on schema {schema}` and the rights on all in it are enough"
    )]
    Permission {
        /// Where it runs.
        address: String,
        /// The schema.
        schema: String,
        /// What the server said.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The server is older than what the functions need.
    #[error("postgres at {address} is {version}: version 13 or newer is needed")]
    TooOld {
        /// Where it runs.
        address: String,
        /// What it says it is.
        version: String,
    },
    /// A newer release has made the schema.
    #[error(
        "the schema `{schema}` was made by a newer release (format {found}, known up to {known}): \
         run that release, or name another schema"
    )]
    Newer {
        /// The schema.
        schema: String,
        /// Its format.
        found: i32,
        /// The newest format that this release knows.
        known: i32,
    },
    /// Others have all connections.
    #[error(
        "postgres at {address} has no connection left ({source}): raise its `max_connections` or the role's \
         `connection limit`, or have others take fewer"
    )]
    Full {
        /// Where it runs.
        address: String,
        /// What the server said.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A pooler that stands in between does not pass on what a connection is opened with.
    #[error(
        "what answers at {address} is a pooler ({source}), and decisions need settings of their own and what is \
         prepared on a connection: name PostgreSQL itself in `store.url`, or a pool that keeps sessions \
         (PgBouncer: `pool_mode = session`, `ignore_startup_parameters = options`)"
    )]
    Pooler {
        /// Where it runs.
        address: String,
        /// What it said.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// It says something else.
    #[error("postgres at {address} will not do: {source}")]
    Refused {
        /// Where it runs.
        address: String,
        /// What the server said.
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl Error {
    /// What an error while connecting means to whoever wrote the URL.
    pub(crate) fn of(error: &tokio_postgres::Error, address: &str, schema: &str) -> Self {
        let address = address.to_owned();
        let source: Box<dyn StdError + Send + Sync> = match error.as_db_error() {
            // Its own words; the rest of the display says no more.
            Some(said) => said.message().to_owned().into(),
            None => match error.source() {
                Some(cause) => cause.to_string().into(),
                None => error.to_string().into(),
            },
        };
        let Some(code) = error.code() else {
            return Self::Unreachable { address, source };
        };
        match code.code() {
            _ if *code == SqlState::INVALID_PASSWORD
                || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION =>
            {
                Self::Password { address, source }
            }
            _ if *code == SqlState::INVALID_CATALOG_NAME => Self::Database { address, source },
            _ if *code == SqlState::INSUFFICIENT_PRIVILEGE => Self::Permission {
                address,
                schema: schema.to_owned(),
                source,
            },
            _ if *code == SqlState::TOO_MANY_CONNECTIONS => Self::Full { address, source },
            // PostgreSQL knows them all.
            _ if source
                .to_string()
                .starts_with("unsupported startup parameter") =>
            {
                Self::Pooler { address, source }
            }
            _ => Self::Refused { address, source },
        }
    }
}
