//! A decision that explains itself: resource → permission → policy → reason.

use std::fmt;

use serde::Serialize;

use super::claims::Identity;
use super::condition::Condition;
use super::config::AuthorizationConfig;
use super::decide::{Applies, Decision, Evaluation, Outcome, Verdict};
use super::effect::Effect;
use super::export::{Mode, shown};
use super::resolve::{Ask, Nothing};
use crate::clock::UnixTime;

/// A decision with all that led to it. `Display` shows it as a tree.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// What came of it.
    pub decision: Verdict,
    /// See [`Decision::granted_scopes`].
    pub granted_scopes: Vec<String>,
    /// In a few sentences.
    pub reasons: Vec<String>,
    /// Each resource that was looked at.
    pub resources: Vec<ResourceTrace>,
}

/// What was found about one resource.
#[derive(Clone, Debug, Serialize)]
pub struct ResourceTrace {
    /// Its name; `None` for scopes that no resource has.
    pub resource: Option<String>,
    /// The scopes that were looked at, sorted.
    pub asked: Vec<String>,
    /// Those that are granted for certain, sorted; `None` when the resource is not granted at all.
    pub granted: Option<Vec<String>>,
    /// The permissions that apply.
    pub permissions: Vec<PermissionTrace>,
}

/// What a permission said.
#[derive(Clone, Debug, Serialize)]
pub struct PermissionTrace {
    /// Its name.
    pub permission: String,
    /// `resource` or `scope`.
    pub kind: &'static str,
    /// By what it applies.
    pub applies: &'static str,
    /// How its policies become one.
    pub strategy: &'static str,
    /// What it said; `None` when it has no policy, and says nothing.
    pub said: Option<Verdict>,
    /// Its policies.
    pub policies: Vec<PolicyTrace>,
}

/// What a policy said.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyTrace {
    /// Its name.
    pub policy: String,
    /// Its type.
    pub kind: String,
    /// Whether its logic turned the result.
    pub negative: bool,
    /// What it said, its logic included.
    pub said: Verdict,
    /// What it asks for.
    pub asks: String,
    /// Why it said so, before its logic.
    pub because: String,
    /// Those that it is made of.
    pub policies: Vec<Self>,
}

impl AuthorizationConfig {
    /// Decides as [`decide`](Self::decide) does, and says why. Meant for people: it takes its time.
    #[must_use]
    pub fn explain<S: AsRef<str>>(
        &self,
        identity: &Identity<'_>,
        resource: Option<&str>,
        scopes: &[S],
        now: UnixTime,
    ) -> Explanation {
        let config = &*self.inner;
        let mut traces = Vec::new();
        let (outcome, nothing) = match config.resolve(identity, resource, scopes) {
            Ok(asks) => {
                let mut outcome = Outcome::default();
                let mut evaluation = Evaluation::new(config, *identity, now);
                for ask in &asks {
                    let one = evaluation.outcome_of(ask);
                    traces.push(evaluation.trace(ask, &one));
                    outcome.add(&one);
                }
                (outcome, None)
            }
            Err(nothing) => (Outcome::of(nothing), Some(nothing)),
        };
        let Decision { verdict, granted_scopes } = config.decision(&outcome, resource, scopes);
        let mut reasons = Vec::new();
        match nothing {
            Some(nothing) => reasons.push(why_nothing(nothing, resource)),
            None if config.mode == Mode::Disabled => {
                reasons.push("policyEnforcementMode is DISABLED: everything is granted".to_owned());
            }
            None => reasons.extend(traces.iter().flat_map(|trace| trace.reasons(config.mode))),
        }
        for scope in scopes.iter().map(AsRef::as_ref) {
            if nothing.is_none() && !config.scope_by_name.contains_key(scope) {
                reasons.push(format!("there is no scope {:?}", shown(scope)));
            } else if nothing.is_none()
                && !traces.iter().any(|trace| trace.asked.iter().any(|asked| asked == scope))
            {
                reasons.push(format!("the resource does not have the scope {:?}", shown(scope)));
            }
        }
        let open = outcome.certain.granted != outcome.possible.granted
            || outcome.certain.scopes.len() != outcome.possible.scopes.len();
        if open && !traces.iter().any(ResourceTrace::is_open) {
            reasons.push(
                "it depends on the order in which Keycloak looks at permissions, which is not defined, whether a denial \
                 stands of a scope that the resource has by its type only"
                    .to_owned(),
            );
        }
        if outcome.fails && nothing.is_none() {
            reasons.push("Keycloak answers this request with an error".to_owned());
        }
        Explanation { decision: verdict, granted_scopes, reasons, resources: traces }
    }
}

