//! Claims: times, issuer, audience, and the shapes of everything that is read.

use kc_dev::Mint;
use serde_json::{Value, json};

use super::{CONTRACT_TOKENS, accepted, refused, refused_as};
use crate::case::{Case, ensure};
use crate::kit::Kit;

pub(crate) fn cases() -> Vec<Case> {
    [times(), issuer(), audience(), shapes(), order()].into_iter().flatten().collect()
}

fn times() -> Vec<Case> {
    let exp = "RFC 7519 §4.1.4";
    let mut cases = vec![
        refused("claims/expired", exp, "token_expired", |mint| mint.expires_in(-60)),
        refused("claims/expired-long-ago", exp, "token_expired", |mint| mint.expires_in(-1_000_000)),
        accepted("claims/expired-within-the-leeway", exp, |mint| mint.expires_in(-2)),
        refused("claims/expired-beyond-the-leeway", exp, "token_expired", |mint| mint.expires_in(-7)),
        refused("claims/exp-zero", exp, "token_expired", |mint| mint.claim("exp", 0)),
        refused("claims/exp-negative", exp, "token_expired", |mint| mint.claim("exp", -1)),
        refused("claims/exp-missing", "RFC 9068 §2.2", "missing_claim", |mint| mint.without("exp")),
        refused("claims/exp-null", CONTRACT_TOKENS, "missing_claim", |mint| mint.claim("exp", json!(null))),
    ];
    for (name, value) in
        [("string", json!("9999999999")), ("true", json!(true)), ("list", json!([1])), ("object", json!({}))]
    {
        for claim in ["exp", "nbf", "iat"] {
            let value = value.clone();
            cases.push(refused(
                &format!("claims/{claim}-is-a-{name}"),
                "RFC 7519 §2",
                "malformed_claim",
                move |mint| mint.claim(claim, value.clone()),
            ));
        }
    }
    for claim in ["nbf", "iat"] {
        let spec = if claim == "nbf" { "RFC 7519 §4.1.5" } else { "RFC 7519 §4.1.6" };
        let at = move |kit: &Kit, secs: i64| kit.mint().claim(claim, kit.issuer.now() + secs);
        cases.push(Case::new(format!("claims/{claim}-in-the-future"), spec, async move |kit| {
            kit.me(&at(kit, 60).sign().await?).await?.refused(401, "token_not_yet_valid")
        }));
        cases.push(Case::new(format!("claims/{claim}-within-the-leeway"), spec, async move |kit| {
            kit.me(&at(kit, 4).sign().await?).await?.has_status(200)
        }));
    }
    cases
}

fn issuer() -> Vec<Case> {
    let spec = "RFC 9068 §4";
    let changed = |id: &str, change: fn(&str) -> Value| {
        Case::new(id, spec, async move |kit: &Kit| {
            let token = kit.mint().claim("iss", change(kit.issuer.issuer())).sign().await?;
            kit.me(&token).await?.refused(401, "invalid_issuer")
        })
    };
    vec![
        changed("claims/iss-of-another-realm", |iss| {
            json!(format!("{}other", iss.trim_end_matches(|letter| letter != '/')))
        }),
        changed("claims/iss-of-another-server", |_| json!("https://evil.example/realms/kc-demo")),
        changed("claims/iss-that-begins-like-ours", |iss| json!(format!("{iss}-2"))),
        changed("claims/iss-that-ours-begins-with", |iss| json!(iss.get(..iss.len() - 3))),
        changed("claims/iss-that-holds-ours", |iss| json!(format!("https://evil.example/?{iss}"))),
        changed("claims/iss-with-a-slash-at-the-end", |iss| json!(format!("{iss}/"))),
        changed("claims/iss-in-another-case", |iss| json!(iss.to_uppercase())),
        changed("claims/iss-of-localhost", |iss| json!(iss.replace("127.0.0.1", "localhost"))),
        changed("claims/iss-empty", |_| json!("")),
        refused("claims/iss-missing", spec, "missing_claim", |mint| mint.without("iss")),
        refused("claims/iss-null", CONTRACT_TOKENS, "missing_claim", |mint| mint.claim("iss", json!(null))),
        Case::new("claims/iss-is-a-list", "RFC 7519 §4.1.1", async |kit: &Kit| {
            let token = kit.mint().claim("iss", json!([kit.issuer.issuer()])).sign().await?;
            kit.me(&token).await?.refused(401, "malformed_claim")
        }),
    ]
}

