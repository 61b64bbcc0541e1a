//! `/docs` of the example services, in Chromium, in front of a real Keycloak.

// Clippy lets tests panic; it knows their helper functions by this.
#![cfg(test)]

use browser_tests::Browser;
use keycloak_tests::{Realm, Temporary, unique};
use openapi_tests::Service;
use serde_json::{Value, json};

/// A page of a service, in a browser, and the realm behind it.
struct Shown {
    browser: Browser,
    service: Service,
    realm: Realm,
    client: Temporary,
}

impl Shown {
    async fn docs_of(name: &'static str) -> Self {
        let realm = Realm::reached().await;
        // As the realm's `spa`, with the service's origin, which Keycloak compares with its port.
        let mut client = realm.read(&format!("clients/{}", realm.client_id("spa").await)).await;
        let settings = client.as_object_mut().unwrap();
        settings.remove("id");
        let mappers = settings.get_mut("protocolMappers").and_then(Value::as_array_mut).unwrap();
        for mapper in mappers {
            mapper.as_object_mut().unwrap().remove("id");
        }
        let id = unique("docs");
        let service = Service::start(
            name,
            &[
                ("KEYCLOAK_URL", realm.base()),
                ("KEYCLOAK_REALM", "kc-demo"),
                ("KEYCLOAK_CLIENT_ID", "api"),
                ("KEYCLOAK_CLIENT_SECRET", "api-secret"),
                ("OPENAPI_CLIENT_ID", &id),
            ],
        );
        client["clientId"] = json!(id);
        client["webOrigins"] = json!([service.url()]);
        let client = realm.temporary_client_of(&client).await;
        let browser = Browser::watched();
        browser.go(&format!("{}/docs", service.url()));
        browser.find("//span[@data-path='/me']");
        Self { browser, service, realm, client }
    }

    /// Opens the dialog of the Authorize button.
    fn authorize(&self) {
        self.browser.click("//button[contains(@class, 'btn authorize')]");
    }

    /// Presses Authorize at one of the schemes, and closes the dialog when it is done.
    fn authorize_by(&self, scheme: &str, meanwhile: impl FnOnce()) {
        let form = format!("//div[@class='auth-container'][.//h4[contains(., '{scheme}')]]");
        self.browser.click(&format!("{form}//button[text()='Authorize']"));
        meanwhile();
        self.browser.find(&format!("{form}//button[text()='Logout']"));
        self.browser.click("//button[contains(@class, 'btn-done')]");
    }

    /// Calls `GET /me` as a person would, and returns the status and the body that the page shows.
    fn try_me(&self) -> (String, String) {
        let operation = "//div[@id='operations-default-me']";
        self.browser.click(&format!("{operation}//button[@class='opblock-summary-control']"));
        self.browser.click(&format!("{operation}//button[contains(@class, 'try-out__btn')]"));
        self.browser.click(&format!("{operation}//button[contains(@class, 'execute')]"));
        let live = format!("{operation}//table[contains(@class, 'live-responses-table')]");
        let status = self.browser.text(&format!("{live}//tbody//td[contains(@class, 'col_status')]"));
        (status, self.browser.text(&format!("{live}//tbody//td[contains(@class, 'col_description')]")))
    }

    /// Nothing was refused by the page's policy or failed, and nobody was asked but the service and Keycloak.
    fn is_self_contained(&self) {
        assert_eq!(self.browser.complaints(), [] as [Value; 0]);
        let (own, keycloak) = (format!("{}/", self.service.url()), format!("{}/", self.realm.base()));
        let requested = self.browser.requested();
        assert!(requested.iter().any(|url| url.ends_with("/openapi.json")), "{requested:?}");
        let known = |url: &&String| url.starts_with(&own) || url.starts_with(&keycloak);
        // What has no host is in the page or the browser itself.
        let somewhere = |url: &&String| ["http", "ws"].iter().any(|scheme| url.starts_with(scheme));
        let foreign: Vec<_> = requested.iter().filter(somewhere).filter(|url| !known(url)).collect();
        assert!(foreign.is_empty(), "{foreign:?}");
    }
}

async fn shows_every_operation_and_asks_nobody_else(name: &'static str) {
    let shown = Shown::docs_of(name).await;
    for (method, path) in [("get", "/health"), ("post", "/items"), ("delete", "/items/{id}")] {
        shown
            .browser
            .find(&format!("//div[contains(@class, 'opblock-{method}')]//span[@data-path='{path}']"));
    }
    let (status, _) = shown.try_me();
    assert!(status.starts_with("401"), "{status}");
    // The browser tells of every answer that is an error.
    let complaints = shown.browser.complaints();
    assert!(complaints.iter().all(|one| one["source"] == "network"), "{complaints:?}");
    shown.is_self_contained();
}

async fn takes_a_pasted_token(name: &'static str) {
    let shown = Shown::docs_of(name).await;
    let token = shown.realm.log_in("spa", "alice").await.access;
    shown.authorize();
    shown.browser.write("//input[@id='auth-bearer-value']", &token);
    shown.authorize_by("bearer", || ());
    let (status, body) = shown.try_me();
    assert!(status.starts_with("200"), "{status} {body}");
    assert!(body.contains(r#""username": "alice""#), "{body}");
    shown.is_self_contained();
}

async fn logs_in_at_keycloak(name: &'static str) {
    let shown = Shown::docs_of(name).await;
    shown.authorize();
    assert_eq!(shown.browser.value("//input[@id='client_id_authorizationCode']"), shown.client.name());
    shown.authorize_by("keycloak", || {
        shown.browser.in_popup(|| {
            shown.browser.write("//input[@id='username']", "alice");
            shown.browser.write("//input[@id='password']", "alice");
            shown.browser.click("//*[@id='kc-login']");
        });
    });
    let (status, body) = shown.try_me();
    assert!(status.starts_with("200"), "{status} {body}");
    assert!(body.contains(r#""username": "alice""#), "{body}");
    shown.is_self_contained();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_axum_service_asks_nobody_else() {
    shows_every_operation_and_asks_nobody_else("axum-service").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_actix_service_asks_nobody_else() {
    shows_every_operation_and_asks_nobody_else("actix-service").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_axum_service_takes_a_pasted_token() {
    takes_a_pasted_token("axum-service").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_actix_service_takes_a_pasted_token() {
    takes_a_pasted_token("actix-service").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_axum_service_logs_in_at_keycloak_with_pkce() {
    logs_in_at_keycloak("axum-service").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_actix_service_logs_in_at_keycloak_with_pkce() {
    logs_in_at_keycloak("actix-service").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_poem_service_asks_nobody_else() {
    shows_every_operation_and_asks_nobody_else("poem-service").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_poem_service_takes_a_pasted_token() {
    takes_a_pasted_token("poem-service").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_poem_service_logs_in_at_keycloak_with_pkce() {
    logs_in_at_keycloak("poem-service").await;
}
