//! One way to speak to either data base.

use std::time::Duration;

use kc_core::users::UsersUnavailable;
use sqlx::{Arguments, ColumnIndex, Decode, Encode, Row, Type};

use super::error::Fault;

/// Longest that a call waits for a connection, and for its answer.
pub(super) const LIMIT: Duration = Duration::from_secs(5);

/// Connections that are kept.
#[derive(Clone)]
pub(super) enum Pool {
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgPool),
    #[cfg(feature = "sqlite")]
    Sqlite(super::sqlite::SqlitePool),
}

impl Pool {
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => "PostgreSQL",
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => "SQLite",
        }
    }

    /// A connection, for one call.
    pub(super) async fn connection(&self) -> Result<Connection, UsersUnavailable> {
        let connection = match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => pool.acquire().await.map(Connection::Postgres),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(pool) => pool.acquire().await.map(Connection::Sqlite),
        };
        connection.map_err(|error| Fault::Sql(error).into())
    }

    pub(super) async fn close(&self) {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => pool.close().await,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(pool) => pool.close().await,
        }
    }
}

/// A connection of the pool.
pub(super) enum Connection {
    #[cfg(feature = "postgres")]
    Postgres(sqlx::pool::PoolConnection<sqlx::Postgres>),
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::pool::PoolConnection<sqlx::Sqlite>),
}

impl Connection {
    /// To ask outside of a transaction.
    pub(super) fn link(&mut self) -> Link<'_> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => Link::Postgres(connection),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection) => Link::Sqlite(connection),
        }
    }

    /// A transaction, for writing. Without [`Transaction::commit`] nothing has happened.
    pub(super) async fn begin(&mut self) -> Result<Transaction<'_>, sqlx::Error> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => {
                sqlx::Connection::begin(&mut **connection).await.map(Transaction::Postgres)
            }
            // At once as a writer: whoever begins as a reader and writes later is turned away when another one has written.
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection) => {
                let begun = sqlx::Connection::begin_with(&mut **connection, "BEGIN IMMEDIATE").await;
                begun.map(Transaction::Sqlite)
            }
        }
    }

    /// Gives the connection back after a call.
    pub(super) fn end<T>(self, outcome: Result<T, Fault>) -> Result<T, UsersUnavailable> {
        match self {
            // Whoever has not answered once is not asked again: the connection may hang for minutes.
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) if matches!(outcome, Err(Fault::Late(_))) => drop(connection.detach()),
            _ => {}
        }
        outcome.map_err(UsersUnavailable::from)
    }
}

/// Ends a call that takes too long.
pub(super) async fn limited<T>(call: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    tokio::time::timeout(LIMIT, call).await.unwrap_or(Err(Fault::Late(LIMIT)))
}

/// A transaction under way.
pub(super) enum Transaction<'c> {
    #[cfg(feature = "postgres")]
    Postgres(sqlx::Transaction<'c, sqlx::Postgres>),
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::Transaction<'c, sqlx::Sqlite>),
}

impl Transaction<'_> {
    pub(super) fn link(&mut self) -> Link<'_> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(transaction) => Link::Postgres(transaction),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(transaction) => Link::Sqlite(transaction),
        }
    }

    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(transaction) => transaction.commit().await,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(transaction) => transaction.commit().await,
        }
    }

    pub(super) async fn rollback(self) -> Result<(), sqlx::Error> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(transaction) => transaction.rollback().await,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(transaction) => transaction.rollback().await,
        }
    }
}

