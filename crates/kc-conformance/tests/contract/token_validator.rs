use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use kc_conformance::contract;
use kc_core::clock::SystemClock;
use kc_core::issuers::{IssuerList, IssuersValidator, TrustedIssuer};
use kc_core::roles::KeycloakRoles;
use kc_core::token::{TokenError, VerifiedToken};
use kc_core::transport::{Transport, TransportError};
use kc_core::validator::{
    IntrospectionValidator, JwtValidator, MixedValidator, TokenValidator, UserinfoEndpoint,
    UserinfoValidator, ValidationError,
};
use kc_dev::DevIssuer;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::caught::Clauses;
use crate::{endpoint, http, http_introspector, jwt, pinned};

#[tokio::test]
async fn the_validator_of_signed_tokens_keeps_the_contract() {
    contract::token_validator(async |issuer| jwt(issuer).build()).await.unwrap();
}

#[tokio::test]
async fn with_pinned_keys_it_keeps_the_contract_too() {
    let make = async |issuer: &DevIssuer| {
        issuer.kid(kc_dev::Alg::Rs256).await.unwrap();
        JwtValidator::builder(issuer.issuer(), ["api"], Arc::new(pinned(issuer).await)).build()
    };
    contract::token_validator(make).await.unwrap();
}

#[tokio::test]
async fn the_validator_that_asks_by_introspection_keeps_the_contract() {
    let make = async |issuer: &DevIssuer| {
        let introspector = Arc::new(http_introspector(issuer, http()));
        IntrospectionValidator::builder(issuer.issuer(), ["api"], introspector).build()
    };
    contract::token_validator(make).await.unwrap();
}

#[tokio::test]
async fn the_validator_that_asks_userinfo_keeps_the_contract() {
    let make = async |issuer: &DevIssuer| {
        let userinfo = UserinfoEndpoint::new(http(), endpoint(issuer, "userinfo"));
        UserinfoValidator::after(Arc::new(jwt(issuer).build()), userinfo)
    };
    contract::token_validator(make).await.unwrap();
    let remembering = async |issuer: &DevIssuer| {
        make(issuer).await.remembered_for(Duration::from_secs(60), Arc::new(SystemClock))
    };
    contract::token_validator(remembering).await.unwrap();
}

#[tokio::test]
async fn validators_of_several_issuers_and_of_several_kinds_keep_the_contract() {
    let mixed = async |issuer: &DevIssuer| {
        let introspector = Arc::new(http_introspector(issuer, http()));
        let introspected = IntrospectionValidator::builder(issuer.issuer(), ["api"], introspector).build();
        MixedValidator::new(Arc::new(jwt(issuer).build()), Arc::new(introspected))
    };
    contract::token_validator(mixed).await.unwrap();
    let of_issuers = async |issuer: &DevIssuer| {
        let validator = Arc::new(jwt(issuer).build());
        let trusted = TrustedIssuer::new(issuer.realm(), validator, Arc::new(KeycloakRoles::new("api")));
        IssuersValidator::new(Arc::new(IssuerList::new().with(issuer.issuer(), trusted)))
    };
    contract::token_validator(of_issuers).await.unwrap();
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Defect {
    RefusesAll,
    AnyIssuer,
    AnySignature,
    AnyAudience,
    AnyTime,
    AnyKind,
    NoTokenIsAnOutage,
    AsksWhomItNames,
    TellsTheToken,
    Logs,
    StandsForEver,
    MixesTokensUp,
    DroppedCheckBlocks,
    OutageIsABadToken,
}

/// A server that finds every token active, of the right issuer, for everybody, and in force.
#[derive(Debug)]
struct Generous {
    issuer: String,
}

#[async_trait]
impl Transport for Generous {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let form = String::from_utf8_lossy(request.body()).into_owned();
        let token = form.split('&').find_map(|pair| pair.strip_prefix("token=")).unwrap_or_default();
        let mut claims = payload(token);
        for (name, value) in [
            ("active", json!(true)),
            ("iss", json!(self.issuer)),
            ("aud", json!("api")),
            ("typ", json!("Bearer")),
            ("exp", json!(4_000_000_000_u64)),
        ] {
            claims[name] = value;
        }
        for name in ["nbf", "events", "nonce", "at_hash"] {
            claims.as_object_mut().unwrap().remove(name);
        }
        Ok(Response::new(claims.to_string().into()))
    }
}

fn payload(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap_or_default();
    let bytes = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(payload).unwrap_or_default();
    serde_json::from_slice(&bytes).ok().filter(Value::is_object).unwrap_or_else(|| json!({}))
}

/// Checks as it should, but for one defect.
struct Broken {
    strict: JwtValidator,
    lax: IntrospectionValidator,
    defect: Defect,
    last: Mutex<String>,
    busy: AtomicBool,
}

