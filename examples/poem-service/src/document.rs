//! What poem-openapi is told of responses and parameters that the service makes and reads itself, to the same bytes as on
//! every framework.

use std::marker::PhantomData;

use kc_poem::Rejection;
use poem::http::StatusCode;
use poem::web::Json;
use poem::{Error, IntoResponse, Request, RequestBody, Response, Result};
use poem_openapi::registry::{
    MetaMediaType, MetaParamIn, MetaResponse, MetaResponses, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions as Options};
use reference_service::schemas;

/// A response whose body is documented as an `S`. poem-openapi's own `Json` sorts the members, and names a charset, which
/// JSON has not (RFC 8259 §11).
pub(crate) struct Answer<S, const STATUS: u16 = 200>(Response, PhantomData<fn() -> S>);

impl<S, const STATUS: u16> Answer<S, STATUS> {
    pub(crate) fn of(body: impl serde::Serialize + Send) -> Self {
        let json = Json(body).with_content_type("application/json");
        Self(json.with_status(StatusCode::from_u16(STATUS).unwrap_or_default()).into_response(), PhantomData)
    }
}

impl<S, const STATUS: u16> IntoResponse for Answer<S, STATUS> {
    fn into_response(self) -> Response {
        self.0
    }
}

impl<S: Type, const STATUS: u16> ApiResponse for Answer<S, STATUS> {
    fn meta() -> MetaResponses {
        described(STATUS, "application/json", S::schema_ref())
    }

    fn register(registry: &mut Registry) {
        S::register(registry);
    }
}

/// A refusal of the handler's own.
pub(crate) struct Problem<const STATUS: u16>(pub(crate) Rejection);

impl<const STATUS: u16> From<Problem<STATUS>> for Error {
    fn from(problem: Problem<STATUS>) -> Self {
        problem.0.into()
    }
}

impl<const STATUS: u16> ApiResponse for Problem<STATUS> {
    fn meta() -> MetaResponses {
        described(STATUS, "application/problem+json", schemas::Problem::schema_ref())
    }

    fn register(registry: &mut Registry) {
        schemas::Problem::register(registry);
    }
}

fn described(status: u16, content_type: &'static str, schema: MetaSchemaRef) -> MetaResponses {
    let response = MetaResponse {
        description: StatusCode::from_u16(status).unwrap_or_default().canonical_reason().unwrap_or_default(),
        status: Some(status),
        status_range: None,
        content: vec![MetaMediaType { content_type, schema }],
        headers: Vec::new(),
    };
    MetaResponses { responses: vec![response] }
}

/// A parameter that is documented as a `P`; its handler reads it.
pub(crate) struct Described<P>(PhantomData<fn() -> P>);

impl<'a, P: ApiExtractor<'a>> ApiExtractor<'a> for Described<P> {
    const TYPES: &'static [ApiExtractorType] = P::TYPES;
    const PARAM_IS_REQUIRED: bool = P::PARAM_IS_REQUIRED;

    type ParamType = P::ParamType;
    type ParamRawType = P::ParamRawType;

    fn param_in() -> Option<MetaParamIn> {
        P::param_in()
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        P::param_schema_ref()
    }

    async fn from_request(_: &'a Request, _: &mut RequestBody, _: Options<P::ParamType>) -> Result<Self> {
        Ok(Self(PhantomData))
    }
}
