//! An OpenAPI document that says of each operation who may call it, because the route's rule says so.
//!
//! The document comes from anywhere: made by utoipa or poem-openapi, or written by hand; OpenAPI 3.0 or later. What it says
//! of security is replaced by what the routes ask for, so that the two cannot differ, and the refusals that the guard
//! gives in the handler's stead are added to the responses.
//!
//! ```
//! use kc_core::openapi::Completion;
//! use kc_core::rules::any_role;
//! use kc_core::{Access, RouteTable};
//! use serde_json::json;
//!
//! let mut table = RouteTable::default();
//! table.add("/health", Access::Public);
//! table.add("/items", any_role(&["reader", "clerk"]));
//! let document = json!({
//!     "openapi": "3.1.0",
//!     "info": {"title": "Items", "version": "1"},
//!     "paths": {
//!         "/health": {"get": {"responses": {"200": {"description": "healthy"}}}},
//!         "/items": {"get": {"responses": {"200": {"description": "the items"}}}}
//!     }
//! });
//! // `Keycloak::openapi` knows where the realm is.
//! let realm = "https://id.example.com/realms/demo/protocol/openid-connect";
//! let completion = Completion::new(format!("{realm}/auth"), format!("{realm}/token"));
//! let document = completion.complete(document, &table)?;
//! assert_eq!(document["paths"]["/health"]["get"]["security"], json!([]));
//! assert_eq!(document["paths"]["/items"]["get"]["security"], json!([{"bearer": []}, {"keycloak": ["openid"]}]));
//! assert_eq!(document["paths"]["/items"]["get"]["x-kc-access"], "any role of reader, clerk");
//! assert!(document["paths"]["/items"]["get"]["responses"]["403"].is_object());
//! # Ok::<_, kc_core::openapi::OpenApiError>(())
//! ```

mod error;
mod refusals;

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub use self::error::{Mismatch, OpenApiError};
use self::refusals::{PROBLEM, Refusal, object, problem};
use crate::access::{Access, Route, RouteTable};
use crate::wire::ExemptPaths;

/// The members of a path item that are operations.
const METHODS: [&str; 9] = ["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"];

/// The names of the two schemes in `components.securitySchemes`.
const BEARER: &str = "bearer";
const KEYCLOAK: &str = "keycloak";

/// Completes documents for one realm. [`Keycloak::openapi`](crate::Keycloak::openapi) does it with the realm of the
/// settings.
#[derive(Clone, Debug)]
#[must_use]
pub struct Completion {
    authorization_url: String,
    token_url: String,
    exempt: ExemptPaths,
    left_out: Vec<String>,
}

impl Completion {
    /// For a realm with these endpoints, as browsers reach them.
    pub fn new(authorization_url: impl Into<String>, token_url: impl Into<String>) -> Self {
        Self {
            authorization_url: authorization_url.into(),
            token_url: token_url.into(),
            exempt: ExemptPaths::default(),
            left_out: Vec::new(),
        }
    }

    /// Paths that the guard lets through, whatever their routes ask for. Default: none.
    pub fn exempt(self, exempt: ExemptPaths) -> Self {
        Self { exempt, ..self }
    }

    /// A route, by its pattern, that needs no operation in the document although it is not public.
    pub fn leave_out(mut self, pattern: impl Into<String>) -> Self {
        self.left_out.push(pattern.into());
        self
    }

    /// Where a browser asks for a token: the one host beside the service that a page with the document talks to.
    #[must_use]
    pub fn token_url(&self) -> &str {
        &self.token_url
    }

