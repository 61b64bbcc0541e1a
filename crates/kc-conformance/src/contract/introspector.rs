//! The contract of [`Introspector`].

use std::sync::Arc;
use std::time::Duration;

use kc_core::introspection::{Introspection, IntrospectionError, Introspector};
use kc_dev::{DevIssuer, Endpoint, Fault};

use super::findings::{ContractBroken, Held, Trial, at_once, given_up_after, hold};
use super::log::heard;

/// Checks an introspector against the embedded issuer: `introspector` makes one that asks it as the client `api`, whose
/// secret is `api-secret`. `max_age` is how old an answer may be, by what the implementation says of itself: zero if it
/// asks each time.
///
/// # Errors
/// [`ContractBroken`] names each clause that is not kept.
pub async fn introspector<I: Introspector + 'static>(
    introspector: impl AsyncFn(&DevIssuer) -> I,
    max_age: Duration,
) -> Result<(), ContractBroken> {
    let mut trial = Trial::of("Introspector");
    let issuer = match DevIssuer::builder().shared_keys().start().await {
        Ok(issuer) => issuer,
        Err(error) => return Err(trial.impossible(error)),
    };
    let make = async || {
        for endpoint in Endpoint::ALL {
            issuer.clear_fault(endpoint);
        }
        Bed { introspector: Arc::new(introspector(&issuer).await), issuer: &issuer, max_age }
    };
    trial.clause("a good token is active, and the answer tells whose it is", active(&make().await)).await;
    trial.clause("a token that the server does not know is inactive", unknown(&make().await)).await;
    trial.clause("an answer is of now", of_now(&make().await)).await;
    trial.clause("an answer belongs to the token it was asked for", own_answers(&make().await)).await;
    trial.clause("an outage is an error, never an answer", outage(&make().await)).await;
    trial.clause("a doubtful answer is an error, never an answer", doubtful(&make().await)).await;
    trial.clause("an outage that is over leaves nothing behind", recovers(&make().await)).await;
    trial.clause("the token is in no error and in no log", secret(&make().await)).await;
    trial.clause("dropping a question does no harm to others", dropped(&make().await)).await;
    trial.clause("it names the client that asks", named(&make().await)).await;
    trial.end()
}

struct Bed<'i> {
    introspector: Arc<dyn Introspector>,
    issuer: &'i DevIssuer,
    max_age: Duration,
}

impl Bed<'_> {
    async fn token(&self, user: &str) -> Result<String, String> {
        self.issuer.token(user, "api").await.map_err(|error| error.to_string())
    }

    async fn ask(&self, token: &str) -> Result<Introspection, IntrospectionError> {
        self.introspector.introspect(token, None).await
    }

    async fn is_active(&self, token: &str) -> Held {
        match self.ask(token).await {
            Ok(Introspection::Active(_)) => Ok(()),
            Ok(Introspection::Inactive) => Err("a good token is inactive".to_owned()),
            Err(error) => Err(format!("a good token is an error: {error}")),
        }
    }
}

async fn active(bed: &Bed<'_>) -> Held {
    for user in ["alice", "bob"] {
        let answer = bed.ask(&bed.token(user).await?).await.map_err(|error| error.to_string())?;
        let Introspection::Active(answer) = answer else { return Err("it is inactive".to_owned()) };
        hold(answer.subject() == bed.issuer.user_id(user), || {
            format!("the token of {user} is said to be of {:?}", answer.subject())
        })?;
    }
    Ok(())
}

async fn unknown(bed: &Bed<'_>) -> Held {
    let expired =
        bed.issuer.mint().user("alice").expires_in(-60).sign().await.map_err(|error| error.to_string())?;
    let forged = bed.issuer.mint().user("alice").unknown_key(kc_dev::Alg::Es256).sign().await;
    let forged = forged.map_err(|error| error.to_string())?;
    for token in [expired.as_str(), &forged, "opaque", "a.b.c", "a b&c=d%20+\u{e9}"] {
        let answer = bed.ask(token).await;
        hold(answer == Ok(Introspection::Inactive), || match answer {
            Ok(_) => "it is active".to_owned(),
            Err(error) => format!("it is an error: {error}"),
        })?;
    }
    Ok(())
}

async fn of_now(bed: &Bed<'_>) -> Held {
    let token = bed.token("carol").await?;
    bed.is_active(&token).await?;
    hold(bed.issuer.logout_user("carol"), || "the embedded issuer has no carol".to_owned())?;
    tokio::time::sleep(bed.max_age).await;
    let answer = bed.ask(&token).await;
    hold(answer == Ok(Introspection::Inactive), || {
        "after the user was logged out it is not inactive: is an answer remembered?".to_owned()
    })
}

