//! Local users in SQLite or PostgreSQL.
//!
//! ```no_run
//! # #[cfg(feature = "sqlite")]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use kc_core::Keycloak;
//! use kc_core::settings::Settings;
//! use kc_store::users::SqlUsers;
//!
//! let settings = Settings::from_env()?;
//! let users = match settings.users_database() {
//!     Some(database) => SqlUsers::open(database).await?,
//!     None => SqlUsers::in_memory().await?,
//! };
//! let keycloak = Keycloak::builder().users(Arc::new(users)).build(&settings)?;
//! # let _ = keycloak;
//! # Ok(()) }
//! ```

mod connection;
mod error;
#[cfg(feature = "postgres")]
mod postgres;
mod queries;
mod schema;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::fmt;

use async_trait::async_trait;
use kc_core::settings::UsersDatabase;
use kc_core::users::{Details, EmailKey, Identity, NewUser, User, UserDirectory, UserId, UsersUnavailable};

use self::connection::{Pool, limited};
pub use self::error::OpenError;

/// Local users in a data base.
///
/// | | |
/// | --- | --- |
/// | tables | `kc_users`, `kc_identities`, `kc_schema`, made and brought up to date when it is opened |
/// | connections | at most 10 to PostgreSQL, 4 to a SQLite file, 1 to SQLite in memory |
/// | time | 5 s for a connection, 5 s for a call; then [`UsersUnavailable`] |
///
/// A data base that goes away and comes back is used again without doing anything.
#[derive(Clone)]
pub struct SqlUsers {
    pool: Pool,
}

impl SqlUsers {
    /// Opens the data base, and makes its tables or brings them up to date. A SQLite file that is not there is created,
    /// readable by its owner only. PostgreSQL on another machine is spoken to by TLS and has to show a good certificate
    /// (`sslmode=verify-full`), unless the URL has another `sslmode`.
    ///
    /// # Errors
    /// [`OpenError`] says what does not work and what to do; it never holds the URL's password.
    pub async fn open(database: &UsersDatabase) -> Result<Self, OpenError> {
        let pool = match database {
            #[cfg(feature = "postgres")]
            UsersDatabase::Postgres(url) => self::postgres::open(url).await?,
            #[cfg(feature = "sqlite")]
            UsersDatabase::Sqlite(url) => self::sqlite::open(url).await?,
            _ => return Err(OpenError::not_built_in()),
        };
        Ok(Self { pool })
    }

    /// Users in SQLite in this process's memory: gone when it ends.
    ///
    /// # Errors
    /// [`OpenError`] when SQLite can't be started.
    #[cfg(feature = "sqlite")]
    pub async fn in_memory() -> Result<Self, OpenError> {
        Self::open(&UsersDatabase::Sqlite(kc_core::secret::Secret::new("sqlite::memory:"))).await
    }

    /// Closes the connections, after the calls that are under way. Calls that come later fail.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

#[async_trait]
impl UserDirectory for SqlUsers {
    async fn find(&self, identity: &Identity) -> Result<Option<User>, UsersUnavailable> {
        let mut connection = self.pool.connection().await?;
        let found = limited(queries::find(&mut connection.link(), identity)).await;
        connection.end(found)
    }

    async fn find_by_email(&self, email: &EmailKey) -> Result<Vec<User>, UsersUnavailable> {
        let mut connection = self.pool.connection().await?;
        let found = limited(queries::find_by_email(&mut connection.link(), email)).await;
        connection.end(found)
    }

    async fn find_by_username(&self, username: &str) -> Result<Vec<User>, UsersUnavailable> {
        let mut connection = self.pool.connection().await?;
        let found = limited(queries::find_by_username(&mut connection.link(), username)).await;
        connection.end(found)
    }

    async fn create(&self, user: NewUser) -> Result<User, UsersUnavailable> {
        let mut connection = self.pool.connection().await?;
        let created = limited(queries::create(&mut connection, user)).await;
        connection.end(created)
    }

    async fn link(&self, user: &User, identity: &Identity) -> Result<Option<User>, UsersUnavailable> {
        let mut connection = self.pool.connection().await?;
        let linked = limited(queries::link(&mut connection, user, identity)).await;
        connection.end(linked)
    }

    async fn update(&self, id: &UserId, details: &Details) -> Result<Option<User>, UsersUnavailable> {
        let mut connection = self.pool.connection().await?;
        let updated = limited(queries::update(&mut connection, id, details)).await;
        connection.end(updated)
    }

    async fn set_active(&self, id: &UserId, active: bool) -> Result<Option<User>, UsersUnavailable> {
        let mut connection = self.pool.connection().await?;
        let changed = limited(queries::set_active(&mut connection, id, active)).await;
        connection.end(changed)
    }

    async fn list(&self, limit: usize) -> Result<Vec<User>, UsersUnavailable> {
        let mut connection = self.pool.connection().await?;
        let listed = limited(queries::list(&mut connection.link(), limit)).await;
        connection.end(listed)
    }
}

/// Which kind of data base, not where.
impl fmt::Debug for SqlUsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlUsers").field("kind", &self.pool.kind()).finish_non_exhaustive()
    }
}
