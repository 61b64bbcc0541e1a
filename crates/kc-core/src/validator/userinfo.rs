//! [`TokenValidator`] that asks Keycloak who somebody is.

mod challenge;
mod endpoint;
mod error;
mod signed;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Map, Value};

use self::endpoint::Userinfo;
pub use self::endpoint::UserinfoEndpoint;
pub use self::error::UserinfoError;
pub use self::signed::UserinfoSignature;
use super::unverified::Unverified;
use super::{TokenValidator, ValidationError};
use crate::clock::Clock;
use crate::json;
use crate::token::{Claims, Compact, JoseHeader, MAX_JSON_DEPTH, TokenError, VerifiedToken};

/// Checks a token and then asks userinfo: for claims that a realm puts there and not into its tokens, and because
/// userinfo no longer answers for a session that was logged out. Each validation asks, unless answers are
/// [remembered](Self::remembered_for).
///
/// **Userinfo says who somebody is, not that the token is for this service.** Keycloak serves a token of any audience
/// there, and gives no roles unless a mapper puts them there. So it is asked [`after`](Self::after) another validator,
/// which checks the token itself:
///
/// - `sub` of userinfo has to be the token's (OpenID Connect Core §5.3.2);
/// - the claims are the token's, and those of userinfo that the token has not. Userinfo changes none: what a token was
///   narrowed to stays narrow. Of claims about the token or the login (`aud`, `exp`, `scope`, `acr`, `azp` and so on)
///   it adds none either.
///
/// Lightweight tokens are refused: they have no `sub`, and Keycloak does not serve them. Use
/// [`IntrospectionValidator`](super::IntrospectionValidator) for them.
///
/// # Example
/// ```
/// # use std::sync::Arc;
/// use kc_core::validator::{JwtValidator, UserinfoEndpoint, UserinfoValidator};
///
/// # fn validator(jwt: JwtValidator, transport: Arc<dyn kc_core::transport::Transport>) -> UserinfoValidator {
/// let endpoint = http::Uri::from_static("https://kc.example.com/realms/shop/protocol/openid-connect/userinfo");
/// UserinfoValidator::after(Arc::new(jwt), UserinfoEndpoint::new(transport, endpoint))
/// # }
/// ```
#[derive(Debug)]
pub struct UserinfoValidator {
    before: Before,
    endpoint: UserinfoEndpoint,
    memory: Option<Memory>,
}

/// How long an answer counts.
#[derive(Debug)]
struct Memory {
    ttl: Duration,
    clock: Arc<dyn Clock>,
}

/// What is known of a token before userinfo is asked.
#[derive(Debug)]
enum Before {
    /// That it is good.
    Checked(Arc<dyn TokenValidator>),
    /// Nothing; userinfo is this issuer's.
    Nothing { issuer: String },
}

/// A [`UserinfoValidator`] that lacks a check; made by [`UserinfoValidator::dangerous`].
#[derive(Debug)]
pub struct DangerousUserinfo {
    endpoint: UserinfoEndpoint,
}

impl UserinfoValidator {
    /// Asks `endpoint` about tokens that `validator` has accepted.
    #[must_use]
    pub fn after(validator: Arc<dyn TokenValidator>, endpoint: UserinfoEndpoint) -> Self {
        Self { before: Before::Checked(validator), endpoint, memory: None }
    }

    /// Lets an answer count for `ttl`, and not beyond the token's `exp`: for so long the token
    /// [stands](TokenValidator::still_stands), and whoever remembers tokens need not ask again. So long, too, a logout at
    /// Keycloak that nothing else tells of stays unnoticed. Default: an answer counts once. A token that was not checked
    /// by its signature is asked about each time.
    #[must_use]
    pub fn remembered_for(mut self, ttl: Duration, clock: Arc<dyn Clock>) -> Self {
        self.memory = Some(Memory { ttl, clock });
        self
    }

    /// The way to a validator that does not check the token itself.
    #[must_use]
    pub const fn dangerous(endpoint: UserinfoEndpoint) -> DangerousUserinfo {
        DangerousUserinfo { endpoint }
    }
}

impl DangerousUserinfo {
    /// Believes userinfo alone, for tokens of **any audience**: a token that a user gave to any other service of the
    /// realm opens this one too.
    ///
    /// `issuer` is the realm that answers; a token that names another is refused. The claims are those of userinfo and
    /// no others: no `exp`, no `scope`, no `acr`, and no roles unless a mapper adds them.
    #[must_use]
    pub fn any_audience(self, issuer: impl Into<String>) -> UserinfoValidator {
        let before = Before::Nothing { issuer: issuer.into() };
        UserinfoValidator { before, endpoint: self.endpoint, memory: None }
    }
}

