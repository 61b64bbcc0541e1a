//! A configuration, resolved and indexed: what a decision reads.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use foldhash::fast::RandomState;
use jiff::tz::TimeZone;

use super::claims::Identity;
use super::compile;
use super::condition::Condition;
use super::effect::Strategy;
use super::error::ConfigError;
use super::export::{Export, Mode};
use super::finding::Finding;
use super::{Answer, uri};
use crate::clock::UnixTime;

/// An index of something by its name.
pub(super) type ByName<T> = HashMap<String, T, RandomState>;

/// An exported authorization configuration, ready to decide. Cheap to clone, never changes.
#[derive(Clone)]
pub struct AuthorizationConfig {
    pub(super) inner: Arc<Compiled>,
}

/// Everything refers to everything else by its place in these lists.
pub(super) struct Compiled {
    pub(super) mode: Mode,
    pub(super) strategy: Strategy,
    pub(super) client_id: Option<String>,
    pub(super) zone: TimeZone,
    pub(super) scopes: Vec<String>,
    pub(super) scope_by_name: ByName<u32>,
    pub(super) resources: Vec<Resource>,
    pub(super) resources_by_name: ByName<Vec<u32>>,
    pub(super) resources_by_id: ByName<u32>,
    pub(super) types: Vec<Type>,
    pub(super) policies: Vec<Policy>,
    /// As long as `policies`.
    pub(super) labels: Vec<Label>,
    pub(super) permissions: Vec<Permission>,
    /// As long as `permissions`: names are not read where it is decided.
    pub(super) permission_names: Vec<String>,
    /// Of each scope: the scope permissions that name no resource.
    pub(super) unbound: Vec<Vec<u32>>,
    /// Of each scope: the resources that have it.
    pub(super) resources_of_scope: Vec<Vec<u32>>,
    pub(super) findings: Vec<Finding>,
}

pub(super) struct Resource {
    pub(super) name: String,
    /// The user that owns it; `None` for the server.
    pub(super) owner: Option<String>,
    pub(super) managed: bool,
    pub(super) kind: Option<u32>,
    /// Its own scopes, sorted.
    pub(super) scopes: Vec<u32>,
    /// Its own, and where a user owns it those of the server's resources of its type; sorted.
    pub(super) effective: Vec<u32>,
    /// The permissions that name it.
    pub(super) permissions: Vec<u32>,
    pub(super) uris: Vec<String>,
}

/// A resource type.
pub(super) struct Type {
    pub(super) name: String,
    /// The permissions for all resources of the type.
    pub(super) permissions: Vec<u32>,
    /// The server's own resources of the type.
    pub(super) resources: Vec<u32>,
}

pub(super) struct Policy {
    pub(super) negative: bool,
    pub(super) condition: Condition,
}

/// What a policy is called: kept apart, for it is not read where it is decided.
pub(super) struct Label {
    pub(super) name: String,
    pub(super) kind: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Resource,
    Scope,
    /// What users granted each other.
    Uma,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Scope => "scope",
            Self::Uma => "uma",
        }
    }
}

/// The place of a policy that does not exist, or not once.
pub(super) const NOWHERE: u32 = u32::MAX;

/// What a decision reads of a permission, in little memory: with thousands of them, waiting for memory is what takes the time.
pub(super) struct Permission {
    pub(super) kind: Kind,
    pub(super) strategy: Strategy,
    /// Whether it names resources, found or not.
    pub(super) names_resources: bool,
    pub(super) for_type: bool,
    /// Something that it refers to is not clear: nobody is let in by it.
    pub(super) unclear: bool,
    /// Where in `places` the scopes begin, and where the resources.
    scopes_at: u32,
    resources_at: u32,
    /// Policies, scopes and resources, one behind the other.
    places: Box<[u32]>,
}

impl Permission {
    /// Scopes and resources have to be sorted.
    pub(super) fn new(
        kind: Kind,
        strategy: Strategy,
        policies: &[u32],
        scopes: &[u32],
        resources: &[u32],
    ) -> Self {
        // A file with four thousand million names does not fit into memory.
        let at = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        Self {
            kind,
            strategy,
            names_resources: false,
            for_type: false,
            unclear: false,
            scopes_at: at(policies.len()),
            resources_at: at(policies.len() + scopes.len()),
            places: [policies, scopes, resources].concat().into_boxed_slice(),
        }
    }

    /// Places in the list of policies, or [`NOWHERE`].
    pub(super) fn policies(&self) -> &[u32] {
        self.places.get(..self.scopes_at as usize).unwrap_or_default()
    }

    /// Sorted.
    pub(super) fn scopes(&self) -> &[u32] {
        self.places.get(self.scopes_at as usize..self.resources_at as usize).unwrap_or_default()
    }

    /// Sorted. The ones that were found.
    pub(super) fn resources(&self) -> &[u32] {
        self.places.get(self.resources_at as usize..).unwrap_or_default()
    }
}

