//! Permissions by asking Keycloak, remembered for a moment.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::ask::{PushedClaims, Wanted};
use super::client::UmaClient;
use super::decider::{PermissionDecider, PermissionRequest, TicketChallenge};
use super::error::UmaError;
use super::presented::Presented;
use super::protection::{PermissionTicket, ProtectionClient, TicketPermission};
use super::protection_error::ProtectionError;
use crate::error::AuthError;
use crate::policy::Verdict;
use crate::remembered::{Remembered, Weigh};
use crate::token::TokenError;

/// What to tell Keycloak about a request beside the caller's token.
pub type ClaimsOf = dyn Fn(&PermissionRequest<'_>) -> PushedClaims + Send + Sync;

/// Asks Keycloak about each permission, in the caller's name.
///
/// 1. Only callers of the issuer are asked about: tokens of other realms are nobody else's to see.
/// 2. The resource's name becomes the id of the service's own resource, by the Protection API. A user's resource of the
///    same name is another one.
/// 3. With [tickets](Self::tickets), a permission that the caller's token holds (an RPT for this resource server) is granted.
/// 4. Keycloak is asked. A grant is remembered for 30 s ([`ttl`](Self::ttl)), never beyond the token's `exp`; a denial for
///    2 s; no answer not at all, and the request ends with 503. Those who ask the same at the same time share one question.
///
/// What is remembered goes by the token, the resource, the scope and the claims that were pushed, and belongs to this realm
/// and this client. It is bounded by bytes.
pub struct OnlinePermissions {
    client: UmaClient,
    resources: ProtectionClient,
    issuer: String,
    as_uri: Option<String>,
    claims: Option<Arc<ClaimsOf>>,
    ttl: Duration,
    decisions: Remembered<Question, Answer, UmaError>,
    ids: Remembered<Name, Id, ProtectionError>,
    tickets: Remembered<Question, Ticket, ProtectionError>,
}

/// What is asked, and in whose name. Not printable.
#[derive(Clone, Eq, Hash, PartialEq)]
struct Question {
    token: Box<str>,
    wanted: Wanted,
    claims: PushedClaims,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Answer {
    Granted,
    Denied,
    /// There is no such scope, or the resource does not have it.
    Unknown,
}

type Name = Box<str>;
type Id = Option<Arc<str>>;
type Ticket = Arc<PermissionTicket>;

impl Weigh for Question {
    fn bytes(&self) -> usize {
        self.token.len() + self.wanted.bytes() + self.claims.bytes()
    }
}

impl Weigh for Answer {
    fn bytes(&self) -> usize {
        0
    }
}

impl Weigh for Name {
    fn bytes(&self) -> usize {
        self.len()
    }
}

impl Weigh for Id {
    fn bytes(&self) -> usize {
        self.as_ref().map_or(0, |id| id.len())
    }
}

impl Weigh for Ticket {
    fn bytes(&self) -> usize {
        self.expose().len()
    }
}

/// How long a grant is remembered unless something else is set.
const TTL: Duration = Duration::from_secs(30);
/// How long a denial is: long enough for a client that retries in a loop.
const DENIED: Duration = Duration::from_secs(2);
/// How long a resource goes by the id that it had; who asks by an id that is gone finds out at once.
const ID: Duration = Duration::from_secs(300);
/// How long a caller gets the same ticket again; Keycloak's live for minutes.
const TICKET: Duration = Duration::from_secs(10);
/// Bytes that decisions may take.
const DECISIONS: u64 = 8 << 20;
/// Bytes that ids, and that tickets may take.
const OTHERS: u64 = 1 << 20;

impl OnlinePermissions {
    /// Asks `client` about callers of `issuer`, and `resources` for the ids of what rules name. Both are of the same realm,
    /// that of the issuer, and of the same resource server.
    #[must_use]
    pub fn new(client: UmaClient, resources: ProtectionClient, issuer: impl Into<String>) -> Self {
        Self {
            client,
            resources,
            issuer: issuer.into(),
            as_uri: None,
            claims: None,
            ttl: TTL,
            decisions: Remembered::new(DECISIONS),
            ids: Remembered::new(OTHERS),
            tickets: Remembered::new(OTHERS),
        }
    }

    /// Sets how long a grant is remembered: as long may pass until a change at Keycloak shows. Default 30 s; zero asks for
    /// each request.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Tells Keycloak something about each request, for policies that look at more than the token. It has to be the same for
    /// the same request: what differs is asked anew. Default: nothing.
    #[must_use]
    pub fn push_claims(mut self, claims: Arc<ClaimsOf>) -> Self {
        self.claims = Some(claims);
        self
    }

    /// Speaks UMA: a caller with a bearer token who lacks a permission is given a ticket for it, to be taken to `as_uri`
    /// (the realm's public URL), and the permissions of the RPT that they come back with count till it expires. Default:
    /// neither; then an RPT is a token like any other.
    #[must_use]
    pub fn tickets(mut self, as_uri: impl Into<String>) -> Self {
        self.as_uri = Some(as_uri.into());
        self
    }

    fn is_about(&self, asked: &PermissionRequest<'_>) -> bool {
        asked.principal.claims().issuer.as_deref() == Some(self.issuer.as_str())
    }

    fn pushed(&self, asked: &PermissionRequest<'_>) -> PushedClaims {
        self.claims.as_ref().map(|claims| claims(asked)).unwrap_or_default()
    }

    /// What is wanted, once the resource's id is known.
    fn wanted(scope: &str, id: Option<Arc<str>>) -> Wanted {
        match id {
            Some(id) => Wanted::of(&*id, [scope]),
            None => Wanted::of_scope(scope),
        }
    }

    #[cfg(test)]
    pub(super) fn remembered_bytes(&self) -> u64 {
        self.decisions.weight()
    }

    async fn id_of(&self, name: &str) -> Result<Id, AuthError> {
        let resources = &self.resources;
        let ask = |name: Name| {
            let resources = resources.clone();
            async move {
                let id = resources.own(&name).await?;
                let lives = if id.is_some() { ID } else { DENIED };
                Ok((id.map(Arc::from), lives))
            }
        };
        self.ids.get_or_ask(name.into(), ask).await.map_err(|error| self.no_resource(&error))
    }

    /// What is wanted, by the resource's id. `None`: there is no such resource, and the log has been told.
    async fn resolve(&self, asked: &PermissionRequest<'_>) -> Result<Option<Wanted>, AuthError> {
        let Some(name) = asked.resource else { return Ok(Some(Self::wanted(asked.scope, None))) };
        let id = self.id_of(name).await?;
        if id.is_none() {
            tracing::error!(
                target: "kc",
                "a rule asks for the resource {name:?}, which client {:?} does not have of its own: add it (Authorization, \
                 Resources), or correct the rule. Nobody passes",
                self.client.client_id()
            );
        }
        Ok(id.map(|id| Self::wanted(asked.scope, Some(id))))
    }

    async fn answer(&self, asked: &PermissionRequest<'_>, question: Question) -> Result<Answer, UmaError> {
        // Of this token, before it is known what Keycloak says of it.
        let left = asked.principal.claims().expires_at.map_or(Duration::ZERO, |at| at.since(asked.now));
        let (client, ttl) = (&self.client, self.ttl.min(left));
        let ask = |question: Question| {
            let client = client.clone();
            async move {
                let wanted = std::slice::from_ref(&question.wanted);
                match client.allows(&question.token, wanted, &question.claims).await {
                    Ok(true) => Ok((Answer::Granted, ttl)),
                    Ok(false) => Ok((Answer::Denied, ttl.min(DENIED))),
                    Err(error @ UmaError::Unknown { .. }) => {
                        tracing::error!(target: "kc", "{}. Nobody passes", error.diagnosis(client.client_id()));
                        Ok((Answer::Unknown, ttl.min(DENIED)))
                    }
                    Err(error) => Err(error),
                }
            }
        };
        self.decisions.get_or_ask(question, ask).await
    }

    fn no_answer(&self, error: &UmaError) -> AuthError {
        let reason = error.diagnosis(self.client.client_id());
        match error {
            UmaError::TokenRefused => {
                tracing::info!(target: "kc", "permission: {reason}");
                TokenError::Inactive.into()
            }
            UmaError::Unaskable { .. } => AuthError::Internal { reason },
            _ => AuthError::Authorization { reason },
        }
    }

    fn no_resource(&self, error: &ProtectionError) -> AuthError {
        AuthError::Authorization { reason: error.diagnosis(self.resources.client_id()) }
    }
}

#[async_trait]
impl PermissionDecider for OnlinePermissions {
    fn decide_now(&self, asked: &PermissionRequest<'_>) -> Option<Verdict> {
        if !self.is_about(asked) {
            return Some(Verdict::Indeterminate);
        }
        let id = match asked.resource {
            None => None,
            Some(name) => Some(self.ids.get(&name.into())??),
        };
        let presented = Presented::of(asked)?;
        let wanted = Self::wanted(asked.scope, id);
        if self.as_uri.is_some() && presented.holds(asked.principal, self.client.client_id(), &wanted) {
            return Some(Verdict::Grant);
        }
        let question = Question { token: presented.token.into(), wanted, claims: self.pushed(asked) };
        self.decisions.get(&question).map(Answer::verdict)
    }

    async fn decide(&self, asked: &PermissionRequest<'_>) -> Result<Verdict, AuthError> {
        if !self.is_about(asked) {
            return Ok(Verdict::Indeterminate);
        }
        let Some(presented) = Presented::of(asked) else {
            tracing::debug!(
                target: "kc",
                "the rule asks for a permission, and the caller came without an access token to ask Keycloak with"
            );
            return Ok(Verdict::Indeterminate);
        };
        for again in [true, false] {
            let Some(wanted) = self.resolve(asked).await? else { return Ok(Verdict::Indeterminate) };
            if self.as_uri.is_some() && presented.holds(asked.principal, self.client.client_id(), &wanted) {
                return Ok(Verdict::Grant);
            }
            let question = Question { token: presented.token.into(), wanted, claims: self.pushed(asked) };
            let answer =
                self.answer(asked, question.clone()).await.map_err(|error| self.no_answer(&error))?;
            match (answer, asked.resource) {
                // It may have been registered anew, under another id.
                (Answer::Unknown, Some(name)) if again => {
                    let before = self.ids.get(&name.into());
                    self.ids.forget(&name.into());
                    if self.id_of(name).await.ok() == before {
                        return Ok(Verdict::Indeterminate);
                    }
                }
                (answer, _) => return Ok(answer.verdict()),
            }
        }
        Ok(Verdict::Indeterminate)
    }

    fn gives_tickets(&self) -> bool {
        self.as_uri.is_some()
    }

    /// Not for browsers' sessions: these have nowhere to take it. A caller gets the same one for ten seconds, and nobody
    /// else gets theirs.
    async fn ticket(&self, asked: &PermissionRequest<'_>) -> Option<TicketChallenge> {
        let as_uri = self.as_uri.clone()?;
        if asked.principal.session().is_some() || !self.is_about(asked) {
            return None;
        }
        let presented = Presented::of(asked)?;
        let wanted = self.resolve(asked).await.ok()??;
        let question = Question { token: presented.token.into(), wanted, claims: PushedClaims::new() };
        let resources = &self.resources;
        let ask = |question: Question| {
            let resources = resources.clone();
            async move {
                let permission = question.wanted.on_ticket();
                let ticket = resources.ticket(std::slice::from_ref(&permission)).await?;
                Ok((Arc::new(ticket), TICKET))
            }
        };
        match self.tickets.get_or_ask(question, ask).await {
            Ok(ticket) => Some(TicketChallenge { as_uri, ticket: PermissionTicket::clone(&ticket) }),
            Err(error) => {
                // They are denied all the same.
                tracing::warn!(target: "kc", "no ticket: {}", error.diagnosis(self.resources.client_id()));
                None
            }
        }
    }
}

impl Answer {
    const fn verdict(self) -> Verdict {
        match self {
            Self::Granted => Verdict::Grant,
            Self::Denied => Verdict::Deny,
            // A rule that names what is not there is turned round into nothing.
            Self::Unknown => Verdict::Indeterminate,
        }
    }
}

impl Wanted {
    fn on_ticket(&self) -> TicketPermission {
        match self.resource_id() {
            Some(id) => TicketPermission::of(id, self.scopes().iter().cloned()),
            None => TicketPermission::of_any(self.scopes().iter().cloned()),
        }
    }
}

/// No tokens, no answers.
impl fmt::Debug for OnlinePermissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnlinePermissions")
            .field("client", &self.client)
            .field("issuer", &self.issuer)
            .field("ttl", &self.ttl)
            .field("tickets", &self.as_uri.is_some())
            .field("remembered", &self.decisions.len())
            .finish_non_exhaustive()
    }
}
