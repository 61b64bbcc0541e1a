//! Asks the server everything once. Nothing is changed there: logins are tried without asking anybody, the password grant
//! without a user, the back channel without a token.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri};
use kc_core::client::ClientAuthentication;
use kc_core::clock::{Clock as _, SystemClock};
use kc_core::keys::{KeySet, KeySource, PinnedKeys};
use kc_core::secret::Secret;
use kc_core::settings::{KeycloakServer, OpaqueTokens, Settings};
use kc_core::transport::{ReqwestTransport, Transport, TransportOptions};
use kc_core::validator::{JwtValidator, TokenValidator as _, ValidationError};
use serde_json::Value;

use super::courier::Courier;
use super::facts::{Admin, Answer, Asked, Facts, Missing};
use super::login::{backchannel, backchannel_uri, callback, post_logout};
use crate::admin::{self, Access, encoded};
use crate::progress::Step;
use crate::token::verify::FileKeys;

/// Beyond, an authorization export is none.
const MAX_BYTES: usize = 64 << 20;

/// The roles of `realm-management` that the doctor's administrator needs.
const ROLES: &str = "view-realm and view-clients (and manage-authorization, for authorization-export)";

/// A challenge of PKCE, from RFC 7636 appendix B. No code is ever got for it.
const CHALLENGE: &str =
    "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

impl Facts {
    /// Nothing but settings.
    pub(super) fn unasked(settings: Result<Settings, String>, why: &str) -> Self {
        let missing = || Err(Missing::because(why));
        Self {
            settings,
            discovery: missing(),
            elsewhere: None,
            page: missing(),
            certs: missing(),
            token: missing(),
            claims: None,
            refusal: None,
            introspection: missing(),
            userinfo: missing(),
            direct_grant: missing(),
            login: missing(),
            login_without_pkce: missing(),
            implicit: missing(),
            logout: missing(),
            backchannel: missing(),
            admin: Admin::Nobody,
            export: None,
        }
    }
}

/// Asks, for at most `limit` in all.
pub(super) async fn survey(
    settings: Settings,
    access: Option<Result<Access, String>>,
    step: &Step,
    limit: Duration,
) -> Facts {
    let transport = ReqwestTransport::new(TransportOptions {
        timeout: settings.http_timeout(),
        max_body: MAX_BYTES,
        extra_roots_pem: settings.ca_pem().map(<[u8]>::to_vec),
        ..TransportOptions::default()
    });
    let unreached = "Keycloak was not reached";
    match transport {
        Ok(transport) => survey_by(Arc::new(transport), settings, access, step, limit).await,
        Err(error) => {
            Facts { discovery: Err(Missing::Failed(error)), ..Facts::unasked(Ok(settings), unreached) }
        }
    }
}

async fn survey_by(
    transport: Arc<dyn Transport>,
    settings: Settings,
    access: Option<Result<Access, String>>,
    step: &Step,
    limit: Duration,
) -> Facts {
    let unreached = "Keycloak was not reached";
    let mut facts = Facts::unasked(Ok(settings.clone()), unreached);
    let Ok(server) = settings.keycloak() else { return facts };
    let courier = Courier::new(Arc::clone(&transport), step, limit);
    facts.discovery = courier.get("the discovery document", &server.endpoints().discovery()).await;
    let Ok(discovery) = &facts.discovery else { return facts };
    if discovery.text("issuer").is_empty() {
        if discovery.status == 404 {
            facts.elsewhere = elsewhere(&courier, server).await;
        }
        return Facts {
            discovery: facts.discovery,
            elsewhere: facts.elsewhere,
            ..Facts::unasked(facts.settings, "the realm was not found")
        };
    }
    facts.page = courier.get("the realm", server.endpoints().realm_info()).await;
    facts.certs = courier.get("the realm's keys", &server.endpoints().certs()).await;
    tokens(&courier, &settings, server, &mut facts).await;
    logins(&courier, &settings, server, &mut facts).await;
    match access {
        None => {}
        Some(Err(why)) => facts.admin = Admin::Refused(why),
        Some(Ok(access)) => administrator(&transport, &courier, &settings, server, &access, &mut facts).await,
    }
    if facts.export.is_none() && settings.authorization_config().is_some() {
        facts.export = Some(Err(super::facts::NEEDS_ADMIN.to_owned()));
    }
    if let Admin::Seen { client: Ok(client), .. } = &facts.admin
        && backchannel_uri(client).is_some_and(|url| url == backchannel(&settings))
    {
        let url = backchannel(&settings);
        facts.backchannel = courier.post_nothing("the back-channel logout of the service", &url).await;
    }
    facts
}

/// Where the realm is, if the base path is what is wrong.
async fn elsewhere(courier: &Courier<'_>, server: &KeycloakServer) -> Option<String> {
    let base = server.internal_url().as_str();
    let realm = server.endpoints().realm_info().strip_prefix(base)?;
    let other = base.strip_suffix("/auth").map_or_else(|| format!("{base}/auth"), str::to_owned);
    let url = format!("{other}{realm}/.well-known/openid-configuration");
    let answer = courier.get("the realm under another base path", &url).await.ok()?;
    (!answer.text("issuer").is_empty()).then_some(other)
}

