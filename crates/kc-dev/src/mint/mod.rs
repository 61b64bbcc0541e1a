//! Minting: any token at all, the ones that no honest issuer would sign included.

mod change;
mod defect;
mod error;
mod order;
mod sign;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use self::change::Change;
pub use self::defect::Defect;
pub use self::error::MintError;
use crate::keys::Alg;
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

#[derive(Clone)]
enum Signer {
    /// The key of the algorithm.
    Alg(Option<Alg>),
    /// The key of that id.
    Kid(String),
    /// A shared secret, to make tokens that confuse a public key with one.
    Secret(Alg, Vec<u8>),
    /// HMAC with the realm's public key as the secret.
    PublicKey,
    /// A fresh key of the right algorithm that is in no JWKS; under its own id, or under that of the realm's.
    Stranger { kid_of_realm: bool },
    /// A fresh key that is in no JWKS.
    Unknown(Alg),
    /// None: `alg` `none`, an empty signature.
    Unsigned,
}

/// Whom a token is about.
#[derive(Clone, Debug)]
enum Whom {
    ServiceAccount,
    /// A user of the realm.
    User(String),
    /// Nobody whom the realm knows.
    Somebody(String),
}

/// Makes one token. Starts as exactly what the token endpoint would issue; every call then bends it, in the order of the calls.
///
/// | you want … | call |
/// | --- | --- |
/// | a user of the realm, or one that it doesn't have | [`user`](Self::user), [`somebody`](Self::somebody) |
/// | roles beside those that the user has | [`role`](Self::role), [`client_role`](Self::client_role) |
/// | these roles and no others | [`without_roles`](Self::without_roles) first; [`realm_roles`](Self::realm_roles) |
/// | groups, scopes, audience, level of authentication | [`group`](Self::group), [`scope`](Self::scope), [`granted_scope`](Self::granted_scope), [`audience`](Self::audience), [`acr`](Self::acr) |
/// | another life | [`expires_in`](Self::expires_in), [`logged_in_ago`](Self::logged_in_ago) |
/// | a token that must be refused | [`broken`](Self::broken) |
/// | anything else | [`claim`](Self::claim), [`without`](Self::without), [`header`](Self::header), [`raw_payload`](Self::raw_payload) |
///
/// Client `api`, scope `openid` and the client's service account are the defaults. A token about a user belongs to a new session, so that introspection finds
/// it active; what introspection tells of roles comes from the realm, not from bent claims.
///
/// ```no_run
/// # async fn example(issuer: kc_dev::DevIssuer) -> Result<(), kc_dev::MintError> {
/// let admin = issuer.mint().user("carol").role("admin").client_role("api", "api-admin").sign().await?;
/// let stranger = issuer.mint().somebody("zoe").role("clerk").group("/shop").sign().await?;
/// let expired = issuer.mint().user("alice").broken(kc_dev::Defect::Expired).sign().await?;
/// let forged = issuer.mint().user("alice").claim("aud", "other").unknown_key(kc_dev::Alg::Es512).sign().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use = "nothing is minted before `sign`"]
pub struct Mint {
    state: Arc<State>,
    kind: TokenKind,
    whom: Whom,
    client: String,
    scope: Option<String>,
    signer: Signer,
    claims: Vec<Change>,
    header: Vec<Change>,
    raw_header: Option<Vec<u8>>,
    raw_payload: Option<Vec<u8>>,
}

