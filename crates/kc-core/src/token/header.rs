//! The JOSE header (RFC 7515 §4).

use super::error::{Defect, TokenError, TokenKind};
use super::{MAX_JSON_DEPTH, base64url};
use crate::json::{self, Value};
use crate::signature::Algorithm;

/// What the header says of the token's kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum HeaderType {
    /// No `typ`.
    Absent,
    /// `JWT`, as Keycloak writes for everything.
    Jwt,
    /// `at+jwt` (RFC 9068 §2.1).
    AtJwt,
    /// `logout+jwt` (OpenID Connect Back-Channel Logout §2.4).
    LogoutJwt,
}

/// The parts of a header that we read. `jku`, `jwk`, `x5u` and `x5c` are not among them: a token does not say where
/// its key is (RFC 8725 §3.10).
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct JoseHeader {
    pub(crate) alg: Algorithm,
    pub(crate) kid: Option<String>,
    pub(crate) typ: HeaderType,
}

impl JoseHeader {
    /// Decodes and judges a header of anything but a logout token.
    pub(crate) fn parse(segment: &[u8]) -> Result<Self, TokenError> {
        match Self::parse_any(segment)? {
            Self { typ: HeaderType::LogoutJwt, .. } => Err(TokenError::WrongType { got: TokenKind::Logout }),
            header => Ok(header),
        }
    }

    /// Decodes and judges a header.
    pub(crate) fn parse_any(segment: &[u8]) -> Result<Self, TokenError> {
        let malformed = TokenError::Malformed;
        let text = base64url::decode(segment).ok_or(malformed(Defect::Base64url))?;
        let header = json::parse_object(&text, MAX_JSON_DEPTH)
            .map_err(|error| malformed(Defect::of_json(error, Defect::HeaderNotJson)))?;
        for (name, defect) in [("crit", Defect::Critical), ("b64", Defect::B64), ("zip", Defect::Compressed)]
        {
            if header.has(name) {
                return Err(malformed(defect));
            }
        }
        let kid = match header.get("kid") {
            None if header.has("kid") => return Err(malformed(Defect::HeaderParameter("kid"))),
            None => None,
            Some(Value::String(kid)) => Some(kid.as_ref().to_owned()),
            Some(_) => return Err(malformed(Defect::HeaderParameter("kid"))),
        };
        let Some(Value::String(alg)) = header.get("alg") else {
            return Err(malformed(Defect::HeaderParameter("alg")));
        };
        let alg = Algorithm::from_name(alg).ok_or(TokenError::UnsupportedAlgorithm)?;
        let typ = match header.get("typ") {
            None if header.has("typ") => return Err(malformed(Defect::HeaderParameter("typ"))),
            None => HeaderType::Absent,
            Some(Value::String(typ)) => header_type(typ)?,
            Some(_) => return Err(malformed(Defect::HeaderParameter("typ"))),
        };
        Ok(Self { alg, kid, typ })
    }
}

