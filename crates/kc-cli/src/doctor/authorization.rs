//! Authorization Services, decided offline by a file.

use super::check::{Finding, Judged, Verdict};
use super::facts::Facts;

/// As many changes as are named.
const NAMED: usize = 5;

pub(super) fn export(facts: &Facts) -> Judged {
    let (settings, server) = facts.server()?;
    let id = server.client_id();
    let Some(path) = settings.authorization_config() else {
        return Ok(Verdict::Idle("KEYCLOAK_AUTHORIZATION_CONFIG is not set".to_owned()));
    };
    let changes = match &facts.export {
        None => return Err("it was not fetched".to_owned()),
        Some(changes) => changes.as_ref().map_err(Clone::clone)?,
    };
    if changes.is_empty() {
        return Ok(Verdict::Good(path.display().to_string()));
    }
    let mut named = changes
        .iter()
        .take(NAMED)
        .map(|change| crate::terminal::shown(change))
        .collect::<Vec<_>>()
        .join("; ");
    if changes.len() > NAMED {
        named.push_str(&format!("; and {} more", changes.len() - NAMED));
    }
    Ok(Finding::warning(
        format!("{} is not what Keycloak has now: {named}", path.display()),
        "The service decides by what was exported then: what was taken away since may still be allowed.",
        format!(
            "kc authz diff --live says for whom. Then export anew: Clients > {id} > Authorization > Export > Download, replace \
             the file, and restart the service"
        ),
    )
    .into())
}
