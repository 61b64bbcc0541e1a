//! A validator of OpenAPI documents, and the proof that it is one.

use roas::validation::{Options, Validate};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Validates a document against the version that it says it is of, 3.0 or 3.1, and leaves nothing out.
pub(crate) fn validate(document: &Value) -> Result<(), String> {
    match document["openapi"].as_str().and_then(|version| version.get(..3)) {
        Some("3.0") => check::<roas::v3_0::spec::Spec>(document),
        Some("3.1") => check::<roas::v3_1::spec::Spec>(document),
        version => Err(format!("openapi: {version:?}")),
    }
}

fn check<S: Validate + DeserializeOwned>(document: &Value) -> Result<(), String> {
    let spec: S = serde_json::from_value(document.clone()).map_err(|error| error.to_string())?;
    spec.validate(Options::empty(), None).map_err(|error| format!("{error:?}"))
}

fn good(version: &str) -> Value {
    let operation = |id: &str| {
        json!({
            "operationId": id,
            "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
            "security": [{"keycloak": ["openid"]}],
            "responses": {"200": {
                "description": "good",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}
            }}
        })
    };
    json!({
        "openapi": version,
        "info": {"title": "t", "version": "1"},
        "paths": {"/items/{id}": {"get": operation("read"), "delete": operation("remove")}},
        "components": {
            "schemas": {"Item": {"type": "object", "properties": {"id": {"type": "integer"}}}},
            "securitySchemes": {"keycloak": {"type": "oauth2", "flows": {"authorizationCode": {
                "authorizationUrl": "https://id.example.com/auth",
                "tokenUrl": "https://id.example.com/token",
                "scopes": {"openid": "Log in"}
            }}}}
        }
    })
}

#[test]
fn it_finds_what_is_wrong() {
    for version in ["3.0.3", "3.1.0"] {
        assert_eq!(validate(&good(version)), Ok(()), "{version}");
        for (pointer, member, value) in [
            ("/info", "title", None),
            ("/paths/~1items~1{id}/get", "parameters", None),
            ("/paths/~1items~1{id}/get", "operationId", Some(json!("remove"))),
            ("/paths/~1items~1{id}/get", "security", Some(json!([{"unknown": []}]))),
            ("/paths/~1items~1{id}/get", "security", Some(json!([{"keycloak": ["unknown"]}]))),
            ("/paths/~1items~1{id}/get/parameters/0", "in", Some(json!("body"))),
            ("/paths/~1items~1{id}/get/parameters/0", "required", Some(json!(false))),
            ("/paths/~1items~1{id}/get/responses/200", "description", None),
            ("/paths/~1items~1{id}/get/responses", "2000", Some(json!({"description": "x"}))),
            ("/components/schemas", "Item", None),
            ("/components/schemas/Item", "type", Some(json!("thing"))),
            ("/components/securitySchemes/keycloak/flows/authorizationCode", "tokenUrl", None),
            ("/paths", "items", Some(json!({}))),
        ] {
            let mut document = good(version);
            let object = document.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap();
            match value {
                Some(value) => object.insert(member.to_owned(), value),
                None => object.remove(member),
            };
            assert!(validate(&document).is_err(), "{version}: {pointer} {member}");
        }
    }
}
