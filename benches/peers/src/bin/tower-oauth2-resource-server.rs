//! tower-oauth2-resource-server.

use axum::routing::get;
use axum::{Json, Router};
use bench_peers::{Failed, ME, Me, is_protected, issuer, keys, listener};
use tower_oauth2_resource_server::server::OAuth2ResourceServer;
use tower_oauth2_resource_server::tenant::TenantConfiguration;

async fn me() -> Json<&'static Me> {
    Json(&*ME)
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let mut app = Router::new().route("/me", get(me));
    if is_protected() {
        let tenant = TenantConfiguration::builder(issuer()?).jwks_url(keys()?).audiences(&["api"]).build().await?;
        let server = <OAuth2ResourceServer>::builder().add_tenant(tenant).build().await?;
        app = app.layer(server.into_layer());
    }
    Ok(axum::serve(listener().await?, app).await?)
}
