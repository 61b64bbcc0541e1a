use base64_simd::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::time::advance;

use super::*;
use http::StatusCode;

use crate::client::ErrorCode;
use crate::client::fake_transport::{Answer, FakeTransport};
use crate::clock::FakeClock;
use crate::transport::TransportError;

const SECRET: &str = "api-secret-4711";
const NOW: UnixTime = UnixTime::from_secs(1_795_308_673);

fn good(token: &str, expires_in: u64) -> Answer {
    let body = json!({
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": expires_in,
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
    });
    Answer::reply(200, body.to_string())
}

fn refusal(status: u16, error: &str, description: &str) -> Answer {
    Answer::reply(status, json!({ "error": error, "error_description": description }).to_string())
}

/// A token that ends so many seconds from now.
fn subject(who: &str, lives: i64) -> Secret {
    let payload = json!({ "sub": who, "exp": NOW.as_secs() + lives }).to_string();
    Secret::new(format!("eyJh.{}.c2ln", URL_SAFE_NO_PAD.encode_to_string(payload)))
}

fn exchange(script: impl IntoIterator<Item = Answer>) -> (Arc<FakeTransport>, Arc<FakeClock>, TokenExchange) {
    let (transport, clock) = (Arc::new(FakeTransport::new(script)), Arc::new(FakeClock::at(NOW)));
    let exchange = TokenExchange::new(
        Arc::clone(&transport) as Arc<dyn Transport>,
        Uri::from_static("https://kc.test/token"),
        ClientAuthentication::client_secret_post("api", Secret::new(SECRET)),
        Arc::clone(&clock) as Arc<dyn Clock>,
    );
    (transport, clock, exchange)
}

fn inventory() -> ExchangeTarget {
    ExchangeTarget::audience("inventory")
}

async fn text(exchange: &TokenExchange, subject: &Secret, target: &ExchangeTarget) -> String {
    exchange.exchange(subject, target).await.unwrap().access_token().expose().to_owned()
}

/// RFC 8693 §2.1.
#[tokio::test(start_paused = true)]
async fn the_callers_token_is_exchanged_for_an_access_token_of_the_audience() {
    let (transport, _, exchange) = exchange([good("t1", 300)]);
    let target = inventory().and_audience("billing").scope("stock:read").scope("bills");
    let caller = subject("alice", 300);
    let token = exchange.exchange(&caller, &target).await.unwrap();
    assert_eq!(token.expires_at(), NOW.plus(Duration::from_secs(300)));
    let request = transport.last();
    let form: Vec<(String, String)> = url::form_urlencoded::parse(request.body()).into_owned().collect();
    let expected = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token", caller.expose()),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("audience", "billing"),
        ("audience", "inventory"),
        ("scope", "bills stock:read"),
        ("client_id", "api"),
        ("client_secret", SECRET),
    ];
    assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn what_was_got_is_given_again_to_the_same_caller_for_the_same_target_alone() {
    let (transport, _, exchange) =
        exchange([good("t1", 300), good("t2", 300), good("t3", 300), good("t4", 300)]);
    let (alice, bob) = (subject("alice", 300), subject("bob", 300));
    assert_eq!(text(&exchange, &alice, &inventory()).await, "t1");
    assert_eq!(text(&exchange, &alice, &inventory()).await, "t1");
    assert_eq!(text(&exchange.clone(), &alice, &inventory()).await, "t1", "clones share it");
    assert_eq!(text(&exchange, &bob, &inventory()).await, "t2");
    assert_eq!(text(&exchange, &alice, &ExchangeTarget::audience("billing")).await, "t3");
    assert_eq!(text(&exchange, &alice, &inventory().scope("x")).await, "t4");
    assert_eq!(transport.requests(), 4);
}