#[async_trait]
impl TokenValidator for UserinfoValidator {
    fn still_stands(&self, token: &VerifiedToken) -> bool {
        let (Before::Checked(validator), Some(memory)) = (&self.before, &self.memory) else { return false };
        token.vouched_until().is_some_and(|until| memory.clock.now() < until) && validator.still_stands(token)
    }

    async fn validate(&self, token: &str) -> Result<VerifiedToken, ValidationError> {
        match &self.before {
            Before::Checked(validator) => {
                let checked = validator.validate(token).await?;
                let subject = checked.claims().subject.as_deref();
                let subject = subject.ok_or(TokenError::MissingClaim { claim: "sub" })?;
                let userinfo = self.endpoint.ask(token).await?;
                same_subject(subject, &userinfo)?;
                let token = added(&checked, &userinfo)?;
                Ok(match &self.memory {
                    Some(memory) => memory.of(token),
                    None => token,
                })
            }
            Before::Nothing { issuer } => {
                // Nothing is sent that cannot be one of Keycloak's access tokens.
                JoseHeader::parse(Compact::parse(token)?.header)?;
                let said = Unverified::read(token)?;
                said.check_issuer(issuer)?;
                let userinfo = self.endpoint.ask(token).await?;
                said.subject().map_or(Ok(()), |subject| same_subject(subject, &userinfo))?;
                alone(issuer, userinfo)
            }
        }
    }
}

impl Memory {
    /// Keycloak knows no leeway: it has nothing to say of a token from the second of its `exp` on.
    fn of(&self, token: VerifiedToken) -> VerifiedToken {
        let until = self.clock.now().plus(self.ttl);
        let until = token.claims().expires_at.map_or(until, |exp| until.min(exp));
        token.vouched_for(until)
    }
}

fn same_subject(subject: &str, userinfo: &Userinfo) -> Result<(), TokenError> {
    if subject == userinfo.subject {
        return Ok(());
    }
    tracing::warn!(target: "kc", "userinfo names another subject than the token: neither is believed");
    Err(TokenError::Inactive)
}

/// Claims about the token or the login, and not about the user: only the token can say them.
const OF_THE_TOKEN: [&str; 23] = [
    "acr",
    "act",
    "allowed-origins",
    "amr",
    "at_hash",
    "aud",
    "auth_time",
    "authorization",
    "azp",
    "client_id",
    "cnf",
    "events",
    "exp",
    "iat",
    "iss",
    "jti",
    "may_act",
    "nbf",
    "nonce",
    "scope",
    "sid",
    "sub",
    "typ",
];

/// The token's claims, and those of userinfo that it has not. That an address is verified is taken over only if it is
/// the same address.
fn added(checked: &VerifiedToken, userinfo: &Userinfo) -> Result<VerifiedToken, ValidationError> {
    let mut members: Map<String, Value> = checked.claims_as().map_err(|_| unreadable())?;
    let more: Map<String, Value> = serde_json::from_slice(&userinfo.payload).map_err(|_| unreadable())?;
    // In the order of the alphabet: an address comes before what is said of it.
    for (name, value) in &more {
        let unsaid = members.get(name).is_none_or(Value::is_null);
        let of_another = name.strip_suffix("_verified").is_some_and(|of| members.get(of) != more.get(of));
        if unsaid && !of_another && !OF_THE_TOKEN.contains(&name.as_str()) {
            members.insert(name.clone(), value.clone());
        }
    }
    let payload = Bytes::from(serde_json::to_vec(&members).map_err(|_| unreadable())?);
    let mut claims = read(&payload)?;
    // An introspection answer may lack `iss`; the validator before knows it all the same.
    claims.issuer = claims.issuer.or_else(|| checked.claims().issuer.clone());
    let token = VerifiedToken::new(claims, payload);
    Ok(match checked.generation() {
        Some(generation) => token.signed(generation),
        None => token,
    })
}

/// The claims of userinfo.
fn alone(issuer: &str, userinfo: Userinfo) -> Result<VerifiedToken, ValidationError> {
    let mut claims = read(&userinfo.payload)?;
    if claims.bound {
        return Err(TokenError::Bound.into());
    }
    let named = claims.issuer.get_or_insert_with(|| issuer.to_owned());
    if named != issuer {
        return Err(UserinfoError::Nonsense { what: "it is of another issuer" }.into());
    }
    Ok(VerifiedToken::new(claims, userinfo.payload))
}

fn read(payload: &[u8]) -> Result<Claims, ValidationError> {
    let object = json::parse_object(payload, MAX_JSON_DEPTH).map_err(|_| unreadable())?;
    Ok(Claims::read(&object)?)
}

/// Cannot be: what is read here was read before. Were it so, nobody passes.
const fn unreadable() -> UserinfoError {
    UserinfoError::Nonsense { what: "its JSON cannot be read twice" }
}
