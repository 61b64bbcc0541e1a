//! One service, one browser, and what people do with them.

use std::path::PathBuf;

use browser_tests::{Browser, patiently};
use serde_json::Value;

use crate::world::{Running, World, named};

pub(crate) const USERNAME: &str = "//input[@id='username']";
pub(crate) const PASSWORD: &str = "//input[@id='password']";
/// Of the login page, whoever made it.
pub(crate) const SIGN_IN: &str = "//form//*[@type='submit']";

/// A case's own.
pub(crate) struct Scene<'a> {
    pub(crate) world: &'a World,
    pub(crate) service: &'static str,
    pub(crate) browser: Browser,
    /// Where its pictures go, but for the end of their names.
    pub(crate) pictures: PathBuf,
}

impl Scene<'_> {
    /// The service that is tested.
    pub(crate) fn own(&self) -> &Running {
        named(&self.world.services, self.service)
    }

    /// The same, as the client whose access tokens live for seconds.
    pub(crate) fn impatient(&self) -> &Running {
        named(&self.world.impatient, self.service)
    }

    /// The service that comes after it.
    pub(crate) fn other(&self) -> &Running {
        let services = &self.world.services;
        let own = services.iter().position(|service| service.name == self.service).unwrap();
        services.get(own + 1).or(services.first()).unwrap()
    }

    /// Goes to a page of the service that is tested.
    pub(crate) fn visit(&self, path: &str) {
        self.browser.go(&format!("{}{path}", self.own().url));
    }

    /// Waits until the browser is at a page of the service that is tested.
    pub(crate) fn is_at(&self, path: &str) {
        self.is_at_page_of(self.own(), path);
    }

    pub(crate) fn is_at_page_of(&self, service: &Running, path: &str) {
        let expected = format!("{}{path}", service.url);
        self.browser.arrives(&expected, |address| address == expected);
    }

    /// Waits for the page that asks for name and password.
    pub(crate) fn is_asked_to_log_in(&self) {
        let issuer = format!("{}/", self.world.issuer.base());
        self.browser.arrives("the login page", |address| address.starts_with(&issuer));
        self.browser.find(USERNAME);
        self.browser.find(PASSWORD);
    }

    /// Fills the login page in.
    pub(crate) fn log_in_as(&self, name: &str) {
        self.try_to_log_in_as(name, name);
    }

    pub(crate) fn try_to_log_in_as(&self, name: &str, password: &str) {
        self.browser.write(USERNAME, name);
        self.browser.write(PASSWORD, password);
        self.browser.click(SIGN_IN);
    }

    /// Goes to the account page and logs in on the way.
    pub(crate) fn log_in(&self, name: &str) {
        self.visit("/account");
        self.is_asked_to_log_in();
        self.log_in_as(name);
        self.is_at("/account");
        self.browser.reads(name);
    }

    /// Goes to the account page again and again, until that needs a login.
    pub(crate) fn is_logged_out_of(&self, service: &Running) {
        let account = format!("{}/account", service.url);
        patiently(
            || {
                self.browser.go(&account);
                self.browser.shows(USERNAME).then_some(())
            },
            || format!("{} keeps the session:\n{}", service.name, self.browser.text_of_page()),
        );
    }

    /// How many such events of that user the audit has.
    pub(crate) fn recorded(&self, service: &Running, event: &str, user: &str) -> usize {
        let audit = std::fs::read_to_string(&service.audit).unwrap_or_default();
        let events = audit.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events
            .filter(|one| one["event"] == event && one["username"] == user && one["decision"] == "allow")
            .count()
    }

    /// Keeps what is to be seen now.
    pub(crate) fn picture(&self, of: &str) {
        let mut file = self.pictures.clone().into_os_string();
        file.push(if of.is_empty() { ".png".to_owned() } else { format!(".{of}.png") });
        if let Err(error) = self.browser.photograph(file.as_ref()) {
            eprintln!("no picture {}: {error}", file.display());
        }
    }
}
