//! What the issuer remembers: sessions, revoked tokens, and what was done to users since the realm was loaded.

use std::collections::{BTreeMap, HashMap, HashSet};

/// A user's session with the clients that take part in it.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) user_id: String,
    pub(crate) offline: bool,
    pub(crate) started: i64,
    pub(crate) last_seen: i64,
    /// Each client with how often each of its refresh tokens was used.
    clients: BTreeMap<String, HashMap<String, u32>>,
}

/// The lifespans that end sessions, in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifespans {
    pub(crate) idle: i64,
    pub(crate) max: i64,
    pub(crate) offline_idle: i64,
}

/// A refresh token that may not be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RefreshRefusal {
    NoClient,
    Reused,
}

/// Everything that changes while the issuer runs, apart from keys and faults.
#[derive(Debug)]
pub(crate) struct Memory {
    sessions: HashMap<String, Session>,
    revoked: HashSet<String>,
    /// Used assertions of clients with the time from which they would be refused anyway.
    assertions: HashMap<String, i64>,
    disabled: BTreeMap<String, bool>,
    user_not_before: HashMap<String, i64>,
    pub(crate) not_before: i64,
    pub(crate) revoke_refresh: bool,
    pub(crate) refresh_max_reuse: u32,
    lifespans: Lifespans,
}

/// Past this many sessions, those that have ended are cleared away before one is added.
const CLEAR_AT: usize = 4096;

impl Memory {
    pub(crate) fn new(
        lifespans: Lifespans,
        not_before: i64,
        revoke_refresh: bool,
        refresh_max_reuse: u32,
    ) -> Self {
        Self {
            sessions: HashMap::new(),
            revoked: HashSet::new(),
            assertions: HashMap::new(),
            disabled: BTreeMap::new(),
            user_not_before: HashMap::new(),
            not_before,
            revoke_refresh,
            refresh_max_reuse,
            lifespans,
        }
    }

    /// Starts a session of that user with one client.
    pub(crate) fn start(&mut self, sid: &str, user_id: &str, client: &str, offline: bool, now: i64) {
        if self.sessions.len() >= CLEAR_AT {
            let lifespans = self.lifespans;
            self.sessions.retain(|_, session| session.is_alive(lifespans, now));
        }
        let clients = BTreeMap::from([(client.to_owned(), HashMap::new())]);
        let session = Session { user_id: user_id.to_owned(), offline, started: now, last_seen: now, clients };
        self.sessions.insert(sid.to_owned(), session);
    }

    /// The session, while it lives.
    pub(crate) fn session(&self, sid: &str, now: i64) -> Option<&Session> {
        self.sessions.get(sid).filter(|session| session.is_alive(self.lifespans, now))
    }

    /// Ends a session; whether there was one.
    pub(crate) fn end(&mut self, sid: &str) -> bool {
        self.sessions.remove(sid).is_some()
    }

    /// Ends every session of a user, the offline ones too.
    pub(crate) fn end_all_of(&mut self, user_id: &str) {
        self.sessions.retain(|_, session| session.user_id != user_id);
    }

    pub(crate) fn end_all(&mut self) {
        self.sessions.clear();
    }

    pub(crate) fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// Counts one more use of a refresh token. One use too many costs the client its part in the session.
    pub(crate) fn use_refresh(
        &mut self,
        sid: &str,
        client: &str,
        jti: &str,
        now: i64,
    ) -> Result<(), RefreshRefusal> {
        let Some(session) = self.sessions.get_mut(sid) else { return Err(RefreshRefusal::NoClient) };
        let Some(uses) = session.clients.get_mut(client) else { return Err(RefreshRefusal::NoClient) };
        if self.revoke_refresh {
            let count = uses.entry(jti.to_owned()).or_default();
            if *count > self.refresh_max_reuse {
                session.clients.remove(client);
                return Err(RefreshRefusal::Reused);
            }
            *count += 1;
        }
        session.last_seen = now;
        Ok(())
    }

    /// Notes that an assertion was used; false if it was before.
    pub(crate) fn use_assertion(&mut self, client: &str, jti: &str, exp: i64, now: i64) -> bool {
        if self.assertions.len() >= CLEAR_AT {
            self.assertions.retain(|_, exp| now < *exp);
        }
        self.assertions.insert(format!("{client} {jti}"), exp).is_none()
    }

    pub(crate) fn revoke(&mut self, jti: &str) {
        self.revoked.insert(jti.to_owned());
    }

    pub(crate) fn is_revoked(&self, jti: &str) -> bool {
        self.revoked.contains(jti)
    }

    /// Overrides what the realm says about a user.
    pub(crate) fn set_enabled(&mut self, user_id: &str, enabled: bool) {
        self.disabled.insert(user_id.to_owned(), !enabled);
    }

    pub(crate) fn is_enabled(&self, user_id: &str, in_realm: bool) -> bool {
        self.disabled.get(user_id).map_or(in_realm, |disabled| !disabled)
    }

    pub(crate) fn set_user_not_before(&mut self, user_id: &str, not_before: i64) {
        self.user_not_before.insert(user_id.to_owned(), not_before);
    }

    /// The time before which tokens about this user don't count: the later of the realm's and the user's own.
    pub(crate) fn not_before_of(&self, user_id: &str) -> i64 {
        self.user_not_before.get(user_id).copied().unwrap_or(0).max(self.not_before)
    }
}

impl Session {
    pub(crate) fn has_client(&self, client: &str) -> bool {
        self.clients.contains_key(client)
    }

    fn is_alive(&self, lifespans: Lifespans, now: i64) -> bool {
        if self.offline {
            return now < self.last_seen + lifespans.offline_idle;
        }
        now < self.last_seen + lifespans.idle && now < self.started + lifespans.max
    }
}
