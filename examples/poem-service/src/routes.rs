//! The routes, and a handler for each: poem's part of the service.

use kc_core::{AuthError, Keycloak, RouteError};
use kc_poem::{Principal, Rejection, Routes, cors, delete, get, post, router};
use poem::http::StatusCode;
use poem::web::{Data, Json};
use poem::{Endpoint, EndpointExt, IntoResponse, Request, Response, handler};
use reference_service::{access, answers, parameters};

/// The whole service.
pub(crate) fn app(kc: Keycloak) -> Result<impl Endpoint + 'static, RouteError> {
    let cors = cors(kc.cors().clone());
    let routes = Routes::new(kc.guard())
        .public("/health", [get(health)])
        .public("/.well-known/oauth-protected-resource", [get(resource_metadata)])
        .route("/me", access::ME, [get(me)])
        .route("/items", access::ITEMS, [get(items), post(create_item)])
        .route("/items/{id}", access::ITEM, [delete(delete_item)])
        .route("/admin/users", access::ADMIN, [get(admin_users)])
        .route("/reports", access::REPORTS, [get(reports)])
        .route("/cases", access::CASES, [get(cases), post(create_case)])
        .route("/service-token", access::ADMIN, [get(service_token)]);
    Ok(router(routes)?.data(kc).with(cors))
}

#[handler]
fn health() -> Response {
    json(answers::health())
}

#[handler]
fn resource_metadata(kc: Data<&Keycloak>) -> Response {
    json(kc.resource_metadata())
}

#[handler]
fn me(caller: Principal) -> Response {
    json(answers::me(&caller))
}

#[handler]
fn items(caller: Principal) -> Response {
    json(answers::items(&caller))
}

#[handler]
fn create_item(kc: Data<&Keycloak>, caller: Principal, request: &Request) -> Result<Response, Rejection> {
    let name = parameters::item_name(request.uri().query()).map_err(refused(&kc))?;
    Ok(json(answers::created(&name, &caller)).with_status(StatusCode::CREATED).into_response())
}

#[handler]
fn delete_item(kc: Data<&Keycloak>, request: &Request) -> Result<StatusCode, Rejection> {
    parameters::item_id(request.raw_path_param("id")).map_err(refused(&kc))?;
    Ok(StatusCode::NO_CONTENT)
}

#[handler]
async fn admin_users(kc: Data<&Keycloak>, caller: Principal) -> Result<Response, Rejection> {
    let users = answers::local_users(&kc).await.map_err(refused(&kc))?;
    Ok(json(answers::admin_users(&caller, &users)))
}

#[handler]
fn reports(caller: Principal) -> Response {
    json(answers::report(&caller))
}

#[handler]
fn cases() -> Response {
    json(answers::cases())
}

#[handler]
fn create_case() -> Response {
    json(answers::cases()).with_status(StatusCode::CREATED).into_response()
}

#[handler]
async fn service_token(kc: Data<&Keycloak>) -> Result<Response, Rejection> {
    let token = kc.service_token().await.map_err(refused(&kc))?;
    Ok(json(answers::service_token(&token)))
}

/// poem's `Json` names a charset, which JSON has not (RFC 8259 §11).
fn json(body: impl serde::Serialize + Send) -> Response {
    Json(body).with_content_type("application/json").into_response()
}

fn refused(kc: &Keycloak) -> impl FnOnce(AuthError) -> Rejection {
    let guard = kc.guard().clone();
    move |error| Rejection::of(&guard, error)
}
