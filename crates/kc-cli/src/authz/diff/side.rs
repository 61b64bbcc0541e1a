//! One of the two configurations that are compared, and what can be asked of it.

use kc_core::policy::{AuthorizationConfig, IdentityClaims};

use super::model::Model;

/// A configuration, as it says and as it decides.
pub(super) struct Side {
    pub(super) model: Model,
    pub(super) config: AuthorizationConfig,
}

/// A resource or none, a scope or none.
pub(super) type Asked = (Option<String>, Option<String>);

/// `resource#scope`, as Keycloak writes what is asked for.
pub(super) fn shown(resource: Option<&str>, scope: Option<&str>) -> String {
    match scope {
        Some(scope) => format!("{}#{scope}", resource.unwrap_or_default()),
        None => resource.unwrap_or_default().to_owned(),
    }
}

/// Somebody of whom nothing is known.
pub(super) fn nobody() -> Result<IdentityClaims, String> {
    IdentityClaims::from_json(b"{}").map_err(|error| error.to_string())
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;

    pub(in super::super) fn side(file: &Value) -> Side {
        let config = AuthorizationConfig::from_json(file.to_string().as_bytes()).unwrap();
        Side { model: Model::read(file, None), config }
    }

    pub(in super::super) fn file() -> Value {
        let policy =
            |name: &str, kind: &str, config: Value| json!({ "name": name, "type": kind, "config": config });
        json!({ "scopes": ["view", "edit", "loose"],
            "resources": [{ "name": "store", "type": "t", "scopes": ["view", "edit"] }, { "name": "shed", "type": "t" }],
            "policies": [
                policy("staff", "role", json!({ "roles": r#"[{"id":"staff"},{"id":"api/clerk","required":true}]"# })),
                policy("alice", "user", json!({ "users": r#"["alice"]"# })),
                policy("both", "aggregate", json!({ "applyPolicies": r#"["staff","alice"]"# })),
                policy("view", "scope", json!({ "resources": r#"["store"]"#, "scopes": r#"["view"]"#, "applyPolicies": r#"["both"]"# })),
                policy("typed", "resource", json!({ "defaultResourceType": "t", "applyPolicies": r#"["alice"]"# })),
                policy("loose", "scope", json!({ "scopes": r#"["loose"]"#, "applyPolicies": r#"["staff"]"# }))] })
    }
}
