//! A guard from its parts.

use std::sync::Arc;

use super::{Guard, Inner, Pages};
use crate::audit::{AuditSink, TracingAudit};
use crate::authenticator::Authenticator;
use crate::clock::{Clock, SystemClock};
use crate::introspection::Introspector;
use crate::issuers::IssuerRegistry;
use crate::policy::AuthorizationFile;
use crate::rules::AcrLevels;
use crate::settings::TrustedProxy;
use crate::uma::PermissionDecider;
use crate::wire::ExemptPaths;

/// The parts of a [`Guard`].
#[must_use]
pub struct GuardBuilder {
    inner: Inner,
}

impl GuardBuilder {
    pub(super) fn new(realm: String) -> Self {
        Self {
            inner: Inner {
                realm: realm.into(),
                authenticators: Vec::new(),
                introspector: None,
                issuers: None,
                pages: None,
                exempt: ExemptPaths::default(),
                acr_levels: AcrLevels::default(),
                permissions: None,
                audit: Arc::new(TracingAudit),
                clock: Arc::new(SystemClock),
                trusted_proxies: Vec::new(),
            },
        }
    }

    pub(super) fn of(inner: Inner) -> Self {
        Self { inner }
    }

    /// Adds an authenticator; they are asked in the order in which they were added.
    pub fn add_authenticator(mut self, authenticator: Arc<dyn Authenticator>) -> Self {
        self.inner.authenticators.push(authenticator);
        self
    }

    /// Sets who is asked whether a token is active. Default: nobody, and rules that need it end in an error.
    pub fn introspector(mut self, introspector: Arc<dyn Introspector>) -> Self {
        self.inner.introspector = Some(introspector);
        self
    }

    /// Sets whom to ask instead, and what realm to write into the audit, for callers of one of these issuers.
    pub fn issuers(mut self, issuers: Arc<dyn IssuerRegistry>) -> Self {
        self.inner.issuers = Some(issuers);
        self
    }

    /// Sets what a browser is answered at a [page](crate::Access::Page) that it may not see. Default: the refusal, as JSON.
    pub fn pages(mut self, pages: Arc<dyn Pages>) -> Self {
        self.inner.pages = Some(pages);
        self
    }

    /// Sets the paths that need no token. Default: none.
    pub fn exempt(mut self, exempt: ExemptPaths) -> Self {
        self.inner.exempt = exempt;
        self
    }

    /// Sets which `acr` is stronger than which. Default: numbers compare as numbers, names only as equal.
    pub fn acr_levels(mut self, levels: AcrLevels) -> Self {
        self.inner.acr_levels = levels;
        self
    }

    /// Sets by what rules that ask for a [`permission`](crate::rules::permission) decide: a file, or a configuration that
    /// stays. Default: nothing, and those rules let nobody pass.
    pub fn authorization(self, authorization: impl Into<AuthorizationFile>) -> Self {
        self.permissions(Arc::new(authorization.into()))
    }

    /// Sets who decides about those rules instead: Keycloak itself
    /// ([`OnlinePermissions`](crate::uma::OnlinePermissions)), or something of your own. The last of the two that is said
    /// counts.
    pub fn permissions(mut self, permissions: Arc<dyn PermissionDecider>) -> Self {
        self.inner.permissions = Some(permissions);
        self
    }

    /// Sets where audit events go. Default: [`TracingAudit`].
    pub fn audit(mut self, sink: Arc<dyn AuditSink>) -> Self {
        self.inner.audit = sink;
        self
    }

    /// Sets the clock. Default: the system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.inner.clock = clock;
        self
    }

    /// Sets whose word on where a request came from is believed. Default: nobody's.
    pub fn trusted_proxies(mut self, proxies: impl IntoIterator<Item = TrustedProxy>) -> Self {
        self.inner.trusted_proxies = proxies.into_iter().collect();
        self
    }

    /// The guard.
    #[must_use]
    pub fn build(self) -> Guard {
        Guard { inner: Arc::new(self.inner) }
    }
}

impl std::fmt::Debug for GuardBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuardBuilder").field("realm", &self.inner.realm).finish_non_exhaustive()
    }
}
