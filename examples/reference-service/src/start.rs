//! From the environment to a service that may listen, and its end.

use std::io::{IsTerminal, Write as _};
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use kc_core::Keycloak;
use kc_core::audit::NoAudit;
use kc_core::revocations::Revocations;
use kc_core::routes::{ReportFormat, RouteReport};
use kc_core::secret::Secret;
use kc_core::settings::{Server, SessionStore, Settings};
use kc_core::trace_context::PassOn;
use kc_dev::DevIssuer;
use kc_login::{Login, LoginOptions, LoginStores};
use kc_store::redis::RedisStore;
use kc_store::users::SqlUsers;
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use crate::banner::banner;
use crate::metrics::Metrics;

/// A service that is ready to listen.
#[derive(Debug)]
pub struct Started {
    /// The realm, and what decides.
    pub keycloak: Keycloak,
    /// The login of browsers.
    pub login: Login,
    /// Bound already; not blocking.
    pub listener: TcpListener,
    /// Lives as long as the service.
    pub embedded: Option<DevIssuer>,
    /// The public client that the login of `/docs` uses: `OPENAPI_CLIENT_ID`, else that of the embedded issuer's demo
    /// realm, else empty.
    pub docs_client_id: String,
    /// `--routes` on the command line: the service is to say who may call what, by [`print_routes`], and end. Then nobody
    /// was asked for anything, and nothing was opened.
    pub routes: Option<ReportFormat>,
}

/// Requests in flight have this long to finish; then the process ends all the same.
pub const GRACE: Duration = Duration::from_secs(9);

/// Reads the settings, binds the address, starts the embedded issuer when no Keycloak is named, prints the banner to
/// standard error, and fetches the realm's keys in the background.
///
/// # Errors
/// Exit code 2, after one line on standard error that names the setting, its defect and the remedy.
pub async fn start() -> Result<Started, ExitCode> {
    log_to_stderr();
    try_start().await.map_err(|line| {
        eprintln!("{line}");
        ExitCode::from(2)
    })
}

