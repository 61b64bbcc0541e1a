//! What the page's form asks for.

use serde_json::{Map, Value, json};

use crate::endpoints::request::Form;
use crate::state::State;

/// Where a service of the examples listens.
const SERVICE: &str = "http://127.0.0.1:8000/me";

const SCOPE: &str = "openid";

/// The form, as it was typed: it is shown again.
#[derive(Clone, Debug)]
pub(super) struct Order {
    /// A user of the realm or anybody else; empty for the client's service account.
    pub(super) user: String,
    pub(super) client: String,
    /// `NAME` of the realm, `CLIENT/NAME` of a client; with blanks or commas between.
    pub(super) roles: String,
    /// Whether the user's own roles stay.
    pub(super) only: bool,
    pub(super) groups: String,
    pub(super) audience: String,
    pub(super) scope: String,
    pub(super) acr: String,
    /// In seconds; empty for the realm's.
    pub(super) expires_in: String,
    /// The name of a defect, or empty.
    pub(super) broken: String,
    /// What the token is to be sent to.
    pub(super) service: String,
}

impl Default for Order {
    fn default() -> Self {
        let none = String::new;
        Self {
            user: none(),
            client: none(),
            roles: none(),
            only: false,
            groups: none(),
            audience: none(),
            scope: SCOPE.to_owned(),
            acr: none(),
            expires_in: none(),
            broken: none(),
            service: SERVICE.to_owned(),
        }
    }
}

impl Order {
    /// What stands in the form at first: a token of somebody who may log in.
    pub(super) fn first(state: &State) -> Self {
        let user = state.realm.people().find(|user| state.is_enabled(user));
        Self { user: user.map_or_else(String::new, |user| user.username.clone()), ..Self::default() }
    }

    pub(super) fn read(form: &Form) -> Self {
        let field = |name| form.get(name).unwrap_or_default().trim().to_owned();
        Self {
            user: field("user"),
            client: field("client"),
            roles: field("roles"),
            only: form.get("only").is_some(),
            groups: field("groups"),
            audience: field("audience"),
            scope: Some(field("scope")).filter(|scope| !scope.is_empty()).unwrap_or_else(|| SCOPE.to_owned()),
            acr: field("acr"),
            expires_in: field("expires_in"),
            broken: field("broken"),
            service: Some(field("service"))
                .filter(|url| !url.is_empty())
                .unwrap_or_else(|| SERVICE.to_owned()),
        }
    }

    /// Whether the realm has no such user, so that one is made up.
    pub(super) fn is_made_up(&self, state: &State) -> bool {
        !self.user.is_empty() && state.realm.user(&self.user).is_none()
    }

    /// Whether the fields that are folded away are as they were.
    pub(super) fn is_plain(&self) -> bool {
        let new = Self::default();
        (&self.scope, &self.groups, &self.acr, &self.service)
            == (&new.scope, &new.groups, &new.acr, &new.service)
    }

    /// The body that makes the same token at `POST /_kc-dev/tokens`. The error says which field is wrong.
    pub(super) fn to_json(&self, state: &State) -> Result<Map<String, Value>, String> {
        let mut json = Map::new();
        let mut put = |name: &str, value: Value| drop(json.insert(name.to_owned(), value));
        if !self.user.is_empty() {
            put(if self.is_made_up(state) { "somebody" } else { "user" }, json!(self.user));
        }
        if !self.client.is_empty() {
            put("client", json!(self.client));
        }
        if self.only {
            put("without_roles", json!(true));
        }
        let (mut of_realm, mut of_clients) = (Vec::new(), Map::new());
        for role in words(&self.roles) {
            // A role's name may have a slash, too.
            match role.split_once('/').filter(|(client, _)| state.realm.clients.contains_key(*client)) {
                Some((client, name)) => {
                    let roles = of_clients.entry(client).or_insert_with(|| json!([]));
                    roles.as_array_mut().into_iter().for_each(|roles| roles.push(json!(name)));
                }
                None => of_realm.push(role),
            }
        }
        if !of_realm.is_empty() {
            put("roles", json!(of_realm));
        }
        if !of_clients.is_empty() {
            put("client_roles", Value::Object(of_clients));
        }
        let groups = words(&self.groups);
        if !groups.is_empty() {
            put("groups", json!(groups));
        }
        match words(&self.audience).as_slice() {
            [] => {}
            [one] => put("audience", json!(one)),
            several => put("audience", json!(several)),
        }
        put("scope", json!(self.scope));
        if !self.acr.is_empty() {
            put("acr", json!(self.acr));
        }
        if !self.expires_in.is_empty() {
            let secs: i64 = self.expires_in.parse().map_err(|_| {
                format!(
                    "“Expires in” is a whole number of seconds, such as 300, and not {:?}",
                    self.expires_in
                )
            })?;
            put("expires_in", json!(secs));
        }
        if !self.broken.is_empty() {
            put("broken", json!(self.broken));
        }
        Ok(json)
    }
}

fn words(text: &str) -> Vec<&str> {
    text.split([' ', ',', '\t', '\n', '\r']).filter(|word| !word.is_empty()).collect()
}
