//! The resources of a file, with their scopes and types.

use super::config::{ByName, Resource, Type};
use super::export::{RawResource, shown};
use super::finding::Severity;
use super::log::Log;

#[derive(Default)]
pub(super) struct Scopes {
    pub(super) names: Vec<String>,
    pub(super) by_name: ByName<u32>,
}

impl Scopes {
    pub(super) fn intern(&mut self, name: String) -> u32 {
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
pub(super) struct ResourceIndex {
    pub(super) by_name: ByName<Vec<u32>>,
    pub(super) by_id: ByName<u32>,
}

pub(super) fn read_resources(
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
pub(super) fn inherit_scopes(resources: &mut [Resource], types: &[Type]) {
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

pub(super) fn sorted(mut places: Vec<u32>) -> Vec<u32> {
    places.sort_unstable();
    places.dedup();
    places
}
