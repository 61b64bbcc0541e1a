//! What can be wrong with a token.

use std::fmt;

use crate::clock::UnixTime;
use crate::json::JsonError;

/// Why a token is refused.
///
/// `Display` is one line for the log and for a developer. It holds our own words, the names of claims, and, for an
/// audience or an issuer, what the token says of these, escaped and shortened; never the token.
///
/// # Example
/// ```
/// use kc_core::clock::UnixTime;
/// use kc_core::token::TokenError;
///
/// let error = TokenError::Expired { at: UnixTime::from_secs(60), now: UnixTime::from_secs(90) };
/// assert_eq!(error.code(), "token_expired");
/// assert_eq!(error.public_detail(), "Token has expired");
/// assert_eq!(error.to_string(), "it expired at 1970-01-01T00:01:00.000Z, now it is 1970-01-01T00:01:30.000Z");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TokenError {
    /// None of the `aud` values is accepted (RFC 7519 §4.1.3).
    Audience {
        /// What we accept, any of them.
        expected: Vec<String>,
        /// What the token is for.
        got: Vec<String>,
    },
    /// It is bound to a key (`cnf`, RFC 7800) and was presented as a plain bearer token.
    Bound,
    /// `exp` plus leeway has passed (RFC 7519 §4.1.4).
    Expired {
        /// `exp`.
        at: UnixTime,
        /// When it was looked at.
        now: UnixTime,
    },
    /// Keycloak says that it is not active (RFC 7662).
    Inactive,
    /// `iss` is another issuer (RFC 7519 §4.1.1; compared byte by byte).
    Issuer {
        /// The issuer we trust.
        expected: String,
        /// Who issued it, by its own words.
        got: String,
    },
    /// It is not a JWS in compact serialization with the JSON we take.
    Malformed(Defect),
    /// A claim we know has a wrong shape.
    MalformedClaim {
        /// Its name.
        claim: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A claim that must be there is not, or is `null`.
    MissingClaim {
        /// Its name.
        claim: &'static str,
    },
    /// `nbf` or `iat` is later than now plus leeway (RFC 7519 §4.1.5).
    NotYetValid {
        /// Which of the two.
        claim: &'static str,
        /// Its value.
        at: UnixTime,
        /// When it was looked at.
        now: UnixTime,
    },
    /// Its session was ended, or it is older than the realm's not-before.
    Revoked,
    /// The signature does not fit the key.
    Signature,
    /// More bytes than we take.
    TooLarge {
        /// Bytes we take.
        limit: usize,
    },
    /// `alg` is missing from our list.
    UnsupportedAlgorithm,
    /// No key of the issuer's fits `kid` and `alg`.
    UnknownKey,
    /// It is no access token.
    WrongType {
        /// What it is.
        got: TokenKind,
    },
}

/// What makes a text no token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Defect {
    /// `b64` is present (RFC 7797).
    B64,
    /// A segment is not canonical base64url without padding.
    Base64url,
    /// `zip` is present: nothing is ever inflated.
    Compressed,
    /// `crit` is present: we implement no extension (RFC 7515 §4.1.11).
    Critical,
    /// A member is named twice.
    DuplicateMember,
    /// Five segments: a JWE (RFC 7516).
    Encrypted,
    /// A header parameter that we read has a wrong shape.
    HeaderParameter(&'static str),
    /// The header is not a JSON object.
    HeaderNotJson,
    /// Not three segments.
    NotThreeSegments,
    /// The payload is not a JSON object.
    PayloadNotJson,
    /// JSON nested deeper than we follow.
    TooDeep,
}

impl Defect {
    pub(crate) const fn of_json(error: JsonError, syntax: Self) -> Self {
        match error {
            JsonError::Duplicate => Self::DuplicateMember,
            JsonError::Syntax => syntax,
            JsonError::TooDeep => Self::TooDeep,
        }
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::B64 => "the header parameter b64 is not supported",
            Self::Base64url => "a segment is not canonical base64url",
            Self::Compressed => "compressed tokens are not supported",
            Self::Critical => "the header parameter crit is not supported",
            Self::DuplicateMember => "a member is named twice",
            Self::Encrypted => "encrypted tokens are not supported",
            Self::HeaderParameter(name) => return write!(f, "the header parameter {name} has a wrong shape"),
            Self::HeaderNotJson => "the header is not a JSON object",
            Self::NotThreeSegments => {
                "it does not have three segments, and opaque tokens are not introspected by this service"
            }
            Self::PayloadNotJson => "the payload is not a JSON object",
            Self::TooDeep => "its JSON is nested too deeply",
        })
    }
}

