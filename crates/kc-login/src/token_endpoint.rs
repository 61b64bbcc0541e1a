//! What the token endpoint gives for a code, and for a refresh token.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{StatusCode, Uri};
use kc_core::client::{ClientAuthentication, ErrorCode};
use kc_core::clock::{Clock, UnixTime};
use kc_core::secret::Secret;
use kc_core::transport::{Transport, TransportError};
use serde::Deserialize;

use crate::session::Tokens;

/// The token endpoint, asked in the name of this client.
#[derive(Debug)]
pub(crate) struct TokenEndpoint {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) uri: Uri,
    pub(crate) authentication: ClientAuthentication,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What came for a code: an ID token is among it. `Debug` shows none of them.
pub(crate) struct Granted {
    pub(crate) tokens: Tokens,
    /// Whether the ID token came with this answer.
    pub(crate) with_id_token: bool,
}

/// Why there are no tokens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum NoTokens {
    /// Keycloak does not take the code or the refresh token (`invalid_grant`): trying again is no use.
    Refused,
    /// Keycloak does not take this client, or what it asks for.
    Misconfigured { status: StatusCode, code: Option<ErrorCode> },
    /// An answer that is none.
    Nonsense { what: &'static str },
    /// No answer, or one that says that the server has trouble.
    Unavailable { reason: String },
}

impl fmt::Display for NoTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("Keycloak does not take it any more (invalid_grant)"),
            Self::Misconfigured { status, code } => {
                write!(f, "the token endpoint refuses this client ({status}")?;
                if let Some(code) = code {
                    write!(f, ", {code}")?;
                }
                f.write_str("): compare KEYCLOAK_CLIENT_ID and KEYCLOAK_CLIENT_SECRET with the client's Credentials tab, ")?;
                f.write_str("and see that Standard flow is on")
            }
            Self::Nonsense { what } => write!(f, "the token endpoint's answer is no token response: {what}"),
            Self::Unavailable { reason } => write!(f, "the token endpoint does not answer: {reason}"),
        }
    }
}

impl From<TransportError> for NoTokens {
    fn from(error: TransportError) -> Self {
        Self::Unavailable { reason: error.to_string() }
    }
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    token_type: String,
    expires_in: Option<u64>,
    refresh_token: Option<String>,
    refresh_expires_in: Option<u64>,
    id_token: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl TokenEndpoint {
    /// Redeems a code (RFC 6749 §4.1.3, RFC 7636 §4.5).
    pub(crate) async fn redeem(
        &self,
        code: &str,
        verifier: &str,
        redirect_uri: &str,
    ) -> Result<Granted, NoTokens> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ];
        let granted = self.ask(&form, None).await?;
        match granted.with_id_token {
            true => Ok(granted),
            false => Err(NoTokens::Nonsense { what: "there is no id_token" }),
        }
    }

    /// Renews tokens (RFC 6749 §6, OpenID Connect Core §12.2).
    pub(crate) async fn refresh(&self, refresh_token: &Secret, before: &Tokens) -> Result<Granted, NoTokens> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose())];
        self.ask(&form, Some(before)).await
    }

    async fn ask(&self, form: &[(&str, &str)], before: Option<&Tokens>) -> Result<Granted, NoTokens> {
        // Counted from before the request, a token is never thought to live longer than it does.
        let now = self.clock.now();
        let unsigned =
            |_| NoTokens::Unavailable { reason: "the client's assertion cannot be signed".to_owned() };
        let request = self.authentication.post(&self.uri, form, now).map_err(unsigned)?;
        let answer = self.transport.send(request).await?;
        let (status, body) = (answer.status(), answer.body());
        if status == StatusCode::OK {
            return granted(body, now, before).map_err(|what| NoTokens::Nonsense { what });
        }
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(NoTokens::Unavailable { reason: format!("it answers {status}") });
        }
        let error =
            serde_json::from_slice::<Refusal>(body).ok().and_then(|refusal| ErrorCode::new(&refusal.error));
        match error {
            Some(code) if code.as_str() == "invalid_grant" => Err(NoTokens::Refused),
            code => {
                // A code may repeat what was sent: only those that are the same for everybody are shown.
                let code = code.filter(|code| REGISTERED.contains(&code.as_str()));
                Err(NoTokens::Misconfigured { status, code })
            }
        }
    }
}

/// RFC 6749 §5.2.
const REGISTERED: [&str; 5] =
    ["invalid_client", "invalid_request", "invalid_scope", "unauthorized_client", "unsupported_grant_type"];

