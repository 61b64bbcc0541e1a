//! One event for each decision: who, what, when, from where, and why not.

mod json_lines;
mod line;
mod ticket;

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use serde::Serialize;

pub use self::json_lines::JsonLines;
pub use self::ticket::AuditTicket;
pub(crate) use self::ticket::{Asked, Counted, Decided, What, Whom};
use crate::clock::UnixTime;
use crate::principal::Principal;

/// A decision, or an event of a session. Members in this order; an unknown one is `null`.
///
/// There is no member for a token, a code, a cookie, a secret or a query string.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct AuditEvent<'a> {
    /// When it was decided, as RFC 3339.
    pub time: Rfc3339,
    /// `access`; of sessions `login`, `logout` and `refresh`.
    pub event: &'static str,
    /// Whether it was allowed.
    pub decision: Decision,
    /// The refusal's code.
    pub code: Option<&'static str>,
    /// The response's HTTP status; `null` when the connection was gone before there was one.
    pub status: Option<u16>,
    /// The request's method.
    pub method: Cow<'a, str>,
    /// The route's pattern.
    pub route: Option<Cow<'a, str>>,
    /// The path as it came.
    pub path: Cow<'a, str>,
    /// The realm.
    pub realm: Cow<'a, str>,
    /// The caller's id.
    pub sub: Option<Cow<'a, str>>,
    /// The caller's name.
    pub username: Option<Cow<'a, str>>,
    /// The client that got the token.
    pub client: Option<Cow<'a, str>>,
    /// The session at Keycloak.
    pub sid: Option<Cow<'a, str>>,
    /// Where the request came from.
    pub ip: Option<IpAddr>,
    /// The request's id.
    pub request_id: Cow<'a, str>,
}

/// Whom an event is about, as far as that is known.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Party {
    /// Their id.
    pub sub: Option<String>,
    /// Their name.
    pub username: Option<String>,
    /// The client that got the token.
    pub client: Option<String>,
    /// The session at Keycloak.
    pub sid: Option<String>,
}

impl From<&Principal> for Party {
    fn from(caller: &Principal) -> Self {
        let claims = caller.claims();
        let owned = |text: Option<&String>| text.map(|text| shortened(text, 256).into_owned());
        Self {
            sub: owned(claims.subject.as_ref()),
            username: owned(claims.username.as_ref()),
            client: owned(claims.authorized_party.as_ref().or(claims.client_id.as_ref())),
            sid: owned(claims.session_id.as_ref()),
        }
    }
}

/// A time that is written as RFC 3339.
#[derive(Clone, Copy, Debug)]
pub struct Rfc3339(pub UnixTime);

impl Serialize for Rfc3339 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Yes or no.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// The request went on to its handler.
    Allow,
    /// It was refused.
    Deny,
}

impl AuditEvent<'_> {
    /// The same event, to be kept.
    #[must_use]
    pub fn into_owned(self) -> AuditEvent<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        AuditEvent {
            time: self.time,
            event: self.event,
            decision: self.decision,
            code: self.code,
            status: self.status,
            method: owned(self.method),
            route: self.route.map(owned),
            path: owned(self.path),
            realm: owned(self.realm),
            sub: self.sub.map(owned),
            username: self.username.map(owned),
            client: self.client.map(owned),
            sid: self.sid.map(owned),
            ip: self.ip,
            request_id: owned(self.request_id),
        }
    }
}

/// Takes the events.
///
/// # Contract
/// Called once for each decision, from the request's task: it should not block for long. A sink that cannot write
/// reports that on its own; the request goes on.
///
/// # Example
/// ```
/// use kc_core::audit::{AuditEvent, AuditSink};
/// use std::sync::mpsc::SyncSender;
///
/// /// Hands events to a thread that sends them somewhere; those for which there is no room are lost.
/// #[derive(Debug)]
/// struct Elsewhere(SyncSender<AuditEvent<'static>>);
///
/// impl AuditSink for Elsewhere {
///     fn record(&self, event: AuditEvent<'_>) {
///         let _ = self.0.try_send(event.into_owned());
///     }
/// }
/// ```
pub trait AuditSink: fmt::Debug + Send + Sync {
    /// Takes one. Whoever keeps it makes it [its own](AuditEvent::into_owned).
    fn record(&self, event: AuditEvent<'_>);

    /// Whether events are wanted at all: none is put together for a sink that does not.
    fn is_on(&self) -> bool {
        true
    }
}

/// Events as `tracing` events of the target `kc::audit`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingAudit;

impl AuditSink for TracingAudit {
    fn record(&self, event: AuditEvent<'_>) {
        tracing::info!(target: "kc::audit", "{}", event.to_json_line());
    }
}

/// No audit.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAudit;

impl AuditSink for NoAudit {
    fn record(&self, _: AuditEvent<'_>) {}

    fn is_on(&self) -> bool {
        false
    }
}

/// At most `limit` characters: what a stranger sends must not fill the disk by one request.
pub(crate) fn shortened(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    match text.char_indices().nth(limit) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Keeps the events.
    #[derive(Debug, Default)]
    pub(crate) struct Kept(pub(crate) Mutex<Vec<AuditEvent<'static>>>);

    impl AuditSink for Kept {
        fn record(&self, event: AuditEvent<'_>) {
            self.0.lock().unwrap().push(event.into_owned());
        }
    }

    pub(crate) fn event() -> AuditEvent<'static> {
        AuditEvent {
            time: Rfc3339(UnixTime::from_millis(1_795_308_973_042)),
            event: "access",
            decision: Decision::Allow,
            code: None,
            status: None,
            method: "GET".into(),
            route: Some("/items/{id}".into()),
            path: "/items/1".into(),
            realm: "r".into(),
            sub: Some("s".into()),
            username: Some("alice".into()),
            client: None,
            sid: None,
            ip: Some([127, 0, 0, 1].into()),
            request_id: "1".into(),
        }
    }

    #[test]
    fn what_a_stranger_sends_is_shortened() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöü", 2), "äö…");
    }
}
