//! A realm as the issuer uses it: resolved, with Keycloak's implicit parts filled in.

mod builtin;
mod error;
mod export;
mod load;
mod mapper;
mod placeholder;
mod roles;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use self::error::RealmError;
pub(crate) use self::load::MOST_REALM_BYTES;
pub(crate) use self::mapper::{JsonType, Mapper, MapperKind};
use crate::keys::{Alg, KeySpec};

/// A role of the realm (`client` absent) or of a client.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Role {
    pub(crate) client: Option<String>,
    pub(crate) name: String,
}

impl Role {
    pub(crate) fn realm(name: &str) -> Self {
        Self { client: None, name: name.to_owned() }
    }

    pub(crate) fn of(client: &str, name: &str) -> Self {
        Self { client: Some(client.to_owned()), name: name.to_owned() }
    }
}

/// A client of the realm.
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) enabled: bool,
    pub(crate) public: bool,
    pub(crate) bearer_only: bool,
    pub(crate) standard_flow: bool,
    pub(crate) implicit_flow: bool,
    pub(crate) direct_access: bool,
    pub(crate) service_account: bool,
    pub(crate) full_scope: bool,
    pub(crate) secret: Option<String>,
    pub(crate) authenticator: String,
    pub(crate) allowed_origins: BTreeSet<String>,
    pub(crate) root_url: Option<String>,
    /// As registered: relative ones are below the root URL.
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) default_scopes: Vec<String>,
    pub(crate) optional_scopes: Vec<String>,
    pub(crate) mappers: Vec<Mapper>,
    pub(crate) scope_roles: BTreeSet<Role>,
}

impl Client {
    /// Whether a switch that Keycloak keeps as an attribute is on.
    pub(crate) fn is_on(&self, attribute: &str) -> bool {
        self.attributes.get(attribute).is_some_and(|value| value == "true")
    }

    /// The algorithm that an attribute asks for, if it names one.
    pub(crate) fn alg(&self, attribute: &str) -> Option<Alg> {
        self.attributes.get(attribute).and_then(|name| Alg::from_name(name))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A client scope.
#[derive(Debug)]
pub(crate) struct ClientScope {
    /// Whether the name shows in `scope` of tokens and answers.
    pub(crate) in_token_scope: bool,
    pub(crate) mappers: Vec<Mapper>,
    pub(crate) roles: BTreeSet<Role>,
}

/// A user of the realm.
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) enabled: bool,
    pub(crate) email: Option<String>,
    pub(crate) email_verified: bool,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) password: Option<String>,
    /// All roles: own ones, those of groups, and what composites bring.
    pub(crate) roles: BTreeSet<Role>,
    /// Paths, such as `/staff/warehouse`.
    pub(crate) groups: Vec<String>,
    pub(crate) attributes: BTreeMap<String, Vec<String>>,
    pub(crate) service_account_of: Option<String>,
}

impl User {
    /// The roles that say something, as `NAME` and `CLIENT/NAME`: without those that everybody has.
    pub(crate) fn told_roles(&self) -> Vec<String> {
        let everybodys = |role: &&Role| match role.client.as_deref() {
            Some(client) => builtin::CLIENTS.iter().any(|builtin| builtin.id == client),
            None => {
                role.name.starts_with("default-roles-") || builtin::REALM_ROLES.contains(&role.name.as_str())
            }
        };
        let told = self.roles.iter().filter(|role| !everybodys(role));
        told.map(|role| match &role.client {
            Some(client) => format!("{client}/{}", role.name),
            None => role.name.clone(),
        })
        .collect()
    }

    /// Every value of an attribute; the built-in ones are attributes too.
    pub(crate) fn attribute(&self, name: &str) -> Vec<String> {
        let built_in = match name {
            "username" => Some(&self.username),
            "email" => self.email.as_ref(),
            "firstName" => self.first_name.as_ref(),
            "lastName" => self.last_name.as_ref(),
            _ => return self.attributes.get(name).cloned().unwrap_or_default(),
        };
        built_in.into_iter().cloned().collect()
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("username", &self.username).finish_non_exhaustive()
    }
}

/// An organization.
#[derive(Debug)]
pub(crate) struct Organization {
    pub(crate) alias: String,
    pub(crate) id: String,
    pub(crate) attributes: BTreeMap<String, Vec<String>>,
    pub(crate) members: BTreeSet<String>,
}

