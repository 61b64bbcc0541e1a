//! Browser login: its endpoints, the forms of pages, and who is in a session.

use std::future::{Ready, ready};

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::middleware::{Next, from_fn};
use actix_web::{Error, FromRequest, HttpRequest, HttpResponse, web};
use kc_login::form::{csrf_header, in_time};
use kc_login::{Endpoint, Login, LoginRequest, MAX_FORM_BYTES};

use crate::extract::caller;
use crate::response::{Rejection, append, response};
use crate::routes::{Routes, on};
use crate::view::{Lines, view};

/// Adds the endpoints of a login, `/oidc/authenticate` and the others.
pub fn mount(routes: Routes, login: &Login) -> Routes {
    Endpoint::ALL.into_iter().fold(routes, |routes, endpoint| {
        let login = login.clone();
        let handler = move |request, body| serve(login.clone(), endpoint, request, body);
        routes.public(endpoint.path(), [on(None, handler)])
    })
}

async fn serve(login: Login, endpoint: Endpoint, request: HttpRequest, body: web::Payload) -> HttpResponse {
    let headers = Lines(request.headers());
    let view = view(&request, &headers);
    response(&match in_time(view.method, limited(body)).await {
        Some(body) => login.serve(endpoint, &LoginRequest { view, body: &body }).await,
        _ => login.unreadable(&view),
    })
}

async fn limited(body: web::Payload) -> Result<web::Bytes, ()> {
    body.to_bytes_limited(MAX_FORM_BYTES).await.map_err(drop)?.map_err(drop)
}

/// A middleware for pages, around all routes: their forms may send the CSRF value in a hidden field `csrf_token`, and what comes
/// unencrypted is sent to https where the login's options say so: `App::new().wrap(kc_actix::login::pages(&login))`.
pub fn pages<S, B: MessageBody + 'static>(
    login: &Login,
) -> impl Transform<S, ServiceRequest, Response = ServiceResponse, Error = Error, InitError = ()> + use<S, B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
{
    let login = login.clone();
    from_fn(move |request, next| read(login.clone(), request, next))
}

async fn read<B: MessageBody + 'static>(
    login: Login,
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse, Error> {
    if let Some(to_https) = login.to_https(&view(request.request(), &Lines(request.headers()))) {
        return Ok(request.into_response(response(&to_https)));
    }
    if login.wants_form(&view(request.request(), &Lines(request.headers()))) {
        let body = request.extract::<web::Payload>().await?;
        let Some(body) = in_time(request.method().as_str(), limited(body)).await else {
            let unreadable = login.unreadable(&view(request.request(), &Lines(request.headers())));
            return Ok(request.into_response(response(&unreadable)));
        };
        append(&csrf_header(&body).into_iter().collect(), request.headers_mut());
        request.set_payload(Payload::from(body));
    }
    let mut response = next.call(request).await?.map_into_boxed_body();
    let mut strict = http::HeaderMap::new();
    login.strict(&mut strict);
    append(&strict, response.headers_mut());
    Ok(response)
}

/// The session that the caller came with; 401 for a caller without one.
#[derive(Clone, Debug)]
pub struct Session(pub kc_core::session::Session);

impl FromRequest for Session {
    type Error = Rejection;
    type Future = Ready<Result<Self, Rejection>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller(request).and_then(|caller| Ok(Self(caller.session()?.clone()))))
    }
}

/// The caller's local user, however they came; 401 where there is none.
#[derive(Clone, Debug)]
pub struct CurrentUser(pub kc_core::users::User);

impl FromRequest for CurrentUser {
    type Error = Rejection;
    type Future = Ready<Result<Self, Rejection>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller(request).and_then(|caller| Ok(Self(caller.user()?.clone()))))
    }
}
