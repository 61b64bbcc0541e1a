//! Where local users are kept.

use std::fmt;

use async_trait::async_trait;

use super::email::EmailKey;
use super::user::{Details, Identity, NewUser, User, UserId};

/// Where local users are kept.
///
/// # Contract
/// An identity (issuer and subject, both, to the letter) belongs to one user at most, and a user has one identity at most
/// at each issuer, whatever happens at the same time. Names and addresses identify nobody: several users may have the
/// same. Each method does all of what it does or nothing, also when its caller goes away.
/// `kc_conformance::contract::user_directory` is the contract as a test.
#[async_trait]
pub trait UserDirectory: fmt::Debug + Send + Sync {
    /// The user to whom an identity belongs.
    ///
    /// # Errors
    /// [`UsersUnavailable`] when the directory does not answer; so for every method.
    async fn find(&self, identity: &Identity) -> Result<Option<User>, UsersUnavailable>;

    /// All whose [`Details::email`] has this key, whether the address is verified or not, the oldest first.
    async fn find_by_email(&self, email: &EmailKey) -> Result<Vec<User>, UsersUnavailable>;

    /// All with this username, to the letter, the oldest first.
    async fn find_by_username(&self, username: &str) -> Result<Vec<User>, UsersUnavailable>;

    /// Creates a user as given. When the identity belongs to somebody already, that one is given back, unchanged: of
    /// several who see a new user at the same time one creates them, and all get the same.
    async fn create(&self, user: NewUser) -> Result<User, UsersUnavailable>;

    /// Makes an identity one of `user`'s, and gives back to whom it belongs now: to another one, if it did before.
    ///
    /// `None`, and nothing is changed, when there is no such user, when their identities are not those of `user` any more,
    /// or when they have an identity at that issuer.
    async fn link(&self, user: &User, identity: &Identity) -> Result<Option<User>, UsersUnavailable>;

    /// Replaces the details, and nothing else: neither [`User::is_active`] nor [`User::date_joined`]. Gives back the user
    /// as they are now, `None` when there is no such user.
    async fn update(&self, id: &UserId, details: &Details) -> Result<Option<User>, UsersUnavailable>;

    /// Says whether they may come in. Gives back the user as they are now, `None` when there is no such user.
    ///
    /// A token that is remembered keeps its user: revoke their subject too when it shall not wait for the next token.
    async fn set_active(&self, id: &UserId, active: bool) -> Result<Option<User>, UsersUnavailable>;

    /// At most `limit` users, the oldest first, then by username (bytes; without one first).
    async fn list(&self, limit: usize) -> Result<Vec<User>, UsersUnavailable>;
}

/// The directory does not answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UsersUnavailable {
    /// Why, without secrets.
    pub reason: String,
}

impl fmt::Display for UsersUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the local users are not available: {}", self.reason)
    }
}

impl std::error::Error for UsersUnavailable {}
