//! To Keycloak: the authorization request.

use bytes::Bytes;
use http::{Response, StatusCode};
use kc_core::audit::Party;
use serde::Deserialize;
use url::form_urlencoded;

use crate::endpoint::Endpoint;
use crate::login::{Login, LoginRequest};
use crate::page::Page;
use crate::parameters::Parameters;
use crate::pending::Pending;
use crate::reply;
use crate::return_path;

/// What a link to the login may say that Keycloak is to hear.
const PASSED_ON: [&str; 4] = ["login_hint", "kc_idp_hint", "prompt", "ui_locales"];
/// Letters that a value may have.
const LONGEST: usize = 200;

#[derive(Deserialize)]
struct Pushed {
    request_uri: String,
}

impl Login {
    /// Begins a login and sends the browser to Keycloak.
    pub(crate) async fn authenticate(&self, request: &LoginRequest<'_>) -> Response<Bytes> {
        let query = Parameters::read(request.view.query.unwrap_or_default().as_bytes());
        let next = query.get("next").and_then(return_path::local).unwrap_or_else(|| "/".to_owned());
        let mut pending = Pending::new(next, self.inner.clock.now());
        pending.acr_values = query.get("acr_values").filter(|value| fits(value)).map(str::to_owned);
        pending.max_age = query.get("max_age").and_then(|value| value.parse().ok());
        let passed_on = PASSED_ON.into_iter().filter_map(|name| {
            let value = query.get(name).filter(|value| fits(value))?;
            Some((name, value.to_owned()))
        });
        self.begin(request, &pending, passed_on.collect()).await
    }

    /// Sends the browser to Keycloak for `pending`.
    pub(crate) async fn begin(
        &self,
        request: &LoginRequest<'_>,
        pending: &Pending,
        mut more: Vec<(&'static str, String)>,
    ) -> Response<Bytes> {
        let inner = &self.inner;
        let server = match inner.discovered.server().await {
            Ok(server) => server,
            Err(reason) => return self.cannot_begin(request, &pending.next, &reason),
        };
        let cookies =
            pending.begin(&inner.seal, &inner.cookies, request.view.headers, inner.options.login_time);
        let Some(cookies) = cookies else {
            let reason = "the login's cookie could not be sealed";
            return self.cannot_begin(request, &pending.next, reason);
        };
        let asked = [
            ("response_type", "code".to_owned()),
            ("client_id", inner.authentication.client_id().to_owned()),
            ("redirect_uri", self.redirect_uri()),
            ("scope", inner.options.scope.clone()),
            ("state", pending.state()),
            ("nonce", pending.nonce()),
            ("code_challenge", pending.challenge()),
            ("code_challenge_method", "S256".to_owned()),
        ];
        more.extend(pending.acr_values.clone().map(|values| ("acr_values", values)));
        more.extend(pending.max_age.map(|age| ("max_age", age.to_string())));
        let url = inner.endpoints.authorization();
        if server.takes_pushed {
            match self.push(&asked, &more).await {
                // What stands in the URL too is what was pushed and gives nothing away; a server takes what was pushed
                // (RFC 9126 §4), and whoever looks at the URL can still see what is going on.
                Ok(request_uri) => {
                    let query = query(asked.iter().chain([&("request_uri", request_uri)]));
                    return reply::redirect(&format!("{url}?{query}"), cookies);
                }
                Err(reason) if server.wants_pushed => {
                    return self.cannot_begin(request, &pending.next, &reason);
                }
                Err(reason) => tracing::warn!(target: "kc", "a login goes on without pushing: {reason}"),
            }
        }
        reply::redirect(&format!("{url}?{}", query(asked.iter().chain(&more))), cookies)
    }

    /// RFC 9126 §2: what is asked for goes to Keycloak directly, signed by who asks, and the browser carries a reference.
    async fn push(
        &self,
        asked: &[(&'static str, String)],
        more: &[(&'static str, String)],
    ) -> Result<String, String> {
        let inner = &self.inner;
        // The client's name comes with its proof.
        let form: Vec<(&str, &str)> = asked
            .iter()
            .chain(more)
            .filter(|(name, _)| *name != "client_id")
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let request = inner
            .authentication
            .post(&inner.pushed, &form, inner.clock.now())
            .map_err(|_| "the client's assertion cannot be signed".to_owned())?;
        let answer = inner.transport.send(request).await.map_err(|error| error.to_string())?;
        if answer.status() != StatusCode::CREATED {
            return Err(format!(
                "the endpoint for pushed requests answers {}: compare KEYCLOAK_CLIENT_ID and KEYCLOAK_CLIENT_SECRET with \
                 the client's Credentials tab, and its valid redirect URIs with {}",
                answer.status(),
                self.redirect_uri()
            ));
        }
        serde_json::from_slice::<Pushed>(answer.body())
            .map(|pushed| pushed.request_uri)
            .map_err(|_| "the endpoint for pushed requests answers what is not RFC 9126".to_owned())
    }

    fn cannot_begin(&self, request: &LoginRequest<'_>, next: &str, reason: &str) -> Response<Bytes> {
        tracing::error!(target: "kc", "no login: {reason}");
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let ticket =
            self.inner.guard.event("login", &request.view, Party::default(), Some("login_unavailable"));
        ticket.finish(status.as_u16(), None);
        Page::new(status, "Login is not possible at the moment")
            .paragraph("The login server cannot be reached. This is not your fault; nothing was changed.")
            .action(&link(next), "Try again")
            .link("/", "Home")
            .into_response()
    }
}

/// The link that begins a login which leads to `next`.
pub(crate) fn link(next: &str) -> String {
    let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
    format!("{}?next={next}", Endpoint::Authenticate.path())
}

fn query<'a>(pairs: impl Iterator<Item = &'a (&'static str, String)>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    query.finish()
}

fn fits(value: &str) -> bool {
    value.len() <= LONGEST && !value.contains(char::is_control)
}
