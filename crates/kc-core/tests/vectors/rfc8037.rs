//! The example of RFC 8037 appendix A.4 and A.5, with the key of A.2. Its constants are a Code Component of that RFC
//! (Revised BSD License, <https://trustee.ietf.org/license-info>).

use kc_core::signature::Algorithm::EdDsa;
use serde_json::{Value, json};

use crate::verifier::{code, every_changed_byte_is_refused, validate};

const TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
    hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

fn key() -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" })
}

#[test]
fn the_signature_of_a4_is_verified_and_no_other() {
    every_changed_byte_is_refused(&key(), EdDsa, TOKEN);
}

/// The payload is a sentence: that is said only of what the key has signed.
#[test]
fn the_example_is_a_jws_and_no_token() {
    assert_eq!(code(validate(&key(), 0, TOKEN)), "malformed_token");
    assert_eq!(code(validate(&key(), 0, &TOKEN.replace("hgyY", "hgyZ"))), "invalid_signature");
}

/// The private key of A.1 in a public key set is a mistake to be told of, not a key to be used.
#[test]
fn the_private_key_of_a1_is_not_taken_for_a_public_one() {
    let mut private = key();
    private["d"] = json!("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
    let error = kc_core::keys::KeySet::from_jwks(private.to_string().as_bytes(), 1).unwrap_err().to_string();
    assert!(error.contains("private key") && !error.contains("nWGx"), "{error}");
}
