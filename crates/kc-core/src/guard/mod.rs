//! The one facade that adapters call.

mod build;
mod caller;
mod gate;
mod origin;
mod pages;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use tracing::Instrument as _;

pub use self::build::GuardBuilder;
pub use self::caller::{Caller, Refused, Rejected};
pub use self::gate::Gate;
pub use self::pages::Pages;
use crate::access::Access;
use crate::audit::{Asked, AuditSink, AuditTicket, Counted, Decided, Party, What, Whom, shortened};
use crate::authenticator::Authenticator;
use crate::clock::Clock;
use crate::error::AuthError;
use crate::introspection::{Disagreement, Introspection, Introspector, Presented};
use crate::issuers::{IssuerRegistry, TrustedIssuer};
use crate::policy;
use crate::principal::Principal;
use crate::rules::{AcrLevels, Denial, Permission, Question, Rule, Verdict};
use crate::settings::TrustedProxy;
use crate::telemetry::{self, Held};
use crate::token::{TokenError, TokenKind};
use crate::trace_context::TraceParent;
use crate::uma::{PermissionDecider, PermissionRequest};
use crate::wire::{BearerCredentials, ExemptPaths, Refusal, RequestView};

/// Decides about requests. Cheap to clone; one for each service.
///
/// An adapter puts it at each route as a [`Gate`] and asks that once for each request; it leaves the [`Caller`] where its
/// extractors find it, or sends the refusal, and finishes the audit ticket with the response's status.
///
/// # Example
/// ```
/// use kc_core::rules::authenticated;
/// use kc_core::wire::RequestView;
/// use kc_core::{Access, Guard};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// // `Keycloak::new(&settings)?.guard()` is one that knows a realm. This one knows nobody, and lets nobody in.
/// let guard = Guard::builder("shop").build();
/// let headers = http::HeaderMap::new();
/// let request = RequestView { method: "GET", path: "/me", query: None, route: Some("/me"), headers: &headers, peer: None };
/// let refusal = guard.admit(&request, &Access::from(authenticated())).await.outcome.unwrap_err();
/// assert_eq!((refusal.status().as_u16(), refusal.code()), (401, "not_authenticated"));
/// assert_eq!(guard.response(&refusal).headers()["www-authenticate"], r#"Bearer realm="shop""#);
/// # }
/// ```
#[derive(Clone)]
pub struct Guard {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    realm: Arc<str>,
    authenticators: Vec<Arc<dyn Authenticator>>,
    introspector: Option<Arc<dyn Introspector>>,
    issuers: Option<Arc<dyn IssuerRegistry>>,
    pages: Option<Arc<dyn Pages>>,
    exempt: ExemptPaths,
    acr_levels: AcrLevels,
    permissions: Option<Arc<dyn PermissionDecider>>,
    audit: Arc<dyn AuditSink>,
    clock: Arc<dyn Clock>,
    trusted_proxies: Vec<TrustedProxy>,
}

/// What an adapter does with a request.
#[derive(Debug)]
#[must_use]
pub struct Admitted {
    /// Let it through as this, or refuse it.
    pub outcome: Result<Admission, Refusal>,
    /// To be finished with the response's status.
    pub audit: AuditTicket,
}

/// As whom a request goes on to its handler.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Admission {
    /// Nobody in particular: the route is open to those without credentials, and there are none.
    Anonymous,
    /// A caller whose credentials were checked.
    Known(Principal),
    /// Credentials were not looked at: the route is public, or the path is exempt.
    Unasked,
}

impl Admission {
    /// The caller, if one is known.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        match self {
            Self::Known(principal) => Some(principal),
            Self::Anonymous | Self::Unasked => None,
        }
    }
}

impl Guard {
    /// A guard put together by hand, in the name of `realm`. Without an authenticator it refuses everybody.
    pub fn builder(realm: impl Into<String>) -> GuardBuilder {
        GuardBuilder::new(realm.into())
    }

    /// The parts of this guard, to add some.
    pub fn to_builder(&self) -> GuardBuilder {
        GuardBuilder::of((*self.inner).clone())
    }

    /// An event that is none of [`admit`](Self::admit)'s, such as `login` or `logout`: about `party`, by this request;
    /// `code` says why it failed. To be finished with the response's status.
    pub fn event(
        &self,
        name: &'static str,
        request: &RequestView<'_>,
        party: Party,
        code: Option<&'static str>,
    ) -> AuditTicket {
        let counted = Counted { what: What::Session(name), code };
        if !self.inner.audit.is_on() {
            return AuditTicket::unrecorded(counted);
        }
        let decided = self.decided(name, request, code, Whom::Party(party));
        AuditTicket::new(decided, Arc::clone(&self.inner.audit), counted)
    }