fn granted(body: &[u8], now: UnixTime, before: Option<&Tokens>) -> Result<Granted, &'static str> {
    let answer: Answer = serde_json::from_slice(body).map_err(|_| "not the JSON of RFC 6749 §5.1")?;
    if !answer.token_type.eq_ignore_ascii_case("bearer") {
        return Err("token_type is not Bearer");
    }
    let later = |seconds: u64| now.plus(Duration::from_secs(seconds));
    let access_ends_at = answer.expires_in.filter(|seconds| *seconds > 0).map(later);
    let access_ends_at = access_ends_at.ok_or("expires_in is missing or 0")?;
    let with_id_token = answer.id_token.is_some();
    let id_token = answer.id_token.map(Secret::new).or_else(|| before.map(|before| before.id_token.clone()));
    // Where no new refresh token comes the old one stays (RFC 6749 §6).
    let (refresh_token, refresh_ends_at) = match (answer.refresh_token, before) {
        (Some(token), _) => {
            // Keycloak says 0 for one that does not end.
            (Some(Secret::new(token)), answer.refresh_expires_in.filter(|seconds| *seconds > 0).map(later))
        }
        (None, Some(before)) => (before.refresh_token.clone(), before.refresh_ends_at),
        (None, None) => (None, None),
    };
    let tokens = Tokens {
        access_token: Secret::new(answer.access_token),
        access_ends_at,
        refresh_from: Tokens::renewal(now, access_ends_at),
        refresh_token,
        refresh_ends_at,
        id_token: id_token.ok_or("there is no id_token")?,
    };
    Ok(Granted { tokens, with_id_token })
}

impl fmt::Debug for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Granted").field("tokens", &self.tokens).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1000);

    #[test]
    fn what_keycloak_answers_is_read() {
        let body = br#"{"access_token":"a","expires_in":300,"refresh_expires_in":1800,"refresh_token":"r",
            "token_type":"Bearer","id_token":"i","not-before-policy":0,"session_state":"s","scope":"openid"}"#;
        let granted = granted(body, NOW, None).unwrap();
        assert!(granted.with_id_token);
        let tokens = granted.tokens;
        assert_eq!(tokens.access_ends_at, UnixTime::from_secs(1300));
        assert_eq!(tokens.refresh_from, UnixTime::from_secs(1270));
        assert_eq!(tokens.refresh_ends_at, Some(UnixTime::from_secs(2800)));
        assert_eq!(tokens.refresh_token.as_ref().map(Secret::expose), Some("r"));
    }

    #[test]
    fn what_a_refresh_does_not_renew_stays() {
        let first = br#"{"access_token":"a","expires_in":300,"refresh_token":"r","refresh_expires_in":9,"token_type":"bearer","id_token":"i"}"#;
        let before = granted(first, NOW, None).unwrap().tokens;
        let next = br#"{"access_token":"b","expires_in":300,"token_type":"Bearer"}"#;
        let after = granted(next, UnixTime::from_secs(1100), Some(&before)).unwrap();
        assert!(!after.with_id_token);
        assert_eq!(after.tokens.refresh_token, before.refresh_token);
        assert_eq!(after.tokens.refresh_ends_at, before.refresh_ends_at);
        assert_eq!(after.tokens.id_token, before.id_token);
        assert_eq!(after.tokens.access_token.expose(), "b");
        let endless = br#"{"access_token":"b","expires_in":300,"refresh_token":"q","refresh_expires_in":0,"token_type":"Bearer"}"#;
        assert_eq!(granted(endless, NOW, Some(&before)).unwrap().tokens.refresh_ends_at, None);
    }

    #[test]
    fn what_is_no_token_response_is_none() {
        for body in [
            &b""[..],
            b"[]",
            b"{}",
            br#"{"access_token":"a","token_type":"Bearer","id_token":"i"}"#,
            br#"{"access_token":"a","token_type":"Bearer","expires_in":0,"id_token":"i"}"#,
            br#"{"access_token":"a","token_type":"DPoP","expires_in":9,"id_token":"i"}"#,
            br#"{"access_token":"a","token_type":"Bearer","expires_in":9}"#,
            br#"{"access_token":1,"token_type":"Bearer","expires_in":9,"id_token":"i"}"#,
        ] {
            assert!(granted(body, NOW, None).is_err(), "{}", String::from_utf8_lossy(body));
        }
    }
}
