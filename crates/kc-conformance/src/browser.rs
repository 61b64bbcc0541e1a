//! A browser, as much of one as a login needs: cookies here and at the issuer, redirects, a form with a password.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::case::{CaseResult, Failure, ensure};
use crate::http::{Connection, Request};
use crate::kit::Kit;
use crate::query::{self, encoded};
use crate::reply::Reply;

const FORM: &str = "application/x-www-form-urlencoded";
/// Redirects and pages of the issuer until a browser must be back.
const MOST_STEPS: usize = 10;

/// Its cookies go with it: a clone is another one that somebody has copied them to.
#[derive(Clone, Debug)]
pub(crate) struct Browser<'k> {
    kit: &'k Kit,
    /// How the service is called from outside.
    public_url: String,
    pub(crate) cookies: BTreeMap<String, String>,
    at_issuer: BTreeMap<String, String>,
}

/// What a page holds that shows that a request was meant.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    /// For forms and scripts.
    pub(crate) csrf: String,
    /// For a link that logs out, where the pages have one.
    pub(crate) link: Option<String>,
}

impl<'k> Browser<'k> {
    pub(crate) fn new(kit: &'k Kit) -> Result<Self, Failure> {
        let public_url = format!("http://{}", kit.address()?);
        Ok(Self { kit, public_url, cookies: BTreeMap::new(), at_issuer: BTreeMap::new() })
    }

    /// The same for a service that is called by another URL.
    pub(crate) fn calling(mut self, public_url: &str) -> Self {
        public_url.clone_into(&mut self.public_url);
        self
    }

    /// A request with its cookies.
    pub(crate) fn request(&self, method: &str, target: &str) -> Request {
        let request = Request::new(method, target);
        match self.cookies.is_empty() {
            true => request,
            false => request.header("Cookie", line(&self.cookies)),
        }
    }

    /// Sends a request and keeps the cookies that come.
    pub(crate) async fn send(&mut self, request: Request) -> Result<Reply, Failure> {
        let reply = self.kit.send(&request).await?;
        for value in keep(&mut self.cookies, &reply) {
            self.kit.keep_whole(&value);
        }
        Ok(reply)
    }

    /// Goes to a page.
    pub(crate) async fn get(&mut self, target: &str) -> Result<Reply, Failure> {
        self.send(self.request("GET", target).header("Accept", "text/html,*/*;q=0.8")).await
    }

    /// Sends a form.
    pub(crate) async fn post(&mut self, target: &str, form: &[(&str, &str)]) -> Result<Reply, Failure> {
        let request = self.request("POST", target).header("Accept", "text/html,*/*;q=0.8");
        self.send(request.body(FORM, encoded(form))).await
    }

    /// A script's `GET /me`.
    pub(crate) async fn me(&self) -> Result<Reply, Failure> {
        self.kit.send(&self.request("GET", "/me").header("Accept", "application/json")).await
    }

    /// Whether the service knows it as that user.
    pub(crate) async fn is(&self, user: &str) -> CaseResult {
        let reply = self.me().await?;
        reply.has_status(200)?;
        let name = reply.json()?.get("username").cloned().unwrap_or_default();
        ensure(name == user, || format!("expected to be logged in as {user}, got {name}"))
    }

    /// That the service knows it as nobody.
    pub(crate) async fn is_nobody(&self) -> CaseResult {
        self.me().await?.has_status(401)
    }

    /// Asks for a login; where the service sends it.
    pub(crate) async fn begin(&mut self, next: &str) -> Result<String, Failure> {
        let reply = self.get(&format!("/oidc/authenticate?next={next}")).await?;
        reply.has_status(302)?;
        let location = reply.header("location").unwrap_or_default().to_owned();
        for name in ["state", "nonce", "code_challenge", "request_uri"] {
            query::value(&location, name).iter().for_each(|value| self.kit.keep_whole(value));
        }
        Ok(location)
    }

