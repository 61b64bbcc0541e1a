//! A request, read whole and with its form taken apart.

use std::net::IpAddr;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method};

/// A request as endpoints see it.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
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
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// The first field of that name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
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
