use http::{Method, StatusCode};
use serde_json::json;

use super::*;

fn album() -> ResourceDescription {
    ResourceDescription::new("album", ["view", "add"])
        .display_name("Album")
        .of_type("urn:photos:album")
        .icon("https://photos.test/i.png")
        .managed_by_owner()
        .uris(["/albums/*"])
        .attribute("colour", ["red", "blue"])
}

fn answered() -> String {
    json!({ "_id": "r1", "name": "album", "displayName": "Album", "type": "urn:photos:album", "icon_uri": "i",
        "owner": { "id": "u1", "name": "alice" }, "ownerManagedAccess": true, "uris": ["/albums/*"],
        "attributes": { "colour": ["red", "blue"] },
        "resource_scopes": [{ "id": "s1", "name": "view" }, { "name": "add" }], "scopes": [{ "name": "view" }] })
    .to_string()
}

fn setup(answer: Answer) -> (Arc<FakeRealm>, ProtectionClient) {
    let realm = realm(denied(), answer);
    let client = protection_client(&realm);
    (realm, client)
}

#[tokio::test]
async fn a_resource_is_sent_whole_and_read_whole() {
    let (realm, client) = setup(Answer::reply(201, answered()));
    let resource = client.create(&album()).await.unwrap();
    assert_eq!((resource.id.as_str(), resource.owner_id.as_deref()), ("r1", Some("u1")));
    assert_eq!(resource.scopes, ["view", "add"]);
    assert_eq!((resource.uris.len(), resource.attributes["colour"].len()), (1, 2));
    assert!(resource.owner_managed_access);
    let request = realm.protection.last();
    assert_eq!(
        (request.method(), request.uri().path()),
        (&Method::POST, "/realms/demo/authz/protection/resource_set")
    );
    assert_eq!(request.headers()["authorization"], "Bearer the-services-own");
    assert!(request.headers()["authorization"].is_sensitive());
    let sent: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    let expected = json!({ "name": "album", "displayName": "Album", "type": "urn:photos:album",
        "icon_uri": "https://photos.test/i.png", "ownerManagedAccess": true, "uris": ["/albums/*"],
        "resource_scopes": ["view", "add"], "attributes": { "colour": ["red", "blue"] } });
    assert_eq!(sent, expected);
    // What is not said is taken away: Keycloak keeps attributes that nothing is said about.
    let bare = serde_json::to_value(ResourceDescription::new("a", [""; 0])).unwrap();
    let expected = json!({ "name": "a", "ownerManagedAccess": false, "uris": [], "resource_scopes": [], "attributes": {} });
    assert_eq!(bare, expected);
}

#[tokio::test]
async fn a_users_resource_is_registered_with_the_users_token() {
    let (realm, client) = setup(Answer::reply(201, answered()));
    assert_eq!(client.create_for(&Secret::new("bobs"), &album()).await.unwrap().id, "r1");
    assert_eq!(realm.protection.last().headers()["authorization"], "Bearer bobs");
    assert_eq!(realm.tokens.requests(), 0);
    let outcome = client.create_for(&Secret::new("a\nb"), &album()).await;
    assert!(matches!(outcome, Err(ProtectionError::Unaskable { .. })), "{outcome:?}");
}

