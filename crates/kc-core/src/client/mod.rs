//! How this service proves to Keycloak which client it is, and how it reads what Keycloak's endpoints answer.

mod answer;
mod assertion;
#[cfg(test)]
pub(crate) mod fake_transport;
#[cfg(test)]
mod tests;

use std::fmt;

use base64_simd::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Uri};
use url::form_urlencoded;
use zeroize::Zeroizing;

pub use self::answer::ErrorCode;
pub(crate) use self::answer::{array, error_code, object, optional_string};
use crate::clock::UnixTime;
use crate::secret::Secret;
use crate::signature::signer::{SigningError, SigningKey};

/// A client's name at Keycloak, and its proof. Cheap enough to clone; `Debug` shows neither secret nor key.
///
/// # Spec
/// RFC 6749 §2.3 and RFC 7523 §2.2; the methods have the names of the OAuth registry in [`method`](Self::method).
///
/// # Example
/// ```
/// use kc_core::client::ClientAuthentication;
/// use kc_core::secret::Secret;
///
/// let client = ClientAuthentication::client_secret_post("api", Secret::new("hunter2"));
/// assert_eq!((client.client_id(), client.method()), ("api", "client_secret_post"));
/// assert!(!format!("{client:?}").contains("hunter2"));
/// ```
#[derive(Clone, Debug)]
pub struct ClientAuthentication {
    client_id: String,
    proof: Proof,
}

#[derive(Clone, Debug)]
enum Proof {
    Basic { secret: Secret },
    Jwt { key: SigningKey, audience: String },
    None,
    Post { secret: Secret },
    Tls,
}

impl ClientAuthentication {
    /// The secret in an `Authorization: Basic` header (RFC 6749 §2.3.1).
    #[must_use]
    pub fn client_secret_basic(client_id: impl Into<String>, secret: Secret) -> Self {
        Self { client_id: client_id.into(), proof: Proof::Basic { secret } }
    }

    /// The secret in the form, beside the other parameters (RFC 6749 §2.3.1).
    #[must_use]
    pub fn client_secret_post(client_id: impl Into<String>, secret: Secret) -> Self {
        Self { client_id: client_id.into(), proof: Proof::Post { secret } }
    }

    /// A JWT signed by `key`, new for each request and good for 60 seconds.
    ///
    /// `audience` is the issuer's URL, or the URL of the token endpoint, **as Keycloak sees it**: where a service
    /// reaches Keycloak by an internal host name while `hostname` is set on the server, the public one. Keycloak takes
    /// either at all its endpoints, and refuses a list of both.
    ///
    /// # Spec
    /// RFC 7523 §2.2 and §3; OpenID Connect Core §9 (`private_key_jwt`).
    #[must_use]
    pub fn private_key_jwt(
        client_id: impl Into<String>,
        key: SigningKey,
        audience: impl Into<String>,
    ) -> Self {
        Self { client_id: client_id.into(), proof: Proof::Jwt { key, audience: audience.into() } }
    }

    /// No proof: a public client, which Keycloak lets neither introspect nor have a service account.
    #[must_use]
    pub fn public(client_id: impl Into<String>) -> Self {
        Self { client_id: client_id.into(), proof: Proof::None }
    }

    /// No proof in the request: the connection has it, a certificate that the [`Transport`](crate::transport::Transport)
    /// shows (`TransportOptions::client_identity_pem`).
    ///
    /// Keycloak has to be reached over TLS and to ask for client certificates (`https-client-auth=request`), and the client's
    /// *Client Authenticator* is *X509 Certificate* with the certificate's subject.
    ///
    /// # Spec
    /// RFC 8705 §2.1 (`tls_client_auth`).
    #[must_use]
    pub fn tls_client_auth(client_id: impl Into<String>) -> Self {
        Self { client_id: client_id.into(), proof: Proof::Tls }
    }

    /// Whether there is any proof: without one this is a public client.
    #[must_use]
    pub const fn is_confidential(&self) -> bool {
        !matches!(self.proof, Proof::None)
    }

    /// The client's name.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The name of the method in the registry of RFC 7591 §4.2, such as `client_secret_basic`.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        match self.proof {
            Proof::Basic { .. } => "client_secret_basic",
            Proof::Jwt { .. } => "private_key_jwt",
            Proof::None => "none",
            Proof::Post { .. } => "client_secret_post",
            Proof::Tls => "tls_client_auth",
        }
    }

    /// A POST of `form` to `endpoint` with this client's proof in it, and JSON asked for.
    ///
    /// `form` must not hold the parameters of client authentication (`client_id`, `client_secret`, `client_assertion`,
    /// `client_assertion_type`): they would stand in the body twice, which Keycloak refuses. `now` dates an assertion.
    /// The body of what it returns holds secrets: it is to be sent, not printed.
    ///
    /// # Errors
    /// [`SigningError`] when an assertion cannot be signed.
    pub fn post(
        &self,
        endpoint: &Uri,
        form: &[(&str, &str)],
        now: UnixTime,
    ) -> Result<Request<Bytes>, SigningError> {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        let mut authorization = None;
        match &self.proof {
            Proof::Basic { secret } => authorization = Some(basic(&self.client_id, secret)?),
            Proof::Jwt { key, audience } => {
                let assertion = assertion::sign(&self.client_id, audience, key, now)?;
                body.append_pair("client_id", &self.client_id)
                    .append_pair("client_assertion_type", assertion::TYPE)
                    .append_pair("client_assertion", assertion.expose());
            }
            Proof::None | Proof::Tls => {
                body.append_pair("client_id", &self.client_id);
            }
            Proof::Post { secret } => {
                body.append_pair("client_id", &self.client_id).append_pair("client_secret", secret.expose());
            }
        }
        let mut request = Request::new(Bytes::from(body.finish()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = endpoint.clone();
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value);
        }
        Ok(request)
    }

    /// The code in the `body` of a refusal, unless it repeats this client's secret, or `token`, which was sent along.
    pub(crate) fn error_code(&self, body: &[u8], token: &str) -> Option<ErrorCode> {
        match &self.proof {
            Proof::Basic { secret } | Proof::Post { secret } => {
                answer::error_code(body, &[token, secret.expose()])
            }
            Proof::Jwt { .. } | Proof::None | Proof::Tls => answer::error_code(body, &[token]),
        }
    }
}

/// Name and method: `client api (client_secret_post)`.
impl fmt::Display for ClientAuthentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {} ({})", self.client_id.escape_debug(), self.method())
    }
}

/// Both halves are form-encoded before the colon joins them: a secret may hold colons, percent signs and letters that
/// are not ASCII (RFC 6749 §2.3.1).
fn basic(client_id: &str, secret: &Secret) -> Result<HeaderValue, SigningError> {
    let mut pair = Zeroizing::new(String::new());
    pair.extend(form_urlencoded::byte_serialize(client_id.as_bytes()));
    pair.push(':');
    pair.extend(form_urlencoded::byte_serialize(secret.expose().as_bytes()));
    let mut header = Zeroizing::new("Basic ".to_owned());
    STANDARD.encode_append(pair.as_bytes(), &mut *header);
    let mut value = HeaderValue::from_str(&header).map_err(|_| SigningError)?;
    value.set_sensitive(true);
    Ok(value)
}
