use std::future::Future;
use std::task::Context;

use serde_json::json;
use tokio::time::advance;

use super::*;
use crate::client::ErrorCode;
use crate::client::fake_transport::{Answer, FakeTransport};
use crate::clock::FakeClock;
use crate::transport::TransportError;

const SECRET: &str = "api-secret-4711";
const NOW: UnixTime = UnixTime::from_secs(1_795_308_673);

fn good(token: &str) -> Answer {
    Answer::reply(
        200,
        json!({ "access_token": token, "token_type": "Bearer", "expires_in": 300, "not-before-policy": 0 })
            .to_string(),
    )
}

fn unreachable() -> Answer {
    Answer::Fail(TransportError::Connect { reason: "refused".to_owned() })
}

fn tokens_with(
    script: impl IntoIterator<Item = Answer>,
    options: ServiceTokenOptions,
) -> (Arc<FakeTransport>, ServiceTokens) {
    let transport = Arc::new(FakeTransport::new(script));
    let tokens = ServiceTokens::new(
        transport.clone(),
        Uri::from_static("https://kc.test/token"),
        ClientAuthentication::client_secret_post("api", Secret::new(SECRET)),
        Arc::new(FakeClock::at(NOW)),
        options,
    );
    (transport, tokens)
}

fn tokens(script: impl IntoIterator<Item = Answer>) -> (Arc<FakeTransport>, ServiceTokens) {
    tokens_with(script, ServiceTokenOptions::default())
}

async fn text(tokens: &ServiceTokens) -> String {
    tokens.token().await.unwrap().access_token().expose().to_owned()
}

/// Lets the tasks that were spawned run until they wait for time.
async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

async fn after(secs: f64) {
    advance(Duration::from_secs_f64(secs)).await;
    settle().await;
}

fn nothing_waits(waiting: &mut std::pin::Pin<Box<impl Future>>) -> bool {
    waiting.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())).is_pending()
}

#[tokio::test(start_paused = true)]
async fn a_token_is_fetched_by_the_client_credentials_grant_when_first_asked_for() {
    let (transport, tokens) = tokens([good("t1")]);
    assert_eq!(transport.requests(), 0);
    assert_eq!(text(&tokens).await, "t1");
    let expected = format!("grant_type=client_credentials&client_id=api&client_secret={SECRET}");
    assert_eq!(transport.last().body(), expected.as_bytes());
}

