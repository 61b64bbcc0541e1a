//! Signatures: who signed, with what, over what.

use kc_dev::Alg;

use super::{CONTRACT_TOKENS, base64url, mangled, refused_as, segments, unbase64url};
use crate::case::Case;
use crate::kit::Kit;

const FORGED: &[&str] = &["invalid_signature"];
/// A key that doesn't fit the algorithm may as well be no key.
const MISFIT: &[&str] = &["invalid_signature", "unknown_key"];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Alg::ASYMMETRIC
        .into_iter()
        .map(|alg| {
            let id = format!("signature/{}", alg.name().to_lowercase());
            super::accepted(&id, "RFC 7518 §3.1", move |mint| mint.alg(alg))
        })
        .collect();
    cases.extend([
        mangled("signature/changed-payload", "RFC 7515 §5.2", FORGED, |t| {
            let (header, payload, signature) = segments(t);
            let claims = String::from_utf8_lossy(&unbase64url(payload)).replace("alice", "admin");
            format!("{header}.{}.{signature}", base64url(claims))
        }),
        mangled("signature/changed-header", "RFC 7515 §5.2", FORGED, |t| {
            let (header, payload, signature) = segments(t);
            let header = String::from_utf8_lossy(&unbase64url(header)).replacen('{', "{\"x\":1,", 1);
            format!("{}.{payload}.{signature}", base64url(header))
        }),
        mangled("signature/one-bit", "RFC 7515 §5.2", FORGED, |t| {
            let (header, payload, signature) = segments(t);
            let mut bytes = unbase64url(signature);
            if let Some(byte) = bytes.get_mut(100) {
                *byte ^= 1;
            }
            format!("{header}.{payload}.{}", base64url(bytes))
        }),
        mangled("signature/too-short", "RFC 7518 §3.3", FORGED, |t| {
            let (header, payload, signature) = segments(t);
            format!("{header}.{payload}.{}", base64url(unbase64url(signature).get(..128).unwrap_or_default()))
        }),
        mangled("signature/all-zero", "RFC 7518 §3.3", FORGED, |t| {
            let (header, payload, _) = segments(t);
            format!("{header}.{payload}.{}", base64url([0; 256]))
        }),
        Case::new("signature/of-another-token", "RFC 7515 §5.2", async |kit: &Kit| {
            let (mine, other) = (kit.token("carol").await?, kit.token("alice").await?);
            let (header, payload, _) = segments(&mine);
            let (_, _, signature) = segments(&other);
            kit.me(&format!("{header}.{payload}.{signature}")).await?.refused(401, "invalid_signature")
        }),
        Case::new("signature/stranger-with-our-kid", "RFC 7515 §5.2", async |kit: &Kit| {
            let kid = kit.issuer.kid(Alg::Rs256).await?;
            let token = kit.mint().unknown_key(Alg::Rs256).header("kid", kid).sign().await?;
            kit.me(&token).await?.refused(401, "invalid_signature")
        }),
        Case::new("signature/stranger-with-his-own-kid", "RFC 7515 §4.1.4", async |kit: &Kit| {
            kit.me(&kit.token_of_a_stranger().await?).await?.refused(401, "unknown_key")
        }),
        Case::new("signature/stranger-without-a-kid", "RFC 7515 §4.1.4", async |kit: &Kit| {
            let token = kit.mint().unknown_key(Alg::Es256).without_header("kid").sign().await?;
            kit.me(&token).await?.refused_as(401, MISFIT)
        }),
        ecdsa("signature/ecdsa-all-zero", |_| vec![0; 64]),
        ecdsa("signature/ecdsa-with-zero-r", |good| [&[0; 32], good.get(32..).unwrap_or_default()].concat()),
        ecdsa("signature/ecdsa-one-byte-short", |good| good.get(..63).unwrap_or_default().to_vec()),
        ecdsa("signature/ecdsa-one-byte-long", |good| [good, &[0]].concat()),
        refused_as("signature/rs256-key-called-ps256", CONTRACT_TOKENS, MISFIT, |m| m.header("alg", "PS256")),
        refused_as("signature/rs256-key-called-rs512", CONTRACT_TOKENS, MISFIT, |m| m.header("alg", "RS512")),
        refused_as("signature/rs256-key-called-es256", CONTRACT_TOKENS, MISFIT, |m| m.header("alg", "ES256")),
        refused_as("signature/rs256-key-called-eddsa", CONTRACT_TOKENS, MISFIT, |m| m.header("alg", "EdDSA")),
        refused_as("signature/es256-key-called-es384", CONTRACT_TOKENS, MISFIT, |m| {
            m.alg(Alg::Es256).header("alg", "ES384")
        }),
        Case::new("signature/key-for-encryption", "RFC 7517 §4.2", async |kit: &Kit| {
            let jwks = kit.issuer.jwks().await?;
            let keys = jwks.get("keys").and_then(serde_json::Value::as_array);
            let kid = keys.into_iter().flatten().find(|key| key.get("use").is_some_and(|of| of == "enc"));
            let kid = kid.and_then(|key| key.get("kid")?.as_str());
            let kid = kid.ok_or_else(|| crate::case::Failure::new("the issuer has no key for encryption"))?;
            let token = kit.mint().key(kid).header("alg", "RS256").sign().await?;
            kit.me(&token).await?.refused(401, "unknown_key")
        }),
    ]);
    cases
}

/// An ES256 token whose 64 bytes of signature were changed.
fn ecdsa(id: &str, change: fn(&[u8]) -> Vec<u8>) -> Case {
    Case::new(id, "RFC 7518 §3.4", async move |kit| {
        let good = kit.mint().alg(Alg::Es256).sign().await?;
        let (header, payload, signature) = segments(&good);
        let token = format!("{header}.{payload}.{}", base64url(change(&unbase64url(signature))));
        kit.me(&token).await?.refused(401, "invalid_signature")
    })
}
