//! Issuing: the claims of each kind of token, and the token endpoint's answer.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use serde_json::{Map, Value, json};

use crate::claims::{Subject, Target};
use crate::jws;
use crate::keys::{Alg, KeyError};
use crate::random::{base64url, uuid};
use crate::realm::{Client, User};
use crate::scope::GrantedScope;
use crate::state::State;

/// How long Keycloak's logout tokens live.
const LOGOUT_TOKEN_SECS: i64 = 120;

/// How a token was asked for: the last two letters of the prefix of `jti`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Grant {
    ClientCredentials,
    Code,
    Password,
    Refresh,
}

/// One act of issuing.
#[derive(Debug)]
pub(crate) struct Issue<'a> {
    pub(crate) state: &'a State,
    pub(crate) client: &'a Client,
    pub(crate) user: &'a User,
    pub(crate) scope: &'a GrantedScope<'a>,
    pub(crate) grant: Grant,
    /// Absent for service accounts.
    pub(crate) sid: Option<&'a str>,
    pub(crate) offline: bool,
    /// `nonce` of the login, for its ID token.
    pub(crate) nonce: Option<&'a str>,
    pub(crate) notes: BTreeMap<&'static str, Value>,
    pub(crate) now: i64,
}

impl Issue<'_> {
    /// The claims of an access token.
    pub(crate) fn access(&self) -> Map<String, Value> {
        let lightweight = self.client.is_on("client.use.lightweight.access.token.enabled");
        let session = match (self.sid, self.offline) {
            (None, _) => "tr",
            (Some(_), true) => "of",
            (Some(_), false) => "on",
        };
        let grant = match self.grant {
            Grant::ClientCredentials => "cc",
            Grant::Code => "ac",
            Grant::Password => "ro",
            Grant::Refresh => "rt",
        };
        let kind = if lightweight { "lt" } else { "rt" };
        let mut claims = self.base("Bearer", &format!("{session}{kind}{grant}:{}", uuid()));
        claims.insert("exp".to_owned(), json!(self.now + self.access_lifespan()));
        claims.insert("scope".to_owned(), json!(self.scope.shown));
        self.subject().map_into(&mut claims, if lightweight { Target::Lightweight } else { Target::Access });
        claims
    }

    /// The claims of an ID token that goes with `access_token`.
    pub(crate) fn id(&self, access_token: &str) -> Map<String, Value> {
        let mut claims = self.base("ID", &uuid());
        claims.insert("exp".to_owned(), json!(self.now + self.access_lifespan()));
        claims.insert("aud".to_owned(), json!(self.client.id));
        claims.insert("sub".to_owned(), json!(self.user.id));
        claims.insert("at_hash".to_owned(), json!(at_hash(self.id_alg(), access_token)));
        self.subject().map_into(&mut claims, Target::Id);
        if let Some(nonce) = self.nonce {
            claims.insert("nonce".to_owned(), json!(nonce));
        }
        claims
    }

    /// The claims of the refresh (or offline) token that goes with an access token; `first` is the first request's scope.
    pub(crate) fn refresh(
        &self,
        access: &Map<String, Value>,
        first: &GrantedScope<'_>,
    ) -> Map<String, Value> {
        let mut claims = self.base(if self.offline { "Offline" } else { "Refresh" }, &uuid());
        if !self.offline {
            claims.insert("exp".to_owned(), json!(self.now + self.refresh_lifespan()));
        }
        claims.insert("aud".to_owned(), json!(self.state.issuer));
        claims.insert("scope".to_owned(), json!(first.all));
        claims.insert("prov".to_owned(), json!("default"));
        for (from, to) in [("sub", "sub"), ("aud", "aud_x")] {
            if let Some(value) = access.get(from) {
                claims.insert(to.to_owned(), value.clone());
            }
        }
        let subject = self.state.subject(self.client, self.user, first, self.sid, BTreeMap::new());
        if let Some(organization) = subject.memberships().first() {
            claims.insert("organization".to_owned(), json!(organization.alias));
        }
        claims
    }

    /// The claims of a logout token (OpenID Connect Back-Channel Logout 1.0, section 2.4).
    pub(crate) fn logout(&self) -> Map<String, Value> {
        let mut claims = self.base("Logout", &uuid());
        claims.remove("azp");
        claims.insert("exp".to_owned(), json!(self.now + LOGOUT_TOKEN_SECS));
        claims.insert("aud".to_owned(), json!(self.client.id));
        claims.insert("sub".to_owned(), json!(self.user.id));
        claims
            .insert("events".to_owned(), json!({ "http://schemas.openid.net/event/backchannel-logout": {} }));
        claims
    }

    /// Signs everything that the grant gives and puts the answer together.
    ///
    /// `first` is the first request's scope, which the refresh token keeps; without one there is no refresh token.
    pub(crate) async fn answer(
        &self,
        with_id: bool,
        first: Option<&GrantedScope<'_>>,
    ) -> Result<Value, KeyError> {
        let keys = self.state.keys();
        let access_alg =
            self.client.alg("access.token.signed.response.alg").unwrap_or(self.state.realm.default_alg);
        let access = self.access();
        let access_token = jws::sign(&*keys.signer(access_alg).await?, &access)?;
        let mut answer = Map::new();
        if with_id {
            let id = self.id(&access_token);
            answer.insert("id_token".to_owned(), json!(jws::sign(&*keys.signer(self.id_alg()).await?, &id)?));
        }
        let mut refresh_expires_in = 0;
        if let Some(first) = first {
            if !self.offline {
                refresh_expires_in = self.refresh_lifespan();
            }
            let refresh = self.refresh(&access, first);
            answer.insert("refresh_token".to_owned(), json!(jws::sign(keys.refresh_key(), &refresh)?));
        }
        if let Some(sid) = self.sid {
            answer.insert("session_state".to_owned(), json!(sid));
        }
        answer.insert("access_token".to_owned(), json!(access_token));
        answer.insert("expires_in".to_owned(), json!(self.access_lifespan()));
        answer.insert("refresh_expires_in".to_owned(), json!(refresh_expires_in));
        answer.insert("token_type".to_owned(), json!("Bearer"));
        answer
            .insert("not-before-policy".to_owned(), json!(self.state.memory().not_before_of(&self.user.id)));
        // Of an offline token Keycloak tells the whole scope, however narrow the access token is.
        let shown = first.filter(|_| self.offline).unwrap_or(self.scope);
        answer.insert("scope".to_owned(), json!(shown.shown));
        Ok(Value::Object(answer))
    }

    fn base(&self, typ: &str, jti: &str) -> Map<String, Value> {
        let mut claims = Map::new();
        let texts =
            [("iss", self.state.issuer.as_str()), ("typ", typ), ("azp", &self.client.id), ("jti", jti)];
        claims.extend(texts.into_iter().map(|(name, value)| (name.to_owned(), json!(value))));
        claims.insert("iat".to_owned(), json!(self.now));
        if let Some(sid) = self.sid {
            claims.insert("sid".to_owned(), json!(sid));
        }
        claims
    }

    fn subject(&self) -> Subject<'_> {
        self.state.subject(self.client, self.user, self.scope, self.sid, self.notes.clone())
    }

    pub(crate) fn id_alg(&self) -> Alg {
        self.client.alg("id.token.signed.response.alg").unwrap_or(self.state.realm.default_alg)
    }

    /// Never longer than the session has left.
    fn access_lifespan(&self) -> i64 {
        let own = self.client.attributes.get("access.token.lifespan").and_then(|secs| secs.parse().ok());
        let wanted = own.unwrap_or(self.state.access_lifespan_secs());
        if self.offline { wanted } else { wanted.min(self.session_left()) }
    }

    fn refresh_lifespan(&self) -> i64 {
        self.state.realm.session_idle_secs.min(self.session_left())
    }

    fn session_left(&self) -> i64 {
        let memory = self.state.memory();
        let started = self
            .sid
            .and_then(|sid| memory.session(sid, self.now))
            .map_or(self.now, |session| session.started);
        started + self.state.realm.session_max_secs - self.now
    }
}

/// The claims that introspection tells about a token: those it was issued with at the bottom, and what mappers add now.
///
/// `logged_in`: the client's last login in the session says the level of authentication, not the token.
pub(crate) fn introspected(
    subject: &Subject<'_>,
    token: &Map<String, Value>,
    logged_in: bool,
) -> Map<String, Value> {
    const KEPT: [&str; 12] =
        ["aud", "auth_time", "azp", "cnf", "exp", "iat", "iss", "jti", "nbf", "scope", "sid", "typ"];
    let kept = KEPT.into_iter().filter_map(|name| Some((name.to_owned(), token.get(name)?.clone())));
    let mut claims: Map<String, Value> = kept.collect();
    claims.insert("sub".to_owned(), json!(subject.user.id));
    subject.map_into(&mut claims, Target::Introspection);
    // A minted token may say another level than its session would.
    if let Some(acr) = token.get("acr").filter(|_| !logged_in) {
        claims.insert("acr".to_owned(), acr.clone());
    }
    claims
}

/// The left half of the token's digest (OpenID Connect Core, section 3.1.3.6).
fn at_hash(alg: Alg, access_token: &str) -> String {
    let hash = digest::digest(alg.digest(), access_token.as_bytes());
    let (left, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
    base64url(left)
}
