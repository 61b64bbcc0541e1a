//! The contract of [`UserDirectory`].

use std::collections::BTreeSet;
use std::sync::Arc;

use kc_core::clock::UnixTime;
use kc_core::users::{Details, EmailKey, Identity, NewUser, User, UserDirectory, UserId};

use super::findings::{ContractBroken, Held, Trial, at_once, given_up_after, hold};

/// Checks a directory: `directory` makes one without users, each time.
///
/// # Errors
/// [`ContractBroken`] names each clause that is not kept.
pub async fn user_directory<D: UserDirectory + 'static>(
    directory: impl AsyncFn() -> D,
) -> Result<(), ContractBroken> {
    let mut trial = Trial::of("UserDirectory");
    let make = async || Bed { directory: Arc::new(directory().await) as Arc<dyn UserDirectory> };
    trial.clause("nobody is there who was not created", nobody(&make().await)).await;
    trial.clause("one who is created is there as given", created(&make().await)).await;
    trial.clause("one who is created again is there once, unchanged", created_again(&make().await)).await;
    trial.clause("an update replaces the details, all of them", updated(&make().await)).await;
    trial.clause("when one joined, and whether one is active, stay as they are", stay(&make().await)).await;
    trial
        .clause("users are told apart by issuer and subject, both, to the letter", keyed(&make().await))
        .await;
    trial.clause("names and addresses may be those of several", shared(&make().await)).await;
    trial
        .clause(
            "an address is found whatever the case of its ASCII letters, and no other",
            email(&make().await),
        )
        .await;
    trial.clause("a username is found to the letter", username(&make().await)).await;
    trial.clause("whatever a name is made of, it is only a name", letters(&make().await)).await;
    trial.clause("a user can have an identity at each issuer", linked(&make().await)).await;
    trial.clause("an identity is taken from nobody", not_taken(&make().await)).await;
    trial
        .clause("a link to somebody who is not as expected changes nothing", not_linked(&make().await))
        .await;
    trial.clause("simultaneous first sights of one user make one user", first_sights(&make().await)).await;
    trial.clause("simultaneous links leave one owner and one identity an issuer", links(&make().await)).await;
    trial.clause("simultaneous sights of many users lose none", many(&make().await)).await;
    trial.clause("the list is the oldest first, then by username", ordered(&make().await)).await;
    trial.clause("the list is no longer than asked for", limited(&make().await)).await;
    trial.clause("dropping a call does no harm to others", dropped(&make().await)).await;
    trial.end()
}

const ISSUER: &str = "https://keycloak.example.test/realms/a";
const OTHER: &str = "https://keycloak.example.test/realms/b";

fn details(username: &str) -> Details {
    Details {
        username: Some(username.to_owned()),
        email: Some(format!("{username}@example.test")),
        ..Details::default()
    }
}

fn new(subject: &str, username: &str, joined: i64) -> NewUser {
    NewUser::seen(Identity::new(ISSUER, subject), details(username), UnixTime::from_secs(joined))
}

