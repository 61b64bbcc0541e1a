//! The server: whether it is there, and whether it is the one that the service expects.

use kc_core::keys::KeySet;
use kc_core::settings::KeycloakServer;
use kc_core::transport::TransportError;
use serde_json::Value;

use super::check::{Finding, Judged, Verdict};
use super::facts::{Answer, Facts, Missing, asked};
use crate::terminal::shown;

/// Seconds between two clocks that are no defect.
const CLOCK_TOLERANCE: i64 = 5;

pub(super) fn settings(facts: &Facts) -> Judged {
    let settings = match &facts.settings {
        Err(why) => {
            let means = "The service does not start with these settings.";
            return Ok(Finding::error(why.clone(), means, "See docs/configuration.md").into());
        }
        Ok(settings) => settings,
    };
    if let Err(why) = settings.keycloak() {
        let means = "Without it the example services start the embedded development issuer: there is no Keycloak to check.";
        return Ok(Finding::error(
            why.to_string(),
            means,
            "Set KEYCLOAK_URL, KEYCLOAK_REALM and KEYCLOAK_CLIENT_ID",
        )
        .into());
    }
    match settings.warnings() {
        [] => Ok(Verdict::Good(
            settings.keycloak().map(|server| server.issuer().to_owned()).unwrap_or_default(),
        )),
        warnings => Ok(Verdict::Found(
            warnings
                .iter()
                .map(|warning| {
                    Finding::note(
                        warning.clone(),
                        "The service logs it at its start.",
                        "See docs/configuration.md",
                    )
                })
                .collect(),
        )),
    }
}

pub(super) fn reachable(facts: &Facts) -> Judged {
    let (_, server) = facts.server()?;
    let url = server.internal_url().as_str();
    let name = url_setting(server);
    let cannot = "No token can be checked: the realm's keys cannot be fetched.";
    let answer = match &facts.discovery {
        Ok(answer) => answer,
        Err(Missing::Failed(error)) if is_tls(error) => {
            return Ok(Verdict::Good(format!("something answers at {url}; see tls")));
        }
        Err(Missing::Failed(error)) => {
            let remedy = match error {
                TransportError::Connect { reason } if is_name(reason) => format!(
                    "Correct the host name in {name}, or make it known to this machine's name service. In a container \
                     localhost is the container itself: set KEYCLOAK_INTERNAL_URL to the service's name there"
                ),
                TransportError::Connect { reason } if reason.contains("refused") => format!(
                    "Nothing listens there: start Keycloak, or correct host and port in {name}. In a container localhost is \
                     the container itself: set KEYCLOAK_INTERNAL_URL"
                ),
                TransportError::Timeout { .. } => format!(
                    "A firewall may swallow it, or the server hangs: check host and port in {name}, and whether this machine \
                     may connect. KEYCLOAK_HTTP_TIMEOUT_SECONDS and --limit are how long is waited"
                ),
                TransportError::Broken => format!(
                    "Check that {name} has the right scheme: a port for HTTPS does not speak http, and the other way round"
                ),
                _ => format!("Check {name}"),
            };
            return Ok(Finding::error(format!("{url}: {error}"), cannot, remedy).into());
        }
        Err(Missing::NotAsked(why)) => return Err(why.clone()),
    };
    let status = answer.status;
    let (found, remedy) = match status {
        300..=399 => {
            let to = answer.location.as_deref().unwrap_or_default();
            (
                format!("{url} redirects ({status}) to {}", shown(to)),
                format!("Redirects are not followed: set {name} to where Keycloak really is, with its scheme and host"),
            )
        }
        407 => (
            format!("a proxy asks for credentials (407) at {url}"),
            format!("Proxies are not used: let this machine reach {name} without one"),
        ),
        _ if answer.is_html() => (
            format!("{url} answers {status} with an HTML page where Keycloak answers JSON"),
            format!(
                "Something else answers there, such as a proxy's login or error page: check host and port in {name}, and \
                 the proxy's route to Keycloak"
            ),
        ),
        500..=599 => (
            format!("{url} answers {status}"),
            "See Keycloak's log, or the log of the proxy in front of it; its health is at /health/ready of the management \
             port 9000"
                .to_owned(),
        ),
        _ if answer.json.is_none() => (
            format!("{url} answers {status}, and not with JSON"),
            format!("It is not Keycloak that answers: check host, port and base path in {name}"),
        ),
        _ => return Ok(Verdict::Good(url.to_owned())),
    };
    Ok(Finding::error(found, cannot, remedy).into())
}

