//! From an order to a token.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Change, Mint, MintError, Signer, TokenKind, Whom};
use crate::endpoints::token::service_account_notes;
use crate::issue::{Grant, Issue};
use crate::jws;
use crate::keys::{Alg, Key, KeyError, Purpose, pem};
use crate::random::{base64url, derived_uuid, session_id};
use crate::realm::User;
use crate::scope;
use crate::state::State;

/// How many names an error lists.
const MOST_NAMES: usize = 12;

impl Mint {
    /// Makes the token.
    ///
    /// # Errors
    ///
    /// [`MintError`] for a user, client, scope or key that the realm doesn't have.
    pub async fn sign(self) -> Result<String, MintError> {
        let (claims, default_alg) = match &self.raw_payload {
            Some(_) => (Map::new(), self.state.realm.default_alg),
            None => self.issued()?,
        };
        let payload = self.raw_payload.clone().unwrap_or_else(|| Change::all(&self.claims, claims));
        let keys = self.state.keys();
        let mut kid = None;
        let key = match &self.signer {
            Signer::Alg(None) if matches!(self.kind, TokenKind::Refresh | TokenKind::Offline) => None,
            Signer::Alg(alg) => Some(keys.signer(alg.unwrap_or(default_alg)).await?),
            Signer::Kid(kid) if kid == keys.refresh_key().kid() => None,
            Signer::Kid(kid) => {
                let found = keys.by_kid(kid).ok_or_else(|| KeyError::UnknownKid { kid: kid.clone() })?;
                Some(found.0)
            }
            Signer::Secret(alg, secret) => {
                let alg = if alg.is_symmetric() { *alg } else { Alg::Hs256 };
                Some(Arc::new(Key::from_secret(alg, secret)))
            }
            Signer::PublicKey => {
                let alg = if default_alg.is_symmetric() { self.state.realm.default_alg } else { default_alg };
                let real = keys.signer(alg).await?;
                let spki = real.spki().ok_or(KeyError::Generate { alg: alg.name() })?;
                kid = Some(real.kid().to_owned());
                Some(Arc::new(Key::from_secret(Alg::Hs256, pem(spki).as_bytes())))
            }
            Signer::Stranger { kid_of_realm } => {
                if *kid_of_realm {
                    let symmetric = default_alg.is_symmetric();
                    let real = if symmetric { None } else { Some(keys.signer(default_alg).await?) };
                    kid = Some(real.as_deref().unwrap_or_else(|| keys.refresh_key()).kid().to_owned());
                }
                Some(unknown(default_alg, &self.state).await?)
            }
            Signer::Unknown(alg) => Some(unknown(*alg, &self.state).await?),
            Signer::Unsigned => {
                let header = Change::all(&self.header, Map::from_iter([("alg".to_owned(), json!("none"))]));
                let header = self.raw_header.clone().unwrap_or(header);
                return Ok(format!("{}.{}.", base64url(&header), base64url(&payload)));
            }
        };
        let key = key.as_deref().unwrap_or_else(|| keys.refresh_key());
        let mut header = jws::header(key);
        header.extend(kid.map(|kid| ("kid".to_owned(), json!(kid))));
        if self.kind == TokenKind::Logout {
            header.insert("typ".to_owned(), json!("logout+jwt"));
        }
        let header = self.raw_header.clone().unwrap_or_else(|| Change::all(&self.header, header));
        Ok(jws::sign_bytes(key, &header, &payload)?)
    }

    /// What the realm would issue, and the algorithm it would sign with.
    fn issued(&self) -> Result<(Map<String, Value>, Alg), MintError> {
        let state = &*self.state;
        let realm = &state.realm;
        let client = realm.clients.get(&self.client);
        let client = client.ok_or_else(|| MintError::UnknownClient {
            client: self.client.clone(),
            known: realm.clients.keys().take(MOST_NAMES).cloned().collect(),
        })?;
        let made_up;
        let user = match &self.whom {
            Whom::ServiceAccount => realm
                .service_account(&client.id)
                .ok_or_else(|| MintError::NoServiceAccount { client: client.id.clone() })?,
            Whom::Somebody(name) => {
                made_up = somebody(&realm.name, name);
                &made_up
            }
            Whom::User(name) => realm.user(name).ok_or_else(|| MintError::UnknownUser {
                user: name.clone(),
                known: realm.users.keys().take(MOST_NAMES).cloned().collect(),
            })?,
        };
        let requested = self.scope.as_deref();
        let scope = scope::resolve(realm, client, user, requested)
            .map_err(|_| MintError::Scope { scope: requested.unwrap_or_default().to_owned() })?;
        let is_service_account = matches!(self.whom, Whom::ServiceAccount);
        let offline = scope.offline || self.kind == TokenKind::Offline;
        let (sid, now) = (session_id(), state.now());
        if !is_service_account {
            state.memory().start(&sid, &user.id, &client.id, offline, now);
        }
        let issue = Issue {
            state,
            client,
            user,
            scope: &scope,
            grant: if is_service_account { Grant::ClientCredentials } else { Grant::Password },
            sid: (!is_service_account).then_some(&sid),
            offline,
            nonce: None,
            notes: if is_service_account {
                service_account_notes(client, "127.0.0.1")
            } else {
                BTreeMap::new()
            },
            now,
        };
        let alg = |attribute| client.alg(attribute).unwrap_or(realm.default_alg);
        Ok(match self.kind {
            TokenKind::Access => (issue.access(), alg("access.token.signed.response.alg")),
            TokenKind::Id => (issue.id(""), alg("id.token.signed.response.alg")),
            TokenKind::Logout => (issue.logout(), realm.default_alg),
            TokenKind::Offline | TokenKind::Refresh => (issue.refresh(&issue.access(), &scope), Alg::Hs512),
        })
    }
}

fn somebody(realm: &str, name: &str) -> User {
    let username = name.to_lowercase();
    User {
        id: derived_uuid(&["somebody", realm, &username]),
        enabled: true,
        email: None,
        email_verified: false,
        first_name: None,
        last_name: None,
        password: None,
        roles: BTreeSet::new(),
        groups: Vec::new(),
        attributes: BTreeMap::new(),
        service_account_of: None,
        username,
    }
}

async fn unknown(alg: Alg, state: &State) -> Result<Arc<Key>, KeyError> {
    let (realm, now) = (state.realm.name.clone(), state.now());
    let task = tokio::task::spawn_blocking(move || Key::generate(Purpose::Sign(alg), &realm, now));
    task.await.unwrap_or(Err(KeyError::Generate { alg: alg.name() })).map(Arc::new)
}
