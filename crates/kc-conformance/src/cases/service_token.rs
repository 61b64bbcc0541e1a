//! `GET /service-token`: the service gets a token for itself.

use kc_dev::{Endpoint, Fault};
use serde_json::Value;

use crate::case::{Case, CaseResult, ensure};
use crate::kit::Kit;

const SPEC: &str = "RFC 6749 §4.4";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::own("service-token/fetched-once-and-kept", SPEC, async |kit: &Kit| {
            kit.start(&[]).await?;
            for _ in 0..3 {
                good(kit).await?;
            }
            let asked = kit.asked(Endpoint::Token);
            ensure(asked == 1, || format!("expected one request for a token, got {asked}"))
        }),
        Case::own("service-token/recovers", SPEC, async |kit: &Kit| {
            kit.issuer.fault(Endpoint::Token, Fault::Status(500));
            kit.start(&[]).await?;
            failed(kit).await?;
            kit.issuer.clear_fault(Endpoint::Token);
            // A service may wait a moment before it asks again.
            tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
            good(kit).await
        }),
        faulty("service-token/a-server-error-is-502", Fault::Status(500)),
        faulty("service-token/refused-is-502", Fault::Status(401)),
        faulty("service-token/garbage-is-502", Fault::Garbage),
        faulty("service-token/an-empty-answer-is-502", Fault::Empty),
        faulty("service-token/a-cut-connection-is-502", Fault::Cut),
        Case::own("service-token/wrong-secret-is-502", "RFC 6749 §5.2", async |kit: &Kit| {
            kit.start(&[("KEYCLOAK_CLIENT_SECRET", "another-secret-of-somebody-else")]).await?;
            failed(kit).await
        }),
    ]
}

fn faulty(id: &str, fault: Fault) -> Case {
    Case::own(id, "contract: service token", async move |kit| {
        kit.issuer.fault(Endpoint::Token, fault.clone());
        kit.start(&[]).await?;
        failed(kit).await
    })
}

async fn good(kit: &Kit) -> CaseResult {
    let reply = kit.get("/service-token", &kit.token("alice").await?).await?;
    reply.has_status(200)?;
    let body = reply.json()?;
    let expires_in = body.get("expires_in").and_then(Value::as_u64);
    let alone = body.as_object().is_some_and(|members| members.len() == 1);
    ensure(alone && expires_in.is_some_and(|secs| secs > 0 && secs <= 300), || {
        reply.unlike("only expires_in, from 1 to 300").to_string()
    })
}

async fn failed(kit: &Kit) -> CaseResult {
    let reply = kit.get("/service-token", &kit.token("alice").await?).await?;
    reply.refused(502, "service_token_unavailable")?;
    reply.lacks_header("www-authenticate")
}
