//! The contract of [`UserDirectory`].

use std::sync::Arc;

use kc_core::clock::UnixTime;
use kc_core::keys::PinnedKeys;
use kc_core::roles::RoleSet;
use kc_core::users::{User, UserDirectory};
use kc_core::validator::{JwtValidator, TokenValidator};
use kc_dev::DevIssuer;

use super::findings::{ContractBroken, Held, Trial, at_once, given_up_after, hold};

/// Checks a directory: `directory` makes one without users, each time.
///
/// # Errors
/// [`ContractBroken`] names each clause that is not kept.
pub async fn user_directory<D: UserDirectory + 'static>(
    directory: impl AsyncFn() -> D,
) -> Result<(), ContractBroken> {
    let mut trial = Trial::of("UserDirectory");
    let pattern = match pattern().await {
        Ok(pattern) => pattern,
        Err(error) => return Err(trial.impossible(error)),
    };
    let make = async || {
        let directory = Arc::new(directory().await) as Arc<dyn UserDirectory>;
        Bed { directory, pattern: pattern.clone() }
    };
    trial.clause("nobody is created unless asked for", not_created(&make().await)).await;
    trial.clause("one who is seen for the first time is created as given", created(&make().await)).await;
    trial.clause("one who is known is brought up to date", updated(&make().await)).await;
    trial.clause("when one joined, and whether one is active, stay as they are", stay(&make().await)).await;
    trial
        .clause("users are told apart by issuer and subject, both, to the letter", keyed(&make().await))
        .await;
    trial.clause("names and addresses may change hands", change_hands(&make().await)).await;
    trial.clause("whatever a name is made of, it is only a name", letters(&make().await)).await;
    trial.clause("simultaneous first sights of one user make one user", first_sights(&make().await)).await;
    trial.clause("simultaneous sights of many users lose none", many(&make().await)).await;
    trial.clause("the list is the oldest first, then by username", ordered(&make().await)).await;
    trial.clause("the list is no longer than asked for", limited(&make().await)).await;
    trial.clause("dropping a call does no harm to others", dropped(&make().await)).await;
    trial.end()
}

/// A user can only be had from a token that was checked.
async fn pattern() -> Result<User, String> {
    let issuer = DevIssuer::builder().shared_keys().start().await.map_err(|error| error.to_string())?;
    let jwks = issuer.jwks().await.map_err(|error| error.to_string())?.to_string();
    let keys = PinnedKeys::from_jwks(jwks.as_bytes()).map_err(|error| error.to_string())?;
    let token = issuer.token("alice", "api").await.map_err(|error| error.to_string())?;
    let validator = JwtValidator::builder(issuer.issuer(), ["api"], Arc::new(keys)).build();
    let token = validator.validate(&token).await.map_err(|error| error.to_string())?;
    User::from_token(&token, &RoleSet::default(), UnixTime::from_secs(1_800_000_000))
        .ok_or_else(|| "the token of the embedded issuer names nobody".to_owned())
}

struct Bed {
    directory: Arc<dyn UserDirectory>,
    pattern: User,
}

impl Bed {
    fn user(&self, subject: &str, username: &str, joined: i64) -> User {
        let mut user = self.pattern.clone();
        subject.clone_into(&mut user.subject);
        user.username = Some(username.to_owned());
        user.email = Some(format!("{username}@example.com"));
        user.date_joined = UnixTime::from_secs(joined);
        user
    }

    /// Signs in, creating, and gives back who that is.
    async fn sees(&self, user: &User) -> Result<User, String> {
        let found = self.sign_in(user, true).await?;
        found.ok_or_else(|| format!("{} is `None` although users are created", named(user)))
    }

    async fn sign_in(&self, user: &User, create: bool) -> Result<Option<User>, String> {
        self.directory.sign_in(user.clone(), create).await.map_err(|error| error.to_string())
    }

    async fn list(&self) -> Result<Vec<User>, String> {
        self.directory.list(10_000).await.map_err(|error| error.to_string())
    }
}

async fn not_created(bed: &Bed) -> Held {
    let user = bed.user("s", "alice", 1);
    let found = bed.sign_in(&user, false).await?;
    hold(found.is_none(), || "`sign_in` without `create` gave somebody who was never there".to_owned())?;
    hold(bed.list().await?.is_empty(), || "there is a user now".to_owned())
}

async fn created(bed: &Bed) -> Held {
    let user = bed.user("s", "alice", 1_795_308_973);
    let seen = bed.sees(&user).await?;
    same(&seen, &user)?;
    let known = bed.sign_in(&user, false).await?;
    same(&known.ok_or("they are not known the second time")?, &user)?;
    let listed = bed.list().await?;
    same(listed.first().ok_or("they are not in the list")?, &user)?;
    let mut bare = bed.user("t", "", 2);
    (bare.username, bare.email) = (None, None);
    same(&bed.sees(&bare).await?, &bare)
}

async fn updated(bed: &Bed) -> Held {
    let before = bed.user("s", "old", 1);
    bed.sees(&before).await?;
    let mut now = bed.user("s", "new", 1);
    (now.is_staff, now.is_superuser) = (true, true);
    for create in [true, false] {
        let seen = bed.sign_in(&now, create).await?.ok_or("they are not known any more")?;
        same(&seen, &now)?;
        same(bed.list().await?.first().ok_or("they are not in the list")?, &now)?;
        (now.is_staff, now.email) = (false, None);
    }
    hold(bed.list().await?.len() == 1, || "there are two of them now".to_owned())
}

