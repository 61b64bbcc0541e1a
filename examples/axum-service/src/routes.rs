//! The routes, and a handler for each: axum's part of the service.

use std::error::Error;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use axum::{Extension, Json, Router};
use kc_axum::login::Session;
use kc_axum::{Principal, Rejection, Routes, login};
use kc_core::{AuthError, Keycloak, RouteError};
use kc_login::Login;
use reference_service::docs::{Docs, Page};
use reference_service::{access, answers, pages, parameters};
use utoipa::OpenApi;

/// All of them, and the documentation that two of them serve.
pub(crate) fn routes(
    kc: &Keycloak,
    login: &Login,
    docs_client_id: &str,
) -> Result<(Routes<Keycloak>, Docs), Box<dyn Error>> {
    let routes = Routes::new(kc.guard())
        .public("/health", get(health))
        .public("/.well-known/oauth-protected-resource", get(resource_metadata))
        .route("/me", access::ME, get(me))
        .route("/items", access::ITEMS, get(items).post(create_item))
        .route("/items/{id}", access::ITEM, delete(delete_item))
        .route("/admin/users", access::ADMIN, get(admin_users))
        .route("/reports", access::REPORTS, get(reports))
        .route("/cases", access::CASES, get(cases).post(create_case))
        .route("/inventory", access::INVENTORY, get(inventory).post(add_inventory))
        .route("/transfer", access::TRANSFER, get(transfer))
        .route("/service-token", access::ADMIN, get(service_token));
    let docs = Docs::new(&Api::openapi(), kc, routes.table(), docs_client_id)?;
    let routes = routes
        .public("/openapi.json", get(openapi))
        .public("/docs", get(swagger_ui))
        .public("/docs/{file}", get(swagger_ui_file))
        .route("/", access::HOME, get(home))
        .route("/account", access::ACCOUNT, get(account))
        .route("/admin/", access::STAFF_PAGE, get(staff));
    Ok((login::mount(routes, login), docs))
}

/// The whole service.
pub(crate) fn app(
    kc: Keycloak,
    login: Login,
    (routes, docs): (Routes<Keycloak>, Docs),
) -> Result<Router, RouteError> {
    let router = routes.into_router()?;
    let cors = from_fn_with_state(kc.cors().clone(), kc_axum::cors);
    let pages = from_fn_with_state(login.clone(), login::pages);
    Ok(router.layer(Extension(docs)).layer(Extension(login)).layer(pages).layer(cors).with_state(kc))
}

#[derive(OpenApi)]
#[openapi(paths(
    health,
    resource_metadata,
    me,
    items,
    create_item,
    delete_item,
    admin_users,
    reports,
    cases,
    create_case,
    inventory,
    add_inventory,
    transfer,
    service_token
))]
struct Api;

/// Whether the process runs
#[utoipa::path(get, path = "/health", responses((status = 200, description = "It does", body = answers::Health)))]
async fn health() -> Response {
    Json(answers::health()).into_response()
}

/// What clients may know of this service (RFC 9728)
#[utoipa::path(
    get,
    path = "/.well-known/oauth-protected-resource",
    responses((status = 200, description = "Protected resource metadata", body = Object))
)]
async fn resource_metadata(State(kc): State<Keycloak>) -> Response {
    Json(kc.resource_metadata()).into_response()
}

/// Who is calling
#[utoipa::path(get, path = "/me", responses((status = 200, description = "The caller", body = answers::Me)))]
async fn me(caller: Principal) -> Response {
    Json(answers::me(&caller)).into_response()
}

/// All items
#[utoipa::path(get, path = "/items", responses((status = 200, description = "The items", body = Vec<answers::Item>)))]
async fn items(caller: Principal) -> Response {
    Json(answers::items(&caller)).into_response()
}

/// A new item
#[utoipa::path(
    post,
    path = "/items",
    params(parameters::ItemName),
    responses(
        (status = 201, description = "The item", body = answers::Item),
        (status = 400, description = "A bad parameter, or a malformed Authorization header")
    )
)]
async fn create_item(
    State(kc): State<Keycloak>,
    caller: Principal,
    RawQuery(query): RawQuery,
) -> Result<Response, Rejection> {
    let name = parameters::item_name(query.as_deref()).map_err(refused(&kc))?;
    Ok((StatusCode::CREATED, Json(answers::created(&name, &caller))).into_response())
}

