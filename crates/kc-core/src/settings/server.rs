//! Whose tokens are accepted: a Keycloak, or the embedded development issuer.

use super::base_url::BaseUrl;
use super::endpoints::Endpoints;
use crate::client::ClientAuthentication;
use crate::secret::Secret;
use crate::signature::signer::SigningKey;

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

/// How this service proves to Keycloak that it is its client. `Debug` shows no secret.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ClientProof {
    /// By the certificate that it shows on the connection (`KEYCLOAK_CLIENT_CERTIFICATE_FILE`): certificates and private key,
    /// as PEM.
    Certificate(Secret),
    /// By what it signs with its private key (`KEYCLOAK_CLIENT_KEY_FILE`).
    Key(SigningKey),
    /// Not at all: a public client.
    None,
    /// By its secret (`KEYCLOAK_CLIENT_SECRET`).
    Secret(Secret),
}

/// A realm of a Keycloak server, and this service's client in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeycloakServer {
    pub(super) url: BaseUrl,
    pub(super) internal_url: BaseUrl,
    pub(super) realm: String,
    pub(super) client_id: String,
    pub(super) client_proof: ClientProof,
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
        match &self.client_proof {
            ClientProof::Secret(secret) => Some(secret),
            ClientProof::Certificate(_) | ClientProof::Key(_) | ClientProof::None => None,
        }
    }

    /// How it proves that it is this client.
    #[must_use]
    pub const fn client_proof(&self) -> &ClientProof {
        &self.client_proof
    }

    /// This service as a client of the realm. A certificate is shown by the connection: see
    /// `TransportOptions::client_identity_pem`.
    ///
    /// A JWT is signed for the [issuer](Self::issuer), which is what Keycloak calls itself, by whatever name it is reached.
    #[must_use]
    pub fn client_authentication(&self) -> ClientAuthentication {
        let id = &self.client_id;
        match &self.client_proof {
            ClientProof::Certificate(_) => ClientAuthentication::tls_client_auth(id),
            ClientProof::Key(key) => ClientAuthentication::private_key_jwt(id, key.clone(), &self.issuer),
            ClientProof::None => ClientAuthentication::public(id),
            ClientProof::Secret(secret) => ClientAuthentication::client_secret_post(id, secret.clone()),
        }
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
