//! One key: made, signing, and shown as a JWK.

use std::fmt;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use aws_lc_rs::{digest, hmac};
use serde_json::{Map, Value, json};

use super::{Alg, KeyError, Purpose, der};
use crate::random::{self, base64url};

enum Material {
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Hmac(Box<hmac::Key>),
    Rsa(Box<RsaKeyPair>),
}

/// A private key with its public side.
pub(crate) struct Key {
    kid: String,
    purpose: Purpose,
    material: Material,
    jwk: Map<String, Value>,
    spki: Option<Vec<u8>>,
}

impl Key {
    /// Makes a new key. For RSA this takes a noticeable part of a second: keep it off the async threads.
    pub(crate) fn generate(purpose: Purpose, realm: &str, now: i64) -> Result<Self, KeyError> {
        match purpose {
            Purpose::Encrypt => Self::rsa(purpose, realm, now),
            Purpose::Sign(alg) => match alg {
                Alg::Rs256 | Alg::Rs384 | Alg::Rs512 | Alg::Ps256 | Alg::Ps384 | Alg::Ps512 => {
                    Self::rsa(purpose, realm, now)
                }
                Alg::Es256 | Alg::Es384 | Alg::Es512 => Self::ec(alg),
                Alg::EdDsa => Self::ed(),
                Alg::Hs256 | Alg::Hs384 | Alg::Hs512 => Ok(Self::from_secret(alg, &random::bytes::<64>())),
            },
        }
    }

    /// A symmetric key. Its `kid` is a UUID, as Keycloak's.
    pub(crate) fn from_secret(alg: Alg, secret: &[u8]) -> Self {
        let algorithm = match alg {
            Alg::Hs384 => hmac::HMAC_SHA384,
            Alg::Hs512 => hmac::HMAC_SHA512,
            _ => hmac::HMAC_SHA256,
        };
        Self {
            kid: random::uuid(),
            purpose: Purpose::Sign(alg),
            material: Material::Hmac(Box::new(hmac::Key::new(algorithm, secret))),
            jwk: Map::new(),
            spki: None,
        }
    }

    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key as a JWK (RFC 7517), with the members Keycloak gives; empty for a symmetric key.
    pub(crate) fn jwk(&self) -> &Map<String, Value> {
        &self.jwk
    }

    /// The `SubjectPublicKeyInfo` of an asymmetric key.
    pub(crate) fn spki(&self) -> Option<&[u8]> {
        self.spki.as_deref()
    }

    /// The private key as PKCS#8 (RFC 5208) and the public one as `SubjectPublicKeyInfo`, both DER; `None` for a symmetric key.
    pub(super) fn pair(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let private = match &self.material {
            Material::Ec(key) => key.to_pkcs8v1().ok()?.as_ref().to_vec(),
            Material::Ed(key) => key.to_pkcs8v1().ok()?.as_ref().to_vec(),
            Material::Hmac(_) => return None,
            Material::Rsa(key) => {
                let der: Pkcs8V1Der<'_> = key.as_der().ok()?;
                der.as_ref().to_vec()
            }
        };
        Some((private, self.spki.clone()?))
    }

    pub(super) fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Signs for a JWS. The algorithm is the key's own; an RSA-OAEP key signs as RS256, to make forbidden tokens with.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        let failed = |_| KeyError::Sign { kid: self.kid.clone() };
        match &self.material {
            Material::Ec(key) => Ok(key.sign(&random, message).map_err(failed)?.as_ref().to_vec()),
            Material::Ed(key) => Ok(key.sign(message).as_ref().to_vec()),
            Material::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Material::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(self.rsa_encoding(), &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
        }
    }

