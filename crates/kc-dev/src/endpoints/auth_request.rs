//! The authorization request, checked in Keycloak's order (OpenID Connect Core, section 3.1.2.2; RFC 7636, section 4.4.1).

use http::StatusCode;

use super::request::Form;
use crate::level::Wanted;
use crate::login::{Challenge, ChallengeMethod, LoginRequest, ResponseMode, ReturnTo, Way};
use crate::realm::Client;
use crate::redirect;
use crate::scope;
use crate::signin::Asking;
use crate::state::State;

/// What comes before the `request_uri` of a pushed request (RFC 9126, section 2.2).
pub(super) const PUSHED: &str = "urn:ietf:params:oauth:request_uri:";

/// Why a request is not served.
pub(super) enum Fault {
    /// Told on a page: whose request it is isn't sure, or Keycloak tells it so.
    Page(StatusCode, String),
    /// Told to the client.
    Back(Box<ReturnTo>, &'static str, Option<String>),
}

/// A request that passed, and how the user is to be asked.
pub(super) struct Checked {
    pub(super) request: LoginRequest,
    pub(super) asking: Asking,
    /// `prompt=create`
    pub(super) registration: bool,
}

fn page(message: &str) -> Fault {
    Fault::Page(StatusCode::BAD_REQUEST, message.to_owned())
}

/// Checks the request of a browser, a pushed one included.
pub(super) fn check(state: &State, params: &Form) -> Result<Checked, Fault> {
    let client = client(state, params)?;
    if params.get("request").is_some() {
        return Err(page("Invalid Request"));
    }
    let Some(uri) = params.get("request_uri") else { return parameters(state, client, params, None) };
    let pushed =
        uri.starts_with(PUSHED).then(|| state.memory().logins.pushed(uri, state.now()).cloned()).flatten();
    match pushed.filter(|pushed| pushed.client_id == client.id) {
        Some(pushed) => parameters(state, client, &Form::of(pushed.fields), Some(uri)),
        None => Err(page("Invalid Request")),
    }
}

fn client<'a>(state: &'a State, params: &Form) -> Result<&'a Client, Fault> {
    let id = params.get("client_id").filter(|_| params.count("client_id") == 1);
    let id = id.ok_or_else(|| page("Invalid Request"))?;
    let client = state.realm.clients.get(id).ok_or_else(|| page("Client not found."))?;
    if !client.enabled {
        return Err(page("Client disabled."));
    }
    if client.bearer_only {
        let message = "Bearer-only applications are not allowed to initiate browser login";
        return Err(Fault::Page(StatusCode::FORBIDDEN, message.to_owned()));
    }
    Ok(client)
}

/// Checks everything but the client. `pushed` is the name of the pushed request that the parameters are from.
pub(super) fn parameters(
    state: &State,
    client: &Client,
    params: &Form,
    pushed: Option<&str>,
) -> Result<Checked, Fault> {
    let max_age = params.get("max_age").map(|text| text.parse::<i64>().map_err(|_| page("Invalid Request")));
    let max_age = max_age.transpose()?;
    let redirect_param = params.get("redirect_uri");
    let redirect_uri =
        redirect_uri(state, client, redirect_param).ok_or_else(|| page("Invalid parameter: redirect_uri"))?;

    let mut to = ReturnTo {
        client_id: client.id.clone(),
        redirect_uri,
        mode: ResponseMode { way: Way::Query, jwt: false },
        state: params.get("state").map(str::to_owned),
    };
    let types = ResponseTypes::read(params.get("response_type"));
    match mode(params.get("response_mode"), types.as_ref().is_ok_and(ResponseTypes::in_browser)) {
        Ok(mode) => to.mode = mode,
        Err(why) if types.is_ok() => return Err(Fault::Back(Box::new(to), "invalid_request", Some(why))),
        // What is wrong with the type is told first.
        Err(_) => {}
    }
    let refused = |error, why: Option<&str>| Fault::Back(Box::new(to.clone()), error, why.map(str::to_owned));
    let invalid = |why: &str| refused("invalid_request", Some(why));
    let types = types.map_err(|unknown| match unknown {
        None => invalid("Missing parameter: response_type"),
        Some(_) => refused("unsupported_response_type", None),
    })?;
    if let Some(flow) = types.not_allowed(client) {
        let why = "Client is not allowed to initiate browser login with given response_type.";
        return Err(refused(
            "unauthorized_client",
            Some(&format!("{why} {flow} flow is disabled for the client.")),
        ));
    }
    if types.in_browser() {
        // Keycloak would serve these; nobody who protects an API should ask for them.
        return Err(refused("unsupported_response_type", None));
    }
    if pushed.is_none() && client.is_on("require.pushed.authorization.requests") {
        return Err(invalid("Pushed Authorization Request is only allowed."));
    }
    if params.has_duplicates() {
        return Err(invalid("duplicated parameter"));
    }
    let scope = params.get("scope");
    scope::check(&state.realm, client, scope).map_err(|_| {
        refused("invalid_scope", Some(&format!("Invalid scopes: {}", scope.unwrap_or_default())))
    })?;
    let challenge = challenge(client, params).map_err(invalid)?;

    let wanted = Wanted::read(client, params.get("claims"), params.get("acr_values"));
    wanted.level(&state.realm).map_err(|_| page("Invalid parameter: claims"))?;
    let prompts: Vec<&str> = params.get("prompt").unwrap_or_default().split_whitespace().collect();
    let asking = Asking { never: prompts.contains(&"none"), always: prompts.contains(&"login"), max_age };
    let registration = prompts.contains(&"create");
    let request = LoginRequest {
        to,
        redirect_param: redirect_param.map(str::to_owned),
        with_code: types.code,
        scope: scope.map(str::to_owned),
        nonce: params.get("nonce").map(str::to_owned),
        challenge,
        login_hint: params.get("login_hint").map(str::to_owned),
        wanted,
        pushed: pushed.map(str::to_owned),
    };
    Ok(Checked { request, asking, registration })
}

