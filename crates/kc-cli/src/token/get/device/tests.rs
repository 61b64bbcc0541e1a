//! Polling, by a server that follows a script, in virtual time. The real server's part is in `token_get_at_keycloak`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use kc_core::transport::{Transport, TransportError};
use serde_json::json;

use super::super::grant::Way;
use super::*;

/// Answers in this order, and remembers when it was asked what.
#[derive(Debug)]
struct Script {
    answers: Mutex<VecDeque<Option<(u16, Value)>>>,
    asked: Mutex<Vec<(u64, String)>>,
    began: Instant,
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let form = String::from_utf8(request.body().to_vec()).unwrap();
        let line = format!("{} {form}", request.uri().path());
        self.asked.lock().unwrap().push((self.began.elapsed().as_secs(), line));
        let answer = self.answers.lock().unwrap().pop_front();
        let (status, body) = answer.expect("it is asked no more").ok_or(TransportError::Broken)?;
        Ok(Response::builder().status(status).body(Bytes::from(body.to_string())).unwrap())
    }
}

fn error(code: &str) -> Option<(u16, Value)> {
    Some((400, json!({ "error": code })))
}

fn codes(expires_in: u64) -> Option<(u16, Value)> {
    let codes = json!({
        "device_code": "device-secret", "user_code": "KMXP-VACS", "verification_uri": "http://kc.test/device",
        "verification_uri_complete": "http://kc.test/device?user_code=KMXP-VACS", "expires_in": expires_in, "interval": 1,
    });
    Some((200, codes))
}

/// How it ended, what people were told, and when the token endpoint was asked.
async fn login(answers: Vec<Option<(u16, Value)>>) -> (Result<Value, Failure>, String, Vec<u64>) {
    let script = Arc::new(Script {
        answers: Mutex::new(answers.into()),
        asked: Mutex::default(),
        began: Instant::now(),
    });
    let tokens = Tokens::at(Arc::clone(&script) as _, Way::Device);
    let mut people = Vec::new();
    let outcome = match Device::begin(&tokens, Some("orders")).await {
        Ok(device) => device.wait(&tokens, &mut people).await,
        Err(failure) => Err(failure),
    };
    let asked = script.asked.lock().unwrap().clone();
    let polls = asked.iter().filter(|(_, line)| line.contains("device_code=device-secret&code_verifier="));
    let polls = polls.map(|(at, _)| *at).collect();
    let (_, first) = asked.first().unwrap();
    assert!(first.starts_with("/realms/shop/protocol/openid-connect/auth/device code_challenge="), "{first}");
    assert!(first.contains("scope=orders&client_id=cli"), "{first}");
    (outcome, String::from_utf8(people).unwrap(), polls)
}

#[tokio::test(start_paused = true)]
async fn it_waits_until_somebody_has_logged_in_and_slows_down_when_told_to() {
    let token = json!({ "access_token": "t" });
    let answers = vec![
        codes(600),
        error("authorization_pending"),
        error("slow_down"),
        error("authorization_pending"),
        Some((200, token.clone())),
    ];
    let (outcome, told, polls) = login(answers).await;
    assert_eq!(outcome.unwrap(), token);
    assert_eq!(polls, [1, 2, 8, 14], "an interval of 1 s, and of 6 s after slow_down");
    assert!(told.contains("Open http://kc.test/device and enter KMXP-VACS"), "{told}");
    assert!(told.contains("within 10 min") && !told.contains("device-secret"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_away_for_a_moment_is_asked_less_often() {
    let answers = vec![codes(600), None, None, Some((200, json!({ "access_token": "t" })))];
    let (outcome, _, polls) = login(answers).await;
    assert!(outcome.is_ok());
    assert_eq!(polls, [1, 3, 7]);
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_the_time_is_over_or_the_person_says_no() {
    let pending = vec![codes(3), error("authorization_pending"), error("authorization_pending")];
    let (outcome, _, polls) = login(pending).await;
    let failure = outcome.unwrap_err();
    assert_eq!((failure.exit_code(), polls), (1, vec![1, 2]));
    assert!(failure.to_string().contains("nobody logged in within 1 min"), "{failure}");
    for code in ["access_denied", "expired_token", "invalid_grant"] {
        let (outcome, _, polls) = login(vec![codes(60), error(code)]).await;
        let failure = outcome.unwrap_err();
        assert_eq!((failure.exit_code(), polls.len()), (1, 1), "{failure}");
        assert!(failure.to_string().contains(code), "{failure}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_flow_that_is_off_is_told_in_clicks_and_an_answer_without_codes_is_nonsense() {
    let words = "Client is not allowed to initiate OAuth 2.0 Device Authorization Grant. The flow is disabled for the client.";
    let off = json!({ "error": "unauthorized_client", "error_description": words });
    let (outcome, ..) = login(vec![Some((401, off))]).await;
    let failure = outcome.unwrap_err();
    let clicks = "Clients > cli > Settings > Capability config: OAuth 2.0 Device Authorization Grant on";
    assert!(failure.to_string().contains(clicks), "{failure}");
    let (outcome, ..) = login(vec![Some((200, json!({ "user_code": "x" })))]).await;
    let failure = outcome.unwrap_err();
    assert!(failure.to_string().contains("there is no device_code"), "{failure}");
    assert_eq!(failure.exit_code(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_repeats_what_it_was_sent_does_not_bring_it_to_the_screen() {
    let echo = json!({ "error": "invalid_request", "error_description": "bad parameter device-secret" });
    let (outcome, ..) = login(vec![codes(60), Some((400, echo))]).await;
    let failure = outcome.unwrap_err();
    assert!(
        failure.to_string().contains("invalid_request") && !failure.to_string().contains("secret"),
        "{failure}"
    );
}
