//! One connection: made, the schema looked at, the statements prepared.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use panoply_core::{CounterKey, Lock, Op, Rule};
use tokio_postgres::{Client, Config, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::Error;
use crate::wire::Asked;

/// How to connect, again and again.
pub(crate) struct Dialler {
    pub(crate) config: Config,
    pub(crate) tls: Option<MakeRustlsConnect>,
    pub(crate) schema: String,
    pub(crate) unlogged: bool,
    pub(crate) unlogged_sessions: bool,
    pub(crate) timeout: Duration,
    pub(crate) address: String,
}

impl fmt::Debug for Dialler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialler")
            .field("address", &self.address)
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

/// A connection that is ready, and its statements.
pub(crate) struct Live {
    pub(crate) client: Client,
    pub(crate) decide: Statement,
    pub(crate) blocks: Statement,
    pub(crate) release: Statement,
    pub(crate) sweep: Statement,
    pub(crate) load: Statement,
    pub(crate) commit: Statement,
    pub(crate) sessions: Statement,
    pub(crate) destroy: Statement,
    pub(crate) sweep_sessions: Statement,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Live")
    }
}

pub(crate) type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What the schema is called by those that know of changes of it.
///
/// 1 knew counters alone, 2 knew sessions, 3 keeps their old keys until the new one is seen.
const FORMAT: i32 = 3;

/// The lock under which a schema is made.
const MAKING: i64 = 7_368_620_230;

const SCHEMA: &str = concat!(
    include_str!("schema.sql"),
    "\n",
    include_str!("sessions.sql")
);

impl Dialler {
    /// Connects; with `make` the schema is made where there is none.
    pub(crate) async fn dial(&self, make: bool) -> Result<(Live, Driver), Error> {
        let silent = |_| Error::Silent {
            address: self.address.clone(),
            timeout: self.timeout,
        };
        let dialled = tokio::time::timeout(self.timeout, self.open(make));
        dialled.await.map_err(silent)?
    }

    async fn open(&self, make: bool) -> Result<(Live, Driver), Error> {
        let (client, mut driver): (Client, Driver) = if let Some(tls) = &self.tls {
            let connected = self.config.connect(tls.clone()).await;
            let (client, connection) = connected.map_err(self.cannot())?;
            (client, Box::pin(async move { drop(connection.await) }))
        } else {
            let connected = self.config.connect(NoTls).await;
            let (client, connection) = connected.map_err(self.cannot())?;
            (client, Box::pin(async move { drop(connection.await) }))
        };
        let live = tokio::select! {
            live = self.introduce(client, make) => live?,
            () = &mut driver => return Err(Error::Unreachable {
                address: self.address.clone(),
                source: "it closed the connection".into(),
            }),
        };
        Ok((live, driver))
    }

    async fn introduce(&self, client: Client, make: bool) -> Result<Live, Error> {
        if make {
            self.make(&client).await?;
        }
        let schema = &self.schema;
        let prepare =
            async |statement: String| client.prepare(&statement).await.map_err(self.cannot());
        let decide = format!("select {schema}.decide($1, $2, $3, $4, $5, $6)");
        let blocks = format!(
            "select r.key, r.count, r.lock_end, r.rule, r.subject, r.address, {schema}.moment() \
             from {schema}.counters r \
             where r.rule is not null and r.key > $1 and r.lock_end > {schema}.moment() \
             order by r.key limit $2"
        );
        let release = format!("select {schema}.release($1, $2, $3)");
        let sweep = format!("select {schema}.sweep($1)");
        // The time is that of before the look, so that nothing of what was not yet over is over.
        let load = format!(
            "select s.first_key, s.key, s.key_since, s.user_key, s.user_since, s.version, \
             s.created, s.seen, s.idle, s.ends, s.old_keys, s.old_until, s.old_opens, s.names, \
             s.vals, (extract(epoch from now()) * 1000000)::bigint \
             from {schema}.session_keys k join {schema}.sessions s on s.first_key = k.session \
             where k.key = $1"
        );
        let commit = format!(
            "select {schema}.session_commit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, \
             $13, $14)"
        );
        let sessions = format!(
            "select s.first_key, s.created, s.user_since, s.seen, \
             (extract(epoch from now()) * 1000000)::bigint \
             from {schema}.sessions s where s.user_key = $1 and s.first_key > $2 \
             and {schema}.session_over(s) > (extract(epoch from now()) * 1000000)::bigint \
             order by s.first_key limit $3"
        );
        let destroy = format!("select {schema}.session_destroy($1, $2, $3, $4)");
        let sweep_sessions = format!("select {schema}.session_sweep($1)");
        let live = Live {
            decide: prepare(decide).await?,
            blocks: prepare(blocks).await?,
            release: prepare(release).await?,
            sweep: prepare(sweep).await?,
            load: prepare(load).await?,
            commit: prepare(commit).await?,
            sessions: prepare(sessions).await?,
            destroy: prepare(destroy).await?,
            sweep_sessions: prepare(sweep_sessions).await?,
            client,
        };
        warm(&live).await.map_err(self.cannot())?;
        Ok(live)
    }

