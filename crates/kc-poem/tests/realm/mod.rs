//! A realm of the embedded issuer, and requests as poem's server would make them.

use http::uri::Scheme;
use http::{Method, StatusCode};
use kc_core::secret::Secret;
use kc_core::settings::Settings;
use kc_core::{Guard, Keycloak};
use kc_dev::DevIssuer;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Body, Endpoint, Request, RequestParts, Response};

pub(crate) struct Realm {
    issuer: DevIssuer,
    kc: Keycloak,
    folder: tempfile::TempDir,
}

impl Realm {
    pub(crate) async fn start() -> Self {
        let issuer = DevIssuer::start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::builder(issuer.base_url(), issuer.realm(), "api")
            .client_secret(Secret::new("api-secret"))
            .exempt_paths(["/docs"])
            .audit_log(folder.path().join("audit").to_str().unwrap())
            .build()
            .unwrap();
        Self { kc: Keycloak::new(&settings).unwrap(), issuer, folder }
    }

    pub(crate) fn guard(&self) -> &Guard {
        self.kc.guard()
    }

    pub(crate) async fn bearer(&self, user: &str) -> String {
        format!("Bearer {}", self.issuer.token(user, "api").await.unwrap())
    }

    /// The audit's lines. Whatever else holds the guard has to be dropped before.
    pub(crate) fn audited(self) -> Vec<serde_json::Value> {
        let Self { kc, folder, .. } = self;
        drop(kc);
        let lines = std::fs::read_to_string(folder.path().join("audit")).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A request that came in by a server: poem's own builder leaves the original path out.
pub(crate) fn request(method: Method, path: &str, headers: &[(&str, &str)]) -> Request {
    let mut request = http::Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let parts = (parts, LocalAddr::default(), RemoteAddr::default(), Scheme::HTTP);
    Request::from_parts(RequestParts::from(parts), Body::empty())
}

/// Status, body, and the rest of the response.
pub(crate) async fn send(
    app: &impl Endpoint,
    method: Method,
    path: &str,
    authorization: Option<&str>,
) -> (StatusCode, String, Response) {
    let headers: Vec<_> = authorization.map(|value| ("authorization", value)).into_iter().collect();
    let mut response = app.get_response(request(method, path, &headers)).await;
    let body = response.take_body().into_string().await.unwrap();
    (response.status(), body, response)
}
