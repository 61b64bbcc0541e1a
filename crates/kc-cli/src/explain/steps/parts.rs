//! A token, cut up as far as that goes: to be looked at, and to decide nothing.

use serde_json::{Map, Value};

pub(super) struct Parts<'t> {
    /// `None` unless there are three.
    pub(super) segments: Option<Segments<'t>>,
    pub(super) header: Option<Map<String, Value>>,
    pub(super) claims: Option<Map<String, Value>>,
    pub(super) signature: Option<Vec<u8>>,
}

pub(super) struct Segments<'t> {
    pub(super) header: &'t str,
    pub(super) payload: &'t str,
    /// What the signature is over.
    pub(super) signed: &'t str,
}

impl<'t> Parts<'t> {
    pub(super) fn of(token: &'t str) -> Self {
        let nothing = Self { segments: None, header: None, claims: None, signature: None };
        let Some((signed, signature)) = token.rsplit_once('.') else { return nothing };
        match signed.split_once('.') {
            Some((header, payload)) if !payload.contains('.') => Self {
                header: object(header),
                claims: object(payload),
                signature: decoded(signature),
                segments: Some(Segments { header, payload, signed }),
            },
            _ => nothing,
        }
    }

    pub(super) fn alg(&self) -> Option<&str> {
        self.header.as_ref()?.get("alg")?.as_str()
    }

    pub(super) fn kid(&self) -> Option<&str> {
        self.header.as_ref()?.get("kid")?.as_str()
    }
}

fn decoded(segment: &str) -> Option<Vec<u8>> {
    base64_simd::URL_SAFE_NO_PAD.decode_to_vec(segment).ok()
}

fn object(segment: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&decoded(segment)?).ok()
}

/// A segment of a token of our own.
pub(super) fn encoded(value: &Value) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(value.to_string())
}