async fn own_answers(bed: &Bed<'_>) -> Held {
    let users = ["alice", "bob", "erin"];
    let mut tokens = Vec::new();
    for user in users {
        tokens.push((bed.token(user).await?, bed.issuer.user_id(user).map(str::to_owned)));
    }
    tokens.push(("opaque".to_owned(), None));
    let answers = at_once(32, |number| {
        let (token, subject) = tokens.get(number % tokens.len()).cloned().unwrap_or_default();
        let introspector = Arc::clone(&bed.introspector);
        async move { (introspector.introspect(&token, None).await, subject) }
    })
    .await?;
    for (answer, subject) in answers {
        let got = match answer.map_err(|error| format!("one of 32 failed: {error}"))? {
            Introspection::Active(answer) => answer.subject().map(str::to_owned),
            Introspection::Inactive => None,
        };
        hold(got == subject, || format!("asked about a token of {subject:?}, the answer is about {got:?}"))?;
    }
    Ok(())
}

async fn outage(bed: &Bed<'_>) -> Held {
    for fault in [500, 502, 503, 404, 401].map(Fault::Status).into_iter().chain([Fault::Cut]) {
        no_answer(bed, fault).await?;
    }
    Ok(())
}

async fn doubtful(bed: &Bed<'_>) -> Held {
    let elsewhere = Fault::Redirect(format!("{}/realms/{}", bed.issuer.base_url(), bed.issuer.realm()));
    for fault in [Fault::Empty, Fault::Garbage, Fault::Html, elsewhere] {
        no_answer(bed, fault).await?;
    }
    Ok(())
}

/// A fresh token each time: what is known of one already may be told.
async fn no_answer(bed: &Bed<'_>, fault: Fault) -> Held {
    for token in [bed.token("alice").await?, format!("opaque-{fault:?}")] {
        bed.issuer.fault(Endpoint::Introspect, fault.clone());
        let answer = bed.ask(&token).await;
        bed.issuer.clear_fault(Endpoint::Introspect);
        hold(answer.is_err(), || {
            let said = if matches!(answer, Ok(Introspection::Inactive)) { "inactive" } else { "active" };
            format!("with {fault:?} a token is called {said}")
        })?;
    }
    Ok(())
}

async fn recovers(bed: &Bed<'_>) -> Held {
    let token = bed.token("alice").await?;
    bed.issuer.fault(Endpoint::Introspect, Fault::Status(503));
    let _ = bed.ask(&token).await;
    bed.issuer.clear_fault(Endpoint::Introspect);
    bed.is_active(&token).await
}

async fn secret(bed: &Bed<'_>) -> Held {
    let mut told = String::new();
    for fault in [None, Some(Fault::Status(500)), Some(Fault::Garbage), Some(Fault::Cut)] {
        let token = bed.token("alice").await?;
        match fault {
            Some(fault) => bed.issuer.fault(Endpoint::Introspect, fault),
            None => bed.issuer.clear_fault(Endpoint::Introspect),
        }
        for token in [token.as_str(), "kc-contract-opaque-token"] {
            let (answer, log) = heard(bed.ask(token)).await;
            told.push_str(&log);
            match answer {
                Ok(answer) => told.push_str(&format!("{answer:?}")),
                Err(error) => told.push_str(&format!("{error} {error:?} {}", error.diagnosis("api"))),
            }
            told.push_str(&format!("{:?}", bed.introspector));
            let signature = token.rsplit('.').next().unwrap_or(token);
            hold(!told.contains(signature), || "there it is".to_owned())?;
        }
    }
    bed.issuer.clear_fault(Endpoint::Introspect);
    hold(!told.contains("api-secret"), || "it is not, but the client's secret is".to_owned())
}

async fn dropped(bed: &Bed<'_>) -> Held {
    let token = bed.token("alice").await?;
    bed.issuer.fault(Endpoint::Introspect, Fault::Slow(Duration::from_millis(300)));
    for turns in 1..4 {
        given_up_after(turns, bed.ask(&token)).await;
    }
    drop(tokio::time::timeout(Duration::from_millis(50), bed.ask(&token)).await);
    bed.issuer.clear_fault(Endpoint::Introspect);
    bed.is_active(&token).await
}

async fn named(bed: &Bed<'_>) -> Held {
    let name = bed.introspector.client_id();
    hold(name == "api", || format!("it asks as `api` and calls itself {name:?}"))
}
