//! What the server exports now.

use std::sync::Arc;
use std::time::Duration;

use kc_core::secret::Secret;
use kc_core::settings::{KeycloakServer, Settings};
use kc_core::transport::{ReqwestTransport, Transport, TransportOptions};

use crate::admin::{self, Access, Admin};
use crate::command_line::Line;
use crate::progress;

/// Beyond, it is no authorization configuration.
const MAX_BYTES: usize = 64 << 20;
/// An export of many thousand permissions takes Keycloak its time.
const PATIENCE: Duration = Duration::from_secs(60);

/// The roles of `realm-management` that reading an export takes.
const ROLES: &str = "manage-authorization and view-clients";

/// Fetches the export of the service's client.
pub(super) fn fetch(line: &Line, settings: &Settings) -> Result<Vec<u8>, String> {
    let server = settings.keycloak().map_err(|error| error.to_string())?;
    let access = admin::access(line, server, admin::variable)?;
    let transport = ReqwestTransport::new(TransportOptions {
        timeout: settings.http_timeout().max(PATIENCE),
        max_body: MAX_BYTES,
        extra_roots_pem: settings.ca_pem().map(<[u8]>::to_vec),
        ..TransportOptions::default()
    });
    let transport: Arc<dyn Transport> = Arc::new(transport.map_err(|error| error.to_string())?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("nothing can be run here: {error}"))?;
    let step = progress::Step::default();
    let fetching = async {
        step.is("an access token");
        let token = admin::token(&access, server, &transport).await?;
        step.is("the export");
        export(&*transport, server, &access, &token).await
    };
    runtime.block_on(progress::shown("kc authz diff", &step, fetching))
}

async fn export(
    transport: &dyn Transport,
    server: &KeycloakServer,
    access: &Access,
    token: &Secret,
) -> Result<Vec<u8>, String> {
    let admin = Admin { transport, server, access, token, roles: ROLES };
    let client = admin.client().await?;
    admin.export(&client).await
}

#[cfg(test)]
mod tests;
