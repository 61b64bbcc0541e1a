//! Logins that are under way: what has to be known when the browser comes back.
//!
//! Each is a cookie of its own, sealed: nothing is kept here for somebody who may never come back, so that nobody can fill a
//! store by beginning logins; any replica can go on with what another has begun; and two tabs that begin at the same moment
//! do not overwrite each other's.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64_simd::URL_SAFE_NO_PAD;
use http::HeaderValue;
use kc_core::clock::UnixTime;
use kc_core::wire::Headers;
use serde::{Deserialize, Serialize};

use crate::cookie::{self, Names};
use crate::random;
use crate::seal::Seal;

/// Logins that one browser can have under way. When one more begins the oldest is given up.
const MOST: usize = 20;
/// Bytes that their cookies may have together: a proxy that takes header lines of 8 KiB has to take them, and the others.
const ROOM: usize = 5 * 1024;
/// Letters of the state in the name of its cookie.
const NAME: usize = 8;

/// A login that is under way. `Debug` shows nothing of it.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Pending {
    /// What state, nonce and verifier are made of.
    #[serde(rename = "s")]
    seed: String,
    #[serde(rename = "t")]
    begun_at: i64,
    /// Where to go afterwards: a place of this service.
    #[serde(rename = "p")]
    pub(crate) next: String,
    /// `acr_values` that was asked for.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub(crate) acr_values: Option<String>,
    /// `max_age` that was asked for, in seconds.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_age: Option<u64>,
    /// Whether it was begun once more by itself, because Keycloak's login page had run out.
    #[serde(rename = "r", default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) again: bool,
}

impl Pending {
    pub(crate) fn new(next: String, now: UnixTime) -> Self {
        let (seed, begun_at) = (random::token(), now.as_secs());
        Self { seed, begun_at, next, acr_values: None, max_age: None, again: false }
    }

    /// The same login, begun once more by itself.
    pub(crate) fn once_more(&self, now: UnixTime) -> Self {
        let (acr_values, max_age) = (self.acr_values.clone(), self.max_age);
        Self { acr_values, max_age, again: true, ..Self::new(self.next.clone(), now) }
    }

    /// `state`: shows that the answer belongs to what this browser began (RFC 6749 §10.12).
    pub(crate) fn state(&self) -> String {
        self.derived("state")
    }

    /// `nonce`: shows that the ID token belongs to this login (OpenID Connect Core §3.1.2.1).
    pub(crate) fn nonce(&self) -> String {
        self.derived("nonce")
    }

    /// `code_verifier`: shows that whoever redeems the code began the login (RFC 7636 §4.1).
    pub(crate) fn verifier(&self) -> String {
        self.derived("code verifier")
    }

    /// `code_challenge` of the method S256 (RFC 7636 §4.2).
    pub(crate) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode_to_string(digest(&SHA256, self.verifier().as_bytes()))
    }

    /// When nobody comes back from it any more.
    pub(crate) fn ends_at(&self, lifetime: Duration) -> UnixTime {
        UnixTime::from_secs(self.begun_at).plus(lifetime)
    }

    fn derived(&self, what: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.seed.as_bytes());
        URL_SAFE_NO_PAD.encode_to_string(hmac::sign(&key, what.as_bytes()))
    }

    fn cookie_name(&self, names: &Names) -> String {
        names.login(self.state().get(..NAME).unwrap_or_default())
    }

    /// The cookies that begin it: its own, and the ends of those for which there is no room any more.
    pub(crate) fn begin(
        &self,
        seal: &Seal,
        names: &Names,
        headers: &dyn Headers,
        lifetime: Duration,
    ) -> Option<Vec<HeaderValue>> {
        let name = self.cookie_name(names);
        // A struct of strings and numbers always serialises.
        let sealed = seal.seal(&name, &serde_json::to_vec(self).ok()?).ok()?;
        let value = URL_SAFE_NO_PAD.encode_to_string(sealed);
        let mut cookies = vec![names.set(&name, &value, Some(lifetime.as_secs()))?];
        let prefix = names.login("");
        let mut others: Vec<(i64, &str, usize)> = cookie::all(headers)
            .filter(|(name, _)| name.starts_with(&prefix))
            .map(|(name, value)| {
                let begun_at = open(seal, name, value).map_or(0, |pending| pending.begun_at);
                (begun_at, name, name.len() + value.len())
            })
            .collect();
        // The newest first.
        others.sort_unstable_by(|one, other| other.cmp(one));
        let mut room = ROOM.saturating_sub(name.len() + value.len());
        let mut kept = 1;
        for (_, name, bytes) in others {
            match room.checked_sub(bytes) {
                Some(left) if kept < MOST => (room, kept) = (left, kept + 1),
                _ => cookies.extend(names.clear(name)),
            }
        }
        Some(cookies)
    }

    /// The login that this browser began with `state`, and the cookie that ends it.
    pub(crate) fn find(
        state: &str,
        seal: &Seal,
        names: &Names,
        headers: &dyn Headers,
        now: UnixTime,
        lifetime: Duration,
    ) -> Option<(Self, Option<HeaderValue>)> {
        let name = names.login(state.get(..NAME)?);
        // One that was planted beside ours cannot be opened, or is of another state.
        let mut opened =
            cookie::values(headers, &name).into_iter().filter_map(|value| open(seal, &name, value));
        let pending =
            opened.find(|it| verify_slices_are_equal(it.state().as_bytes(), state.as_bytes()).is_ok())?;
        let in_time = UnixTime::from_secs(pending.begun_at) <= now && now < pending.ends_at(lifetime);
        in_time.then(|| (pending, names.clear(&name)))
    }
}