/// Prints who may call what on standard output, for [`Started::routes`].
#[must_use]
pub fn print_routes(report: &RouteReport, format: ReportFormat) -> ExitCode {
    match std::io::stdout().write_all(report.to(format).as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the routes cannot be printed: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn try_start() -> Result<Started, String> {
    let arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    let routes = ReportFormat::asked_for(arguments).map_err(|error| error.to_string())?;
    let settings = Settings::from_env().map_err(|error| error.to_string())?;
    if let Some(format) = routes {
        return without_anybody(settings, format).await;
    }
    let metrics = Metrics::from_env()?;
    let listener = TcpListener::bind(settings.listen())
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .map_err(|error| {
            let address = settings.listen();
            format!(
                "LISTEN cannot be used ({address}: {error}): choose a free port, or stop what listens there"
            )
        })?;
    let address =
        listener.local_addr().map_err(|error| format!("LISTEN cannot be used ({error}): choose another"))?;
    let settings = settings.with_listen(address).map_err(|error| error.to_string())?;
    let (settings, embedded) = match settings.server() {
        Server::Keycloak(_) => (settings, None),
        _ => embed(settings).await.map(|(settings, issuer)| (settings, Some(issuer)))?,
    };
    let users = open_users(&settings).await?;
    let keycloak = Keycloak::builder().users(Arc::new(users)).trace_context(Arc::new(PassOn));
    let (keycloak, stores) = match open_sessions(&settings).await? {
        Some((stores, revocations)) => (keycloak.revocations(revocations), stores),
        None => (keycloak, LoginStores::in_memory(&settings)),
    };
    let keycloak = keycloak.build(&settings).map_err(|error| error.to_string())?;
    let login = Login::new(&keycloak, &settings, stores, LoginOptions::default());
    let login = login.map_err(|error| error.to_string())?;
    let keycloak = login.protect(keycloak);
    if settings.users_database().is_none() {
        tracing::warn!(
            "USERS_DATABASE is not set: local users are in memory, and gone when this service ends"
        );
    }
    LazyLock::force(&ASKED_TO_END);
    eprint!("{}", banner(&settings, &keycloak, embedded.as_ref(), metrics.as_ref()));
    if let Some(metrics) = metrics {
        // Until the end: a service that is told to stop is asked how it is until its last request is answered.
        let served = metrics.serve(Stop::never(), keycloak.clone(), login.clone());
        tokio::spawn(async move {
            if let Err(error) = served.await {
                tracing::error!("METRICS_LISTEN is not served: {error}");
            }
        });
    }
    let prefetching = keycloak.clone();
    tokio::spawn(async move { prefetching.prefetch().await });
    let docs_client_id = std::env::var("OPENAPI_CLIENT_ID")
        .unwrap_or_else(|_| embedded.as_ref().map_or("", |_| "spa").to_owned());
    Ok(Started { keycloak, login, listener, embedded, docs_client_id, routes: None })
}

/// What routes are made of, without Keycloak, Redis or a data base.
async fn without_anybody(settings: Settings, format: ReportFormat) -> Result<Started, String> {
    let settings = match settings.server() {
        Server::Keycloak(_) => settings,
        // Nobody listens there, and nobody is asked.
        _ => settings
            .with_embedded("http://127.0.0.1:9", "demo", "api", None)
            .map_err(|error| error.to_string())?,
    };
    let users = SqlUsers::in_memory().await.map_err(|error| error.to_string())?;
    let keycloak = Keycloak::builder().audit(Arc::new(NoAudit)).users(Arc::new(users));
    let keycloak = keycloak.build(&settings).map_err(|error| error.to_string())?;
    let stores = LoginStores::in_memory(&settings);
    let login = Login::new(&keycloak, &settings, stores, LoginOptions::default());
    let login = login.map_err(|error| error.to_string())?;
    let keycloak = login.protect(keycloak);
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    let docs_client_id = std::env::var("OPENAPI_CLIENT_ID").unwrap_or_default();
    Ok(Started { keycloak, login, listener, embedded: None, docs_client_id, routes: Some(format) })
}

/// Sessions and revocations where all replicas find them, if the settings say so.
async fn open_sessions(settings: &Settings) -> Result<Option<(LoginStores, Arc<dyn Revocations>)>, String> {
    let SessionStore::Redis(url) = settings.session_store() else { return Ok(None) };
    const NO_KEYS: &str = "SESSION_KEYS is not set: make a key with `openssl rand -base64 32`";
    let seal = || kc_login::seal(settings).ok_or_else(|| NO_KEYS.to_owned());
    let refused = |error| {
        format!(
            "SESSION_STORE cannot be used ({error}): see that Redis runs there, and that its password is right"
        )
    };
    let store = RedisStore::connect(url, seal()?).await.map_err(refused)?;
    let revocations = store.revocations().await.map_err(refused)?;
    let stores = LoginStores { sessions: Arc::new(store.clone()), replay: Arc::new(store), seal: seal()? };
    Ok(Some((stores, Arc::new(revocations))))
}

/// The local users: in the data base of the settings, else in memory.
async fn open_users(settings: &Settings) -> Result<SqlUsers, String> {
    let opened = match settings.users_database() {
        Some(database) => SqlUsers::open(database).await,
        None => SqlUsers::in_memory().await,
    };
    opened.map_err(|error| format!("USERS_DATABASE cannot be used: {error}"))
}

/// The demo realm of the embedded issuer, with its client `api`.
async fn embed(settings: Settings) -> Result<(Settings, DevIssuer), String> {
    const CLIENT: &str = "api";
    if !settings.listen().ip().is_loopback() {
        return Err(
            "LISTEN is reachable from other machines while KEYCLOAK_URL is not set, and whoever reaches the \
                    embedded development issuer is anybody: set KEYCLOAK_URL, or listen on 127.0.0.1"
                .to_owned(),
        );
    }
    let issuer = DevIssuer::start().await.map_err(|error| {
        format!("KEYCLOAK_URL is not set and the embedded issuer does not start ({error}): set KEYCLOAK_URL")
    })?;
    let secret = issuer.client_secret(CLIENT).map(Secret::new);
    let settings = settings
        .with_embedded(issuer.base_url(), issuer.realm(), CLIENT, secret)
        .map_err(|error| error.to_string())?;
    Ok((settings, issuer))
}

/// `RUST_LOG` chooses; default `info`. Standard output is the audit's.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let stderr = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second initialisation, in tests for example, is no matter.
    let _ = stderr.with_ansi(std::io::stderr().is_terminal()).try_init();
}

/// Runs a server until SIGTERM or SIGINT. `serve` gets a future that ends then: the server takes no new connections,
/// finishes the requests in flight, and ends by itself, or is cut when that takes too long.
pub async fn run(serve: impl AsyncFnOnce(Stop) -> std::io::Result<()>) -> ExitCode {
    let (tell, told) = tokio::sync::oneshot::channel();
    let server = serve(Stop { told: Some(told) });
    let overdue = async {
        // An error means that the task that waits for signals is gone, and the runtime with it.
        let _ = ASKED_TO_END.clone().wait_for(|asked| *asked).await;
        tracing::info!("stopping: no new connections, requests in flight have {} s", GRACE.as_secs());
        // The server may have ended already.
        let _ = tell.send(());
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        result = server => match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!("the server has failed: {error}");
                ExitCode::FAILURE
            }
        },
        () = overdue => {
            tracing::warn!("requests were still in flight after {} s: they are cut", GRACE.as_secs());
            ExitCode::SUCCESS
        }
    }
}

