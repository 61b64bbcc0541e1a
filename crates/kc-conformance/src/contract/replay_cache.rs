//! The contract of [`ReplayCache`].

use std::sync::Arc;
use std::time::Duration;

use kc_core::clock::{Clock, SystemClock, UnixTime};
use kc_login::session::ReplayCache;

use super::findings::{ContractBroken, Held, Trial, at_once, given_up_after, hold};

/// Checks what remembers ids: `cache` makes one that knows none, each time.
///
/// # Errors
/// [`ContractBroken`] names each clause that is not kept.
pub async fn replay_cache<C: ReplayCache + 'static>(
    cache: impl AsyncFn() -> C,
) -> Result<(), ContractBroken> {
    check(async || {
        let cache = Arc::new(cache().await) as Arc<dyn ReplayCache>;
        [Arc::clone(&cache), cache]
    })
    .await
}

/// Checks what replicas remember together: `caches` makes two replicas' views of one that knows no id, each time. What was
/// used here is used there.
///
/// # Errors
/// [`ContractBroken`] names each clause that is not kept.
pub async fn shared_replay_cache<C: ReplayCache + 'static>(
    caches: impl AsyncFn() -> [C; 2],
) -> Result<(), ContractBroken> {
    check(async || caches().await.map(|cache| Arc::new(cache) as Arc<dyn ReplayCache>)).await
}

async fn check(caches: impl AsyncFn() -> [Arc<dyn ReplayCache>; 2]) -> Result<(), ContractBroken> {
    let mut trial = Trial::of("ReplayCache");
    let make = async || Bed(caches().await);
    trial.clause("an id is new once", once(&make().await)).await;
    trial.clause("ids are told apart to the letter", letters(&make().await)).await;
    trial.clause("an id is remembered until its time is up", until(&make().await)).await;
    trial.clause("what is forgotten is new again", forgotten(&make().await)).await;
    trial.clause("of simultaneous uses one is the first", simultaneous(&make().await)).await;
    trial.clause("however many are used, none is taken for new again", many(&make().await)).await;
    trial.clause("dropping a call does no harm to others", dropped(&make().await)).await;
    trial.end()
}

struct Bed([Arc<dyn ReplayCache>; 2]);

const SHORT: Duration = Duration::from_millis(800);
const LATER: Duration = Duration::from_millis(1500);

fn in_an_hour() -> UnixTime {
    SystemClock.now().plus(Duration::from_secs(3600))
}

impl Bed {
    async fn first_use(&self, id: &str, until: UnixTime) -> Result<bool, String> {
        let Self([cache, _]) = self;
        cache.first_use(id, until).await.map_err(|error| error.to_string())
    }

    async fn is_new(&self, id: &str) -> Held {
        let new = self.first_use(id, in_an_hour()).await?;
        hold(new, || format!("{id:?} is not new, and nobody has used it"))
    }

    async fn is_used(&self, id: &str) -> Held {
        let Self([_, other]) = self;
        let new = other.first_use(id, in_an_hour()).await.map_err(|error| error.to_string())?;
        hold(!new, || format!("{id:?} is new although it was used"))
    }
}

async fn once(bed: &Bed) -> Held {
    bed.is_new("a").await?;
    for _ in 0..3 {
        bed.is_used("a").await?;
    }
    bed.is_new("b").await?;
    bed.is_used("a").await
}

async fn letters(bed: &Bed) -> Held {
    let long = "x".repeat(4000);
    let all = [
        "a",
        "A",
        "a ",
        " a",
        "",
        "a\n",
        "a\u{0}",
        "é",
        "e\u{301}",
        "a*",
        "a:b",
        &long,
        long.get(1..).unwrap_or("y"),
    ];
    for id in all {
        bed.is_new(id).await?;
    }
    for id in all {
        bed.is_used(id).await?;
    }
    Ok(())
}

async fn until(bed: &Bed) -> Held {
    let soon = SystemClock.now().plus(SHORT);
    hold(bed.first_use("short", soon).await?, || "an id is not new the first time".to_owned())?;
    bed.is_new("long").await?;
    bed.is_used("short").await?;
    tokio::time::sleep(LATER).await;
    bed.is_new("short").await?;
    bed.is_used("long").await
}

async fn forgotten(bed: &Bed) -> Held {
    let Bed([_, other]) = bed;
    bed.is_new("a").await?;
    bed.is_new("b").await?;
    other.forget("a").await.map_err(|error| error.to_string())?;
    other.forget("never used").await.map_err(|error| error.to_string())?;
    bed.is_used("b").await?;
    bed.is_new("a").await?;
    bed.is_used("a").await
}

async fn simultaneous(bed: &Bed) -> Held {
    for round in 0..5 {
        let first = at_once(32, |number| {
            let Bed([cache, other]) = bed;
            let cache = Arc::clone(if number % 2 == 0 { cache } else { other });
            async move { cache.first_use(&format!("id {round}"), in_an_hour()).await }
        })
        .await?;
        let first = first.into_iter().filter(|outcome| *outcome == Ok(true)).count();
        hold(first == 1, || format!("{first} of 32 were told that they are the first"))?;
    }
    Ok(())
}

/// Whoever has no room for so many may refuse some of them, and no more.
async fn many(bed: &Bed) -> Held {
    bed.is_new("the first").await?;
    for number in 0..3000 {
        let Bed([cache, _]) = bed;
        if cache.first_use(&format!("id {number}"), in_an_hour()).await.is_err() {
            break;
        }
    }
    let again = bed.first_use("the first", in_an_hour()).await;
    hold(again != Ok(true), || "the first is new again after 3000 others".to_owned())
}

async fn dropped(bed: &Bed) -> Held {
    let Bed([cache, _]) = bed;
    for turns in 1..4 {
        given_up_after(turns, cache.first_use("given up", in_an_hour())).await;
        given_up_after(turns, cache.forget("given up too")).await;
    }
    bed.is_new("another").await?;
    bed.is_used("another").await
}