/// A realm, ready to be served.
#[derive(Debug)]
pub(crate) struct Realm {
    pub(crate) name: String,
    pub(crate) display_name: Option<String>,
    pub(crate) access_lifespan_secs: i64,
    pub(crate) code_lifespan_secs: i64,
    pub(crate) login_lifespan_secs: i64,
    pub(crate) session_idle_secs: i64,
    pub(crate) session_max_secs: i64,
    pub(crate) offline_idle_secs: i64,
    pub(crate) revoke_refresh: bool,
    pub(crate) refresh_max_reuse: u32,
    pub(crate) login_with_email: bool,
    pub(crate) not_before: i64,
    pub(crate) default_alg: Alg,
    /// Names of levels of authentication, weakest first.
    pub(crate) acr_levels: Vec<(String, i64)>,
    /// Levels that the browser login asks for one by one, each with how long it lasts in seconds; lowest first.
    pub(crate) login_levels: Vec<(i64, i64)>,
    pub(crate) clients: BTreeMap<String, Client>,
    pub(crate) client_roles: BTreeMap<String, BTreeSet<String>>,
    pub(crate) composites: BTreeMap<Role, BTreeSet<Role>>,
    pub(crate) scopes: BTreeMap<String, ClientScope>,
    /// By lower-case name, as Keycloak keeps them.
    pub(crate) users: BTreeMap<String, User>,
    pub(crate) organizations: Vec<Organization>,
    pub(crate) keys: Vec<KeySpec>,
    pub(crate) warnings: Vec<String>,
}

impl Realm {
    /// Reads an export; placeholders are filled from this process's environment.
    pub(crate) fn from_json(text: &str) -> Result<Self, RealmError> {
        load::realm(text, &|name| std::env::var(name).ok())
    }

    /// The roles given and all that composites among them bring along.
    pub(crate) fn expanded(&self, roles: impl IntoIterator<Item = Role>) -> BTreeSet<Role> {
        expand(&self.composites, roles)
    }

    /// The user of that name or, where the realm allows it, of that e-mail address; both without regard to case.
    pub(crate) fn user(&self, login: &str) -> Option<&User> {
        let login = login.to_lowercase();
        self.users.get(&login).or_else(|| {
            if !self.login_with_email {
                return None;
            }
            self.users
                .values()
                .find(|user| user.email.as_ref().is_some_and(|email| email.to_lowercase() == login))
        })
    }

    pub(crate) fn user_by_id(&self, id: &str) -> Option<&User> {
        self.users.values().find(|user| user.id == id)
    }

    pub(crate) fn service_account(&self, client: &str) -> Option<&User> {
        self.users.values().find(|user| user.service_account_of.as_deref() == Some(client))
    }

    /// Every user who is a person: no service account.
    pub(crate) fn people(&self) -> impl Iterator<Item = &User> {
        self.users.values().filter(|user| user.service_account_of.is_none())
    }

    /// The ids of the clients that somebody made, and of those that every realm has.
    pub(crate) fn client_ids(&self) -> (Vec<&str>, Vec<&str>) {
        let ids = self.clients.keys().map(String::as_str);
        ids.partition(|id| !builtin::CLIENTS.iter().any(|builtin| builtin.id == *id))
    }

    /// The client that a service is most likely: `api`, else the first with a secret, else the first.
    pub(crate) fn main_client(&self) -> Option<&Client> {
        let (own, _) = self.client_ids();
        let own = || own.iter().filter_map(|id| self.clients.get(*id));
        self.clients
            .get("api")
            .or_else(|| own().find(|client| client.secret.is_some()))
            .or_else(|| own().next())
    }

    /// The name of a level of authentication: what `acr` says.
    pub(crate) fn acr(&self, level: i64) -> String {
        let named = self.acr_levels.iter().find(|(_, known)| *known == level);
        named.map_or_else(|| level.to_string(), |(name, _)| name.clone())
    }
}

fn expand(
    composites: &BTreeMap<Role, BTreeSet<Role>>,
    roles: impl IntoIterator<Item = Role>,
) -> BTreeSet<Role> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<Role> = roles.into_iter().collect();
    while let Some(role) = open.pop() {
        if let Some(inner) = composites.get(&role) {
            open.extend(inner.iter().filter(|inner| !seen.contains(*inner)).cloned());
        }
        seen.insert(role);
    }
    seen
}
