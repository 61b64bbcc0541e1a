//! All keys of a realm, by priority, each made the first time somebody needs it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::{Alg, Key, KeyError, KeySpec, Purpose, provider};

/// What Keycloak does with a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum KeyState {
    /// Signs and is listed.
    Active,
    /// Gone: neither listed nor accepted.
    Disabled,
    /// Listed and accepted, but signs nothing new.
    Passive,
}

#[derive(Debug)]
struct Slot {
    purpose: Purpose,
    priority: i64,
    /// How many keys for the same purpose came before: picks the key out of the shared pool.
    ordinal: usize,
    maker: Maker,
    state: Mutex<KeyState>,
    key: OnceCell<Arc<Key>>,
}

/// How a ring makes its keys.
#[derive(Clone, Debug)]
struct Maker {
    realm: String,
    shared: bool,
    now: i64,
}

impl Slot {
    /// The key; made first if need be. A task of its own makes it, so that a caller who gives up loses nobody's work.
    async fn key(self: &Arc<Self>) -> Result<Arc<Key>, KeyError> {
        if let Some(key) = self.key.get() {
            return Ok(Arc::clone(key));
        }
        let alg = self.purpose.alg_name();
        let slot = Arc::clone(self);
        let task = tokio::spawn(async move { slot.key.get_or_try_init(|| slot.make()).await.cloned() });
        task.await.unwrap_or(Err(KeyError::Generate { alg }))
    }

    async fn make(&self) -> Result<Arc<Key>, KeyError> {
        let (purpose, maker, ordinal) = (self.purpose, self.maker.clone(), self.ordinal);
        let task = tokio::task::spawn_blocking(move || {
            if maker.shared {
                pooled(purpose, &maker.realm, ordinal, maker.now)
            } else {
                Key::generate(purpose, &maker.realm, maker.now).map(Arc::new)
            }
        });
        task.await.unwrap_or(Err(KeyError::Generate { alg: purpose.alg_name() }))
    }

