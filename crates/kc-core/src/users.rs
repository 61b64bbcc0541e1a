//! Local users: the service's own record of those who call.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use serde::Serialize;

use crate::clock::UnixTime;
use crate::roles::RoleSet;
use crate::token::VerifiedToken;

/// A local user, keyed by issuer and subject: names and addresses change hands, these two do not
/// (OpenID Connect Core §5.7).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct User {
    /// `iss`.
    pub issuer: String,
    /// `sub`.
    pub subject: String,
    /// `preferred_username` when last seen.
    pub username: Option<String>,
    /// `email` when last seen.
    pub email: Option<String>,
    /// Whether they had a staff role when last seen.
    pub is_staff: bool,
    /// Whether they had the superuser role when last seen.
    pub is_superuser: bool,
    /// Whether they may come in at all.
    pub is_active: bool,
    /// When they were first seen.
    pub date_joined: UnixTime,
}

impl User {
    /// The user whom a token names, as they would be if they came now; `None` when it has no `sub`.
    #[must_use]
    pub fn from_token(token: &VerifiedToken, roles: &RoleSet, now: UnixTime) -> Option<Self> {
        let claims = token.claims();
        Some(Self {
            issuer: claims.issuer.clone()?,
            subject: claims.subject.clone()?,
            username: claims.username.clone(),
            email: claims.email.clone(),
            is_staff: roles.is_staff(),
            is_superuser: roles.is_superuser(),
            is_active: true,
            date_joined: now,
        })
    }

    /// As the list of users shows them.
    #[must_use]
    pub fn entry(&self) -> UserEntry<'_> {
        UserEntry {
            sub: &self.subject,
            username: self.username.as_deref(),
            email: self.email.as_deref(),
            is_staff: self.is_staff,
            is_active: self.is_active,
            date_joined: self.date_joined.to_string(),
        }
    }
}

/// A user in a list. Members in this order.
#[derive(Clone, Debug, Serialize)]
pub struct UserEntry<'a> {
    sub: &'a str,
    username: Option<&'a str>,
    email: Option<&'a str>,
    is_staff: bool,
    is_active: bool,
    date_joined: String,
}

/// Where local users are kept.
///
/// # Contract
/// Keyed by issuer and subject, both. Two simultaneous first sights of one user make one user.
#[async_trait]
pub trait UserDirectory: fmt::Debug + Send + Sync {
    /// Finds the user and brings the record up to date; `date_joined` and `is_active` stay as they are. One who is not
    /// there yet is created if `create` says so; else `None`.
    ///
    /// # Errors
    /// [`UsersUnavailable`] when the directory does not answer.
    async fn sign_in(&self, user: User, create: bool) -> Result<Option<User>, UsersUnavailable>;

    /// At most `limit` users, the oldest first, then by username.
    ///
    /// # Errors
    /// [`UsersUnavailable`] when the directory does not answer.
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

/// Users in memory: gone when the process ends, bounded in number.
#[derive(Debug)]
pub struct MemoryUsers {
    users: Mutex<HashMap<(String, String), User>>,
    limit: usize,
    warned: AtomicBool,
}

impl MemoryUsers {
    /// Remembers `limit` users at most. Whoever comes when it is full is let in and not remembered: a flood of new
    /// users must not keep the others out.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { users: Mutex::new(HashMap::new()), limit, warned: AtomicBool::new(false) }
    }
}

impl Default for MemoryUsers {
    /// 100 000 users.
    fn default() -> Self {
        Self::new(100_000)
    }
}

#[async_trait]
impl UserDirectory for MemoryUsers {
    async fn sign_in(&self, user: User, create: bool) -> Result<Option<User>, UsersUnavailable> {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let full = users.len() >= self.limit;
        let key = (user.issuer.clone(), user.subject.clone());
        if let Some(known) = users.get_mut(&key) {
            *known = User { date_joined: known.date_joined, is_active: known.is_active, ..user };
            return Ok(Some(known.clone()));
        }
        if !create {
            return Ok(None);
        }
        if full {
            drop(users);
            if !self.warned.swap(true, Ordering::Relaxed) {
                tracing::warn!(target: "kc", "{} users are in memory, no more are remembered: use a data base", self.limit);
            }
            return Ok(Some(user));
        }
        users.insert(key, user.clone());
        Ok(Some(user))
    }

    async fn list(&self, limit: usize) -> Result<Vec<User>, UsersUnavailable> {
        let mut all: Vec<User> = {
            let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
            users.values().cloned().collect()
        };
        all.sort_by(|a, b| (a.date_joined, &a.username).cmp(&(b.date_joined, &b.username)));
        all.truncate(limit);
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(subject: &str, username: &str, joined: i64) -> User {
        User {
            issuer: "i".to_owned(),
            subject: subject.to_owned(),
            username: Some(username.to_owned()),
            email: None,
            is_staff: false,
            is_superuser: false,
            is_active: true,
            date_joined: UnixTime::from_secs(joined),
        }
    }

    #[tokio::test]
    async fn a_user_is_created_once_and_brought_up_to_date() {
        let users = MemoryUsers::default();
        users.sign_in(user("s", "old", 1), true).await.unwrap().unwrap();
        let seen =
            users.sign_in(User { is_staff: true, ..user("s", "new", 9) }, false).await.unwrap().unwrap();
        assert_eq!(
            (seen.username.as_deref(), seen.date_joined.as_secs(), seen.is_staff),
            (Some("new"), 1, true)
        );
        assert_eq!(users.list(100).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn the_same_subject_of_another_issuer_is_somebody_else() {
        let users = MemoryUsers::default();
        users.sign_in(user("s", "a", 1), true).await.unwrap();
        let other = User { issuer: "j".to_owned(), ..user("s", "b", 2) };
        assert_eq!(users.sign_in(other.clone(), false).await.unwrap(), None);
        users.sign_in(other, true).await.unwrap();
        assert_eq!(users.list(100).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn nobody_is_created_when_creation_is_off() {
        let users = MemoryUsers::new(1);
        assert_eq!(users.sign_in(user("s", "a", 1), false).await.unwrap(), None);
        assert!(users.list(9).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn whoever_comes_when_the_memory_is_full_is_let_in_and_not_remembered() {
        let users = MemoryUsers::new(1);
        users.sign_in(user("s", "a", 1), true).await.unwrap();
        assert!(users.sign_in(user("t", "b", 1), true).await.unwrap().is_some());
        assert!(users.sign_in(user("s", "a2", 1), true).await.unwrap().is_some());
        let known: Vec<_> =
            users.list(9).await.unwrap().into_iter().filter_map(|user| user.username).collect();
        assert_eq!(known, ["a2"]);
    }

    #[tokio::test]
    async fn the_list_is_the_oldest_first_then_by_username() {
        let users = MemoryUsers::default();
        for (subject, name, joined) in [("1", "b", 2), ("2", "a", 2), ("3", "z", 1), ("4", "y", 3)] {
            users.sign_in(user(subject, name, joined), true).await.unwrap();
        }
        let names: Vec<_> =
            users.list(3).await.unwrap().into_iter().filter_map(|user| user.username).collect();
        assert_eq!(names, ["z", "a", "b"]);
    }
}
