//! What a request is about: which resources, and which of their scopes.

use super::claims::Identity;
use super::config::Compiled;

/// One resource with scopes, or scopes of no resource in particular.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Ask {
    pub(super) resource: Option<u32>,
    /// Sorted.
    pub(super) scopes: Vec<u32>,
}

/// Why there is nothing to decide.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Nothing {
    /// More than one resource has the name.
    Ambiguous,
    /// Neither a resource nor a scope was named.
    NotAsked,
    ResourceLacksScopes,
    UnknownResource,
    UnknownScopes,
}

impl Compiled {
    /// What Keycloak would evaluate. Scopes that do not exist, or that the resource lacks, are left out.
    pub(super) fn resolve<S: AsRef<str>>(
        &self,
        identity: &Identity<'_>,
        resource: Option<&str>,
        scopes: &[S],
    ) -> Result<Vec<Ask>, Nothing> {
        let mut wanted: Vec<u32> =
            scopes.iter().filter_map(|scope| self.scope_by_name.get(scope.as_ref()).copied()).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let Some(name) = resource else {
            return match (scopes, wanted.as_slice()) {
                ([], _) => Err(Nothing::NotAsked),
                (_, []) => Err(Nothing::UnknownScopes),
                _ => Ok(self.by_scopes(&wanted)),
            };
        };
        let place = self.find(identity, name)?;
        if !scopes.is_empty() && wanted.is_empty() {
            return Err(Nothing::UnknownScopes);
        }
        let all = self.resources.get(place as usize).map(|resource| resource.effective.as_slice());
        let all = all.unwrap_or_default();
        let scopes = if scopes.is_empty() { all.to_vec() } else { common(all, &wanted) };
        if !wanted.is_empty() && scopes.is_empty() {
            return Err(Nothing::ResourceLacksScopes);
        }
        Ok(vec![Ask { resource: Some(place), scopes }])
    }

    /// Each resource that has one of the scopes, with those; if there is none, each scope by itself.
    fn by_scopes(&self, wanted: &[u32]) -> Vec<Ask> {
        let mut resources: Vec<u32> = wanted
            .iter()
            .filter_map(|scope| self.resources_of_scope.get(*scope as usize))
            .flatten()
            .copied()
            .collect();
        resources.sort_unstable();
        resources.dedup();
        if resources.is_empty() {
            return wanted.iter().map(|scope| Ask { resource: None, scopes: vec![*scope] }).collect();
        }
        let of =
            |place: u32| self.resources.get(place as usize).map(|found| common(&found.effective, wanted));
        resources
            .into_iter()
            .filter_map(|place| Some(Ask { resource: Some(place), scopes: of(place)? }))
            .collect()
    }

    /// The resource of this name or id. The server's own comes first: a user who names one of theirs alike gets nothing
    /// by it.
    fn find(&self, identity: &Identity<'_>, name: &str) -> Result<u32, Nothing> {
        if let Some(place) = self.resources_by_id.get(name) {
            return Ok(*place);
        }
        let found = self.resources_by_name.get(name).map(Vec::as_slice).unwrap_or_default();
        let owned_by = |owner: Option<&str>| -> Vec<u32> {
            let is = |place: &&u32| {
                self.resources.get(**place as usize).is_some_and(|found| found.owner.as_deref() == owner)
            };
            found.iter().filter(is).copied().collect()
        };
        let claims = identity.claims();
        let theirs = || match (&claims.username, &claims.subject) {
            (None, None) => Vec::new(),
            (username, subject) => {
                let mut theirs = username.as_deref().map(|name| owned_by(Some(name))).unwrap_or_default();
                theirs.extend(subject.as_deref().map(|id| owned_by(Some(id))).unwrap_or_default());
                theirs
            }
        };
        let candidates = match owned_by(None) {
            own if !own.is_empty() => own,
            _ => match theirs() {
                theirs if !theirs.is_empty() => theirs,
                _ => found.to_vec(),
            },
        };
        match candidates.as_slice() {
            [] => Err(Nothing::UnknownResource),
            [one] => Ok(*one),
            _ => Err(Nothing::Ambiguous),
        }
    }
}

/// What is in both; both are sorted.
fn common(all: &[u32], wanted: &[u32]) -> Vec<u32> {
    wanted.iter().filter(|scope| all.binary_search(scope).is_ok()).copied().collect()
}
