//! The course of a browser login, without its pages: who has to prove what, and what a finished login leaves behind.

use std::collections::BTreeMap;

use crate::level;
use crate::login::{Attempt, Code, LoginRequest};
use crate::random::{base64url, bytes, derived_uuid, session_id, uuid};
use crate::session::Memory;
use crate::state::State;

/// What a request for a login came to.
#[derive(Debug)]
pub(crate) enum Begun {
    /// The user has to prove something; the page is bound to this tab.
    Ask { tab: String },
    /// The session that the browser is in is enough.
    Done(Done),
    /// The user has to prove something, but may not be asked.
    LoginRequired,
}

/// A login that led somewhere.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) sid: String,
    /// `None` where only a login was asked for.
    pub(crate) code: Option<String>,
    /// The cookie that stands for the session.
    pub(crate) cookie: String,
}

/// How the user is to be asked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asking {
    /// `prompt=none`
    pub(crate) never: bool,
    /// `prompt=login`
    pub(crate) always: bool,
    /// `max_age`, in seconds.
    pub(crate) max_age: Option<i64>,
}

/// Why a step of a login didn't succeed.
#[derive(Debug)]
pub(crate) enum Denied {
    Disabled,
    WrongPassword,
}

/// What a right password led to.
#[derive(Debug)]
pub(crate) enum Advanced {
    Done(Done),
    /// Another step waits.
    More,
    /// The login is over and doesn't reach what is essential.
    NotReached,
    /// The browser is logged in as that user meanwhile.
    OtherUser(String),
}

/// Begins a login. `browser` is the cookie that its pages are bound to, `identity` the one of the session, if any.
pub(crate) fn begin(
    state: &State,
    request: LoginRequest,
    asking: Asking,
    browser: &str,
    identity: Option<&str>,
) -> Begun {
    let now = state.now();
    let wanted = request.wanted.level(&state.realm).unwrap_or_default();
    let mut memory = state.memory();
    let session =
        identity.and_then(|cookie| Some(memory.logins.sid_of(cookie)?.to_owned())).and_then(|sid| {
            let session = memory.browser_session(&sid, now)?;
            let user = state.realm.user_by_id(&session.user_id)?;
            let counts = memory.is_enabled(&user.id, user.enabled);
            counts.then(|| (sid, user.id.clone(), session.auth_time, session.levels.clone()))
        });
    let too_old = |auth_time: Option<i64>| {
        asking.max_age.is_some_and(|most| auth_time.unwrap_or(0).saturating_add(most) < now)
    };
    let again = session.as_ref().is_some_and(|(_, _, auth_time, _)| asking.always || too_old(*auth_time));
    let from = match &session {
        Some((_, _, _, levels)) if !again => Some(level::held(&state.realm, levels, now)),
        _ => None,
    };
    let steps = level::steps(&state.realm, from, wanted);
    let cookie = identity.unwrap_or_default().to_owned();
    if let (Some((sid, ..)), true) = (&session, steps.is_empty()) {
        let reached = from.filter(|level| *level >= 0);
        let code = conclude(state, &mut memory, &request, sid, reached, false);
        return Begun::Done(Done { sid: sid.clone(), code, cookie });
    }
    if asking.never {
        return Begun::LoginRequired;
    }
    let attempt = Attempt {
        request,
        browser: browser.to_owned(),
        session_code: secret(),
        user_id: session.map(|(_, user_id, ..)| user_id),
        reached: Vec::new(),
        from,
        steps,
        again,
        done: false,
        expires: now + state.realm.login_lifespan_secs,
    };
    let tab = base64url(&bytes::<8>());
    memory.logins.put_attempt(&tab, attempt, now);
    drop(memory);
    Begun::Ask { tab }
}

/// Checks name and password at one step of a login. The name doesn't count where it is known already.
pub(crate) fn check(state: &State, attempt: &Attempt, name: &str, password: &str) -> Result<String, Denied> {
    let user = match &attempt.user_id {
        Some(id) => state.realm.user_by_id(id),
        None => state.realm.user(name),
    };
    let right = user.filter(|user| user.password.as_deref() == Some(password));
    let user = right.ok_or(Denied::WrongPassword)?;
    if state.is_enabled(user) { Ok(user.id.clone()) } else { Err(Denied::Disabled) }
}

/// Makes the page of a login count no more, for another one of the same step.
pub(crate) fn renew(state: &State, tab: &str, mut attempt: Attempt) -> Attempt {
    attempt.session_code = secret();
    state.memory().logins.put_attempt(tab, attempt.clone(), state.now());
    attempt
}

