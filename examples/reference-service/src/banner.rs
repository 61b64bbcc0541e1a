//! What is said at start.

use std::fmt::Write as _;

use kc_core::Keycloak;
use kc_core::settings::Settings;
use kc_dev::DevIssuer;

use crate::metrics::Metrics;

/// Which issuer, realm, audience and algorithms are in force; with the embedded issuer, how to try it.
pub(crate) fn banner(
    settings: &Settings,
    kc: &Keycloak,
    embedded: Option<&DevIssuer>,
    metrics: Option<&Metrics>,
) -> String {
    let mut text = String::new();
    for line in settings.describe() {
        push(&mut text, &line);
    }
    let algorithms: Vec<_> = kc.algorithms().iter().map(|alg| alg.name()).collect();
    push(&mut text, &format!("{:<13} {}", "algorithms", algorithms.join(" ")));
    if let Some(metrics) = metrics {
        push(&mut text, &format!("{:<13} http://{}/metrics", "metrics", metrics.address()));
    }
    let Some(issuer) = embedded else { return text };
    push(&mut text, "");
    push(
        &mut text,
        "*** EMBEDDED DEVELOPMENT ISSUER: KEYCLOAK_URL is not set. Never use it in production. ***",
    );
    push(&mut text, "users         alice, bob, carol, erin, frank (the password is the name)");
    push(&mut text, "");
    if let Some((client, secret, user, password)) = issuer.example_login() {
        push(&mut text, "Try it:");
        push(&mut text, "");
        push(
            &mut text,
            &format!(
                "TOKEN=$(curl -s {}/protocol/openid-connect/token -d grant_type=password -d client_id={client} \
                 -d client_secret={secret} -d username={user} -d password={password} \
                 | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')",
                issuer.issuer()
            ),
        );
        push(
            &mut text,
            &format!("curl -i -H \"Authorization: Bearer $TOKEN\" {}/me", settings.public_url().as_str()),
        );
        push(&mut text, "");
    }
    text
}

fn push(text: &mut String, line: &str) {
    // Writing into a string does not fail.
    let _ = writeln!(text, "{line}");
}
