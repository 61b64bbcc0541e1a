//! The decision: rule × caller × now, nothing else.

use std::borrow::Cow;
use std::time::Duration;

use super::{Denial, Kind, Permission, Rule};
use crate::clock::Clock;
use crate::policy;
use crate::principal::Principal;
use crate::uma::{PermissionDecider, PermissionRequest};
use crate::wire::RequestView;

/// What `acr` values are worth.
///
/// With a list, weakest first, a value is as strong as its place, and one that is not in the list is worth nothing.
/// Without, numbers compare as numbers and names only as equal.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AcrLevels {
    weakest_first: Vec<String>,
}

impl AcrLevels {
    /// The values, weakest first.
    #[must_use]
    pub fn new<S: Into<String>>(weakest_first: impl IntoIterator<Item = S>) -> Self {
        Self { weakest_first: weakest_first.into_iter().map(Into::into).collect() }
    }

    /// Whether a login of the strength `got` is as strong as `needed`, or stronger.
    #[must_use]
    pub fn reaches(&self, got: &str, needed: &str) -> bool {
        if self.weakest_first.is_empty() {
            return match (got.parse::<u64>(), needed.parse::<u64>()) {
                (Ok(got), Ok(needed)) => got >= needed,
                _ => got == needed,
            };
        }
        let place = |level: &str| self.weakest_first.iter().position(|listed| listed == level);
        matches!((place(got), place(needed)), (Some(got), Some(needed)) if got >= needed)
    }
}

/// Everything a rule may look at.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) principal: &'a Principal,
    pub(crate) request: &'a RequestView<'a>,
    /// Read by the few rules that ask for it.
    pub(crate) clock: &'a dyn Clock,
    pub(crate) acr_levels: &'a AcrLevels,
    /// What introspection said, once it was asked.
    pub(crate) active: Option<bool>,
    /// Who decides about permissions.
    pub(crate) permissions: Option<&'a dyn PermissionDecider>,
    /// What they said, once they were asked.
    pub(crate) decided: &'a [(Permission, policy::Verdict)],
}

/// The answer.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Granted,
    Denied(Denial),
    /// Denied, because it could not be decided. Turned round it stays a denial.
    Undecided(Denial),
    /// It depends on introspection, and on nothing else any more.
    AskIfActive,
    /// It depends on a permission that cannot be decided at once.
    AskPermission(Permission),
}

const INSUFFICIENT: Verdict = Verdict::Denied(Denial::Insufficient { scope: None });

impl Rule {
    /// Decides. What costs nothing is looked at first: introspection is only asked for when the answer depends on it.
    pub(crate) fn decide(&self, question: &Question<'_>) -> Verdict {
        let roles = question.principal.roles();
        let claims = question.principal.claims();
        match &self.0 {
            Kind::Acr { level, max_age } => step_up(level, *max_age, question),
            Kind::Active => match question.active {
                None => Verdict::AskIfActive,
                Some(active) => granted(active),
            },
            Kind::All(rules) => all(rules.as_slice(), question),
            Kind::AllRoles(names) => {
                let missing: Vec<String> =
                    names.iter().filter(|name| !roles.has(name)).map(str::to_owned).collect();
                if names.is_empty() {
                    // A list that a configuration left empty must not open the door.
                    INSUFFICIENT
                } else if missing.is_empty() {
                    Verdict::Granted
                } else {
                    Verdict::Denied(Denial::MissingRoles(missing))
                }
            }
            Kind::Any(rules) => any(rules.as_slice(), question),
            Kind::AnyRole(names) => granted(names.iter().any(|name| roles.has(name))),
            Kind::Authenticated => Verdict::Granted,
            Kind::ByMethod(methods) => methods
                .get(listed_as(question.request.method))
                .map_or(INSUFFICIENT, |rule| rule.decide(question)),
            Kind::ClientRole { client, role } => {
                // The own client's roles are kept apart from the others', but `resource_access` has them by name.
                granted(claims.roles_of(client).contains(role))
            }
            Kind::Custom { check, .. } => granted(check(question.principal)),
            Kind::Group(path) => granted(claims.groups.contains(path)),
            // What a rule says nothing about stays refused when it is turned round.
            Kind::Not(rules)
                if !rules.as_slice().iter().all(|rule| rule.is_about(question.request.method)) =>
            {
                INSUFFICIENT
            }
            Kind::Not(rules) => match all(rules.as_slice(), question) {
                Verdict::Granted => INSUFFICIENT,
                Verdict::Denied(_) => Verdict::Granted,
                Verdict::Undecided(_) => Verdict::Undecided(Denial::Insufficient { scope: None }),
                open @ (Verdict::AskIfActive | Verdict::AskPermission(_)) => open,
            },
            Kind::Organization(alias) => {
                granted(claims.organizations.iter().any(|organization| organization.alias == **alias))
            }
            Kind::Permission(wanted) => permission(wanted, question),
            Kind::RealmRole(role) => granted(roles.realm().contains(role)),
            Kind::Scope(scope) => {
                if claims.scope.contains(scope) {
                    Verdict::Granted
                } else {
                    Verdict::Denied(Denial::Insufficient { scope: Some(scope.clone().into_owned()) })
                }
            }
        }
    }
}