    /// Completes a document. Its paths are the patterns of the routes; what a parameter is called, and whether it takes
    /// the rest of the path, makes no difference.
    ///
    /// - `components.securitySchemes` is replaced: `bearer`, an access token that the caller has, and `keycloak`, the
    ///   authorization code flow, for which a public client needs PKCE (RFC 7636).
    /// - `security` of each operation is replaced by what the route's [`Access`] asks of the operation's method; that of
    ///   the whole document is taken out. The scopes are those that the rule asks of everybody, else `openid`.
    /// - The refusals of the guard are added: 400, 401 and 503 to every operation that looks at credentials, 403 and 502
    ///   where the rule can come to that. A response that is there already keeps all that it has, and gets what it
    ///   lacks of header and body. Their body is the schema `Problem`, added unless the document has one of that name.
    /// - `x-kc-access` of each operation is the rule, to be read by people.
    ///
    /// # Errors
    /// [`OpenApiError`] names every operation without a route, every route with a rule and without an operation, every
    /// operation whose method its rule refuses to everybody, and what is no OpenAPI document.
    pub fn complete(&self, mut document: Value, table: &RouteTable) -> Result<Value, OpenApiError> {
        let mut work = Work::new(self, table);
        work.document(&mut document);
        if work.mismatches.is_empty() {
            Ok(document)
        } else {
            Err(OpenApiError { mismatches: work.mismatches })
        }
    }
}

/// One document in the making.
struct Work<'a> {
    completion: &'a Completion,
    routes: &'a [Route],
    /// Which of the routes have an operation.
    documented: Vec<bool>,
    /// Every scope that an operation asks for.
    scopes: BTreeMap<String, String>,
    mismatches: Vec<Mismatch>,
}

impl<'a> Work<'a> {
    fn new(completion: &'a Completion, table: &'a RouteTable) -> Self {
        let routes = table.routes();
        let scopes = BTreeMap::from([("openid".to_owned(), "Log in".to_owned())]);
        Self { completion, routes, documented: vec![false; routes.len()], scopes, mismatches: Vec::new() }
    }

    fn malformed(&mut self, at: impl Into<String>, expected: &'static str) {
        self.mismatches.push(Mismatch::Malformed { at: at.into(), expected });
    }

    fn document(&mut self, document: &mut Value) {
        let Some(document) = document.as_object_mut() else {
            return self.malformed("the whole", "an object");
        };
        if !document
            .get("openapi")
            .is_some_and(|version| version.as_str().is_some_and(|v| v.starts_with("3.")))
        {
            self.malformed("`openapi`", "a version that begins with 3");
        }
        let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else {
            return self.malformed("`paths`", "an object");
        };
        for (path, item) in paths.iter_mut().filter(|(path, _)| path.starts_with('/')) {
            self.path(path, item);
        }
        self.demand_the_rest();
        document.remove("security");
        let Some(components) = object(document, "components") else {
            return self.malformed("`components`", "an object");
        };
        components.insert("securitySchemes".to_owned(), self.security_schemes());
        match object(components, "schemas") {
            Some(schemas) => drop(schemas.entry(PROBLEM).or_insert_with(problem)),
            None => self.malformed("`components.schemas`", "an object"),
        }
    }

    fn path(&mut self, path: &str, item: &mut Value) {
        let Some(item) = item.as_object_mut() else { return self.malformed(path, "an object") };
        for (method, operation) in item.iter_mut().filter(|(name, _)| METHODS.contains(&name.as_str())) {
            self.operation(&method.to_ascii_uppercase(), path, operation);
        }
        // Those of other methods, in OpenAPI 3.2.
        let others = item.get_mut("additionalOperations").and_then(Value::as_object_mut);
        for (method, operation) in others.into_iter().flatten() {
            self.operation(method, path, operation);
        }
    }

    /// What is asked of the callers of an operation.
    fn access(&mut self, method: &str, path: &str) -> Option<Access> {
        let route = self.route(method, path)?;
        if self.completion.exempt.contains(&route.pattern) {
            return Some(Access::Public);
        }
        let Access::Require(rule) = &route.access else { return Some(route.access.clone()) };
        let of_method = rule.for_method(method).map(Access::Require);
        if of_method.is_none() {
            let (method, path) = (method.to_owned(), path.to_owned());
            self.mismatches.push(Mismatch::Refused { method, path, access: rule.to_string() });
        }
        of_method
    }

