//! Minting: any token at all, the ones that no honest issuer would sign included.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::endpoints::token::service_account_notes;
use crate::issue::{Grant, Issue};
use crate::jws;
use crate::keys::{Alg, Key, KeyError, Purpose};
use crate::random::{base64url, session_id};
use crate::realm::{Client, User};
use crate::scope;
use crate::state::State;

/// What a minted token starts out as.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum TokenKind {
    /// Claim `typ` `Bearer`.
    #[default]
    Access,
    /// Claim `typ` `ID`; its `aud` is the client.
    Id,
    /// Claim `typ` `Logout`, header `typ` `logout+jwt`, as a back-channel logout carries it.
    Logout,
    /// Claim `typ` `Offline`, signed with HS512.
    Offline,
    /// Claim `typ` `Refresh`, signed with HS512.
    Refresh,
}

impl TokenKind {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "access" => Self::Access,
            "id" => Self::Id,
            "logout" => Self::Logout,
            "offline" => Self::Offline,
            "refresh" => Self::Refresh,
            _ => return None,
        })
    }
}

/// A token that could not be minted.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum MintError {
    /// The key could not be had or used.
    Key(KeyError),
    /// The client may not have that scope.
    Scope {
        /// The scope asked for.
        scope: String,
    },
    /// The realm has no such client.
    UnknownClient {
        /// The client asked for.
        client: String,
    },
    /// The realm has no such user, or the client no service account.
    UnknownUser {
        /// The user asked for; `service account of …` where none was named.
        user: String,
    },
}

impl fmt::Display for MintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(error) => error.fmt(f),
            Self::Scope { scope } => {
                write!(f, "the client may not ask for the scope {scope:?}; use one of its own")
            }
            Self::UnknownClient { client } => {
                write!(f, "the realm has no client {client:?}; name one of the export's")
            }
            Self::UnknownUser { user } => {
                write!(f, "the realm has no user {user:?}; name one of the export's")
            }
        }
    }
}

impl std::error::Error for MintError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Key(error) => Some(error),
            Self::Scope { .. } | Self::UnknownClient { .. } | Self::UnknownUser { .. } => None,
        }
    }
}

impl From<KeyError> for MintError {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

#[derive(Clone)]
enum Signer {
    /// The key of the algorithm.
    Alg(Option<Alg>),
    /// The key of that id.
    Kid(String),
    /// A shared secret, to make tokens that confuse a public key with one.
    Secret(Alg, Vec<u8>),
    /// A fresh key that is in no JWKS.
    Unknown(Alg),
    /// None: `alg` `none`, an empty signature.
    Unsigned,
}

/// Makes one token. Starts as exactly what the token endpoint would issue; every call then bends it.
///
/// Client `api`, scope `openid` and the client's service account are the defaults. A token about a user belongs to a new session, so that introspection finds
/// it active; what introspection tells of roles comes from the realm, not from bent claims.
///
/// ```no_run
/// # async fn example(issuer: kc_dev::DevIssuer) -> Result<(), kc_dev::MintError> {
/// let expired = issuer.mint().user("alice").expires_in(-60).sign().await?;
/// let forged = issuer.mint().user("alice").claim("aud", "other").unknown_key(kc_dev::Alg::Es512).sign().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use = "nothing is minted before `sign`"]
pub struct Mint {
    state: Arc<State>,
    kind: TokenKind,
    user: Option<String>,
    client: String,
    scope: Option<String>,
    signer: Signer,
    claims: Vec<(String, Option<Value>)>,
    header: Vec<(String, Option<Value>)>,
    raw_header: Option<Vec<u8>>,
    raw_payload: Option<Vec<u8>>,
}

impl Mint {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self {
            state,
            kind: TokenKind::Access,
            user: None,
            client: "api".to_owned(),
            scope: Some("openid".to_owned()),
            signer: Signer::Alg(None),
            claims: Vec::new(),
            header: Vec::new(),
            raw_header: None,
            raw_payload: None,
        }
    }

