//! `WWW-Authenticate` (RFC 6750 §3, RFC 9110 §11.6.1).

use crate::case::{Case, CaseResult, Failure, ensure};
use crate::http::Request;
use crate::kit::Kit;
use crate::reply::Reply;

const RFC: &str = "RFC 6750 §3";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("challenges/no-credentials", "RFC 6750 §3.1", async |kit: &Kit| {
            let reply = kit.send(&Request::get("/me")).await?;
            let challenge = reply.challenge()?;
            let names: Vec<&str> = challenge.parameters.iter().map(|(name, _)| name.as_str()).collect();
            ensure(names == ["realm"], || {
                format!(
                    "GET /me without credentials: expected only the realm in the challenge, got {names:?}"
                )
            })?;
            says(&reply, "realm", kit.realm())
        }),
        said("challenges/malformed-request", "invalid_request", async |kit| {
            kit.send(&Request::get("/me").authorization("Bearer")).await
        }),
        said("challenges/malformed-token", "invalid_token", async |kit| kit.me("garbage").await),
        said("challenges/expired", "invalid_token", async |kit| {
            kit.me(&kit.mint().expires_in(-60).sign().await?).await
        }),
        said("challenges/wrong-audience", "invalid_token", async |kit| {
            kit.me(&kit.mint().claim("aud", "x").sign().await?).await
        }),
        said("challenges/stranger", "invalid_token", async |kit| {
            kit.me(&kit.token_of_a_stranger().await?).await
        }),
        said("challenges/inactive", "invalid_token", async |kit| {
            let token = kit.token("alice").await?;
            kit.issuer.logout_user("alice").await?;
            kit.send(&Request::new("DELETE", "/items/1").bearer(&token)).await
        }),
        said("challenges/missing-roles", "insufficient_scope", async |kit| {
            kit.get("/reports", &kit.token("carol").await?).await
        }),
        said("challenges/insufficient-permissions", "insufficient_scope", async |kit| {
            kit.get("/items", &kit.token("carol").await?).await
        }),
        Case::new("challenges/none-where-credentials-are-not-the-matter", RFC, async |kit: &Kit| {
            let token = kit.token("alice").await?;
            kit.get("/nowhere", &token).await?.lacks_header("www-authenticate")?;
            kit.send(&Request::new("PUT", "/me").bearer(&token)).await?.lacks_header("www-authenticate")?;
            let bad = Request::new("POST", "/items").bearer(&token);
            kit.send(&bad).await?.lacks_header("www-authenticate")?;
            kit.me(&token).await?.lacks_header("www-authenticate")
        }),
        Case::new("challenges/nothing-of-the-token-breaks-out", "RFC 9110 §5.5", async |kit: &Kit| {
            let nasty = "x\", error=\"none\r\nSet-Cookie: a=b\r\n\r\n<script>";
            for claim in ["typ", "iss", "aud"] {
                let reply = kit.me(&kit.mint().claim(claim, nasty).sign().await?).await?;
                reply.has_status(401)?;
                says(&reply, "error", "invalid_token")?;
                reply.lacks_header("set-cookie")?;
                ensure(!reply.text().contains("<script>"), || {
                    format!("expected nothing of the claim {claim} in the answer, got it")
                })?;
            }
            let reply = kit.me(&kit.mint().header("kid", nasty).sign().await?).await?;
            reply.lacks_header("set-cookie")?;
            ensure(!reply.text().contains("<script>"), || {
                "expected nothing of the kid in the answer, got it".to_owned()
            })
        }),
    ]
}

/// One challenge with the realm, that error, and the detail as its description.
fn said(id: &str, error: &'static str, send: impl AsyncFn(&Kit) -> Result<Reply, Failure> + 'static) -> Case {
    Case::new(id, RFC, async move |kit| {
        let reply = send(kit).await?;
        says(&reply, "realm", kit.realm())?;
        says(&reply, "error", error)?;
        let detail = reply.json()?.get("detail").and_then(|detail| Some(detail.as_str()?.to_owned()));
        says(&reply, "error_description", &detail.unwrap_or_default())
    })
}

fn says(reply: &Reply, name: &str, value: &str) -> CaseResult {
    let challenge = reply.challenge()?;
    ensure(challenge.get(name) == Some(value), || {
        format!(
            "{}: expected {name}={value:?} in the challenge, got {:?}",
            reply.request, challenge.parameters
        )
    })
}
