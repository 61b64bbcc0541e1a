//! What of a token is said: names, roles, times. Who somebody is, is not.

use std::time::Duration;

use kc_core::clock::UnixTime;
use kc_core::keys::KeySet;
use kc_core::{AuthError, Principal};
use serde_json::{Map, Value};

use super::{Looked, Mark};
use crate::explain::judge::Judge;
use crate::terminal::shown;

/// As many names as are shown of a list.
const NAMES: usize = 20;

/// Claims that a step speaks of; the others are named at the end.
const SPOKEN_OF: [&str; 14] = [
    "acr",
    "aud",
    "auth_time",
    "azp",
    "cnf",
    "exp",
    "iat",
    "iss",
    "nbf",
    "realm_access",
    "resource_access",
    "scope",
    "sub",
    "typ",
];

/// `kid a, alg RS256, typ JWT`; other members by name.
pub(super) fn members(header: &Option<Map<String, Value>>) -> String {
    let members = header.iter().flatten().map(|(name, value)| match (name.as_str(), value.as_str()) {
        ("alg" | "kid" | "typ", Some(value)) => format!("{name} {}", shown(value)),
        _ => shown(name),
    });
    members.collect::<Vec<_>>().join(", ")
}

/// Ids and algorithms.
pub(super) fn keys(keys: &KeySet) -> String {
    let names = keys.keys().iter().map(|key| {
        let algorithms: Vec<_> = key.algorithms().map(|algorithm| algorithm.name()).collect();
        format!("{} ({})", shown(key.kid().unwrap_or("without a kid")), algorithms.join(" "))
    });
    joined(names.collect())
}

/// One name or a list of them.
pub(super) fn list(value: Option<&Value>) -> String {
    joined(names(value))
}

fn names(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(one)) => vec![shown(one)],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(shown).collect(),
        _ => Vec::new(),
    }
}

fn joined(names: Vec<String>) -> String {
    let more = names.len().saturating_sub(NAMES);
    let text = names.into_iter().take(NAMES).collect::<Vec<_>>().join(", ");
    match (text.is_empty(), more) {
        (true, _) => "none".to_owned(),
        (false, 0) => text,
        (false, more) => format!("{text} and {more} more"),
    }
}

/// `it ended 5 min 2 s ago (2026-11-22T03:04:05Z)`.
pub(super) fn when(what: &str, at: f64, now: UnixTime) -> String {
    let Some(at) = UnixTime::from_secs_f64(at) else {
        return format!("{what} at no time that can be written");
    };
    match (at <= now, what) {
        (true, "it was issued") => format!("{what} {} ago ({at})", span(now.since(at))),
        (true, "it ends") => format!("it ended {} ago ({at})", span(now.since(at))),
        (true, _) => format!("it began {} ago ({at})", span(now.since(at))),
        (false, "it was issued") => format!("{what} {} in the future ({at})", span(at.since(now))),
        (false, what) => format!("{what} in {} ({at})", span(at.since(now))),
    }
}

/// The two largest units.
fn span(time: Duration) -> String {
    let secs = time.as_secs();
    let (days, hours, minutes, seconds) = (secs / 86_400, secs / 3_600 % 24, secs / 60 % 60, secs % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {seconds} s"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// Who it is about and what they may, as far as the token says.
pub(super) fn caller(looked: &mut Looked, judge: &Judge, outcome: &Result<Principal, AuthError>) {
    let Some(claims) = looked.claims.clone() else { return };
    let client = match claims.get("azp").and_then(Value::as_str) {
        Some(client) => format!("got by the client {} (azp)", shown(client)),
        None => "it does not say which client got it (azp)".to_owned(),
    };
    looked.say("client", Mark::Note, client);
    subject(looked, judge, &claims, outcome.is_ok());
    roles(looked, judge, &claims);
    let scope = claims.get("scope").and_then(Value::as_str).unwrap_or_default();
    let scopes = scope.split(' ').filter(|word| !word.is_empty()).map(shown).collect();
    looked.say("scopes", Mark::Note, joined(scopes));
    looked.say("acr", Mark::Note, acr(judge, &claims));
    let others = claims.keys().filter(|name| !SPOKEN_OF.contains(&name.as_str()));
    let others = joined(others.map(|name| shown(name)).collect());
    looked.say("others", Mark::Note, format!("claims that are here by name only: {others}"));
}

fn subject(looked: &mut Looked, judge: &Judge, claims: &Map<String, Value>, accepted: bool) {
    match claims.get("sub") {
        None | Some(Value::Null) => {
            looked.say("subject", Mark::Note, "it is about nobody (sub): no local user")
        }
        Some(_) if accepted && !judge.expected.creates_users => {
            let detail = "there is one (sub). Whether the service knows them as a local user is not looked at, and it creates \
                          none (KEYCLOAK_CREATE_USERS)";
            looked.say("subject", Mark::Note, detail);
        }
        Some(_) => looked.say("subject", Mark::Note, "there is one (sub)"),
    }
}

fn roles(looked: &mut Looked, judge: &Judge, claims: &Map<String, Value>) {
    let own = &judge.expected.client_id;
    let realm = list(claims.get("realm_access").and_then(|access| access.get("roles")));
    let none = Map::new();
    let clients = claims.get("resource_access").and_then(Value::as_object).unwrap_or(&none);
    let of = |client: &str| list(clients.get(client).and_then(|access| access.get("roles")));
    looked.say("realm roles", Mark::Note, realm);
    looked.say("client roles", Mark::Note, format!("of {}: {}", shown(own), of(own)));
    let others = clients.keys().filter(|client| *client != own);
    let others: Vec<_> = others.map(|client| format!("{}: {}", shown(client), of(client))).collect();
    if !others.is_empty() {
        let detail = format!("of other clients, which never count here: {}", others.join("; "));
        looked.say("other roles", Mark::Note, detail);
    }
}

fn acr(judge: &Judge, claims: &Map<String, Value>) -> String {
    let levels = &judge.expected.acr_levels;
    let mut text = match claims.get("acr").and_then(Value::as_str) {
        None => "it does not say how strong the login was".to_owned(),
        Some(acr) => match levels.iter().position(|level| level == acr) {
            Some(n) => format!("{}, level {} of {} of KEYCLOAK_ACR_LEVELS", shown(acr), n + 1, levels.len()),
            None => shown(acr),
        },
    };
    if let Some(at) = claims.get("auth_time").and_then(Value::as_f64).and_then(UnixTime::from_secs_f64) {
        text.push_str(&format!("; the login was {} ago", span(judge.clock.now().since(at))));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_from_now_in_its_two_largest_units() {
        let now = UnixTime::from_secs(1_795_310_500);
        let said = |by: f64| when("it ends", 1_795_310_500.0 + by, now);
        assert!(said(59.0).starts_with("it ends in 59 s ("), "{}", said(59.0));
        assert!(said(-302.0).starts_with("it ended 5 min 2 s ago ("), "{}", said(-302.0));
        assert!(said(-7_261.0).starts_with("it ended 2 h 1 min ago ("));
        assert!(said(-90_000.0).starts_with("it ended 1 d 1 h ago ("));
        assert!(when("it was issued", 1_795_310_510.0, now).starts_with("it was issued 10 s in the future"));
    }

    #[test]
    fn a_long_list_is_cut_and_counted() {
        let many: Vec<String> = (0..25).map(|n| n.to_string()).collect();
        assert!(joined(many).ends_with("19 and 5 more"));
        assert_eq!(joined(Vec::new()), "none");
    }
}
