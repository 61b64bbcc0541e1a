//! [`Introspector`] over HTTP.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Response, StatusCode, Uri};
use tokio::time::Instant;

use super::error::Nonsense;
use super::{ActiveToken, Introspection, IntrospectionError, Introspector, TokenTypeHint};
use crate::client::{self, ClientAuthentication, ErrorCode};
use crate::clock::Clock;
use crate::json::Value;
use crate::telemetry;
use crate::transport::Transport;

/// Asks an introspection endpoint, once for each call; nothing is remembered.
///
/// The endpoint of Keycloak is `{realm URL}/protocol/openid-connect/token/introspect`.
///
/// # Spec
/// RFC 7662 §2. A member `jwt` of an answer (Keycloak's, in the manner of RFC 9701) is not looked at: Keycloak gives
/// it, claims and all, even when it says `active: false`.
pub struct HttpIntrospector {
    transport: Arc<dyn Transport>,
    endpoint: Uri,
    authentication: ClientAuthentication,
    clock: Arc<dyn Clock>,
}

impl HttpIntrospector {
    /// Asks at `endpoint`, an absolute URI, as the client of `authentication`.
    #[must_use]
    pub fn new(
        transport: Arc<dyn Transport>,
        endpoint: Uri,
        authentication: ClientAuthentication,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { transport, endpoint, authentication, clock }
    }

    fn outcome(&self, token: &str, answer: &Response<Bytes>) -> Result<Introspection, IntrospectionError> {
        if answer.status() == StatusCode::OK {
            return active(answer.body()).map_err(|what| IntrospectionError::Nonsense { what });
        }
        let status = answer.status();
        let code = self.authentication.error_code(answer.body(), token);
        Err(if is_about_credentials(status, code.as_ref()) {
            IntrospectionError::CredentialsRefused { status, code }
        } else {
            IntrospectionError::Status { status, code }
        })
    }
}

#[async_trait]
impl Introspector for HttpIntrospector {
    async fn introspect(
        &self,
        token: &str,
        hint: Option<TokenTypeHint>,
    ) -> Result<Introspection, IntrospectionError> {
        let began = Instant::now();
        let answer = self.ask(token, hint).await;
        let result = match &answer {
            Ok(Introspection::Active(_)) => "active",
            Ok(Introspection::Inactive) => "inactive",
            Err(_) => "unavailable",
        };
        telemetry::introspection(result, began.elapsed());
        answer
    }

    fn client_id(&self) -> &str {
        self.authentication.client_id()
    }
}

impl HttpIntrospector {
    async fn ask(
        &self,
        token: &str,
        hint: Option<TokenTypeHint>,
    ) -> Result<Introspection, IntrospectionError> {
        let mut form = vec![("token", token)];
        form.extend(hint.map(|hint| ("token_type_hint", hint.name())));
        let request = self
            .authentication
            .post(&self.endpoint, &form, self.clock.now())
            .map_err(IntrospectionError::Unsigned)?;
        let answer = self.transport.send(request).await.map_err(IntrospectionError::Unreachable)?;
        self.outcome(token, &answer)
    }
}

impl fmt::Debug for HttpIntrospector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpIntrospector")
            .field("endpoint", &self.endpoint.path())
            .field("authentication", &self.authentication)
            .finish_non_exhaustive()
    }
}

fn active(body: &Bytes) -> Result<Introspection, Nonsense> {
    let object = client::object(body).map_err(|what| Nonsense::Body { what })?;
    match object.get("active") {
        Some(Value::Bool(true)) => ActiveToken::from_answer(body.clone(), &object)
            .map(|token| Introspection::Active(Box::new(token)))
            .map_err(|name| Nonsense::Member { name }),
        Some(Value::Bool(false)) => Ok(Introspection::Inactive),
        _ => Err(Nonsense::Active),
    }
}

fn is_about_credentials(status: StatusCode, code: Option<&ErrorCode>) -> bool {
    let named = matches!(code.map(ErrorCode::as_str), Some("invalid_client" | "unauthorized_client"));
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => true,
        StatusCode::BAD_REQUEST => named,
        _ => false,
    }
}
