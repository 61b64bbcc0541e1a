//! What is in a key list, and what of it may be used.

use kc_dev::Alg;
use serde_json::{Value, json};

use super::base64url;
use super::weak_keys::{self, Signed};
use crate::case::{Case, CaseResult, Failure, ensure};
use crate::kit::Kit;
use crate::stand_in::StandIn;

const CONTRACT: &str = "contract: which tokens";
const MISFIT: &[&str] = &["unknown_key", "invalid_signature"];

pub(crate) fn cases() -> Vec<Case> {
    vec![
        listed("key-lists/good-key", "RFC 7517 §5", &[], |key| vec![key]),
        listed("key-lists/no-alg-in-the-key", "RFC 7517 §4.4", &[], |key| vec![without(key, "alg")]),
        listed("key-lists/no-use-in-the-key", "RFC 7517 §4.2", &[], |key| vec![without(key, "use")]),
        listed("key-lists/key-ops-with-verify", "RFC 7517 §4.3", &[], |key| {
            vec![with(without(key, "use"), "key_ops", json!(["verify"]))]
        }),
        listed("key-lists/no-kid-in-the-key", "RFC 7517 §4.5", MISFIT, |key| vec![without(key, "kid")]),
        listed("key-lists/use-enc", "RFC 7517 §4.2", MISFIT, |key| vec![with(key, "use", json!("enc"))]),
        listed("key-lists/key-ops-without-verify", "RFC 7517 §4.3", MISFIT, |key| {
            vec![with(without(key, "use"), "key_ops", json!(["encrypt", "wrapKey"]))]
        }),
        listed("key-lists/another-alg-in-the-key", CONTRACT, MISFIT, |key| {
            vec![with(key, "alg", json!("PS256"))]
        }),
        listed("key-lists/alg-of-encryption-in-the-key", CONTRACT, MISFIT, |key| {
            vec![with(key, "alg", json!("RSA-OAEP"))]
        }),
        listed("key-lists/another-kty", "RFC 7517 §4.1", MISFIT, |key| vec![with(key, "kty", json!("EC"))]),
        signed_by("key-lists/key-of-2048-bits", weak_keys::SOUND, true),
        signed_by("key-lists/key-of-1024-bits", weak_keys::SHORT, false),
        signed_by("key-lists/exponent-one", weak_keys::EXPONENT_ONE, false),
        listed("key-lists/modulus-is-no-base64", "RFC 7518 §6.3.1", MISFIT, |key| {
            vec![with(key, "n", json!("***"))]
        }),
        listed("key-lists/odd-members-are-ignored", "RFC 7517 §4", &[], |key| {
            vec![with(with(key, "x", json!({"y": 1})), "x5c", json!(["MIIB"]))]
        }),
        listed("key-lists/broken-keys-beside-a-good-one", "RFC 7517 §5", &[], |key| {
            vec![
                json!({}),
                json!(7),
                json!({"kty": "RSA", "kid": "x"}),
                json!({"kty": "XX", "kid": "y"}),
                key,
            ]
        }),
        listed("key-lists/symmetric-key-beside-a-good-one", "RFC 8725 §3.2", &[], |key| {
            vec![json!({"kty": "oct", "kid": "secret", "alg": "HS256", "k": base64url("secret")}), key]
        }),
        Case::own("key-lists/symmetric-key-verifies-nothing", "RFC 8725 §3.2", async |kit: &Kit| {
            let oct = json!({"kty": "oct", "kid": "secret", "alg": "HS256", "k": base64url("secret")});
            let _stand_in = serving(kit, |key| vec![key, oct]).await?;
            let token = kit.mint().secret(Alg::Hs256, "secret").header("kid", "secret").sign().await?;
            kit.me(&token).await?.refused(401, "unsupported_algorithm")
        }),
        Case::own("key-lists/one-kid-for-two-kinds-of-key", "RFC 7517 §4.5", async |kit: &Kit| {
            let other = jwk(&kit.issuer.jwks().await?, &kit.issuer.kid(Alg::Es256).await?)?;
            let _stand_in = serving(kit, |key| {
                let kid = key.get("kid").cloned().unwrap_or_default();
                vec![with(other, "kid", kid), key]
            })
            .await?;
            kit.me(&kit.token("alice").await?).await?.has_status(200)
        }),
        Case::own_realm("key-lists/no-kid-and-two-fitting-keys", CONTRACT, async |kit: &Kit| {
            kit.issuer.rotate(Alg::Rs256).await?;
            kit.start(&[]).await?;
            kit.me(&kit.token("alice").await?).await?.has_status(200)?;
            let token = kit.mint().without_header("kid").sign().await?;
            kit.me(&token).await?.refused(401, "unknown_key")
        }),
        Case::own(
            "key-lists/keys-are-asked-for-where-the-issuer-is",
            "contract: start and stop",
            async |kit: &Kit| {
                // Whatever discovery says: hosts come from the settings.
                let stand_in = serving(kit, |key| vec![key]).await?;
                kit.me(&kit.token("alice").await?).await?.has_status(200)?;
                let asked =
                    stand_in.seen(&format!("/realms/{}/protocol/openid-connect/certs", kit.realm())).len();
                ensure(asked == 1, || {
                    format!("expected one request for the keys at the internal URL, got {asked}")
                })
            },
        ),
    ]
}

