//! Setting an issuer up, and starting it.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::issuer::DevIssuer;
use crate::keys::KeyRing;
use crate::realm::{MOST_REALM_BYTES, Realm, RealmError};
use crate::server;
use crate::state::{State, system_now};

/// The realm that an issuer serves unless told otherwise: `kc-demo`, every password is the user's name.
pub const DEMO_REALM: &str = include_str!("../realms/kc-demo.json");

/// Why an issuer did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The address can't be listened on.
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The address isn't loopback, and nobody insisted.
    NotLoopback {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The realm export is unusable.
    Realm(RealmError),
    /// The file of the realm export can't be read.
    RealmFile {
        /// The file asked for.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { address, source } => {
                write!(f, "can't listen on {address}: {source}; choose another address")
            }
            Self::NotLoopback { address } => write!(
                f,
                "{address} is not a loopback address, and this issuer signs anything for anybody; listen on 127.0.0.1"
            ),
            Self::Realm(error) => error.fmt(f),
            Self::RealmFile { path, source } => {
                write!(f, "{} can't be read: {source}; name a realm export", path.display())
            }
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen { source, .. } | Self::RealmFile { source, .. } => Some(source),
            Self::NotLoopback { .. } => None,
            Self::Realm(error) => Some(error),
        }
    }
}

impl From<RealmError> for StartError {
    fn from(error: RealmError) -> Self {
        Self::Realm(error)
    }
}

/// Sets an issuer up; see [`DevIssuer::builder`].
#[derive(Debug)]
#[must_use = "nothing listens before `start`"]
pub struct DevIssuerBuilder {
    listen: SocketAddr,
    base_url: Option<String>,
    realm: Source,
    keys: Keys,
    anywhere: bool,
}

#[derive(Debug)]
enum Keys {
    Fresh,
    Given(KeyRing),
    Shared,
}

/// Where the realm is.
enum Source {
    Demo,
    File(PathBuf),
    Text(String),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Demo => f.write_str("Demo"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            // It has secrets in it.
            Self::Text(_) => f.write_str("Text"),
        }
    }
}

impl Source {
    fn load(&self) -> Result<Realm, StartError> {
        Ok(match self {
            Self::Demo => Realm::from_json(DEMO_REALM)?,
            Self::Text(json) => Realm::from_json(json)?,
            Self::File(path) => Realm::from_json(&text_of(path)?)?,
        })
    }
}

/// What is in a file, no further than a realm may reach: it may be a device that has no end.
fn text_of(path: &Path) -> Result<String, StartError> {
    let unreadable = |source| StartError::RealmFile { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MOST_REALM_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > MOST_REALM_BYTES {
        return Err(RealmError::TooLarge { most_bytes: MOST_REALM_BYTES }.into());
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.rsplit(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len) + 1;
        RealmError::Json { line, column }.into()
    })
}

impl DevIssuerBuilder {
    pub(crate) fn new() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            base_url: None,
            realm: Source::Demo,
            keys: Keys::Fresh,
            anywhere: false,
        }
    }

    /// Where to listen. Default `127.0.0.1:0`: any free port.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// What it is called from outside, when something stands in front of it: the start of its issuer identifier and of every
    /// URL that it tells. A slash at the end is ignored. Default `http://ADDRESS`.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// The realm, as Keycloak exports it (`kc.sh export --realm NAME --file FILE`), 32 MiB at most. Default [`DEMO_REALM`].
    pub fn realm_json(mut self, json: impl Into<String>) -> Self {
        self.realm = Source::Text(json.into());
        self
    }

    /// The same out of a file, which is read when it [starts](Self::start).
    pub fn realm_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.realm = Source::File(path.into());
        self
    }

    /// Uses keys that are made once in this process, common to all issuers that ask for it.
    ///
    /// For test suites that start many issuers: making RSA keys takes far longer than starting. Rotation and the states of keys
    /// are each issuer's own.
    pub fn shared_keys(mut self) -> Self {
        self.keys = Keys::Shared;
        self
    }

    /// Uses the keys that another issuer has by now: what a restart with the same data base looks like.
    pub fn keys_of(mut self, other: &DevIssuer) -> Self {
        self.keys = Keys::Given(other.keys());
        self
    }

    /// Lets [`listen`](Self::listen) take an address that isn't loopback. Whoever reaches it can make any token.
    pub fn dangerously_listen_anywhere(mut self) -> Self {
        self.anywhere = true;
        self
    }

    /// Listens. Keys are made in the background; requests that need one wait for it.
    ///
    /// # Errors
    ///
    /// [`StartError`] for an unusable realm export or address.
    pub async fn start(self) -> Result<DevIssuer, StartError> {
        if !self.listen.ip().is_loopback() && !self.anywhere {
            return Err(StartError::NotLoopback { address: self.listen });
        }
        let realm = self.realm.load()?;
        let listener = bind(self.listen).await?;
        let address =
            listener.local_addr().map_err(|source| StartError::Listen { address: self.listen, source })?;
        let keys = match self.keys {
            Keys::Fresh => KeyRing::new(&realm.name, &realm.keys, false, system_now()),
            Keys::Given(keys) => keys,
            Keys::Shared => KeyRing::new(&realm.name, &realm.keys, true, system_now()),
        };
        let base_url = self.base_url.unwrap_or_else(|| format!("http://{address}"));
        let state = Arc::new(State::new(realm, base_url.trim_end_matches('/').to_owned(), keys));
        let server = server::spawn(listener, Arc::clone(&state));
        make_keys(&state);
        Ok(DevIssuer::running(state, address, server))
    }
}

/// Makes all keys beside everything else, so that nobody waits who comes late enough.
pub(crate) fn make_keys(state: &State) {
    let keys = state.keys();
    // Who needs a key that failed asks for it again, and gets the error then.
    tokio::spawn(async move { drop(keys.make_all().await) });
}

pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    // A port that was just let go may be busy for a moment yet.
    for _ in 0..20 {
        match TcpListener::bind(address).await {
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && address.port() != 0 => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            other => return other.map_err(|source| StartError::Listen { address, source }),
        }
    }
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })
}
