//! A token, step by step. Each step is judged, also after one that failed, where that means anything.

mod parts;
mod say;

use kc_core::keys::Lookup;
use kc_core::signature::Algorithm;
use kc_core::token::{Defect, TokenError};
use kc_core::{AuthError, Principal};
use serde_json::{Map, Value, json};

use self::parts::Parts;
use super::judge::Judge;
use super::probe::{Leaving, Probe};
use crate::terminal::shown;

/// What is said of one thing.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) mark: Mark,
    pub(super) detail: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mark {
    /// A reason to refuse the token, with its code.
    Bad(&'static str),
    Good,
    /// Neither good nor bad by itself.
    Note,
    /// Not looked at.
    Unseen,
}

/// All that was looked at.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) steps: Vec<Step>,
    /// What the token says, if that could be read. Whoever has not checked the signature may not believe it.
    pub(super) claims: Option<Map<String, Value>>,
}

impl Looked {
    fn say(&mut self, name: &'static str, mark: Mark, detail: impl Into<String>) {
        self.steps.push(Step { name, mark, detail: detail.into() });
    }

    fn bad(&mut self, name: &'static str, error: &TokenError) {
        self.say(name, Mark::Bad(error.code()), error.to_string());
    }

    /// The step that the verdict is about says what the verdict says: where a step could not see it, or said it otherwise.
    fn agree_with(&mut self, error: &AuthError, code: &'static str) {
        if self.steps.iter().any(|step| step.mark == Mark::Bad(code)) {
            return;
        }
        let (name, unknown) = owner(error);
        let (mark, detail) = match unknown {
            true => (Mark::Unseen, format!("because {error}")),
            false => (Mark::Bad(code), error.to_string()),
        };
        match self.steps.iter_mut().find(|step| step.name == name) {
            Some(step) => (step.mark, step.detail) = (mark, detail),
            None => self.say(name, mark, detail),
        }
    }
}

/// The step that an error is about, and whether it says nothing about the token.
fn owner(error: &AuthError) -> (&'static str, bool) {
    let name = match error {
        AuthError::Keys(_) => return ("key", true),
        AuthError::Introspection { .. } => return ("introspection", true),
        AuthError::UnknownUser => "subject",
        AuthError::Token(error) => match error {
            TokenError::Audience { .. } | TokenError::MissingClaim { claim: "aud" } => "audience",
            TokenError::Bound => "bound",
            TokenError::Expired { .. } | TokenError::MissingClaim { claim: "exp" } => "exp",
            TokenError::Inactive => "introspection",
            TokenError::Issuer { .. } | TokenError::MissingClaim { claim: "iss" } => "issuer",
            TokenError::MissingClaim { claim: "sub" } => "subject",
            TokenError::MalformedClaim { .. } | TokenError::MissingClaim { .. } => "claims",
            TokenError::NotYetValid { claim, .. } => claim,
            TokenError::Revoked => "revoked",
            TokenError::Signature => "signature",
            TokenError::UnknownKey => "key",
            TokenError::UnsupportedAlgorithm => "algorithm",
            TokenError::WrongType { .. } => "kind",
            _ => "shape",
        },
        AuthError::Credentials(_) | AuthError::NotAuthenticated => "shape",
        // About this program or its surroundings.
        _ => return ("service", true),
    };
    (name, false)
}

/// Looks at a token that `judge` has decided about.
pub(super) async fn looked_at(judge: &Judge, token: &str, outcome: &Result<Principal, AuthError>) -> Looked {
    let probe = Probe::new(judge);
    let parts = Parts::of(token);
    let mut looked = Looked { steps: Vec::new(), claims: parts.claims.clone() };
    shape(&mut looked, judge, &probe, token, &parts).await;
    header(&mut looked, &probe, &parts).await;
    key(&mut looked, judge, &parts).await;
    claims(&mut looked, judge, &probe, &parts).await;
    introspection(&mut looked, judge, &parts, outcome);
    revoked(&mut looked, judge, outcome);
    say::caller(&mut looked, judge, outcome);
    if let Err(error) = outcome {
        let code = kc_core::wire::Refusal::from(error.clone()).code();
        looked.agree_with(error, code);
    }
    looked
}

async fn shape(looked: &mut Looked, judge: &Judge, probe: &Probe<'_>, token: &str, parts: &Parts<'_>) {
    let Some(segments) = &parts.segments else {
        return match probe.text(token).await {
            Some(TokenError::Malformed(Defect::NotThreeSegments)) if judge.expected.introspects => {
                looked.say("shape", Mark::Note, "it is no JWT: Keycloak is asked about it");
            }
            Some(error) => looked.bad("shape", &error),
            None => looked.say("shape", Mark::Unseen, "it is no JWT"),
        };
    };
    let whole = probe.text(token).await.filter(|error| matches!(error, TokenError::TooLarge { .. }));
    let error = match whole {
        Some(error) => Some(error),
        None => match probe.payload(segments.payload).await {
            error @ Some(TokenError::Malformed(_)) => error,
            _ if parts.signature.is_none() => Some(TokenError::Malformed(Defect::Base64url)),
            _ => None,
        },
    };
    match error {
        Some(error) => looked.bad("shape", &error),
        None => looked.say("shape", Mark::Good, format!("a signed JWT of {} bytes", token.len())),
    }
}

