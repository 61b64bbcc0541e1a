//! A browser, as far as logging in needs one: it keeps cookies, follows redirects and fills Keycloak's form in. To it all
//! replicas are one site.

use reqwest::{Client, Method};
use test_servers::browsing::{Answer, Cookies, http};

use crate::{PUBLIC_URL, Replica};

/// Its cookies, of the service and of Keycloak.
#[derive(Clone, Debug)]
pub struct Browser {
    http: Client,
    here: Cookies,
    there: Cookies,
}

impl Default for Browser {
    fn default() -> Self {
        Self { http: http(), here: Cookies::default(), there: Cookies::default() }
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
        self.there.log_in(&self.http, begun.location(), user, PUBLIC_URL).await
    }

    /// Opens a page, and keeps the cookies that come with it.
    pub async fn visit(&mut self, replica: &Replica, path: &str) -> Answer {
        self.here.send(replica.request(Method::GET, path).header("accept", "text/html")).await
    }

    /// `GET path`, as a page's script would.
    pub async fn get(&self, replica: &Replica, path: &str) -> Answer {
        self.getting(replica, path).await
    }

    /// The same, for a task of its own.
    pub fn getting(&self, replica: &Replica, path: &str) -> impl Future<Output = Answer> + Send + use<> {
        Answer::of(replica.request(Method::GET, path).header("cookie", self.here.line()))
    }

    /// `POST path` without a body, with the CSRF value.
    pub async fn post(&self, replica: &Replica, path: &str, csrf: &str) -> Answer {
        let request = replica.request(Method::POST, path).header("cookie", self.here.line());
        Answer::of(request.header("x-csrf-token", csrf)).await
    }

    /// The CSRF value of the session, from the home page.
    pub async fn csrf(&mut self, replica: &Replica) -> String {
        self.visit(replica, "/").await.csrf().to_owned()
    }
}
