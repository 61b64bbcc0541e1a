//! The offline evaluator against what a real Keycloak decided: `policy/truth.json`, taken from Keycloak 26.7.4 with the
//! configuration that it exported itself.

#![cfg(test)]

use std::collections::BTreeMap;

use kc_core::clock::UnixTime;
use kc_core::policy::{AuthorizationConfig, IdentityClaims, Verdict};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Truth {
    resource_server: String,
    identities: BTreeMap<String, Value>,
    asks: Vec<(Option<String>, Option<String>)>,
    combined_asks: Vec<Vec<String>>,
    paths: BTreeMap<String, Vec<String>>,
    tables: Vec<Table>,
}

#[derive(Deserialize)]
struct Table {
    mode: String,
    strategy: String,
    evaluated_at: String,
    decisions: BTreeMap<String, String>,
    combined: BTreeMap<String, String>,
    entitlements: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

impl Truth {
    fn read() -> Self {
        serde_json::from_str(include_str!("policy/truth.json")).unwrap()
    }

    /// The exported configuration with the mode and strategy of a table.
    fn config(&self, table: &Table) -> AuthorizationConfig {
        let mut config: Value =
            serde_json::from_str(include_str!("policy/authorization-config.json")).unwrap();
        config["policyEnforcementMode"] = Value::from(table.mode.as_str());
        config["decisionStrategy"] = Value::from(table.strategy.as_str());
        let builder = AuthorizationConfig::builder().client_id(&self.resource_server);
        builder.build(config.to_string().as_bytes()).unwrap()
    }

    fn identity(&self, name: &str) -> IdentityClaims {
        IdentityClaims::from_json(self.identities[name].to_string().as_bytes()).unwrap()
    }
}

fn time(text: &str) -> UnixTime {
    let at: jiff::Timestamp = text.parse().unwrap();
    UnixTime::from_millis(at.as_millisecond())
}

#[test]
fn every_decision_is_keycloaks() {
    let truth = Truth::read();
    let (mut count, mut wrong) = (0, Vec::new());
    for table in &truth.tables {
        let (config, now) = (truth.config(table), time(&table.evaluated_at));
        for (name, row) in &table.decisions {
            let claims = truth.identity(name);
            assert_eq!(row.len(), truth.asks.len());
            for ((resource, scope), digit) in truth.asks.iter().zip(row.chars()) {
                let scopes: Vec<&str> = scope.as_deref().into_iter().collect();
                let explained = config.explain(&claims.identity(), resource.as_deref(), &scopes, now);
                let decision = config.decide(&claims.identity(), resource.as_deref(), &scopes, now);
                assert_eq!(
                    (decision.verdict(), decision.granted_scopes()),
                    (explained.decision, &*explained.granted_scopes)
                );
                count += 1;
                if (decision.verdict() == Verdict::Grant) != (digit == '1') {
                    wrong.push(format!(
                        "{}/{} {name} {resource:?} {scope:?}: Keycloak {digit}\n{explained}",
                        table.mode, table.strategy
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(count, 1980);
}

/// Several permissions in one request: Keycloak says yes if any of them is granted, of several scopes also if only one is.
#[test]
fn every_combined_decision_is_keycloaks() {
    let truth = Truth::read();
    let (mut count, mut wrong) = (0, Vec::new());
    for table in &truth.tables {
        let (config, now) = (truth.config(table), time(&table.evaluated_at));
        for (name, row) in &table.combined {
            let claims = truth.identity(name);
            assert_eq!(row.len(), truth.combined_asks.len());
            for (permissions, digit) in truth.combined_asks.iter().zip(row.chars()) {
                let any = permissions.iter().any(|permission| {
                    let (resource, scopes) = permission.split_once('#').unwrap_or((permission, ""));
                    let scopes: Vec<&str> = scopes.split(',').filter(|scope| !scope.is_empty()).collect();
                    let decision = config.decide(&claims.identity(), Some(resource), &scopes, now);
                    let all = decision.granted_scopes().len() == scopes.len();
                    assert!(scopes.is_empty() || (decision.verdict() == Verdict::Grant) == all);
                    if scopes.is_empty() {
                        decision.verdict() == Verdict::Grant
                    } else {
                        !decision.granted_scopes().is_empty()
                    }
                });
                count += 1;
                if any != (digit == '1') {
                    wrong.push(format!("{}/{} {name} {permissions:?}", table.mode, table.strategy));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(count, 1020);
}

#[test]
fn everything_that_somebody_may_do_is_what_keycloak_lists() {
    let truth = Truth::read();
    for table in &truth.tables {
        let (config, now) = (truth.config(table), time(&table.evaluated_at));
        for (name, listed) in &table.entitlements {
            let claims = truth.identity(name);
            let none: &[&str] = &[];
            let ours: BTreeMap<String, Vec<String>> = config
                .resources()
                .filter_map(|resource| {
                    let decision = config.decide(&claims.identity(), Some(resource), none, now);
                    let granted = decision.verdict() == Verdict::Grant;
                    granted.then(|| (resource.to_owned(), decision.granted_scopes().to_vec()))
                })
                .collect();
            assert_eq!(&ours, listed, "{}/{} {name}", table.mode, table.strategy);
        }
    }
}

/// What Keycloak finds by a path, a service finds by a route of that pattern, where the path has no parameters.
#[test]
fn a_route_is_the_resource_that_keycloak_finds_by_the_path() {
    let truth = Truth::read();
    let config = truth.config(&truth.tables[0]);
    for (path, resources) in &truth.paths {
        // Served by a route with a parameter there.
        let pattern = if path == "/api/report/7" { "/api/report/{nr}" } else { path };
        assert_eq!(config.resource_of_route(pattern), resources.first().map(String::as_str), "{path}");
    }
}
