//! Compact JWS (RFC 7515, section 3.1): put together and taken apart.

use serde_json::{Map, Value, json};

use crate::keys::{Key, KeyError};
use crate::random::{base64url, from_base64url};

/// The header of Keycloak's tokens.
pub(crate) fn header(key: &Key) -> Map<String, Value> {
    let members = [("alg", key.signing_alg().name()), ("typ", "JWT"), ("kid", key.kid())];
    members.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect()
}

/// Signs claims with Keycloak's header.
pub(crate) fn sign(key: &Key, claims: &Map<String, Value>) -> Result<String, KeyError> {
    sign_bytes(key, json!(header(key)).to_string().as_bytes(), json!(claims).to_string().as_bytes())
}

/// Signs any bytes as header and payload, well-formed or not.
pub(crate) fn sign_bytes(key: &Key, header: &[u8], payload: &[u8]) -> Result<String, KeyError> {
    let mut token = signing_input(header, payload);
    let signature = key.sign(token.as_bytes())?;
    token.push('.');
    token.push_str(&base64url(&signature));
    Ok(token)
}

pub(crate) fn signing_input(header: &[u8], payload: &[u8]) -> String {
    format!("{}.{}", base64url(header), base64url(payload))
}

/// A token taken apart; nothing about it is verified.
#[derive(Debug)]
pub(crate) struct Unverified<'a> {
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
    pub(crate) signing_input: &'a str,
    pub(crate) signature: Vec<u8>,
}

impl<'a> Unverified<'a> {
    pub(crate) fn parse(token: &'a str) -> Option<Self> {
        let (signing_input, signature) = token.rsplit_once('.')?;
        let (header, claims) = signing_input.split_once('.')?;
        let object = |part: &str| serde_json::from_slice(&from_base64url(part)?).ok();
        Some(Self {
            header: object(header)?,
            claims: object(claims)?,
            signing_input,
            signature: from_base64url(signature)?,
        })
    }

    pub(crate) fn header_text(&self, name: &str) -> Option<&str> {
        self.header.get(name)?.as_str()
    }
}
