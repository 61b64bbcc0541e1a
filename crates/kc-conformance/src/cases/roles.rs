//! Roles and rules: each user on each route, and what counts as a role.

use kc_dev::Mint;
use serde_json::{Value, json};

use crate::case::{Case, ensure};
use crate::http::Request;
use crate::kit::Kit;

const CONTRACT: &str = "contract: routes";

/// A guarded route: name, method, target, status for those who may.
const ROUTES: [(&str, &str, &str, u16); 9] = [
    ("me", "GET", "/me", 200),
    ("items", "GET", "/items", 200),
    ("create-item", "POST", "/items?item_name=Thing", 201),
    ("delete-item", "DELETE", "/items/1", 204),
    ("admin-users", "GET", "/admin/users", 200),
    ("reports", "GET", "/reports", 200),
    ("cases", "GET", "/cases", 200),
    ("create-case", "POST", "/cases", 201),
    ("service-token", "GET", "/service-token", 200),
];

/// A user of the realm, and which of the routes above are theirs.
const USERS: [(&str, [bool; 9]); 6] = [
    ("alice", [true, true, true, true, true, false, false, false, true]),
    ("bob", [true, true, false, false, false, true, false, false, false]),
    ("carol", [true, false, false, false, false, false, false, false, false]),
    ("erin", [true, true, false, false, false, true, false, false, false]),
    ("frank", [true, false, false, false, false, false, false, false, false]),
    ("service-account", [true, true, false, false, false, true, false, false, false]),
];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (user, allowed) in USERS {
        for ((route, method, target, status), allowed) in ROUTES.into_iter().zip(allowed) {
            let id = format!("roles/{user}-{route}");
            cases.push(Case::new(id, CONTRACT, async move |kit| {
                let token = match user {
                    "service-account" => kit.issuer.service_token().await?,
                    user => kit.token(user).await?,
                };
                let reply = kit.send(&Request::new(method, target).bearer(&token)).await?;
                match allowed {
                    true => reply.has_status(status),
                    false => reply.refused_as(403, &["missing_roles", "insufficient_permissions"]),
                }
            }));
        }
    }
    cases.extend(bent());
    cases.extend(details());
    cases
}

/// Tokens with other roles than their users have.
fn bent() -> Vec<Case> {
    let source = "Keycloak: realm_access, resource_access";
    vec![
        may("roles/realm-role-counts", source, "/reports", true, |m| m.realm_roles(["staff"])),
        may("roles/own-client-role-counts", source, "/reports", true, |m| m.client_roles("api", ["staff"])),
        may("roles/realm-role-of-a-clients-name-counts", CONTRACT, "/items", true, |m| {
            m.realm_roles(["api-read"])
        }),
        may("roles/role-of-another-client-does-not-count", source, "/reports", false, |m| {
            m.client_roles("account", ["staff"])
        }),
        may("roles/role-of-a-client-named-like-ours-does-not-count", source, "/reports", false, |m| {
            m.claim("resource_access", json!({"API": {"roles": ["staff"]}, "api2": {"roles": ["staff"]}}))
        }),
        may("roles/role-of-the-asking-client-does-not-count", source, "/reports", false, |m| {
            m.claim("azp", "spa").client_roles("spa", ["staff"])
        }),
        may("roles/names-are-compared-exactly", CONTRACT, "/reports", false, |m| {
            m.realm_roles(["Staff", "STAFF", "staff ", " staff", "staff2", "staf", "staff,admin"])
        }),
        may("roles/group-is-no-role", "Keycloak: group mapper", "/reports", false, |m| {
            m.claim("groups", json!(["staff", "/staff"]))
        }),
        may("roles/scope-is-no-role", "RFC 6749 §3.3", "/reports", false, |m| {
            m.claim("scope", "openid staff")
        }),
        may("roles/claim-roles-is-no-role", source, "/reports", false, |m| {
            m.claim("roles", json!(["staff"]))
                .claim("role", "staff")
                .claim("authorities", json!(["ROLE_staff"]))
        }),
        may("roles/claim-with-a-dotted-name-is-no-role", source, "/reports", false, |m| {
            m.claim("realm_access.roles", json!(["staff"]))
        }),
        may("roles/admin-is-not-staff-for-the-rule", CONTRACT, "/reports", false, |m| {
            m.realm_roles(["admin"])
        }),
        may("roles/one-of-any-is-enough", CONTRACT, "/items", true, |m| m.client_roles("api", ["api-admin"])),
        may("roles/judge-reads-cases", CONTRACT, "/cases", true, |m| m.client_roles("api", ["judge"])),
        posts_case("roles/judge-alone-adds-no-case", 403, |m| m.client_roles("api", ["judge"])),
        posts_case("roles/admin-alone-adds-no-case", 403, |m| m.realm_roles(["admin"])),
        posts_case("roles/judge-and-admin-add-a-case", 201, |m| {
            m.realm_roles(["admin"]).client_roles("api", ["judge"])
        }),
        may("roles/no-role-claims-at-all", source, "/items", false, |m| m),
    ]
}

