//! Over real sockets, so that it is `reqwest` itself that is looked at.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http::Uri;
use reqwest::{Body, Method, Request, Url};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::client::ClientAuthentication;
use crate::client::fake_transport::{Answer, FakeTransport};
use crate::clock::SystemClock;
use crate::secret::Secret;
use crate::service_token::{ServiceTokenOptions, ServiceTokens};
use crate::token_exchange::{ExchangeTarget, TokenExchange};

/// Another service: answers as the `answers` say, the last one again and again, and keeps what came.
struct Service {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Service {
    async fn start(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let (keep, answers) =
            (Arc::clone(&seen), answers.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let text = whole_request(&mut stream).await;
                let nth = {
                    let mut seen = keep.lock().unwrap();
                    seen.push(text);
                    seen.len() - 1
                };
                let answer = &answers[nth.min(answers.len() - 1)];
                let head = "connection: close\r\ncontent-length: 0\r\n\r\n";
                let _ = stream.write_all(format!("HTTP/1.1 {answer}\r\n{head}").as_bytes()).await;
            }
        });
        Self { address, seen }
    }

    fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The value of `Authorization` of each request.
    fn tokens(&self) -> Vec<Option<String>> {
        let of = |request: &String| {
            request.lines().find_map(|line| line.strip_prefix("authorization: bearer ")).map(str::to_owned)
        };
        self.seen.lock().unwrap().iter().map(of).collect()
    }
}

/// In lower case, with the body that `content-length` announces.
async fn whole_request(stream: &mut TcpStream) -> String {
    let (mut text, mut buffer) = (String::new(), [0; 8192]);
    loop {
        let length = stream.read(&mut buffer).await.unwrap();
        text += &String::from_utf8_lossy(&buffer[..length]).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let announced = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length == 0 || body.len() >= announced.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        } else if length == 0 {
            return text;
        }
    }
}

fn some(tokens: &[&str]) -> Vec<Option<String>> {
    tokens.iter().map(|token| Some((*token).to_owned())).collect()
}

fn granted(token: &str) -> Answer {
    let body = json!({ "access_token": token, "token_type": "Bearer", "expires_in": 300 });
    Answer::reply(200, body.to_string())
}

fn keycloak(tokens: &[&str]) -> Arc<FakeTransport> {
    Arc::new(FakeTransport::new(tokens.iter().map(|token| granted(token))))
}

fn service_tokens(keycloak: &Arc<FakeTransport>) -> ServiceTokens {
    ServiceTokens::new(
        Arc::clone(keycloak) as _,
        Uri::from_static("https://kc.test/token"),
        ClientAuthentication::client_secret_post("api", Secret::new("s")),
        Arc::new(SystemClock),
        ServiceTokenOptions::default(),
    )
}

fn exchange(keycloak: &Arc<FakeTransport>) -> TokenExchange {
    TokenExchange::new(
        Arc::clone(keycloak) as _,
        Uri::from_static("https://kc.test/token"),
        ClientAuthentication::client_secret_post("api", Secret::new("s")),
        Arc::new(SystemClock),
    )
}

fn client(services: &[&Service]) -> OutboundClient {
    OutboundClient::new(Origins::new(services.iter().map(|service| service.origin())).unwrap()).unwrap()
}

fn request(method: Method, url: &str) -> Request {
    Request::new(method, Url::parse(url).unwrap())
}

fn get(service: &Service) -> Request {
    request(Method::GET, &format!("{}/stock?of=nails", service.origin()))
}

const OK: &str = "200 OK";
const PLAIN_401: &str = "401 Unauthorized";
const INVALID_TOKEN: &str =
    "401 Unauthorized\r\nwww-authenticate: Bearer realm=\"r\", error=\"invalid_token\"";

