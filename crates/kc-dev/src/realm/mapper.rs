//! Protocol mappers: what an export says about a claim, parsed once.

use std::collections::BTreeMap;

use super::export;

/// How a text value becomes JSON.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum JsonType {
    Boolean,
    Integer,
    Json,
    Text,
}

/// What a mapper does.
#[derive(Clone, Debug)]
pub(crate) enum MapperKind {
    Acr,
    Address,
    AllowedOrigins,
    Audience { audience: String },
    AudienceResolve,
    ClientRoles { client: Option<String>, prefix: String },
    FullName,
    Groups { full_path: bool },
    HardcodedClaim { value: String },
    HardcodedRole { role: String },
    Organization { with_id: bool, with_attributes: bool },
    RealmRoles { prefix: String },
    SessionNote { note: String },
    Subject,
    UserAttribute { attribute: String },
    UserProperty { property: String },
}

/// A protocol mapper.
#[derive(Clone, Debug)]
pub(crate) struct Mapper {
    pub(crate) kind: MapperKind,
    /// Path of the claim; empty where the kind itself decides.
    pub(crate) claim: String,
    pub(crate) json_type: JsonType,
    pub(crate) multivalued: bool,
    pub(crate) in_access: bool,
    pub(crate) in_id: bool,
    pub(crate) in_introspection: bool,
    pub(crate) in_lightweight: bool,
    pub(crate) in_userinfo: bool,
}

impl Mapper {
    /// Reads a mapper of an export; `None` when its type is not one we know.
    pub(super) fn from_export(mapper: &export::Mapper) -> Option<Self> {
        let config = Config(&mapper.config);
        let kind = kind(&mapper.protocol_mapper, &config)?;
        let (can_id, can_userinfo) = reach(&kind);
        let in_access = config.is_true("access.token.claim");
        let in_id = config.is_true("id.token.claim");
        Some(Self {
            claim: config.text("claim.name").unwrap_or_default(),
            json_type: match config.text("jsonType.label").as_deref() {
                Some("boolean") => JsonType::Boolean,
                Some("int" | "long") => JsonType::Integer,
                Some("JSON") => JsonType::Json,
                _ => JsonType::Text,
            },
            multivalued: config.is_true("multivalued"),
            in_access,
            in_id: in_id && can_id,
            // Where an old export says nothing, Keycloak falls back on the neighbouring switch.
            in_introspection: config.flag("introspection.token.claim").unwrap_or(in_access),
            in_lightweight: config.is_true("lightweight.claim"),
            in_userinfo: can_userinfo && config.flag("userinfo.token.claim").unwrap_or(in_id),
            kind,
        })
    }
}

fn kind(name: &str, config: &Config<'_>) -> Option<MapperKind> {
    let text = |key: &str| config.text(key).unwrap_or_default();
    Some(match name {
        "oidc-acr-mapper" => MapperKind::Acr,
        "oidc-address-mapper" => MapperKind::Address,
        "oidc-allowed-origins-mapper" => MapperKind::AllowedOrigins,
        "oidc-audience-mapper" => MapperKind::Audience {
            audience: config
                .text("included.client.audience")
                .or_else(|| config.text("included.custom.audience"))
                .unwrap_or_default(),
        },
        "oidc-audience-resolve-mapper" => MapperKind::AudienceResolve,
        "oidc-full-name-mapper" => MapperKind::FullName,
        "oidc-group-membership-mapper" => {
            MapperKind::Groups { full_path: config.flag("full.path").unwrap_or(true) }
        }
        "oidc-hardcoded-claim-mapper" => MapperKind::HardcodedClaim { value: text("claim.value") },
        "oidc-hardcoded-role-mapper" => MapperKind::HardcodedRole { role: text("role") },
        "oidc-organization-membership-mapper" => MapperKind::Organization {
            with_id: config.is_true("addOrganizationId"),
            with_attributes: config.is_true("addOrganizationAttributes"),
        },
        "oidc-sub-mapper" => MapperKind::Subject,
        "oidc-usermodel-attribute-mapper" => MapperKind::UserAttribute { attribute: text("user.attribute") },
        "oidc-usermodel-client-role-mapper" => MapperKind::ClientRoles {
            client: config.text("usermodel.clientRoleMapping.clientId"),
            prefix: text("usermodel.clientRoleMapping.rolePrefix"),
        },
        "oidc-usermodel-property-mapper" => MapperKind::UserProperty { property: text("user.attribute") },
        "oidc-usermodel-realm-role-mapper" => {
            MapperKind::RealmRoles { prefix: text("usermodel.realmRoleMapping.rolePrefix") }
        }
        "oidc-usersessionmodel-note-mapper" => MapperKind::SessionNote { note: text("user.session.note") },
        _ => return None,
    })
}

/// Whether a kind can write into ID tokens and into userinfo: in Keycloak not every mapper implements both, whatever its
/// switches say.
fn reach(kind: &MapperKind) -> (bool, bool) {
    match kind {
        MapperKind::Subject | MapperKind::AllowedOrigins | MapperKind::AudienceResolve => (false, false),
        MapperKind::Acr | MapperKind::Audience { .. } | MapperKind::SessionNote { .. } => (true, false),
        MapperKind::Address
        | MapperKind::ClientRoles { .. }
        | MapperKind::FullName
        | MapperKind::Groups { .. }
        | MapperKind::HardcodedClaim { .. }
        | MapperKind::HardcodedRole { .. }
        | MapperKind::Organization { .. }
        | MapperKind::RealmRoles { .. }
        | MapperKind::UserAttribute { .. }
        | MapperKind::UserProperty { .. } => (true, true),
    }
}

struct Config<'a>(&'a BTreeMap<String, serde_json::Value>);

impl Config<'_> {
    fn text(&self, key: &str) -> Option<String> {
        match self.0.get(key)? {
            serde_json::Value::String(text) if !text.is_empty() => Some(text.clone()),
            serde_json::Value::Bool(on) => Some(on.to_string()),
            serde_json::Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    fn flag(&self, key: &str) -> Option<bool> {
        self.text(key).map(|value| value == "true")
    }

    fn is_true(&self, key: &str) -> bool {
        self.flag(key).unwrap_or(false)
    }
}