fn audience() -> Vec<Case> {
    let spec = "RFC 7519 §4.1.3";
    let to = |id: &str, aud: Value| {
        refused(id, spec, "invalid_audience", move |mint| mint.claim("aud", aud.clone()))
    };
    vec![
        accepted("claims/aud-as-a-string", spec, |mint| mint.claim("aud", "api")),
        accepted("claims/aud-as-a-list", spec, |mint| mint.claim("aud", json!(["account", "api"]))),
        to("claims/aud-of-another-service", json!("other")),
        to("claims/aud-account", json!("account")),
        to("claims/aud-of-others", json!(["account", "other"])),
        to("claims/aud-empty", json!("")),
        to("claims/aud-empty-list", json!([])),
        to("claims/aud-in-another-case", json!("API")),
        to("claims/aud-that-begins-like-ours", json!("api-2")),
        to("claims/aud-that-ours-begins-with", json!("ap")),
        to("claims/aud-with-ours-among-words", json!("account api")),
        refused("claims/aud-missing", "RFC 9068 §2.2", "missing_claim", |mint| mint.without("aud")),
        refused("claims/aud-null", CONTRACT_TOKENS, "missing_claim", |mint| mint.claim("aud", json!(null))),
        refused("claims/aud-is-a-number", spec, "malformed_claim", |mint| mint.claim("aud", 1)),
        refused("claims/aud-is-an-object", spec, "malformed_claim", |mint| {
            mint.claim("aud", json!({"api": true}))
        }),
        refused("claims/aud-with-a-number", spec, "malformed_claim", |mint| {
            mint.claim("aud", json!(["api", 1]))
        }),
        refused("claims/azp-is-no-audience", "OpenID Connect Core §2", "invalid_audience", |mint| {
            mint.claim("aud", "account").claim("azp", "api").claim("client_id", "api")
        }),
        Case::new("claims/client-without-our-audience", "Keycloak: audience mapper", async |kit: &Kit| {
            let token = kit.issuer.token("alice", "no-aud").await?;
            kit.me(&token).await?.refused_as(401, &["invalid_audience", "missing_claim"])
        }),
        Case::new("claims/another-client-with-our-audience", spec, async |kit: &Kit| {
            kit.me(&kit.issuer.token("alice", "spa").await?).await?.has_status(200)
        }),
    ]
}

