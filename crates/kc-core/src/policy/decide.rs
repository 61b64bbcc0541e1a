//! The decision: configuration × caller × request × time, nothing else.

use std::fmt;

use serde::Serialize;

use super::claims::{AllClaims, Identity};
use super::collect::Collector;
use super::condition::{Condition, Scene};
use super::config::{AuthorizationConfig, Compiled, Permission, Resource};
use super::effect::{Effect, Known, Strategy};
use super::export::Mode;
use super::resolve::{Ask, Nothing};
use super::time::Wall;
use crate::clock::UnixTime;

/// What became of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// They may.
    Grant,
    /// They may not.
    Deny,
    /// It depends on something that is not known here. Nobody is let in by it.
    Indeterminate,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Grant => "grant",
            Self::Deny => "deny",
            Self::Indeterminate => "indeterminate",
        })
    }
}

/// A decision.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decision {
    pub(super) verdict: Verdict,
    pub(super) granted_scopes: Vec<String>,
}

impl Decision {
    /// Whether all that was asked for is granted. Where nothing but a resource was asked for: whether anything of it is.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// The scopes that are granted for certain, sorted, each once; of those that were asked for, if any were.
    #[must_use]
    pub fn granted_scopes(&self) -> &[String] {
        &self.granted_scopes
    }
}

impl AuthorizationConfig {
    /// Decides whether somebody may do all of `scopes` with `resource` at a point in time.
    ///
    /// Without scopes, all that the resource has are looked at, and one is enough. Without a resource, each of the scopes
    /// has to be granted on any resource that has it. A resource of a user is found by its name for others too, unless the
    /// server or they themselves have one of that name.
    #[must_use]
    pub fn decide<S: AsRef<str>>(
        &self,
        identity: &Identity<'_>,
        resource: Option<&str>,
        scopes: &[S],
        now: UnixTime,
    ) -> Decision {
        let outcome = match self.inner.resolve(identity, resource, scopes) {
            Ok(asks) => {
                let mut evaluation = Evaluation::new(&self.inner, *identity, now);
                let mut outcome = Outcome::default();
                for ask in &asks {
                    outcome.add(&evaluation.outcome_of(ask));
                }
                outcome
            }
            Err(nothing) => Outcome::of(nothing),
        };
        self.inner.decision(&outcome, resource, scopes)
    }
}

impl Compiled {
    pub(super) fn decision<S: AsRef<str>>(
        &self,
        outcome: &Outcome,
        resource: Option<&str>,
        scopes: &[S],
    ) -> Decision {
        let all_asked = |granted: &[u32]| {
            scopes.iter().all(|scope| {
                self.scope_by_name
                    .get(scope.as_ref())
                    .is_some_and(|scope| granted.binary_search(scope).is_ok())
            })
        };
        let reached = |side: &Side| {
            side.granted && (resource.is_some() || !scopes.is_empty()) && all_asked(&side.scopes)
        };
        let verdict = match (reached(&outcome.certain), reached(&outcome.possible)) {
            // Keycloak would answer with an error, whatever else it found.
            _ if outcome.fails => Verdict::Indeterminate,
            (true, _) => Verdict::Grant,
            (false, true) => Verdict::Indeterminate,
            (false, false) => Verdict::Deny,
        };
        let mut granted_scopes: Vec<String> = Vec::new();
        if !outcome.fails {
            granted_scopes = self.names_of(&outcome.certain.scopes).map(str::to_owned).collect();
            granted_scopes.sort_unstable();
        }
        Decision { verdict, granted_scopes }
    }
}

/// What is granted, on one of the two assumptions about what is unknown.
#[derive(Clone, Debug, Default)]
pub(super) struct Side {
    /// Anything at all.
    pub(super) granted: bool,
    /// Sorted.
    pub(super) scopes: Vec<u32>,
}

impl Side {
    fn of(ask: &Ask, granted: Option<Vec<bool>>) -> Self {
        match granted {
            None => Self::default(),
            Some(granted) => {
                let scopes =
                    ask.scopes.iter().zip(granted).filter_map(|(scope, granted)| granted.then_some(*scope));
                Self { granted: true, scopes: scopes.collect() }
            }
        }
    }

