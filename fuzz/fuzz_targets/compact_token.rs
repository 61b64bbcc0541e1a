//! The text of a token, by signature and by introspection.
#![no_main]

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use kc_core::introspection::{Introspection, IntrospectionError, Introspector, TokenTypeHint};
use kc_core::token::MAX_TOKEN_BYTES;
use kc_core::validator::{IntrospectionValidator, JwtValidator, MixedValidator, TokenValidator};
use kc_fuzz::{AUDIENCE, ISSUER, assert_discreet, base64url, clock, judge, validator};
use libfuzzer_sys::fuzz_target;

/// Knows no token.
#[derive(Debug)]
struct Nobody;

#[async_trait]
impl Introspector for Nobody {
    async fn introspect(
        &self,
        _: &str,
        _: Option<TokenTypeHint>,
    ) -> Result<Introspection, IntrospectionError> {
        Ok(Introspection::Inactive)
    }

    fn client_id(&self) -> &str {
        AUDIENCE
    }
}

static SIGNED: LazyLock<JwtValidator> = LazyLock::new(validator);

static INTROSPECTED: LazyLock<Arc<IntrospectionValidator>> = LazyLock::new(|| {
    Arc::new(IntrospectionValidator::builder(ISSUER, [AUDIENCE], Arc::new(Nobody)).clock(clock()).build())
});

static MIXED: LazyLock<MixedValidator> = LazyLock::new(|| {
    let introspected: Arc<dyn TokenValidator> = INTROSPECTED.clone();
    MixedValidator::new(Arc::new(validator()), introspected)
});

fuzz_target!(|token: &str| {
    let signed = judge(&*SIGNED, token);
    for verdict in [&signed, &judge(&**INTROSPECTED, token), &judge(&*MIXED, token)] {
        if let Err(error) = verdict {
            assert_discreet(error, token);
        }
    }
    assert!(judge(&**INTROSPECTED, token).is_err(), "nobody vouched for it");
    assert_eq!(judge(&*MIXED, token).is_ok(), signed.is_ok(), "only the signature can");
    if signed.is_ok() {
        // A good token has one spelling.
        assert!(token.len() <= MAX_TOKEN_BYTES);
        let segments: Vec<&str> = token.split('.').collect();
        assert_eq!(segments.len(), 3);
        for segment in segments {
            let bytes = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(segment).unwrap();
            assert_eq!(base64url(&bytes), segment);
        }
    }
});
