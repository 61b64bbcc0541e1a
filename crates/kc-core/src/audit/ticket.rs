//! A decision that waits for its response.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::{AuditEvent, AuditSink, Decision, Party, Rfc3339, shortened};
use crate::clock::UnixTime;
use crate::issuers::TrustedIssuer;
use crate::principal::Principal;
use crate::telemetry::{self, RouteCounters};

/// An event that waits for its response's status.
///
/// Dropped without [`finish`](Self::finish), because the caller went away for example, it is recorded without one.
#[must_use = "finish it with the response's status"]
pub struct AuditTicket {
    // Boxed: every request has a ticket, and most services log few.
    decided: Option<Box<(Decided, Arc<dyn AuditSink>)>>,
    /// Taken when it is counted.
    counted: Option<Counted>,
}

/// What is to be counted, whether there is an audit or not.
#[derive(Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) what: What,
    /// Why not; `None` where it was allowed.
    pub(crate) code: Option<&'static str>,
}

#[derive(Clone, Copy)]
pub(crate) enum What {
    Access(RouteCounters),
    Session(&'static str),
}

impl Counted {
    fn count(self, refused: Option<&'static str>) {
        let code = refused.or(self.code);
        match self.what {
            What::Access(route) => route.decided(code),
            What::Session(event) => {
                telemetry::session_event(event, code);
                tracing::debug!(
                    name: "kc.session",
                    target: "kc::session",
                    event,
                    decision = if code.is_some() { "deny" } else { "allow" },
                    code = code.unwrap_or(telemetry::NONE)
                );
            }
        }
    }
}

/// What an event is made of when its status is known. What the request holds is copied; what is held by others anyway
/// is held with them.
pub(crate) struct Decided {
    pub(crate) time: UnixTime,
    pub(crate) event: &'static str,
    /// Why not; `None` where it was allowed.
    pub(crate) code: Option<&'static str>,
    pub(crate) method: Cow<'static, str>,
    pub(crate) asked: Asked,
    pub(crate) realm: Arc<str>,
    /// The caller's, whose realm it is then.
    pub(crate) issuer: Option<Arc<TrustedIssuer>>,
    pub(crate) whom: Whom,
    pub(crate) ip: Option<IpAddr>,
}

/// What the request itself says, copied into one piece of memory.
pub(crate) struct Asked {
    /// The path, the request's id, and the route's pattern.
    text: String,
    path_end: usize,
    id_end: usize,
    routed: bool,
}

impl Asked {
    pub(crate) fn new(path: &str, request_id: &str, route: Option<&str>) -> Self {
        let id_end = path.len() + request_id.len();
        let mut text = String::with_capacity(id_end + route.map_or(0, str::len));
        text.extend([path, request_id]);
        let mut asked = Self { text, path_end: path.len(), id_end, routed: false };
        if let Some(route) = route {
            asked.matched(route);
        }
        asked
    }

    fn matched(&mut self, route: &str) {
        self.text.truncate(self.id_end);
        self.text.push_str(route);
        self.routed = true;
    }

    /// The path, the request's id, and the route's pattern.
    fn parts(&self) -> (&str, &str, Option<&str>) {
        let (path, rest) = self.text.split_at_checked(self.path_end).unwrap_or_default();
        let (id, route) = rest.split_at_checked(self.id_end - self.path_end).unwrap_or_default();
        (path, id, self.routed.then_some(route))
    }
}

/// Whom it is about.
pub(crate) enum Whom {
    Caller(Principal),
    Party(Party),
}

impl Default for Whom {
    /// Nobody who is known.
    fn default() -> Self {
        Self::Party(Party::default())
    }
}

impl AuditTicket {
    pub(crate) fn new(decided: Decided, sink: Arc<dyn AuditSink>, counted: Counted) -> Self {
        Self { decided: Some(Box::new((decided, sink))), counted: Some(counted) }
    }

    /// Without an audit.
    pub(crate) fn unrecorded(counted: Counted) -> Self {
        Self { decided: None, counted: Some(counted) }
    }

    /// For a request that nothing is decided about.
    pub(crate) fn none() -> Self {
        Self { decided: None, counted: None }
    }

    /// Sets the route's pattern, for an adapter that learns it only after the inner router was called.
    pub fn matched(&mut self, route: &str) {
        if let Some((decided, _)) = self.decided.as_deref_mut()
            && decided.asked.parts().2 != Some(route)
        {
            decided.asked.matched(route);
        }
        if let Some(Counted { what: What::Access(counters), .. }) = &mut self.counted {
            *counters = RouteCounters::of(Some(route));
        }
    }

    /// Records what came of something that has no response of its own. `refused`: why it failed, if it did.
    pub fn end(mut self, refused: Option<&'static str>) {
        self.count(refused);
        if let Some(mut decided) = self.decided.take() {
            decided.0.code = refused.or(decided.0.code);
            decided.1.record(decided.0.event(None));
        }
    }

