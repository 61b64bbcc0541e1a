//! What an introspection endpoint answers: the first byte chooses the status, the rest is the body.
#![no_main]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri};
use kc_core::client::ClientAuthentication;
use kc_core::introspection::{HttpIntrospector, Introspection, Introspector, Presented};
use kc_core::secret::Secret;
use kc_core::transport::{Transport, TransportError};
use kc_core::validator::{IntrospectionValidator, ValidationError};
use kc_fuzz::json::Json;
use kc_fuzz::{AUDIENCE, ISSUER, NOW, clock, judge, ready};
use libfuzzer_sys::fuzz_target;

const TOKEN: &str = "kc-fuzz-opaque-token-31415926535897";
const SECRET: &str = "kc-fuzz-client-secret-2718281828459";

/// Answers whatever is asked with this.
#[derive(Debug)]
struct Answering(Mutex<Response<Bytes>>);

#[async_trait]
impl Transport for Answering {
    async fn send(&self, _: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        Ok(self.0.lock().unwrap().clone())
    }
}

fn introspector(status: u16, body: &[u8]) -> Arc<HttpIntrospector> {
    let answer = Response::builder().status(status).body(Bytes::copy_from_slice(body)).unwrap();
    let transport = Arc::new(Answering(Mutex::new(answer)));
    let client = ClientAuthentication::client_secret_basic(AUDIENCE, Secret::new(SECRET));
    let endpoint = Uri::from_static("https://kc.test/introspect");
    Arc::new(HttpIntrospector::new(transport, endpoint, client, clock()))
}

fn assert_discreet(texts: &[String]) {
    for text in texts {
        assert!(!text.contains(TOKEN) && !text.contains(SECRET), "{text}");
        assert!(!text.contains(char::is_control), "{text:?}");
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((first, body)) = input.split_first() else { return };
    let status = [200, 401, 400, 403, 302, 500, 200, 204][usize::from(first % 8)];
    let introspector = introspector(status, body);
    let json = Json::parse(body);

    match ready(introspector.introspect(TOKEN, None)) {
        Ok(Introspection::Active(token)) => {
            let json = json.as_ref().unwrap();
            assert!(status == 200 && *json.get("active").unwrap() == Json::Bool(true) && !json.has_twins());
            assert_eq!(token.json(), body);
            assert_eq!(token.subject(), json.get("sub").and_then(Json::text));
            assert_eq!(token.audience().iter().any(|aud| aud == AUDIENCE), {
                json.get("aud").is_some_and(|aud| aud.is_or_has(AUDIENCE))
            });
            let agrees = token.agrees_with(&Presented { issuer: Some("x"), subject: None }).is_ok();
            assert!(!agrees || token.issuer().is_none_or(|issuer| issuer == "x"));
        }
        Ok(Introspection::Inactive) => {
            assert!(status == 200 && *json.as_ref().unwrap().get("active").unwrap() == Json::Bool(false));
        }
        Err(error) => assert_discreet(&[error.to_string(), format!("{error:?}"), error.diagnosis(AUDIENCE)]),
    }

    let validator = IntrospectionValidator::builder(ISSUER, [AUDIENCE], introspector).clock(clock()).build();
    match judge(&validator, TOKEN) {
        Ok(_) => {
            let json = json.unwrap();
            assert!(json.get("aud").unwrap().is_or_has(AUDIENCE));
            assert!(json.get("iss").is_none_or(|issuer| issuer.text() == Some(ISSUER)));
            assert!(json.get("exp").is_none_or(|exp| exp.number().unwrap() > (NOW - 5) as f64 - 0.01));
            let kind = json.get("typ").is_none_or(|typ| typ.text() == Some("Bearer"));
            assert!(kind && json.get("cnf").is_none());
        }
        Err(ValidationError::Token(error)) => {
            assert_discreet(&[error.public_detail()]);
            assert!(!error.to_string().contains(char::is_control));
        }
        Err(error) => assert_discreet(&[error.to_string(), format!("{error:?}")]),
    }
});
