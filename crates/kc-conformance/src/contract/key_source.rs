//! The contract of [`KeySource`].

use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use kc_core::keys::{KeySet, KeySource, KeysUnavailable, Lookup, Refresh};
use kc_core::signature::Algorithm;
use tokio::runtime::Handle;

use super::findings::{ContractBroken, Held, Trial, at_once, given_up_after, hold};

/// Checks a source whose keys need not change: `source` makes one that has been asked nothing yet.
///
/// # Errors
/// [`ContractBroken`] names each clause that is not kept.
pub async fn key_source<S: KeySource + 'static>(source: impl Fn() -> S) -> Result<(), ContractBroken> {
    let mut trial = Trial::of("KeySource");
    always(&mut trial, async || Arc::new(source()) as Arc<dyn KeySource>).await;
    trial.end()
}

/// Where a [`KeySource`] gets its keys from, in a test: a file, a server, a bucket.
///
/// Each origin has one source, made when it is first asked for it.
#[async_trait]
pub trait KeyOrigin: Send + Sync {
    /// A source that reads from here, and has been asked nothing yet.
    fn source(&self) -> Arc<dyn KeySource>;

    /// From now on there is this JWK set (RFC 7517), with Ed25519 keys.
    async fn serve(&self, jwks: &str);

    /// From now on it cannot be read: the file is gone, the server answers 500.
    async fn fail(&self);

    /// How often it was read, if that can be counted; without it the two clauses about the number of fetches are not
    /// tried.
    fn reads(&self) -> Option<usize> {
        None
    }

    /// The least time between two reads that unknown keys cause. The suite lets it pass with `tokio::time::sleep`: a test
    /// with `#[tokio::test(start_paused = true)]` does not wait for it. Default 10 s.
    fn cooldown(&self) -> Duration {
        Duration::from_secs(10)
    }
}

/// Checks a source whose keys change: all of [`key_source`], and what happens when keys come and go, and when they
/// cannot be read. `origin` makes a place that serves nothing yet, with a source that has been asked nothing.
///
/// # Errors
/// [`ContractBroken`] names each clause that is not kept.
pub async fn refreshing_key_source<O: KeyOrigin>(origin: impl AsyncFn() -> O) -> Result<(), ContractBroken> {
    let mut trial = Trial::of("KeySource");
    let serving = async || {
        let origin = origin().await;
        origin.serve(FIRST).await;
        origin.source()
    };
    always(&mut trial, serving).await;
    let bed = async || {
        let origin = origin().await;
        let source = origin.source();
        Bed { origin, source }
    };
    trial.clause("a refresh brings what there is", brings(&bed().await)).await;
    trial.clause("keys that cannot be had are an error", nothing_to_be_had(&bed().await)).await;
    trial.clause("a refresh that fails keeps the keys", keeps(&bed().await)).await;
    trial.clause("a document without a usable key changes nothing", unusable(&bed().await)).await;
    trial.clause("a source that failed once is asked again", recovers(&bed().await)).await;
    trial.clause("the generation changes with the keys", generation(&bed().await)).await;
    trial.clause("a key that is no longer listed is gone", withdrawn(&bed().await)).await;
    trial
        .clause("an unknown key is told from one that could not be looked up", told_apart(&bed().await))
        .await;
    trial.clause("simultaneous refreshes lose nothing", none_is_lost(&bed().await)).await;
    if origin().await.reads().is_some() {
        trial.clause("simultaneous refreshes cause one fetch", one_fetch(&bed().await)).await;
        trial.clause("a flood of unknown keys costs one fetch per cool-down", flood(&bed().await)).await;
    }
    trial.end()
}

/// The public keys of RFC 8037, Appendix A, and one more; nothing is ever signed with them.
const FIRST: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid":"first","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
const SECOND: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid":"second","x":"S30yO1tlJeRdJhXoqQg4CTga56PyMM_Fe0ynil8s0WE"}]}"#;
const BOTH: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid":"first","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid":"second","x":"S30yO1tlJeRdJhXoqQg4CTga56PyMM_Fe0ynil8s0WE"}]}"#;
/// One key, for encryption: nothing to verify with.
const UNUSABLE: &str = r#"{"keys":[{"kty":"OKP","crv":"X25519","use":"enc","kid":"third","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}]}"#;

