//! JSON Web Key sets (RFC 7517): tolerant of keys we cannot use, strict with those we do.

use std::fmt;

use super::set::Key;
use crate::json::{self, JsonError, Object, Value};
use crate::signature::{Algorithm, Curve, KeyMaterial, verifier_for};
use crate::token::decode_base64url;

/// More keys than any realm has; each costs time to parse.
const MAX_KEYS: usize = 100;

/// JWK sets are flat: `{"keys":[{"x5c":["…"]}]}`.
const MAX_DEPTH: usize = 16;

/// What a JWK set gave.
#[derive(Debug)]
pub(crate) struct ParsedJwks {
    /// The keys to verify with: at least one.
    pub(crate) keys: Vec<Key>,
    /// What makes two sets the same whatever the order: each usable key as text.
    pub(crate) fingerprint: Vec<String>,
    /// Keys left out that look as if they were meant to be used, and why: for the log.
    pub(crate) left_out: Vec<String>,
}

/// Why a document gives no keys.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum JwksError {
    /// Not one key in it can verify a signature.
    NoUsableKey {
        /// What is wrong with each.
        left_out: Vec<String>,
    },
    /// It is not a JSON object with an array `keys`.
    NotAKeySet,
    /// More keys than we take.
    TooMany {
        /// How many there are.
        got: usize,
    },
}

impl fmt::Display for JwksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUsableKey { left_out } if left_out.is_empty() => {
                f.write_str("the key set has no key for signatures")
            }
            Self::NoUsableKey { left_out } => {
                write!(f, "the key set has no usable key for signatures: {}", left_out.join("; "))
            }
            Self::NotAKeySet => f.write_str("it is not a JSON object with an array named keys"),
            Self::TooMany { got } => write!(f, "the key set has {got} keys, more than {MAX_KEYS}"),
        }
    }
}

impl std::error::Error for JwksError {}

impl From<JsonError> for JwksError {
    fn from(_: JsonError) -> Self {
        Self::NotAKeySet
    }
}

/// Reads a JWK set (RFC 7517 §5), or a single JWK.
pub(crate) fn parse(document: &[u8]) -> Result<ParsedJwks, JwksError> {
    let document = json::parse_object(document, MAX_DEPTH)?;
    let keys: Vec<&Object<'_>> = match document.get("keys") {
        Some(Value::Array(keys)) => {
            if keys.len() > MAX_KEYS {
                return Err(JwksError::TooMany { got: keys.len() });
            }
            keys.iter()
                .filter_map(|key| match key {
                    Value::Object(key) => Some(key),
                    _ => None,
                })
                .collect()
        }
        None if document.has("kty") => vec![&document],
        _ => return Err(JwksError::NotAKeySet),
    };
    let mut parsed = ParsedJwks { keys: Vec::new(), fingerprint: Vec::new(), left_out: Vec::new() };
    for jwk in keys {
        match read(jwk) {
            Ok(Some((key, fingerprint))) => {
                parsed.keys.push(key);
                parsed.fingerprint.push(fingerprint);
            }
            Ok(None) => {}
            Err(why) => parsed.left_out.push(format!("key {}: {why}", quoted_kid(jwk))),
        }
    }
    if parsed.keys.is_empty() {
        return Err(JwksError::NoUsableKey { left_out: parsed.left_out });
    }
    report_ambiguous(&mut parsed);
    parsed.fingerprint.sort_unstable();
    Ok(parsed)
}

/// `None`: a key for something else, such as encryption. `Err`: a signature key that we cannot use.
fn read(jwk: &Object<'_>) -> Result<Option<(Key, String)>, String> {
    match jwk.get("use") {
        None => {}
        Some(Value::String(purpose)) if purpose == "sig" => {}
        Some(_) => return Ok(None),
    }
    match jwk.get("key_ops") {
        None => {}
        Some(Value::Array(ops)) if ops.iter().any(|op| matches!(op, Value::String(op) if op == "verify")) => {
        }
        Some(_) => return Ok(None),
    }
    let kty = text(jwk, "kty")?.ok_or("kty is missing")?;
    if kty == "oct" || jwk.has("k") {
        return Err("it is a symmetric key, which has no business in a public key set".to_owned());
    }
    if jwk.has("d") {
        return Err("it is a private key: withdraw it at once".to_owned());
    }
    let material = match kty {
        "RSA" => KeyMaterial::Rsa { n: bytes(jwk, "n")?, e: bytes(jwk, "e")? },
        "EC" => {
            let curve = match text(jwk, "crv")? {
                Some("P-256") => Curve::P256,
                Some("P-384") => Curve::P384,
                Some("P-521") => Curve::P521,
                _ => return Err("its curve is not supported".to_owned()),
            };
            KeyMaterial::Ec { curve, x: bytes(jwk, "x")?, y: bytes(jwk, "y")? }
        }
        "OKP" => match text(jwk, "crv")? {
            Some("Ed25519") => KeyMaterial::Ed25519(bytes(jwk, "x")?),
            _ => return Err("its curve is not supported".to_owned()),
        },
        _ => return Err("its kty is not supported".to_owned()),
    };
    let fitting = material.algorithms();
    let algorithms: Vec<Algorithm> = match text(jwk, "alg")? {
        None => fitting.to_vec(),
        Some(name) => {
            let alg = Algorithm::from_name(name).ok_or("its alg is not supported")?;
            vec![alg]
        }
    };
    let kid = text(jwk, "kid")?.map(str::to_owned);
    let fingerprint = format!("{kid:?} {algorithms:?} {material:02x?}");
    let verifiers = algorithms
        .into_iter()
        .map(|alg| verifier_for(&material, alg).map(|verifier| (alg, verifier)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|defect| defect.to_string())?;
    Ok(Some((Key::new(kid, verifiers), fingerprint)))
}

fn text<'a>(jwk: &'a Object<'_>, member: &str) -> Result<Option<&'a str>, String> {
    match jwk.get(member) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{member} is not a string")),
    }
}

fn bytes(jwk: &Object<'_>, member: &str) -> Result<Vec<u8>, String> {
    let text = text(jwk, member)?.ok_or_else(|| format!("{member} is missing"))?;
    decode_base64url(text.as_bytes()).ok_or_else(|| format!("{member} is not base64url"))
}

fn quoted_kid(jwk: &Object<'_>) -> String {
    match jwk.get("kid") {
        Some(Value::String(kid)) => format!("{:?}", kid.chars().take(60).collect::<String>()),
        _ => "without kid".to_owned(),
    }
}

fn report_ambiguous(parsed: &mut ParsedJwks) {
    for (n, key) in parsed.keys.iter().enumerate() {
        let Some(kid) = key.kid() else { continue };
        let twin = parsed.keys.iter().take(n).find(|other| {
            other.kid() == Some(kid)
                && key.algorithms().any(|alg| other.algorithms().any(|theirs| theirs == alg))
        });
        if twin.is_some() {
            let short: String = kid.chars().take(60).collect();
            parsed
                .left_out
                .push(format!("two keys have the id {short:?} and the same alg: neither is used for it"));
        }
    }
}

#[cfg(test)]
mod tests;
