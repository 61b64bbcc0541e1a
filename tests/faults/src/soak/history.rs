//! What happened at the issuer and when, and so what each answer should have been.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970: what tokens expire by.
pub(super) type Millis = i64;

pub(super) fn now() -> Millis {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    Millis::try_from(now).unwrap()
}

/// After this the service must have noticed what changed at the issuer: one cool-down, one time-out, and a second for
/// a machine that does other things too.
pub(super) const SETTLED: Millis = 1000 * (super::COOLDOWN + super::TIMEOUT + 1);

/// A stretch of time. What is not over yet ends never.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from: Millis,
    pub(super) until: Millis,
}

/// A change was under way from `from`, and was done at `until`.
pub(super) type Change = Span;

impl Span {
    pub(super) const NEVER: Self = Self { from: Millis::MAX, until: Millis::MAX };

    pub(super) fn since(from: Millis) -> Self {
        Self { from, until: Millis::MAX }
    }

    fn meets(self, from: Millis, until: Millis) -> bool {
        self.from <= until && from <= self.until
    }
}

/// A key, from the service's side.
#[derive(Clone, Copy, Debug)]
struct Key {
    listed: Change,
    gone: Change,
    /// Since then the service is known to have it.
    known: Millis,
}

#[derive(Debug, Default)]
pub(super) struct History {
    keys: BTreeMap<String, Key>,
    /// When the issuer could not be asked.
    down: Vec<Span>,
    /// When it forgot its sessions.
    forgot: Vec<Change>,
}

/// What was sent.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Kind {
    /// A token that the issuer signed, where its signature and its times decide.
    Signed,
    /// The same, where introspection is asked too.
    Introspected,
    /// With a key's id, and another key's signature.
    Forged,
    /// With the id of a key that never was.
    UnknownKey,
    /// No token, on a route that needs none.
    Health,
    /// A good token that asks for the service's own.
    ServiceToken,
}

/// All that matters of a token.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) kid: String,
    pub(super) expires: Millis,
    pub(super) born: Millis,
    /// When its session ended.
    pub(super) ended: Change,
}

