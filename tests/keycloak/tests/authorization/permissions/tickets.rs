//! A client that is told which permission it lacks, gets it, and comes back.

use base64_simd::URL_SAFE_NO_PAD;
use kc_core::Keycloak;
use kc_core::rules::permission;
use kc_core::uma::TicketPermission;
use url::form_urlencoded;

use super::rules::{admit, keycloak};
use super::*;

/// What a client does with a ticket: it shows it, and says in which room the user is.
async fn take_to_keycloak(server: &Server, user: &str, ticket: &str, room: &str) -> Result<String, Value> {
    let claims = URL_SAFE_NO_PAD.encode_to_string(json!({ "room": [room] }).to_string());
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:uma-ticket")
        .append_pair("ticket", ticket)
        .append_pair("claim_token", &claims)
        .append_pair("claim_token_format", "urn:ietf:params:oauth:token-type:jwt")
        .finish();
    let answer = reqwest::Client::new()
        .post(server.realm.endpoint("token"))
        .bearer_auth(server.token(user).await)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .unwrap();
    let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    body["access_token"].as_str().map(str::to_owned).ok_or(body)
}

#[tokio::test]
async fn a_ticket_becomes_an_rpt_and_the_rpt_opens_the_door() {
    let server = Server::start().await;
    let keycloak = keycloak(&server, Keycloak::builder().permission_tickets());
    let guard = keycloak.guard();
    let look = permission("bin", "look");
    let refusal = admit(guard, &server.token("bob").await, &look).await.unwrap_err();
    let response = guard.response(&refusal);
    assert_eq!((response.status().as_u16(), refusal.code()), (401, "permission_required"));
    let challenge = response.headers()["www-authenticate"].to_str().unwrap();
    let parameter = |name: &str| {
        let (_, rest) = challenge.split_once(&format!("{name}=\"")).unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    };
    assert!(challenge.starts_with("UMA realm=\"kc-demo\", "), "{challenge}");
    assert_eq!(parameter("as_uri"), server.realm.issuer());
    let ticket = parameter("ticket");
    // In the hall nobody gets it, in the lab they do.
    let denied = take_to_keycloak(&server, "bob", &ticket, "hall").await.unwrap_err();
    assert_eq!(denied["error"], "access_denied");
    let rpt = take_to_keycloak(&server, "bob", &ticket, "lab").await.unwrap();
    assert_eq!(token::claims(&rpt)["aud"], server.client.name());
    assert_eq!(admit(guard, &rpt, &look).await, Ok(()));
    // For what it holds, and nothing else.
    let other = admit(guard, &rpt, &permission("store", "view")).await;
    assert_eq!(other.unwrap_err().code(), "permission_required");
    let scope = admit(guard, &rpt, &permission("bin", "view")).await;
    assert_eq!(scope.unwrap_err().code(), "insufficient_permissions", "there is no such permission");
}

#[tokio::test]
async fn an_rpt_is_a_token_like_any_other_where_tickets_are_off() {
    let server = Server::start().await;
    let look = permission("bin", "look");
    let bin = server.protection().own("bin").await.unwrap().unwrap();
    let ticket = server.protection().ticket(&[TicketPermission::of(bin, ["look"])]).await.unwrap();
    let rpt = take_to_keycloak(&server, "bob", ticket.expose(), "lab").await.unwrap();
    let off = keycloak(&server, Keycloak::builder());
    assert_eq!(admit(off.guard(), &rpt, &look).await.unwrap_err().code(), "insufficient_permissions");
    let on = keycloak(&server, Keycloak::builder().permission_tickets());
    assert_eq!(admit(on.guard(), &rpt, &look).await, Ok(()));
}

/// The audience says whose permissions they are: both servers have a resource `bin`, and trust each other's audience.
#[tokio::test]
async fn an_rpt_of_another_resource_server_holds_nothing_here() {
    let (here, there) = (Server::start().await, Server::start().await);
    let look = permission("bin", "look");
    let bin = there.protection().own("bin").await.unwrap().unwrap();
    let ticket = there.protection().ticket(&[TicketPermission::of(bin, ["look"])]).await.unwrap();
    let rpt = take_to_keycloak(&there, "bob", ticket.expose(), "lab").await.unwrap();
    let name = here.client.name();
    let settings = kc_core::settings::Settings::builder(here.realm.base(), "kc-demo", name)
        .client_secret(Secret::new(format!("{name}-secret")))
        .audiences([name, there.client.name()])
        .authorization(kc_core::settings::AuthorizationMode::Online)
        .audit_log("off")
        .build()
        .unwrap();
    let keycloak = Keycloak::builder().permission_tickets().build(&settings).unwrap();
    assert_eq!(admit(keycloak.guard(), &rpt, &look).await.unwrap_err().code(), "permission_required");
}

/// A user who calls theirs as the service calls its own has an RPT for it, and it opens nothing.
#[tokio::test]
async fn an_rpt_for_a_users_resource_of_the_same_name_opens_nothing() {
    let server = Server::start().await;
    server.give("bob", "store").await;
    let bob = server.token("bob").await;
    let granted =
        server.uma().granted(&bob, &[Wanted::of_scope("view")], &PushedClaims::new()).await.unwrap();
    let theirs = granted[0].resource_id.clone().unwrap();
    assert_ne!(theirs, server.store);
    let ticket = server.protection().ticket(&[TicketPermission::of(theirs, ["view"])]).await.unwrap();
    let rpt = take_to_keycloak(&server, "bob", ticket.expose(), "hall").await.unwrap();
    let held = &token::claims(&rpt)["authorization"]["permissions"][0];
    assert_eq!((&held["rsname"], &held["scopes"][0]), (&json!("store"), &json!("view")));
    let keycloak = keycloak(&server, Keycloak::builder().permission_tickets());
    let outcome = admit(keycloak.guard(), &rpt, &permission("store", "view")).await;
    assert_eq!(outcome.unwrap_err().code(), "permission_required");
}
