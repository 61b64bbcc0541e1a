//! Connections to Redis: made within a time, shared, and made anew when one is lost.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Cmd, FromRedisValue};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::failure::Failure;
use super::target::Target;

/// Makes connections.
pub(super) struct Dialer {
    target: Target,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    connect: Duration,
    answer: Duration,
}

/// One connection, whose commands follow each other without waiting for the answers.
pub(super) struct Connection {
    commands: MultiplexedConnection,
    driver: Driver,
    answer: Duration,
}

/// The task that reads and writes; it ends with the connection.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Dialer {
    /// TLS is made ready here: reading the system's certificates takes long.
    pub(super) async fn new(
        target: Target,
        authorities: Option<Vec<u8>>,
        connect: Duration,
        answer: Duration,
    ) -> Result<Self, Failure> {
        let tls = if target.tls {
            let config = tokio::task::spawn_blocking(move || tls(authorities.as_deref())).await;
            let config = config.map_err(|_| Failure::setting("TLS could not be made ready".to_owned()))??;
            let name = ServerName::try_from(target.host.clone());
            let name =
                name.map_err(|_| Failure::setting("the URL of Redis has a host that is no name".to_owned()))?;
            Some((TlsConnector::from(Arc::new(config)), name))
        } else {
            None
        };
        Ok(Self { target, tls, connect, answer })
    }

    /// A connection that has answered once.
    pub(super) async fn dial(&self) -> Result<Connection, Failure> {
        let dialing = timeout(self.connect, async {
            let (host, port) = (self.target.host.as_str(), self.target.port);
            let tcp = TcpStream::connect((host, port)).await.map_err(unreachable)?;
            tcp.set_nodelay(true).map_err(unreachable)?;
            match &self.tls {
                None => self.greet(tcp).await,
                Some((tls, name)) => {
                    let secure = tls.connect(name.clone(), tcp).await;
                    let secure = secure.map_err(|error| {
                        Failure::connection(format!("there is no TLS with Redis: {error}"))
                    })?;
                    self.greet(secure).await
                }
            }
        });
        dialing.await.unwrap_or_else(|_| Err(Failure::silence(self.connect)))
    }

    async fn greet<S>(&self, stream: S) -> Result<Connection, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // The time is taken here, for sending too.
        let config = AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None);
        let (commands, driver) =
            MultiplexedConnection::new_with_config(&self.target.login, stream, config).await?;
        let connection = Connection { commands, driver: Driver(tokio::spawn(driver)), answer: self.answer };
        connection.ask::<String>(&::redis::cmd("PING")).await?;
        Ok(connection)
    }
}

/// The operating system's words: no more than an address is in them.
fn unreachable(error: std::io::Error) -> Failure {
    Failure::connection(format!("Redis cannot be reached: {error}"))
}

fn tls(authorities: Option<&[u8]>) -> Result<ClientConfig, Failure> {
    let refused = |error: rustls::Error| Failure::setting(format!("TLS could not be made ready: {error}"));
    // Named here, so that it doesn't depend on what else the process is made of.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(refused)?;
    let Some(pem) = authorities else {
        return Ok(config.with_platform_verifier().map_err(refused)?.with_no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate =
            certificate.map_err(|_| Failure::setting("the certificates for Redis are no PEM".to_owned()))?;
        roots.add(certificate).map_err(refused)?;
    }
    if roots.is_empty() {
        return Err(Failure::setting("there is no certificate among those for Redis".to_owned()));
    }
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

impl Connection {
    /// Sends a command and waits for its answer.
    pub(super) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Failure> {
        self.ask_within(self.answer, command).await
    }

    pub(super) async fn ask_within<T: FromRedisValue>(
        &self,
        limit: Duration,
        command: &Cmd,
    ) -> Result<T, Failure> {
        let mut commands = self.commands.clone();
        let answer = timeout(limit, command.query_async(&mut commands)).await;
        Ok(answer.map_err(|_| Failure::silence(limit))??)
    }

    fn is_over(&self) -> bool {
        self.driver.0.is_finished()
    }
}

/// The connection that all callers share. While there is none one of them makes it and the others wait for that.
pub(super) struct Link {
    dialer: Arc<Dialer>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<Arc<Connection>>,
    failed: Option<(Instant, Failure)>,
}

/// For so long after a failure nobody tries again: while Redis hangs, not every request waits for it.
const PAUSE: Duration = Duration::from_millis(500);

impl Link {
    pub(super) fn new(dialer: Arc<Dialer>) -> Self {
        Self { dialer, state: Mutex::default() }
    }

    pub(super) fn dialer(&self) -> Arc<Dialer> {
        Arc::clone(&self.dialer)
    }

    /// Sends a command over the shared connection. It is sent once: whether one whose answer was lost was carried out is
    /// not known, and it is for the caller to say what that means.
    pub(super) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Failure> {
        // Waiting for others who connect, connecting, and the answer: together no longer than the two limits.
        let limit = self.dialer.connect + self.dialer.answer;
        let asking = timeout(limit, async {
            let connection = self.connection().await?;
            let answer = connection.ask(command).await;
            if answer.as_ref().is_err_and(Failure::ends_connection) {
                self.leave(&connection).await;
            }
            answer
        });
        asking.await.unwrap_or_else(|_| Err(Failure::silence(limit)))
    }

    async fn connection(&self) -> Result<Arc<Connection>, Failure> {
        let mut state = self.state.lock().await;
        if let Some(connection) = state.connection.as_ref().filter(|connection| !connection.is_over()) {
            return Ok(Arc::clone(connection));
        }
        state.connection = None;
        if let Some((at, failure)) = &state.failed
            && at.elapsed() < PAUSE
        {
            return Err(failure.clone());
        }
        match self.dialer.dial().await {
            Ok(connection) => {
                let connection = Arc::new(connection);
                *state = State { connection: Some(Arc::clone(&connection)), failed: None };
                Ok(connection)
            }
            Err(failure) => {
                state.failed = Some((Instant::now(), failure.clone()));
                Err(failure)
            }
        }
    }

    /// Gives up a connection, unless there is another by now.
    async fn leave(&self, connection: &Arc<Connection>) {
        let mut state = self.state.lock().await;
        if state.connection.as_ref().is_some_and(|current| Arc::ptr_eq(current, connection)) {
            state.connection = None;
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("target", &self.dialer.target).finish_non_exhaustive()
    }
}
