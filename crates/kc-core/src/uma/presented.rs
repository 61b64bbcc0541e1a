//! The token that a request's caller was known by, and what an RPT holds.

use super::ask::{Granted, Wanted};
use super::decider::PermissionRequest;
use crate::json::{self, Object, Value};
use crate::principal::Principal;
use crate::token::{Compact, MAX_JSON_DEPTH};
use crate::wire::BearerCredentials;

/// The token in whose name Keycloak is asked.
pub(super) struct Presented<'a> {
    pub(super) token: &'a str,
    /// Its payload, if that is what the caller was verified by, byte for byte: not what an introspection answered in its
    /// place, nor what userinfo added.
    verified: Option<Vec<u8>>,
}

impl<'a> Presented<'a> {
    /// The session's token, or the request's if it is the one that the caller is known by. An authenticator of the
    /// service's own may have known them by something else, while the request has a token of somebody else as well.
    pub(super) fn of(asked: &PermissionRequest<'a>) -> Option<Self> {
        let token = match asked.principal.session() {
            Some(session) => session.access_token().expose(),
            None => BearerCredentials::read(asked.request.headers).ok()??.token(),
        };
        let payload = Compact::parse(token).ok()?.payload;
        if payload == asked.principal.token().payload() {
            return Some(Self { token, verified: Some(payload) });
        }
        let said = json::parse_object(&payload, MAX_JSON_DEPTH).ok()?;
        is_about(&said, asked.principal).then_some(Self { token, verified: None })
    }

    /// Whether the token is an RPT of the resource server `client_id` that holds this permission: a token for it and for
    /// nobody else, as Keycloak makes them. A permission that another resource server gives is in a token for that one.
    pub(super) fn holds(&self, principal: &Principal, client_id: &str, wanted: &Wanted) -> bool {
        let for_it_alone =
            principal.claims().audience.as_ref().is_some_and(|audience| audience.iter().eq([client_id]));
        let Some(payload) = self.verified.as_ref().filter(|_| for_it_alone) else { return false };
        let Ok(claims) = json::parse_object(payload, MAX_JSON_DEPTH) else { return false };
        let Some(Value::Object(authorization)) = claims.get("authorization") else { return false };
        let Some(Value::Array(permissions)) = authorization.get("permissions") else { return false };
        Granted::read(permissions).is_ok_and(|granted| wanted.is_met_by(&granted))
    }
}

/// Whether what a token says of itself is about this caller: its issuer and its id, and its subject if it names one.
/// That it says the truth Keycloak finds out when it is shown.
fn is_about(said: &Object<'_>, principal: &Principal) -> bool {
    let claims = principal.claims();
    let text = |name| match said.get(name) {
        Some(Value::String(text)) => Some(text.as_ref()),
        _ => None,
    };
    let same = |said: Option<&str>, known: Option<&str>| said.is_some() && said == known;
    same(text("iss"), claims.issuer.as_deref())
        && same(text("jti"), claims.id.as_deref())
        && (said.get("sub").is_none() || same(text("sub"), claims.subject.as_deref()))
}