/// The kinds of token that Keycloak signs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TokenKind {
    /// Bound to a key by DPoP, yet without `cnf`.
    Dpop,
    /// An ID token (OpenID Connect Core §2).
    Id,
    /// A logout token (OpenID Connect Back-Channel Logout §2.4).
    Logout,
    /// An offline token.
    Offline,
    /// A refresh token.
    Refresh,
    /// Something else: a permission ticket, an authorization response, a kind unknown to us.
    Other,
}

impl TokenKind {
    pub(crate) fn from_claim(typ: &str) -> Self {
        match typ {
            "DPoP" => Self::Dpop,
            "ID" => Self::Id,
            "Logout" => Self::Logout,
            "Offline" => Self::Offline,
            "Refresh" => Self::Refresh,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dpop => "a DPoP token",
            Self::Id => "an ID token",
            Self::Logout => "a logout token",
            Self::Offline => "an offline token",
            Self::Refresh => "a refresh token",
            Self::Other => "another kind of token",
        })
    }
}

impl TokenError {
    /// Stable; programs and dashboards match on it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Audience { .. } => "invalid_audience",
            Self::Bound => "bound_token",
            Self::Expired { .. } => "token_expired",
            Self::Inactive => "token_inactive",
            Self::Issuer { .. } => "invalid_issuer",
            Self::Malformed(_) => "malformed_token",
            Self::MalformedClaim { .. } => "malformed_claim",
            Self::MissingClaim { .. } => "missing_claim",
            Self::NotYetValid { .. } => "token_not_yet_valid",
            Self::Revoked => "token_revoked",
            Self::Signature => "invalid_signature",
            Self::TooLarge { .. } => "token_too_large",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
            Self::UnknownKey => "unknown_key",
            Self::WrongType { .. } => "wrong_token_type",
        }
    }

    /// What the caller is told: our own words only, nothing of the token.
    #[must_use]
    pub fn public_detail(&self) -> String {
        let reason = match self {
            Self::Audience { .. } => return "Invalid token audience".to_owned(),
            Self::Expired { .. } => return "Token has expired".to_owned(),
            Self::Inactive => return "Token is no longer active".to_owned(),
            Self::Issuer { .. } => "it was issued by another issuer".to_owned(),
            Self::NotYetValid { claim, .. } => format!("it is not valid yet ({claim})"),
            other => other.to_string(),
        };
        format!("Token validation failed: {reason}")
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Audience { expected, got } => write!(
                f,
                "its audience is {}, expected {}: add an audience mapper for `{}` to a client scope of the client \
                 that gets the tokens",
                List(got),
                List(expected),
                expected.first().map_or("", String::as_str),
            ),
            Self::Bound => f.write_str("it is bound to a key (cnf) and must not be presented as Bearer"),
            Self::Expired { at, now } => write!(f, "it expired at {at}, now it is {now}"),
            Self::Inactive => f.write_str("the server says that it is not active"),
            Self::Issuer { expected, got } => {
                write!(f, "its issuer is {got:?}, expected {expected:?}: check the public URL and the realm")
            }
            Self::Malformed(defect) => defect.fmt(f),
            Self::MalformedClaim { claim, expected } => write!(f, "the claim {claim} is not {expected}"),
            Self::MissingClaim { claim: "aud" } => f.write_str(
                "the claim aud is missing: no mapper adds an audience, or it is a lightweight token, which this \
                 service does not introspect",
            ),
            Self::MissingClaim { claim } => write!(f, "the claim {claim} is missing"),
            Self::NotYetValid { claim, at, now } => {
                write!(f, "its {claim} is {at}, now it is {now}: check both clocks")
            }
            Self::Revoked => f.write_str("it was revoked"),
            Self::Signature => f.write_str("its signature does not fit the key"),
            Self::TooLarge { limit } => write!(f, "it is larger than {limit} bytes"),
            Self::UnsupportedAlgorithm => f.write_str("its algorithm is not accepted"),
            Self::UnknownKey => f.write_str("it is signed by an unknown key"),
            Self::WrongType { got } => write!(f, "it is {got}, not an access token"),
        }
    }
}

impl std::error::Error for TokenError {}

/// Names in brackets, each quoted and escaped, at most ten.
struct List<'a>(&'a [String]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (n, name) in self.0.iter().take(10).enumerate() {
            let short: String = name.chars().take(100).collect();
            write!(f, "{}{short:?}", if n == 0 { "" } else { ", " })?;
        }
        f.write_str(if self.0.len() > 10 { ", …]" } else { "]" })
    }
}
