//! The routes, and a handler for each: actix's part of the service.

use actix_web::web::{Data, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use kc_actix::{Principal, Rejection, Routes, delete, get, post};
use kc_core::{AuthError, Keycloak, RouteError};
use reference_service::{access, answers, parameters};

/// All of them.
pub(crate) fn routes(
    kc: Keycloak,
) -> Result<impl Fn(&mut ServiceConfig) + Clone + Send + 'static, RouteError> {
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
    let routes = kc_actix::config(routes)?;
    let kc = Data::new(kc);
    Ok(move |config: &mut ServiceConfig| {
        config.app_data(Data::clone(&kc)).configure(&routes);
    })
}

async fn health() -> HttpResponse {
    HttpResponse::Ok().json(answers::health())
}

async fn resource_metadata(kc: Data<Keycloak>) -> HttpResponse {
    HttpResponse::Ok().json(kc.resource_metadata())
}

async fn me(caller: Principal) -> HttpResponse {
    HttpResponse::Ok().json(answers::me(&caller))
}

async fn items(caller: Principal) -> HttpResponse {
    HttpResponse::Ok().json(answers::items(&caller))
}

async fn create_item(
    kc: Data<Keycloak>,
    caller: Principal,
    request: HttpRequest,
) -> Result<HttpResponse, Rejection> {
    let name = parameters::item_name(Some(request.query_string())).map_err(refused(&kc))?;
    Ok(HttpResponse::Created().json(answers::created(&name, &caller)))
}

async fn delete_item(kc: Data<Keycloak>, id: Option<Path<String>>) -> Result<HttpResponse, Rejection> {
    parameters::item_id(id.as_ref().map(|id| id.as_str())).map_err(refused(&kc))?;
    Ok(HttpResponse::NoContent().finish())
}

async fn admin_users(kc: Data<Keycloak>, caller: Principal) -> Result<HttpResponse, Rejection> {
    let users = answers::local_users(&kc).await.map_err(refused(&kc))?;
    Ok(HttpResponse::Ok().json(answers::admin_users(&caller, &users)))
}

async fn reports(caller: Principal) -> HttpResponse {
    HttpResponse::Ok().json(answers::report(&caller))
}

async fn cases() -> HttpResponse {
    HttpResponse::Ok().json(answers::cases())
}

async fn create_case() -> HttpResponse {
    HttpResponse::Created().json(answers::cases())
}

async fn service_token(kc: Data<Keycloak>) -> Result<HttpResponse, Rejection> {
    let token = kc.service_token().await.map_err(refused(&kc))?;
    Ok(HttpResponse::Ok().json(answers::service_token(&token)))
}

fn refused(kc: &Keycloak) -> impl FnOnce(AuthError) -> Rejection {
    let guard = kc.guard().clone();
    move |error| Rejection::of(&guard, error)
}
