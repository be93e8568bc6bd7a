//! The sessions of an Express app, as connect-pg-simple lays them out.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use panoply_core::{Reply, SessionDocument, SessionDocuments, StoreError};
use tokio_postgres::types::{ToSql, Type};

use crate::Error;
use crate::keeper::Keeper;
use crate::store::failed;

/// The sessions that connect-pg-simple keeps in a table, see
/// [`PostgresStore::documents`](crate::PostgresStore::documents).
///
/// Ends are computed by the server: the column has no time zone, and whatever the server's is, both
/// programs mean the same.
#[derive(Clone)]
pub struct PostgresDocuments {
    keeper: Arc<Keeper>,
    statements: Arc<Statements>,
    table: Arc<str>,
}

struct Statements {
    read: String,
    make: String,
    replace: String,
    take: String,
    touch: String,
    remove: String,
}

type Given<'a> = (&'a (dyn ToSql + Sync), Type);

impl PostgresDocuments {
    /// Those in `table`, which may have its schema before it.
    pub(crate) fn new(keeper: Arc<Keeper>, table: &str) -> Result<Self, Error> {
        let good = |part: &str| {
            let mut letters = part.chars();
            let first = letters
                .next()
                .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
            first && part.len() <= 63 && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        let parts: Vec<&str> = table.split('.').collect();
        if parts.len() > 2 || !parts.iter().all(|part| good(part)) {
            return Err(Error::Table(table.to_owned()));
        }
        let quoted: Vec<String> = parts.iter().map(|part| format!("\"{part}\"")).collect();
        let name = quoted.join(".");
        let end = "(now() + $3 * interval '1 microsecond')";
        let statements = Statements {
            read: format!(
                "select sess::text, (extract(epoch from (expire::timestamptz - now())) * \
                 1000000)::bigint from {name} where sid = $1 and expire > now()"
            ),
            // One that is over may still be there.
            make: format!(
                "insert into {name} as t (sid, sess, expire) values ($1, $2::text::json, {end}) \
                 on conflict (sid) do update set sess = excluded.sess, expire = excluded.expire \
                 where t.expire <= now()"
            ),
            replace: format!(
                "update {name} set sess = $2::text::json, expire = {end} \
                 where sid = $1 and sess::text = $4 and expire > now()"
            ),
            take: format!("delete from {name} where sid = $1 and sess::text = $2"),
            touch: format!(
                "update {name} set expire = (now() + $2 * interval '1 microsecond') \
                 where sid = $1 and expire > now()"
            ),
            remove: format!("delete from {name} where sid = $1"),
        };
        Ok(Self {
            keeper,
            statements: Arc::new(statements),
            table: table.into(),
        })
    }

    async fn one(&self, statement: &str, given: &[Given<'_>]) -> Result<bool, StoreError> {
        let live = self.keeper.connection()?;
        let changed = live.client.execute_typed(statement, given).await;
        changed.map(|changed| changed == 1).map_err(failed)
    }
}

impl SessionDocuments for PostgresDocuments {
    fn read<'a>(&'a self, id: &'a str) -> Reply<'a, Option<SessionDocument>> {
        Reply::later(async move {
            let live = self.keeper.connection()?;
            let given: [Given<'_>; 1] = [(&id, Type::VARCHAR)];
            let row = live
                .client
                .query_typed_opt(&self.statements.read, &given)
                .await;
            let Some(row) = row.map_err(failed)? else {
                return Ok(None);
            };
            let text: String = row.try_get(0).map_err(failed)?;
            let left: i64 = row.try_get(1).map_err(failed)?;
            let left = Duration::from_micros(u64::try_from(left).unwrap_or(0));
            Ok(Some(SessionDocument::new(text, Some(left))))
        })
    }

    fn swap<'a>(
        &'a self,
        id: &'a str,
        before: Option<&'a str>,
        after: Option<(&'a str, Duration)>,
    ) -> Reply<'a, bool> {
        Reply::later(async move {
            let Statements {
                make,
                replace,
                take,
                ..
            } = &*self.statements;
            let Some((text, lasts)) = after else {
                let Some(before) = before else {
                    return Ok(self.read(id).await?.is_none());
                };
                let given: [Given<'_>; 2] = [(&id, Type::VARCHAR), (&before, Type::TEXT)];
                return self.one(take, &given).await;
            };
            let lasts = micros(lasts);
            let given: [Given<'_>; 3] = [
                (&id, Type::VARCHAR),
                (&text, Type::TEXT),
                (&lasts, Type::FLOAT8),
            ];
            match &before {
                None => self.one(make, &given).await,
                Some(before) => {
                    let [id, text, lasts] = given;
                    self.one(replace, &[id, text, lasts, (before, Type::TEXT)])
                        .await
                }
            }
        })
    }

    fn touch<'a>(&'a self, id: &'a str, lasts: Duration) -> Reply<'a, bool> {
        Reply::later(async move {
            let given: [Given<'_>; 2] = [(&id, Type::VARCHAR), (&micros(lasts), Type::FLOAT8)];
            self.one(&self.statements.touch, &given).await
        })
    }

    fn remove<'a>(&'a self, id: &'a str) -> Reply<'a, bool> {
        Reply::later(async move {
            self.one(&self.statements.remove, &[(&id, Type::VARCHAR)])
                .await
        })
    }
}

/// As the server multiplies an interval.
fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000_000.0
}

impl fmt::Debug for PostgresDocuments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresDocuments")
            .field("table", &self.table)
            .field("address", &self.keeper.address)
            .finish_non_exhaustive()
    }
}
