//! The steps that are there.

use async_trait::async_trait;

use super::email::EmailKey;
use super::pipeline::UserStep;
use super::sign_in::{SignIn, SignInError};
use super::user::{Details, NewUser, User};

/// Finds the user to whom the token's issuer and subject belong.
#[derive(Clone, Copy, Debug, Default)]
pub struct Find;

#[async_trait]
impl UserStep for Find {
    async fn run(&self, sign_in: &mut SignIn<'_>) -> Result<(), SignInError> {
        if let Some(user) = sign_in.directory().find(sign_in.identity()).await? {
            sign_in.recognise(user);
        }
        Ok(())
    }
}

/// Finds a user who was there before the issuer came, and links the token's identity to them.
///
/// Only when nobody has been found, and when exactly one user fits. By e-mail address, all of this has to hold, so that
/// nobody gets another one's account by typing an address into a form:
///
/// - the token says `email_verified: true`, and the issuer is [one of those that may](Self::of_issuer);
/// - the record's [`Details::email_verified`] is set: an address that somebody claimed without proof does not catch its
///   owner later;
/// - the user has no identity yet, or [has one elsewhere only](Self::across_issuers) if you say so.
///
/// One who is inactive fits too, and is refused then: whoever was shut out does not come back as somebody new.
#[derive(Clone, Debug)]
pub struct Associate {
    by_username: bool,
    across_issuers: bool,
    issuers: Option<Vec<String>>,
}

impl Associate {
    /// By the e-mail address, compared as [`EmailKey`] says.
    #[must_use]
    pub fn by_verified_email() -> Self {
        Self { by_username: false, across_issuers: false, issuers: None }
    }

    /// When no address fits, also by `preferred_username`, to the letter, with users who have no identity yet. Only for a
    /// realm that gave its users the names that they had before: whoever may choose a name there chooses an account here.
    #[must_use]
    pub fn or_username(mut self) -> Self {
        self.by_username = true;
        self
    }

    /// Only of this issuer, called several times of these. Default: of every one that is trusted. An issuer that may
    /// associate can say of anybody that an address is theirs.
    #[must_use]
    pub fn of_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuers.get_or_insert_default().push(issuer.into());
        self
    }

    /// By e-mail address also with users who have an identity at another issuer: one account for somebody who is in several
    /// realms. Default: no. It makes every issuer that may associate as strong as all of them.
    #[must_use]
    pub fn across_issuers(mut self) -> Self {
        self.across_issuers = true;
        self
    }

    async fn candidate(&self, sign_in: &SignIn<'_>) -> Result<Option<User>, SignInError> {
        let (claims, issuer) = (sign_in.claims(), &sign_in.identity().issuer);
        if let Some(email) = claims.email.as_deref().and_then(EmailKey::of)
            && claims.email_verified == Some(true)
        {
            let fits = |user: &User| {
                let free = user.identities.is_empty() || (self.across_issuers && !user.is_known_at(issuer));
                user.details.email_verified && free
            };
            let found = sign_in.directory().find_by_email(&email).await?;
            if let Some(user) = only(found, fits, "e-mail address") {
                return Ok(Some(user));
            }
        }
        match claims.username.as_deref() {
            Some(username) if self.by_username && !username.contains('\0') => {
                let found = sign_in.directory().find_by_username(username).await?;
                Ok(only(found, |user| user.identities.is_empty(), "username"))
            }
            _ => Ok(None),
        }
    }
}

/// The one that fits; nobody when several do.
fn only(found: Vec<User>, fits: impl Fn(&User) -> bool, by: &str) -> Option<User> {
    let mut fitting = found.into_iter().filter(|user| fits(user));
    let first = fitting.next()?;
    if let Some(second) = fitting.next() {
        tracing::warn!(
            target: "kc",
            "the local users {} and {} have one {by}: whoever comes with it is associated with neither",
            first.id,
            second.id
        );
        return None;
    }
    Some(first)
}

#[async_trait]
impl UserStep for Associate {
    async fn run(&self, sign_in: &mut SignIn<'_>) -> Result<(), SignInError> {
        let may = |issuers: &Vec<String>| issuers.contains(&sign_in.identity().issuer);
        if sign_in.is_somebody() || !self.issuers.as_ref().is_none_or(may) {
            return Ok(());
        }
        let Some(user) = self.candidate(sign_in).await? else { return Ok(()) };
        if let Some(linked) = sign_in.directory().link(&user, sign_in.identity()).await? {
            tracing::info!(target: "kc", "local user {} is now known at {}", linked.id, sign_in.identity().issuer);
            sign_in.recognise(linked);
        }
        Ok(())
    }
}