pub(super) fn tls(facts: &Facts) -> Judged {
    let (_, server) = facts.server()?;
    let url = server.internal_url().as_str();
    if let Err(Missing::Failed(error)) = &facts.discovery
        && is_tls(error)
    {
        let name = url_setting(server);
        let text = error.to_string();
        let remedy = if text.contains("UnknownIssuer") || text.contains("CA file") || text.contains("PEM") {
            "Set KEYCLOAK_CA_FILE to a PEM file with the certificate of the authority that signed Keycloak's. For a \
             certificate of a company's authority that is its root, not Keycloak's own certificate"
                .to_owned()
        } else if text.contains("Expired") || text.contains("expired") || text.contains("NotValidYet") {
            "Renew Keycloak's certificate (option https-certificate-file), or that of the proxy before it; and check this \
             machine's clock"
                .to_owned()
        } else if text.contains("NotValidForName") || text.contains("not valid for name") {
            format!(
                "Use in {name} a host name that stands in the certificate, or have it issued for this one"
            )
        } else if text.contains("corrupt message") || text.contains("InvalidContentType") {
            format!("The port does not speak TLS: correct scheme or port in {name}")
        } else {
            "Check the certificate and the TLS versions that the server offers; KEYCLOAK_CA_FILE adds an authority".to_owned()
        };
        let means = "Whoever answers there is not known to be Keycloak, so nothing is sent to it.";
        return Ok(Finding::error(format!("{url}: {error}"), means, remedy).into());
    }
    if let Err(Missing::Failed(_)) = &facts.discovery {
        return Err("Keycloak was not reached (reachable)".to_owned());
    }
    asked(&facts.discovery)?;
    if url.starts_with("https:") {
        return Ok(Verdict::Good("the certificate is trusted".to_owned()));
    }
    Ok(Verdict::Idle("KEYCLOAK_URL is http".to_owned()))
}

pub(super) fn base_path(facts: &Facts) -> Judged {
    let (_, server) = facts.server()?;
    let answer = keycloaks(facts)?;
    let url = server.internal_url().as_str();
    let name = url_setting(server);
    match &facts.elsewhere {
        Some(other) => Ok(Finding::error(
            format!("there is no realm below {url}, but there is below {other}"),
            "Every address that the service makes of its settings is wrong.",
            format!(
                "Set {name} to {other}. Keycloak has the base path /auth when its option http-relative-path says so; \
                 versions before 17 always had it"
            ),
        )
        .into()),
        None if answer.text("issuer").is_empty() && !answer.text("error").contains("Realm") => Ok(Finding::error(
            format!("{url} has no discovery document ({})", answer.status),
            "It is another path of this server that Keycloak is under, or it is not Keycloak.",
            format!("Open the admin console: what stands before /admin in its address belongs into {name}"),
        )
        .into()),
        None => Ok(Verdict::Good(String::new())),
    }
}

pub(super) fn realm(facts: &Facts) -> Judged {
    let (_, server) = facts.server()?;
    let answer = keycloaks(facts)?;
    let realm = server.realm();
    if answer.status == 404 && answer.text("error").contains("Realm") {
        return Ok(Finding::error(
            format!("there is no realm {realm:?}"),
            "Tokens of it cannot exist.",
            "Correct KEYCLOAK_REALM: it is the name in the admin console's address, not the display name, and case counts. \
             The list is under Manage realms",
        )
        .into());
    }
    let disabled = |answer: &Answer| answer.error().1.contains("Realm not enabled");
    if facts.token.as_ref().is_ok_and(disabled) {
        return Ok(Finding::error(
            format!("the realm {realm:?} is disabled"),
            "Nobody gets a token, and nobody logs in.",
            "Realm settings > the switch at the top right: Enabled",
        )
        .into());
    }
    exists(facts).map(|_| Verdict::Good(realm.to_owned()))
}

