use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri};
use kc_conformance::contract::{self, KeyOrigin};
use kc_core::keys::{KeySet, KeySource, KeysUnavailable, PinnedKeys, Refresh, RemoteKeys, RemoteKeysOptions};
use kc_core::transport::{Transport, TransportError};
use tokio::time::Instant;

use crate::caught::Clauses;

const JWKS: &str =
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"S30yO1tlJeRdJhXoqQg4CTga56PyMM_Fe0ynil8s0WE"}]}"#;

#[tokio::test]
async fn pinned_keys_keep_the_contract() {
    contract::key_source(|| PinnedKeys::from_jwks(JWKS.as_bytes()).unwrap()).await.unwrap();
    let pem = kc_dev::DevIssuer::builder()
        .shared_keys()
        .start()
        .await
        .unwrap()
        .public_key_pem(kc_dev::Alg::Rs256)
        .await
        .unwrap();
    contract::key_source(|| PinnedKeys::from_pem(&pem).unwrap()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn remote_keys_keep_the_contract() {
    contract::refreshing_key_source(async || Remote::default()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_source_that_the_broken_ones_are_made_from_keeps_the_contract() {
    contract::refreshing_key_source(async || Place::with(None)).await.unwrap();
}

/// What can be read, and how often it was; `None` when it cannot.
#[derive(Clone, Debug, Default)]
struct Document(Arc<(Mutex<Option<String>>, AtomicUsize)>);

impl Document {
    fn set(&self, text: Option<&str>) {
        *self.0.0.lock().unwrap() = text.map(str::to_owned);
    }

    async fn read(&self) -> Option<String> {
        self.0.1.fetch_add(1, Ordering::Relaxed);
        let text = self.0.0.lock().unwrap().clone();
        tokio::time::sleep(Duration::from_millis(1)).await;
        text
    }

    fn reads(&self) -> usize {
        self.0.1.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Transport for Document {
    async fn send(&self, _: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        self.read().await.map(|text| Response::new(text.into())).ok_or(TransportError::Broken)
    }
}

#[derive(Default)]
struct Remote(Document);

#[async_trait]
impl KeyOrigin for Remote {
    fn source(&self) -> Arc<dyn KeySource> {
        let uri = Uri::from_static("http://127.0.0.1/certs");
        Arc::new(RemoteKeys::new(Arc::new(self.0.clone()), uri, RemoteKeysOptions::default()))
    }

    async fn serve(&self, jwks: &str) {
        self.0.set(Some(jwks));
    }

    async fn fail(&self) {
        self.0.set(None);
    }

    fn reads(&self) -> Option<usize> {
        Some(self.0.reads())
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Defect {
    CurrentIsSlow,
    LockAcrossAwait,
    EmptySet,
    OnlyRefreshKnows,
    EachCallAnotherGeneration,
    DroppedFetchBlocks,
    GivesNothingNew,
    NothingIsSomething,
    FailureForgets,
    TakesWhateverComes,
    GivesUpForGood,
    OneGenerationForAll,
    KeepsWithdrawnKeys,
    OutageIsUnknownKey,
    LatecomersGetTheOldSet,
    EachCallerFetches,
    NoCoolDown,
}

/// A source that reads a document, correctly but for one defect.
struct Source {
    document: Document,
    defect: Option<Defect>,
    state: Mutex<State>,
    one_at_a_time: tokio::sync::Mutex<()>,
    busy: AtomicBool,
    /// Held across an await by the source that does that.
    wrongly_held: tokio::sync::Mutex<()>,
    calls: AtomicUsize,
}

#[derive(Default)]
struct State {
    keys: Option<Arc<KeySet>>,
    text: String,
    generation: u64,
    read: Option<Instant>,
    failed: bool,
}

const COOLDOWN: Duration = Duration::from_secs(10);

impl Source {
    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    fn outcome(&self) -> Result<Arc<KeySet>, KeysUnavailable> {
        let state = self.state.lock().unwrap();
        match &state.keys {
            Some(keys) if !state.failed || self.has(Defect::OutageIsUnknownKey) => Ok(Arc::clone(keys)),
            _ => Err(KeysUnavailable { retry_after: COOLDOWN, reason: "unreadable".to_owned() }),
        }
    }

    fn take(&self, text: Option<String>) {
        let mut state = self.state.lock().unwrap();
        state.read = Some(Instant::now());
        let generation = state.generation + u64::from(!self.has(Defect::OneGenerationForAll));
        let text = text.filter(|_| !(self.has(Defect::GivesNothingNew) && state.keys.is_some()));
        let keys = match text.as_deref() {
            _ if self.has(Defect::EmptySet) => Some(KeySet::new(Vec::new(), generation)),
            None if self.has(Defect::NothingIsSomething) => {
                KeySet::from_jwks(JWKS.as_bytes(), generation).ok()
            }
            None => None,
            Some(text) => match KeySet::from_jwks(text.as_bytes(), generation) {
                Err(_) if self.has(Defect::TakesWhateverComes) => Some(KeySet::new(Vec::new(), generation)),
                keys => keys.ok(),
            },
        };
        state.failed = keys.is_none();
        match keys {
            None if self.has(Defect::FailureForgets) => state.keys = None,
            None => {}
            // The same text is the same set.
            Some(_) if state.keys.is_some() && Some(&state.text) == text.as_ref() => {}
            Some(new) => {
                let more = state.keys.as_ref().is_none_or(|old| new.keys().len() > old.keys().len());
                if more || !self.has(Defect::KeepsWithdrawnKeys) {
                    state.keys = Some(Arc::new(new));
                    state.generation = generation;
                    state.text = text.unwrap_or_default();
                }
            }
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("defect", &self.defect).finish_non_exhaustive()
    }
}

#[async_trait]
impl KeySource for Source {
    fn current(&self) -> Option<Arc<KeySet>> {
        if self.has(Defect::CurrentIsSlow) {
            std::thread::sleep(Duration::from_millis(10));
        }
        if self.has(Defect::LockAcrossAwait) {
            while self.wrongly_held.try_lock().is_err() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        if self.has(Defect::EachCallAnotherGeneration) {
            let number = self.calls.fetch_add(1, Ordering::Relaxed);
            return KeySet::from_jwks(JWKS.as_bytes(), number as u64).ok().map(Arc::new);
        }
        self.state.lock().unwrap().keys.clone().filter(|_| !self.has(Defect::OnlyRefreshKnows))
    }

    async fn refresh(&self, why: Refresh<'_>) -> Result<Arc<KeySet>, KeysUnavailable> {
        if self.has(Defect::DroppedFetchBlocks) && self.busy.swap(true, Ordering::Relaxed) {
            return Err(KeysUnavailable { retry_after: COOLDOWN, reason: "busy".to_owned() });
        }
        if self.has(Defect::LatecomersGetTheOldSet) && self.one_at_a_time.try_lock().is_err() {
            return self.outcome();
        }
        let _wrong = match self.has(Defect::LockAcrossAwait) {
            true => Some(self.wrongly_held.lock().await),
            false => None,
        };
        let _one = match self.has(Defect::EachCallerFetches) {
            true => None,
            false => Some(self.one_at_a_time.lock().await),
        };
        let wanted = {
            let state = self.state.lock().unwrap();
            let cooling = state.read.is_some_and(|read| read.elapsed() < COOLDOWN);
            let newer = match why {
                Refresh::UnknownKey { generation, .. } => state.generation != generation && !state.failed,
                _ => state.keys.is_some() && !state.failed,
            };
            let gave_up = self.has(Defect::GivesUpForGood) && state.failed;
            let first = state.keys.is_none() && self.has(Defect::EachCallerFetches);
            (first || !newer || self.has(Defect::NoCoolDown))
                && !gave_up
                && (!cooling || first || self.has(Defect::NoCoolDown))
        };
        if wanted {
            let text = self.document.read().await;
            self.take(text);
        }
        self.busy.store(false, Ordering::Relaxed);
        self.outcome()
    }
}

struct Place {
    document: Document,
    source: Arc<Source>,
}

impl Place {
    fn with(defect: Option<Defect>) -> Self {
        let document = Document::default();
        let source = Source {
            document: document.clone(),
            defect,
            state: Mutex::default(),
            one_at_a_time: tokio::sync::Mutex::default(),
            busy: AtomicBool::default(),
            wrongly_held: tokio::sync::Mutex::default(),
            calls: AtomicUsize::default(),
        };
        Self { document, source: Arc::new(source) }
    }
}

#[async_trait]
impl KeyOrigin for Place {
    fn source(&self) -> Arc<dyn KeySource> {
        Arc::clone(&self.source) as Arc<dyn KeySource>
    }

    async fn serve(&self, jwks: &str) {
        self.document.set(Some(jwks));
    }

    async fn fail(&self) {
        self.document.set(None);
    }

    fn reads(&self) -> Option<usize> {
        Some(self.document.reads())
    }
}

#[tokio::test(start_paused = true)]
async fn each_clause_about_key_sources_catches_what_it_is_for() {
    let mut clauses = Clauses::default();
    for (defect, clause) in [
        (Defect::CurrentIsSlow, "`current` answers at once"),
        (Defect::LockAcrossAwait, "`current` answers at once during a refresh"),
        (Defect::EmptySet, "a set is never empty"),
        (Defect::OnlyRefreshKnows, "what a refresh brought is current"),
        (Defect::EachCallAnotherGeneration, "the same keys are of one generation"),
        (Defect::DroppedFetchBlocks, "dropping a refresh does no harm to others"),
        (Defect::GivesNothingNew, "a refresh brings what there is"),
        (Defect::NothingIsSomething, "keys that cannot be had are an error"),
        (Defect::FailureForgets, "a refresh that fails keeps the keys"),
        (Defect::TakesWhateverComes, "a document without a usable key changes nothing"),
        (Defect::GivesUpForGood, "a source that failed once is asked again"),
        (Defect::OneGenerationForAll, "the generation changes with the keys"),
        (Defect::KeepsWithdrawnKeys, "a key that is no longer listed is gone"),
        (Defect::OutageIsUnknownKey, "an unknown key is told from one that could not be looked up"),
        (Defect::LatecomersGetTheOldSet, "simultaneous refreshes lose nothing"),
        (Defect::EachCallerFetches, "simultaneous refreshes cause one fetch"),
        (Defect::NoCoolDown, "a flood of unknown keys costs one fetch per cool-down"),
    ] {
        let broken = contract::refreshing_key_source(async || Place::with(Some(defect))).await;
        clauses.caught(&format!("{defect:?}"), broken, clause);
    }
    clauses.all_have_caught_something();
}
