//! An exported authorization configuration, and behind a NUL the claims of whoever asks.
#![no_main]

use kc_core::clock::UnixTime;
use kc_core::policy::{AuthorizationConfig, IdentityClaims, Verdict};
use kc_fuzz::NOW;
use libfuzzer_sys::fuzz_target;

const ALICE: &[u8] = br#"{"sub":"1","preferred_username":"alice","azp":"api","scope":"openid","groups":["/staff"],
    "realm_access":{"roles":["admin","user"]},"resource_access":{"api":{"roles":["api-read"]}},"department":"engineering"}"#;

fn one_line(text: &str) {
    assert!(!text.contains(['\n', '\r']), "{text:?}");
}

fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|byte| *byte == 0);
    let (file, claims) = end.map_or((input, ALICE), |end| (&input[..end], &input[end + 1..]));
    let config = match AuthorizationConfig::from_json(file) {
        Ok(config) => config,
        Err(error) => return one_line(&error.to_string()),
    };
    config.findings().iter().for_each(|finding| one_line(&finding.to_string()));
    for pattern in ["/", "/r/{id}", "/api/{*rest}"] {
        if let Some(resource) = config.resource_of_route(pattern) {
            assert!(config.resources().any(|name| name == resource));
        }
    }
    let Ok(claims) = IdentityClaims::from_json(claims) else { return };
    let (identity, now) = (claims.identity(), UnixTime::from_secs(NOW));
    let scopes: Vec<&str> = config.scopes().take(3).collect();
    let enforcing = !file.windows(10).any(|text| text == b"PERMISSIVE" || text == b"DISABLED\",");
    for resource in config.resources().take(4).map(Some).chain([None]) {
        for asked in [&scopes[..], &scopes[..scopes.len().min(1)], &[]] {
            let decision = config.decide(&identity, resource, asked, now);
            let explained = config.explain(&identity, resource, asked, now);
            assert_eq!(decision.verdict(), explained.decision);
            assert_eq!(decision.granted_scopes(), explained.granted_scopes);
            assert!(decision.granted_scopes().is_sorted());
            let in_by_nothing = explained.resources.iter().all(|trace| trace.permissions.is_empty());
            if decision.verdict() == Verdict::Grant {
                // All that was asked for, and by a permission.
                assert!(
                    asked
                        .iter()
                        .all(|scope| decision.granted_scopes().iter().any(|granted| granted == scope))
                );
                assert!(!enforcing || !in_by_nothing || file.contains(&b'\\'), "granted by nothing");
            }
        }
    }
});