/// A thread that waits for a lock which is never given back is left behind after this.
const AT_ONCE: Duration = Duration::from_secs(2);

/// The clauses that any source can be tried on.
async fn always(trial: &mut Trial, source: impl AsyncFn() -> Arc<dyn KeySource>) {
    trial.clause("`current` answers at once", at_once_always(&source().await)).await;
    trial.clause("`current` answers at once during a refresh", during_a_refresh(&source().await)).await;
    trial.clause("a set is never empty", never_empty(&source().await)).await;
    trial.clause("what a refresh brought is current", is_current(&source().await)).await;
    trial.clause("the same keys are of one generation", one_generation(&source().await)).await;
    trial
        .clause("dropping a refresh does no harm to others", dropped(&source().await, &source().await))
        .await;
}

async fn at_once_always(source: &Arc<dyn KeySource>) -> Held {
    for state in ["before the first refresh", "after a refresh"] {
        let began = Instant::now();
        for _ in 0..100 {
            let _ = source.current();
        }
        let took = began.elapsed();
        hold(took < Duration::from_millis(500), || {
            format!("a hundred calls {state} took {} ms: it waits for something", took.as_millis())
        })?;
        let _ = source.refresh(Refresh::NoKeys).await;
    }
    Ok(())
}

async fn during_a_refresh(source: &Arc<dyn KeySource>) -> Held {
    for why in [Refresh::NoKeys, unknown("kc-contract", 0)] {
        let mut refresh = std::pin::pin!(source.refresh(why));
        // As far as it gets without waiting; on the next turn as well, for a task that it has started.
        for _ in 0..2 {
            let begun = std::future::poll_fn(|context| {
                std::task::Poll::Ready(refresh.as_mut().poll(context).is_ready())
            })
            .await;
            if begun {
                break;
            }
            answers(source)?;
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

/// Asks on another thread, because one that waits for a lock of ours would wait for ever.
fn answers(source: &Arc<dyn KeySource>) -> Held {
    let (tell, told) = mpsc::channel();
    let (source, runtime) = (Arc::clone(source), Handle::current());
    std::thread::spawn(move || {
        let _entered = runtime.enter();
        let _ = source.current();
        let _ = tell.send(());
    });
    told.recv_timeout(AT_ONCE).map_err(|_| {
        "while a refresh is under way it does not answer: is a lock held across an await?".to_owned()
    })
}

async fn never_empty(source: &Arc<dyn KeySource>) -> Held {
    let refreshed = source.refresh(Refresh::NoKeys).await.ok();
    let after = source.refresh(unknown("kc-contract", 0)).await.ok();
    let sets = [source.current(), refreshed, after];
    hold(sets.iter().flatten().all(|set| has_keys(set)), || {
        "there is a set without a key that could verify anything".to_owned()
    })
}

fn has_keys(set: &KeySet) -> bool {
    set.keys().iter().any(|key| key.algorithms().next().is_some())
}

async fn is_current(source: &Arc<dyn KeySource>) -> Held {
    let Ok(set) = source.refresh(Refresh::NoKeys).await else { return Ok(()) };
    let current = source.current().map(|current| current.generation());
    hold(current == Some(set.generation()), || {
        format!("`refresh` gave generation {}, `current` then {current:?}", set.generation())
    })
}

async fn one_generation(source: &Arc<dyn KeySource>) -> Held {
    let _ = source.refresh(Refresh::NoKeys).await;
    let (Some(one), Some(other)) = (source.current(), source.current()) else { return Ok(()) };
    hold(one.generation() == other.generation() && kids(&one) == kids(&other), || {
        format!("two calls of `current` in a row gave {one:?} and {other:?}")
    })
}

async fn dropped(source: &Arc<dyn KeySource>, reference: &Arc<dyn KeySource>) -> Held {
    let can_be_had = reference.refresh(Refresh::NoKeys).await.is_ok();
    for turns in 1..4 {
        given_up_after(turns, source.refresh(Refresh::NoKeys)).await;
        given_up_after(turns, source.refresh(unknown("kc-contract", 0))).await;
    }
    let waits = Arc::clone(source);
    let waiting = tokio::spawn(async move { waits.refresh(Refresh::NoKeys).await.map(drop) });
    given_up_after(1, source.refresh(Refresh::NoKeys)).await;
    let waited = waiting.await.map_err(|error| error.to_string())?;
    let again = source.refresh(Refresh::NoKeys).await.map(drop);
    let or_why = |result: Result<(), KeysUnavailable>| match result {
        Err(error) if can_be_had => Err(format!("others then hear: {error}")),
        _ => Ok(()),
    };
    or_why(waited)?;
    or_why(again)
}

/// An origin and its source.
struct Bed<O> {
    origin: O,
    source: Arc<dyn KeySource>,
}

impl<O: KeyOrigin> Bed<O> {
    /// Serves this, and lets the source read it.
    async fn read(&self, jwks: &str) -> Result<Arc<KeySet>, String> {
        self.origin.serve(jwks).await;
        self.source.refresh(Refresh::NoKeys).await.map_err(|error| format!("a first refresh failed: {error}"))
    }

    /// Asks for a key, when the source may read again.
    async fn look_for(&self, kid: &str) -> Result<Arc<KeySet>, KeysUnavailable> {
        tokio::time::sleep(self.origin.cooldown() + Duration::from_millis(100)).await;
        let generation = self.source.current().map_or(0, |set| set.generation());
        self.source.refresh(unknown(kid, generation)).await
    }

    fn current(&self) -> Result<Arc<KeySet>, String> {
        self.source.current().ok_or_else(|| "`current` gives nothing any more".to_owned())
    }
}

async fn brings<O: KeyOrigin>(bed: &Bed<O>) -> Held {
    let set = bed.read(FIRST).await?;
    has(&set, "first")?;
    let current = bed.current()?;
    has(&current, "first")?;
    bed.origin.serve(BOTH).await;
    let set = bed.look_for("second").await.map_err(|error| format!("a second refresh failed: {error}"))?;
    has(&set, "second")
}

async fn nothing_to_be_had<O: KeyOrigin>(bed: &Bed<O>) -> Held {
    bed.origin.fail().await;
    let refreshed = bed.source.refresh(Refresh::NoKeys).await;
    hold(refreshed.is_err(), || "`refresh` is `Ok` although nothing was ever read".to_owned())?;
    hold(bed.source.current().is_none(), || "`current` gives keys although nothing was ever read".to_owned())
}

async fn keeps<O: KeyOrigin>(bed: &Bed<O>) -> Held {
    let before = bed.read(FIRST).await?;
    bed.origin.fail().await;
    let _ = bed.look_for("second").await;
    let after = bed.current()?;
    has(&after, "first")?;
    hold(after.generation() == before.generation(), || {
        "the generation changed although the keys did not: every token would be verified again".to_owned()
    })
}

async fn unusable<O: KeyOrigin>(bed: &Bed<O>) -> Held {
    let before = bed.read(FIRST).await?;
    for document in [UNUSABLE, r#"{"keys":[]}"#, "[]", "no JSON", ""] {
        bed.origin.serve(document).await;
        let _ = bed.look_for("third").await;
        let after = bed.current().map_err(|error| format!("after {document:?} {error}"))?;
        hold(after.generation() == before.generation() && kids(&after) == kids(&before), || {
            format!("after {document:?} the keys are {after:?}")
        })?;
    }
    Ok(())
}

async fn recovers<O: KeyOrigin>(bed: &Bed<O>) -> Held {
    bed.origin.fail().await;
    let _ = bed.source.refresh(Refresh::NoKeys).await;
    bed.origin.serve(FIRST).await;
    tokio::time::sleep(bed.origin.cooldown() + Duration::from_millis(100)).await;
    let set = bed.source.refresh(Refresh::NoKeys).await.map_err(|error| format!("it stays down: {error}"))?;
    has(&set, "first")
}

async fn generation<O: KeyOrigin>(bed: &Bed<O>) -> Held {
    let before = bed.read(FIRST).await?;
    bed.origin.serve(BOTH).await;
    let _ = bed.look_for("second").await;
    let after = bed.current()?;
    hold(kids(&after) == kids(&before) || after.generation() != before.generation(), || {
        format!(
            "{before:?} and {after:?} are of one generation: tokens verified before would not be looked at again"
        )
    })
}

async fn withdrawn<O: KeyOrigin>(bed: &Bed<O>) -> Held {
    bed.read(BOTH).await?;
    bed.origin.serve(SECOND).await;
    let _ = bed.look_for("third").await;
    let after = bed.current()?;
    hold(!found(&after, "first"), || {
        "a key that the origin does not list any more still verifies: Keycloak withdraws keys that were stolen".to_owned()
    })
}

async fn told_apart<O: KeyOrigin>(bed: &Bed<O>) -> Held {
    bed.read(FIRST).await?;
    let answer = bed.look_for("second").await;
    hold(answer.is_ok(), || {
        "a key that is not there is `Err`: the caller is told to come back for ever".to_owned()
    })?;
    bed.origin.fail().await;
    let answer = bed.look_for("second").await;
    hold(answer.is_err(), || {
        "a key that could not be looked up is `Ok`: a good token is refused because the origin failed"
            .to_owned()
    })
}

async fn none_is_lost<O: KeyOrigin>(bed: &Bed<O>) -> Held {
    bed.read(FIRST).await?;
    bed.origin.serve(BOTH).await;
    tokio::time::sleep(bed.origin.cooldown() + Duration::from_millis(100)).await;
    let generation = bed.current()?.generation();
    let refresh = |_| {
        let source = Arc::clone(&bed.source);
        async move { source.refresh(unknown("second", generation)).await }
    };
    for answer in at_once(20, refresh).await? {
        let set = answer.map_err(|error| format!("one of twenty failed: {error}"))?;
        has(&set, "second")?;
    }
    let current = bed.current()?;
    has(&current, "first")?;
    has(&current, "second")
}

async fn one_fetch<O: KeyOrigin>(bed: &Bed<O>) -> Held {
    bed.origin.serve(FIRST).await;
    let before = bed.origin.reads();
    let refresh = |_| {
        let source = Arc::clone(&bed.source);
        async move { source.refresh(Refresh::NoKeys).await.is_ok() }
    };
    let answers = at_once(20, refresh).await?;
    hold(answers.iter().all(|good| *good), || "not all of twenty got keys".to_owned())?;
    let reads = bed.origin.reads().zip(before).map(|(after, before)| after.saturating_sub(before));
    hold(reads == Some(1), || format!("twenty refreshes read {} times", reads.unwrap_or_default()))
}

async fn flood<O: KeyOrigin>(bed: &Bed<O>) -> Held {
    bed.read(FIRST).await?;
    tokio::time::sleep(bed.origin.cooldown() + Duration::from_millis(100)).await;
    let generation = bed.current()?.generation();
    let before = bed.origin.reads().unwrap_or_default();
    for number in 0..50 {
        let kid = format!("unknown-{number}");
        let _ = bed.source.refresh(unknown(&kid, generation)).await;
    }
    let reads = bed.origin.reads().unwrap_or_default().saturating_sub(before);
    hold(reads <= 1, || format!("fifty unknown ids read {reads} times"))
}

fn unknown(kid: &str, generation: u64) -> Refresh<'_> {
    Refresh::UnknownKey { kid: Some(kid), generation }
}

fn found(set: &KeySet, kid: &str) -> bool {
    matches!(set.find(Some(kid), Algorithm::EdDsa), Lookup::Found(_))
}

fn has(set: &KeySet, kid: &str) -> Held {
    hold(found(set, kid), || format!("the key {kid:?} that the origin lists is not in {set:?}"))
}

fn kids(set: &KeySet) -> Vec<Option<&str>> {
    let mut kids: Vec<_> = set.keys().iter().map(kc_core::keys::Key::kid).collect();
    kids.sort_unstable();
    kids
}
