//! The contract of [`TokenValidator`].

use std::sync::Arc;
use std::time::Duration;

use kc_core::validator::{TokenValidator, ValidationError};
use kc_dev::{Alg, DevIssuer, Mint, MintError, TokenKind};

use super::findings::{ContractBroken, Held, Trial, at_once, given_up_after, hold};
use super::log::heard;
use super::server::{Server, Then, answer};

/// Checks a validator against the embedded issuer: `validator` makes one for the tokens of this issuer that are meant for
/// `api`, which is also the client that asks, where it asks; its secret is `api-secret`.
///
/// # Errors
/// [`ContractBroken`] names each clause that is not kept.
pub async fn token_validator<V: TokenValidator + 'static>(
    validator: impl AsyncFn(&DevIssuer) -> V,
) -> Result<(), ContractBroken> {
    let mut trial = Trial::of("TokenValidator");
    let (issuer, other) = match (DevIssuer::builder().shared_keys().start().await, DevIssuer::start().await) {
        (Ok(issuer), Ok(other)) => (issuer, other),
        (Err(error), _) | (_, Err(error)) => return Err(trial.impossible(error)),
    };
    let make = async || Bed { validator: Arc::new(validator(&issuer).await), issuer: &issuer, other: &other };
    trial.clause("a good token is accepted, and known by its subject", good(&make().await)).await;
    trial.clause("a token of another issuer is refused", other_issuer(&make().await)).await;
    trial.clause("a token that was not signed by the issuer is refused", forged(&make().await)).await;
    trial.clause("a token that is not for us is refused", not_for_us(&make().await)).await;
    trial.clause("a token that is not in force now is refused", not_in_force(&make().await)).await;
    trial.clause("a token that is no access token is refused", other_kinds(&make().await)).await;
    trial.clause("a text that is no token is refused", no_token(&make().await)).await;
    trial.clause("nothing that a token says makes it ask somewhere else", elsewhere(&make().await)).await;
    trial.clause("the token is in no error and in no log", secret(&make().await)).await;
    trial.clause("a token that would be refused now does not still stand", still_stands(&make().await)).await;
    trial.clause("simultaneous tokens are told apart", told_apart(&make().await)).await;
    trial.clause("dropping a check does no harm to others", dropped(&make().await)).await;
    trial.clause("an outage is not the token's fault, and passes", outage(&make().await)).await;
    trial.end()
}

struct Bed<'i> {
    validator: Arc<dyn TokenValidator>,
    issuer: &'i DevIssuer,
    other: &'i DevIssuer,
}

impl Bed<'_> {
    fn alice(&self) -> Mint {
        self.issuer.mint().user("alice")
    }

    async fn accepts(&self, user: &str) -> Held {
        let token = self.issuer.token(user, "api").await.map_err(text)?;
        let verified =
            self.validator.validate(&token).await.map_err(|error| format!("the token of {user}: {error}"))?;
        let subject = verified.claims().subject.as_deref();
        hold(subject == self.issuer.user_id(user), || {
            format!("the token of {user} is taken for {subject:?}'s")
        })
    }

    async fn refuses(&self, token: &str, what: &str) -> Held {
        match self.validator.validate(token).await {
            Err(ValidationError::Token(_)) => Ok(()),
            Err(error) => Err(format!("{what} is not said to be a bad token, but: {error}")),
            Ok(_) => Err(format!("{what} is accepted")),
        }
    }

    async fn refuses_mint(&self, mint: Mint, what: &str) -> Held {
        self.refuses(&mint.sign().await.map_err(text)?, what).await
    }
}

fn text(error: MintError) -> String {
    error.to_string()
}

async fn good(bed: &Bed<'_>) -> Held {
    bed.accepts("alice").await?;
    bed.accepts("bob").await?;
    bed.accepts("alice").await
}

