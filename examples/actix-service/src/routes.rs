//! The routes, and a handler for each: actix's part of the service.

use std::error::Error;

use actix_web::web::{Data, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use kc_actix::login::Session;
use kc_actix::{Principal, Rejection, Routes, delete, get, login, post};
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
) -> Result<(Routes, Docs), Box<dyn Error>> {
    let routes = Routes::new(kc.guard())
        .public("/health", [get(health)])
        .public("/.well-known/oauth-protected-resource", [get(resource_metadata)])
        .route("/me", access::ME, [get(me)])
        .route("/items", access::ITEMS, [get(items), post(create_item)])
        .route("/items/{id}", access::ITEM, [delete(delete_item)])
        .route("/admin/users", access::ADMIN, [get(admin_users)])
        .route("/reports", access::REPORTS, [get(reports)])
        .route("/cases", access::CASES, [get(cases), post(create_case)])
        .route("/inventory", access::INVENTORY, [get(inventory), post(add_inventory)])
        .route("/transfer", access::TRANSFER, [get(transfer)])
        .route("/service-token", access::ADMIN, [get(service_token)]);
    let docs = Docs::new(&Api::openapi(), kc, routes.table(), docs_client_id)?;
    let routes = routes
        .public("/openapi.json", [get(openapi)])
        .public("/docs", [get(swagger_ui)])
        .public("/docs/{file}", [get(swagger_ui_file)])
        .route("/", access::HOME, [get(home)])
        .route("/account", access::ACCOUNT, [get(account)])
        .route("/admin/", access::STAFF_PAGE, [get(staff)]);
    Ok((login::mount(routes, login), docs))
}

/// The whole service.
pub(crate) fn app(
    kc: Keycloak,
    login: Login,
    (routes, docs): (Routes, Docs),
) -> Result<impl Fn(&mut ServiceConfig) + Clone + Send + use<>, RouteError> {
    let routes = kc_actix::config(routes)?;
    let (kc, login, docs) = (Data::new(kc), Data::new(login), Data::new(docs));
    Ok(move |config: &mut ServiceConfig| {
        let data =
            config.app_data(Data::clone(&kc)).app_data(Data::clone(&login)).app_data(Data::clone(&docs));
        data.configure(&routes);
    })
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
async fn health() -> HttpResponse {
    HttpResponse::Ok().json(answers::health())
}

/// What clients may know of this service (RFC 9728)
#[utoipa::path(
    get,
    path = "/.well-known/oauth-protected-resource",
    responses((status = 200, description = "Protected resource metadata", body = Object))
)]
async fn resource_metadata(kc: Data<Keycloak>) -> HttpResponse {
    HttpResponse::Ok().json(kc.resource_metadata())
}

/// Who is calling
#[utoipa::path(get, path = "/me", responses((status = 200, description = "The caller", body = answers::Me)))]
async fn me(caller: Principal) -> HttpResponse {
    HttpResponse::Ok().json(answers::me(&caller))
}

/// All items
#[utoipa::path(get, path = "/items", responses((status = 200, description = "The items", body = Vec<answers::Item>)))]
async fn items(caller: Principal) -> HttpResponse {
    HttpResponse::Ok().json(answers::items(&caller))
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
    kc: Data<Keycloak>,
    caller: Principal,
    request: HttpRequest,
) -> Result<HttpResponse, Rejection> {
    let name = parameters::item_name(Some(request.query_string())).map_err(refused(&kc))?;
    Ok(HttpResponse::Created().json(answers::created(&name, &caller)))
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
async fn delete_item(kc: Data<Keycloak>, id: Option<Path<String>>) -> Result<HttpResponse, Rejection> {
    parameters::item_id(id.as_ref().map(|id| id.as_str())).map_err(refused(&kc))?;
    Ok(HttpResponse::NoContent().finish())
}

/// The local users
#[utoipa::path(
    get,
    path = "/admin/users",
    responses((status = 200, description = "The users, 100 at most", body = answers::AdminUsers))
)]
async fn admin_users(kc: Data<Keycloak>, caller: Principal) -> Result<HttpResponse, Rejection> {
    let users = answers::local_users(&kc).await.map_err(refused(&kc))?;
    Ok(HttpResponse::Ok().json(answers::admin_users(&caller, &users)))
}

/// A report
#[utoipa::path(get, path = "/reports", responses((status = 200, description = "The report", body = answers::Report)))]
async fn reports(caller: Principal) -> HttpResponse {
    HttpResponse::Ok().json(answers::report(&caller))
}

/// All cases
#[utoipa::path(get, path = "/cases", responses((status = 200, description = "The cases", body = answers::Cases)))]
async fn cases() -> HttpResponse {
    HttpResponse::Ok().json(answers::cases())
}

/// A new case
#[utoipa::path(post, path = "/cases", responses((status = 201, description = "The cases", body = answers::Cases)))]
async fn create_case() -> HttpResponse {
    HttpResponse::Created().json(answers::cases())
}

/// What is in stock
#[utoipa::path(get, path = "/inventory", responses((status = 200, description = "They may", body = answers::Inventory)))]
async fn inventory() -> HttpResponse {
    HttpResponse::Ok().json(answers::inventory(access::VIEW))
}

/// More in stock
#[utoipa::path(post, path = "/inventory", responses((status = 201, description = "They may", body = answers::Inventory)))]
async fn add_inventory() -> HttpResponse {
    HttpResponse::Created().json(answers::inventory(access::ADD))
}

/// What only a strong login may do
#[utoipa::path(
    get,
    path = "/transfer",
    responses((status = 200, description = "How strongly the caller was authenticated", body = answers::Transfer))
)]
async fn transfer(caller: Principal) -> HttpResponse {
    HttpResponse::Ok().json(answers::transfer(&caller))
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
async fn service_token(kc: Data<Keycloak>) -> Result<HttpResponse, Rejection> {
    let token = kc.service_token().await.map_err(refused(&kc))?;
    Ok(HttpResponse::Ok().json(answers::service_token(&token)))
}

async fn home(caller: Option<Principal>, login: Data<Login>) -> HttpResponse {
    kc_actix::response(&pages::home(caller.as_deref(), &login))
}

async fn account(caller: Principal, session: Session, login: Data<Login>) -> HttpResponse {
    kc_actix::response(&pages::account(&caller, &session.0, &login))
}

async fn staff(kc: Data<Keycloak>, caller: Principal) -> Result<HttpResponse, Rejection> {
    let users = answers::local_users(&kc).await.map_err(refused(&kc))?;
    Ok(kc_actix::response(&pages::staff(&caller, &users)))
}

async fn openapi(docs: Data<Docs>) -> HttpResponse {
    page(docs.document())
}

async fn swagger_ui(docs: Data<Docs>) -> HttpResponse {
    page(docs.index())
}

async fn swagger_ui_file(
    kc: Data<Keycloak>,
    docs: Data<Docs>,
    file: Path<String>,
) -> Result<HttpResponse, Rejection> {
    docs.file(&file).map(page).map_err(refused(&kc))
}

fn page(Page { headers, body }: Page) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    for (name, value) in headers {
        response.insert_header((name, value.into_owned()));
    }
    response.body(body)
}

fn refused(kc: &Keycloak) -> impl FnOnce(AuthError) -> Rejection {
    let guard = kc.guard().clone();
    move |error| Rejection::of(&guard, error)
}
