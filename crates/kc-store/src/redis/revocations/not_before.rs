//! The not-before of each issuer: the one thing of which the last word counts, and so the order.

use std::collections::HashMap;

use kc_core::clock::UnixTime;
use kc_core::revocations::{MemoryRevocations, Revocation, Revocations as _, RevocationsUnavailable};
use tokio::sync::Mutex;

use super::entry::Position;

/// What Redis has, and since which entry. An entry that is older than what is known changes nothing, however late it
/// arrives: all replicas come to say the same, and one's own word is not taken back by what one said before.
#[derive(Default)]
pub(super) struct NotBefores(Mutex<HashMap<String, (Position, Option<UnixTime>)>>);

impl NotBefores {
    /// Whether Redis has it already: a realm's is asked for again and again, and seldom changes.
    pub(super) async fn is(&self, issuer: &str, time: Option<UnixTime>) -> bool {
        self.0.lock().await.get(issuer).and_then(|(_, time)| *time) == time
    }

    /// Takes what stands at this place into memory, unless what is known is newer.
    pub(super) async fn take(
        &self,
        memory: &MemoryRevocations,
        issuer: &str,
        time: Option<UnixTime>,
        position: Position,
    ) -> Result<(), RevocationsUnavailable> {
        // Held until memory has it: else two could come there in the other order.
        let mut all = self.0.lock().await;
        if all.get(issuer).is_some_and(|(known, _)| position <= *known) {
            return Ok(());
        }
        all.insert(issuer.to_owned(), (position, time));
        memory.revoke(issuer, Revocation::NotBefore(time)).await
    }

    /// Redis has none of it any more: it is to be written again.
    pub(super) async fn clear(&self) {
        self.0.lock().await.clear();
    }
}

#[cfg(test)]
mod tests {
    use kc_core::token::Claims;

    use super::*;

    #[tokio::test]
    async fn the_newest_counts_whenever_it_arrives() {
        let (all, memory) = (NotBefores::default(), MemoryRevocations::new(10));
        let at = |secs| Some(UnixTime::from_secs(secs));
        let take = async |time, position| {
            all.take(&memory, "a", time, Position(position, 0)).await.unwrap();
        };
        let is_revoked = |secs| {
            let mut claims = Claims::default();
            (claims.issuer, claims.issued_at) = (Some("a".to_owned()), at(secs));
            memory.is_revoked(&claims)
        };
        assert!(all.is("a", None).await && !all.is("a", at(5)).await);
        take(at(5), 2).await;
        assert!(is_revoked(4) && all.is("a", at(5)).await && all.is("b", None).await);
        take(None, 1).await;
        take(at(1), 2).await;
        assert!(is_revoked(4), "what is older changes nothing");
        take(None, 3).await;
        assert!(!is_revoked(4) && all.is("a", None).await);
        all.clear().await;
        take(at(5), 1).await;
        assert!(is_revoked(4));
    }
}