#[tokio::test]
async fn each_call_goes_to_its_own_place() {
    let (realm, client) = setup(Answer::reply(200, answered()));
    assert_eq!(client.read("r1").await.unwrap().name, "album");
    let said = |realm: &FakeRealm| {
        let request = realm.protection.last();
        format!("{} {}", request.method(), request.uri().path_and_query().unwrap())
    };
    assert_eq!(said(&realm), "GET /realms/demo/authz/protection/resource_set/r1");
    realm.protection.answer_from_now(Answer::reply(204, ""));
    client.update("r1", &album()).await.unwrap();
    assert_eq!(said(&realm), "PUT /realms/demo/authz/protection/resource_set/r1");
    client.delete("r1").await.unwrap();
    assert_eq!(said(&realm), "DELETE /realms/demo/authz/protection/resource_set/r1");
    realm.protection.answer_from_now(Answer::reply(200, r#"["a","b"]"#));
    let filter = ResourceFilter::new().name_contains("al&b").scope("view").of_type("t").owner("u").page(0, 7);
    assert_eq!(client.list(&filter).await.unwrap(), ["a", "b"]);
    assert_eq!(
        said(&realm),
        "GET /realms/demo/authz/protection/resource_set?name=al%26b&scope=view&type=t&owner=u&first=0&max=7"
    );
    client.list(&ResourceFilter::new().best_for_path("/a/7")).await.unwrap();
    assert!(said(&realm).ends_with("?uri=%2Fa%2F7&matchingUri=true"));
    client.list(&ResourceFilter::new().uri("/a")).await.unwrap();
    assert!(said(&realm).ends_with("?uri=%2Fa"));
}

#[tokio::test]
async fn an_id_is_one_segment_of_the_path_and_never_the_list() {
    let (realm, client) = setup(Answer::reply(204, ""));
    for (id, path) in
        [("a/../b", "a%2F..%2Fb"), ("a?b#c", "a%3Fb%23c"), ("a b%", "a%20b%25"), ("\u{e9}", "%C3%A9")]
    {
        client.delete(id).await.unwrap();
        let expected = format!("/realms/demo/authz/protection/resource_set/{path}");
        assert_eq!(realm.protection.last().uri().path(), expected);
    }
    let sent = realm.protection.requests();
    for id in ["", ".", ".."] {
        assert!(matches!(client.delete(id).await, Err(ProtectionError::Unaskable { .. })), "{id:?}");
        assert!(matches!(client.read(id).await, Err(ProtectionError::Unaskable { .. })), "{id:?}");
    }
    assert_eq!(realm.protection.requests(), sent);
}

#[tokio::test]
async fn a_ticket_is_for_what_is_missing() {
    let (realm, client) = setup(Answer::reply(201, r#"{"ticket":"eyJ.eyJ.sig-_"}"#));
    let wanted = [TicketPermission::of("r1", ["view"]), TicketPermission::of_any(["add"])];
    let ticket = client.ticket(&wanted).await.unwrap();
    assert_eq!(ticket.expose(), "eyJ.eyJ.sig-_");
    assert!(!format!("{ticket:?}").contains("eyJ"));
    let request = realm.protection.last();
    assert_eq!(request.uri().path(), "/realms/demo/authz/protection/permission");
    let expected = r#"[{"resource_id":"r1","resource_scopes":["view"]},{"resource_scopes":["add"]}]"#;
    assert_eq!(request.body(), expected);
    for body in [
        "{}".to_owned(),
        r#"{"ticket":""}"#.to_owned(),
        r#"{"ticket":"a b"}"#.to_owned(),
        r#"{"ticket":"a\", ticket=\"b"}"#.to_owned(),
        r#"{"ticket":"a\r\nset-cookie: x"}"#.to_owned(),
        r#"{"ticket":"a","ticket":"b"}"#.to_owned(),
        format!(r#"{{"ticket":"{}"}}"#, "a".repeat(9000)),
    ] {
        realm.protection.answer_from_now(Answer::reply(201, body));
        let outcome = client.ticket(&wanted).await;
        assert!(matches!(outcome, Err(ProtectionError::Nonsense { .. })), "{outcome:?}");
    }
}

#[tokio::test]
async fn other_answers_are_errors_that_say_what_to_do() {
    for (status, body, remedy) in [
        (403, r#"{"error":"invalid_clientId"}"#, "\"Authorization\" on"),
        (403, r#"{"error":"invalid_bearer_token"}"#, "uma_protection"),
        (403, "", "Remote resource management"),
        (400, r#"{"error":"invalid_scope"}"#, "scope"),
        (404, r#"{"error":"HTTP 404 Not Found"}"#, "list the resources"),
        (409, r#"{"error":"invalid_request"}"#, "another name"),
        (302, "", "redirects are not followed"),
        (500, "<html>", "log"),
    ] {
        let (_, client) = setup(Answer::reply(status, body));
        let error = client.create(&album()).await.unwrap_err();
        let text = error.diagnosis("inventory");
        assert!(text.contains(remedy), "{status} {body}: {text}");
        assert!(client.list(&ResourceFilter::new()).await.is_err());
        assert!(client.own("store").await.is_err());
        assert!(client.update("a", &album()).await.is_err());
        assert!(client.delete("a").await.is_err());
    }
    let (_, client) = setup(Answer::reply(404, ""));
    assert_eq!(client.read("a").await, Err(ProtectionError::Missing));
    let (_, client) = setup(Answer::reply(409, ""));
    assert_eq!(client.create(&album()).await, Err(ProtectionError::Conflict));
    let (_, client) = setup(Answer::Fail(TransportError::Broken));
    assert_eq!(client.read("a").await, Err(ProtectionError::Unreachable(TransportError::Broken)));
}

#[tokio::test]
async fn what_is_no_resource_and_no_list_of_ids_is_nonsense() {
    for body in [
        "[]",
        "{}",
        r#"{"_id":"r1"}"#,
        r#"{"name":"a"}"#,
        r#"{"_id":"","name":"a"}"#,
        r#"{"_id":5,"name":"a"}"#,
        r#"{"_id":"other","name":"a"}"#,
        r#"{"_id":"r1","name":"a","owner":5}"#,
        r#"{"_id":"r1","name":"a","uris":"x"}"#,
        r#"{"_id":"r1","name":"a","resource_scopes":[5]}"#,
        r#"{"_id":"r1","name":"a","attributes":{"a":"b"}}"#,
        r#"{"_id":"r1","name":"a","ownerManagedAccess":"yes"}"#,
        r#"{"_id":"r1","_id":"r2","name":"a"}"#,
    ] {
        let (_, client) = setup(Answer::reply(200, body));
        let outcome = client.read("r1").await;
        assert!(matches!(outcome, Err(ProtectionError::Nonsense { .. })), "{body}: {outcome:?}");
    }
    for body in ["{}", "[5]", r#"[""]"#, "null", "[null]", "<html>"] {
        let (_, client) = setup(Answer::reply(200, body));
        let outcome = client.list(&ResourceFilter::new()).await;
        assert!(matches!(outcome, Err(ProtectionError::Nonsense { .. })), "{body}: {outcome:?}");
    }
    let one = json!({ "_id": "a", "name": "store", "owner": { "name": "inventory" } });
    let (_, client) = setup(Answer::reply(200, json!([one, one]).to_string()));
    assert!(matches!(client.own("store").await, Err(ProtectionError::Nonsense { .. })), "which of the two?");
    let (_, client) = setup(Answer::reply(200, json!([one]).to_string()));
    assert_eq!(client.own("stor").await, Ok(None), "a server that lists names with this in them");
}

#[tokio::test]
async fn a_service_without_a_token_asks_nothing_and_no_error_shows_a_secret() {
    let (realm, client) = setup(Answer::reply(200, "[]"));
    let body = json!({ "error": format!("no {SECRET}") }).to_string();
    realm.tokens.answer_from_now(Answer::reply(401, body));
    let error = client.list(&ResourceFilter::new()).await.unwrap_err();
    assert!(matches!(error, ProtectionError::Token(_)));
    assert_eq!(realm.protection.requests(), 0);
    let text = format!("{error} {error:?} {} {client:?}", error.diagnosis("inventory"));
    assert!(!text.contains(SECRET), "{text}");
    assert_eq!(StatusCode::CONFLICT.as_u16(), 409);
}
