//! What an offline decision costs.
//!
//! ```text
//! cargo bench -p kc-core --bench policy
//! ```
//!
//! The best of many rounds counts. Run without `--bench`, as by `cargo test --benches`, every case runs once. With
//! `-- --only PERMISSIONS EACH TIMES` one case runs so often, in a function named `counted`: to be counted by callgrind.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark that cannot be set up has nothing to say"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use kc_core::clock::UnixTime;
use kc_core::policy::{AuthorizationConfig, IdentityClaims, Verdict};
use serde_json::{Value, json};

const CLAIMS: &str = r#"{"exp":1795310230,"iat":1795309930,"jti":"onrtro:48511c13","iss":"https://kc.example.com/realms/shop",
    "aud":["api","account"],"sub":"3773f207-18f1-4461-b83c-49ba73976431","typ":"Bearer","azp":"api","sid":"cU8kRvqGXMFpjhIk5lnQXRLE",
    "acr":"silver","realm_access":{"roles":["offline_access","admin","uma_authorization","user","default-roles-shop"]},
    "resource_access":{"api":{"roles":["api-read","admin","api-admin"]},"account":{"roles":["manage-account","view-profile"]}},
    "scope":"email profile","email_verified":true,"name":"Alice Test","groups":["/management"],"preferred_username":"alice",
    "department":"engineering","given_name":"Alice","family_name":"Test","email":"alice@example.test"}"#;

const NOW: UnixTime = UnixTime::from_secs(1_795_309_930);

/// The n-th policy, of every type that can be decided.
fn policy(n: usize) -> Value {
    let (kind, config) = match n % 8 {
        0 | 1 => ("role", json!({ "roles": format!(r#"[{{"id":"role-{n}"}},{{"id":"user"}}]"#) })),
        2 => ("role", json!({ "roles": r#"[{"id":"api/api-admin","required":true}]"# })),
        3 => ("user", json!({ "users": format!(r#"["user-{n}","alice"]"#) })),
        4 => (
            "group",
            json!({ "groups": r#"[{"path":"/management","extendChildren":true}]"#, "groupsClaim": "groups" }),
        ),
        5 => ("time", json!({ "nbf": "2000-01-01 00:00:00", "hour": "0", "hourEnd": "23" })),
        6 => ("client-scope", json!({ "clientScopes": r#"[{"id":"email"}]"# })),
        _ => ("regex", json!({ "targetClaim": "department", "pattern": "^eng.*$" })),
    };
    json!({ "name": format!("policy {n}"), "type": kind, "logic": "POSITIVE", "config": config })
}

/// So many permissions, each with two policies of its own; every `each`-th is about the resource `asked`.
fn configuration(permissions: usize, each: usize) -> AuthorizationConfig {
    let mut policies: Vec<Value> = (0..2 * permissions).map(policy).collect();
    let mut resources = vec![json!({ "name": "asked", "scopes": [{ "name": "view" }] })];
    for n in 0..permissions {
        let resource = if n % each == 0 { "asked".to_owned() } else { format!("other {n}") };
        if n % each != 0 {
            resources.push(json!({ "name": resource, "scopes": [{ "name": "view" }] }));
        }
        policies.push(json!({ "name": format!("permission {n}"), "type": "scope", "decisionStrategy": "UNANIMOUS", "config": {
            "resources": json!([resource]).to_string(),
            "scopes": r#"["view"]"#,
            "applyPolicies": json!([format!("policy {}", 2 * n), format!("policy {}", 2 * n + 1)]).to_string(),
        }}));
    }
    let file = json!({ "scopes": [{ "name": "view" }], "resources": resources, "policies": policies });
    AuthorizationConfig::from_json(file.to_string().as_bytes()).unwrap()
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let claims = IdentityClaims::from_json(CLAIMS.as_bytes()).unwrap();
    if let Some(place) = arguments.iter().position(|argument| argument == "--only") {
        let numbers: Vec<usize> = arguments[place + 1..].iter().flat_map(|text| text.parse()).collect();
        let [permissions, each, times] = numbers.as_slice() else { panic!("--only PERMISSIONS EACH TIMES") };
        let config = configuration(*permissions, *each);
        decide(&config, &claims);
        return counted(&config, &claims, *times);
    }
    let measured = arguments.iter().any(|argument| argument == "--bench");
    println!("{:>12}  {:>12}  {:>12}", "permissions", "that apply", "µs a decision");
    for (permissions, each) in
        [(1, 1), (10, 1), (100, 1), (1_000, 10), (10_000, 100), (1_000, 1), (10_000, 1)]
    {
        let config = configuration(permissions, each);
        let mut best = Duration::MAX;
        let (rounds, repeats) = if measured { (200, (20_000 / permissions).clamp(1, 200)) } else { (1, 1) };
        for _ in 0..rounds {
            let since = Instant::now();
            (0..repeats).for_each(|_| decide(&config, &claims));
            best = best.min(since.elapsed() / u32::try_from(repeats).unwrap());
        }
        let micros = best.as_secs_f64() * 1e6;
        println!("{permissions:>12}  {:>12}  {micros:>12.2}", permissions / each);
    }
}

fn decide(config: &AuthorizationConfig, claims: &IdentityClaims) {
    let decision = config.decide(&claims.identity(), Some("asked"), &["view"], NOW);
    assert_eq!(black_box(decision).verdict(), Verdict::Grant);
}

/// By its name what is outside of it is left out.
#[inline(never)]
fn counted(config: &AuthorizationConfig, claims: &IdentityClaims, times: usize) {
    (0..times).for_each(|_| decide(config, claims));
}
