//! What nobody can guess.

use base64_simd::URL_SAFE_NO_PAD;

/// Letters of a [`token`].
pub(crate) const TOKEN_LEN: usize = 43;

/// 256 random bits.
pub(crate) fn bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    // The library's generator is seeded by the system, and aborts the process rather than give what is not random.
    #[expect(
        clippy::expect_used,
        reason = "without randomness there is no login, and nothing to go on with"
    )]
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has randomness");
    bytes
}

/// 256 random bits in base64url.
pub(crate) fn token() -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_and_never_the_same() {
        let tokens: std::collections::HashSet<_> = (0..100).map(|_| token()).collect();
        assert_eq!(tokens.len(), 100);
        assert!(tokens.iter().all(|token| token.len() == TOKEN_LEN));
    }
}
