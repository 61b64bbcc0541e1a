//! Base64url without padding, one spelling for each value (RFC 7515 §2, RFC 4648 §3.5).

/// The bytes, or `None` for padding, blanks, letters outside the alphabet, and bits left over in the last letter. The
/// tests below hold the decoder to that: it is what keeps one token from having two spellings.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_spelling_is_taken() {
        assert_eq!(decode(b"AA").unwrap(), [0]);
        assert_eq!(decode(b"_-8").unwrap(), [0xff, 0xef]);
        assert!(decode(b"").unwrap().is_empty());
        for text in ["AB", "AAB", "A", "AA==", "AA=", "A A", "AA\n", "A+", "A/", "AAAAA", "ÄA"] {
            assert_eq!(decode(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn every_pair_of_letters_with_bits_left_over_is_refused() {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let good = alphabet.iter().filter(|last| decode(&[b'A', **last]).is_some()).count();
        assert_eq!(good, 4);
        let good = alphabet.iter().filter(|last| decode(&[b'A', b'A', **last]).is_some()).count();
        assert_eq!(good, 16);
    }
}
