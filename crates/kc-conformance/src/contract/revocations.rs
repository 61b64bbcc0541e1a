//! The contract of [`Revocations`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use kc_core::clock::{Clock, SystemClock, UnixTime};
use kc_core::revocations::{Revocation, Revocations};
use kc_core::token::Claims;

use super::findings::{ContractBroken, Held, Trial, at_once, given_up_after, hold};

/// Checks a store of revocations: `revocations` makes one in which nothing is revoked, each time.
///
/// # Errors
/// [`ContractBroken`] names each clause that is not kept.
pub async fn revocations<R: Revocations + 'static>(
    revocations: impl AsyncFn() -> R,
) -> Result<(), ContractBroken> {
    let mut trial = Trial::of("Revocations");
    let make = async || Bed { store: Arc::new(revocations().await), now: SystemClock.now() };
    trial.clause("nothing is revoked that nobody has revoked", nothing(&make().await)).await;
    trial.clause("what was revoked is revoked from then on", at_work(&make().await)).await;
    trial.clause("what comes later than a revocation by time is not revoked", later(&make().await)).await;
    trial
        .clause("tokens of other issuers, sessions and users are not concerned", others(&make().await))
        .await;
    trial
        .clause("a token without `iat` is revoked by whatever goes by time", without_iat(&make().await))
        .await;
    trial.clause("a not-before replaces the one before", replaced(&make().await)).await;
    trial.clause("however many are revoked, none is taken back", many(&make().await)).await;
    trial.clause("simultaneous revocations lose none", simultaneous(&make().await)).await;
    trial.clause("`is_revoked` answers at once", quick(&make().await)).await;
    trial.clause("dropping a call does no harm to others", dropped(&make().await)).await;
    trial.end()
}

struct Bed {
    store: Arc<dyn Revocations>,
    now: UnixTime,
}

const ISSUER: &str = "https://kc.example.com/realms/kc-contract";

impl Bed {
    /// A token of now.
    fn claims(&self, session: &str, subject: &str, id: &str) -> Claims {
        let mut claims = Claims::default();
        (claims.issuer, claims.issued_at) = (Some(ISSUER.to_owned()), Some(self.now));
        claims.session_id = Some(session.to_owned());
        claims.subject = Some(subject.to_owned());
        claims.id = Some(id.to_owned());
        claims.expires_at = Some(self.now.plus(Duration::from_secs(300)));
        claims
    }

    fn token(&self) -> Claims {
        self.claims("s", "u", "t")
    }

    async fn revoke(&self, revocation: Revocation) -> Held {
        self.store.revoke(ISSUER, revocation).await.map_err(|error| error.to_string())
    }

    fn is_revoked(&self, claims: &Claims, what: &str) -> Held {
        hold(self.store.is_revoked(claims), || format!("{what} is not revoked"))
    }

    fn is_good(&self, claims: &Claims, what: &str) -> Held {
        hold(!self.store.is_revoked(claims), || format!("{what} is revoked"))
    }