impl Mint {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self {
            state,
            kind: TokenKind::Access,
            whom: Whom::ServiceAccount,
            client: "api".to_owned(),
            scope: Some("openid".to_owned()),
            signer: Signer::Alg(None),
            claims: Vec::new(),
            header: Vec::new(),
            raw_header: None,
            raw_payload: None,
        }
    }

    /// What the token starts out as. Default: an access token.
    pub fn kind(mut self, kind: TokenKind) -> Self {
        self.kind = kind;
        self
    }

    /// A user of the realm, by name, whom the token is about. Default: the client's service account.
    pub fn user(mut self, username: impl Into<String>) -> Self {
        self.whom = Whom::User(username.into());
        self
    }

    /// Somebody whom the realm doesn't have: a name, a `sub` that follows from it, and no roles, groups or mail address but those
    /// that are given here. Userinfo and introspection don't know such a user.
    pub fn somebody(mut self, username: impl Into<String>) -> Self {
        self.whom = Whom::Somebody(username.into());
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

    /// Adds a word to the claim `scope`, whether or not the client may ask for it, and without the claims that it would bring.
    pub fn granted_scope(mut self, scope: impl Into<String>) -> Self {
        self.claims.push(Change::AddScope(scope.into()));
        self
    }

    /// Sets a claim, a known or an unknown one.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.push(Change::Set(name.into(), value.into()));
        self
    }

    /// Leaves a claim out.
    pub fn without(mut self, claim: impl Into<String>) -> Self {
        self.claims.push(Change::Remove(claim.into()));
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

    /// Adds a role of the realm to those that the user has.
    pub fn role(mut self, name: impl Into<String>) -> Self {
        self.claims.push(Change::AddRole { client: None, name: name.into() });
        self
    }

    /// Adds a role of that client, which the realm need not have, to those that the user has.
    pub fn client_role(mut self, client: impl Into<String>, name: impl Into<String>) -> Self {
        self.claims.push(Change::AddRole { client: Some(client.into()), name: name.into() });
        self
    }

    /// Takes every role away, of realm and clients; roles that are added later stay.
    pub fn without_roles(self) -> Self {
        self.without("realm_access").without("resource_access")
    }

    /// Sets `realm_access.roles`: these and no others of the realm.
    pub fn realm_roles<I: IntoIterator<Item = S>, S: Into<String>>(self, roles: I) -> Self {
        let roles: Vec<String> = roles.into_iter().map(Into::into).collect();
        self.claim("realm_access", json!({ "roles": roles }))
    }

    /// Sets `resource_access`: these roles of one client, and none of any other.
    pub fn client_roles<I: IntoIterator<Item = S>, S: Into<String>>(self, client: &str, roles: I) -> Self {
        let roles: Vec<String> = roles.into_iter().map(Into::into).collect();
        self.claim("resource_access", json!({ client: { "roles": roles } }))
    }

    /// Adds a group to the claim `groups`, by its path such as `/staff/warehouse`.
    pub fn group(mut self, path: impl Into<String>) -> Self {
        self.claims.push(Change::AddGroup(path.into()));
        self
    }

    /// Sets `aud`: for this service and no other.
    pub fn audience(self, audience: impl Into<String>) -> Self {
        self.claim("aud", audience.into())
    }

    /// Sets `aud` to several.
    pub fn audiences<I: IntoIterator<Item = S>, S: Into<String>>(self, audiences: I) -> Self {
        self.claim("aud", audiences.into_iter().map(Into::into).collect::<Vec<String>>())
    }

    /// Sets `acr`, the level of authentication, such as `gold` or `2`.
    pub fn acr(self, level: impl Into<String>) -> Self {
        self.claim("acr", level.into())
    }

    /// Sets `auth_time`: the login was that long ago.
    pub fn logged_in_ago(self, ago: Duration) -> Self {
        let ago = i64::try_from(ago.as_secs()).unwrap_or(i64::MAX);
        let at = self.state.now().saturating_sub(ago);
        self.claim("auth_time", at)
    }

    /// Breaks it in one way, so that no service may accept it.
    pub fn broken(self, defect: Defect) -> Self {
        defect.applied_to(self)
    }

    /// Sets a member of the header, whatever key signs.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.header.push(Change::Set(name.into(), value.into()));
        self
    }

    /// Leaves a member of the header out.
    pub fn without_header(mut self, name: impl Into<String>) -> Self {
        self.header.push(Change::Remove(name.into()));
        self
    }

    fn signer(mut self, signer: Signer) -> Self {
        self.signer = signer;
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
}

impl fmt::Debug for Mint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mint")
            .field("kind", &self.kind)
            .field("whom", &self.whom)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}
