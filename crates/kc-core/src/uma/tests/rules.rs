//! What becomes of a rule with a permission at a guard.

use std::fmt;

use serde_json::json;

use super::*;
use crate::authenticator::Authenticator;
use crate::policy::{AuthorizationConfig, AuthorizationFile};
use crate::rules::{Rule, custom, not, permission, scope_permission};
use crate::wire::{BearerCredentials, Refusal};
use crate::{Access, AuthError, Guard};

/// Takes every token for good.
#[derive(Debug)]
struct Trusting;

#[async_trait]
impl Authenticator for Trusting {
    async fn authenticate(&self, request: &RequestView<'_>) -> Result<Option<Principal>, AuthError> {
        Ok(self.recall(request))
    }

    fn recall(&self, request: &RequestView<'_>) -> Option<Principal> {
        let token = BearerCredentials::read(request.headers).ok()??.token();
        let payload = URL_SAFE_NO_PAD.decode_to_vec(token.split('.').nth(1)?).ok()?;
        Some(principal_of(&String::from_utf8(payload).ok()?))
    }
}

fn guard(decider: impl PermissionDecider + 'static) -> Guard {
    Guard::builder("demo")
        .add_authenticator(Arc::new(Trusting))
        .permissions(Arc::new(decider))
        .audit(Arc::new(crate::audit::NoAudit))
        .clock(clock())
        .build()
}

async fn admit(guard: &Guard, caller: &Caller, rule: &Rule) -> Result<(), Refusal> {
    let admitted = guard.admit(&caller.request(), &Access::from(rule.clone())).await;
    admitted.outcome.map(|_| ())
}

async fn code(guard: &Guard, rule: &Rule) -> &'static str {
    admit(guard, &Caller::alice(), rule).await.map_or_else(|refusal| refusal.code(), |()| "allowed")
}

fn view() -> Rule {
    permission("store", "view")
}

fn everybody() -> Rule {
    custom("everybody", |_| true)
}

fn nobody() -> Rule {
    custom("nobody", |_| false)
}

#[tokio::test(start_paused = true)]
async fn a_rule_is_decided_by_keycloak() {
    let realm = realm(grants(&[granted(STORE, &["view"])]), resources());
    let guard = guard(online_of(&realm));
    for (rule, expected) in [
        (view(), "allowed"),
        (view().and(everybody()), "allowed"),
        (view().and(nobody()), "insufficient_permissions"),
        (not(view()), "insufficient_permissions"),
        (not(not(view())), "allowed"),
        (permission("store", "add"), "insufficient_permissions"),
        (view().and(permission("store", "add")), "insufficient_permissions"),
        (view().or(permission("store", "add")), "allowed"),
        (not(permission("store", "add")), "allowed"),
    ] {
        assert_eq!(code(&guard, &rule).await, expected, "{rule}");
    }
    // Once it is remembered, nobody has to be waited for.
    let (caller, access) = (Caller::alice(), Access::from(view()));
    assert!(guard.admit_now(&caller.request(), &access).is_some_and(|admitted| admitted.outcome.is_ok()));
}