/// The address to go back to. One that isn't named is the registered one, if there is one only.
fn redirect_uri(state: &State, client: &Client, named: Option<&str>) -> Option<String> {
    let registered = redirect::registered(client, &state.base_url);
    match (named, registered.as_slice()) {
        (Some(uri), registered) => redirect::is_covered(uri, registered).then(|| uri.to_owned()),
        (None, [only]) if only != "*" => Some(only.strip_suffix("/*").unwrap_or(only).to_owned()),
        (None, _) => None,
    }
}

/// What is asked for, word by word.
struct ResponseTypes {
    code: bool,
    none: bool,
    id_token: bool,
    token: bool,
}

impl ResponseTypes {
    /// The error is the parameter, which is absent or not known.
    fn read(param: Option<&str>) -> Result<Self, Option<&str>> {
        let mut types = Self { code: false, none: false, id_token: false, token: false };
        for word in param.ok_or(None)?.split(' ') {
            match word {
                "code" => types.code = true,
                "none" => types.none = true,
                "id_token" => types.id_token = true,
                "token" => types.token = true,
                _ => return Err(param),
            }
        }
        if types.none && (types.code || types.in_browser()) { Err(param) } else { Ok(types) }
    }

    /// Whether tokens would come in the address (the implicit and hybrid flows).
    fn in_browser(&self) -> bool {
        self.id_token || self.token
    }

    /// The flow that the client may not use.
    fn not_allowed(&self, client: &Client) -> Option<&'static str> {
        if self.in_browser() && !client.implicit_flow {
            return Some("Implicit");
        }
        (!client.standard_flow && (self.code || self.none)).then_some("Standard")
    }
}

fn mode(param: Option<&str>, in_browser: bool) -> Result<ResponseMode, String> {
    let usual = if in_browser { Way::Fragment } else { Way::Query };
    let (way, jwt) = match param {
        None => (usual, false),
        Some("jwt") => (usual, true),
        Some("query" | "query.jwt") if in_browser => {
            return Err("Response_mode 'query' not allowed for implicit or hybrid flow".to_owned());
        }
        Some("query") => (Way::Query, false),
        Some("query.jwt") => (Way::Query, true),
        Some("fragment") => (Way::Fragment, false),
        Some("fragment.jwt") => (Way::Fragment, true),
        Some("form_post") => (Way::FormPost, false),
        Some("form_post.jwt") => (Way::FormPost, true),
        Some(_) => return Err("Invalid parameter: response_mode".to_owned()),
    };
    Ok(ResponseMode { way, jwt })
}

/// The code challenge; the error is the description that Keycloak gives.
fn challenge(client: &Client, params: &Form) -> Result<Option<Challenge>, &'static str> {
    let (value, named) = (params.get("code_challenge"), params.get("code_challenge_method"));
    let enforced = client.attributes.get("pkce.code.challenge.method").filter(|method| !method.is_empty());
    let method = match (enforced, named) {
        (Some(_), None) => return Err("Missing parameter: code_challenge_method"),
        (Some(enforced), Some(named)) if enforced != named => {
            return Err("Invalid parameter: code challenge method is not matching the configured one");
        }
        (None, Some(_)) if value.is_none() => return Err("Missing parameter: code_challenge"),
        (_, Some("S256")) => ChallengeMethod::S256,
        (_, Some("plain")) => ChallengeMethod::Plain,
        (_, Some(_)) => return Err("Invalid parameter: code_challenge_method"),
        (None, None) if value.is_none() => return Ok(None),
        (None, None) => ChallengeMethod::Plain,
    };
    match value {
        None => Err("Missing parameter: code_challenge"),
        Some(value) if is_verifier(value) => Ok(Some(Challenge { method, value: value.to_owned() })),
        Some(_) => Err("Invalid parameter: code_challenge"),
    }
}

/// The form that verifiers have, and by Keycloak challenges too (RFC 7636, section 4.1).
pub(super) fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c))
}
