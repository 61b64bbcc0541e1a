//! Asking an issuer over HTTP.

use kc_dev::DevIssuer;
use serde_json::{Value, json};

/// A status and a body; `null` for a body that is no JSON.
pub(crate) type Answer = (u16, Value);

pub(crate) async fn issuer() -> DevIssuer {
    DevIssuer::builder().shared_keys().start().await.expect("kc-dev starts")
}

/// A client that follows no redirects and knows no proxy.
pub(crate) fn http() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    builder.build().expect("a client")
}

pub(crate) async fn send(request: reqwest::RequestBuilder) -> Answer {
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or(Value::Null))
}

pub(crate) fn url(issuer: &DevIssuer, endpoint: &str) -> String {
    format!("{}/protocol/openid-connect/{endpoint}", issuer.issuer())
}

pub(crate) async fn post(issuer: &DevIssuer, endpoint: &str, form: &[(&str, &str)]) -> Answer {
    let api = [("client_id", "api"), ("client_secret", "api-secret")];
    let form: Vec<_> = api.iter().chain(form).collect();
    send(http().post(url(issuer, endpoint)).form(&form)).await
}

pub(crate) async fn login(issuer: &DevIssuer) -> Value {
    let form =
        [("grant_type", "password"), ("username", "alice"), ("password", "alice"), ("scope", "openid")];
    let (status, answer) = post(issuer, "token", &form).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

pub(crate) async fn refresh(issuer: &DevIssuer, login: &Value) -> Answer {
    post(issuer, "token", &[("grant_type", "refresh_token"), ("refresh_token", text(login, "refresh_token"))])
        .await
}

/// Whether introspection, asked by `api`, finds a token active.
pub(crate) async fn is_active(issuer: &DevIssuer, token: &str) -> bool {
    let (status, answer) = post(issuer, "token/introspect", &[("token", token)]).await;
    assert_eq!(status, 200);
    if answer["active"] == json!(false) {
        assert_eq!(answer, json!({ "active": false }), "an inactive token gives nothing away");
    }
    answer["active"] == json!(true)
}

pub(crate) async fn userinfo(issuer: &DevIssuer, token: &str) -> u16 {
    send(http().get(url(issuer, "userinfo")).bearer_auth(token)).await.0
}

pub(crate) async fn keys(issuer: &DevIssuer) -> Vec<Value> {
    let (status, answer) = send(http().get(url(issuer, "certs"))).await;
    assert_eq!(status, 200);
    answer["keys"].as_array().cloned().unwrap_or_default()
}

pub(crate) fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("no {member} in {value}"))
}

/// Header (0) or payload (1) of a token.
pub(crate) fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).expect("a token");
    let bytes = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(part).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

pub(crate) fn refused(error: &str, description: &str) -> Answer {
    (400, json!({ "error": error, "error_description": description }))
}