fn shapes() -> Vec<Case> {
    let wrong = |id: &str, claim: &'static str, value: Value| {
        refused(id, CONTRACT_TOKENS, "malformed_claim", move |mint| mint.claim(claim, value.clone()))
    };
    vec![
        wrong("claims/sub-is-a-number", "sub", json!(1)),
        wrong("claims/sub-is-a-list", "sub", json!(["x"])),
        wrong("claims/username-is-a-list", "preferred_username", json!(["alice"])),
        wrong("claims/username-is-an-object", "preferred_username", json!({})),
        wrong("claims/email-is-a-number", "email", json!(1)),
        wrong("claims/typ-is-a-number", "typ", json!(1)),
        wrong("claims/realm-access-is-a-string", "realm_access", json!("admin")),
        wrong("claims/realm-access-is-a-list", "realm_access", json!(["admin"])),
        wrong("claims/realm-roles-are-a-string", "realm_access", json!({"roles": "admin"})),
        wrong("claims/realm-roles-with-a-number", "realm_access", json!({"roles": ["admin", 1]})),
        wrong("claims/realm-roles-with-null", "realm_access", json!({"roles": ["admin", null]})),
        wrong("claims/resource-access-is-a-list", "resource_access", json!(["api"])),
        wrong("claims/client-access-is-a-list", "resource_access", json!({"api": ["admin"]})),
        wrong("claims/client-roles-are-a-string", "resource_access", json!({"api": {"roles": "admin"}})),
        wrong("claims/client-roles-with-an-object", "resource_access", json!({"api": {"roles": [{}]}})),
        accepted("claims/unknown-claims-are-ignored", "RFC 7519 §4", |mint| {
            mint.claim("x", json!({"y": [1, {"z": null}]})).claim("roles", 7).claim("permissions", "all")
        }),
        Case::new("claims/optional-claims-absent", CONTRACT_TOKENS, async |kit: &Kit| {
            without_optional(kit, Mint::without).await
        }),
        Case::new("claims/optional-claims-null", CONTRACT_TOKENS, async |kit: &Kit| {
            without_optional(kit, |mint, claim| mint.claim(claim, json!(null))).await
        }),
    ]
}

async fn without_optional(kit: &Kit, bend: fn(Mint, &'static str) -> Mint) -> crate::case::CaseResult {
    let optional = [
        "sub",
        "preferred_username",
        "email",
        "given_name",
        "family_name",
        "realm_access",
        "resource_access",
        "azp",
        "iat",
        "nbf",
        "sid",
        "jti",
        "acr",
        "scope",
    ];
    let token = optional.into_iter().fold(kit.mint(), bend).sign().await?;
    kit.me(&token).await?.is(
        200,
        &json!({
            "sub": null, "email": null, "username": null, "first_name": null, "last_name": null,
            "realm_roles": [], "client_roles": [], "is_staff": false, "is_superuser": false,
        }),
    )
}

/// Several defects: the first in the contract's order is named.
fn order() -> Vec<Case> {
    let spec = "contract: order";
    vec![
        refused("claims/order-kind-first", spec, "wrong_token_type", |mint| {
            mint.claim("typ", "ID").claim("iss", "x").claim("aud", "x").expires_in(-60)
        }),
        refused("claims/order-issuer-before-audience", spec, "invalid_issuer", |mint| {
            mint.claim("iss", "x").claim("aud", "x").expires_in(-60)
        }),
        refused("claims/order-audience-before-times", spec, "invalid_audience", |mint| {
            mint.claim("aud", "x").expires_in(-60)
        }),
        refused_as(
            "claims/order-signature-before-claims",
            spec,
            &["invalid_signature", "unknown_key"],
            |mint| mint.unknown_key(kc_dev::Alg::Es256).expires_in(-60),
        ),
        Case::new("claims/order-token-before-parameters", spec, async |kit: &Kit| {
            let token = kit.mint().expires_in(-60).sign().await?;
            let request = crate::http::Request::new("POST", "/items").bearer(&token);
            kit.send(&request).await?.refused(401, "token_expired")
        }),
        Case::new("claims/order-roles-before-parameters", spec, async |kit: &Kit| {
            let request = crate::http::Request::new("POST", "/items").bearer(&kit.token("bob").await?);
            kit.send(&request).await?.refused(403, "missing_roles")
        }),
        Case::new("claims/same-token-is-judged-each-time", "RFC 7519 §4.1.4", async |kit: &Kit| {
            // With five seconds of leeway it dies between the two requests.
            let token = kit.mint().expires_in(-3).sign().await?;
            kit.me(&token).await?.has_status(200)?;
            tokio::time::sleep(std::time::Duration::from_millis(3_300)).await;
            let later = kit.me(&token).await?;
            ensure(later.status != 200, || {
                "GET /me: expected 401 for a token that has expired since it was first seen, got 200"
                    .to_owned()
            })?;
            later.refused(401, "token_expired")
        }),
    ]
}
