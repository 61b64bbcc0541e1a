//! What the issuer remembers: sessions, revoked tokens, and what was done to users since the realm was loaded.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::login::Logins;

/// A user's session with the clients that take part in it.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) user_id: String,
    pub(crate) offline: bool,
    pub(crate) started: i64,
    pub(crate) last_seen: i64,
    /// When the user last proved in a browser who it is.
    pub(crate) auth_time: Option<i64>,
    /// Levels of authentication, each with when it was last reached.
    pub(crate) levels: BTreeMap<i64, i64>,
    clients: BTreeMap<String, ClientSession>,
}

/// A client's part in a session.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientSession {
    /// How often each refresh token was used.
    uses: HashMap<String, u32>,
    /// `acr` of the client's last login in a browser.
    pub(crate) acr: Option<String>,
    /// The levels of authentication that the client asked for by name, kept until it asks for others.
    pub(crate) asked: Asked,
}

/// Names of levels of authentication.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) essential: Vec<String>,
    pub(crate) voluntary: Vec<String>,
}

/// A session that has just ended, for those who are to hear of it.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) sid: String,
    pub(crate) user_id: String,
    pub(crate) clients: Vec<String>,
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
    /// Offline sessions, which outlive the session of the same id that they began in.
    offline: HashMap<String, Session>,
    pub(crate) logins: Logins,
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
            offline: HashMap::new(),
            logins: Logins::default(),
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
        let lifespans = self.lifespans;
        let sessions = if offline { &mut self.offline } else { &mut self.sessions };
        if sessions.len() >= CLEAR_AT {
            sessions.retain(|_, session| session.is_alive(lifespans, now));
        }
        let session = Session {
            user_id: user_id.to_owned(),
            offline,
            started: now,
            last_seen: now,
            auth_time: None,
            levels: BTreeMap::new(),
            clients: BTreeMap::from([(client.to_owned(), ClientSession::default())]),
        };
        sessions.insert(sid.to_owned(), session);
    }

    /// Starts the offline session that goes with a session, with what is known of the client's login.
    pub(crate) fn start_offline(&mut self, sid: &str, client: &str, now: i64) {
        let Some(online) = self.sessions.get(sid).cloned() else { return };
        self.start(sid, &online.user_id, client, true, now);
        if let Some(offline) = self.offline.get_mut(sid) {
            offline.auth_time = online.auth_time;
            offline.clients.extend(online.clients.into_iter().filter(|(id, _)| id == client));
        }
    }

    /// The session, while it lives; the offline one where the other has ended.
    pub(crate) fn session(&self, sid: &str, now: i64) -> Option<&Session> {
        let alive = |session: &&Session| session.is_alive(self.lifespans, now);
        self.sessions.get(sid).filter(alive).or_else(|| self.offline.get(sid).filter(alive))
    }

    /// The session that a browser is in, while it lives.
    pub(crate) fn browser_session(&self, sid: &str, now: i64) -> Option<&Session> {
        self.sessions.get(sid).filter(|session| session.is_alive(self.lifespans, now))
    }

    /// The session that a browser is in, to be changed; the client takes part from now on.
    pub(crate) fn join(&mut self, sid: &str, client: &str, now: i64) -> Option<&mut Session> {
        let session = self.sessions.get_mut(sid)?;
        session.last_seen = now;
        session.clients.entry(client.to_owned()).or_default();
        Some(session)
    }

    /// Whether the session, or the offline one that began in it, goes on with that client.
    pub(crate) fn takes_part(&self, sid: &str, client: &str, now: i64) -> bool {
        [self.sessions.get(sid), self.offline.get(sid)]
            .into_iter()
            .flatten()
            .any(|session| session.is_alive(self.lifespans, now) && session.clients.contains_key(client))
    }

    /// Takes a client out of a session; the session ends with its last one.
    pub(crate) fn detach(&mut self, sid: &str, client: &str) {
        for sessions in [&mut self.sessions, &mut self.offline] {
            if let Some(session) = sessions.get_mut(sid) {
                session.clients.remove(client);
                if session.clients.is_empty() {
                    sessions.remove(sid);
                }
            }
        }
    }

    /// Takes a client's part in a session away, but leaves the browser logged in.
    pub(crate) fn distrust(&mut self, sid: &str, client: &str) {
        if let Some(session) = self.sessions.get_mut(sid) {
            session.clients.remove(client);
        }
    }

    /// Ends a session, the offline one of the same id too; what is known of it if there was one.
    pub(crate) fn end(&mut self, sid: &str) -> Option<Ended> {
        let offline = self.offline.remove(sid);
        let online = self.sessions.remove(sid);
        online.or(offline).map(|session| session.ended(sid))
    }

    /// Ends the session that a browser is in; an offline one goes on.
    pub(crate) fn end_browser(&mut self, sid: &str) -> Option<Ended> {
        self.sessions.remove(sid).map(|session| session.ended(sid))
    }

    /// Ends every session of a user, the offline ones too.
    pub(crate) fn end_all_of(&mut self, user_id: &str) -> Vec<Ended> {
        self.offline.retain(|_, session| session.user_id != user_id);
        let ended = self.sessions.extract_if(|_, session| session.user_id == user_id);
        ended.map(|(sid, session)| session.ended(&sid)).collect()
    }

    pub(crate) fn end_all(&mut self) {
        self.sessions.clear();
        self.offline.clear();
    }

    pub(crate) fn session_count(&self) -> usize {
        self.sessions.len() + self.offline.len()
    }

    /// Counts one more use of a refresh token. One use too many costs the client its part in the session.
    pub(crate) fn use_refresh(
        &mut self,
        sid: &str,
        offline: bool,
        client: &str,
        jti: &str,
        now: i64,
    ) -> Result<(), RefreshRefusal> {
        let sessions = if offline { &mut self.offline } else { &mut self.sessions };
        let Some(session) = sessions.get_mut(sid) else { return Err(RefreshRefusal::NoClient) };
        let Some(part) = session.clients.get_mut(client) else { return Err(RefreshRefusal::NoClient) };
        if self.revoke_refresh {
            let count = part.uses.entry(jti.to_owned()).or_default();
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
    /// A client's part in the session.
    pub(crate) fn client(&self, client: &str) -> Option<&ClientSession> {
        self.clients.get(client)
    }

    /// Notes what a client's login came to.
    pub(crate) fn note(&mut self, client: &str, acr: String, asked: Asked) {
        let part = self.clients.entry(client.to_owned()).or_default();
        (part.acr, part.asked) = (Some(acr), asked);
    }

    fn ended(self, sid: &str) -> Ended {
        Ended { sid: sid.to_owned(), user_id: self.user_id, clients: self.clients.into_keys().collect() }
    }

    fn is_alive(&self, lifespans: Lifespans, now: i64) -> bool {
        if self.offline {
            return now < self.last_seen + lifespans.offline_idle;
        }
        now < self.last_seen + lifespans.idle && now < self.started + lifespans.max
    }
}
