//! Token exchange, and what Keycloak says against it.

use kc_core::client::ClientAuthentication;
use kc_core::clock::{Clock, SystemClock};
use kc_core::rules::{Rule, authenticated};
use kc_core::secret::Secret;
use kc_core::token_exchange::{ExchangeTarget, TokenExchange, TokenExchangeError};
use kc_core::wire::RequestView;
use kc_core::{Access, Keycloak, Principal};
use keycloak_tests::{Realm, token};
use reqwest::header::{AUTHORIZATION, HeaderMap};
use serde_json::json;

use super::{Shop, service};

/// What a service says to a token: who it is, or with which status it is refused.
pub(crate) async fn admitted(service: &Keycloak, token: &Secret, rule: Rule) -> Result<Principal, u16> {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, format!("Bearer {}", token.expose()).parse().unwrap());
    let request = RequestView {
        method: "GET",
        path: "/x",
        query: None,
        route: Some("/x"),
        headers: &headers,
        peer: None,
    };
    let admitted = service.guard().admit(&request, &Access::from(rule)).await;
    match admitted.outcome {
        Ok(admission) => Ok(admission.principal().unwrap().clone()),
        Err(refusal) => Err(service.guard().response(&refusal).status().as_u16()),
    }
}

#[tokio::test]
async fn an_exchanged_token_is_good_at_the_other_service_alone_and_still_the_users() {
    let shop = Shop::open().await;
    let (orders, inventory) =
        (service(&shop.realm, shop.orders.name()), service(&shop.realm, shop.inventory.name()));
    let caller = shop.alice().await;
    let who = admitted(&orders, &caller, authenticated()).await.unwrap();
    assert_eq!(admitted(&inventory, &caller, authenticated()).await.unwrap_err(), 401, "its audience");

    let exchange = orders.token_exchange();
    let exchanged = exchange.exchange(&caller, &shop.target()).await.unwrap();
    assert_eq!(exchange.exchange(&caller, &shop.target()).await.unwrap(), exchanged, "remembered");
    let there = admitted(&inventory, exchanged.access_token(), authenticated()).await.unwrap();
    assert_eq!((there.subject(), there.username()), (who.subject(), Some("alice")));
    assert_eq!(admitted(&orders, exchanged.access_token(), authenticated()).await.unwrap_err(), 401);

    let claims = token::claims(exchanged.access_token().expose());
    assert_eq!((&claims["aud"], &claims["azp"]), (&json!(shop.inventory.name()), &json!(shop.orders.name())));
    // Keycloak gives it a whole life of its own, which can end after that of the caller's token.
    assert!(claims["exp"].as_i64() >= token::claims(caller.expose())["exp"].as_i64());
    let left = exchanged.expires_in(SystemClock.now()).as_secs();
    assert!(left > 30 && left <= 300, "{left}");
}

#[tokio::test]
async fn every_refusal_of_an_exchange_is_diagnosed() {
    let shop = Shop::open().await;
    let (exchange, caller) = (shop.exchange(), shop.alice().await);
    let refused = async |exchange: &TokenExchange, caller: &Secret, target: ExchangeTarget| {
        let error = exchange.exchange(caller, &target).await.unwrap_err();
        assert!(!error.diagnosis("orders").contains("check the settings"), "{}", error.diagnosis("orders"));
        error
    };
    let unknown = ExchangeTarget::audience("no-such-client");
    let error = refused(&exchange, &caller, unknown.clone()).await;
    assert_eq!(error, TokenExchangeError::AudienceUnknown { target: unknown });
    // Without the scope that adds the audience.
    let unavailable = ExchangeTarget::audience(shop.inventory.name());
    let error = refused(&exchange, &caller, unavailable.clone()).await;
    assert_eq!(error, TokenExchangeError::AudienceNotAvailable { target: unavailable });
    let scope = shop.target().scope("no-such-scope");
    let error = refused(&exchange, &caller, scope.clone()).await;
    assert_eq!(error, TokenExchangeError::ScopeRefused { target: scope });

    let elsewhere = Secret::new(shop.realm.log_in("no-aud", "alice").await.access);
    assert_eq!(refused(&exchange, &elsewhere, shop.target()).await, TokenExchangeError::NotInAudience);
    for no_token in ["garbage".to_owned(), shop.realm.log_in(shop.orders.name(), "alice").await.id] {
        let error = refused(&exchange, &Secret::new(no_token), shop.target()).await;
        assert_eq!(error, TokenExchangeError::SubjectRefused);
    }
    let tokens = shop.realm.log_in(shop.orders.name(), "bob").await;
    shop.realm.log_out(shop.orders.name(), &tokens.refresh).await;
    let error = refused(&exchange, &Secret::new(tokens.access), shop.target()).await;
    assert_eq!(error, TokenExchangeError::SubjectRefused);

    let own = Secret::new(shop.realm.log_in("es256", "alice").await.access);
    let error = refused(service(&shop.realm, "es256").token_exchange(), &own, shop.target()).await;
    assert_eq!(error, TokenExchangeError::NotEnabled);
    for wrong in [
        ClientAuthentication::client_secret_post(shop.orders.name(), Secret::new("wrong")),
        ClientAuthentication::public(shop.orders.name()),
    ] {
        let error = refused(&exchange_as(&shop.realm, wrong), &caller, shop.target()).await;
        assert!(matches!(error, TokenExchangeError::ClientRefused { .. }), "{error:?}");
    }
}

fn exchange_as(realm: &Realm, authentication: ClientAuthentication) -> TokenExchange {
    let parts = service(realm, "api").parts().clone();
    TokenExchange::new(parts.transport, realm.endpoint("token").parse().unwrap(), authentication, parts.clock)
}
