//! From names to places: what refers to what, and what of it is not clear.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::Answer;
use super::condition::{self, Condition, Patterns};
use super::config::{ByName, Compiled, Kind, Label, NOWHERE, Policy};
use super::error::ConfigError;
use super::export::{Export, RawPolicy, shown};
use super::finding::Severity;
use super::links;
use super::log::Log;
use super::permissions::{PermissionReader, of_types};
use super::resources::{Scopes, inherit_scopes, read_resources};

/// Compiles a file.
pub(super) fn compile(
    export: Export,
    zone: TimeZone,
    client_id: Option<String>,
    answers: &ByName<Arc<Answer>>,
) -> Result<Compiled, ConfigError> {
    let Export { mode, strategy, client_id: in_file, scopes, resources, policies: raw, findings } = export;
    let mut log = Log::of(findings);
    let mut names = Scopes::default();
    for (n, scope) in scopes.into_iter().enumerate() {
        if names.by_name.contains_key(&scope) {
            log.problem(
                format!("scopes[{n}].name"),
                format!("{:?} is the name of an earlier scope too", shown(&scope)),
            );
        }
        names.intern(scope);
    }
    let client_id = client_id.or(in_file);
    let (mut types, mut resources, index) =
        read_resources(resources, client_id.as_deref(), &mut names, &mut log);
    let (permissions_raw, policies_raw): (Vec<_>, Vec<_>) =
        raw.iter().partition(|policy| matches!(policy.kind.as_str(), "resource" | "scope" | "uma"));
    let by_name = policy_names(&policies_raw, &permissions_raw, &mut log);

    let mut policies = Vec::with_capacity(policies_raw.len());
    let mut patterns = Patterns::default();
    for (place, raw) in (0_u32..).zip(&policies_raw) {
        let condition = match answers.get(&raw.name) {
            Some(answer) => Condition::Answered(Arc::clone(answer)),
            None => read_condition(raw, place, &zone, &mut patterns, &by_name, &mut log)?,
        };
        policies.push(Policy { negative: raw.negative, condition });
    }
    links::break_circles(&mut policies, &policies_raw, &mut log);

    let mut permissions = Vec::with_capacity(permissions_raw.len());
    for (place, raw) in (0_u32..).zip(&permissions_raw) {
        let mut reader = PermissionReader { raw, place, by_name: &by_name, index: &index, log: &mut log };
        let permission = reader.read(&resources, &mut names)?;
        for resource in permission.resources() {
            if let Some(resource) = resources.get_mut(*resource as usize) {
                resource.permissions.push(place);
            }
        }
        of_types(raw, place, &permission, &mut types, &mut log);
        permissions.push(permission);
    }
    inherit_scopes(&mut resources, &types);

    let mut unbound = vec![Vec::new(); names.names.len()];
    for (place, permission) in (0_u32..).zip(&permissions) {
        if permission.kind == Kind::Scope && !permission.names_resources && !permission.for_type {
            for scope in permission.scopes() {
                if let Some(list) = unbound.get_mut(*scope as usize) {
                    list.push(place);
                }
            }
        }
    }
    let mut resources_of_scope = vec![Vec::new(); names.names.len()];
    for (place, resource) in (0_u32..).zip(&resources) {
        for scope in &resource.scopes {
            if let Some(list) = resources_of_scope.get_mut(*scope as usize) {
                list.push(place);
            }
        }
    }
    for answered in answers.keys().filter(|name| !by_name.contains_key(*name)) {
        let what = format!("code answers for {:?}, and there is no such policy", shown(answered));
        log.problem("policies".to_owned(), what);
    }
    let permission_names: Vec<String> = permissions_raw.iter().map(|raw| raw.name.clone()).collect();
    let findings = log.finish(&policies, &permissions, &permission_names);
    Ok(Compiled {
        mode,
        strategy,
        client_id,
        zone,
        scopes: names.names,
        scope_by_name: names.by_name,
        resources,
        resources_by_name: index.by_name,
        resources_by_id: index.by_id,
        types,
        policies,
        labels: policies_raw
            .iter()
            .map(|raw| Label { name: raw.name.clone(), kind: raw.kind.clone() })
            .collect(),
        permissions,
        permission_names,
        unbound,
        resources_of_scope,
        findings,
    })
}

/// Where the policy of a name is; `None` when the name is taken twice, or is a permission's.
fn policy_names(policies: &[&RawPolicy], permissions: &[&RawPolicy], log: &mut Log) -> ByName<Option<u32>> {
    let mut by_name: ByName<Option<u32>> = ByName::default();
    for (place, raw) in (0_u32..).zip(policies) {
        by_name.entry(raw.name.clone()).and_modify(|place| *place = None).or_insert(Some(place));
    }
    let mut seen: ByName<()> = ByName::default();
    for raw in policies.iter().chain(permissions) {
        if seen.insert(raw.name.clone(), ()).is_some() {
            let what = format!(
                "{:?} is the name of another policy or permission too: who refers to it is not decided here",
                shown(&raw.name)
            );
            log.problem(format!("{}.name", raw.place()), what);
            by_name.insert(raw.name.clone(), None);
        }
    }
    by_name
}

fn read_condition(
    raw: &RawPolicy,
    place: u32,
    zone: &TimeZone,
    patterns: &mut Patterns,
    by_name: &ByName<Option<u32>>,
    log: &mut Log,
) -> Result<Condition, ConfigError> {
    if raw.kind == "aggregate" {
        let children = applied(raw, by_name, |what| {
            log.policy(place, Severity::Problem, raw.place_of("applyPolicies"), what);
        })?;
        if children.is_empty() {
            let what = "names none: nobody fulfils it".to_owned();
            log.policy(place, Severity::Note, raw.place_of("applyPolicies"), what);
        }
        return Ok(Condition::Aggregate(raw.strategy, children));
    }
    let read = condition::read(raw, zone, patterns)?;
    for note in read.notes {
        log.policy(place, Severity::Note, note.place().to_owned(), note.what().to_owned());
    }
    if let Condition::Undecidable(why) = &read.condition {
        let what = format!("the policy {:?} {why}: not decided here", shown(&raw.name));
        log.policy(place, Severity::Problem, raw.place(), what);
    }
    Ok(read.condition)
}

/// The places of `applyPolicies`, each once; [`NOWHERE`] for each that does not exist, or not once.
pub(super) fn applied(
    raw: &RawPolicy,
    by_name: &ByName<Option<u32>>,
    mut unclear: impl FnMut(String),
) -> Result<Vec<u32>, ConfigError> {
    let mut names = raw.names("applyPolicies")?.unwrap_or_default();
    let mut seen: ByName<()> = ByName::default();
    names.retain(|name| seen.insert(name.clone(), ()).is_none());
    let found = names.into_iter().map(|name| match by_name.get(&name) {
        Some(Some(place)) => *place,
        Some(None) => {
            unclear(format!("refers to {:?}, a name that more than one have", shown(&name)));
            NOWHERE
        }
        None => {
            unclear(format!("refers to the policy {:?}, which does not exist", shown(&name)));
            NOWHERE
        }
    });
    Ok(found.collect())
}
