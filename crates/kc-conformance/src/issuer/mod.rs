//! Who issues the tokens: the embedded issuer, or a real Keycloak.
//!
//! A case sees no difference. With a real server, everything that the service asks is answered by that server, through a
//! proxy that counts and, where a case wants it, fails; tokens that no honest issuer would sign are signed with the realm's
//! own keys, since the realm got them from the suite.

mod admin;
mod export;
mod front;
mod keycloak;
mod real;
mod tap;

use std::net::SocketAddr;
use std::rc::Rc;

use kc_dev::{Alg, DevIssuer, Endpoint, Fault, Mint};
use serde_json::Value;

pub(crate) use self::export::HTTPS_SERVICE;
pub use self::keycloak::Keycloak;
use self::real::{Leased, Real};
pub(crate) use self::tap::Tap;
use crate::case::{Failure, ensure};
use crate::http::{Connection, Request};
use crate::query::encoded;
use crate::reply::Reply;

/// The secret of the client `api` during a run: a text that stands nowhere by chance.
pub(crate) const CLIENT_SECRET: &str = "s3cr3t-of-the-conformance-suite-2f1c9";

/// How long access tokens of the demo realm live, in seconds.
pub(crate) const TOKEN_LIFESPAN: u32 = 300;

/// Who issues the tokens that the service gets.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Issuer {
    /// The embedded one; each service gets its own.
    #[default]
    Embedded,
    /// A real server, with realms that are made for the run.
    Keycloak(Keycloak),
}

impl Issuer {
    /// The real Keycloak at `KC_TEST_KEYCLOAK_URL`, administered by `KC_TEST_ADMIN_USER` with `KC_TEST_ADMIN_PASSWORD`
    /// (default `admin` and `admin`); the embedded issuer where the first is not set.
    ///
    /// The report and the last line of a test say which it was.
    #[must_use]
    pub fn from_environment() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let Some(url) = variable("KC_TEST_KEYCLOAK_URL") else { return Self::Embedded };
        let user = variable("KC_TEST_ADMIN_USER").unwrap_or_else(|| "admin".to_owned());
        let password = variable("KC_TEST_ADMIN_PASSWORD").unwrap_or_else(|| "admin".to_owned());
        Self::Keycloak(Keycloak::new(url).administrator(user, password))
    }
}

/// Where the issuers of a run come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Embedded,
    Real(Rc<Real>),
}

impl Source {
    pub(crate) async fn open(issuer: &Issuer) -> Result<Self, Failure> {
        match issuer {
            Issuer::Embedded => Ok(Self::Embedded),
            Issuer::Keycloak(keycloak) => Ok(Self::Real(Real::open(keycloak).await?)),
        }
    }

    /// Makes what all services share. [`close`](Self::close) is due from then on, however it ends.
    pub(crate) async fn prepare(&self) -> Result<(), Failure> {
        match self {
            Self::Embedded => Ok(()),
            Self::Real(real) => real.prepare().await,
        }
    }

    /// What it is, for the report.
    pub(crate) fn described(&self) -> &str {
        match self {
            Self::Embedded => "the embedded issuer",
            Self::Real(real) => real.described(),
        }
    }

    /// Leaves nothing behind.
    pub(crate) async fn close(&self) -> Result<(), Failure> {
        match self {
            Self::Embedded => Ok(()),
            Self::Real(real) => real.close().await,
        }
    }
}

/// The issuer that one service trusts.
#[derive(Debug)]
pub(crate) struct Authority {
    /// The issuer itself, or the twin of a realm on a real server: the same users under the same ids, the same keys.
    dev: DevIssuer,
    real: Option<Leased>,
}

impl Authority {
    /// `own_realm`: the case changes keys or users, so nobody else may use the realm.
    pub(crate) async fn new(source: &Source, own_realm: bool) -> Result<Self, Failure> {
        match source {
            Source::Embedded => {
                let realm = export::named("kc-demo");
                let dev = DevIssuer::builder().realm_json(realm).shared_keys().start().await?;
                Ok(Self { dev, real: None })
            }
            Source::Real(real) => {
                let (dev, leased) = real.lease(own_realm).await?;
                Ok(Self { dev, real: Some(leased) })
            }
        }
    }

    /// What the service takes as the URL of Keycloak.
    pub(crate) fn base_url(&self) -> &str {
        self.dev.base_url()
    }

    /// Where that is: the address, and the path without a slash at the end.
    pub(crate) fn place(&self) -> Result<(SocketAddr, &str), Failure> {
        let rest = self.base_url().strip_prefix("http://").unwrap_or_default();
        let (host, path) = rest.split_at_checked(rest.find('/').unwrap_or(rest.len())).unwrap_or_default();
        let address = host.parse().map_err(|_| Failure::new("the issuer is not at an address"))?;
        Ok((address, path))
    }

