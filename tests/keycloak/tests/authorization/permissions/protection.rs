//! Resources, as the service registers them.

use kc_core::uma::{ProtectionError, ResourceDescription, ResourceFilter, TicketPermission};

use super::*;

#[tokio::test]
async fn a_resource_is_created_read_changed_listed_and_deleted() {
    let server = Server::start().await;
    let api = server.protection();
    let album = ResourceDescription::new("holidays", ["view", "print"])
        .display_name("Holidays")
        .of_type("urn:photos:album")
        .icon("https://photos.example.com/icon.png")
        .uris(["/albums/holidays/*"])
        .attribute("colour", ["red", "blue"]);
    let created = api.create(&album).await.unwrap();
    let read = api.read(&created.id).await.unwrap();
    assert_eq!((read.name.as_str(), read.display_name.as_deref()), ("holidays", Some("Holidays")));
    assert_eq!(read.kind.as_deref(), Some("urn:photos:album"));
    assert_eq!(read.uris, ["/albums/holidays/*"]);
    assert_eq!(read.attributes["colour"].len(), 2);
    let mut scopes = read.scopes.clone();
    scopes.sort();
    assert_eq!(scopes, ["print", "view"], "a scope that was not there is made");
    let ids = [created.id.clone()];
    for filter in [
        ResourceFilter::new().name("holidays"),
        ResourceFilter::new().name_contains("oliday"),
        ResourceFilter::new().of_type("urn:photos:album"),
        ResourceFilter::new().scope("print"),
        ResourceFilter::new().uri("/albums/holidays/*"),
        ResourceFilter::new().best_for_path("/albums/holidays/7"),
        ResourceFilter::new().name("holidays").owner(server.client.name()).page(0, 5),
    ] {
        assert_eq!(api.list(&filter).await.unwrap(), ids, "{filter:?}");
    }
    for filter in [
        ResourceFilter::new().name("holiday"),
        ResourceFilter::new().name("holidays").owner("alice"),
        ResourceFilter::new().uri("/albums/holidays/7"),
    ] {
        assert_eq!(api.list(&filter).await.unwrap(), [""; 0], "{filter:?}");
    }
    assert_eq!(api.own("holidays").await.unwrap().as_ref(), Some(&created.id));
    assert_eq!(api.create(&album).await, Err(ProtectionError::Conflict));
    // What is not said any more is gone.
    api.update(&created.id, &ResourceDescription::new("work", ["view"])).await.unwrap();
    let read = api.read(&created.id).await.unwrap();
    assert_eq!((read.name.as_str(), read.display_name, read.kind), ("work", None, None));
    assert_eq!((read.uris.len(), read.attributes.len(), read.scopes), (0, 0, vec!["view".to_owned()]));
    api.delete(&created.id).await.unwrap();
    assert_eq!(api.read(&created.id).await, Err(ProtectionError::Missing));
    assert_eq!(api.delete(&created.id).await, Err(ProtectionError::Missing));
    assert_eq!(api.update(&created.id, &album).await, Err(ProtectionError::Missing));
    assert_eq!(api.own("work").await, Ok(None));
}

/// Since 26.6.2 the service cannot register for a user. Users can by themselves, and call theirs as the service calls its own.
#[tokio::test]
async fn a_users_resource_is_registered_in_their_name() {
    let server = Server::start().await;
    let realm = &server.realm;
    let path = format!("clients/{}", server.client.id());
    let mut client = realm.read(&path).await;
    client["directAccessGrantsEnabled"] = json!(true);
    realm.administer(Method::PUT, &path, Some(&client)).await;
    let owner = realm.temporary_user("owner", &[]).await;
    let role = realm.read(&format!("{path}/roles/uma_protection")).await;
    let roles = format!("users/{}/role-mappings/clients/{}", owner.id(), server.client.id());
    realm.administer(Method::POST, &roles, Some(&json!([role]))).await;
    let token = realm.log_in(server.client.name(), owner.name()).await.access;

    let api = server.protection();
    let theirs = ResourceDescription::new("store", ["view"]).of_type("album").managed_by_owner();
    let created = api.create_for(&Secret::new(token.as_str()), &theirs).await.unwrap();
    let read = api.read(&created.id).await.unwrap();
    assert_eq!((read.owner_id.as_deref(), read.owner_managed_access), (Some(owner.id()), true));
    assert_eq!(
        api.list(&ResourceFilter::new().owner(owner.name())).await.unwrap(),
        std::slice::from_ref(&created.id)
    );
    assert_eq!(
        api.own("store").await.unwrap().as_ref(),
        Some(&server.store),
        "the service's own is another one"
    );
    let outcome =
        server.uma().allows(&token, &[Wanted::of(&server.store, ["view"])], &PushedClaims::new()).await;
    assert_eq!(outcome, Ok(false));
    // Who has not the role may not.
    let bob = realm.log_in(server.client.name(), "bob").await.access;
    assert!(api.create_for(&Secret::new(bob), &theirs).await.is_err());
}

#[tokio::test]
async fn a_ticket_is_for_what_there_is() {
    let server = Server::start().await;
    let api = server.protection();
    assert!(api.ticket(&[TicketPermission::of(&server.store, ["view"])]).await.is_ok());
    assert!(api.ticket(&[TicketPermission::of_any(["view"])]).await.is_ok());
    for wrong in [
        vec![TicketPermission::of(&server.store, ["nope"])],
        vec![TicketPermission::of(&server.store, ["look"])],
        vec![TicketPermission::of("nope", ["view"])],
        vec![],
    ] {
        let outcome = api.ticket(&wrong).await;
        assert!(matches!(outcome, Err(ProtectionError::Status { .. })), "{wrong:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_client_that_is_no_resource_server_is_told_what_to_switch_on() {
    let server = Server::start().await;
    let tokens = ServiceTokens::new(
        transport(),
        server.realm.endpoint("token").parse().unwrap(),
        ClientAuthentication::client_secret_post("api", Secret::new("api-secret")),
        Arc::new(SystemClock),
        ServiceTokenOptions::default(),
    );
    let base = format!("{}/authz/protection", server.realm.issuer());
    let api = ProtectionClient::new(transport(), base.parse().unwrap(), tokens);
    let error = api.list(&ResourceFilter::new()).await.unwrap_err();
    assert!(error.diagnosis("api").contains("\"Authorization\" on"), "{error}");
}
