//! The realm's not-before: Keycloak, "Revoking sessions and tokens", "Not before".
//!
//! No token shows it, so the realm's page is asked: at the start, and in the background when requests come and the last
//! answer is a while old. What is not known is not held against anybody: while Keycloak cannot be asked the last answer
//! holds.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::ACCEPT;
use http::{HeaderValue, Request, StatusCode, Uri};
use tokio::time::Instant;

use super::{Revocation, Revocations, RevocationsUnavailable};
use crate::clock::UnixTime;
use crate::json::{self, Value};
use crate::token::{Claims, MAX_JSON_DEPTH};
use crate::trace_context::carried;
use crate::transport::Transport;

/// Other revocations, and the realm's not-before kept in them.
#[derive(Clone)]
pub(crate) struct RealmRevocations {
    inner: Arc<Inner>,
}

struct Inner {
    revocations: Arc<dyn Revocations>,
    transport: Arc<dyn Transport>,
    /// The realm's page.
    uri: Uri,
    issuer: String,
    timeout: Duration,
    made_at: Instant,
    /// Milliseconds after `made_at`; [`NEVER`] before the first time.
    asked_at: AtomicU64,
    /// The same for when it was last answered.
    told_at: AtomicU64,
    asking: AtomicBool,
}

const NEVER: u64 = u64::MAX;

/// How old the answer may be when a request comes.
const INTERVAL: Duration = Duration::from_secs(30);

impl RealmRevocations {
    pub(crate) fn new(
        revocations: Arc<dyn Revocations>,
        transport: Arc<dyn Transport>,
        uri: Uri,
        issuer: String,
        timeout: Duration,
    ) -> Self {
        let inner = Inner {
            revocations,
            transport,
            uri,
            issuer,
            timeout,
            made_at: Instant::now(),
            asked_at: AtomicU64::new(NEVER),
            told_at: AtomicU64::new(NEVER),
            asking: AtomicBool::new(false),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Asks now, unless somebody does already.
    pub(crate) async fn ask(&self) {
        if let Some(turn) = self.inner.turn() {
            turn.ask().await;
        }
    }

    /// How long ago the realm's not-before was last told, if it was.
    pub(crate) fn age(&self) -> Option<Duration> {
        let told_at = self.inner.told_at.load(Ordering::Relaxed);
        let age = || self.inner.made_at.elapsed().saturating_sub(Duration::from_millis(told_at));
        (told_at != NEVER).then(age)
    }

    fn ask_in_background(&self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if let Some(turn) = self.inner.turn() {
            drop(runtime.spawn(carried(turn.ask())));
        }
    }

    fn is_due(&self) -> bool {
        let asked_at = self.inner.asked_at.load(Ordering::Relaxed);
        asked_at == NEVER || self.inner.made_at.elapsed() >= Duration::from_millis(asked_at) + INTERVAL
    }
}

impl Inner {
    /// One asks at a time; the others go on.
    fn turn(self: &Arc<Self>) -> Option<Turn> {
        if self.asking.swap(true, Ordering::AcqRel) {
            return None;
        }
        // Also when nothing comes of it: a server that does not answer is not asked at every request.
        self.asked_at.store(self.now(), Ordering::Relaxed);
        Some(Turn(Arc::clone(self)))
    }

    /// Milliseconds after `made_at`.
    fn now(&self) -> u64 {
        u64::try_from(self.made_at.elapsed().as_millis()).unwrap_or_default()
    }

    async fn fetch(&self) -> Result<Option<UnixTime>, String> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = self.uri.clone();
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        let answer = tokio::time::timeout(self.timeout, self.transport.send(request));
        let answer = answer.await.map_err(|_| "no whole answer in time".to_owned())?;
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status() != StatusCode::OK {
            return Err(format!("it answers {}", answer.status()));
        }
        let page = json::parse_object(answer.body(), MAX_JSON_DEPTH);
        let page = page.map_err(|_| "it does not answer with a JSON object".to_owned())?;
        let time = match page.get("tokens-not-before") {
            Some(Value::Number(secs)) => UnixTime::from_secs_f64(*secs),
            _ => None,
        };
        let time = time.ok_or_else(|| "its answer has no tokens-not-before that is a number".to_owned())?;
        // Keycloak's way of saying none is zero.
        Ok((time > UnixTime::default()).then_some(time))
    }
}

/// The right to ask; whoever drops it gives it back.
struct Turn(Arc<Inner>);

impl Turn {
    async fn ask(self) {
        let Inner { uri, issuer, revocations, .. } = &*self.0;
        let told = match self.0.fetch().await {
            Ok(time) => {
                self.0.told_at.store(self.0.now(), Ordering::Relaxed);
                revocations.revoke(issuer, Revocation::NotBefore(time)).await
            }
            Err(reason) => {
                tracing::debug!(target: "kc", "the realm's not-before is not known from {uri}: {reason}");
                return;
            }
        };
        if let Err(error) = told {
            tracing::warn!(target: "kc", "{error}");
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.asking.store(false, Ordering::Release);
    }
}

#[async_trait]
impl Revocations for RealmRevocations {
    fn is_revoked(&self, claims: &Claims) -> bool {
        if self.is_due() {
            self.ask_in_background();
        }
        self.inner.revocations.is_revoked(claims)
    }

