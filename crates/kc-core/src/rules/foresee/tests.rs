use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use proptest::prelude::*;

use super::*;
use crate::clock::{FakeClock, UnixTime};
use crate::json;
use crate::principal::Principal;
use crate::roles::{KeycloakRoles, RoleExtractor};
use crate::rules::{
    AcrLevels, Denial, Question, Verdict, acr, active, all_of, all_roles, any_of, any_role, authenticated,
    by_method, custom, not, permission, role, scope,
};
use crate::token::{Claims, VerifiedToken};
use crate::wire::RequestView;

const CALLERS: [&str; 6] = [
    "{}",
    r#"{"realm_access":{"roles":["a"]},"scope":"s"}"#,
    r#"{"realm_access":{"roles":["b"]},"scope":"t","acr":"gold","auth_time":1000}"#,
    r#"{"realm_access":{"roles":["a","b"]},"scope":"s t","acr":"gold"}"#,
    r#"{"realm_access":{"roles":["a","b"]},"scope":"s t","acr":"gold","auth_time":1000}"#,
    r#"{"acr":"gold","auth_time":1000}"#,
];

fn principal(payload: &str) -> Principal {
    let claims = Claims::read(&json::parse_object(payload.as_bytes(), 16).unwrap()).unwrap();
    let token = VerifiedToken::new(claims, Bytes::copy_from_slice(payload.as_bytes()));
    let roles = KeycloakRoles::new("api").extract(&token).unwrap();
    Principal::new(token, roles, None)
}

/// What happens to a caller whose token is active: whether Keycloak is asked, and the answer.
fn decide(rule: &Rule, payload: &str, method: &str) -> (bool, Verdict) {
    let (principal, acr_levels) = (principal(payload), AcrLevels::default());
    let clock = &FakeClock::at(UnixTime::from_secs(1000));
    let headers = HeaderMap::new();
    let question = Question {
        principal: &principal,
        request: &RequestView { method, path: "/", query: None, route: None, headers: &headers, peer: None },
        clock,
        acr_levels: &acr_levels,
        active: None,
        permissions: None,
        decided: &[],
    };
    match rule.decide(&question) {
        Verdict::AskIfActive => (true, rule.decide(&Question { active: Some(true), ..question })),
        verdict => (false, verdict),
    }
}

fn rules() -> impl Strategy<Value = Rule> {
    let simple = prop_oneof![
        Just(authenticated()),
        Just(active()),
        Just(role("a")),
        Just(all_roles(&["a", "b"])),
        Just(any_role(&["a", "b"])),
        Just(any_role(&[])),
        Just(all_roles(&[])),
        Just(any_of(&[])),
        Just(all_of(&[])),
        Just(scope("s")),
        Just(scope("t")),
        Just(acr("gold")),
        Just(acr("")),
        Just(acr("gold").max_age(Duration::from_secs(60))),
        Just(custom("nobody", |_| false)),
        Just(permission("r", "s")),
    ];
    simple.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| a.and(b)),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| a.or(b)),
            inner.clone().prop_map(not),
            inner.clone().prop_map(|rule| Rule::by_methods([("GET", rule)])),
            (inner.clone(), inner).prop_map(|(a, b)| Rule::by_methods([("GET", a), ("POST", b)])),
        ]
    })
}