async fn other_issuer(bed: &Bed<'_>) -> Held {
    bed.refuses_mint(bed.other.mint().user("alice"), "one of another server").await?;
    let posing = bed.other.mint().user("alice").claim("iss", bed.issuer.issuer());
    bed.refuses_mint(posing, "one of another server that names ours").await?;
    for iss in [bed.other.issuer().to_owned(), format!("{}/", bed.issuer.issuer()), String::new()] {
        bed.refuses_mint(bed.alice().claim("iss", iss.as_str()), &format!("one with the issuer {iss:?}"))
            .await?;
    }
    Ok(())
}

async fn forged(bed: &Bed<'_>) -> Held {
    bed.refuses_mint(bed.alice().unsigned(), "one without a signature").await?;
    bed.refuses_mint(bed.alice().unknown_key(Alg::Es256), "one that a stranger signed").await?;
    let kid = bed.issuer.kid(Alg::Rs256).await.map_err(|error| error.to_string())?;
    let posing = bed.alice().unknown_key(Alg::Rs256).header("kid", kid.as_str());
    bed.refuses_mint(posing, "one that a stranger signed in the name of the key").await?;
    let pem = bed.issuer.public_key_pem(Alg::Rs256).await.map_err(|error| error.to_string())?;
    let confused = bed.alice().secret(Alg::Hs256, pem).header("kid", kid.as_str());
    bed.refuses_mint(confused, "one that is signed with the public key as a shared secret").await?;
    let (alice, bob) =
        (bed.alice().sign().await.map_err(text)?, bed.issuer.token("bob", "api").await.map_err(text)?);
    let (alice, bob): (Vec<&str>, Vec<&str>) = (alice.split('.').collect(), bob.split('.').collect());
    if let ([header, payload, _], [_, _, signature]) = (&*alice, &*bob) {
        bed.refuses(&[*header, *payload, *signature].join("."), "one with the signature of another").await?;
        bed.refuses(&[*header, *payload, ""].join("."), "one whose signature was taken away").await?;
    }
    Ok(())
}

async fn not_for_us(bed: &Bed<'_>) -> Held {
    for aud in ["kc-contract", "API", "api ", ""] {
        bed.refuses_mint(bed.alice().claim("aud", aud), &format!("one for {aud:?}")).await?;
    }
    Ok(())
}

async fn not_in_force(bed: &Bed<'_>) -> Held {
    bed.refuses_mint(bed.alice().expires_in(-60), "one that has expired").await?;
    let later = bed.issuer.now() + 3600;
    bed.refuses_mint(bed.alice().claim("nbf", later), "one that begins in an hour").await
}

async fn other_kinds(bed: &Bed<'_>) -> Held {
    for kind in [TokenKind::Id, TokenKind::Logout, TokenKind::Refresh, TokenKind::Offline] {
        let mint = bed.alice().kind(kind).claim("aud", "api");
        bed.refuses_mint(mint, &format!("a token of kind {kind:?}")).await?;
    }
    Ok(())
}

async fn no_token(bed: &Bed<'_>) -> Held {
    let long = "a.".repeat(50_000);
    for token in ["", " ", ".", "..", "a", "a.b", "a.b.c", "a.b.c.d.e", "e30.e30.e30", "\u{e9}.\0.\n", &long]
    {
        let shown: String = token.chars().take(20).collect();
        bed.refuses(token, &format!("{shown:?}")).await?;
    }
    Ok(())
}

