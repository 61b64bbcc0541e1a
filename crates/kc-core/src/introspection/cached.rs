//! Answers about tokens, remembered for a moment.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{Introspection, IntrospectionError, Introspector, TokenTypeHint};
use crate::clock::Clock;
use crate::remembered::{Remembered, Weigh};

/// An [`Introspector`] that remembers what another one said.
///
/// One of these stands for one realm and one client's credentials, as the one it asks does, so that no answer is ever
/// given in the name of another. Answers are of a moment ago: it is for tokens that only Keycloak can read, and not for
/// rules that ask whether a token is *still* active. A [`Guard`](crate::Guard) asks the live one for these.
///
/// - An active token is remembered for `ttl`, and not beyond its `exp`.
/// - One that is not active for 2 s, or `ttl` if that is shorter: long enough for a client that retries in a loop.
/// - No answer is not remembered; those who wait for it together get it together.
/// - Who asks while the same token is being asked about waits for that answer. The question goes on when they leave.
///
/// Needs a Tokio runtime.
pub struct CachedIntrospector {
    live: Arc<Live>,
    answers: Remembered<Question, Arc<Introspection>, IntrospectionError>,
}

struct Live {
    inner: Arc<dyn Introspector>,
    ttl: Duration,
    clock: Arc<dyn Clock>,
}

/// What is asked. Not printable.
#[derive(Clone, Eq, PartialEq)]
struct Question {
    token: Box<str>,
    hint: Option<TokenTypeHint>,
}

// All of it: where the chance is in an opaque token, nobody knows.
impl Hash for Question {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.token.hash(state);
        self.hint.map(TokenTypeHint::name).hash(state);
    }
}

impl Weigh for Question {
    fn bytes(&self) -> usize {
        self.token.len()
    }
}

impl Weigh for Arc<Introspection> {
    fn bytes(&self) -> usize {
        match &**self {
            Introspection::Active(active) => 2 * active.json().len(),
            Introspection::Inactive => 0,
        }
    }
}

/// How long it is remembered that a token is not active.
const INACTIVE: Duration = Duration::from_secs(2);

impl CachedIntrospector {
    /// Remembers what `inner` says for `ttl`, in about `bytes`.
    #[must_use]
    pub fn new(inner: Arc<dyn Introspector>, ttl: Duration, bytes: u64, clock: Arc<dyn Clock>) -> Self {
        Self { live: Arc::new(Live { inner, ttl, clock }), answers: Remembered::new(bytes) }
    }
}

impl Live {
    async fn ask(&self, question: &Question) -> Result<(Arc<Introspection>, Duration), IntrospectionError> {
        let answer = self.inner.introspect(&question.token, question.hint).await?;
        let lives = self.lives(&answer);
        Ok((Arc::new(answer), lives))
    }

    fn lives(&self, answer: &Introspection) -> Duration {
        match answer {
            Introspection::Inactive => self.ttl.min(INACTIVE),
            Introspection::Active(active) => {
                active.expires_at().map_or(self.ttl, |at| self.ttl.min(at.since(self.clock.now())))
            }
        }
    }
}

#[async_trait]
impl Introspector for CachedIntrospector {
    async fn introspect(
        &self,
        token: &str,
        hint: Option<TokenTypeHint>,
    ) -> Result<Introspection, IntrospectionError> {
        let question = Question { token: token.into(), hint };
        let live = &self.live;
        let ask = |question: Question| {
            let live = Arc::clone(live);
            async move { live.ask(&question).await }
        };
        self.answers.get_or_ask(question, ask).await.map(|answer| Introspection::clone(&answer))
    }

    fn client_id(&self) -> &str {
        self.live.inner.client_id()
    }
}