    fn state(&self) -> KeyState {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_state(&self, state: KeyState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// The keys of one realm.
#[derive(Debug)]
pub(crate) struct KeyRing {
    maker: Maker,
    slots: RwLock<Vec<Arc<Slot>>>,
    refresh: Arc<Key>,
}

impl KeyRing {
    /// A ring of keys that are yet to be made. With `shared`, every ring of this process gets the same ones.
    pub(crate) fn new(realm: &str, specs: &[KeySpec], shared: bool, now: i64) -> Self {
        let ring = Self {
            maker: Maker { realm: realm.to_owned(), shared, now },
            slots: RwLock::default(),
            refresh: Arc::new(Key::from_secret(Alg::Hs512, &crate::random::bytes::<64>())),
        };
        for spec in specs {
            let state = match (spec.enabled, spec.active) {
                (false, _) => KeyState::Disabled,
                (true, false) => KeyState::Passive,
                (true, true) => KeyState::Active,
            };
            ring.add(spec.purpose, spec.priority, state);
        }
        ring
    }

    /// Another ring with the same keys, whose states then go their own way.
    pub(crate) fn copy(&self) -> Self {
        let slots = self.slots().into_iter().map(|slot| {
            Arc::new(Slot {
                purpose: slot.purpose,
                priority: slot.priority,
                ordinal: slot.ordinal,
                maker: slot.maker.clone(),
                state: Mutex::new(slot.state()),
                key: OnceCell::new_with(slot.key.get().cloned()),
            })
        });
        Self {
            maker: self.maker.clone(),
            slots: RwLock::new(slots.collect()),
            refresh: Arc::clone(&self.refresh),
        }
    }

    /// The symmetric key of refresh tokens: in no JWKS.
    pub(crate) fn refresh_key(&self) -> &Key {
        &self.refresh
    }

    /// Makes every key that isn't made yet; several at once.
    pub(crate) async fn make_all(&self) -> Result<(), KeyError> {
        let waiting = self.slots().into_iter().filter(|slot| slot.key.get().is_none());
        // Spawned first, then awaited in turn: the slow ones run side by side.
        let waiting: Vec<_> =
            waiting.map(|slot| (slot.purpose, tokio::spawn(async move { slot.key().await }))).collect();
        for (purpose, task) in waiting {
            task.await.unwrap_or(Err(KeyError::Generate { alg: purpose.alg_name() }))?;
        }
        Ok(())
    }

    /// The key that signs with `alg`: the active one of the highest priority. Made on demand if the realm has none.
    pub(crate) async fn signer(&self, alg: Alg) -> Result<Arc<Key>, KeyError> {
        let purpose = Purpose::Sign(alg);
        let best = self.best(purpose);
        let slot = best.unwrap_or_else(|| self.add(purpose, 0, KeyState::Active));
        slot.key().await
    }

    /// The listed or hidden key of that id, if it has been made.
    pub(crate) fn by_kid(&self, kid: &str) -> Option<(Arc<Key>, KeyState)> {
        self.slot(kid).and_then(|slot| Some((Arc::clone(slot.key.get()?), slot.state())))
    }

    /// A new key above all others of its kind.
    pub(crate) async fn rotate(&self, purpose: Purpose) -> Result<Arc<Key>, KeyError> {
        let slots = self.slots();
        let highest = slots.iter().filter(|slot| slot.purpose == purpose).map(|slot| slot.priority).max();
        let slot = self.add(purpose, highest.unwrap_or(0).saturating_add(1), KeyState::Passive);
        let key = slot.key().await?;
        // Only now: until the key is there, the old one goes on signing.
        slot.set_state(KeyState::Active);
        Ok(key)
    }

    pub(crate) fn set_state(&self, kid: &str, state: KeyState) -> Result<(), KeyError> {
        let slot = self.slot(kid).ok_or_else(|| KeyError::UnknownKid { kid: kid.to_owned() })?;
        slot.set_state(state);
        Ok(())
    }

    /// Every listed key as a JWK set (RFC 7517, section 5); waits until all are made.
    pub(crate) async fn jwks(&self) -> Result<Value, KeyError> {
        self.make_all().await?;
        let keys: Vec<Value> = self
            .slots()
            .iter()
            .filter(|slot| slot.state() != KeyState::Disabled)
            .filter_map(|slot| Some(Value::Object(slot.key.get()?.jwk().clone())))
            .collect();
        Ok(json!({ "keys": keys }))
    }

    /// Id, algorithm and state of every key that signs, the newest first; waits until all are made.
    pub(crate) async fn listed(&self) -> Vec<(String, &'static str, KeyState)> {
        // Those that could be made are listed.
        drop(self.make_all().await);
        let slots = self.slots();
        let made = slots.iter().rev().filter_map(|slot| Some((slot, slot.key.get()?)));
        let signing = made.filter(|(slot, _)| matches!(slot.purpose, Purpose::Sign(_)));
        signing.map(|(slot, key)| (key.kid().to_owned(), slot.purpose.alg_name(), slot.state())).collect()
    }

    /// Every asymmetric key as a component of a realm export; waits until all are made.
    pub(crate) async fn providers(&self) -> Result<Value, KeyError> {
        self.make_all().await?;
        let slots = self.slots();
        let made = slots.iter().filter_map(|slot| Some((slot, slot.key.get()?)));
        let made = made.filter(|(_, key)| !key.signing_alg().is_symmetric());
        made.map(|(slot, key)| provider::component(key, slot.priority, slot.state())).collect()
    }

    fn best(&self, purpose: Purpose) -> Option<Arc<Slot>> {
        let slots = self.slots();
        let usable = slots.iter().filter(|slot| slot.purpose == purpose && slot.state() == KeyState::Active);
        usable.max_by_key(|slot| slot.priority).cloned()
    }

    fn slot(&self, kid: &str) -> Option<Arc<Slot>> {
        self.slots().into_iter().find(|slot| slot.key.get().is_some_and(|key| key.kid() == kid))
    }

    fn slots(&self) -> Vec<Arc<Slot>> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, purpose: Purpose, priority: i64, state: KeyState) -> Arc<Slot> {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let ordinal = slots.iter().filter(|slot| slot.purpose == purpose).count();
        let slot = Arc::new(Slot {
            purpose,
            priority,
            ordinal,
            maker: self.maker.clone(),
            state: Mutex::new(state),
            key: OnceCell::new(),
        });
        slots.push(Arc::clone(&slot));
        slot
    }
}

type PoolKey = (Purpose, String, usize);

type Pool = HashMap<PoolKey, Arc<Mutex<Option<Arc<Key>>>>>;

/// The keys that all issuers with shared keys have in common; each is made once in a process.
fn pooled(purpose: Purpose, realm: &str, ordinal: usize, now: i64) -> Result<Arc<Key>, KeyError> {
    static POOL: OnceLock<Mutex<Pool>> = OnceLock::new();
    let place = {
        let mut pool = POOL.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(pool.entry((purpose, realm.to_owned(), ordinal)).or_default())
    };
    // Held while the key is made: this is a blocking thread, and whoever else wants this key has to wait for it anyway.
    let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(key) = place.as_ref() {
        return Ok(Arc::clone(key));
    }
    let made = Arc::new(Key::generate(purpose, realm, now)?);
    *place = Some(Arc::clone(&made));
    Ok(made)
}
