//! One event for each decision: who, what, when, from where, and why not.

mod json_lines;

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;

pub use self::json_lines::JsonLines;
use crate::clock::UnixTime;
use crate::principal::Principal;

/// A decision, or an event of a session. Members in this order; an unknown one is `null`.
///
/// There is no member for a token, a code, a cookie, a secret or a query string.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct AuditEvent {
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
    pub method: String,
    /// The route's pattern.
    pub route: Option<String>,
    /// The path as it came.
    pub path: String,
    /// The realm.
    pub realm: String,
    /// The caller's id.
    pub sub: Option<String>,
    /// The caller's name.
    pub username: Option<String>,
    /// The client that got the token.
    pub client: Option<String>,
    /// The session at Keycloak.
    pub sid: Option<String>,
    /// Where the request came from.
    pub ip: Option<IpAddr>,
    /// The request's id.
    pub request_id: String,
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

impl AuditEvent {
    /// The event as one line of JSON, without the line break. Control characters, line and paragraph separators and
    /// marks of writing direction are escaped wherever they came from: nothing in an event makes a second line or
    /// hides what is in the first.
    #[must_use]
    pub fn to_json_line(&self) -> String {
        // Room for a usual one.
        let mut json = Vec::with_capacity(512);
        // A struct of strings and numbers always serialises, and JSON is UTF-8.
        let json = serde_json::to_writer(&mut json, self).ok().and_then(|()| String::from_utf8(json).ok());
        let json = json.unwrap_or_default();
        // Looking for them letter by letter costs three times as much as everything else here.
        if json.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return json;
        }
        if json.chars().any(is_treacherous) { escape(&json) } else { json }
    }
}

/// Controls, and what Unicode calls format characters: marks of direction, joiners, tags, and other invisible ones.
fn is_treacherous(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}'
                | '\u{600}'..='\u{605}'
                | '\u{61c}'
                | '\u{6dd}'
                | '\u{70f}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// These characters occur in JSON within strings only, where `\u` may stand for them.
fn escape(json: &str) -> String {
    use fmt::Write as _;
    let mut escaped = String::with_capacity(json.len() + 16);
    for letter in json.chars() {
        if is_treacherous(letter) {
            // As JSON writes what is above U+FFFF: in two halves (RFC 8259 §7).
            for half in letter.encode_utf16(&mut [0; 2]) {
                // Writing into a string does not fail.
                let _ = write!(escaped, "\\u{half:04x}");
            }
        } else {
            escaped.push(letter);
        }
    }
    escaped
}

/// Takes the events.
///
/// # Contract
/// Called once for each decision, from the request's task: it should not block for long. A sink that cannot write
/// reports that on its own; the request goes on.
pub trait AuditSink: fmt::Debug + Send + Sync {
    /// Takes one.
    fn record(&self, event: AuditEvent);

    /// Whether events are wanted at all: none is put together for a sink that does not.
    fn is_on(&self) -> bool {
        true
    }
}

/// Events as `tracing` events of the target `kc::audit`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingAudit;

impl AuditSink for TracingAudit {
    fn record(&self, event: AuditEvent) {
        tracing::info!(target: "kc::audit", "{}", event.to_json_line());
    }
}

/// No audit.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAudit;

impl AuditSink for NoAudit {
    fn record(&self, _: AuditEvent) {}

    fn is_on(&self) -> bool {
        false
    }
}

/// An event that waits for its response's status.
///
/// Dropped without [`finish`](Self::finish), because the caller went away for example, it is recorded without one.
#[must_use = "finish it with the response's status"]
pub struct AuditTicket {
    // Boxed: every request has a ticket, and most services log few.
    event: Option<Box<(AuditEvent, Arc<dyn AuditSink>)>>,
}

impl AuditTicket {
    pub(crate) fn new(event: AuditEvent, sink: Arc<dyn AuditSink>) -> Self {
        Self { event: Some(Box::new((event, sink))) }
    }

    /// For a request that nothing is decided about.
    pub(crate) fn none() -> Self {
        Self { event: None }
    }

    /// Sets the route's pattern, for an adapter that learns it only after the inner router was called.
    pub fn matched(&mut self, route: &str) {
        if let Some((event, _)) = self.event.as_deref_mut()
            && event.route.as_deref() != Some(route)
        {
            event.route = Some(route.to_owned());
        }
    }

