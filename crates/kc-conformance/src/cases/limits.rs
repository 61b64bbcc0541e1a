//! Sizes.

use kc_dev::Mint;

use crate::case::{Case, Failure, ensure};
use crate::http::Request;
use crate::kit::Kit;

const CONTRACT: &str = "contract: order (48 KiB)";
const LIMIT: usize = 48 * 1024;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("limits/token-of-48-kib", CONTRACT, async |kit: &Kit| {
            kit.me(&token_of(kit, LIMIT).await?).await?.has_status(200)
        }),
        Case::new("limits/token-of-48-kib-and-one-byte", CONTRACT, async |kit: &Kit| {
            kit.me(&token_of(kit, LIMIT + 1).await?).await?.refused(401, "token_too_large")
        }),
        Case::new("limits/garbage-of-60-kib", CONTRACT, async |kit: &Kit| {
            kit.me(&"a".repeat(60 * 1024)).await?.refused(401, "token_too_large")
        }),
        Case::new("limits/size-before-structure", "contract: order", async |kit: &Kit| {
            kit.me(&".".repeat(LIMIT + 1)).await?.refused(401, "token_too_large")
        }),
        Case::new("limits/roles-in-a-hundred-clients", "contract: which tokens", async |kit: &Kit| {
            let access: serde_json::Map<String, serde_json::Value> = (0..100)
                .map(|n| {
                    (format!("client-{n}"), serde_json::json!({"roles": ["admin", "staff", "api-admin"]}))
                })
                .collect();
            let token = kit.mint().without("realm_access").claim("resource_access", access).sign().await?;
            kit.me(&token).await?.has_status(200)?;
            kit.get("/reports", &token).await?.refused(403, "missing_roles")
        }),
        Case::new("limits/a-thousand-roles", "contract: which tokens", async |kit: &Kit| {
            let roles = (0..1000).map(|n| format!("r{n}"));
            let token = kit.mint().realm_roles(roles.chain(["staff".to_owned()])).sign().await?;
            kit.get("/reports", &token).await?.has_status(200)
        }),
        Case::new("limits/request-head-of-a-megabyte", "RFC 6585 §5", async |kit: &Kit| {
            // Refused or cut, as the server likes; the service lives on.
            let request = Request::get("/me").header("X-Filler", "x".repeat(1024 * 1024));
            if let Ok(reply) = kit.send(&request).await {
                ensure(matches!(reply.status, 400 | 401 | 413 | 431), || {
                    reply.unlike("400, 401, 413, 431 or a closed connection").to_string()
                })?;
            }
            kit.me(&kit.token("alice").await?).await?.has_status(200)
        }),
        Case::new(
            "limits/body-of-a-refused-request-is-not-waited-for",
            "RFC 9110 §9.3.3",
            async |kit: &Kit| {
                let request =
                    Request::new("POST", "/items?item_name=x").body("text/plain", vec![b'x'; 200_000]);
                if let Ok(reply) = kit.send(&request).await {
                    reply.refused(401, "not_authenticated")?;
                }
                kit.send(&Request::get("/health")).await?.has_status(200)
            },
        ),
    ]
}

/// A good token of exactly that many bytes.
async fn token_of(kit: &Kit, bytes: usize) -> Result<String, Failure> {
    // Base64url makes 2, 3 or 4 letters of 1, 2 or 3 bytes: padding in both segments reaches every length.
    for header in 0..4 {
        let padded = |payload: usize| -> Mint {
            kit.mint().header("pad", "h".repeat(header)).claim("pad", "p".repeat(payload))
        };
        let base = padded(0).sign().await?.len();
        let payload = bytes.saturating_sub(base) * 3 / 4;
        for payload in payload.saturating_sub(3)..=payload + 3 {
            let token = padded(payload).sign().await?;
            if token.len() == bytes {
                return Ok(token);
            }
        }
    }
    Err(Failure::new(format!("the suite can't make a token of {bytes} bytes")))
}
