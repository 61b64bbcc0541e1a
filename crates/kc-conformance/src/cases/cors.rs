//! Cross-origin requests.

use crate::case::{Case, CaseResult, Environment, Setup, ensure};
use crate::http::Request;
use crate::kit::Kit;
use crate::reply::Reply;

const FETCH: &str = "Fetch §3.3 (CORS protocol)";
/// Listed by default while the issuer is on this machine.
const LISTED: &str = "http://localhost:3000";
const EVIL: &str = "https://evil.example";

const OWN_LIST: Setup = Setup::Shared(&Environment {
    name: "cors",
    variables: &[("CORS_ALLOWED_ORIGINS", "https://app.example.com, https://other.example.com:8443")],
});

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("cors/preflight", FETCH, async |kit: &Kit| {
            let reply = kit.send(&preflight("/items", LISTED)).await?;
            ensure(matches!(reply.status, 200 | 204), || reply.unlike("200 or 204").to_string())?;
            reply.has_header("access-control-allow-origin", LISTED)?;
            reply.has_header("access-control-allow-credentials", "true")?;
            reply.has_header("access-control-max-age", "600")?;
            lists(
                &reply,
                "access-control-allow-methods",
                &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
            )?;
            lists(
                &reply,
                "access-control-allow-headers",
                &["authorization", "content-type", "dpop", "x-csrf-token"],
            )?;
            varies(&reply)
        }),
        Case::new("cors/preflight-of-every-default-origin", "contract: CORS", async |kit: &Kit| {
            for origin in [LISTED, "http://localhost:5173"] {
                let reply = kit.send(&preflight("/me", origin)).await?;
                reply.has_header("access-control-allow-origin", origin)?;
            }
            Ok(())
        }),
        Case::new("cors/preflight-of-another-origin", "contract: CORS", async |kit: &Kit| {
            let reply = kit.send(&preflight("/items", EVIL)).await?;
            reply.refused(405, "method_not_allowed")?;
            not_allowed(&reply)
        }),
        Case::new("cors/options-without-an-origin", "contract: CORS", async |kit: &Kit| {
            let request = Request::new("OPTIONS", "/me").header("Access-Control-Request-Method", "GET");
            kit.send(&request).await?.refused(405, "method_not_allowed")
        }),
        Case::new("cors/options-that-is-no-preflight", "contract: CORS", async |kit: &Kit| {
            let request = Request::new("OPTIONS", "/me").header("Origin", LISTED);
            kit.send(&request).await?.refused(405, "method_not_allowed")
        }),
        Case::new("cors/answer-to-a-listed-origin", FETCH, async |kit: &Kit| {
            let request = Request::get("/me").header("Origin", LISTED).bearer(&kit.token("alice").await?);
            let reply = kit.send(&request).await?;
            reply.has_status(200)?;
            allowed(&reply, LISTED)
        }),
        Case::new("cors/refusal-to-a-listed-origin", FETCH, async |kit: &Kit| {
            let request = Request::get("/me").header("Origin", LISTED);
            let reply = kit.send(&request).await?;
            reply.refused(401, "not_authenticated")?;
            allowed(&reply, LISTED)?;
            reply.has_header("access-control-expose-headers", "WWW-Authenticate")?;
            let request = Request::get("/items").header("Origin", LISTED).bearer(&kit.token("carol").await?);
            allowed(&kit.send(&request).await?, LISTED)
        }),
        Case::new("cors/not-found-to-a-listed-origin", FETCH, async |kit: &Kit| {
            allowed(&kit.send(&Request::get("/nowhere").header("Origin", LISTED)).await?, LISTED)
        }),
        Case::new("cors/answer-to-another-origin", FETCH, async |kit: &Kit| {
            let request = Request::get("/me").header("Origin", EVIL).bearer(&kit.token("alice").await?);
            let reply = kit.send(&request).await?;
            reply.has_status(200)?;
            not_allowed(&reply)
        }),
        Case::new("cors/answer-without-an-origin-varies", "RFC 9110 §12.5.5", async |kit: &Kit| {
            varies(&kit.send(&Request::get("/health")).await?)
        }),
        Case::new("cors/origins-are-compared-whole", FETCH, async |kit: &Kit| {
            for origin in [
                "null",
                "http://localhost:3000.evil.example",
                "http://localhost:30000",
                "http://localhost",
                "https://localhost:3000",
                "HTTP://LOCALHOST:3000",
                "http://localhost:3000/",
                "http://evil.example/http://localhost:3000",
                "http://xlocalhost:3000",
            ] {
                let reply = kit.send(&Request::get("/health").header("Origin", origin)).await?;
                not_allowed(&reply)?;
            }
            Ok(())
        }),
        Case::new("cors/own-list", "contract: CORS", async |kit: &Kit| {
            for origin in ["https://app.example.com", "https://other.example.com:8443"] {
                allowed(&kit.send(&Request::get("/health").header("Origin", origin)).await?, origin)?;
            }
            not_allowed(&kit.send(&Request::get("/health").header("Origin", LISTED)).await?)
        })
        .with(OWN_LIST),
    ]
}

fn preflight(path: &str, origin: &str) -> Request {
    Request::new("OPTIONS", path)
        .header("Origin", origin)
        .header("Access-Control-Request-Method", "DELETE")
        .header("Access-Control-Request-Headers", "authorization")
}

fn allowed(reply: &Reply, origin: &str) -> CaseResult {
    reply.has_header("access-control-allow-origin", origin)?;
    reply.has_header("access-control-allow-credentials", "true")?;
    varies(reply)
}

fn not_allowed(reply: &Reply) -> CaseResult {
    reply.lacks_header("access-control-allow-origin")?;
    reply.lacks_header("access-control-allow-credentials")?;
    varies(reply)
}

fn varies(reply: &Reply) -> CaseResult {
    let values = reply.header_values("vary").join(",").to_ascii_lowercase();
    ensure(values.split(',').any(|name| name.trim() == "origin"), || {
        format!("{}: expected Vary: Origin, got {values:?}", reply.request)
    })
}

/// The header's comma separated values, in any order and case.
fn lists(reply: &Reply, name: &str, expected: &[&str]) -> CaseResult {
    let value = reply.header(name).unwrap_or_default().to_ascii_lowercase();
    let mut got: Vec<&str> = value.split(',').map(str::trim).collect();
    got.sort_unstable();
    let mut expected: Vec<String> = expected.iter().map(|value| value.to_ascii_lowercase()).collect();
    expected.sort_unstable();
    ensure(got == expected, || format!("{}: expected {name}: {expected:?}, got {got:?}", reply.request))
}