fn why_nothing(nothing: Nothing, resource: Option<&str>) -> String {
    let name = shown(resource.unwrap_or_default());
    match nothing {
        Nothing::Ambiguous => format!("more than one resource has the name {name:?}"),
        Nothing::NotAsked => "neither a resource nor a scope is asked for".to_owned(),
        Nothing::ResourceLacksScopes => {
            format!("the resource {name:?} has none of the scopes that are asked for")
        }
        Nothing::UnknownResource => format!("there is no resource {name:?}"),
        Nothing::UnknownScopes => "there is none of the scopes that are asked for".to_owned(),
    }
}

impl Evaluation<'_> {
    fn trace(&mut self, ask: &Ask, outcome: &Outcome) -> ResourceTrace {
        let config = self.config;
        let sorted = |scopes: &[u32]| {
            let mut names: Vec<String> = config.names_of(scopes).map(str::to_owned).collect();
            names.sort_unstable();
            names
        };
        let permissions = match config.mode {
            Mode::Disabled => Vec::new(),
            Mode::Enforcing | Mode::Permissive => self.applicable(ask),
        };
        let resource = ask.resource.and_then(|place| config.resources.get(place as usize));
        ResourceTrace {
            resource: resource.map(|resource| resource.name.clone()),
            asked: sorted(&ask.scopes),
            granted: outcome.certain.granted.then(|| sorted(&outcome.certain.scopes)),
            permissions: permissions
                .into_iter()
                .filter_map(|(place, applies)| self.trace_permission(place, applies))
                .collect(),
        }
    }

    fn trace_permission(&mut self, place: u32, applies: Applies) -> Option<PermissionTrace> {
        let config = self.config;
        let permission = config.permissions.get(place as usize)?;
        let said = match permission.policies() {
            [] => None,
            _ => Some(verdict(self.effect_of(permission))),
        };
        Some(PermissionTrace {
            permission: config.permission_names.get(place as usize)?.clone(),
            kind: permission.kind.name(),
            applies: match applies {
                Applies::Parent => "names a resource of the same type",
                Applies::Resource => "names the resource",
                Applies::Scope => "is for the scope",
                Applies::Type => "is for the type",
            },
            strategy: permission.strategy.name(),
            said,
            policies: permission.policies().iter().map(|policy| self.trace_policy(*policy)).collect(),
        })
    }

    fn trace_policy(&mut self, place: u32) -> PolicyTrace {
        let config = self.config;
        let found = config.policies.get(place as usize).zip(config.labels.get(place as usize));
        let Some((policy, label)) = found else {
            return PolicyTrace {
                policy: "?".to_owned(),
                kind: "?".to_owned(),
                negative: false,
                said: Verdict::Indeterminate,
                asks: String::new(),
                because: "the name refers to no policy, or to more than one".to_owned(),
                policies: Vec::new(),
            };
        };
        let (because, policies) = match &policy.condition {
            Condition::Aggregate(_, children) => {
                let children = children.iter().map(|child| self.trace_policy(*child)).collect();
                ("of what it is made of".to_owned(), children)
            }
            condition => (condition.decide(&self.scene).1.to_owned(), Vec::new()),
        };
        PolicyTrace {
            policy: label.name.clone(),
            kind: label.kind.clone(),
            negative: policy.negative,
            said: verdict(self.policy(place)),
            asks: policy.condition.to_string(),
            because,
            policies,
        }
    }
}