/// No tokens, no answers.
impl fmt::Debug for CachedIntrospector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedIntrospector")
            .field("inner", &self.live.inner)
            .field("ttl", &self.live.ttl)
            .field("remembered", &self.answers.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::client::ClientAuthentication;
    use crate::client::fake_transport::{Answer as Reply, FakeTransport};
    use crate::clock::{FakeClock, UnixTime};
    use crate::introspection::HttpIntrospector;

    const NOW: i64 = 1_795_310_500;

    struct Setup {
        transport: Arc<FakeTransport>,
        cached: Arc<CachedIntrospector>,
    }

    fn setup(reply: Reply, ttl: u64) -> Setup {
        let transport = Arc::new(FakeTransport::new([reply]));
        let clock: Arc<dyn Clock> = Arc::new(FakeClock::at(UnixTime::from_secs(NOW)));
        let live = HttpIntrospector::new(
            transport.clone(),
            http::Uri::from_static("https://kc.test/introspect"),
            ClientAuthentication::public("api"),
            Arc::clone(&clock),
        );
        let ttl = Duration::from_secs(ttl);
        let cached = Arc::new(CachedIntrospector::new(Arc::new(live), ttl, 1 << 20, clock));
        Setup { transport, cached }
    }

    fn active(exp: i64) -> Reply {
        Reply::reply(200, format!(r#"{{"active":true,"exp":{exp}}}"#))
    }

    async fn advance(secs: u64) {
        tokio::time::advance(Duration::from_secs(secs)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_active_token_is_remembered_for_the_ttl_and_not_beyond_its_exp() {
        for (exp, lives) in [(NOW + 300, 60), (NOW + 10, 10)] {
            let Setup { transport, cached } = setup(active(exp), 60);
            cached.introspect("t", None).await.unwrap();
            advance(lives - 1).await;
            cached.introspect("t", None).await.unwrap();
            assert_eq!(transport.requests(), 1);
            advance(1).await;
            cached.introspect("t", None).await.unwrap();
            assert_eq!(transport.requests(), 2);
        }
        let Setup { transport, cached } = setup(active(NOW - 1), 60);
        for _ in 0..2 {
            cached.introspect("t", None).await.unwrap();
        }
        assert_eq!(transport.requests(), 2, "expired, whatever the server says: not remembered");
    }

    #[tokio::test(start_paused = true)]
    async fn an_inactive_token_is_remembered_for_two_seconds() {
        let Setup { transport, cached } = setup(Reply::reply(200, r#"{"active":false}"#), 60);
        for _ in 0..10 {
            assert_eq!(cached.introspect("t", None).await, Ok(Introspection::Inactive));
        }
        assert_eq!(transport.requests(), 1);
        advance(2).await;
        cached.introspect("t", None).await.unwrap();
        assert_eq!(transport.requests(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_and_hints_are_told_apart() {
        let Setup { transport, cached } = setup(active(NOW + 300), 60);
        let rpt = Some(TokenTypeHint::RequestingPartyToken);
        for (token, hint) in [("a", None), ("b", None), ("a", rpt), ("", None), ("a", None)] {
            cached.introspect(token, hint).await.unwrap();
        }
        assert_eq!(transport.requests(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_about_the_same_token_meanwhile_waits_for_the_one_answer() {
        let slow = active(NOW + 300).after(Duration::from_secs(3));
        let Setup { transport, cached } = setup(slow, 60);
        let first = tokio::time::timeout(Duration::from_secs(1), cached.introspect("t", None)).await;
        assert!(first.is_err(), "the first one leaves");
        let others: Vec<_> = (0..100)
            .map(|_| {
                let cached = Arc::clone(&cached);
                tokio::spawn(async move { cached.introspect("t", None).await })
            })
            .collect();
        for other in others {
            assert!(matches!(other.await.unwrap(), Ok(Introspection::Active(_))));
        }
        assert_eq!(transport.requests(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn no_answer_is_shared_by_those_who_wait_and_remembered_by_nobody() {
        let slow = Reply::reply(503, "").after(Duration::from_secs(1));
        let Setup { transport, cached } = setup(slow, 60);
        let all: Vec<_> = (0..10)
            .map(|_| {
                let cached = Arc::clone(&cached);
                tokio::spawn(async move { cached.introspect("t", None).await })
            })
            .collect();
        for one in all {
            assert!(matches!(one.await.unwrap(), Err(IntrospectionError::Status { .. })));
        }
        assert_eq!(transport.requests(), 1);
        transport.answer_from_now(active(NOW + 300));
        assert!(cached.introspect("t", None).await.is_ok());
        assert_eq!(transport.requests(), 2);
    }

    /// Panics once, then answers.
    #[derive(Debug, Default)]
    struct Fragile(AtomicUsize);

    #[async_trait]
    impl Introspector for Fragile {
        async fn introspect(
            &self,
            _: &str,
            _: Option<TokenTypeHint>,
        ) -> Result<Introspection, IntrospectionError> {
            assert!(self.0.fetch_add(1, Ordering::Relaxed) > 0, "the first question goes wrong");
            Ok(Introspection::Inactive)
        }

        fn client_id(&self) -> &str {
            "api"
        }
    }

    #[tokio::test]
    async fn a_question_that_dies_is_asked_again() {
        let clock: Arc<dyn Clock> = Arc::new(FakeClock::at(UnixTime::from_secs(NOW)));
        let cached =
            CachedIntrospector::new(Arc::<Fragile>::default(), Duration::from_secs(9), 1 << 20, clock);
        assert_eq!(cached.introspect("t", None).await, Ok(Introspection::Inactive));
        assert_eq!(cached.introspect("t", None).await, Ok(Introspection::Inactive));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_bounded() {
        let Setup { cached, .. } = setup(active(NOW + 300), 60);
        for n in 0..5_000 {
            cached.introspect(&format!("{n:0>1000}"), None).await.unwrap();
        }
        assert!(cached.answers.weight() <= 1 << 20);
        assert!(!format!("{cached:?}").contains("000"));
        assert!(cached.answers.nothing_is_under_way());
    }
}
