//! What the realm is set to for all its clients.

use serde_json::Value;

use super::check::{Finding, Judged, Verdict};
use super::facts::{Facts, asked};
use super::server::https_required;

pub(super) fn ssl_required(facts: &Facts) -> Judged {
    let (_, server) = facts.server()?;
    if asked(&facts.discovery).is_ok_and(https_required) {
        return Ok(Finding::error(
            format!("the realm {:?} wants HTTPS, and takes this for plain HTTP", server.realm()),
            "Keycloak refuses everything that is asked so.",
            "Set KEYCLOAK_URL (and KEYCLOAK_INTERNAL_URL) to https. Behind a proxy that ends TLS: have it send \
             X-Forwarded-Proto, and start Keycloak with proxy-headers=xforwarded. Only for a server on your own machine: \
             Realm settings > General > Require SSL: External requests",
        )
        .into());
    }
    match facts.realm_settings()?.get("sslRequired").and_then(Value::as_str) {
        Some("none") => Ok(Finding::warning(
            "the realm takes plain HTTP from everywhere",
            "Passwords and tokens may travel where others can read them.",
            "Realm settings > General > Require SSL: External requests, or All requests",
        )
        .into()),
        other => Ok(Verdict::Good(other.unwrap_or_default().to_owned())),
    }
}

pub(super) fn brute_force(facts: &Facts) -> Judged {
    match facts.realm_settings()?.get("bruteForceProtected") {
        Some(Value::Bool(true)) => Ok(Verdict::Good(String::new())),
        _ => Ok(Finding::warning(
            "the realm lets passwords be tried without end",
            "Weak passwords are found by trying.",
            "Realm settings > Security defenses > Brute force detection > Brute Force Mode: Lockout temporarily",
        )
        .into()),
    }
}

pub(super) fn refresh_rotation(facts: &Facts) -> Judged {
    let realm = facts.realm_settings()?;
    let reuse = realm.get("refreshTokenMaxReuse").and_then(Value::as_i64).unwrap_or_default();
    let public =
        facts.client_settings().is_ok_and(|client| client.get("publicClient") == Some(&Value::Bool(true)));
    let found = match realm.get("revokeRefreshToken") {
        Some(Value::Bool(true)) if reuse == 0 => return Ok(Verdict::Good(String::new())),
        Some(Value::Bool(true)) => format!("a refresh token may be used {} times", reuse + 1),
        _ => "a refresh token may be used again and again".to_owned(),
    };
    let means = "A stolen refresh token goes on working beside the real one, and nobody notices.";
    let remedy = "Realm settings > Tokens > Refresh tokens: Revoke Refresh Token on, Refresh Token Max Reuse 0. Services that \
                  refresh twice at once log their users out then; kc-login does not";
    // RFC 9700 §4.14.2 demands it of public clients; others are held by their secret.
    Ok(if public { Finding::warning(found, means, remedy) } else { Finding::note(found, means, remedy) }
        .into())
}
