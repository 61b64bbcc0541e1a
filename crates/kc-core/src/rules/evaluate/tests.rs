use std::sync::LazyLock;

use bytes::Bytes;
use http::HeaderMap;

use super::*;
use crate::clock::{FakeClock, UnixTime};
use crate::json;
use crate::policy::AuthorizationFile;
use crate::roles::{KeycloakRoles, RoleExtractor};
use crate::rules::{
    acr, active, all_of, all_roles, any_of, any_role, authenticated, by_method, client_role, custom, group,
    not, organization, permission, realm_role, role, scope, scope_permission,
};
use crate::token::{Claims, VerifiedToken};

fn principal(payload: &str) -> Principal {
    let claims = Claims::read(&json::parse_object(payload.as_bytes(), 16).unwrap()).unwrap();
    let token = VerifiedToken::new(claims, Bytes::copy_from_slice(payload.as_bytes()));
    let roles = KeycloakRoles::new("api").extract(&token).unwrap();
    Principal::new(token, roles, None)
}

const ALICE: &str = r#"{"realm_access":{"roles":["user","admin"]},
    "resource_access":{"api":{"roles":["api-read"]},"other":{"roles":["boss"]}},
    "scope":"openid email","groups":["/staff/warehouse"],"organization":["acme"],"acr":"silver","auth_time":1000}"#;

struct Asked {
    method: &'static str,
    now: i64,
    levels: &'static [&'static str],
    active: Option<bool>,
}

const ASKED: Asked = Asked { method: "GET", now: 1000, levels: &[], active: None };

fn decide_as(payload: &str, rule: &Rule, asked: &Asked) -> Verdict {
    let principal = principal(payload);
    let acr_levels = AcrLevels::new(asked.levels.iter().copied());
    rule.decide(&Question {
        principal: &principal,
        request: &request(asked.method),
        clock: &FakeClock::at(UnixTime::from_secs(asked.now)),
        acr_levels: &acr_levels,
        active: asked.active,
        permissions: None,
        decided: &[],
    })
}

fn request(method: &str) -> RequestView<'_> {
    static NONE: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);
    RequestView { method, path: "/x", query: None, route: None, headers: &*NONE, peer: None }
}

fn decide(rule: &Rule) -> Verdict {
    decide_as(ALICE, rule, &ASKED)
}

fn missing(roles: &[&str]) -> Verdict {
    Verdict::Denied(Denial::MissingRoles(roles.iter().map(|role| (*role).to_owned()).collect()))
}

#[test]
fn roles_of_the_realm_and_of_this_client_count_and_no_other_clients() {
    for name in ["user", "admin", "api-read"] {
        assert_eq!(decide(&role(name)), Verdict::Granted, "{name}");
    }
    assert_eq!(decide(&role("boss")), missing(&["boss"]));
    assert_eq!(decide(&any_role(&["boss", "api-read"])), Verdict::Granted);
    assert_eq!(decide(&any_role(&["boss"])), INSUFFICIENT);
    assert_eq!(decide(&any_role(&[])), INSUFFICIENT);
    assert_eq!(decide(&all_roles(&["user", "boss", "api-read", "chef"])), missing(&["boss", "chef"]));
    assert_eq!(decide(&realm_role("admin")), Verdict::Granted);
    assert_eq!(decide(&realm_role("api-read")), INSUFFICIENT);
    assert_eq!(decide(&client_role("other", "boss")), Verdict::Granted);
    assert_eq!(decide(&client_role("api", "api-read")), Verdict::Granted);
    assert_eq!(decide(&client_role("api", "admin")), INSUFFICIENT);
}

#[test]
fn scopes_groups_and_organizations_are_compared_whole() {
    assert_eq!(decide(&scope("email")), Verdict::Granted);
    assert_eq!(
        decide(&scope("mail")),
        Verdict::Denied(Denial::Insufficient { scope: Some("mail".to_owned()) })
    );
    assert_eq!(decide(&group("/staff/warehouse")), Verdict::Granted);
    assert_eq!(decide(&group("/staff")), INSUFFICIENT);
    assert_eq!(decide(&organization("acme")), Verdict::Granted);
    assert_eq!(decide(&organization("acm")), INSUFFICIENT);
    assert_eq!(decide(&custom("nobody", |_| false)), INSUFFICIENT);
    assert_eq!(decide(&custom("alice", |caller| caller.has_role("admin"))), Verdict::Granted);
}

