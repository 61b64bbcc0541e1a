//! A guard at a route.

use bytes::Bytes;
use http::Response;

use super::{Admitted, Caller, Guard, Rejected};
use crate::access::Access;
use crate::audit::AuditTicket;
use crate::telemetry::Held;
use crate::wire::{Refusal, RequestView};

/// Who decides about a route, and by what: what an adapter's layer or middleware holds.
///
/// # Example
/// ```
/// use kc_core::rules::any_role;
/// use kc_core::wire::RequestView;
/// use kc_core::{Gate, Guard};
///
/// /// What an adapter does around a handler.
/// async fn around(gate: &Gate, request: &RequestView<'_>, handler: impl Future<Output = u16>) -> u16 {
///     let (admitted, ticket) = gate.admit(request).await;
///     let status = match admitted {
///         Ok(_caller) => handler.await, // and leaves the caller where extractors find it
///         Err(rejected) => rejected.into_response().status().as_u16(),
///     };
///     ticket.finish(status, None);
///     status
/// }
///
/// let gate = Gate::of_route(&Guard::builder("shop").build(), any_role(&["clerk"]), "/orders");
/// assert_eq!(gate.pattern(), Some("/orders"));
/// ```
#[derive(Clone, Debug)]
pub struct Gate {
    guard: Guard,
    access: Access,
    pattern: Option<String>,
    counters: Held,
}

impl Gate {
    /// A gate for whatever it is put around.
    #[must_use]
    pub fn new(guard: &Guard, access: impl Into<Access>) -> Self {
        Self { guard: guard.clone(), access: access.into(), pattern: None, counters: Held::default() }
    }

    /// A gate for one route: requests are told to have come by this pattern, whatever their view says.
    #[must_use]
    pub fn of_route(guard: &Guard, access: impl Into<Access>, pattern: impl Into<String>) -> Self {
        Self { pattern: Some(pattern.into()), ..Self::new(guard, access) }
    }

    /// Who decides.
    #[must_use]
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// The route's pattern, if the gate is for one route.
    #[must_use]
    pub fn pattern(&self) -> Option<&str> {
        self.pattern.as_deref()
    }

    /// Decides about a request: what to leave with it for the extractors, or the refusal; and the ticket, to be finished
    /// with the response's status.
    ///
    /// # Cancellation
    /// Dropping the future is safe; then no event is recorded.
    pub async fn admit(&self, request: &RequestView<'_>) -> (Result<Caller, Rejected>, AuditTicket) {
        let request = self.at_route(request);
        self.left_with(&request, self.guard.admit_at(&request, &self.access, &self.counters).await)
    }

    /// The same where nobody has to be waited for. `None` says nothing: ask [`admit`](Self::admit).
    pub fn admit_now(&self, request: &RequestView<'_>) -> Option<(Result<Caller, Rejected>, AuditTicket)> {
        let request = self.at_route(request);
        self.guard
            .admit_now_at(&request, &self.access, &self.counters)
            .map(|admitted| self.left_with(&request, admitted))
    }

    fn at_route<'a>(&'a self, request: &RequestView<'a>) -> RequestView<'a> {
        RequestView { route: self.pattern().or(request.route), ..*request }
    }

    fn page(&self, request: &RequestView<'_>, refusal: &Refusal) -> Option<Response<Bytes>> {
        match self.access {
            Access::Page(_) => self.guard.inner.pages.as_ref()?.refused(request, refusal),
            _ => None,
        }
    }

    fn left_with(
        &self,
        request: &RequestView<'_>,
        admitted: Admitted,
    ) -> (Result<Caller, Rejected>, AuditTicket) {
        let outcome = match admitted.outcome {
            Ok(admission) => Ok(Caller::new(self.guard.clone(), admission)),
            Err(refusal) => Err(match self.page(request, &refusal) {
                Some(page) => Rejected::from_parts(page, &refusal),
                None => Rejected::to(&self.guard, request, &refusal)
                    .unstored(matches!(self.access, Access::Optional | Access::Page(_))),
            }),
        };
        (outcome, admitted.audit)
    }
}