    /// Whether `signature` is this key's over `message`.
    ///
    /// Asymmetric signatures are checked with the public half, so that the check is the same as a stranger's.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        if let Material::Hmac(key) = &self.material {
            return hmac::verify(key, message, signature).is_ok();
        }
        super::verify::jwk_verifies(&self.jwk, self.signing_alg(), message, signature)
    }

    pub(crate) fn signing_alg(&self) -> Alg {
        match self.purpose {
            Purpose::Encrypt => Alg::Rs256,
            Purpose::Sign(alg) => alg,
        }
    }

    fn rsa_encoding(&self) -> &'static dyn RsaEncoding {
        match self.signing_alg() {
            Alg::Rs384 => &RSA_PKCS1_SHA384,
            Alg::Rs512 => &RSA_PKCS1_SHA512,
            Alg::Ps256 => &RSA_PSS_SHA256,
            Alg::Ps384 => &RSA_PSS_SHA384,
            Alg::Ps512 => &RSA_PSS_SHA512,
            _ => &RSA_PKCS1_SHA256,
        }
    }

    fn rsa(purpose: Purpose, realm: &str, now: i64) -> Result<Self, KeyError> {
        let failed = || KeyError::Generate { alg: purpose.alg_name() };
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| failed())?;
        let pkcs1 = pair.public_key().as_ref().to_vec();
        let (modulus, exponent) = der::rsa_numbers(&pkcs1).ok_or_else(failed)?;
        let spki = der::rsa_spki(&pkcs1);
        let certificate = der::self_signed(realm, &spki, now, |message| {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).ok()?;
            Some(signature)
        })
        .ok_or_else(failed)?;
        let kid = kid_of(&spki);
        let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &certificate);
        let sha256 = digest::digest(&digest::SHA256, &certificate);
        let mut jwk = members(&kid, "RSA", purpose);
        jwk.insert("n".to_owned(), json!(base64url(&modulus)));
        jwk.insert("e".to_owned(), json!(base64url(&exponent)));
        jwk.insert("x5c".to_owned(), json!([base64_simd::STANDARD.encode_to_string(&certificate)]));
        jwk.insert("x5t".to_owned(), json!(base64url(sha1.as_ref())));
        jwk.insert("x5t#S256".to_owned(), json!(base64url(sha256.as_ref())));
        Ok(Self { kid, purpose, material: Material::Rsa(Box::new(pair)), jwk, spki: Some(spki) })
    }

    fn ec(alg: Alg) -> Result<Self, KeyError> {
        let (algorithm, curve) = match alg {
            Alg::Es384 => (&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384"),
            Alg::Es512 => (&ECDSA_P521_SHA512_FIXED_SIGNING, "P-521"),
            _ => (&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"),
        };
        let failed = || KeyError::Generate { alg: alg.name() };
        let pair = EcdsaKeyPair::generate(algorithm).map_err(|_| failed())?;
        // An uncompressed point: 4, then both coordinates in full length (SEC 1, section 2.3.3).
        let point = pair.public_key().as_ref();
        let (_, coordinates) = point.split_first().ok_or_else(failed)?;
        let (x, y) = coordinates.split_at_checked(coordinates.len() / 2).ok_or_else(failed)?;
        let purpose = Purpose::Sign(alg);
        let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| failed())?;
        let spki = spki.as_ref().to_vec();
        let kid = kid_of(&spki);
        let mut jwk = members(&kid, "EC", purpose);
        jwk.insert("crv".to_owned(), json!(curve));
        jwk.insert("x".to_owned(), json!(base64url(x)));
        jwk.insert("y".to_owned(), json!(base64url(y)));
        Ok(Self { kid, purpose, material: Material::Ec(pair), jwk, spki: Some(spki) })
    }

    fn ed() -> Result<Self, KeyError> {
        let failed = || KeyError::Generate { alg: Alg::EdDsa.name() };
        let pair = Ed25519KeyPair::generate().map_err(|_| failed())?;
        let public = pair.public_key().as_ref();
        let purpose = Purpose::Sign(Alg::EdDsa);
        let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| failed())?;
        let spki = spki.as_ref().to_vec();
        let kid = kid_of(&spki);
        let mut jwk = members(&kid, "OKP", purpose);
        jwk.insert("crv".to_owned(), json!("Ed25519"));
        jwk.insert("x".to_owned(), json!(base64url(public)));
        Ok(Self { kid, purpose, material: Material::Ed(pair), jwk, spki: Some(spki) })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("kid", &self.kid).field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

/// Keycloak's: the digest of the whole public key.
fn kid_of(spki: &[u8]) -> String {
    base64url(digest::digest(&digest::SHA256, spki).as_ref())
}

fn members(kid: &str, kind: &str, purpose: Purpose) -> Map<String, Value> {
    let usage = match purpose {
        Purpose::Encrypt => "enc",
        Purpose::Sign(_) => "sig",
    };
    let members = [("kid", kid), ("kty", kind), ("alg", purpose.alg_name()), ("use", usage)];
    members.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect()
}
