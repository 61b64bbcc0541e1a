//! What is counted, by the facade `metrics`.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use metrics::{Counter, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use super::NONE;
use super::contract::{self, METRICS, MetricKind};
use crate::wire::CODES;

/// Tells the recorder what the metrics are.
pub(crate) fn describe() {
    for metric in METRICS {
        match metric.kind {
            MetricKind::Counter => describe_counter!(metric.name, metric.help),
            MetricKind::Gauge => describe_gauge!(metric.name, metric.help),
            MetricKind::Histogram => describe_histogram!(metric.name, metric.help),
        }
    }
}

/// The counters of one route. There is one of these for each pattern as long as the process lives, as in the recorder: so
/// requests carry it about without counting who holds it.
#[derive(Clone, Copy)]
pub(crate) struct RouteCounters(&'static Counters);

struct Counters {
    route: String,
    allowed: OnceLock<Counter>,
    /// In the order of [`CODES`], and one for any other.
    refused: Vec<OnceLock<Counter>>,
}

/// Patterns are few, unless a service makes them up as it goes: those beyond are counted together.
const ROUTES: usize = 1024;
const TOO_MANY: &str = "other";

static KNOWN: LazyLock<RwLock<HashMap<String, &'static Counters>>> = LazyLock::new(RwLock::default);

impl RouteCounters {
    /// The counters of the route with this pattern.
    pub(crate) fn of(route: Option<&str>) -> Self {
        let route = route.unwrap_or(NONE);
        let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(route).copied();
        Self(known.unwrap_or_else(|| Self::make(route)))
    }

    fn make(route: &str) -> &'static Counters {
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        let route = if known.len() < ROUTES || known.contains_key(route) { route } else { TOO_MANY };
        known.entry(route.to_owned()).or_insert_with(|| {
            let refused = (0..=CODES.len()).map(|_| OnceLock::new()).collect();
            Box::leak(Box::new(Counters { route: route.to_owned(), allowed: OnceLock::new(), refused }))
        })
    }

    /// Counts a decision; `code` says why it was a refusal.
    pub(crate) fn decided(self, code: Option<&'static str>) {
        let Counters { route, allowed, refused } = self.0;
        let register = |decision, code| counter!(contract::DECISIONS, "route" => route.as_str(), "decision" => decision, "code" => code);
        match code {
            None => allowed.get_or_init(|| register("allow", NONE)).increment(1),
            Some(code) => {
                let at = CODES.iter().position(|(known, _)| *known == code).unwrap_or(CODES.len());
                if let Some(refused) = refused.get(at) {
                    refused.get_or_init(|| register("deny", code)).increment(1);
                }
            }
        }
    }
}

impl std::fmt::Debug for RouteCounters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RouteCounters").field(&self.0.route).finish()
    }
}

/// The counters of the route that a gate is at, found once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held(OnceLock<RouteCounters>);

impl Held {
    /// The counters of a request's route: those that are held, most often.
    pub(crate) fn at(&self, route: Option<&str>) -> RouteCounters {
        let held = *self.0.get_or_init(|| RouteCounters::of(route));
        if held.0.route == route.unwrap_or(NONE) { held } else { RouteCounters::of(route) }
    }
}

pub(crate) fn session_event(event: &'static str, code: Option<&'static str>) {
    let decision = if code.is_some() { "deny" } else { "allow" };
    let code = code.unwrap_or(NONE);
    counter!(contract::SESSION_EVENTS, "event" => event, "decision" => decision, "code" => code).increment(1);
}

/// A caller was known from before.
pub(crate) fn token_cache_hit() {
    static HITS: LazyLock<Counter> =
        LazyLock::new(|| counter!(contract::TOKEN_CACHE_LOOKUPS, "result" => "hit"));
    HITS.increment(1);
}

/// A token had to be checked.
pub(crate) fn token_cache_miss() {
    static MISSES: LazyLock<Counter> =
        LazyLock::new(|| counter!(contract::TOKEN_CACHE_LOOKUPS, "result" => "miss"));
    MISSES.increment(1);
}

pub(crate) fn token_cache_entries(entries: impl FnOnce() -> usize) {
    set(contract::TOKEN_CACHE_ENTRIES, entries());
}

pub(super) fn sessions(count: usize) {
    set(contract::SESSIONS, count);
}

fn set(name: &'static str, count: usize) {
    gauge!(name).set(u32::try_from(count).map_or(f64::INFINITY, f64::from));
}

/// A fetch of a realm's keys has ended: `changed`, `unchanged`, or a code of failure.
pub(crate) fn key_fetch(realm: &str, result: &'static str) {
    counter!(contract::KEY_FETCHES, "realm" => realm.to_owned(), "result" => result).increment(1);
}

/// A realm's keys are of now.
pub(crate) fn keys_fetched(realm: &str) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    gauge!(contract::KEYS_FETCHED, "realm" => realm.to_owned()).set(now.as_secs_f64());
}

/// A request to Keycloak has ended.
pub(crate) fn outbound(endpoint: &'static str, result: &'static str, took: Duration) {
    counter!(contract::REQUESTS, "endpoint" => endpoint, "result" => result).increment(1);
    histogram!(contract::REQUEST_DURATION, "endpoint" => endpoint).record(took.as_secs_f64());
}

pub(crate) fn introspection(result: &'static str, took: Duration) {
    counter!(contract::INTROSPECTIONS, "result" => result).increment(1);
    histogram!(contract::INTROSPECTION_DURATION).record(took.as_secs_f64());
}

pub(crate) fn service_token(result: &'static str) {
    counter!(contract::SERVICE_TOKEN_FETCHES, "result" => result).increment(1);
}

pub(crate) fn token_exchange(result: &'static str) {
    counter!(contract::TOKEN_EXCHANGES, "result" => result).increment(1);
}

/// An endpoint is left alone from now on, or is asked again.
pub(crate) fn circuit(endpoint: &'static str, open: bool) {
    let state = if open { "open" } else { "closed" };
    counter!(contract::CIRCUIT_CHANGES, "endpoint" => endpoint, "state" => state).increment(1);
    let now = gauge!(contract::CIRCUITS_OPEN, "endpoint" => endpoint);
    if open { now.increment(1.0) } else { now.decrement(1.0) }
}

pub(crate) fn audit_event_lost() {
    counter!(contract::AUDIT_LOST).increment(1);
}
