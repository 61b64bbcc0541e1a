//! [`OutboundClient`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http::header::AUTHORIZATION;
use reqwest::redirect::{Attempt, Policy};
use reqwest::{ClientBuilder, Request, Response};

use super::error::OutboundError;
use super::origins::Origins;
use crate::challenge::Challenge;
use crate::secret::Secret;
use crate::service_token::{ServiceToken, ServiceTokens};
use crate::token_exchange::{ExchangeTarget, TokenExchange};
use crate::trace_context::TraceContext;
use crate::uma;

/// Sends requests of `reqwest` (0.13) to other services, each with a bearer token.
///
/// 1. A request that goes to an origin that is not [listed](Origins) is refused, before a token is fetched and without being
///    sent. So is one that has an `Authorization` header.
/// 2. On a 401 the token is replaced and the request sent once more, unless its body is a stream, the challenge names another
///    error than `invalid_token`, or there is no other token to be had: then the 401 is the answer. A caller's own token is never
///    replaced. There is no third time.
/// 3. Redirects are followed within the origin, ten at most. One that leads elsewhere is the answer: neither token nor body
///    goes there.
///
/// Neither tokens nor URLs are logged. Clones share connections.
///
/// ```
/// # async fn example(keycloak: &kc_core::Keycloak) -> Result<(), Box<dyn std::error::Error>> {
/// use kc_core::outbound::{Bearer, Origins, OutboundClient};
///
/// let client = OutboundClient::new(Origins::new(["https://inventory.example.com"])?)?;
/// let stock = client.get("https://inventory.example.com/stock")?;
/// let answer = client.execute(stock, Bearer::of_service(keycloak.service_tokens())).await?;
/// # let _ = answer; Ok(()) }
/// ```
#[derive(Clone)]
pub struct OutboundClient {
    http: reqwest::Client,
    origins: Origins,
    context: Option<Arc<dyn TraceContext>>,
}

/// In whose name a request is sent. `Debug` shows no token.
#[derive(Clone, Copy)]
pub struct Bearer<'a>(Source<'a>);

#[derive(Clone, Copy)]
enum Source<'a> {
    Exchanged { exchange: &'a TokenExchange, caller: &'a Secret, target: &'a ExchangeTarget },
    Forwarded(&'a Secret),
    Service(&'a ServiceTokens),
}

impl<'a> Bearer<'a> {
    /// In this service's own name.
    #[must_use]
    pub const fn of_service(tokens: &'a ServiceTokens) -> Self {
        Self(Source::Service(tokens))
    }

    /// In the name of whoever called, by a token that is good at `target` alone.
    #[must_use]
    pub const fn on_behalf_of(
        caller: &'a Secret,
        exchange: &'a TokenExchange,
        target: &'a ExchangeTarget,
    ) -> Self {
        Self(Source::Exchanged { exchange, caller, target })
    }

    /// In the name of whoever called, by their own token.
    ///
    /// Whoever receives it can do with it whatever the caller can do at *this* service and everywhere else that takes it. Prefer
    /// [`on_behalf_of`](Self::on_behalf_of); this is for a service that is trusted as much as this one, and whose audience
    /// the token has.
    #[must_use]
    pub const fn forwarded(caller: &'a Secret) -> Self {
        Self(Source::Forwarded(caller))
    }

    async fn token(&self) -> Result<Token<'a>, OutboundError> {
        match self.0 {
            Source::Service(tokens) => {
                tokens.token().await.map(Token::Ours).map_err(OutboundError::ServiceToken)
            }
            Source::Exchanged { exchange, caller, target } => {
                exchange.exchange(caller, target).await.map(Token::Ours).map_err(OutboundError::Exchange)
            }
            Source::Forwarded(caller) => Ok(Token::Callers(caller)),
        }
    }

    /// Another token than the one that was refused. None is no error: the refusal is the answer then.
    async fn other_than(&self, refused: &Token<'_>) -> Option<ServiceToken> {
        let Token::Ours(refused) = refused else { return None };
        let (other, who) = match self.0 {
            Source::Service(tokens) => (
                tokens.other_than(refused).await.map_err(|error| error.diagnosis(tokens.client_id())),
                "this service's token",
            ),
            Source::Exchanged { exchange, caller, target } => (
                exchange
                    .other_than(refused, caller, target)
                    .await
                    .map_err(|error| error.diagnosis(exchange.client_id())),
                "an exchanged token",
            ),
            Source::Forwarded(_) => return None,
        };
        match other {
            Ok(other) => {
                let replaced = if other.is_some() { "it was replaced" } else { "there is no other one" };
                tracing::debug!(target: "kc", "another service refused {who}, {replaced}");
                other
            }
            Err(reason) => {
                tracing::warn!(target: "kc", "another service refused {who}, and there is no other one: {reason}");
                None
            }
        }
    }
}

enum Token<'a> {
    Callers(&'a Secret),
    Ours(ServiceToken),
}

impl Token<'_> {
    fn expose(&self) -> &str {
        match self {
            Self::Callers(token) => token.expose(),
            Self::Ours(token) => token.access_token().expose(),
        }
    }
}

