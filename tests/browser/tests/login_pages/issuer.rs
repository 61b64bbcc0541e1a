//! Who logs people in: a real Keycloak, or the development issuer.

use std::thread;
use std::time::Duration;

use kc_dev::DevIssuer;
use tokio::runtime::Handle;

use crate::keycloak::Keycloak;
use crate::realm::{Client, export};

/// Which of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    KcDev,
    Keycloak,
}

impl Kind {
    pub(crate) const ALL: [Self; 2] = [Self::KcDev, Self::Keycloak];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::KcDev => "kc-dev",
            Self::Keycloak => "keycloak",
        }
    }
}

/// One with a realm of its own, which goes when this is dropped.
#[derive(Debug)]
pub(crate) enum Issuer {
    KcDev(Box<DevIssuer>, Handle),
    Keycloak(Keycloak),
}

impl Issuer {
    pub(crate) fn start(kind: Kind, runtime: &Handle, clients: &[Client]) -> Self {
        match kind {
            Kind::KcDev => {
                let realm = export("kc-browser", clients).to_string();
                let issuer = runtime.block_on(DevIssuer::builder().realm_json(realm).shared_keys().start());
                Self::KcDev(Box::new(issuer.unwrap()), runtime.clone())
            }
            Kind::Keycloak => Self::Keycloak(Keycloak::make(runtime, clients)),
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::KcDev(..) => Kind::KcDev,
            Self::Keycloak(_) => Kind::Keycloak,
        }
    }

    pub(crate) fn base(&self) -> &str {
        match self {
            Self::KcDev(issuer, _) => issuer.base_url(),
            Self::Keycloak(keycloak) => keycloak.base(),
        }
    }

    pub(crate) fn realm(&self) -> &str {
        match self {
            Self::KcDev(issuer, _) => issuer.realm(),
            Self::Keycloak(keycloak) => keycloak.realm(),
        }
    }

    /// Where the realm is.
    pub(crate) fn url(&self) -> String {
        format!("{}/realms/{}", self.base(), self.realm())
    }

    /// The administrator ends every session of a user.
    pub(crate) fn log_out(&self, user: &str) {
        match self {
            Self::KcDev(issuer, runtime) => {
                // It tells its clients from within the runtime.
                let _within = runtime.enter();
                assert!(issuer.logout_user(user), "there is no {user}");
            }
            Self::Keycloak(keycloak) => keycloak.log_out(user),
        }
    }

    /// Does `open`, lets the login pages that it opened run out, and does `then`. Nobody else may log in meanwhile.
    pub(crate) fn with_expired_pages(&self, open: impl FnOnce(), then: impl FnOnce()) {
        match self {
            Self::KcDev(issuer, _) => {
                open();
                issuer.set_clock_skew(31 * 60);
                then();
                issuer.set_clock_skew(0);
            }
            Self::Keycloak(keycloak) => {
                keycloak.login_pages_live(2);
                open();
                // Longer than they live, however slow the machine is.
                thread::sleep(Duration::from_secs(4));
                keycloak.login_pages_live(1800);
                then();
            }
        }
    }
}