pub(super) fn issuer(facts: &Facts) -> Judged {
    let (_, server) = facts.server()?;
    let got = exists(facts)?.text("issuer");
    let expected = server.issuer();
    if got == expected {
        return Ok(Verdict::Good(expected.to_owned()));
    }
    let (public, internal) = (server.url().as_str(), server.endpoints().realm_info());
    let remedy = if got == internal && server.internal_url() != server.url() {
        format!(
            "Keycloak names itself after the host it is asked at. Start it with the options hostname={public} and \
             hostname-backchannel-dynamic=true: then tokens always name the public host"
        )
    } else if got.trim_end_matches('/') == expected.trim_end_matches('/') {
        "KEYCLOAK_ISSUER is compared to the letter: take it away, or correct the slash at its end".to_owned()
    } else if got.replacen("http:", "https:", 1) == *expected {
        "Keycloak thinks that it is asked by http: have the proxy in front of it send X-Forwarded-Proto, and start Keycloak \
         with the option proxy-headers=xforwarded (or a hostname that begins with https://)"
            .to_owned()
    } else if got.replacen("/realms/", "/auth/realms/", 1) == *expected
        || got.replacen("/auth/realms/", "/realms/", 1) == *expected
    {
        "The base path differs: correct /auth at the end of KEYCLOAK_URL, or Keycloak's options hostname and \
         http-relative-path"
            .to_owned()
    } else {
        format!(
            "If {} is right, set KEYCLOAK_URL (or KEYCLOAK_ISSUER) so; else correct Keycloak's option hostname. Use one name \
             for it everywhere: localhost and 127.0.0.1 are two issuers",
            shown(got)
        )
    };
    let found =
        format!("Keycloak says its issuer is {}, this service expects {}", shown(got), shown(expected));
    Ok(Finding::error(found, "Every token is refused: invalid_issuer.", remedy).into())
}

pub(super) fn endpoints(facts: &Facts) -> Judged {
    let (_, server) = facts.server()?;
    let document = exists(facts)?;
    let (public, internal) = (server.endpoints().realm(), server.endpoints().realm_info());
    let mut findings = Vec::new();
    for (member, ours) in [
        ("authorization_endpoint", server.endpoints().authorization()),
        ("end_session_endpoint", server.endpoints().end_session()),
        ("token_endpoint", server.endpoints().token()),
        ("jwks_uri", server.endpoints().certs()),
    ] {
        let got = document.text(member);
        let path = ours.strip_prefix(public).or_else(|| ours.strip_prefix(internal)).unwrap_or_default();
        if [public, internal].iter().all(|base| got != format!("{base}{path}")) {
            findings.push(Finding::warning(
                format!("{member} is {}, this service uses {}", shown(got), shown(&ours)),
                "The service goes on using its own address; if that does not lead to Keycloak, logins or keys fail.",
                "Check KEYCLOAK_URL and KEYCLOAK_INTERNAL_URL (scheme, host, port, base path), and Keycloak's options \
                 hostname and hostname-backchannel-dynamic",
            ));
        }
    }
    // The issuer's finding says the same, with a better remedy.
    if findings.is_empty() || document.text("issuer") != server.issuer() {
        return Ok(Verdict::Good(String::new()));
    }
    Ok(Verdict::Found(findings))
}

pub(super) fn clock(facts: &Facts) -> Judged {
    let (settings, _) = facts.server()?;
    exists(facts)?;
    let issued = facts.claims.as_ref().and_then(|claims| claims.get("iat")).and_then(Value::as_i64);
    let (theirs, ours, by) = match (&facts.token, issued, &facts.discovery) {
        (Ok(answer), Some(issued), _) => (issued, answer.at, "its token's iat"),
        (_, None, Ok(Answer { date: Some(date), at, .. })) => (*date, *at, "its Date header"),
        _ => {
            return Err("there is neither a token nor a Date header to tell Keycloak's time by".to_owned());
        }
    };
    let leeway = i64::try_from(settings.leeway().as_secs()).unwrap_or(i64::MAX).max(CLOCK_TOLERANCE);
    let ahead = theirs - ours;
    let remedy = "Let both machines follow a time server: timedatectl status says whether this one does";
    match ahead {
        _ if ahead > leeway => Ok(Finding::error(
            format!("Keycloak's clock is {ahead} s ahead of this machine's, by {by}"),
            "New tokens are refused: token_not_yet_valid.",
            remedy,
        )
        .into()),
        _ if ahead < -leeway => Ok(Finding::error(
            format!("Keycloak's clock is {} s behind this machine's, by {by}", -ahead),
            "Tokens expire too early here: token_expired.",
            remedy,
        )
        .into()),
        0 => Ok(Verdict::Good("less than a second apart".to_owned())),
        _ => Ok(Verdict::Good(format!("{} s apart", ahead.abs()))),
    }
}