    /// Each way to revoke the token of this test, by its name.
    fn each(&self) -> [(&'static str, Revocation); 4] {
        [
            ("by its session", Revocation::Session("s".to_owned())),
            ("by its user", Revocation::Subject { subject: "u".to_owned(), until: self.now }),
            ("by itself", Revocation::Token("t".to_owned())),
            ("by the not-before", Revocation::NotBefore(Some(self.now.plus(Duration::from_secs(1))))),
        ]
    }
}

async fn nothing(bed: &Bed) -> Held {
    bed.is_good(&bed.token(), "a token")?;
    bed.is_good(&Claims::default(), "a token without claims")?;
    bed.revoke(Revocation::NotBefore(None)).await?;
    bed.is_good(&bed.token(), "a token, after a not-before of nothing,")
}

async fn at_work(bed: &Bed) -> Held {
    // The last one concerns all of them.
    for (number, (how, _)) in bed.each().iter().enumerate() {
        let (session, subject, id) = (format!("s{number}"), format!("u{number}"), format!("t{number}"));
        let claims = bed.claims(&session, &subject, &id);
        bed.is_good(&claims, "a token that nothing was said about")?;
        let revocation = match number {
            0 => Revocation::Session(session),
            1 => Revocation::Subject { subject, until: bed.now },
            2 => Revocation::Token(id),
            _ => Revocation::NotBefore(Some(bed.now.plus(Duration::from_secs(1)))),
        };
        bed.revoke(revocation).await?;
        for _ in 0..3 {
            bed.is_revoked(&claims, &format!("what was revoked {how}"))?;
        }
    }
    Ok(())
}

async fn later(bed: &Bed) -> Held {
    let mut newer = bed.token();
    newer.issued_at = Some(bed.now.plus(Duration::from_secs(2)));
    bed.revoke(Revocation::Subject { subject: "u".to_owned(), until: bed.now }).await?;
    bed.is_good(&newer, "a token that was issued after its user's were revoked")?;
    bed.revoke(Revocation::NotBefore(Some(bed.now.plus(Duration::from_secs(2))))).await?;
    bed.is_good(&newer, "a token that was issued at the not-before")
}

async fn others(bed: &Bed) -> Held {
    for (_, revocation) in bed.each() {
        bed.revoke(revocation).await?;
    }
    let mut other = bed.token();
    other.issuer = Some(format!("{ISSUER}2"));
    bed.is_good(&other, "a token of another issuer")?;
    bed.revoke(Revocation::NotBefore(None)).await?;
    for (session, subject, id) in [("S", "U", "T"), ("u", "t", "s"), ("s ", "u ", "t "), ("", "", "")] {
        bed.is_good(
            &bed.claims(session, subject, id),
            &format!("a token of {session:?}, {subject:?}, {id:?}"),
        )?;
    }
    let mut bare = bed.token();
    (bare.session_id, bare.subject, bare.id) = (None, None, None);
    bed.is_good(&bare, "a token that names neither session nor user nor itself")
}

async fn without_iat(bed: &Bed) -> Held {
    let mut ageless = bed.token();
    ageless.issued_at = None;
    bed.revoke(Revocation::Subject { subject: "u".to_owned(), until: bed.now }).await?;
    bed.is_revoked(&ageless, "a token without `iat` of a user whose tokens were revoked")?;
    let mut other = bed.claims("s2", "u2", "t2");
    other.issued_at = None;
    bed.revoke(Revocation::NotBefore(Some(UnixTime::from_secs(1)))).await?;
    bed.is_revoked(&other, "a token without `iat`, after a not-before,")
}

async fn replaced(bed: &Bed) -> Held {
    let token = bed.token();
    let not_before = |by: u64| Revocation::NotBefore(Some(bed.now.plus(Duration::from_secs(by))));
    bed.revoke(not_before(10)).await?;
    bed.is_revoked(&token, "an older token")?;
    bed.revoke(Revocation::NotBefore(Some(bed.now))).await?;
    bed.is_good(&token, "a token that the not-before of now lets pass")?;
    bed.revoke(not_before(10)).await?;
    bed.revoke(Revocation::NotBefore(None)).await?;
    bed.is_good(&token, "a token, after the not-before was taken away,")
}

/// More than most would keep room for.
const MANY: usize = 5_000;

async fn many(bed: &Bed) -> Held {
    for (_, revocation) in bed.each().into_iter().take(3) {
        bed.revoke(revocation).await?;
    }
    for number in 0..MANY {
        bed.revoke(Revocation::Token(format!("other-{number}"))).await?;
    }
    bed.is_revoked(&bed.claims("s", "x", "x"), &format!("a session that was revoked before {MANY} others"))?;
    bed.is_revoked(&bed.claims("x", "u", "x"), "a user who was revoked before them")?;
    bed.is_revoked(&bed.claims("x", "x", "t"), "a token that was revoked before them")?;
    bed.is_revoked(&bed.claims("x", "x", "other-0"), "the first of them")
}

async fn simultaneous(bed: &Bed) -> Held {
    let done = at_once(64, |number| {
        let store = Arc::clone(&bed.store);
        async move { store.revoke(ISSUER, Revocation::Session(format!("s{number}"))).await.is_ok() }
    })
    .await?;
    for (number, done) in done.into_iter().enumerate() {
        hold(done, || format!("revocation {number} of 64 failed"))?;
        bed.is_revoked(&bed.claims(&format!("s{number}"), "u", "t"), &format!("number {number} of 64"))?;
    }
    Ok(())
}

async fn quick(bed: &Bed) -> Held {
    for number in 0..100 {
        bed.revoke(Revocation::Session(format!("s{number}"))).await?;
    }
    let token = bed.claims("good", "u", "t");
    let began = Instant::now();
    for _ in 0..1000 {
        let _ = bed.store.is_revoked(&token);
    }
    let took = began.elapsed();
    hold(took < Duration::from_millis(500), || {
        format!("a thousand questions took {} ms, and there is one for every request", took.as_millis())
    })
}

async fn dropped(bed: &Bed) -> Held {
    for turns in 1..4 {
        let call = bed.store.revoke(ISSUER, Revocation::Session("s".to_owned()));
        given_up_after(turns, call).await;
    }
    bed.revoke(Revocation::Session("s".to_owned())).await?;
    bed.is_revoked(&bed.token(), "what was revoked after a call that was given up")?;
    bed.is_good(&bed.claims("x", "x", "x"), "another")
}
