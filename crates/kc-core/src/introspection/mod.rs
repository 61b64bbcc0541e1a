//! Asking Keycloak whether a token is still good (RFC 7662).

mod active;
mod cached;
mod endpoint;
mod error;

#[cfg(test)]
mod tests;

use std::fmt;

use async_trait::async_trait;

pub use self::active::{ActiveToken, Disagreement, Presented};
pub use self::cached::CachedIntrospector;
pub use self::endpoint::HttpIntrospector;
pub use self::error::{IntrospectionError, Nonsense};

/// Says whether a token is active.
///
/// # Contract
/// - [`Introspection::Active`] and [`Introspection::Inactive`] are answers of the authorization server. Whatever keeps
///   it from answering, or makes the answer doubtful, is an error and never `Inactive`: "revoked" and "not known" lead
///   to different refusals.
/// - An answer belongs to the token it was asked for, and is of now, unless the implementation says how old it may be.
/// - The token is neither logged nor put into an error or into `Debug`.
/// - Dropping the future gives the question up and breaks nothing.
///
/// An active answer is not yet permission: [`ActiveToken::agrees_with`] has to be asked, since Keycloak calls ID tokens
/// active too.
///
/// # Example
/// ```
/// # #[cfg(feature = "reqwest")]
/// # async fn example(token: &str) -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use kc_core::client::ClientAuthentication;
/// use kc_core::clock::SystemClock;
/// use kc_core::introspection::{HttpIntrospector, Introspection, Introspector};
/// use kc_core::secret::Secret;
/// use kc_core::transport::{ReqwestTransport, TransportOptions};
///
/// let transport = Arc::new(ReqwestTransport::new(TransportOptions::default())?);
/// let endpoint = "https://kc.example.com/realms/shop/protocol/openid-connect/token/introspect".parse()?;
/// let client = ClientAuthentication::client_secret_post("api", Secret::new("hunter2"));
/// let introspector = HttpIntrospector::new(transport, endpoint, client, Arc::new(SystemClock));
/// match introspector.introspect(token, None).await? {
///     Introspection::Active(active) => println!("good until {:?}", active.expires_at()),
///     _ => println!("no longer active"),
/// }
/// # Ok(()) }
/// ```
#[async_trait]
pub trait Introspector: fmt::Debug + Send + Sync {
    /// Asks about `token`.
    ///
    /// `hint` goes to the server as `token_type_hint`. Keycloak needs [`TokenTypeHint::RequestingPartyToken`] to list an
    /// RPT's permissions, and then calls every other token inactive; otherwise it needs none.
    ///
    /// # Errors
    /// [`IntrospectionError`] says why there is no answer.
    async fn introspect(
        &self,
        token: &str,
        hint: Option<TokenTypeHint>,
    ) -> Result<Introspection, IntrospectionError>;

    /// The client that asks, for [`Introspection::diagnosis`] and [`IntrospectionError::diagnosis`].
    fn client_id(&self) -> &str;
}

/// What the authorization server says of a token.
#[derive(Clone, Debug, PartialEq)]
pub enum Introspection {
    /// It is good, and this is what it says.
    Active(Box<ActiveToken>),
    /// It is not, or not to this client. The server does not tell why, nor anything else.
    Inactive,
}

impl Introspection {
    /// For the log: what it means and what could be done, in one sentence, when `client_id` asked.
    ///
    /// Since Keycloak 26.6.2 a client that is not in a token's audience is told `active: false`. So is one that asks by
    /// another host name than the token was issued under, unless the server has a fixed `hostname`.
    #[must_use]
    pub fn diagnosis(&self, client_id: &str) -> String {
        match self {
            Self::Active(_) => "the token is active".to_owned(),
            Self::Inactive => format!(
                "the token has expired, was revoked or logged out; or client `{}` is not in the token's \
                 audience: then add an audience mapper for this client to a scope of the client that got the token; \
                 or Keycloak is asked by another host name than the token was issued under: then set Keycloak's \
                 option `hostname`",
                client_id.escape_debug()
            ),
        }
    }
}

/// What kind of token is asked about (RFC 7662 §2.1; the last one is Keycloak's).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TokenTypeHint {
    /// `access_token`
    AccessToken,
    /// `refresh_token`
    RefreshToken,
    /// `requesting_party_token`: an access token with permissions (UMA).
    RequestingPartyToken,
}

impl TokenTypeHint {
    /// The value of `token_type_hint`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::RefreshToken => "refresh_token",
            Self::RequestingPartyToken => "requesting_party_token",
        }
    }
}
