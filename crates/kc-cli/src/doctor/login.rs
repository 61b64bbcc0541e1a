//! Browser login: tried with `prompt=none`, which asks nobody and leaves no session.

use kc_core::settings::Settings;
use serde_json::Value;

use super::check::{Finding, Judged, Verdict};
use super::client::known;
use super::facts::{Answer, Facts, Missing, asked};
use super::survey::parameter;
use super::tokens::strings;
use crate::terminal::shown;

/// Where Keycloak sends browsers back to.
pub(super) fn callback(settings: &Settings) -> String {
    format!("{}/oidc/callback", settings.public_url())
}

/// Where it sends them after a logout.
pub(super) fn post_logout(settings: &Settings) -> String {
    format!("{}/", settings.public_url())
}

/// Where it tells of logouts.
pub(super) fn backchannel(settings: &Settings) -> String {
    format!("{}/oidc/backchannel-logout", settings.public_url())
}

/// Where it would, as the client is set.
pub(super) fn backchannel_uri(client: &Value) -> Option<&str> {
    attribute(client, "backchannel.logout.url").filter(|url| url.starts_with("http"))
}

fn attribute<'a>(client: &'a Value, name: &str) -> Option<&'a str> {
    client.get("attributes")?.get(name)?.as_str()
}

/// What Keycloak says of a login that it does not do.
fn refusal(answer: &Answer) -> (&str, &str) {
    (
        parameter(answer, "error").unwrap_or_default(),
        parameter(answer, "error_description").unwrap_or_default(),
    )
}

/// Whether the client logs nobody in.
fn is_off(facts: &Facts) -> bool {
    facts.login.as_ref().is_ok_and(|answer| {
        let (code, description) = refusal(answer);
        code == "unauthorized_client" && description.contains("Standard")
    })
}

const OFF: &str = "the client logs nobody in: Standard flow is off";

pub(super) fn redirect_uri(facts: &Facts) -> Judged {
    let (settings, server) = facts.server()?;
    let id = server.client_id();
    known(facts)?;
    let answer = asked(&facts.login)?;
    let uri = callback(settings);
    match answer.status {
        _ if is_off(facts) => Ok(Verdict::Idle(OFF.to_owned())),
        300..=399 if registers_anything(facts) => Ok(Finding::warning(
            format!("the client {id:?} has a valid redirect URI that every web site is within"),
            "Codes and tokens of a login can be led anywhere.",
            format!("Clients > {id} > Settings > Access settings > Valid redirect URIs: {uri} and nothing with an open host"),
        )
        .into()),
        300..=399 => Ok(Verdict::Good(uri)),
        400 if super::server::https_required(answer) => Err("the realm wants HTTPS (ssl-required)".to_owned()),
        400 => Ok(Finding::error(
            format!("Keycloak does not send browsers back to {uri}"),
            "Who logs in sees Keycloak's page \"Invalid parameter: redirect_uri\".",
            format!(
                "Clients > {id} > Settings > Access settings > Valid redirect URIs: add {uri}. If browsers reach the service \
                 elsewhere, set PUBLIC_URL. If it logs nobody in: Settings > Capability config: Standard flow off"
            ),
        )
        .into()),
        status => Err(format!("Keycloak's login answers {status}")),
    }
}

/// Whether browsers may be sent to any host.
fn registers_anything(facts: &Facts) -> bool {
    let Ok(client) = facts.client_settings() else { return false };
    strings(client.get("redirectUris"))
        .iter()
        .any(|uri| ["*", "http*", "https*", "http://*", "https://*"].contains(&uri.as_str()))
}

/// That Keycloak would lead back, so that what it says of the login itself can be read.
fn leads_back(facts: &Facts) -> Result<(), Obstacle> {
    match redirect_uri(facts) {
        Ok(Verdict::Good(_)) => Ok(()),
        Ok(_) if registers_anything(facts) => Ok(()),
        Ok(Verdict::Idle(why)) => Err(Obstacle::Idle(why)),
        Ok(_) => Err(Obstacle::Unknown("the redirect URI comes first (redirect-uri)".to_owned())),
        Err(why) => Err(Obstacle::Unknown(why)),
    }
}

