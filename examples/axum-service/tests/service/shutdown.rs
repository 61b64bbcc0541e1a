//! How the service ends: asked to, it takes nothing new, finishes what it has, and says that all went well.

use std::sync::Arc;

use tokio::net::TcpStream;

use crate::harness::{FakeKeycloak, Reply, Service, eventually, issuer};

#[tokio::test]
async fn either_signal_ends_an_idle_service_well() {
    let issuer = issuer().await;
    for signal in ["TERM", "INT"] {
        let mut service = Service::of(&issuer).await;
        service.signal(signal);
        assert_eq!(service.wait().code(), Some(0), "{signal}");
    }
}

#[tokio::test]
async fn a_signal_right_after_the_banner_ends_it_as_well() {
    let issuer = issuer().await;
    for _ in 0..20 {
        let mut service = Service::of(&issuer).await;
        service.signal("TERM");
        assert_eq!(service.wait().code(), Some(0));
    }
}

#[tokio::test]
async fn a_connection_that_is_kept_open_without_a_request_does_not_hold_the_service_up() {
    let issuer = issuer().await;
    let mut service = Service::of(&issuer).await;
    let mut idle = crate::harness::Connection::open(&service).await;
    assert_eq!(idle.exchange("GET", b"/health").await.status, 200);
    service.signal("TERM");
    assert_eq!(service.wait().code(), Some(0));
}

#[tokio::test]
async fn a_request_in_flight_finishes_and_no_new_connection_is_taken() {
    for signal in ["TERM", "INT"] {
        let issuer = issuer().await;
        let keycloak = FakeKeycloak::answering(Reply::json(r#"{"active":true}"#)).await;
        let service = Arc::new(keycloak.behind(&issuer).await.start().await);
        let token = issuer.token("alice", "api").await.unwrap();
        keycloak.hold();
        let held = Arc::clone(&service);
        let in_flight =
            tokio::spawn(async move { held.request("DELETE", "/items/1").bearer(&token).send().await });
        eventually("introspection is asked", async || keycloak.requests().len() == 1).await;
        service.signal(signal);
        let address = service.address();
        eventually("the port is closed", async || TcpStream::connect(address).await.is_err()).await;
        assert!(!in_flight.is_finished());
        keycloak.let_go();
        assert_eq!(in_flight.await.unwrap().status, 204);
        let mut service = Arc::into_inner(service).unwrap();
        assert_eq!(service.wait().code(), Some(0), "{signal}");
    }
}

#[tokio::test]
async fn a_request_that_does_not_finish_is_cut() {
    let issuer = issuer().await;
    let keycloak = FakeKeycloak::answering(Reply::json(r#"{"active":true}"#)).await;
    let setup = keycloak.behind(&issuer).await.set("KEYCLOAK_HTTP_TIMEOUT_SECONDS", "60");
    let service = Arc::new(setup.start().await);
    let token = issuer.token("alice", "api").await.unwrap();
    keycloak.hold();
    let held = Arc::clone(&service);
    let in_flight =
        tokio::spawn(async move { held.request("DELETE", "/items/1").bearer(&token).try_send().await });
    eventually("introspection is asked", async || keycloak.requests().len() == 1).await;
    service.signal("TERM");
    eventually("the service is gone", async || in_flight.is_finished()).await;
    assert!(in_flight.await.unwrap().is_err(), "the connection was cut");
    let mut service = Arc::into_inner(service).unwrap();
    assert_eq!(service.wait().code(), Some(0));
}
