//! `DELETE /items/{id}`: the one route that asks Keycloak whether the token is still active.

use std::time::Duration;

use kc_dev::{Endpoint, Fault};
use serde_json::{Value, json};

use crate::case::{Case, CaseResult, Failure, ensure};
use crate::http::Request;
use crate::kit::{CLIENT_SECRET, Kit};
use crate::reply::Reply;
use crate::stand_in::StandIn;

const CONTRACT: &str = "contract: introspection";
const RFC: &str = "RFC 7662 §2.2";

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new("introspection/active", RFC, async |kit: &Kit| {
            let reply = delete(kit, &kit.token("alice").await?).await?;
            reply.has_status(204)?;
            ensure(reply.body.is_empty(), || "DELETE /items/1: expected an empty body".to_owned())
        }),
        Case::new("introspection/session-ended", RFC, async |kit: &Kit| {
            let token = kit.token("alice").await?;
            delete(kit, &token).await?.has_status(204)?;
            kit.issuer.logout_user("alice").await?;
            let reply = delete(kit, &token).await?;
            reply.refused(401, "token_inactive")?;
            reply.has_detail("Token is no longer active")
        }),
        Case::new("introspection/asked-each-time", CONTRACT, async |kit: &Kit| {
            let token = kit.token("alice").await?;
            for _ in 0..3 {
                delete(kit, &token).await?.has_status(204)?;
            }
            asked(kit, 3)
        }),
        Case::new("introspection/asked-only-where-the-rule-demands-it", CONTRACT, async |kit: &Kit| {
            let token = kit.token("alice").await?;
            kit.get("/items", &token).await?.has_status(200)?;
            kit.get("/admin/users", &token).await?.has_status(200)?;
            asked(kit, 0)
        }),
        Case::new("introspection/missing-role-first", "contract: order", async |kit: &Kit| {
            delete(kit, &kit.token("bob").await?).await?.refused(403, "missing_roles")?;
            asked(kit, 0)
        }),
        Case::new("introspection/bad-token-first", "contract: order", async |kit: &Kit| {
            delete(kit, &kit.mint().expires_in(-60).sign().await?).await?.refused(401, "token_expired")?;
            asked(kit, 0)
        }),
        Case::new("introspection/before-parameters", "contract: order", async |kit: &Kit| {
            kit.issuer.fault(Endpoint::Introspect, Fault::Status(500));
            let request = Request::new("DELETE", "/items/x").bearer(&kit.token("alice").await?);
            kit.send(&request).await?.refused(502, "introspection_unavailable")
        }),
        Case::new("introspection/recovers", CONTRACT, async |kit: &Kit| {
            let token = kit.token("alice").await?;
            kit.issuer.fault_times(Endpoint::Introspect, Fault::Status(500), 1);
            unreachable(&delete(kit, &token).await?)?;
            delete(kit, &token).await?.has_status(204)
        }),
        Case::own("introspection/slow-is-502-in-time", CONTRACT, async |kit: &Kit| {
            kit.issuer.fault(Endpoint::Introspect, Fault::Slow(Duration::from_secs(60)));
            kit.start(&[("KEYCLOAK_HTTP_TIMEOUT_SECONDS", "1")]).await?;
            let since = std::time::Instant::now();
            unreachable(&delete(kit, &kit.token("alice").await?).await?)?;
            let took = since.elapsed();
            ensure(took < Duration::from_secs(6), || {
                format!("DELETE /items/1: expected 502 after about a second, got it after {took:.1?}")
            })
        }),
        Case::own("introspection/no-redirect-is-followed", CONTRACT, async |kit: &Kit| {
            let elsewhere = StandIn::start().await?;
            elsewhere.answer_json("", &json!({"active": true}));
            kit.issuer.fault(Endpoint::Introspect, Fault::Redirect(format!("{}/x", elsewhere.url())));
            kit.start(&[]).await?;
            unreachable(&delete(kit, &kit.token("alice").await?).await?)?;
            let followed = elsewhere.seen("").len();
            ensure(followed == 0, || {
                format!("expected that the redirect isn't followed, got {followed} requests")
            })
        }),
        Case::own("introspection/wrong-secret-is-502", "RFC 7662 §2.3", async |kit: &Kit| {
            kit.start(&[("KEYCLOAK_CLIENT_SECRET", "another-secret-of-somebody-else")]).await?;
            unreachable(&delete(kit, &kit.token("alice").await?).await?)
        }),
        Case::own("introspection/credentials-and-token-in-the-form", CONTRACT, async |kit: &Kit| {
            let stand_in = StandIn::with_keys_of(kit).await?;
            stand_in.answer_json("/introspect", &json!({"active": true}));
            kit.start(&[("KEYCLOAK_INTERNAL_URL", &stand_in.url())]).await?;
            let token = kit.token("alice").await?;
            delete(kit, &token).await?.has_status(204)?;
            let seen = stand_in.seen("/introspect");
            let [one] = seen.as_slice() else {
                return Err(Failure::new(format!("expected one introspection, got {}", seen.len())));
            };
            let holds = |what: &str| one.body.contains(what);
            ensure(one.head.starts_with("POST "), || "expected that introspection is a POST".to_owned())?;
            ensure(holds(&format!("token={token}")), || "expected the token in the form".to_owned())?;
            ensure(holds("client_id=api") && holds(CLIENT_SECRET), || {
                "expected the client's credentials in the form".to_owned()
            })?;
            ensure(!one.target.contains(&token) && !one.head.contains(CLIENT_SECRET), || {
                "expected neither token nor secret in the URL or the headers".to_owned()
            })
        }),
    ];
    for (name, fault) in [
        ("a-server-error", Fault::Status(500)),
        ("unauthorized", Fault::Status(401)),
        ("created", Fault::Status(201)),
        ("no-content", Fault::Status(204)),
        ("garbage", Fault::Garbage),
        ("an-html-page", Fault::Html),
        ("no-active", Fault::Empty),
        ("a-cut-connection", Fault::Cut),
        ("a-huge-answer", Fault::Huge(8 * 1024 * 1024)),
    ] {
        cases.push(Case::new(format!("introspection/{name}-is-502"), CONTRACT, async move |kit| {
            kit.issuer.fault(Endpoint::Introspect, fault.clone());
            unreachable(&delete(kit, &kit.token("alice").await?).await?)
        }));
    }
    for (name, answer) in [
        ("active-as-text", json!({"active": "true"})),
        ("active-as-number", json!({"active": 1})),
        ("active-null", json!({"active": null})),
        ("a-list", json!([{"active": true}])),
        ("true", json!(true)),
    ] {
        cases.push(answered(&format!("introspection/{name}-is-502"), answer, unreachable));
    }
    let inactive: fn(&Reply) -> CaseResult = |reply| reply.refused(401, "token_inactive");
    // Which of the two it is called is left open.
    let refused: fn(&Reply) -> CaseResult =
        |reply| reply.refused_as(401, &["token_inactive", "wrong_token_type"]);
    cases.extend([
        answered("introspection/inactive", json!({"active": false}), inactive),
        answered("introspection/inactive-with-claims", json!({"active": false, "typ": "Bearer"}), inactive),
        answered("introspection/active-alone", json!({"active": true}), |reply| reply.has_status(204)),
        answered("introspection/another-kind", json!({"active": true, "typ": "Refresh"}), refused),
        answered("introspection/another-token-type", json!({"active": true, "token_type": "ID"}), refused),
        answered("introspection/another-subject", json!({"active": true, "sub": "somebody"}), refused),
        answered(
            "introspection/another-issuer",
            json!({"active": true, "iss": "https://evil.example"}),
            refused,
        ),
    ]);
    cases
}

/// A service whose introspection answers that.
fn answered(id: &str, answer: Value, check: fn(&Reply) -> CaseResult) -> Case {
    Case::own(id, CONTRACT, async move |kit| {
        let stand_in = StandIn::with_keys_of(kit).await?;
        stand_in.answer_json("/introspect", &answer);
        kit.start(&[("KEYCLOAK_INTERNAL_URL", &stand_in.url())]).await?;
        check(&delete(kit, &kit.token("alice").await?).await?)
    })
}

async fn delete(kit: &Kit, token: &str) -> Result<Reply, Failure> {
    kit.send(&Request::new("DELETE", "/items/1").bearer(token)).await
}

fn unreachable(reply: &Reply) -> CaseResult {
    reply.refused(502, "introspection_unavailable")?;
    reply.has_detail("Failed to reach Keycloak introspection endpoint")?;
    reply.lacks_header("www-authenticate")
}

fn asked(kit: &Kit, expected: u64) -> CaseResult {
    let got = kit.asked(Endpoint::Introspect);
    ensure(got == expected, || format!("expected {expected} introspections, got {got}"))
}
