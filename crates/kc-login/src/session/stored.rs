//! What is kept of a session.

use std::fmt;
use std::time::Duration;

use kc_core::clock::UnixTime;
use kc_core::secret::Secret;
use serde::{Deserialize, Serialize};

/// A session as a store keeps it. `Debug` shows no token.
#[derive(Clone, Eq, PartialEq)]
pub struct StoredSession {
    /// `iss` of its tokens.
    pub issuer: String,
    /// `sub`, if its tokens have one.
    pub subject: Option<String>,
    /// `preferred_username`, for the audit.
    pub username: Option<String>,
    /// `sid`: the session at Keycloak, by which Keycloak tells that it is over.
    pub session_id: Option<String>,
    /// What Keycloak gave last.
    pub tokens: Tokens,
    /// When it began here.
    pub started_at: UnixTime,
    /// When it ends whatever happens.
    pub ends_at: UnixTime,
    /// When it ends unless it is used before.
    pub idle_until: UnixTime,
    /// Counts the changes of the tokens: who changes them says which he has seen.
    pub version: u64,
}

/// What Keycloak gives at a login, and at each refresh.
#[derive(Clone, Eq, PartialEq)]
pub struct Tokens {
    /// The access token.
    pub access_token: Secret,
    /// When the access token ends.
    pub access_ends_at: UnixTime,
    /// From when on another one is asked for.
    pub refresh_from: UnixTime,
    /// The refresh token, if there is one.
    pub refresh_token: Option<Secret>,
    /// When the refresh token ends, if it does.
    pub refresh_ends_at: Option<UnixTime>,
    /// The ID token, which logging out needs.
    pub id_token: Secret,
}

impl StoredSession {
    /// When it ends unless something happens before.
    #[must_use]
    pub fn expires_at(&self) -> UnixTime {
        self.ends_at.min(self.idle_until)
    }

    /// The session as bytes. They hold tokens: a store that others can read has to seal them.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let Tokens { access_token, access_ends_at, refresh_from, refresh_token, refresh_ends_at, id_token } =
            &self.tokens;
        let written = Written {
            issuer: &self.issuer,
            subject: self.subject.as_deref(),
            username: self.username.as_deref(),
            session_id: self.session_id.as_deref(),
            access_token: access_token.expose(),
            access_ends_at: access_ends_at.as_millis(),
            refresh_from: refresh_from.as_millis(),
            refresh_token: refresh_token.as_ref().map(Secret::expose),
            refresh_ends_at: refresh_ends_at.map(UnixTime::as_millis),
            id_token: id_token.expose(),
            started_at: self.started_at.as_millis(),
            ends_at: self.ends_at.as_millis(),
            idle_until: self.idle_until.as_millis(),
            version: self.version,
        };
        // A struct of strings and numbers always serialises.
        serde_json::to_vec(&written).unwrap_or_default()
    }

    /// The session that [`to_bytes`](Self::to_bytes) wrote; `None` if these bytes are no session.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let read: Read = serde_json::from_slice(bytes).ok()?;
        Some(Self {
            issuer: read.issuer,
            subject: read.subject,
            username: read.username,
            session_id: read.session_id,
            tokens: Tokens {
                access_token: Secret::new(read.access_token),
                access_ends_at: UnixTime::from_millis(read.access_ends_at),
                refresh_from: UnixTime::from_millis(read.refresh_from),
                refresh_token: read.refresh_token.map(Secret::new),
                refresh_ends_at: read.refresh_ends_at.map(UnixTime::from_millis),
                id_token: Secret::new(read.id_token),
            },
            started_at: UnixTime::from_millis(read.started_at),
            ends_at: UnixTime::from_millis(read.ends_at),
            idle_until: UnixTime::from_millis(read.idle_until),
            version: read.version,
        })
    }
}

impl Tokens {
    /// The longest time before its end at which an access token is renewed.
    const EARLIEST: Duration = Duration::from_secs(30);

    /// When an access token that was got at `now` and ends at `end` is to be renewed: 30 s before its end, or in its last
    /// quarter if it lives shorter than two minutes.
    #[must_use]
    pub fn renewal(now: UnixTime, end: UnixTime) -> UnixTime {
        end.minus((end.since(now) / 4).min(Self::EARLIEST))
    }
}

#[derive(Serialize)]
struct Written<'a> {
    issuer: &'a str,
    subject: Option<&'a str>,
    username: Option<&'a str>,
    session_id: Option<&'a str>,
    access_token: &'a str,
    access_ends_at: i64,
    refresh_from: i64,
    refresh_token: Option<&'a str>,
    refresh_ends_at: Option<i64>,
    id_token: &'a str,
    started_at: i64,
    ends_at: i64,
    idle_until: i64,
    version: u64,
}

#[derive(Deserialize)]
struct Read {
    issuer: String,
    subject: Option<String>,
    username: Option<String>,
    session_id: Option<String>,
    access_token: String,
    access_ends_at: i64,
    refresh_from: i64,
    refresh_token: Option<String>,
    refresh_ends_at: Option<i64>,
    id_token: String,
    started_at: i64,
    ends_at: i64,
    idle_until: i64,
    version: u64,
}

impl fmt::Debug for StoredSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredSession")
            .field("subject", &self.subject)
            .field("session_id", &self.session_id)
            .field("ends_at", &self.ends_at)
            .field("idle_until", &self.idle_until)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("access_ends_at", &self.access_ends_at).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn session(session_id: &str, subject: &str, now: i64) -> StoredSession {
        let at = UnixTime::from_secs;
        StoredSession {
            issuer: "https://kc/realms/a".to_owned(),
            subject: Some(subject.to_owned()),
            username: Some("alice".to_owned()),
            session_id: Some(session_id.to_owned()),
            tokens: Tokens {
                access_token: Secret::new("the-access-token"),
                access_ends_at: at(now + 300),
                refresh_from: at(now + 270),
                refresh_token: Some(Secret::new("the-refresh-token")),
                refresh_ends_at: Some(at(now + 1800)),
                id_token: Secret::new("the-id-token"),
            },
            started_at: at(now),
            ends_at: at(now + 36_000),
            idle_until: at(now + 1800),
            version: 0,
        }
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let mut session = session("s", "u", 1000);
        assert_eq!(StoredSession::from_bytes(&session.to_bytes()), Some(session.clone()));
        session.subject = None;
        session.session_id = None;
        session.tokens.refresh_token = None;
        session.tokens.refresh_ends_at = None;
        assert_eq!(StoredSession::from_bytes(&session.to_bytes()), Some(session));
        for bytes in [&b""[..], b"{}", b"null", b"[]"] {
            assert_eq!(StoredSession::from_bytes(bytes), None);
        }
    }

    #[test]
    fn debug_shows_no_token() {
        let session = session("s", "u", 1000);
        let shown = format!("{session:?} {:?}", session.tokens);
        assert!(!shown.contains("-token"), "{shown}");
    }

    #[test]
    fn a_token_is_renewed_before_it_ends() {
        let at = UnixTime::from_secs;
        assert_eq!(Tokens::renewal(at(0), at(300)), at(270));
        assert_eq!(Tokens::renewal(at(0), at(40)), at(30));
        assert_eq!(Tokens::renewal(at(50), at(40)), at(40));
    }
}
