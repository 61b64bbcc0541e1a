//! An issuer, a proxy in front of it, a service, and tokens of all kinds.

use std::time::Duration;

use fault_tests::{Case, Proxy, Service};
use kc_dev::{Alg, DevIssuer};

/// The least time between two fetches for unknown key ids.
pub(crate) const COOLDOWN_SECONDS: &str = "1";

/// After a fault everything is as before within this: the cool-down, the time that an endpoint which gave no answer is
/// left alone (2 s), the time-out of a request that was under way (1 s); and as much again for a machine under load.
pub(crate) const COOLDOWN: Duration = Duration::from_secs(8);

/// All of it.
pub(crate) struct Stack {
    // In this order they go: first who asks.
    pub(crate) service: Service,
    pub(crate) proxy: Proxy,
    pub(crate) issuer: DevIssuer,
    tokens: Tokens,
}

struct Tokens {
    good: String,
    ended: String,
    expired: String,
    forged: String,
    other_audience: String,
    other_issuer: String,
    unknown_key: String,
}

/// What may fail, in the cases.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct May {
    /// No key could ever be fetched.
    pub(crate) lack_keys: bool,
    /// No key could be fetched of late.
    pub(crate) lack_new_keys: bool,
    pub(crate) not_introspect: bool,
    pub(crate) lack_service_token: bool,
}

impl Stack {
    /// The service has no keys yet when this returns, and may have asked for them already.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        Self::start_with(settings, |_| ()).await
    }

    /// As [`start`](Self::start); the proxy is prepared before the service is there.
    pub(crate) async fn start_with(settings: &[(&str, &str)], prepare: impl FnOnce(&Proxy)) -> Self {
        let issuer = DevIssuer::builder().shared_keys().start().await.unwrap();
        issuer.jwks().await.unwrap();
        let proxy = Proxy::to(issuer.address()).await;
        prepare(&proxy);
        let settings = [&[("KEYCLOAK_JWKS_COOLDOWN_SECONDS", COOLDOWN_SECONDS)], settings].concat();
        let service = Service::start(issuer.base_url(), proxy.url(), &settings).await;
        let tokens = Tokens::of(&issuer).await;
        Self { service, proxy, issuer, tokens }
    }

    pub(crate) fn good(&self) -> &str {
        &self.tokens.good
    }

    /// Requests with every kind of token, and what is to become of them.
    pub(crate) fn cases(&self, may: May) -> Vec<Case> {
        let Tokens { good, ended, expired, forged, other_audience, other_issuer, unknown_key } = &self.tokens;
        let case = |name, request, token: &String, right| {
            Case::new(name, request, Some(token.as_str()), right).or_when(
                may.lack_keys,
                503,
                "keys_unavailable",
            )
        };
        vec![
            Case::new("anybody", "GET /health", None, (200, "")),
            Case::new("nobody", "GET /me", None, (401, "not_authenticated")),
            case("a good token", "GET /me", good, (200, "")),
            case("an expired token", "GET /me", expired, (401, "token_expired")),
            case("a forged token", "GET /me", forged, (401, "invalid_signature")),
            case("a token for others", "GET /me", other_audience, (401, "invalid_audience")),
            case("a token of others", "GET /me", other_issuer, (401, "invalid_issuer")),
            case("a token of an unknown key", "GET /me", unknown_key, (401, "unknown_key")).or_when(
                may.lack_new_keys,
                503,
                "keys_unavailable",
            ),
            case("a good token to be introspected", "DELETE /items/1", good, (204, "")).or_when(
                may.not_introspect,
                502,
                "introspection_unavailable",
            ),
            case("a token of a session that has ended", "DELETE /items/1", ended, (401, "token_inactive"))
                .or_when(may.not_introspect, 502, "introspection_unavailable"),
            case("a forged token to be introspected", "DELETE /items/1", forged, (401, "invalid_signature")),
            case("a question for the service's own token", "GET /service-token", good, (200, "")).or_when(
                may.lack_service_token,
                502,
                "service_token_unavailable",
            ),
        ]
    }

    /// Fails the test unless every case is answered as if there had been no fault within [`COOLDOWN`].
    pub(crate) async fn recovers(&self) {
        for case in self.cases(May::default()) {
            case.becomes_right(&mut self.service.client(), COOLDOWN).await;
        }
        for case in self.cases(May::default()) {
            case.check(&mut self.service.client()).await;
        }
    }
}

impl Tokens {
    async fn of(issuer: &DevIssuer) -> Self {
        let alice = || issuer.mint().user("alice");
        let kid = issuer.kid(Alg::Rs256).await.unwrap();
        let ended = alice().sign().await.unwrap();
        assert!(issuer.end_session(&session(&ended)));
        Self {
            good: alice().sign().await.unwrap(),
            ended,
            expired: alice().expires_in(-60).sign().await.unwrap(),
            forged: alice().unknown_key(Alg::Rs256).header("kid", kid).sign().await.unwrap(),
            other_audience: alice().claim("aud", "others").sign().await.unwrap(),
            other_issuer: alice().claim("iss", "http://127.0.0.1/realms/kc-demo").sign().await.unwrap(),
            unknown_key: alice().unknown_key(Alg::Rs256).sign().await.unwrap(),
        }
    }
}

/// The payload of a token.
pub(crate) fn payload(token: &str) -> serde_json::Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64_simd::URL_SAFE_NO_PAD.decode_to_vec(payload).unwrap()).unwrap()
}

fn session(token: &str) -> String {
    payload(token)["sid"].as_str().unwrap().to_owned()
}
