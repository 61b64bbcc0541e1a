//! A real Keycloak during a run: the realms that were made there, and what holds the private part of their keys.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::rc::Rc;

use kc_dev::{Alg, DevIssuer};
use serde_json::Value;
use tokio::sync::Mutex;

use super::admin::Admin;
use super::front::Front;
use super::{Keycloak, export};
use crate::case::Failure;

/// The server, and the realm that most cases share.
pub(crate) struct Real {
    pub(super) admin: Admin,
    described: String,
    /// The shared realm.
    realm: String,
    /// Has the same realm, and made its keys.
    twin: DevIssuer,
    /// Realms that are, or may be, on the server.
    made: RefCell<BTreeSet<String>>,
    /// Held while a realm is made or deleted: Keycloak does one at a time.
    making: Mutex<()>,
    /// Nothing is made any more.
    closed: Cell<bool>,
}

/// A realm on the server for one service.
#[derive(Debug)]
pub(super) struct Leased {
    pub(super) server: Rc<Real>,
    pub(super) front: Front,
    pub(super) realm: String,
    /// Nobody else uses the realm: it may be changed.
    pub(super) own: bool,
}

impl Real {
    /// Finds the server. Nothing is changed there before [`prepare`](Self::prepare).
    pub(super) async fn open(keycloak: &Keycloak) -> Result<Rc<Self>, Failure> {
        let admin = Admin::new(keycloak).await?;
        let version = admin.version().await?;
        let realm = unused_name();
        let twin = DevIssuer::builder().realm_json(export::named(&realm)).shared_keys().start().await?;
        for alg in Alg::ASYMMETRIC {
            twin.kid(alg).await?;
        }
        let described = format!("Keycloak {version} at {}", keycloak.url);
        Ok(Rc::new(Self {
            admin,
            described,
            realm,
            twin,
            made: RefCell::default(),
            making: Mutex::default(),
            closed: Cell::new(false),
        }))
    }

    /// Makes the shared realm.
    pub(super) async fn prepare(self: &Rc<Self>) -> Result<(), Failure> {
        self.make(&self.realm, &self.twin).await?;
        // Whatever name it is asked under, it must be called so: each service's front has a name of its own.
        let path = format!("/realms/{}/.well-known/openid-configuration", self.realm);
        let found = self.admin.ask("GET", &path, Some("127.0.0.1:1"), &[]).await?.json()?;
        let issuer = found.get("issuer").and_then(Value::as_str).unwrap_or_default();
        if issuer.starts_with("http://127.0.0.1:1/") {
            return Ok(());
        }
        Err(Failure::new(format!(
            "it calls itself {issuer} whatever name it is asked under: start it without a host name of its own"
        )))
    }

    /// What it is, for the report.
    pub(super) fn described(&self) -> &str {
        &self.described
    }

    /// A realm for one service, and the twin that mints its tokens.
    pub(super) async fn lease(self: &Rc<Self>, own: bool) -> Result<(DevIssuer, Leased), Failure> {
        let realm = if own { unused_name() } else { self.realm.clone() };
        let front = Front::start(self.admin.address()).await?;
        let base_url = format!("http://{}{}", front.address(), self.admin.path());
        let twin = DevIssuer::builder().realm_json(export::named(&realm)).keys_of(&self.twin);
        let twin = twin.base_url(base_url).start().await?;
        if own {
            self.make(&realm, &twin).await?;
        }
        Ok((twin, Leased { server: Rc::clone(self), front, realm, own }))
    }

    async fn make(self: &Rc<Self>, realm: &str, twin: &DevIssuer) -> Result<(), Failure> {
        let keys = twin.key_providers().await?;
        let export = export::importable(&export::named(realm), keys, |user| twin.user_id(user))?;
        let (real, realm) = (Rc::clone(self), realm.to_owned());
        // A task of its own: the server finishes what it has begun, so a case that is interrupted must too.
        let making = tokio::task::spawn_local(async move {
            let _making = real.making.lock().await;
            if real.closed.get() {
                return Err(Failure::new("the run is over"));
            }
            real.made.borrow_mut().insert(realm);
            real.admin.create_realm(&export).await
        });
        making.await.unwrap_or_else(|error| Err(Failure::new(format!("the realm isn't made: {error}"))))
    }

    /// Deletes every realm that was made. Not before all cases are done: a realm that goes holds the others up.
    pub(super) async fn close(&self) -> Result<(), Failure> {
        let _making = self.making.lock().await;
        self.closed.set(true);
        let left: Vec<String> = self.made.borrow().iter().cloned().collect();
        let mut result = Ok(());
        for realm in left {
            match self.admin.delete_realm(&realm).await {
                Ok(()) => drop(self.made.borrow_mut().remove(&realm)),
                Err(failure) => result = result.and(Err(failure)),
            }
        }
        result
    }
}

impl fmt::Debug for Real {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Real").field("admin", &self.admin).field("realm", &self.realm).finish_non_exhaustive()
    }
}

impl Leased {
    /// What only a realm of one's own may suffer.
    pub(super) fn changeable(&self) -> Result<(), Failure> {
        match self.own {
            true => Ok(()),
            false => Err(Failure::new("the case changes a realm that others use: the suite has a defect")),
        }
    }
}

/// Nobody else's name, to be recognised by if the suite was killed.
fn unused_name() -> String {
    format!("kc-conformance-{:016x}", RandomState::new().hash_one(std::process::id()))
}
