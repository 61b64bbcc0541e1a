//! Decisions of Authorization Services, taken offline by an exported configuration.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::case::{Capability, Case, CaseResult, Failure, ensure};
use crate::http::Request;
use crate::kit::Kit;

const CONTRACT: &str = "contract: offline decisions";
const DENIED: &str = "insufficient_permissions";
const CONFIG: &str = "KEYCLOAK_AUTHORIZATION_CONFIG";
const ZONE: &str = "KEYCLOAK_AUTHORIZATION_TIME_ZONE";

/// What Keycloak 26.7.4 exports of the client `inventory` of the demo realm.
const DEMO: &str = include_str!("authorization-config.json");

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new("inventory/unset-lets-nobody-in", CONTRACT, async |kit: &Kit| {
            let token = kit.token("alice").await?;
            denied(kit, "GET", &token).await?;
            denied(kit, "POST", &token).await
        }),
        Case::new("inventory/no-token", "contract: refusals", async |kit: &Kit| {
            let reply = kit.send(&Request::get("/inventory")).await?;
            reply.refused(401, "not_authenticated")
        }),
        Case::own("inventory/demo-realm", CONTRACT, async |kit: &Kit| {
            kit.start(&[(CONFIG, &kit.file("authz.json", DEMO)?)]).await?;
            let token = kit.token("alice").await?;
            let reply = kit.send(&Request::new("GET", "/inventory").bearer(&token)).await?;
            reply.is(200, &json!({"allowed": true, "scope": "inventory:view"}))?;
            let reply = kit.send(&Request::new("POST", "/inventory").bearer(&token)).await?;
            reply.is(201, &json!({"allowed": true, "scope": "inventory:add"}))
        }),
        // Both read the claims of the token alone.
        decides(
            "roles-of-realm-and-client",
            &|| {
                simple(
                    vec![role("viewers", "POSITIVE", "api/api-read"), role("adders", "POSITIVE", "admin")],
                    &[("inventory:view", "viewers"), ("inventory:add", "adders")],
                )
            },
            &[("alice", true, true), ("bob", true, false), ("carol", false, false), ("frank", false, false)],
        ),
        decides(
            "negative-logic",
            &|| {
                simple(
                    vec![role("not-staff", "NEGATIVE", "staff"), role("not-admin", "NEGATIVE", "admin")],
                    &[("inventory:view", "not-staff"), ("inventory:add", "not-admin")],
                )
            },
            &[("alice", true, false), ("bob", false, true), ("frank", true, true)],
        ),
        decides(
            "users-and-clients",
            &|| {
                simple(
                    vec![
                        policy("bob", "user", "POSITIVE", json!({"users": "[\"bob\"]"})),
                        policy("other", "client", "NEGATIVE", json!({"clients": "[\"spa\"]"})),
                    ],
                    &[("inventory:view", "bob"), ("inventory:add", "other")],
                )
            },
            &[("alice", false, true), ("bob", true, true)],
        ),
        decides(
            "groups-and-those-below",
            &|| {
                let groups = |children: bool| {
                    json!({"groupsClaim": "groups",
                        "groups": json!([{"path": "/staff", "extendChildren": children}]).to_string()})
                };
                simple(
                    vec![
                        policy("staff", "group", "POSITIVE", groups(false)),
                        policy("staff-tree", "group", "POSITIVE", groups(true)),
                    ],
                    &[("inventory:view", "staff"), ("inventory:add", "staff-tree")],
                )
            },
            &[("alice", false, false), ("bob", true, true), ("carol", false, true)],
        ),
        decides(
            "patterns-match-the-whole-claim",
            &|| {
                let pattern = |pattern: &str| json!({"targetClaim": "department", "pattern": pattern});
                simple(
                    vec![
                        policy("whole", "regex", "POSITIVE", pattern("^eng.*$")),
                        policy("part", "regex", "POSITIVE", pattern("eng")),
                    ],
                    &[("inventory:view", "whole"), ("inventory:add", "part")],
                )
            },
            &[("alice", true, false), ("bob", false, false), ("carol", true, false)],
        ),
        decides(
            "aggregates-and-their-logic",
            &|| {
                let of = |names: &str| json!({ "applyPolicies": names });
                let either = policy("either", "aggregate", "POSITIVE", of("[\"staff\",\"admin\"]"));
                let either = with(either, "decisionStrategy", json!("AFFIRMATIVE"));
                simple(
                    vec![
                        role("staff", "POSITIVE", "staff"),
                        role("admin", "POSITIVE", "admin"),
                        either,
                        policy("not-both", "aggregate", "NEGATIVE", of("[\"staff\",\"either\"]")),
                    ],
                    &[("inventory:view", "either"), ("inventory:add", "not-both")],
                )
            },
            &[("alice", true, true), ("bob", true, false), ("carol", false, true)],
        ),
        decides(
            "what-cannot-be-decided-is-denied-under-negative-logic-too",
            &|| {
                let fetched = json!({"roles": json!([{"id": "nobody"}]).to_string(), "fetchRoles": "true"});
                simple(
                    vec![
                        policy("script", "js", "NEGATIVE", json!({"code": "$evaluation.deny()"})),
                        policy("fetched", "role", "NEGATIVE", fetched),
                    ],
                    &[("inventory:view", "script"), ("inventory:add", "fetched")],
                )
            },
            &[("alice", false, false), ("frank", false, false)],
        ),
        decides("enforcing-without-a-permission", &|| simple(Vec::new(), &[]), &[("alice", false, false)]),
        decides(
            "permissive-without-a-permission",
            &|| {
                let config = simple(vec![role("staff", "POSITIVE", "staff")], &[("inventory:add", "staff")]);
                // Each scope on a resource of its own: one that a permission is about is not open.
                let resources = json!([
                    {"name": "seen", "scopes": [{"name": "inventory:view"}]},
                    {"name": "store", "scopes": [{"name": "inventory:add"}]}
                ]);
                with(with(config, "policyEnforcementMode", json!("PERMISSIVE")), "resources", resources)
            },
            &[("alice", true, false), ("bob", true, true)],
        ),
        decides(
            "disabled-lets-everybody-in",
            &|| {
                let config = simple(
                    vec![role("nobody", "POSITIVE", "no-such-role")],
                    &[("inventory:view", "nobody"), ("inventory:add", "nobody")],
                );
                with(config, "policyEnforcementMode", json!("DISABLED"))
            },
            &[("frank", true, true)],
        ),
        Case::own("inventory/time-zone", CONTRACT, time_zone),
    ];
    for (name, variable, value) in [
        ("config-that-is-not-there", CONFIG, "/no-such-folder/authorization-config.json"),
        ("time-zone-that-is-none", ZONE, "Mars/Olympus_Mons"),
    ] {
        cases.push(Case::own(format!("inventory/{name}"), CONTRACT, async move |kit: &Kit| {
            let mut environment = kit.environment();
            environment.insert(variable.to_owned(), value.to_owned());
            super::startup::refused(&kit.start_refused(environment).await?, variable)
        }));
    }
    for (name, text) in [
        ("config-that-is-no-json", "{\"policies\": ["),
        ("config-of-another-kind", "{\"realm\": \"kc-demo\", \"resource\": \"api\"}"),
        ("config-with-an-unknown-mode", "{\"policyEnforcementMode\": \"SOMETIMES\"}"),
    ] {
        cases.push(Case::own(format!("inventory/{name}"), CONTRACT, async move |kit: &Kit| {
            let mut environment = kit.environment();
            environment.insert(CONFIG.to_owned(), kit.file("authz.json", text)?);
            super::startup::refused(&kit.start_refused(environment).await?, CONFIG)
        }));
    }
    cases.into_iter().map(|case| case.needing(Capability::Authorization)).collect()
}

