//! The service's validator, asked about one part of a token at a time.
//!
//! A validator ends at the first defect. To hear of the others too, it is given tokens made of one part of the real one, with a
//! key that takes any signature. What it says of these explains; it never decides.

use std::sync::Arc;

use kc_core::clock::{Clock, FakeClock};
use kc_core::keys::{Key, KeySet};
use kc_core::signature::{Algorithm, SignatureVerifier};
use kc_core::token::{MAX_TOKEN_BYTES, TokenError};
use kc_core::validator::{JwtValidator, TokenValidator as _, ValidationError};
use serde_json::{Map, Value, json};

use super::judge::{Expected, Judge};
use crate::token::verify::FileKeys;

/// Where nothing else than the part in question may be found wrong.
const GOOD_HEADER: &str = r#"{"alg":"RS256"}"#;

/// What is left out of the checks.
#[derive(Clone, Copy)]
pub(super) enum Leaving {
    Issuer,
    Audience,
    Both,
}

pub(super) struct Probe<'a> {
    expected: &'a Expected,
    clock: Arc<dyn Clock>,
    keys: Arc<FileKeys>,
}

impl<'a> Probe<'a> {
    pub(super) fn new(judge: &'a Judge) -> Self {
        let any = || Box::new(AnySignature) as Box<dyn SignatureVerifier>;
        let key = Key::new(None, Algorithm::ALL.into_iter().map(|algorithm| (algorithm, any())).collect());
        let keys = Arc::new(FileKeys(Arc::new(KeySet::new(vec![key], 0).for_any_kid())));
        // One moment for all.
        let clock = Arc::new(FakeClock::at(judge.clock.now()));
        Self { expected: &judge.expected, clock, keys }
    }

    /// What is wrong with a token as a text.
    pub(super) async fn text(&self, token: &str) -> Option<TokenError> {
        self.ask(token, Leaving::Both).await
    }

    /// What is wrong with a payload by itself: its JSON.
    pub(super) async fn payload(&self, segment: &str) -> Option<TokenError> {
        self.ask(&format!("{}.{segment}.AAAA", encoded(GOOD_HEADER)), Leaving::Both).await
    }

    /// What is wrong with a header by itself.
    pub(super) async fn header(&self, segment: &str) -> Option<TokenError> {
        self.ask(&format!("{segment}.{}.AAAA", encoded(r#"{"typ":"Bearer"}"#)), Leaving::Both).await
    }

    /// What is wrong with these claims under this `typ` of a header.
    pub(super) async fn claims(
        &self,
        header_type: Option<&Value>,
        claims: &Map<String, Value>,
        leaving: Leaving,
    ) -> Option<TokenError> {
        let mut header = json!({ "alg": "RS256" });
        if let (Some(header), Some(typ)) = (header.as_object_mut(), header_type) {
            header.insert("typ".to_owned(), typ.clone());
        }
        let payload = Value::Object(claims.clone()).to_string();
        // What is made of a token that is not too large is never too large because it is written anew.
        let token = format!("{}.{}.AAAA", encoded(&header.to_string()), encoded(&payload));
        if token.len() > MAX_TOKEN_BYTES { None } else { self.ask(&token, leaving).await }
    }

    async fn ask(&self, token: &str, leaving: Leaving) -> Option<TokenError> {
        let Expected { issuer, audiences, leeway, .. } = self.expected;
        let mut validator = JwtValidator::builder(issuer, audiences, Arc::clone(&self.keys) as _)
            .leeway(*leeway)
            .clock(Arc::clone(&self.clock))
            .dangerous();
        if matches!(leaving, Leaving::Issuer | Leaving::Both) {
            validator = validator.any_issuer();
        }
        if matches!(leaving, Leaving::Audience | Leaving::Both) {
            validator = validator.any_audience();
        }
        match validator.build().validate(token).await {
            Err(ValidationError::Token(error)) => Some(error),
            _ => None,
        }
    }
}

fn encoded(text: &str) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(text)
}

/// Takes everything: for what is made here of parts, and for nothing else.
#[derive(Debug)]
struct AnySignature;

impl SignatureVerifier for AnySignature {
    fn verify(&self, _: &[u8], _: &[u8]) -> bool {
        true
    }
}
