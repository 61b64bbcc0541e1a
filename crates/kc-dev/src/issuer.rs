//! The handle on a running issuer.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinHandle;

use crate::backchannel;
use crate::builder::{DevIssuerBuilder, StartError, bind, make_keys};
use crate::fault::{Endpoint, Fault};
use crate::keys::{Alg, KeyError, KeyRing, KeyState, Purpose, pem};
use crate::mint::{Mint, MintError};
use crate::server;
use crate::session::Ended;
use crate::state::State;

/// A running issuer. Dropping it closes the port and every connection.
///
/// One handle can be used from many tasks, and any number of issuers can run at once.
pub struct DevIssuer {
    state: Arc<State>,
    address: SocketAddr,
    server: Mutex<Option<JoinHandle<()>>>,
}

impl DevIssuer {
    pub(crate) fn running(state: Arc<State>, address: SocketAddr, server: JoinHandle<()>) -> Self {
        Self { state, address, server: Mutex::new(Some(server)) }
    }

    /// A copy of its keys.
    pub(crate) fn keys(&self) -> KeyRing {
        self.state.keys().copy()
    }

    /// Starts the demo realm on any free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// [`StartError`] if no port is free.
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// Sets up an issuer that differs from [`start`](Self::start)'s.
    pub fn builder() -> DevIssuerBuilder {
        DevIssuerBuilder::new()
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://ADDRESS` or what the builder was told, without a slash at the end: what a service takes as the URL of Keycloak.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.state.base_url
    }