/// With a configuration, which users may view and which may add.
fn decides(
    name: &'static str,
    config: &'static dyn Fn() -> Value,
    users: &'static [(&'static str, bool, bool)],
) -> Case {
    Case::own(format!("inventory/{name}"), CONTRACT, async move |kit: &Kit| {
        kit.start(&[(CONFIG, &kit.file("authz.json", &config().to_string())?)]).await?;
        for (user, view, add) in users {
            let token = kit.token(user).await?;
            for (method, may, status) in [("GET", view, 200), ("POST", add, 201)] {
                if *may {
                    kit.send(&Request::new(method, "/inventory").bearer(&token)).await?.has_status(status)?;
                } else {
                    denied(kit, method, &token).await?;
                }
            }
        }
        Ok(())
    })
}

async fn denied(kit: &Kit, method: &'static str, token: &str) -> CaseResult {
    let reply = kit.send(&Request::new(method, "/inventory").bearer(token)).await?;
    reply.refused(403, DENIED)?;
    reply.has_detail("Insufficient permissions")?;
    let scope = if method == "GET" { "inventory:view" } else { "inventory:add" };
    let challenge = reply.challenge()?;
    ensure(challenge.get("error") == Some("insufficient_scope"), || {
        "another error than insufficient_scope".to_owned()
    })?;
    ensure(challenge.get("scope") == Some(scope), || format!("the challenge does not name the scope {scope}"))
}

