//! An issuer to test against: one key of each kind, made for this run, and a signature over whatever a test likes.
//! It shares nothing with the crate under test but the library that signs.

use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use kc_core::clock::{FakeClock, UnixTime};
use kc_core::keys::{KeySource, PinnedKeys};
use kc_core::token::VerifiedToken;
use kc_core::validator::{JwtValidator, TokenValidator, ValidationError};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://kc.test/realms/a";
pub(crate) const AUDIENCE: &str = "api";

/// What time it is for [`validator`].
pub(crate) const NOW: i64 = 1_795_310_500;

pub(crate) const ALGORITHMS: [&str; 10] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

/// A realm's keys.
#[derive(Debug)]
pub(crate) struct Issuer {
    rsa: RsaKeyPair,
    p256: EcdsaKeyPair,
    p384: EcdsaKeyPair,
    p521: EcdsaKeyPair,
    ed25519: Ed25519KeyPair,
}

/// The one that is trusted.
pub(crate) static OURS: LazyLock<Issuer> = LazyLock::new(Issuer::generate);

/// Somebody else, with keys under the same ids.
pub(crate) static THEIRS: LazyLock<Issuer> = LazyLock::new(Issuer::generate);

impl Issuer {
    fn generate() -> Self {
        Self {
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
            p256: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            p384: EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap(),
            p521: EcdsaKeyPair::generate(&ECDSA_P521_SHA512_FIXED_SIGNING).unwrap(),
            ed25519: Ed25519KeyPair::generate().unwrap(),
        }
    }

    /// The public key for `alg`; its `kid` is the kind of key, its `alg` is left open.
    pub(crate) fn jwk(&self, alg: &str) -> Value {
        let ec = |pair: &EcdsaKeyPair, curve: &str| {
            let point = &pair.public_key().as_ref()[1..];
            let (x, y) = point.split_at(point.len() / 2);
            json!({ "kty": "EC", "crv": curve, "use": "sig", "kid": kid(alg), "x": base64(x), "y": base64(y) })
        };
        match alg {
            "ES256" => ec(&self.p256, "P-256"),
            "ES384" => ec(&self.p384, "P-384"),
            "ES512" => ec(&self.p521, "P-521"),
            "EdDSA" => {
                let x = base64(self.ed25519.public_key().as_ref());
                json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": kid(alg), "x": x })
            }
            _ => {
                let n = base64(self.rsa.public_key().modulus().big_endian_without_leading_zero());
                let e = base64(self.rsa.public_key().exponent().big_endian_without_leading_zero());
                json!({ "kty": "RSA", "use": "sig", "kid": kid(alg), "n": n, "e": e })
            }
        }
    }

    /// All of them, as the realm publishes them.
    pub(crate) fn jwks(&self) -> Value {
        let keys = ["RS256", "ES256", "ES384", "ES512", "EdDSA"].map(|alg| self.jwk(alg));
        json!({ "keys": keys })
    }

    /// The RSA key as a DER `SubjectPublicKeyInfo`.
    pub(crate) fn rsa_spki(&self) -> Vec<u8> {
        self.rsa.public_key().as_der().unwrap().as_ref().to_vec()
    }

    /// The RSA key as PKCS #1.
    pub(crate) fn rsa_pkcs1(&self) -> Vec<u8> {
        self.rsa.public_key().as_ref().to_vec()
    }

