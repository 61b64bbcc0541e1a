//! What a token says of itself before anybody vouched for it.

use crate::introspection::Presented;
use crate::json::{self, JsonError, Object, Value};
use crate::token::{Compact, Defect, MAX_JSON_DEPTH, TokenError};

/// Read to be compared with what is trusted already, and for nothing else: it decides neither whom to trust nor whom to
/// ask. No `Debug`, so that what nobody vouched for is in no log.
#[derive(Default)]
pub(crate) struct Unverified {
    issuer: Option<String>,
    subject: Option<String>,
}

impl Unverified {
    /// An opaque token says nothing. A token with a JSON payload that two parsers could read as two different things
    /// is refused.
    pub(crate) fn read(token: &str) -> Result<Self, TokenError> {
        let Ok(compact) = Compact::parse(token) else { return Ok(Self::default()) };
        match json::parse_object(&compact.payload, MAX_JSON_DEPTH) {
            Ok(payload) => Ok(Self { issuer: text(&payload, "iss")?, subject: text(&payload, "sub")? }),
            Err(JsonError::Syntax) => Ok(Self::default()),
            Err(error) => Err(TokenError::Malformed(Defect::of_json(error, Defect::PayloadNotJson))),
        }
    }

    /// Whether it names `issuer`, or nobody. A token that names another is not worth asking about, and is nobody
    /// else's to see.
    pub(super) fn check_issuer(&self, issuer: &str) -> Result<(), TokenError> {
        match &self.issuer {
            Some(other) if other != issuer => {
                let got = other.chars().take(200).collect();
                Err(TokenError::Issuer { expected: issuer.to_owned(), got })
            }
            _ => Ok(()),
        }
    }

    /// Whom it names, to look among those who are trusted.
    pub(crate) fn into_issuer(self) -> Option<String> {
        self.issuer
    }

    pub(super) fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    pub(super) fn presented(&self) -> Presented<'_> {
        Presented { issuer: self.issuer.as_deref(), subject: self.subject() }
    }
}

fn text(payload: &Object<'_>, claim: &'static str) -> Result<Option<String>, TokenError> {
    match payload.get(claim) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_ref().to_owned())),
        Some(_) => Err(TokenError::MalformedClaim { claim, expected: "a string" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(payload: &str) -> Result<Unverified, TokenError> {
        let payload = base64_simd::URL_SAFE_NO_PAD.encode_to_string(payload);
        Unverified::read(&format!("e30.{payload}.AAAA"))
    }

    #[test]
    fn a_jwt_says_who_issued_it_and_of_whom_it_speaks() {
        let said = read(r#"{"iss":"https://kc.test","sub":"42"}"#).unwrap_or_default();
        assert_eq!((said.issuer.as_deref(), said.subject()), (Some("https://kc.test"), Some("42")));
        assert_eq!(said.check_issuer("https://kc.test"), Ok(()));
        assert_eq!(
            said.check_issuer("https://kc.test/").map_err(|error| error.code()),
            Err("invalid_issuer")
        );
    }

    #[test]
    fn an_opaque_token_says_nothing_and_contradicts_nobody() {
        for token in ["", "opaque", "a.b.c", "a.b.c.d.e", "e30.AAAA.AAAA", "e30.W10.AAAA"] {
            let said = Unverified::read(token).map_err(|error| error.code());
            assert!(said.is_ok_and(|said| said.presented() == Presented::default()), "{token}");
        }
        assert_eq!(Unverified::default().check_issuer("https://kc.test"), Ok(()));
    }

    #[test]
    fn a_payload_with_two_meanings_is_refused() {
        let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(16), "]".repeat(16));
        for (payload, code) in [
            (r#"{"iss":"a","iss":"b"}"#, "malformed_token"),
            (deep.as_str(), "malformed_token"),
            (r#"{"iss":["a"]}"#, "malformed_claim"),
            (r#"{"sub":5}"#, "malformed_claim"),
        ] {
            assert_eq!(read(payload).map(|_| ()).map_err(|error| error.code()), Err(code), "{payload}");
        }
    }
}
