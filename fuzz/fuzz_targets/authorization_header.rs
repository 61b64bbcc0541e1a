//! Header lines `Authorization`, one for each line of the input, read afresh and through the memory of tokens seen
//! before.
#![no_main]

use std::sync::{Arc, LazyLock};

use kc_core::roles::KeycloakRoles;
use kc_core::wire::{BearerCredentials, Headers, RequestView};
use kc_core::{Authenticator, BearerAuthenticator};
use kc_fuzz::{assert_discreet, base64url, ready, token, validator};
use libfuzzer_sys::fuzz_target;

/// A good token, remembered; a seed of the corpus presents it.
static KNOWN: LazyLock<(BearerAuthenticator, String)> = LazyLock::new(|| {
    let payload =
        br#"{"iss":"https://kc.test/realms/a","aud":"api","exp":1795310800,"typ":"Bearer","sub":"a"}"#;
    let token = token(br#"{"alg":"ES256"}"#, payload);
    let authenticator = BearerAuthenticator::new(Arc::new(validator()), Arc::new(KeycloakRoles::new("api")))
        .remember(1 << 20);
    let line = format!("Bearer {token}");
    let lines = Lines(vec![line.as_bytes()]);
    assert!(ready(authenticator.authenticate(&view(&lines))).unwrap().is_some());
    assert!(authenticator.recall(&view(&lines)).is_some());
    (authenticator, token)
});

struct Lines<'a>(Vec<&'a [u8]>);

impl Headers for Lines<'_> {
    fn value(&self, name: &str, nth: usize) -> Option<&[u8]> {
        self.0.get(nth).copied().filter(|_| name.eq_ignore_ascii_case("authorization"))
    }
}

fn view<'a>(headers: &'a dyn Headers) -> RequestView<'a> {
    RequestView { method: "GET", path: "/", query: None, route: Some("/"), headers, peer: None }
}

/// RFC 9110 §11.2.
fn is_token68(text: &str) -> bool {
    let letters = text.trim_end_matches('=');
    !letters.is_empty()
        && letters.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

fuzz_target!(|input: &[u8]| {
    let lines =
        Lines(if input.is_empty() { Vec::new() } else { input.split(|byte| *byte == b'\n').collect() });
    let first = lines.0.first().copied().unwrap_or_default().trim_ascii();
    let scheme = first.split(|byte| matches!(byte, b' ' | b'\t')).next().unwrap_or_default();
    let is_bearer = scheme.eq_ignore_ascii_case(b"bearer");

    let read = BearerCredentials::read(&lines);
    match &read {
        Ok(Some(bearer)) => {
            assert!(is_bearer && lines.0.len() == 1 && is_token68(bearer.token()));
            assert!(first.ends_with(bearer.token().as_bytes()));
            let plain = format!("Bearer {}", bearer.token());
            let plain = Lines(vec![plain.as_bytes()]);
            assert_eq!(BearerCredentials::read(&plain).unwrap().unwrap().token(), bearer.token());
            assert!(!format!("{bearer:?}").contains(bearer.token()) || bearer.token().len() < 18);
        }
        Ok(None) => assert!(!is_bearer && lines.0.len() <= 1),
        Err(error) => {
            assert!(is_bearer || lines.0.len() > 1);
            assert_discreet(error, &String::from_utf8_lossy(first));
        }
    }

    let (authenticator, known) = &*KNOWN;
    let request = view(&lines);
    let afresh = ready(authenticator.authenticate(&request));
    // Whoever is recalled from memory would be found afresh too, by the same token.
    if let Some(recalled) = authenticator.recall(&request) {
        let found = afresh.unwrap().unwrap();
        assert_eq!(found.claims().subject, recalled.claims().subject);
        let token = read.unwrap().unwrap().token();
        assert!(token == known || token.split('.').count() == 3, "{}", base64url(token.as_bytes()));
    } else if let Err(error) = afresh {
        assert!(is_bearer || lines.0.len() > 1, "{error}");
    }
});
