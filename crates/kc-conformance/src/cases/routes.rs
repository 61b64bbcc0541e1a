//! The routes' own answers.

use serde_json::{Value, json};

use crate::case::{Case, CaseResult, ensure};
use crate::http::Request;
use crate::kit::Kit;
use crate::reply::Reply;

const CONTRACT: &str = "contract: routes";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("routes/health", CONTRACT, async |kit: &Kit| {
            kit.send(&Request::get("/health")).await?.is(200, &json!({"status": "healthy"}))
        }),
        Case::new("routes/health-looks-at-no-credentials", CONTRACT, async |kit: &Kit| {
            kit.get("/health", "garbage").await?.has_status(200)
        }),
        Case::new("routes/me", CONTRACT, async |kit: &Kit| {
            let reply = kit.me(&kit.token("bob").await?).await?;
            reply.is(
                200,
                &json!({
                    "sub": kit.issuer.user_id("bob"),
                    "email": "bob@example.test",
                    "username": "bob",
                    "first_name": "Bob",
                    "last_name": "Test",
                    "realm_roles": [format!("default-roles-{}", kit.realm()), "offline_access", "staff", "uma_authorization", "user"],
                    "client_roles": ["api-read", "staff"],
                    "is_staff": true,
                    "is_superuser": false,
                }),
            )?;
            is_json(&reply)
        }),
        Case::new("routes/items", CONTRACT, async |kit: &Kit| {
            let owner = kit.issuer.user_id("alice");
            let items = json!([
                {"id": 1, "name": "Widget", "owner": owner},
                {"id": 2, "name": "Gadget", "owner": owner},
            ]);
            kit.get("/items", &kit.token("alice").await?).await?.is(200, &items)
        }),
        Case::new("routes/create-item", CONTRACT, async |kit: &Kit| {
            let request = Request::new("POST", "/items?item_name=Blue+box%20%26%20%C3%A4&x=1");
            let reply = kit.send(&request.bearer(&kit.token("alice").await?)).await?;
            let owner = kit.issuer.user_id("alice");
            reply.is(201, &json!({"id": 3, "name": "Blue box & \u{e4}", "owner": owner}))
        }),
        Case::new("routes/create-item-without-a-name", "contract: refusals", async |kit: &Kit| {
            let token = kit.token("alice").await?;
            for query in ["", "?item_name=", "?name=x", "?item_name=%FF"] {
                let request = Request::new("POST", format!("/items{query}")).bearer(&token);
                kit.send(&request).await?.turned_down(400, "invalid_request")?;
            }
            Ok(())
        }),
        Case::new("routes/delete-item-that-is-no-number", "contract: refusals", async |kit: &Kit| {
            let request = Request::new("DELETE", "/items/x").bearer(&kit.token("alice").await?);
            kit.send(&request).await?.turned_down(400, "invalid_request")
        }),
        Case::new("routes/reports", CONTRACT, async |kit: &Kit| {
            let reply = kit.get("/reports", &kit.token("bob").await?).await?;
            reply.has_status(200)?;
            let body = reply.json()?;
            let text = |name| body.get(name).and_then(Value::as_str).unwrap_or_default();
            let good = text("report") == "Monthly authentication summary"
                && text("generated_by") == "bob"
                && text("generated_at").get(10..11) == Some("T");
            ensure(good, || reply.unlike("report, generated_by bob, generated_at by RFC 3339").to_string())
        }),
        Case::new("routes/cases", CONTRACT, async |kit: &Kit| {
            let token = kit.mint().client_roles("api", ["judge", "admin"]).sign().await?;
            kit.get("/cases", &token).await?.is(200, &json!({"cases": []}))?;
            let request = Request::new("POST", "/cases").bearer(&token);
            kit.send(&request).await?.is(201, &json!({"cases": []}))
        }),
        Case::own("routes/admin-users", "contract: users", async |kit: &Kit| {
            kit.start(&[]).await?;
            for user in ["bob", "alice", "bob"] {
                kit.me(&kit.token(user).await?).await?.has_status(200)?;
                // Dates of joining that are equal would leave the order to the names.
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            let reply = kit.get("/admin/users", &kit.token("alice").await?).await?;
            reply.has_status(200)?;
            let body = reply.json()?;
            let users = body.get("users").and_then(Value::as_array).cloned().unwrap_or_default();
            let names: Vec<&str> =
                users.iter().filter_map(|user| user.get("username").and_then(Value::as_str)).collect();
            ensure(names == ["bob", "alice"], || {
                format!("GET /admin/users: expected bob and alice, oldest first, each once, got {names:?}")
            })?;
            let first = users.first().cloned().unwrap_or_default();
            let members: Vec<&str> =
                first.as_object().into_iter().flat_map(|user| user.keys()).map(String::as_str).collect();
            let expected = ["date_joined", "email", "is_active", "is_staff", "sub", "username"];
            let mut sorted = members.clone();
            sorted.sort_unstable();
            ensure(sorted == expected, || {
                format!("GET /admin/users: expected entries of {expected:?}, got {members:?}")
            })?;
            let said = (body.get("message"), body.get("admin_user"));
            ensure(said == (Some(&json!("Admin access granted")), Some(&json!("alice"))), || {
                reply.unlike("the message and admin_user alice").to_string()
            })
        }),
        Case::new("routes/protected-resource-metadata", "RFC 9728 §2", async |kit: &Kit| {
            let reply = kit.send(&Request::get("/.well-known/oauth-protected-resource")).await?;
            reply.has_status(200)?;
            is_json(&reply)?;
            let body = reply.json()?;
            let servers = body.get("authorization_servers");
            ensure(servers == Some(&json!([kit.issuer.issuer()])), || {
                reply.unlike("authorization_servers with the issuer").to_string()
            })?;
            ensure(body.get("resource").is_some_and(Value::is_string), || {
                reply.unlike("the member resource").to_string()
            })
        }),
    ]
}

fn is_json(reply: &Reply) -> CaseResult {
    let content_type = reply.header("content-type").unwrap_or_default().to_ascii_lowercase();
    ensure(content_type.starts_with("application/json"), || {
        format!("{}: expected Content-Type: application/json, got {content_type:?}", reply.request)
    })
}