    /// Looks who it is, and makes the schema, of all nodes that come at once only one.
    async fn make(&self, client: &Client) -> Result<(), Error> {
        let row = client
            .query_one("show server_version", &[])
            .await
            .map_err(self.cannot())?;
        let version: String = row.get(0);
        let major = version
            .split('.')
            .next()
            .and_then(|major| major.trim().parse::<u32>().ok());
        if major.is_some_and(|major| major < 13) {
            return Err(Error::TooOld {
                address: self.address.clone(),
                version,
            });
        }
        if self.format(client).await? == Some(FORMAT) {
            return Ok(());
        }
        let logged = |unlogged| if unlogged { "unlogged" } else { "" };
        let schema = SCHEMA
            .replace("@unlogged", logged(self.unlogged))
            .replace("@kept", logged(self.unlogged_sessions))
            .replace('@', &self.schema);
        client
            .batch_execute(&format!("begin; select pg_advisory_xact_lock({MAKING})"))
            .await
            .map_err(self.cannot())?;
        // Another may have made it while this one waited.
        match self.format(client).await? {
            Some(FORMAT) => {
                client
                    .batch_execute("commit")
                    .await
                    .map_err(self.cannot())?;
                return Ok(());
            }
            Some(found) if found > FORMAT => {
                return Err(Error::Newer {
                    schema: self.schema.clone(),
                    found,
                    known: FORMAT,
                });
            }
            _ => {}
        }
        let name = &self.schema;
        let noted =
            format!("delete from {name}.format; insert into {name}.format values ({FORMAT})");
        // Who may fill a schema may not make one, and `if not exists` asks for the right to make it all the same.
        let made = if self.has_schema(client).await? {
            String::new()
        } else {
            format!("create schema {name};")
        };
        client
            .batch_execute(&format!("{made} {schema}; {noted}; commit"))
            .await
            .map_err(self.cannot())
    }

    async fn has_schema(&self, client: &Client) -> Result<bool, Error> {
        let there = client
            .query_one("select to_regnamespace($1) is not null", &[&self.schema])
            .await
            .map_err(self.cannot())?;
        Ok(there.get(0))
    }

    /// The format of the schema, if there is one.
    async fn format(&self, client: &Client) -> Result<Option<i32>, Error> {
        let name = format!("{}.format", self.schema);
        let there = client
            .query_one("select to_regclass($1) is not null", &[&name])
            .await
            .map_err(self.cannot())?;
        if !there.get::<_, bool>(0) {
            return Ok(None);
        }
        let rows = client
            .query(&format!("select version from {name}"), &[])
            .await;
        let rows = rows.map_err(self.cannot())?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    fn cannot(&self) -> impl Fn(tokio_postgres::Error) -> Error + '_ {
        |error| Error::of(&error, &self.address, &self.schema)
    }
}

/// Makes a decision and takes it back: a server plans a function when it is called first, on each
/// connection anew, and the first to guess would wait for that for longer than a store may be silent.
async fn warm(live: &Live) -> Result<(), tokio_postgres::Error> {
    let hour = Duration::from_hours(1);
    let rule = Rule::new("warm", 1, hour).lock(Lock::doubling(hour, hour));
    let key = CounterKey::from_bits(0);
    let asked = Asked::of(&[Op::reserve(key, &rule)]);
    live.client.batch_execute("begin").await?;
    live.client.query_one(&live.decide, &asked.given()).await?;
    live.client.batch_execute("rollback").await
}