    /// The issuer identifier: `iss` of every token. It follows the address, not the request's `Host`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.state.issuer
    }

    /// The realm's name.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.state.realm.name
    }

    /// What of the realm export is not supported and was left out, one sentence each.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.state.realm.warnings
    }

    /// The `sub` of a user.
    #[must_use]
    pub fn user_id(&self, username: &str) -> Option<&str> {
        self.state.realm.user(username).map(|user| user.id.as_str())
    }

    /// The names of the realm's users, without service accounts.
    pub fn usernames(&self) -> impl Iterator<Item = &str> {
        self.state.realm.people().map(|user| user.username.as_str())
    }

    /// A user's password; `None` where the realm has it as a hash only, and for a name that no user has.
    #[must_use]
    pub fn password(&self, username: &str) -> Option<&str> {
        self.state.realm.user(username)?.password.as_deref()
    }

    /// A user's roles as `NAME` of the realm and `CLIENT/NAME` of a client, without those that everybody has; none for a name that no user has.
    #[must_use]
    pub fn roles_of(&self, username: &str) -> Vec<String> {
        self.state.realm.user(username).map(crate::realm::User::told_roles).unwrap_or_default()
    }

    /// Whether a user may log in; `false` for a name that no user has.
    #[must_use]
    pub fn is_user_enabled(&self, username: &str) -> bool {
        self.state.realm.user(username).is_some_and(|user| self.state.is_enabled(user))
    }

    /// The ids of the realm's clients, without those that every Keycloak realm has.
    #[must_use]
    pub fn client_ids(&self) -> Vec<&str> {
        self.state.realm.client_ids().0
    }

    /// Whether the realm has that client.
    #[must_use]
    pub fn has_client(&self, client_id: &str) -> bool {
        self.state.realm.clients.contains_key(client_id)
    }

    /// The client that a service is most likely: `api`, else the first with a secret, else the first.
    #[must_use]
    pub fn main_client(&self) -> Option<&str> {
        self.state.realm.main_client().map(|client| client.id.as_str())
    }

    /// The secret of a confidential client.
    #[must_use]
    pub fn client_secret(&self, client_id: &str) -> Option<&str> {
        self.state.realm.clients.get(client_id)?.secret.as_deref()
    }

    /// Client, secret, user and password that the password grant takes, to show in a banner; `None` if no client allows it.
    #[must_use]
    pub fn example_login(&self) -> Option<(&str, &str, &str, &str)> {
        let realm = &self.state.realm;
        let usable = |client: &&crate::realm::Client| {
            client.direct_access && !client.is_on("dpop.bound.access.tokens")
        };
        let api = realm.clients.get("api").into_iter();
        let client =
            api.chain(realm.clients.values()).filter(usable).find(|client| client.secret.is_some())?;
        let user = realm.users.values().find(|user| user.enabled && user.password.is_some())?;
        Some((&client.id, client.secret.as_deref()?, &user.username, user.password.as_deref()?))
    }

    /// An access token of that user from that client with scope `openid`, as a login would give; no password needed.
    ///
    /// # Errors
    ///
    /// [`MintError`] for a user or client that the realm doesn't have.
    pub async fn token(&self, username: &str, client_id: &str) -> Result<String, MintError> {
        self.mint().user(username).client(client_id).sign().await
    }

    /// Makes any token, broken ones too.
    pub fn mint(&self) -> Mint {
        Mint::new(Arc::clone(&self.state))
    }

    /// The JWKS as it is served; waits until every key is made.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if a key can't be made.
    pub async fn jwks(&self) -> Result<Value, KeyError> {
        self.state.keys().jwks().await
    }

    /// Every key of the JWKS with its private part, as the components `org.keycloak.keys.KeyProvider` of a realm export; each is named
    /// after its `kid`.
    ///
    /// A real Keycloak that imports them has the same keys under the same ids: what this issuer mints, that server's JWKS
    /// verifies. For tests only, as everything here. Waits until every key is made.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if a key can't be made or written down.
    pub async fn key_providers(&self) -> Result<Value, KeyError> {
        self.state.keys().providers().await
    }

    /// The realm's key of that algorithm as PEM, `SubjectPublicKeyInfo`, for services with a pinned key.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if the key can't be made, or is symmetric.
    pub async fn public_key_pem(&self, alg: Alg) -> Result<String, KeyError> {
        let key = self.state.keys().signer(alg).await?;
        let spki = key.spki().ok_or(KeyError::Generate { alg: alg.name() })?;
        Ok(pem(spki))
    }

    /// Rotates as an administrator does after a leak: a new RS256 key, and the one before it is taken out of the JWKS. The new `kid`.
    ///
    /// [`rotate`](Self::rotate) does it without distrusting the old one.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if the key can't be made.
    pub async fn replace_key(&self) -> Result<String, KeyError> {
        let old = self.kid(Alg::Rs256).await?;
        let kid = self.rotate(Alg::Rs256).await?;
        self.disable_key(&old)?;
        Ok(kid)
    }

    /// Adds a key above all others of its algorithm; new tokens are signed with it. Its `kid`.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if the key can't be made.
    pub async fn rotate(&self, alg: Alg) -> Result<String, KeyError> {
        Ok(self.state.keys().rotate(Purpose::Sign(alg)).await?.kid().to_owned())
    }

    /// The `kid` that tokens of that algorithm are signed with now.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if the key can't be made.
    pub async fn kid(&self, alg: Alg) -> Result<String, KeyError> {
        Ok(self.state.keys().signer(alg).await?.kid().to_owned())
    }

    /// Takes a key out of the JWKS and distrusts its tokens.
    ///
    /// # Errors
    ///
    /// [`KeyError::UnknownKid`] for an id that no key has.
    pub fn disable_key(&self, kid: &str) -> Result<(), KeyError> {
        self.state.keys().set_state(kid, KeyState::Disabled)
    }

    /// Puts a disabled or retired key back to work.
    ///
    /// # Errors
    ///
    /// [`KeyError::UnknownKid`] for an id that no key has.
    pub fn enable_key(&self, kid: &str) -> Result<(), KeyError> {
        self.state.keys().set_state(kid, KeyState::Active)
    }

    /// Keeps a key in the JWKS but signs nothing new with it (Keycloak's "passive").
    ///
    /// # Errors
    ///
    /// [`KeyError::UnknownKid`] for an id that no key has.
    pub fn retire_key(&self, kid: &str) -> Result<(), KeyError> {
        self.state.keys().set_state(kid, KeyState::Passive)
    }

    /// Makes an endpoint fail until [`clear_fault`](Self::clear_fault). Faults on one endpoint add up.
    pub fn fault(&self, endpoint: Endpoint, fault: Fault) {
        self.state.faults.add(endpoint, fault, None);
    }

    /// Makes the next `times` requests to an endpoint fail.
    pub fn fault_times(&self, endpoint: Endpoint, fault: Fault, times: u64) {
        if times > 0 {
            self.state.faults.add(endpoint, fault, Some(times));
        }
    }

    /// Lets an endpoint work again.
    pub fn clear_fault(&self, endpoint: Endpoint) {
        self.state.faults.clear(endpoint);
    }

    /// How many requests an endpoint has had, failed ones included, since the start or the last reset.
    #[must_use]
    pub fn requests(&self, endpoint: Endpoint) -> u64 {
        self.state.faults.requests(endpoint)
    }

    /// Sets every counter to nought.
    pub fn reset_requests(&self) {
        self.state.faults.reset_requests();
    }

    /// Sets this issuer's clock ahead of (or, negative, behind) the system's, in seconds.
    pub fn set_clock_skew(&self, secs: i64) {
        self.state.set_skew(secs);
    }

    /// Moves this issuer's clock on, for a test that moves its service's clock by the same.
    pub fn advance(&self, by: Duration) {
        self.state.advance(i64::try_from(by.as_secs()).unwrap_or(i64::MAX));
    }

    /// Sets how long access tokens live that are issued from now on, in seconds: Keycloak's `accessTokenLifespan`. Default: the realm's.
    pub fn set_access_token_lifespan(&self, secs: u32) {
        self.state.set_access_lifespan(secs.into());
    }

    /// Unix time by this issuer's clock, in seconds.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.state.now()
    }

    /// Sets the realm's not-before: tokens issued earlier don't count. Unix time in seconds, 0 for none.
    pub fn set_not_before(&self, unix_secs: i64) {
        self.state.memory().not_before = unix_secs;
    }

    /// Sets how refresh tokens rotate: Keycloak's `revokeRefreshToken` and `refreshTokenMaxReuse`. Default: the realm's.
    pub fn set_refresh_rotation(&self, revoke: bool, max_reuse: u32) {
        let mut memory = self.state.memory();
        (memory.revoke_refresh, memory.refresh_max_reuse) = (revoke, max_reuse);
    }

    /// Enables or disables a user; false if the realm has none of that name.
    #[must_use = "false says that there is no such user"]
    pub fn set_user_enabled(&self, username: &str, enabled: bool) -> bool {
        let Some(user) = self.state.realm.user(username) else { return false };
        self.state.memory().set_enabled(&user.id, enabled);
        true
    }

    /// Ends every session of a user, as an administrator does; older tokens of the user don't count any more.
    ///
    /// Clients with a back-channel logout URL are told soon after; the control path waits for them.
    #[must_use = "false says that there is no such user"]
    pub fn logout_user(&self, username: &str) -> bool {
        let Some(ended) = self.state.logout_user(username) else { return false };
        self.announce(ended);
        true
    }

    /// Ends one session by its `sid`; false if there is none. Clients are told as by [`logout_user`](Self::logout_user).
    #[must_use = "false says that there is no such session"]
    pub fn end_session(&self, sid: &str) -> bool {
        let Some(ended) = self.state.memory().end(sid) else { return false };
        self.announce(vec![ended]);
        true
    }

    fn announce(&self, ended: Vec<Ended>) {
        let state = Arc::clone(&self.state);
        // Without a runtime nobody can be told, as if the network were down.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { backchannel::announce(&state, &ended).await });
        }
    }

    /// Closes the port and every connection; the issuer can [`resume`](Self::resume). Nothing happens if it is closed already.
    pub async fn pause(&self) {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(server) = server {
            server.abort();
            // Ended by us: the error says just that.
            drop(server.await);
        }
    }

    /// Listens again on the same port, with all sessions and keys.
    ///
    /// # Errors
    ///
    /// [`StartError::Listen`] if somebody else took the port.
    pub async fn resume(&self) -> Result<(), StartError> {
        self.pause().await;
        let listener = bind(self.address).await?;
        let server = server::spawn(listener, Arc::clone(&self.state));
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
        Ok(())
    }

    /// Restarts on the same port without sessions, as a server with an empty data base; with new keys, or with the same.
    ///
    /// # Errors
    ///
    /// [`StartError::Listen`] if somebody else took the port.
    pub async fn restart(&self, new_keys: bool) -> Result<(), StartError> {
        self.pause().await;
        self.state.forget(new_keys);
        make_keys(&self.state);
        self.resume().await
    }

    /// Stops for good; the port is free when this returns.
    pub async fn stop(self) {
        self.pause().await;
    }
}

impl Drop for DevIssuer {
    fn drop(&mut self) {
        if let Some(server) = self.server.lock().unwrap_or_else(PoisonError::into_inner).take() {
            server.abort();
        }
    }
}

impl fmt::Debug for DevIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevIssuer").field("issuer", &self.state.issuer).finish_non_exhaustive()
    }
}
