//! The token's outer form: segments, base64url, JSON.

use super::{mangled, refused, segments, unbase64url};
use crate::case::Case;

const MALFORMED: &[&str] = &["malformed_token"];

pub(crate) fn cases() -> Vec<Case> {
    vec![
        mangled("token/garbage", "RFC 7515 §3.1", MALFORMED, |_| "garbage".to_owned()),
        mangled("token/two-segments", "RFC 7515 §3.1", MALFORMED, |t| {
            let (header, payload, _) = segments(t);
            format!("{header}.{payload}")
        }),
        mangled("token/four-segments", "RFC 7515 §3.1", MALFORMED, |t| format!("{t}.AAAA")),
        mangled("token/jwe-of-five-segments", "RFC 7516 §3.1", MALFORMED, |t| {
            let (header, payload, signature) = segments(t);
            format!("{header}.{payload}.{signature}.AAAA.AAAA")
        }),
        mangled("token/ten-thousand-dots", "RFC 7515 §3.1", MALFORMED, |_| ".".repeat(10_000)),
        mangled("token/only-dots", "RFC 7515 §3.1", MALFORMED, |_| "..".to_owned()),
        mangled("token/empty-header", "RFC 7515 §3.1", MALFORMED, |t| {
            let (_, payload, signature) = segments(t);
            format!(".{payload}.{signature}")
        }),
        mangled("token/empty-payload", "RFC 7519 §7.2", &["malformed_token", "invalid_signature"], |t| {
            let (header, _, signature) = segments(t);
            format!("{header}..{signature}")
        }),
        mangled("token/empty-signature", "RFC 7515 §5.2", &["malformed_token", "invalid_signature"], |t| {
            let (header, payload, _) = segments(t);
            format!("{header}.{payload}.")
        }),
        mangled("token/padding", "RFC 7515 §2", MALFORMED, |t| format!("{t}==")),
        mangled("token/letters-of-plain-base64", "RFC 7515 §2", MALFORMED, |t| {
            let (header, payload, signature) = segments(t);
            format!("{header}.{payload}.{}", signature.replace('-', "+").replace('_', "/") + "+/")
        }),
        mangled("token/bits-after-the-end-of-the-signature", "RFC 4648 §3.5", MALFORMED, |t| {
            // 256 bytes end in the middle of a letter: two of its six bits count.
            let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
            let (rest, last) = t.split_at(t.len().saturating_sub(1));
            let at = letters.find(last).unwrap_or(0);
            let next = letters.chars().nth(at ^ 1).unwrap_or('A');
            format!("{rest}{next}")
        }),
        mangled("token/one-letter-too-many", "RFC 4648 §4", MALFORMED, |t| {
            let (header, payload, signature) = segments(t);
            // A length of 1 modulo 4 is none that bytes can have.
            format!("{header}.{payload}.{}", signature.get(..341).unwrap_or_default())
        }),
        refused("token/header-is-no-json", "RFC 7515 §4", "malformed_token", |m| m.raw_header("garbage")),
        refused("token/header-is-an-array", "RFC 7515 §4", "malformed_token", |m| {
            m.raw_header("[\"RS256\"]")
        }),
        refused("token/header-goes-on-after-the-json", "RFC 7515 §4", "malformed_token", |m| {
            m.raw_header("{\"alg\":\"RS256\"}{}")
        }),
        refused("token/header-is-not-utf-8", "RFC 7515 §5.2", "malformed_token", |m| {
            m.raw_header(b"{\"alg\":\"RS256\",\"x\":\"\xff\"}".to_vec())
        }),
        doubled("token/alg-twice", |header| header.replacen('{', "{\"alg\":\"none\",", 1)),
        doubled("token/kid-twice", |header| header.replacen('{', "{\"kid\":\"other\",", 1)),
        doubled("token/unknown-header-member-twice", |header| header.replacen('{', "{\"x\":1,\"x\":1,", 1)),
        refused("token/payload-is-no-json", "RFC 7519 §7.2", "malformed_token", |m| {
            m.raw_payload("garbage")
        }),
        refused("token/payload-is-an-array", "RFC 7519 §7.2", "malformed_token", |m| m.raw_payload("[]")),
        refused("token/payload-is-a-string", "RFC 7519 §7.2", "malformed_token", |m| m.raw_payload("\"x\"")),
        refused("token/payload-is-not-utf-8", "RFC 7519 §7.2", "malformed_token", |m| {
            m.raw_payload(b"{\"sub\":\"\xff\"}".to_vec())
        }),
        refused("token/payload-goes-on-after-the-json", "RFC 7519 §7.2", "malformed_token", |m| {
            m.raw_payload("{}{}")
        }),
        claim_doubled("token/aud-twice", "{\"aud\":\"api\","),
        claim_doubled("token/exp-twice", "{\"exp\":9999999999,"),
        claim_doubled("token/roles-twice", "{\"realm_access\":{\"roles\":[\"admin\"]},"),
        refused("token/json-nested-without-end", "RFC 8259 §9", "malformed_token", |m| {
            m.raw_payload("[".repeat(20_000))
        }),
        refused("token/json-nested-in-a-claim", "RFC 8259 §9", "malformed_token", |m| {
            m.raw_payload(format!("{{\"x\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000)))
        }),
    ]
}

/// A header changed and signed again.
fn doubled(id: &str, change: fn(&str) -> String) -> Case {
    Case::new(id, "RFC 7515 §4", async move |kit| {
        let good = kit.mint().sign().await?;
        let header = String::from_utf8_lossy(&unbase64url(segments(&good).0)).into_owned();
        let token = kit.mint().raw_header(change(&header)).sign().await?;
        kit.me(&token).await?.refused(401, "malformed_token")
    })
}

/// A payload with one more member of a name that it has already, signed.
fn claim_doubled(id: &str, start: &'static str) -> Case {
    Case::new(id, "RFC 7519 §4", async move |kit| {
        let good = kit.mint().sign().await?;
        let payload = String::from_utf8_lossy(&unbase64url(segments(&good).1)).into_owned();
        let token = kit.mint().raw_payload(payload.replacen('{', start, 1)).sign().await?;
        kit.me(&token).await?.refused(401, "malformed_token")
    })
}
