//! A service without a framework, browsers, and an issuer that can be meddled with.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, Request, Response};
use kc_core::clock::{Clock, SystemClock, UnixTime};
use kc_core::rules::{all_roles, authenticated};
use kc_core::secret::Secret;
use kc_core::settings::Settings;
use kc_core::transport::{ReqwestTransport, Transport, TransportError, TransportOptions};
use kc_core::users::MemoryUsers;
use kc_core::wire::RequestView;
use kc_core::{Access, Keycloak, KeycloakBuilder};
use kc_dev::DevIssuer;
use kc_login::session::{
    Ended, MemoryReplayCache, MemorySessions, ReplayCache, SessionKey, SessionStore, StoreUnavailable,
    StoredSession,
};
use kc_login::{Endpoint, Login, LoginOptions, LoginRequest, LoginStores, Seal};
use serde_json::Value;

/// The name of the session's cookie over plain HTTP.
pub(crate) const SESSION: &str = "kc-session";
pub(crate) const HTML: (&str, &str) = ("accept", "text/html");
const PUBLIC: &str = "http://127.0.0.1:8000";

type Meddling = Box<dyn Fn(&mut Value) + Send + Sync>;

/// HTTP to the issuer, in which the token endpoint's answers can be changed.
#[derive(Default)]
pub(crate) struct Meddler {
    tokens: Mutex<Option<Meddling>>,
}

pub(crate) struct MeddlingTransport {
    inner: ReqwestTransport,
    meddler: Arc<Meddler>,
}

impl Meddler {
    /// Changes what the token endpoint answers from now on.
    pub(crate) fn with_tokens(&self, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        *self.tokens.lock().unwrap() = Some(Box::new(change));
    }

    pub(crate) fn stop(&self) {
        *self.tokens.lock().unwrap() = None;
    }
}

impl std::fmt::Debug for MeddlingTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MeddlingTransport")
    }
}

#[async_trait]
impl Transport for MeddlingTransport {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let of_tokens = request.uri().path().ends_with("/token");
        let mut answer = self.inner.send(request).await?;
        if of_tokens && let Some(change) = &*self.meddler.tokens.lock().unwrap() {
            let mut body: Value = serde_json::from_slice(answer.body()).unwrap();
            change(&mut body);
            *answer.body_mut() = body.to_string().into();
        }
        Ok(answer)
    }
}

/// The system's clock, which a test sets forward.
#[derive(Debug, Default)]
pub(crate) struct Shifted(AtomicU64);

impl Shifted {
    pub(crate) fn advance(&self, secs: u64) {
        self.0.fetch_add(secs, Ordering::Relaxed);
    }
}

impl Clock for Shifted {
    fn now(&self) -> UnixTime {
        SystemClock.now().plus(Duration::from_secs(self.0.load(Ordering::Relaxed)))
    }
}

/// Sessions in memory, in a store that can be switched off.
#[derive(Debug)]
pub(crate) struct Switched {
    inner: MemorySessions,
    pub(crate) off: AtomicBool,
}