/// In the first half of the day it is the second one twelve hours to the east.
async fn time_zone(kit: &Kit) -> CaseResult {
    let morning = json!({"hour": "0", "hourEnd": "11"});
    let config =
        simple(vec![policy("morning", "time", "POSITIVE", morning)], &[("inventory:view", "morning")]);
    let path = kit.file("authz.json", &config.to_string())?;
    let token = kit.token("alice").await?;
    // Again if noon or midnight passes meanwhile.
    for _ in 0..2 {
        let before = is_morning()?;
        kit.start(&[(CONFIG, &path)]).await?;
        let utc = kit.get("/inventory", &token).await?;
        kit.start(&[(CONFIG, &path), (ZONE, "Etc/GMT-12")]).await?;
        let east = kit.get("/inventory", &token).await?;
        if before == is_morning()? {
            let (open, closed) = if before { (utc, east) } else { (east, utc) };
            open.has_status(200)?;
            return closed.refused(403, DENIED);
        }
    }
    Err(Failure::new("the day went by too fast"))
}

fn is_morning() -> Result<bool, Failure> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.map_err(|_| Failure::new("the clock shows a year before 1970"))?;
    Ok(since.as_secs() % 86_400 < 43_200)
}

/// One resource with both scopes, and a scope permission for each of these by one policy.
fn simple(mut policies: Vec<Value>, permissions: &[(&str, &str)]) -> Value {
    for (scope, by) in permissions {
        let config = json!({"scopes": json!([scope]).to_string(), "applyPolicies": json!([by]).to_string()});
        policies.push(policy(&format!("{scope} by {by}"), "scope", "POSITIVE", config));
    }
    let scopes = json!([{"name": "inventory:view"}, {"name": "inventory:add"}]);
    json!({
        "allowRemoteResourceManagement": true,
        "policyEnforcementMode": "ENFORCING",
        "decisionStrategy": "UNANIMOUS",
        "scopes": scopes,
        "resources": [{"name": "store", "ownerManagedAccess": false, "uris": ["/inventory"], "scopes": scopes}],
        "policies": policies
    })
}

/// The same with a member set.
fn with(mut object: Value, member: &str, value: Value) -> Value {
    if let Value::Object(members) = &mut object {
        members.insert(member.to_owned(), value);
    }
    object
}

fn role(name: &str, logic: &str, role: &str) -> Value {
    policy(name, "role", logic, json!({"roles": json!([{"id": role, "required": false}]).to_string()}))
}

fn policy(name: &str, kind: &str, logic: &str, config: Value) -> Value {
    json!({"name": name, "type": kind, "logic": logic, "decisionStrategy": "UNANIMOUS", "config": config})
}
