//! The bodies of refusals (RFC 9457).

use serde_json::Value;

use crate::case::{Case, CaseResult, Failure, ensure};
use crate::http::Request;
use crate::kit::Kit;
use crate::reply::Reply;

const RFC: &str = "RFC 9457 §3";
const CONTRACT: &str = "contract: refusals";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        body("problems/no-credentials", async |kit| kit.send(&Request::get("/me")).await),
        body("problems/malformed-request", async |kit| {
            kit.send(&Request::get("/me").authorization("Bearer")).await
        }),
        body("problems/malformed-token", async |kit| kit.me("garbage").await),
        body("problems/missing-role", async |kit| kit.get("/reports", &kit.token("carol").await?).await),
        body("problems/not-found", async |kit| kit.send(&Request::get("/nowhere")).await),
        body("problems/method-not-allowed", async |kit| kit.send(&Request::new("PUT", "/me")).await),
        body("problems/bad-parameter", async |kit| {
            kit.send(&Request::new("POST", "/items").bearer(&kit.token("alice").await?)).await
        }),
        body("problems/introspection-unreachable", async |kit| {
            kit.issuer.fault(kc_dev::Endpoint::Introspect, kc_dev::Fault::Status(500));
            kit.send(&Request::new("DELETE", "/items/1").bearer(&kit.token("alice").await?)).await
        }),
        Case::new("problems/details-of-the-contract", CONTRACT, async |kit: &Kit| {
            kit.send(&Request::get("/me")).await?.has_detail("Not authenticated")?;
            let expired = kit.mint().expires_in(-60).sign().await?;
            kit.me(&expired).await?.has_detail("Token has expired")?;
            let elsewhere = kit.mint().claim("aud", "x").sign().await?;
            kit.me(&elsewhere).await?.has_detail("Invalid token audience")
        }),
        Case::new("problems/any-other-defect", CONTRACT, async |kit: &Kit| {
            let tokens = [
                "garbage".to_owned(),
                kit.mint().unsigned().sign().await?,
                kit.mint().claim("typ", "ID").sign().await?,
                kit.mint().claim("iss", "x").sign().await?,
                kit.token_of_a_stranger().await?,
            ];
            for token in &tokens {
                let reply = kit.me(token).await?;
                reply.has_status(401)?;
                let detail = reply.json()?.get("detail").and_then(Value::as_str).map(str::to_owned);
                let begins = detail.is_some_and(|detail| detail.starts_with("Token validation failed: "));
                ensure(begins, || {
                    reply.unlike("a detail that begins with Token validation failed").to_string()
                })?;
            }
            Ok(())
        }),
        Case::new("problems/one-title-for-each-code", RFC, async |kit: &Kit| {
            let title = async |token: &str| -> Result<Value, Failure> {
                Ok(kit.me(token).await?.json()?.get("title").cloned().unwrap_or_default())
            };
            let (first, second) = (title("garbage").await?, title("a.b").await?);
            ensure(first == second && first.is_string(), || {
                format!("expected one title for malformed_token, got {first} and {second}")
            })
        }),
        Case::new("problems/the-token-is-never-repeated", CONTRACT, async |kit: &Kit| {
            // `send` looks at every answer; these are the likeliest to repeat something.
            for mint in [
                kit.mint().claim("typ", "x".repeat(50)),
                kit.mint().claim("iss", "y".repeat(50)),
                kit.mint().header("kid", "z".repeat(50)),
                kit.mint().header("alg", "w".repeat(50)),
            ] {
                let text = kit.me(&mint.sign().await?).await?.text();
                let repeated =
                    ["x", "y", "z", "w"].into_iter().any(|letter| text.contains(&letter.repeat(20)));
                ensure(!repeated, || format!("expected nothing of the token in the answer, got {text}"))?;
            }
            Ok(())
        }),
    ]
}

/// The body of a refusal: exactly these members, and true ones.
fn body(id: &str, send: impl AsyncFn(&Kit) -> Result<Reply, Failure> + 'static) -> Case {
    Case::new(id, RFC, async move |kit| problem(&send(kit).await?))
}

fn problem(reply: &Reply) -> CaseResult {
    reply.has_header("content-type", "application/problem+json")?;
    let body = reply.json()?;
    let members: Vec<&str> =
        body.as_object().into_iter().flat_map(|body| body.keys()).map(String::as_str).collect();
    let mut sorted = members.clone();
    sorted.sort_unstable();
    let expected = ["code", "detail", "status", "title", "type"];
    ensure(sorted == expected, || format!("{}: expected {expected:?}, got {members:?}", reply.request))?;
    let text = |name| body.get(name).and_then(Value::as_str).unwrap_or_default();
    ensure(text("type") == format!("urn:kc:problem:{}", text("code")), || {
        reply.unlike("the type urn:kc:problem:CODE").to_string()
    })?;
    ensure(body.get("status").and_then(Value::as_u64) == Some(u64::from(reply.status)), || {
        reply.unlike("the response's status in the body").to_string()
    })?;
    ensure(!text("title").is_empty() && !text("detail").is_empty(), || {
        reply.unlike("a title and a detail").to_string()
    })
}
