//! The Protection API: what a resource server tells Keycloak about its resources.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use serde::Serialize;
use serde_json::json;

use super::protection_error::ProtectionError;
use super::resource::{Resource, ResourceDescription, ResourceFilter};
use crate::client;
use crate::json::{Object, Value};
use crate::secret::Secret;
use crate::service_token::ServiceTokens;
use crate::transport::Transport;

/// Registers resources at Keycloak, and gets permission tickets, with the token of the service's own account. Nothing is
/// remembered. Cheap to clone.
///
/// The client has *Authorization* on, which gives its service account the role `uma_protection`; to register resources also
/// *Remote resource management*.
///
/// # Spec
/// UMA 2.0 Federated Authorization §3 and §4, as Keycloak has them.
#[derive(Clone)]
pub struct ProtectionClient {
    shared: Arc<Shared>,
}

struct Shared {
    transport: Arc<dyn Transport>,
    base: Uri,
    tokens: ServiceTokens,
}

/// What a caller lacks, and may bring after taking it to Keycloak. Good for some minutes. Not printable.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PermissionTicket(Secret);

impl PermissionTicket {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(Secret::new(text))
    }

    /// The ticket, for the challenge to the caller who lacks the permission.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// Of a ticket: a resource by its id, or none for whatever has the scopes.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct TicketPermission {
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_id: Option<String>,
    resource_scopes: Vec<String>,
}

impl TicketPermission {
    /// Scopes of a resource.
    #[must_use]
    pub fn of<S: Into<String>>(resource_id: impl Into<String>, scopes: impl IntoIterator<Item = S>) -> Self {
        let scopes = scopes.into_iter().map(Into::into).collect();
        Self { resource_id: Some(resource_id.into()), resource_scopes: scopes }
    }

    /// Scopes, of whatever resource has them.
    #[must_use]
    pub fn of_any<S: Into<String>>(scopes: impl IntoIterator<Item = S>) -> Self {
        Self { resource_id: None, resource_scopes: scopes.into_iter().map(Into::into).collect() }
    }
}

const RESOURCES: &str = "resource_set";

