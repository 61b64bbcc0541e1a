//! A token for another service, on behalf of whoever called this one (RFC 8693, Keycloak's standard token exchange).
//!
//! The caller's token is good at this service: its `aud` says so. A service that is called on the caller's behalf must not take
//! it, and this one must not hand it on: see `docs/call-other-services.md`. What is exchanged for it is good at the other
//! service alone, says in `azp` who asked, and still is about the same user (`sub`, `sid`).
//!
//! ```
//! use kc_core::secret::Secret;
//! use kc_core::service_token::ServiceToken;
//! use kc_core::token_exchange::{ExchangeTarget, TokenExchange, TokenExchangeError};
//!
//! async fn for_inventory(exchange: &TokenExchange, caller: &Secret) -> Result<ServiceToken, TokenExchangeError> {
//!     let inventory = ExchangeTarget::audience("inventory").scope("stock:read");
//!     exchange.exchange(caller, &inventory).await
//! }
//! ```

mod error;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use tokio::time::Instant;

pub use self::error::TokenExchangeError;
use crate::client::ClientAuthentication;
use crate::clock::{Clock, UnixTime};
use crate::json::{self, Value};
use crate::principal::Principal;
use crate::remembered::{Remembered, Weigh};
use crate::secret::Secret;
use crate::service_token::{Granted, ServiceToken};
use crate::telemetry;
use crate::token::{Compact, MAX_JSON_DEPTH};
use crate::transport::Transport;
use crate::uma;
use crate::wire::Headers;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// Bytes that the tokens may take that were got.
const REMEMBERED: u64 = 8 << 20;
/// A token that lives less than this, or a tenth of its life, is not given again: it could die on its way.
const LONGEST_MARGIN: Duration = Duration::from_secs(5);
/// The least time between two exchanges of the same because somebody refused what came of it.
const LEAST_DISTRUST: Duration = Duration::from_secs(10);

/// For whom a token is to be: the services that shall take it, and what it shall be good for there.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ExchangeTarget {
    audiences: BTreeSet<String>,
    scopes: BTreeSet<String>,
}

impl ExchangeTarget {
    /// The service that is the client `client_id` of the realm: this alone will be the token's `aud`.
    #[must_use]
    pub fn audience(client_id: impl Into<String>) -> Self {
        Self { audiences: BTreeSet::from([client_id.into()]), scopes: BTreeSet::new() }
    }

    /// Another one besides, where one token has to do for several.
    #[must_use]
    pub fn and_audience(mut self, client_id: impl Into<String>) -> Self {
        self.audiences.insert(client_id.into());
        self
    }

    /// With this scope, an optional one of *this* service's client most often. Default: its default scopes.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.insert(scope.into());
        self
    }

    fn bytes(&self) -> usize {
        self.audiences.iter().chain(&self.scopes).map(|word| word.len() + 48).sum()
    }
}

/// `audience a, b`.
impl fmt::Display for ExchangeTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let audiences: Vec<&str> = self.audiences.iter().map(String::as_str).collect();
        write!(f, "audience {}", audiences.join(", ").escape_debug())
    }
}

/// Exchanges tokens of callers for tokens of other services, and remembers what it got. Clones share that.
///
/// - What is remembered goes by the caller's token, audiences and scopes. It is given till shortly before it expires (five
///   seconds, or a tenth of its life if that is less), and never when the caller's own token has expired. It is bounded by
///   bytes, 8 MiB.
/// - Those who ask for the same at the same time share one request. Refusals are not remembered.
/// - A user who logs out is not noticed here: a guard that looks at revocations sees to it that their token comes no further.
///
/// Needs a Tokio runtime.
#[derive(Clone)]
pub struct TokenExchange {
    shared: Arc<Shared>,
}

struct Shared {
    asker: Asker,
    got: Remembered<Question, Got, TokenExchangeError>,
}

