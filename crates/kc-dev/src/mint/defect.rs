//! Tokens that no service may accept, each for one reason.

use std::fmt;

use serde_json::json;

use super::{Mint, Signer, TokenKind};

/// How long a token is expired, or not valid yet: beyond any leeway.
const FAR_SECS: i64 = 3600;

/// One reason why a token is no good. Everything else about it stays as it was.
///
/// A service's test goes through [`ALL`](Self::ALL) and expects 401 each time:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let issuer = kc_dev::DevIssuer::start().await?;
/// for defect in kc_dev::Defect::ALL {
///     let token = issuer.mint().user("alice").broken(defect).sign().await?;
///     // … send it, and expect 401
///     assert_eq!(token.split('.').count(), 3, "{defect}");
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Defect {
    /// It ended an hour ago (RFC 7519, section 4.1.4).
    Expired,
    /// It is good from an hour from now on (RFC 7519, section 4.1.5).
    NotYetValid,
    /// It never ends: `exp` is not there.
    NoExpiry,
    /// It is for another service (RFC 7519, section 4.1.3).
    OtherAudience,
    /// It is for nobody: `aud` is not there.
    NoAudience,
    /// Another realm's: `iss` is not this issuer (RFC 7519, section 4.1.1).
    OtherIssuer,
    /// It is signed with a key that is in no JWKS, under an id that nobody knows.
    UnknownKey,
    /// It is signed with another key, under the id of the realm's.
    ForgedSignature,
    /// It is not signed: `alg` is `none` (RFC 8725, section 3.2).
    Unsigned,
    /// It is signed by HMAC with the realm's public key as the secret (RFC 8725, section 2.1).
    PublicKeyAsSecret,
    /// It is an ID token, which is for the client and not for a service (RFC 8725, section 3.11).
    IdToken,
    /// It is a refresh token, which is for the realm.
    RefreshToken,
}

impl Defect {
    /// Every defect.
    pub const ALL: [Self; 12] = [
        Self::Expired,
        Self::NotYetValid,
        Self::NoExpiry,
        Self::OtherAudience,
        Self::NoAudience,
        Self::OtherIssuer,
        Self::UnknownKey,
        Self::ForgedSignature,
        Self::Unsigned,
        Self::PublicKeyAsSecret,
        Self::IdToken,
        Self::RefreshToken,
    ];

    /// The name in control paths, such as `expired`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::NoExpiry => "no-expiry",
            Self::OtherAudience => "other-audience",
            Self::NoAudience => "no-audience",
            Self::OtherIssuer => "other-issuer",
            Self::UnknownKey => "unknown-key",
            Self::ForgedSignature => "forged-signature",
            Self::Unsigned => "unsigned",
            Self::PublicKeyAsSecret => "public-key-as-secret",
            Self::IdToken => "id-token",
            Self::RefreshToken => "refresh-token",
        }
    }

    /// What is wrong with such a token, as half a sentence: "ended an hour ago".
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Expired => "ended an hour ago",
            Self::NotYetValid => "is good from an hour from now on",
            Self::NoExpiry => "never ends: it has no exp",
            Self::OtherAudience => "is for another service",
            Self::NoAudience => "is for nobody: it has no aud",
            Self::OtherIssuer => "names another issuer",
            Self::UnknownKey => "is signed with a key that is in no key set",
            Self::ForgedSignature => "is signed with another key under the realm's key id",
            Self::Unsigned => "is not signed: alg is none",
            Self::PublicKeyAsSecret => "is signed by HMAC with the realm's public key as the secret",
            Self::IdToken => "is an ID token",
            Self::RefreshToken => "is a refresh token",
        }
    }

    /// The defect of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|defect| defect.name() == name)
    }

    pub(super) fn applied_to(self, mint: Mint) -> Mint {
        match self {
            Self::Expired => mint.expires_in(-FAR_SECS),
            Self::NotYetValid => {
                let from = mint.state.now().saturating_add(FAR_SECS);
                mint.claim("nbf", from).claim("exp", from.saturating_add(FAR_SECS))
            }
            Self::NoExpiry => mint.without("exp"),
            Self::OtherAudience => mint.audience("another-service"),
            Self::NoAudience => mint.without("aud"),
            Self::OtherIssuer => {
                let issuer = format!("https://another-issuer.test/realms/{}", mint.state.realm.name);
                mint.claim("iss", json!(issuer))
            }
            Self::UnknownKey => mint.signer(Signer::Stranger { kid_of_realm: false }),
            Self::ForgedSignature => mint.signer(Signer::Stranger { kid_of_realm: true }),
            Self::Unsigned => mint.unsigned(),
            Self::PublicKeyAsSecret => mint.signer(Signer::PublicKey),
            Self::IdToken => mint.kind(TokenKind::Id),
            Self::RefreshToken => mint.kind(TokenKind::Refresh),
        }
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