const fn verdict(effect: Effect) -> Verdict {
    match (effect.certain, effect.possible) {
        (true, _) => Verdict::Grant,
        (false, true) => Verdict::Indeterminate,
        (false, false) => Verdict::Deny,
    }
}

impl ResourceTrace {
    fn name(&self) -> String {
        match &self.resource {
            Some(name) => format!("resource {:?}", shown(name)),
            None => format!("scope {}", self.asked.join(", ")),
        }
    }

    fn is_open(&self) -> bool {
        self.permissions.iter().any(|permission| permission.said == Some(Verdict::Indeterminate))
    }

    fn reasons(&self, mode: Mode) -> Vec<String> {
        if self.permissions.is_empty() {
            return vec![match (mode, &self.granted) {
                (Mode::Permissive, Some(_)) => {
                    format!("{}: no permission applies, and the mode is PERMISSIVE", self.name())
                }
                _ => format!("{}: no permission applies", self.name()),
            }];
        }
        self.permissions
            .iter()
            .map(|permission| format!("{}: {}", self.name(), permission.reason()))
            .collect()
    }
}

impl PermissionTrace {
    fn reason(&self) -> String {
        let name = shown(&self.permission);
        let Some(said) = self.said else {
            return format!("permission {name:?} has no policy, and says nothing");
        };
        // Those that say the same, and what is open.
        let of_weight = self
            .policies
            .iter()
            .filter(|policy| policy.said == said || policy.said == Verdict::Indeterminate);
        let why: Vec<String> = of_weight.map(PolicyTrace::reason).collect();
        format!("permission {name:?} says {said} ({}): {}", self.strategy, why.join("; "))
    }
}

impl PolicyTrace {
    fn reason(&self) -> String {
        let turned = if self.negative { ", turned round" } else { "" };
        let name = shown(&self.policy);
        if self.policies.is_empty() {
            return format!("policy {name:?} says {}: {}{turned}", self.said, self.because);
        }
        let parts: Vec<String> = self
            .policies
            .iter()
            .map(|policy| format!("{} of {:?}", policy.said, shown(&policy.policy)))
            .collect();
        format!("policy {name:?} says {}: {}{turned}", self.said, parts.join(", "))
    }

    fn fmt_at(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        let (indent, negative) = (2 * depth, if self.negative { "not: " } else { "" });
        let name = shown(&self.policy);
        writeln!(
            f,
            "{:indent$}policy {name:?} ({}, {negative}{}): {}, {}",
            "",
            shown(&self.kind),
            shown(&self.asks),
            self.said,
            self.because
        )?;
        self.policies.iter().try_for_each(|policy| policy.fmt_at(f, depth + 1))
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}; granted scopes: {}", self.decision, list(&self.granted_scopes))?;
        for resource in &self.resources {
            let granted = match &resource.granted {
                None => "not granted".to_owned(),
                Some(scopes) => format!("granted: {}", list(scopes)),
            };
            writeln!(f, "{}, asked for: {}; {granted}", resource.name(), list(&resource.asked))?;
            for permission in &resource.permissions {
                let said = permission.said.map_or_else(|| "nothing".to_owned(), |said| said.to_string());
                writeln!(
                    f,
                    "  permission {:?} ({}, {}; {}): {said}",
                    shown(&permission.permission),
                    permission.kind,
                    permission.strategy,
                    permission.applies
                )?;
                permission.policies.iter().try_for_each(|policy| policy.fmt_at(f, 2))?;
            }
            if resource.permissions.is_empty() {
                writeln!(f, "  no permission applies")?;
            }
        }
        // What the tree does not show.
        let shown = |reason: &&String| {
            !self.resources.is_empty() && RESOURCE.iter().any(|start| reason.starts_with(start))
        };
        self.reasons.iter().filter(|reason| !shown(reason)).try_for_each(|reason| writeln!(f, "{reason}"))
    }
}

/// How a reason begins that is about one resource.
const RESOURCE: [&str; 2] = ["resource ", "scope "];

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
