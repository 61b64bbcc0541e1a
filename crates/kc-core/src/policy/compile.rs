//! From names to places: what refers to what, and what of it is not clear.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::Answer;
use super::condition::{self, Condition};
use super::config::{ByName, Compiled, Kind, Label, Permission, Policy, Resource, Type};
use super::error::ConfigError;
use super::export::{Export, RawPolicy, RawResource, shown};
use super::finding::{Finding, Severity};
use super::links;

/// Compiles a file.
pub(super) fn compile(
    export: Export,
    zone: TimeZone,
    client_id: Option<String>,
    answers: &ByName<Arc<Answer>>,
) -> Result<Compiled, ConfigError> {
    let Export { mode, strategy, client_id: in_file, scopes, resources, policies: raw, findings } = export;
    let mut log = Log { findings, by_policy: Vec::new(), by_permission: Vec::new() };
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
    for (place, raw) in (0_u32..).zip(&policies_raw) {
        policies.push(read_policy(raw, place, &zone, answers, &by_name, &mut log)?);
    }
    links::break_circles(&mut policies, &policies_raw, &mut log);

    let mut permissions = Vec::with_capacity(permissions_raw.len());
    for (place, raw) in (0_u32..).zip(&permissions_raw) {
        let mut reader = PermissionReader { raw, place, by_name: &by_name, index: &index, log: &mut log };
        let permission = reader.read(&resources, &mut names)?;
        for resource in &permission.resources {
            if let Some(resource) = resources.get_mut(*resource as usize) {
                resource.permissions.push(place);
            }
        }
        if let Some(wanted) = raw.get("defaultResourceType") {
            let mut found = false;
            for kind in types.iter_mut().filter(|kind| like(wanted, &kind.name)) {
                found = true;
                // Keycloak finds one without a policy only if it looks for it by a resource.
                if !permission.policies.is_empty() {
                    kind.permissions.push(place);
                }
                if kind.name != wanted {
                    let what = format!(
                        "takes in the type {:?} too, whose % or _ Keycloak takes for wildcards",
                        shown(&kind.name)
                    );
                    log.permission(place, Severity::Note, raw.place_of("defaultResourceType"), what);
                }
            }
            if !found {
                let what = format!("is {:?}, and no resource has that type", shown(wanted));
                log.permission(place, Severity::Note, raw.place_of("defaultResourceType"), what);
            }
        }
        permissions.push(permission);
    }
    inherit_scopes(&mut resources, &types);

    let mut unbound = vec![Vec::new(); names.names.len()];
    for (place, permission) in (0_u32..).zip(&permissions) {
        if permission.kind == Kind::Scope && !permission.names_resources && !permission.for_type {
            for scope in &permission.scopes {
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
    let findings = log.finish(&policies, &permissions);
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
        unbound,
        resources_of_scope,
        findings,
    })
}

/// What is found, and what it belongs to.
pub(super) struct Log {
    findings: Vec<Finding>,
    /// Policy and finding.
    by_policy: Vec<(u32, usize)>,
    by_permission: Vec<(u32, usize)>,
}

impl Log {
    fn add(&mut self, severity: Severity, place: String, what: String) -> usize {
        self.findings.push(Finding::new(severity, place, what));
        self.findings.len() - 1
    }

    fn problem(&mut self, place: String, what: String) {
        self.add(Severity::Problem, place, what);
    }

    pub(super) fn policy(&mut self, policy: u32, severity: Severity, place: String, what: String) {
        let at = self.add(severity, place, what);
        self.by_policy.push((policy, at));
    }

    fn permission(&mut self, permission: u32, severity: Severity, place: String, what: String) {
        let at = self.add(severity, place, what);
        self.by_permission.push((permission, at));
    }

    /// Names the permissions that each finding touches.
    fn finish(mut self, policies: &[Policy], permissions: &[Permission]) -> Vec<Finding> {
        let touched =
            links::permissions_of(self.by_policy.iter().map(|(policy, _)| *policy), policies, permissions);
        let name = |place: u32| permissions.get(place as usize).map(|permission| permission.name.clone());
        for ((_, at), places) in self.by_policy.iter().zip(touched) {
            if let Some(finding) = self.findings.get_mut(*at) {
                finding.permissions = places.into_iter().filter_map(name).collect();
            }
        }
        for (place, at) in &self.by_permission {
            if let Some(finding) = self.findings.get_mut(*at) {
                finding.permissions.extend(name(*place));
            }
        }
        self.findings
    }
}

#[derive(Default)]
struct Scopes {
    names: Vec<String>,
    by_name: ByName<u32>,
}

impl Scopes {
    fn intern(&mut self, name: String) -> u32 {
        if let Some(place) = self.by_name.get(&name) {
            return *place;
        }
        // A file with four thousand million scopes does not fit into memory.
        let place = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.by_name.insert(name.clone(), place);
        self.names.push(name);
        place
    }
}

#[derive(Default)]
struct ResourceIndex {
    by_name: ByName<Vec<u32>>,
    by_id: ByName<u32>,
}

fn read_resources(
    raw: Vec<RawResource>,
    client_id: Option<&str>,
    names: &mut Scopes,
    log: &mut Log,
) -> (Vec<Type>, Vec<Resource>, ResourceIndex) {
    let (mut types, mut resources): (Vec<Type>, Vec<Resource>) = (Vec::new(), Vec::with_capacity(raw.len()));
    let mut index = ResourceIndex::default();
    let mut type_by_name: ByName<u32> = ByName::default();
    for (place, mut raw) in (0_u32..).zip(raw) {
        // Some answers of Keycloak's name the server itself as the owner.
        raw.owner = raw.owner.filter(|owner| Some(owner.as_str()) != client_id);
        let here = format!("resources[{place}]");
        let same_name = index.by_name.entry(raw.name.clone()).or_default();
        for other in same_name.iter().filter_map(|other: &u32| resources.get(*other as usize)) {
            let (severity, what) = if other.owner == raw.owner {
                (
                    Severity::Problem,
                    "is the name of an earlier resource of the same owner: neither is found by it",
                )
            } else {
                (
                    Severity::Note,
                    "is the name of an earlier resource of another owner: by it, the server's own is meant",
                )
            };
            log.add(severity, format!("{here}.name"), format!("{:?} {what}", shown(&raw.name)));
        }
        same_name.push(place);
        if let Some(id) = raw.id {
            index.by_id.insert(id, place);
        }
        if raw.owner.is_some() && raw.managed {
            let what = "is managed by its owner: whom they granted access to is not in the file, and not decided here";
            log.add(Severity::Note, here.clone(), what.to_owned());
        }
        let kind = raw.kind.map(|kind| {
            let next = u32::try_from(types.len()).unwrap_or(u32::MAX);
            *type_by_name.entry(kind.clone()).or_insert_with(|| {
                types.push(Type { name: kind, permissions: Vec::new(), resources: Vec::new() });
                next
            })
        });
        if let Some(kind) = kind.and_then(|kind| types.get_mut(kind as usize))
            && raw.owner.is_none()
        {
            kind.resources.push(place);
        }
        for unlisted in raw.scopes.iter().filter(|scope| !names.by_name.contains_key(*scope)) {
            let what = format!("{:?} is not among the scopes of the file", shown(unlisted));
            log.add(Severity::Note, format!("{here}.scopes"), what);
        }
        let scopes = sorted(raw.scopes.into_iter().map(|scope| names.intern(scope)).collect());
        resources.push(Resource {
            name: raw.name,
            owner: raw.owner,
            managed: raw.managed,
            kind,
            effective: scopes.clone(),
            scopes,
            permissions: Vec::new(),
            uris: raw.uris,
        });
    }
    (types, resources, index)
}

/// A user's resource takes on the scopes of the server's resources of its type.
fn inherit_scopes(resources: &mut [Resource], types: &[Type]) {
    let inherited: Vec<Vec<u32>> = types
        .iter()
        .map(|kind| {
            let own = kind.resources.iter().filter_map(|place| resources.get(*place as usize));
            sorted(own.flat_map(|resource| resource.scopes.iter().copied()).collect())
        })
        .collect();
    for resource in resources.iter_mut().filter(|resource| resource.owner.is_some()) {
        if let Some(more) = resource.kind.and_then(|kind| inherited.get(kind as usize)) {
            let all = resource.scopes.iter().chain(more).copied().collect();
            resource.effective = sorted(all);
        }
    }
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

fn read_policy(
    raw: &RawPolicy,
    place: u32,
    zone: &TimeZone,
    answers: &ByName<Arc<Answer>>,
    by_name: &ByName<Option<u32>>,
    log: &mut Log,
) -> Result<Policy, ConfigError> {
    let condition = if let Some(answer) = answers.get(&raw.name) {
        Condition::Answered(Arc::clone(answer))
    } else if raw.kind == "aggregate" {
        let children = applied(raw, by_name, |what| {
            log.policy(place, Severity::Problem, raw.place_of("applyPolicies"), what);
        })?;
        if children.is_empty() {
            let what = "names none: nobody fulfils it".to_owned();
            log.policy(place, Severity::Note, raw.place_of("applyPolicies"), what);
        }
        Condition::Aggregate(raw.strategy, children)
    } else {
        let read = condition::read(raw, zone)?;
        for note in read.notes {
            log.policy(place, Severity::Note, note.place().to_owned(), note.what().to_owned());
        }
        if let Condition::Undecidable(why) = &read.condition {
            let what = format!("the policy {:?} {why}: not decided here", shown(&raw.name));
            log.policy(place, Severity::Problem, raw.place(), what);
        }
        read.condition
    };
    Ok(Policy { negative: raw.negative, condition })
}

/// `applyPolicies`, each once.
fn applied(
    raw: &RawPolicy,
    by_name: &ByName<Option<u32>>,
    mut unclear: impl FnMut(String),
) -> Result<Vec<Option<u32>>, ConfigError> {
    let mut names = raw.names("applyPolicies")?.unwrap_or_default();
    let mut seen: ByName<()> = ByName::default();
    names.retain(|name| seen.insert(name.clone(), ()).is_none());
    let found = names.into_iter().map(|name| match by_name.get(&name) {
        Some(Some(place)) => Some(*place),
        Some(None) => {
            unclear(format!("refers to {:?}, a name that more than one have", shown(&name)));
            None
        }
        None => {
            unclear(format!("refers to the policy {:?}, which does not exist", shown(&name)));
            None
        }
    });
    Ok(found.collect())
}

struct PermissionReader<'r, 'l> {
    raw: &'r RawPolicy,
    place: u32,
    by_name: &'r ByName<Option<u32>>,
    index: &'r ResourceIndex,
    log: &'l mut Log,
}

impl PermissionReader<'_, '_> {
    fn problem(&mut self, key: &str, what: String) {
        self.log.permission(self.place, Severity::Problem, self.raw.place_of(key), what);
    }

    fn read(&mut self, resources: &[Resource], names: &mut Scopes) -> Result<Permission, ConfigError> {
        let raw = self.raw;
        let mut unclear = false;
        let policies = applied(raw, self.by_name, |what| {
            self.log.permission(self.place, Severity::Problem, raw.place_of("applyPolicies"), what);
        })?;
        if policies.is_empty() {
            let what = "the permission has no policy: it neither grants nor denies".to_owned();
            self.log.permission(self.place, Severity::Note, raw.place(), what);
        }
        let named = raw.names("resources")?.unwrap_or_default();
        let names_resources = named.iter().any(|name| !name.is_empty());
        let mut linked = Vec::new();
        for name in named.iter().filter(|name| !name.is_empty()) {
            let found = self.index.by_id.get(name).map(std::slice::from_ref);
            let found = found.or_else(|| self.index.by_name.get(name).map(Vec::as_slice)).unwrap_or_default();
            let owned =
                |place: &u32| resources.get(*place as usize).is_some_and(|found| found.owner.is_none());
            let own: Vec<u32> = found.iter().copied().filter(owned).collect();
            match (own.as_slice(), found) {
                ([], []) => {
                    self.problem(
                        "resources",
                        format!("refers to the resource {:?}, which does not exist", shown(name)),
                    );
                }
                ([one], _) | ([], [one]) => linked.push(*one),
                (_, several) => {
                    unclear = true;
                    linked.extend(several);
                    self.problem(
                        "resources",
                        format!("refers to {:?}, a name that more than one have", shown(name)),
                    );
                }
            }
        }
        let mut scopes = Vec::new();
        for name in raw.names("scopes")?.unwrap_or_default() {
            if !names.by_name.contains_key(&name) {
                self.problem(
                    "scopes",
                    format!("refers to the scope {:?}, which does not exist", shown(&name)),
                );
            }
            scopes.push(names.intern(name));
        }
        let kind = match raw.kind.as_str() {
            "resource" => Kind::Resource,
            "scope" => Kind::Scope,
            _ => Kind::Uma,
        };
        let for_type = raw.get("defaultResourceType").is_some();
        match kind {
            Kind::Scope if scopes.is_empty() => {
                self.problem("scopes", "names none: it grants nothing".to_owned())
            }
            Kind::Resource if linked.is_empty() && !for_type && !names_resources => {
                self.problem(
                    "resources",
                    "names neither a resource nor a type: it applies to nothing".to_owned(),
                );
            }
            Kind::Uma => {
                unclear = true;
                let what = "is what a user granted to others, which only Keycloak decides".to_owned();
                self.log.permission(self.place, Severity::Problem, raw.place(), what);
            }
            _ => {}
        }
        if raw.negative {
            let what = "is NEGATIVE, which Keycloak does not look at in a permission".to_owned();
            self.log.permission(self.place, Severity::Note, format!("{}.logic", raw.place()), what);
        }
        Ok(Permission {
            name: raw.name.clone(),
            kind,
            strategy: raw.strategy,
            policies,
            scopes: sorted(scopes),
            resources: sorted(linked),
            names_resources,
            for_type,
            unclear,
        })
    }
}

fn sorted(mut places: Vec<u32>) -> Vec<u32> {
    places.sort_unstable();
    places.dedup();
    places
}

/// SQL's `text LIKE pattern`, by which Keycloak looks for the permissions of a type.
fn like(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    // Where to go on after the last `%`: the pattern behind it, and the text that it took so far.
    let (mut t, mut p, mut again) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('%') => {
                p += 1;
                again = Some((p, t));
            }
            Some(letter) if *letter == '_' || text.get(t) == Some(letter) => (t, p) = (t + 1, p + 1),
            _ => match again {
                Some((behind, taken)) => {
                    again = Some((behind, taken + 1));
                    (t, p) = (taken + 1, behind);
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_none_or(|rest| rest.iter().all(|letter| *letter == '%'))
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn a_type_is_looked_for_as_sql_likes_it() {
        for (text, pattern, yes) in [
            ("urn:a", "urn:a", true),
            ("urn:a", "urn:b", false),
            ("urn:a-b", "urn:a_b", true),
            ("urn:a_b", "urn:a-b", false),
            ("urn:abc", "urn:%c", true),
            ("urn:abcd", "urn:%c", false),
            ("aXbXc", "a%X%c", true),
            ("", "", true),
            ("", "%", true),
            ("a", "", false),
        ] {
            assert_eq!(like(text, pattern), yes, "{text} like {pattern}");
        }
    }
}
