//! A browser's session: what is kept of it, under which key, and where.

mod key;
mod memory;
mod replay;
mod store;
mod stored;

pub use self::key::{SessionId, SessionKey};
pub use self::memory::MemorySessions;
pub use self::replay::{MemoryReplayCache, ReplayCache};
pub use self::store::{Ended, SessionStore, StoreUnavailable};
pub use self::stored::{StoredSession, Tokens};
