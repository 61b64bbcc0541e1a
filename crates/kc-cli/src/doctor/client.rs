//! The service's client.

use serde_json::Value;

use super::check::{Finding, Judged, Verdict};
use super::facts::{Admin, Facts, asked};
use super::server::{exists, not_before, realm};

pub(super) fn admin_access(facts: &Facts) -> Judged {
    if matches!(facts.admin, Admin::Nobody) {
        return Ok(Verdict::Idle("nobody is named; see --help".to_owned()));
    }
    // What another check has said better.
    for (name, check) in [("realm", realm as fn(&Facts) -> Judged), ("not-before", not_before)] {
        if let Ok(Verdict::Found(_)) = check(facts) {
            return Err(format!("{name} comes first"));
        }
    }
    let refusals: Vec<&String> = match &facts.admin {
        Admin::Nobody => Vec::new(),
        Admin::Refused(why) => vec![why],
        Admin::Seen { realm, client: ours, scopes } => {
            let ours = ours.as_ref().err().filter(|_| !matches!(client(facts), Ok(Verdict::Found(_))));
            [realm.as_ref().err(), ours, scopes.as_ref().err()].into_iter().flatten().collect()
        }
    };
    if refusals.is_empty() {
        return Ok(Verdict::Good(String::new()));
    }
    let means = "What only an administrator sees is not checked.";
    let finding = |why: &String| {
        let (found, remedy) = why.split_once(": ").unwrap_or((why, "see kc doctor --help"));
        let mut letters = remedy.chars();
        let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
        Finding::warning(found, means, first + letters.as_str())
    };
    Ok(Verdict::Found(refusals.into_iter().map(finding).collect()))
}

/// Keycloak's words for a client that it does not know, or that is disabled.
fn is_unknown(error: (&str, &str)) -> bool {
    error.0 == "invalid_client" && error.1.contains("Invalid client or Invalid client credentials")
}

pub(super) fn client(facts: &Facts) -> Judged {
    let (_, server) = facts.server()?;
    exists(facts)?;
    let id = server.client_id();
    let answer = asked(&facts.token)?;
    if let Ok(Verdict::Found(_)) = realm(facts) {
        return Err("the realm comes first (realm)".to_owned());
    }
    if let Ok(client) = facts.client_settings()
        && client.get("enabled") == Some(&Value::Bool(false))
    {
        return Ok(Finding::error(
            format!("the client {id:?} is disabled"),
            "It gets no tokens, nobody logs in with it, and it may not introspect.",
            format!("Clients > {id} > the switch at the top right: Enabled"),
        )
        .into());
    }
    if is_unknown(answer.error()) {
        return Ok(Finding::error(
            format!("there is no client {id:?} in the realm {:?}, or it is disabled", server.realm()),
            "Without it this service gets no tokens, nobody logs in, and nothing can be introspected.",
            format!(
                "Correct KEYCLOAK_CLIENT_ID (it is the Client ID of the list under Clients, not its name nor its internal id), \
                 or create it: Clients > Create client. If it is there: Clients > {id} > the switch at the top right: Enabled"
            ),
        )
        .into());
    }
    if answer.error().1.contains("Bearer-only") {
        return Ok(Finding::error(
            format!("the client {id:?} is bearer-only"),
            "It is a kind of client that newer consoles do not offer any more: it gets no tokens and may not log in.",
            format!("Clients > {id} > Settings > Capability config: Client authentication on, then Save"),
        )
        .into());
    }
    if answer.error().1.contains("DPoP") {
        return Ok(Finding::error(
            format!("the client {id:?} gets nothing but tokens that are bound to a key (DPoP)"),
            "This service neither proves a key, nor takes tokens that are bound to one: bound_token.",
            format!("Clients > {id} > Settings > Capability config: Require DPoP bound tokens off"),
        )
        .into());
    }
    // Whoever is told anything but `invalid_client` is known; without a proof of the right kind it is that, too.
    match answer.error() {
        ("unauthorized_client" | "invalid_client", _) => Ok(Verdict::Good(id.to_owned())),
        _ if answer.status == 200 => Ok(Verdict::Good(id.to_owned())),
        (code, _) => {
            Err(format!("the token endpoint answers {} {}", answer.status, crate::terminal::shown(code)))
        }
    }
}

