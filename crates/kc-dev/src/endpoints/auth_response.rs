//! Sending the browser back to the client with an answer, by the way that the client asked for.

use http::header::LOCATION;
use http::{HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

use super::login_page::NEVER_KEPT;
use super::page::escaped;
use super::reply::{Reply, cached, empty, server_error, with_type};
use crate::jws;
use crate::login::{ReturnTo, Way};
use crate::signin::Done;
use crate::state::State;

/// An answer: its parameters, but `state` and `iss`, which every answer has.
type Params = Vec<(&'static str, String)>;

/// The answer to a login (RFC 6749, section 4.1.2; RFC 9207).
pub(super) async fn logged_in(state: &State, to: &ReturnTo, done: &Done) -> Reply {
    let mut params: Params = Vec::new();
    params.extend(to.state.clone().map(|value| ("state", value)));
    if !is_on(state, to, "exclude.session.state.from.auth.response") {
        params.push(("session_state", done.sid.clone()));
    }
    params.extend(issuer(state, to));
    params.extend(done.code.clone().map(|code| ("code", code)));
    send(state, to, params).await
}

/// The answer to a request that failed after it was clear whose it is (RFC 6749, section 4.1.2.1).
pub(super) async fn refused(state: &State, to: &ReturnTo, error: &str, description: Option<&str>) -> Reply {
    let mut params: Params = vec![("error", error.to_owned())];
    params.extend(description.map(|text| ("error_description", text.to_owned())));
    params.extend(to.state.clone().map(|value| ("state", value)));
    params.extend(issuer(state, to));
    send(state, to, params).await
}

/// Who answers (RFC 9207), unless the client can't bear to hear it.
fn issuer(state: &State, to: &ReturnTo) -> Option<(&'static str, String)> {
    (!is_on(state, to, "exclude.issuer.from.auth.response")).then(|| ("iss", state.issuer.clone()))
}

fn is_on(state: &State, to: &ReturnTo, attribute: &str) -> bool {
    state.realm.clients.get(&to.client_id).is_some_and(|client| client.is_on(attribute))
}

async fn send(state: &State, to: &ReturnTo, mut params: Params) -> Reply {
    if to.mode.jwt {
        let Ok(token) = signed(state, to, params).await else { return server_error() };
        params = vec![("response", token)];
    }
    let reply = match to.mode.way {
        Way::FormPost => form_post(&to.redirect_uri, &params),
        Way::Fragment => redirect(&format!("{}#{}", without_fragment(&to.redirect_uri), encoded(&params))),
        Way::Query => redirect(&with_query(&to.redirect_uri, &encoded(&params))),
    };
    cached(reply, NEVER_KEPT)
}

/// One token with all of the answer (JARM, section 2.1).
async fn signed(state: &State, to: &ReturnTo, params: Params) -> Result<String, crate::keys::KeyError> {
    let mut claims: Map<String, Value> =
        params.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    claims.insert("iss".to_owned(), json!(state.issuer));
    claims.insert("aud".to_owned(), json!(to.client_id));
    claims.insert("exp".to_owned(), json!(state.now() + state.realm.code_lifespan_secs));
    let client = state.realm.clients.get(&to.client_id);
    let alg = client.and_then(|client| client.alg("authorization.signed.response.alg"));
    let key = state.keys().signer(alg.unwrap_or(state.realm.default_alg)).await?;
    jws::sign(&key, &claims)
}

fn encoded(params: &Params) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(params);
    query.finish()
}

fn without_fragment(uri: &str) -> &str {
    uri.split_once('#').map_or(uri, |(uri, _)| uri)
}

/// The address with more in its query, in front of its fragment.
pub(super) fn with_query(uri: &str, query: &str) -> String {
    let (uri, fragment) = uri.split_once('#').map_or((uri, None), |(uri, fragment)| (uri, Some(fragment)));
    let separator = if uri.contains('?') { '&' } else { '?' };
    let fragment = fragment.map_or_else(String::new, |fragment| format!("#{fragment}"));
    format!("{uri}{separator}{query}{fragment}")
}

/// 302 to an address that was checked.
pub(super) fn redirect(to: &str) -> Reply {
    let ascii: String = to
        .chars()
        .flat_map(|c| {
            let mut bytes = [0; 4];
            let escaped: Vec<char> = if c.is_ascii() {
                vec![c]
            } else {
                c.encode_utf8(&mut bytes)
                    .bytes()
                    .flat_map(|byte| format!("%{byte:02X}").chars().collect::<Vec<_>>())
                    .collect()
            };
            escaped
        })
        .collect();
    let Ok(location) = HeaderValue::from_str(&ascii) else { return server_error() };
    let mut reply = empty(StatusCode::FOUND);
    reply.headers_mut().insert(LOCATION, location);
    reply
}

/// A page that sends itself on (OAuth 2.0 Form Post Response Mode); without script by a button.
fn form_post(uri: &str, params: &Params) -> Reply {
    let fields: String = params
        .iter()
        .map(|(name, value)| {
            format!("<INPUT TYPE=\"HIDDEN\" NAME=\"{}\" VALUE=\"{}\" />\n", escaped(name), escaped(value))
        })
        .collect();
    let html = format!(
        "<HTML><HEAD><TITLE>OIDC Form_Post Response</TITLE></HEAD>\n\
         <BODY Onload=\"document.forms[0].submit()\">\n<FORM METHOD=\"POST\" ACTION=\"{}\">\n{fields}\
         <NOSCRIPT><P>JavaScript is disabled. Click the button below to continue.</P>\n\
         <INPUT name=\"continue\" TYPE=\"SUBMIT\" VALUE=\"CONTINUE\" /></NOSCRIPT>\n</FORM></BODY></HTML>\n",
        escaped(uri),
    );
    with_type(StatusCode::OK, "text/html", html)
}

#[cfg(test)]
mod tests {
    use super::{redirect, with_query};

    #[test]
    fn a_query_goes_before_the_fragment_and_after_another_query() {
        assert_eq!(with_query("http://a/b", "x=1"), "http://a/b?x=1");
        assert_eq!(with_query("http://a/b?c#d", "x=1"), "http://a/b?c&x=1#d");
    }

    #[test]
    fn an_address_with_letters_beyond_ascii_is_sent_escaped() {
        let reply = redirect("http://a/ü?x");
        assert_eq!(reply.headers()["location"], "http://a/%C3%BC?x");
        assert_eq!(redirect("http://a/\r\nX: y").status(), 500);
    }
}
