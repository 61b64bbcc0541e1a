//! Users in memory.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::directory::{UserDirectory, UsersUnavailable};
use super::email::EmailKey;
use super::user::{Details, Identity, NewUser, User, UserId};

/// Users in memory: gone when the process ends, bounded in number.
///
/// # Example
/// ```
/// use kc_core::clock::UnixTime;
/// use kc_core::users::{Details, Identity, MemoryUsers, NewUser, UserDirectory};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), kc_core::users::UsersUnavailable> {
/// let users = MemoryUsers::default();
/// let alice = Identity::new("https://kc.example.com/realms/shop", "f81d4fae");
/// assert_eq!(users.find(&alice).await?, None);
/// let made = users.create(NewUser::seen(alice.clone(), Details::default(), UnixTime::from_secs(1_795_308_973))).await?;
/// assert_eq!(users.find(&alice).await?, Some(made));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct MemoryUsers {
    held: Mutex<Held>,
    limit: usize,
    warned: AtomicBool,
}

#[derive(Debug, Default)]
struct Held {
    users: HashMap<u64, User>,
    identities: HashMap<Identity, u64>,
    emails: HashMap<EmailKey, BTreeSet<u64>>,
    last: u64,
}

impl MemoryUsers {
    /// Remembers `limit` users at most. Whoever comes when it is full is let in and not remembered: a flood of new
    /// users must not keep the others out.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { held: Mutex::default(), limit, warned: AtomicBool::new(false) }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
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
    async fn find(&self, identity: &Identity) -> Result<Option<User>, UsersUnavailable> {
        Ok(self.held().of(identity).cloned())
    }

    async fn find_by_email(&self, email: &EmailKey) -> Result<Vec<User>, UsersUnavailable> {
        let held = self.held();
        let numbers = held.emails.get(email).into_iter().flatten();
        Ok(oldest_first(numbers.filter_map(|number| held.users.get(number))))
    }

    async fn find_by_username(&self, username: &str) -> Result<Vec<User>, UsersUnavailable> {
        let named = |user: &&User| user.details.username.as_deref() == Some(username);
        Ok(oldest_first(self.held().users.values().filter(named)))
    }

    async fn create(&self, user: NewUser) -> Result<User, UsersUnavailable> {
        let mut held = self.held();
        if let Some(known) = user.identity.as_ref().and_then(|identity| held.of(identity)) {
            return Ok(known.clone());
        }
        held.last += 1;
        let number = held.last;
        let user = User::new(UserId::new(number.to_string()), user);
        if held.users.len() >= self.limit {
            drop(held);
            if !self.warned.swap(true, Ordering::Relaxed) {
                tracing::warn!(target: "kc", "{} users are in memory, no more are remembered: use a data base", self.limit);
            }
            return Ok(user);
        }
        for identity in &user.identities {
            held.identities.insert(identity.clone(), number);
        }
        held.remember_email(number, &user.details);
        held.users.insert(number, user.clone());
        Ok(user)
    }

    async fn link(&self, user: &User, identity: &Identity) -> Result<Option<User>, UsersUnavailable> {
        let mut held = self.held();
        if let Some(known) = held.of(identity) {
            return Ok(Some(known.clone()));
        }
        let Some((number, known)) = held.get_mut(&user.id) else { return Ok(None) };
        if known.identities != user.identities || known.is_known_at(&identity.issuer) {
            return Ok(None);
        }
        known.identities.push(identity.clone());
        let linked = known.clone();
        held.identities.insert(identity.clone(), number);
        Ok(Some(linked))
    }

    async fn update(&self, id: &UserId, details: &Details) -> Result<Option<User>, UsersUnavailable> {
        let mut held = self.held();
        let Some((number, known)) = held.get_mut(id) else { return Ok(None) };
        let before = std::mem::replace(&mut known.details, details.clone());
        let updated = known.clone();
        held.forget_email(number, &before);
        held.remember_email(number, details);
        Ok(Some(updated))
    }

