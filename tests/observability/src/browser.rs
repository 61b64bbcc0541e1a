//! Who logs in and out, and what nobody else may read of that.

use test_servers::browsing::{Answer, Cookies, http};
use url::form_urlencoded;

use crate::Service;

/// Its cookies, of the service and of the issuer.
#[derive(Debug, Default)]
pub struct Browser {
    here: Cookies,
    there: Cookies,
    secrets: Vec<String>,
}

impl Browser {
    /// Logs in, and comes back.
    pub async fn log_in(&mut self, user: &str, service: &Service) {
        let begun = self.visit(service, "/oidc/authenticate?next=/account").await;
        begun.is(302, "");
        let callback = self.there.log_in(&http(), begun.location(), user, service.url()).await;
        // `session_state` is the `sid`, which the audit names.
        let secret = |name: &str| ["code", "state"].contains(&name);
        let query = callback.split_once('?').unwrap().1;
        let pairs = form_urlencoded::parse(query.as_bytes());
        self.secrets.extend(pairs.filter(|(name, _)| secret(name)).map(|(_, value)| value.into_owned()));
        let landed = self.visit(service, &callback).await;
        landed.is(302, "");
        assert_eq!(landed.location(), "/account");
    }

    /// Opens a page, and keeps the cookies that come with it.
    pub async fn visit(&mut self, service: &Service, path: &str) -> Answer {
        self.here.send(service.request("GET", path).header("accept", "text/html")).await
    }

    /// Logs out by the button of the home page. The CSRF value of the page is one of the secrets.
    pub async fn log_out(&mut self, service: &Service) -> Answer {
        let page = self.visit(service, "/").await;
        self.secrets.push(page.csrf().to_owned());
        self.here.send(service.request("POST", "/oidc/logout").header("x-csrf-token", page.csrf())).await
    }

    /// What nobody may read anywhere: cookies, codes, states, CSRF values.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let cookies = self.here.ever().iter().chain(self.there.ever());
        // Short ones say a word, such as how somebody came.
        let cookies = cookies.filter(|value| value.len() > 15);
        cookies.chain(&self.secrets).map(String::as_str)
    }
}
