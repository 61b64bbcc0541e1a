//! A guard whose events are kept, and tokens with whatever role.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use kc_core::audit::{AuditEvent, AuditSink, Decision};
use kc_core::keys::PinnedKeys;
use kc_core::roles::KeycloakRoles;
use kc_core::validator::JwtValidator;
use kc_core::{BearerAuthenticator, Guard};
use kc_dev::{Alg, DevIssuer};

/// In the place of one role.
pub(crate) const ALL_ROLES: &str = "*";

/// Keeps the decisions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Decisions(Arc<Mutex<Vec<Decided>>>);

/// About which route, and what.
pub(crate) type Decided = (Option<String>, Decision);

impl AuditSink for Decisions {
    fn record(&self, event: AuditEvent<'_>) {
        let route = event.route.map(Cow::into_owned);
        self.0.lock().unwrap().push((route, event.decision));
    }
}

impl Decisions {
    pub(crate) fn take(&self) -> Vec<Decided> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

pub(crate) struct Realm {
    pub(crate) issuer: DevIssuer,
    pub(crate) guard: Guard,
    pub(crate) decisions: Decisions,
    /// By their only role; `""` has none, [`ALL_ROLES`] all.
    tokens: HashMap<&'static str, String>,
}

impl Realm {
    pub(crate) async fn with_roles(roles: impl IntoIterator<Item = &'static str>) -> Self {
        let issuer = DevIssuer::builder().shared_keys().start().await.unwrap();
        let roles: Vec<&str> = roles.into_iter().collect();
        let each = roles.iter().map(|role| (*role, vec![*role]));
        let mut tokens = HashMap::new();
        for (name, roles) in each.chain([("", Vec::new()), (ALL_ROLES, roles.clone())]) {
            let mint = issuer.mint().user("alice").alg(Alg::EdDsa).without("resource_access");
            tokens.insert(name, mint.realm_roles(roles).sign().await.unwrap());
        }
        let jwks = issuer.jwks().await.unwrap().to_string();
        let keys = Arc::new(PinnedKeys::from_jwks(jwks.as_bytes()).unwrap());
        let validator = JwtValidator::builder(issuer.issuer(), ["api"], keys).build();
        let bearer = BearerAuthenticator::new(Arc::new(validator), Arc::new(KeycloakRoles::new("api")));
        let decisions = Decisions::default();
        let guard = Guard::builder("kc-demo")
            .add_authenticator(Arc::new(bearer))
            .audit(Arc::new(decisions.clone()))
            .build();
        Self { issuer, guard, decisions, tokens }
    }

    pub(crate) fn token(&self, role: &str) -> &str {
        &self.tokens[role]
    }
}
