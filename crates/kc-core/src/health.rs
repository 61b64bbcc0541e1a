//! How a service is doing: data for probes, and for people.

use std::time::Duration;

use serde::Serialize;

use crate::keys::{Holding, KeyHealth, KeySource};

/// How a service is doing, as far as this library knows. Serialises as JSON, members in this order.
///
/// It holds no secret, no address, no text of an error, no key id and no version: whoever reads it learns the realm's name and
/// what works. All the same it is for those who run the service, and belongs on a port of theirs.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct HealthReport {
    /// Whether requests can be decided right now: at least one realm has keys. A service that is not ready answers 503 to
    /// whoever comes with a token that it does not know.
    pub ready: bool,
    /// Each realm, the settings' own first.
    pub realms: Vec<RealmReport>,
    /// Endpoints of Keycloak that are left alone because they do not answer: a word for each, as in metrics. Empty where the
    /// HTTP client is the user's own.
    pub circuits_open: Vec<&'static str>,
    /// This service's own token.
    pub service_token: ServiceTokenReport,
    /// What the service has found out besides, by [`with`](Self::with); not part of `ready`.
    pub checks: Vec<Check>,
}

/// A realm.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct RealmReport {
    /// Its name.
    pub realm: String,
    /// Whether tokens of it can be decided about.
    pub ready: bool,
    /// Its keys.
    pub keys: KeysReport,
    /// Since its not-before was last told, in seconds; `null` if it was not, or is not asked for.
    pub not_before_age_seconds: Option<u64>,
}

/// A realm's keys.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct KeysReport {
    /// `fresh`, `stale` (they serve, and the server cannot be asked), `missing`; `given` if they are pinned, or come from a source
    /// of the user's own.
    pub state: &'static str,
    /// How many can verify.
    pub count: usize,
    /// Since they were fetched, in seconds; `null` for those that are given.
    pub age_seconds: Option<u64>,
    /// Goes up by one whenever they change.
    pub generation: Option<u64>,
    /// Why the last fetch failed: a word, as in metrics. `null` if it did not.
    pub last_error: Option<&'static str>,
}

/// This service's own token.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ServiceTokenReport {
    /// `none` was asked for yet, one is `held`, or fetching is `failing`.
    pub state: &'static str,
    /// For how long the one that is held is good, in seconds.
    pub expires_in_seconds: Option<u64>,
    /// Why the last fetch failed: a word, as in metrics.
    pub last_error: Option<&'static str>,
}

/// Something that the service has found out for itself.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// Whether it is well.
    pub ok: bool,
}

impl HealthReport {
    /// Adds what the service has found out: whether its session store answers, for example.
    #[must_use]
    pub fn with(mut self, name: &'static str, ok: bool) -> Self {
        self.checks.push(Check { name, ok });
        self
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings, numbers and lists always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl RealmReport {
    pub(crate) fn remote(realm: &str, holding: &Holding, not_before_age: Option<Duration>) -> Self {
        let state = match holding.health {
            KeyHealth::Fresh => "fresh",
            KeyHealth::Stale { .. } => "stale",
            KeyHealth::Missing => "missing",
        };
        let keys = KeysReport {
            state,
            count: holding.keys.map_or(0, |(count, ..)| count),
            age_seconds: holding.keys.map(|(_, age, _)| age.as_secs()),
            generation: holding.keys.map(|(.., generation)| generation),
            last_error: holding.last_error,
        };
        let not_before_age_seconds = not_before_age.map(|age| age.as_secs());
        Self { realm: realm.to_owned(), ready: holding.keys.is_some(), keys, not_before_age_seconds }
    }

    pub(crate) fn given(realm: &str, source: &dyn KeySource) -> Self {
        let set = source.current();
        let keys = KeysReport {
            state: if set.is_some() { "given" } else { "missing" },
            count: set.as_ref().map_or(0, |set| set.keys().len()),
            age_seconds: None,
            generation: set.as_ref().map(|set| set.generation()),
            last_error: None,
        };
        Self { realm: realm.to_owned(), ready: set.is_some(), keys, not_before_age_seconds: None }
    }
}

impl ServiceTokenReport {
    pub(crate) fn new(lives_for: Option<Duration>, last_error: Option<&'static str>) -> Self {
        let state = match (lives_for, last_error) {
            (Some(_), _) => "held",
            (None, Some(_)) => "failing",
            (None, None) => "none",
        };
        Self { state, expires_in_seconds: lives_for.map(|left| left.as_secs()), last_error }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Keycloak;
    use crate::client::fake_transport::{Answer, FakeTransport};
    use crate::settings::Settings;

    fn keycloak(answer: Answer) -> Keycloak {
        let settings = Settings::builder("https://kc.example.com", "shop", "orders").audit_log("off").build();
        let transport = Arc::new(FakeTransport::new([answer]));
        Keycloak::builder().transport(transport).build(&settings.unwrap()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn without_keys_a_service_is_not_ready_and_the_report_says_why_in_a_word() {
        let keycloak = keycloak(Answer::reply(500, "a secret of the server's"));
        let before = keycloak.health();
        assert_eq!((before.ready, before.realms[0].keys.last_error), (false, None));
        keycloak.prefetch().await;
        assert!(keycloak.service_token().await.is_err());
        assert_eq!(
            keycloak.health().with("sessions", true).to_json(),
            r#"{"ready":false,"realms":[{"realm":"shop","ready":false,"keys":{"state":"missing","count":0,"age_seconds":null,"generation":null,"last_error":"status"},"not_before_age_seconds":null}],"circuits_open":[],"service_token":{"state":"failing","expires_in_seconds":null,"last_error":"refused"},"checks":[{"name":"sessions","ok":true}]}"#
        );
    }

    #[tokio::test(start_paused = true)]
    async fn keys_that_are_there_make_it_ready_however_old() {
        // Source: RFC 8037 A.2.
        let jwks = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","alg":"EdDSA","use":"sig","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        let keycloak = keycloak(Answer::reply(200, jwks));
        keycloak.prefetch().await;
        tokio::time::advance(Duration::from_secs(2 * 3600)).await;
        let report = keycloak.health();
        assert!(report.ready);
        let keys = &report.realms[0].keys;
        assert_eq!((keys.state, keys.age_seconds, keys.generation), ("stale", Some(7200), Some(1)));
        tokio::time::advance(Duration::from_secs(24 * 3600)).await;
        assert!(!keycloak.health().ready);
    }
}