#[tokio::test(start_paused = true)]
async fn scopes_are_asked_for_when_set() {
    let options = ServiceTokenOptions { scope: Some("openid reports".to_owned()) };
    let (transport, tokens) = tokens_with([good("t1")], options);
    tokens.token().await.unwrap();
    let body = String::from_utf8(transport.last().body().to_vec()).unwrap();
    assert!(body.contains("&scope=openid+reports&"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn a_token_tells_how_long_it_lives_counted_from_the_question() {
    let (_, tokens) = tokens([good("t1").after(Duration::from_secs(3))]);
    let token = tokens.token().await.unwrap();
    assert_eq!(token.expires_at(), NOW.plus(Duration::from_secs(300)));
    assert_eq!(token.expires_in(NOW.plus(Duration::from_secs(3))), Duration::from_secs(297));
    assert_eq!(token.expires_in(NOW.plus(Duration::from_secs(900))), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_young_token_is_given_again_without_a_request() {
    let (transport, tokens) = tokens([good("t1"), good("t2")]);
    assert_eq!(text(&tokens).await, "t1");
    after(224.0).await;
    assert_eq!(text(&tokens).await, "t1");
    settle().await;
    assert_eq!(transport.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn past_nine_tenths_of_its_life_the_old_token_is_given_while_a_new_one_is_fetched() {
    let (transport, tokens) = tokens([good("t1"), good("t2").after(Duration::from_secs(2))]);
    tokens.token().await.unwrap();
    after(271.0).await;
    assert_eq!(text(&tokens).await, "t1");
    assert_eq!(text(&tokens).await, "t1");
    settle().await;
    assert_eq!(transport.requests(), 2);
    after(2.0).await;
    assert_eq!(text(&tokens).await, "t2");
    assert_eq!(transport.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn renewals_are_spread_between_three_quarters_and_nine_tenths() {
    let mut early = 0;
    for _ in 0..40 {
        let (transport, tokens) = tokens([good("t1")]);
        tokens.token().await.unwrap();
        after(248.0).await;
        tokens.token().await.unwrap();
        settle().await;
        early += transport.requests() - 1;
    }
    assert!((1..40).contains(&early), "{early} of 40 before the middle");
}

#[tokio::test(start_paused = true)]
async fn in_its_last_seconds_callers_wait_for_the_renewal() {
    let (transport, tokens) = tokens([good("t1"), good("t2").after(Duration::from_secs(2))]);
    tokens.token().await.unwrap();
    after(296.0).await;
    assert_eq!(text(&tokens).await, "t2");
    assert_eq!(transport.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_old_token_is_given_to_its_last_moment_while_the_renewal_fails() {
    let (transport, tokens) = tokens([good("t1"), unreachable()]);
    tokens.token().await.unwrap();
    for second in [280.0, 15.9, 2.0, 2.0] {
        after(second).await;
        assert_eq!(text(&tokens).await, "t1");
        settle().await;
    }
    assert!(transport.requests() > 2);
    after(0.2).await;
    assert!(matches!(tokens.token().await, Err(ServiceTokenError::Unreachable(_))));
}

#[tokio::test(start_paused = true)]
async fn renewals_that_fail_while_the_old_token_lives_come_ever_more_rarely() {
    let long = json!({ "access_token": "t1", "token_type": "Bearer", "expires_in": 36_000 }).to_string();
    let (transport, tokens) = tokens([Answer::reply(200, long), unreachable()]);
    tokens.token().await.unwrap();
    after(32_401.0).await;
    let mut at = Vec::new();
    for tenth in 0..1_000 {
        let before = transport.requests();
        tokens.token().await.unwrap();
        settle().await;
        if transport.requests() > before {
            at.push(tenth);
        }
        after(0.1).await;
    }
    let gaps: Vec<i32> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(gaps, [10, 20, 40, 80, 160, 300, 300]);
}

#[tokio::test(start_paused = true)]
async fn with_no_token_at_most_one_request_a_second_is_made_and_the_error_is_given_at_once() {
    let (transport, tokens) = tokens([unreachable()]);
    for _ in 0..95 {
        assert!(matches!(tokens.token().await, Err(ServiceTokenError::Unreachable(_))));
        after(0.1).await;
    }
    assert_eq!(transport.requests(), 10);
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_the_next_request_brings_a_token() {
    let (_, tokens) = tokens([unreachable(), unreachable(), good("t1")]);
    for _ in 0..2 {
        tokens.token().await.unwrap_err();
        after(1.0).await;
    }
    assert_eq!(text(&tokens).await, "t1");
}

#[tokio::test(start_paused = true)]
async fn a_hundred_callers_share_one_request() {
    let (transport, tokens) = tokens([good("t1").after(Duration::from_secs(1))]);
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let tokens = tokens.clone();
            tokio::spawn(async move { text(&tokens).await })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), "t1");
    }
    assert_eq!(transport.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_callers_share_one_failure() {
    let (transport, tokens) = tokens([Answer::reply(401, "").after(Duration::from_secs(1))]);
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let tokens = tokens.clone();
            tokio::spawn(async move { tokens.token().await })
        })
        .collect();
    for caller in callers {
        assert!(matches!(caller.await.unwrap(), Err(ServiceTokenError::Refused { .. })));
    }
    assert_eq!(transport.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_gives_up_does_not_cancel_the_request() {
    let (transport, tokens) = tokens([good("t1").after(Duration::from_secs(1))]);
    let mut impatient = Box::pin(tokens.token());
    assert!(nothing_waits(&mut impatient));
    drop(impatient);
    after(1.0).await;
    assert_eq!(text(&tokens).await, "t1");
    assert_eq!(transport.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_panics_is_an_error_and_not_the_end() {
    let (transport, tokens) = tokens([Answer::Panic, good("t1")]);
    assert_eq!(tokens.token().await, Err(ServiceTokenError::Interrupted));
    after(1.0).await;
    assert_eq!(text(&tokens).await, "t1");
    assert_eq!(transport.requests(), 2);
}

#[test]
fn a_runtime_that_is_shut_down_leaves_no_caller_hanging() {
    let (transport, tokens) = tokens([Answer::Hang]);
    let first = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let second = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut waiting = Box::pin(tokens.token());
    first.block_on(async {
        assert!(nothing_waits(&mut waiting));
        while transport.requests() == 0 {
            tokio::task::yield_now().await;
        }
    });
    first.shutdown_background();
    let outcome = second.block_on(async { tokio::time::timeout(Duration::from_secs(5), waiting).await });
    assert_eq!(outcome.unwrap(), Err(ServiceTokenError::Interrupted));
    transport.answer_from_now(good("t1"));
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(second.block_on(text(&tokens)), "t1");
}

#[test]
fn without_a_runtime_the_answer_is_an_error() {
    let (transport, tokens) = tokens([good("t1")]);
    let mut waiting = Box::pin(tokens.token());
    let polled = waiting.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop()));
    assert_eq!(polled, std::task::Poll::Ready(Err(ServiceTokenError::Interrupted)));
    assert_eq!(transport.requests(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_token_whose_lifetime_is_not_said_is_kept_for_a_minute() {
    let (transport, tokens) = tokens([Answer::reply(200, r#"{"access_token":"t1","token_type":"Bearer"}"#)]);
    let token = tokens.token().await.unwrap();
    assert_eq!(token.expires_in(NOW), Duration::from_secs(60));
    after(44.0).await;
    tokens.token().await.unwrap();
    assert_eq!(transport.requests(), 1);
    after(17.0).await;
    tokens.token().await.unwrap();
    assert_eq!(transport.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_never_kept_longer_than_a_day() {
    for said in [json!(1e300), json!(u64::MAX), json!(864_000)] {
        let body = json!({ "access_token": "t1", "token_type": "bearer", "expires_in": said }).to_string();
        let (_, tokens) = tokens([Answer::reply(200, body)]);
        assert_eq!(tokens.token().await.unwrap().expires_in(NOW), Duration::from_secs(86_400));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_bearer_token_is_nonsense() {
    let answer = |name: &str, value: serde_json::Value| {
        let mut body = json!({ "access_token": "t1", "token_type": "Bearer", "expires_in": 300 });
        body[name] = value;
        body.to_string()
    };
    for body in [
        String::new(),
        "<html>".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        r#"{"access_token":"t1","access_token":"t2","token_type":"Bearer"}"#.to_owned(),
        answer("token_type", json!("DPoP")),
        answer("token_type", json!("N_A")),
        answer("token_type", json!(null)),
        answer("access_token", json!("")),
        answer("access_token", json!("==")),
        answer("access_token", json!("a b")),
        answer("access_token", json!("a\r\nX-Evil: 1")),
        answer("access_token", json!("tökén")),
        answer("access_token", json!(5)),
        answer("access_token", json!(null)),
        answer("expires_in", json!(0)),
        answer("expires_in", json!(-1)),
        answer("expires_in", json!("300")),
        answer("expires_in", json!([])),
        answer("not-before-policy", json!("0")),
    ] {
        let (_, tokens) = tokens([Answer::reply(200, body.clone())]);
        let outcome = tokens.token().await;
        assert!(matches!(outcome, Err(ServiceTokenError::Nonsense { .. })), "{body}: {outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn any_status_but_200_is_a_refusal_with_its_code_and_a_remedy() {
    let cases = [
        (401, r#"{"error":"unauthorized_client"}"#, Some("unauthorized_client"), "Service account roles"),
        (401, r#"{"error":"invalid_client"}"#, Some("invalid_client"), "exists in this realm"),
        (400, r#"{"error":"invalid_client"}"#, Some("invalid_client"), "signed JWT"),
        (400, r#"{"error":"invalid_scope"}"#, Some("invalid_scope"), "scope"),
        (404, r#"{"error":"Realm does not exist"}"#, Some("Realm does not exist"), "realm's name"),
        (302, "", None, "redirects are not followed"),
        (201, r#"{"access_token":"t1","token_type":"Bearer"}"#, None, "settings"),
        (503, "<html>", None, "log"),
    ];
    for (status, body, code, remedy) in cases {
        let (_, tokens) = tokens([Answer::reply(status, body)]);
        let error = tokens.token().await.unwrap_err();
        let ServiceTokenError::Refused { status: got, code: got_code } = &error else { panic!("{error:?}") };
        assert_eq!((got.as_u16(), got_code.as_ref().map(ErrorCode::as_str)), (status, code));
        assert!(error.diagnosis(tokens.client_id()).contains(remedy), "{}", error.diagnosis("api"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_somebody_refused_is_replaced_once_in_ten_seconds() {
    let (transport, tokens) = tokens([good("t1"), good("t2"), good("t3")]);
    let first = tokens.token().await.unwrap();
    let second = tokens.other_than(&first).await.unwrap().unwrap();
    assert_eq!(second.access_token().expose(), "t2");
    // Whoever is late gets the one that is there.
    assert_eq!(tokens.other_than(&first).await.unwrap(), Some(second.clone()));
    assert_eq!(tokens.other_than(&second).await.unwrap(), None);
    assert_eq!((text(&tokens).await.as_str(), transport.requests()), ("t2", 2));
    after(10.0).await;
    let third = tokens.other_than(&second).await.unwrap().unwrap();
    assert_eq!((third.access_token().expose(), transport.requests()), ("t3", 3));
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_stays_while_no_other_one_can_be_had() {
    let (transport, tokens) = tokens([good("t1"), unreachable()]);
    let first = tokens.token().await.unwrap();
    assert_eq!(tokens.other_than(&first).await.unwrap(), None);
    assert_eq!((text(&tokens).await.as_str(), transport.requests()), ("t1", 2));
}

#[tokio::test(start_paused = true)]
async fn those_who_were_refused_together_share_one_new_token() {
    let (transport, tokens) = tokens([good("t1"), good("t2").after(Duration::from_secs(1))]);
    let first = tokens.token().await.unwrap();
    let (one, two) = tokio::join!(tokens.other_than(&first), tokens.other_than(&first));
    assert_eq!((one.unwrap().unwrap(), transport.requests()), (two.unwrap().unwrap(), 2));
}

#[tokio::test(start_paused = true)]
async fn the_not_before_of_the_last_answer_is_kept() {
    let body = json!({ "access_token": "t1", "token_type": "Bearer", "not-before-policy": 1_795_000_000 });
    let (_, tokens) = tokens([Answer::reply(200, body.to_string())]);
    assert_eq!(tokens.not_before(), None);
    tokens.token().await.unwrap();
    assert_eq!(tokens.not_before(), Some(UnixTime::from_secs(1_795_000_000)));
}

#[tokio::test(start_paused = true)]
async fn neither_errors_nor_debug_show_a_secret_or_a_token() {
    let mut texts = Vec::new();
    for status in [200, 302, 400, 401, 500] {
        let body = json!({ "error": format!("no {SECRET}"), "access_token": "s3cr3t t0k3n", "token_type": "Bearer" });
        let (_, tokens) = tokens([Answer::reply(status, body.to_string())]);
        let error = tokens.token().await.unwrap_err();
        texts.push(format!("{error} {error:?} {} {tokens:?}", error.diagnosis("api")));
    }
    let (_, tokens) = tokens([good("s3cr3t-t0k3n")]);
    let token = tokens.token().await.unwrap();
    texts.push(format!("{token:?} {tokens:?}"));
    for text in texts {
        assert!(!text.contains(SECRET) && !text.contains("t0k3n"), "{text}");
    }
}