async fn tokens(courier: &Courier<'_>, settings: &Settings, server: &KeycloakServer, facts: &mut Facts) {
    let form = |grant| [("grant_type", grant)];
    let client = match server.client_secret() {
        Some(secret) => ClientAuthentication::client_secret_basic(server.client_id(), secret.clone()),
        None => ClientAuthentication::public(server.client_id()),
    };
    let endpoint = server.endpoints().token();
    let (answer, token) =
        courier.token("a token of the client", &client, &endpoint, &form("client_credentials")).await;
    facts.token = answer;
    facts.direct_grant = courier.post("the password grant", &client, &endpoint, &form("password")).await;
    let Some(token) = token else { return };
    facts.claims = claims(&token);
    facts.refusal = refusal(settings, server, &facts.certs, &token).await;
    if server.client_secret().is_some() {
        let introspection = server.endpoints().introspection();
        let form = [("token", token.expose())];
        facts.introspection = courier.post("introspection", &client, &introspection, &form).await;
    }
    let form = [("grant_type", "client_credentials"), ("scope", "openid")];
    let (_, token) = courier.token("a token for userinfo", &client, &endpoint, &form).await;
    if let Some(token) = token {
        facts.userinfo = courier.get_as("userinfo", &server.endpoints().userinfo(), &token).await;
    }
}

async fn logins(courier: &Courier<'_>, settings: &Settings, server: &KeycloakServer, facts: &mut Facts) {
    let base = format!("{}/protocol/openid-connect", server.endpoints().realm_info());
    let client = encoded(server.client_id());
    let back = encoded(&callback(settings));
    let login = |kind: &str, more: &str| {
        format!(
            "{base}/auth?client_id={client}&redirect_uri={back}&response_type={kind}&scope=openid&prompt=none&state=doctor\
             &nonce=doctor{more}"
        )
    };
    facts.login = courier.get("a login", &login("code", CHALLENGE)).await;
    facts.login_without_pkce = courier.get("a login without PKCE", &login("code", "")).await;
    facts.implicit = courier.get("the implicit flow", &login("token", CHALLENGE)).await;
    let back = encoded(&post_logout(settings));
    let logout = format!("{base}/logout?client_id={client}&post_logout_redirect_uri={back}");
    facts.logout = courier.get("a logout", &logout).await;
}

async fn administrator(
    transport: &Arc<dyn Transport>,
    courier: &Courier<'_>,
    settings: &Settings,
    server: &KeycloakServer,
    access: &Access,
    facts: &mut Facts,
) {
    let step = "the admin API";
    let token = courier.within(step, admin::token(access, server, transport)).await;
    let token = match token {
        Ok(token) => token,
        Err(why) => {
            facts.admin = Admin::Refused(why);
            return;
        }
    };
    let admin = admin::Admin { transport: &**transport, server, access, token: &token, roles: ROLES };
    let realm = courier.within(step, admin.realm()).await;
    let mut client = courier.within(step, admin.client()).await;
    let scopes = courier.within(step, admin.client_scopes()).await;
    if let Ok(Value::Object(client)) = &mut client {
        client.remove("secret");
        client.remove("registrationAccessToken");
    }
    if let Some(path) = settings.authorization_config() {
        facts.export = Some(match &client {
            Err(why) => Err(why.clone()),
            Ok(client) => match courier.within(step, admin.export(client)).await {
                Err(why) => Err(why),
                Ok(export) => match crate::input::file(path) {
                    Err(why) => Err(format!("KEYCLOAK_AUTHORIZATION_CONFIG {why}")),
                    Ok(file) => crate::authz::diff::names_of_changes(&file, &export, settings),
                },
            },
        });
    }
    facts.admin = Admin::Seen { realm, client, scopes };
}

/// What the service's own validator says of the token; `None` if it takes it, or nothing can be said.
async fn refusal(
    settings: &Settings,
    server: &KeycloakServer,
    certs: &Asked,
    token: &Secret,
) -> Option<(&'static str, String)> {
    let keys: Arc<dyn KeySource> = match settings.public_key() {
        Some(pinned) => Arc::new(PinnedKeys::from_pem(pinned).ok()?),
        None => {
            let document = serde_json::to_vec(certs.as_ref().ok()?.json.as_ref()?).ok()?;
            Arc::new(FileKeys(Arc::new(KeySet::from_jwks(&document, 0).ok()?)))
        }
    };
    if settings.opaque_tokens() != OpaqueTokens::Refuse {
        return None;
    }
    let audiences: BTreeSet<String> = server.audiences().iter().cloned().collect();
    let validator = JwtValidator::builder(server.issuer(), audiences, keys).leeway(settings.leeway()).build();
    match validator.validate(token.expose()).await {
        Err(ValidationError::Token(error)) => Some((error.code(), error.to_string())),
        Ok(_) | Err(_) => None,
    }
}

fn claims(token: &Secret) -> Option<Value> {
    serde_json::from_slice(&decoded(token.expose().split('.').nth(1)?)?).ok()
}

/// The bytes of a segment of a JWT.
pub(super) fn decoded(segment: &str) -> Option<Vec<u8>> {
    base64_simd::URL_SAFE_NO_PAD.decode_to_vec(segment).ok()
}

/// An empty request to `url`.
pub(super) fn request(url: &str) -> Option<Request<Bytes>> {
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = url.parse::<Uri>().ok()?;
    Some(request)
}

/// This machine's clock, in seconds since 1970.
pub(super) fn now() -> i64 {
    SystemClock.now().as_secs()
}

/// A redirect's target without what a server may have put into it beyond an error.
pub(super) fn parameter<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let location = answer.location.as_deref()?;
    let (_, parameters) = location.split_once(['?', '#'])?;
    parameters.split(['&', '#']).find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}
