//! A login at another device (RFC 8628): a person opens a page, and this program waits.

use std::io::Write;
use std::time::Duration;

use aws_lc_rs::{digest, rand};
use kc_core::secret::Secret;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::grant::{Failure, Refusal, Tokens, nonsense};
use crate::terminal::shown;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// Between two questions, if the server does not say (RFC 8628 §3.2).
const INTERVAL: Duration = Duration::from_secs(5);
/// Added each time that the server asks for it (RFC 8628 §3.5).
const SLOWER: Duration = Duration::from_secs(5);
/// No person takes longer, whatever the server says.
const LONGEST: Duration = Duration::from_secs(3_600);

/// A login that has begun.
pub(super) struct Device {
    code: Secret,
    verifier: Secret,
    user_code: String,
    page: String,
    page_with_code: Option<String>,
    until: Instant,
    expires_in: Duration,
    interval: Duration,
}

impl Device {
    /// Asks for the codes. PKCE goes along: a client may demand it here, too.
    pub(super) async fn begin(tokens: &Tokens, scope: Option<&str>) -> Result<Self, Failure> {
        let mut random = [0; 32];
        rand::fill(&mut random).map_err(|_| "there is no randomness to be had".to_owned())?;
        let verifier = Secret::new(base64_simd::URL_SAFE_NO_PAD.encode_to_string(random));
        let challenge = digest::digest(&digest::SHA256, verifier.expose().as_bytes());
        let challenge = base64_simd::URL_SAFE_NO_PAD.encode_to_string(challenge.as_ref());
        let mut form = vec![("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")];
        form.extend(scope.map(|scope| ("scope", scope)));
        let answer = tokens.begin(&form).await?;
        Self::of(&answer, verifier)
    }

    fn of(answer: &Value, verifier: Secret) -> Result<Self, Failure> {
        let text = |name: &str| answer.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let seconds = |name: &str| answer.get(name).and_then(Value::as_u64).map(Duration::from_secs);
        let needed = |name: &'static str| {
            text(name).ok_or_else(|| nonsense(&format!("there is no {name} in what begins the login")))
        };
        let expires_in = seconds("expires_in").unwrap_or(LONGEST).min(LONGEST);
        Ok(Self {
            code: Secret::new(needed("device_code")?),
            verifier,
            user_code: shown(needed("user_code")?),
            page: shown(needed("verification_uri")?),
            page_with_code: text("verification_uri_complete").map(shown),
            until: Instant::now() + expires_in,
            expires_in,
            interval: seconds("interval").unwrap_or(INTERVAL).clamp(Duration::from_secs(1), LONGEST),
        })
    }

    /// Tells where to log in, and asks until somebody has, or the time is over.
    pub(super) async fn wait(self, tokens: &Tokens, people: &mut impl Write) -> Result<Value, Failure> {
        let minutes = self.expires_in.as_secs().div_ceil(60);
        let mut text = format!("Open {} and enter {}", self.page, self.user_code);
        if let Some(page) = &self.page_with_code {
            text.push_str(&format!("\nor open {page}"));
        }
        // Who cannot read it does not come, and the time runs out.
        let _ = writeln!(people, "{text}\nwithin {minutes} min. Waiting …");
        let form = [
            ("grant_type", GRANT),
            ("device_code", self.code.expose()),
            ("code_verifier", self.verifier.expose()),
        ];
        let mut interval = self.interval;
        loop {
            if Instant::now() + interval >= self.until {
                let why = format!("nobody logged in within {minutes} min: begin again");
                return Err(Failure::Refused(why));
            }
            sleep(interval).await;
            match tokens.ask(&form).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(Refusal { code, .. })) if code == "authorization_pending" => {}
                Ok(Err(Refusal { code, .. })) if code == "slow_down" => interval += SLOWER,
                Ok(Err(refusal)) => return Err(tokens.explained(&refusal)),
                // RFC 8628 §3.5: after a timeout, ask less often. A server that restarts has the login still.
                Err(Failure::Trouble(_)) => interval = interval.saturating_mul(2),
                Err(refused) => return Err(refused),
            }
        }
    }
}

#[cfg(test)]
mod tests;