type Answer = (u16, &'static str);

impl History {
    pub(super) fn listed(&mut self, kid: &str, listed: Change) {
        self.keys.insert(kid.to_owned(), Key { listed, gone: Span::NEVER, known: Millis::MAX });
    }

    pub(super) fn gone(&mut self, kid: &str, gone: Change) {
        if let Some(key) = self.keys.get_mut(kid).filter(|key| key.gone.from == Millis::MAX) {
            key.gone = gone;
        }
    }

    /// What was said to be on its way is done.
    pub(super) fn gone_until(&mut self, kid: &str, until: Millis) {
        if let Some(key) = self.keys.get_mut(kid) {
            key.gone.until = until;
        }
    }

    pub(super) fn all_gone(&mut self, gone: Change) {
        let kids: Vec<String> = self.keys.keys().cloned().collect();
        kids.iter().for_each(|kid| self.gone(kid, gone));
    }

    pub(super) fn all_gone_until(&mut self, until: Millis) {
        let open = self.keys.values_mut().filter(|key| key.gone.from != Millis::MAX);
        open.for_each(|key| key.gone.until = key.gone.until.min(until));
    }

    /// The service has shown at this time that it has the key.
    pub(super) fn seen(&mut self, kid: &str, at: Millis) {
        if let Some(key) = self.keys.get_mut(kid) {
            key.known = key.known.min(at);
        }
    }

    pub(super) fn goes_down(&mut self, at: Millis) {
        self.down.push(Span::since(at));
    }

    pub(super) fn is_up(&mut self, at: Millis) {
        if let Some(last) = self.down.last_mut() {
            last.until = at;
        }
    }

    /// It was slower for a moment, not down.
    pub(super) fn was_up(&mut self) {
        self.down.pop();
    }

    pub(super) fn is_down(&self) -> bool {
        self.down.last().is_some_and(|down| down.until == Millis::MAX)
    }

    pub(super) fn forgot(&mut self, change: Change) {
        self.forgot.push(change);
    }

    pub(super) fn forgot_until(&mut self, until: Millis) {
        if let Some(last) = self.forgot.last_mut() {
            last.until = until;
        }
    }

    /// What there is to say about a wrong answer.
    pub(super) fn about(&self, kid: &str) -> String {
        format!("{:?}, down {:?}, forgot {:?}", self.keys.get(kid), self.down, self.forgot)
    }

    /// Every right answer to what was asked at `asked` and answered at `answered`.
    pub(super) fn right(&self, kind: Kind, token: &Facts, asked: Millis, answered: Millis) -> Vec<Answer> {
        let cut_off = self.down.iter().any(|down| down.meets(asked - SETTLED, answered));
        let (mut known, mut unknown) = self.key(&token.kid, asked, answered);
        if kind == Kind::UnknownKey {
            (known, unknown) = (false, true);
        }
        let mut right = Vec::new();
        match kind {
            Kind::Health => return vec![(200, "")],
            Kind::Forged if known => right.push((401, "invalid_signature")),
            Kind::Signed | Kind::Introspected | Kind::ServiceToken if known => {
                if asked < token.expires {
                    right.extend(self.admitted(kind, token, asked, answered, cut_off));
                }
                if answered >= token.expires {
                    right.push((401, "token_expired"));
                }
            }
            _ => {}
        }
        if unknown {
            right.push((401, "unknown_key"));
            if cut_off {
                right.push((503, "keys_unavailable"));
            }
        }
        right
    }

    /// Whether the service may have the key, and whether it may not.
    fn key(&self, kid: &str, asked: Millis, answered: Millis) -> (bool, bool) {
        let Some(key) = self.keys.get(kid) else { return (false, true) };
        let must_know = key.known <= asked || self.noticed(key.listed, asked);
        let may_know = key.listed.from <= answered && !self.noticed(key.gone, asked);
        (may_know, !must_know || key.gone.from <= answered)
    }

    /// Whether the service must have seen at `asked` what changed.
    fn noticed(&self, change: Change, asked: Millis) -> bool {
        let times = self.down.iter().filter(|down| down.until >= change.until).map(|down| down.until);
        let last = times.filter(|_| change.until != Millis::MAX).max().unwrap_or(change.until);
        last.saturating_add(SETTLED) <= asked
    }

    fn admitted(
        &self,
        kind: Kind,
        token: &Facts,
        asked: Millis,
        answered: Millis,
        cut_off: bool,
    ) -> Vec<Answer> {
        let mut right = Vec::new();
        let (fine, refused) = match kind {
            Kind::Introspected => (204, "introspection_unavailable"),
            _ => (200, "service_token_unavailable"),
        };
        // To the issuer a token has ended with its session, with its key, and when it says.
        let expiry = Span { from: token.expires, until: token.expires };
        let gone = self.keys.get(&token.kid).map_or(Span::NEVER, |key| key.gone);
        let forgotten = self.forgot.iter().filter(|forgot| token.born <= forgot.until);
        let ends = || [&token.ended, &expiry, &gone].into_iter().chain(forgotten.clone());
        if kind == Kind::Introspected && ends().any(|end| end.from <= answered) {
            right.push((401, "token_inactive"));
        }
        if kind != Kind::Introspected || ends().all(|end| asked < end.until) {
            right.push((fine, ""));
        }
        if kind != Kind::Signed && cut_off {
            right.push((502, refused));
        }
        right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KID: &str = "k";

    fn history() -> History {
        let mut history = History::default();
        history.listed(KID, Span { from: 0, until: 10 });
        history
    }

    fn token(expires: Millis) -> Facts {
        Facts { kid: KID.to_owned(), expires, born: 0, ended: Span::NEVER }
    }

    #[test]
    fn a_new_key_may_be_unknown_until_it_was_seen_or_a_cool_down_is_over() {
        let mut history = history();
        let right = |history: &History, at| history.right(Kind::Signed, &token(1_000_000), at, at);
        assert_eq!(right(&history, 100), [(200, ""), (401, "unknown_key")]);
        assert_eq!(right(&history, 10 + SETTLED), [(200, "")]);
        history.seen(KID, 50);
        assert_eq!(right(&history, 100), [(200, "")]);
        history.gone(KID, Span { from: 20_000, until: 20_010 });
        assert_eq!(right(&history, 20_005), [(200, ""), (401, "unknown_key")]);
        assert_eq!(right(&history, 20_010 + SETTLED), [(401, "unknown_key")]);
    }

    #[test]
    fn while_the_issuer_is_down_nothing_is_noticed() {
        let mut history = history();
        history.seen(KID, 50);
        history.gone(KID, Span { from: 20_000, until: 20_000 });
        history.goes_down(19_000);
        let right = |history: &History, at| history.right(Kind::Signed, &token(1_000_000), at, at);
        let all = [(200, ""), (401, "unknown_key"), (503, "keys_unavailable")];
        assert_eq!(right(&history, 90_000), all);
        history.is_up(90_000);
        assert_eq!(right(&history, 90_001), all);
        assert_eq!(right(&history, 90_001 + SETTLED), [(401, "unknown_key")]);
    }

    #[test]
    fn a_token_ends_to_the_millisecond() {
        let mut history = history();
        history.seen(KID, 0);
        let right = |asked, answered| history.right(Kind::Signed, &token(500), asked, answered);
        assert_eq!(right(490, 499), [(200, "")]);
        assert_eq!(right(490, 500), [(200, ""), (401, "token_expired")]);
        assert_eq!(right(500, 501), [(401, "token_expired")]);
    }

    #[test]
    fn an_ended_session_is_inactive_from_then_on_and_never_204() {
        let mut history = history();
        history.seen(KID, 0);
        let ended = Facts { ended: Span { from: 100, until: 110 }, ..token(1_000_000) };
        let right = |history: &History, at| history.right(Kind::Introspected, &ended, at, at);
        assert_eq!(right(&history, 99), [(204, "")]);
        assert_eq!(right(&history, 105), [(401, "token_inactive"), (204, "")]);
        assert_eq!(right(&history, 110), [(401, "token_inactive")]);
        history.goes_down(200);
        let all = [(401, "token_inactive"), (502, "introspection_unavailable")];
        assert_eq!(right(&history, 300), all);
    }

    #[test]
    fn what_is_forged_is_never_let_in() {
        let mut history = history();
        history.goes_down(200);
        for kind in [Kind::Forged, Kind::UnknownKey] {
            for at in [5, 150, 300, 100_000] {
                let right = history.right(kind, &token(1_000_000), at, at);
                assert!(!right.is_empty() && right.iter().all(|(status, _)| *status >= 400), "{right:?}");
            }
        }
    }
}