    /// Records the decision with the response's status. `refused`: the code, if the request was refused after all,
    /// by an extractor of its handler.
    pub fn finish(mut self, status: u16, refused: Option<&'static str>) {
        if let Some((event, _)) = self.event.as_deref_mut() {
            event.status = Some(status);
            if let Some(code) = refused {
                event.decision = Decision::Deny;
                event.code = Some(code);
            }
        }
    }
}

impl Drop for AuditTicket {
    fn drop(&mut self) {
        if let Some((event, sink)) = self.event.take().map(|event| *event) {
            sink.record(event);
        }
    }
}

impl fmt::Debug for AuditTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditTicket").finish_non_exhaustive()
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
    pub(crate) struct Kept(pub(crate) Mutex<Vec<AuditEvent>>);

    impl AuditSink for Kept {
        fn record(&self, event: AuditEvent) {
            self.0.lock().unwrap().push(event);
        }
    }

    pub(crate) fn event() -> AuditEvent {
        AuditEvent {
            time: Rfc3339(UnixTime::from_millis(1_795_308_973_042)),
            event: "access",
            decision: Decision::Allow,
            code: None,
            status: None,
            method: "GET".to_owned(),
            route: Some("/items/{id}".to_owned()),
            path: "/items/1".to_owned(),
            realm: "r".to_owned(),
            sub: Some("s".to_owned()),
            username: Some("alice".to_owned()),
            client: None,
            sid: None,
            ip: Some([127, 0, 0, 1].into()),
            request_id: "1".to_owned(),
        }
    }

    #[test]
    fn an_event_is_one_line_with_its_members_in_order() {
        assert_eq!(
            AuditEvent { status: Some(200), ..event() }.to_json_line(),
            r#"{"time":"2026-11-22T00:56:13.042Z","event":"access","decision":"allow","code":null,"status":200,"method":"GET","route":"/items/{id}","path":"/items/1","realm":"r","sub":"s","username":"alice","client":null,"sid":null,"ip":"127.0.0.1","request_id":"1"}"#
        );
    }

    #[test]
    fn nothing_in_an_event_makes_a_second_line_or_hides_the_first() {
        let nasty = "a\n{\"decision\":\"allow\"}\r\t\u{1b}[2J\u{7f}\u{85}\u{2028}\u{2029}\u{202e}\u{61c}\u{200b}\u{fff9}\u{e0041}\u{0}\"\\";
        let line =
            AuditEvent { username: Some(nasty.to_owned()), path: nasty.to_owned(), ..event() }.to_json_line();
        assert!(line.chars().all(|letter| !is_treacherous(letter)), "{line}");
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["username"], nasty);
        assert_eq!(read["path"], nasty);
    }

    #[test]
    fn a_ticket_is_recorded_once_with_its_status_or_without_when_dropped() {
        let kept = Arc::new(Kept::default());
        let sink = || Arc::clone(&kept) as Arc<dyn AuditSink>;
        AuditTicket::new(event(), sink()).finish(200, None);
        AuditTicket::new(event(), sink()).finish(403, Some("missing_roles"));
        drop(AuditTicket::new(event(), sink()));
        drop(AuditTicket::none());
        let events = kept.0.lock().unwrap();
        let seen: Vec<_> = events.iter().map(|event| (event.status, event.decision, event.code)).collect();
        assert_eq!(
            seen,
            [
                (Some(200), Decision::Allow, None),
                (Some(403), Decision::Deny, Some("missing_roles")),
                (None, Decision::Allow, None)
            ]
        );
    }

    #[test]
    fn a_route_that_is_learned_late_is_recorded_too() {
        let kept = Arc::new(Kept::default());
        let sink = Arc::clone(&kept) as Arc<dyn AuditSink>;
        let mut ticket = AuditTicket::new(AuditEvent { route: None, ..event() }, sink);
        ticket.matched("/items/{id}");
        ticket.finish(200, None);
        AuditTicket::none().matched("/health");
        assert_eq!(kept.0.lock().unwrap()[0].route.as_deref(), Some("/items/{id}"));
    }

    #[test]
    fn what_a_stranger_sends_is_shortened() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöü", 2), "äö…");
    }
}
