//! The API's description and a page to try it with: `/openapi.json` and Swagger UI at `/docs`.
//!
//! Everything comes from the program itself; a browser that shows the page talks to this service and to Keycloak, and to
//! nobody else.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use kc_core::openapi::OpenApiError;
use kc_core::{AuthError, Keycloak, RouteTable};
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;
use utoipa_swagger_ui::Config;

/// What the API is called in its description.
pub const TITLE: &str = "Reference service";

/// What it is, in its description.
pub const DESCRIPTION: &str = "A service that is protected with Keycloak.";

/// Name and media type of what of Swagger UI is served as it is.
const ASSETS: [(&str, &str); 6] = [
    ("favicon-16x16.png", "image/png"),
    ("favicon-32x32.png", "image/png"),
    ("oauth2-redirect.html", "text/html; charset=utf-8"),
    ("oauth2-redirect.js", "text/javascript; charset=utf-8"),
    ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    ("swagger-ui.css", "text/css; charset=utf-8"),
];

/// The script that starts Swagger UI.
const INITIALIZER: &str = "swagger-initializer.js";

const INDEX: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API</title>
<link rel="icon" type="image/png" sizes="32x32" href="/docs/favicon-32x32.png">
<link rel="icon" type="image/png" sizes="16x16" href="/docs/favicon-16x16.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/swagger-initializer.js"></script>
</body>
</html>
"#;

/// The pages of one service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Docs {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    document: Bytes,
    initializer: Bytes,
    policy: String,
}

/// A page that is there: status 200. A framework adds nothing to it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page {
    /// All of them; names in lower case.
    pub headers: [(&'static str, Cow<'static, str>); 5],
    /// The body.
    pub body: Bytes,
}

/// A description that cannot be served.
#[derive(Debug)]
#[non_exhaustive]
pub enum DocsError {
    /// It cannot be written as JSON.
    Json(serde_json::Error),
    /// It differs from the routes.
    Routes(OpenApiError),
}

impl fmt::Display for DocsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => write!(f, "the OpenAPI document cannot be written as JSON: {error}"),
            Self::Routes(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for DocsError {}

impl Docs {
    /// The pages of a service with these routes, described by this OpenAPI document; `client_id` is the public client that
    /// the login of `/docs` uses, and may be empty, to be typed in.
    ///
    /// # Errors
    /// [`DocsError`] when the document does not describe the routes.
    pub fn new(
        document: &impl Serialize,
        kc: &Keycloak,
        table: &RouteTable,
        client_id: &str,
    ) -> Result<Self, DocsError> {
        let mut document = serde_json::to_value(document).map_err(DocsError::Json)?;
        if let Value::Object(members) = &mut document {
            // The same words whatever makes the rest of it.
            let version = env!("CARGO_PKG_VERSION");
            let info = json!({"title": TITLE, "description": DESCRIPTION, "version": version});
            members.insert("info".to_owned(), info);
            members.remove("servers");
            members.remove("tags");
        }
        let document = kc.openapi(document, table).map_err(DocsError::Routes)?;
        let document = serde_json::to_vec(&document).map_err(DocsError::Json)?.into();
        let keycloak = origin(kc.openapi_completion().token_url());
        let inner = Inner { document, initializer: initializer(client_id).into(), policy: policy(&keycloak) };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// `GET /openapi.json`.
    #[must_use]
    pub fn document(&self) -> Page {
        self.page("application/json", "no-cache", self.inner.document.clone())
    }

    /// `GET /docs`.
    #[must_use]
    pub fn index(&self) -> Page {
        self.page("text/html; charset=utf-8", "no-cache", Bytes::from_static(INDEX.as_bytes()))
    }

    /// `GET /docs/{file}`.
    ///
    /// # Errors
    /// 404 when there is no such file.
    pub fn file(&self, name: &str) -> Result<Page, AuthError> {
        if name == INITIALIZER {
            let script = self.inner.initializer.clone();
            return Ok(self.page("text/javascript; charset=utf-8", "no-cache", script));
        }
        let (name, media_type) =
            ASSETS.iter().find(|(known, _)| *known == name).ok_or(AuthError::NotFound)?;
        let file = utoipa_swagger_ui::serve(name, Arc::new(Config::default())).ok().flatten();
        let body = match file.ok_or(AuthError::NotFound)?.bytes {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => Bytes::from(bytes),
        };
        Ok(self.page(media_type, "public, max-age=3600", body))
    }

    fn page(&self, media_type: &'static str, cache: &'static str, body: Bytes) -> Page {
        let headers = [
            ("cache-control", cache.into()),
            ("content-security-policy", self.inner.policy.clone().into()),
            ("content-type", media_type.into()),
            ("referrer-policy", "no-referrer".into()),
            ("x-content-type-options", "nosniff".into()),
        ];
        Page { headers, body }
    }
}

/// Scripts and styles from here alone, none in the markup; requests to here and to Keycloak alone. Swagger UI has images
/// in its styles.
fn policy(keycloak: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self' {keycloak}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
}

fn origin(url: &str) -> String {
    // It was made of a URL; one without an origin leaves `null`, which allows nothing.
    Url::parse(url).map_or_else(|_| "null".to_owned(), |url| url.origin().ascii_serialization())
}

fn initializer(client_id: &str) -> String {
    let oauth = json!({
        "clientId": client_id,
        "scopes": ["openid"],
        "usePkceWithAuthorizationCodeGrant": true
    });
    format!(
        "window.ui = SwaggerUIBundle({{
  url: \"/openapi.json\",
  dom_id: \"#swagger-ui\",
  deepLinking: true,
  showExtensions: true,
  oauth2RedirectUrl: window.location.origin + \"/docs/oauth2-redirect.html\"
}});
window.ui.initOAuth({oauth});
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_this_service_and_keycloak() {
        let keycloak = origin("https://id.example.com:8443/auth/realms/r/protocol/openid-connect/token");
        assert_eq!(keycloak, "https://id.example.com:8443");
        assert!(policy(&keycloak).contains("connect-src 'self' https://id.example.com:8443;"));
        assert!(policy(&keycloak).contains("script-src 'self';"));
    }

    #[test]
    fn a_client_id_cannot_end_the_script_it_stands_in() {
        assert!(initializer("a\"});\n//").contains(r#""clientId":"a\"});\n//""#));
    }

    #[test]
    fn every_asset_is_there() {
        for (name, _) in ASSETS {
            let file = utoipa_swagger_ui::serve(name, Arc::new(Config::default())).unwrap();
            assert!(file.is_some_and(|file| !file.bytes.is_empty()), "{name}");
        }
    }
}