async fn header(looked: &mut Looked, probe: &Probe<'_>, parts: &Parts<'_>) {
    const NO_HEADER: &str = "because there is no header that can be read";
    let Some(segments) = &parts.segments else {
        looked.say("header", Mark::Unseen, NO_HEADER);
        looked.say("algorithm", Mark::Unseen, NO_HEADER);
        return;
    };
    match probe.header(segments.header).await {
        Some(error @ TokenError::Malformed(_)) => looked.bad("header", &error),
        _ => looked.say("header", Mark::Good, say::members(&parts.header)),
    }
    let Some(alg) = parts.alg() else {
        return looked.say("algorithm", Mark::Unseen, "because the header names none");
    };
    match probe.header(&parts::encoded(&json!({ "alg": alg }))).await {
        Some(error @ TokenError::UnsupportedAlgorithm) => {
            looked.say("algorithm", Mark::Bad(error.code()), format!("{} is not accepted", shown(alg)))
        }
        _ => looked.say("algorithm", Mark::Good, shown(alg)),
    }
}

async fn key(looked: &mut Looked, judge: &Judge, parts: &Parts<'_>) {
    const NO_KEY: &str = "because there is no key for it";
    let mut unseen = |why: String| {
        looked.say("key", Mark::Unseen, why);
        looked.say("signature", Mark::Unseen, NO_KEY);
    };
    let Some(algorithm) = parts.alg().and_then(Algorithm::from_name) else {
        return unseen("because there is no algorithm that is accepted".to_owned());
    };
    let keys = match judge.current_keys().await {
        Ok(keys) => keys,
        Err(error) => return unseen(format!("because {error}")),
    };
    let name = match parts.kid() {
        Some(kid) => format!("the key {}", shown(kid)),
        None => "a key without a name (kid)".to_owned(),
    };
    let Lookup::Found(key) = keys.find(parts.kid(), algorithm) else {
        let there = say::keys(&keys);
        let source = judge.source;
        let detail = format!("{name} for {} is not among the keys of {source}: {there}", algorithm.name());
        looked.say("key", Mark::Bad(TokenError::UnknownKey.code()), detail);
        return looked.say("signature", Mark::Unseen, NO_KEY);
    };
    looked.say("key", Mark::Good, format!("{name}, of {}", judge.source));
    match (&parts.segments, &parts.signature) {
        (Some(segments), Some(signature)) if key.verify(segments.signed.as_bytes(), signature) => {
            looked.say("signature", Mark::Good, "made with that key");
        }
        (Some(_), Some(_)) => looked.bad("signature", &TokenError::Signature),
        _ => looked.say("signature", Mark::Unseen, "because it cannot be decoded"),
    }
}

