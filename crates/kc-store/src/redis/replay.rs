//! What was used once: a key each, `once:` and a hash of the id, until its time is up.

use async_trait::async_trait;
use kc_core::clock::UnixTime;
use kc_login::session::{ReplayCache, StoreUnavailable};

use super::store::{RedisStore, hash, millis};

#[async_trait]
impl ReplayCache for RedisStore {
    async fn first_use(&self, id: &str, until: UnixTime) -> Result<bool, StoreUnavailable> {
        let mut command = ::redis::cmd("SET");
        command.arg(self.inner.key("once", &hash(&[id]))).arg(1).arg("NX");
        // For so long from now on, not until then: the clock of Redis may be another.
        command.arg("PX").arg(millis(until.since(self.inner.now())));
        let done: Option<String> = self.inner.link.ask(&command).await?;
        Ok(done.is_some())
    }

    async fn forget(&self, id: &str) -> Result<(), StoreUnavailable> {
        let mut command = ::redis::cmd("DEL");
        command.arg(self.inner.key("once", &hash(&[id])));
        self.inner.link.ask::<i64>(&command).await?;
        Ok(())
    }
}
