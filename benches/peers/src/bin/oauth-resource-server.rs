//! oauth-resource-server.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use bench_peers::{Failed, ME, Me, is_protected, issuer, keys, listener};
use oauth_resource_server::axum::AuthLayer;
use oauth_resource_server::{KeyNaming, OAuthConfig, OAuthValidator, static_token_policy};
use serde_json::json;

async fn me() -> Json<&'static Me> {
    Json(&*ME)
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let mut app = Router::new().route("/me", get(me));
    if is_protected() {
        let config: OAuthConfig = serde_json::from_value(json!({
            "enabled": true, "issuer": issuer()?, "jwks_uri": keys()?, "audience": "api",
            "resource": "http://127.0.0.1/", "required_scope": "openid",
        }))?;
        let resolved = config.resolve(KeyNaming::Dotted("oauth"))?.ok_or("it is not enabled")?;
        let validator = Arc::new(OAuthValidator::new(&resolved)?);
        validator.refresh_now().await?;
        let decision = static_token_policy(None, Some(&resolved), false)?;
        app = app.route_layer(AuthLayer::from_decision(decision, Some(validator))?);
    }
    Ok(axum::serve(listener().await?, app).await?)
}
