//! One issuer: realm, keys, memory, clock. Endpoints, handle and minting all work on this.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::claims::{Subject, audiences};
use crate::fault::Faults;
use crate::jws::Unverified;
use crate::keys::{KeyRing, KeyState};
use crate::realm::{Client, Realm, User};
use crate::scope::GrantedScope;
use crate::session::{Ended, Lifespans, Memory};

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) realm: Realm,
    pub(crate) base_url: String,
    pub(crate) issuer: String,
    pub(crate) faults: Faults,
    keys: RwLock<Arc<KeyRing>>,
    memory: Mutex<Memory>,
    skew_secs: AtomicI64,
    access_lifespan_secs: AtomicI64,
}

/// An access or ID token of ours that passed: the signature is by a key that counts, and it is in its lifetime.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) claims: Map<String, Value>,
}

impl Verified {
    pub(crate) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str()
    }

    pub(crate) fn number(&self, claim: &str) -> Option<i64> {
        self.claims.get(claim)?.as_i64()
    }

    pub(crate) fn is_kind(&self, typ: &str) -> bool {
        self.text("typ") == Some(typ)
    }

    pub(crate) fn audiences(&self) -> Vec<String> {
        audiences(&self.claims)
    }
}

impl State {
    pub(crate) fn new(realm: Realm, base_url: String, keys: KeyRing) -> Self {
        Self {
            issuer: format!("{base_url}/realms/{}", realm.name),
            keys: RwLock::new(Arc::new(keys)),
            memory: Mutex::new(fresh_memory(&realm)),
            skew_secs: AtomicI64::new(0),
            access_lifespan_secs: AtomicI64::new(realm.access_lifespan_secs),
            faults: Faults::default(),
            base_url,
            realm,
        }
    }

    /// Unix time as this issuer sees it, in seconds.
    pub(crate) fn now(&self) -> i64 {
        system_now().saturating_add(self.skew_secs.load(Ordering::Relaxed))
    }

    /// How long access tokens live of clients that don't say it themselves.
    pub(crate) fn access_lifespan_secs(&self) -> i64 {
        self.access_lifespan_secs.load(Ordering::Relaxed)
    }

    pub(crate) fn set_access_lifespan(&self, secs: i64) {
        self.access_lifespan_secs.store(secs, Ordering::Relaxed);
    }

    pub(crate) fn set_skew(&self, secs: i64) {
        self.skew_secs.store(secs, Ordering::Relaxed);
    }

    pub(crate) fn advance(&self, secs: i64) {
        let mut skew = self.skew_secs.load(Ordering::Relaxed);
        let moved = |skew: i64| skew.saturating_add(secs);
        while let Err(meanwhile) =
            self.skew_secs.compare_exchange_weak(skew, moved(skew), Ordering::Relaxed, Ordering::Relaxed)
        {
            skew = meanwhile;
        }
    }

    /// Never held across an await: every use is one short statement.
    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn keys(&self) -> Arc<KeyRing> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Forgets sessions and overrides, as a server with an empty data base would; its keys too, or not.
    pub(crate) fn forget(&self, keys: bool) {
        *self.memory() = fresh_memory(&self.realm);
        self.set_access_lifespan(self.realm.access_lifespan_secs);
        if keys {
            let fresh = KeyRing::new(&self.realm.name, &self.realm.keys, false, system_now());
            *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
        }
    }

    /// Ends every session of a user and distrusts older tokens; `None` if there is no such user.
    pub(crate) fn logout_user(&self, username: &str) -> Option<Vec<Ended>> {
        let user = self.realm.user(username)?;
        let now = self.now();
        let mut memory = self.memory();
        let ended = memory.end_all_of(&user.id);
        memory.set_user_not_before(&user.id, now);
        Some(ended)
    }

    /// Checks a token that we may have signed: signature, issuer and lifetime, not whom it is for.
    pub(crate) fn verify(&self, token: &str) -> Option<Verified> {
        self.verify_signature(token).filter(|token| self.is_current(token))
    }

    /// Checks a token that may have expired, such as the hint of a logout.
    pub(crate) fn verify_expired(&self, token: &str) -> Option<Verified> {
        self.verify_signature(token).filter(|token| token.text("iss") == Some(&self.issuer))
    }