async fn elsewhere(bed: &Bed<'_>) -> Held {
    let trap = Server::start(Then::Answer(answer("200 OK", "", r#"{"keys":[]}"#))).await?;
    let url = trap.url();
    for name in ["jku", "x5u", "jwk", "kid"] {
        let mint = bed.alice().header(name, url.as_str());
        // Refused or not is another clause's business.
        let _ = bed.validator.validate(&mint.unknown_key(Alg::Es256).sign().await.map_err(text)?).await;
    }
    for name in ["iss", "jwks_uri", "introspection_endpoint", "userinfo_endpoint"] {
        for mint in
            [bed.alice().claim(name, url.as_str()), bed.alice().claim(name, format!("{url}/realms/kc-demo"))]
        {
            let _ = bed.validator.validate(&mint.sign().await.map_err(text)?).await;
        }
    }
    let came = trap.seen().len();
    hold(came == 0, || format!("a server that tokens named was asked {came} times"))
}

async fn secret(bed: &Bed<'_>) -> Held {
    let tokens = [
        bed.alice(),
        bed.alice().expires_in(-60),
        bed.alice().claim("aud", "kc-contract"),
        bed.alice().unknown_key(Alg::Es256),
        bed.other.mint().user("alice"),
        bed.alice().kind(TokenKind::Id),
    ];
    let mut all =
        vec!["kc-contract-opaque-token".to_owned(), "kc-contract.opaque-token.kc-contract-token".to_owned()];
    for mint in tokens {
        all.push(mint.sign().await.map_err(text)?);
    }
    for token in all {
        let (outcome, log) = heard(bed.validator.validate(&token)).await;
        let told = match outcome {
            Ok(verified) => format!("{verified:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        // The last part is the one that nobody can make up.
        let part = token.rsplit('.').next().unwrap_or_default();
        hold(!told.contains(part), || format!("it is in {told:?}"))?;
        hold(!log.contains(part), || "it is in the log".to_owned())?;
        hold(!format!("{:?}", bed.validator).contains(part), || {
            "it is in `Debug` of the validator".to_owned()
        })?;
    }
    Ok(())
}

/// A token that ends in a moment, looked at until it is refused; the leeway is the implementation's own business.
async fn still_stands(bed: &Bed<'_>) -> Held {
    let token = bed.alice().expires_in(1).sign().await.map_err(text)?;
    let Ok(verified) = bed.validator.validate(&token).await else { return Ok(()) };
    for _ in 0..PATIENCE {
        tokio::time::sleep(Duration::from_millis(500)).await;
        // In this order: it may be refused from one moment to the next.
        let stands = bed.validator.still_stands(&verified);
        if let Err(ValidationError::Token(error)) = bed.validator.validate(&token).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
            return hold(!stands || !bed.validator.still_stands(&verified), || {
                format!("it is said to stand, so that it stays remembered, and is refused: {error}")
            });
        }
    }
    Ok(())
}

async fn told_apart(bed: &Bed<'_>) -> Held {
    let mut tokens = Vec::new();
    for user in ["alice", "bob"] {
        let subject = bed.issuer.user_id(user).map(str::to_owned);
        tokens.push((bed.issuer.token(user, "api").await.map_err(text)?, subject));
    }
    tokens.push((bed.alice().expires_in(-60).sign().await.map_err(text)?, None));
    let seen =
        at_once(30, |number| {
            let (token, subject) = tokens.get(number % tokens.len()).cloned().unwrap_or_default();
            let validator = Arc::clone(&bed.validator);
            async move {
                (validator.validate(&token).await.ok().map(|token| token.claims().subject.clone()), subject)
            }
        })
        .await?;
    seen.into_iter().try_for_each(|(seen, subject)| {
        hold(seen.clone().flatten() == subject, || format!("a token of {subject:?} is taken for {seen:?}'s"))
    })
}

async fn dropped(bed: &Bed<'_>) -> Held {
    let token = bed.alice().sign().await.map_err(text)?;
    for turns in 1..4 {
        given_up_after(turns, bed.validator.validate(&token)).await;
    }
    bed.accepts("alice").await
}

/// Long enough for what limits how often a server that failed is asked again.
const PATIENCE: u32 = 25;

async fn outage(bed: &Bed<'_>) -> Held {
    let token = bed.alice().sign().await.map_err(text)?;
    bed.issuer.pause().await;
    let during = bed.validator.validate(&token).await;
    bed.issuer.resume().await.map_err(|error| error.to_string())?;
    hold(!matches!(during, Err(ValidationError::Token(_))), || {
        "a good token is called bad while the issuer cannot be asked".to_owned()
    })?;
    for _ in 0..PATIENCE {
        if bed.validator.validate(&token).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Err("the issuer answers again, and the token is still not accepted after 12 s".to_owned())
}