fn open(seal: &Seal, name: &str, value: &str) -> Option<Pending> {
    let sealed = URL_SAFE_NO_PAD.decode_to_vec(value).ok()?;
    serde_json::from_slice(&seal.open(name, &sealed)?).ok()
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::header::COOKIE;

    use super::*;

    const TIME: Duration = Duration::from_secs(600);

    fn at(secs: i64) -> UnixTime {
        UnixTime::from_secs(secs)
    }

    /// A browser's cookies, after these were set.
    fn browser(headers: &mut HeaderMap, set: &[HeaderValue]) {
        let mut jar: std::collections::BTreeMap<String, String> =
            cookie::all(headers).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        for cookie in set {
            let text = cookie.to_str().unwrap();
            let (name, rest) = text.split_once('=').unwrap();
            let (value, attributes) = rest.split_once(';').unwrap();
            match attributes.contains("Max-Age=0") {
                true => jar.remove(name),
                false => jar.insert(name.to_owned(), value.to_owned()),
            };
        }
        let line = jar.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        headers.insert(COOKIE, line.parse().unwrap());
    }

    #[test]
    fn a_browser_finds_what_it_began_and_no_other_does() {
        let (seal, names, mut headers) = (Seal::ephemeral(), Names::new(true), HeaderMap::new());
        let pending = Pending::new("/account".to_owned(), at(100));
        browser(&mut headers, &pending.begin(&seal, &names, &HeaderMap::new(), TIME).unwrap());
        let find = |state: &str, headers: &HeaderMap, now| {
            Pending::find(state, &seal, &names, headers, at(now), TIME).map(|(pending, _)| pending.next)
        };
        assert_eq!(find(&pending.state(), &headers, 200).as_deref(), Some("/account"));
        assert_eq!(find(&pending.state(), &HeaderMap::new(), 200), None, "another browser");
        assert_eq!(find(&pending.state(), &headers, 700), None, "too late");
        assert_eq!(find(&pending.state(), &headers, 99), None, "of the future");
        let other = Pending::new("/".to_owned(), at(100)).state();
        assert_eq!(find(&other, &headers, 200), None);
        let alike = format!("{}{}", pending.state().split_at(NAME).0, other.split_at(NAME).1);
        assert_eq!(find(&alike, &headers, 200), None, "the cookie's name is right, the state is not");
        for state in ["", "short", "ünïcödé-ünïcödé"] {
            assert_eq!(find(state, &headers, 200), None);
        }
    }

    #[test]
    fn a_cookie_of_another_login_cannot_take_its_place() {
        let (seal, names, mut headers) = (Seal::ephemeral(), Names::new(false), HeaderMap::new());
        let (mine, theirs) = (Pending::new("/".to_owned(), at(1)), Pending::new("/evil".to_owned(), at(1)));
        browser(&mut headers, &theirs.begin(&seal, &names, &HeaderMap::new(), TIME).unwrap());
        let (_, value) = cookie::all(&headers).next().unwrap();
        let moved = format!("{}={value}", mine.cookie_name(&names));
        headers.insert(COOKIE, moved.parse().unwrap());
        assert!(Pending::find(&mine.state(), &seal, &names, &headers, at(2), TIME).is_none());
    }

    #[test]
    fn the_oldest_of_too_many_is_given_up() {
        let (seal, names, mut headers) = (Seal::ephemeral(), Names::new(false), HeaderMap::new());
        let logins: Vec<_> = (0..25).map(|n| Pending::new("/".to_owned(), at(100 + n))).collect();
        for login in &logins {
            let set = login.begin(&seal, &names, &headers, TIME).unwrap();
            browser(&mut headers, &set);
        }
        let found: Vec<_> = logins
            .iter()
            .map(|login| Pending::find(&login.state(), &seal, &names, &headers, at(130), TIME).is_some())
            .collect();
        assert_eq!(found, [vec![false; 5], vec![true; 20]].concat());
        assert!(headers[COOKIE].len() < 5500, "{}", headers[COOKIE].len());
    }

    #[test]
    fn long_ones_give_way_earlier() {
        let (seal, names, mut headers) = (Seal::ephemeral(), Names::new(false), HeaderMap::new());
        let logins: Vec<_> =
            (0..10).map(|n| Pending::new(format!("/{}", "a".repeat(1000)), at(100 + n))).collect();
        for login in &logins {
            let set = login.begin(&seal, &names, &headers, TIME).unwrap();
            browser(&mut headers, &set);
        }
        assert!(headers[COOKIE].len() < 5500, "{}", headers[COOKIE].len());
        let newest = logins.last().unwrap().state();
        assert!(Pending::find(&newest, &seal, &names, &headers, at(130), TIME).is_some());
    }

    #[test]
    fn state_nonce_and_verifier_are_of_the_form_that_is_asked_for_and_different() {
        let pending = Pending::new("/".to_owned(), at(1));
        let all =
            [pending.state(), pending.nonce(), pending.verifier(), pending.challenge(), pending.seed.clone()];
        for (n, one) in all.iter().enumerate() {
            assert_eq!(one.len(), 43, "RFC 7636 §4.1: 43 letters at least");
            assert!(!all[..n].contains(one));
        }
    }
}