pub(super) fn keys(facts: &Facts) -> Judged {
    exists(facts)?;
    let answer = asked(&facts.certs)?;
    let remedy = "Realm settings > Keys > Add providers > rsa-generated (algorithm RS256), enabled and active; and see that no \
                  proxy changes what Keycloak answers";
    let means = "No token can be checked: keys_unavailable.";
    let Some(document) = answer.json.as_ref().filter(|_| answer.status == 200) else {
        let found = format!("the realm's keys are not there ({})", answer.status);
        return Ok(Finding::error(found, means, remedy).into());
    };
    match KeySet::from_jwks(document.to_string().as_bytes(), 0) {
        Err(why) => Ok(Finding::error(shown(&why.to_string()), means, remedy).into()),
        Ok(keys) => {
            let mut names: Vec<_> =
                keys.keys().iter().flat_map(|key| key.algorithms().map(|alg| alg.name())).collect();
            names.sort_unstable();
            names.dedup();
            Ok(Verdict::Good(names.join(", ")))
        }
    }
}

pub(super) fn pinned_key(facts: &Facts) -> Judged {
    let (settings, _) = facts.server()?;
    let Some(pinned) = settings.public_key() else {
        return Ok(Verdict::Idle("KEYCLOAK_PUBLIC_KEY is not set".to_owned()));
    };
    exists(facts)?;
    let bare = |text: &str| -> String {
        let lines = text.replace("\\n", "\n");
        lines.lines().filter(|line| !line.starts_with("-----")).flat_map(str::split_whitespace).collect()
    };
    let now = asked(&facts.page)?.text("public_key");
    if !now.is_empty() && bare(now) == bare(pinned) {
        return Ok(Verdict::Good(String::new()));
    }
    let realm = settings.keycloak().map(KeycloakServer::realm).unwrap_or_default();
    Ok(Finding::warning(
        format!("KEYCLOAK_PUBLIC_KEY is not the key that the realm {realm:?} signs RS256 with now"),
        "Tokens of another key are refused: invalid_signature. The realm's keys were changed, or the key is another realm's.",
        "Take KEYCLOAK_PUBLIC_KEY away: keys are fetched then, and followed through changes. Or copy the new one: Realm \
         settings > Keys > RS256 > Public key",
    )
    .into())
}

pub(super) fn not_before(facts: &Facts) -> Judged {
    let not_before = exists(facts)
        .and_then(|_| asked(&facts.page))
        .map(|page| (page.member("tokens-not-before").and_then(Value::as_i64).unwrap_or_default(), page.at));
    let (not_before, now) = not_before?;
    if not_before > now + CLOCK_TOLERANCE {
        return Ok(Finding::error(
            format!("the realm's not-before is {} s in the future", not_before - now),
            "Every token is revoked as soon as it is issued: token_revoked, or inactive at introspection.",
            "Sessions > Action > Revocation > Clear",
        )
        .into());
    }
    Ok(Verdict::Good(if not_before == 0 { String::new() } else { "set, in the past".to_owned() }))
}

/// The answer for the discovery document, if it is Keycloak that answered.
fn keycloaks(facts: &Facts) -> Result<&Answer, String> {
    let answer = match &facts.discovery {
        Err(Missing::Failed(error)) if is_tls(error) => {
            return Err("Keycloak was not reached (tls)".to_owned());
        }
        Err(Missing::Failed(_)) => return Err("Keycloak was not reached (reachable)".to_owned()),
        other => asked(other)?,
    };
    if https_required(answer) {
        return Err("the realm wants HTTPS (ssl-required)".to_owned());
    }
    match reachable(facts)? {
        Verdict::Good(_) => Ok(answer),
        _ => Err("Keycloak was not reached (reachable)".to_owned()),
    }
}

/// The discovery document, if there is one.
pub(super) fn exists(facts: &Facts) -> Result<&Answer, String> {
    let answer = keycloaks(facts)?;
    if answer.text("issuer").is_empty() {
        return Err("the realm was not found (realm, base-path)".to_owned());
    }
    Ok(answer)
}

/// Whether the realm refuses to talk by plain HTTP.
pub(super) fn https_required(answer: &Answer) -> bool {
    answer.error().1.contains("HTTPS required")
}

fn url_setting(server: &KeycloakServer) -> &'static str {
    if server.internal_url() == server.url() { "KEYCLOAK_URL" } else { "KEYCLOAK_INTERNAL_URL" }
}

fn is_name(reason: &str) -> bool {
    ["lookup address", "dns error", "Name or service", "No address", "nodename"]
        .iter()
        .any(|words| reason.contains(words))
}

fn is_tls(error: &TransportError) -> bool {
    let (TransportError::Connect { reason } | TransportError::Unsendable { reason }) = error else {
        return false;
    };
    ["certificate", "tls", "TLS", "handshake", "corrupt message", "InvalidContentType", "PEM"]
        .iter()
        .any(|words| reason.contains(words))
}
