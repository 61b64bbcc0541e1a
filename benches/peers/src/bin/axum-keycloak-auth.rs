//! axum-keycloak-auth.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use axum_keycloak_auth::instance::{KeycloakAuthInstance, KeycloakConfig};
use axum_keycloak_auth::layer::KeycloakAuthLayer;
use axum_keycloak_auth::{PassthroughMode, Url};
use bench_peers::{Failed, ME, Me, is_protected, listener, setting};

async fn me() -> Json<&'static Me> {
    Json(&*ME)
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let mut app = Router::new().route("/me", get(me));
    if is_protected() {
        let config = KeycloakConfig::builder()
            .server(Url::parse(&setting("KEYCLOAK_URL")?)?)
            .realm(setting("KEYCLOAK_REALM")?)
            .build();
        let layer = KeycloakAuthLayer::<String>::builder()
            .instance(Arc::new(KeycloakAuthInstance::new(config)))
            .passthrough_mode(PassthroughMode::Block)
            .expected_audiences(vec!["api".to_owned()])
            .build();
        app = app.layer(layer);
    }
    Ok(axum::serve(listener().await?, app).await?)
}
