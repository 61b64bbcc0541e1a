//! One service for the tokens of two realms: customers, who are the client `shop`'s users, and staff, who are the client
//! `desk`'s. Each token is checked by its own realm's keys, for its own client, and introspected by its own realm.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use axum::{Json, Router};
use kc_axum::{Principal, Routes};
use kc_core::rules::{Rule, active, all_of, all_roles, any_role, authenticated, custom};
use kc_core::secret::Secret;
use kc_core::settings::{Settings, SettingsError};
use kc_core::{Keycloak, RouteTable};
use serde_json::json;

/// Roles that are named differently in both realms need nothing more.
pub const READ: Rule = any_role(&["buyer", "clerk"]);

/// The realm that is asked whether the token is still active is the token's own.
pub const CANCEL: Rule = all_of(const { &[READ, active()] });

/// A role of this name could be given by the administrators of either realm. Where that is not meant, the rule says so.
pub const LEDGER: Rule =
    all_of(const { &[all_roles(&["clerk"]), custom("of the realm staff", is_of_staff)] });

/// The issuer of a caller is one of the two that are trusted: only one of them ends like this.
fn is_of_staff(caller: &kc_core::Principal) -> bool {
    realm_of(caller) == Some("staff")
}

fn realm_of(caller: &kc_core::Principal) -> Option<&str> {
    caller.claims().issuer.as_deref()?.rsplit('/').next()
}

/// A realm, as the settings of a service: the client's secret is its name and `-secret`, as in `realms/`.
///
/// # Errors
/// [`SettingsError`] names the setting that cannot be used.
pub fn realm(url: &str, realm: &str, client: &str, audit: &str) -> Result<Settings, SettingsError> {
    let secret = Secret::new(format!("{client}-secret"));
    Settings::builder(url, realm, client).client_secret(secret).audit_log(audit).build()
}

/// Trusts both. What does not belong to a realm, such as the audit, is taken from the customers' settings.
///
/// # Errors
/// [`SettingsError`] names the setting that cannot be used.
pub fn keycloak(customers: &Settings, staff: Settings) -> Result<Keycloak, SettingsError> {
    Keycloak::builder().and(staff).build(customers)
}

/// The service, and who may call what.
///
/// # Errors
/// [`kc_core::RouteError`] when a route stands there twice.
pub fn app(kc: &Keycloak) -> Result<(Router, RouteTable), kc_core::RouteError> {
    let routes = Routes::new(kc.guard())
        .public("/health", get(|| async { "fine" }))
        .route("/me", authenticated(), get(me))
        .route("/orders", READ, get(orders))
        .route("/orders/{id}", CANCEL, delete(cancel))
        .route("/ledger", LEDGER, get(ledger));
    let table = routes.table().clone();
    Ok((routes.into_router()?.with_state(kc.clone()), table))
}

async fn me(caller: Principal) -> Response {
    let roles: Vec<&str> = caller.roles().own().iter().collect();
    Json(json!({ "realm": realm_of(&caller), "username": caller.username(), "roles": roles })).into_response()
}

async fn orders(caller: Principal) -> Response {
    Json(json!({ "for": caller.username(), "orders": [1, 2] })).into_response()
}

async fn cancel(Path(_id): Path<u64>) -> StatusCode {
    StatusCode::NO_CONTENT
}

/// The local users of both realms: the same name in both is two users.
async fn ledger(State(kc): State<Keycloak>) -> Response {
    match kc.users(100).await {
        Ok(users) => Json(json!({ "known": users.len() })).into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
