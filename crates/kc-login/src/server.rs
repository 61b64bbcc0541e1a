//! What the server says that it can do, asked now and then.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kc_core::clock::{Clock, UnixTime};
use kc_core::discovery::{self, Capabilities, DiscoveryError};
use kc_core::settings::Endpoints;
use kc_core::transport::Transport;

/// How long an answer holds.
const FRESH: Duration = Duration::from_secs(600);
/// And how long one that was none.
const PAUSE: Duration = Duration::from_secs(10);
/// How long a server that was never reached is left alone: whoever begins logins makes no request each.
const BREATH: Duration = Duration::from_secs(1);

/// What of it a login asks for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Server {
    /// Whether the answer to a login names the issuer (RFC 9207).
    pub(crate) names_itself: bool,
    /// Whether it takes what is asked for by itself, before the browser comes (RFC 9126).
    pub(crate) takes_pushed: bool,
    /// Whether it takes nothing else.
    pub(crate) wants_pushed: bool,
}

/// Asks the discovery document.
#[derive(Debug)]
pub(crate) struct Discovered {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) endpoints: Endpoints,
    pub(crate) issuer: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) last: Mutex<Option<(UnixTime, Result<Server, String>)>>,
}

impl Discovered {
    /// What the server can do.
    ///
    /// # Errors
    /// Why it does not answer. A server that answers and has no such document can do nothing of it.
    pub(crate) async fn server(&self) -> Result<Server, String> {
        let now = self.clock.now();
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((until, known)) = &last
            && now < *until
        {
            return known.clone();
        }
        let before = last.and_then(|(_, known)| known.ok());
        let asked = discovery::cross_check(&*self.transport, &self.endpoints, &self.issuer).await;
        let (known, holds) = match (asked, before) {
            (Ok(found), _) => (Ok(Server::from(found.capabilities())), FRESH),
            // What it could do before it can still do, most likely.
            (Err(_), Some(server)) => (Ok(server), PAUSE),
            (Err(DiscoveryError::Unreachable(error)), None) => (Err(error.to_string()), BREATH),
            (Err(DiscoveryError::Status { status }), None) if status.is_server_error() => {
                (Err(format!("it answers {status}")), BREATH)
            }
            (Err(error), None) => {
                tracing::warn!(target: "kc", "logins do without what discovery tells: {error}");
                (Ok(Server::default()), PAUSE)
            }
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((now.plus(holds), known.clone()));
        known
    }
}

impl From<&Capabilities> for Server {
    fn from(capabilities: &Capabilities) -> Self {
        Self {
            names_itself: capabilities.authorization_response_iss,
            takes_pushed: capabilities.pushed_authorization_requests,
            wants_pushed: capabilities.pushed_authorization_requests_required,
        }
    }
}