    /// The same calls as members of a JSON object, for other processes. The error is what is wrong with the object.
    pub(crate) fn from_json(state: Arc<State>, body: &Map<String, Value>) -> Result<Self, String> {
        let mut mint = Self::new(state);
        for (name, value) in body {
            let text = || value.as_str().ok_or_else(|| format!("{name} must be text"));
            let object = || value.as_object().ok_or_else(|| format!("{name} must be an object"));
            let texts = || {
                let all = value
                    .as_array()
                    .and_then(|all| all.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
                all.ok_or_else(|| format!("{name} must be an array of texts"))
            };
            let alg =
                || text().and_then(|text| Alg::from_name(text).ok_or_else(|| format!("{name} is not known")));
            mint = match name.as_str() {
                "alg" => mint.alg(alg()?),
                "claims" => {
                    object()?.iter().fold(mint, |mint, (name, value)| mint.claim(name, value.clone()))
                }
                "client" => mint.client(text()?),
                "expires_in" => mint.expires_in(
                    value.as_i64().ok_or_else(|| "expires_in must be a whole number".to_owned())?,
                ),
                "header" => {
                    object()?.iter().fold(mint, |mint, (name, value)| mint.header(name, value.clone()))
                }
                "key" => mint.key(text()?),
                "kind" => {
                    mint.kind(TokenKind::from_name(text()?).ok_or_else(|| "kind is not known".to_owned())?)
                }
                "raw_header" => mint.raw_header(text()?),
                "raw_payload" => mint.raw_payload(text()?),
                "scope" => mint.scope(text()?),
                "unknown_key" => mint.unknown_key(alg()?),
                "unsigned" if value == &Value::Bool(true) => mint.unsigned(),
                "user" => mint.user(text()?),
                "without" => texts()?.into_iter().fold(mint, Self::without),
                "without_header" => texts()?.into_iter().fold(mint, Self::without_header),
                _ => return Err(format!("{name:?} is not a member of a token request")),
            };
        }
        Ok(mint)
    }

    /// What the token starts out as. Default: an access token.
    pub fn kind(mut self, kind: TokenKind) -> Self {
        self.kind = kind;
        self
    }

    /// Whom the token is about. Default: the client's service account.
    pub fn user(mut self, username: impl Into<String>) -> Self {
        self.user = Some(username.into());
        self
    }

    /// Which client asked for it. Default `api`.
    pub fn client(mut self, client_id: impl Into<String>) -> Self {
        self.client = client_id.into();
        self
    }

    /// The `scope` of the request. Default `openid`.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Sets a claim, a known or an unknown one.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.push((name.into(), Some(value.into())));
        self
    }

    /// Leaves a claim out.
    pub fn without(mut self, claim: impl Into<String>) -> Self {
        self.claims.push((claim.into(), None));
        self
    }

    /// Sets `exp` that many seconds from now, which may be negative. `iat` moves along where it would be later than `exp`.
    pub fn expires_in(mut self, secs: i64) -> Self {
        let now = self.state.now();
        let exp = now.saturating_add(secs);
        if exp <= now {
            self = self.claim("iat", exp.saturating_sub(60));
        }
        self.claim("exp", exp)
    }

    /// Sets `realm_access.roles`.
    pub fn realm_roles<I: IntoIterator<Item = S>, S: Into<String>>(self, roles: I) -> Self {
        let roles: Vec<String> = roles.into_iter().map(Into::into).collect();
        self.claim("realm_access", json!({ "roles": roles }))
    }

    /// Sets `resource_access` to the roles of one client.
    pub fn client_roles<I: IntoIterator<Item = S>, S: Into<String>>(self, client: &str, roles: I) -> Self {
        let roles: Vec<String> = roles.into_iter().map(Into::into).collect();
        self.claim("resource_access", json!({ client: { "roles": roles } }))
    }

