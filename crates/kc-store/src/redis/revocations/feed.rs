//! Reading what other replicas revoke.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ::redis::streams::{StreamRangeReply, StreamReadReply};

use super::Shared;
use super::entry::{Entry, Position};
use crate::redis::connection::Connection;
use crate::redis::failure::Failure;

/// Reads the stream, from where it was.
pub(super) struct Feed {
    shared: Arc<Shared>,
    /// That of the last entry that was read.
    position: Position,
}

/// How long a question for new entries waits for some. Meanwhile Redis is known to be there.
const WAIT: Duration = Duration::from_secs(1);
/// How many entries are read at a time.
const PAGE: usize = 1000;
/// Between two attempts to connect: from the one, doubled up to the other.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

impl Feed {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, position: Position::default() }
    }

    /// A new connection, after all that is there has been read.
    pub(super) async fn catch_up(&mut self) -> Result<Connection, Failure> {
        let connection = self.shared.store.link.dialer().dial().await?;
        if self.newest(&connection).await? < self.position {
            // This Redis has lost what it had, or is another.
            self.position = Position::default();
            self.shared.not_before.clear().await;
        }
        while self.read(&connection, None).await? == PAGE {}
        self.not_befores(&connection).await?;
        Ok(connection)
    }

    /// Reads on for ever, and comes back when a connection is lost.
    pub(super) async fn follow(mut self, mut connection: Connection) {
        loop {
            let failure = self.read_on(&connection).await;
            drop(connection);
            tracing::warn!(
                target: "kc",
                "what other replicas revoke does not arrive: {failure}; it is read as soon as Redis is back"
            );
            connection = self.come_back().await;
            tracing::info!(target: "kc", "what other replicas revoke arrives again");
        }
    }

    async fn read_on(&mut self, connection: &Connection) -> Failure {
        loop {
            self.shared.write_pending().await;
            if let Err(failure) = self.read(connection, Some(WAIT)).await {
                return failure;
            }
        }
    }

    async fn come_back(&mut self) -> Connection {
        let (mut pause, longest) = PAUSES;
        loop {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(longest);
            if let Ok(connection) = self.catch_up().await {
                return connection;
            }
        }
    }

    /// The place of the newest entry.
    async fn newest(&self, connection: &Connection) -> Result<Position, Failure> {
        let mut command = ::redis::cmd("XREVRANGE");
        command.arg(self.shared.stream()).arg("+").arg("-").arg("COUNT").arg(1);
        let newest: StreamRangeReply = connection.ask(&command).await?;
        newest.ids.first().map_or(Ok(Position::default()), |entry| Position::parse(&entry.id))
    }

    /// Reads what comes next, at most a page; how many there were. If there is none it waits for some.
    async fn read(&mut self, connection: &Connection, wait: Option<Duration>) -> Result<usize, Failure> {
        let mut command = ::redis::cmd("XREAD");
        command.arg("COUNT").arg(PAGE);
        if let Some(wait) = wait {
            command.arg("BLOCK").arg(super::millis(wait));
        }
        command.arg("STREAMS").arg(self.shared.stream()).arg(self.position.to_string());
        let limit = wait.unwrap_or_default() + self.shared.store.options.response_timeout;
        let reply: Option<StreamReadReply> = connection.ask_within(limit, &command).await?;
        let mut read = 0;
        for entry in reply.into_iter().flat_map(|reply| reply.keys).flat_map(|stream| stream.ids) {
            read += 1;
            self.position = Position::parse(&entry.id)?;
            self.take(entry.get("sealed"), self.position).await;
        }
        Ok(read)
    }

    /// The not-befores that are older than what the stream has.
    async fn not_befores(&self, connection: &Connection) -> Result<(), Failure> {
        let mut command = ::redis::cmd("HGETALL");
        command.arg(self.shared.not_befores());
        let all: HashMap<String, Vec<u8>> = connection.ask(&command).await?;
        for sealed in all.into_values() {
            self.take(Some(sealed), Position::default()).await;
        }
        Ok(())
    }

    async fn take(&self, sealed: Option<Vec<u8>>, position: Position) {
        let shared = &self.shared;
        let plain = sealed.and_then(|sealed| shared.store.seal.open(&shared.stream(), &sealed));
        match plain.and_then(|plain| Entry::from_bytes(&plain)) {
            Some(entry) => shared.apply(entry, position).await,
            None => shared.store.warn_of_foreign("a revocation"),
        }
    }
}