    /// Whether the client's own connection was encrypted, by the word of a trusted proxy; nobody else's counts.
    #[must_use]
    pub fn is_https(&self, request: &RequestView<'_>) -> bool {
        origin::is_https(request, &self.inner.trusted_proxies)
    }

    /// The realm, as it stands in challenges.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.inner.realm
    }

    /// The paths at which nobody is asked for credentials.
    #[must_use]
    pub fn exempt_paths(&self) -> &ExemptPaths {
        &self.inner.exempt
    }

    /// Decides about a request: who sends it, and whether they may, by what the matched route asks for.
    ///
    /// # Cancellation
    /// Dropping the future is safe; then no event is recorded.
    pub async fn admit(&self, request: &RequestView<'_>, access: &Access) -> Admitted {
        self.admit_at(request, access, &Held::default()).await
    }

    /// The same at a gate, which holds the counters of its route.
    async fn admit_at(&self, request: &RequestView<'_>, access: &Access, counters: &Held) -> Admitted {
        match self.admit_now_at(request, access, counters) {
            Some(admitted) => admitted,
            // Boxed: it is the rare case, and its size would be that of every request's future.
            None => Box::pin(self.admit_later(request, access, counters)).await,
        }
    }

    /// The same where nobody has to be waited for: the route is open, or its caller is known from before and the rule
    /// needs nothing but them. `None` says nothing: ask [`admit`](Self::admit).
    pub fn admit_now(&self, request: &RequestView<'_>, access: &Access) -> Option<Admitted> {
        self.admit_now_at(request, access, &Held::default())
    }

    fn admit_now_at(&self, request: &RequestView<'_>, access: &Access, counters: &Held) -> Option<Admitted> {
        let (outcome, refused) = match access {
            Access::Public => {
                return Some(Admitted { outcome: Ok(Admission::Unasked), audit: AuditTicket::none() });
            }
            _ if self.inner.exempt.contains(request.path) => (Ok(Admission::Unasked), None),
            Access::Optional => {
                let principal = self.recall(request)?;
                telemetry::token_cache_hit();
                (Ok(Admission::Known(principal)), None)
            }
            Access::Page(rule) | Access::Require(rule) => {
                let principal = self.recall(request)?;
                let decided = match rule.decide(&self.question(request, &principal)) {
                    Verdict::Granted => (Ok(Admission::Known(principal)), None),
                    Verdict::Denied(denial) if self.gives_ticket_for(&denial) => return None,
                    Verdict::Denied(denial) | Verdict::Undecided(denial) => {
                        (Err(denial.into()), Some(principal))
                    }
                    Verdict::AskIfActive | Verdict::AskPermission(_) => return None,
                };
                telemetry::token_cache_hit();
                decided
            }
        };
        Some(self.admitted(request, outcome, refused.as_ref(), counters))
    }

    async fn admit_later(&self, request: &RequestView<'_>, access: &Access, counters: &Held) -> Admitted {
        let span = tracing::debug_span!(
            target: "kc::decision",
            "kc.decide",
            route = request.route.unwrap_or(telemetry::NONE)
        );
        let decided = async {
            match access {
                Access::Public => (Ok(Admission::Unasked), None),
                Access::Optional => (self.identify_if_any(request).await, None),
                Access::Page(rule) | Access::Require(rule) => self.require(request, rule).await,
            }
        };
        let (outcome, refused) = TraceParent::scope_of(request, decided).instrument(span).await;
        self.admitted(request, outcome, refused.as_ref(), counters)
    }

    fn admitted(
        &self,
        request: &RequestView<'_>,
        outcome: Result<Admission, AuthError>,
        refused: Option<&Principal>,
        counters: &Held,
    ) -> Admitted {
        let outcome = outcome.map_err(|error| self.refuse(error));
        let code = outcome.as_ref().err().map(Refusal::code);
        tracing::debug!(
            name: "kc.decided",
            target: "kc::decision",
            route = request.route.unwrap_or(telemetry::NONE),
            decision = if code.is_some() { "deny" } else { "allow" },
            code = code.unwrap_or(telemetry::NONE)
        );
        let counted = Counted { what: What::Access(counters.at(request.route)), code };
        let audit = if self.inner.audit.is_on() {
            let known = outcome.as_ref().ok().and_then(Admission::principal);
            let whom = refused.or(known).cloned().map_or_else(Whom::default, Whom::Caller);
            let decided = self.decided("access", request, code, whom);
            AuditTicket::new(decided, Arc::clone(&self.inner.audit), counted)
        } else {
            AuditTicket::unrecorded(counted)
        };
        Admitted { outcome, audit }
    }

    /// Decides whether a known caller satisfies a further rule: for extractors.
    ///
    /// # Errors
    /// The refusal, ready to be sent.
    ///
    /// # Cancellation
    /// Dropping the future is safe.
    pub async fn authorize(
        &self,
        request: &RequestView<'_>,
        principal: &Principal,
        rule: &Rule,
    ) -> Result<(), Refusal> {
        self.decide(request, principal, rule).await.map_err(|error| self.refuse(error))
    }

    /// Turns an error into a refusal, and tells the log what the caller is not told.
    #[must_use]
    pub fn refuse(&self, error: AuthError) -> Refusal {
        let detail = error.to_string();
        let refusal = Refusal::from(error);
        let code = refusal.code();
        // `{:?}` escapes: nothing that came in makes a line of its own.
        if refusal.status().is_server_error() {
            tracing::error!(target: "kc", "refused, {code}: {detail:?}");
        } else {
            tracing::debug!(target: "kc", "refused, {code}: {detail:?}");
        }
        refusal
    }

    /// The response to a refusal, in the name of the realm.
    #[must_use]
    pub fn response(&self, refusal: &Refusal) -> Response<Bytes> {
        refusal.to_response(&self.inner.realm)
    }

    /// The response to a refusal of this request: that of [`response`](Self::response), or to a gRPC call one of gRPC.
    #[must_use]
    pub fn response_to(&self, request: &RequestView<'_>, refusal: &Refusal) -> Response<Bytes> {
        refusal.to_response_to(request, &self.inner.realm)
    }

    /// Of the first authenticator only: what the others know does not count before that one has said "not mine".
    fn recall(&self, request: &RequestView<'_>) -> Option<Principal> {
        self.inner.authenticators.first()?.recall(request)
    }

    fn question<'a>(&'a self, request: &'a RequestView<'a>, principal: &'a Principal) -> Question<'a> {
        Question {
            principal,
            request,
            clock: &*self.inner.clock,
            acr_levels: &self.inner.acr_levels,
            active: None,
            permissions: self.inner.permissions.as_deref(),
            decided: &[],
        }
    }

    async fn identify(&self, request: &RequestView<'_>) -> Result<Admission, AuthError> {
        for authenticator in &self.inner.authenticators {
            // Without a future, which would have to be boxed.
            if let Some(principal) = authenticator.recall(request) {
                telemetry::token_cache_hit();
                return Ok(Admission::Known(principal));
            }
            if let Some(principal) = authenticator.authenticate(request).await? {
                return Ok(Admission::Known(principal));
            }
        }
        Ok(Admission::Anonymous)
    }

    /// The cookie of a session that is over is no credentials where none are needed: unlike a bad token nobody chose to send
    /// it, and whoever comes with it is less than they were.
    async fn identify_if_any(&self, request: &RequestView<'_>) -> Result<Admission, AuthError> {
        match self.identify(request).await {
            Err(AuthError::SessionExpired) => Ok(Admission::Anonymous),
            outcome => outcome,
        }
    }

    /// The outcome, and who was refused, if that is known: the audit names them.
    async fn require(
        &self,
        request: &RequestView<'_>,
        rule: &Rule,
    ) -> (Result<Admission, AuthError>, Option<Principal>) {
        let principal = match self.identify(request).await {
            Ok(Admission::Known(principal)) => principal,
            Ok(_) => return (Err(AuthError::NotAuthenticated), None),
            Err(error) => return (Err(error), None),
        };
        match self.decide(request, &principal, rule).await {
            Ok(()) => (Ok(Admission::Known(principal)), None),
            Err(error) => (Err(error), Some(principal)),
        }
    }

    async fn decide(
        &self,
        request: &RequestView<'_>,
        principal: &Principal,
        rule: &Rule,
    ) -> Result<(), AuthError> {
        let (mut active, mut decided) = (None, Vec::new());
        // Each turn answers a question of the rule's, and there are so many of them.
        loop {
            let question = Question { active, decided: &decided, ..self.question(request, principal) };
            match rule.decide(&question) {
                Verdict::Granted => return Ok(()),
                Verdict::Denied(denial) => return Err(self.denied(request, principal, denial).await),
                Verdict::Undecided(denial) => return Err(denial.into()),
                Verdict::AskIfActive if active.is_none() => {
                    self.ask_if_active(request, principal).await?;
                    active = Some(true);
                }
                Verdict::AskPermission(asked) if decided.iter().all(|(known, _)| *known != asked) => {
                    let verdict = self.ask_permission(request, principal, &asked).await?;
                    decided.push((asked, verdict));
                }
                // Cannot be: the question was answered. Were it so, nobody passes.
                Verdict::AskIfActive | Verdict::AskPermission(_) => {
                    return Err(AuthError::Internal { reason: "a rule stays undecided".to_owned() });
                }
            }
        }
    }

    async fn ask_permission(
        &self,
        request: &RequestView<'_>,
        principal: &Principal,
        asked: &Permission,
    ) -> Result<policy::Verdict, AuthError> {
        let Some(permissions) = &self.inner.permissions else { return Ok(policy::Verdict::Indeterminate) };
        let (resource, now) = (asked.resource.as_deref(), self.inner.clock.now());
        permissions.decide(&PermissionRequest::new(principal, request, resource, &asked.scope, now)).await
    }

    fn gives_ticket_for(&self, denial: &Denial) -> bool {
        matches!(denial, Denial::Permission { .. })
            && self.inner.permissions.as_ref().is_some_and(|permissions| permissions.gives_tickets())
    }

    /// The refusal: with a ticket, where one is given for what is missing.
    async fn denied(&self, request: &RequestView<'_>, principal: &Principal, denial: Denial) -> AuthError {
        if let (Denial::Permission { resource, scope }, Some(permissions)) =
            (&denial, &self.inner.permissions)
            && permissions.gives_tickets()
        {
            let now = self.inner.clock.now();
            let asked = PermissionRequest::new(principal, request, resource.as_deref(), scope, now);
            if let Some(ticket) = permissions.ticket(&asked).await {
                return AuthError::PermissionTicket(ticket);
            }
        }
        denial.into()
    }

    /// RFC 7662: whether Keycloak still knows the token, as the same one. A token that is not active passes no rule,
    /// whatever else the rule would accept.
    async fn ask_if_active(&self, request: &RequestView<'_>, principal: &Principal) -> Result<(), AuthError> {
        let introspector = match self.issuer_of(principal) {
            // Never another issuer: its tokens are nobody else's to see.
            Some(issuer) => issuer.introspector.clone(),
            None => self.inner.introspector.clone(),
        };
        let Some(introspector) = introspector else {
            let reason = "the rule asks for introspection, and the guard has no introspector: set \
                          KEYCLOAK_CLIENT_SECRET, or give it one";
            return Err(AuthError::Internal { reason: reason.to_owned() });
        };
        let bearer;
        let token = match principal.session() {
            Some(session) => session.access_token().expose(),
            None => {
                bearer = BearerCredentials::read(request.headers)?.ok_or(AuthError::NotAuthenticated)?;
                bearer.token()
            }
        };
        let client_id = introspector.client_id();
        let answer = match introspector.introspect(token, None).await {
            Ok(Introspection::Active(answer)) => answer,
            Ok(inactive @ Introspection::Inactive) => {
                tracing::info!(target: "kc", "introspection: {}", inactive.diagnosis(client_id));
                return Err(TokenError::Inactive.into());
            }
            Err(error) => return Err(AuthError::Introspection { reason: error.diagnosis(client_id) }),
        };
        let claims = principal.claims();
        let presented = Presented { issuer: claims.issuer.as_deref(), subject: claims.subject.as_deref() };
        answer.agrees_with(&presented).map_err(|disagreement| {
            tracing::warn!(target: "kc", "introspection: {disagreement}");
            let other_kind = match disagreement {
                Disagreement::Kind => answer.kind(),
                Disagreement::TokenType => answer.token_type(),
                Disagreement::Issuer | Disagreement::Subject => None,
            };
            match other_kind.map(TokenKind::from_claim) {
                Some(got) => TokenError::WrongType { got }.into(),
                None => TokenError::Inactive.into(),
            }
        })
    }

    /// Where several issuers are trusted: the caller's.
    fn issuer_of(&self, principal: &Principal) -> Option<Arc<TrustedIssuer>> {
        self.inner.issuers.as_ref()?.find(principal.claims().issuer.as_deref()?)
    }

    fn decided(
        &self,
        event: &'static str,
        request: &RequestView<'_>,
        code: Option<&'static str>,
        whom: Whom,
    ) -> Decided {
        let issuer = match &whom {
            Whom::Caller(caller) => self.issuer_of(caller),
            Whom::Party(_) => None,
        };
        Decided {
            time: self.inner.clock.now(),
            event,
            code,
            method: origin::method(request.method),
            asked: Asked::new(&shortened(request.path, 1024), &origin::RequestId::of(request), request.route),
            realm: Arc::clone(&self.inner.realm),
            issuer,
            whom,
            ip: origin::address(request, &self.inner.trusted_proxies),
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("realm", &self.inner.realm)
            .field("authenticators", &self.inner.authenticators)
            .field("introspector", &self.inner.introspector)
            .field("exempt", &self.inner.exempt)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
