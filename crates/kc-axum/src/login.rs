//! Browser login: its endpoints, the forms of pages, and who is in a session.

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::any;
use http::request::Parts;
use kc_login::form::{csrf_header, in_time};
use kc_login::{Endpoint, Login, LoginRequest, MAX_FORM_BYTES};

use crate::extract::caller;
use crate::response::Rejection;
use crate::routes::Routes;
use crate::view::{view, view_of_parts};

/// Adds the endpoints of a login, `/oidc/authenticate` and the others.
#[must_use]
pub fn mount<S: Clone + Send + Sync + 'static>(routes: Routes<S>, login: &Login) -> Routes<S> {
    Endpoint::ALL.into_iter().fold(routes, |routes, endpoint| {
        let login = login.clone();
        routes.public(endpoint.path(), any(move |request| serve(login.clone(), endpoint, request)))
    })
}

async fn serve(login: Login, endpoint: Endpoint, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let view = view_of_parts(&parts);
    let response = match in_time(view.method, to_bytes(body, MAX_FORM_BYTES)).await {
        Some(body) => login.serve(endpoint, &LoginRequest { view, body: &body }).await,
        None => login.unreadable(&view),
    };
    response.map(Body::from)
}

/// Middleware for pages, around all routes: their forms may send the CSRF value in a hidden field `csrf_token`, and what comes
/// unencrypted is sent to https where the login's options say so.
///
/// ```
/// # fn with_pages(app: axum::Router, login: kc_login::Login) -> axum::Router {
/// app.layer(axum::middleware::from_fn_with_state(login, kc_axum::login::pages))
/// # }
/// ```
pub async fn pages(State(login): State<Login>, mut request: Request, next: Next) -> Response {
    if let Some(to_https) = login.to_https(&view(&request)) {
        return to_https.map(Body::from);
    }
    if login.wants_form(&view(&request)) {
        let (mut parts, body) = request.into_parts();
        let Some(body) = in_time(parts.method.as_str(), to_bytes(body, MAX_FORM_BYTES)).await else {
            return login.unreadable(&view_of_parts(&parts)).map(Body::from);
        };
        parts.headers.extend(csrf_header(&body));
        request = Request::from_parts(parts, Body::from(body));
    }
    let mut response = next.run(request).await;
    login.strict(response.headers_mut());
    response
}

/// The session that the caller came with; 401 for a caller without one.
#[derive(Clone, Debug)]
pub struct Session(pub kc_core::session::Session);

impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        Ok(Self(caller(parts)?.session()?.clone()))
    }
}

/// The caller's local user, however they came; 401 where there is none.
#[derive(Clone, Debug)]
pub struct CurrentUser(pub kc_core::users::User);

impl<S: Sync> FromRequestParts<S> for CurrentUser {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        Ok(Self(caller(parts)?.user()?.clone()))
    }
}
