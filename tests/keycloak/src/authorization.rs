//! Authorization Services of the realm: a resource server for one test, and what Keycloak decides by it.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::admin::{Temporary, unique};
use crate::realm::Realm;

/// What Keycloak grants: scopes by the name of the resource, or by nothing for scopes that no resource has.
pub type Granted = BTreeMap<Option<String>, BTreeSet<String>>;

impl Realm {
    /// A resource server with these settings, in the form of an export. Users come to it with tokens of other clients.
    pub async fn temporary_resource_server(&self, settings: &Value) -> Temporary {
        let name = unique("authorization");
        let client = self
            .temporary_client_of(&json!({
                "clientId": name,
                "secret": format!("{name}-secret"),
                "publicClient": false,
                "standardFlowEnabled": false,
                "serviceAccountsEnabled": true,
                "authorizationServicesEnabled": true,
            }))
            .await;
        let path = format!("clients/{}/authz/resource-server/import", client.id());
        self.administer(Method::POST, &path, Some(settings)).await;
        client
    }

    /// What Keycloak exports of a resource server.
    pub async fn exported(&self, server: &Temporary) -> Value {
        self.read(&format!("clients/{}/authz/resource-server/settings", server.id())).await
    }

    /// The ids of a resource server's resources, by their names.
    pub async fn resource_ids(&self, server: &Temporary) -> BTreeMap<String, String> {
        let path = format!("clients/{}/authz/resource-server/resource?max=1000", server.id());
        let resources = self.read(&path).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        resources
            .as_array()
            .unwrap()
            .iter()
            .map(|found| (text(&found["name"]), text(&found["_id"])))
            .collect()
    }

    /// What Keycloak grants to whom the token names, of these permissions (`resource#scope,scope`); of none, of all there
    /// are. A permission that it does not know is none that it grants. `Err` is any answer but those.
    pub async fn granted(
        &self,
        server: &Temporary,
        token: &str,
        permissions: &[String],
    ) -> Result<Granted, String> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:uma-ticket")
            .append_pair("audience", server.name())
            .append_pair("response_mode", "permissions")
            .extend_pairs(permissions.iter().map(|permission| ("permission", permission)))
            .finish();
        let request = self.http.post(self.endpoint("token")).bearer_auth(token);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        let error = body["error"].as_str().unwrap_or_default();
        match (status, error) {
            (StatusCode::OK, _) => {}
            (StatusCode::FORBIDDEN, "access_denied") => return Ok(Granted::new()),
            (StatusCode::BAD_REQUEST, "invalid_resource" | "invalid_scope") => return Ok(Granted::new()),
            _ => return Err(format!("{status} {text}")),
        }
        let mut granted = Granted::new();
        for permission in body.as_array().unwrap() {
            let name = permission["rsname"].as_str().map(str::to_owned);
            let scopes = permission["scopes"].as_array().into_iter().flatten();
            let scopes = scopes.map(|scope| scope.as_str().unwrap().to_owned());
            granted.entry(name).or_default().extend(scopes);
        }
        Ok(granted)
    }
}
