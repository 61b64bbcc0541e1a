//! Random and derived identifiers, and the base64url that all of them and every token use.

use aws_lc_rs::{digest, rand};

/// Bytes nobody can guess.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(
        clippy::expect_used,
        reason = "aws-lc aborts rather than return weak bytes; there is no way on without them"
    )]
    rand::fill(&mut bytes).expect("the system has a source of randomness");
    bytes
}

/// A random UUID as text.
pub(crate) fn uuid() -> String {
    uuid_of(bytes())
}

/// The same UUID for the same parts: ids of users that outlive a restart.
pub(crate) fn derived_uuid(parts: &[&str]) -> String {
    let hash = digest::digest(&digest::SHA256, parts.join("\u{0}").as_bytes());
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(hash.as_ref()) {
        *to = *from;
    }
    uuid_of(id)
}

/// A session id as Keycloak's: 24 characters of base64url.
pub(crate) fn session_id() -> String {
    base64url(&bytes::<18>())
}

/// Unpadded base64url (RFC 7515, section 2).
pub(crate) fn base64url(bytes: &[u8]) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// The bytes of unpadded base64url.
pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).ok()
}

fn uuid_of(id: [u8; 16]) -> String {
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut text = String::with_capacity(36);
    for (index, digit) in hex.chars().enumerate() {
        if matches!(index, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}