impl ProtectionClient {
    /// Asks below `base`, an absolute URI (Keycloak's is `{realm URL}/authz/protection`), with the tokens of the resource
    /// server's own service account.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>, base: Uri, tokens: ServiceTokens) -> Self {
        Self { shared: Arc::new(Shared { transport, base, tokens }) }
    }

    /// The resource server.
    #[must_use]
    pub fn client_id(&self) -> &str {
        self.shared.tokens.client_id()
    }

    /// Registers a resource of the service's own.
    ///
    /// # Errors
    /// [`ProtectionError::Conflict`] when it has one of that name.
    pub async fn create(&self, resource: &ResourceDescription) -> Result<Resource, ProtectionError> {
        created(&self.send(Method::POST, RESOURCES, Some(body(resource))).await?)
    }

    /// Registers a resource of a user's own, in their name: `token` is an access token that they have by the resource server's
    /// own client, and they have the client's role `uma_protection`. Keycloak 26.6.2 and later lets nobody else register for
    /// a user: an owner that is named in a request of the service's own is not looked at.
    ///
    /// Whoever may do this may do it without this service, too, and call theirs as they like.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub async fn create_for(
        &self,
        token: &Secret,
        resource: &ResourceDescription,
    ) -> Result<Resource, ProtectionError> {
        created(&self.send_as(token, Method::POST, RESOURCES, Some(body(resource))).await?)
    }

    /// A resource by its id.
    ///
    /// # Errors
    /// [`ProtectionError::Missing`] when there is none.
    pub async fn read(&self, id: &str) -> Result<Resource, ProtectionError> {
        let answer = self.send(Method::GET, &one(id)?, None).await?;
        let object = read(&answer, StatusCode::OK)?;
        let resource = Resource::read(&object).map_err(|what| ProtectionError::Nonsense { what })?;
        if resource.id != id {
            return Err(ProtectionError::Nonsense { what: "the resource has another id" });
        }
        Ok(resource)
    }

    /// Replaces a resource by another description. What that does not say is taken away.
    ///
    /// # Errors
    /// [`ProtectionError::Missing`] when there is none; [`ProtectionError::Conflict`] when another one has the name.
    pub async fn update(&self, id: &str, resource: &ResourceDescription) -> Result<(), ProtectionError> {
        let answer = self.send(Method::PUT, &one(id)?, Some(body(resource))).await?;
        done(&answer)
    }

    /// Deletes a resource, and what was shared of it.
    ///
    /// # Errors
    /// [`ProtectionError::Missing`] when there is none.
    pub async fn delete(&self, id: &str) -> Result<(), ProtectionError> {
        let answer = self.send(Method::DELETE, &one(id)?, None).await?;
        done(&answer)
    }

    /// The ids of resources.
    ///
    /// # Errors
    /// [`ProtectionError`].
    pub async fn list(&self, filter: &ResourceFilter) -> Result<Vec<String>, ProtectionError> {
        let answer = self.send(Method::GET, &format!("{RESOURCES}?{}", filter.query()), None).await?;
        let nonsense = |what| ProtectionError::Nonsense { what };
        if answer.status() != StatusCode::OK {
            return Err(ProtectionError::of(&answer));
        }
        let ids = client::array(answer.body()).map_err(nonsense)?;
        let text = |id: &Value<'_>| match id {
            Value::String(id) if !id.is_empty() => Ok(id.to_string()),
            _ => Err(nonsense("an id is no string")),
        };
        ids.iter().map(text).collect()
    }

    /// The id of the resource of this name that is the service's own; a user's of the same name is another one. `None` when
    /// there is none.
    ///
    /// # Errors
    /// [`ProtectionError`].
    pub async fn own(&self, name: &str) -> Result<Option<String>, ProtectionError> {
        let nonsense = |what| ProtectionError::Nonsense { what };
        let filter = ResourceFilter::new().name(name).owner(self.client_id()).deep();
        let answer = self.send(Method::GET, &format!("{RESOURCES}?{}", filter.query()), None).await?;
        if answer.status() != StatusCode::OK {
            return Err(ProtectionError::of(&answer));
        }
        let mut found = None;
        for resource in client::array(answer.body()).map_err(nonsense)? {
            let Value::Object(resource) = resource else { return Err(nonsense("a resource is no object")) };
            // Looked at once more: a server that does not know the filter gives those of users, too.
            let owner = match resource.get("owner") {
                Some(Value::Object(owner)) => client::optional_string(owner, "name").map_err(nonsense)?,
                _ => None,
            };
            let called = client::optional_string(&resource, "name").map_err(nonsense)?;
            if called == Some(name) && owner == Some(self.client_id()) {
                let id = client::optional_string(&resource, "_id").map_err(nonsense)?;
                let id = id.filter(|id| !id.is_empty()).ok_or(nonsense("a resource has no id"))?;
                if found.replace(id.to_owned()).is_some() {
                    return Err(nonsense("one owner has several resources of one name"));
                }
            }
        }
        Ok(found)
    }

    /// A ticket for what a caller lacks, of resources that are all registered, with scopes that they have.
    ///
    /// # Errors
    /// [`ProtectionError`].
    pub async fn ticket(
        &self,
        permissions: &[TicketPermission],
    ) -> Result<PermissionTicket, ProtectionError> {
        let answer = self.send(Method::POST, "permission", Some(body(&permissions))).await?;
        let object = read(&answer, StatusCode::CREATED)?;
        match object.get("ticket") {
            // It will stand in a header.
            Some(Value::String(ticket)) if is_compact(ticket) => Ok(PermissionTicket::new(ticket.as_ref())),
            _ => Err(ProtectionError::Nonsense { what: "`ticket` is missing or no ticket" }),
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<Response<Bytes>, ProtectionError> {
        let token = self.shared.tokens.token().await.map_err(ProtectionError::Token)?;
        self.send_as(token.access_token(), method, path, body).await
    }

    async fn send_as(
        &self,
        token: &Secret,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<Response<Bytes>, ProtectionError> {
        let unaskable = |what| ProtectionError::Unaskable { what };
        let uri = format!("{}/{path}", self.shared.base)
            .parse::<Uri>()
            .map_err(|_| unaskable("the path makes no URL"))?;
        let mut request = Request::new(body.unwrap_or_default());
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let token =
            super::bearer(token.expose()).map_err(|_| unaskable("the token cannot stand in a header"))?;
        headers.insert(AUTHORIZATION, token);
        self.shared.transport.send(request).await.map_err(ProtectionError::Unreachable)
    }
}

fn body(value: &impl Serialize) -> Bytes {
    // Strings, lists and maps of strings always serialise.
    serde_json::to_vec(value).unwrap_or_else(|_| json!(null).to_string().into_bytes()).into()
}

fn read(answer: &Response<Bytes>, expected: StatusCode) -> Result<Object<'_>, ProtectionError> {
    if answer.status() != expected {
        return Err(ProtectionError::of(answer));
    }
    client::object(answer.body()).map_err(|what| ProtectionError::Nonsense { what })
}

fn created(answer: &Response<Bytes>) -> Result<Resource, ProtectionError> {
    let object = read(answer, StatusCode::CREATED)?;
    Resource::read(&object).map_err(|what| ProtectionError::Nonsense { what })
}

fn done(answer: &Response<Bytes>) -> Result<(), ProtectionError> {
    match answer.status() {
        StatusCode::OK | StatusCode::NO_CONTENT => Ok(()),
        _ => Err(ProtectionError::of(answer)),
    }
}

/// The path of one resource. An id is one segment, whatever is in it, and never the list.
fn one(id: &str) -> Result<String, ProtectionError> {
    if matches!(id, "" | "." | "..") {
        return Err(ProtectionError::Unaskable { what: "the id is empty or a dot" });
    }
    let mut path = format!("{RESOURCES}/");
    for byte in id.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => path.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => path.push(char::from(byte)),
            _ => path.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(path)
}

/// Letters of a JWS, and not more than fit into a header.
fn is_compact(ticket: &str) -> bool {
    const LONGEST: usize = 8192;
    let fits = (1..=LONGEST).contains(&ticket.len());
    fits && ticket.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

impl fmt::Debug for ProtectionClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProtectionClient")
            .field("base", &self.shared.base.path())
            .field("tokens", &self.shared.tokens)
            .finish_non_exhaustive()
    }
}