    /// Records the decision with the response's status. `refused`: the code, if the request was refused after all,
    /// by an extractor of its handler.
    pub fn finish(mut self, status: u16, refused: Option<&'static str>) {
        self.count(refused);
        if let Some(mut decided) = self.decided.take() {
            decided.0.code = refused.or(decided.0.code);
            decided.1.record(decided.0.event(Some(status)));
        }
    }

    fn count(&mut self, refused: Option<&'static str>) {
        if let Some(counted) = self.counted.take() {
            counted.count(refused);
        }
    }
}

impl Decided {
    fn event(&self, status: Option<u16>) -> AuditEvent<'_> {
        let [sub, username, client, sid] = self.whom.names();
        let (path, request_id, route) = self.asked.parts();
        AuditEvent {
            time: Rfc3339(self.time),
            event: self.event,
            // A refusal has a code, and nothing else does.
            decision: if self.code.is_some() { Decision::Deny } else { Decision::Allow },
            code: self.code,
            status,
            method: Cow::Borrowed(&self.method),
            route: route.map(Cow::Borrowed),
            path: Cow::Borrowed(path),
            realm: Cow::Borrowed(self.issuer.as_ref().map_or(&*self.realm, |issuer| &issuer.realm)),
            sub,
            username,
            client,
            sid,
            ip: self.ip,
            request_id: Cow::Borrowed(request_id),
        }
    }
}

impl Whom {
    /// The id, the name, the client, the session.
    fn names(&self) -> [Option<Cow<'_, str>>; 4] {
        let names = match self {
            Self::Caller(caller) => {
                let claims = caller.claims();
                let client = claims.authorized_party.as_ref().or(claims.client_id.as_ref());
                [claims.subject.as_ref(), claims.username.as_ref(), client, claims.session_id.as_ref()]
            }
            Self::Party(Party { sub, username, client, sid }) => {
                [sub.as_ref(), username.as_ref(), client.as_ref(), sid.as_ref()]
            }
        };
        names.map(|name| name.map(|name| shortened(name, 256)))
    }
}

impl Drop for AuditTicket {
    fn drop(&mut self) {
        self.count(None);
        if let Some(decided) = self.decided.take() {
            decided.1.record(decided.0.event(None));
        }
    }
}

impl fmt::Debug for AuditTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditTicket").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Kept;
    use super::*;

    fn counted() -> Counted {
        Counted { what: What::Access(RouteCounters::of(None)), code: None }
    }

    fn decided() -> Decided {
        Decided {
            time: UnixTime::default(),
            event: "access",
            code: None,
            method: "GET".into(),
            asked: Asked::new("/items/1", "1", None),
            realm: "r".into(),
            issuer: None,
            whom: Whom::default(),
            ip: None,
        }
    }

    #[test]
    fn a_ticket_is_recorded_once_with_its_status_or_without_when_dropped() {
        let kept = Arc::new(Kept::default());
        let sink = || Arc::clone(&kept) as Arc<dyn AuditSink>;
        AuditTicket::new(decided(), sink(), counted()).finish(200, None);
        AuditTicket::new(decided(), sink(), counted()).finish(403, Some("missing_roles"));
        AuditTicket::new(Decided { code: Some("token_expired"), ..decided() }, sink(), counted())
            .finish(401, None);
        drop(AuditTicket::new(decided(), sink(), counted()));
        drop(AuditTicket::none());
        let events = kept.0.lock().unwrap();
        let seen: Vec<_> = events.iter().map(|event| (event.status, event.decision, event.code)).collect();
        assert_eq!(
            seen,
            [
                (Some(200), Decision::Allow, None),
                (Some(403), Decision::Deny, Some("missing_roles")),
                (Some(401), Decision::Deny, Some("token_expired")),
                (None, Decision::Allow, None)
            ]
        );
    }

    #[test]
    fn a_route_that_is_learned_late_is_recorded_too() {
        let kept = Arc::new(Kept::default());
        let mut ticket = AuditTicket::new(decided(), Arc::clone(&kept) as Arc<dyn AuditSink>, counted());
        ticket.matched("/items");
        ticket.matched("/items/{id}");
        #[cfg(feature = "metrics")]
        assert!(
            matches!(&ticket.counted, Some(Counted { what: What::Access(route), .. }) if format!("{route:?}").contains("/items/{id}"))
        );
        ticket.finish(200, None);
        AuditTicket::none().matched("/health");
        let events = kept.0.lock().unwrap();
        assert_eq!(events[0].route.as_deref(), Some("/items/{id}"));
        assert_eq!((&*events[0].path, &*events[0].request_id), ("/items/1", "1"));
    }
}
