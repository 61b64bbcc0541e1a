//! Tokens as the token endpoint hands them out, unbent: what clients really send.

use serde_json::{Value, json};

use crate::case::{Case, CaseResult, Failure, ensure};
use crate::http::Request;
use crate::kit::Kit;

const KEYCLOAK: &str = "Keycloak: tokens as issued";
const WRONG: &[&str] = &["unsupported_algorithm", "wrong_token_type"];

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("issued/access-token", KEYCLOAK, async |kit: &Kit| {
            good(kit, &login(kit, "api", "openid", "access_token").await?).await
        }),
        Case::new("issued/access-token-without-openid", KEYCLOAK, async |kit: &Kit| {
            good(kit, &login(kit, "api", "email profile", "access_token").await?).await
        }),
        of_client("issued/signed-with-es256", "es256"),
        of_client("issued/signed-with-ps256", "ps256"),
        of_client("issued/signed-with-eddsa", "eddsa"),
        of_client("issued/of-a-public-client", "spa"),
        Case::new("issued/offline-access-token", KEYCLOAK, async |kit: &Kit| {
            good(kit, &login(kit, "api", "openid offline_access", "access_token").await?).await
        }),
        Case::new("issued/refreshed-access-token", "RFC 6749 §6", async |kit: &Kit| {
            let refresh = login(kit, "api", "openid", "refresh_token").await?;
            let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
            good(kit, &member(&kit.issuer.issue("api", &form).await?, "access_token")?).await
        }),
        Case::new("issued/service-account", "RFC 6749 §4.4", async |kit: &Kit| {
            let form = [("grant_type", "client_credentials")];
            let token = member(&kit.issuer.issue("api", &form).await?, "access_token")?;
            let body = kit.me(&token).await?.json()?;
            ensure(body.get("username") == Some(&json!("service-account-api")), || {
                format!("GET /me: expected the service account, got {body}")
            })
        }),
        refused("issued/id-token", "RFC 8725 §3.12", "openid", "id_token", &["wrong_token_type"]),
        refused("issued/refresh-token", "RFC 6749 §1.5", "openid", "refresh_token", WRONG),
        refused(
            "issued/offline-token",
            "OpenID Connect Core §11",
            "openid offline_access",
            "refresh_token",
            WRONG,
        ),
        Case::new("issued/lightweight-token", "Keycloak: lightweight tokens", async |kit: &Kit| {
            // It has no audience.
            let token = login(kit, "lightweight", "openid", "access_token").await?;
            kit.me(&token).await?.refused_as(401, &["missing_claim", "invalid_audience"])
        }),
        Case::new("issued/client-without-our-audience", "Keycloak: audience mapper", async |kit: &Kit| {
            let token = login(kit, "no-aud", "openid", "access_token").await?;
            kit.me(&token).await?.refused_as(401, &["invalid_audience", "missing_claim"])
        }),
        Case::new(
            "issued/logged-out-by-the-client",
            "OpenID Connect RP-Initiated Logout",
            async |kit: &Kit| {
                let answer = kit.issuer.login("alice", "api", "openid").await?;
                let (token, refresh) = (member(&answer, "access_token")?, member(&answer, "refresh_token")?);
                deletes(kit, &token, 204).await?;
                kit.issuer.logout_by("api", &refresh).await?;
                deletes(kit, &token, 401).await
            },
        ),
        Case::own_realm("issued/of-a-user-who-is-disabled-since", "RFC 7662 §2.2", async |kit: &Kit| {
            kit.start(&[]).await?;
            let token = kit.token("alice").await?;
            deletes(kit, &token, 204).await?;
            kit.issuer.disable_user("alice").await?;
            deletes(kit, &token, 401).await?;
            // Nothing in the token says so.
            kit.me(&token).await?.has_status(200)
        }),
        Case::own_realm("issued/with-a-key-that-is-disabled-since", "RFC 7662 §2.2", async |kit: &Kit| {
            kit.start(&[]).await?;
            let token = kit.token("alice").await?;
            let kid = kit.issuer.kid(kc_dev::Alg::Rs256).await?;
            deletes(kit, &token, 204).await?;
            kit.issuer.rotate(kc_dev::Alg::Rs256).await?;
            kit.issuer.disable_key(&kid).await?;
            deletes(kit, &token, 401).await
        }),
    ]
}

/// An access token of alice's from that client, which lets her in.
fn of_client(id: &str, client: &'static str) -> Case {
    Case::new(id, KEYCLOAK, async move |kit| {
        good(kit, &login(kit, client, "openid", "access_token").await?).await
    })
}

/// A member of the answer that is no access token.
fn refused(
    id: &str,
    spec: &'static str,
    scope: &'static str,
    name: &'static str,
    codes: &'static [&'static str],
) -> Case {
    Case::new(id, spec, async move |kit| {
        kit.me(&login(kit, "api", scope, name).await?).await?.refused_as(401, codes)
    })
}

async fn login(kit: &Kit, client: &str, scope: &str, name: &str) -> Result<String, Failure> {
    member(&kit.issuer.login("alice", client, scope).await?, name)
}

fn member(answer: &Value, name: &str) -> Result<String, Failure> {
    let value = answer.get(name).and_then(Value::as_str);
    value.map(str::to_owned).ok_or_else(|| Failure::new(format!("the issuer's answer has no {name}")))
}

/// Alice's, active by introspection.
async fn good(kit: &Kit, token: &str) -> CaseResult {
    let body = kit.me(token).await?.json()?;
    ensure(body.get("username") == Some(&json!("alice")), || format!("GET /me: expected alice, got {body}"))?;
    deletes(kit, token, 204).await
}

async fn deletes(kit: &Kit, token: &str, status: u16) -> CaseResult {
    let reply = kit.send(&Request::new("DELETE", "/items/1").bearer(token)).await?;
    if status == 401 { reply.refused(401, "token_inactive") } else { reply.has_status(status) }
}
