//! A realm of its own with a client that is set up right, and a service that answers its back channel.

use std::env;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::Broken;

/// What the command said.
pub(super) struct Run {
    pub(super) stdout: String,
    pub(super) stderr: String,
    pub(super) code: i32,
}

impl Run {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("{}{}", self.stdout, self.stderr))
    }

    pub(super) fn holds_no_secret(&self) {
        let all = format!("{}{}", self.stdout, self.stderr);
        for secret in ["svc-secret", "kc-doctor-secret", "wrong-secret", "eyJ"] {
            assert!(!all.contains(secret), "{secret} in {all}");
        }
    }
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

pub(super) struct Scene {
    base: String,
    http: Client,
    name: String,
    client: Value,
    realm: Value,
    public_url: String,
    /// The key of another realm.
    pub(super) other_key: String,
    token: Mutex<Option<(Instant, String)>>,
    folder: tempfile::TempDir,
}

impl Scene {
    pub(super) async fn new() -> Self {
        let base = env::var("KC_TEST_KEYCLOAK_URL").unwrap_or_else(|_| "http://127.0.0.1:18080".to_owned());
        let mut scene = Self {
            base: base.trim_end_matches('/').to_owned(),
            http: Client::new(),
            name: format!("kc-doctor-{}-{}", std::process::id(), now()),
            client: Value::Null,
            realm: Value::Null,
            public_url: listening(),
            other_key: String::new(),
            token: Mutex::default(),
            folder: tempfile::tempdir().unwrap(),
        };
        let settings = scene.settings();
        scene.send(Method::POST, "/admin/realms", Some(&settings)).await;
        // The administrator's roles of the new realm are not in the token that made it.
        *scene.token.lock().unwrap() = None;
        scene.client = scene.client_of("svc").await;
        scene.realm = scene.read("").await;
        let page = scene.send(Method::GET, "/realms/kc-demo", None).await;
        scene.other_key =
            serde_json::from_str::<Value>(&page).unwrap()["public_key"].as_str().unwrap().to_owned();
        let (doctor, management) =
            (scene.client_of("kc-doctor").await, scene.client_of("realm-management").await);
        let id = |client: &Value| client["id"].as_str().unwrap().to_owned();
        let user = scene.read(&format!("clients/{}/service-account-user", id(&doctor))).await;
        let mut roles = Vec::new();
        for role in ["view-realm", "view-clients", "manage-authorization"] {
            roles.push(scene.read(&format!("clients/{}/roles/{role}", id(&management))).await);
        }
        let path = format!("users/{}/role-mappings/clients/{}", id(&user), id(&management));
        scene.change(Method::POST, &path, &Value::Array(roles)).await;
        scene
    }

