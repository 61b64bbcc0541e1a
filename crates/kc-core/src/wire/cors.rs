//! Cross-origin requests (WHATWG Fetch, "CORS protocol").

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, VARY,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::request::RequestView;

/// Which web pages may call this service from a browser.
///
/// Outermost of all: a preflight has no credentials to check, and a page must be able to read a refusal.
///
/// # Example
/// ```
/// use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, HeaderMap, HeaderValue, ORIGIN};
/// use kc_core::wire::RequestView;
/// use kc_core::wire::cors::CorsPolicy;
///
/// let policy = CorsPolicy::new(["https://shop.example.com"]);
/// let asked = HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static("https://shop.example.com"))]);
/// let request = RequestView { method: "GET", path: "/orders", query: None, route: None, headers: &asked, peer: None };
/// let mut answered = HeaderMap::new();
/// policy.decorate(&request, &mut answered);
/// assert_eq!(answered[ACCESS_CONTROL_ALLOW_ORIGIN], "https://shop.example.com");
/// ```
#[derive(Clone, Debug, Default)]
pub struct CorsPolicy {
    origins: Vec<String>,
}

impl CorsPolicy {
    /// The origins as browsers send them, `https://app.example.com`; compared byte by byte. There is no wildcard:
    /// credentials are allowed.
    #[must_use]
    pub fn new<S: Into<String>>(origins: impl IntoIterator<Item = S>) -> Self {
        Self { origins: origins.into_iter().map(Into::into).collect() }
    }

    /// The answer to a preflight of a listed origin; `None` for any other request.
    #[must_use]
    pub fn preflight(&self, request: &RequestView<'_>) -> Option<Response<Bytes>> {
        if request.method != "OPTIONS" || request.headers.value("access-control-request-method", 0).is_none()
        {
            return None;
        }
        self.listed(request)?;
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE"),
        );
        headers.insert(
            ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("authorization, content-type, dpop, x-csrf-token"),
        );
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        self.decorate(request, headers);
        Some(response)
    }

    /// Adds what lets the page of a listed origin read the response, and in any case tells caches that it depends on
    /// the origin.
    pub fn decorate(&self, request: &RequestView<'_>, headers: &mut HeaderMap) {
        if let Some(origin) = self.listed(request).and_then(|origin| HeaderValue::from_str(origin).ok()) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("WWW-Authenticate"));
        }
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }

    fn listed(&self, request: &RequestView<'_>) -> Option<&str> {
        let origin = request.single("origin")?;
        self.origins.iter().map(String::as_str).find(|listed| *listed == origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view<'a>(method: &'a str, headers: &'a HeaderMap) -> RequestView<'a> {
        RequestView { method, path: "/me", query: None, route: None, headers, peer: None }
    }

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    const PREFLIGHT: (&str, &str) = ("access-control-request-method", "DELETE");

    #[test]
    fn a_preflight_of_a_listed_origin_is_answered() {
        let policy = CorsPolicy::new(["https://app.example.com"]);
        let headers = headers(&[("origin", "https://app.example.com"), PREFLIGHT]);
        let response = policy.preflight(&view("OPTIONS", &headers)).unwrap();
        assert_eq!(response.status(), 204);
        let header = |name| response.headers().get(name).unwrap().to_str().unwrap();
        assert_eq!(header("access-control-allow-origin"), "https://app.example.com");
        assert_eq!(header("access-control-allow-methods"), "GET, HEAD, POST, PUT, PATCH, DELETE");
        assert_eq!(header("access-control-allow-headers"), "authorization, content-type, dpop, x-csrf-token");
        assert_eq!(header("access-control-allow-credentials"), "true");
        assert_eq!(header("access-control-max-age"), "600");
        assert_eq!(header("vary"), "Origin");
    }

    #[test]
    fn what_is_not_a_preflight_of_a_listed_origin_goes_on() {
        let policy = CorsPolicy::new(["https://app.example.com"]);
        for (method, lines) in [
            ("GET", &[("origin", "https://app.example.com"), PREFLIGHT][..]),
            ("OPTIONS", &[("origin", "https://app.example.com")]),
            ("OPTIONS", &[PREFLIGHT]),
            ("OPTIONS", &[("origin", "https://app.example.com.evil.com"), PREFLIGHT]),
            ("OPTIONS", &[("origin", "https://APP.example.com"), PREFLIGHT]),
            ("OPTIONS", &[("origin", "null"), PREFLIGHT]),
        ] {
            assert!(policy.preflight(&view(method, &headers(lines))).is_none(), "{method} {lines:?}");
        }
        let two = {
            let mut two = headers(&[("origin", "https://app.example.com"), PREFLIGHT]);
            two.append("origin", HeaderValue::from_static("https://app.example.com"));
            two
        };
        assert!(policy.preflight(&view("OPTIONS", &two)).is_none());
    }

    #[test]
    fn a_response_to_another_origin_says_only_that_it_varies() {
        let policy = CorsPolicy::new(["https://app.example.com"]);
        let mut response = HeaderMap::new();
        policy.decorate(&view("GET", &headers(&[("origin", "https://evil.example")])), &mut response);
        assert_eq!(response.len(), 1);
        assert_eq!(response["vary"], "Origin");
    }
}