    /// The signature by `alg`.
    pub(crate) fn sign(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        let rsa = |encoding: &'static dyn RsaEncoding| {
            let mut signature = vec![0; self.rsa.public_modulus_len()];
            self.rsa.sign(encoding, &SystemRandom::new(), message, &mut signature).unwrap();
            signature
        };
        let ec = |pair: &EcdsaKeyPair| pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec();
        match alg {
            "RS256" => rsa(&RSA_PKCS1_SHA256),
            "RS384" => rsa(&RSA_PKCS1_SHA384),
            "RS512" => rsa(&RSA_PKCS1_SHA512),
            "PS256" => rsa(&RSA_PSS_SHA256),
            "PS384" => rsa(&RSA_PSS_SHA384),
            "PS512" => rsa(&RSA_PSS_SHA512),
            "ES256" => ec(&self.p256),
            "ES384" => ec(&self.p384),
            "ES512" => ec(&self.p521),
            "EdDSA" => self.ed25519.sign(message).as_ref().to_vec(),
            other => panic!("nobody signs with {other}"),
        }
    }

    /// A token of exactly these texts, signed with `alg` whatever the header says.
    pub(crate) fn token_of(&self, alg: &str, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", base64(header.as_bytes()), base64(payload.as_bytes()));
        let signature = base64(&self.sign(alg, message.as_bytes()));
        format!("{message}.{signature}")
    }

    /// A token with this header and payload.
    pub(crate) fn token(&self, header: &Value, payload: &Value) -> String {
        self.token_of(header["alg"].as_str().unwrap(), &header.to_string(), &payload.to_string())
    }

    /// A good token but for these claims; `null` takes a claim away.
    pub(crate) fn with_claims(&self, changes: &Value) -> String {
        self.token(&header("ES256"), &merged(payload(), changes))
    }

    /// A good token but for these header parameters; `null` takes one away.
    pub(crate) fn with_header(&self, changes: &Value) -> String {
        let header = merged(header("ES256"), changes).to_string();
        self.token_of("ES256", &header, &payload().to_string())
    }
}

/// The id of the key for `alg`.
pub(crate) fn kid(alg: &str) -> &'static str {
    match alg {
        "ES256" => "p256",
        "ES384" => "p384",
        "ES512" => "p521",
        "EdDSA" => "ed25519",
        _ => "rsa",
    }
}

/// As Keycloak writes it.
pub(crate) fn header(alg: &str) -> Value {
    json!({ "alg": alg, "typ": "JWT", "kid": kid(alg) })
}

/// A good access token's, for [`validator`].
pub(crate) fn payload() -> Value {
    json!({
        "exp": NOW + 300, "iat": NOW, "auth_time": NOW - 60, "jti": "onrtac:0538c815-7133-6cfc-8c5c-348fbf047ddb",
        "iss": ISSUER, "aud": [AUDIENCE, "account"], "sub": "6c726cda-0d82-4595-9622-5fddae3bc096", "typ": "Bearer",
        "azp": "web", "sid": "0CvjZMek7dY3lRcbZW4Qw0yc", "acr": "silver",
        "realm_access": { "roles": ["admin", "user"] },
        "resource_access": { "api": { "roles": ["api-read"] }, "account": { "roles": ["view-profile"] } },
        "scope": "openid email profile", "email_verified": true, "preferred_username": "alice",
    })
}

/// `object` with `changes` merged in; `null` takes a member away.
pub(crate) fn merged(mut object: Value, changes: &Value) -> Value {
    let members = object.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    object
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = base64_simd::STANDARD.encode_to_string(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// Trusts `keys`, at [`NOW`].
pub(crate) fn validator_with(keys: Arc<dyn KeySource>) -> JwtValidator {
    let clock = Arc::new(FakeClock::at(UnixTime::from_secs(NOW)));
    JwtValidator::builder(ISSUER, [AUDIENCE], keys).clock(clock).build()
}

/// Trusts [`OURS`], at [`NOW`].
pub(crate) fn validator() -> JwtValidator {
    validator_with(Arc::new(PinnedKeys::from_jwks(OURS.jwks().to_string().as_bytes()).unwrap()))
}

/// The verdict, where no waiting is needed to get it.
pub(crate) fn check_with(validator: &JwtValidator, token: &str) -> Result<VerifiedToken, ValidationError> {
    match pin!(validator.validate(token)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(verdict) => verdict,
        Poll::Pending => panic!("pinned keys make nobody wait"),
    }
}

pub(crate) fn check(token: &str) -> Result<VerifiedToken, ValidationError> {
    check_with(&validator(), token)
}

/// The stable code of a refusal, `ok` for a good token.
pub(crate) fn code_of(verdict: &Result<VerifiedToken, ValidationError>) -> &'static str {
    match verdict {
        Ok(_) => "ok",
        Err(ValidationError::Token(error)) => error.code(),
        Err(ValidationError::Keys(_)) => "keys_unavailable",
        Err(other) => panic!("a new kind of error: {other}"),
    }
}

pub(crate) fn code(token: &str) -> &'static str {
    code_of(&check(token))
}