    /// Goes to a page of the issuer's and logs in there if it asks: where it is sent back to, path and query.
    pub(crate) async fn at_issuer(&mut self, url: &str, user: &str) -> Result<String, Failure> {
        let (mut url, mut form) = (url.to_owned(), None);
        for _ in 0..MOST_STEPS {
            let (address, target) = place(&url)?;
            let request = match form.take() {
                None => Request::get(target),
                Some(form) => Request::new("POST", target).body(FORM, form),
            };
            let request = match self.at_issuer.is_empty() {
                true => request,
                false => request.header("Cookie", line(&self.at_issuer)),
            };
            let reply = Connection::open(address).await?.send(&request).await?;
            keep(&mut self.at_issuer, &reply);
            if let Some(location) = reply.header("location") {
                if let Some(back) = location.strip_prefix(&self.public_url) {
                    for name in ["code", "state"] {
                        query::value(back, name).iter().for_each(|value| self.kit.keep_whole(value));
                    }
                    return Ok(back.to_owned());
                }
                location.clone_into(&mut url);
                continue;
            }
            let page = reply.text();
            let actions = page.split("action=\"").skip(1).filter_map(|rest| rest.split('"').next());
            let action = actions
                .map(|action| action.replace("&amp;", "&"))
                .find(|action| action.contains("login-actions/"));
            url = action.ok_or_else(|| {
                Failure::new(format!("the issuer shows no login, but {}: {}", reply.status, words(&page)))
            })?;
            form = Some(encoded(&[("username", user), ("password", user)]));
        }
        Err(Failure::new("the issuer sends nobody back"))
    }

    /// A login up to the callback, which is not called yet: its path and query.
    pub(crate) async fn until_callback(&mut self, next: &str, user: &str) -> Result<String, Failure> {
        let url = self.begin(next).await?;
        self.at_issuer(&url, user).await
    }

    /// A whole login that must work; the answer of the callback.
    pub(crate) async fn log_in(&mut self, user: &str) -> Result<Reply, Failure> {
        let callback = self.until_callback("/account", user).await?;
        let reply = self.get(&callback).await?;
        reply.has_status(302)?;
        Ok(reply)
    }

    /// What the pages of the session hold.
    pub(crate) async fn values(&mut self) -> Result<Values, Failure> {
        let page = self.get("/account").await?;
        page.has_status(200)?;
        let text = String::from_utf8_lossy(&page.body).into_owned();
        let fields = text.split("<input").skip(1).filter_map(|rest| rest.split('>').next());
        let csrf = fields
            .filter(|field| attribute(field, "name") == Some("csrf_token"))
            .find_map(|field| attribute(field, "value"));
        let csrf = csrf.ok_or_else(|| page.unlike("a page with a form that has the field csrf_token"))?;
        let link = text.split("/oidc/logout?csrf_token=").nth(1);
        let link = link.map(|rest| rest.split(['"', '&', '\'']).next().unwrap_or_default().to_owned());
        self.kit.keep_whole(csrf);
        Ok(Values { csrf: csrf.to_owned(), link })
    }
}

/// Keeps the cookies that an answer sets; their values.
fn keep(cookies: &mut BTreeMap<String, String>, reply: &Reply) -> Vec<String> {
    let mut kept = Vec::new();
    for cookie in reply.header_values("set-cookie") {
        let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
        let Some((name, value)) = pair.split_once('=') else { continue };
        let attributes = attributes.to_ascii_lowercase();
        if value.is_empty() || attributes.contains("max-age=0") || attributes.contains("01 jan 1970") {
            cookies.remove(name);
        } else {
            cookies.insert(name.to_owned(), value.to_owned());
            kept.push(value.to_owned());
        }
    }
    kept
}

fn line(cookies: &BTreeMap<String, String>) -> String {
    cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}

/// Address and target of a plain URL.
fn place(url: &str) -> Result<(SocketAddr, &str), Failure> {
    let found = url.strip_prefix("http://").and_then(|rest| {
        let (host, target) = rest.split_at_checked(rest.find('/')?)?;
        Some((host.parse().ok()?, target))
    });
    found.ok_or_else(|| {
        let shown: String = url.split('?').next().unwrap_or_default().chars().take(100).collect();
        Failure::new(format!("expected to be sent to the issuer, got {shown:?}"))
    })
}

fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next()
}

/// A page without its tags, shortened.
fn words(page: &str) -> String {
    let body = page.split("<body").nth(1).unwrap_or(page);
    let texts = body.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text.trim());
    let texts: Vec<&str> = texts.filter(|text| !text.is_empty()).collect();
    texts.join(" ").chars().take(200).collect()
}
