//! Sign-ins, from a token to its user.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::*;
use crate::clock::UnixTime;
use crate::roles::RoleSet;
use crate::token::{Claims, Names, VerifiedToken};

const HOME: &str = "https://kc/realms/home";
const OTHER: &str = "https://kc/realms/other";
const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

fn claims(issuer: &str, subject: &str) -> Claims {
    Claims { issuer: Some(issuer.to_owned()), subject: Some(subject.to_owned()), ..Claims::default() }
}

fn with_email(issuer: &str, subject: &str, email: &str, verified: Option<bool>) -> Claims {
    Claims { email: Some(email.to_owned()), email_verified: verified, ..claims(issuer, subject) }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

struct Bed {
    directory: Arc<MemoryUsers>,
    users: LocalUsers,
}

fn bed() -> Bed {
    let directory = Arc::new(MemoryUsers::default());
    Bed { users: LocalUsers::new(Arc::clone(&directory) as Arc<dyn UserDirectory>), directory }
}

fn bed_with(pipeline: UserPipeline) -> Bed {
    let Bed { directory, users } = bed();
    Bed { users: users.pipeline(pipeline), directory }
}

fn associating(associate: Associate) -> Bed {
    bed_with(UserPipeline::standard().replace(Stage::Associate, Arc::new(associate)))
}

impl Bed {
    async fn comes(&self, claims: Claims) -> Result<Option<User>, SignInError> {
        self.comes_with(claims, &[]).await
    }

    async fn comes_with(&self, claims: Claims, roles: &[&str]) -> Result<Option<User>, SignInError> {
        let token = VerifiedToken::new(claims, bytes::Bytes::from_static(b"{}"));
        self.users.sign_in(&token, &RoleSet::new(Names::new(roles), Names::default()), NOW).await
    }

    async fn seen(&self, claims: Claims) -> User {
        self.comes(claims).await.unwrap().unwrap()
    }

    async fn imported(&self, username: &str, email: &str, verified: bool) -> User {
        let details = Details {
            username: some(username),
            email: some(email),
            email_verified: verified,
            ..Details::default()
        };
        self.directory.create(NewUser::imported(details, UnixTime::from_secs(1))).await.unwrap()
    }
}

#[tokio::test]
async fn one_who_is_seen_for_the_first_time_is_made_of_what_the_token_says() {
    let bed = bed();
    let claims = Claims {
        username: some("alice"),
        given_name: some("Alice"),
        family_name: some("Test"),
        ..with_email(HOME, "s", "alice@example.test", Some(true))
    };
    let user = bed.comes_with(claims, &["staff", "admin"]).await.unwrap().unwrap();
    let details = Details {
        username: some("alice"),
        first_name: some("Alice"),
        last_name: some("Test"),
        email: some("alice@example.test"),
        email_verified: true,
        is_staff: true,
        is_superuser: true,
        ..Details::default()
    };
    assert_eq!(user.details, details);
    assert_eq!((user.identities.as_slice(), user.date_joined), (&[Identity::new(HOME, "s")][..], NOW));
    assert_eq!(bed.directory.list(9).await.unwrap(), [user]);
}

#[tokio::test]
async fn what_a_token_says_is_taken_over_and_what_it_does_not_say_stays() {
    let bed = bed();
    let claims_of = |username| Claims { username: some(username), ..claims(HOME, "s") };
    let first = Claims { given_name: some("Alice"), email: some("a@example.test"), ..claims_of("alice") };
    bed.comes_with(Claims { email_verified: Some(true), ..first }, &["admin"]).await.unwrap();
    let user = bed.seen(claims_of("alison")).await;
    assert_eq!(
        (user.details.username.as_deref(), user.details.first_name.as_deref()),
        (Some("alison"), Some("Alice"))
    );
    assert!(user.details.email_verified && !user.details.is_staff && !user.details.is_superuser);
    let user = bed.seen(with_email(HOME, "s", "b@example.test", None)).await;
    assert_eq!(user.details.email.as_deref(), Some("b@example.test"));
    assert!(!user.details.email_verified, "the new address has not been verified");
    let user = bed.seen(Claims { username: some("nul\0"), ..claims(HOME, "s") }).await;
    assert_eq!(user.details.username.as_deref(), Some("alison"), "no name has a NUL");
    assert_eq!(bed.directory.list(9).await.unwrap(), [user]);
}

#[tokio::test]
async fn a_token_without_a_subject_has_no_user() {
    let bed = bed();
    let nobody = Claims { subject: None, ..claims(HOME, "") };
    assert_eq!(bed.comes(nobody).await, Ok(None));
    assert!(bed.directory.list(9).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_subject_that_no_issuer_may_give_is_unknown() {
    let bed = bed();
    for subject in ["a\0b", &"x".repeat(256)] {
        assert_eq!(bed.comes(claims(HOME, subject)).await, Err(SignInError::Unknown));
    }
    bed.seen(claims(HOME, &"x".repeat(255))).await;
}

#[tokio::test]
async fn with_creation_off_only_those_who_are_known_come_in() {
    let Bed { directory, users } = bed();
    let bed = Bed { users: users.create(false), directory };
    assert_eq!(bed.comes(claims(HOME, "s")).await, Err(SignInError::Unknown));
    bed.directory
        .create(NewUser::seen(Identity::new(HOME, "s"), Details::default(), UnixTime::from_secs(1)))
        .await
        .unwrap();
    bed.seen(claims(HOME, "s")).await;
    assert_eq!(bed.comes(claims(OTHER, "s")).await, Err(SignInError::Unknown));
    let imported = bed.imported("b", "b@example.test", true).await;
    assert_eq!(bed.seen(with_email(HOME, "t", "b@example.test", Some(true))).await.id, imported.id);
}

#[tokio::test]
async fn who_is_inactive_is_refused_and_nothing_is_written() {
    let bed = bed();
    let user = bed.seen(Claims { username: some("alice"), ..claims(HOME, "s") }).await;
    bed.directory.set_active(&user.id, false).await.unwrap();
    let refused = bed.comes(Claims { username: some("other"), ..claims(HOME, "s") }).await;
    assert_eq!(refused, Err(SignInError::Inactive));
    let listed = bed.directory.list(9).await.unwrap();
    assert_eq!(listed[0].details.username.as_deref(), Some("alice"));
    bed.directory.set_active(&user.id, true).await.unwrap();
    bed.seen(claims(HOME, "s")).await;
}

#[tokio::test]
async fn an_imported_user_is_found_by_their_verified_address_whatever_its_case() {
    let bed = bed();
    let imported = bed.imported("alice", "Alice@Example.test", true).await;
    let user = bed.seen(with_email(HOME, "s", "alice@EXAMPLE.test", Some(true))).await;
    assert_eq!((user.id, user.date_joined), (imported.id, UnixTime::from_secs(1)));
    assert_eq!(user.identities, [Identity::new(HOME, "s")]);
    assert_eq!(bed.directory.list(9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_address_that_the_issuer_has_not_verified_finds_nobody() {
    for verified in [None, Some(false)] {
        let bed = bed();
        let imported = bed.imported("alice", "alice@example.test", true).await;
        let user = bed.seen(with_email(HOME, "s", "alice@example.test", verified)).await;
        assert_ne!(user.id, imported.id);
    }
}

#[tokio::test]
async fn an_address_that_somebody_claimed_without_proof_does_not_catch_its_owner() {
    let bed = associating(Associate::by_verified_email().across_issuers());
    let thief = bed.seen(with_email(OTHER, "thief", "victim@example.test", None)).await;
    let imported = bed.imported("x", "victim@example.test", false).await;
    let victim = bed.seen(with_email(HOME, "victim", "victim@example.test", Some(true))).await;
    assert!(victim.id != thief.id && victim.id != imported.id);
}

#[tokio::test]
async fn nobody_is_associated_with_a_user_of_another_subject_of_the_issuer() {
    for associate in
        [Associate::by_verified_email(), Associate::by_verified_email().across_issuers().or_username()]
    {
        let bed = associating(associate);
        let claims_of = |subject| Claims {
            username: some("alice"),
            ..with_email(HOME, subject, "alice@example.test", Some(true))
        };
        let first = bed.seen(claims_of("1")).await;
        assert_ne!(bed.seen(claims_of("2")).await.id, first.id);
        assert_eq!(bed.seen(claims_of("1")).await.id, first.id);
    }
}

#[tokio::test]
async fn accounts_of_two_issuers_are_one_only_where_that_was_said() {
    let of = |issuer| with_email(issuer, "s", "alice@example.test", Some(true));
    let apart = bed();
    assert_ne!(apart.seen(of(HOME)).await.id, apart.seen(of(OTHER)).await.id);
    let together = associating(Associate::by_verified_email().across_issuers());
    let first = together.seen(of(HOME)).await;
    let both = together.seen(of(OTHER)).await;
    assert_eq!(both.id, first.id);
    assert_eq!(both.identities, [Identity::new(HOME, "s"), Identity::new(OTHER, "s")]);
    assert_eq!(together.seen(of(HOME)).await, both);
}

#[tokio::test]
async fn only_the_issuers_that_may_associate_do() {
    let bed = associating(Associate::by_verified_email().of_issuer(HOME));
    let imported = bed.imported("alice", "alice@example.test", true).await;
    let of = |issuer| with_email(issuer, "s", "alice@example.test", Some(true));
    assert_ne!(bed.seen(of(OTHER)).await.id, imported.id);
    assert_eq!(bed.seen(of(HOME)).await.id, imported.id);
}

#[tokio::test]
async fn an_address_of_two_users_finds_neither() {
    let bed = bed();
    let ids = [
        bed.imported("a", "shared@example.test", true).await.id,
        bed.imported("b", "Shared@example.test", true).await.id,
    ];
    assert!(!ids.contains(&bed.seen(with_email(HOME, "s", "shared@example.test", Some(true))).await.id));
}

#[tokio::test]
async fn a_username_finds_an_imported_user_only_where_that_was_said() {
    let alice = |issuer, subject| Claims { username: some("alice"), ..claims(issuer, subject) };
    let without = bed();
    let imported = without.imported("alice", "alice@example.test", true).await;
    assert_ne!(without.seen(alice(HOME, "s")).await.id, imported.id);

    let with = associating(Associate::by_verified_email().or_username().across_issuers());
    let imported = with.imported("alice", "alice@example.test", true).await;
    assert_ne!(with.seen(Claims { username: some("Alice"), ..claims(HOME, "t") }).await.id, imported.id);
    assert_eq!(with.seen(alice(HOME, "s")).await.id, imported.id);
    assert_ne!(
        with.seen(alice(OTHER, "s")).await.id,
        imported.id,
        "the name of somebody who has an identity"
    );
}

#[tokio::test]
async fn whoever_was_shut_out_does_not_come_back_as_somebody_new() {
    let bed = bed();
    let imported = bed.imported("alice", "alice@example.test", true).await;
    bed.directory.set_active(&imported.id, false).await.unwrap();
    let refused = bed.comes(with_email(HOME, "s", "alice@example.test", Some(true))).await;
    assert_eq!(refused, Err(SignInError::Inactive));
    assert_eq!(bed.directory.list(9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn roles_of_your_own_make_staff_and_superusers() {
    let pipeline = UserPipeline::standard()
        .replace(Stage::Privileges, Arc::new(Privileges::by_roles(["clerk"], ["root"])));
    let bed = bed_with(pipeline);
    for (role, expected) in [("clerk", (true, false)), ("root", (true, true)), ("admin", (false, false))] {
        let user = bed.comes_with(claims(HOME, "s"), &[role]).await.unwrap().unwrap();
        assert_eq!((user.details.is_staff, user.details.is_superuser), expected, "{role}");
    }
}

#[tokio::test]
async fn groups_of_the_service_come_from_roles_and_go_with_them() {
    let map =
        GroupMap::default().role("editor", Grants::default().group("Editors").permission("items.change"));
    let bed = bed_with(UserPipeline::standard().replace(Stage::Groups, Arc::new(map)));
    let editor = bed.comes_with(claims(HOME, "s"), &["editor"]).await.unwrap().unwrap();
    assert!(editor.in_group("Editors") && editor.has_permission("items.change"));
    let mut own = editor.details.clone();
    own.groups.insert("Chess".to_owned());
    bed.directory.update(&editor.id, &own).await.unwrap();
    let user = bed.seen(claims(HOME, "s")).await;
    assert_eq!(user.details.groups, BTreeSet::from(["Chess".to_owned()]));
    assert!(!user.has_permission("items.change"));
}

/// Writes down that it ran, and who was known then.
#[derive(Debug)]
struct Note(&'static str, Arc<Mutex<Vec<String>>>);

#[async_trait]
impl UserStep for Note {
    async fn run(&self, sign_in: &mut SignIn<'_>) -> Result<(), SignInError> {
        let who = (sign_in.is_somebody(), sign_in.user().is_some());
        self.1.lock().unwrap().push(format!("{} {who:?}", self.0));
        Ok(())
    }
}

#[tokio::test]
async fn steps_run_in_order_before_after_and_instead_of_others() {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let note = |name| Arc::new(Note(name, Arc::clone(&notes))) as Arc<dyn UserStep>;
    let pipeline = UserPipeline::standard()
        .after(Stage::Save, note("last"))
        .before(Stage::Find, note("first"))
        .before(Stage::Create, note("unmade"))
        .after(Stage::Create, note("made"))
        .after(Stage::Create, note("made too"))
        .replace(Stage::Groups, note("groups"))
        .without(Stage::Privileges);
    assert_eq!(pipeline.steps().count(), 11);
    let bed = bed_with(pipeline);
    let user = bed.comes_with(claims(HOME, "s"), &["admin"]).await.unwrap().unwrap();
    assert!(!user.details.is_superuser, "no step says so");
    let expected = [
        "first (false, false)",
        "unmade (false, false)",
        "made (true, false)",
        "made too (true, false)",
        "groups (true, false)",
        "last (true, true)",
    ];
    assert_eq!(*notes.lock().unwrap(), expected);
}

#[derive(Debug)]
struct Nobody;

#[async_trait]
impl UserStep for Nobody {
    async fn run(&self, _: &mut SignIn<'_>) -> Result<(), SignInError> {
        Err(SignInError::Refused { reason: "closed".to_owned() })
    }
}

#[tokio::test]
async fn a_step_that_refuses_ends_the_sign_in_and_nothing_is_written() {
    let bed = bed_with(UserPipeline::standard().before(Stage::Save, Arc::new(Nobody)));
    let refused = bed.comes(claims(HOME, "s")).await;
    assert_eq!(refused, Err(SignInError::Refused { reason: "closed".to_owned() }));
    assert!(bed.directory.list(9).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_pipeline_that_saves_nobody_lets_nobody_in() {
    let bed = bed_with(UserPipeline::standard().without(Stage::Save));
    assert_eq!(bed.comes(claims(HOME, "s")).await, Err(SignInError::Unknown));
}

/// Counts what is written.
#[derive(Debug, Default)]
struct Counting {
    inner: MemoryUsers,
    written: Mutex<Vec<&'static str>>,
}

#[async_trait]
impl UserDirectory for Counting {
    async fn find(&self, identity: &Identity) -> Result<Option<User>, UsersUnavailable> {
        self.inner.find(identity).await
    }

    async fn find_by_email(&self, email: &EmailKey) -> Result<Vec<User>, UsersUnavailable> {
        self.inner.find_by_email(email).await
    }

    async fn find_by_username(&self, username: &str) -> Result<Vec<User>, UsersUnavailable> {
        self.inner.find_by_username(username).await
    }

    async fn create(&self, user: NewUser) -> Result<User, UsersUnavailable> {
        self.written.lock().unwrap().push("create");
        self.inner.create(user).await
    }

    async fn link(&self, user: &User, identity: &Identity) -> Result<Option<User>, UsersUnavailable> {
        self.written.lock().unwrap().push("link");
        self.inner.link(user, identity).await
    }

    async fn update(&self, id: &UserId, details: &Details) -> Result<Option<User>, UsersUnavailable> {
        self.written.lock().unwrap().push("update");
        self.inner.update(id, details).await
    }

    async fn set_active(&self, id: &UserId, active: bool) -> Result<Option<User>, UsersUnavailable> {
        self.inner.set_active(id, active).await
    }

    async fn list(&self, limit: usize) -> Result<Vec<User>, UsersUnavailable> {
        self.inner.list(limit).await
    }
}

#[tokio::test]
async fn a_sign_in_writes_only_what_is_new() {
    let directory = Arc::new(Counting::default());
    let users = LocalUsers::new(Arc::clone(&directory) as Arc<dyn UserDirectory>);
    let roles = RoleSet::default();
    for (username, expected) in [
        ("alice", &["create"][..]),
        ("alice", &["create"]),
        ("alison", &["create", "update"]),
        ("alison", &["create", "update"]),
    ] {
        let claims = Claims { username: some(username), ..claims(HOME, "s") };
        let token = VerifiedToken::new(claims, bytes::Bytes::from_static(b"{}"));
        users.sign_in(&token, &roles, NOW).await.unwrap();
        assert_eq!(*directory.written.lock().unwrap(), expected);
    }
}

#[tokio::test]
async fn simultaneous_first_sign_ins_make_one_user() {
    let bed = bed();
    let comes = || bed.comes(with_email(HOME, "s", "alice@example.test", Some(true)));
    let (a, b, c) = tokio::join!(comes(), comes(), comes());
    assert!(a == b && b == c && a.is_ok());
    assert_eq!(bed.directory.list(9).await.unwrap().len(), 1);
}

#[cfg(feature = "reqwest")]
mod of_a_keycloak {
    use super::*;
    use crate::Keycloak;
    use crate::secret::Secret;
    use crate::settings::Settings;

    #[tokio::test]
    async fn a_data_base_that_nothing_opens_is_an_error_and_never_users_in_memory() {
        let settings = Settings::builder("https://kc.example.test", "home", "api")
            .users_database(Secret::new("postgres://u:hunter2@db/users"))
            .build()
            .unwrap();
        let error = Keycloak::new(&settings).unwrap_err();
        assert_eq!(error.setting(), "USERS_DATABASE");
        assert!(error.to_string().contains("SqlUsers") && !error.to_string().contains("hunter2"), "{error}");
        Keycloak::builder().users(Arc::new(MemoryUsers::default())).build(&settings).unwrap();
    }

    #[tokio::test]
    async fn only_the_settings_own_realm_associates_unless_a_pipeline_says_otherwise() {
        let settings = |realm| Settings::builder("https://kc.example.test", realm, "api").build().unwrap();
        for (pipeline, expected) in [(None, false), (Some(UserPipeline::standard()), true)] {
            let directory = Arc::new(MemoryUsers::default());
            let builder = Keycloak::builder().and(settings("other")).users(Arc::clone(&directory) as _);
            let builder = match pipeline {
                Some(pipeline) => builder.user_pipeline(pipeline),
                None => builder,
            };
            let keycloak = builder.build(&settings("home")).unwrap();
            let bed = Bed { directory, users: keycloak.local_users().clone() };
            let imported = bed.imported("alice", "alice@example.test", true).await;
            let issuer = |realm| format!("https://kc.example.test/realms/{realm}");
            let of = |realm, subject| with_email(&issuer(realm), subject, "alice@example.test", Some(true));
            assert_eq!(bed.seen(of("other", "s")).await.id == imported.id, expected);
            if !expected {
                assert_eq!(bed.seen(of("home", "s")).await.id, imported.id);
            }
        }
    }
}