    /// `iss` of every token.
    pub(crate) fn issuer(&self) -> &str {
        self.dev.issuer()
    }

    pub(crate) fn realm(&self) -> &str {
        self.dev.realm()
    }

    /// The `sub` of a user.
    pub(crate) fn user_id(&self, username: &str) -> Option<&str> {
        self.dev.user_id(username)
    }

    /// Unix time in seconds.
    pub(crate) fn now(&self) -> i64 {
        self.dev.now()
    }

    /// Any token at all, signed by a key of the realm's. Introspection knows it where the issuer is embedded only.
    pub(crate) fn mint(&self) -> Mint {
        self.dev.mint()
    }

    /// A good access token of that user from that client; introspection knows it.
    pub(crate) async fn token(&self, username: &str, client: &str) -> Result<String, Failure> {
        if self.real.is_none() {
            return Ok(self.dev.token(username, client).await?);
        }
        member(&self.login(username, client, "openid").await?, "access_token")
    }

    /// A good access token of the service account of `api`; introspection knows it.
    pub(crate) async fn service_token(&self) -> Result<String, Failure> {
        if self.real.is_none() {
            return Ok(self.dev.mint().sign().await?);
        }
        let form = [("grant_type", "client_credentials"), ("scope", "openid")];
        member(&self.issue("api", &form).await?, "access_token")
    }

    /// The whole answer of the token endpoint to that user's password.
    pub(crate) async fn login(&self, username: &str, client: &str, scope: &str) -> Result<Value, Failure> {
        let form =
            [("grant_type", "password"), ("username", username), ("password", username), ("scope", scope)];
        self.issue(client, &form).await
    }

    /// The whole answer of the token endpoint to that client's request.
    pub(crate) async fn issue(&self, client: &str, form: &[(&str, &str)]) -> Result<Value, Failure> {
        let reply = self.post(client, "token", form).await?;
        ensure(reply.status == 200, || {
            format!("the issuer has no token for {client}: {} {}", reply.status, admin::error_of(&reply))
        })?;
        reply.json()
    }

    /// Ends the session of a refresh token, as its client does.
    pub(crate) async fn logout_by(&self, client: &str, refresh_token: &str) -> Result<(), Failure> {
        let reply = self.post(client, "logout", &[("refresh_token", refresh_token)]).await?;
        ensure(reply.status == 204, || {
            format!("the issuer logs nobody out: {} {}", reply.status, admin::error_of(&reply))
        })
    }

    /// A client's own request, past what stands in front: neither counted nor spoiled there.
    async fn post(&self, client: &str, endpoint: &str, form: &[(&str, &str)]) -> Result<Reply, Failure> {
        let credentials = credentials(client);
        let mut all: Vec<(&str, &str)> =
            credentials.iter().map(|(name, value)| (*name, value.as_str())).collect();
        all.extend(form);
        let path = format!("/realms/{}/protocol/openid-connect/{endpoint}", self.realm());
        if let Some(real) = &self.real {
            return real.server.admin.ask("POST", &path, Some(&real.front.address().to_string()), &all).await;
        }
        let request = Request::new("POST", path);
        let request = request.body("application/x-www-form-urlencoded", encoded(&all));
        Connection::open(self.dev.address()).await?.send(&request).await
    }

    /// The key list, as it is served.
    pub(crate) async fn jwks(&self) -> Result<Value, Failure> {
        let Some(real) = &self.real else { return Ok(self.dev.jwks().await?) };
        let path = format!("/realms/{}/protocol/openid-connect/certs", real.realm);
        real.server.admin.ask("GET", &path, None, &[]).await?.json()
    }

    /// The `kid` that tokens of that algorithm are signed with now.
    pub(crate) async fn kid(&self, alg: Alg) -> Result<String, Failure> {
        Ok(self.dev.kid(alg).await?)
    }

    pub(crate) async fn public_key_pem(&self, alg: Alg) -> Result<String, Failure> {
        Ok(self.dev.public_key_pem(alg).await?)
    }

    /// Adds a key that signs from now on. Its `kid`.
    pub(crate) async fn rotate(&self, alg: Alg) -> Result<String, Failure> {
        let kid = self.dev.rotate(alg).await?;
        if let Some(real) = &self.real {
            real.changeable()?;
            real.server.admin.add_key(&real.realm, self.provider(&kid).await?).await?;
        }
        Ok(kid)
    }

    /// A key for a list that a stand-in serves: its `kid` and its JWK. A real server doesn't hear of it.
    pub(crate) async fn spare_key(&self, alg: Alg) -> Result<(String, Value), Failure> {
        let kid = self.dev.rotate(alg).await?;
        let keys = self.dev.jwks().await?;
        let keys = keys.get("keys").and_then(Value::as_array);
        let key = keys.into_iter().flatten().find(|key| key.get("kid").is_some_and(|id| *id == kid));
        let key = key.cloned().ok_or_else(|| Failure::new("the issuer's list lacks its own key"))?;
        Ok((kid, key))
    }