    /// Sets a member of the header, whatever key signs.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.header.push((name.into(), Some(value.into())));
        self
    }

    /// Leaves a member of the header out.
    pub fn without_header(mut self, name: impl Into<String>) -> Self {
        self.header.push((name.into(), None));
        self
    }

    /// Signs these bytes as the header, in place of any JSON of ours.
    pub fn raw_header(mut self, header: impl Into<Vec<u8>>) -> Self {
        self.raw_header = Some(header.into());
        self
    }

    /// Signs these bytes as the payload, in place of any JSON of ours. Then neither user nor client needs to exist.
    pub fn raw_payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.raw_payload = Some(payload.into());
        self
    }

    /// Signs with the realm's key of that algorithm; one is added to the JWKS if there is none. Default: the client's.
    pub fn alg(mut self, alg: Alg) -> Self {
        self.signer = Signer::Alg(Some(alg));
        self
    }

    /// Signs with the key of that id, be it passive, disabled or for encryption.
    pub fn key(mut self, kid: impl Into<String>) -> Self {
        self.signer = Signer::Kid(kid.into());
        self
    }

    /// Signs with a fresh key of that algorithm, which is in no JWKS.
    pub fn unknown_key(mut self, alg: Alg) -> Self {
        self.signer = Signer::Unknown(alg);
        self
    }

    /// Signs with a secret: with a public key's text as the secret, this is the classic confusion of algorithms.
    ///
    /// An algorithm that isn't symmetric counts as HS256.
    pub fn secret(mut self, alg: Alg, secret: impl Into<Vec<u8>>) -> Self {
        self.signer = Signer::Secret(alg, secret.into());
        self
    }

    /// Doesn't sign: `alg` is `none`, the signature empty (RFC 7519, section 6).
    pub fn unsigned(mut self) -> Self {
        self.signer = Signer::Unsigned;
        self
    }

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
        let payload = self.raw_payload.clone().unwrap_or_else(|| bent(claims, &self.claims));
        let keys = self.state.keys();
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
            Signer::Unknown(alg) => Some(unknown(*alg, &self.state).await?),
            Signer::Unsigned => {
                let header = bent(Map::from_iter([("alg".to_owned(), json!("none"))]), &self.header);
                let header = self.raw_header.clone().unwrap_or(header);
                return Ok(format!("{}.{}.", base64url(&header), base64url(&payload)));
            }
        };
        let key = key.as_deref().unwrap_or_else(|| keys.refresh_key());
        let mut header = jws::header(key);
        if self.kind == TokenKind::Logout {
            header.insert("typ".to_owned(), json!("logout+jwt"));
        }
        let header = self.raw_header.clone().unwrap_or_else(|| bent(header, &self.header));
        Ok(jws::sign_bytes(key, &header, &payload)?)
    }

    /// What the realm would issue, and the algorithm it would sign with.
    fn issued(&self) -> Result<(Map<String, Value>, Alg), MintError> {
        let state = &*self.state;
        let realm = &state.realm;
        let client = realm.clients.get(&self.client);
        let client = client.ok_or_else(|| MintError::UnknownClient { client: self.client.clone() })?;
        let user = self.subject(client)?;
        let requested = self.scope.as_deref();
        let scope = scope::resolve(realm, client, user, requested)
            .map_err(|_| MintError::Scope { scope: requested.unwrap_or_default().to_owned() })?;
        let is_service_account = self.user.is_none();
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

    fn subject(&self, client: &Client) -> Result<&User, MintError> {
        let realm = &self.state.realm;
        match &self.user {
            Some(name) => realm.user(name).ok_or_else(|| MintError::UnknownUser { user: name.clone() }),
            None => realm
                .service_account(&client.id)
                .ok_or_else(|| MintError::UnknownUser { user: format!("service account of {}", client.id) }),
        }
    }
}

impl fmt::Debug for Mint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mint")
            .field("kind", &self.kind)
            .field("user", &self.user)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

async fn unknown(alg: Alg, state: &State) -> Result<Arc<Key>, KeyError> {
    let (realm, now) = (state.realm.name.clone(), state.now());
    let task = tokio::task::spawn_blocking(move || Key::generate(Purpose::Sign(alg), &realm, now));
    task.await.unwrap_or(Err(KeyError::Generate { alg: alg.name() })).map(Arc::new)
}

fn bent(mut members: Map<String, Value>, changes: &[(String, Option<Value>)]) -> Vec<u8> {
    for (name, change) in changes {
        match change {
            Some(value) => members.insert(name.clone(), value.clone()),
            None => members.remove(name),
        };
    }
    Value::Object(members).to_string().into_bytes()
}
