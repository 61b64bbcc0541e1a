//! Brings answers: each within its time, all within one limit, and without tokens in what is handed on.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use http::{Method, Request, Response};
use kc_core::client::ClientAuthentication;
use kc_core::clock::{Clock as _, SystemClock};
use kc_core::secret::Secret;
use kc_core::transport::{Transport, TransportError};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::facts::{Answer, Asked, Missing};
use super::survey::{decoded, now, request};
use crate::progress::Step;

/// What of a token answer is not for anybody's eyes.
const TOKENS: [&str; 3] = ["access_token", "id_token", "refresh_token"];

pub(super) struct Courier<'a> {
    transport: Arc<dyn Transport>,
    step: &'a Step,
    deadline: Instant,
    limit: Duration,
}

impl<'a> Courier<'a> {
    pub(super) fn new(transport: Arc<dyn Transport>, step: &'a Step, limit: Duration) -> Self {
        Self { transport, step, deadline: Instant::now() + limit, limit }
    }

    pub(super) async fn get(&self, what: &'static str, url: &str) -> Asked {
        self.send(what, request(url)).await.map(|response| answer(&response))
    }

    /// With a bearer token.
    pub(super) async fn get_as(&self, what: &'static str, url: &str, token: &Secret) -> Asked {
        let mut request = request(url);
        if let Some(request) = &mut request
            && let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
        {
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        self.send(what, request).await.map(|response| answer(&response))
    }

    pub(super) async fn post_nothing(&self, what: &'static str, url: &str) -> Asked {
        let mut request = request(url);
        if let Some(request) = &mut request {
            *request.method_mut() = Method::POST;
        }
        self.send(what, request).await.map(|response| answer(&response))
    }

    pub(super) async fn post(
        &self,
        what: &'static str,
        client: &ClientAuthentication,
        url: &str,
        form: &[(&str, &str)],
    ) -> Asked {
        self.token(what, client, url, form).await.0
    }

    /// Also the access token, if there is one in the answer.
    pub(super) async fn token(
        &self,
        what: &'static str,
        client: &ClientAuthentication,
        url: &str,
        form: &[(&str, &str)],
    ) -> (Asked, Option<Secret>) {
        let endpoint = url.parse().ok();
        let request = endpoint.and_then(|url| client.post(&url, form, SystemClock.now()).ok());
        let response = match self.send(what, request).await {
            Ok(response) => response,
            Err(missing) => return (Err(missing), None),
        };
        let mut answer = answer(&response);
        let mut token = None;
        if let Some(Value::Object(members)) = &mut answer.json {
            token = members.get("access_token").and_then(Value::as_str).map(Secret::new);
            for name in TOKENS {
                members.remove(name);
            }
        }
        (Ok(answer), token)
    }

    /// Anything else that asks the server.
    pub(super) async fn within<T>(
        &self,
        what: &'static str,
        asking: impl Future<Output = Result<T, String>>,
    ) -> Result<T, String> {
        self.step.is(what);
        match timeout_at(self.deadline, asking).await {
            Ok(result) => result,
            Err(_) => {
                Err(format!("the time for all checks, {} s, was over: see --limit", self.limit.as_secs()))
            }
        }
    }

    async fn send(
        &self,
        what: &'static str,
        request: Option<Request<Bytes>>,
    ) -> Result<Response<Bytes>, Missing> {
        self.step.is(what);
        let Some(mut request) = request else {
            let reason = "its URL or its credentials cannot be sent".to_owned();
            return Err(Missing::Failed(TransportError::Unsendable { reason }));
        };
        request
            .headers_mut()
            .entry(ACCEPT)
            .or_insert(HeaderValue::from_static("application/json, */*;q=0.1"));
        match timeout_at(self.deadline, self.transport.send(request)).await {
            Ok(result) => result.map_err(Missing::Failed),
            Err(_) => Err(Missing::Failed(TransportError::Timeout { after: self.limit })),
        }
    }
}

fn answer(response: &Response<Bytes>) -> Answer {
    let header = |name: &str| {
        let value = response.headers().get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    let media_type = header("content-type").unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let text = std::str::from_utf8(response.body()).unwrap_or_default();
    let jwt = (media_type == "application/jwt").then(|| text.split('.').next().and_then(decoded)).flatten();
    let jwt_header = jwt.and_then(|header| serde_json::from_slice::<Value>(&header).ok());
    Answer {
        status: response.status().as_u16(),
        json: serde_json::from_str(text).ok(),
        location: header("location"),
        jwt_algorithm: jwt_header.and_then(|header| Some(header.get("alg")?.as_str()?.to_owned())),
        date: header("date").and_then(|date| http_date(&date)),
        at: now(),
        media_type,
    }
}

/// `Sun, 22 Nov 2026 14:00:00 GMT` (RFC 9110 §5.6.7), in seconds since 1970.
fn http_date(text: &str) -> Option<i64> {
    jiff::fmt::rfc2822::parse(text).ok().map(|at| at.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_as_servers_write_it() {
        assert_eq!(http_date("Thu, 01 Jan 1970 00:01:00 GMT"), Some(60));
        assert_eq!(http_date("soon"), None);
    }

    #[test]
    fn the_algorithm_of_a_signed_answer_is_read_and_nothing_else_of_it() {
        let body = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln";
        let response =
            Response::builder().header("content-type", "application/jwt").body(Bytes::from(body)).unwrap();
        let answer = answer(&response);
        assert_eq!((answer.jwt_algorithm.as_deref(), answer.json), (Some("ES256"), None));
    }
}
