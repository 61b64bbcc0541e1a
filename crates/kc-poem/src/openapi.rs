//! The security scheme for poem-openapi: an operation says who may call it, in its document and in fact.

use std::fmt;
use std::ops::Deref;

use kc_core::rules::{Requirement, Rule, authenticated};
use poem::{FromRequest, Request, RequestBody};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::extract::{Allowed, Principal};

/// A caller with an access token of Keycloak who satisfies the rule of `R`; an HTTP bearer scheme in the document.
///
/// poem-openapi reads an operation's parameters in their order: let this be the first, so that nobody learns about the
/// others who may not call. The whole API has to be guarded, by [`require`](crate::require); the least is
/// [`Access::Optional`](kc_core::Access::Optional), which leaves the operations without this parameter open.
///
/// A response type with a `bad_request_handler` of its own also gets our refusals, and answers in their stead.
///
/// ```
/// use kc_core::rules::{Requirement, Rule, any_role};
/// use kc_core::{Access, Guard};
/// use kc_poem::openapi::KcBearer;
/// use poem::{Endpoint, EndpointExt, Route};
/// use poem_openapi::payload::PlainText;
/// use poem_openapi::{OpenApi, OpenApiService};
///
/// struct ReadItems;
///
/// impl Requirement for ReadItems {
///     const RULE: Rule = any_role(&["api-read", "api-admin"]);
/// }
///
/// struct Api;
///
/// #[OpenApi]
/// impl Api {
///     #[oai(path = "/items", method = "get")]
///     async fn items(&self, caller: KcBearer<ReadItems>) -> PlainText<String> {
///         PlainText(caller.username().unwrap_or("somebody").to_owned())
///     }
/// }
///
/// fn app(guard: &Guard) -> impl Endpoint {
///     let api = OpenApiService::new(Api, "Items", "1.0");
///     let document = api.spec_endpoint();
///     Route::new().at("/openapi.json", document).nest("/", api.with(kc_poem::require(guard, Access::Optional)))
/// }
/// # app(&Guard::builder("demo").build());
/// ```
pub struct KcBearer<R = Authenticated> {
    caller: Allowed<R>,
}

/// The rule of a [`KcBearer`] that names none: any valid token.
#[derive(Clone, Copy, Debug)]
pub struct Authenticated;

impl Requirement for Authenticated {
    const RULE: Rule = authenticated();
}

/// The scheme's name in `components.securitySchemes`.
const NAME: &str = "KcBearer";

impl<R> KcBearer<R> {
    /// The caller.
    #[must_use]
    pub fn into_principal(self) -> Principal {
        self.caller.into_principal()
    }
}

impl<R> Deref for KcBearer<R> {
    type Target = kc_core::Principal;

    fn deref(&self) -> &kc_core::Principal {
        &self.caller
    }
}

impl<R> fmt::Debug for KcBearer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KcBearer").field(&self.caller).finish()
    }
}

// By hand: the derived one reads the header itself, and answers a bare 401 before its checker is asked.
impl<'a, R: Requirement> ApiExtractor<'a> for KcBearer<R> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        let scheme = MetaSecurityScheme {
            ty: "http",
            description: Some("An access token of Keycloak"),
            name: None,
            key_in: None,
            scheme: Some("bearer"),
            bearer_format: Some("JWT"),
            flows: None,
            openid_connect_url: None,
        };
        registry.create_security_scheme(NAME, scheme);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![NAME]
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        Ok(Self { caller: <Allowed<R> as FromRequest>::from_request(request, body).await? })
    }
}