#[test]
fn somebody_with_nothing_passes_only_what_asks_for_nothing() {
    for rule in
        [role("x"), any_role(&["x"]), realm_role("x"), scope("x"), group("x"), organization("x"), acr("1")]
    {
        assert!(matches!(decide_as("{}", &rule, &ASKED), Verdict::Denied(_)), "{rule}");
    }
    assert_eq!(decide_as("{}", &authenticated(), &ASKED), Verdict::Granted);
}

#[test]
fn a_method_that_is_not_listed_is_refused_and_head_counts_as_get() {
    const RULE: Rule = by_method(const { &[("GET", authenticated()), ("POST", any_role(&["boss"]))] });
    let by = |method| decide_as(ALICE, &RULE, &Asked { method, ..ASKED });
    assert_eq!((by("GET"), by("HEAD"), by("POST")), (Verdict::Granted, Verdict::Granted, INSUFFICIENT));
    for method in ["DELETE", "get", "OPTIONS", "TRACE", "BREW", ""] {
        assert_eq!(by(method), INSUFFICIENT, "{method}");
    }
    let shared = Rule::by_methods([("PUT", authenticated())]);
    assert_eq!(decide_as(ALICE, &shared, &Asked { method: "PUT", ..ASKED }), Verdict::Granted);
    assert_eq!(decide_as(ALICE, &shared, &ASKED), INSUFFICIENT);
}

#[test]
fn a_missing_role_is_said_before_introspection_is_asked_for() {
    let both = |first: Rule, second: Rule| decide(&first.and(second));
    assert_eq!(both(active(), role("boss")), missing(&["boss"]));
    assert_eq!(both(role("boss"), active()), missing(&["boss"]));
    assert_eq!(both(active(), role("user")), Verdict::AskIfActive);
}

#[test]
fn introspection_is_not_asked_for_when_the_answer_does_not_depend_on_it() {
    assert_eq!(decide(&active().or(role("user"))), Verdict::Granted);
    assert_eq!(decide(&active().or(role("boss"))), Verdict::AskIfActive);
}

#[test]
fn what_introspection_said_decides() {
    let with = |rule: &Rule, active| decide_as(ALICE, rule, &Asked { active: Some(active), ..ASKED });
    assert_eq!(with(&active(), true), Verdict::Granted);
    assert_eq!(with(&active(), false), INSUFFICIENT);
    assert_eq!(with(&not(active()), true), INSUFFICIENT);
}

#[test]
fn not_turns_a_decision_round_but_never_an_open_question() {
    assert_eq!(decide(&not(role("boss"))), Verdict::Granted);
    assert_eq!(decide(&not(role("user"))), INSUFFICIENT);
    assert_eq!(decide(&not(active())), Verdict::AskIfActive);
}

#[test]
fn not_of_a_map_of_methods_refuses_a_method_that_the_map_does_not_list() {
    let rule = not(Rule::by_methods([("GET", role("boss"))]));
    assert_eq!(decide(&rule), Verdict::Granted);
    assert_eq!(decide_as(ALICE, &rule, &Asked { method: "HEAD", ..ASKED }), Verdict::Granted);
    assert_eq!(decide_as(ALICE, &rule, &Asked { method: "POST", ..ASKED }), INSUFFICIENT);
    let deeper = not(role("boss").and(Rule::by_methods([("GET", role("boss"))])));
    assert_eq!(decide_as(ALICE, &deeper, &Asked { method: "POST", ..ASKED }), INSUFFICIENT);
}

#[test]
fn of_no_roles_all_is_nobody() {
    assert_eq!(decide(&all_roles(&[])), INSUFFICIENT);
    assert_eq!(decide(&Rule::all_roles_of(Vec::<String>::new())), INSUFFICIENT);
}

#[test]
fn of_no_rules_all_is_everybody_and_any_is_nobody() {
    assert_eq!(decide(&all_of(&[])), Verdict::Granted);
    assert_eq!(decide(&any_of(&[])), INSUFFICIENT);
}

#[test]
fn a_way_to_step_up_is_told_among_several_that_would_do() {
    let step_up = Denial::StepUp { acr: Some("gold".to_owned()), max_age: None };
    assert_eq!(decide(&acr("gold").or(role("boss"))), Verdict::Denied(step_up));
    assert_eq!(decide(&role("boss").or(role("chef"))), INSUFFICIENT);
    assert_eq!(decide(&any_of(const { &[all_roles(&["boss"])] })), missing(&["boss"]));
}