    /// Takes a key out of the list.
    pub(crate) async fn disable_key(&self, kid: &str) -> Result<(), Failure> {
        self.dev.disable_key(kid)?;
        self.changed_key(kid).await
    }

    /// Puts a key back into the list.
    pub(crate) async fn enable_key(&self, kid: &str) -> Result<(), Failure> {
        self.dev.enable_key(kid)?;
        self.changed_key(kid).await
    }

    /// Keeps a key in the list, and signs nothing new with it.
    pub(crate) async fn retire_key(&self, kid: &str) -> Result<(), Failure> {
        self.dev.retire_key(kid)?;
        self.changed_key(kid).await
    }

    async fn changed_key(&self, kid: &str) -> Result<(), Failure> {
        let Some(real) = &self.real else { return Ok(()) };
        real.changeable()?;
        real.server.admin.set_key(&real.realm, kid, self.provider(kid).await?).await
    }

    async fn provider(&self, kid: &str) -> Result<Value, Failure> {
        let Value::Array(providers) = self.dev.key_providers().await? else {
            return Err(Failure::new("the issuer has no keys"));
        };
        let found =
            providers.into_iter().find(|provider| provider.get("name").is_some_and(|name| name == kid));
        found.ok_or_else(|| Failure::new(format!("the issuer has no key {kid}")))
    }

    /// Ends every session of a user.
    pub(crate) async fn logout_user(&self, username: &str) -> Result<(), Failure> {
        match &self.real {
            None => ensure(self.dev.logout_user(username), || format!("the issuer has no {username}")),
            Some(real) => real.server.admin.logout(&real.realm, self.id_of(username)?).await,
        }
    }

    /// Lets a user log in no more.
    pub(crate) async fn disable_user(&self, username: &str) -> Result<(), Failure> {
        match &self.real {
            None => {
                ensure(self.dev.set_user_enabled(username, false), || format!("the issuer has no {username}"))
            }
            Some(real) => {
                real.changeable()?;
                real.server.admin.set_user_enabled(&real.realm, self.id_of(username)?, false).await
            }
        }
    }

    /// Lets access tokens that are issued from now on live so long, in seconds.
    pub(crate) async fn set_token_lifespan(&self, secs: u32) -> Result<(), Failure> {
        match &self.real {
            None => self.dev.set_access_token_lifespan(secs),
            Some(real) => {
                real.changeable()?;
                real.server.admin.set_token_lifespan(&real.realm, secs).await?;
            }
        }
        Ok(())
    }

    fn id_of(&self, username: &str) -> Result<&str, Failure> {
        self.user_id(username).ok_or_else(|| Failure::new(format!("the issuer has no {username}")))
    }

    /// Makes what the service asks there fail until [`clear_fault`](Self::clear_fault).
    pub(crate) fn fault(&self, endpoint: Endpoint, fault: Fault) {
        match &self.real {
            None => self.dev.fault(endpoint, fault),
            Some(real) => real.front.fault(endpoint, fault, None),
        }
    }

    /// Makes the next requests there fail.
    pub(crate) fn fault_times(&self, endpoint: Endpoint, fault: Fault, times: u64) {
        match &self.real {
            None => self.dev.fault_times(endpoint, fault, times),
            Some(real) => real.front.fault(endpoint, fault, Some(times)),
        }
    }

    pub(crate) fn clear_fault(&self, endpoint: Endpoint) {
        match &self.real {
            None => self.dev.clear_fault(endpoint),
            Some(real) => real.front.clear_fault(endpoint),
        }
    }

    /// How many requests it has had there.
    pub(crate) fn requests(&self, endpoint: Endpoint) -> u64 {
        match &self.real {
            None => self.dev.requests(endpoint),
            Some(real) => real.front.requests(endpoint),
        }
    }

    /// Sets every counter to nought.
    pub(crate) fn reset_requests(&self) {
        match &self.real {
            None => self.dev.reset_requests(),
            Some(real) => real.front.reset_requests(),
        }
    }

    /// Is not to be reached any more.
    pub(crate) async fn pause(&self) {
        match &self.real {
            None => self.dev.pause().await,
            Some(real) => real.front.close().await,
        }
    }
}

/// Id and secret of a client of the demo realm.
fn credentials(client: &str) -> Vec<(&'static str, String)> {
    let mut form = vec![("client_id", client.to_owned())];
    match client {
        "api" => form.push(("client_secret", CLIENT_SECRET.to_owned())),
        // Public.
        "spa" => {}
        _ => form.push(("client_secret", format!("{client}-secret"))),
    }
    form
}

fn member(answer: &Value, name: &str) -> Result<String, Failure> {
    let value = answer.get(name).and_then(Value::as_str);
    value.map(str::to_owned).ok_or_else(|| Failure::new(format!("the issuer's answer has no {name}")))
}
