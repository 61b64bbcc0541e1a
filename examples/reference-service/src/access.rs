//! Who may call what.

use kc_core::Access;
use kc_core::rules::{
    Rule, acr, active, all_of, all_roles, any_role, authenticated, by_method, scope_permission,
};

/// `GET /me`.
pub const ME: Rule = authenticated();

/// `GET` and `POST /items`.
pub const ITEMS: Rule = by_method(
    const { &[("GET", any_role(&["api-read", "api-admin"])), ("POST", all_roles(&["api-admin"]))] },
);

/// `DELETE /items/{id}`: a mistake here is not undone, so Keycloak is asked whether the token is still good.
pub const ITEM: Rule = all_of(const { &[all_roles(&["api-admin"]), active()] });

/// `GET /admin/users` and `GET /service-token`.
pub const ADMIN: Rule = all_roles(&["admin"]);

/// `GET /reports`.
pub const REPORTS: Rule = all_roles(&["staff"]);

/// `GET /transfer`: only after a strong login.
pub const TRANSFER: Rule = acr("gold");

/// What `GET /inventory` needs of Authorization Services.
pub const VIEW: &str = "inventory:view";

/// What `POST /inventory` needs of them.
pub const ADD: &str = "inventory:add";

/// `GET` and `POST /inventory`.
pub const INVENTORY: Rule =
    by_method(const { &[("GET", scope_permission(VIEW)), ("POST", scope_permission(ADD))] });

/// `GET /`: whoever comes.
pub const HOME: Access = Access::Optional;

/// `GET /account`: a browser that is not logged in is sent to the login.
pub const ACCOUNT: Access = Access::Page(authenticated());

/// `GET /admin/`: the staff's page.
pub const STAFF_PAGE: Access = Access::Page(any_role(&["staff", "admin"]));

/// `GET` and `POST /cases`.
pub const CASES: Rule =
    by_method(const { &[("GET", all_roles(&["judge"])), ("POST", all_roles(&["judge", "admin"]))] });