pub(super) fn client_secret(facts: &Facts) -> Judged {
    let (_, server) = facts.server()?;
    let id = server.client_id();
    known(facts)?;
    let answer = asked(&facts.token)?;
    let (code, description) = answer.error();
    let public = description.contains("Public client");
    match (server.client_secret().is_some(), public) {
        (true, true) => Ok(Finding::error(
            format!("a secret is set, but the client {id:?} is public and has none"),
            "Anybody may act as this client; it gets no tokens of its own and may not introspect.",
            format!(
                "Clients > {id} > Settings > Capability config: Client authentication on; then its tab Credentials: copy the \
                 Client Secret into KEYCLOAK_CLIENT_SECRET"
            ),
        )
        .into()),
        (false, true) => Ok(Verdict::Idle("the client is public and no secret is set".to_owned())),
        (false, false) => Ok(Finding::note(
            format!("KEYCLOAK_CLIENT_SECRET is not set, but the client {id:?} has a secret"),
            "Bearer tokens are checked all the same; browser login, introspection and tokens of the service itself are not \
             possible.",
            format!("Copy it from Clients > {id} > Credentials > Client Secret into KEYCLOAK_CLIENT_SECRET"),
        )
        .into()),
        (true, false) if code == "unauthorized_client" && description.contains("Invalid client") => {
            Ok(Finding::error(
                format!("Keycloak does not take the secret of the client {id:?}"),
                "The service gets no tokens, browser logins fail at their end, and introspection is refused.",
                format!(
                    "Copy the right one from Clients > {id} > Credentials > Client Secret into KEYCLOAK_CLIENT_SECRET; if it \
                     was regenerated there, every copy of the old one is void"
                ),
            )
            .into())
        }
        (true, false) if description.contains("client_assertion") => Ok(Finding::error(
            format!("the client {id:?} proves itself by a signed JWT, not by a secret"),
            "The service's secret is not looked at.",
            format!("Clients > {id} > Credentials > Client Authenticator: Client Id and Secret"),
        )
        .into()),
        (true, false) => Ok(Verdict::Good(String::new())),
    }
}

pub(super) fn service_account(facts: &Facts) -> Judged {
    let (_, server) = facts.server()?;
    let id = server.client_id();
    if server.client_secret().is_none() {
        return Ok(Verdict::Idle("no secret is set".to_owned()));
    }
    proven(facts)?;
    let answer = asked(&facts.token)?;
    match answer.error() {
        (_, description) if description.contains("not enabled to retrieve service account") => {
            Ok(Finding::note(
                format!("the client {id:?} has no service account"),
                "The service gets no token of its own (service_token_unavailable), and this program cannot look at one.",
                format!("Clients > {id} > Settings > Capability config: Service account roles on"),
            )
            .into())
        }
        ("", _) if answer.status == 200 => Ok(Verdict::Good(String::new())),
        (code, _) => Err(format!("the token endpoint answers {} {}", answer.status, crate::terminal::shown(code))),
    }
}

pub(super) fn full_scope(facts: &Facts) -> Judged {
    let (_, server) = facts.server()?;
    let id = server.client_id();
    match facts.client_settings()?.get("fullScopeAllowed") {
        Some(Value::Bool(true)) => Ok(Finding::note(
            format!("the client {id:?} has full scope"),
            "Its tokens hold all roles of the user, of every client: who gets hold of one can use them elsewhere, and headers \
             grow.",
            format!("Clients > {id} > Client scopes > {id}-dedicated > Scope: Full scope allowed off, and assign the roles needed"),
        )
        .into()),
        _ => Ok(Verdict::Good(String::new())),
    }
}

pub(super) fn direct_grants(facts: &Facts) -> Judged {
    let (_, server) = facts.server()?;
    let id = server.client_id();
    let on = if let Ok(client) = facts.client_settings() {
        client.get("directAccessGrantsEnabled") == Some(&Value::Bool(true))
    } else {
        known(facts)?;
        match asked(&facts.direct_grant)?.error() {
            ("unauthorized_client", description) if description.contains("direct access grants") => false,
            ("invalid_request", description) if description.contains("username") => true,
            _ => return Err("Keycloak does not say so without the right credentials".to_owned()),
        }
    };
    if !on {
        return Ok(Verdict::Good(String::new()));
    }
    Ok(Finding::warning(
        format!("the client {id:?} takes user names and passwords (direct access grants)"),
        "Passwords go through programs, past the second factor of the login page; RFC 9700 forbids this grant.",
        format!("Clients > {id} > Settings > Capability config: Direct access grants off"),
    )
    .into())
}

/// That the client is there.
pub(super) fn known(facts: &Facts) -> Result<(), String> {
    match client(facts)? {
        Verdict::Good(_) => Ok(()),
        _ => Err("the client comes first (client)".to_owned()),
    }
}

/// That the client can prove itself.
pub(super) fn proven(facts: &Facts) -> Result<(), String> {
    match client_secret(facts)? {
        Verdict::Good(_) => Ok(()),
        Verdict::Idle(why) => Err(why),
        _ => Err("the client's secret comes first (client-secret)".to_owned()),
    }
}
