//! The order in which a sign-in goes.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::groups::GroupMap;
use super::sign_in::{SignIn, SignInError};
use super::steps::{Associate, Create, Find, Privileges, Profile, Save};

/// One step of a sign-in.
///
/// # Contract
/// Called once for each new token (not for each request: the user is remembered with the token), with what the steps before
/// left. It may be called at the same time for the same user, by other tokens and other machines. An error ends the
/// sign-in.
///
/// # Example
/// Only those of one organization, and their title from a claim of your own:
/// ```
/// use async_trait::async_trait;
/// use kc_core::users::{SignIn, SignInError, UserStep};
///
/// #[derive(Debug)]
/// struct OnlyAcme;
///
/// #[async_trait]
/// impl UserStep for OnlyAcme {
///     async fn run(&self, sign_in: &mut SignIn<'_>) -> Result<(), SignInError> {
///         if sign_in.claims().organizations.iter().any(|organization| organization.alias == "acme") {
///             return Ok(());
///         }
///         Err(SignInError::Refused { reason: "not a member of acme".to_owned() })
///     }
/// }
/// ```
#[async_trait]
pub trait UserStep: fmt::Debug + Send + Sync {
    /// Does it.
    ///
    /// # Errors
    /// [`SignInError`] when they are not let in, or the directory does not answer.
    async fn run(&self, sign_in: &mut SignIn<'_>) -> Result<(), SignInError>;
}

/// The places of a pipeline, in order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Stage {
    /// Finds the user of the token's identity: [`Find`].
    Find,
    /// Finds one who was there before the issuer came, and links the identity to them: [`Associate`].
    Associate,
    /// Makes one who is not there: [`Create`].
    Create,
    /// Name, first and last name, e-mail address: [`Profile`].
    Profile,
    /// Staff and superuser, by roles: [`Privileges`].
    Privileges,
    /// Groups and permissions of the service's own, by roles and groups: a [`GroupMap`], empty.
    Groups,
    /// Writes what has changed: [`Save`]. Whoever is new has an id from here on.
    Save,
}

/// The steps of a sign-in, in order. Each can be replaced, left out, and have others before and after it.
#[derive(Clone, Debug)]
pub struct UserPipeline {
    places: Vec<Place>,
}

#[derive(Clone, Debug)]
struct Place {
    stage: Stage,
    before: Vec<Arc<dyn UserStep>>,
    step: Option<Arc<dyn UserStep>>,
    after: Vec<Arc<dyn UserStep>>,
}

impl UserPipeline {
    /// Find, associate by verified e-mail address, create, profile, privileges, groups (none), save.
    #[must_use]
    pub fn standard() -> Self {
        let place = |stage, step| Place { stage, before: Vec::new(), step: Some(step), after: Vec::new() };
        Self {
            places: vec![
                place(Stage::Find, Arc::new(Find) as Arc<dyn UserStep>),
                place(Stage::Associate, Arc::new(Associate::by_verified_email())),
                place(Stage::Create, Arc::new(Create)),
                place(Stage::Profile, Arc::new(Profile)),
                place(Stage::Privileges, Arc::new(Privileges::default())),
                place(Stage::Groups, Arc::new(GroupMap::default())),
                place(Stage::Save, Arc::new(Save)),
            ],
        }
    }

    /// Puts `step` in the place of what is at `stage`.
    #[must_use]
    pub fn replace(mut self, stage: Stage, step: Arc<dyn UserStep>) -> Self {
        self.at(stage, |place| place.step = Some(step));
        self
    }

    /// Leaves out what is at `stage`; what was put before and after it stays.
    #[must_use]
    pub fn without(mut self, stage: Stage) -> Self {
        self.at(stage, |place| place.step = None);
        self
    }

    /// Adds a step before `stage`, after those that were put there before.
    #[must_use]
    pub fn before(mut self, stage: Stage, step: Arc<dyn UserStep>) -> Self {
        self.at(stage, |place| place.before.push(step));
        self
    }

    /// Adds a step after `stage`, after those that were put there before.
    #[must_use]
    pub fn after(mut self, stage: Stage, step: Arc<dyn UserStep>) -> Self {
        self.at(stage, |place| place.after.push(step));
        self
    }

    /// The steps, in the order in which they run.
    pub fn steps(&self) -> impl Iterator<Item = &dyn UserStep> + Send {
        let all =
            self.places.iter().flat_map(|place| place.before.iter().chain(&place.step).chain(&place.after));
        all.map(|step| &**step)
    }

    fn at(&mut self, stage: Stage, change: impl FnOnce(&mut Place)) {
        // Every stage has its place.
        if let Some(place) = self.places.iter_mut().find(|place| place.stage == stage) {
            change(place);
        }
    }
}

impl Default for UserPipeline {
    fn default() -> Self {
        Self::standard()
    }
}
