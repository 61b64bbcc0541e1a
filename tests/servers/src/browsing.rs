//! A browser, as far as logging in needs one: cookies, redirects, and the issuer's form.

use std::collections::BTreeMap;

use reqwest::header::{HeaderMap, LOCATION, SET_COOKIE};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use url::form_urlencoded;

use crate::PATIENCE;

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The member `code` of a problem; empty for others.
    pub code: String,
    /// The body.
    pub body: String,
    /// The header lines.
    pub headers: HeaderMap,
}

impl Answer {
    /// Sends the request.
    pub async fn of(request: RequestBuilder) -> Self {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.text().await.unwrap();
        let problem: Value = serde_json::from_str(&body).unwrap_or_default();
        let code = problem["code"].as_str().unwrap_or_default().to_owned();
        Self { status, code, body, headers }
    }

    /// Where it leads; empty for nowhere.
    #[must_use]
    pub fn location(&self) -> &str {
        self.headers.get(LOCATION).map_or("", |value| value.to_str().unwrap())
    }

    /// The CSRF value of a page's form.
    #[must_use]
    pub fn csrf(&self) -> &str {
        let value = self.body.split("name=\"csrf_token\" value=\"").nth(1);
        value.unwrap_or_else(|| panic!("no CSRF value: {self:?}")).split('"').next().unwrap()
    }

    /// Fails the test unless it is this one: a status, and a code for a problem.
    #[track_caller]
    pub fn is(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code.as_str()), (status, code), "{}", self.body);
    }
}

/// A client that follows no redirect.
#[must_use]
pub fn http() -> Client {
    let http = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    http.timeout(PATIENCE).build().unwrap()
}

/// The cookies of one site.
#[derive(Clone, Debug, Default)]
pub struct Cookies {
    now: BTreeMap<String, String>,
    ever: Vec<String>,
}

impl Cookies {
    /// Sends the request with them, and keeps those that come back.
    pub async fn send(&mut self, request: RequestBuilder) -> Answer {
        let answer = Answer::of(request.header("cookie", self.line())).await;
        for cookie in answer.headers.get_all(SET_COOKIE) {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap().to_owned();
            if rest.contains("Max-Age=0") {
                self.now.remove(name);
            } else {
                self.ever.push(value.clone());
                self.now.insert(name.to_owned(), value);
            }
        }
        answer
    }

    /// For a `Cookie` header.
    #[must_use]
    pub fn line(&self) -> String {
        self.now.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// Every value that it was ever given.
    #[must_use]
    pub fn ever(&self) -> &[String] {
        &self.ever
    }

    /// With these, the issuer's: goes to a page of the issuer and logs in there if it asks; a password is the user's name. The path
    /// that it sends the browser back to, below `service`.
    pub async fn log_in(&mut self, http: &Client, page: &str, user: &str, service: &str) -> String {
        let mut url = page.to_owned();
        let mut form = None;
        for _ in 0..10 {
            let request = match form.take() {
                None => http.get(&url),
                Some(form) => {
                    http.post(&url).body(form).header("content-type", "application/x-www-form-urlencoded")
                }
            };
            let answer = self.send(request).await;
            if let Some(path) = answer.location().strip_prefix(service) {
                return path.to_owned();
            }
            if !answer.location().is_empty() {
                url = answer.location().to_owned();
                continue;
            }
            let action = answer.body.split("action=\"").nth(1).and_then(|rest| rest.split('"').next());
            url = action.unwrap_or_else(|| panic!("no form: {answer:?}")).replace("&amp;", "&");
            let mut filled = form_urlencoded::Serializer::new(String::new());
            filled.append_pair("username", user).append_pair("password", user);
            form = Some(filled.finish());
        }
        panic!("the issuer sends nobody back")
    }
}