impl Switched {
    fn check(&self) -> Result<(), StoreUnavailable> {
        match self.off.load(Ordering::Relaxed) {
            true => Err(StoreUnavailable { reason: "switched off".to_owned() }),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl SessionStore for Switched {
    async fn load(&self, key: &SessionKey) -> Result<Option<StoredSession>, StoreUnavailable> {
        self.check()?;
        self.inner.load(key).await
    }
    async fn insert(&self, key: &SessionKey, session: &StoredSession) -> Result<(), StoreUnavailable> {
        self.check()?;
        self.inner.insert(key, session).await
    }
    async fn replace(&self, key: &SessionKey, session: &StoredSession) -> Result<bool, StoreUnavailable> {
        self.check()?;
        self.inner.replace(key, session).await
    }
    async fn touch(&self, key: &SessionKey, idle_until: UnixTime) -> Result<(), StoreUnavailable> {
        self.check()?;
        self.inner.touch(key, idle_until).await
    }
    async fn remove(&self, key: &SessionKey) -> Result<bool, StoreUnavailable> {
        self.check()?;
        self.inner.remove(key).await
    }
    async fn remove_all(&self, issuer: &str, ended: &Ended) -> Result<u64, StoreUnavailable> {
        self.check()?;
        self.inner.remove_all(issuer, ended).await
    }
    async fn lease(&self, key: &SessionKey, holder: &str, time: Duration) -> Result<bool, StoreUnavailable> {
        self.check()?;
        self.inner.lease(key, holder, time).await
    }
    async fn release(&self, key: &SessionKey, holder: &str) -> Result<(), StoreUnavailable> {
        self.check()?;
        self.inner.release(key, holder).await
    }
}

/// A service, its issuer, and what it stands on.
pub(crate) struct Service {
    pub(crate) issuer: DevIssuer,
    pub(crate) keycloak: Keycloak,
    pub(crate) login: Login,
    pub(crate) clock: Arc<Shifted>,
    pub(crate) meddler: Arc<Meddler>,
    pub(crate) store: Arc<Switched>,
}

/// What a service is made with.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) create_users: bool,
    pub(crate) client: &'static str,
    pub(crate) userinfo: fn(KeycloakBuilder) -> KeycloakBuilder,
    pub(crate) public_url: &'static str,
    pub(crate) acr_levels: Vec<&'static str>,
    pub(crate) trusted_proxies: Vec<&'static str>,
    pub(crate) options: LoginOptions,
}

impl Default for Made {
    fn default() -> Self {
        let (acr_levels, options) = (vec!["silver", "gold"], LoginOptions::default());
        Self {
            create_users: true,
            client: "api",
            userinfo: |builder| builder,
            public_url: PUBLIC,
            acr_levels,
            trusted_proxies: Vec::new(),
            options,
        }
    }
}

pub(crate) async fn service() -> Service {
    Made::default().service().await
}

impl Made {
    pub(crate) async fn service(self) -> Service {
        let issuer = DevIssuer::start().await.expect("the issuer starts");
        let secret =
            issuer.client_secret(self.client).map(|secret| Secret::new(secret.to_owned())).expect("a secret");
        let settings = Settings::builder(issuer.base_url(), issuer.realm(), self.client)
            .audiences(["api"])
            .client_secret(secret)
            .public_url(self.public_url)
            .create_users(self.create_users)
            .acr_levels(self.acr_levels)
            .trusted_proxies(self.trusted_proxies)
            .build()
            .expect("settings");
        let clock = Arc::new(Shifted::default());
        let meddler = Arc::new(Meddler::default());
        let options = TransportOptions { timeout: Duration::from_secs(60), ..TransportOptions::default() };
        let inner = ReqwestTransport::new(options).expect("a client");
        let transport = MeddlingTransport { inner, meddler: Arc::clone(&meddler) };
        let keycloak = (self.userinfo)(Keycloak::builder())
            .transport(Arc::new(transport))
            .clock(Arc::clone(&clock) as Arc<dyn Clock>)
            .users(Arc::new(MemoryUsers::default()))
            .audit(Arc::new(kc_core::audit::NoAudit))
            .build(&settings)
            .expect("keycloak");
        let inner = MemorySessions::default().clock(Arc::clone(&clock) as Arc<dyn Clock>);
        let store = Arc::new(Switched { inner, off: false.into() });
        let replay = MemoryReplayCache::default().clock(Arc::clone(&clock) as Arc<dyn Clock>);
        let stores = LoginStores {
            sessions: Arc::clone(&store) as Arc<dyn SessionStore>,
            replay: Arc::new(replay) as Arc<dyn ReplayCache>,
            seal: Seal::ephemeral(),
        };
        let login = Login::new(&keycloak, &settings, stores, self.options).expect("a login");
        let keycloak = login.protect(keycloak);
        Service { issuer, keycloak, login, clock, meddler, store }
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    fn of(response: Response<Bytes>) -> Self {
        let (parts, body) = response.into_parts();
        let body = String::from_utf8(body.to_vec()).expect("text");
        Self { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub(crate) fn location(&self) -> &str {
        self.headers.get(LOCATION).map(|value| value.to_str().expect("text")).unwrap_or_default()
    }

    /// The code of a problem.
    pub(crate) fn code(&self) -> String {
        let problem: Value = serde_json::from_str(&self.body).unwrap_or_default();
        problem["code"].as_str().unwrap_or_default().to_owned()
    }

    /// A parameter of where it leads.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        parameter(self.location(), name)
    }
}

pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    let base = url::Url::parse(PUBLIC).expect("a URL");
    let url = base.join(url).expect("a URL");
    url.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}

impl Service {
    /// Who may see what.
    fn access(path: &str) -> Access {
        match path {
            "/" => Access::Optional,
            "/account" => Access::Page(authenticated()),
            "/admin/" => Access::Page(all_roles(&["staff"])),
            "/gold" => Access::Page(kc_core::rules::acr("gold")),
            _ => Access::Require(authenticated()),
        }
    }

    /// A request from outside.
    pub(crate) async fn ask(&self, method: &str, target: &str, headers: &HeaderMap, body: &[u8]) -> Answer {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let view = RequestView { method, path, query, route: Some(path), headers, peer: None };
        if let Some(endpoint) = Endpoint::ALL.into_iter().find(|endpoint| endpoint.path() == path) {
            return Answer::of(self.login.serve(endpoint, &LoginRequest { view, body }).await);
        }
        let mut promoted = headers.clone();
        if self.login.wants_form(&view) {
            promoted.extend(kc_login::form::csrf_header(&Bytes::copy_from_slice(body)));
        }
        let view = RequestView { headers: &promoted, ..view };
        let gate = kc_core::Gate::new(self.keycloak.guard(), Self::access(path));
        let (outcome, audit) = gate.admit(&view).await;
        drop(audit);
        match outcome {
            Ok(caller) => {
                let name = caller.known().and_then(|caller| caller.username()).unwrap_or("nobody");
                let csrf =
                    caller.session().map(|session| session.csrf_token().to_owned()).unwrap_or_default();
                let link =
                    caller.session().map(|session| session.logout_token().to_owned()).unwrap_or_default();
                Answer::of(Response::new(format!("{name} {csrf} {link}").into()))
            }
            Err(rejected) => Answer::of(rejected.into_response()),
        }
    }

    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser { service: self, cookies: BTreeMap::new(), at_keycloak: BTreeMap::new() }
    }

    /// A request with a token of its own.
    pub(crate) async fn bearer(&self, token: &str) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", format!("Bearer {token}").parse().expect("a header"));
        self.ask("GET", "/me", &headers, b"").await
    }

    /// A back-channel logout.
    pub(crate) async fn tell(&self, logout_token: &str) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/x-www-form-urlencoded".parse().expect("a header"));
        let body = format!("logout_token={logout_token}");
        self.ask("POST", "/oidc/backchannel-logout", &headers, body.as_bytes()).await
    }
}

