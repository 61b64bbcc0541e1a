//! The bodies of the responses. Members in the order in which they are sent.

use kc_core::clock::{Clock, SystemClock};
use kc_core::service_token::ServiceToken;
use kc_core::users::{User, UserEntry};
use kc_core::{AuthError, Keycloak, Principal};
use serde::Serialize;
use utoipa::ToSchema;

/// `GET /health`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    status: &'static str,
}

/// The process runs; nothing is asked of Keycloak.
#[must_use]
pub const fn health() -> Health {
    Health { status: "healthy" }
}

/// `GET /me`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me<'a> {
    sub: Option<&'a str>,
    email: Option<&'a str>,
    username: Option<&'a str>,
    first_name: Option<&'a str>,
    last_name: Option<&'a str>,
    realm_roles: Vec<&'a str>,
    client_roles: Vec<&'a str>,
    is_staff: bool,
    is_superuser: bool,
}

/// Who is calling.
#[must_use]
pub fn me(caller: &Principal) -> Me<'_> {
    let claims = caller.claims();
    Me {
        sub: caller.subject(),
        email: claims.email.as_deref(),
        username: caller.username(),
        first_name: claims.given_name.as_deref(),
        last_name: claims.family_name.as_deref(),
        realm_roles: caller.roles().realm().sorted(),
        client_roles: caller.roles().own().sorted(),
        is_staff: caller.is_staff(),
        is_superuser: caller.is_superuser(),
    }
}

/// `GET` and `POST /inventory`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Inventory {
    allowed: bool,
    scope: &'static str,
}

/// Whoever gets here has the scope.
#[must_use]
pub const fn inventory(scope: &'static str) -> Inventory {
    Inventory { allowed: true, scope }
}

/// `GET /transfer`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Transfer<'a> {
    acr: Option<&'a str>,
}

/// How strongly the caller was authenticated.
#[must_use]
pub fn transfer(caller: &Principal) -> Transfer<'_> {
    Transfer { acr: caller.claims().acr.as_deref() }
}

/// A thing that somebody owns.
#[derive(Debug, Serialize, ToSchema)]
pub struct Item<'a> {
    id: u64,
    name: &'a str,
    owner: Option<&'a str>,
}

/// `GET /items`.
#[must_use]
pub fn items(caller: &Principal) -> [Item<'_>; 2] {
    let owner = caller.subject();
    [Item { id: 1, name: "Widget", owner }, Item { id: 2, name: "Gadget", owner }]
}

/// `POST /items`.
#[must_use]
pub fn created<'a>(name: &'a str, caller: &'a Principal) -> Item<'a> {
    Item { id: 3, name, owner: caller.subject() }
}

/// `GET /admin/users`, the users in it at most this many.
const USERS: usize = 100;

/// `GET /admin/users`.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminUsers<'a> {
    message: &'static str,
    admin_user: Option<&'a str>,
    #[schema(value_type = Vec<LocalUser>)]
    users: Vec<UserEntry<'a>>,
}

/// A local user.
// For the description of the API: what is sent is a `UserEntry`.
#[derive(Debug, Serialize, ToSchema)]
pub struct LocalUser {
    sub: Option<String>,
    username: Option<String>,
    email: Option<String>,
    is_staff: bool,
    is_active: bool,
    #[schema(format = DateTime)]
    date_joined: String,
}

/// The local users to show.
///
/// # Errors
/// Their store does not answer.
pub async fn local_users(kc: &Keycloak) -> Result<Vec<User>, AuthError> {
    kc.users(USERS).await
}

/// The answer with them in it.
#[must_use]
pub fn admin_users<'a>(caller: &'a Principal, users: &'a [User]) -> AdminUsers<'a> {
    AdminUsers {
        message: "Admin access granted",
        admin_user: caller.username(),
        users: users.iter().map(User::entry).collect(),
    }
}

/// `GET /reports`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Report<'a> {
    report: &'static str,
    generated_by: Option<&'a str>,
    #[schema(format = DateTime)]
    generated_at: String,
}

/// A report, made now.
#[must_use]
pub fn report(caller: &Principal) -> Report<'_> {
    Report {
        report: "Monthly authentication summary",
        generated_by: caller.username(),
        generated_at: SystemClock.now().to_string(),
    }
}

/// `GET` and `POST /cases`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Cases {
    #[schema(value_type = Vec<Object>)]
    cases: [(); 0],
}

/// No cases.
#[must_use]
pub const fn cases() -> Cases {
    Cases { cases: [] }
}

/// `GET /service-token`.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceTokenAge {
    expires_in: u64,
}

/// How long this service's own token lives, in seconds; never the token.
#[must_use]
pub fn service_token(token: &ServiceToken) -> ServiceTokenAge {
    ServiceTokenAge { expires_in: token.expires_in(SystemClock.now()).as_secs() }
}