/// Begins a login again from the beginning, for whoever it will be.
pub(crate) fn restart(state: &State, tab: &str, mut attempt: Attempt) -> Attempt {
    let wanted = attempt.request.wanted.level(&state.realm).unwrap_or_default();
    (attempt.user_id, attempt.from, attempt.again) = (None, None, false);
    attempt.reached.clear();
    attempt.steps = level::steps(&state.realm, None, wanted);
    attempt.expires = state.now() + state.realm.login_lifespan_secs;
    renew(state, tab, attempt)
}

/// Goes on with a login after a right password. `identity` is the browser's cookie by now.
pub(crate) fn advance(
    state: &State,
    tab: &str,
    mut attempt: Attempt,
    user_id: String,
    identity: Option<&str>,
) -> Advanced {
    let now = state.now();
    let mut memory = state.memory();
    if !attempt.steps.is_empty() {
        let step = attempt.steps.remove(0);
        attempt.reached.extend(step);
    }
    if !attempt.steps.is_empty() {
        attempt.user_id = Some(user_id);
        attempt.session_code = secret();
        memory.logins.put_attempt(tab, attempt, now);
        return Advanced::More;
    }
    attempt.done = true;
    memory.logins.put_attempt(tab, attempt.clone(), now);
    let reached = attempt.reached.iter().copied().chain(attempt.from).max();
    let wanted = attempt.request.wanted.level(&state.realm).unwrap_or_default();
    if attempt.request.wanted.essential && reached.unwrap_or(0) < wanted {
        return Advanced::NotReached;
    }
    // Another tab may have logged in since.
    let current = identity.and_then(|cookie| Some((cookie, memory.logins.sid_of(cookie)?.to_owned())));
    let current = current.filter(|(_, sid)| memory.browser_session(sid, now).is_some());
    let (cookie, sid) = match current {
        Some((cookie, sid)) => {
            let other = memory.browser_session(&sid, now).filter(|session| session.user_id != user_id);
            if let Some(session) = other {
                let name = state.realm.user_by_id(&session.user_id).map(|user| user.username.clone());
                return Advanced::OtherUser(name.unwrap_or_default());
            }
            (cookie.to_owned(), sid)
        }
        None => {
            let (cookie, sid) = (secret(), session_id());
            memory.start(&sid, &user_id, &attempt.request.to.client_id, false, now);
            (cookie, sid)
        }
    };
    if let Some(session) = memory.join(&sid, &attempt.request.to.client_id, now) {
        session.auth_time = Some(now);
        if attempt.again {
            session.levels = BTreeMap::new();
        }
        session.levels.extend(attempt.reached.iter().map(|level| (*level, now)));
    }
    let code = conclude(state, &mut memory, &attempt.request, &sid, reached, true);
    remember(&mut memory, &cookie, &sid, now);
    Advanced::Done(Done { sid, code, cookie })
}

fn remember(memory: &mut Memory, cookie: &str, sid: &str, now: i64) {
    let mut logins = std::mem::take(&mut memory.logins);
    logins.put_browser(cookie, sid, |sid| memory.browser_session(sid, now).is_some());
    memory.logins = logins;
}

/// Notes the login at the client's part of the session, and makes a code.
fn conclude(
    state: &State,
    memory: &mut Memory,
    request: &LoginRequest,
    sid: &str,
    reached: Option<i64>,
    fresh: bool,
) -> Option<String> {
    let now = state.now();
    let client_id = &request.to.client_id;
    if let Some(session) = memory.join(sid, client_id, now) {
        // Keycloak keeps what was asked for until something else is.
        let mut asked = session.client(client_id).map(|part| part.asked.clone()).unwrap_or_default();
        let names = request.wanted.names.clone();
        match (names.is_empty(), request.wanted.essential) {
            (true, _) => {}
            (false, true) => asked.essential = names,
            (false, false) => asked.voluntary = names,
        }
        let acr = level::acr(&state.realm, reached, fresh, [&asked.essential, &asked.voluntary]);
        session.note(client_id, acr, asked);
    }
    if let Some(pushed) = &request.pushed {
        memory.logins.use_pushed(pushed);
    }
    if !request.with_code {
        return None;
    }
    let id = uuid();
    let code = Code {
        sid: sid.to_owned(),
        client_id: client_id.clone(),
        redirect_param: request.redirect_param.clone(),
        scope: request.scope.clone(),
        nonce: request.nonce.clone(),
        challenge: request.challenge.clone(),
        expires: now + state.realm.code_lifespan_secs,
    };
    memory.logins.put_code(&id, code, now);
    Some(format!("{id}.{sid}.{}", client_uuid(state, client_id)))
}

/// The client's id in codes.
pub(crate) fn client_uuid(state: &State, client_id: &str) -> String {
    derived_uuid(&["client", &state.realm.name, client_id])
}

/// Text that nobody can guess: cookies, and what binds a page to its login.
pub(crate) fn secret() -> String {
    base64url(&bytes::<32>())
}