#[tokio::test]
async fn a_listed_service_gets_the_token_and_it_is_fetched_once() {
    let service = Service::start(&[OK]).await;
    let keycloak = keycloak(&["t1"]);
    let (client, tokens) = (client(&[&service]), service_tokens(&keycloak));
    for _ in 0..3 {
        let answer = client.execute(get(&service), Bearer::of_service(&tokens)).await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    assert_eq!((service.tokens(), keycloak.requests()), (some(&["t1"; 3]), 1));
}

#[tokio::test]
async fn a_service_that_is_not_listed_gets_neither_request_nor_token() {
    let (listed, other) = (Service::start(&[OK]).await, Service::start(&[OK]).await);
    let keycloak = keycloak(&["t1"]);
    let (tokens, exchange, caller) = (service_tokens(&keycloak), exchange(&keycloak), Secret::new("callers"));
    let target = ExchangeTarget::audience("inventory");
    for bearer in [
        Bearer::of_service(&tokens),
        Bearer::on_behalf_of(&caller, &exchange, &target),
        Bearer::forwarded(&caller),
    ] {
        let error = client(&[&listed]).execute(get(&other), bearer).await.unwrap_err();
        let OutboundError::NotAllowed { origin } = &error else { panic!("{error:?}") };
        assert_eq!(*origin, other.origin());
        assert!(!error.to_string().contains("nails"), "{error}");
    }
    assert_eq!((other.tokens().len(), keycloak.requests()), (0, 0));
}

#[tokio::test]
async fn a_401_has_the_token_replaced_and_the_request_sent_once_more() {
    for refusal in [PLAIN_401, INVALID_TOKEN] {
        let service = Service::start(&[refusal, OK]).await;
        let keycloak = keycloak(&["t1", "t2"]);
        let (client, tokens) = (client(&[&service]), service_tokens(&keycloak));
        let mut post = request(Method::POST, &service.origin());
        *post.body_mut() = Some(Body::from("nails=5"));
        let answer = client.execute(post, Bearer::of_service(&tokens)).await.unwrap();
        assert_eq!((answer.status().as_u16(), service.tokens()), (200, some(&["t1", "t2"])));
        let bodies = service.seen.lock().unwrap().iter().filter(|seen| seen.ends_with("nails=5")).count();
        assert_eq!(bodies, 2);
        // The new one is everybody's.
        assert_eq!(tokens.token().await.unwrap().access_token().expose(), "t2");
    }
}

#[tokio::test]
async fn a_service_that_takes_no_token_is_asked_twice_and_keycloak_once_in_ten_seconds() {
    let service = Service::start(&[INVALID_TOKEN]).await;
    let keycloak = keycloak(&["t1", "t2", "t3"]);
    let (client, tokens) = (client(&[&service]), service_tokens(&keycloak));
    let answer = client.execute(get(&service), Bearer::of_service(&tokens)).await.unwrap();
    assert_eq!((answer.status().as_u16(), service.tokens()), (401, some(&["t1", "t2"])));
    for _ in 0..5 {
        let answer = client.execute(get(&service), Bearer::of_service(&tokens)).await.unwrap();
        assert_eq!(answer.status(), 401);
    }
    assert_eq!((service.tokens().len(), keycloak.requests()), (7, 2));
}

#[tokio::test]
async fn a_body_that_can_be_sent_once_is_sent_once() {
    let (source, service) = (Service::start(&[OK]).await, Service::start(&[INVALID_TOKEN, OK]).await);
    let keycloak = keycloak(&["t1", "t2"]);
    let (client, tokens) = (client(&[&service]), service_tokens(&keycloak));
    let mut post = request(Method::POST, &service.origin());
    // What comes in is passed on while it comes.
    *post.body_mut() = Some(client.http().get(source.origin()).send().await.unwrap().into());
    assert!(post.try_clone().is_none());
    let answer = client.execute(post, Bearer::of_service(&tokens)).await.unwrap();
    assert_eq!((answer.status().as_u16(), service.tokens()), (401, some(&["t1"])));
}

#[tokio::test]
async fn a_401_for_another_reason_is_the_answer() {
    let refusal = "401 Unauthorized\r\nwww-authenticate: Bearer error=\"insufficient_user_authentication\", acr_values=\"gold\"";
    for refusal in [refusal, "403 Forbidden\r\nwww-authenticate: Bearer error=\"invalid_token\""] {
        let service = Service::start(&[refusal, OK]).await;
        let keycloak = keycloak(&["t1", "t2"]);
        let tokens = service_tokens(&keycloak);
        let answer = client(&[&service]).execute(get(&service), Bearer::of_service(&tokens)).await.unwrap();
        assert!(answer.status().is_client_error());
        assert_eq!((service.tokens(), keycloak.requests()), (some(&["t1"]), 1));
    }
}

#[tokio::test]
async fn an_exchanged_token_is_replaced_and_the_callers_own_never() {
    let service = Service::start(&[INVALID_TOKEN, OK, INVALID_TOKEN, OK]).await;
    let keycloak = keycloak(&["x1", "x2"]);
    let (client, exchange, caller) = (client(&[&service]), exchange(&keycloak), Secret::new("callers"));
    let target = ExchangeTarget::audience("inventory");
    let bearer = Bearer::on_behalf_of(&caller, &exchange, &target);
    assert_eq!(client.execute(get(&service), bearer).await.unwrap().status(), 200);
    let answer = client.execute(get(&service), Bearer::forwarded(&caller)).await.unwrap();
    assert_eq!((answer.status().as_u16(), service.tokens()), (401, some(&["x1", "x2", "callers"])));
}

#[tokio::test]
async fn a_token_that_cannot_be_replaced_is_kept_and_the_401_is_the_answer() {
    let service = Service::start(&[PLAIN_401]).await;
    let keycloak = Arc::new(FakeTransport::new([granted("t1"), Answer::reply(503, "")]));
    let (client, tokens) = (client(&[&service]), service_tokens(&keycloak));
    let answer = client.execute(get(&service), Bearer::of_service(&tokens)).await.unwrap();
    assert_eq!((answer.status().as_u16(), service.tokens()), (401, some(&["t1"])));
    assert_eq!(tokens.token().await.unwrap().access_token().expose(), "t1", "others may take it");
}

#[tokio::test]
async fn a_redirect_within_the_origin_keeps_the_token_and_one_elsewhere_is_the_answer() {
    let other = Service::start(&[OK]).await;
    let elsewhere = format!("307 Temporary Redirect\r\nlocation: {}/stock", other.origin());
    // Listed or not: a redirect is somebody else's choice.
    for listed in [false, true] {
        let service = Service::start(&["307 Temporary Redirect\r\nlocation: /there", &elsewhere]).await;
        let keycloak = keycloak(&["t1"]);
        let tokens = service_tokens(&keycloak);
        let client = if listed { client(&[&service, &other]) } else { client(&[&service]) };
        let mut post = request(Method::POST, &service.origin());
        *post.body_mut() = Some(Body::from("nails=5"));
        let answer = client.execute(post, Bearer::of_service(&tokens)).await.unwrap();
        assert_eq!((answer.status().as_u16(), service.tokens()), (307, some(&["t1", "t1"])));
        assert!(service.seen.lock().unwrap()[1].starts_with("post /there"));
    }
    assert_eq!(other.tokens().len(), 0);
}

#[tokio::test]
async fn redirects_in_a_circle_come_to_an_end() {
    let service = Service::start(&["302 Found\r\nlocation: /"]).await;
    let keycloak = keycloak(&["t1"]);
    let tokens = service_tokens(&keycloak);
    let error = client(&[&service]).execute(get(&service), Bearer::of_service(&tokens)).await.unwrap_err();
    assert!(matches!(&error, OutboundError::Http(error) if error.is_redirect()), "{error:?}");
    assert_eq!(service.tokens().len(), 11);
}

/// What [`OutboundClient`] does not rest on, but whoever hands a token to a client of `reqwest`'s own does.
#[tokio::test]
async fn reqwest_itself_takes_the_header_off_when_a_redirect_leaves_the_origin() {
    let other = Service::start(&[OK]).await;
    let service = Service::start(&[&format!("302 Found\r\nlocation: {}", other.origin())]).await;
    let plain = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = plain.get(service.origin()).bearer_auth("t1").send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), service.tokens(), other.tokens()),
        (200, some(&["t1"]), vec![None])
    );
}

