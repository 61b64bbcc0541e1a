//! Sessions: each a hash, sealed but for what scripts have to compare.
//!
//! | key | what | until |
//! | --- | --- | --- |
//! | `session:` and the session's key | hash of `sealed`, `version`, `idle` and `ends` (milliseconds), `name1`, `name2` | the session's end |
//! | `sid:`, `sub:` and a hash of issuer and name | sorted set of the keys of the sessions with that name, by their absolute end | the last of these ends |
//! | `lease:` and the session's key | who has the lease | the lease's end |

use std::time::Duration;

use async_trait::async_trait;
use kc_core::clock::UnixTime;
use kc_login::session::{Ended, SessionKey, SessionStore, StoreUnavailable, StoredSession};

use super::failure::Failure;
use super::store::{Inner, RedisStore, Script, instant, millis};

const INSERT: &str = concat!(include_str!("scripts/session.lua"), include_str!("scripts/insert.lua"));
const REPLACE: &str = concat!(include_str!("scripts/session.lua"), include_str!("scripts/replace.lua"));
const TOUCH: &str = concat!(include_str!("scripts/session.lua"), include_str!("scripts/touch.lua"));
const REMOVE: &str = concat!(include_str!("scripts/session.lua"), include_str!("scripts/remove.lua"));
const REMOVE_ALL: &str = concat!(include_str!("scripts/session.lua"), include_str!("scripts/remove_all.lua"));
const LEASE: &str = include_str!("scripts/lease.lua");
const RELEASE: &str = include_str!("scripts/release.lua");

/// `sealed`, `version`, `idle`.
type Fields = (Option<Vec<u8>>, Option<String>, Option<i64>);

impl Inner {
    /// A script that puts a session somewhere, with what all such scripts need.
    fn putting<'a>(
        &self,
        script: &'a str,
        key: &SessionKey,
        session: &StoredSession,
    ) -> Result<Script<'a>, Failure> {
        let at = self.session(key);
        let sealed = self.seal.seal(&at, &session.to_bytes()).map_err(|_| Failure::not_sealed())?;
        let names =
            [session.session_id.clone().map(Ended::Session), session.subject.clone().map(Ended::Subject)];
        let names = names.iter().flatten().map(|name| self.named(&session.issuer, name));
        Ok(Script::new(script, std::iter::once(at).chain(names).collect())
            .with(key.to_string())
            .with(sealed)
            .with(session.version)
            .with(instant(session.idle_until))
            .with(instant(session.ends_at))
            .with(instant(self.now())))
    }

    /// The session that these fields are. The version is in what is sealed, too: who can write to Redis could otherwise
    /// have tokens that were used up replace those that came after them.
    fn opened(&self, at: &str, (sealed, version, idle): Fields) -> Option<StoredSession> {
        let session = StoredSession::from_bytes(&self.seal.open(at, &sealed?)?)?;
        let idle_until = UnixTime::from_millis(idle?);
        (version? == session.version.to_string()).then_some(StoredSession { idle_until, ..session })
    }
}

#[async_trait]
impl SessionStore for RedisStore {
    async fn load(&self, key: &SessionKey) -> Result<Option<StoredSession>, StoreUnavailable> {
        let at = self.inner.session(key);
        let mut command = ::redis::cmd("HMGET");
        command.arg(&at).arg(&["sealed", "version", "idle"]);
        let values: Vec<::redis::Value> = match self.inner.link.ask(&command).await {
            Ok(values) => values,
            Err(failure) if failure.other_kind => {
                self.inner.warn_of_foreign("a session");
                return Ok(None);
            }
            Err(failure) => return Err(failure.into()),
        };
        if values.iter().all(|value| *value == ::redis::Value::Nil) {
            return Ok(None);
        }
        let fields = ::redis::from_redis_value::<Fields>(::redis::Value::Array(values)).ok();
        let session = fields.and_then(|fields| self.inner.opened(&at, fields));
        if session.is_none() {
            self.inner.warn_of_foreign("a session");
        }
        let now = self.inner.now();
        Ok(session.filter(|session| now < session.expires_at()))
    }

    async fn insert(&self, key: &SessionKey, session: &StoredSession) -> Result<(), StoreUnavailable> {
        self.inner.run::<i64>(&self.inner.putting(INSERT, key, session)?).await?;
        Ok(())
    }

    async fn replace(&self, key: &SessionKey, session: &StoredSession) -> Result<bool, StoreUnavailable> {
        let Some(before) = session.version.checked_sub(1) else { return Ok(false) };
        let script = self.inner.putting(REPLACE, key, session)?.with(before);
        Ok(self.inner.run(&script).await?)
    }

    async fn touch(&self, key: &SessionKey, idle_until: UnixTime) -> Result<(), StoreUnavailable> {
        let script = Script::new(TOUCH, vec![self.inner.session(key)]).with(key.to_string());
        let script = script.with(instant(idle_until)).with(instant(self.inner.now()));
        self.inner.run::<i64>(&script).await?;
        Ok(())
    }

    async fn remove(&self, key: &SessionKey) -> Result<bool, StoreUnavailable> {
        let script = Script::new(REMOVE, vec![self.inner.session(key)]).with(key.to_string());
        Ok(self.inner.run(&script).await?)
    }

    async fn remove_all(&self, issuer: &str, ended: &Ended) -> Result<u64, StoreUnavailable> {
        let script = Script::new(REMOVE_ALL, vec![self.inner.named(issuer, ended)]);
        Ok(self.inner.run(&script.with(self.inner.key("session", ""))).await?)
    }

    async fn lease(&self, key: &SessionKey, holder: &str, time: Duration) -> Result<bool, StoreUnavailable> {
        let script = Script::new(LEASE, vec![self.inner.key("lease", &key.to_string())]);
        Ok(self.inner.run(&script.with(holder).with(millis(time))).await?)
    }

    async fn release(&self, key: &SessionKey, holder: &str) -> Result<(), StoreUnavailable> {
        let script = Script::new(RELEASE, vec![self.inner.key("lease", &key.to_string())]);
        self.inner.run::<i64>(&script.with(holder)).await?;
        Ok(())
    }
}
