//! Which routes of a service a token would pass.

use std::collections::BTreeMap;
use std::time::Duration;

use kc_core::Principal;
use kc_core::rules::{self, Rule};

use super::judge::Judge;
use crate::routes::{Atom, Passing, Service, Truth};

/// What the caller passes; `None` when the token is refused.
///
/// Roles, scopes and what else the token says are decided by the code that decides in the service. What takes asking Keycloak, or
/// code of the service's own, is not: it is named.
pub(super) async fn of<'s>(
    judge: &Judge,
    principal: Option<&Principal>,
    service: &'s Service,
) -> Vec<Passing<'s>> {
    let Some(principal) = principal else { return service.passing_of_refused() };
    let mut known = BTreeMap::new();
    for atom in service.atoms() {
        let truth = match as_rule(&atom) {
            None => Truth::Unknown,
            Some(rule) => match judge.passes(principal, &rule).await {
                Ok(()) => Truth::Yes,
                Err(_) => Truth::No,
            },
        };
        known.insert(atom, truth);
    }
    service.passing(|atom| known.get(atom).copied().unwrap_or(Truth::Unknown))
}

/// The rule that asks for this alone, where the token has the answer.
fn as_rule(atom: &Atom) -> Option<Rule> {
    // A rule keeps some names for the life of the program, and this one lives no longer than its answer.
    let kept = |text: &String| -> &'static str { text.clone().leak() };
    Some(match atom {
        Atom::Acr { level, max_age_secs } => {
            let rule = if level.is_empty() { rules::authenticated() } else { rules::acr(kept(level)) };
            match max_age_secs {
                Some(age) => rule.max_age(Duration::from_secs(*age)),
                None => rule,
            }
        }
        Atom::ClientRole { client, role } => rules::client_role(kept(client), kept(role)),
        Atom::Group(path) => rules::group(kept(path)),
        Atom::Organization(alias) => rules::organization(kept(alias)),
        Atom::RealmRole(role) => rules::realm_role(kept(role)),
        Atom::Role(role) => rules::role(role),
        Atom::Scope(scope) => rules::scope(kept(scope)),
        Atom::Active | Atom::Custom(_) | Atom::Other(_) | Atom::Permission { .. } => return None,
    })
}
