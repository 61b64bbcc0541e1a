//! The JWS compact serialization (RFC 7515 §7.1).

use super::error::{Defect, TokenError};
use super::{MAX_TOKEN_BYTES, base64url};

/// The three segments of a token, the header still encoded.
///
/// All of them are canonical base64url once this exists, so that no spelling of a good token is another good token.
#[derive(Debug)]
pub(crate) struct Compact<'t> {
    pub(crate) header: &'t [u8],
    pub(crate) payload: Vec<u8>,
    /// `header.payload`: what was signed.
    pub(crate) signing_input: &'t [u8],
    pub(crate) signature: Vec<u8>,
}

impl<'t> Compact<'t> {
    /// Cuts a token up. Size and number of segments are looked at before anything is copied.
    pub(crate) fn parse(token: &'t str) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLarge { limit: MAX_TOKEN_BYTES });
        }
        let not_three = TokenError::Malformed(Defect::NotThreeSegments);
        // Text is searched many bytes at a time, and its end first: both cuts are found without reading it byte by byte.
        let Some((signing_input, signature)) = token.rsplit_once('.') else { return Err(not_three) };
        let Some((header, payload)) = signing_input.split_once('.') else { return Err(not_three) };
        if payload.contains('.') {
            let encrypted = payload.bytes().filter(|byte| *byte == b'.').count() == 2;
            return Err(if encrypted { TokenError::Malformed(Defect::Encrypted) } else { not_three });
        }
        // An empty segment is well formed: a payload may be nothing (RFC 7515 §7.1), a signature too (appendix A.5). What
        // is wrong is the header, the signature, or that there are no claims, and that is what the caller should hear.
        let decode = |segment: &str| {
            base64url::decode(segment.as_bytes()).ok_or(TokenError::Malformed(Defect::Base64url))
        };
        let (payload, signature) = (decode(payload)?, decode(signature)?);
        let (header, signing_input) = (header.as_bytes(), signing_input.as_bytes());
        Ok(Self { header, payload, signing_input, signature })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_segments_are_cut_and_the_first_two_are_what_was_signed() {
        let compact = Compact::parse("aa.AAAA.AAAA").unwrap();
        assert_eq!((compact.header, compact.payload), (&b"aa"[..], vec![0, 0, 0]));
        assert_eq!((compact.signing_input, compact.signature), (&b"aa.AAAA"[..], vec![0, 0, 0]));
        assert!(Compact::parse("aa.AAAA.").unwrap().signature.is_empty());
        assert!(Compact::parse("aa..AAAA").unwrap().payload.is_empty());
    }

    #[test]
    fn any_other_number_of_segments_is_refused() {
        for (token, defect) in [
            ("", Defect::NotThreeSegments),
            ("aa", Defect::NotThreeSegments),
            ("aa.bb", Defect::NotThreeSegments),
            ("aa.bb.cc.dd", Defect::NotThreeSegments),
            ("a.b.c.d.e", Defect::Encrypted),
            ("a.b.c.d.e.f", Defect::NotThreeSegments),
            ("aa.AAAA.A", Defect::Base64url),
            ("aa.AB.AAAA", Defect::Base64url),
            ("aa.AA==.AAAA", Defect::Base64url),
            ("aa.AAAA.AAAA\n", Defect::Base64url),
        ] {
            assert_eq!(Compact::parse(token).unwrap_err(), TokenError::Malformed(defect), "{token}");
        }
    }

    #[test]
    fn a_token_over_the_limit_is_refused_before_it_is_cut() {
        let dots = ".".repeat(MAX_TOKEN_BYTES);
        assert_eq!(Compact::parse(&dots).unwrap_err(), TokenError::Malformed(Defect::NotThreeSegments));
        let larger = ".".repeat(MAX_TOKEN_BYTES + 1);
        assert_eq!(Compact::parse(&larger).unwrap_err(), TokenError::TooLarge { limit: MAX_TOKEN_BYTES });
    }
}
