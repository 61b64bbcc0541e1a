//! Browser login: its endpoints, the forms of pages, and who is in a session.

use kc_login::form::{csrf_header, in_time};
use kc_login::{Endpoint, Login, LoginRequest, MAX_FORM_BYTES};
use poem::middleware::make;
use poem::{EndpointExt, FromRequest, IntoResponse, Middleware, Request, RequestBody, Response};

use crate::extract::caller;
use crate::response::{Rejection, response};
use crate::routes::{Routes, on};
use crate::view::view;

/// Adds the endpoints of a login, `/oidc/authenticate` and the others.
pub fn mount(routes: Routes, login: &Login) -> Routes {
    Endpoint::ALL.into_iter().fold(routes, |routes, endpoint| {
        let login = login.clone();
        let handler = poem::endpoint::make(move |request| serve(login.clone(), endpoint, request));
        routes.public(endpoint.path(), [on(None, handler)])
    })
}

async fn serve(login: Login, endpoint: Endpoint, mut request: Request) -> Response {
    let body = request.take_body().into_bytes_limit(MAX_FORM_BYTES);
    let view = view(&request);
    response(match in_time(view.method, body).await {
        Some(body) => login.serve(endpoint, &LoginRequest { view, body: &body }).await,
        None => login.unreadable(&view),
    })
}

/// A middleware for pages, around all routes: their forms may send the CSRF value in a hidden field `csrf_token`, and what comes
/// unencrypted is sent to https where the login's options say so: `app.with(kc_poem::login::pages(&login))`.
pub fn pages<E: poem::Endpoint + 'static>(
    login: &Login,
) -> impl Middleware<E, Output = impl poem::Endpoint<Output = Response> + use<E>> + use<E> {
    let login = login.clone();
    make(move |inner: E| {
        let login = login.clone();
        inner.around(move |inner, mut request| {
            let login = login.clone();
            async move {
                if let Some(to_https) = login.to_https(&view(&request)) {
                    return Ok(response(to_https));
                }
                if login.wants_form(&view(&request)) {
                    let body = request.take_body().into_bytes_limit(MAX_FORM_BYTES);
                    let Some(body) = in_time(request.method().as_str(), body).await else {
                        return Ok(response(login.unreadable(&view(&request))));
                    };
                    request.headers_mut().extend(csrf_header(&body));
                    request.set_body(body);
                }
                let mut response = inner.call(request).await?.into_response();
                login.strict(response.headers_mut());
                Ok(response)
            }
        })
    })
}

/// The session that the caller came with; 401 for a caller without one.
#[derive(Clone, Debug)]
pub struct Session(pub kc_core::session::Session);

impl<'a> FromRequest<'a> for Session {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        Ok(Self(caller(request)?.session().map_err(Rejection::from)?.clone()))
    }
}

/// The caller's local user, however they came; 401 where there is none.
#[derive(Clone, Debug)]
pub struct CurrentUser(pub kc_core::users::User);

impl<'a> FromRequest<'a> for CurrentUser {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        Ok(Self(caller(request)?.user().map_err(Rejection::from)?.clone()))
    }
}
