//! Two issuers, one service: whose token is good for what, and who is asked about it.

#![cfg(test)]

use std::process::{Child, Command, Stdio};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use kc_core::Keycloak;
use kc_dev::{Alg, DevIssuer, Endpoint};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

const CUSTOMERS: &str = include_str!("../realms/customers.json");
const STAFF: &str = include_str!("../realms/staff.json");

/// Both issuers and the service, in one process.
struct Setup {
    customers: DevIssuer,
    staff: DevIssuer,
    app: Router,
    folder: TempDir,
}

/// Status, and the code of a problem.
type Outcome = (u16, String);

async fn issuer(realm: &str) -> DevIssuer {
    // Keys of their own: two realms with the same keys prove nothing.
    let issuer = DevIssuer::builder().realm_json(realm).start().await.unwrap();
    issuer.jwks().await.unwrap();
    issuer
}

impl Setup {
    async fn new() -> Self {
        let (customers, staff) = tokio::join!(issuer(CUSTOMERS), issuer(STAFF));
        let folder = tempfile::tempdir().unwrap();
        let audit = folder.path().join("audit").to_str().unwrap().to_owned();
        let of_customers = two_realms::realm(customers.base_url(), "customers", "shop", &audit).unwrap();
        let of_staff = two_realms::realm(staff.base_url(), "staff", "desk", "off").unwrap();
        let kc: Keycloak = two_realms::keycloak(&of_customers, of_staff).unwrap();
        kc.prefetch().await;
        let (app, _) = two_realms::app(&kc).unwrap();
        Self { customers, staff, app, folder }
    }

