//! Prints its spans. In production an exporter of OTLP takes the place of the one for standard output.
//!
//! ```console
//! cargo run -p opentelemetry-service
//! ```

use std::error::Error;

use kc_core::secret::Secret;
use kc_core::settings::Settings;
use kc_dev::DevIssuer;
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_service::{app, keycloak, subscriber};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(opentelemetry_stdout::SpanExporter::default())
        .build();
    tracing::subscriber::set_global_default(subscriber(&provider))?;
    let issuer = DevIssuer::start().await?;
    let secret = issuer.client_secret("api").map(Secret::new).ok_or("the demo realm has a client api")?;
    let settings =
        Settings::builder(issuer.base_url(), issuer.realm(), "api").client_secret(secret).build()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let token = issuer.token("alice", "api").await?;
    println!("Try it:\n");
    println!(
        "curl http://{}/me -H 'Authorization: Bearer {token}' \
         -H 'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'",
        listener.local_addr()?
    );
    axum::serve(listener, app(&keycloak(&settings)?)?).await?;
    Ok(())
}