/// Makes a user when nobody has been found and the service creates users. [`Save`] writes them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Create;

#[async_trait]
impl UserStep for Create {
    async fn run(&self, sign_in: &mut SignIn<'_>) -> Result<(), SignInError> {
        if sign_in.is_somebody() {
            return Ok(());
        }
        if !sign_in.may_create() {
            return Err(SignInError::Unknown);
        }
        sign_in.make(Details::default());
        Ok(())
    }
}

/// Takes name, first and last name and e-mail address from the token. A claim that the token does not have changes nothing:
/// clients get different claims.
#[derive(Clone, Copy, Debug, Default)]
pub struct Profile;

#[async_trait]
impl UserStep for Profile {
    async fn run(&self, sign_in: &mut SignIn<'_>) -> Result<(), SignInError> {
        let claims = sign_in.token().claims();
        // Data bases hold no NUL, and nobody's name has one.
        let given = |claim: &Option<String>| claim.clone().filter(|text| !text.contains('\0'));
        let username = given(&claims.username);
        let (first_name, last_name) = (given(&claims.given_name), given(&claims.family_name));
        let email = given(&claims.email).map(|email| (email, claims.email_verified == Some(true)));
        let Some(details) = sign_in.details_mut() else { return Ok(()) };
        let set = |field: &mut Option<String>, claim: Option<String>| {
            if claim.is_some() {
                *field = claim;
            }
        };
        set(&mut details.username, username);
        set(&mut details.first_name, first_name);
        set(&mut details.last_name, last_name);
        if let Some((email, verified)) = email {
            (details.email, details.email_verified) = (Some(email), verified);
        }
        Ok(())
    }
}

/// Who is staff and who a superuser, by the roles of the token: given and taken away.
#[derive(Clone, Debug, Default)]
pub struct Privileges {
    roles: Option<(Vec<String>, Vec<String>)>,
}

impl Privileges {
    /// Staff by any of these roles, superusers, who are staff too, by any of those. Default: `staff` and `admin`, as
    /// [`Principal::is_staff`](crate::Principal::is_staff).
    #[must_use]
    pub fn by_roles<S: Into<String>>(
        staff: impl IntoIterator<Item = S>,
        superuser: impl IntoIterator<Item = S>,
    ) -> Self {
        let names = |names: &mut dyn Iterator<Item = S>| names.map(Into::into).collect();
        Self { roles: Some((names(&mut staff.into_iter()), names(&mut superuser.into_iter()))) }
    }
}

#[async_trait]
impl UserStep for Privileges {
    async fn run(&self, sign_in: &mut SignIn<'_>) -> Result<(), SignInError> {
        let roles = sign_in.roles();
        let any = |names: &[String]| names.iter().any(|role| roles.has(role));
        let (staff, superuser) = match &self.roles {
            None => (roles.is_staff(), roles.is_superuser()),
            Some((staff, superuser)) => (any(staff) || any(superuser), any(superuser)),
        };
        if let Some(details) = sign_in.details_mut() {
            (details.is_staff, details.is_superuser) = (staff, superuser);
        }
        Ok(())
    }
}

/// Creates whoever is new, and writes the details of others when they have changed: most sign-ins write nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Save;

#[async_trait]
impl UserStep for Save {
    async fn run(&self, sign_in: &mut SignIn<'_>) -> Result<(), SignInError> {
        let Some(details) = sign_in.details() else { return Ok(()) };
        let user = match sign_in.user() {
            Some(user) if user.details == *details => return Ok(()),
            Some(user) => user.clone(),
            None => {
                let new = NewUser::seen(sign_in.identity().clone(), details.clone(), sign_in.now());
                sign_in.directory().create(new).await?
            }
        };
        // Another request may have been the one to create them, with what another token says.
        let saved = if user.details == *details || !user.is_active {
            user
        } else {
            let updated = sign_in.directory().update(&user.id, details).await?;
            // Gone since: the next request finds or makes them anew.
            updated.ok_or(SignInError::Unknown)?
        };
        sign_in.recognise(saved);
        Ok(())
    }
}
