//! PEM: a pinned public key, or the private key of a client.
#![no_main]

use kc_core::keys::{KeySource, PinnedKeys};
use kc_core::secret::Secret;
use kc_core::signature::Algorithm;
use kc_core::signature::signer::SigningKey;
use libfuzzer_sys::fuzz_target;

/// What looks like a piece of a key is in no error: runs of base64 longer than any word, with small letters, which labels
/// do not have.
fn assert_discreet(error: &(impl std::fmt::Display + std::fmt::Debug), text: &str) {
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(char::is_control), "{shown:?}");
    let runs = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '+' && c != '/');
    for run in runs {
        for window in run.as_bytes().windows(16) {
            if window.iter().any(u8::is_ascii_lowercase) {
                let window = std::str::from_utf8(window).unwrap();
                assert!(!shown.contains(window), "{shown} tells {window}");
            }
        }
    }
}

fuzz_target!(|text: &str| {
    let keys = PinnedKeys::from_pem(text);
    match &keys {
        Ok(keys) => {
            let set = keys.current().unwrap();
            assert!(!set.keys().is_empty());
            assert!(set.keys().iter().all(|key| key.algorithms().next().is_some() && key.kid().is_none()));
        }
        Err(error) => assert_discreet(error, text),
    }
    // Line ends are no part of it.
    let with_cr = text.replace('\n', "\r\n");
    assert_eq!(PinnedKeys::from_pem(&with_cr).is_ok(), keys.is_ok());

    let algorithm = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256][text.len() % 3];
    match SigningKey::from_pem(&Secret::new(text), algorithm, Some("id")) {
        Ok(key) => {
            assert!(key.sign_jwt(&serde_json::json!({ "iss": "api" })).is_ok());
            assert_discreet(&format!("{key:?}"), text);
        }
        Err(error) => assert_discreet(&error, text),
    }
});
