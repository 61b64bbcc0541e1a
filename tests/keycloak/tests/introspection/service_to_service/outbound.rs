//! What arrives at another service.

use std::sync::{Arc, Mutex};

use kc_core::Keycloak;
use kc_core::outbound::{Bearer, Origins, OutboundClient, OutboundError};
use kc_core::rules::{Rule, active, authenticated};
use kc_core::secret::Secret;
use keycloak_tests::Realm;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::exchange::admitted;
use super::{Shop, service, temporary_service};

/// A service behind a guard, and the tokens that came to it.
struct Guarded {
    url: String,
    tokens: Arc<Mutex<Vec<String>>>,
}

async fn guarded(keycloak: Keycloak, rule: Rule) -> Guarded {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let tokens: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&tokens);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (mut request, mut buffer) = (Vec::new(), [0; 8192]);
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                let length = stream.read(&mut buffer).await.unwrap();
                assert!(length > 0);
                request.extend_from_slice(&buffer[..length]);
            }
            let text = String::from_utf8(request).unwrap();
            let token = text.lines().find_map(|line| line.strip_prefix("authorization: Bearer "));
            let token = Secret::new(token.unwrap_or_default());
            let status = match admitted(&keycloak, &token, rule.clone()).await {
                Ok(_) => 200,
                Err(status) => status,
            };
            seen.lock().unwrap().push(token.expose().to_owned());
            let answer = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    Guarded { url, tokens }
}

impl Guarded {
    fn tokens(&self) -> Vec<String> {
        self.tokens.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn a_token_that_was_revoked_is_replaced_and_the_call_succeeds() {
    let realm = Realm::reached().await;
    let client = temporary_service(&realm, "calls-itself", json!({})).await;
    let keycloak = service(&realm, client.name());
    // It asks Keycloak about each token.
    let other = guarded(keycloak.clone(), active()).await;
    let http = OutboundClient::new(Origins::new([&other.url]).unwrap()).unwrap();
    let bearer = Bearer::of_service(keycloak.service_tokens());
    assert_eq!(http.execute(http.get(&other.url).unwrap(), bearer).await.unwrap().status(), 200);
    let first = other.tokens()[0].clone();
    realm.revoke(client.name(), &first).await;
    assert_eq!(http.execute(http.get(&other.url).unwrap(), bearer).await.unwrap().status(), 200);
    let tokens = other.tokens();
    assert_eq!((tokens.len(), &tokens[1]), (3, &first));
    assert_ne!(tokens[2], first);
}

#[tokio::test]
async fn a_call_on_behalf_of_a_user_arrives_in_their_name() {
    let shop = Shop::open().await;
    let inventory = guarded(service(&shop.realm, shop.inventory.name()), authenticated()).await;
    let http = OutboundClient::new(Origins::new([&inventory.url]).unwrap()).unwrap();
    let (exchange, caller, target) = (shop.exchange(), shop.alice().await, shop.target());
    let request = || http.get(&inventory.url).unwrap();
    let forwarded = http.execute(request(), Bearer::forwarded(&caller)).await.unwrap();
    assert_eq!(forwarded.status(), 401, "it is for orders, not for inventory");
    let answer = http.execute(request(), Bearer::on_behalf_of(&caller, &exchange, &target)).await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_callers_token_never_reaches_a_host_that_is_not_listed() {
    let realm = Realm::reached().await;
    let (listed, other) = tokio::join!(
        guarded(service(&realm, "api"), authenticated()),
        guarded(service(&realm, "api"), authenticated()),
    );
    let caller = Secret::new(realm.log_in("api", "alice").await.access);
    let http = OutboundClient::new(Origins::new([&listed.url]).unwrap()).unwrap();
    let sent = http.execute(http.get(&listed.url).unwrap(), Bearer::forwarded(&caller)).await.unwrap();
    assert_eq!((sent.status().as_u16(), listed.tokens()), (200, vec![caller.expose().to_owned()]));
    let error = http.execute(http.get(&other.url).unwrap(), Bearer::forwarded(&caller)).await.unwrap_err();
    assert!(matches!(error, OutboundError::NotAllowed { .. }), "{error:?}");
    assert_eq!(other.tokens(), Vec::<String>::new());
}
