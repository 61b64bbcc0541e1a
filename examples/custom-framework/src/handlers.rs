//! What the routes do.

use bytes::Bytes;
use http::{Response, StatusCode};
use kc_core::{Admission, AuthError, Keycloak};
use percent_encoding::percent_decode_str;
use reference_service::{access, answers, parameters};

use crate::adapter::{caller, json};
use crate::router::{Found, Route};

/// Answers a request that was admitted.
pub(crate) async fn handle(
    kc: &Keycloak,
    method: &str,
    found: Found<'_>,
    query: Option<&str>,
    admission: &Admission,
) -> Result<Response<Bytes>, AuthError> {
    match (found.route, method) {
        (Route::Health, _) => json(StatusCode::OK, &answers::health()),
        (Route::ResourceMetadata, _) => json(StatusCode::OK, kc.resource_metadata()),
        (Route::Me, _) => json(StatusCode::OK, &answers::me(caller(admission)?)),
        (Route::Inventory, "POST") => json(StatusCode::CREATED, &answers::inventory(access::ADD)),
        (Route::Inventory, _) => json(StatusCode::OK, &answers::inventory(access::VIEW)),
        (Route::Items, "POST") => {
            let caller = caller(admission)?;
            json(StatusCode::CREATED, &answers::created(&parameters::item_name(query)?, caller))
        }
        (Route::Items, _) => json(StatusCode::OK, &answers::items(caller(admission)?)),
        (Route::Item, _) => {
            let id = found.id.and_then(|id| percent_decode_str(id).decode_utf8().ok());
            parameters::item_id(id.as_deref())?;
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = StatusCode::NO_CONTENT;
            Ok(response)
        }
        (Route::AdminUsers, _) => {
            let caller = caller(admission)?;
            let users = answers::local_users(kc).await?;
            json(StatusCode::OK, &answers::admin_users(caller, &users))
        }
        (Route::Reports, _) => json(StatusCode::OK, &answers::report(caller(admission)?)),
        (Route::Cases, "POST") => json(StatusCode::CREATED, &answers::cases()),
        (Route::Cases, _) => json(StatusCode::OK, &answers::cases()),
        (Route::Transfer, _) => json(StatusCode::OK, &answers::transfer(caller(admission)?)),
        (Route::ServiceToken, _) => json(StatusCode::OK, &answers::service_token(&kc.service_token().await?)),
    }
}
