//! The issuer's keys, with a cool-down.

use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::Value;

use crate::defect::Defect;
use crate::http;

#[derive(Debug)]
pub(crate) struct Keys {
    url: String,
    defect: Option<Defect>,
    cool_down: Duration,
    known: Vec<Value>,
    last_asked: Option<Instant>,
    asked_for_unknown: Option<Instant>,
    last_failed: bool,
}

/// Why there is no key.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Missing {
    Unavailable,
    Unknown,
}

impl Keys {
    pub(crate) fn new(url: String, cool_down: Duration, defect: Option<Defect>) -> Self {
        Self {
            url,
            defect,
            cool_down,
            known: Vec::new(),
            last_asked: None,
            asked_for_unknown: None,
            last_failed: false,
        }
    }

    /// The key of that id and algorithm; asks for it when it may.
    pub(crate) async fn find(&mut self, kid: &str, alg: &str) -> Result<Value, Missing> {
        if self.known.is_empty() {
            let waits = self.last_asked.is_some_and(|at| at.elapsed() < Duration::from_secs(1));
            if !waits {
                self.fetch().await;
            }
        }
        if let Some(key) = self.known(kid, alg) {
            return Ok(key);
        }
        if self.known.is_empty() {
            return Err(Missing::Unavailable);
        }
        let cooling = self.asked_for_unknown.is_some_and(|at| at.elapsed() < self.cool_down);
        if !cooling || self.defect == Some(Defect::RefetchesForEachKid) {
            self.asked_for_unknown = Some(Instant::now());
            self.fetch().await;
        }
        match self.known(kid, alg) {
            Some(key) => Ok(key),
            None if self.last_failed => Err(Missing::Unavailable),
            None => Err(Missing::Unknown),
        }
    }

    /// Takes keys from anywhere: reached by a defect only.
    pub(crate) fn trust(&mut self, list: &Value) {
        self.known.extend(list["keys"].as_array().into_iter().flatten().cloned());
    }

    fn known(&self, kid: &str, alg: &str) -> Option<Value> {
        self.known.iter().find(|key| key["kid"] == kid && key["alg"] == alg).cloned()
    }

    async fn fetch(&mut self) {
        self.last_asked = Some(Instant::now());
        let answer = http::ask(&self.url, None).await;
        let keys = answer.as_ref().and_then(|answer| answer["keys"].as_array());
        let is_usable =
            |key: &&Value| self.defect == Some(Defect::IgnoresKeyUse) || key["use"].as_str() != Some("enc");
        let usable: Vec<Value> = keys.into_iter().flatten().filter(is_usable).cloned().collect();
        self.last_failed = usable.is_empty();
        match self.defect {
            Some(Defect::KeepsDeadKeys) => self.known.extend(usable),
            Some(Defect::ForgetsKeysOnABadAnswer) => self.known = usable,
            _ if usable.is_empty() => {}
            _ => self.known = usable,
        }
    }
}

/// Whether the signature is the key's.
pub(crate) fn verifies(key: &Value, alg: &str, message: &[u8], signature: &[u8]) -> bool {
    let member = |name: &str| base64url(key[name].as_str().unwrap_or_default());
    match alg {
        "RS256" => RsaPublicKeyComponents { n: &member("n"), e: &member("e") }
            .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            .is_ok(),
        "ES256" => {
            let point = [&[4], member("x").as_slice(), member("y").as_slice()].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).verify(message, signature).is_ok()
        }
        // Reached by a defect only.
        "HS256" => hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &member("n")), message, signature).is_ok(),
        _ => false,
    }
}

pub(crate) fn base64url(text: &str) -> Vec<u8> {
    base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).unwrap_or_default()
}
