//! What the small services have in common. Each is one program with one route, `GET /me`: called as `me` it is
//! guarded, called as `plain` it answers the same JSON to everybody, from the same framework and without any of kc.

use std::error::Error;
use std::net::TcpListener;

use kc_core::Keycloak;
use kc_core::settings::Settings;
use serde::{Deserialize, Serialize};

/// What goes wrong at the start.
pub type Failed = Box<dyn Error + Send + Sync>;

/// The body of `/me`, made ready beforehand: what a service without protection has to do for it is to write it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PlainMe {
    sub: Option<String>,
    email: Option<String>,
    username: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    realm_roles: Vec<String>,
    client_roles: Vec<String>,
    is_staff: bool,
    is_superuser: bool,
}

/// One of the two programs that each of these is.
#[derive(Debug)]
pub enum Service {
    /// `/me`, for whoever has a token.
    Guarded(Box<Keycloak>),
    /// The same answer, for everybody.
    Plain(PlainMe),
}

/// Which one the first argument names, and where it listens (`LISTEN`). The guarded one has its settings from the
/// environment, and the realm's keys when this returns; the plain one has its body from `BENCH_ME`.
///
/// # Errors
/// What is missing.
pub async fn start() -> Result<(Service, TcpListener), Failed> {
    let listener = TcpListener::bind(std::env::var("LISTEN")?)?;
    listener.set_nonblocking(true)?;
    let service = match std::env::args().nth(1).as_deref() {
        Some("me") => {
            let keycloak = Keycloak::new(&Settings::from_env()?)?;
            keycloak.prefetch().await;
            Service::Guarded(Box::new(keycloak))
        }
        Some("plain") => Service::Plain(serde_json::from_str(&std::env::var("BENCH_ME")?)?),
        _ => return Err("the argument is `me` or `plain`".into()),
    };
    Ok((service, listener))
}
