//! A browser, as far as logging in needs one: it keeps cookies, follows redirects and fills Keycloak's form in. To it all
//! replicas are one site.

use std::collections::BTreeMap;

use reqwest::header::{HeaderMap, LOCATION, SET_COOKIE};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use url::form_urlencoded;

use crate::{PATIENCE, PUBLIC_URL, Replica};

/// Its cookies, of the service and of Keycloak.
#[derive(Clone, Debug)]
pub struct Browser {
    http: Client,
    here: BTreeMap<String, String>,
    there: BTreeMap<String, String>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The member `code` of a problem; empty for others.
    pub code: String,
    /// The body.
    pub body: String,
    headers: HeaderMap,
}

impl Answer {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.text().await.unwrap();
        let problem: Value = serde_json::from_str(&body).unwrap_or_default();
        let code = problem["code"].as_str().unwrap_or_default().to_owned();
        Self { status, code, body, headers }
    }

    /// Where it leads.
    #[must_use]
    pub fn location(&self) -> &str {
        self.headers.get(LOCATION).map_or("", |value| value.to_str().unwrap())
    }

    /// Fails the test unless it is this one: a status, and a code for a problem.
    #[track_caller]
    pub fn is(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code.as_str()), (status, code), "{}", self.body);
    }
}

impl Default for Browser {
    fn default() -> Self {
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        let http = http.timeout(PATIENCE).build().unwrap();
        Self { http, here: BTreeMap::new(), there: BTreeMap::new() }
    }
}

impl Browser {
    /// A browser in which that user has logged in at this replica.
    pub async fn of(user: &str, replica: &Replica) -> Self {
        let mut browser = Self::default();
        browser.log_in(user, replica, replica).await;
        browser
    }

    /// Logs in; the balancer sends the first request to one replica and what comes back from Keycloak to another.
    pub async fn log_in(&mut self, user: &str, first: &Replica, then: &Replica) {
        let callback = self.begin_login(user, first).await;
        let landed = self.visit(then, &callback).await;
        landed.is(302, "");
        assert_eq!(landed.location(), "/account");
    }

    /// Begins a login and goes through Keycloak's part of it: the path that Keycloak sends the browser back to.
    pub async fn begin_login(&mut self, user: &str, replica: &Replica) -> String {
        let begun = self.visit(replica, "/oidc/authenticate?next=/account").await;
        begun.is(302, "");
        self.at_keycloak(begun.location(), user).await
    }

    /// Opens a page, and keeps the cookies that come with it.
    pub async fn visit(&mut self, replica: &Replica, path: &str) -> Answer {
        let request = replica.request(Method::GET, path).header("accept", "text/html");
        let answer = Answer::of(request.header("cookie", line(&self.here))).await;
        keep(&mut self.here, &answer.headers);
        answer
    }

    /// `GET path`, as a page's script would.
    pub async fn get(&self, replica: &Replica, path: &str) -> Answer {
        self.getting(replica, path).await
    }

    /// The same, for a task of its own.
    pub fn getting(&self, replica: &Replica, path: &str) -> impl Future<Output = Answer> + Send + use<> {
        Answer::of(replica.request(Method::GET, path).header("cookie", line(&self.here)))
    }

    /// `POST path` without a body, with the CSRF value.
    pub async fn post(&self, replica: &Replica, path: &str, csrf: &str) -> Answer {
        let request = replica.request(Method::POST, path).header("cookie", line(&self.here));
        Answer::of(request.header("x-csrf-token", csrf)).await
    }

    /// The CSRF value of the session, from the home page.
    pub async fn csrf(&mut self, replica: &Replica) -> String {
        let page = self.visit(replica, "/").await;
        let value = page.body.split("name=\"csrf_token\" value=\"").nth(1);
        let value = value.unwrap_or_else(|| panic!("no CSRF value: {page:?}"));
        value.split('"').next().unwrap().to_owned()
    }

    /// Goes to a page of Keycloak's and logs in there if it asks: where it sends the browser then.
    async fn at_keycloak(&mut self, url: &str, user: &str) -> String {
        let mut url = url.to_owned();
        let mut form = None;
        for _ in 0..10 {
            let request = match form.take() {
                None => self.http.get(&url),
                Some(form) => {
                    let request = self.http.post(&url).body(form);
                    request.header("content-type", "application/x-www-form-urlencoded")
                }
            };
            let answer = Answer::of(request.header("cookie", line(&self.there))).await;
            keep(&mut self.there, &answer.headers);
            if let Some(path) = answer.location().strip_prefix(PUBLIC_URL) {
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
        panic!("Keycloak sends nobody back")
    }
}

fn keep(cookies: &mut BTreeMap<String, String>, headers: &HeaderMap) {
    for cookie in headers.get_all(SET_COOKIE) {
        let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
        let value = rest.split(';').next().unwrap();
        match rest.contains("Max-Age=0") {
            true => cookies.remove(name),
            false => cookies.insert(name.to_owned(), value.to_owned()),
        };
    }
}

fn line(cookies: &BTreeMap<String, String>) -> String {
    cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}
