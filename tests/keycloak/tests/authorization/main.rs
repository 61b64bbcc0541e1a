//! The offline evaluator against a real Keycloak that decides by the same configuration, both of them generated; and what Keycloak
//! itself decides.
//!
//! `KC_TEST_SEED=number` repeats a run.

// Clippy lets tests panic; it knows their helper functions by this.
#![cfg(test)]

mod generate;
mod permissions;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use base64_simd::URL_SAFE_NO_PAD;
use kc_core::clock::{Clock, SystemClock};
use kc_core::policy::{AuthorizationConfig, Explanation, IdentityClaims, PolicyTrace, Verdict};
use keycloak_tests::{Granted, Realm};

use self::generate::{Dice, configuration};

/// Decisions that a run compares at least.
const ENOUGH: usize = 2000;

/// Whose token, and what is in it.
struct Caller {
    name: String,
    token: String,
    claims: IdentityClaims,
}

impl Caller {
    fn new(name: &str, token: String) -> Self {
        let payload = URL_SAFE_NO_PAD.decode_to_vec(token.split('.').nth(1).unwrap()).unwrap();
        Self { name: name.to_owned(), claims: IdentityClaims::from_json(&payload).unwrap(), token }
    }
}

async fn callers(realm: &Realm) -> Vec<Caller> {
    let mut callers = Vec::new();
    for (user, client, scope) in [
        ("alice", "api", ""),
        ("alice", "no-aud", ""),
        ("bob", "api", "inventory-write"),
        ("carol", "api", ""),
        ("erin", "api", "inventory-write"),
        ("frank", "api", ""),
    ] {
        let token = realm.log_in_for(client, user, &format!("openid {scope}")).await.access;
        callers.push(Caller::new(&format!("{user} at {client}"), token));
    }
    callers.push(Caller::new("the service account of api", realm.service_account("api").await));
    callers
}

/// What is asked for: a resource or none, scopes or none.
type Ask = (Option<String>, Vec<String>);

fn asks(dice: &mut Dice, config: &AuthorizationConfig) -> Vec<Ask> {
    let scopes: Vec<String> = config.scopes().map(str::to_owned).collect();
    let mut asks = Vec::new();
    for resource in config.resources() {
        asks.push((Some(resource.to_owned()), Vec::new()));
        for scope in &scopes {
            asks.push((Some(resource.to_owned()), vec![scope.clone()]));
        }
        asks.push((Some(resource.to_owned()), dice.some(&scopes, 2, 3)));
    }
    asks.extend(scopes.iter().map(|scope| (None, vec![scope.clone()])));
    asks
}

