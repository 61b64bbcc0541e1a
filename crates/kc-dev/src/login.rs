//! What is remembered between the requests of a browser login: logins under way, codes, pushed requests, cookies.

use std::collections::HashMap;

use aws_lc_rs::{constant_time, digest};

use crate::level::Wanted;
use crate::random::base64url;

/// How a code challenge follows from its verifier (RFC 7636, section 4.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ChallengeMethod {
    Plain,
    S256,
}

/// A code challenge.
#[derive(Clone, Debug)]
pub(crate) struct Challenge {
    pub(crate) method: ChallengeMethod,
    pub(crate) value: String,
}

impl Challenge {
    pub(crate) fn is_met_by(&self, verifier: &str) -> bool {
        let hashed = base64url(digest::digest(&digest::SHA256, verifier.as_bytes()).as_ref());
        let computed = if self.method == ChallengeMethod::S256 { &hashed } else { verifier };
        constant_time::verify_slices_are_equal(computed.as_bytes(), self.value.as_bytes()).is_ok()
    }
}

/// By which way an answer reaches the client (OAuth 2.0 Multiple Response Types, section 2.1; Form Post; JARM).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ResponseMode {
    pub(crate) way: Way,
    /// As one signed token.
    pub(crate) jwt: bool,
}

/// Where in the request to the client the answer is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    FormPost,
    Fragment,
    Query,
}

/// Where an answer goes.
#[derive(Clone, Debug)]
pub(crate) struct ReturnTo {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) mode: ResponseMode,
    pub(crate) state: Option<String>,
}

/// A request for a login that passed every check.
#[derive(Clone, Debug)]
pub(crate) struct LoginRequest {
    pub(crate) to: ReturnTo,
    /// The parameter as it was sent, which the token request must repeat.
    pub(crate) redirect_param: Option<String>,
    /// `response_type=none` asks for a login only.
    pub(crate) with_code: bool,
    pub(crate) scope: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: Option<Challenge>,
    pub(crate) login_hint: Option<String>,
    pub(crate) wanted: Wanted,
    /// The pushed request that it came by, used up by a login.
    pub(crate) pushed: Option<String>,
}

/// A login under way: what the page was made for.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) request: LoginRequest,
    /// The cookie of the browser that got the page.
    pub(crate) browser: String,
    /// Changes with every page, so that a page can be sent once only.
    pub(crate) session_code: String,
    /// Who has to prove it again, or has proved a lower level.
    pub(crate) user_id: Option<String>,
    /// Levels reached in this login.
    pub(crate) reached: Vec<i64>,
    /// The level of the session it started from; `None` where it starts from nothing.
    pub(crate) from: Option<i64>,
    /// What is left to do, first things first.
    pub(crate) steps: Vec<Option<i64>>,
    /// The user is asked anew although logged in.
    pub(crate) again: bool,
    /// It led to an answer; another one of it is late.
    pub(crate) done: bool,
    pub(crate) expires: i64,
}

/// An authorization code that waits to be exchanged (RFC 6749, section 4.1.2).
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) sid: String,
    pub(crate) client_id: String,
    pub(crate) redirect_param: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: Option<Challenge>,
    pub(crate) expires: i64,
}

/// A pushed authorization request (RFC 9126).
#[derive(Clone)]
pub(crate) struct Pushed {
    pub(crate) client_id: String,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) expires: i64,
}

impl std::fmt::Debug for Pushed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pushed").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// A logout that waits for the user's word.
#[derive(Clone, Debug)]
pub(crate) struct PendingLogout {
    pub(crate) browser: String,
    /// What the page's form says.
    pub(crate) session_code: String,
    pub(crate) redirect: Option<String>,
    pub(crate) expires: i64,
}

/// Everything about logins that changes while the issuer runs.
#[derive(Debug, Default)]
pub(crate) struct Logins {
    attempts: HashMap<String, Attempt>,
    codes: HashMap<String, Code>,
    pushed: HashMap<String, Pushed>,
    logouts: HashMap<String, PendingLogout>,
    /// The session of each browser, by its cookie.
    browsers: HashMap<String, String>,
}

/// Past this many entries of a kind, those that have expired are cleared away before one is added; past as many that
/// have not, all are: a page that is asked for without end must not fill the memory.
const CLEAR_AT: usize = 4096;

fn make_room<T>(entries: &mut HashMap<String, T>, is_alive: impl Fn(&T) -> bool) {
    if entries.len() >= CLEAR_AT {
        entries.retain(|_, entry| is_alive(entry));
    }
    if entries.len() >= CLEAR_AT {
        entries.clear();
    }
}

impl Logins {
    pub(crate) fn put_attempt(&mut self, tab: &str, attempt: Attempt, now: i64) {
        make_room(&mut self.attempts, |attempt| now < attempt.expires);
        self.attempts.insert(tab.to_owned(), attempt);
    }

    pub(crate) fn attempt(&self, tab: &str, now: i64) -> Option<&Attempt> {
        self.attempts.get(tab).filter(|attempt| now < attempt.expires)
    }

    /// The same, also when its time is up, as long as it is remembered.
    pub(crate) fn attempt_or_late(&self, tab: &str) -> Option<&Attempt> {
        self.attempts.get(tab)
    }

    pub(crate) fn put_code(&mut self, id: &str, code: Code, now: i64) {
        make_room(&mut self.codes, |code| now < code.expires);
        self.codes.insert(id.to_owned(), code);
    }

    /// Takes a code out: it counts once, whatever comes of it.
    pub(crate) fn take_code(&mut self, id: &str) -> Option<Code> {
        self.codes.remove(id)
    }

    pub(crate) fn put_pushed(&mut self, uri: &str, pushed: Pushed, now: i64) {
        make_room(&mut self.pushed, |pushed| now < pushed.expires);
        self.pushed.insert(uri.to_owned(), pushed);
    }

    pub(crate) fn pushed(&self, uri: &str, now: i64) -> Option<&Pushed> {
        self.pushed.get(uri).filter(|pushed| now < pushed.expires)
    }

    pub(crate) fn use_pushed(&mut self, uri: &str) {
        self.pushed.remove(uri);
    }

    pub(crate) fn put_logout(&mut self, tab: &str, logout: PendingLogout, now: i64) {
        make_room(&mut self.logouts, |logout| now < logout.expires);
        self.logouts.insert(tab.to_owned(), logout);
    }

    pub(crate) fn take_logout(&mut self, tab: &str, now: i64) -> Option<PendingLogout> {
        self.logouts.remove(tab).filter(|logout| now < logout.expires)
    }

    /// Ties a session to the cookie of a browser. `is_alive` tells which sessions go on.
    pub(crate) fn put_browser(&mut self, cookie: &str, sid: &str, is_alive: impl Fn(&String) -> bool) {
        make_room(&mut self.browsers, is_alive);
        self.browsers.insert(cookie.to_owned(), sid.to_owned());
    }

    /// The session of the browser with that cookie, which may have ended.
    pub(crate) fn sid_of(&self, cookie: &str) -> Option<&str> {
        self.browsers.get(cookie).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::{Challenge, ChallengeMethod};

    /// Source: RFC 7636, appendix B.
    #[test]
    fn a_challenge_is_met_by_its_verifier_only() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let value = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned();
        let challenge = Challenge { method: ChallengeMethod::S256, value: value.clone() };
        assert!(challenge.is_met_by(verifier) && !challenge.is_met_by(&value));
        let plain = Challenge { method: ChallengeMethod::Plain, value };
        assert!(plain.is_met_by("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM") && !plain.is_met_by(verifier));
    }
}