impl AuthorizationConfig {
    /// From the exported file, in UTC and with no code of the service's own.
    ///
    /// # Errors
    /// [`ConfigError`] names the place in the file that cannot be read. What can be read and not decided is no error but
    /// among the [`findings`](Self::findings).
    pub fn from_json(text: &[u8]) -> Result<Self, ConfigError> {
        Self::builder().build(text)
    }

    /// With a time zone, the client's name, or answers of the service's own.
    pub fn builder() -> AuthorizationBuilder {
        AuthorizationBuilder { zone: TimeZone::UTC, client_id: None, answers: HashMap::default() }
    }

    /// What is worth knowing of it: what cannot be decided here and which permissions that touches, names that are taken
    /// twice or refer to nothing, policies that refer to themselves. In the order of the file.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.inner.findings
    }

    /// The names of the resources, in the order of the file.
    pub fn resources(&self) -> impl Iterator<Item = &str> {
        self.inner.resources.iter().map(|resource| resource.name.as_str())
    }

    /// The names of the scopes, in the order of the file.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.inner.scopes.iter().map(String::as_str)
    }

    /// The names of the scopes of a resource, sorted; `None` when there is no such resource, or more than one.
    #[must_use]
    pub fn scopes_of(&self, resource: &str) -> Option<Vec<&str>> {
        let [place] = self.inner.resources_by_name.get(resource)?.as_slice() else { return None };
        let resource = self.inner.resources.get(*place as usize)?;
        let mut names: Vec<&str> = self.inner.names_of(&resource.effective).collect();
        names.sort_unstable();
        Some(names)
    }

    /// The server's resource that a route of a service serves: the one of whose `uris` one says the same as the route's
    /// pattern, `/items/{id}`, whatever the parameters are called; else the one with the longest `/*` that takes it in.
    /// `None` also when two do equally.
    ///
    /// For a service to look up at its start, and for the pattern of a route, never for the path of a request: what a
    /// router and Keycloak make of `..`, `//` or `%2f` differs.
    #[must_use]
    pub fn resource_of_route(&self, pattern: &str) -> Option<&str> {
        let own = self.inner.resources.iter().filter(|resource| resource.owner.is_none());
        uri::of_route(own.map(|resource| (resource.name.as_str(), resource.uris.as_slice())), pattern)
    }
}

impl Compiled {
    pub(super) fn names_of<'s>(&'s self, scopes: &'s [u32]) -> impl Iterator<Item = &'s str> {
        scopes.iter().filter_map(|scope| self.scopes.get(*scope as usize)).map(String::as_str)
    }
}

/// How many of each there are.
impl fmt::Debug for AuthorizationConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationConfig")
            .field("mode", &self.inner.mode)
            .field("resources", &self.inner.resources.len())
            .field("policies", &self.inner.policies.len())
            .field("permissions", &self.inner.permissions.len())
            .field("findings", &self.inner.findings.len())
            .finish_non_exhaustive()
    }
}

/// What a configuration is read with. Made by [`AuthorizationConfig::builder`].
#[derive(Clone)]
#[must_use]
pub struct AuthorizationBuilder {
    zone: TimeZone,
    client_id: Option<String>,
    answers: ByName<Arc<Answer>>,
}

/// A time zone that the data base of time zones does not have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnknownTimeZone;

impl fmt::Display for UnknownTimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is a time zone that is not known: write a name such as UTC or Europe/Berlin")
    }
}

impl std::error::Error for UnknownTimeZone {}

impl AuthorizationBuilder {
    /// Sets the zone of time policies by its IANA name: that of the Keycloak server. Default: UTC.
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn time_zone(mut self, name: &str) -> Result<Self, UnknownTimeZone> {
        self.zone = TimeZone::get(name).map_err(|_| UnknownTimeZone)?;
        Ok(self)
    }

    /// Sets the client that the configuration is of, which the file does not say. Its service account counts as no user.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = Some(client_id.into());
        self
    }

    /// Has code of the service answer in the place of the policy of this name, before its logic: a script, for example. It
    /// must not block.
    pub fn answer(
        mut self,
        policy: impl Into<String>,
        answer: impl Fn(&Identity<'_>, UnixTime) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.answers.insert(policy.into(), Arc::new(answer));
        self
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`AuthorizationConfig::from_json`].
    pub fn build(&self, text: &[u8]) -> Result<AuthorizationConfig, ConfigError> {
        let export = Export::read(text)?;
        let client_id = self.client_id.clone();
        let compiled = compile::compile(export, self.zone.clone(), client_id, &self.answers)?;
        Ok(AuthorizationConfig { inner: Arc::new(compiled) })
    }
}

/// The names of the policies that code answers for.
impl fmt::Debug for AuthorizationBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationBuilder")
            .field("zone", &self.zone.iana_name())
            .field("client_id", &self.client_id)
            .field("answers", &self.answers.keys().collect::<Vec<_>>())
            .finish()
    }
}
