//! What holds for either data base.

use std::collections::BTreeSet;
use std::sync::Arc;

use kc_core::clock::UnixTime;
use kc_core::secret::Secret;
use kc_core::settings::UsersDatabase;
use kc_core::users::{Details, EmailKey, Identity, NewUser, User, UserDirectory};
use kc_store::users::{OpenError, SqlUsers};

pub(crate) async fn open(url: &str) -> Result<SqlUsers, OpenError> {
    let secret = Secret::new(url);
    let database = if url.starts_with("sqlite") {
        UsersDatabase::Sqlite(secret)
    } else {
        UsersDatabase::Postgres(secret)
    };
    SqlUsers::open(&database).await
}

pub(crate) fn new(subject: &str) -> NewUser {
    let details = Details {
        username: Some(subject.to_owned()),
        email: Some(format!("{subject}@example.test")),
        email_verified: true,
        groups: BTreeSet::from(["Editors".to_owned()]),
        ..Details::default()
    };
    NewUser::seen(Identity::new("https://kc/realms/a", subject), details, UnixTime::from_secs(1))
}

pub(crate) async fn what_was_kept_is_there_when_it_is_opened_again(url: &str) {
    let first = open(url).await.unwrap();
    let user = first.create(new("alice")).await.unwrap();
    first.close().await;
    assert_eq!(first.list(1).await.unwrap_err().reason, "the data base has been closed");
    let second = open(url).await.unwrap();
    assert_eq!(second.list(9).await.unwrap(), [user]);
}

pub(crate) async fn simultaneous_first_openings_make_the_tables_once(url: &str) {
    let opening = (0..8).map(|_| {
        let url = url.to_owned();
        tokio::spawn(async move { open(&url).await })
    });
    let opening: Vec<_> = opening.collect();
    for opened in opening {
        opened.await.unwrap().unwrap().create(new("alice")).await.unwrap();
    }
    assert_eq!(open(url).await.unwrap().list(9).await.unwrap().len(), 1);
}

/// Each machine has its own connections, and 32 requests of the same new user at once.
pub(crate) async fn simultaneous_first_logins_at_several_machines_make_one_user(url: &str) {
    let mut machines = Vec::new();
    for _ in 0..3 {
        machines.push(Arc::new(open(url).await.unwrap()));
    }
    for round in 0..3 {
        let tasks: Vec<_> = (0..96)
            .map(|number| {
                let machine = Arc::clone(&machines[number % machines.len()]);
                tokio::spawn(async move { machine.create(new(&format!("s{round}"))).await })
            })
            .collect();
        let mut seen = Vec::<User>::new();
        for task in tasks {
            seen.push(task.await.unwrap().unwrap());
        }
        seen.dedup();
        assert_eq!(seen.len(), 1);
        assert_eq!(machines[0].list(100).await.unwrap().len(), round + 1);
    }
}

/// As an association does it: found by address, then linked; of two subjects of one issuer one gets the user.
pub(crate) async fn an_imported_user_goes_to_one_of_those_who_come_at_once(url: &str) {
    let users = Arc::new(open(url).await.unwrap());
    let imported = users.create(NewUser { identity: None, ..new("alice") }).await.unwrap();
    let key = EmailKey::of("ALICE@example.test").unwrap();
    assert_eq!(users.find_by_email(&key).await.unwrap(), std::slice::from_ref(&imported));
    let tasks: Vec<_> = (0..32)
        .map(|number| {
            let (users, imported) = (Arc::clone(&users), imported.clone());
            let identity = Identity::new("https://kc/realms/a", format!("s{}", number % 4));
            tokio::spawn(async move { (users.link(&imported, &identity).await.unwrap(), identity) })
        })
        .collect();
    let mut owners = BTreeSet::new();
    for task in tasks {
        let (owner, identity) = task.await.unwrap();
        owners.extend(owner.is_some().then_some(identity));
    }
    assert_eq!(owners.len(), 1, "{owners:?}");
    let now = users.list(9).await.unwrap();
    assert_eq!((now.len(), now[0].identities.len()), (1, 1));
}

pub(crate) async fn the_tables_of_a_later_release_are_left_alone(url: &str) {
    let error = open(url).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the tables of users are of version 99, and this program knows 1: use a release that is at least as new as \
         the one that made them"
    );
}