#[derive(Default)]
struct Tally {
    granted: usize,
    denied: usize,
    /// Why, and how often.
    indeterminate: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

impl Tally {
    /// Compares what is certain. What is not has to have a reason.
    fn compare(&mut self, what: &str, ask: &Ask, ours: &Explanation, theirs: &Result<Granted, String>) {
        let theirs = match theirs {
            Ok(theirs) => theirs,
            // Keycloak fails, and so does this.
            Err(_) if ours.decision == Verdict::Indeterminate => {
                *self.indeterminate.entry("Keycloak itself fails".to_owned()).or_default() += 1;
                return;
            }
            Err(error) => {
                self.wrong.push(format!("{what}: Keycloak answers {error}\n{ours}"));
                return;
            }
        };
        let scopes: BTreeSet<String> = theirs.values().flatten().cloned().collect();
        let all = ask.1.iter().all(|scope| scopes.contains(scope));
        let granted = !theirs.is_empty() && all;
        let ours_scopes: BTreeSet<String> = ours.granted_scopes.iter().cloned().collect();
        let right = match ours.decision {
            Verdict::Grant => {
                self.granted += 1;
                granted
            }
            Verdict::Deny => {
                self.denied += 1;
                !granted
            }
            Verdict::Indeterminate => {
                for reason in open(ours) {
                    *self.indeterminate.entry(reason).or_default() += 1;
                }
                true
            }
        };
        // What is granted for certain is granted, whatever else is not known.
        let scopes_right =
            if open(ours).is_empty() { ours_scopes == scopes } else { ours_scopes.is_subset(&scopes) };
        if !right || !scopes_right {
            self.wrong.push(format!("{what}: Keycloak grants {theirs:?}\n{ours}"));
        }
    }
}

/// Why policies are not decided.
fn open(explanation: &Explanation) -> BTreeSet<String> {
    fn of(policy: &PolicyTrace, reasons: &mut BTreeSet<String>) {
        if policy.said == Verdict::Indeterminate && policy.policies.is_empty() {
            reasons.insert(format!("{}: {}", policy.kind, policy.because));
        }
        policy.policies.iter().for_each(|policy| of(policy, reasons));
    }
    let mut reasons = BTreeSet::new();
    reasons.extend(explanation.reasons.iter().filter(|reason| reason.starts_with(ORDER)).cloned());
    let permissions = explanation.resources.iter().flat_map(|resource| &resource.permissions);
    permissions.flat_map(|permission| &permission.policies).for_each(|policy| of(policy, &mut reasons));
    reasons
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_decided_here_is_what_keycloak_decides() {
    let seed = match std::env::var("KC_TEST_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs(),
    };
    println!("KC_TEST_SEED={seed}");
    let realm = Realm::reached().await;
    let known = callers(&realm).await;
    let mut dice = Dice::of(seed);
    let mut tally = Tally::default();
    let mut round = 0;
    while tally.granted + tally.denied < ENOUGH {
        let settings = configuration(&mut dice);
        let server = realm.temporary_resource_server(&settings).await;
        let exported = realm.exported(&server).await;
        let ids = realm.resource_ids(&server).await;
        let builder = AuthorizationConfig::builder().client_id(server.name());
        let config = builder.build(exported.to_string().as_bytes()).unwrap();
        let own = Caller::new("its own service account", realm.service_account(server.name()).await);
        let asks = asks(&mut dice, &config);
        for caller in known.iter().chain([&own]) {
            for ask in &asks {
                let (resource, scopes) = ask;
                // A resource of a user is found by its id by everybody.
                let id = resource.as_ref().map_or("", |name| ids[name].as_str());
                let hash = if scopes.is_empty() { "" } else { "#" };
                let permission = format!("{id}{hash}{}", scopes.join(","));
                let theirs = realm.granted(&server, &caller.token, &[permission]).await;
                let now = SystemClock.now();
                let identity = caller.claims.identity();
                let ours = config.explain(&identity, resource.as_deref(), scopes, now);
                let decision = config.decide(&identity, resource.as_deref(), scopes, now);
                assert_eq!(
                    (decision.verdict(), decision.granted_scopes()),
                    (ours.decision, &*ours.granted_scopes)
                );
                let what = format!("seed {seed}, round {round}, {} asks for {ask:?}", caller.name);
                tally.compare(&what, ask, &ours, &theirs);
            }
            // Everything at once, of the resources that are the server's or the caller's own.
            let username = caller.claims.identity().claims().username.as_deref();
            let theirs = realm.granted(&server, &caller.token, &[]).await;
            let of_all = exported["resources"].as_array().unwrap().iter().filter_map(|resource| {
                let owner = resource["owner"]["name"].as_str();
                let name = resource["name"].as_str().unwrap().to_owned();
                // Its own scopes, without those that it has by its type.
                let own = resource["scopes"].as_array().into_iter().flatten();
                let own: Vec<String> = own.map(|scope| scope["name"].as_str().unwrap().to_owned()).collect();
                let explained =
                    config.explain(&caller.claims.identity(), Some(&name), &own, SystemClock.now());
                (owner.is_none() || owner == username).then_some((name, own, explained))
            });
            let of_all: Vec<(String, Vec<String>, Explanation)> = of_all.collect();
            if of_all
                .iter()
                .any(|(_, _, explained)| explained.reasons.iter().any(|reason| reason.starts_with(FAILS)))
            {
                assert!(
                    theirs.is_err(),
                    "seed {seed}, round {round}, {}: Keycloak does not fail",
                    caller.name
                );
                continue;
            }
            for (name, own, ours) in of_all {
                let of_it =
                    |granted: Granted| granted.into_iter().filter(|(found, _)| found.as_ref() == Some(&name));
                let theirs = theirs.clone().map(|granted| of_it(granted).collect());
                let what = format!("seed {seed}, round {round}, {} has of {name}", caller.name);
                tally.compare(&what, &(Some(name.clone()), own), &ours, &theirs);
            }
        }
        round += 1;
        if tally.wrong.len() > 5 {
            println!("{exported}");
            break;
        }
    }
    println!(
        "{round} configurations: {} granted, {} denied, not decided by reason: {:#?}",
        tally.granted, tally.denied, tally.indeterminate
    );
    assert!(tally.wrong.is_empty(), "{} differ:\n{}", tally.wrong.len(), tally.wrong.join("\n"));
    for reason in tally.indeterminate.keys() {
        assert!(JUSTIFIED.iter().any(|justified| reason.starts_with(justified)), "{reason}");
    }
}

/// What an explanation says of a request that Keycloak answers with an error.
const FAILS: &str = "Keycloak answers this request with an error";

/// What it says where two runs of Keycloak may differ.
const ORDER: &str = "it depends on the order";

/// What the token does not say, or Keycloak does not either.
const JUSTIFIED: [&str; 5] = [
    ORDER,
    "Keycloak itself fails",
    "group: the token does not say which groups the user is in",
    "regex: Java and this program differ about letters outside ASCII",
    "regex: the claim is no JSON with such a path",
];
