//! The contract of [`Authenticator`].

use std::sync::Arc;

use http::HeaderMap;
use kc_core::wire::RequestView;
use kc_core::{AuthError, Authenticator, Principal};

use super::findings::{ContractBroken, Held, Trial, at_once, given_up_after, hold};
use super::log::heard;

/// Requests by what an authenticator is to make of them: their header lines.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    none: Vec<HeaderMap>,
    good: Vec<(HeaderMap, String)>,
    bad: Vec<HeaderMap>,
}

impl Credentials {
    /// A request without header lines, which is one without credentials. One good and one bad request are needed beside
    /// it.
    #[must_use]
    pub fn new() -> Self {
        Self { none: vec![HeaderMap::new()], ..Self::default() }
    }

    /// A request without credentials of the authenticator's kind; it may have others.
    #[must_use]
    pub fn none(mut self, headers: HeaderMap) -> Self {
        self.none.push(headers);
        self
    }

    /// A request with the good credentials of the caller who has this subject.
    #[must_use]
    pub fn good(mut self, headers: HeaderMap, subject: impl Into<String>) -> Self {
        self.good.push((headers, subject.into()));
        self
    }

    /// A request with credentials of the authenticator's kind that are not good: expired, forged, malformed, sent twice.
    #[must_use]
    pub fn bad(mut self, headers: HeaderMap) -> Self {
        self.bad.push(headers);
        self
    }
}

/// Checks an authenticator: `authenticator` makes one that accepts the good of these `credentials`.
///
/// # Errors
/// [`ContractBroken`] names each clause that is not kept.
pub async fn authenticator<A: Authenticator + 'static>(
    authenticator: impl AsyncFn() -> A,
    credentials: &Credentials,
) -> Result<(), ContractBroken> {
    let mut trial = Trial::of("Authenticator");
    if credentials.good.is_empty() || credentials.bad.is_empty() {
        return Err(trial.impossible("it takes a request with good credentials, and one with bad ones"));
    }
    let make = async || Bed { authenticator: Arc::new(authenticator().await), credentials };
    trial.clause("a request without credentials of its kind is left to others", none(&make().await)).await;
    trial.clause("good credentials are the caller they belong to", good(&make().await)).await;
    trial.clause("bad credentials are an error, never nobody", bad(&make().await)).await;
    trial.clause("the method and the path make no difference", anywhere(&make().await)).await;
    trial.clause("the credentials are in no error and in no log", secret(&make().await)).await;
    trial.clause("simultaneous requests are told apart", told_apart(&make().await)).await;
    trial.clause("dropping a request does no harm to others", dropped(&make().await)).await;
    trial.end()
}

struct Bed<'c> {
    authenticator: Arc<dyn Authenticator>,
    credentials: &'c Credentials,
}

async fn ask(authenticator: &dyn Authenticator, headers: &HeaderMap) -> Result<Option<Principal>, AuthError> {
    ask_at(authenticator, headers, "GET", "/kc-contract").await
}

async fn ask_at(
    authenticator: &dyn Authenticator,
    headers: &HeaderMap,
    method: &str,
    path: &str,
) -> Result<Option<Principal>, AuthError> {
    authenticator
        .authenticate(&RequestView { method, path, query: None, route: None, headers, peer: None })
        .await
}

async fn none(bed: &Bed<'_>) -> Held {
    for (number, headers) in bed.credentials.none.iter().enumerate() {
        match ask(&*bed.authenticator, headers).await {
            Ok(None) => {}
            Ok(Some(principal)) => return Err(format!("request {number} is from {principal:?}")),
            Err(error) => return Err(format!("request {number} is refused, and no other is asked: {error}")),
        }
    }
    Ok(())
}

async fn good(bed: &Bed<'_>) -> Held {
    for _ in 0..2 {
        for (headers, subject) in &bed.credentials.good {
            is(ask(&*bed.authenticator, headers).await, subject)?;
        }
    }
    Ok(())
}

fn is(outcome: Result<Option<Principal>, AuthError>, subject: &str) -> Held {
    match outcome {
        Ok(Some(principal)) => hold(principal.subject() == Some(subject), || {
            format!("those of {subject:?} are taken for {:?}'s", principal.subject())
        }),
        Ok(None) => Err(format!("those of {subject:?} are not seen")),
        Err(error) => Err(format!("those of {subject:?} are refused: {error}")),
    }
}

async fn bad(bed: &Bed<'_>) -> Held {
    for (number, headers) in bed.credentials.bad.iter().enumerate() {
        match ask(&*bed.authenticator, headers).await {
            Err(_) => {}
            Ok(Some(principal)) => return Err(format!("request {number} is accepted as {principal:?}")),
            Ok(None) => return Err(format!("request {number} is from nobody: an open route lets it in")),
        }
    }
    Ok(())
}

async fn anywhere(bed: &Bed<'_>) -> Held {
    for (method, path) in [("POST", "/"), ("OPTIONS", "/../%2e"), ("kc-contract", "*"), ("", "")] {
        for (headers, subject) in &bed.credentials.good {
            is(ask_at(&*bed.authenticator, headers, method, path).await, subject)?;
        }
        for headers in &bed.credentials.bad {
            let outcome = ask_at(&*bed.authenticator, headers, method, path).await;
            hold(outcome.is_err(), || format!("bad ones are no error at {method} {path}"))?;
        }
    }
    Ok(())
}

async fn secret(bed: &Bed<'_>) -> Held {
    let all = bed.credentials.bad.iter().chain(bed.credentials.good.iter().map(|(headers, _)| headers));
    for headers in all {
        let (outcome, log) = heard(ask(&*bed.authenticator, headers)).await;
        let told = match outcome {
            Ok(principal) => format!("{principal:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        let told = format!("{told} {log} {:?}", bed.authenticator);
        // Short words are those of a scheme or a flag.
        let values = headers.values().filter_map(|value| value.to_str().ok());
        let mut words =
            values.flat_map(|value| value.split([' ', ',', ';', '='])).filter(|word| word.len() > 11);
        hold(!words.any(|word| told.contains(word)), || "a part of a header line is".to_owned())?;
    }
    Ok(())
}

async fn told_apart(bed: &Bed<'_>) -> Held {
    let none = bed.credentials.none.iter().map(|headers| (headers, Some(None)));
    let good = bed.credentials.good.iter().map(|(headers, subject)| (headers, Some(Some(subject.clone()))));
    let bad = bed.credentials.bad.iter().map(|headers| (headers, None));
    let all: Vec<_> =
        none.chain(good).chain(bad).map(|(headers, expected)| (headers.clone(), expected)).collect();
    let seen = at_once(8 * all.len(), |number| {
        let (headers, expected) = all.get(number % all.len()).cloned().unwrap_or_default();
        let authenticator = Arc::clone(&bed.authenticator);
        async move {
            let outcome = ask(&*authenticator, &headers).await.ok();
            outcome.map(|principal| principal.and_then(|one| one.subject().map(str::to_owned))) == expected
        }
    })
    .await?;
    hold(seen.iter().all(|right| *right), || "one of them is taken for another".to_owned())
}

async fn dropped(bed: &Bed<'_>) -> Held {
    for (headers, subject) in &bed.credentials.good {
        for turns in 1..4 {
            given_up_after(turns, ask(&*bed.authenticator, headers)).await;
        }
        is(ask(&*bed.authenticator, headers).await, subject)?;
    }
    Ok(())
}
