#![cfg(test)]
//! `kc authz diff --live` at a real Keycloak, which `KC_TEST_KEYCLOAK_URL` names, by default `http://127.0.0.1:18080`.

use std::process::Command;

use keycloak_tests::{Realm, Temporary, unique};
use reqwest::Method;
use serde_json::{Value, json};

const DEMO: &str = include_str!("../../kc-core/tests/policy/authorization-config.json");

/// A resource server of the realm, and a file to hold against it.
struct Scene {
    realm: Realm,
    server: Temporary,
    folder: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        Self::with(&serde_json::from_str(DEMO).unwrap()).await
    }

    async fn with(settings: &Value) -> Self {
        let realm = Realm::reached().await;
        let server = realm.temporary_resource_server(settings).await;
        let scene = Self { realm, server, folder: tempfile::tempdir().unwrap() };
        scene.write("authz.json", &settings.to_string());
        scene
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// Runs the command as the service would be set up, with nothing but these arguments and variables.
    fn diff(&self, arguments: &[&str], variables: &[(&str, &str)]) -> (String, String, i32) {
        let output = Command::new(env!("CARGO_BIN_EXE_kc"))
            .args(["authz", "diff", "--live", "authz.json"])
            .args(arguments)
            .env_clear()
            .envs([
                ("KEYCLOAK_URL", self.realm.base()),
                ("KEYCLOAK_REALM", "kc-demo"),
                ("KEYCLOAK_CLIENT_ID", self.server.name()),
            ])
            .envs(variables.iter().copied())
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr), output.status.code().unwrap())
    }

    /// A client for nothing but the comparison, without a role of `realm-management`.
    async fn asker(&self) -> Temporary {
        let name = unique("kc-diff");
        let settings = json!({
            "clientId": name,
            "secret": format!("{name}-secret"),
            "publicClient": false,
            "standardFlowEnabled": false,
            "serviceAccountsEnabled": true,
        });
        let asker = self.realm.temporary_client_of(&settings).await;
        self.write("secret", &format!("{name}-secret\n"));
        asker
    }

    async fn give(&self, asker: &Temporary, role: &str) {
        let management = self.realm.client_id("realm-management").await;
        let user = self.realm.read(&format!("clients/{}/service-account-user", asker.id())).await;
        let role = self.realm.read(&format!("clients/{management}/roles/{role}")).await;
        let path = format!("users/{}/role-mappings/clients/{management}", user["id"].as_str().unwrap());
        self.realm.administer(Method::POST, &path, Some(&json!([role]))).await;
    }

    /// Changes a policy or permission at the server by the admin API, as the console does.
    async fn change(&self, kind: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let base = format!("clients/{}/authz/resource-server/{kind}", self.server.id());
        let found = self.realm.read(&format!("{base}/search?name={name}")).await;
        let path = format!("{base}/{}", found["id"].as_str().unwrap());
        let mut policy = self.realm.read(&path).await;
        change(&mut policy);
        self.realm.administer(Method::PUT, &path, Some(&policy)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_that_is_missing_is_named_and_with_both_there_is_no_difference() {
    let scene = Scene::new().await;
    let asker = scene.asker().await;
    let with_client = ["--admin-client", asker.name(), "--admin-secret-file", "secret"];
    let (_, stderr, code) = scene.diff(&with_client, &[]);
    assert!(
        code == 2 && stderr.contains("(403)") && stderr.contains("lacks the role view-clients"),
        "{stderr}"
    );
    scene.give(&asker, "view-clients").await;
    let (_, stderr, code) = scene.diff(&with_client, &[]);
    assert!(
        code == 2 && stderr.contains("(403)") && stderr.contains("lacks the role manage-authorization"),
        "{stderr}"
    );
    scene.give(&asker, "manage-authorization").await;
    let (stdout, stderr, code) = scene.diff(&with_client, &[]);
    assert_eq!((stdout.as_str(), stderr.as_str(), code), ("no difference\n", "", 0));
    // By variables, and by a token.
    let secret = format!("{}-secret", asker.name());
    let by_variables =
        [("KEYCLOAK_ADMIN_CLIENT_ID", asker.name()), ("KEYCLOAK_ADMIN_CLIENT_SECRET", secret.as_str())];
    assert_eq!(scene.diff(&[], &by_variables).2, 0);
    scene.write("token", &scene.realm.service_account(asker.name()).await);
    assert_eq!(scene.diff(&["--admin-token-file", "token"], &[]).2, 0);
}

/// With ids and without, defaults left out, in whatever order; of each type of policy one.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_as_somebody_wrote_it_is_what_the_server_exports_of_it() {
    let ids = [1, 2, 3]
        .map(|n| format!("7e57{}-0000-4000-8000-00000000000{n}", std::process::id() % 9_000 + 1_000));
    let list = |names: &[&str]| json!(names).to_string();
    let policy =
        |name: &str, kind: &str, config: Value| json!({ "name": name, "type": kind, "config": config });
    let required = |name: &str| json!([{ "id": "profile" }, { "id": name, "required": true }]).to_string();
    let settings = json!({
        "policyEnforcementMode": "PERMISSIVE",
        "scopes": [{ "name": "b" }, { "name": "a", "displayName": "A", "iconUri": "http://x.test/a" }, { "name": "of nothing" }],
        "resources": [
            { "_id": ids[0], "name": "r", "type": "urn:t", "scopes": [{ "name": "b" }, { "name": "a" }], "uris": ["/r", "/a/*"],
              "attributes": { "city": ["Turin", "Rome"] }, "icon_uri": "http://x.test/r" },
            { "_id": ids[1], "name": "of alice", "type": "urn:t", "owner": { "name": "alice" }, "ownerManagedAccess": true },
            { "_id": ids[2], "name": "r", "owner": { "name": "bob" } }],
        "policies": [
            policy("role", "role", json!({ "roles": r#"[{"id":"user"},{"id":"api/api-read","required":true}]"# })),
            json!({ "name": "now", "type": "role", "description": "why", "config": { "roles": r#"[{"id":"user"}]"#, "fetchRoles": "true" } }),
            policy("user", "user", json!({ "users": list(&["carol", "alice"]) })),
            policy("client", "client", json!({ "clients": list(&["spa", "api"]) })),
            policy("scope", "client-scope", json!({ "clientScopes": required("email") })),
            policy("group", "group", json!({ "groupsClaim": "groups",
                "groups": r#"[{"path":"/staff","extendChildren":true},{"path":"/management"}]"# })),
            json!({ "name": "not there", "type": "group", "logic": "NEGATIVE", "config": { "groups": r#"[{"path":"/staff/warehouse"}]"# } }),
            policy("time", "time", json!({ "nbf": "2020-01-01 00:00:00", "hour": "9", "hourEnd": "17" })),
            policy("regex", "regex", json!({ "targetClaim": "department", "pattern": "[a,b]" })),
            json!({ "name": "most", "type": "aggregate", "decisionStrategy": "CONSENSUS",
                "config": { "applyPolicies": list(&["user", "role", "group"]) } }),
            policy("of r", "resource", json!({ "resources": list(&[&ids[0]]), "applyPolicies": list(&["most", "user"]) })),
            policy("of alice's", "resource", json!({ "resources": list(&[&ids[1]]), "applyPolicies": list(&["client"]) })),
            policy("of all t", "resource", json!({ "defaultResourceType": "urn:t", "applyPolicies": list(&["time"]) })),
            json!({ "name": "a or b", "type": "scope", "decisionStrategy": "AFFIRMATIVE",
                "config": { "scopes": list(&["b", "a"]), "applyPolicies": list(&["regex", "scope"]) } }),
            policy("a of t", "scope", json!({ "defaultResourceType": "urn:t", "scopes": list(&["a"]),
                "applyPolicies": list(&["now", "not there"]) })),
            policy("nothing", "scope", json!({ "resources": list(&[&ids[0]]), "scopes": list(&["a"]) }))],
    });
    let scene = Scene::with(&settings).await;
    let asker = scene.asker().await;
    scene.give(&asker, "view-clients").await;
    scene.give(&asker, "manage-authorization").await;
    let (stdout, stderr, code) =
        scene.diff(&["--admin-client", asker.name(), "--admin-secret-file", "secret"], &[]);
    assert_eq!((stdout.as_str(), stderr.as_str(), code), ("no difference\n", "", 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_administrator_changed_is_told_and_for_whom() {
    let scene = Scene::new().await;
    let asker = scene.asker().await;
    scene.give(&asker, "view-clients").await;
    scene.give(&asker, "manage-authorization").await;
    scene.change("policy/role", "not-admin", |policy| policy["logic"] = json!("POSITIVE")).await;
    let alice = json!({ "preferred_username": "alice", "department": "engineering", "groups": ["/management"],
        "realm_access": { "roles": ["admin", "user"] } });
    scene.write("claims.jsonl", &alice.to_string());
    let options =
        ["--admin-client", asker.name(), "--admin-secret-file", "secret", "--identities", "claims.jsonl"];
    let (stdout, stderr, code) = scene.diff(&options, &[]);
    assert_eq!((stderr.as_str(), code), ("", 1));
    for line in [
        &format!("+ {}, client {}, exported now\n", scene.realm.issuer(), scene.server.name()),
        "\npolicies\n  ~ \"not-admin\"\n      logic: NEGATIVE -> POSITIVE\n\nfor whom\n",
        "  permission \"report: not for admins\": its policy \"not-admin\" was changed\n    about: report#inventory:view\n",
        "  line 1 (alice): report#inventory:view: deny -> grant\n",
    ] {
        assert!(stdout.contains(line), "{line}\n{stdout}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_at_the_server_is_told_with_what_to_do() {
    let scene = Scene::new().await;
    let asker = scene.asker().await;
    scene.give(&asker, "view-clients").await;
    scene.give(&asker, "manage-authorization").await;
    let with_client = ["--admin-client", asker.name(), "--admin-secret-file", "secret"];
    for (variables, words) in [
        (("KEYCLOAK_CLIENT_ID", "api"), ["no Authorization Services (404)", "switch Authorization on"]),
        (("KEYCLOAK_CLIENT_ID", "nobody"), ["no client \"nobody\"", "KEYCLOAK_CLIENT_ID"]),
        (("KEYCLOAK_REALM", "nowhere"), ["404", "realm"]),
    ] {
        let (_, stderr, code) = scene.diff(&with_client, &[variables]);
        assert!(code == 2 && words.iter().all(|word| stderr.contains(word)), "{stderr}");
    }
    scene.write("secret", "wrong");
    let (_, stderr, code) = scene.diff(&with_client, &[]);
    assert!(code == 2 && stderr.contains("check the secret of client"), "{stderr}");
    scene.write("token", "abc.def.ghi");
    let (_, stderr, code) = scene.diff(&["--admin-token-file", "token"], &[]);
    assert!(code == 2 && stderr.contains("does not take the admin token (401)"), "{stderr}");
}