#[tokio::test(start_paused = true)]
async fn keycloak_is_asked_only_if_the_answer_depends_on_it() {
    let realm = realm(denied(), resources());
    let guard = guard(online_of(&realm));
    assert_eq!(code(&guard, &view().or(everybody())).await, "allowed");
    assert_eq!(code(&guard, &view().and(nobody())).await, "insufficient_permissions");
    assert_eq!(realm.decisions.requests() + realm.protection.requests(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_503_however_the_rule_is_turned() {
    for answer in [
        Answer::Fail(TransportError::Timeout { after: Duration::from_secs(5) }),
        Answer::reply(500, r#"{"error":"server_error"}"#),
        Answer::reply(200, r#"{"result":true}"#),
        // A proxy that refuses by itself.
        Answer::reply(403, r#"{"error":"access_denied"}"#),
        Answer::reply(403, "<html>"),
    ] {
        let realm = realm(answer, resources());
        let guard = guard(online_of(&realm));
        for rule in [view(), not(view()), view().or(nobody()), not(not(view())), not(view().and(everybody()))]
        {
            assert_eq!(code(&guard, &rule).await, "authorization_unavailable", "{rule}");
        }
        let refusal = admit(&guard, &Caller::alice(), &view()).await.unwrap_err();
        let response = guard.response(&refusal);
        assert_eq!(
            (response.status().as_u16(), &response.headers()["retry-after"]),
            (503, &"1".parse().unwrap())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_registered_lets_nobody_pass_however_the_rule_is_turned() {
    let realm =
        realm(Answer::reply(400, r#"{"error":"invalid_scope","error_description":"x"}"#), resources());
    let guard = guard(online_of(&realm));
    for rule in
        [view(), not(view()), not(not(view())), scope_permission("view"), not(scope_permission("view"))]
    {
        assert_eq!(code(&guard, &rule).await, "insufficient_permissions", "{rule}");
    }
    // Nor a scope that would be read as two.
    for rule in [scope_permission("view,add"), not(scope_permission("view,add"))] {
        assert_eq!(code(&guard, &rule).await, "internal_error", "{rule}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_lacks_a_permission_is_told_where_to_get_it() {
    let realm = realm(denied(), resources());
    realm.protection.answers_from_now([resources(), Answer::reply(201, r#"{"ticket":"eyJ.eyJ.AAAA"}"#)]);
    let guard = guard(online_of(&realm).tickets("https://id.example.com/realms/demo"));
    let refusal = admit(&guard, &Caller::alice(), &view()).await.unwrap_err();
    let response = guard.response(&refusal);
    assert_eq!((response.status().as_u16(), refusal.code()), (401, "permission_required"));
    let challenges: Vec<_> = response.headers().get_all("www-authenticate").iter().collect();
    assert_eq!(
        challenges,
        [r#"UMA realm="demo", as_uri="https://id.example.com/realms/demo", ticket="eyJ.eyJ.AAAA""#]
    );
    assert!(
        !format!("{refusal:?}").contains("eyJ") && !String::from_utf8_lossy(response.body()).contains("eyJ")
    );
    let sent = realm.protection.last();
    assert_eq!(sent.body(), format!(r#"[{{"resource_id":"{STORE}","resource_scopes":["view"]}}]"#).as_str());
    // The same for the same caller, for a moment, and never another one's.
    let asked = realm.protection.requests();
    assert_eq!(code(&guard, &view()).await, "permission_required");
    assert_eq!(realm.protection.requests(), asked);
    let bob = Caller::named("bob", NOW + 300);
    assert_eq!(admit(&guard, &bob, &view()).await.unwrap_err().code(), "permission_required");
    assert_eq!(realm.protection.requests(), asked + 1);
    // What is missing is no permission.
    assert_eq!(code(&guard, &nobody().and(view())).await, "insufficient_permissions");
    // Nobody who comes without a token gets one, nor costs Keycloak a request.
    let nobody = Caller { headers: HeaderMap::new(), ..Caller::alice() };
    assert_eq!(admit(&guard, &nobody, &view()).await.unwrap_err().code(), "not_authenticated");
    assert_eq!(realm.protection.requests(), asked + 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_denied_stays_denied_without_a_ticket() {
    let realm = realm(denied(), resources());
    for answer in [
        Answer::Fail(TransportError::Broken),
        Answer::reply(400, r#"{"error":"invalid_scope"}"#),
        Answer::reply(201, r#"{"ticket":5}"#),
    ] {
        realm.protection.answers_from_now([resources(), answer]);
        let guard = guard(online_of(&realm).tickets(ISSUER));
        assert_eq!(code(&guard, &view()).await, "insufficient_permissions");
    }
}

const FILE: &str = r#"{"policyEnforcementMode":"ENFORCING","decisionStrategy":"UNANIMOUS",
    "scopes":[{"name":"view"},{"name":"add"},{"name":"run"}],
    "resources":[{"name":"store","scopes":[{"name":"view"},{"name":"add"},{"name":"run"}]}],
    "policies":[
        {"name":"users","type":"role","logic":"POSITIVE","config":{"roles":"[{\"id\":\"user\"}]"}},
        {"name":"script","type":"js","logic":"POSITIVE","config":{}},
        {"name":"view","type":"scope","config":{"resources":"[\"store\"]","scopes":"[\"view\"]","applyPolicies":"[\"users\"]"}},
        {"name":"run","type":"scope","config":{"resources":"[\"store\"]","scopes":"[\"run\"]","applyPolicies":"[\"script\"]"}}]}"#;

fn file() -> AuthorizationFile {
    AuthorizationFile::from(AuthorizationConfig::from_json(FILE.as_bytes()).unwrap()).for_issuer(ISSUER)
}

fn user() -> Caller {
    Caller::of(&json!({ "iss": ISSUER, "sub": "u", "jti": "j-u", "exp": NOW + 300,
        "realm_access": { "roles": ["user"] } }))
}

#[tokio::test(start_paused = true)]
async fn only_what_the_file_leaves_open_is_asked_of_keycloak() {
    let realm = realm(grants(&[granted(STORE, &["run"])]), resources());
    let hybrid = guard(HybridPermissions::new(file(), online_of(&realm)));
    assert_eq!(admit(&hybrid, &user(), &view()).await, Ok(()));
    let add = admit(&hybrid, &user(), &permission("store", "add")).await;
    assert_eq!(add.unwrap_err().code(), "insufficient_permissions");
    assert_eq!(realm.decisions.requests() + realm.protection.requests(), 0);
    assert_eq!(admit(&hybrid, &user(), &permission("store", "run")).await, Ok(()));
    assert_eq!(realm.decisions.requests(), 1);
    // The file alone lets nobody in by what it leaves open, and an outage concerns nothing else.
    let offline = guard(file());
    let run = permission("store", "run");
    assert_eq!(admit(&offline, &user(), &run).await.unwrap_err().code(), "insufficient_permissions");
    realm.decisions.answer_from_now(Answer::Fail(TransportError::Broken));
    let hybrid = guard(HybridPermissions::new(file(), online_of(&realm)));
    assert_eq!(admit(&hybrid, &user(), &run).await.unwrap_err().code(), "authorization_unavailable");
    assert_eq!(admit(&hybrid, &user(), &view()).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn with_tickets_what_the_file_denies_is_asked_too_since_users_share() {
    let realm = realm(grants(&[granted(STORE, &["add"])]), resources());
    let hybrid = guard(HybridPermissions::new(file(), online_of(&realm).tickets(ISSUER)));
    assert_eq!(admit(&hybrid, &user(), &permission("store", "add")).await, Ok(()));
    let text = format!("{hybrid:?}");
    assert!(!text.is_empty());
}

/// Says yes to whatever it is asked for, later; and was asked so often.
struct Later;

impl fmt::Debug for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Later")
    }
}

#[async_trait]
impl PermissionDecider for Later {
    fn decide_now(&self, _: &PermissionRequest<'_>) -> Option<crate::policy::Verdict> {
        None
    }

    async fn decide(&self, asked: &PermissionRequest<'_>) -> Result<crate::policy::Verdict, AuthError> {
        match asked.scope {
            "yes" => Ok(crate::policy::Verdict::Grant),
            _ => Ok(crate::policy::Verdict::Deny),
        }
    }
}

#[tokio::test]
async fn a_decider_of_ones_own_decides_several_permissions_of_one_rule() {
    let guard = guard(Later);
    let (yes, no) = (permission("a", "yes"), permission("a", "no"));
    for (rule, expected) in [
        (yes.clone().and(scope_permission("yes")), "allowed"),
        (yes.clone().and(no.clone()), "insufficient_permissions"),
        (no.clone().or(yes.clone()), "allowed"),
        (not(no.clone().or(scope_permission("no"))), "allowed"),
        (not(no.or(yes)), "insufficient_permissions"),
    ] {
        assert_eq!(code(&guard, &rule).await, expected, "{rule}");
    }
}