/// What the claims say: kind, binding, issuer, audience, times.
async fn claims(looked: &mut Looked, judge: &Judge, probe: &Probe<'_>, parts: &Parts<'_>) {
    let Some(claims) = &parts.claims else {
        for name in ["claims", "kind", "bound", "issuer", "audience", "exp", "nbf", "iat"] {
            looked.say(name, Mark::Unseen, "because there are no claims that can be read");
        }
        return;
    };
    let mut rest = claims.clone();
    let mut misshapen = Vec::new();
    while let Some(error @ TokenError::MalformedClaim { claim, .. }) =
        probe.claims(None, &rest, Leaving::Both).await
    {
        misshapen.push((claim, error.to_string()));
        if rest.remove(claim).is_none() {
            break;
        }
    }
    match misshapen.as_slice() {
        [] => {
            let vouched = looked.steps.iter().any(|step| step.name == "signature" && step.mark == Mark::Good);
            let whose = if vouched { "" } else { "; nobody vouches for what they say" };
            let detail = format!("those that are read have the shape they should{whose}");
            looked.say("claims", Mark::Good, detail);
        }
        some => {
            let code = TokenError::MalformedClaim { claim: "", expected: "" }.code();
            let texts: Vec<&str> = some.iter().map(|(_, text)| text.as_str()).collect();
            looked.say("claims", Mark::Bad(code), texts.join("; "));
        }
    }
    let is_misshapen = |claim: &str| misshapen.iter().any(|(name, _)| *name == claim);
    let only = |names: &[&str]| -> Map<String, Value> {
        names.iter().filter_map(|name| Some(((*name).to_owned(), rest.get(*name)?.clone()))).collect()
    };
    let access_token = |claim: &str| {
        let mut claims = only(&[claim]);
        claims.insert("typ".to_owned(), json!("Bearer"));
        claims
    };

    let header_type =
        parts.header.as_ref().and_then(|header| header.get("typ")).filter(|typ| typ.is_string());
    let kind = only(&["typ", "cnf", "nonce", "at_hash", "events"]);
    match probe.claims(header_type, &kind, Leaving::Both).await {
        Some(error @ TokenError::WrongType { .. }) => looked.bad("kind", &error),
        _ if is_misshapen("typ") => looked.say("kind", Mark::Unseen, SHAPE),
        _ => looked.say("kind", Mark::Good, "an access token"),
    }
    match probe.claims(None, &access_token("cnf"), Leaving::Both).await {
        Some(error @ TokenError::Bound) => looked.bad("bound", &error),
        _ if is_misshapen("cnf") => looked.say("bound", Mark::Unseen, SHAPE),
        _ => looked.say("bound", Mark::Good, "to no key: whoever has it may present it"),
    }
    match probe.claims(None, &access_token("iss"), Leaving::Audience).await {
        Some(error @ (TokenError::Issuer { .. } | TokenError::MissingClaim { claim: "iss" })) => {
            looked.bad("issuer", &error);
        }
        _ if is_misshapen("iss") => looked.say("issuer", Mark::Unseen, SHAPE),
        _ => looked.say("issuer", Mark::Good, shown(&judge.expected.issuer)),
    }
    match probe.claims(None, &access_token("aud"), Leaving::Issuer).await {
        Some(TokenError::MissingClaim { claim: "aud" })
            if judge.expected.introspects && !is_misshapen("aud") =>
        {
            looked.say("audience", Mark::Note, "it has none: Keycloak is asked about it");
        }
        Some(error @ (TokenError::Audience { .. } | TokenError::MissingClaim { claim: "aud" })) => {
            if is_misshapen("aud") {
                looked.say("audience", Mark::Unseen, SHAPE);
            } else {
                looked.bad("audience", &error);
            }
        }
        _ => looked.say("audience", Mark::Good, say::list(rest.get("aud"))),
    }
    times(looked, judge, probe, &access_token, &is_misshapen).await;
}

const SHAPE: &str = "because the claim has not the shape it should";

async fn times(
    looked: &mut Looked,
    judge: &Judge,
    probe: &Probe<'_>,
    access_token: &impl Fn(&str) -> Map<String, Value>,
    is_misshapen: &impl Fn(&str) -> bool,
) {
    let now = judge.clock.now();
    // Later than any leeway.
    let later = json!(now.as_secs() + 86_400);
    for (claim, what) in [("exp", "it ends"), ("nbf", "it begins"), ("iat", "it was issued")] {
        let mut claims = access_token(claim);
        let at = claims.get(claim).and_then(Value::as_f64);
        if claim != "exp" {
            claims.insert("exp".to_owned(), later.clone());
        }
        let error = probe.claims(None, &claims, Leaving::Both).await;
        let when = at.map(|at| say::when(what, at, now));
        match (error, when) {
            _ if is_misshapen(claim) => looked.say(claim, Mark::Unseen, SHAPE),
            (Some(error @ (TokenError::Expired { .. } | TokenError::NotYetValid { .. })), when) => {
                let leeway = judge.expected.leeway.as_secs();
                let detail = format!("{}; the leeway is {leeway} s", when.unwrap_or_default());
                looked.say(claim, Mark::Bad(error.code()), detail);
            }
            (Some(error @ TokenError::MissingClaim { claim: "exp" }), None) => looked.bad(claim, &error),
            (_, Some(when)) => looked.say(claim, Mark::Good, when),
            (_, None) => looked.say(claim, Mark::Note, "it has none, and needs none"),
        }
    }
}

fn introspection(
    looked: &mut Looked,
    judge: &Judge,
    parts: &Parts<'_>,
    outcome: &Result<Principal, AuthError>,
) {
    if !judge.expected.introspects {
        return;
    }
    let lightweight =
        parts.claims.as_ref().is_some_and(|claims| claims.get("aud").is_none_or(Value::is_null));
    if parts.segments.is_some() && !lightweight {
        looked.say("introspection", Mark::Unseen, "because the token says all that is needed");
    } else if outcome.is_ok() {
        looked.say("introspection", Mark::Good, "Keycloak says that it is active");
    } else {
        looked.say("introspection", Mark::Unseen, "because something else is wrong");
    }
}

fn revoked(looked: &mut Looked, judge: &Judge, outcome: &Result<Principal, AuthError>) {
    match outcome {
        Ok(_) if judge.asks_the_realm() => {
            looked.say("revoked", Mark::Good, "nothing is known against it (the realm's not-before)");
        }
        Ok(_) => looked.say("revoked", Mark::Unseen, "because the realm is not asked for its not-before"),
        Err(_) => looked.say("revoked", Mark::Unseen, "because the token is refused before"),
    }
}