#[derive(Clone)]
struct Asker {
    transport: Arc<dyn Transport>,
    endpoint: Uri,
    authentication: ClientAuthentication,
    clock: Arc<dyn Clock>,
    issuer: Option<String>,
}

/// Not printable.
#[derive(Clone, Eq, Hash, PartialEq)]
struct Question {
    subject: Box<str>,
    target: ExchangeTarget,
}

/// Not printable.
#[derive(Clone)]
struct Got {
    token: ServiceToken,
    at: Instant,
    /// Whether it was got because somebody refused the one before.
    in_place: bool,
}

impl Weigh for Question {
    fn bytes(&self) -> usize {
        self.subject.len() + self.target.bytes()
    }
}

impl Weigh for Got {
    fn bytes(&self) -> usize {
        self.token.access_token().expose().len()
    }
}

impl TokenExchange {
    /// Exchanges at `endpoint`, the absolute URI of the token endpoint, as the client of `authentication`: a confidential one
    /// with *Standard Token Exchange* on. Nothing is asked yet.
    ///
    /// `clock` dates what is shown and signed; how old a token is, is measured by the monotonic clock.
    #[must_use]
    pub fn new(
        transport: Arc<dyn Transport>,
        endpoint: Uri,
        authentication: ClientAuthentication,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let asker = Asker { transport, endpoint, authentication, clock, issuer: None };
        Self { shared: Arc::new(Shared { asker, got: Remembered::new(REMEMBERED) }) }
    }

    /// Exchanges tokens of this issuer alone: one that names another in `iss` is not sent. Default: any is sent.
    ///
    /// With an empty memory: what clones share is not shared with what this gives.
    #[must_use]
    pub fn of_issuer(self, issuer: impl Into<String>) -> Self {
        let asker = Asker { issuer: Some(issuer.into()), ..self.shared.asker.clone() };
        Self { shared: Arc::new(Shared { asker, got: Remembered::new(REMEMBERED) }) }
    }

    /// The client that asks: it must be in the `aud` of the tokens that are exchanged.
    #[must_use]
    pub fn client_id(&self) -> &str {
        self.shared.asker.authentication.client_id()
    }

    /// A token for `target` about the user of `subject`, an access token that is good at this service: see [`caller_token`].
    ///
    /// # Errors
    /// [`TokenExchangeError`] says why Keycloak does not give one; its `diagnosis` also what to do.
    ///
    /// # Cancellation
    /// Dropping the future leaves the request to Keycloak running for the others, and for the next call.
    ///
    /// # Spec
    /// RFC 8693 §2.1, `requested_token_type` an access token.
    pub async fn exchange(
        &self,
        subject: &Secret,
        target: &ExchangeTarget,
    ) -> Result<ServiceToken, TokenExchangeError> {
        self.get(Question::of(subject, target), false).await
    }

    /// Another token than `refused`, which `target` would not take although it has not expired.
    ///
    /// `None` if there is no other one to be had: one that was got for this very reason is exchanged anew after ten seconds at
    /// the earliest.
    ///
    /// # Errors
    /// As [`exchange`](Self::exchange).
    pub async fn other_than(
        &self,
        refused: &ServiceToken,
        subject: &Secret,
        target: &ExchangeTarget,
    ) -> Result<Option<ServiceToken>, TokenExchangeError> {
        let question = Question::of(subject, target);
        if let Some(got) = self.shared.got.get(&question).filter(|got| got.token == *refused) {
            if got.in_place && got.at.elapsed() < LEAST_DISTRUST {
                return Ok(None);
            }
            self.shared.got.forget(&question);
        }
        let token = self.get(question, true).await?;
        Ok((token.access_token() != refused.access_token()).then_some(token))
    }

    async fn get(&self, question: Question, in_place: bool) -> Result<ServiceToken, TokenExchangeError> {
        let asker = &self.shared.asker;
        let ask = |question: Question| {
            let asker = asker.clone();
            async move {
                let answer = asker.ask(&question, in_place).await;
                telemetry::token_exchange(answer.as_ref().err().map_or("ok", TokenExchangeError::code));
                answer
            }
        };
        self.shared.got.get_or_ask(question, ask).await.map(|got| got.token)
    }

