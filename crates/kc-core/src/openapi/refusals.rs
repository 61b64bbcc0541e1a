//! The responses that the guard gives in the handler's stead.

use serde_json::{Map, Value, json};

use crate::access::Access;
use crate::wire::Problem;

/// The name of the body's schema in `components.schemas`.
pub(super) const PROBLEM: &str = "Problem";

/// A response of the guard's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    BadCredentials,
    NotAuthenticated,
    Forbidden,
    NoIntrospection,
    Unavailable,
}

impl Refusal {
    /// What can come of an access, for [one method](crate::rules::Rule::for_method), in the order of the status.
    pub(super) fn of(access: &Access) -> Vec<Self> {
        let rule = match access {
            Access::Public => return Vec::new(),
            Access::Optional => None,
            Access::Page(rule) | Access::Require(rule) => Some(rule.foresee()),
        };
        let mut refusals = vec![Self::BadCredentials, Self::NotAuthenticated];
        if rule.is_some_and(|rule| rule.forbidden) {
            refusals.push(Self::Forbidden);
        }
        if rule.is_some_and(|rule| rule.asks) {
            refusals.push(Self::NoIntrospection);
        }
        refusals.push(Self::Unavailable);
        refusals
    }

    pub(super) fn status(self) -> &'static str {
        match self {
            Self::BadCredentials => "400",
            Self::NotAuthenticated => "401",
            Self::Forbidden => "403",
            Self::NoIntrospection => "502",
            Self::Unavailable => "503",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::BadCredentials => "The Authorization header is malformed",
            Self::NotAuthenticated => "No credentials, bad ones, or a stronger login is required",
            Self::Forbidden => "The caller has not the rights",
            Self::NoIntrospection => "Keycloak could not be asked whether the token is active",
            Self::Unavailable => "What it takes to check the token is not available",
        }
    }

    fn header(self) -> Option<(&'static str, Value)> {
        let challenge = || {
            json!({
                "description": "A Bearer challenge: RFC 6750 section 3, RFC 9470 section 3",
                "schema": {"type": "string"}
            })
        };
        match self {
            Self::BadCredentials | Self::NotAuthenticated | Self::Forbidden => {
                Some(("WWW-Authenticate", challenge()))
            }
            Self::NoIntrospection => None,
            Self::Unavailable => Some((
                "Retry-After",
                json!({"description": "Seconds until it makes sense to ask again", "schema": {"type": "integer"}}),
            )),
        }
    }

    /// Adds what a response lacks of it; what the document says of its own stays. A response to HEAD has no body.
    pub(super) fn complete(self, response: &mut Map<String, Value>, with_body: bool) {
        response.entry("description").or_insert_with(|| self.description().into());
        if let Some((name, header)) = self.header()
            && let Some(headers) = object(response, "headers")
            // The names of headers have no case (RFC 9110 §5.1).
            && !headers.keys().any(|known| known.eq_ignore_ascii_case(name))
        {
            headers.insert(name.to_owned(), header);
        }
        if with_body && let Some(content) = object(response, "content") {
            content
                .entry("application/problem+json")
                .or_insert_with(|| json!({"schema": {"$ref": format!("#/components/schemas/{PROBLEM}")}}));
        }
    }
}

/// The member of that name, made where there is none; `None` when it is there and no object.
pub(super) fn object<'a>(of: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Map<String, Value>> {
    of.entry(name).or_insert_with(|| Value::Object(Map::new())).as_object_mut()
}

/// The schema of [`Problem`], good in OpenAPI 3.0 as in 3.1.
pub(super) fn problem() -> Value {
    let mut codes: Vec<_> = Problem::codes().collect();
    codes.sort_unstable();
    json!({
        "type": "object",
        "description": "Why a request was refused (RFC 9457)",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": {"type": "string", "description": "urn:kc:problem: and the code"},
            "title": {"type": "string", "description": "One fixed phrase for each code"},
            "status": {"type": "integer", "description": "The HTTP status"},
            "detail": {"type": "string", "description": "What was wrong, for a person"},
            "code": {"type": "string", "description": "Stable, for a program", "enum": codes}
        }
    })
}