    fn verify_signature(&self, token: &str) -> Option<Verified> {
        let token = Unverified::parse(token)?;
        let (key, state) = self.keys().by_kid(token.header_text("kid")?)?;
        let counts =
            state != KeyState::Disabled && token.header_text("alg") == Some(key.signing_alg().name());
        let genuine = counts && key.verifies(token.signing_input.as_bytes(), &token.signature);
        genuine.then_some(Verified { claims: token.claims })
    }

    /// Checks a refresh or offline token.
    pub(crate) fn verify_refresh(&self, token: &str) -> Option<Verified> {
        let token = Unverified::parse(token)?;
        let keys = self.keys();
        let key = keys.refresh_key();
        let ours = token.header_text("kid") == Some(key.kid()) && token.header_text("alg") == Some("HS512");
        let genuine = ours && key.verifies(token.signing_input.as_bytes(), &token.signature);
        let token = genuine.then_some(Verified { claims: token.claims })?;
        let right_kind = token.is_kind("Refresh") || token.is_kind("Offline");
        (right_kind && token.text("iss") == Some(&self.issuer)).then_some(token)
    }

    fn is_current(&self, token: &Verified) -> bool {
        let now = self.now();
        token.text("iss") == Some(&self.issuer)
            && token.number("exp").is_some_and(|exp| now < exp)
            && token.number("nbf").is_none_or(|nbf| nbf <= now)
    }

    /// Who a token is about: by `sub`, or by its session where it has none (lightweight tokens).
    pub(crate) fn user_of(&self, token: &Verified) -> Option<&User> {
        if let Some(sub) = token.text("sub") {
            return self.realm.user_by_id(sub);
        }
        let memory = self.memory();
        let user_id = memory.session(token.text("sid")?, self.now())?.user_id.clone();
        drop(memory);
        self.realm.user_by_id(&user_id)
    }

    /// Whether the session of a token goes on with the token's client; a token without one (service accounts) needs none.
    pub(crate) fn has_session(&self, token: &Verified) -> bool {
        let (Some(sid), Some(client)) = (token.text("sid"), token.text("azp")) else { return true };
        self.memory().takes_part(sid, client, self.now())
    }

    /// Whether a token was issued before a not-before time of the realm or its user.
    pub(crate) fn is_stale(&self, token: &Verified, user: &User) -> bool {
        token.number("iat").unwrap_or(0) < self.memory().not_before_of(&user.id)
    }

    pub(crate) fn is_revoked(&self, token: &Verified) -> bool {
        token.text("jti").is_some_and(|jti| self.memory().is_revoked(jti))
    }

    pub(crate) fn is_enabled(&self, user: &User) -> bool {
        self.memory().is_enabled(&user.id, user.enabled)
    }

    pub(crate) fn subject<'a>(
        &'a self,
        client: &'a Client,
        user: &'a User,
        scope: &'a GrantedScope<'a>,
        sid: Option<&str>,
        mut notes: BTreeMap<&'static str, Value>,
    ) -> Subject<'a> {
        let (acr, auth_time) = sid.map_or((None, None), |sid| self.login_of(sid, &client.id));
        notes.extend(auth_time.map(|time| ("AUTH_TIME", json!(time))));
        // A grant without a browser comes to the first level of authentication.
        let acr = acr.unwrap_or_else(|| self.realm.acr(1));
        Subject { realm: &self.realm, client, user, scope, acr, notes }
    }

    /// `acr` of the client's last login in a browser, and when the session's last one was.
    pub(crate) fn login_of(&self, sid: &str, client: &str) -> (Option<String>, Option<i64>) {
        let memory = self.memory();
        let Some(session) = memory.session(sid, self.now()) else { return (None, None) };
        (session.client(client).and_then(|part| part.acr.clone()), session.auth_time)
    }

    /// The realm's document: `GET /realms/R`.
    pub(crate) fn realm_document(&self, public_key: &[u8]) -> Value {
        json!({
            "realm": self.realm.name,
            "public_key": base64_simd::STANDARD.encode_to_string(public_key),
            "token-service": format!("{}/protocol/openid-connect", self.issuer),
            "account-service": format!("{}/account", self.issuer),
            "tokens-not-before": self.memory().not_before,
        })
    }
}

/// Unix time by the system's clock, in seconds.
pub(crate) fn system_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn fresh_memory(realm: &Realm) -> Memory {
    let lifespans = Lifespans {
        idle: realm.session_idle_secs,
        max: realm.session_max_secs,
        offline_idle: realm.offline_idle_secs,
    };
    Memory::new(lifespans, realm.not_before, realm.revoke_refresh, realm.refresh_max_reuse)
}
