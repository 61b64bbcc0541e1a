//! Whose tokens are accepted: a Keycloak, or the embedded development issuer.

use super::base_url::BaseUrl;
use super::endpoints::Endpoints;
use crate::secret::Secret;

/// Where tokens come from.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a process has one of it")]
pub enum Server {
    /// `KEYCLOAK_URL` is unset: the program starts the embedded development issuer, if it has one, and completes the
    /// settings with [`Settings::with_embedded`](super::Settings::with_embedded).
    Embedded,
    /// A realm of a Keycloak server.
    Keycloak(KeycloakServer),
}

/// A realm of a Keycloak server, and this service's client in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeycloakServer {
    pub(super) url: BaseUrl,
    pub(super) internal_url: BaseUrl,
    pub(super) realm: String,
    pub(super) client_id: String,
    pub(super) client_secret: Option<Secret>,
    pub(super) issuer: String,
    pub(super) audiences: Vec<String>,
    pub(super) endpoints: Endpoints,
}

impl KeycloakServer {
    /// The server as browsers reach it (`KEYCLOAK_URL`).
    #[must_use]
    pub const fn url(&self) -> &BaseUrl {
        &self.url
    }

    /// The server as this process reaches it (`KEYCLOAK_INTERNAL_URL`). Default: the same.
    #[must_use]
    pub const fn internal_url(&self) -> &BaseUrl {
        &self.internal_url
    }

    /// The realm's name (`KEYCLOAK_REALM`), not encoded.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// This service's client (`KEYCLOAK_CLIENT_ID`).
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Its secret (`KEYCLOAK_CLIENT_SECRET`), if it has one.
    #[must_use]
    pub const fn client_secret(&self) -> Option<&Secret> {
        self.client_secret.as_ref()
    }

    /// What `iss` must be, to the letter (`KEYCLOAK_ISSUER`). Default: the realm's URL at [`url`](Self::url).
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What `aud` must hold one of (`KEYCLOAK_AUDIENCE`); never empty. Default: the client id.
    #[must_use]
    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }

    /// The realm's endpoints.
    #[must_use]
    pub const fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }
}
