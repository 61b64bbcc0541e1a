//! Judges tokens, well or badly.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::defect::Defect;
use crate::http;
use crate::keys::{Keys, Missing, base64url, verifies};

const LEEWAY: i64 = 5;

#[derive(Debug)]
pub(crate) struct Validator {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) defect: Option<Defect>,
    pub(crate) keys: Keys,
    pub(crate) verdicts: BTreeMap<String, Value>,
}

/// Status, code, and what to say.
pub(crate) type Refusal = (u16, &'static str, String);

fn invalid(code: &'static str) -> Refusal {
    let detail = match code {
        "token_expired" => "Token has expired".to_owned(),
        "invalid_audience" => "Invalid token audience".to_owned(),
        _ => format!("Token validation failed: {code}"),
    };
    (401, code, detail)
}

impl Validator {
    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    /// The claims of a good token.
    pub(crate) async fn validate(&mut self, token: &str) -> Result<Value, Refusal> {
        if self.has(Defect::LeaksTokenInLog) {
            eprintln!("looking at {token}");
        }
        if let Some(claims) = self.verdicts.get(token) {
            return Ok(claims.clone());
        }
        let claims = self.look_at(token).await?;
        if self.has(Defect::CachesVerdicts) {
            self.verdicts.insert(token.to_owned(), claims.clone());
        }
        Ok(claims)
    }

    async fn look_at(&mut self, token: &str) -> Result<Value, Refusal> {
        if token.len() > 48 * 1024 && !self.has(Defect::NoSizeLimit) {
            return Err(invalid("token_too_large"));
        }
        let segments: Vec<&str> = token.split('.').collect();
        let &[header_text, payload_text, signature] = segments.as_slice() else {
            if self.has(Defect::FailsOnGarbage) {
                return Err((500, "internal_error", "Internal error".to_owned()));
            }
            return Err(invalid("malformed_token"));
        };
        let json = |text: &str| serde_json::from_slice::<Value>(&base64url(text)).ok();
        let (Some(header), Some(claims)) = (json(header_text), json(payload_text)) else {
            return Err(invalid("malformed_token"));
        };
        if !header["crit"].is_null() && !self.has(Defect::IgnoresCrit) {
            return Err(invalid("malformed_token"));
        }
        let alg = header["alg"].as_str().unwrap_or_default();
        let message = format!("{header_text}.{payload_text}");
        self.signature(&header, alg, message.as_bytes(), &base64url(signature)).await?;
        self.claims(claims)
    }

    async fn signature(
        &mut self,
        header: &Value,
        alg: &str,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Refusal> {
        match alg {
            "none" if self.has(Defect::AcceptsAlgNone) => return Ok(()),
            "HS256" if self.has(Defect::AcceptsHmacWithThePublicKey) => {}
            "RS256" | "ES256" => {}
            _ => return Err(invalid("unsupported_algorithm")),
        }
        if self.has(Defect::FollowsJku)
            && let Some(url) = header["jku"].as_str()
        {
            let keys = http::ask(url, None).await.unwrap_or_default();
            self.keys.trust(&keys);
        }
        let of_key = if alg == "HS256" { "RS256" } else { alg };
        let found = self.keys.find(header["kid"].as_str().unwrap_or_default(), of_key).await;
        let key = found.map_err(|missing| match missing {
            Missing::Unavailable if self.defect != Some(Defect::OutageIsUnauthorized) => {
                (503, "keys_unavailable", "Keycloak's keys are not available".to_owned())
            }
            Missing::Unavailable | Missing::Unknown => invalid("unknown_key"),
        })?;
        if verifies(&key, alg, message, signature) || self.has(Defect::IgnoresSignature) {
            return Ok(());
        }
        Err(invalid("invalid_signature"))
    }

    fn claims(&self, claims: Value) -> Result<Value, Refusal> {
        if claims["typ"] != "Bearer" && !self.has(Defect::IgnoresType) {
            return Err(match (self.has(Defect::AnswersRepeatClaims), claims["typ"].as_str()) {
                (true, Some(typ)) => (401, "wrong_token_type", format!("Token validation failed: typ {typ}")),
                _ => invalid("wrong_token_type"),
            });
        }
        let iss = claims["iss"].as_str().unwrap_or_default();
        let is_ours = match self.defect {
            Some(Defect::IgnoresIssuer) => true,
            Some(Defect::IssuerByPrefix) => iss.starts_with(&self.issuer),
            _ => iss == self.issuer,
        };
        if !is_ours {
            return Err(invalid("invalid_issuer"));
        }
        let aud = &claims["aud"];
        let is_for_us = *aud == *self.audience
            || aud.as_array().is_some_and(|all| all.iter().any(|one| *one == *self.audience));
        if !is_for_us && !self.has(Defect::IgnoresAudience) {
            return Err(invalid("invalid_audience"));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let now = i64::try_from(now).unwrap();
        if claims["exp"].as_i64().is_none_or(|exp| now >= exp + LEEWAY) && !self.has(Defect::IgnoresExpiry) {
            return Err(invalid("token_expired"));
        }
        if claims["nbf"].as_i64().is_some_and(|nbf| now + LEEWAY < nbf) && !self.has(Defect::IgnoresNotBefore)
        {
            return Err(invalid("token_not_yet_valid"));
        }
        Ok(claims)
    }
}
