//! What the small services have in common. Each is one program with one route, `GET /me`: called as `me` it is
//! guarded, called as `plain` the same handler answers everybody, about callers who were found out at the start.

use std::error::Error;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kc_core::rules::authenticated;
use kc_core::settings::Settings;
use kc_core::wire::RequestView;
use kc_core::{Guard, Keycloak, Principal};

/// What goes wrong at the start.
pub type Failed = Box<dyn Error + Send + Sync>;

/// One of the two programs that each of these is.
#[derive(Debug)]
pub enum Service {
    /// `/me`, for whoever has a token.
    Guarded(Guard),
    /// The same handler for everybody, and about whom it speaks.
    Plain(Callers),
}

/// About whom a service without protection speaks, in turn: what it costs to read what was not read just before is then in
/// it too.
#[derive(Clone, Debug)]
pub struct Callers {
    list: Arc<[Principal]>,
    turn: Arc<AtomicUsize>,
}

impl Callers {
    /// The next one.
    ///
    /// # Panics
    /// Without any.
    #[must_use]
    #[expect(clippy::expect_used, reason = "there is one at least, or the service had not started")]
    pub fn next(&self) -> &Principal {
        // One thread serves, so that nobody is left out.
        let turn = self.turn.load(Ordering::Relaxed);
        let turn = if turn < self.list.len() { turn } else { 0 };
        self.turn.store(turn + 1, Ordering::Relaxed);
        self.list.get(turn).expect("callers")
    }
}

/// Which one the first argument names, and where it listens (`LISTEN`). The settings are in the environment; the plain
/// one's callers are the owners of the tokens in the file `BENCH_TOKENS`, one to a line.
///
/// # Errors
/// What is missing.
pub async fn start() -> Result<(Service, TcpListener), Failed> {
    let listener = TcpListener::bind(std::env::var("LISTEN")?)?;
    listener.set_nonblocking(true)?;
    let keycloak = Keycloak::new(&Settings::from_env()?)?;
    keycloak.prefetch().await;
    let service = match std::env::args().nth(1).as_deref() {
        Some("me") => Service::Guarded(keycloak.guard().clone()),
        Some("plain") => {
            let mut list = Vec::new();
            for token in std::fs::read_to_string(std::env::var("BENCH_TOKENS")?)?.lines() {
                list.push(owner(token, keycloak.guard()).await?);
            }
            if list.is_empty() {
                return Err("there is no token in BENCH_TOKENS".into());
            }
            Service::Plain(Callers { list: list.into(), turn: Arc::default() })
        }
        _ => return Err("the argument is `me` or `plain`".into()),
    };
    Ok((service, listener))
}

async fn owner(token: &str, guard: &Guard) -> Result<Principal, Failed> {
    struct Bearer(String);

    impl kc_core::wire::Headers for Bearer {
        fn value(&self, name: &str, nth: usize) -> Option<&[u8]> {
            (name == "authorization" && nth == 0).then_some(self.0.as_bytes())
        }
    }

    let headers = Bearer(format!("Bearer {token}"));
    let request =
        RequestView { method: "GET", path: "/me", query: None, route: None, headers: &headers, peer: None };
    let admitted = guard.admit(&request, &authenticated().into()).await;
    let admission = admitted.outcome.map_err(|refusal| refusal.code())?;
    admission.principal().cloned().ok_or_else(|| "the token is nobody's".into())
}
