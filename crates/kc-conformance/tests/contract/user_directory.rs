use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use kc_conformance::contract;
use kc_core::clock::UnixTime;
use kc_core::users::{
    Details, EmailKey, Identity, MemoryUsers, NewUser, User, UserDirectory, UserId, UsersUnavailable,
};

use crate::caught::Clauses;

#[tokio::test]
async fn users_in_memory_keep_the_contract() {
    contract::user_directory(async || MemoryUsers::default()).await.unwrap();
}

#[tokio::test]
async fn the_directory_that_the_broken_ones_are_made_from_keeps_the_contract() {
    contract::user_directory(async || Broken::with(None)).await.unwrap();
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Defect {
    UpdateCreates,
    ForgetsTheAddress,
    CreatesAgain,
    CreatingUpdates,
    UpdateMerges,
    UpdateActivates,
    IgnoresCase,
    KeyedByName,
    OneForEachName,
    AddressToTheLetter,
    AddressByUnicode,
    NamesIgnoreCase,
    Shortens,
    OneIdentity,
    TakesIdentities,
    TwoOfOneIssuer,
    LinksTheOutdated,
    ReadsThenWrites,
    LinksLate,
    LosesWrites,
    NewestFirst,
    NoLimit,
    DroppedCallBlocks,
}

#[derive(Debug)]
struct Broken {
    defect: Option<Defect>,
    users: Mutex<Vec<User>>,
    busy: AtomicBool,
}

impl Broken {
    fn with(defect: Option<Defect>) -> Self {
        Self { defect, users: Mutex::default(), busy: AtomicBool::default() }
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    fn users(&self) -> MutexGuard<'_, Vec<User>> {
        self.users.lock().unwrap()
    }

    fn owner(&self, identity: &Identity) -> Option<User> {
        let is = |known: &Identity| {
            known == identity
                || self.has(Defect::IgnoresCase)
                    && known.issuer == identity.issuer
                    && known.subject.eq_ignore_ascii_case(&identity.subject)
        };
        self.users().iter().find(|user| user.identities.iter().any(is)).cloned()
    }

    fn changed(&self, id: &UserId, change: impl FnOnce(&mut User)) -> Option<User> {
        let mut users = self.users();
        let user = users.iter_mut().find(|user| user.id == *id)?;
        change(user);
        Some(user.clone())
    }

    fn oldest_first(&self) -> Vec<User> {
        let mut all = self.users().clone();
        all.sort_by(|a, b| (a.date_joined, &a.details.username).cmp(&(b.date_joined, &b.details.username)));
        if self.has(Defect::NewestFirst) {
            all.reverse();
        }
        all
    }
}

#[async_trait]
impl UserDirectory for Broken {
    async fn find(&self, identity: &Identity) -> Result<Option<User>, UsersUnavailable> {
        Ok(self.owner(identity))
    }

    async fn find_by_email(&self, email: &EmailKey) -> Result<Vec<User>, UsersUnavailable> {
        let is = |user: &User| {
            let Some(address) = user.details.email.as_deref() else { return false };
            match self.defect {
                Some(Defect::AddressToTheLetter) => address == email.as_str(),
                Some(Defect::AddressByUnicode) => address.to_lowercase() == email.as_str().to_lowercase(),
                _ => EmailKey::of(address).as_ref() == Some(email),
            }
        };
        let mut found = self.oldest_first();
        found.retain(is);
        found.truncate(if self.has(Defect::OneForEachName) { 1 } else { usize::MAX });
        Ok(found)
    }

    async fn find_by_username(&self, username: &str) -> Result<Vec<User>, UsersUnavailable> {
        let is = |user: &User| match user.details.username.as_deref() {
            Some(name) if self.has(Defect::NamesIgnoreCase) => name.eq_ignore_ascii_case(username),
            name => name == Some(username),
        };
        let mut found = self.oldest_first();
        found.retain(is);
        Ok(found)
    }

    async fn create(&self, mut user: NewUser) -> Result<User, UsersUnavailable> {
        if self.has(Defect::DroppedCallBlocks) && self.busy.swap(true, Ordering::Relaxed) {
            return Err(UsersUnavailable { reason: "busy".to_owned() });
        }
        if self.has(Defect::ForgetsTheAddress) {
            user.details.email = None;
        }
        if self.has(Defect::Shortens) {
            user.details.username = user.details.username.map(|name| name.chars().take(200).collect());
        }
        let known = || match &user.identity {
            Some(identity) if !self.has(Defect::CreatesAgain) => self.owner(identity),
            _ => None,
        };
        let mut found = known();
        let before = self.users().clone();
        tokio::task::yield_now().await;
        if self.has(Defect::LosesWrites) {
            *self.users() = before;
        } else if !self.has(Defect::ReadsThenWrites) {
            found = known();
        }
        self.busy.store(false, Ordering::Relaxed);
        if self.has(Defect::KeyedByName) && user.details.username.is_some() {
            let same = |known: &&User| known.details.username == user.details.username;
            found = found.or(self.users().iter().find(same).cloned());
        }
        match found {
            Some(known) if self.has(Defect::CreatingUpdates) => {
                Ok(self.changed(&known.id, |known| known.details = user.details).unwrap())
            }
            Some(known) => Ok(known),
            None => {
                let mut users = self.users();
                let user = User::new(UserId::new(format!("u{}", users.len())), user);
                users.push(user.clone());
                Ok(user)
            }
        }
    }

    async fn link(&self, user: &User, identity: &Identity) -> Result<Option<User>, UsersUnavailable> {
        let owned = self.owner(identity);
        if self.has(Defect::LinksLate) {
            tokio::task::yield_now().await;
        }
        if let Some(owner) = owned {
            if !self.has(Defect::TakesIdentities) {
                return Ok(Some(owner));
            }
            self.changed(&owner.id, |owner| owner.identities.retain(|known| known != identity));
        }
        let Some(known) = self.users().iter().find(|known| known.id == user.id).cloned() else {
            return Ok(None);
        };
        let outdated = known.identities != user.identities && !self.has(Defect::LinksTheOutdated);
        let second = known.is_known_at(&identity.issuer) && !self.has(Defect::TwoOfOneIssuer);
        if (outdated || second) && !self.has(Defect::LinksLate) {
            return Ok(None);
        }
        Ok(self.changed(&user.id, |user| {
            if self.has(Defect::OneIdentity) {
                user.identities.clear();
            }
            user.identities.push(identity.clone());
        }))
    }

    async fn update(&self, id: &UserId, details: &Details) -> Result<Option<User>, UsersUnavailable> {
        if self.has(Defect::UpdateCreates) && !self.users().iter().any(|user| user.id == *id) {
            let user = NewUser::imported(details.clone(), UnixTime::from_secs(1));
            self.users().push(User::new(id.clone(), user));
        }
        Ok(self.changed(id, |user| {
            let groups = user.details.groups.clone();
            user.details = details.clone();
            if self.has(Defect::UpdateMerges) {
                user.details.groups.extend(groups);
            }
            user.is_active |= self.has(Defect::UpdateActivates);
        }))
    }

    async fn set_active(&self, id: &UserId, active: bool) -> Result<Option<User>, UsersUnavailable> {
        Ok(self.changed(id, |user| user.is_active = active))
    }

    async fn list(&self, limit: usize) -> Result<Vec<User>, UsersUnavailable> {
        let mut all = self.oldest_first();
        all.truncate(if self.has(Defect::NoLimit) { usize::MAX } else { limit });
        Ok(all)
    }
}

#[test]
fn each_clause_about_user_directories_catches_what_it_is_for() {
    let defects = [
        (Defect::UpdateCreates, "nobody is there who was not created"),
        (Defect::ForgetsTheAddress, "one who is created is there as given"),
        (Defect::CreatesAgain, "one who is created again is there once, unchanged"),
        (Defect::CreatingUpdates, "one who is created again is there once, unchanged"),
        (Defect::UpdateMerges, "an update replaces the details, all of them"),
        (Defect::UpdateActivates, "when one joined, and whether one is active, stay as they are"),
        (Defect::IgnoresCase, "users are told apart by issuer and subject, both, to the letter"),
        (Defect::KeyedByName, "names and addresses may be those of several"),
        (Defect::OneForEachName, "names and addresses may be those of several"),
        (
            Defect::AddressToTheLetter,
            "an address is found whatever the case of its ASCII letters, and no other",
        ),
        (
            Defect::AddressByUnicode,
            "an address is found whatever the case of its ASCII letters, and no other",
        ),
        (Defect::NamesIgnoreCase, "a username is found to the letter"),
        (Defect::Shortens, "whatever a name is made of, it is only a name"),
        (Defect::OneIdentity, "a user can have an identity at each issuer"),
        (Defect::TakesIdentities, "an identity is taken from nobody"),
        (Defect::TwoOfOneIssuer, "a link to somebody who is not as expected changes nothing"),
        (Defect::LinksTheOutdated, "a link to somebody who is not as expected changes nothing"),
        (Defect::ReadsThenWrites, "simultaneous first sights of one user make one user"),
        (Defect::LinksLate, "simultaneous links leave one owner and one identity an issuer"),
        (Defect::LosesWrites, "simultaneous sights of many users lose none"),
        (Defect::NewestFirst, "the list is the oldest first, then by username"),
        (Defect::NoLimit, "the list is no longer than asked for"),
        (Defect::DroppedCallBlocks, "dropping a call does no harm to others"),
    ];
    let suite = async |defect| contract::user_directory(async || Broken::with(Some(defect))).await;
    Clauses::default().all_caught(&defects, suite);
}
