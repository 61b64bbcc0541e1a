//! The adapter: a request of hyper's as kc sees it, and kc's answers as hyper's.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use kc_core::wire::RequestView;
use kc_core::{Admission, AuthError, Keycloak};
use serde::Serialize;

use crate::handlers::handle;
use crate::router::{Found, find};

/// What is sent.
pub(crate) type Answer = Response<Full<Bytes>>;

/// The service.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) keycloak: Keycloak,
}

impl App {
    /// From a request to its response: cross-origin, route, method, guard, handler, audit.
    pub(crate) async fn answer(&self, request: Request<Incoming>, peer: IpAddr) -> Answer {
        let (parts, _body) = request.into_parts();
        let found = find(parts.uri.path());
        let view = view(&parts, found, peer);
        let cors = self.keycloak.cors();
        if let Some(preflight) = cors.preflight(&view) {
            return preflight.map(Full::from);
        }
        let mut response = match found {
            None => self.refused(AuthError::NotFound),
            Some(found) if !found.route.has(view.method) => {
                self.refused(AuthError::MethodNotAllowed { allow: found.route.methods().to_owned() })
            }
            Some(found) => self.guarded(&view, found, parts.uri.query()).await,
        };
        cors.decorate(&view, response.headers_mut());
        response.map(Full::from)
    }

    /// Asks the guard, and the handler only if it agrees. Either way the audit gets the status.
    async fn guarded(
        &self,
        view: &RequestView<'_>,
        found: Found<'_>,
        query: Option<&str>,
    ) -> Response<Bytes> {
        let guard = self.keycloak.guard();
        let admitted = guard.admit(view, &found.route.access()).await;
        let (response, refused) = match admitted.outcome {
            Ok(admission) => match handle(&self.keycloak, view.method, found, query, &admission).await {
                Ok(response) => (response, None),
                // A handler that asks who calls on a route that does not demand it refuses after all.
                Err(error @ AuthError::NotAuthenticated) => (self.refused(error), Some("not_authenticated")),
                Err(error) => (self.refused(error), None),
            },
            Err(refusal) => (guard.response(&refusal), None),
        };
        admitted.audit.finish(response.status().as_u16(), refused);
        response
    }

    fn refused(&self, error: AuthError) -> Response<Bytes> {
        let guard = self.keycloak.guard();
        guard.response(&guard.refuse(error))
    }
}

/// Borrows what a decision depends on. The path is the raw one; the route is the one that the router chose.
fn view<'a>(parts: &'a Parts, found: Option<Found<'_>>, peer: IpAddr) -> RequestView<'a> {
    RequestView {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query(),
        route: found.map(|found| found.route.pattern()),
        headers: &parts.headers,
        peer: Some(peer),
    }
}

/// The caller, for a handler that has to know.
pub(crate) fn caller(admission: &Admission) -> Result<&kc_core::Principal, AuthError> {
    admission.principal().ok_or(AuthError::NotAuthenticated)
}

/// A response of JSON.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Result<Response<Bytes>, AuthError> {
    let body = serde_json::to_vec(body).map_err(|error| AuthError::Internal { reason: error.to_string() })?;
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
