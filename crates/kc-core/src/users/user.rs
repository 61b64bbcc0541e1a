//! What is kept of a user.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use crate::clock::UnixTime;
use crate::token::Claims;

/// Who somebody is at an issuer: names and addresses change hands, these two do not (OpenID Connect Core §5.7).
/// Compared to the letter.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Identity {
    /// `iss`.
    pub issuer: String,
    /// `sub`.
    pub subject: String,
}

impl Identity {
    /// `iss` and `sub`.
    #[must_use]
    pub fn new(issuer: impl Into<String>, subject: impl Into<String>) -> Self {
        Self { issuer: issuer.into(), subject: subject.into() }
    }

    /// Whom these claims name; `None` without `iss` or `sub`.
    #[must_use]
    pub fn of(claims: &Claims) -> Option<Self> {
        Some(Self::new(claims.issuer.as_deref()?, claims.subject.as_deref()?))
    }
}

/// The id of a local user, given by the directory that keeps them; its form is the directory's own.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UserId(String);

impl UserId {
    /// An id in whichever form.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a sign-in may change about a user.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Details {
    /// The name to log in by; `preferred_username` when last seen.
    pub username: Option<String>,
    /// `given_name` when last seen.
    pub first_name: Option<String>,
    /// `family_name` when last seen.
    pub last_name: Option<String>,
    /// `email` when last seen.
    pub email: Option<String>,
    /// Whether that address is known to be theirs. Without it nobody is associated with this user by the address.
    pub email_verified: bool,
    /// Whether they had a staff role when last seen.
    pub is_staff: bool,
    /// Whether they had the superuser role when last seen.
    pub is_superuser: bool,
    /// Groups of the service's own.
    pub groups: BTreeSet<String>,
    /// Permissions of the service's own.
    pub permissions: BTreeSet<String>,
}

/// A user who is not there yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewUser {
    /// Who they are at the issuer. `None` for one who was there before the issuer came: see
    /// [`Associate`](super::Associate).
    pub identity: Option<Identity>,
    /// What is known of them.
    pub details: Details,
    /// Whether they may come in.
    pub is_active: bool,
    /// When they joined.
    pub date_joined: UnixTime,
}

impl NewUser {
    /// One who is known at an issuer, may come in, and joins now.
    #[must_use]
    pub fn seen(identity: Identity, details: Details, now: UnixTime) -> Self {
        Self { identity: Some(identity), details, is_active: true, date_joined: now }
    }

    /// One who was there before the issuer came, and may come in.
    #[must_use]
    pub fn imported(details: Details, date_joined: UnixTime) -> Self {
        Self { identity: None, details, is_active: true, date_joined }
    }
}

/// A local user.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct User {
    /// The directory's id of them.
    pub id: UserId,
    /// Who they are at issuers, in the order in which that became known; at most one for each issuer. Empty for one
    /// who was imported and has not come yet.
    pub identities: Vec<Identity>,
    /// What a sign-in may change.
    pub details: Details,
    /// Whether they may come in at all.
    pub is_active: bool,
    /// When they were first seen.
    pub date_joined: UnixTime,
}

impl User {
    /// What a directory makes of a new user.
    #[must_use]
    pub fn new(id: UserId, new: NewUser) -> Self {
        let identities = new.identity.into_iter().collect();
        let NewUser { details, is_active, date_joined, .. } = new;
        Self { id, identities, details, is_active, date_joined }
    }

    /// Whether they are in a group of the service's own.
    #[must_use]
    pub fn in_group(&self, group: &str) -> bool {
        self.details.groups.contains(group)
    }

    /// Whether they have a permission of the service's own: an active superuser has every one, who is not active none.
    #[must_use]
    pub fn has_permission(&self, permission: &str) -> bool {
        self.is_active && (self.details.is_superuser || self.details.permissions.contains(permission))
    }

    /// Whether they are known at an issuer, by whichever subject.
    #[must_use]
    pub fn is_known_at(&self, issuer: &str) -> bool {
        self.identities.iter().any(|identity| identity.issuer == issuer)
    }

    /// As the list of users shows them.
    #[must_use]
    pub fn entry(&self) -> UserEntry<'_> {
        UserEntry {
            sub: self.identities.first().map(|identity| identity.subject.as_str()),
            username: self.details.username.as_deref(),
            email: self.details.email.as_deref(),
            is_staff: self.details.is_staff,
            is_active: self.is_active,
            date_joined: self.date_joined.to_string(),
        }
    }
}

/// A user in a list. Members in this order. `sub` is that of the first identity, `null` for one who has none yet.
#[derive(Clone, Debug, Serialize)]
pub struct UserEntry<'a> {
    sub: Option<&'a str>,
    username: Option<&'a str>,
    email: Option<&'a str>,
    is_staff: bool,
    is_active: bool,
    date_joined: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> User {
        let details =
            Details { permissions: BTreeSet::from(["items.view".to_owned()]), ..Details::default() };
        User::new(
            UserId::new("7"),
            NewUser::seen(Identity::new("https://kc/realms/a", "s"), details, UnixTime::from_secs(1)),
        )
    }

    #[test]
    fn an_active_superuser_has_every_permission_and_who_is_not_active_none() {
        let mut user = user();
        assert!(user.has_permission("items.view") && !user.has_permission("items.add"));
        user.details.is_superuser = true;
        assert!(user.has_permission("items.add"));
        user.is_active = false;
        assert!(!user.has_permission("items.view"));
    }

    #[test]
    fn the_entry_in_the_list_has_these_members_in_this_order() {
        assert_eq!(
            serde_json::to_string(&user().entry()).unwrap(),
            r#"{"sub":"s","username":null,"email":null,"is_staff":false,"is_active":true,"date_joined":"1970-01-01T00:00:01.000Z"}"#
        );
        let imported = NewUser::imported(Details::default(), UnixTime::from_secs(1));
        let entry = serde_json::to_value(User::new(UserId::new("8"), imported).entry()).unwrap();
        assert!(entry["sub"].is_null());
    }
}
