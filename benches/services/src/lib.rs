//! What the small services have in common. Each is one program with one route, `GET /me`: called as `me` it is
//! guarded, called as `plain` the same handler answers everybody, about a caller who was found out at the start.

use std::error::Error;
use std::net::TcpListener;

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
    Plain(Principal),
}

/// Which one the first argument names, and where it listens (`LISTEN`). The settings are in the environment; the plain
/// one's caller is the owner of the token `BENCH_TOKEN`.
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
        Some("plain") => Service::Plain(owner(&std::env::var("BENCH_TOKEN")?, keycloak.guard()).await?),
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