    #[cfg(test)]
    fn remembered_bytes(&self) -> u64 {
        self.shared.got.weight()
    }
}

impl Question {
    fn of(subject: &Secret, target: &ExchangeTarget) -> Self {
        Self { subject: subject.expose().into(), target: target.clone() }
    }
}

impl Asker {
    /// The token, and for how long it may be given again.
    async fn ask(&self, question: &Question, in_place: bool) -> Result<(Got, Duration), TokenExchangeError> {
        // Counted from before the request, the token is never thought to live longer than it does.
        let (at, asked_at) = (Instant::now(), self.clock.now());
        let said = Said::by(&question.subject);
        if let (Some(ours), Some(theirs)) = (&self.issuer, &said.issuer)
            && ours != theirs
        {
            return Err(TokenExchangeError::AnotherIssuer);
        }
        let ExchangeTarget { audiences, scopes } = &question.target;
        let scope = scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        let mut form = vec![
            ("grant_type", GRANT),
            ("subject_token", &question.subject),
            ("subject_token_type", ACCESS_TOKEN),
            ("requested_token_type", ACCESS_TOKEN),
        ];
        form.extend(audiences.iter().map(|audience| ("audience", audience.as_str())));
        if !scope.is_empty() {
            form.push(("scope", &scope));
        }
        let request = self
            .authentication
            .post(&self.endpoint, &form, asked_at)
            .map_err(TokenExchangeError::Unsigned)?;
        let answer = self.transport.send(request).await.map_err(TokenExchangeError::Unreachable)?;
        if !answer.status().is_success() {
            return Err(error::refused(&self.authentication, &question.subject, &question.target, &answer));
        }
        let Granted { access_token, lifetime, .. } =
            Granted::read(answer.body()).map_err(|what| TokenExchangeError::Nonsense { what })?;
        let token = ServiceToken::new(access_token, asked_at.plus(lifetime));
        let good = lifetime.saturating_sub(LONGEST_MARGIN.min(lifetime / 10));
        let lives = match said.expires_at {
            Some(subject_expires) => good.min(subject_expires.since(asked_at)),
            None => good,
        };
        Ok((Got { token, at, in_place }, lives.saturating_sub(at.elapsed())))
    }
}

/// What a token says of itself, if it can be read. It is not verified, and only ever keeps something from being done.
#[derive(Debug, Default, Eq, PartialEq)]
struct Said {
    expires_at: Option<UnixTime>,
    issuer: Option<String>,
}

impl Said {
    fn by(token: &str) -> Self {
        let Ok(compact) = Compact::parse(token) else { return Self::default() };
        let Ok(claims) = json::parse_object(&compact.payload, MAX_JSON_DEPTH) else { return Self::default() };
        let expires_at = match claims.get("exp") {
            Some(Value::Number(secs)) => UnixTime::from_secs_f64(*secs),
            _ => None,
        };
        let issuer = match claims.get("iss") {
            Some(Value::String(issuer)) => Some(issuer.to_string()),
            _ => None,
        };
        Self { expires_at, issuer }
    }
}

/// The access token by which a request's caller is known: the session's, or the one of the `Authorization` header if it is
/// the principal's. `None` where somebody was authenticated by other means.
///
/// `headers` are those of the request: a `RequestView`'s, or an `http::HeaderMap`.
#[must_use]
pub fn caller_token(principal: &Principal, headers: &dyn Headers) -> Option<Secret> {
    uma::presented_token(principal, headers).map(Secret::new)
}

impl fmt::Debug for TokenExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenExchange")
            .field("endpoint", &self.shared.asker.endpoint.path())
            .field("authentication", &self.shared.asker.authentication)
            .finish_non_exhaustive()
    }
}
