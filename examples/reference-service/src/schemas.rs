//! The bodies of the responses as poem-openapi describes them. What is sent is made by [`answers`](crate::answers), whose
//! descriptions are for utoipa.

use poem_openapi::Object;

/// `GET /health`.
#[derive(Debug, Object)]
pub struct Health {
    status: String,
}

/// `GET /me`.
#[derive(Debug, Object)]
pub struct Me {
    sub: Option<String>,
    email: Option<String>,
    username: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    realm_roles: Vec<String>,
    client_roles: Vec<String>,
    is_staff: bool,
    is_superuser: bool,
}

/// `GET` and `POST /inventory`.
#[derive(Debug, Object)]
pub struct Inventory {
    allowed: bool,
    scope: String,
}

/// `GET /transfer`.
#[derive(Debug, Object)]
pub struct Transfer {
    acr: Option<String>,
}

/// A thing that somebody owns.
#[derive(Debug, Object)]
pub struct Item {
    id: i64,
    name: String,
    owner: Option<String>,
}

/// `GET /admin/users`.
#[derive(Debug, Object)]
pub struct AdminUsers {
    message: String,
    admin_user: Option<String>,
    users: Vec<LocalUser>,
}

/// A local user.
#[derive(Debug, Object)]
pub struct LocalUser {
    sub: Option<String>,
    username: Option<String>,
    email: Option<String>,
    is_staff: bool,
    is_active: bool,
    date_joined: String,
}

/// `GET /reports`.
#[derive(Debug, Object)]
pub struct Report {
    report: String,
    generated_by: Option<String>,
    generated_at: String,
}

/// `GET` and `POST /cases`.
#[derive(Debug, Object)]
pub struct Cases {
    cases: Vec<serde_json::Value>,
}

/// `GET /service-token`.
#[derive(Debug, Object)]
pub struct ServiceTokenAge {
    expires_in: i64,
}

/// Why a request was refused (RFC 9457)
#[derive(Debug, Object)]
pub struct Problem {
    /// urn:kc:problem: and the code
    #[oai(rename = "type")]
    kind: String,
    /// One fixed phrase for each code
    title: String,
    /// The HTTP status
    status: i32,
    /// What was wrong, for a person
    detail: String,
    /// Stable, for a program
    code: String,
}
