//! How somebody tests a service of their own: with real tokens, without a Keycloak, and with nothing to wait for.
//!
//! `docs/testing.md` explains it. The other example services have the same tests, each in the words of its framework.

#![cfg(test)]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::routing::get;
use kc_axum::Routes;
use kc_core::Keycloak;
use kc_core::clock::{FakeClock, UnixTime};
use kc_core::rules::role;
use kc_core::settings::Settings;
use kc_dev::{Defect, DevIssuer, Endpoint, Fault, Mint};
use tower::ServiceExt as _;

/// The service under test.
fn app(kc: &Keycloak) -> Router {
    Routes::new(kc.guard()).route("/orders", role("clerk"), get(|| async { "[]" })).into_router().unwrap()
}

/// The service, its issuer, and the service's clock.
struct Shop {
    issuer: DevIssuer,
    clock: Arc<FakeClock>,
    app: Router,
}

impl Shop {
    async fn open() -> Self {
        let issuer = DevIssuer::builder().shared_keys().start().await.unwrap();
        let settings =
            Settings::builder(issuer.base_url(), issuer.realm(), "api").audit_log("off").build().unwrap();
        let clock = Arc::new(FakeClock::at(UnixTime::from_secs(issuer.now())));
        let kc = Keycloak::builder().clock(clock.clone()).build(&settings).unwrap();
        Self { app: app(&kc), issuer, clock }
    }

    /// A token that opens `/orders`.
    fn clerk(&self) -> Mint {
        self.issuer.mint().user("carol").role("clerk")
    }

    /// The status, and the code of a refusal.
    async fn orders(&self, token: Option<&str>) -> (u16, String) {
        let mut request = Request::get("/orders");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let response = self.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        (status, problem["code"].as_str().unwrap_or_default().to_owned())
    }
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn without_a_token_nobody_sees_the_orders() {
    let shop = Shop::open().await;
    assert_eq!(shop.orders(None).await, refused(401, "not_authenticated"));
}

#[tokio::test]
async fn a_clerk_sees_the_orders() {
    let shop = Shop::open().await;
    let token = shop.clerk().sign().await.unwrap();
    assert_eq!(shop.orders(Some(&token)).await.0, 200);
}

#[tokio::test]
async fn whoever_is_no_clerk_does_not() {
    let shop = Shop::open().await;
    let token = shop.issuer.token("carol", "api").await.unwrap();
    assert_eq!(shop.orders(Some(&token)).await, refused(403, "missing_roles"));
}

#[tokio::test]
async fn a_token_is_refused_when_its_time_is_over() {
    let shop = Shop::open().await;
    let token = shop.clerk().expires_in(60).sign().await.unwrap();
    assert_eq!(shop.orders(Some(&token)).await.0, 200);
    shop.clock.advance(Duration::from_secs(120));
    assert_eq!(shop.orders(Some(&token)).await, refused(401, "token_expired"));
}

#[tokio::test]
async fn a_broken_token_is_refused_whatever_is_broken() {
    let shop = Shop::open().await;
    for defect in Defect::ALL {
        let token = shop.clerk().broken(defect).sign().await.unwrap();
        let (status, code) = shop.orders(Some(&token)).await;
        assert_eq!(status, 401, "{defect}: {code}");
        // What docs/testing.md says of it.
        let row = format!("| `{defect:?}` |");
        let row =
            TESTING.lines().find(|line| line.starts_with(&row)).unwrap_or_else(|| panic!("no row {row}"));
        assert!(row.ends_with(&format!("| `{code}` |")), "{row} but it is {code}");
    }
}

const TESTING: &str = include_str!("../../../docs/testing.md");

#[tokio::test]
async fn new_keys_are_fetched_and_old_ones_count_no_more() {
    let shop = Shop::open().await;
    let before = shop.clerk().sign().await.unwrap();
    assert_eq!(shop.orders(Some(&before)).await.0, 200);
    shop.issuer.replace_key().await.unwrap();
    let after = shop.clerk().sign().await.unwrap();
    assert_eq!(shop.orders(Some(&after)).await.0, 200);
    assert_eq!(shop.orders(Some(&before)).await, refused(401, "unknown_key"));
}

#[tokio::test]
async fn while_keycloak_is_down_it_is_503_and_not_401() {
    let shop = Shop::open().await;
    let token = shop.clerk().sign().await.unwrap();
    shop.issuer.pause().await;
    assert_eq!(shop.orders(Some(&token)).await, refused(503, "keys_unavailable"));
}

#[tokio::test]
async fn keys_that_are_known_outlive_an_outage() {
    let shop = Shop::open().await;
    let first = shop.clerk().sign().await.unwrap();
    assert_eq!(shop.orders(Some(&first)).await.0, 200);
    shop.issuer.fault(Endpoint::Certs, Fault::Status(500));
    let second = shop.clerk().sign().await.unwrap();
    assert_eq!(shop.orders(Some(&second)).await.0, 200);
}
