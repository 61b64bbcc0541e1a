//! Half an hour of everything at once: keys rotate, tokens expire, sessions end, the issuer restarts.

mod crowd;
mod history;
mod report;

use std::sync::Arc;
use std::time::Duration;

use kc_dev::{Alg, DevIssuer};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use self::crowd::Crowd;
use self::history::{Span, now};
pub use self::report::{Report, Sample};
use crate::Service;

/// Seconds between two fetches for unknown key ids: half the default, so that more is seen of both sides of it.
const COOLDOWN: i64 = 5;
/// Seconds, for a request to the issuer.
const TIMEOUT: i64 = 5;
/// How many ask.
const ASKERS: usize = 6;
/// Small enough to be full soon: after that the memory must not grow.
const TOKEN_CACHE_BYTES: &str = "2097152";

/// A rotation that takes longer, in milliseconds, is an outage.
const SLOW: i64 = 2000;

const ROTATION: Duration = Duration::from_secs(30);
const OUTAGE: Duration = Duration::from_secs(12);

/// Lets the service run under load for so long. Every thirty seconds the keys rotate; after a third of the time the issuer
/// restarts with its keys, after two thirds with other keys, both times without its sessions.
///
/// `told` hears of each sample, and what was wrong since the last.
pub async fn run(time: Duration, mut told: impl FnMut(&Sample, &[String])) -> Report {
    let issuer = Arc::new(DevIssuer::start().await.unwrap());
    issuer.jwks().await.unwrap();
    let settings = [
        ("KEYCLOAK_JWKS_COOLDOWN_SECONDS", COOLDOWN.to_string()),
        ("KEYCLOAK_HTTP_TIMEOUT_SECONDS", TIMEOUT.to_string()),
        ("KEYCLOAK_LEEWAY_SECONDS", "0".to_owned()),
        ("KEYCLOAK_TOKEN_CACHE_BYTES", TOKEN_CACHE_BYTES.to_owned()),
    ];
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let service = Service::start(issuer.base_url(), issuer.base_url(), &settings).await;
    service.has_keys().await;
    let crowd = Arc::new(Crowd::new(Arc::clone(&issuer)));
    crowd.first_key().await;
    let (stop, stopped) = watch::channel(false);
    let mut tasks = vec![tokio::spawn(Arc::clone(&crowd).make_tokens(stopped.clone()))];
    tasks.extend((0..ASKERS).map(|seed| {
        tokio::spawn(Arc::clone(&crowd).ask(service.address(), seed as u64 + 1, stopped.clone()))
    }));
    let start = Instant::now();
    let keys = tokio::spawn({
        let crowd = Arc::clone(&crowd);
        async move { crowd.rotate_and_restart(start, time).await }
    });
    let (mut samples, mut shown) = (Vec::new(), 0);
    let every = (time / 90).clamp(Duration::from_secs(1), Duration::from_secs(20));
    while start.elapsed() < time {
        sleep(every).await;
        let sample = crowd.sample(start.elapsed(), service.rss_kib());
        let wrong = crowd.wrong();
        told(&sample, &wrong[shown..]);
        shown = wrong.len();
        samples.push(sample);
    }
    let events = keys.await.unwrap();
    stop.send_replace(true);
    for task in tasks {
        task.await.unwrap();
    }
    Report { samples, events, tally: crowd.tally(), wrong: crowd.wrong() }
}

impl Crowd {
    async fn first_key(&self) {
        let at = now();
        let kid = self.issuer.kid(Alg::Rs256).await.unwrap();
        self.history().listed(&kid, Span { from: at, until: at });
        self.history().seen(&kid, at);
    }

    /// Gives back what it did.
    async fn rotate_and_restart(&self, start: Instant, time: Duration) -> Vec<String> {
        let mut events = Vec::new();
        let mut restarts = vec![(start + time * 2 / 3, true), (start + time / 3, false)];
        let mut listed = vec![self.issuer.kid(Alg::Rs256).await.unwrap()];
        let mut rotation = start + ROTATION;
        while rotation < start + time {
            if let Some((at, new_keys)) = restarts.last().copied()
                && at < rotation
            {
                restarts.pop();
                sleep_until(at).await;
                self.restart(new_keys).await;
                if new_keys {
                    listed = vec![self.issuer.kid(Alg::Rs256).await.unwrap()];
                }
                events.push(format!(
                    "{:>5} s  the issuer was away for {} s and came back with {} keys",
                    (at - start).as_secs(),
                    OUTAGE.as_secs(),
                    if new_keys { "other" } else { "the same" }
                ));
                continue;
            }
            sleep_until(rotation).await;
            rotation += ROTATION;
            let from = now();
            // The issuer gives no keys before it has made the new one, which takes seconds where the processor is busy with
            // something else: then it may as well be down.
            self.history().goes_down(from);
            let kid = self.issuer.rotate(Alg::Rs256).await.unwrap();
            let until = now();
            {
                let mut history = self.history();
                history.listed(&kid, Span { from, until });
                if until - from < SLOW { history.was_up() } else { history.is_up(until) }
            }
            listed.push(kid);
            // The one before still verifies; what is older does not any more.
            while listed.len() > 2 {
                let old = listed.remove(0);
                let from = now();
                self.history().gone(&old, Span::since(from));
                self.issuer.disable_key(&old).unwrap();
                self.history().gone_until(&old, now());
            }
            events.push(format!("{:>5} s  the keys rotated", start.elapsed().as_secs()));
        }
        sleep_until(start + time).await;
        events
    }

    async fn restart(&self, new_keys: bool) {
        let from = now();
        {
            // In this order: nobody makes a token of a session that is about to be forgotten.
            let mut history = self.history();
            history.goes_down(from);
            history.forgot(Span::since(from));
            if new_keys {
                history.all_gone(Span::since(from));
            }
        }
        self.issuer.pause().await;
        sleep(OUTAGE).await;
        self.issuer.restart(new_keys).await.unwrap();
        self.issuer.jwks().await.unwrap();
        let kid = self.issuer.kid(Alg::Rs256).await.unwrap();
        let until = now();
        let mut history = self.history();
        history.forgot_until(until);
        if new_keys {
            history.all_gone_until(until);
            history.listed(&kid, Span { from, until });
        }
        history.is_up(until);
    }
}
