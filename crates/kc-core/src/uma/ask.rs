//! What Keycloak is asked for, and what it grants.

use std::collections::BTreeMap;
use std::fmt;

use crate::json::{Object, Value};

/// What is asked for: scopes of a resource, or scopes of whatever resource has them.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Wanted {
    resource_id: Option<String>,
    scopes: Vec<String>,
}

impl Wanted {
    /// All of these scopes of a resource; of no scopes, anything of it.
    ///
    /// A resource goes by its **id**. What Keycloak answers to a name is of any resource of that name, those of the caller's
    /// own among them: whoever may call theirs as they like grants themselves what is asked for. A
    /// [`ProtectionClient`](super::ProtectionClient) knows the id of the resource that is the service's own.
    #[must_use]
    pub fn of<S: Into<String>>(resource_id: impl Into<String>, scopes: impl IntoIterator<Item = S>) -> Self {
        let scopes = scopes.into_iter().map(Into::into).collect();
        Self { resource_id: Some(resource_id.into()), scopes }
    }

    /// A scope, of any resource that has it, one of the caller's own among them.
    #[must_use]
    pub fn of_scope(scope: impl Into<String>) -> Self {
        Self { resource_id: None, scopes: vec![scope.into()] }
    }

    /// The resource's id.
    #[must_use]
    pub fn resource_id(&self) -> Option<&str> {
        self.resource_id.as_deref()
    }

    /// The scopes.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    pub(super) fn bytes(&self) -> usize {
        let scopes = self.scopes.iter().map(|scope| scope.len() + 32).sum::<usize>();
        self.resource_id.as_ref().map_or(0, String::len) + scopes
    }

    /// The value of `permission`: `id#scope,scope`. The error is what of it would be read as something else.
    pub(super) fn parameter(&self) -> Result<String, &'static str> {
        if self.resource_id.as_deref().is_some_and(|id| id.is_empty() || id.contains('#')) {
            return Err("the id of a resource is empty or has a #");
        }
        if self.scopes.iter().any(|scope| scope.is_empty() || scope.contains([',', '#'])) {
            return Err("a scope is empty, or has a comma or a #");
        }
        let mut text = self.resource_id.clone().unwrap_or_default();
        if !self.scopes.is_empty() {
            text.push('#');
            text.push_str(&self.scopes.join(","));
        }
        Ok(text)
    }

    /// Whether it is no more than one thing, so that "any of it" is all of it.
    pub(super) fn is_one_scope_of_any(&self) -> bool {
        self.resource_id.is_none() && self.scopes.len() == 1
    }

    /// Whether all of it is among what was granted.
    pub(super) fn is_met_by(&self, granted: &[Granted]) -> bool {
        let of_it = |granted: &&Granted| match &self.resource_id {
            None => true,
            Some(id) => granted.resource_id.as_ref() == Some(id),
        };
        let has = |scope: &String| granted.iter().filter(of_it).any(|granted| granted.scopes.contains(scope));
        if self.scopes.is_empty() {
            return self.resource_id.is_some() && granted.iter().any(|granted| of_it(&granted));
        }
        self.scopes.iter().all(has)
    }
}

/// A permission that Keycloak grants.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Granted {
    /// The resource's id; none where a scope is granted that no resource has.
    pub resource_id: Option<String>,
    /// What the resource is called. Several may be called alike.
    pub resource_name: Option<String>,
    /// Its scopes that are granted; none of a resource that has none.
    pub scopes: Vec<String>,
}

impl Granted {
    /// Reads a list of them, in the form of an answer and of the claim `authorization`; the error is what is wrong.
    pub(super) fn read(list: &[Value<'_>]) -> Result<Vec<Self>, &'static str> {
        list.iter().map(|one| Self::read_one(one)).collect()
    }

    fn read_one(value: &Value<'_>) -> Result<Self, &'static str> {
        let Value::Object(object) = value else { return Err("a permission is no object") };
        let scopes = match object.get("scopes") {
            None => Vec::new(),
            Some(Value::Array(scopes)) => {
                let text = |scope: &Value<'_>| match scope {
                    Value::String(scope) => Ok(scope.to_string()),
                    _ => Err("a scope is no string"),
                };
                scopes.iter().map(text).collect::<Result<_, _>>()?
            }
            Some(_) => return Err("`scopes` is no array"),
        };
        Ok(Self { resource_id: text(object, "rsid")?, resource_name: text(object, "rsname")?, scopes })
    }
}

fn text(object: &Object<'_>, name: &'static str) -> Result<Option<String>, &'static str> {
    crate::client::optional_string(object, name)
        .map(|text| text.map(str::to_owned))
        .map_err(|_| "`rsid` or `rsname` is no string")
}

/// Claims about the request that policies may look at beside those of the token: Keycloak's "pushed claims".
///
/// Each has a list of values, the only form that Keycloak takes. It evaluates them for tokens of confidential clients; with
/// the token of a public one it refuses to decide.
#[derive(Clone, Default, Eq, Hash, PartialEq)]
pub struct PushedClaims(BTreeMap<String, Vec<String>>);

impl PushedClaims {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With a claim of these values.
    #[must_use]
    pub fn with<S: Into<String>>(
        mut self,
        name: impl Into<String>,
        values: impl IntoIterator<Item = S>,
    ) -> Self {
        self.0.insert(name.into(), values.into_iter().map(Into::into).collect());
        self
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of `claim_token`.
    pub(super) fn token(&self) -> String {
        // A map of strings always serialises.
        base64_simd::URL_SAFE_NO_PAD.encode_to_string(serde_json::to_vec(&self.0).unwrap_or_default())
    }

    pub(super) fn bytes(&self) -> usize {
        let sizes = self.0.iter().map(|(name, values)| {
            name.len() + values.iter().map(|value| value.len() + 32).sum::<usize>() + 64
        });
        sizes.sum()
    }
}

/// Names only: values are of the request.
impl fmt::Debug for PushedClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