    fn settings(&self) -> Value {
        let public_url = &self.public_url;
        let confidential = |name: &str, more: Value| {
            let mut client = json!({
                "clientId": name,
                "secret": format!("{name}-secret"),
                "publicClient": false,
                "serviceAccountsEnabled": true,
                "standardFlowEnabled": false,
                "directAccessGrantsEnabled": false,
            });
            client.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            client
        };
        let svc = confidential(
            "svc",
            json!({
                "standardFlowEnabled": true,
                "fullScopeAllowed": false,
                "redirectUris": [format!("{public_url}/oidc/callback")],
                "webOrigins": ["http://localhost:3000"],
                "attributes": {
                    "pkce.code.challenge.method": "S256",
                    "post.logout.redirect.uris": format!("{public_url}/"),
                    "backchannel.logout.url": format!("{public_url}/oidc/backchannel-logout"),
                    "backchannel.logout.session.required": "true",
                },
                "protocolMappers": [{
                    "name": "audience",
                    "protocol": "openid-connect",
                    "protocolMapper": "oidc-audience-mapper",
                    "config": {
                        "included.client.audience": "svc",
                        "access.token.claim": "true",
                        "introspection.token.claim": "true",
                    },
                }],
            }),
        );
        json!({
            "realm": self.name,
            "enabled": true,
            "sslRequired": "external",
            "bruteForceProtected": true,
            "revokeRefreshToken": true,
            "refreshTokenMaxReuse": 0,
            "clients": [
                svc,
                confidential("kc-doctor", json!({ "fullScopeAllowed": true })),
                confidential("authz", json!({ "authorizationServicesEnabled": true })),
            ],
        })
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// Runs the command as the service is set up, with these variables on top.
    pub(super) fn doctor(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_kc"))
            .arg("doctor")
            .args(arguments)
            .env_clear()
            .envs([
                ("KEYCLOAK_URL", self.base.as_str()),
                ("KEYCLOAK_REALM", &self.name),
                ("KEYCLOAK_CLIENT_ID", "svc"),
                ("KEYCLOAK_CLIENT_SECRET", "svc-secret"),
                ("KEYCLOAK_ADMIN_CLIENT_ID", "kc-doctor"),
                ("KEYCLOAK_ADMIN_CLIENT_SECRET", "kc-doctor-secret"),
                ("PUBLIC_URL", &self.public_url),
                ("CORS_ALLOWED_ORIGINS", "http://localhost:3000"),
            ])
            .envs(variables.iter().copied())
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Run { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code().unwrap() }
    }

    /// Breaks it, or mends it.
    pub(super) async fn set(&self, broken: &Broken, on: bool) {
        let id = self.client["id"].as_str().unwrap();
        match broken {
            Broken::Variables(_) => {}
            Broken::Client(change) => {
                let mut client = self.client.clone();
                merge(&mut client, change, on);
                self.change(Method::PUT, &format!("clients/{id}"), &client).await;
            }
            Broken::Realm(change) => {
                let mut realm = self.realm.clone();
                merge(&mut realm, change, on);
                let names = change.as_object().unwrap().keys();
                let part: Value = names.map(|name| (name.clone(), realm[name].clone())).collect();
                self.change(Method::PUT, "", &part).await;
            }
            Broken::OwnMapper(change) => {
                let mut mapper = self.client["protocolMappers"][0].clone();
                merge(&mut mapper["config"], change, on);
                let path = format!("clients/{id}/protocol-mappers/models/{}", mapper["id"].as_str().unwrap());
                self.change(Method::PUT, &path, &mapper).await;
            }
            Broken::RolesMapper(change) => {
                let scope = self.roles_scope().await;
                let mappers = scope["protocolMappers"].as_array().unwrap();
                let mut mapper = mappers.iter().find(|one| one["name"] == "realm roles").unwrap().clone();
                merge(&mut mapper["config"], change, on);
                if !on {
                    mapper["config"]["access.token.claim"] = json!("true");
                }
                let (scope, mapper_id) = (scope["id"].as_str().unwrap(), mapper["id"].as_str().unwrap());
                let path = format!("client-scopes/{scope}/protocol-mappers/models/{mapper_id}");
                self.change(Method::PUT, &path, &mapper).await;
            }
            Broken::WithoutRoles => {
                let scope = self.roles_scope().await;
                let path = format!("clients/{id}/default-client-scopes/{}", scope["id"].as_str().unwrap());
                self.change(if on { Method::DELETE } else { Method::PUT }, &path, &json!({})).await;
            }
        }
    }

    pub(super) async fn export(&self) -> Value {
        self.read(&format!("clients/{}/authz/resource-server/settings", self.authz().await)).await
    }

    pub(super) async fn set_enforcement(&self, mode: &str) {
        let path = format!("clients/{}/authz/resource-server", self.authz().await);
        let mut server = self.read(&path).await;
        server["policyEnforcementMode"] = json!(mode);
        self.change(Method::PUT, &path, &server).await;
    }

    async fn authz(&self) -> String {
        self.client_of("authz").await["id"].as_str().unwrap().to_owned()
    }

    async fn roles_scope(&self) -> Value {
        let scopes = self.read("client-scopes").await;
        scopes.as_array().unwrap().iter().find(|scope| scope["name"] == "roles").unwrap().clone()
    }

    async fn client_of(&self, name: &str) -> Value {
        self.read(&format!("clients?clientId={name}")).await[0].clone()
    }

    async fn read(&self, path: &str) -> Value {
        let path = format!("/admin/realms/{}/{path}", self.name);
        serde_json::from_str(&self.send(Method::GET, path.trim_end_matches('/'), None).await).unwrap()
    }

    async fn change(&self, method: Method, path: &str, body: &Value) {
        let path = format!("/admin/realms/{}/{path}", self.name);
        self.send(method, path.trim_end_matches('/'), Some(body)).await;
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> String {
        let token = self.administrator().await;
        send(&self.http, method, &format!("{}{path}", self.base), &token, body).await
    }

    async fn administrator(&self) -> String {
        if let Some((since, token)) = &*self.token.lock().unwrap()
            && since.elapsed() < Duration::from_secs(30)
        {
            return token.clone();
        }
        let token = administrator(&self.http, &self.base).await;
        *self.token.lock().unwrap() = Some((Instant::now(), token.clone()));
        token
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let url = format!("{}/admin/realms/{}", self.base, self.name);
        let gone = thread::scope(|scope| {
            let going = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let http = Client::new();
                    let token = administrator(&http, &self.base).await;
                    send(&http, Method::DELETE, &url, &token, None).await
                })
            });
            going.join().is_ok()
        });
        assert!(gone || thread::panicking(), "the realm {} is still there", self.name);
    }
}

async fn administrator(http: &Client, base: &str) -> String {
    let answer = http
        .post(format!("{base}/realms/master/protocol/openid-connect/token"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("grant_type=password&client_id=admin-cli&username=admin&password=admin")
        .send()
        .await
        .unwrap_or_else(|error| {
            panic!("no Keycloak at {base} ({error}): start it: cargo xtask keycloak start")
        });
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

async fn send(http: &Client, method: Method, url: &str, token: &str, body: Option<&Value>) -> String {
    let mut request = http.request(method.clone(), url).bearer_auth(token);
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert!(status.is_success(), "{method} {url} answers {status}: {text}");
    text
}

/// Puts members of `change` into `target`; or, to undo it, empties attributes that it lacks.
fn merge(target: &mut Value, change: &Value, on: bool) {
    for (name, value) in change.as_object().unwrap() {
        match value {
            Value::Object(_) => merge(&mut target[name], value, on),
            _ if on => target[name] = value.clone(),
            _ if target.get(name).is_none() => target[name] = json!(""),
            _ => {}
        }
    }
}

/// Answers everything with 400, as a service does to a logout token that is none.
fn listening() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream
                .write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    url
}