    async fn set_active(&self, id: &UserId, active: bool) -> Result<Option<User>, UsersUnavailable> {
        let mut held = self.held();
        Ok(held.get_mut(id).map(|(_, user)| {
            user.is_active = active;
            user.clone()
        }))
    }

    async fn list(&self, limit: usize) -> Result<Vec<User>, UsersUnavailable> {
        let mut all = oldest_first(self.held().users.values());
        all.truncate(limit);
        Ok(all)
    }
}

impl Held {
    fn of(&self, identity: &Identity) -> Option<&User> {
        self.users.get(self.identities.get(identity)?)
    }

    fn get_mut(&mut self, id: &UserId) -> Option<(u64, &mut User)> {
        let number = id.as_str().parse().ok()?;
        Some((number, self.users.get_mut(&number)?))
    }

    fn remember_email(&mut self, number: u64, details: &Details) {
        if let Some(key) = details.email.as_deref().and_then(EmailKey::of) {
            self.emails.entry(key).or_default().insert(number);
        }
    }

    fn forget_email(&mut self, number: u64, details: &Details) {
        let Some(key) = details.email.as_deref().and_then(EmailKey::of) else { return };
        if let Some(numbers) = self.emails.get_mut(&key) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.emails.remove(&key);
            }
        }
    }
}

fn oldest_first<'a>(users: impl Iterator<Item = &'a User>) -> Vec<User> {
    let mut users: Vec<User> = users.cloned().collect();
    // Ids are decimal numbers here: the shorter is the smaller.
    users.sort_by(|a, b| {
        let (x, y) = (&a.details.username, &b.details.username);
        let ids = (a.id.as_str().len(), &a.id).cmp(&(b.id.as_str().len(), &b.id));
        (a.date_joined, x).cmp(&(b.date_joined, y)).then(ids)
    });
    users
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixTime;

    fn new(subject: &str, username: &str) -> NewUser {
        let details = Details { username: Some(username.to_owned()), ..Details::default() };
        NewUser::seen(Identity::new("i", subject), details, UnixTime::from_secs(1))
    }

    #[tokio::test]
    async fn a_user_is_created_once_and_brought_up_to_date() {
        let users = MemoryUsers::default();
        let first = users.create(new("s", "old")).await.unwrap();
        let again = users.create(new("s", "other")).await.unwrap();
        assert_eq!(again, first);
        let details = Details { is_staff: true, ..Details::default() };
        let updated = users.update(&first.id, &details).await.unwrap().unwrap();
        assert!(updated.details.is_staff && updated.date_joined == first.date_joined);
        assert_eq!(users.list(100).await.unwrap(), [updated]);
    }

    #[tokio::test]
    async fn whoever_comes_when_the_memory_is_full_is_let_in_and_not_remembered() {
        let users = MemoryUsers::new(1);
        let first = users.create(new("s", "a")).await.unwrap();
        let second = users.create(new("t", "b")).await.unwrap();
        assert_eq!(second.details.username.as_deref(), Some("b"));
        assert_ne!(second.id, first.id);
        assert_eq!(users.find(&Identity::new("i", "t")).await.unwrap(), None);
        assert_eq!(users.list(9).await.unwrap(), [first]);
    }

    #[tokio::test]
    async fn an_address_that_was_given_up_finds_nobody() {
        let users = MemoryUsers::default();
        let key = EmailKey::of("a@example.test").unwrap();
        let with = |email: &str| Details { email: Some(email.to_owned()), ..Details::default() };
        let user = users.create(NewUser { details: with("A@example.test"), ..new("s", "a") }).await.unwrap();
        assert_eq!(users.find_by_email(&key).await.unwrap().len(), 1);
        users.update(&user.id, &with("b@example.test")).await.unwrap();
        assert!(users.find_by_email(&key).await.unwrap().is_empty());
        assert_eq!(users.held().emails.len(), 1);
    }
}
