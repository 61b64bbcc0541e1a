//! Routes, none of them without its rule.

use std::future::ready;
use std::sync::Arc;

use actix_web::dev::ResourceDef;
use actix_web::guard::fn_guard;
use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, HttpMessage, HttpRequest, HttpResponse, Resource, Responder, Route};
use kc_core::routes::BoundRoute;
use kc_core::{AuthError, Gate, Guard, RouteError};

use crate::response::{Rejection, finish};
use crate::view::{Lines, view};

/// Routes, each with what it asks of its callers; [`config`] makes an app of them.
pub type Routes = kc_core::routes::Routes<MakeRoute>;

/// A handler and the method that it is for: made by [`get`], [`post`] and their like.
pub type Endpoint = kc_core::routes::Endpoint<MakeRoute>;

/// actix wants its routes anew for each of its threads.
pub type MakeRoute = Arc<dyn Fn(&Arc<Gate>) -> Route + Send + Sync>;

/// A handler for a method, or with `None` for all methods that have none. What is for GET serves HEAD too, unless HEAD
/// has a handler of its own.
pub fn on<A: FromRequest + 'static>(
    method: impl Into<Option<Method>>,
    handler: impl Handler<A, Output: Responder + 'static> + Send + Sync,
) -> Endpoint {
    let make: MakeRoute = Arc::new(move |gate| {
        let (gate, handler) = (Arc::clone(gate), handler.clone());
        web::to(move |asked| guarded(Arc::clone(&gate), handler.clone(), asked))
    });
    Endpoint::new(method.into().as_ref().map(Method::as_str), make)
}

/// Asks, and calls the handler or does not: a handler itself, since actix boxes and moves a request twice more for a
/// middleware.
async fn guarded<A: FromRequest>(
    gate: Arc<Gate>,
    handler: impl Handler<A, Output: Responder>,
    (request, body): (HttpRequest, web::Payload),
) -> HttpResponse {
    let (outcome, audit) = gate.admit(&view(&request, &Lines(request.headers()))).await;
    let response = match outcome {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            match A::from_request(&request, &mut body.into_inner()).await {
                Ok(arguments) => handler.call(arguments).await.respond_to(&request).map_into_boxed_body(),
                Err(error) => HttpResponse::from_error(error),
            }
        }
        Err(rejected) => HttpResponse::from_error(Rejection::from(rejected)),
    };
    finish(audit, &response);
    response
}

macro_rules! on {
    ($($name:ident $method:ident)*) => {$(
        #[doc = concat!("A handler for ", stringify!($method), ".")]
        pub fn $name<A: FromRequest + 'static>(
            handler: impl Handler<A, Output: Responder + 'static> + Send + Sync,
        ) -> Endpoint {
            on(Method::$method, handler)
        }
    )*};
}

on! { get GET post POST put PUT patch PATCH delete DELETE }

/// The routes for [`App::configure`](actix_web::App::configure), with 404 and 405 as problems. For an app, not for a
/// scope: prefixes are [nested](kc_core::routes::Routes::nest).
///
/// A pattern is spelled `/items/{id}`, or `/files/{*rest}`, as in the table and the audit of every adapter; what else
/// actix reads is taken too. It matches a path as it came: `/%6De` is not `/me`.
///
/// # Errors
/// [`RouteError`] when the table is ambiguous.
///
/// # Panics
/// As [`ResourceDef::new`] does: for a pattern that it cannot read.
pub fn config(routes: Routes) -> Result<impl Fn(&mut ServiceConfig) + Clone + Send + 'static, RouteError> {
    let guard = routes.guard().clone();
    let spelled = |route: &BoundRoute<_>| route.pattern_with_rest(|name| format!("{{{name}:.+}}"));
    let bound = routes.into_bound()?.into_iter().map(|route| (ResourceDef::new(spelled(&route)), route));
    let bound: Arc<[_]> = bound.collect();
    Ok(move |config: &mut ServiceConfig| {
        for (pattern, route) in &*bound {
            config.service(resource(pattern, route));
        }
        config.default_service(refuse(&guard, AuthError::NotFound));
    })
}

fn resource(pattern: &ResourceDef, route: &BoundRoute<MakeRoute>) -> Resource {
    let (raw, text) = (pattern.clone(), pattern.pattern().unwrap_or_default());
    // actix has decoded the path before it matched. A pattern that can only be written encoded is left to that.
    let encoded = !text.bytes().all(|byte| byte.is_ascii_graphic());
    let mut resource = web::resource(text).guard(fn_guard(move |of| {
        let path = of.head().uri.path();
        encoded || !path.contains('%') || raw.is_match(path)
    }));
    for (methods, make) in &route.handlers {
        let methods = methods.clone();
        let fits = fn_guard(move |of| methods.serves(of.head().method.as_str()));
        resource = resource.route(make(&route.gate).guard(fits));
    }
    let allow = route.allow.clone();
    resource.default_service(refuse(route.gate.guard(), AuthError::MethodNotAllowed { allow }))
}

/// For everybody.
fn refuse(guard: &Guard, error: AuthError) -> Route {
    let guard = guard.clone();
    web::to(move || ready(Err::<HttpResponse, _>(Rejection::of(&guard, error.clone()))))
}
