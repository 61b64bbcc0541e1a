use std::sync::atomic::{AtomicBool, Ordering};

use kc_conformance::contract::{self, RoleSamples};
use kc_core::roles::{ClaimPathRoles, KeycloakRoles, RoleExtractor, RoleSet, ScopeRoles};
use kc_core::token::{Names, TokenError, VerifiedToken};
use serde_json::{Value, json};

use crate::caught::Clauses;

#[tokio::test]
async fn keycloaks_own_roles_keep_the_contract() {
    let samples = RoleSamples::new()
        .grants(json!({"realm_access": {"roles": ["user"]}}), &["user"])
        .grants(json!({"resource_access": {"api": {"roles": ["read", "api/admin"]}, "web": {"roles": ["admin"]}}}), &[
            "read",
            "api/admin",
        ])
        .malformed(json!({"realm_access": {"roles": "admin"}}))
        .malformed(json!({"resource_access": {"api": ["admin"]}}));
    contract::role_extractor(|| KeycloakRoles::new("api"), &samples).await.unwrap();
}

#[tokio::test]
async fn roles_from_any_claim_keep_the_contract() {
    let extractor = || ClaimPathRoles::new(["my.app", "roles"]);
    contract::role_extractor(extractor, &own_claim()).await.unwrap();
}

#[tokio::test]
async fn roles_from_scopes_keep_the_contract() {
    let samples = RoleSamples::new()
        .grants(json!({"scope": "openid items:read"}), &["openid", "items:read"])
        .malformed(json!({"scope": ["admin"]}));
    contract::role_extractor(|| ScopeRoles, &samples).await.unwrap();
}

fn own_claim() -> RoleSamples {
    RoleSamples::new()
        .grants(json!({"my.app": {"roles": ["read", "write"]}}), &["read", "write"])
        .grants(json!({"my.app": {"roles": []}, "my": {"app": {"roles": ["admin"]}}}), &[])
        .malformed(json!({"my.app": {"roles": "admin"}}))
        .malformed(json!({"my.app": {"roles": [1]}}))
        .malformed(json!({"my.app": 7}))
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Defect {
    AddsOne,
    NotTheSameTwice,
    AbsentIsAnError,
    WrongShapeIsNothing,
    AllClients,
    AnyClaim,
}

#[derive(Debug)]
struct Broken {
    defect: Defect,
    asked: AtomicBool,
}

impl RoleExtractor for Broken {
    fn extract(&self, token: &VerifiedToken) -> Result<RoleSet, TokenError> {
        let claims = token.claims_as::<Value>().unwrap();
        let wrong = TokenError::MalformedClaim { claim: "my.app", expected: "roles" };
        let roles = ClaimPathRoles::new(["my.app", "roles"]).extract(token);
        let own = match self.defect {
            Defect::AbsentIsAnError if claims.get("my.app").is_none() => return Err(wrong),
            Defect::WrongShapeIsNothing => roles.unwrap_or_default(),
            _ => roles?,
        };
        let mut names = own.own().to_vec();
        match self.defect {
            Defect::AddsOne => names.push("user".to_owned()),
            Defect::NotTheSameTwice if self.asked.swap(true, Ordering::Relaxed) => names.reverse(),
            Defect::AllClients => {
                let all = &token.claims().client_roles;
                names.extend(all.iter().flat_map(|(_, roles)| roles.to_vec()));
            }
            Defect::AnyClaim if claims.get("kc_contract").is_some() => names.push("admin".to_owned()),
            _ => {}
        }
        Ok(RoleSet::new(Names::default(), Names::new(names)))
    }
}

#[test]
fn each_clause_about_role_extractors_catches_what_it_is_for() {
    let defects = [
        (Defect::AddsOne, "claims give the roles that they name, and no others"),
        (Defect::NotTheSameTwice, "the same token gives the same roles"),
        (Defect::AbsentIsAnError, "absent claims are no roles"),
        (Defect::WrongShapeIsNothing, "a claim of a wrong shape is an error, not no roles"),
        (Defect::AllClients, "roles of other clients are never one's own"),
        (Defect::AnyClaim, "claims that have nothing to do with it give nothing"),
    ];
    let suite = async |defect| {
        let make = || Broken { defect, asked: AtomicBool::default() };
        contract::role_extractor(make, &own_claim()).await
    };
    Clauses::default().all_caught(&defects, suite);
}

#[tokio::test]
async fn without_samples_a_suite_says_that_it_cannot_be_run() {
    let broken = contract::role_extractor(|| ScopeRoles, &RoleSamples::new()).await.unwrap_err();
    assert_eq!(broken.breaches()[0].clause(), "the suite can be run");
}