impl Rule {
    /// Whether every map of methods in it lists this one.
    pub(super) fn is_about(&self, method: &str) -> bool {
        match &self.0 {
            Kind::ByMethod(methods) => {
                methods.get(listed_as(method)).is_some_and(|rule| rule.is_about(method))
            }
            Kind::All(rules) | Kind::Any(rules) | Kind::Not(rules) => {
                rules.as_slice().iter().all(|rule| rule.is_about(method))
            }
            _ => true,
        }
    }
}

/// `HEAD` counts as `GET`.
pub(super) fn listed_as(method: &str) -> &str {
    if method == "HEAD" { "GET" } else { method }
}

fn granted(yes: bool) -> Verdict {
    if yes { Verdict::Granted } else { INSUFFICIENT }
}

/// The first denial; else what could not be decided; else a question that is open; else granted.
fn all(rules: &[Rule], question: &Question<'_>) -> Verdict {
    let mut verdict = Verdict::Granted;
    for rule in rules {
        match rule.decide(question) {
            Verdict::Granted => {}
            open @ (Verdict::AskIfActive | Verdict::AskPermission(_)) => {
                if verdict == Verdict::Granted {
                    verdict = open;
                }
            }
            undecided @ Verdict::Undecided(_) => verdict = undecided,
            denied @ Verdict::Denied(_) => return denied,
        }
    }
    verdict
}

/// Granted by any; else a question that is open; else a denial: that of a single rule is told, of several none is
/// more right than the other, but a way to step up is worth telling.
fn any(rules: &[Rule], question: &Question<'_>) -> Verdict {
    let (mut open, mut undecided) = (None, false);
    let mut denial = None;
    for rule in rules {
        let denied = match rule.decide(question) {
            Verdict::Granted => return Verdict::Granted,
            ask @ (Verdict::AskIfActive | Verdict::AskPermission(_)) => {
                open.get_or_insert(ask);
                continue;
            }
            Verdict::Undecided(denied) => {
                undecided = true;
                denied
            }
            Verdict::Denied(denied) => denied,
        };
        if rules.len() == 1 || matches!(denied, Denial::StepUp { .. }) {
            denial = Some(denied);
        }
    }
    let denial = denial.unwrap_or(Denial::Insufficient { scope: None });
    match (open, undecided) {
        (Some(ask), _) => ask,
        (None, true) => Verdict::Undecided(denial),
        (None, false) => Verdict::Denied(denial),
    }
}

fn permission(wanted: &Permission, question: &Question<'_>) -> Verdict {
    let Permission { resource, scope } = wanted;
    let denial = || Denial::Permission {
        resource: resource.clone().map(Cow::into_owned),
        scope: scope.clone().into_owned(),
    };
    let Some(permissions) = question.permissions else {
        tracing::debug!(
            target: "kc",
            "the rule asks for a permission, and nothing decides about any: set KEYCLOAK_AUTHORIZATION_CONFIG or \
             KEYCLOAK_AUTHORIZATION=online, or give the guard something that does"
        );
        return Verdict::Undecided(denial());
    };
    let said = question.decided.iter().find(|(known, _)| known == wanted).map(|(_, verdict)| *verdict);
    let decide_now = || {
        let (principal, now) = (question.principal, question.clock.now());
        let asked = PermissionRequest::new(principal, question.request, resource.as_deref(), scope, now);
        permissions.decide_now(&asked)
    };
    match said.or_else(decide_now) {
        None => Verdict::AskPermission(wanted.clone()),
        Some(policy::Verdict::Grant) => Verdict::Granted,
        Some(policy::Verdict::Deny) => Verdict::Denied(denial()),
        Some(policy::Verdict::Indeterminate) => Verdict::Undecided(denial()),
    }
}

fn step_up(level: &str, max_age: Option<Duration>, question: &Question<'_>) -> Verdict {
    let claims = question.principal.claims();
    // No level is asked of a rule that is about age alone.
    let strong =
        level.is_empty() || claims.acr.as_deref().is_some_and(|got| question.acr_levels.reaches(got, level));
    let fresh = max_age
        .is_none_or(|age| claims.authenticated_at.is_some_and(|at| question.clock.now() <= at.plus(age)));
    if strong && fresh {
        return Verdict::Granted;
    }
    let acr = (!level.is_empty()).then(|| level.to_owned());
    Verdict::Denied(Denial::StepUp { acr, max_age })
}

#[cfg(test)]
mod tests;