#[tokio::test(start_paused = true)]
async fn an_exchanged_token_is_not_given_in_its_last_seconds() {
    let (transport, _, exchange) = exchange([good("t1", 300), good("t2", 20), good("t3", 300)]);
    let caller = subject("alice", 3600);
    assert_eq!(text(&exchange, &caller, &inventory()).await, "t1");
    advance(Duration::from_millis(294_900)).await;
    assert_eq!(text(&exchange, &caller, &inventory()).await, "t1");
    advance(Duration::from_millis(200)).await;
    assert_eq!(text(&exchange, &caller, &inventory()).await, "t2");
    // A tenth of a short life.
    advance(Duration::from_millis(17_900)).await;
    assert_eq!(text(&exchange, &caller, &inventory()).await, "t2");
    advance(Duration::from_millis(200)).await;
    assert_eq!(text(&exchange, &caller, &inventory()).await, "t3");
    assert_eq!(transport.requests(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_was_got_for_a_token_is_not_given_beyond_that_tokens_end() {
    let (transport, _, exchange) = exchange([good("t1", 300)]);
    let caller = subject("alice", 7);
    text(&exchange, &caller, &inventory()).await;
    advance(Duration::from_millis(6_900)).await;
    text(&exchange, &caller, &inventory()).await;
    assert_eq!(transport.requests(), 1);
    advance(Duration::from_millis(200)).await;
    text(&exchange, &caller, &inventory()).await;
    assert_eq!(transport.requests(), 2);
    // One that has ended already, by our clock: Keycloak says so, if its clock agrees.
    let ended = subject("bob", -1);
    text(&exchange, &ended, &inventory()).await;
    text(&exchange, &ended, &inventory()).await;
    assert_eq!(transport.requests(), 4);
}

#[tokio::test(start_paused = true)]
async fn those_who_ask_for_the_same_together_share_one_exchange() {
    let (transport, _, exchange) = exchange([good("t1", 300).after(Duration::from_secs(1))]);
    let caller = subject("alice", 300);
    let target = inventory();
    let gave_up = tokio::time::timeout(Duration::from_millis(10), exchange.exchange(&caller, &target)).await;
    assert!(gave_up.is_err());
    let (one, two) = tokio::join!(exchange.exchange(&caller, &target), exchange.exchange(&caller, &target));
    assert_eq!((one.unwrap(), transport.requests()), (two.unwrap(), 1));
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_exchanged_anew_but_not_again_and_again() {
    let (transport, _, exchange) = exchange([good("t1", 300), good("t2", 300), good("t3", 300)]);
    let (caller, target) = (subject("alice", 300), inventory());
    let first = exchange.exchange(&caller, &target).await.unwrap();
    let second = exchange.other_than(&first, &caller, &target).await.unwrap().unwrap();
    assert_eq!(second.access_token().expose(), "t2");
    // Whoever is late gets the one that is there.
    assert_eq!(exchange.other_than(&first, &caller, &target).await.unwrap(), Some(second.clone()));
    assert_eq!(exchange.other_than(&second, &caller, &target).await.unwrap(), None);
    assert_eq!(transport.requests(), 2);
    advance(LEAST_DISTRUST).await;
    assert!(exchange.other_than(&second, &caller, &target).await.unwrap().is_some());
    assert_eq!(transport.requests(), 3);
}

/// As Keycloak 26.7 words them.
#[tokio::test(start_paused = true)]
async fn every_refusal_is_told_apart_and_has_its_remedy() {
    let target = inventory;
    let cases = [
        (
            refusal(403, "access_denied", "Client is not within the token audience"),
            TokenExchangeError::NotInAudience,
            "with `api` as \"Included Client Audience\"",
        ),
        (
            refusal(
                400,
                "invalid_request",
                "Standard token exchange is not enabled for the requested client",
            ),
            TokenExchangeError::NotEnabled,
            "\"Standard Token Exchange\" on",
        ),
        (
            refusal(400, "invalid_request", "Requested audience not available: inventory"),
            TokenExchangeError::AudienceNotAvailable { target: target() },
            "Clients > `api` > Client scopes > `api-dedicated`",
        ),
        (
            refusal(400, "invalid_client", "Audience not found"),
            TokenExchangeError::AudienceUnknown { target: target() },
            "a client id of this realm",
        ),
        (
            refusal(400, "invalid_scope", "Invalid scopes: nope"),
            TokenExchangeError::ScopeRefused { target: target() },
            "Optional",
        ),
        (refusal(400, "invalid_request", "Invalid token"), TokenExchangeError::SubjectRefused, "answer 401"),
        (
            refusal(401, "unauthorized_client", "Invalid client or Invalid client credentials"),
            TokenExchangeError::ClientRefused {
                status: StatusCode::UNAUTHORIZED,
                code: ErrorCode::new("unauthorized_client"),
            },
            "Credentials",
        ),
        (
            refusal(400, "invalid_request", "requested_token_type unsupported"),
            TokenExchangeError::Refused {
                status: StatusCode::BAD_REQUEST,
                code: ErrorCode::new("invalid_request"),
            },
            "check the settings",
        ),
        (
            Answer::reply(302, ""),
            TokenExchangeError::Refused { status: StatusCode::FOUND, code: None },
            "redirects are not followed",
        ),
        (Answer::reply(200, "<html>"), TokenExchangeError::Nonsense { what: "not JSON" }, "is there a proxy"),
        (
            Answer::Fail(TransportError::Broken),
            TokenExchangeError::Unreachable(TransportError::Broken),
            "is Keycloak running",
        ),
    ];
    for (answer, expected, remedy) in cases {
        let (transport, _, exchange) = exchange([answer, good("t1", 300)]);
        let caller = subject("alice", 300);
        let error = exchange.exchange(&caller, &target()).await.unwrap_err();
        assert_eq!(error, expected);
        let diagnosis = error.diagnosis("api");
        assert!(diagnosis.contains(remedy), "{diagnosis}");
        assert_eq!(error.is_about_the_caller(), error == TokenExchangeError::SubjectRefused);
        // A refusal is not remembered.
        text(&exchange, &caller, &target()).await;
        assert_eq!(transport.requests(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_that_is_printed_holds_a_token_or_a_secret() {
    let caller = subject("alice", 300);
    let said = json!({ "error": caller.expose(), "error_description": SECRET }).to_string();
    let (_, _, exchange) = exchange([Answer::reply(400, said), good("s3cr3t-token", 300)]);
    let error = exchange.exchange(&caller, &inventory()).await.unwrap_err();
    let token = exchange.exchange(&caller, &inventory()).await.unwrap();
    let text = format!("{error} {error:?} {} {exchange:?} {token:?}", error.diagnosis("api"));
    for secret in [caller.expose(), SECRET, "s3cr3t-token"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_callers_does_not_fill_the_memory() {
    let long = "x".repeat(40_000);
    let (_, _, exchange) = exchange([good(&long, 300)]);
    for n in 0..400 {
        text(&exchange, &subject(&format!("user-{n}"), 300), &inventory()).await;
    }
    assert!(exchange.remembered_bytes() <= REMEMBERED, "{}", exchange.remembered_bytes());
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_issuer_is_not_sent() {
    let (transport, _, exchange) = exchange([good("t1", 300)]);
    let exchange = exchange.of_issuer("https://kc.test/realms/shop");
    let of = |claims: Value| {
        Secret::new(format!("eyJh.{}.c2ln", URL_SAFE_NO_PAD.encode_to_string(claims.to_string())))
    };
    let theirs = of(json!({ "iss": "https://kc.test/realms/other" }));
    let error = exchange.exchange(&theirs, &inventory()).await.unwrap_err();
    assert_eq!((&error, transport.requests()), (&TokenExchangeError::AnotherIssuer, 0));
    assert!(error.diagnosis("api").contains("only this realm's tokens"));
    // Opaque ones say nothing of themselves: Keycloak knows.
    for ours in [of(json!({ "iss": "https://kc.test/realms/shop" })), Secret::new("opaque")] {
        text(&exchange, &ours, &inventory()).await;
    }
    assert_eq!(transport.requests(), 2);
}

#[test]
fn the_end_of_a_token_is_read_only_where_it_can_be() {
    let expiry = |token: &str| Said::by(token).expires_at;
    assert_eq!(expiry(subject("alice", 7).expose()), Some(NOW.plus(Duration::from_secs(7))));
    let of = |claims: Value| {
        expiry(&format!("eyJh.{}.c2ln", URL_SAFE_NO_PAD.encode_to_string(claims.to_string())))
    };
    assert_eq!(of(json!({})), None);
    assert_eq!(of(json!({ "exp": "7" })), None);
    assert_eq!(expiry("opaque"), None);
}