/// Why a login cannot be looked at.
enum Obstacle {
    Idle(String),
    Unknown(String),
}

impl From<Obstacle> for Judged {
    fn from(verdict: Obstacle) -> Self {
        match verdict {
            Obstacle::Idle(why) => Ok(Verdict::Idle(why)),
            Obstacle::Unknown(why) => Err(why),
        }
    }
}

pub(super) fn post_logout_uri(facts: &Facts) -> Judged {
    let (settings, server) = facts.server()?;
    let id = server.client_id();
    known(facts)?;
    if is_off(facts) {
        return Ok(Verdict::Idle(OFF.to_owned()));
    }
    let uri = post_logout(settings);
    match asked(&facts.logout)?.status {
        200 | 300..=399 => Ok(Verdict::Good(uri)),
        400 => Ok(Finding::error(
            format!("Keycloak does not send browsers to {uri} after a logout"),
            "Who logs out sees Keycloak's page \"Invalid redirect uri\", and stays logged in there.",
            format!(
                "Clients > {id} > Settings > Access settings > Valid post logout redirect URIs: add {uri}"
            ),
        )
        .into()),
        status => Err(format!("Keycloak's logout answers {status}")),
    }
}

pub(super) fn pkce(facts: &Facts) -> Judged {
    let (_, server) = facts.server()?;
    let id = server.client_id();
    known(facts)?;
    if let Err(why) = leads_back(facts) {
        return why.into();
    }
    let remedy = format!("Clients > {id} > Settings > Capability config: Require PKCE on, PKCE Method S256");
    let (code, description) = refusal(asked(&facts.login)?);
    if code == "invalid_request" && description.contains("code") && description.contains("challenge") {
        return Ok(Finding::error(
            "Keycloak refuses a login with PKCE by S256: another method is set",
            "Nobody can log in: this service always uses S256.",
            remedy,
        )
        .into());
    }
    let (code, description) = refusal(asked(&facts.login_without_pkce)?);
    match code {
        "invalid_request" if description.contains("code_challenge") => Ok(Verdict::Good("S256".to_owned())),
        "login_required" | "interaction_required" => Ok(Finding::warning(
            format!("the client {id:?} takes logins without PKCE"),
            "This service always uses it; but whoever injects a code of another login need not.",
            remedy,
        )
        .into()),
        other => Err(format!("Keycloak answers a login without PKCE by {}", shown(other))),
    }
}

pub(super) fn implicit_flow(facts: &Facts) -> Judged {
    let (_, server) = facts.server()?;
    let id = server.client_id();
    let on = if let Ok(client) = facts.client_settings() {
        client.get("implicitFlowEnabled") == Some(&Value::Bool(true))
    } else {
        known(facts)?;
        // It can be on where the standard flow is off.
        if let Err(Obstacle::Unknown(why)) = leads_back(facts) {
            return Err(why);
        }
        match refusal(asked(&facts.implicit)?).0 {
            "unauthorized_client" | "unsupported_response_type" => false,
            "login_required" | "interaction_required" => true,
            other => return Err(format!("Keycloak answers the implicit flow by {}", shown(other))),
        }
    };
    if !on {
        return Ok(Verdict::Good(String::new()));
    }
    Ok(Finding::warning(
        format!("the client {id:?} has the implicit flow on"),
        "Tokens come in addresses, where histories, logs and scripts find them; OAuth 2.1 has dropped it.",
        format!("Clients > {id} > Settings > Capability config: Implicit flow off"),
    )
    .into())
}

