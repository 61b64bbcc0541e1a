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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kc_core::clock::SystemClock;
    use kc_core::keys::PinnedKeys;
    use kc_dev::DevIssuer;

    use super::*;
    use crate::routes::Rule as Read;

    /// The next of numbers that are the same at each run.
    fn next(seed: &mut u64) -> usize {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 33) as usize
    }

    /// A rule about which the token alone decides.
    fn any_rule(seed: &mut u64, depth: u32) -> Rule {
        const ROLES: [&str; 6] = ["user", "admin", "api-read", "staff", "nobody", "manager"];
        if depth == 0 || next(seed).is_multiple_of(4) {
            let role = ROLES[next(seed) % ROLES.len()];
            return match next(seed) % 8 {
                0 => rules::realm_role(role),
                1 => rules::client_role("api", role),
                2 => rules::client_role("other", role),
                3 => rules::group(["/management", "/staff", "/"][next(seed) % 3]),
                4 => rules::scope(["openid", "profile", "none"][next(seed) % 3]),
                5 => [rules::authenticated(), rules::any_role(&[]), rules::all_roles(&[])][next(seed) % 3]
                    .clone(),
                6 => rules::all_roles([&["user", "admin"][..], &["user", "nobody"]][next(seed) % 2]),
                _ => rules::role(role),
            };
        }
        let (one, other) = (any_rule(seed, depth - 1), any_rule(seed, depth - 1));
        match next(seed) % 3 {
            0 => one.and(other),
            1 => one.or(other),
            _ => rules::not(one),
        }
    }

    #[tokio::test]
    async fn a_rule_that_is_read_says_what_the_service_says() {
        let issuer = DevIssuer::builder().shared_keys().start().await.unwrap();
        let keys = PinnedKeys::from_jwks(issuer.jwks().await.unwrap().to_string().as_bytes()).unwrap();
        let (audience, leeway) = (vec!["api".to_owned()], Duration::ZERO);
        let of_issuer = issuer.issuer().to_owned();
        let judge = Judge::offline(of_issuer, audience, None, leeway, Arc::new(keys), Arc::new(SystemClock));
        let mut seed = 1;
        for user in ["alice", "carol", "frank"] {
            let principal = judge.outcome(&issuer.token(user, "api").await.unwrap()).await.unwrap();
            let mut passed = 0;
            for _ in 0..300 {
                let rule = any_rule(&mut seed, 4);
                let read = Read::read(&serde_json::to_value(&rule).unwrap());
                let mut atoms = Vec::new();
                read.atoms(&mut atoms);
                let mut known = BTreeMap::new();
                for atom in atoms {
                    let alone = as_rule(&atom).unwrap();
                    let truth =
                        if judge.passes(&principal, &alone).await.is_ok() { Truth::Yes } else { Truth::No };
                    known.insert(atom, truth);
                }
                let said = read.truth(&|atom: &Atom| known[atom]) == Truth::Yes;
                let done = judge.passes(&principal, &rule).await.is_ok();
                assert_eq!(said, done, "{user}: {rule}");
                passed += u32::from(done);
            }
            assert!((50..250).contains(&passed), "{user}: {passed} of 300 tell nothing");
        }
    }
}
