//! A request, read whole and with its form taken apart.

use std::net::IpAddr;

use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE};
use http::{HeaderMap, Method};

/// A request as endpoints see it.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) peer: IpAddr,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The credentials of that scheme in `Authorization`; the scheme's case doesn't matter (RFC 9110, section 11.1).
    pub(super) fn authorization(&self, scheme: &str) -> Option<&str> {
        let (found, credentials) = self.headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        found.eq_ignore_ascii_case(scheme).then_some(credentials)
    }

    /// The parameters of the query.
    pub(super) fn query(&self) -> Form {
        Form(url::form_urlencoded::parse(self.query.as_bytes()).into_owned().collect())
    }

    /// The parameters of a page's address: of the query, or of the form where it was posted.
    pub(super) fn params(&self) -> Form {
        if self.method == Method::POST { self.form() } else { self.query() }
    }

    /// The cookie of that name.
    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        let all = self.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        all.flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(found, value)| (found == name).then_some(value))
    }

    /// The fields of the form; none if the body is something else.
    pub(super) fn form(&self) -> Form {
        let is_form =
            self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
                value.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
            });
        if !is_form {
            return Form(Vec::new());
        }
        Form(url::form_urlencoded::parse(&self.body).into_owned().collect())
    }
}

/// The fields of a form, in order.
#[derive(Clone)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// The first field of that name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// The same fields out of a store.
    pub(super) fn of(fields: Vec<(String, String)>) -> Self {
        Self(fields)
    }

    /// Every field, to be stored.
    pub(super) fn fields(&self) -> &[(String, String)] {
        &self.0
    }

    /// How often a field of that name is there.
    pub(super) fn count(&self, name: &str) -> usize {
        self.0.iter().filter(|(field, _)| field == name).count()
    }

    /// Whether any field is there twice, which OAuth forbids (RFC 6749, section 3.2).
    pub(super) fn has_duplicates(&self) -> bool {
        let mut rest = self.0.as_slice();
        while let Some(((name, _), others)) = rest.split_first() {
            if others.iter().any(|(other, _)| other == name) {
                return true;
            }
            rest = others;
        }
        false
    }
}
