//! The property, on any server of these routes.

use std::cell::Cell;
use std::net::SocketAddr;

use kc_core::audit::Decision;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestError, TestRunner};
use tokio::runtime::Runtime;

use crate::mutation::{changed, changes, method};
use crate::realm::{ALL_ROLES, Decided, Decisions, Realm};
use crate::routes::{ANY, Need, Ran, Route};
use crate::wire;

/// A server of routes.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) routes: Vec<Route>,
    pub(crate) ran: Ran,
}

/// Who sends a request.
#[derive(Clone, Debug)]
enum Caller {
    Nobody,
    /// With a token that has no role at all.
    Somebody,
    /// With the role of the route whose path was changed.
    Right,
    /// With the role of some route.
    With(Index),
    /// With every role: then it is the route of the decision that counts.
    All,
}

fn caller() -> impl Strategy<Value = Caller> {
    prop_oneof![
        2 => Just(Caller::Nobody),
        1 => Just(Caller::Somebody),
        2 => Just(Caller::Right),
        2 => any::<Index>().prop_map(Caller::With),
        3 => Just(Caller::All),
    ]
}

fn role_of(caller: &Caller, base: &Route, routes: &[Route]) -> Option<&'static str> {
    match caller {
        Caller::Nobody => None,
        Caller::Somebody => Some(""),
        Caller::Right => base.need.role(),
        Caller::With(index) => index.get(routes).need.role(),
        Caller::All => Some(ALL_ROLES),
    }
}

/// One of the route's own methods, or any other.
fn method_of(base: &Route, own: Option<Index>, other: &'static str) -> &'static str {
    match own.map(|index| *index.get(base.methods)) {
        None | Some(ANY) => other,
        Some(own) => own,
    }
}

/// One request, and whether what happened is as it must be; gives the handlers that ran.
pub(crate) async fn exchange(
    served: &Served,
    realm: &Realm,
    method: &str,
    target: &str,
    role: Option<&str>,
) -> Result<Vec<&'static str>, String> {
    served.ran.take();
    realm.decisions.take();
    let token = role.map(|role| realm.token(role));
    let status = wire::send(served.address, method, target, token).await;
    let (ran, decisions) = (served.ran.take(), realm.decisions.take());
    judge(&served.routes, &ran, &decisions, role).map_err(|what| {
        format!("{method} {target:?} as {role:?} was answered {status:?}: {what} (ran {ran:?}, decided {decisions:?})")
    })?;
    Ok(ran)
}

fn judge(
    routes: &[Route],
    ran: &[&'static str],
    decisions: &[Decided],
    role: Option<&str>,
) -> Result<(), String> {
    if decisions.iter().any(|(_, decision)| *decision == Decision::Deny) && !ran.is_empty() {
        return Err("refused, and a handler ran".to_owned());
    }
    if ran.len() > 1 {
        return Err("more than one handler ran".to_owned());
    }
    let Some(pattern) = ran.first() else { return Ok(()) };
    let route = routes.iter().find(|route| route.pattern == *pattern).ok_or("an unknown handler ran")?;
    // The rule, decided here once more, without kc.
    if !route.need.lets_in(role) {
        return Err(format!("its route asks for {:?}", route.need));
    }
    if matches!(route.need, Need::Nothing) {
        return Ok(());
    }
    let allowed = (Some((*pattern).to_owned()), Decision::Allow);
    if decisions != [allowed] {
        return Err("no decision was made about this route, or another one too".to_owned());
    }
    Ok(())
}

/// What is true of every route as it is: its handler runs for the caller with its role, and for nobody else.
fn as_they_are(runtime: &Runtime, served: &Served, realm: &Realm) {
    for route in &served.routes {
        for method in route.methods {
            let method = if *method == ANY { "PROPFIND" } else { method };
            let send = |role| runtime.block_on(exchange(served, realm, method, route.path, role)).unwrap();
            let right = Some(route.need.role().unwrap_or_default());
            assert_eq!(send(right), [route.pattern], "{method} {}", route.path);
            for role in [None, Some("")] {
                let ran: &[&str] = if route.need.lets_in(role) { &[route.pattern] } else { &[] };
                assert_eq!(send(role), ran, "{method} {} as {role:?}", route.path);
            }
        }
    }
}

/// The first request for which the property does not hold, and how many requests came to a guarded handler.
pub(crate) fn search(
    runtime: &Runtime,
    served: &Served,
    realm: &Realm,
    cases: u32,
) -> (Option<String>, usize) {
    let came_in = Cell::new(0);
    let inputs = (any::<Index>(), changes(), prop::option::weighted(0.7, any::<Index>()), method(), caller());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 500, ..Config::default() };
    let result = TestRunner::new(config).run(&inputs, |(route, changes, own, other, caller)| {
        let base = route.get(&served.routes);
        let (target, method) = (changed(base.path, &changes), method_of(base, own, other));
        let role = role_of(&caller, base, &served.routes);
        // A space or a line break ends the target: that would be another request, or none.
        prop_assume!(!target.is_empty() && target.bytes().all(|byte| byte.is_ascii_graphic()));
        let outcome = runtime.block_on(exchange(served, realm, method, &target, role));
        let ran = outcome.map_err(TestCaseError::fail)?;
        let guarded = |route: &&Route| ran.contains(&route.pattern) && !matches!(route.need, Need::Nothing);
        came_in.set(came_in.get() + served.routes.iter().filter(guarded).count());
        Ok(())
    });
    let found = match result {
        Ok(()) => None,
        Err(TestError::Fail(why, _)) => Some(why.to_string()),
        Err(TestError::Abort(why)) => panic!("the search was given up: {why}"),
    };
    (found, came_in.get())
}

const CASES: u32 = 4000;

/// The property, over TCP.
pub(crate) fn holds(runtime: &Runtime, served: &Served, realm: &Realm) {
    as_they_are(runtime, served, realm);
    let (found, came_in) = search(runtime, served, realm, CASES);
    assert_eq!(found, None);
    // Were nobody let in by a path that was changed, there would be nothing that agrees.
    assert!(came_in > 200, "only {came_in} of {CASES} requests came to a guarded handler");
}

/// The roles of these routes.
pub(crate) fn roles(routes: &[Route]) -> Vec<&'static str> {
    routes.iter().filter_map(|route| route.need.role()).collect()
}

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn a_refusal_that_did_not_keep_the_handler_from_running_is_found_out() {
    let routes = crate::routes::all();
    let none: &Decisions = &Decisions::default();
    assert!(judge(&routes, &["/a"], &none.take(), None).unwrap_err().contains("asks for"));
    assert!(judge(&routes, &["/a"], &none.take(), Some("a")).unwrap_err().contains("no decision"));
    let other = [(Some("/open".to_owned()), Decision::Allow)];
    assert!(judge(&routes, &["/a"], &other, Some("a")).unwrap_err().contains("no decision"));
    let denied = [(Some("/a".to_owned()), Decision::Deny)];
    assert!(judge(&routes, &["/a"], &denied, Some("a")).unwrap_err().contains("refused"));
    let allowed = [(Some("/a".to_owned()), Decision::Allow)];
    assert_eq!(judge(&routes, &["/a"], &allowed, Some("a")), Ok(()));
    assert_eq!(judge(&routes, &["/open"], &[], None), Ok(()));
}
