//! Telling clients that a session has ended (OpenID Connect Back-Channel Logout 1.0, section 2.5).

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::issue::{Grant, Issue};
use crate::jws;
use crate::keys::KeyError;
use crate::realm::{Client, User};
use crate::scope;
use crate::session::Ended;
use crate::state::State;

/// How long a client may take to answer. Whatever it answers, the session has ended.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Tells every client of these sessions that has the attribute `backchannel.logout.url`, and waits until all have heard.
///
/// Plain HTTP only: the issuer is for one machine. A client that can't be reached isn't asked again.
pub(crate) async fn announce(state: &State, ended: &[Ended]) {
    let mut calls = JoinSet::new();
    for session in ended {
        let Some(user) = state.realm.user_by_id(&session.user_id) else { continue };
        for client in session.clients.iter().filter_map(|id| state.realm.clients.get(id)) {
            let Some(url) = client.attributes.get("backchannel.logout.url") else { continue };
            let Some(uri) = url.parse::<Uri>().ok().filter(|uri| uri.scheme_str() == Some("http")) else {
                continue;
            };
            if let Ok(token) = logout_token(state, client, user, &session.sid).await {
                calls.spawn(async move { tokio::time::timeout(TIMEOUT, post(uri, token)).await });
            }
        }
    }
    while calls.join_next().await.is_some() {}
}

/// The token that goes to a client, signed as its ID tokens are.
async fn logout_token(state: &State, client: &Client, user: &User, sid: &str) -> Result<String, KeyError> {
    let scope = scope::narrowed(&state.realm, client, user, "", None);
    let with_sid =
        client.attributes.get("backchannel.logout.session.required").is_none_or(|on| on != "false");
    let issue = Issue {
        state,
        client,
        user,
        scope: &scope,
        grant: Grant::Code,
        sid: with_sid.then_some(sid),
        offline: false,
        nonce: None,
        notes: BTreeMap::new(),
        now: state.now(),
    };
    let key = state.keys().signer(issue.id_alg()).await?;
    let mut header = jws::header(&key);
    header.insert("typ".to_owned(), serde_json::json!("logout+jwt"));
    let (header, claims) = (serde_json::json!(header), serde_json::json!(issue.logout()));
    jws::sign_bytes(&key, header.to_string().as_bytes(), claims.to_string().as_bytes())
}

async fn post(uri: Uri, token: String) -> Option<()> {
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']').to_owned();
    let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(80))).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    let connection = tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let mut request = Request::new(Full::new(Bytes::from(format!("logout_token={token}"))));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = path.parse().ok()?;
    request.headers_mut().insert(HOST, HeaderValue::from_str(uri.authority()?.as_str()).ok()?);
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(CONTENT_TYPE, form);
    let answer = sender.send_request(request).await.ok()?;
    // The client has acted once its answer is whole.
    drop(answer.into_body().collect().await);
    connection.abort();
    Some(())
}
