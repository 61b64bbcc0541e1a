//! Those who ask, what they ask with, and what they have seen.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use kc_dev::{Alg, DevIssuer};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::sleep;

use super::history::{Facts, History, Kind, Millis, Span, now};
use super::report::Sample;
use crate::{Answer, Client};

pub(super) struct Crowd {
    pub(super) issuer: Arc<DevIssuer>,
    history: Mutex<History>,
    tokens: Mutex<Vec<Arc<Token>>>,
    seen: Mutex<Seen>,
}

struct Token {
    text: String,
    forged: String,
    unknown: String,
    facts: Mutex<Facts>,
}

#[derive(Default)]
struct Seen {
    tally: BTreeMap<String, u64>,
    requests: u64,
    wrong: u64,
    shown: Vec<String>,
}

/// So many of the youngest tokens are asked with.
const TOKENS: usize = 400;

/// Wrong answers that are shown; all are counted.
const SHOWN: usize = 30;

impl Crowd {
    pub(super) fn new(issuer: Arc<DevIssuer>) -> Self {
        Self { issuer, history: Mutex::default(), tokens: Mutex::default(), seen: Mutex::default() }
    }

    pub(super) fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap()
    }

    pub(super) fn sample(&self, at: Duration, rss_kib: u64) -> Sample {
        let seen = self.seen.lock().unwrap();
        Sample { at, requests: seen.requests, wrong: seen.wrong, rss_kib }
    }

    pub(super) fn tally(&self) -> Vec<(String, u64)> {
        self.seen.lock().unwrap().tally.clone().into_iter().collect()
    }

    pub(super) fn wrong(&self) -> Vec<String> {
        self.seen.lock().unwrap().shown.clone()
    }

    /// Ten tokens a second, which live for one second to one minute; the sessions of some end.
    pub(super) async fn make_tokens(self: Arc<Self>, stopped: watch::Receiver<bool>) {
        let mut random = Random(77);
        while !*stopped.borrow() {
            sleep(Duration::from_millis(100)).await;
            // An issuer that is down signs nothing.
            if self.history().is_down() {
                continue;
            }
            let token = self.token(&mut random).await;
            let mut tokens = self.tokens.lock().unwrap();
            tokens.push(Arc::new(token));
            if tokens.len() > TOKENS {
                tokens.remove(0);
            }
            let one = Arc::clone(&tokens[random.below(tokens.len())]);
            drop(tokens);
            if random.below(10) == 0 && one.facts.lock().unwrap().ended.from == Millis::MAX {
                self.end_session(&one);
            }
        }
    }

    async fn token(&self, random: &mut Random) -> Token {
        let born = now();
        let exp = born / 1000 + 1 + i64::try_from(random.below(random.clone().below(60) + 1)).unwrap();
        let kid = self.issuer.kid(Alg::Rs256).await.unwrap();
        let mint = || self.issuer.mint().user("alice").claim("exp", exp);
        let text = mint().key(&kid).sign().await.unwrap();
        // Made anew each time, a key would take longer than all the rest.
        let (head, payload) = text.rsplit_once('.').unwrap().0.split_once('.').unwrap();
        let signature = base64_simd::URL_SAFE_NO_PAD.encode_to_string(random.bytes::<256>());
        let forged = format!("{head}.{payload}.{signature}");
        let unknown = format!(r#"{{"alg":"RS256","typ":"JWT","kid":"never-{}"}}"#, random.below(1 << 30));
        let unknown = base64_simd::URL_SAFE_NO_PAD.encode_to_string(unknown);
        let unknown = format!("{unknown}.{payload}.{signature}");
        let facts = Facts { kid, expires: exp * 1000, born, ended: Span::NEVER };
        Token { text, forged, unknown, facts: Mutex::new(facts) }
    }

    fn end_session(&self, token: &Token) {
        let payload = token.text.split('.').nth(1).unwrap();
        let payload = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(payload).unwrap();
        let payload: Value = serde_json::from_slice(&payload).unwrap();
        token.facts.lock().unwrap().ended = Span::since(now());
        // After a restart there is none to end: then it has ended all the same.
        let _ = self.issuer.end_session(payload["sid"].as_str().unwrap());
        token.facts.lock().unwrap().ended.until = now();
    }

    /// Asks again and again.
    pub(super) async fn ask(self: Arc<Self>, service: SocketAddr, seed: u64, stopped: watch::Receiver<bool>) {
        let (mut client, mut random) = (Client::new(service), Random(seed));
        while !*stopped.borrow() {
            sleep(Duration::from_millis(20 + random.below(30) as u64)).await;
            let Some(token) = self.choose(&mut random) else { continue };
            let (kind, request) = match random.below(20) {
                0..9 => (Kind::Signed, "GET /me"),
                9..12 => (Kind::Introspected, "DELETE /items/1"),
                12..15 => (Kind::Forged, "GET /me"),
                15..17 => (Kind::UnknownKey, "GET /me"),
                17 => (Kind::ServiceToken, "GET /service-token"),
                _ => (Kind::Health, "GET /health"),
            };
            let bearer = match kind {
                Kind::Forged => Some(&token.forged),
                Kind::UnknownKey => Some(&token.unknown),
                Kind::Health => None,
                _ => Some(&token.text),
            };
            let (method, path) = request.split_once(' ').unwrap();
            let asked = now();
            let answer = client.ask(method, path, bearer.map(String::as_str)).await;
            self.judge(kind, &token, asked, now(), &answer);
        }
    }

    /// Every other time the one that is nearest to its end.
    fn choose(&self, random: &mut Random) -> Option<Arc<Token>> {
        let tokens = self.tokens.lock().unwrap();
        if random.below(2) == 0 {
            let now = now();
            let distance = |token: &&Arc<Token>| (token.facts.lock().unwrap().expires - now).abs();
            return tokens.iter().min_by_key(distance).cloned();
        }
        tokens.get(random.below(tokens.len().max(1))).cloned()
    }

    fn judge(&self, kind: Kind, token: &Token, asked: Millis, answered: Millis, answer: &Answer) {
        let facts = token.facts.lock().unwrap().clone();
        let mut history = self.history();
        let right = history.right(kind, &facts, asked, answered);
        let is_right = right.contains(&(answer.status, answer.code.as_str()));
        // Whatever was said about the token after its signature was found good.
        let good_signature = ["", "token_expired", "token_inactive", "introspection_unavailable"];
        if matches!(kind, Kind::Signed | Kind::Introspected) && good_signature.contains(&&*answer.code) {
            history.seen(&facts.kid, answered);
        }
        let state = if is_right { String::new() } else { history.about(&facts.kid) };
        drop(history);
        let mut seen = self.seen.lock().unwrap();
        seen.requests += 1;
        *seen.tally.entry(format!("{kind:?}: {answer}").trim_end().to_owned()).or_default() += 1;
        if !is_right {
            seen.wrong += 1;
            if seen.shown.len() < SHOWN {
                let what =
                    format!("{kind:?} was answered {answer}, not {right:?}, from {asked} to {answered}");
                seen.shown.push(format!("{what}: {facts:?}; {state}"));
            }
        }
    }
}

/// Xorshift: the same each time, and good enough to choose by.
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from((self.next() >> 11) % limit as u64).unwrap()
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next().to_le_bytes()[3])
    }
}
