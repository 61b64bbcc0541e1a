//! A browser, as far as logging in needs one.

use std::collections::BTreeMap;

use reqwest::header::{HeaderMap, LOCATION, SET_COOKIE};
use url::form_urlencoded;

use crate::{Answer, Service, http};

/// Its cookies, of the service and of the issuer.
#[derive(Debug, Default)]
pub struct Browser {
    here: BTreeMap<String, String>,
    there: BTreeMap<String, String>,
    /// Values that nobody may read anywhere: cookies, codes, states.
    secrets: Vec<String>,
}

impl Browser {
    /// Logs in, and comes back.
    pub async fn log_in(&mut self, user: &str, service: &Service) {
        let begun = self.visit(service, "/oidc/authenticate?next=/account").await;
        assert_eq!(begun.status, 302, "{begun:?}");
        let callback = self.at_issuer(location(&begun), user, service).await;
        let landed = self.visit(service, &callback).await;
        assert_eq!((landed.status, location(&landed)), (302, "/account"), "{landed:?}");
    }

    /// Opens a page, and keeps the cookies that come with it.
    pub async fn visit(&mut self, service: &Service, path: &str) -> Answer {
        let request = service.request("GET", path).header("accept", "text/html");
        let answer = Answer::of(request.header("cookie", line(&self.here))).await;
        keep(&mut self.here, &mut self.secrets, &answer.headers);
        answer
    }

    /// Logs out by the button of the home page. The CSRF value of the page is one of the secrets.
    pub async fn log_out(&mut self, service: &Service) -> Answer {
        let page = self.visit(service, "/").await;
        let value = page.body.split("name=\"csrf_token\" value=\"").nth(1);
        let value = value.unwrap_or_else(|| panic!("no CSRF value: {page:?}")).split('"').next().unwrap();
        self.secrets.push(value.to_owned());
        let request = service.request("POST", "/oidc/logout").header("cookie", line(&self.here));
        Answer::of(request.header("x-csrf-token", value)).await
    }

    /// What nobody may read anywhere.
    #[must_use]
    pub fn secrets(&self) -> &[String] {
        &self.secrets
    }

    /// Goes to the issuer's page and logs in there: where it sends the browser then.
    async fn at_issuer(&mut self, url: &str, user: &str, service: &Service) -> String {
        let mut url = url.to_owned();
        let mut form = None;
        for _ in 0..10 {
            let request = match form.take() {
                None => http().get(&url),
                Some(form) => {
                    let request = http().post(&url).body(form);
                    request.header("content-type", "application/x-www-form-urlencoded")
                }
            };
            let answer = Answer::of(request.header("cookie", line(&self.there))).await;
            keep(&mut self.there, &mut self.secrets, &answer.headers);
            if let Some(path) = location(&answer).strip_prefix(service.url()) {
                let query = path.split_once('?').unwrap().1;
                // `session_state` is the `sid`, which the audit names.
                let secret = |name: &str| ["code", "state"].contains(&name);
                let pairs = form_urlencoded::parse(query.as_bytes());
                self.secrets
                    .extend(pairs.filter(|(name, _)| secret(name)).map(|(_, value)| value.into_owned()));
                return path.to_owned();
            }
            if !location(&answer).is_empty() {
                url = location(&answer).to_owned();
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

fn location(answer: &Answer) -> &str {
    answer.headers.get(LOCATION).map_or("", |value| value.to_str().unwrap())
}

fn keep(cookies: &mut BTreeMap<String, String>, secrets: &mut Vec<String>, headers: &HeaderMap) {
    for cookie in headers.get_all(SET_COOKIE) {
        let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
        let value = rest.split(';').next().unwrap().to_owned();
        match rest.contains("Max-Age=0") {
            true => drop(cookies.remove(name)),
            false => {
                // Short ones say a word, such as how somebody came.
                secrets.extend(Some(value.clone()).filter(|value| value.len() > 15));
                cookies.insert(name.to_owned(), value);
            }
        }
    }
}

fn line(cookies: &BTreeMap<String, String>) -> String {
    cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}