    async fn revoke(&self, issuer: &str, revocation: Revocation) -> Result<(), RevocationsUnavailable> {
        self.inner.revocations.revoke(issuer, revocation).await
    }
}

impl fmt::Debug for RealmRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RealmRevocations").field(&self.inner.revocations).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::fake_transport::{Answer, FakeTransport};
    use crate::revocations::MemoryRevocations;

    const ISSUER: &str = "http://kc/realms/a";

    fn watch(script: impl IntoIterator<Item = Answer>) -> (RealmRevocations, Arc<FakeTransport>) {
        let transport = Arc::new(FakeTransport::new(script));
        let revocations = RealmRevocations::new(
            Arc::new(MemoryRevocations::default()),
            Arc::clone(&transport) as Arc<dyn Transport>,
            Uri::from_static("http://kc.internal/realms/a"),
            ISSUER.to_owned(),
            Duration::from_secs(5),
        );
        (revocations, transport)
    }

    fn page(not_before: &str) -> Answer {
        Answer::reply(200, format!(r#"{{"realm":"a","tokens-not-before":{not_before}}}"#))
    }

    fn issued_at(secs: i64) -> Claims {
        let issued_at = Some(UnixTime::from_secs(secs));
        Claims { issuer: Some(ISSUER.to_owned()), issued_at, ..Claims::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_issued_before_the_realms_not_before_is_revoked() {
        let (revocations, transport) = watch([page("1000")]);
        assert!(!revocations.is_revoked(&issued_at(999)), "nothing is known yet");
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(revocations.is_revoked(&issued_at(999)));
        assert!(!revocations.is_revoked(&issued_at(1000)));
        assert_eq!(transport.last().uri(), "http://kc.internal/realms/a");
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_asked_for_once_in_thirty_seconds_however_many_requests_come() {
        let (revocations, transport) = watch([page("0")]);
        for _ in 0..61 {
            for _ in 0..100 {
                assert!(!revocations.is_revoked(&issued_at(1)));
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(transport.requests(), 3, "at 0, 30 and 60 s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_hangs_or_answers_nonsense_changes_nothing() {
        let (revocations, transport) = watch([page("1000")]);
        revocations.ask().await;
        let nonsense = [
            Answer::Hang,
            Answer::reply(500, "{}"),
            Answer::reply(200, "<html>"),
            Answer::reply(200, "{}"),
            Answer::reply(302, ""),
            page(r#""0""#),
            page("[]"),
            page("1e400"),
        ];
        for answer in nonsense {
            transport.answer_from_now(answer.clone());
            let before = transport.requests();
            tokio::time::sleep(INTERVAL).await;
            assert!(revocations.is_revoked(&issued_at(999)), "{answer:?}");
            tokio::time::sleep(Duration::from_secs(10)).await;
            assert_eq!(transport.requests(), before + 1, "{answer:?}");
            assert!(revocations.is_revoked(&issued_at(999)), "{answer:?}");
        }
        transport.answer_from_now(page("0"));
        tokio::time::sleep(INTERVAL).await;
        revocations.ask().await;
        assert!(!revocations.is_revoked(&issued_at(999)), "taken back");
    }

    #[test]
    fn without_a_runtime_nothing_is_asked_and_nothing_breaks() {
        let (revocations, transport) = watch([page("1000")]);
        assert!(!revocations.is_revoked(&issued_at(999)));
        assert_eq!(transport.requests(), 0);
    }
}