/// Tells a server to stop.
#[derive(Debug)]
pub struct Stop {
    told: Option<tokio::sync::oneshot::Receiver<()>>,
}

impl Stop {
    #[cfg(test)]
    pub(crate) fn for_tests() -> (tokio::sync::oneshot::Sender<()>, Self) {
        let (tell, told) = tokio::sync::oneshot::channel();
        (tell, Self { told: Some(told) })
    }

    /// Of a server that goes on until the process ends.
    pub(crate) fn never() -> Self {
        Self { told: None }
    }

    /// Ends when the server is to stop.
    pub async fn wait(self) {
        match self.told {
            // An error means that nobody is left to tell it, which is as good a reason.
            Some(told) => drop(told.await),
            None => std::future::pending().await,
        }
    }
}

/// Turns true when the process is asked to end. From its first use on a signal ends nothing by itself, so that use is
/// before anybody hears that the service is there.
static ASKED_TO_END: LazyLock<watch::Receiver<bool>> = LazyLock::new(|| {
    let (tell, told) = watch::channel(false);
    let signalled = signals();
    tokio::spawn(async move {
        signalled.await;
        tell.send_replace(true);
    });
    told
});

/// Ends at SIGTERM or SIGINT. Both are listened for when this returns.
#[cfg(unix)]
fn signals() -> impl Future<Output = ()> + Send {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind, name| {
        signal(kind)
            .inspect_err(|error| tracing::warn!("{name} cannot be waited for ({error}): it cuts requests"))
    };
    let terminate = listen(SignalKind::terminate(), "SIGTERM");
    let interrupt = listen(SignalKind::interrupt(), "SIGINT");
    async move {
        tokio::select! {
            () = received(terminate) => {}
            () = received(interrupt) => {}
        }
    }
}

#[cfg(unix)]
async fn received(signal: std::io::Result<tokio::signal::unix::Signal>) {
    match signal {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    }
}

/// Ends at Ctrl-C.
#[cfg(not(unix))]
async fn signals() {
    let _ = tokio::signal::ctrl_c().await;
}
