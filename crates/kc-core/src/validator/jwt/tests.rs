//! What a validator asks its keys for, and when. Tokens as a whole are tested in `tests/tokens`.

use std::sync::Mutex;

use super::*;
use crate::clock::{FakeClock, UnixTime};
use crate::keys::{Key, KeysUnavailable};
use crate::keys::{KeySet, Refresh};
use crate::signature::SignatureVerifier;
use crate::token::MAX_TOKEN_BYTES;

const NOW: i64 = 1_795_310_500;

/// Takes every signature that is its own name.
#[derive(Debug)]
struct Named(&'static str);

impl SignatureVerifier for Named {
    fn verify(&self, _: &[u8], signature: &[u8]) -> bool {
        signature == self.0.as_bytes()
    }
}

/// Holds the first set, gives the others one by one when it is asked, and writes down why it was.
#[derive(Debug)]
struct Scripted {
    current: Option<Arc<KeySet>>,
    next: Mutex<Vec<Result<Arc<KeySet>, KeysUnavailable>>>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl KeySource for Scripted {
    fn current(&self) -> Option<Arc<KeySet>> {
        self.current.clone()
    }

    async fn refresh(&self, why: Refresh<'_>) -> Result<Arc<KeySet>, KeysUnavailable> {
        self.asked.lock().unwrap().push(format!("{why:?}"));
        self.next.lock().unwrap().remove(0)
    }
}

fn set(generation: u64, kids: &[&'static str]) -> Arc<KeySet> {
    let key = |kid: &&'static str| {
        let verifier: Box<dyn SignatureVerifier> = Box::new(Named(kid));
        Key::new(Some((*kid).to_owned()), vec![(Algorithm::Es256, verifier)])
    };
    Arc::new(KeySet::new(kids.iter().map(key).collect(), generation))
}

fn down() -> KeysUnavailable {
    KeysUnavailable { retry_after: Duration::from_secs(1), reason: "down".to_owned() }
}

/// A token for a key of this name.
fn token(header: &serde_json::Value, signature: &str) -> String {
    let payload = serde_json::json!({ "iss": "i", "aud": "api", "exp": NOW + 60, "typ": "Bearer" });
    let parts = [header.to_string(), payload.to_string(), signature.to_owned()];
    parts.map(|part| base64_simd::URL_SAFE_NO_PAD.encode_to_string(part)).join(".")
}

fn of(kid: &str) -> String {
    token(&serde_json::json!({ "alg": "ES256", "kid": kid }), kid)
}

/// The code of the verdict, and what the keys were asked for.
async fn verdict(
    current: Option<Arc<KeySet>>,
    next: Vec<Result<Arc<KeySet>, KeysUnavailable>>,
    token: &str,
) -> (&'static str, Vec<String>) {
    let keys = Arc::new(Scripted { current, next: Mutex::new(next), asked: Mutex::default() });
    let clock = Arc::new(FakeClock::at(UnixTime::from_secs(NOW)));
    let source = Arc::clone(&keys) as Arc<dyn KeySource>;
    let validator = JwtValidator::builder("i", ["api"], source).clock(clock).build();
    let code = match validator.validate(token).await {
        Ok(_) => "ok",
        Err(ValidationError::Token(error)) => error.code(),
        Err(ValidationError::Keys(_)) => "keys_unavailable",
        Err(other) => panic!("not from a JwtValidator: {other}"),
    };
    let asked = keys.asked.lock().unwrap().clone();
    (code, asked)
}

const NO_KEYS: &str = "NoKeys";

fn unknown(kid: &str, generation: u64) -> String {
    format!("UnknownKey {{ kid: Some({kid:?}), generation: {generation} }}")
}

#[tokio::test]
async fn a_key_at_hand_is_used_without_asking() {
    assert_eq!(verdict(Some(set(1, &["a"])), vec![], &of("a")).await, ("ok", vec![]));
}

#[tokio::test]
async fn a_bad_signature_asks_for_no_new_keys() {
    let forged = token(&serde_json::json!({ "alg": "ES256", "kid": "a" }), "b");
    assert_eq!(verdict(Some(set(1, &["a"])), vec![], &forged).await, ("invalid_signature", vec![]));
}

#[tokio::test]
async fn a_known_kid_for_another_algorithm_asks_for_no_new_keys() {
    let other = token(&serde_json::json!({ "alg": "RS256", "kid": "a" }), "a");
    assert_eq!(verdict(Some(set(1, &["a"])), vec![], &other).await, ("unknown_key", vec![]));
}

#[tokio::test]
async fn an_unknown_kid_asks_once() {
    let asked = vec![unknown("b", 7)];
    let found = verdict(Some(set(7, &["a"])), vec![Ok(set(8, &["b"]))], &of("b")).await;
    assert_eq!(found, ("ok", asked.clone()));
    let still_unknown = verdict(Some(set(7, &["a"])), vec![Ok(set(8, &["a"]))], &of("b")).await;
    assert_eq!(still_unknown, ("unknown_key", asked.clone()));
    let not_known = verdict(Some(set(7, &["a"])), vec![Err(down())], &of("b")).await;
    assert_eq!(not_known, ("keys_unavailable", asked));
}

#[tokio::test]
async fn an_algorithm_that_no_key_has_asks_once_for_a_token_without_kid() {
    let token = token(&serde_json::json!({ "alg": "RS256" }), "a");
    let (code, asked) = verdict(Some(set(1, &["a"])), vec![Ok(set(1, &["a"]))], &token).await;
    assert_eq!(
        (code, asked.as_slice()),
        ("unknown_key", &["UnknownKey { kid: None, generation: 1 }".to_owned()][..])
    );
}

#[tokio::test]
async fn without_keys_it_asks_for_some_and_once_more_if_they_lack_the_kid() {
    let found = verdict(None, vec![Ok(set(1, &["a"]))], &of("a")).await;
    assert_eq!(found, ("ok", vec![NO_KEYS.to_owned()]));
    let rotated = verdict(None, vec![Ok(set(1, &["a"])), Ok(set(2, &["b"]))], &of("b")).await;
    assert_eq!(rotated, ("ok", vec![NO_KEYS.to_owned(), unknown("b", 1)]));
    let unavailable = verdict(None, vec![Err(down())], &of("a")).await;
    assert_eq!(unavailable, ("keys_unavailable", vec![NO_KEYS.to_owned()]));
}

#[tokio::test]
async fn what_is_wrong_without_a_key_asks_for_none() {
    let header = |header: serde_json::Value| token(&header, "a");
    for (token, code) in [
        (String::new(), "malformed_token"),
        ("a.b.c".to_owned(), "malformed_token"),
        ("a".repeat(MAX_TOKEN_BYTES + 1), "token_too_large"),
        (header(serde_json::json!({ "alg": "none" })), "unsupported_algorithm"),
        (header(serde_json::json!({ "alg": "HS256", "kid": "x" })), "unsupported_algorithm"),
        (header(serde_json::json!({ "alg": "ES256", "kid": 1 })), "malformed_token"),
        (header(serde_json::json!({ "alg": "ES256", "kid": "x", "crit": [] })), "malformed_token"),
        (header(serde_json::json!({ "alg": "ES256", "kid": "x", "typ": "logout+jwt" })), "wrong_token_type"),
        (format!("{}*", of("x")), "malformed_token"),
    ] {
        assert_eq!(verdict(None, vec![], &token).await, (code, vec![]), "{token:.40}");
    }
}

#[tokio::test]
async fn an_algorithm_that_was_switched_off_is_unsupported_whatever_the_key_can_do() {
    let keys = Scripted { current: Some(set(1, &["a"])), next: Mutex::default(), asked: Mutex::default() };
    let validator =
        JwtValidator::builder("i", ["api"], Arc::new(keys)).algorithms([Algorithm::Rs256]).build();
    assert_eq!(validator.algorithms(), [Algorithm::Rs256]);
    let Err(ValidationError::Token(error)) = validator.validate(&of("a")).await else { panic!("refused") };
    assert_eq!(error.code(), "unsupported_algorithm");
}

#[tokio::test]
async fn a_token_is_stood_by_while_it_is_in_force_and_the_keys_are_the_same() {
    let clock = Arc::new(FakeClock::at(UnixTime::from_secs(NOW)));
    let validate = async |generation| {
        let (next, asked) = (Mutex::default(), Mutex::default());
        let source = Arc::new(Scripted { current: Some(set(generation, &["a"])), next, asked });
        let clock = Arc::clone(&clock) as Arc<dyn Clock>;
        let validator = JwtValidator::builder("i", ["api"], source).clock(clock).build();
        let token = validator.validate(&of("a")).await.unwrap();
        (validator, token)
    };
    let (validator, token) = validate(1).await;
    let (of_other_keys, _) = validate(2).await;
    assert!(validator.still_stands(&token));
    assert!(!of_other_keys.still_stands(&token), "the keys have changed");
    let unsigned = VerifiedToken::new(token.claims().clone(), Bytes::new());
    assert!(!validator.still_stands(&unsigned), "somebody else vouched for it");
    clock.advance(Duration::from_secs(64));
    assert!(validator.still_stands(&token), "within the leeway");
    clock.advance(Duration::from_secs(1));
    assert!(!validator.still_stands(&token), "expired");
    clock.set(UnixTime::from_secs(NOW));
    assert!(validator.still_stands(&token), "the clock was set back");
}

#[tokio::test]
async fn without_keys_no_token_is_stood_by() {
    let keys = |current| Arc::new(Scripted { current, next: Mutex::default(), asked: Mutex::default() });
    let clock = Arc::new(FakeClock::at(UnixTime::from_secs(NOW)));
    let with = |source: Arc<Scripted>| {
        JwtValidator::builder("i", ["api"], source).clock(Arc::clone(&clock) as Arc<dyn Clock>).build()
    };
    let token = with(keys(Some(set(1, &["a"])))).validate(&of("a")).await.unwrap();
    assert!(!with(keys(None)).still_stands(&token));
}
