//! Nothing unencrypted, for a service whose browsers come by https.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderValue, LOCATION, STRICT_TRANSPORT_SECURITY};
use http::{Response, StatusCode};
use kc_core::wire::RequestView;

use crate::login::Login;
use crate::reply;

impl Login {
    /// Where a request that came unencrypted is sent instead: the same place by https, with the same method. `None` when
    /// [`require_https`](crate::LoginOptions::require_https) is off, browsers do not come by https at all (`PUBLIC_URL`), or the
    /// request did: a [trusted proxy](kc_core::settings::Settings::trusted_proxies) says so.
    #[must_use]
    pub fn to_https(&self, request: &RequestView<'_>) -> Option<Response<Bytes>> {
        let inner = &self.inner;
        if !inner.options.require_https || !inner.https || inner.guard.is_https(request) {
            return None;
        }
        let query = request.query.map(|query| format!("?{query}")).unwrap_or_default();
        let location = HeaderValue::from_str(&format!("{}{}{query}", inner.public_url, request.path)).ok()?;
        let mut response = reply::empty(StatusCode::PERMANENT_REDIRECT);
        response.headers_mut().insert(LOCATION, location);
        Some(response)
    }

    /// Tells browsers to come by https only (RFC 6797), for as long as [`hsts`](crate::LoginOptions::hsts) says.
    pub fn strict(&self, headers: &mut HeaderMap) {
        let inner = &self.inner;
        if let Some(time) = inner.options.hsts.filter(|_| inner.https)
            && let Ok(value) = HeaderValue::from_str(&format!("max-age={}", time.as_secs()))
        {
            headers.insert(STRICT_TRANSPORT_SECURITY, value);
        }
    }
}