/// A list made of a key of the realm, and whether its tokens pass (no codes) or are refused. Another key of the same
/// algorithm keeps the list usable: a service that takes RS256 only is judged by what is in the list, too.
fn listed(
    id: &str,
    spec: &'static str,
    codes: &'static [&'static str],
    list: fn(Value) -> Vec<Value>,
) -> Case {
    Case::own(id, spec, async move |kit| {
        let bent = kit.issuer.kid(Alg::Rs256).await?;
        let mut keys = list(jwk(&kit.issuer.jwks().await?, &bent)?);
        let (other, other_key) = kit.issuer.spare_key(Alg::Rs256).await?;
        keys.push(other_key);
        let stand_in = StandIn::start().await?;
        stand_in.answer_json("/certs", &json!({ "keys": keys }));
        start_at(kit, &stand_in).await?;
        kit.me(&kit.mint().key(other).sign().await?).await?.has_status(200)?;
        let reply = kit.me(&kit.mint().key(bent).sign().await?).await?;
        if codes.is_empty() { reply.has_status(200) } else { reply.refused_as(401, codes) }
    })
}

/// A token that its key has signed well, and whether that key is good enough.
fn signed_by(id: &str, signed: Signed, good: bool) -> Case {
    Case::own(id, "RFC 7518 §3.3", async move |kit| {
        let stand_in = StandIn::start().await?;
        let mut keys = kit.issuer.jwks().await?;
        if let Some(keys) = keys.get_mut("keys").and_then(Value::as_array_mut) {
            keys.push(json!({
                "kty": "RSA", "kid": Signed::KID, "use": "sig", "alg": "RS256",
                "n": signed.modulus, "e": signed.exponent,
            }));
        }
        stand_in.answer_json("/certs", &keys);
        kit.start(&[("KEYCLOAK_INTERNAL_URL", &stand_in.url()), ("KEYCLOAK_ISSUER", weak_keys::ISSUER)])
            .await?;
        let reply = kit.me(&signed.token()).await?;
        if good { reply.has_status(200) } else { reply.refused_as(401, MISFIT) }
    })
}

/// Starts a service that gets its keys from a stand-in: a list made of the realm's RS256 key.
async fn serving(kit: &Kit, list: impl FnOnce(Value) -> Vec<Value>) -> Result<StandIn, Failure> {
    // Made first: a key that is asked for by algorithm is added to the issuer's list.
    let kid = kit.issuer.kid(Alg::Rs256).await?;
    let key = jwk(&kit.issuer.jwks().await?, &kid)?;
    let stand_in = StandIn::start().await?;
    stand_in.answer_json("/certs", &json!({ "keys": list(key) }));
    start_at(kit, &stand_in).await?;
    Ok(stand_in)
}

async fn start_at(kit: &Kit, stand_in: &StandIn) -> CaseResult {
    kit.start(&[("KEYCLOAK_INTERNAL_URL", &stand_in.url())]).await
}

/// The key of that id in a list.
pub(super) fn jwk(jwks: &Value, kid: &str) -> Result<Value, Failure> {
    let keys = jwks.get("keys").and_then(Value::as_array);
    let found = keys.into_iter().flatten().find(|key| key.get("kid").and_then(Value::as_str) == Some(kid));
    found.cloned().ok_or_else(|| Failure::new("the issuer's list lacks its own key"))
}

fn with(mut key: Value, member: &str, value: Value) -> Value {
    if let Some(members) = key.as_object_mut() {
        members.insert(member.to_owned(), value);
    }
    key
}

fn without(mut key: Value, member: &str) -> Value {
    if let Some(members) = key.as_object_mut() {
        members.remove(member);
    }
    key
}
