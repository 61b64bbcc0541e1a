//! Signature algorithms and what a realm says about its keys.

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::digest;

/// A JWS algorithm (RFC 7518, section 3.1; RFC 8037).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Alg {
    /// Ed25519.
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// HMAC with SHA-256: symmetric, never in a JWKS.
    Hs256,
    /// HMAC with SHA-384: symmetric, never in a JWKS.
    Hs384,
    /// HMAC with SHA-512: symmetric, what Keycloak signs refresh tokens with.
    Hs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
}

impl Alg {
    /// Every algorithm whose keys can be in a JWKS: those that Keycloak offers for signing tokens.
    pub const ASYMMETRIC: [Self; 10] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
    ];

    /// The name in the header `alg`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
        }
    }

    /// The algorithm of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let symmetric = [Self::Hs256, Self::Hs384, Self::Hs512];
        Self::ASYMMETRIC.into_iter().chain(symmetric).find(|alg| alg.name() == name)
    }

    /// Whether signer and verifier share one secret.
    #[must_use]
    pub fn is_symmetric(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }

    /// The digest whose left half `at_hash` is (OpenID Connect Core, section 3.1.3.6).
    pub(crate) fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Es256 | Self::Hs256 | Self::Ps256 | Self::Rs256 => &digest::SHA256,
            Self::Es384 | Self::Hs384 | Self::Ps384 | Self::Rs384 => &digest::SHA384,
            Self::EdDsa | Self::Es512 | Self::Hs512 | Self::Ps512 | Self::Rs512 => &digest::SHA512,
        }
    }
}

impl fmt::Display for Alg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a key is for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Purpose {
    /// RSA-OAEP: listed with `use` `enc`, never signs a token.
    Encrypt,
    Sign(Alg),
}

impl Purpose {
    pub(crate) fn alg_name(self) -> &'static str {
        match self {
            Self::Encrypt => "RSA-OAEP",
            Self::Sign(alg) => alg.name(),
        }
    }
}

/// A key provider of the realm.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeySpec {
    pub(crate) purpose: Purpose,
    pub(crate) priority: i64,
    pub(crate) enabled: bool,
    pub(crate) active: bool,
}

impl KeySpec {
    pub(crate) fn new(purpose: Purpose, priority: i64) -> Self {
        Self { purpose, priority, enabled: true, active: true }
    }

    /// The keys of a realm that configures none.
    pub(crate) fn keycloak_defaults() -> Vec<Self> {
        vec![Self::new(Purpose::Sign(Alg::Rs256), 100), Self::new(Purpose::Encrypt, 100)]
    }

    /// Reads a key provider; `None` for those whose keys never leave the server (we bring our own HS512 key).
    pub(crate) fn from_component(
        provider: &str,
        config: &BTreeMap<String, Vec<String>>,
    ) -> Result<Option<Self>, String> {
        let first = |name: &str| config.get(name).and_then(|values| values.first()).map(String::as_str);
        let purpose = match provider {
            "hmac-generated" | "aes-generated" => return Ok(None),
            "rsa-generated" | "rsa" => {
                let name = first("algorithm").unwrap_or("RS256");
                Purpose::Sign(
                    Alg::from_name(name).ok_or_else(|| format!("the algorithm {name:?} is not supported"))?,
                )
            }
            "rsa-enc-generated" | "rsa-enc" => match first("algorithm").unwrap_or("RSA-OAEP") {
                "RSA-OAEP" => Purpose::Encrypt,
                other => return Err(format!("the algorithm {other:?} is not supported")),
            },
            "ecdsa-generated" => match first("ecdsaEllipticCurveKey").unwrap_or("P-256") {
                "P-256" => Purpose::Sign(Alg::Es256),
                "P-384" => Purpose::Sign(Alg::Es384),
                "P-521" => Purpose::Sign(Alg::Es512),
                other => return Err(format!("the curve {other:?} is not supported")),
            },
            "eddsa-generated" => match first("eddsaEllipticCurveKey").unwrap_or("Ed25519") {
                "Ed25519" => Purpose::Sign(Alg::EdDsa),
                other => return Err(format!("the curve {other:?} is not supported")),
            },
            other => return Err(format!("the provider {other:?} is not supported")),
        };
        Ok(Some(Self {
            purpose,
            priority: first("priority").and_then(|priority| priority.parse().ok()).unwrap_or(0),
            enabled: first("enabled") != Some("false"),
            active: first("active") != Some("false"),
        }))
    }
}