    fn add(&mut self, other: &Self) {
        self.granted |= other.granted;
        if self.scopes != other.scopes {
            self.scopes.extend(&other.scopes);
            self.scopes.sort_unstable();
            self.scopes.dedup();
        }
    }
}

/// What is granted for certain, and what is if all that is unknown is in the caller's favour.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    pub(super) certain: Side,
    pub(super) possible: Side,
    pub(super) fails: bool,
}

impl Outcome {
    pub(super) fn of(nothing: Nothing) -> Self {
        match nothing {
            // Which one is meant is what is not known.
            Nothing::Ambiguous => Self { fails: true, ..Self::default() },
            Nothing::NotAsked
            | Nothing::ResourceLacksScopes
            | Nothing::UnknownResource
            | Nothing::UnknownScopes => Self::default(),
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.certain.add(&other.certain);
        self.possible.add(&other.possible);
        self.fails |= other.fails;
    }
}

/// By what a permission applies, in the order in which Keycloak looks.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Applies {
    /// It names the resource.
    Resource,
    /// It is for all resources of the type.
    Type,
    /// It names a resource of the server's that has the type of the user's.
    Parent,
    /// It is for the scope, of whatever resource.
    Scope,
}

/// One evaluation: each policy is looked at once.
pub(super) struct Evaluation<'a> {
    pub(super) config: &'a Compiled,
    pub(super) scene: Scene<'a>,
    /// See [`Known`].
    known: Vec<u8>,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(config: &'a Compiled, identity: Identity<'a>, now: UnixTime) -> Self {
        let scene = Scene {
            identity,
            claims: AllClaims::of(&identity),
            now,
            wall: Wall::new(now, &config.zone),
            own_client: config.client_id.as_deref(),
        };
        Self { config, scene, known: Known::none(config.policies.len()) }
    }

    pub(super) fn outcome_of(&mut self, ask: &Ask) -> Outcome {
        let config = self.config;
        let resource = ask.resource.and_then(|place| Some((place, config.resources.get(place as usize)?)));
        let everything = || {
            let all = Side { granted: true, scopes: ask.scopes.clone() };
            Outcome { certain: all.clone(), possible: all, fails: false }
        };
        if config.mode == Mode::Disabled {
            return everything();
        }
        let applicable = self.applicable(ask);
        if applicable.is_empty() {
            let managed = resource.is_some_and(|(_, found)| found.managed);
            let open = config.mode == Mode::Permissive && !managed;
            return if open { everything() } else { Outcome::default() };
        }
        // Without a policy a permission says nothing; that it applies still counts.
        let permissions = applicable.iter().filter_map(|(place, applies)| {
            let permission = config.permissions.get(*place as usize)?;
            (!permission.policies().is_empty()).then_some((permission, *applies))
        });
        if resource.is_some_and(|(_, found)| found.effective.len() != found.scopes.len()) {
            self.in_any_order(ask, resource, permissions)
        } else {
            self.in_this_order(ask, resource, permissions)
        }
    }

    /// For what a resource has by itself, nothing depends on the order of permissions that apply alike, and one look at each
    /// is enough.
    fn in_this_order(
        &mut self,
        ask: &Ask,
        resource: Option<(u32, &Resource)>,
        permissions: impl Iterator<Item = (&'a Permission, Applies)>,
    ) -> Outcome {
        let mut certain = Collector::new(resource, &ask.scopes);
        // The same, until something is not known.
        let mut possible = None;
        let mut fails = false;
        for (permission, _) in permissions {
            let effect = self.effect_of(permission);
            fails |= effect.fails;
            if effect.certain != effect.possible && possible.is_none() {
                possible = Some(certain.clone());
            }
            certain.add(permission, effect.certain);
            if let Some(possible) = &mut possible {
                possible.add(permission, effect.possible);
            }
        }
        let server = self.config.strategy;
        let certain = Side::of(ask, certain.finish(server));
        let possible = match possible {
            Some(possible) => Side::of(ask, possible.finish(server)),
            None => certain.clone(),
        };
        Outcome { certain, possible, fails }
    }

    /// A grant of a scope that a user's resource has by its type only takes an earlier denial of it back. In which order
    /// Keycloak sees permissions that apply alike is not defined: what is certain has to be so in any.
    fn in_any_order(
        &mut self,
        ask: &Ask,
        resource: Option<(u32, &Resource)>,
        permissions: impl Iterator<Item = (&'a Permission, Applies)>,
    ) -> Outcome {
        let effects: Vec<(&Permission, Applies, Effect)> = permissions
            .map(|(permission, applies)| (permission, applies, self.effect_of(permission)))
            .collect();
        let collect = |yes: fn(&Effect) -> bool, yes_first: bool| {
            let mut collector = Collector::new(resource, &ask.scopes);
            for alike in effects.chunk_by(|a, b| a.1 == b.1) {
                for turn in [yes_first, !yes_first] {
                    for (permission, _, effect) in alike.iter().filter(|(_, _, effect)| yes(effect) == turn) {
                        collector.add(permission, yes(effect));
                    }
                }
            }
            Side::of(ask, collector.finish(self.config.strategy))
        };
        Outcome {
            certain: collect(|effect| effect.certain, true),
            possible: collect(|effect| effect.possible, false),
            fails: effects.iter().any(|(_, _, effect)| effect.fails),
        }
    }

    /// The places of the permissions that Keycloak would look at, each once.
    pub(super) fn applicable(&self, ask: &Ask) -> Vec<(u32, Applies)> {
        let config = self.config;
        let mut found: Vec<(u32, Applies)> = Vec::new();
        if let Some(resource) = ask.resource.and_then(|place| config.resources.get(place as usize)) {
            let names_it = resource.permissions.as_slice();
            found.extend(names_it.iter().map(|place| (*place, Applies::Resource)));
            if let Some(kind) = resource.kind.and_then(|kind| config.types.get(kind as usize)) {
                let further = |place: &&u32| names_it.binary_search(place).is_err();
                let typed = kind.permissions.iter().filter(further);
                found.extend(typed.map(|place| (*place, Applies::Type)));
                if resource.owner.is_some() {
                    let parents =
                        kind.resources.iter().filter_map(|place| config.resources.get(*place as usize));
                    let mut inherited: Vec<u32> =
                        parents.flat_map(|parent| parent.permissions.iter().copied()).collect();
                    inherited.sort_unstable();
                    inherited.dedup();
                    inherited
                        .retain(|place| further(&place) && kind.permissions.binary_search(place).is_err());
                    found.extend(inherited.into_iter().map(|place| (place, Applies::Parent)));
                }
            }
        }
        if let [scope] = ask.scopes.as_slice() {
            let unbound = config.unbound.get(*scope as usize).into_iter().flatten();
            found.extend(unbound.map(|place| (*place, Applies::Scope)));
        } else {
            let mut unbound: Vec<u32> = ask
                .scopes
                .iter()
                .filter_map(|scope| config.unbound.get(*scope as usize))
                .flatten()
                .copied()
                .collect();
            unbound.sort_unstable();
            unbound.dedup();
            found.extend(unbound.into_iter().map(|place| (place, Applies::Scope)));
        }
        found
    }

    pub(super) fn effect_of(&mut self, permission: &Permission) -> Effect {
        let effect = self.combine(permission.strategy, permission.policies());
        if permission.unclear { Effect { certain: false, possible: true, ..effect } } else { effect }
    }

    fn combine(&mut self, strategy: Strategy, policies: &[u32]) -> Effect {
        strategy.combine(policies.iter().map(|policy| self.policy(*policy)))
    }

    /// What a policy says, its logic included. One that does not exist may say anything.
    pub(super) fn policy(&mut self, place: u32) -> Effect {
        if let Some(known) = self.known.get(place as usize).and_then(|byte| Known::read(*byte)) {
            return known;
        }
        let config = self.config;
        let Some(policy) = config.policies.get(place as usize) else { return Effect::UNKNOWN };
        let said = match &policy.condition {
            // Of nothing, nothing comes, which Keycloak takes for a no.
            Condition::Aggregate(_, policies) if policies.is_empty() => Effect::DENY,
            Condition::Aggregate(strategy, policies) => self.combine(*strategy, policies),
            condition => condition.decide(&self.scene).0,
        };
        let effect = if policy.negative { said.negated() } else { said };
        if let Some(known) = self.known.get_mut(place as usize) {
            *known = Known::write(effect);
        }
        effect
    }
}