/// For a whole exchange; what another service does may take longer than what Keycloak does.
const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const MAX_REDIRECTS: usize = 10;

impl OutboundClient {
    /// Sends to `origins`, within 30 seconds for each request (2 of them for the connection) unless the request has a timeout of
    /// its own. The system's certificates are trusted, proxies of the environment are not used.
    ///
    /// # Errors
    /// [`OutboundError::Http`] when the system's certificates cannot be read.
    pub fn new(origins: Origins) -> Result<Self, OutboundError> {
        let builder = reqwest::Client::builder().timeout(TIMEOUT).connect_timeout(CONNECT_TIMEOUT).no_proxy();
        Self::from_builder(builder, origins)
    }

    /// The same with an HTTP client as `builder` has it, except for its redirects, which are those of above, and for default
    /// headers, which must not hold an `Authorization`.
    ///
    /// # Errors
    /// [`OutboundError::Http`] when the builder fails.
    pub fn from_builder(builder: ClientBuilder, origins: Origins) -> Result<Self, OutboundError> {
        let builder = builder.redirect(Policy::custom(within_the_origin)).referer(false);
        let http = builder.build().map_err(OutboundError::Http)?;
        Ok(Self { http, origins, context: None })
    }

    /// Sets by what a trace's context comes into the headers. Default: none does.
    #[must_use]
    pub fn trace_context(mut self, context: Arc<dyn TraceContext>) -> Self {
        self.context = Some(context);
        self
    }

    /// A GET, to be [executed](Self::execute).
    ///
    /// # Errors
    /// [`OutboundError::Http`] when `url` is none.
    pub fn get(&self, url: &str) -> Result<Request, OutboundError> {
        self.http.get(url).build().map_err(http_error)
    }

    /// The HTTP client, to make requests with. **What it sends itself has no token and may go anywhere.**
    #[must_use]
    pub const fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Sends `request` with a token of `bearer`. Any status is an answer.
    ///
    /// # Errors
    /// [`OutboundError`] says why it was not sent, or why there is no answer.
    ///
    /// # Cancellation
    /// Dropping the future gives the request up; a token that is being fetched goes on being fetched for the others.
    pub async fn execute(&self, request: Request, bearer: Bearer<'_>) -> Result<Response, OutboundError> {
        if !self.origins.allow(request.url()) {
            let origin = request.url().origin().ascii_serialization();
            return Err(OutboundError::NotAllowed { origin });
        }
        if request.headers().contains_key(AUTHORIZATION) {
            return Err(OutboundError::AlreadyAuthorized);
        }
        let again = request.try_clone();
        let token = bearer.token().await?;
        let answer = self.send(request, token.expose()).await?;
        if !is_of_the_token(&answer) {
            return Ok(answer);
        }
        let Some(again) = again else { return Ok(answer) };
        match bearer.other_than(&token).await {
            Some(other) => self.send(again, other.access_token().expose()).await,
            None => Ok(answer),
        }
    }

    async fn send(&self, mut request: Request, token: &str) -> Result<Response, OutboundError> {
        let value = uma::bearer(token).map_err(|_| OutboundError::Unsendable)?;
        request.headers_mut().insert(AUTHORIZATION, value);
        if let Some(context) = &self.context {
            context.inject(request.headers_mut());
        }
        self.http.execute(request).await.map_err(http_error)
    }
}

/// URLs may hold what is nobody else's business.
fn http_error(error: reqwest::Error) -> OutboundError {
    OutboundError::Http(error.without_url())
}

/// Whether another token could change the answer: a 401 that does not name another reason (RFC 6750 §3.1, RFC 9470 §3).
fn is_of_the_token(answer: &Response) -> bool {
    answer.status() == StatusCode::UNAUTHORIZED
        && Challenge::read(answer.headers())
            .is_none_or(|challenge| challenge.error().is_none_or(|error| error == "invalid_token"))
}

fn within_the_origin(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let from = attempt.previous().last().map(reqwest::Url::origin);
    if from != Some(attempt.url().origin()) {
        attempt.stop()
    } else if attempt.previous().len() > MAX_REDIRECTS {
        attempt.error("too many redirects")
    } else {
        attempt.follow()
    }
}

impl fmt::Debug for OutboundClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboundClient").field("origins", &self.origins).finish_non_exhaustive()
    }
}

impl fmt::Debug for Bearer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::Exchanged { .. } => "Bearer(exchanged)",
            Source::Forwarded(_) => "Bearer(forwarded)",
            Source::Service(_) => "Bearer(service)",
        })
    }
}
