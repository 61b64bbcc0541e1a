#![cfg(test)]
//! `kc doctor` at a real Keycloak, which `KC_TEST_KEYCLOAK_URL` names, by default `http://127.0.0.1:18080`: a realm for nothing
//! else, in which one thing after the other is broken and mended again.

#[path = "doctor/realm.rs"]
mod realm;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use self::realm::{Run, Scene};

/// What is broken.
enum Broken {
    /// Variables of the service.
    Variables(Vec<(&'static str, String)>),
    /// Settings of the client.
    Client(Value),
    /// Settings of the realm.
    Realm(Value),
    /// The configuration of a mapper of the client.
    OwnMapper(Value),
    /// The configuration of the mapper `realm roles`.
    RolesMapper(Value),
    /// The client scope `roles` is not the client's any more.
    WithoutRoles,
}

/// What is broken, the one check that finds it, how bad it is, and words of what it says.
struct Case(&'static str, Broken, &'static str, &'static str, &'static [&'static str]);

fn variables(pairs: &[(&'static str, &str)]) -> Broken {
    Broken::Variables(pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect())
}

fn attributes(name: &str, value: &str) -> Broken {
    Broken::Client(json!({ "attributes": { name: value } }))
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn cases(scene: &Scene) -> Vec<Case> {
    let base = scene.base();
    let localhost = base.replace("127.0.0.1", "localhost");
    let day = realm::now() + 86_400;
    vec![
        Case(
            "any redirect URI",
            Broken::Client(json!({ "redirectUris": ["*"] })),
            "redirect-uri",
            "warning",
            &["nothing with an open host"],
        ),
        Case(
            "tokens by HMAC",
            attributes("access.token.signed.response.alg", "HS256"),
            "token-accepted",
            "error",
            &["unsupported_algorithm", "Access token signature algorithm: RS256"],
        ),
        Case(
            "DPoP demanded",
            attributes("dpop.bound.access.tokens", "true"),
            "client",
            "error",
            &["Require DPoP bound tokens off"],
        ),
        Case(
            "no such realm",
            variables(&[("KEYCLOAK_REALM", "nowhere")]),
            "realm",
            "error",
            &["KEYCLOAK_REALM", "Manage realms"],
        ),
        Case(
            "a base path",
            variables(&[("KEYCLOAK_URL", &format!("{base}/auth"))]),
            "base-path",
            "error",
            &["Set KEYCLOAK_URL to"],
        ),
        Case(
            "realm disabled",
            Broken::Realm(json!({ "enabled": false })),
            "realm",
            "error",
            &["is disabled", "Realm settings"],
        ),
        Case(
            "issuer",
            variables(&[("KEYCLOAK_ISSUER", "https://id.example.com/realms/x")]),
            "issuer",
            "error",
            &["KEYCLOAK_ISSUER", "hostname"],
        ),
        Case(
            "two host names",
            variables(&[("KEYCLOAK_URL", &localhost), ("KEYCLOAK_INTERNAL_URL", base)]),
            "issuer",
            "error",
            &["hostname=", "hostname-backchannel-dynamic=true"],
        ),
        Case(
            "pinned key",
            variables(&[("KEYCLOAK_PUBLIC_KEY", &scene.other_key)]),
            "pinned-key",
            "warning",
            &["Realm settings > Keys"],
        ),
        Case(
            "not-before",
            Broken::Realm(json!({ "notBefore": day })),
            "not-before",
            "error",
            &["Revocation > Clear"],
        ),
        Case(
            "no such client",
            variables(&[("KEYCLOAK_CLIENT_ID", "nobody")]),
            "client",
            "error",
            &["KEYCLOAK_CLIENT_ID", "Create client"],
        ),
        Case(
            "client disabled",
            Broken::Client(json!({ "enabled": false })),
            "client",
            "error",
            &["is disabled", "Enabled"],
        ),
        Case(
            "wrong secret",
            variables(&[("KEYCLOAK_CLIENT_SECRET", "wrong-secret")]),
            "client-secret",
            "error",
            &["Credentials > Client Secret", "does not take the secret"],
        ),
        Case(
            "no secret",
            variables(&[("KEYCLOAK_CLIENT_SECRET", "")]),
            "client-secret",
            "note",
            &["is not set", "Credentials"],
        ),
        Case(
            "public client",
            Broken::Client(json!({ "publicClient": true })),
            "client-secret",
            "error",
            &["Client authentication on"],
        ),
        Case(
            "signed JWT",
            Broken::Client(json!({ "clientAuthenticatorType": "client-jwt" })),
            "client-secret",
            "error",
            &["Client Authenticator: Client Id and Secret"],
        ),
        Case(
            "no service account",
            Broken::Client(json!({ "serviceAccountsEnabled": false })),
            "service-account",
            "note",
            &["Service account roles on"],
        ),
        Case(
            "full scope",
            Broken::Client(json!({ "fullScopeAllowed": true })),
            "full-scope",
            "note",
            &["svc-dedicated > Scope"],
        ),
        Case(
            "direct grants",
            Broken::Client(json!({ "directAccessGrantsEnabled": true })),
            "direct-grants",
            "warning",
            &["Direct access grants off"],
        ),
        Case(
            "no audience",
            Broken::OwnMapper(json!({ "access.token.claim": "false" })),
            "audience-mapper",
            "error",
            &["Audience: Included Client Audience svc", "is none"],
        ),
        Case(
            "another audience",
            variables(&[("KEYCLOAK_AUDIENCE", "shop,till")]),
            "audience-mapper",
            "error",
            &["shop, till", "Included Client Audience shop"],
        ),
        Case(
            "roles not in tokens",
            Broken::RolesMapper(json!({ "access.token.claim": "false" })),
            "roles-mapper",
            "error",
            &["Mappers > realm roles: Add to access token on"],
        ),
        Case(
            "no scope roles",
            Broken::WithoutRoles,
            "roles-mapper",
            "error",
            &["realm roles and client roles", "as Default"],
        ),
        Case(
            "lightweight",
            attributes("client.use.lightweight.access.token.enabled", "true"),
            "lightweight-tokens",
            "error",
            &["Always use lightweight access token off"],
        ),
        Case(
            "long tokens",
            Broken::Realm(json!({ "accessTokenLifespan": 36_000 })),
            "token-lifetime",
            "warning",
            &["36000 s", "Access Token Lifespan: 5 Minutes"],
        ),
        Case(
            "short tokens",
            attributes("access.token.lifespan", "30"),
            "token-lifetime",
            "note",
            &["30 s", "Clients > svc > Advanced"],
        ),
        Case(
            "userinfo by HMAC",
            attributes("user.info.response.signature.alg", "HS256"),
            "userinfo",
            "error",
            &["HS256", "User info signed response algorithm"],
        ),
        Case(
            "userinfo signed",
            attributes("user.info.response.signature.alg", "ES256"),
            "userinfo",
            "note",
            &["signed_userinfo"],
        ),
        Case(
            "redirect URI",
            Broken::Client(json!({ "redirectUris": ["https://elsewhere.test/*"] })),
            "redirect-uri",
            "error",
            &["Valid redirect URIs: add http://127.0.0.1:", "/oidc/callback"],
        ),
        Case(
            "post-logout URI",
            attributes("post.logout.redirect.uris", "https://elsewhere.test/"),
            "post-logout-uri",
            "error",
            &["Valid post logout redirect URIs: add http://127.0.0.1:"],
        ),
        Case(
            "no PKCE",
            attributes("pkce.code.challenge.method", ""),
            "pkce",
            "warning",
            &["Require PKCE on, PKCE Method S256"],
        ),
        Case(
            "PKCE plain",
            attributes("pkce.code.challenge.method", "plain"),
            "pkce",
            "error",
            &["PKCE Method S256", "Nobody can log in"],
        ),
        Case(
            "implicit flow",
            Broken::Client(json!({ "implicitFlowEnabled": true })),
            "implicit-flow",
            "warning",
            &["Implicit flow off"],
        ),
        Case(
            "any origin",
            Broken::Client(json!({ "webOrigins": ["*"] })),
            "web-origins",
            "warning",
            &["Web origins: list"],
        ),
        Case(
            "an origin is missing",
            variables(&[("CORS_ALLOWED_ORIGINS", "https://app.test")]),
            "web-origins",
            "note",
            &["add https://app.test"],
        ),
        Case(
            "no back channel",
            attributes("backchannel.logout.url", ""),
            "backchannel-logout",
            "warning",
            &["Backchannel logout URL http://127.0.0.1:"],
        ),
        Case(
            "another back channel",
            attributes("backchannel.logout.url", "https://old.test/oidc/backchannel-logout"),
            "backchannel-logout",
            "warning",
            &["https://old.test", "PUBLIC_URL"],
        ),
        Case(
            "no session in logout tokens",
            attributes("backchannel.logout.session.required", "false"),
            "backchannel-logout",
            "note",
            &["Backchannel logout session required on"],
        ),
        Case(
            "plain HTTP",
            Broken::Realm(json!({ "sslRequired": "none" })),
            "ssl-required",
            "warning",
            &["Require SSL: External requests"],
        ),
        Case(
            "HTTPS alone",
            Broken::Realm(json!({ "sslRequired": "all" })),
            "ssl-required",
            "error",
            &["proxy-headers=xforwarded"],
        ),
        Case(
            "brute force",
            Broken::Realm(json!({ "bruteForceProtected": false })),
            "brute-force",
            "warning",
            &["Brute Force Mode"],
        ),
        Case(
            "no rotation",
            Broken::Realm(json!({ "revokeRefreshToken": false })),
            "refresh-rotation",
            "note",
            &["Revoke Refresh Token on"],
        ),
    ]
}

/// The findings as `check severity`, and all their words.
fn found(run: &Run) -> (Vec<String>, String) {
    let report = run.json();
    let (mut names, mut words) = (Vec::new(), String::new());
    for check in report["checks"].as_array().unwrap() {
        for finding in check["findings"].as_array().unwrap() {
            names.push(format!(
                "{} {}",
                check["name"].as_str().unwrap(),
                finding["severity"].as_str().unwrap()
            ));
            for member in ["found", "means", "remedy"] {
                writeln!(words, "{}", finding[member].as_str().unwrap()).unwrap();
            }
        }
    }
    (names, words)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_broken_configuration_is_diagnosed_by_name_and_a_clean_one_has_no_finding() {
    let scene = Scene::new().await;
    let clean = scene.doctor(&["--json"], &[]);
    assert_eq!((found(&clean).0, clean.code), (Vec::new(), 0), "{}", clean.stdout);
    assert_eq!(clean.json()["summary"]["not_checked"], 0, "{}", clean.stdout);
    let codes = BTreeMap::from([("note", 0), ("warning", 1), ("error", 2)]);
    let mut wrong = String::new();
    for Case(what, broken, check, severity, words) in cases(&scene) {
        let variables = match &broken {
            Broken::Variables(variables) => variables.clone(),
            other => {
                scene.set(other, true).await;
                Vec::new()
            }
        };
        let variables: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let run = scene.doctor(&["--json"], &variables);
        scene.set(&broken, false).await;
        let (names, said) = found(&run);
        let missing: Vec<_> = words.iter().filter(|word| !said.contains(**word)).collect();
        if names != [format!("{check} {severity}")] || run.code != codes[severity] || !missing.is_empty() {
            writeln!(
                wrong,
                "{what}: {names:?}, exit code {}, without {missing:?}\n{said}{}",
                run.code, run.stderr
            )
            .unwrap();
        }
        run.holds_no_secret();
    }
    assert!(wrong.is_empty(), "{wrong}");
    let clean = scene.doctor(&["--json"], &[]);
    assert_eq!(found(&clean).0, Vec::<String>::new(), "something was not mended");

    without_an_administrator(&scene);
    an_administrator_who_may_not_look(&scene).await;
    an_audience_that_is_not_the_client(&scene).await;
    an_export_that_is_out_of_date(&scene).await;
}

fn without_an_administrator(scene: &Scene) {
    let nobody = [("KEYCLOAK_ADMIN_CLIENT_ID", ""), ("KEYCLOAK_ADMIN_CLIENT_SECRET", "")];
    let run = scene.doctor(&["--json"], &nobody);
    assert_eq!((found(&run).0, run.code), (Vec::new(), 0), "{}", run.stdout);
    let report = run.json();
    let left_out: Vec<&str> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["status"] == "not_checked")
        .map(|check| {
            assert!(
                check["detail"].as_str().unwrap().contains("needs an admin access, see --help"),
                "{check}"
            );
            check["name"].as_str().unwrap()
        })
        .collect();
    let expected = [
        "full-scope",
        "roles-mapper",
        "backchannel-logout",
        "ssl-required",
        "brute-force",
        "refresh-rotation",
    ];
    assert_eq!(left_out, expected);
    let table = scene.doctor(&[], &nobody).stdout;
    assert!(
        table.contains("  - brute-force           not checked: needs an admin access, see --help\n"),
        "{table}"
    );
    assert!(!table.contains('\x1b'), "{table}");
}

async fn an_administrator_who_may_not_look(scene: &Scene) {
    let own = [("KEYCLOAK_ADMIN_CLIENT_ID", "svc"), ("KEYCLOAK_ADMIN_CLIENT_SECRET", "svc-secret")];
    let run = scene.doctor(&["--json"], &own);
    let (names, words) = found(&run);
    assert!(!names.is_empty() && names.iter().all(|name| name == "admin-access warning"), "{names:?}");
    assert!(words.contains("view-realm") && words.contains("Service account roles > Assign role"), "{words}");
    let wrong = [("KEYCLOAK_ADMIN_CLIENT_SECRET", "wrong-secret")];
    let (names, words) = found(&scene.doctor(&["--json"], &wrong));
    assert_eq!(names, ["admin-access warning"]);
    assert!(words.contains("kc-doctor"), "{words}");
}

/// Its tokens are good here, and Keycloak calls them inactive since 26.6.2.
async fn an_audience_that_is_not_the_client(scene: &Scene) {
    let mapper =
        Broken::OwnMapper(json!({ "included.client.audience": "", "included.custom.audience": "shop" }));
    scene.set(&mapper, true).await;
    let run = scene.doctor(&["--json"], &[("KEYCLOAK_AUDIENCE", "shop")]);
    scene
        .set(
            &Broken::OwnMapper(json!({ "included.client.audience": "svc", "included.custom.audience": "" })),
            true,
        )
        .await;
    let (names, words) = found(&run);
    assert_eq!(names, ["introspection error"], "{words}");
    assert!(words.contains("26.6.2") && words.contains("Included Client Audience svc"), "{words}");
}

async fn an_export_that_is_out_of_date(scene: &Scene) {
    let only = ["--json", "--only", "authorization-export"];
    let export = scene.export().await;
    scene.write("authz.json", &export.to_string());
    let variables = [("KEYCLOAK_CLIENT_ID", "authz"), ("KEYCLOAK_AUTHORIZATION_CONFIG", "authz.json")];
    let run = scene.doctor(&only, &variables);
    assert_eq!(
        (found(&run).0, run.code, run.json()["summary"]["good"].as_i64()),
        (Vec::new(), 0, Some(1)),
        "{}",
        run.stdout
    );
    scene.set_enforcement("PERMISSIVE").await;
    let run = scene.doctor(&only, &variables);
    let (names, words) = found(&run);
    assert_eq!((names, run.code), (vec!["authorization-export warning".to_owned()], 1));
    assert!(words.contains("policyEnforcementMode") && words.contains("Authorization > Export"), "{words}");
}
