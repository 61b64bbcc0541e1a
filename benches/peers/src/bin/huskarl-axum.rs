//! huskarl-axum, with the validator that takes claims of one's own.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use bench_peers::{Failed, ME, Me, is_protected, issuer, listener};
use huskarl_axum::layers::ValidatorLayer;
use huskarl_axum::resource_server::core::jwk::JwksSource;
use huskarl_axum::resource_server::core::server_metadata::AuthorizationServerMetadata;
use huskarl_axum::resource_server::validator::custom::CustomValidator;
use huskarl_reqwest::mtls::NoMtls;
use serde::Deserialize;

/// What a service that goes by Keycloak's roles reads of a token.
#[derive(Clone, Debug, Deserialize)]
#[expect(dead_code, reason = "what a service reads has to be parsed to be measured; the answer is the same for everybody")]
struct Claims {
    email: Option<String>,
    preferred_username: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    realm_access: Option<Roles>,
    #[serde(default)]
    resource_access: std::collections::HashMap<String, Roles>,
}

#[derive(Clone, Debug, Deserialize)]
#[expect(dead_code, reason = "what a service reads has to be parsed to be measured; the answer is the same for everybody")]
struct Roles {
    roles: Vec<String>,
}

async fn me() -> Json<&'static Me> {
    Json(&*ME)
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let mut app = Router::new().route("/me", get(me));
    if is_protected() {
        let client = huskarl_reqwest::ReqwestClient::builder().mtls(NoMtls).build().await?;
        let issuer = issuer()?;
        let issuer_of_tokens = issuer.clone();
        let metadata =
            AuthorizationServerMetadata::oidc_fetch().http_client(&client).issuer(issuer).call().await?;
        let validator = CustomValidator::builder_from_metadata(&metadata)
            .with_claims::<Claims>()
            .iss(issuer_of_tokens)
            .aud("api")
            .jws_verifier_factory(Arc::new(JwksSource::builder().http_client(client).build()))
            .build()
            .await?;
        app = app.layer(ValidatorLayer::builder().validator(validator).build().authenticated());
    }
    Ok(axum::serve(listener().await?, app).await?)
}
