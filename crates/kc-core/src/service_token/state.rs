//! What is known of the token, and what is to be done about it: pure, the time is given.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::{Landed, ServiceToken, ServiceTokenError};
use crate::clock::UnixTime;

/// The least time between two requests while they fail.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause between renewals that fail while the old token lives.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A token that lives less than this, or a tenth of its life, is no longer given without trying for a new one.
const LONGEST_MARGIN: Duration = Duration::from_secs(5);

/// The least time between two tokens that are fetched because somebody refused the one before.
const LEAST_DISTRUST: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(super) struct State {
    pub(super) not_before: Option<UnixTime>,
    held: Option<Held>,
    flight: Option<watch::Receiver<Option<Landed>>>,
    failure: Option<Failure>,
    distrusted: Option<Instant>,
}

/// A token with its three dates.
pub(super) struct Held {
    token: ServiceToken,
    not_before: Option<UnixTime>,
    renew_from: Instant,
    give_until: Instant,
    ends: Instant,
}

struct Failure {
    error: ServiceTokenError,
    at: Instant,
    in_a_row: u32,
}

/// What a caller is to do.
pub(super) enum Plan {
    Fail(ServiceTokenError),
    /// Start a request and wait for it.
    Fetch(watch::Sender<Option<Landed>>, watch::Receiver<Option<Landed>>),
    Give(ServiceToken),
    /// Start a request, do not wait for it.
    GiveAndRenew(ServiceToken, watch::Sender<Option<Landed>>),
    /// Somebody else's request is on its way.
    Wait(watch::Receiver<Option<Landed>>),
}

impl Held {
    /// A token asked for at `asked` that lives for `lifetime`.
    pub(super) fn new(
        token: ServiceToken,
        asked: Instant,
        lifetime: Duration,
        not_before: Option<UnixTime>,
    ) -> Self {
        let ends = asked + lifetime;
        Self {
            token,
            not_before,
            renew_from: asked + lifetime.mul_f64(0.75 + 0.15 * fraction()),
            give_until: ends - LONGEST_MARGIN.min(lifetime / 10),
            ends,
        }
    }
}

impl State {
    /// What to do for a caller at `now`. Whoever is told to start a request holds its only sender.
    pub(super) fn plan(&mut self, now: Instant) -> Plan {
        let good = self.held.as_ref().filter(|held| now < held.give_until);
        if let Some(held) = good {
            let token = held.token.clone();
            let due = now >= held.renew_from && self.flight.is_none() && !self.pauses(now, true);
            return if due { Plan::GiveAndRenew(token, self.take_off().0) } else { Plan::Give(token) };
        }
        if let Some(flight) = &self.flight {
            return Plan::Wait(flight.clone());
        }
        if self.pauses(now, false) {
            if let Some(token) = self.still_good(now) {
                return Plan::Give(token);
            }
            if let Some(failure) = &self.failure {
                return Plan::Fail(failure.error.clone());
            }
        }
        let (flight, landing) = self.take_off();
        Plan::Fetch(flight, landing)
    }

    /// Has the next caller wait for a new token, if it is this one that is kept. Should none come, it is given again.
    pub(super) fn distrust(&mut self, refused: &ServiceToken, now: Instant) {
        let again = self.distrusted.is_some_and(|at| now < at + LEAST_DISTRUST);
        if let Some(held) = self.held.as_mut().filter(|held| held.token == *refused && !again) {
            held.give_until = now;
            self.distrusted = Some(now);
        }
    }

    /// The token kept, to its last moment.
    pub(super) fn still_good(&self, now: Instant) -> Option<ServiceToken> {
        self.held.as_ref().filter(|held| now < held.ends).map(|held| held.token.clone())
    }

    /// For how long the token kept is good.
    pub(super) fn lives_for(&self, now: Instant) -> Option<Duration> {
        self.held.as_ref().map(|held| held.ends.saturating_duration_since(now)).filter(|left| !left.is_zero())
    }

    /// Why the last request brought none, if it did not.
    pub(super) fn last_error(&self) -> Option<&ServiceTokenError> {
        self.failure.as_ref().map(|failure| &failure.error)
    }

    /// Takes the outcome of the request on its way in; what those who wait are told.
    pub(super) fn land(&mut self, outcome: Result<Held, ServiceTokenError>, now: Instant) -> Landed {
        self.flight = None;
        match outcome {
            Ok(held) => {
                let token = held.token.clone();
                self.not_before = held.not_before;
                self.held = Some(held);
                self.failure = None;
                Ok(token)
            }
            Err(error) => {
                let before = self.failure.as_ref().map_or(0, |failure| failure.in_a_row);
                let in_a_row = before.saturating_add(1);
                self.failure = Some(Failure { error: error.clone(), at: now, in_a_row });
                Err(error)
            }
        }
    }

    fn take_off(&mut self) -> (watch::Sender<Option<Landed>>, watch::Receiver<Option<Landed>>) {
        let (flight, landing) = watch::channel(None);
        self.flight = Some(landing.clone());
        (flight, landing)
    }

    /// Whether it is too early to try again. With a token in hand there is time.
    fn pauses(&self, now: Instant, in_hand: bool) -> bool {
        self.failure.as_ref().is_some_and(|failure| {
            let doublings = if in_hand { failure.in_a_row.saturating_sub(1).min(5) } else { 0 };
            let pause = (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE);
            now < failure.at + pause
        })
    }
}

/// Somewhere from 0 to 1. The standard library's hasher is seeded by the system: random enough to spread replicas.
fn fraction() -> f64 {
    let random = RandomState::new().hash_one(0_u8) & 0xffff;
    f64::from(u16::try_from(random).unwrap_or(0)) / f64::from(u16::MAX)
}
