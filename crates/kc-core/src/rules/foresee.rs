//! What can be known of a rule before anybody calls: for descriptions of an API.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::evaluate::listed_as;
use super::{Kind, Rule, Rules};

/// What a rule can make of a caller whose credentials are good. What it lists can happen to somebody; what it does not
/// list happens to nobody.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Foreseen {
    /// Somebody is let through.
    pub(crate) granted: bool,
    /// Somebody has not the rights: 403.
    pub(crate) forbidden: bool,
    /// Somebody has to log in again, more strongly or more freshly: 401 (RFC 9470).
    pub(crate) step_up: bool,
    /// For somebody Keycloak is asked whether the token is still active.
    pub(crate) asks: bool,
    /// For somebody it cannot be decided: they are denied, and by the opposite of the rule, too.
    pub(crate) undecided: bool,
}

impl Foreseen {
    const EVERYBODY: Self =
        Self { granted: true, forbidden: false, step_up: false, asks: false, undecided: false };
    const NOBODY: Self = Self { granted: false, forbidden: true, ..Self::EVERYBODY };
    const SOME: Self = Self { forbidden: true, ..Self::EVERYBODY };

    fn denies(self) -> bool {
        self.forbidden || self.step_up
    }

    fn all(rules: impl Iterator<Item = Self>) -> Self {
        rules.fold(Self::EVERYBODY, |all, one| Self {
            granted: all.granted && one.granted,
            forbidden: all.forbidden || one.forbidden,
            step_up: all.step_up || one.step_up,
            asks: all.asks || one.asks,
            undecided: all.undecided || one.undecided,
        })
    }

    fn any(rules: &[Self]) -> Self {
        if rules.contains(&Self::EVERYBODY) {
            return Self::EVERYBODY;
        }
        let asks = rules.iter().any(|rule| rule.asks);
        // Whoever the others deny is let through by it, once Keycloak was asked.
        if rules.iter().any(|rule| !rule.denies()) {
            return Self { asks, ..Self::EVERYBODY };
        }
        Self {
            granted: rules.iter().any(|rule| rule.granted),
            forbidden: rules.iter().all(|rule| rule.forbidden),
            step_up: rules.iter().any(|rule| rule.step_up),
            asks,
            undecided: rules.iter().any(|rule| rule.undecided),
        }
    }
}

impl Rule {
    /// The rule as it is for one method, without those for others; `None` when none is for this method, so that it is
    /// refused to everybody. The same callers satisfy both.
    pub(crate) fn for_method(&self, method: &str) -> Option<Self> {
        let shared = |rules: Vec<Self>| Rules::Shared(Arc::from(rules));
        let each = |rules: &Rules| {
            rules.as_slice().iter().map(|rule| rule.for_method(method)).collect::<Option<Vec<_>>>()
        };
        Some(Self(match &self.0 {
            Kind::ByMethod(methods) => return methods.get(listed_as(method))?.for_method(method),
            Kind::All(rules) => Kind::All(shared(each(rules)?)),
            Kind::Any(rules) if rules.as_slice().is_empty() => return Some(self.clone()),
            Kind::Any(rules) => {
                let left: Vec<_> =
                    rules.as_slice().iter().filter_map(|rule| rule.for_method(method)).collect();
                if left.is_empty() {
                    return None;
                }
                Kind::Any(shared(left))
            }
            Kind::Not(rules) if rules.as_slice().iter().all(|rule| rule.is_about(method)) => {
                Kind::Not(shared(each(rules)?))
            }
            Kind::Not(_) => return None,
            _ => return Some(self.clone()),
        }))
    }

    /// The methods that have a rule of their own in it.
    pub(crate) fn methods(&self) -> BTreeSet<&str> {
        match &self.0 {
            Kind::All(rules) | Kind::Any(rules) | Kind::Not(rules) => {
                rules.as_slice().iter().flat_map(Self::methods).collect()
            }
            Kind::ByMethod(methods) => {
                methods.iter().flat_map(|(method, rule)| rule.methods().into_iter().chain([method])).collect()
            }
            _ => BTreeSet::new(),
        }
    }

    /// What it can come to, for a rule [of one method](Self::for_method).
    pub(crate) fn foresee(&self) -> Foreseen {
        let each = |rules: &Rules| rules.as_slice().iter().map(Self::foresee).collect::<Vec<_>>();
        match &self.0 {
            Kind::Acr { level, max_age } => {
                Foreseen { step_up: !level.is_empty() || max_age.is_some(), ..Foreseen::EVERYBODY }
            }
            Kind::Active => Foreseen { asks: true, ..Foreseen::EVERYBODY },
            Kind::All(rules) => Foreseen::all(each(rules).into_iter()),
            Kind::Any(rules) => Foreseen::any(&each(rules)),
            Kind::AllRoles(roles) | Kind::AnyRole(roles) if roles.is_empty() => Foreseen::NOBODY,
            Kind::Authenticated => Foreseen::EVERYBODY,
            Kind::ByMethod(methods) => {
                let listed: Vec<_> = methods.iter().map(|(_, rule)| rule.foresee()).collect();
                Foreseen { forbidden: true, ..Foreseen::all(listed.into_iter()) }
            }
            Kind::Not(rules) => {
                let inner = Foreseen::all(each(rules).into_iter());
                Foreseen {
                    granted: inner.denies(),
                    forbidden: inner.granted || inner.undecided,
                    step_up: false,
                    ..inner
                }
            }
            Kind::AllRoles(_)
            | Kind::AnyRole(_)
            | Kind::ClientRole { .. }
            | Kind::Custom { .. }
            | Kind::Group(_)
            | Kind::Organization(_)
            | Kind::RealmRole(_)
            | Kind::Scope(_) => Foreseen::SOME,
            Kind::Permission(_) => Foreseen { undecided: true, ..Foreseen::SOME },
        }
    }

    /// The scopes that everybody needs who is let through, for a rule [of one method](Self::for_method).
    pub(crate) fn scopes(&self) -> BTreeSet<&str> {
        match &self.0 {
            Kind::Scope(scope) => BTreeSet::from([scope.as_ref()]),
            Kind::All(rules) => rules.as_slice().iter().flat_map(Self::scopes).collect(),
            Kind::Any(rules) => {
                let needed = rules.as_slice().iter().map(Self::scopes);
                needed.reduce(|all, one| &all & &one).unwrap_or_default()
            }
            _ => BTreeSet::new(),
        }
    }
}

#[cfg(test)]
mod tests;