/// `GET` of the path by a token without roles but those that `bend` adds.
fn may(id: &str, spec: &'static str, path: &'static str, may: bool, bend: fn(Mint) -> Mint) -> Case {
    Case::new(id, spec, async move |kit: &Kit| {
        let mint = kit.mint().without("realm_access").without("resource_access");
        let reply = kit.get(path, &bend(mint).sign().await?).await?;
        match may {
            true => reply.has_status(200),
            false => reply.refused_as(403, &["missing_roles", "insufficient_permissions"]),
        }
    })
}

fn posts_case(id: &str, status: u16, bend: fn(Mint) -> Mint) -> Case {
    Case::new(id, CONTRACT, async move |kit: &Kit| {
        let mint = kit.mint().without("realm_access").without("resource_access");
        let request = Request::new("POST", "/cases").bearer(&bend(mint).sign().await?);
        let reply = kit.send(&request).await?;
        if status == 403 { reply.refused(403, "missing_roles") } else { reply.has_status(status) }
    })
}

/// What is said to those who may not.
fn details() -> Vec<Case> {
    vec![
        Case::new("roles/missing-roles-are-named-in-order", "contract: refusals", async |kit: &Kit| {
            let request = Request::new("POST", "/cases").bearer(&kit.token("carol").await?);
            let reply = kit.send(&request).await?;
            reply.refused(403, "missing_roles")?;
            reply.has_detail("Missing required roles: admin, judge")
        }),
        Case::new("roles/only-what-is-missing-is-named", "contract: refusals", async |kit: &Kit| {
            let request = Request::new("POST", "/cases").bearer(&kit.token("alice").await?);
            let reply = kit.send(&request).await?;
            reply.refused(403, "missing_roles")?;
            reply.has_detail("Missing required roles: judge")
        }),
        Case::new("roles/any-of-names-no-roles", "contract: refusals", async |kit: &Kit| {
            let reply = kit.get("/items", &kit.token("carol").await?).await?;
            reply.refused(403, "insufficient_permissions")?;
            reply.has_detail("Insufficient permissions")
        }),
        flags("roles/flags-of-staff", &["staff"], true, false),
        flags("roles/flags-of-admin", &["admin"], true, true),
        flags("roles/flags-of-others", &["user"], false, false),
        Case::new("roles/me-tells-realm-and-client-roles-apart", "contract: routes", async |kit: &Kit| {
            let mint = kit.mint().realm_roles(["b", "a"]);
            let access = json!({"api": {"roles": ["d", "c"]}, "account": {"roles": ["x"]}});
            let body = kit.me(&mint.claim("resource_access", access).sign().await?).await?.json()?;
            let roles = (body.get("realm_roles"), body.get("client_roles"));
            ensure(roles == (Some(&json!(["a", "b"])), Some(&json!(["c", "d"]))), || {
                format!("GET /me: expected realm_roles [a, b] and client_roles [c, d], got {roles:?}")
            })
        }),
    ]
}

fn flags(id: &str, roles: &'static [&'static str], is_staff: bool, is_superuser: bool) -> Case {
    Case::new(id, "contract: routes", async move |kit: &Kit| {
        let mint = kit.mint().without("resource_access").realm_roles(roles.iter().copied());
        let body = kit.me(&mint.sign().await?).await?.json()?;
        let flag = |name| body.get(name).and_then(Value::as_bool);
        let got = (flag("is_staff"), flag("is_superuser"));
        ensure(got == (Some(is_staff), Some(is_superuser)), || {
            format!("GET /me: expected is_staff {is_staff} and is_superuser {is_superuser}, got {got:?}")
        })
    })
}
