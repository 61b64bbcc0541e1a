//! jwt-authorizer, which is for axum 0.7.

use axum07::routing::get;
use axum07::{Json, Router};
use bench_peers::{Failed, ME, Me, is_protected, issuer, keys, listener};
use jwt_authorizer::{Authorizer, IntoLayer, JwtAuthorizer, Validation};
use serde::Deserialize;

/// What a service that goes by Keycloak's roles reads of a token.
#[derive(Clone, Debug, Deserialize)]
#[expect(dead_code, reason = "what a service reads has to be parsed to be measured; the answer is the same for everybody")]
struct Claims {
    sub: String,
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
        let validation = Validation::new().iss(&[issuer()?]).aud(&["api"]).nbf(true).leeway(5);
        let authorizer: Authorizer<Claims> =
            JwtAuthorizer::from_jwks_url(&keys()?).validation(validation).build().await?;
        app = app.layer(authorizer.into_layer());
    }
    Ok(axum07::serve(listener().await?, app).await?)
}