impl Broken {
    fn with(defect: Defect, issuer: &DevIssuer) -> Self {
        let generous = Arc::new(Generous { issuer: issuer.issuer().to_owned() });
        let introspector = Arc::new(http_introspector(issuer, generous));
        let lax = IntrospectionValidator::builder(issuer.issuer(), ["api"], introspector).build();
        let (last, busy) = (Mutex::default(), AtomicBool::default());
        Self { strict: jwt(issuer).build(), lax, defect, last, busy }
    }

    /// Whether this is what the defect lets pass.
    fn tolerates(&self, error: &TokenError, token: &str) -> bool {
        use TokenError as E;
        match self.defect {
            Defect::AnyIssuer => matches!(error, E::Issuer { .. } | E::MissingClaim { claim: "iss" }),
            Defect::AnySignature => {
                matches!(error, E::Signature | E::UnknownKey | E::UnsupportedAlgorithm | E::Malformed(_))
                    && payload(token).get("sub").is_some()
            }
            Defect::AnyAudience => matches!(error, E::Audience { .. } | E::MissingClaim { claim: "aud" }),
            Defect::AnyTime => matches!(error, E::Expired { .. } | E::NotYetValid { .. }),
            Defect::AnyKind => matches!(error, E::WrongType { .. }),
            _ => false,
        }
    }

    async fn check(&self, token: &str) -> Result<VerifiedToken, ValidationError> {
        match self.strict.validate(token).await {
            Err(ValidationError::Token(error)) if self.tolerates(&error, token) => {
                // What the generous server is asked about is only what the token says.
                let [_, payload, _] = *token.split('.').collect::<Vec<_>>() else {
                    return Err(error.into());
                };
                self.lax.validate(&format!("opaque.{payload}")).await
            }
            Err(ValidationError::Token(_)) if self.defect == Defect::NoTokenIsAnOutage => {
                Err(ValidationError::Introspection { reason: "no".to_owned() })
            }
            Err(ValidationError::Token(_)) if self.defect == Defect::TellsTheToken => {
                Err(ValidationError::Introspection { reason: token.to_owned() })
            }
            Err(ValidationError::Keys(_)) if self.defect == Defect::OutageIsABadToken => {
                Err(TokenError::UnknownKey.into())
            }
            outcome => outcome,
        }
    }
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broken").field("defect", &self.defect).finish_non_exhaustive()
    }
}

#[async_trait]
impl TokenValidator for Broken {
    async fn validate(&self, token: &str) -> Result<VerifiedToken, ValidationError> {
        match self.defect {
            Defect::RefusesAll => return Err(TokenError::Revoked.into()),
            Defect::AsksWhomItNames => ask(&payload(token)["iss"]).await,
            Defect::Logs => tracing::info!("checking {token}"),
            Defect::MixesTokensUp => {
                token.clone_into(&mut self.last.lock().unwrap());
                tokio::task::yield_now().await;
                let token = self.last.lock().unwrap().clone();
                return self.check(&token).await;
            }
            Defect::DroppedCheckBlocks if self.busy.swap(true, Ordering::Relaxed) => {
                return Err(ValidationError::Introspection { reason: "busy".to_owned() });
            }
            _ => {}
        }
        let outcome = self.check(token).await;
        self.busy.store(false, Ordering::Relaxed);
        outcome
    }

    fn still_stands(&self, token: &VerifiedToken) -> bool {
        self.defect == Defect::StandsForEver || self.strict.still_stands(token)
    }
}

/// As a validator that finds its keys by what the token says.
async fn ask(issuer: &Value) {
    let authority = issuer.as_str().and_then(|url| url.strip_prefix("http://")?.split('/').next());
    let Some(authority) = authority else { return };
    let Ok(mut stream) = tokio::net::TcpStream::connect(authority).await else { return };
    let request = format!(
        "GET /.well-known/openid-configuration HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n"
    );
    let _ = stream.write_all(request.as_bytes()).await;
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

#[test]
fn each_clause_about_validators_catches_what_it_is_for() {
    let defects = [
        (Defect::RefusesAll, "a good token is accepted, and known by its subject"),
        (Defect::AnyIssuer, "a token of another issuer is refused"),
        (Defect::AnySignature, "a token that was not signed by the issuer is refused"),
        (Defect::AnyAudience, "a token that is not for us is refused"),
        (Defect::AnyTime, "a token that is not in force now is refused"),
        (Defect::AnyKind, "a token that is no access token is refused"),
        (Defect::NoTokenIsAnOutage, "a text that is no token is refused"),
        (Defect::AsksWhomItNames, "nothing that a token says makes it ask somewhere else"),
        (Defect::TellsTheToken, "the token is in no error and in no log"),
        (Defect::Logs, "the token is in no error and in no log"),
        (Defect::StandsForEver, "a token that would be refused now does not still stand"),
        (Defect::MixesTokensUp, "simultaneous tokens are told apart"),
        (Defect::DroppedCheckBlocks, "dropping a check does no harm to others"),
        (Defect::OutageIsABadToken, "an outage is not the token's fault, and passes"),
    ];
    let suite = async |defect| contract::token_validator(async |issuer| Broken::with(defect, issuer)).await;
    Clauses::default().all_caught(&defects, suite);
}
