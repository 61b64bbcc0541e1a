//! The grant `urn:ietf:params:oauth:grant-type:uma-ticket`, in the caller's name.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use url::form_urlencoded;

use super::ask::{Granted, PushedClaims, Wanted};
use super::error::UmaError;
use crate::client::{self, ErrorCode};
use crate::json::Value;
use crate::transport::Transport;

/// Asks Keycloak what the holder of a token may do at one resource server. Nothing is remembered. Cheap to clone.
///
/// # Spec
/// UMA 2.0 Grant §3.3.1, without a ticket: Keycloak's `audience`, `permission` and `response_mode`.
#[derive(Clone)]
pub struct UmaClient {
    shared: Arc<Shared>,
}

struct Shared {
    transport: Arc<dyn Transport>,
    endpoint: Uri,
    client_id: String,
}

const GRANT: &str = "urn:ietf:params:oauth:grant-type:uma-ticket";
const CLAIMS: &str = "urn:ietf:params:oauth:token-type:jwt";

impl UmaClient {
    /// Asks at `endpoint`, the absolute URI of the token endpoint, about what is registered at the client `client_id`.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>, endpoint: Uri, client_id: impl Into<String>) -> Self {
        Self { shared: Arc::new(Shared { transport, endpoint, client_id: client_id.into() }) }
    }

    /// The resource server.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.shared.client_id
    }

    /// Whether **all** that is wanted is granted to the holder of `token`. Of nothing wanted, nothing is.
    ///
    /// What comes back is compared with what was wanted, resource by resource and scope by scope: Keycloak's own yes means
    /// that *anything* of it is granted.
    ///
    /// # Errors
    /// [`UmaError`] when Keycloak did not decide. A denial is `Ok(false)`.
    pub async fn allows(
        &self,
        token: &str,
        wanted: &[Wanted],
        claims: &PushedClaims,
    ) -> Result<bool, UmaError> {
        match wanted {
            [] => Ok(false),
            // One thing, on whatever resource: here a yes to anything of it is a yes to it, and the list could be long.
            [one] if one.is_one_scope_of_any() => self.any(token, wanted, claims).await,
            _ => {
                let granted = self.granted(token, wanted, claims).await?;
                Ok(wanted.iter().all(|wanted| wanted.is_met_by(&granted)))
            }
        }
    }

    /// Whether **any** of what is wanted is granted (`response_mode=decision`). This is no way to guard something that takes
    /// more than one scope: see [`allows`](Self::allows).
    ///
    /// # Errors
    /// As [`allows`](Self::allows).
    pub async fn any(&self, token: &str, wanted: &[Wanted], claims: &PushedClaims) -> Result<bool, UmaError> {
        if wanted.is_empty() {
            return Ok(false);
        }
        let Some(body) = self.ask(token, wanted, claims, "decision").await? else { return Ok(false) };
        let nonsense = |what| UmaError::Nonsense { what };
        match client::object(&body).map_err(nonsense)?.get("result") {
            Some(Value::Bool(result)) => Ok(*result),
            _ => Err(nonsense("`result` is missing or neither true nor false")),
        }
    }

    /// What of it is granted (`response_mode=permissions`); of nothing wanted, all that the holder may do at the resource
    /// server. A scope that a resource lacks is left out without a word.
    ///
    /// # Errors
    /// As [`allows`](Self::allows).
    pub async fn granted(
        &self,
        token: &str,
        wanted: &[Wanted],
        claims: &PushedClaims,
    ) -> Result<Vec<Granted>, UmaError> {
        let Some(body) = self.ask(token, wanted, claims, "permissions").await? else { return Ok(Vec::new()) };
        let nonsense = |what| UmaError::Nonsense { what };
        Granted::read(&client::array(&body).map_err(nonsense)?).map_err(nonsense)
    }

    /// The body of a good answer; `None` when all of it is denied.
    async fn ask(
        &self,
        token: &str,
        wanted: &[Wanted],
        claims: &PushedClaims,
        mode: &str,
    ) -> Result<Option<Bytes>, UmaError> {
        let request = self.request(token, wanted, claims, mode)?;
        let answer = self.shared.transport.send(request).await.map_err(UmaError::Unreachable)?;
        outcome(token, answer)
    }

    fn request(
        &self,
        token: &str,
        wanted: &[Wanted],
        claims: &PushedClaims,
        mode: &str,
    ) -> Result<Request<Bytes>, UmaError> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", GRANT)
            .append_pair("audience", &self.shared.client_id)
            .append_pair("response_mode", mode);
        for one in wanted {
            let parameter = one.parameter().map_err(|what| UmaError::Unaskable { what })?;
            form.append_pair("permission", &parameter);
        }
        if !claims.is_empty() {
            form.append_pair("claim_token", &claims.token()).append_pair("claim_token_format", CLAIMS);
        }
        let mut request = Request::new(Bytes::from(form.finish()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.shared.endpoint.clone();
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let unaskable = |_| UmaError::Unaskable { what: "the caller's token cannot stand in a header" };
        headers.insert(AUTHORIZATION, super::bearer(token).map_err(unaskable)?);
        Ok(request)
    }
}

/// Only what Keycloak itself says of a denial is one, to the letter: a refusal by whatever stands in between must not
/// become a no that `not(...)` turns into a yes.
fn outcome(token: &str, answer: Response<Bytes>) -> Result<Option<Bytes>, UmaError> {
    let status = answer.status();
    if status == StatusCode::OK {
        return Ok(Some(answer.into_body()));
    }
    let code = client::error_code(answer.body(), &[token]);
    match (status, code.as_ref().map(ErrorCode::as_str)) {
        (StatusCode::FORBIDDEN, Some("access_denied")) if is_denial(answer.body()) => Ok(None),
        (StatusCode::BAD_REQUEST, Some("invalid_grant")) => Err(UmaError::TokenRefused),
        (StatusCode::BAD_REQUEST, Some("invalid_resource" | "invalid_scope")) => match code {
            Some(code) => Err(UmaError::Unknown { code }),
            None => Err(UmaError::Status { status, code }),
        },
        _ => Err(UmaError::Status { status, code }),
    }
}

fn is_denial(body: &[u8]) -> bool {
    let said = client::object(body);
    said.is_ok_and(
        |said| matches!(said.get("error_description"), Some(Value::String(text)) if text == "not_authorized"),
    )
}

impl fmt::Debug for UmaClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UmaClient")
            .field("endpoint", &self.shared.endpoint.path())
            .field("client_id", &self.shared.client_id)
            .finish_non_exhaustive()
    }
}