/// Where statements go.
pub(super) enum Link<'c> {
    #[cfg(feature = "postgres")]
    Postgres(&'c mut sqlx::PgConnection),
    #[cfg(feature = "sqlite")]
    Sqlite(&'c mut sqlx::SqliteConnection),
}

/// What takes the place of `$1`, `$2` … in a statement.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Flag(bool),
    Number(i64),
    Text(&'a str),
    TextOrNull(Option<&'a str>),
}

impl Link<'_> {
    /// All rows of users that a statement gives.
    pub(super) async fn records(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Record>, sqlx::Error> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => {
                let rows = sqlx::query_with(sql, arguments::<sqlx::postgres::PgArguments>(values)?);
                rows.fetch_all(&mut **connection).await?.iter().map(record).collect()
            }
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection) => {
                let rows = sqlx::query_with(sql, arguments::<sqlx::sqlite::SqliteArguments>(values)?);
                rows.fetch_all(&mut **connection).await?.iter().map(record).collect()
            }
        }
    }

    /// The number in the first column of a statement's first row, if it gives one.
    pub(super) async fn number(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Option<i64>, sqlx::Error> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => {
                let row = sqlx::query_with(sql, arguments::<sqlx::postgres::PgArguments>(values)?);
                row.fetch_optional(&mut **connection).await?.map(|row| row.try_get(0)).transpose()
            }
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection) => {
                let row = sqlx::query_with(sql, arguments::<sqlx::sqlite::SqliteArguments>(values)?);
                row.fetch_optional(&mut **connection).await?.map(|row| row.try_get(0)).transpose()
            }
        }
    }

    /// Statements without values, of the one kind or of the other.
    pub(super) async fn script(
        &mut self,
        #[cfg_attr(not(feature = "sqlite"), expect(unused_variables, reason = "the other data base's"))]
        sqlite: &'static str,
        #[cfg_attr(not(feature = "postgres"), expect(unused_variables, reason = "the other data base's"))]
        postgres: &'static str,
    ) -> Result<(), sqlx::Error> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => sqlx::raw_sql(postgres).execute(&mut **connection).await.map(drop),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection) => sqlx::raw_sql(sqlite).execute(&mut **connection).await.map(drop),
        }
    }
}

fn arguments<A: Arguments>(values: &[Value<'_>]) -> Result<A, sqlx::Error>
where
    for<'t> bool: Encode<'t, A::Database> + Type<A::Database>,
    for<'t> i64: Encode<'t, A::Database> + Type<A::Database>,
    for<'t> &'t str: Encode<'t, A::Database> + Type<A::Database>,
    for<'t> Option<&'t str>: Encode<'t, A::Database> + Type<A::Database>,
{
    let mut arguments = A::default();
    for value in values {
        match *value {
            Value::Flag(flag) => arguments.add(flag),
            Value::Number(number) => arguments.add(number),
            Value::Text(text) => arguments.add(text),
            Value::TextOrNull(text) => arguments.add(text),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

/// A user with one of their identities, in the order of [`COLUMNS`](super::queries::COLUMNS).
pub(super) struct Record {
    pub(super) id: i64,
    pub(super) username: Option<String>,
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    pub(super) email: Option<String>,
    pub(super) email_verified: bool,
    pub(super) is_staff: bool,
    pub(super) is_superuser: bool,
    pub(super) groups: String,
    pub(super) permissions: String,
    pub(super) is_active: bool,
    pub(super) date_joined: i64,
    pub(super) issuer: Option<String>,
    pub(super) subject: Option<String>,
}

fn record<R: Row>(row: &R) -> Result<Record, sqlx::Error>
where
    usize: ColumnIndex<R>,
    for<'r> bool: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Option<String>: Decode<'r, R::Database> + Type<R::Database>,
{
    Ok(Record {
        id: row.try_get(0)?,
        username: row.try_get(1)?,
        first_name: row.try_get(2)?,
        last_name: row.try_get(3)?,
        email: row.try_get(4)?,
        email_verified: row.try_get(5)?,
        is_staff: row.try_get(6)?,
        is_superuser: row.try_get(7)?,
        groups: row.try_get(8)?,
        permissions: row.try_get(9)?,
        is_active: row.try_get(10)?,
        date_joined: row.try_get(11)?,
        issuer: row.try_get(12)?,
        subject: row.try_get(13)?,
    })
}