/// No more of an item
#[utoipa::path(
    delete,
    path = "/items/{id}",
    params(parameters::ItemId),
    responses(
        (status = 204, description = "It is gone"),
        (status = 400, description = "A bad parameter, or a malformed Authorization header")
    )
)]
async fn delete_item(
    State(kc): State<Keycloak>,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Rejection> {
    let id = id.as_ref().map(|Path(id)| id.as_str()).ok();
    parameters::item_id(id).map_err(refused(&kc))?;
    Ok(StatusCode::NO_CONTENT)
}

/// The local users
#[utoipa::path(
    get,
    path = "/admin/users",
    responses((status = 200, description = "The users, 100 at most", body = answers::AdminUsers))
)]
async fn admin_users(State(kc): State<Keycloak>, caller: Principal) -> Result<Response, Rejection> {
    let users = answers::local_users(&kc).await.map_err(refused(&kc))?;
    Ok(Json(answers::admin_users(&caller, &users)).into_response())
}

/// A report
#[utoipa::path(get, path = "/reports", responses((status = 200, description = "The report", body = answers::Report)))]
async fn reports(caller: Principal) -> Response {
    Json(answers::report(&caller)).into_response()
}

/// All cases
#[utoipa::path(get, path = "/cases", responses((status = 200, description = "The cases", body = answers::Cases)))]
async fn cases() -> Response {
    Json(answers::cases()).into_response()
}

/// A new case
#[utoipa::path(post, path = "/cases", responses((status = 201, description = "The cases", body = answers::Cases)))]
async fn create_case() -> Response {
    (StatusCode::CREATED, Json(answers::cases())).into_response()
}

/// What is in stock
#[utoipa::path(get, path = "/inventory", responses((status = 200, description = "They may", body = answers::Inventory)))]
async fn inventory() -> Response {
    Json(answers::inventory(access::VIEW)).into_response()
}

/// More in stock
#[utoipa::path(post, path = "/inventory", responses((status = 201, description = "They may", body = answers::Inventory)))]
async fn add_inventory() -> Response {
    (StatusCode::CREATED, Json(answers::inventory(access::ADD))).into_response()
}

/// What only a strong login may do
#[utoipa::path(
    get,
    path = "/transfer",
    responses((status = 200, description = "How strongly the caller was authenticated", body = answers::Transfer))
)]
async fn transfer(caller: Principal) -> Response {
    Json(answers::transfer(&caller)).into_response()
}

/// How long this service's own token lives
#[utoipa::path(
    get,
    path = "/service-token",
    responses(
        (status = 200, description = "Its age", body = answers::ServiceTokenAge),
        (status = 502, description = "Keycloak gives none", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json")
    )
)]
async fn service_token(State(kc): State<Keycloak>) -> Result<Response, Rejection> {
    let token = kc.service_token().await.map_err(refused(&kc))?;
    Ok(Json(answers::service_token(&token)).into_response())
}

async fn home(caller: Option<Principal>, login: Extension<Login>) -> Response {
    pages::home(caller.as_deref(), &login).map(Body::from)
}

async fn account(caller: Principal, session: Session, login: Extension<Login>) -> Response {
    pages::account(&caller, &session.0, &login).map(Body::from)
}

async fn staff(State(kc): State<Keycloak>, caller: Principal) -> Result<Response, Rejection> {
    let users = answers::local_users(&kc).await.map_err(refused(&kc))?;
    Ok(pages::staff(&caller, &users).map(Body::from))
}

async fn openapi(docs: Extension<Docs>) -> Response {
    page(docs.document())
}

async fn swagger_ui(docs: Extension<Docs>) -> Response {
    page(docs.index())
}

async fn swagger_ui_file(
    State(kc): State<Keycloak>,
    docs: Extension<Docs>,
    file: Path<String>,
) -> Result<Response, Rejection> {
    docs.file(&file).map(page).map_err(refused(&kc))
}

fn page(Page { headers, body }: Page) -> Response {
    (headers.map(|(name, value)| (name, value.into_owned())), body).into_response()
}

fn refused(kc: &Keycloak) -> impl FnOnce(AuthError) -> Rejection {
    let guard = kc.guard().clone();
    move |error| Rejection::of(&guard, error)
}
