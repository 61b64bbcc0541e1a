//! Names, labels and fields, as `docs/observability.md` has them.

/// A metric.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: MetricKind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// Its help text.
    pub help: &'static str,
}

/// What a metric is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum MetricKind {
    /// Only goes up.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Seconds, in buckets if the recorder has some.
    Histogram,
}

/// A span or an event of `tracing`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// Its name.
    pub name: &'static str,
    /// Its target.
    pub target: &'static str,
    /// Its level.
    pub level: &'static str,
    /// The names of its fields.
    pub fields: &'static [&'static str],
}

pub(super) const DECISIONS: &str = "kc_decisions_total";
pub(super) const SESSION_EVENTS: &str = "kc_session_events_total";
pub(super) const TOKEN_CACHE_LOOKUPS: &str = "kc_token_cache_lookups_total";
pub(super) const TOKEN_CACHE_ENTRIES: &str = "kc_token_cache_entries";
pub(super) const KEY_FETCHES: &str = "kc_key_fetches_total";
pub(super) const KEYS_FETCHED: &str = "kc_keys_fetched_timestamp_seconds";
pub(super) const REQUESTS: &str = "kc_keycloak_requests_total";
pub(super) const REQUEST_DURATION: &str = "kc_keycloak_request_duration_seconds";
pub(super) const INTROSPECTIONS: &str = "kc_introspections_total";
pub(super) const INTROSPECTION_DURATION: &str = "kc_introspection_duration_seconds";
pub(super) const SERVICE_TOKEN_FETCHES: &str = "kc_service_token_fetches_total";
pub(super) const TOKEN_EXCHANGES: &str = "kc_token_exchanges_total";
pub(super) const CIRCUIT_CHANGES: &str = "kc_circuit_changes_total";
pub(super) const CIRCUITS_OPEN: &str = "kc_circuits_open";
pub(super) const AUDIT_LOST: &str = "kc_audit_events_lost_total";
pub(super) const SESSIONS: &str = "kc_sessions";

/// Every metric there is.
pub const METRICS: &[Metric] = &[
    counter(DECISIONS, &["route", "decision", "code"], "Decisions about requests, as many as the audit has."),
    counter(
        SESSION_EVENTS,
        &["event", "decision", "code"],
        "Logins, logouts and renewals of browser sessions.",
    ),
    counter(TOKEN_CACHE_LOOKUPS, &["result"], "Tokens that were known from before, or had to be checked."),
    gauge(TOKEN_CACHE_ENTRIES, &[], "Tokens that are remembered."),
    counter(KEY_FETCHES, &["realm", "result"], "Fetches of a realm's keys."),
    gauge(KEYS_FETCHED, &["realm"], "When a realm's keys were last fetched, in seconds since 1970."),
    counter(
        REQUESTS,
        &["endpoint", "result"],
        "Requests to Keycloak, those that a circuit breaker held back too.",
    ),
    histogram(REQUEST_DURATION, &["endpoint"], "How long requests to Keycloak took, in seconds."),
    counter(INTROSPECTIONS, &["result"], "Questions to Keycloak whether a token is active."),
    histogram(INTROSPECTION_DURATION, &[], "How long they took, in seconds."),
    counter(SERVICE_TOKEN_FETCHES, &["result"], "Fetches of this service's own token."),
    counter(TOKEN_EXCHANGES, &["result"], "Exchanges of callers' tokens for those of other services."),
    counter(
        CIRCUIT_CHANGES,
        &["endpoint", "state"],
        "Times that an endpoint was left alone, or was asked again.",
    ),
    gauge(CIRCUITS_OPEN, &["endpoint"], "Endpoints that are left alone now, because they did not answer."),
    counter(AUDIT_LOST, &[], "Events that the audit log did not take in time."),
    gauge(SESSIONS, &[], "Browser sessions that are kept in this process."),
];

/// Every span there is.
pub const SPANS: &[Event] = &[
    Event { name: "kc.decide", target: "kc::decision", level: "DEBUG", fields: &["route"] },
    Event {
        name: "kc.keycloak.request",
        target: "kc::keycloak",
        level: "DEBUG",
        fields: &["endpoint", "result", "status", "otel.kind"],
    },
];

/// Every event with fields. Others have a message only, which is for people and may change.
pub const EVENTS: &[Event] = &[
    Event {
        name: "kc.decided",
        target: "kc::decision",
        level: "DEBUG",
        fields: &["route", "decision", "code"],
    },
    Event {
        name: "kc.keycloak.answer",
        target: "kc::keycloak",
        level: "DEBUG",
        fields: &["endpoint", "result", "status", "duration_ms"],
    },
    Event {
        name: "kc.keys.changed",
        target: "kc::keys",
        level: "INFO",
        fields: &["message", "realm", "generation"],
    },
    Event {
        name: "kc.keys.failed",
        target: "kc::keys",
        level: "WARN",
        fields: &["message", "realm", "code"],
    },
    Event {
        name: "kc.circuit.opened",
        target: "kc::circuit",
        level: "WARN",
        fields: &["message", "endpoint"],
    },
    Event {
        name: "kc.circuit.closed",
        target: "kc::circuit",
        level: "INFO",
        fields: &["message", "endpoint"],
    },
    Event {
        name: "kc.session",
        target: "kc::session",
        level: "DEBUG",
        fields: &["event", "decision", "code"],
    },
];

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Gauge, labels, help }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Histogram, labels, help }
}
