//! The routes, and an operation for each: poem's part of the service.

use std::error::Error;

use kc_core::{AuthError, Keycloak, RouteError};
use kc_login::Login;
use kc_poem::login::Session;
use kc_poem::{Principal, Rejection, Routes, cors, get, login, openapi, response, router};
use poem::web::{Data, Path};
use poem::{Endpoint, EndpointExt, Request, Response, Result, handler};
use poem_openapi::param::{Path as PathOf, Query};
use poem_openapi::{ApiResponse, OpenApi, OpenApiService};
use reference_service::docs::{Docs, Page};
use reference_service::{access, answers, pages, parameters, schemas};

use crate::document::{Answer, Described, Problem};

/// All of them, and the documentation that two of them serve.
pub(crate) fn routes(
    kc: &Keycloak,
    login: &Login,
    docs_client_id: &str,
) -> Result<(Routes, Docs), Box<dyn Error>> {
    let api = Api(kc.clone());
    let document: serde_json::Value = serde_json::from_str(&OpenApiService::new(api.clone(), "", "").spec())?;
    let routes = openapi::routes(api, |api| {
        Ok(Routes::new(kc.guard())
            .public("/health", api.at("/health")?)
            .public(RESOURCE_METADATA, api.at(RESOURCE_METADATA)?)
            .route("/me", access::ME, api.at("/me")?)
            .route("/items", access::ITEMS, api.at("/items")?)
            .route("/items/{id}", access::ITEM, api.at("/items/{id}")?)
            .route("/admin/users", access::ADMIN, api.at("/admin/users")?)
            .route("/reports", access::REPORTS, api.at("/reports")?)
            .route("/cases", access::CASES, api.at("/cases")?)
            .route("/inventory", access::INVENTORY, api.at("/inventory")?)
            .route("/transfer", access::TRANSFER, api.at("/transfer")?)
            .route("/service-token", access::ADMIN, api.at("/service-token")?))
    })?;
    let docs = Docs::new(&document, kc, routes.table(), docs_client_id)?;
    let routes = routes
        .public("/openapi.json", [get(openapi_document)])
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
) -> Result<impl Endpoint + 'static, RouteError> {
    let app = router(routes)?.data(docs).with(login::pages(&login)).data(login);
    Ok(app.with(cors(kc.cors().clone())).data(kc))
}

const RESOURCE_METADATA: &str = "/.well-known/oauth-protected-resource";

#[derive(Clone)]
struct Api(Keycloak);

#[OpenApi]
impl Api {
    /// Whether the process runs
    #[oai(path = "/health", method = "get", operation_id = "health")]
    async fn health(&self) -> Answer<schemas::Health> {
        Answer::of(answers::health())
    }

    /// What clients may know of this service (RFC 9728)
    #[oai(path = "/.well-known/oauth-protected-resource", method = "get", operation_id = "resource_metadata")]
    async fn resource_metadata(&self) -> Answer<serde_json::Value> {
        Answer::of(self.0.resource_metadata())
    }

    /// Who is calling
    #[oai(path = "/me", method = "get", operation_id = "me")]
    async fn me(&self, caller: Principal) -> Answer<schemas::Me> {
        Answer::of(answers::me(&caller))
    }

    /// All items
    #[oai(path = "/items", method = "get", operation_id = "items")]
    async fn items(&self, caller: Principal) -> Answer<Vec<schemas::Item>> {
        Answer::of(answers::items(&caller))
    }

    /// A new item
    #[oai(path = "/items", method = "post", operation_id = "create_item")]
    async fn create_item(
        &self,
        caller: Principal,
        request: &Request,
        /// What the new item is called
        #[oai(name = "item_name", validator(min_length = 1))]
        _documented: Described<Query<String>>,
    ) -> Result<Answer<schemas::Item, 201>, Problem<400>> {
        let name = parameters::item_name(request.uri().query()).map_err(refused(&self.0))?;
        Ok(Answer::of(answers::created(&name, &caller)))
    }

