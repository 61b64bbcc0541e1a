//! What an active answer says, and whether it is about the token that was presented.

use std::fmt;

use bytes::Bytes;

use crate::client::optional_string;
use crate::clock::UnixTime;
use crate::json::{Object, Value};

/// A token that the authorization server calls active: what it says of it.
///
/// The members named here have the shape the standard gives them, or the answer would have been refused; of the others
/// nothing was looked at. `Debug` shows no claim but `sub`, `client_id` and `exp`.
///
/// # Spec
/// RFC 7662 §2.2.
#[derive(Clone, PartialEq)]
pub struct ActiveToken {
    answer: Bytes,
    audience: Vec<String>,
    client_id: Option<String>,
    expires_at: Option<UnixTime>,
    issuer: Option<String>,
    kind: Option<String>,
    scope: Option<String>,
    subject: Option<String>,
    token_type: Option<String>,
    username: Option<String>,
}

impl ActiveToken {
    /// Reads the members of `answer`, which is what `object` was parsed from; the error is the name of one that has the
    /// wrong shape.
    pub(super) fn from_answer(answer: Bytes, object: &Object<'_>) -> Result<Self, &'static str> {
        let string = |name| optional_string(object, name).map(|text| text.map(str::to_owned));
        Ok(Self {
            audience: audience(object.get("aud"))?,
            client_id: string("client_id")?,
            expires_at: date(object.get("exp"))?,
            issuer: string("iss")?,
            kind: string("typ")?,
            scope: string("scope")?,
            subject: string("sub")?,
            token_type: string("token_type")?,
            username: string("username")?,
            answer,
        })
    }

    /// The answer as it came: a JSON object in which no member stands twice.
    ///
    /// Of a lightweight token this holds what the token itself lacks: roles, groups, `sub`, `aud`.
    #[must_use]
    pub const fn json(&self) -> &Bytes {
        &self.answer
    }

    /// `aud`: whom the token is for; empty if the answer names nobody.
    #[must_use]
    pub fn audience(&self) -> &[String] {
        &self.audience
    }

    /// `client_id`: who got the token.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// `exp`: when it ends.
    #[must_use]
    pub const fn expires_at(&self) -> Option<UnixTime> {
        self.expires_at
    }

    /// `iss`: who issued it.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// `typ`: Keycloak's kind of token, such as `Bearer`, `ID` or `DPoP`.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    /// The words of `scope`.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scope.iter().flat_map(|scope| scope.split(' ')).filter(|scope| !scope.is_empty())
    }

    /// `sub`: whom it speaks of.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// `token_type`: how it is to be presented (RFC 6749 §5.1).
    #[must_use]
    pub fn token_type(&self) -> Option<&str> {
        self.token_type.as_deref()
    }

    /// `username`: the user's name for people.
    #[must_use]
    pub fn username(&self) -> Option<&str> {
        self.username.as_deref()
    }

    /// Whether this answer lets `presented` pass as a bearer token.
    ///
    /// - `typ` and `token_type`, where given, are `Bearer` (`token_type` in any case, RFC 6749 §5.1): Keycloak calls ID
    ///   tokens and DPoP-bound tokens active too.
    /// - `iss` and `sub`, where both sides have them, are equal. A lightweight token lacks `sub`; an answer may lack
    ///   either (both are optional in RFC 7662 §2.2).
    ///
    /// # Errors
    /// [`Disagreement`] names the first member that tells against it.
    pub fn agrees_with(&self, presented: &Presented<'_>) -> Result<(), Disagreement> {
        if self.kind().is_some_and(|kind| kind != "Bearer") {
            return Err(Disagreement::Kind);
        }
        if self.token_type().is_some_and(|token_type| !token_type.eq_ignore_ascii_case("Bearer")) {
            return Err(Disagreement::TokenType);
        }
        if differ(presented.issuer, self.issuer()) {
            return Err(Disagreement::Issuer);
        }
        if differ(presented.subject, self.subject()) {
            return Err(Disagreement::Subject);
        }
        Ok(())
    }
}

impl fmt::Debug for ActiveToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActiveToken")
            .field("subject", &self.subject)
            .field("client_id", &self.client_id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// What a token that was presented says of itself, as far as it can be read.
///
/// An opaque token says nothing: `Presented::default()`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Presented<'a> {
    /// Its `iss`.
    pub issuer: Option<&'a str>,
    /// Its `sub`.
    pub subject: Option<&'a str>,
}

/// Why an active answer does not let a token pass. Each is a refusal of the token, not a fault of the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Disagreement {
    /// `iss` is another than the token's.
    Issuer,
    /// `typ` is not `Bearer`: an ID token or a bound one, for example.
    Kind,
    /// `sub` is another than the token's.
    Subject,
    /// `token_type` is not `Bearer`.
    TokenType,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Issuer => "introspection names another issuer than the token",
            Self::Kind => "introspection says in `typ` that this is no bearer access token: send the access token",
            Self::Subject => "introspection names another subject than the token",
            Self::TokenType => {
                "introspection says in `token_type` that this is no bearer token: send an access token that is bound to no key"
            }
        })
    }
}

impl std::error::Error for Disagreement {}

fn differ(presented: Option<&str>, answered: Option<&str>) -> bool {
    presented.zip(answered).is_some_and(|(presented, answered)| presented != answered)
}

fn audience(aud: Option<&Value<'_>>) -> Result<Vec<String>, &'static str> {
    let one = |value: &Value<'_>| match value {
        Value::String(name) => Ok(name.to_string()),
        _ => Err("aud"),
    };
    match aud {
        None => Ok(Vec::new()),
        Some(Value::Array(several)) => several.iter().map(one).collect(),
        Some(value) => one(value).map(|name| vec![name]),
    }
}

fn date(exp: Option<&Value<'_>>) -> Result<Option<UnixTime>, &'static str> {
    match exp {
        None => Ok(None),
        Some(Value::Number(secs)) => UnixTime::from_secs_f64(*secs).map(Some).ok_or("exp"),
        Some(_) => Err("exp"),
    }
}