#[tokio::test]
async fn a_request_with_credentials_of_its_own_is_refused() {
    let service = Service::start(&[OK]).await;
    let keycloak = keycloak(&["t1"]);
    let tokens = service_tokens(&keycloak);
    let client = client(&[&service]);
    let with = client.http().get(service.origin()).basic_auth("u", Some("p")).build().unwrap();
    let error = client.execute(with, Bearer::of_service(&tokens)).await.unwrap_err();
    assert!(matches!(error, OutboundError::AlreadyAuthorized), "{error:?}");
    assert_eq!((service.tokens().len(), keycloak.requests()), (0, 0));
}

#[tokio::test]
async fn no_token_and_no_url_is_printed() {
    let service = Service::start(&[OK]).await;
    let gone = service.origin();
    let closed = "http://127.0.0.1:1";
    let client = OutboundClient::new(Origins::new([closed, &gone]).unwrap()).unwrap();
    let caller = Secret::new("s3cr3t-token");
    let url = format!("{closed}/path?q=s3cr3t-query");
    let error = client.execute(request(Method::GET, &url), Bearer::forwarded(&caller)).await.unwrap_err();
    let text = format!("{error} {error:?} {client:?} {:?}", Bearer::forwarded(&caller));
    assert!(!text.contains("s3cr3t"), "{text}");
    let broken = Secret::new("a\nb");
    let error = client.execute(get(&service), Bearer::forwarded(&broken)).await.unwrap_err();
    assert!(matches!(error, OutboundError::Unsendable), "{error:?}");
}
