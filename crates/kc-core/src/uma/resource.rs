//! A resource as the Protection API knows it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::json::{Object, Value};

/// What a resource is like: what is sent to create or to replace one.
///
/// All of it is sent: what is not said here is taken away from a resource that is replaced.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct ResourceDescription {
    name: String,
    #[serde(rename = "displayName", skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon_uri: Option<String>,
    #[serde(rename = "ownerManagedAccess")]
    owner_managed_access: bool,
    uris: Vec<String>,
    #[serde(rename = "resource_scopes")]
    scopes: Vec<String>,
    attributes: BTreeMap<String, Vec<String>>,
}

impl ResourceDescription {
    /// A resource with these scopes. A scope that the resource server does not have yet is made.
    #[must_use]
    pub fn new<S: Into<String>>(name: impl Into<String>, scopes: impl IntoIterator<Item = S>) -> Self {
        let scopes = scopes.into_iter().map(Into::into).collect();
        Self { name: name.into(), scopes, ..Self::default() }
    }

    /// Its name for people.
    #[must_use]
    pub fn display_name(mut self, name: impl Into<String>) -> Self {
        self.display_name = Some(name.into());
        self
    }

    /// What it is one of, `urn:photos:album` for example: permissions may be for all of a type.
    #[must_use]
    pub fn of_type(mut self, kind: impl Into<String>) -> Self {
        self.kind = Some(kind.into());
        self
    }

    /// The address of a picture of it.
    #[must_use]
    pub fn icon(mut self, uri: impl Into<String>) -> Self {
        self.icon_uri = Some(uri.into());
        self
    }

    /// The owner may share it with others. Default: not.
    #[must_use]
    pub fn managed_by_owner(mut self) -> Self {
        self.owner_managed_access = true;
        self
    }

    /// The paths it stands for.
    #[must_use]
    pub fn uris<S: Into<String>>(mut self, uris: impl IntoIterator<Item = S>) -> Self {
        self.uris = uris.into_iter().map(Into::into).collect();
        self
    }

    /// An attribute, for policies.
    #[must_use]
    pub fn attribute<S: Into<String>>(
        mut self,
        name: impl Into<String>,
        values: impl IntoIterator<Item = S>,
    ) -> Self {
        self.attributes.insert(name.into(), values.into_iter().map(Into::into).collect());
        self
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A resource that is registered.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Resource {
    /// Keycloak's id of it, by which permissions are asked for.
    pub id: String,
    /// What it is called; unique for each owner.
    pub name: String,
    /// Its name for people.
    pub display_name: Option<String>,
    /// What it is one of.
    pub kind: Option<String>,
    /// The address of a picture of it.
    pub icon_uri: Option<String>,
    /// The id of its owner, a user's or the resource server's own.
    pub owner_id: Option<String>,
    /// Whether the owner may share it.
    pub owner_managed_access: bool,
    /// The paths it stands for.
    pub uris: Vec<String>,
    /// The names of its scopes.
    pub scopes: Vec<String>,
    /// Its attributes.
    pub attributes: BTreeMap<String, Vec<String>>,
}

impl Resource {
    /// Reads an answer; the error is what is wrong with it.
    pub(super) fn read(object: &Object<'_>) -> Result<Self, &'static str> {
        let text = |name| crate::client::optional_string(object, name).map(|text| text.map(str::to_owned));
        let required = |name| text(name)?.filter(|text| !text.is_empty()).ok_or(name);
        let owner_id = match object.get("owner") {
            None => None,
            Some(Value::String(id)) => Some(id.to_string()),
            Some(Value::Object(owner)) => {
                crate::client::optional_string(owner, "id").map_err(|_| "owner")?.map(str::to_owned)
            }
            Some(_) => return Err("owner"),
        };
        let owner_managed_access = match object.get("ownerManagedAccess") {
            None => false,
            Some(Value::Bool(yes)) => *yes,
            Some(_) => return Err("ownerManagedAccess"),
        };
        Ok(Self {
            id: required("_id")?,
            name: required("name")?,
            display_name: text("displayName")?,
            kind: text("type")?,
            icon_uri: text("icon_uri")?,
            owner_id,
            owner_managed_access,
            uris: strings(object.get("uris"), "uris")?,
            scopes: scopes(object.get("resource_scopes"))?,
            attributes: attributes(object.get("attributes"))?,
        })
    }
}

fn strings(value: Option<&Value<'_>>, name: &'static str) -> Result<Vec<String>, &'static str> {
    let text = |item: &Value<'_>| match item {
        Value::String(text) => Ok(text.to_string()),
        _ => Err(name),
    };
    match value {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(text).collect(),
        Some(_) => Err(name),
    }
}

/// Each an object with a name.
fn scopes(value: Option<&Value<'_>>) -> Result<Vec<String>, &'static str> {
    const NAME: &str = "resource_scopes";
    let name = |item: &Value<'_>| match item {
        Value::Object(scope) => match scope.get("name") {
            Some(Value::String(name)) => Ok(name.to_string()),
            _ => Err(NAME),
        },
        Value::String(name) => Ok(name.to_string()),
        _ => Err(NAME),
    };
    match value {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(name).collect(),
        Some(_) => Err(NAME),
    }
}

fn attributes(value: Option<&Value<'_>>) -> Result<BTreeMap<String, Vec<String>>, &'static str> {
    const NAME: &str = "attributes";
    match value {
        None => Ok(BTreeMap::new()),
        Some(Value::Object(attributes)) => attributes
            .iter()
            .map(|(name, values)| Ok((name.to_owned(), strings(Some(values), NAME)?)))
            .collect(),
        Some(_) => Err(NAME),
    }
}

/// Which resources are listed: those to which all of this applies. Default: all.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ResourceFilter {
    pairs: Vec<(&'static str, String)>,
}

impl ResourceFilter {
    /// All.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Called exactly so. Each owner may have one.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        self.with("name", name).with("exactName", "true")
    }

    /// Called so, or with this in the name.
    #[must_use]
    pub fn name_contains(self, text: impl Into<String>) -> Self {
        self.with("name", text)
    }

    /// Of this type.
    #[must_use]
    pub fn of_type(self, kind: impl Into<String>) -> Self {
        self.with("type", kind)
    }

    /// With this scope.
    #[must_use]
    pub fn scope(self, scope: impl Into<String>) -> Self {
        self.with("scope", scope)
    }

    /// Of this owner: a client's name, a user's name, or an id. A client of the name comes before a user.
    #[must_use]
    pub fn owner(self, owner: impl Into<String>) -> Self {
        self.with("owner", owner)
    }

    /// With exactly this URI.
    #[must_use]
    pub fn uri(self, uri: impl Into<String>) -> Self {
        self.with("uri", uri)
    }

    /// The one whose URI fits this path best.
    #[must_use]
    pub fn best_for_path(self, path: impl Into<String>) -> Self {
        self.with("uri", path).with("matchingUri", "true")
    }

    /// From the `first`, counted from 0, at most `max`. Default: Keycloak's, which lists 100 at most.
    #[must_use]
    pub fn page(self, first: u32, max: u32) -> Self {
        self.with("first", first.to_string()).with("max", max.to_string())
    }

    /// With all that is known of each, and not its id alone.
    pub(super) fn deep(self) -> Self {
        self.with("deep", "true")
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.pairs.push((name, value.into()));
        self
    }

    /// The query, without the question mark.
    pub(super) fn query(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.pairs).finish()
    }
}