#[test]
fn without_a_list_numbers_compare_as_numbers_and_names_only_as_equal() {
    for (got, needed, reaches) in [
        ("1", "1", true),
        ("10", "9", true),
        ("1", "2", false),
        ("silver", "silver", true),
        ("gold", "silver", false),
        ("2", "silver", false),
        ("-1", "0", false),
        ("", "0", false),
    ] {
        assert_eq!(AcrLevels::default().reaches(got, needed), reaches, "{got} {needed}");
    }
}

#[test]
fn with_a_list_a_value_is_as_strong_as_its_place() {
    let levels = AcrLevels::new(["0", "silver", "gold"]);
    for (got, needed, reaches) in [
        ("gold", "silver", true),
        ("silver", "silver", true),
        ("silver", "gold", false),
        ("9", "silver", false),
        ("gold", "platinum", false),
        ("platinum", "platinum", false),
    ] {
        assert_eq!(levels.reaches(got, needed), reaches, "{got} {needed}");
    }
}

#[test]
fn a_login_may_have_to_be_fresh() {
    let rule = acr("silver").max_age(Duration::from_secs(300));
    let at = |now| decide_as(ALICE, &rule, &Asked { now, ..ASKED });
    let denied = Denial::StepUp { acr: Some("silver".to_owned()), max_age: Some(Duration::from_secs(300)) };
    assert_eq!(at(1300), Verdict::Granted);
    assert_eq!(at(1301), Verdict::Denied(denied.clone()));
    assert_eq!(decide_as(r#"{"acr":"silver"}"#, &rule, &ASKED), Verdict::Denied(denied));
    let only_fresh = role("user").max_age(Duration::from_secs(300));
    assert_eq!(decide(&only_fresh), Verdict::Granted);
    let stale = decide_as(ALICE, &only_fresh, &Asked { now: 9999, ..ASKED });
    assert_eq!(stale, Verdict::Denied(Denial::StepUp { acr: None, max_age: Some(Duration::from_secs(300)) }));
}

#[test]
fn a_rule_prints_and_serialises_as_it_was_written() {
    let rule = any_of(const { &[all_of(const { &[all_roles(&["a", "b"]), active()] }), scope("x")] });
    assert_eq!(rule.to_string(), "(all roles of a, b and active by introspection) or scope x");
    let json = serde_json::to_string(&rule).unwrap();
    assert_eq!(json, r#"{"any_of":[{"all_of":[{"all_roles":["a","b"]},{"active":true}]},{"scope":"x"}]}"#);
    let rules = [
        (
            acr("gold").max_age(Duration::from_secs(5)),
            "acr at least gold, not older than 5 s",
            r#"{"acr":"gold","max_age_secs":5}"#,
        ),
        (not(realm_role("r")), "not (realm role r)", r#"{"not":[{"realm_role":"r"}]}"#),
        (client_role("c", "r"), "role r of client c", r#"{"client_role":["c","r"]}"#),
        (group("/g"), "group /g", r#"{"group":"/g"}"#),
        (organization("o"), "organization o", r#"{"organization":"o"}"#),
        (custom("weekday", |_| true), "weekday", r#"{"custom":"weekday"}"#),
        (Rule::any_role_of(["a"]), "any role of a", r#"{"any_role":["a"]}"#),
        (Rule::all_roles_of(["a"]), "role a", r#"{"all_roles":["a"]}"#),
        (authenticated(), "any valid token", r#"{"authenticated":true}"#),
        (
            Rule::by_methods([("GET", authenticated())]),
            "GET: any valid token",
            r#"{"by_method":{"GET":{"authenticated":true}}}"#,
        ),
        (all_of(&[]), "any valid token", r#"{"all_of":[]}"#),
        (any_of(&[]), "nobody", r#"{"any_of":[]}"#),
    ];
    for (rule, text, json) in rules {
        assert_eq!(rule.to_string(), text);
        assert_eq!(serde_json::to_string(&rule).unwrap(), json);
        assert_eq!(format!("{rule:?}"), format!("Rule({text})"));
    }
}

const STORE: &str = r#"{"scopes":[{"name":"view"},{"name":"add"},{"name":"run"}],
    "resources":[{"name":"store","scopes":[{"name":"view"},{"name":"add"},{"name":"run"}]}],
    "policies":[{"name":"users","type":"role","config":{"roles":"[{\"id\":\"user\"}]"}},
        {"name":"nobody","type":"role","config":{"roles":"[{\"id\":\"none\"}]"}},
        {"name":"script","type":"js","config":{}},
        {"name":"view","type":"scope","config":{"resources":"[\"store\"]","scopes":"[\"view\"]","applyPolicies":"[\"users\"]"}},
        {"name":"add","type":"scope","config":{"resources":"[\"store\"]","scopes":"[\"add\"]","applyPolicies":"[\"nobody\"]"}},
        {"name":"run","type":"scope","config":{"scopes":"[\"run\"]","applyPolicies":"[\"script\"]"}}]}"#;

fn decide_by(payload: &str, authorization: Option<&AuthorizationFile>, rule: &Rule) -> Verdict {
    let (principal, acr_levels) = (principal(payload), AcrLevels::default());
    let clock = &FakeClock::at(UnixTime::from_secs(1000));
    let acr_levels = &acr_levels;
    rule.decide(&Question {
        principal: &principal,
        request: &request("GET"),
        clock,
        acr_levels,
        active: None,
        permissions: authorization.map(|file| file as &dyn PermissionDecider),
        decided: &[],
    })
}

fn without(resource: &str, scope: &str) -> Denial {
    Denial::Permission { resource: Some(resource.to_owned()), scope: scope.to_owned() }
}

#[test]
fn a_permission_is_what_the_configuration_grants_and_a_refusal_names_the_scope() {
    let store = AuthorizationFile::from(policy::AuthorizationConfig::from_json(STORE.as_bytes()).unwrap());
    let decide = |rule: &Rule| decide_by(ALICE, Some(&store), rule);
    assert_eq!(decide(&permission("store", "view")), Verdict::Granted);
    assert_eq!(decide(&scope_permission("view")), Verdict::Granted);
    assert_eq!(decide(&Rule::permission_of("store".to_owned(), "view")), Verdict::Granted);
    assert_eq!(decide(&permission("store", "add")), Verdict::Denied(without("store", "add")));
    let scope = Denial::Permission { resource: None, scope: "add".to_owned() };
    assert_eq!(decide(&scope_permission("add")), Verdict::Denied(scope));
    assert_eq!(decide(&permission("elsewhere", "view")), Verdict::Denied(without("elsewhere", "view")));
    assert_eq!(decide(&not(permission("store", "add"))), Verdict::Granted);
    assert_eq!(permission("store", "view").to_string(), "permission store#view");
    assert_eq!(scope_permission("view").to_string(), "permission #view");
    assert_eq!(serde_json::to_string(&permission("a", "b")).unwrap(), r#"{"permission":["a","b"]}"#);
    assert_eq!(serde_json::to_string(&scope_permission("b")).unwrap(), r#"{"scope_permission":"b"}"#);
}

#[test]
fn what_is_not_decided_lets_nobody_pass_however_it_is_turned() {
    let store = AuthorizationFile::from(policy::AuthorizationConfig::from_json(STORE.as_bytes()).unwrap());
    let (run, add) = (permission("store", "run"), permission("store", "add"));
    for rule in [run.clone(), not(run.clone()), not(not(run.clone())), not(any_of(&[]).or(run.clone()))] {
        let verdict = decide_by(ALICE, Some(&store), &rule);
        assert!(matches!(verdict, Verdict::Undecided(_)), "{rule}: {verdict:?}");
    }
    // A certain no is one, in whatever order.
    assert_eq!(decide_by(ALICE, Some(&store), &not(run.clone().and(add.clone()))), Verdict::Granted);
    assert_eq!(decide_by(ALICE, Some(&store), &not(add.and(run.clone()))), Verdict::Granted);
    assert_eq!(decide_by(ALICE, Some(&store), &run.clone().or(role("user"))), Verdict::Granted);
    assert_eq!(
        decide_by(ALICE, Some(&store), &run.clone().and(active())),
        Verdict::Undecided(without("store", "run"))
    );
    assert_eq!(decide_by(ALICE, Some(&store), &run.or(active())), Verdict::AskIfActive);
    // Without a configuration.
    assert_eq!(
        decide_by(ALICE, None, &permission("store", "view")),
        Verdict::Undecided(without("store", "view"))
    );
}

#[test]
fn a_user_of_another_issuer_is_not_who_the_configuration_means() {
    let config = policy::AuthorizationConfig::from_json(STORE.as_bytes()).unwrap();
    let store = AuthorizationFile::from(config).for_issuer("https://kc/realms/ours");
    let user = |issuer: &str| format!(r#"{{"iss":"{issuer}","realm_access":{{"roles":["user"]}}}}"#);
    let decide = |payload: &str| decide_by(payload, Some(&store), &permission("store", "view"));
    assert_eq!(decide(&user("https://kc/realms/ours")), Verdict::Granted);
    assert!(matches!(decide(&user("https://kc/realms/theirs")), Verdict::Undecided(_)));
    assert!(matches!(decide(ALICE), Verdict::Undecided(_)));
}
