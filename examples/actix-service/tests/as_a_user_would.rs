//! How somebody tests a service of their own: with real tokens, without a Keycloak, and with nothing to wait for.
//!
//! `docs/testing.md` explains it. The other example services have the same tests, each in the words of its framework.

#![cfg(test)]

use std::sync::Arc;
use std::time::Duration;

use actix_web::App;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::web::ServiceConfig;
use kc_actix::{Routes, config, get};
use kc_core::Keycloak;
use kc_core::clock::{FakeClock, UnixTime};
use kc_core::rules::role;
use kc_core::settings::Settings;
use kc_dev::{Defect, DevIssuer, Mint};

/// The service under test.
fn routes(kc: &Keycloak) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    config(Routes::new(kc.guard()).route("/orders", role("clerk"), [get(|| async { "[]" })])).unwrap()
}

/// The service's issuer and its clock.
struct Shop {
    issuer: DevIssuer,
    clock: Arc<FakeClock>,
    kc: Keycloak,
}

impl Shop {
    async fn open() -> Self {
        let issuer = DevIssuer::builder().shared_keys().start().await.unwrap();
        let settings =
            Settings::builder(issuer.base_url(), issuer.realm(), "api").audit_log("off").build().unwrap();
        let clock = Arc::new(FakeClock::at(UnixTime::from_secs(issuer.now())));
        let kc = Keycloak::builder().clock(clock.clone()).build(&settings).unwrap();
        Self { kc, issuer, clock }
    }

    /// A token that opens `/orders`.
    fn clerk(&self) -> Mint {
        self.issuer.mint().user("carol").role("clerk")
    }

    /// The status.
    async fn orders(&self, token: Option<&str>) -> u16 {
        let app = init_service(App::new().configure(routes(&self.kc))).await;
        let mut request = TestRequest::get().uri("/orders");
        if let Some(token) = token {
            request = request.insert_header(("authorization", format!("Bearer {token}")));
        }
        call_service(&app, request.to_request()).await.status().as_u16()
    }
}

#[tokio::test]
async fn without_a_token_nobody_sees_the_orders() {
    let shop = Shop::open().await;
    assert_eq!(shop.orders(None).await, 401);
}

#[tokio::test]
async fn a_clerk_sees_the_orders() {
    let shop = Shop::open().await;
    let token = shop.clerk().sign().await.unwrap();
    assert_eq!(shop.orders(Some(&token)).await, 200);
}

#[tokio::test]
async fn whoever_is_no_clerk_does_not() {
    let shop = Shop::open().await;
    let token = shop.issuer.token("carol", "api").await.unwrap();
    assert_eq!(shop.orders(Some(&token)).await, 403);
}

#[tokio::test]
async fn a_token_is_refused_when_its_time_is_over() {
    let shop = Shop::open().await;
    let token = shop.clerk().expires_in(60).sign().await.unwrap();
    assert_eq!(shop.orders(Some(&token)).await, 200);
    shop.clock.advance(Duration::from_secs(120));
    assert_eq!(shop.orders(Some(&token)).await, 401);
}

#[tokio::test]
async fn a_broken_token_is_refused_whatever_is_broken() {
    let shop = Shop::open().await;
    for defect in Defect::ALL {
        let token = shop.clerk().broken(defect).sign().await.unwrap();
        assert_eq!(shop.orders(Some(&token)).await, 401, "{defect}");
    }
}

#[tokio::test]
async fn new_keys_are_fetched_and_old_ones_count_no_more() {
    let shop = Shop::open().await;
    let before = shop.clerk().sign().await.unwrap();
    assert_eq!(shop.orders(Some(&before)).await, 200);
    shop.issuer.replace_key().await.unwrap();
    let after = shop.clerk().sign().await.unwrap();
    assert_eq!(shop.orders(Some(&after)).await, 200);
    assert_eq!(shop.orders(Some(&before)).await, 401);
}

#[tokio::test]
async fn while_keycloak_is_down_it_is_503_and_not_401() {
    let shop = Shop::open().await;
    let token = shop.clerk().sign().await.unwrap();
    shop.issuer.pause().await;
    assert_eq!(shop.orders(Some(&token)).await, 503);
}