/// A browser: its cookies here, and at Keycloak.
#[derive(Clone)]
pub(crate) struct Browser<'s> {
    pub(crate) service: &'s Service,
    pub(crate) cookies: BTreeMap<String, String>,
    at_keycloak: BTreeMap<String, String>,
}

fn keep(cookies: &mut BTreeMap<String, String>, headers: &HeaderMap) {
    for line in headers.get_all(SET_COOKIE) {
        let line = line.to_str().expect("text");
        let (name, rest) = line.split_once('=').expect("a cookie");
        let value = rest.split(';').next().unwrap_or_default();
        match rest.contains("Max-Age=0") {
            true => cookies.remove(name),
            false => cookies.insert(name.to_owned(), value.to_owned()),
        };
    }
}

fn line(cookies: &BTreeMap<String, String>) -> String {
    cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}

impl Browser<'_> {
    fn headers(&self, more: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if !self.cookies.is_empty() {
            headers.insert(COOKIE, line(&self.cookies).parse().expect("a header"));
        }
        for (name, value) in more {
            headers.append(name.parse::<HeaderName>().expect("a name"), value.parse().expect("a value"));
        }
        headers
    }

    pub(crate) async fn get(&mut self, target: &str, headers: &[(&str, &str)]) -> Answer {
        let answer = self.service.ask("GET", target, &self.headers(headers), b"").await;
        keep(&mut self.cookies, &answer.headers);
        answer
    }

    pub(crate) async fn post(&mut self, target: &str, form: &str, headers: &[(&str, &str)]) -> Answer {
        let length = form.len().to_string();
        let usual = [("content-type", "application/x-www-form-urlencoded"), ("content-length", &length)];
        let headers = self.headers(&[&usual, headers].concat());
        let answer = self.service.ask("POST", target, &headers, form.as_bytes()).await;
        keep(&mut self.cookies, &answer.headers);
        answer
    }

    /// What the session's page holds: the CSRF value, and that of a link that logs out.
    pub(crate) async fn values(&mut self) -> (String, String) {
        let page = self.get("/", &[HTML]).await;
        let mut words = page.body.split(' ').skip(1).map(str::to_owned);
        (words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    /// Goes to a page of Keycloak's, and logs in there if it asks: where Keycloak sends the browser then.
    pub(crate) async fn at_keycloak(&mut self, url: &str, user: &str) -> String {
        let client =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        let mut url = url.to_owned();
        let mut form = None;
        for _ in 0..10 {
            let request = match form.take() {
                None => client.get(&url),
                Some(password) => {
                    client.post(&url).form(&[("username", user.to_owned()), ("password", password)])
                }
            };
            let answer = request.header("cookie", line(&self.at_keycloak)).send().await.expect("an answer");
            keep(&mut self.at_keycloak, answer.headers());
            if let Some(location) = answer.headers().get(LOCATION) {
                let location = location.to_str().expect("text").to_owned();
                if location.starts_with(PUBLIC) {
                    return location.strip_prefix(PUBLIC).unwrap_or_default().to_owned();
                }
                url = location;
                continue;
            }
            let page = answer.text().await.expect("text");
            let action = page.split("action=\"").nth(1).and_then(|rest| rest.split('"').next());
            url = action.unwrap_or_else(|| panic!("no form in {page}")).replace("&amp;", "&");
            form = Some(user.to_owned());
        }
        panic!("Keycloak sends nobody back")
    }

    /// A whole login: the answer of the callback.
    pub(crate) async fn log_in(&mut self, user: &str) -> Answer {
        self.log_in_by("/oidc/authenticate?next=/account", user).await
    }

    pub(crate) async fn log_in_by(&mut self, link: &str, user: &str) -> Answer {
        let begun = self.get(link, &[HTML]).await;
        assert_eq!(begun.status, 302, "{begun:?}");
        let location = begun.location().to_owned();
        let callback = self.at_keycloak(&location, user).await;
        self.get(&callback, &[HTML]).await
    }

    /// Who the service thinks it is.
    pub(crate) async fn who(&mut self) -> String {
        let page = self.get("/", &[HTML]).await;
        page.body.split(' ').next().unwrap_or_default().to_owned()
    }
}
