//! A request as kc sees it: borrowed from whatever the framework has.

use std::fmt;
use std::net::IpAddr;

use http::header::AUTHORIZATION;

/// Header lines by name, in the order they came.
///
/// # Contract
/// `value` compares names case-insensitively and gives the value of the `nth` line of that name as it came, without
/// joining, splitting or trimming inside; `None` past the last.
pub trait Headers: Sync {
    /// The value of the `nth` line of `name`, counted from 0.
    fn value(&self, name: &str, nth: usize) -> Option<&[u8]>;

    /// The value of the first line of `Authorization`, and whether there are more: asked for at each request. Default: by
    /// two calls of [`value`](Self::value).
    fn authorization(&self) -> Option<(&[u8], bool)> {
        let first = self.value(AUTHORIZATION.as_str(), 0)?;
        Some((first, self.value(AUTHORIZATION.as_str(), 1).is_some()))
    }
}

impl Headers for http::HeaderMap {
    fn value(&self, name: &str, nth: usize) -> Option<&[u8]> {
        self.get_all(name).iter().nth(nth).map(http::HeaderValue::as_bytes)
    }

    fn authorization(&self) -> Option<(&[u8], bool)> {
        let mut lines = self.get_all(AUTHORIZATION).iter();
        let first = lines.next()?;
        Some((first.as_bytes(), lines.next().is_some()))
    }
}

/// What a decision may depend on. The body is not among it.
///
/// # Example
/// ```
/// use http::HeaderMap;
/// use kc_core::wire::RequestView;
///
/// let headers = HeaderMap::from_iter([(http::header::HOST, http::HeaderValue::from_static("shop.example.com"))]);
/// let request = RequestView {
///     method: "GET",
///     path: "/orders/7",
///     query: None,
///     route: Some("/orders/{id}"),
///     headers: &headers,
///     peer: None,
/// };
/// assert_eq!(request.single("host"), Some("shop.example.com"));
/// ```
#[derive(Clone, Copy)]
pub struct RequestView<'a> {
    /// The method as it came, `GET`.
    pub method: &'a str,
    /// The path as it came, percent-encoding and all, without the query.
    pub path: &'a str,
    /// The query as it came, without the `?`: only to come back to after a login. It may hold secrets of others and is
    /// neither looked at nor logged.
    pub query: Option<&'a str>,
    /// The pattern of the route that the router chose, `/items/{id}`, if it says.
    pub route: Option<&'a str>,
    /// The header lines.
    pub headers: &'a dyn Headers,
    /// The address at the other end of the connection, if the server says.
    pub peer: Option<IpAddr>,
}

impl<'a> RequestView<'a> {
    /// The value of a header that may come once: `None` when it is absent, repeated, or not visible ASCII.
    #[must_use]
    pub fn single(&self, name: &str) -> Option<&'a str> {
        let value = self.headers.value(name, 0)?;
        if self.headers.value(name, 1).is_some() {
            return None;
        }
        std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| matches!(byte, b' '..=b'~')))
    }
}

/// The request line only: headers hold credentials.
impl fmt::Debug for RequestView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestView")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("route", &self.route)
            .finish_non_exhaustive()
    }
}
