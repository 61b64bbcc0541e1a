//! SQLite: a file on this machine, or memory.

use std::fs::OpenOptions;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use kc_core::secret::Secret;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{ConnectOptions, Sqlite, SqliteConnection};
use tokio::sync::Mutex;

use super::connection::{Connection, LIMIT, Pool};
use super::error::{Fault, OpenError};
use super::schema;

/// Connections to a file. One writes at a time, whatever their number.
const CONNECTIONS: u32 = 4;

/// Connections to SQLite.
#[derive(Clone)]
pub(super) struct SqlitePool {
    pool: sqlx::SqlitePool,
    /// Users in memory live as long as a connection to them: this one is there for nothing else.
    _anchor: Option<Arc<Mutex<SqliteConnection>>>,
}

impl SqlitePool {
    pub(super) async fn acquire(&self) -> Result<PoolConnection<Sqlite>, sqlx::Error> {
        self.pool.acquire().await
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

const REMEDY: &str = "name a file in a folder that exists and that this process may write to, sqlite:users.db for one, \
                      or sqlite::memory:";

pub(super) async fn open(url: &Secret) -> Result<Pool, OpenError> {
    let unusable = |error: sqlx::Error| {
        OpenError::new(format!("the SQLite data base can't be opened ({})", Fault::Sql(error)), REMEDY)
    };
    let options = SqliteConnectOptions::from_str(url.expose()).map_err(unusable)?;
    let in_memory = is_in_memory(url.expose());
    // In memory a second connection would find tables locked, and no time-out waits for that.
    let connections = if in_memory { 1 } else { CONNECTIONS };
    let mut options = options.busy_timeout(LIMIT).disable_statement_logging();
    if !in_memory {
        create(options.get_filename()).map_err(|error| unusable(sqlx::Error::Io(error)))?;
        // Readers need not wait for the writer.
        options = options.journal_mode(SqliteJournalMode::Wal);
    }
    let anchor = match in_memory {
        true => Some(Arc::new(Mutex::new(options.connect().await.map_err(unusable)?))),
        false => None,
    };
    let pool = SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(LIMIT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(options)
        .await
        .map_err(unusable)?;
    let mut connection = Connection::Sqlite(pool.acquire().await.map_err(unusable)?);
    schema::migrate(&mut connection).await?;
    Ok(Pool::Sqlite(SqlitePool { pool, _anchor: anchor }))
}

fn is_in_memory(url: &str) -> bool {
    let rest = url.trim_start_matches("sqlite:").trim_start_matches("//");
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    path == ":memory:" || query.split('&').any(|pair| pair == "mode=memory")
}

/// It names people: for the owner's eyes. What SQLite puts beside it gets the same rights.
fn create(file: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_memory_is_seen() {
        for url in ["sqlite::memory:", "sqlite://:memory:", "sqlite:users?mode=memory&cache=shared"] {
            assert!(is_in_memory(url), "{url}");
        }
        for url in ["sqlite:users.db", "sqlite:///var/users.db?mode=rwc", "sqlite:memory"] {
            assert!(!is_in_memory(url), "{url}");
        }
    }
}
