//! Who decides about the permissions that rules ask for.

use std::fmt;

use async_trait::async_trait;

use super::protection::PermissionTicket;
use crate::clock::UnixTime;
use crate::error::AuthError;
use crate::policy::{AuthorizationFile, Identity, Verdict};
use crate::principal::Principal;
use crate::wire::RequestView;

/// Decides whether a caller has a permission that a rule asks for.
///
/// There are three: an [`AuthorizationFile`] decides by what was exported, [`OnlinePermissions`](super::OnlinePermissions)
/// asks Keycloak, and [`HybridPermissions`](super::HybridPermissions) asks it only about what the file leaves open.
///
/// # Contract
/// - [`Verdict::Grant`] is for what is granted for certain, to this caller, by this realm. Whatever is doubtful is
///   [`Verdict::Indeterminate`] or an error, never [`Verdict::Deny`]: a rule may be turned round.
/// - A caller of another realm is told nothing but `Indeterminate`, and nobody is asked about them.
/// - Dropping a future gives the question up and breaks nothing.
#[async_trait]
pub trait PermissionDecider: fmt::Debug + Send + Sync {
    /// What can be said at once. `None`: [`decide`](Self::decide) is to be asked.
    fn decide_now(&self, asked: &PermissionRequest<'_>) -> Option<Verdict>;

    /// Decides.
    ///
    /// # Errors
    /// [`AuthError`] when that was not possible: the request ends with it.
    async fn decide(&self, asked: &PermissionRequest<'_>) -> Result<Verdict, AuthError>;

    /// Whether a caller who lacks a permission gets a ticket for it. Default: no.
    fn gives_tickets(&self) -> bool {
        false
    }

    /// A ticket for a caller who was denied this. `None`: they are refused as elsewhere. Default: none.
    async fn ticket(&self, asked: &PermissionRequest<'_>) -> Option<TicketChallenge> {
        let _ = asked;
        None
    }
}

/// A permission that a rule asks for, and whose.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PermissionRequest<'a> {
    /// Who calls.
    pub principal: &'a Principal,
    /// By which request.
    pub request: &'a RequestView<'a>,
    /// The resource's name; none: whatever has the scope.
    pub resource: Option<&'a str>,
    /// The scope.
    pub scope: &'a str,
    /// The time.
    pub now: UnixTime,
}

impl<'a> PermissionRequest<'a> {
    /// That `principal`, who sends `request`, needs `scope` of `resource`.
    #[must_use]
    pub fn new(
        principal: &'a Principal,
        request: &'a RequestView<'a>,
        resource: Option<&'a str>,
        scope: &'a str,
        now: UnixTime,
    ) -> Self {
        Self { principal, request, resource, scope, now }
    }
}

/// What a caller is told who lacks a permission: where to get one, and by which ticket.
///
/// # Spec
/// UMA 2.0 Grant §3.2.2.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TicketChallenge {
    /// The authorization server: the realm's public URL.
    pub as_uri: String,
    /// The ticket.
    pub ticket: PermissionTicket,
}

/// By the file alone; nobody is asked.
#[async_trait]
impl PermissionDecider for AuthorizationFile {
    fn decide_now(&self, asked: &PermissionRequest<'_>) -> Option<Verdict> {
        // A user of another realm may go by the name of one of ours.
        if !self.is_about(asked.principal.claims().issuer.as_deref()) {
            return Some(Verdict::Indeterminate);
        }
        let identity = Identity::of(asked.principal);
        Some(self.current().decide(&identity, asked.resource, &[asked.scope], asked.now).verdict())
    }

    async fn decide(&self, asked: &PermissionRequest<'_>) -> Result<Verdict, AuthError> {
        Ok(self.decide_now(asked).unwrap_or(Verdict::Indeterminate))
    }
}