/// RFC 7515 §4.1.9: a media type, case-insensitive, `application/` may be left out.
fn header_type(typ: &str) -> Result<HeaderType, TokenError> {
    const APPLICATION: &str = "application/";
    let short = match typ.split_at_checked(APPLICATION.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(APPLICATION) => rest,
        _ => typ,
    };
    let is = |name: &str| short.eq_ignore_ascii_case(name);
    if is("jwt") {
        Ok(HeaderType::Jwt)
    } else if is("at+jwt") {
        Ok(HeaderType::AtJwt)
    } else if is("logout+jwt") {
        Ok(HeaderType::LogoutJwt)
    } else {
        Err(TokenError::WrongType { got: TokenKind::Other })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(header: &str) -> Result<JoseHeader, TokenError> {
        JoseHeader::parse(base64_simd::URL_SAFE_NO_PAD.encode_to_string(header).as_bytes())
    }

    #[test]
    fn a_keycloak_header_is_read() {
        let header = parse(r#"{"alg":"RS256","typ" : "JWT","kid" : "k1","x":[1]}"#).unwrap();
        assert_eq!(
            header,
            JoseHeader { alg: Algorithm::Rs256, kid: Some("k1".to_owned()), typ: HeaderType::Jwt }
        );
    }

    #[test]
    fn the_type_is_a_media_type_in_any_case() {
        for (typ, expected) in [
            ("JWT", HeaderType::Jwt),
            ("jwt", HeaderType::Jwt),
            ("application/JWT", HeaderType::Jwt),
            ("at+jwt", HeaderType::AtJwt),
            ("Application/AT+JWT", HeaderType::AtJwt),
        ] {
            assert_eq!(parse(&format!(r#"{{"alg":"ES256","typ":"{typ}"}}"#)).unwrap().typ, expected);
        }
        assert_eq!(parse(r#"{"alg":"ES256"}"#).unwrap().typ, HeaderType::Absent);
        for typ in [
            "logout+jwt",
            "dpop+jwt",
            "JOSE",
            "",
            "jwt ",
            "application/application/jwt",
            "token-introspection+jwt",
        ] {
            let error = parse(&format!(r#"{{"alg":"ES256","typ":"{typ}"}}"#)).unwrap_err();
            assert_eq!(error.code(), "wrong_token_type", "{typ:?}");
        }
    }

    #[test]
    fn a_logout_token_is_refused_by_name() {
        let error = parse(r#"{"alg":"ES256","typ":"logout+jwt"}"#).unwrap_err();
        assert_eq!(error, TokenError::WrongType { got: TokenKind::Logout });
    }

    #[test]
    fn none_and_hmac_are_unsupported_in_every_spelling() {
        for alg in [
            "none",
            "None",
            "NONE",
            "nOnE",
            "",
            "HS256",
            "HS384",
            "HS512",
            "rs256",
            "RS256 ",
            "RS1",
            "ES256K",
            "EdDSA\u{0}",
        ] {
            let header = serde_json::json!({ "alg": alg }).to_string();
            assert_eq!(parse(&header).unwrap_err(), TokenError::UnsupportedAlgorithm, "{alg:?}");
        }
    }

    #[test]
    fn a_header_that_is_malformed_is_said_to_be() {
        for header in [
            "",
            "[]",
            "null",
            "{",
            r#"{"typ":"JWT"}"#,
            r#"{"alg":null}"#,
            r#"{"alg":["RS256"]}"#,
            r#"{"alg":256}"#,
            r#"{"alg":"RS256","kid":7}"#,
            r#"{"alg":"RS256","kid":null}"#,
            r#"{"alg":"RS256","kid":["k"]}"#,
            r#"{"alg":"RS256","typ":1}"#,
            r#"{"alg":"RS256","typ":null}"#,
            r#"{"alg":"RS256","crit":[]}"#,
            r#"{"alg":"RS256","crit":null}"#,
            r#"{"alg":"RS256","crit":["exp"]}"#,
            r#"{"alg":"RS256","b64":true}"#,
            r#"{"alg":"RS256","b64":false}"#,
            r#"{"alg":"RS256","zip":"DEF"}"#,
            r#"{"alg":"RS256","alg":"none"}"#,
            r#"{"alg":"RS256","x":1,"x":1}"#,
            r#"{"alg":"RS256","x":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}"#,
        ] {
            assert_eq!(parse(header).unwrap_err().code(), "malformed_token", "{header}");
        }
    }

    #[test]
    fn keys_and_addresses_in_the_header_are_not_read() {
        let header = parse(
            r#"{"alg":"RS256","jku":"http://evil/","x5u":"http://evil/","jwk":{"kty":"oct"},"x5c":["AA"]}"#,
        );
        assert_eq!(header.unwrap(), JoseHeader { alg: Algorithm::Rs256, kid: None, typ: HeaderType::Absent });
    }
}