proptest! {
    #[test]
    fn a_rule_of_one_method_lets_the_same_callers_through(
        rule in rules(),
        method in prop_oneof![Just("GET"), Just("HEAD"), Just("POST"), Just("DELETE")],
    ) {
        let of_method = rule.for_method(method);
        for payload in CALLERS {
            let granted = |rule: &Rule| decide(rule, payload, method).1 == Verdict::Granted;
            prop_assert_eq!(granted(&rule), of_method.as_ref().is_some_and(granted), "{}", payload);
        }
    }

    #[test]
    fn nothing_happens_to_a_caller_that_was_not_foreseen(rule in rules()) {
        if let Some(rule) = rule.for_method("GET") {
            let foreseen = rule.foresee();
            for payload in CALLERS {
                let (asked, verdict) = decide(&rule, payload, "GET");
                prop_assert!(foreseen.asks || !asked, "{} is asked about", payload);
                let expected = match verdict {
                    Verdict::Granted => foreseen.granted,
                    Verdict::Denied(Denial::StepUp { .. }) | Verdict::Undecided(Denial::StepUp { .. }) => {
                        foreseen.step_up
                    }
                    Verdict::Denied(_) | Verdict::Undecided(_) => foreseen.forbidden,
                    Verdict::AskIfActive | Verdict::AskPermission(_) => false,
                };
                prop_assert!(expected, "{}: {:?}, foreseen {:?}", payload, verdict, foreseen);
            }
        }
    }

    #[test]
    fn whoever_is_let_through_has_the_scopes(rule in rules()) {
        if let Some(rule) = rule.for_method("GET") {
            for payload in CALLERS {
                if decide(&rule, payload, "GET").1 == Verdict::Granted {
                    let caller = principal(payload);
                    for scope in rule.scopes() {
                        prop_assert!(caller.claims().scope.contains(scope), "{} without {}", payload, scope);
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_foreseen_is_no_more_than_can_happen() {
    let foresee = |rule: Rule| {
        let Foreseen { granted, forbidden, step_up, asks, .. } = rule.foresee();
        [granted, forbidden, step_up, asks]
    };
    let [yes, no] = [true, false];
    assert_eq!(foresee(authenticated()), [yes, no, no, no]);
    assert_eq!(foresee(active()), [yes, no, no, yes]);
    assert_eq!(foresee(role("a")), [yes, yes, no, no]);
    assert_eq!(foresee(any_role(&[])), [no, yes, no, no]);
    assert_eq!(foresee(acr("gold")), [yes, no, yes, no]);
    assert_eq!(foresee(role("a").and(active())), [yes, yes, no, yes]);
    assert_eq!(foresee(role("a").or(active())), [yes, no, no, yes]);
    assert_eq!(foresee(role("a").or(acr("gold"))), [yes, no, yes, no]);
    assert_eq!(foresee(role("a").or(authenticated())), [yes, no, no, no]);
    assert_eq!(foresee(not(authenticated())), [no, yes, no, no]);
    assert_eq!(foresee(not(role("a"))), [yes, yes, no, no]);
    // What is not decided is denied either way.
    assert_eq!(foresee(not(permission("r", "s").and(not(active())))), [yes, yes, no, yes]);
}

#[test]
fn a_method_that_is_not_listed_is_nobodys() {
    let rule = by_method(const { &[("GET", any_role(&["a", "b"])), ("POST", all_roles(&["a"]))] });
    let of = |method| rule.for_method(method).map(|rule| rule.to_string());
    assert_eq!(of("GET").as_deref(), Some("any role of a, b"));
    assert_eq!(of("HEAD").as_deref(), Some("any role of a, b"));
    assert_eq!(of("POST").as_deref(), Some("role a"));
    assert_eq!(of("DELETE"), None);
    let either = rule.clone().or(role("c"));
    assert_eq!(either.for_method("DELETE").map(|rule| rule.to_string()).as_deref(), Some("role c"));
    assert!(rule.clone().and(role("c")).for_method("DELETE").is_none());
    assert!(not(rule).for_method("DELETE").is_none());
}

#[test]
fn scopes_are_those_that_everybody_needs() {
    let scopes = |rule: Rule| rule.scopes().into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(scopes(scope("s").and(scope("t"))), ["s", "t"]);
    assert_eq!(scopes(scope("s").or(scope("t"))), [""; 0]);
    assert_eq!(scopes(scope("s").or(scope("t").and(scope("s")))), ["s"]);
    assert_eq!(scopes(not(scope("s"))), [""; 0]);
}
