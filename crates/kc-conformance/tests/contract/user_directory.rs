use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use kc_conformance::contract;
use kc_core::users::{MemoryUsers, User, UserDirectory, UsersUnavailable};

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
    AlwaysCreates,
    ForgetsTheAddress,
    NeverUpdates,
    RejoinsEachTime,
    IgnoresCase,
    KeyedByName,
    Shortens,
    ReadsThenWrites,
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

    fn is(&self, known: &User, user: &User) -> bool {
        if self.has(Defect::KeyedByName) && known.username.is_some() && known.username == user.username {
            return true;
        }
        if self.has(Defect::IgnoresCase) {
            return known.issuer == user.issuer && known.subject.eq_ignore_ascii_case(&user.subject);
        }
        known.issuer == user.issuer && known.subject == user.subject
    }

    fn find(&self, user: &User) -> Option<usize> {
        self.users.lock().unwrap().iter().position(|known| self.is(known, user))
    }
}

#[async_trait]
impl UserDirectory for Broken {
    async fn sign_in(&self, mut user: User, create: bool) -> Result<Option<User>, UsersUnavailable> {
        if self.has(Defect::DroppedCallBlocks) && self.busy.swap(true, Ordering::Relaxed) {
            return Err(UsersUnavailable { reason: "busy".to_owned() });
        }
        if self.has(Defect::ForgetsTheAddress) {
            user.email = None;
        }
        if self.has(Defect::Shortens) {
            user.username = user.username.map(|name| name.chars().take(200).collect());
        }
        let mut found = self.find(&user);
        let before = self.users.lock().unwrap().clone();
        tokio::task::yield_now().await;
        if self.has(Defect::LosesWrites) {
            *self.users.lock().unwrap() = before;
        } else if !self.has(Defect::ReadsThenWrites) {
            found = self.find(&user);
        }
        self.busy.store(false, Ordering::Relaxed);
        let mut users = self.users.lock().unwrap();
        match found {
            Some(index) if self.has(Defect::NeverUpdates) => Ok(users.get(index).cloned()),
            Some(index) => {
                if !self.has(Defect::RejoinsEachTime) {
                    (user.date_joined, user.is_active) = (users[index].date_joined, users[index].is_active);
                }
                users[index] = user.clone();
                Ok(Some(user))
            }
            None if create || self.has(Defect::AlwaysCreates) => {
                users.push(user.clone());
                Ok(Some(user))
            }
            None => Ok(None),
        }
    }

    async fn list(&self, limit: usize) -> Result<Vec<User>, UsersUnavailable> {
        let mut all = self.users.lock().unwrap().clone();
        all.sort_by(|a, b| (a.date_joined, &a.username).cmp(&(b.date_joined, &b.username)));
        if self.has(Defect::NewestFirst) {
            all.reverse();
        }
        all.truncate(if self.has(Defect::NoLimit) { usize::MAX } else { limit });
        Ok(all)
    }
}

#[test]
fn each_clause_about_user_directories_catches_what_it_is_for() {
    let defects = [
        (Defect::AlwaysCreates, "nobody is created unless asked for"),
        (Defect::ForgetsTheAddress, "one who is seen for the first time is created as given"),
        (Defect::NeverUpdates, "one who is known is brought up to date"),
        (Defect::RejoinsEachTime, "when one joined, and whether one is active, stay as they are"),
        (Defect::IgnoresCase, "users are told apart by issuer and subject, both, to the letter"),
        (Defect::KeyedByName, "names and addresses may change hands"),
        (Defect::Shortens, "whatever a name is made of, it is only a name"),
        (Defect::ReadsThenWrites, "simultaneous first sights of one user make one user"),
        (Defect::LosesWrites, "simultaneous sights of many users lose none"),
        (Defect::NewestFirst, "the list is the oldest first, then by username"),
        (Defect::NoLimit, "the list is no longer than asked for"),
        (Defect::DroppedCallBlocks, "dropping a call does no harm to others"),
    ];
    let suite = async |defect| contract::user_directory(async || Broken::with(Some(defect))).await;
    Clauses::default().all_caught(&defects, suite);
}
