//! One question to the userinfo endpoint.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use zeroize::Zeroizing;

use super::{UserinfoError, UserinfoSignature};
use crate::challenge::Challenge;
use crate::client;
use crate::json::Value;
use crate::token::{Defect, TokenError};
use crate::transport::Transport;
use crate::validator::ValidationError;

/// Keycloak's userinfo endpoint, `{realm URL}/protocol/openid-connect/userinfo`, and the kind of answer expected of it.
///
/// # Spec
/// OpenID Connect Core §5.3.
pub struct UserinfoEndpoint {
    transport: Arc<dyn Transport>,
    endpoint: Uri,
    signature: Option<UserinfoSignature>,
}

/// What an answer says.
pub(super) struct Userinfo {
    /// Its `sub`.
    pub(super) subject: String,
    /// A JSON object in which no member stands twice.
    pub(super) payload: Bytes,
}

impl UserinfoEndpoint {
    /// Asks at `endpoint`, an absolute URI, and expects plain JSON. What the answer is worth is then what the way there
    /// is worth: use TLS.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>, endpoint: Uri) -> Self {
        Self { transport, endpoint, signature: None }
    }

    /// Expects answers to be signed. Plain ones are refused from here on.
    #[must_use]
    pub fn signed(mut self, signature: UserinfoSignature) -> Self {
        self.signature = Some(signature);
        self
    }

    pub(super) async fn ask(&self, token: &str) -> Result<Userinfo, ValidationError> {
        let request = self.request(token)?;
        let answer = self.transport.send(request).await.map_err(UserinfoError::Unreachable)?;
        if answer.status() != StatusCode::OK {
            return Err(refusal(&answer));
        }
        let payload = self.payload(&answer).await?;
        let subject = subject(&payload).map_err(|what| UserinfoError::Nonsense { what })?;
        Ok(Userinfo { subject, payload })
    }

    fn request(&self, token: &str) -> Result<Request<Bytes>, TokenError> {
        let credentials = Zeroizing::new(format!("Bearer {token}"));
        // Only a token that is none can have a letter that a header cannot.
        let mut credentials =
            HeaderValue::from_str(&credentials).map_err(|_| TokenError::Malformed(Defect::Base64url))?;
        credentials.set_sensitive(true);
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = self.endpoint.clone();
        request.headers_mut().insert(AUTHORIZATION, credentials);
        let accept = HeaderValue::from_static("application/json, application/jwt");
        request.headers_mut().insert(ACCEPT, accept);
        Ok(request)
    }

    async fn payload(&self, answer: &Response<Bytes>) -> Result<Bytes, ValidationError> {
        let signed = match media_type(answer.headers()).as_deref() {
            Some("application/json") => false,
            Some("application/jwt") => true,
            _ => {
                let what = "its content type is neither application/json nor application/jwt";
                return Err(UserinfoError::Nonsense { what }.into());
            }
        };
        match (signed, &self.signature) {
            (false, None) => Ok(answer.body().clone()),
            (false, Some(_)) => Err(UserinfoError::Unsigned.into()),
            (true, None) => Err(UserinfoError::Signed.into()),
            (true, Some(signature)) => {
                let jwt = std::str::from_utf8(answer.body())
                    .map_err(|_| UserinfoError::Nonsense { what: "its JWT is not text" })?;
                signature.open(jwt).await.map(Bytes::from)
            }
        }
    }
}

impl fmt::Debug for UserinfoEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserinfoEndpoint")
            .field("endpoint", &self.endpoint.path())
            .field("signature", &self.signature)
            .finish_non_exhaustive()
    }
}

/// What a status that is not 200 means. Bodies are not looked at: Keycloak's are empty.
fn refusal(answer: &Response<Bytes>) -> ValidationError {
    let status = answer.status();
    let challenge = Challenge::read(answer.headers());
    if let Some(challenge) = &challenge {
        tracing::debug!(target: "kc", "userinfo answers {}: {challenge}", status.as_u16());
    }
    let error = challenge.as_ref().map(Challenge::error);
    match (status, error) {
        (StatusCode::UNAUTHORIZED, Some(None | Some("invalid_token"))) => TokenError::Inactive.into(),
        (StatusCode::FORBIDDEN, Some(Some("insufficient_scope"))) => UserinfoError::InsufficientScope.into(),
        _ => UserinfoError::Status { status }.into(),
    }
}

/// Without parameters, in lower case (RFC 9110 §8.3.1). `None` also when it stands twice: which one is meant?
fn media_type(headers: &HeaderMap) -> Option<String> {
    let mut lines = headers.get_all(CONTENT_TYPE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let line = line.to_str().ok()?;
    Some(line.split(';').next().unwrap_or(line).trim().to_ascii_lowercase())
}

fn subject(payload: &[u8]) -> Result<String, &'static str> {
    match client::object(payload)?.get("sub") {
        Some(Value::String(subject)) if !subject.is_empty() => Ok(subject.as_ref().to_owned()),
        Some(_) => Err("its `sub` names nobody"),
        None => Err("it has no `sub`"),
    }
}
