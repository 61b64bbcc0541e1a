//! The routes, and a handler for each: axum's part of the service.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use axum::{Json, Router};
use kc_axum::{Principal, Rejection, Routes};
use kc_core::{AuthError, Keycloak, RouteError};
use reference_service::{access, answers, parameters};

/// The whole service.
pub(crate) fn app(kc: Keycloak) -> Result<Router, RouteError> {
    let cors = from_fn_with_state(kc.cors().clone(), kc_axum::cors);
    let routes = Routes::new(kc.guard())
        .public("/health", get(health))
        .public("/.well-known/oauth-protected-resource", get(resource_metadata))
        .route("/me", access::ME, get(me))
        .route("/items", access::ITEMS, get(items).post(create_item))
        .route("/items/{id}", access::ITEM, delete(delete_item))
        .route("/admin/users", access::ADMIN, get(admin_users))
        .route("/reports", access::REPORTS, get(reports))
        .route("/cases", access::CASES, get(cases).post(create_case))
        .route("/service-token", access::ADMIN, get(service_token));
    Ok(routes.into_router()?.layer(cors).with_state(kc))
}

async fn health() -> Response {
    Json(answers::health()).into_response()
}

async fn resource_metadata(State(kc): State<Keycloak>) -> Response {
    Json(kc.resource_metadata()).into_response()
}

async fn me(caller: Principal) -> Response {
    Json(answers::me(&caller)).into_response()
}

async fn items(caller: Principal) -> Response {
    Json(answers::items(&caller)).into_response()
}

async fn create_item(
    State(kc): State<Keycloak>,
    caller: Principal,
    RawQuery(query): RawQuery,
) -> Result<Response, Rejection> {
    let name = parameters::item_name(query.as_deref()).map_err(refused(&kc))?;
    Ok((StatusCode::CREATED, Json(answers::created(&name, &caller))).into_response())
}

async fn delete_item(
    State(kc): State<Keycloak>,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Rejection> {
    let id = id.as_ref().map(|Path(id)| id.as_str()).ok();
    parameters::item_id(id).map_err(refused(&kc))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn admin_users(State(kc): State<Keycloak>, caller: Principal) -> Result<Response, Rejection> {
    let users = answers::local_users(&kc).await.map_err(refused(&kc))?;
    Ok(Json(answers::admin_users(&caller, &users)).into_response())
}

async fn reports(caller: Principal) -> Response {
    Json(answers::report(&caller)).into_response()
}

async fn cases() -> Response {
    Json(answers::cases()).into_response()
}

async fn create_case() -> Response {
    (StatusCode::CREATED, Json(answers::cases())).into_response()
}

async fn service_token(State(kc): State<Keycloak>) -> Result<Response, Rejection> {
    let token = kc.service_token().await.map_err(refused(&kc))?;
    Ok(Json(answers::service_token(&token)).into_response())
}

fn refused(kc: &Keycloak) -> impl FnOnce(AuthError) -> Rejection {
    let guard = kc.guard().clone();
    move |error| Rejection::of(&guard, error)
}