pub(super) fn web_origins(facts: &Facts) -> Judged {
    let (settings, server) = facts.server()?;
    let id = server.client_id();
    let at = format!("Clients > {id} > Settings > Access settings > Web origins");
    // Without the client scope `web-origins` it is only in the client's settings, where + stands for the redirect URIs.
    let claimed = facts.claims.as_ref().and_then(|claims| claims.get("allowed-origins"));
    let set = facts.client_settings().ok().and_then(|client| client.get("webOrigins"));
    let allowed = match (set, claimed) {
        (Some(set), _) if strings(Some(set)).iter().any(|origin| origin == "*") => vec!["*".to_owned()],
        (_, Some(claimed)) => strings(Some(claimed)),
        (Some(set), None) => strings(Some(set)),
        (None, None) => {
            facts.claims()?;
            Vec::new()
        }
    };
    if allowed.iter().any(|origin| origin == "*") {
        return Ok(Finding::warning(
            format!("the web origins of the client {id:?} are *"),
            "Scripts of every web site may talk to Keycloak as this client.",
            format!("{at}: list the origins, or + for those of the redirect URIs"),
        )
        .into());
    }
    if is_off(facts) {
        return Ok(Verdict::Idle(OFF.to_owned()));
    }
    if allowed.iter().any(|origin| origin == "+") {
        return Err("they are those of the redirect URIs (+), and the token does not list them".to_owned());
    }
    let missing: Vec<&str> = settings
        .cors_allowed_origins()
        .iter()
        .map(String::as_str)
        .filter(|origin| !allowed.iter().any(|one| one == origin))
        .collect();
    if missing.is_empty() {
        return Ok(Verdict::Good(allowed.join(", ")));
    }
    let names = missing.join(", ");
    Ok(Finding::note(
        format!("CORS_ALLOWED_ORIGINS has {names}, which the web origins of the client {id:?} lack"),
        "Scripts from there may call this service, but get no token with this client; with a client of their own they do.",
        format!("{at}: add {names}; or take them out of CORS_ALLOWED_ORIGINS; or leave it, if they use another client"),
    )
    .into())
}

pub(super) fn backchannel_logout(facts: &Facts) -> Judged {
    let (settings, server) = facts.server()?;
    let id = server.client_id();
    if is_off(facts) {
        return Ok(Verdict::Idle(OFF.to_owned()));
    }
    let client = facts.client_settings()?;
    let ours = backchannel(settings);
    let at = format!("Clients > {id} > Settings > Logout settings");
    let means = "Who logs out elsewhere, or is logged out by an administrator, stays logged in here until the session is renewed.";
    let Some(url) = backchannel_uri(client) else {
        let found = format!("the client {id:?} has no back-channel logout URL");
        let remedy = format!(
            "{at}: Front channel logout off, Backchannel logout URL {ours}, Backchannel logout session required on"
        );
        return Ok(Finding::warning(found, means, remedy).into());
    };
    if url != ours {
        return Ok(Finding::warning(
            format!("the back-channel logout URL is {}, that of this service would be {ours}", shown(url)),
            format!("{means} Unless Keycloak reaches the service by another name than browsers do."),
            format!("{at} > Backchannel logout URL: {ours}; or correct PUBLIC_URL"),
        )
        .into());
    }
    if attribute(client, "backchannel.logout.session.required") != Some("true") {
        return Ok(Finding::note(
            "Keycloak's logout tokens do not say which session has ended",
            "One logout ends all sessions of that user here.",
            format!("{at}: Backchannel logout session required on"),
        )
        .into());
    }
    let remedy = "Start the service, and see that Keycloak's machine reaches this address: it is Keycloak that calls it. From \
                  here it may be another matter";
    match &facts.backchannel {
        Ok(answer) if matches!(answer.status, 404 | 405 | 500..=599) => Ok(Finding::warning(
            format!("{ours} answers {}", answer.status),
            means,
            "See that the service mounts its login (kc-login), and that a proxy passes the path on",
        )
        .into()),
        Ok(_) => Ok(Verdict::Good(ours)),
        Err(Missing::Failed(error)) => {
            Ok(Finding::note(format!("{ours} gives no answer: {error}"), means, remedy).into())
        }
        Err(Missing::NotAsked(why)) => Err(why.clone()),
    }
}