fn imported(username: &str) -> NewUser {
    NewUser::imported(details(username), UnixTime::from_secs(1))
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn full() -> Details {
    Details {
        username: Some("alice".to_owned()),
        first_name: Some("Alice".to_owned()),
        last_name: Some("Test".to_owned()),
        email: Some("Alice@example.test".to_owned()),
        email_verified: true,
        is_staff: true,
        is_superuser: true,
        groups: set(&["Editors", "a,b", "\"", ""]),
        permissions: set(&["items.view", "items.change"]),
    }
}

struct Bed {
    directory: Arc<dyn UserDirectory>,
}

impl Bed {
    async fn create(&self, user: NewUser) -> Result<User, String> {
        self.directory.create(user).await.map_err(said)
    }

    /// Creates, and checks what comes back.
    async fn made(&self, user: NewUser) -> Result<User, String> {
        let made = self.create(user.clone()).await?;
        same(&made, &User::new(made.id.clone(), user))?;
        Ok(made)
    }

    async fn find(&self, identity: &Identity) -> Result<Option<User>, String> {
        self.directory.find(identity).await.map_err(said)
    }

    async fn by_email(&self, address: &str) -> Result<Vec<User>, String> {
        let key = EmailKey::of(address).ok_or("no address")?;
        self.directory.find_by_email(&key).await.map_err(said)
    }

    async fn by_username(&self, username: &str) -> Result<Vec<User>, String> {
        self.directory.find_by_username(username).await.map_err(said)
    }

    async fn update(&self, id: &UserId, details: &Details) -> Result<Option<User>, String> {
        self.directory.update(id, details).await.map_err(said)
    }

    async fn set_active(&self, id: &UserId, active: bool) -> Result<Option<User>, String> {
        self.directory.set_active(id, active).await.map_err(said)
    }

    async fn link(&self, user: &User, issuer: &str, subject: &str) -> Result<Option<User>, String> {
        self.directory.link(user, &Identity::new(issuer, subject)).await.map_err(said)
    }

    async fn list(&self) -> Result<Vec<User>, String> {
        self.directory.list(10_000).await.map_err(said)
    }

    /// Wherever one can look for a user, that is what is there.
    async fn is_there(&self, user: &User) -> Held {
        for identity in &user.identities {
            let found = self.find(identity).await?;
            same(&found.ok_or_else(|| format!("{identity:?} is lost"))?, user)?;
        }
        if let Some(address) = user.details.email.as_deref() {
            one_of(&self.by_email(address).await?, user, "found by their address")?;
        }
        if let Some(username) = user.details.username.as_deref() {
            one_of(&self.by_username(username).await?, user, "found by their username")?;
        }
        one_of(&self.list().await?, user, "in the list")
    }

    async fn are(&self, count: usize) -> Held {
        let listed = self.list().await?.len();
        hold(listed == count, || format!("{count} users are listed as {listed}"))
    }
}

async fn nobody(bed: &Bed) -> Held {
    bed.are(0).await?;
    let stranger = User::new(UserId::new("1"), new("s", "alice", 1));
    for user in [stranger.clone(), User::new(UserId::new("no id of yours"), new("s", "alice", 1))] {
        hold(bed.update(&user.id, &user.details).await?.is_none(), || "`update` made somebody".to_owned())?;
        hold(bed.set_active(&user.id, true).await?.is_none(), || "`set_active` made somebody".to_owned())?;
        hold(bed.link(&user, OTHER, "s").await?.is_none(), || "`link` made somebody".to_owned())?;
    }
    let found = bed.find(&Identity::new(ISSUER, "s")).await?.is_some()
        || !bed.by_email("alice@example.test").await?.is_empty()
        || !bed.by_username("alice").await?.is_empty();
    hold(!found, || "somebody was found".to_owned())?;
    bed.are(0).await
}

async fn created(bed: &Bed) -> Held {
    let user = NewUser { details: full(), ..new("s", "alice", 1_795_308_973) };
    let user = NewUser { date_joined: UnixTime::from_millis(1_795_308_973_001), ..user };
    let alice = bed.made(user).await?;
    bed.is_there(&alice).await?;
    let bare = NewUser { details: Details::default(), is_active: false, ..new("t", "", 2) };
    let bare = bed.made(bare).await?;
    bed.is_there(&bare).await?;
    let first = bed.made(imported("bob")).await?;
    let second = bed.made(imported("bob")).await?;
    bed.is_there(&first).await?;
    bed.is_there(&second).await?;
    let ids: BTreeSet<_> = [alice.id, bare.id, first.id, second.id].into();
    hold(ids.len() == 4, || "four users have fewer ids".to_owned())?;
    bed.are(4).await
}

async fn created_again(bed: &Bed) -> Held {
    let first = bed.made(new("s", "alice", 1)).await?;
    let again = NewUser { details: full(), is_active: false, ..new("s", "other", 9) };
    same(&bed.create(again).await?, &first)?;
    bed.is_there(&first).await?;
    bed.are(1).await
}

async fn updated(bed: &Bed) -> Held {
    let user = bed.made(new("s", "old", 1)).await?;
    let bystander = bed.made(new("t", "bystander", 2)).await?;
    for details in [full(), Details { groups: set(&["Managers"]), ..details("new") }, Details::default()] {
        let updated = bed.update(&user.id, &details).await?.ok_or("they are not known any more")?;
        same(&updated, &User { details, ..user.clone() })?;
        bed.is_there(&updated).await?;
    }
    hold(bed.by_username("old").await?.is_empty(), || "they are found by a name they had".to_owned())?;
    bed.is_there(&bystander).await?;
    bed.are(2).await
}

async fn stay(bed: &Bed) -> Held {
    let user = bed.made(new("s", "alice", 100)).await?;
    for active in [false, true, false] {
        let seen = bed.set_active(&user.id, active).await?.ok_or("they are not known any more")?;
        same(&seen, &User { is_active: active, ..user.clone() })?;
        bed.is_there(&seen).await?;
    }
    let seen = bed.update(&user.id, &full()).await?.ok_or("they are not known any more")?;
    hold(seen.date_joined == user.date_joined, || {
        format!("joined at {}, then at {}", user.date_joined, seen.date_joined)
    })?;
    hold(!seen.is_active, || "who was made inactive is active after an update".to_owned())?;
    bed.is_there(&seen).await
}

async fn keyed(bed: &Bed) -> Held {
    let pairs = [
        ("https://a", "s"),
        ("https://b", "s"),
        ("https://a", "S"),
        ("https://a/", "s"),
        ("https://a", "s "),
        ("https://a", " s"),
        ("https://a:s", "t"),
        ("https://a", "s:t"),
        ("https://a", "\u{e9}"),
        ("https://a", "e\u{301}"),
        ("HTTPS://a", "s"),
    ];
    let mut all = Vec::new();
    for (number, (issuer, subject)) in (1..).zip(pairs) {
        let name = format!("user{number}");
        let user = NewUser { identity: Some(Identity::new(issuer, subject)), ..new("", &name, number) };
        all.push(bed.made(user).await?);
    }
    for user in &all {
        bed.is_there(user).await?;
    }
    bed.are(all.len()).await
}

async fn shared(bed: &Bed) -> Held {
    let first = bed.made(new("first", "alice", 1)).await?;
    let second = bed.made(new("second", "alice", 3)).await?;
    let third = bed.made(NewUser { date_joined: UnixTime::from_secs(2), ..imported("alice") }).await?;
    for user in [&first, &second, &third] {
        bed.is_there(user).await?;
    }
    let expected = [&first.id, &third.id, &second.id];
    for found in [bed.by_username("alice").await?, bed.by_email("alice@example.test").await?] {
        hold(found.iter().map(|user| &user.id).eq(expected), || {
            format!(
                "three users have one name and one address; {} are found, or not the oldest first",
                found.len()
            )
        })?;
    }
    Ok(())
}

async fn email(bed: &Bed) -> Held {
    let with = |address: &str| Details { email: Some(address.to_owned()), ..Details::default() };
    let user = bed.made(NewUser { details: with("Mike@Example.test"), ..new("s", "", 1) }).await?;
    for address in ["mike@example.test", "MIKE@EXAMPLE.TEST", "Mike@Example.test"] {
        one_of(&bed.by_email(address).await?, &user, &format!("found by {address}"))?;
    }
    for address in ["mi\u{212a}e@example.test", "m%@example.test", "mik_@example.test", "mike@example"] {
        hold(bed.by_email(address).await?.is_empty(), || {
            format!("{address:?} finds {:?}", user.details.email)
        })?;
    }
    bed.update(&user.id, &with("new@example.test")).await?;
    hold(bed.by_email("mike@example.test").await?.is_empty(), || {
        "they are found by an address they had".to_owned()
    })?;
    bed.update(&user.id, &with("no address")).await?;
    bed.update(&user.id, &with(&format!("{}@example.test", "x".repeat(3000)))).await?;
    bed.are(1).await
}

async fn username(bed: &Bed) -> Held {
    let names = ["alice", "Alice", "alice ", "\u{e9}", "e\u{301}", ""];
    let mut all = Vec::new();
    for name in names {
        let found = Details { username: Some(name.to_owned()), ..Details::default() };
        all.push(bed.made(NewUser { details: found, ..new(&format!("s{name}"), "", 1) }).await?);
    }
    for (user, name) in all.iter().zip(names) {
        let found = bed.by_username(name).await?;
        hold(found.len() == 1, || format!("{name:?} finds {} users", found.len()))?;
        one_of(&found, user, "found by their username")?;
    }
    Ok(())
}

async fn letters(bed: &Bed) -> Held {
    let names = [
        "O'Hara",
        "a\"b",
        "a;--",
        "%",
        "_",
        "\\",
        "\u{1f600}",
        "line\nbreak",
        "null",
        "$1",
        &"x".repeat(255),
    ];
    for (joined, name) in (1..).zip(names) {
        let details = Details {
            first_name: Some(name.to_owned()),
            last_name: Some(name.to_owned()),
            groups: set(&[name]),
            permissions: set(&[name, "other"]),
            ..details(name)
        };
        let user = bed.made(NewUser { details, ..new(name, name, joined) }).await?;
        let found = bed.find(&Identity::new(ISSUER, name)).await?;
        same(&found.ok_or_else(|| format!("{name:?} is lost"))?, &user)?;
        one_of(&bed.by_username(name).await?, &user, "found by their username")?;
    }
    bed.are(names.len()).await
}

async fn linked(bed: &Bed) -> Held {
    let user = bed.made(imported("alice")).await?;
    let first = bed.link(&user, OTHER, "b").await?.ok_or("the first identity is refused")?;
    same(&first, &User { identities: vec![Identity::new(OTHER, "b")], ..user.clone() })?;
    let both = bed.link(&first, ISSUER, "a").await?.ok_or("an identity at a second issuer is refused")?;
    let identities = vec![Identity::new(OTHER, "b"), Identity::new(ISSUER, "a")];
    same(&both, &User { identities, ..user })?;
    bed.is_there(&both).await?;
    bed.are(1).await
}

async fn not_taken(bed: &Bed) -> Held {
    let owner = bed.made(new("s", "alice", 1)).await?;
    let other = bed.made(imported("bob")).await?;
    let now = bed.link(&other, ISSUER, "s").await?.ok_or("who has the identity is not said")?;
    same(&now, &owner)?;
    same(&bed.link(&owner, ISSUER, "s").await?.ok_or("their own identity is refused")?, &owner)?;
    bed.is_there(&owner).await?;
    bed.is_there(&other).await
}

async fn not_linked(bed: &Bed) -> Held {
    let user = bed.made(new("s", "alice", 1)).await?;
    hold(bed.link(&user, ISSUER, "t").await?.is_none(), || {
        "a user has two identities at one issuer".to_owned()
    })?;
    let outdated = User { identities: Vec::new(), ..user.clone() };
    hold(bed.link(&outdated, OTHER, "o").await?.is_none(), || {
        "an identity was linked to one who was thought to have none, and has one".to_owned()
    })?;
    hold(bed.find(&Identity::new(OTHER, "o")).await?.is_none(), || {
        "there is a link all the same".to_owned()
    })?;
    bed.is_there(&user).await
}

async fn first_sights(bed: &Bed) -> Held {
    for round in 0..5 {
        let seen = at_once(16, |number| {
            let joined = i64::try_from(number).unwrap_or_default() + 1;
            let user = new(&format!("s{round}"), "alice", joined);
            let directory = Arc::clone(&bed.directory);
            async move { directory.create(user).await }
        })
        .await?;
        let mut different = BTreeSet::new();
        for user in seen {
            let user = user.map_err(|error| format!("one of sixteen failed: {error}"))?;
            different.insert((user.id, user.date_joined));
        }
        hold(different.len() == 1, || format!("one user is {} different ones", different.len()))?;
        bed.are(round + 1).await?;
    }
    Ok(())
}

async fn links(bed: &Bed) -> Held {
    for round in 0..5 {
        let name = |who: &str| format!("{who}{round}");
        let one = bed.made(imported(&name("a"))).await?;
        let two = bed.made(imported(&name("b"))).await?;
        let tried = at_once(16, |number| {
            let user = if number % 2 == 0 { one.clone() } else { two.clone() };
            // Eight for one identity and two owners, eight for one owner and many identities of an issuer.
            let identity = match number {
                0..8 => Identity::new(ISSUER, name("s")),
                _ => Identity::new(OTHER, name(&format!("s{number}-"))),
            };
            let directory = Arc::clone(&bed.directory);
            async move { (directory.link(&user, &identity).await, identity) }
        })
        .await?;
        for (owner, identity) in tried {
            let owner = owner.map_err(|error| format!("one of sixteen failed: {error}"))?;
            let found = bed.find(&identity).await?.map(|user| user.id);
            // Who was told of an owner was told the truth; who was refused was refused for good.
            hold(owner.as_ref().is_none_or(|owner| found.as_ref() == Some(&owner.id)), || {
                format!("{identity:?} was given to two users")
            })?;
        }
        for user in [one, two] {
            let now = bed.list().await?.into_iter().find(|now| now.id == user.id).ok_or("a user is lost")?;
            for issuer in [ISSUER, OTHER] {
                let count = now.identities.iter().filter(|identity| identity.issuer == issuer).count();
                hold(count <= 1, || format!("a user has {count} identities at one issuer"))?;
            }
            bed.is_there(&now).await?;
        }
    }
    Ok(())
}

async fn many(bed: &Bed) -> Held {
    let seen = at_once(64, |number| {
        let user = new(&format!("s{number}"), &format!("user{number}"), 1);
        let directory = Arc::clone(&bed.directory);
        async move {
            let made = directory.create(user).await?;
            let details = Details { first_name: Some("Changed".to_owned()), ..made.details.clone() };
            let updated = directory.update(&made.id, &details).await?;
            Ok::<_, kc_core::users::UsersUnavailable>((updated, User { details, ..made }))
        }
    })
    .await?;
    for seen in seen {
        let (updated, user) = seen.map_err(|error| format!("one of 64 failed: {error}"))?;
        same(&updated.ok_or("one of 64 is `None`")?, &user)?;
        bed.is_there(&user).await?;
    }
    bed.are(64).await
}

const ORDERED: [(&str, &str, i64); 6] =
    [("3", "z", 1), ("5", "B", 2), ("2", "a", 2), ("1", "b", 2), ("0", "c", 2), ("4", "y", 30)];

async fn ordered(bed: &Bed) -> Held {
    for index in [3, 0, 5, 2, 1, 4] {
        if let Some((subject, username, joined)) = ORDERED.get(index) {
            bed.made(new(subject, username, *joined)).await?;
        }
    }
    let nameless = NewUser { details: Details::default(), ..new("nameless", "", 30) };
    bed.made(nameless).await?;
    let listed = bed.list().await?;
    let subjects = listed.iter().flat_map(|user| &user.identities).map(|identity| identity.subject.as_str());
    let subjects: Vec<&str> = subjects.collect();
    hold(subjects == ["3", "5", "2", "1", "0", "nameless", "4"], || {
        format!("it should be 3, 5, 2, 1, 0, nameless, 4 and is {}", subjects.join(", "))
    })
}

async fn limited(bed: &Bed) -> Held {
    for (subject, username, joined) in ORDERED.into_iter().rev() {
        bed.made(new(subject, username, joined)).await?;
    }
    let all = bed.list().await?;
    for limit in [0, 1, 3, 6, 100, usize::MAX] {
        let listed = bed.directory.list(limit).await.map_err(said)?;
        hold(listed.iter().eq(all.iter().take(limit)), || {
            format!("of six users {} are listed for a limit of {limit}, or not the oldest", listed.len())
        })?;
    }
    Ok(())
}

async fn dropped(bed: &Bed) -> Held {
    let other = bed.made(imported("bob")).await?;
    for turns in 1..4 {
        given_up_after(turns, bed.directory.create(new("s", "alice", 1))).await;
        given_up_after(turns, bed.directory.link(&other, &Identity::new(OTHER, "o"))).await;
        given_up_after(turns, bed.directory.list(10)).await;
    }
    let user = bed.create(new("s", "alice", 1)).await?;
    bed.is_there(&user).await?;
    bed.link(&other, OTHER, "o").await?;
    let owner = bed.find(&Identity::new(OTHER, "o")).await?.map(|user| user.id);
    hold(owner.is_some_and(|id| id == other.id), || "a link can't be made any more".to_owned())?;
    bed.are(2).await
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn one_of(found: &[User], expected: &User, how: &str) -> Held {
    match found.iter().find(|user| user.id == expected.id) {
        Some(user) => same(user, expected),
        None => Err(format!("{expected:?} is not {how}")),
    }
}

fn same(seen: &User, expected: &User) -> Held {
    hold(seen == expected, || format!("{seen:?} where it should be {expected:?}"))
}