async fn stay(bed: &Bed) -> Held {
    let mut first = bed.user("s", "alice", 100);
    first.is_active = false;
    bed.sees(&first).await?;
    let seen = bed.sees(&bed.user("s", "alice", 200)).await?;
    hold(seen.date_joined == first.date_joined, || {
        format!("joined at {}, then at {}", first.date_joined, seen.date_joined)
    })?;
    hold(!seen.is_active, || "who was made inactive comes in again by signing in".to_owned())?;
    same(bed.list().await?.first().ok_or("they are not in the list")?, &seen)
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
    let all: Vec<User> = (1..)
        .zip(pairs)
        .map(|(joined, (issuer, subject))| {
            let mut user = bed.user(subject, &format!("user{joined}"), joined);
            issuer.clone_into(&mut user.issuer);
            user
        })
        .collect();
    for user in &all {
        same(&bed.sees(user).await?, user)?;
    }
    for user in &all {
        same(&bed.sign_in(user, false).await?.ok_or_else(|| format!("{} is lost", named(user)))?, user)?;
    }
    let listed = bed.list().await?.len();
    hold(listed == all.len(), || format!("{} users are listed as {listed}", all.len()))
}

async fn change_hands(bed: &Bed) -> Held {
    let (first, second) = (bed.user("first", "alice", 1), bed.user("second", "alice", 2));
    bed.sees(&first).await?;
    same(&bed.sees(&second).await?, &second)?;
    same(&bed.sign_in(&first, false).await?.ok_or("the first one is lost")?, &first)?;
    hold(bed.list().await?.len() == 2, || "two users of one name are not two users".to_owned())
}

async fn letters(bed: &Bed) -> Held {
    let names =
        ["O'Hara", "a\"b", "a;--", "%", "_", "\\", "\u{1f600}", "line\nbreak", "null", &"x".repeat(255)];
    for (joined, name) in (1..).zip(names) {
        let user = bed.user(name, name, joined);
        same(&bed.sees(&user).await?, &user)?;
        same(&bed.sign_in(&user, false).await?.ok_or_else(|| format!("{name:?} is lost"))?, &user)?;
    }
    let listed = bed.list().await?.len();
    hold(listed == names.len(), || format!("{} users are listed as {listed}", names.len()))
}

async fn first_sights(bed: &Bed) -> Held {
    for round in 0..5 {
        let seen = at_once(16, |number| {
            let joined = i64::try_from(number).unwrap_or_default() + 1;
            let user = bed.user(&format!("s{round}"), "alice", joined);
            let directory = Arc::clone(&bed.directory);
            async move { directory.sign_in(user, true).await }
        })
        .await?;
        let mut joined = Vec::new();
        for user in seen {
            let user = user.map_err(|error| format!("one of sixteen failed: {error}"))?;
            joined.push(user.ok_or("one of sixteen is `None`")?.date_joined);
        }
        joined.sort_unstable();
        joined.dedup();
        hold(joined.len() == 1, || format!("they joined at {} different times", joined.len()))?;
        let listed = bed.list().await?.len();
        hold(listed == round + 1, || format!("{} users are listed as {listed}", round + 1))?;
    }
    Ok(())
}

async fn many(bed: &Bed) -> Held {
    let seen = at_once(64, |number| {
        let user = bed.user(&format!("s{number}"), &format!("user{number}"), 1);
        let directory = Arc::clone(&bed.directory);
        async move { (directory.sign_in(user.clone(), true).await, user) }
    })
    .await?;
    for (seen, user) in seen {
        let seen = seen.map_err(|error| format!("one of 64 failed: {error}"))?;
        same(&seen.ok_or("one of 64 is `None`")?, &user)?;
    }
    let listed = bed.list().await?.len();
    hold(listed == 64, || format!("64 users are listed as {listed}"))
}

const ORDERED: [(&str, &str, i64); 5] =
    [("3", "z", 1), ("2", "a", 2), ("1", "b", 2), ("0", "c", 2), ("4", "y", 30)];

async fn ordered(bed: &Bed) -> Held {
    for index in [2, 0, 4, 1, 3] {
        if let Some((subject, username, joined)) = ORDERED.get(index) {
            bed.sees(&bed.user(subject, username, *joined)).await?;
        }
    }
    let listed: Vec<String> = bed.list().await?.into_iter().map(|user| user.subject).collect();
    hold(listed.iter().map(String::as_str).eq(ORDERED.map(|(subject, _, _)| subject)), || {
        format!("it should be 3, 2, 1, 0, 4 and is {}", listed.join(", "))
    })
}

async fn limited(bed: &Bed) -> Held {
    for (subject, username, joined) in ORDERED.into_iter().rev() {
        bed.sees(&bed.user(subject, username, joined)).await?;
    }
    for limit in [0, 1, 3, 5, 100] {
        let listed = bed.directory.list(limit).await.map_err(|error| error.to_string())?;
        let expected: Vec<&str> = ORDERED.iter().take(limit).map(|(subject, _, _)| *subject).collect();
        hold(listed.iter().map(|user| user.subject.as_str()).eq(expected), || {
            format!("of five users {} are listed for a limit of {limit}, or not the oldest", listed.len())
        })?;
    }
    Ok(())
}

async fn dropped(bed: &Bed) -> Held {
    let user = bed.user("s", "alice", 1);
    for turns in 1..4 {
        given_up_after(turns, bed.directory.sign_in(user.clone(), true)).await;
        given_up_after(turns, bed.directory.list(10)).await;
    }
    same(&bed.sees(&user).await?, &user)?;
    hold(bed.list().await?.len() == 1, || "there are two of them now".to_owned())
}

fn same(seen: &User, expected: &User) -> Held {
    hold(seen == expected, || format!("{seen:?} where it should be {expected:?}"))
}

fn named(user: &User) -> String {
    format!("subject {:?} of issuer {:?}", user.subject, user.issuer)
}