    /// No more of an item
    #[oai(path = "/items/:id", method = "delete", operation_id = "delete_item")]
    async fn delete_item(
        &self,
        id: Option<Path<String>>,
        /// The item's number
        #[oai(name = "id")]
        _documented: Described<PathOf<i64>>,
    ) -> Result<Deleted, Problem<400>> {
        parameters::item_id(id.as_ref().map(|id| id.as_str())).map_err(refused(&self.0))?;
        Ok(Deleted::Gone)
    }

    /// The local users
    #[oai(path = "/admin/users", method = "get", operation_id = "admin_users")]
    async fn admin_users(&self, caller: Principal) -> Result<Answer<schemas::AdminUsers>, Problem<503>> {
        let users = answers::local_users(&self.0).await.map_err(refused(&self.0))?;
        Ok(Answer::of(answers::admin_users(&caller, &users)))
    }

    /// A report
    #[oai(path = "/reports", method = "get", operation_id = "reports")]
    async fn reports(&self, caller: Principal) -> Answer<schemas::Report> {
        Answer::of(answers::report(&caller))
    }

    /// All cases
    #[oai(path = "/cases", method = "get", operation_id = "cases")]
    async fn cases(&self) -> Answer<schemas::Cases> {
        Answer::of(answers::cases())
    }

    /// A new case
    #[oai(path = "/cases", method = "post", operation_id = "create_case")]
    async fn create_case(&self) -> Answer<schemas::Cases, 201> {
        Answer::of(answers::cases())
    }

    /// What is in stock
    #[oai(path = "/inventory", method = "get", operation_id = "inventory")]
    async fn inventory(&self) -> Answer<schemas::Inventory> {
        Answer::of(answers::inventory(access::VIEW))
    }

    /// More in stock
    #[oai(path = "/inventory", method = "post", operation_id = "add_inventory")]
    async fn add_inventory(&self) -> Answer<schemas::Inventory, 201> {
        Answer::of(answers::inventory(access::ADD))
    }

    /// What only a strong login may do
    #[oai(path = "/transfer", method = "get", operation_id = "transfer")]
    async fn transfer(&self, caller: Principal) -> Answer<schemas::Transfer> {
        Answer::of(answers::transfer(&caller))
    }

    /// How long this service's own token lives
    #[oai(path = "/service-token", method = "get", operation_id = "service_token")]
    async fn service_token(&self) -> Result<Answer<schemas::ServiceTokenAge>, Problem<502>> {
        let token = self.0.service_token().await.map_err(refused(&self.0))?;
        Ok(Answer::of(answers::service_token(&token)))
    }
}

#[derive(ApiResponse)]
enum Deleted {
    /// It is gone
    #[oai(status = 204)]
    Gone,
}

#[handler]
fn home(caller: Option<Principal>, login: Data<&Login>) -> Response {
    response(pages::home(caller.as_deref(), &login))
}

#[handler]
fn account(caller: Principal, session: Session, login: Data<&Login>) -> Response {
    response(pages::account(&caller, &session.0, &login))
}

#[handler]
async fn staff(kc: Data<&Keycloak>, caller: Principal) -> Result<Response, Problem<503>> {
    let users = answers::local_users(&kc).await.map_err(refused(&kc))?;
    Ok(response(pages::staff(&caller, &users)))
}

#[handler]
fn openapi_document(docs: Data<&Docs>) -> Response {
    page(docs.document())
}

#[handler]
fn swagger_ui(docs: Data<&Docs>) -> Response {
    page(docs.index())
}

#[handler]
fn swagger_ui_file(
    kc: Data<&Keycloak>,
    docs: Data<&Docs>,
    file: Path<String>,
) -> Result<Response, Problem<404>> {
    docs.file(&file).map(page).map_err(refused(&kc))
}

fn page(Page { headers, body }: Page) -> Response {
    headers.into_iter().fold(Response::builder(), |page, (name, value)| page.header(name, &*value)).body(body)
}

fn refused<const STATUS: u16>(kc: &Keycloak) -> impl FnOnce(AuthError) -> Problem<STATUS> {
    let guard = kc.guard().clone();
    move |error| Problem(Rejection::of(&guard, error))
}
