//! The shapes of a realm export, as far as they matter here. Members we don't know are ignored, as Keycloak ignores them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// The scalar settings of the realm: everything that isn't a list of its own.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Settings {
    pub(super) display_name: Option<String>,
    pub(super) access_token_lifespan: u64,
    pub(super) access_code_lifespan: u64,
    pub(super) access_code_lifespan_login: u64,
    pub(super) sso_session_idle_timeout: u64,
    pub(super) sso_session_max_lifespan: u64,
    pub(super) offline_session_idle_timeout: u64,
    pub(super) revoke_refresh_token: bool,
    pub(super) refresh_token_max_reuse: u32,
    pub(super) login_with_email_allowed: bool,
    pub(super) not_before: i64,
    pub(super) default_signature_algorithm: String,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) default_role: Option<Role>,
    pub(super) default_default_client_scopes: Option<Vec<String>>,
    pub(super) default_optional_client_scopes: Option<Vec<String>>,
}

impl Default for Settings {
    fn default() -> Self {
        // Keycloak's own defaults for a realm that says nothing.
        Self {
            display_name: None,
            access_token_lifespan: 300,
            access_code_lifespan: 60,
            access_code_lifespan_login: 1800,
            sso_session_idle_timeout: 1800,
            sso_session_max_lifespan: 36_000,
            offline_session_idle_timeout: 2_592_000,
            revoke_refresh_token: false,
            refresh_token_max_reuse: 0,
            login_with_email_allowed: true,
            not_before: 0,
            default_signature_algorithm: "RS256".to_owned(),
            attributes: BTreeMap::new(),
            default_role: None,
            default_default_client_scopes: None,
            default_optional_client_scopes: None,
        }
    }
}

/// A role of the realm or of a client.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Role {
    pub(super) name: String,
    pub(super) composites: Composites,
}

/// The roles that a composite role brings along.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Composites {
    pub(super) realm: Vec<String>,
    pub(super) client: BTreeMap<String, Vec<String>>,
}

/// A group with the groups below it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) realm_roles: Vec<String>,
    pub(super) client_roles: BTreeMap<String, Vec<String>>,
    pub(super) sub_groups: Vec<Self>,
}

/// A client.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Client {
    pub(super) client_id: String,
    pub(super) enabled: bool,
    pub(super) protocol: Option<String>,
    pub(super) public_client: bool,
    pub(super) bearer_only: bool,
    pub(super) standard_flow_enabled: bool,
    pub(super) implicit_flow_enabled: bool,
    pub(super) direct_access_grants_enabled: bool,
    pub(super) service_accounts_enabled: bool,
    pub(super) full_scope_allowed: bool,
    pub(super) secret: Option<String>,
    pub(super) client_authenticator_type: Option<String>,
    pub(super) root_url: Option<String>,
    pub(super) redirect_uris: Vec<String>,
    pub(super) web_origins: Vec<String>,
    pub(super) attributes: BTreeMap<String, Value>,
    pub(super) default_client_scopes: Option<Vec<String>>,
    pub(super) optional_client_scopes: Option<Vec<String>>,
    pub(super) protocol_mappers: Vec<Mapper>,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            client_id: String::new(),
            enabled: true,
            protocol: None,
            public_client: false,
            bearer_only: false,
            standard_flow_enabled: true,
            implicit_flow_enabled: false,
            direct_access_grants_enabled: false,
            service_accounts_enabled: false,
            full_scope_allowed: true,
            secret: None,
            client_authenticator_type: None,
            root_url: None,
            redirect_uris: Vec::new(),
            web_origins: Vec::new(),
            attributes: BTreeMap::new(),
            default_client_scopes: None,
            optional_client_scopes: None,
            protocol_mappers: Vec::new(),
        }
    }
}

/// A client scope.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ClientScope {
    pub(super) name: String,
    pub(super) protocol: Option<String>,
    pub(super) attributes: BTreeMap<String, Value>,
    pub(super) protocol_mappers: Vec<Mapper>,
}

/// A protocol mapper of a client or a client scope.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Mapper {
    pub(super) name: String,
    pub(super) protocol: Option<String>,
    pub(super) protocol_mapper: String,
    pub(super) config: BTreeMap<String, Value>,
}

/// A user, a service account's user included.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct User {
    pub(super) id: Option<String>,
    pub(super) username: String,
    pub(super) enabled: bool,
    pub(super) email: Option<String>,
    pub(super) email_verified: bool,
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    pub(super) credentials: Vec<Credential>,
    pub(super) realm_roles: Vec<String>,
    pub(super) client_roles: BTreeMap<String, Vec<String>>,
    pub(super) groups: Vec<String>,
    pub(super) attributes: BTreeMap<String, Vec<String>>,
    pub(super) service_account_client_id: Option<String>,
}

/// A user's credential; only clear-text passwords can be checked.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Credential {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) value: Option<String>,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Roles that a client, or a client scope, may pass on.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ScopeMapping {
    pub(super) client: Option<String>,
    pub(super) client_scope: Option<String>,
    pub(super) roles: Vec<String>,
}

/// An organization and who belongs to it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Organization {
    pub(super) name: String,
    pub(super) alias: Option<String>,
    pub(super) id: Option<String>,
    pub(super) attributes: BTreeMap<String, Vec<String>>,
    pub(super) members: Vec<Member>,
}

/// A member of an organization.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Member {
    pub(super) username: String,
}

/// What an authenticator of a flow is set to; only levels of authentication matter here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AuthenticatorConfig {
    pub(super) config: BTreeMap<String, Value>,
}

/// A component; only key providers matter here.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Component {
    pub(super) name: String,
    pub(super) provider_id: String,
    pub(super) config: BTreeMap<String, Vec<String>>,
}
