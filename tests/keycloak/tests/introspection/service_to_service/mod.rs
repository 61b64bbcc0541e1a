//! Calls from one service to another: what a service proves itself with, what it exchanges, and what arrives.

mod certificates;
mod exchange;
mod keys;
mod outbound;

use kc_core::secret::Secret;
use kc_core::settings::{Settings, SettingsBuilder};
use kc_core::token_exchange::{ExchangeTarget, TokenExchange};
use kc_core::{Keycloak, token_exchange};
use keycloak_tests::{Realm, Temporary, service_client, unique};
use serde_json::{Value, json};

/// The settings of a service that is the client `name`.
fn settings(realm: &Realm, name: &str) -> SettingsBuilder {
    Settings::builder(realm.base(), "kc-demo", name).audit_log("off")
}

/// That service, with the secret that clients have here.
fn service(realm: &Realm, name: &str) -> Keycloak {
    let secret = Secret::new(format!("{name}-secret"));
    Keycloak::new(&settings(realm, name).client_secret(secret).build().unwrap()).unwrap()
}

/// A client with a service account and these settings besides; its secret is `<name>-secret`, its tokens are for itself.
async fn temporary_service(realm: &Realm, what: &str, more: Value) -> Temporary {
    let name = unique(what);
    let mut settings = json!({ "secret": format!("{name}-secret"), "directAccessGrantsEnabled": true });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    realm.temporary_client_of(&service_client(&name, &settings)).await
}

/// Two services: `orders` may exchange tokens, and with a scope these can be for `inventory`, as tokens of users otherwise are
/// not.
struct Shop {
    realm: Realm,
    orders: Temporary,
    inventory: Temporary,
    scope: Temporary,
}

impl Shop {
    async fn open() -> Self {
        let realm = Realm::reached().await;
        let inventory = temporary_service(&realm, "inventory", json!({})).await;
        let scope = realm.temporary_audience_scope("inventory-access", inventory.name()).await;
        let more = json!({
            "attributes": { "standard.token.exchange.enabled": "true" },
            "defaultClientScopes": ["basic", "acr", "roles", "profile"],
            "optionalClientScopes": [scope.name()],
        });
        let orders = temporary_service(&realm, "orders", more).await;
        Self { realm, orders, inventory, scope }
    }

    fn exchange(&self) -> TokenExchange {
        service(&self.realm, self.orders.name()).token_exchange().clone()
    }

    fn target(&self) -> ExchangeTarget {
        token_exchange::ExchangeTarget::audience(self.inventory.name()).scope(self.scope.name())
    }

    /// The token with which alice calls `orders`.
    async fn alice(&self) -> Secret {
        Secret::new(self.realm.log_in_for(self.orders.name(), "alice", "openid").await.access)
    }
}