    fn route(&mut self, method: &str, path: &str) -> Option<&'a Route> {
        let template = template(path);
        let fitting: Vec<_> = self
            .routes
            .iter()
            .zip(&mut self.documented)
            .filter(|(route, _)| self::template(&route.pattern) == template)
            .collect();
        let patterns = fitting.iter().map(|(route, _)| route.pattern.clone()).collect();
        let several = fitting.len() > 1;
        let found = fitting.into_iter().find(|(route, _)| !several || route.pattern == path);
        if let Some((route, documented)) = found {
            *documented = true;
            return Some(route);
        }
        let path = path.to_owned();
        self.mismatches.push(if several {
            Mismatch::Ambiguous { path, patterns }
        } else {
            Mismatch::NoRoute { method: method.to_owned(), path }
        });
        None
    }

    fn operation(&mut self, method: &str, path: &str, operation: &mut Value) {
        let Some(access) = &self.access(method, path) else { return };
        let Some(operation) = operation.as_object_mut() else {
            return self.malformed(format!("{method} {path}"), "an object");
        };
        operation.insert("x-kc-access".to_owned(), access.to_string().into());
        operation.insert("security".to_owned(), self.security(access));
        let Some(responses) = object(operation, "responses") else {
            return self.malformed(format!("`responses` of {method} {path}"), "an object");
        };
        for refusal in Refusal::of(access) {
            let Some(response) = object(responses, refusal.status()) else {
                let at = format!("`responses.{}` of {method} {path}", refusal.status());
                return self.malformed(at, "an object");
            };
            // One that is elsewhere is complete there or not at all.
            if !response.contains_key("$ref") {
                refusal.complete(response, method != "HEAD");
            }
        }
    }

    fn security(&mut self, access: &Access) -> Value {
        let rule = match access {
            Access::Public => return json!([]),
            Access::Optional => return json!([{}, {BEARER: []}, {KEYCLOAK: ["openid"]}]),
            Access::Page(rule) | Access::Require(rule) => rule,
        };
        let mut scopes = rule.scopes();
        if scopes.is_empty() {
            scopes.insert("openid");
        }
        for scope in &scopes {
            self.scopes
                .entry((*scope).to_owned())
                .or_insert_with(|| "Asked for by the operations".to_owned());
        }
        json!([{BEARER: []}, {KEYCLOAK: scopes}])
    }

    fn security_schemes(&self) -> Value {
        json!({
            BEARER: {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "An access token of Keycloak"
            },
            KEYCLOAK: {
                "type": "oauth2",
                "description": "A login at Keycloak: the authorization code flow, with PKCE",
                "flows": {
                    "authorizationCode": {
                        "authorizationUrl": self.completion.authorization_url,
                        "tokenUrl": self.completion.token_url,
                        "scopes": self.scopes
                    }
                }
            }
        })
    }

    /// Every route that asks for something is to have an operation.
    fn demand_the_rest(&mut self) {
        for (route, documented) in self.routes.iter().zip(&self.documented) {
            let open =
                matches!(route.access, Access::Public) || self.completion.left_out.contains(&route.pattern);
            if !open && !documented {
                let (pattern, access) = (route.pattern.clone(), route.access.to_string());
                self.mismatches.push(Mismatch::NotDocumented { pattern, access });
            }
        }
    }
}

/// A pattern as far as OpenAPI can say it: with parameters, and without their names, regular expressions and `*`.
fn template(pattern: &str) -> String {
    let mut depth = 0_usize;
    let outside = |letter: &char| {
        let was_outside = depth == 0;
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        was_outside || depth == 0
    };
    pattern.chars().filter(outside).collect()
}

#[cfg(test)]
mod tests;
