//! The small service of the benchmarks, with another library in front: `/me`, protected when called as `me` and open when
//! called as `plain`. The handler is the same and writes the same JSON; it reads nothing of what the library found out, which
//! is in the library's favour.

use std::error::Error;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

/// What goes wrong at the start.
pub type Failed = Box<dyn Error + Send + Sync>;

/// The body of `/me`.
#[derive(Debug, Deserialize, Serialize)]
pub struct Me {
    sub: Option<String>,
    email: Option<String>,
    username: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    realm_roles: Vec<String>,
    client_roles: Vec<String>,
    is_staff: bool,
    is_superuser: bool,
}

/// What a user of the demo realm is told.
pub static ME: LazyLock<Me> = LazyLock::new(|| Me {
    sub: Some("cfc5ee79-0ee0-1563-0637-1094f0046df2".to_owned()),
    email: Some("alice@example.test".to_owned()),
    username: Some("alice".to_owned()),
    first_name: Some("Alice".to_owned()),
    last_name: Some("Test".to_owned()),
    realm_roles: ["admin", "default-roles-kc-demo", "offline_access", "uma_authorization", "user"]
        .map(str::to_owned)
        .to_vec(),
    client_roles: ["admin", "api-admin", "api-read"].map(str::to_owned).to_vec(),
    is_staff: true,
    is_superuser: true,
});

/// Whether `/me` is to be protected.
#[must_use]
pub fn is_protected() -> bool {
    std::env::args().nth(1).as_deref() == Some("me")
}

/// A setting from the environment, `KEYCLOAK_REALM`.
///
/// # Errors
/// It is not set.
pub fn setting(name: &str) -> Result<String, Failed> {
    std::env::var(name).map_err(|_| format!("{name} is not set").into())
}

/// The issuer of the realm.
///
/// # Errors
/// A setting is missing.
pub fn issuer() -> Result<String, Failed> {
    Ok(format!("{}/realms/{}", setting("KEYCLOAK_URL")?, setting("KEYCLOAK_REALM")?))
}

/// Where its keys are.
///
/// # Errors
/// A setting is missing.
pub fn keys() -> Result<String, Failed> {
    Ok(format!("{}/protocol/openid-connect/certs", issuer()?))
}

/// Where to listen.
///
/// # Errors
/// The address is not free.
pub async fn listener() -> Result<TcpListener, Failed> {
    Ok(TcpListener::bind(setting("LISTEN")?).await?)
}