    async fn send(&self, request: &str, token: &str) -> (u16, Value) {
        let (method, path) = request.split_once(' ').unwrap();
        let request = Request::builder().method(method).uri(path);
        let request = request.header("authorization", format!("Bearer {token}"));
        let answer = self.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn outcome(&self, request: &str, token: &str) -> Outcome {
        let (status, body) = self.send(request, token).await;
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    }

    async fn carla(&self) -> String {
        self.customers.token("carla", "shop").await.unwrap()
    }

    async fn steve(&self) -> String {
        self.staff.token("steve", "desk").await.unwrap()
    }

    /// The audit, once everything is written: with the service it ends.
    fn audit(self) -> Vec<Value> {
        drop(self.app);
        let lines = std::fs::read_to_string(self.folder.path().join("audit")).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn is(status: u16, code: &str) -> Outcome {
    (status, code.to_owned())
}

#[tokio::test]
async fn tokens_of_both_realms_are_good_and_those_of_a_third_are_not() {
    let setup = Setup::new().await;
    let (status, me) = setup.send("GET /me", &setup.carla().await).await;
    assert_eq!((status, &me["realm"], &me["roles"][0]), (200, &"customers".into(), &"buyer".into()));
    let (status, me) = setup.send("GET /me", &setup.steve().await).await;
    assert_eq!((status, &me["realm"], &me["roles"][0]), (200, &"staff".into(), &"clerk".into()));
    let third = issuer(&STAFF.replace(r#""realm": "staff""#, r#""realm": "strangers""#)).await;
    let stranger = third.token("steve", "desk").await.unwrap();
    assert_eq!(setup.outcome("GET /me", &stranger).await, is(401, "invalid_issuer"));
    for endpoint in Endpoint::ALL {
        assert_eq!(third.requests(endpoint), 0, "nobody asks an issuer because a token names it");
    }
}

#[tokio::test]
async fn a_token_is_for_its_own_realms_client_only() {
    let setup = Setup::new().await;
    // A client of that name is in this realm, too; it is not the one that the service is here.
    let desk =
        setup.customers.mint().user("mallory").client("shop").claim("aud", "desk").sign().await.unwrap();
    assert_eq!(setup.outcome("GET /me", &desk).await, is(401, "invalid_audience"));
    let shop = setup.staff.token("trudy", "shop").await.unwrap();
    assert_eq!(setup.outcome("GET /me", &shop).await, is(401, "invalid_audience"));
}

#[tokio::test]
async fn a_role_of_one_realms_client_never_counts_in_the_other() {
    let setup = Setup::new().await;
    assert_eq!(setup.outcome("GET /ledger", &setup.steve().await).await, is(200, ""));
    assert_eq!(setup.outcome("GET /ledger", &setup.carla().await).await.0, 403);
    let mallory = setup.customers.token("mallory", "shop").await.unwrap();
    assert_eq!(setup.outcome("GET /orders", &mallory).await, is(200, ""), "a buyer");
    assert_eq!(setup.outcome("GET /ledger", &mallory).await.0, 403, "no clerk");
    let trudy = setup.staff.token("trudy", "desk").await.unwrap();
    assert_eq!(setup.outcome("GET /me", &trudy).await, is(200, ""));
    assert_eq!(setup.outcome("GET /orders", &trudy).await.0, 403, "neither clerk nor buyer");
}

#[tokio::test]
async fn a_role_that_the_other_realm_gives_under_the_same_name_does_not_open_the_ledger() {
    let setup = Setup::new().await;
    let mint = setup.customers.mint().user("carla").client("shop");
    let clerk = mint.client_roles("shop", ["clerk"]).sign().await.unwrap();
    assert_eq!(setup.outcome("GET /orders", &clerk).await, is(200, ""));
    assert_eq!(setup.outcome("GET /ledger", &clerk).await.0, 403);
}

#[tokio::test]
async fn a_realm_cannot_speak_for_the_other() {
    let setup = Setup::new().await;
    let as_staff = || setup.customers.mint().user("carla").client("shop").claim("iss", setup.staff.issuer());
    let with_aud = || as_staff().claim("aud", "desk").client_roles("desk", ["clerk"]);
    assert_eq!(setup.outcome("GET /ledger", &with_aud().sign().await.unwrap()).await, is(401, "unknown_key"));
    let kid = setup.staff.kid(Alg::Rs256).await.unwrap();
    let under_their_name = with_aud().header("kid", kid).sign().await.unwrap();
    assert_eq!(setup.outcome("GET /ledger", &under_their_name).await, is(401, "invalid_signature"));
}

#[tokio::test]
async fn a_token_is_introspected_by_its_own_realm() {
    let setup = Setup::new().await;
    let asked =
        || (setup.customers.requests(Endpoint::Introspect), setup.staff.requests(Endpoint::Introspect));
    assert_eq!(setup.outcome("DELETE /orders/1", &setup.carla().await).await, is(204, ""));
    assert_eq!(asked(), (1, 0));
    let steve = setup.steve().await;
    assert_eq!(setup.outcome("DELETE /orders/1", &steve).await, is(204, ""));
    assert_eq!(asked(), (1, 1));
    assert!(setup.staff.logout_user("steve"));
    assert_eq!(setup.outcome("DELETE /orders/1", &steve).await, is(401, "token_inactive"));
    assert_eq!(asked(), (1, 2));
}

#[tokio::test]
async fn the_audit_names_the_realm_of_the_caller() {
    let setup = Setup::new().await;
    for token in [setup.carla().await, setup.steve().await] {
        setup.send("GET /orders", &token).await;
    }
    let seen: Vec<_> =
        setup.audit().iter().map(|line| (line["realm"].clone(), line["client"].clone())).collect();
    assert_eq!(seen, [("customers".into(), "shop".into()), ("staff".into(), "desk".into())]);
}

#[tokio::test]
async fn a_realm_whose_issuer_is_gone_takes_nothing_from_the_other() {
    let setup = Setup::new().await;
    let (carla, steve) = (setup.carla().await, setup.steve().await);
    setup.staff.pause().await;
    for _ in 0..10 {
        assert_eq!(setup.outcome("DELETE /orders/1", &carla).await, is(204, ""));
        assert_eq!(setup.outcome("DELETE /orders/1", &steve).await, is(502, "introspection_unavailable"));
        assert_eq!(setup.outcome("GET /ledger", &steve).await, is(200, ""), "the keys are there");
    }
    // A key of the customers that is new, while the staff's cannot be asked for.
    setup.customers.rotate(Alg::Rs256).await.unwrap();
    assert_eq!(setup.outcome("GET /me", &setup.carla().await).await, is(200, ""));
    let unknown = setup.staff.mint().user("steve").client("desk").unknown_key(Alg::Rs256);
    let unknown = unknown.sign().await.unwrap();
    assert_eq!(setup.outcome("GET /me", &unknown).await, is(503, "keys_unavailable"));
    assert_eq!(setup.outcome("DELETE /orders/1", &carla).await, is(204, ""));
}

#[test]
fn clients_are_told_of_both_realms_the_main_one_first() {
    let of = |realm, client| two_realms::realm("https://kc.example.com", realm, client, "off").unwrap();
    let kc = two_realms::keycloak(&of("customers", "shop"), of("staff", "desk")).unwrap();
    let metadata = serde_json::to_value(kc.resource_metadata()).unwrap();
    let servers = ["customers", "staff"].map(|realm| format!("https://kc.example.com/realms/{realm}"));
    assert_eq!(metadata["authorization_servers"], Value::from(servers.to_vec()));
}

/// The program; killed when dropped.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_lines_that_the_program_prints_can_be_pasted_into_a_shell() {
    let folder = tempfile::tempdir().unwrap();
    let said = folder.path().join("stderr");
    let mut command = Command::new(env!("CARGO_BIN_EXE_two-realms"));
    let command =
        command.arg("127.0.0.1:0").stdout(Stdio::null()).stderr(std::fs::File::create(&said).unwrap());
    let program = Program(command.spawn().unwrap());
    let start = std::time::Instant::now();
    let text = loop {
        let text = std::fs::read_to_string(&said).unwrap();
        if text.contains("ready at ") {
            break text;
        }
        assert!(start.elapsed().as_secs() < 60, "it does not start: {text}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    assert!(text.contains("/ledger       role clerk and of the realm staff"), "{text}");
    let blocks: Vec<&str> = text.split("\n\n").filter(|block| block.starts_with("# ")).collect();
    let statuses = blocks.iter().map(|script| {
        let output = Command::new("sh").args(["-c", script]).output().unwrap();
        let shown = String::from_utf8(output.stdout).unwrap();
        shown.split("HTTP/1.1 ").filter_map(|answer| answer.get(..3)?.parse().ok()).collect()
    });
    let statuses: Vec<Vec<u16>> = statuses.collect();
    assert_eq!(statuses, [[200, 403], [200, 403], [200, 200], [200, 403]], "{text}");
    drop(program);
}
