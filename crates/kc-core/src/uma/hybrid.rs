//! Offline first; online what that leaves open.

use async_trait::async_trait;

use super::decider::{PermissionDecider, PermissionRequest, TicketChallenge};
use super::online::OnlinePermissions;
use crate::error::AuthError;
use crate::policy::{AuthorizationFile, Verdict};

/// Decides by the exported configuration, and asks Keycloak about what that leaves open: scripts, live looks at a user.
///
/// What the file decides for certain is not asked about, so an outage of Keycloak concerns what is open only, and a change at
/// Keycloak shows in the rest when the file is replaced. An RPT's permissions count where the file denies, too, if
/// [tickets](OnlinePermissions::tickets) are given: what users share with each other is not in the file.
#[derive(Debug)]
pub struct HybridPermissions {
    file: AuthorizationFile,
    online: OnlinePermissions,
}

impl HybridPermissions {
    /// The file, and whom to ask. Both are of the same resource server.
    #[must_use]
    pub fn new(file: AuthorizationFile, online: OnlinePermissions) -> Self {
        Self { file, online }
    }
}

#[async_trait]
impl PermissionDecider for HybridPermissions {
    fn decide_now(&self, asked: &PermissionRequest<'_>) -> Option<Verdict> {
        match self.file.decide_now(asked) {
            Some(Verdict::Deny) if self.online.gives_tickets() => self.online.decide_now(asked),
            Some(Verdict::Indeterminate) | None => self.online.decide_now(asked),
            certain => certain,
        }
    }

    async fn decide(&self, asked: &PermissionRequest<'_>) -> Result<Verdict, AuthError> {
        match self.file.decide_now(asked) {
            Some(Verdict::Deny) if self.online.gives_tickets() => self.online.decide(asked).await,
            Some(Verdict::Indeterminate) | None => self.online.decide(asked).await,
            Some(certain) => Ok(certain),
        }
    }

    fn gives_tickets(&self) -> bool {
        self.online.gives_tickets()
    }

    async fn ticket(&self, asked: &PermissionRequest<'_>) -> Option<TicketChallenge> {
        self.online.ticket(asked).await
    }
}
