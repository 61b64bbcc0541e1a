//! One of the two servers, and what it said in a form that can be compared.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::{Map, Value, json};

pub(crate) const REALM: &str = "/realms/kc-demo";
pub(crate) const PROTOCOL: &str = "/realms/kc-demo/protocol/openid-connect";

/// A server that is asked.
#[derive(Clone)]
pub(crate) struct Server {
    base: String,
    http: reqwest::Client,
}

/// What was said, by the name of the question.
#[derive(Default)]
pub(crate) struct Observed(BTreeMap<String, Value>);

/// An answer as it came.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// A member of the answer that is text, such as `access_token`.
    pub(crate) fn text(&self, member: &str) -> String {
        self.json()[member].as_str().unwrap_or_else(|| panic!("no {member} in {}", self.body)).to_owned()
    }
}

impl Server {
    pub(crate) fn new(base: &str) -> Self {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(Duration::from_secs(60))
            .build()
            .expect("a client");
        Self { base: base.trim_end_matches('/').to_owned(), http }
    }

    pub(crate) async fn is_up(&self) -> bool {
        self.http.get(format!("{}{REALM}", self.base)).send().await.is_ok_and(|answer| answer.status() == 200)
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().expect("a method");
        self.http.request(method, format!("{}{path}", self.base))
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let answer = request.send().await.expect("an answer");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Answer { status, headers, body: answer.text().await.expect("a body") }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.send(self.request("POST", path).form(form)).await
    }

    /// The token endpoint, asked with these fields.
    pub(crate) async fn token(&self, form: &[(&str, &str)]) -> Answer {
        self.post(&format!("{PROTOCOL}/token"), form).await
    }

    /// The password grant; every password of the realm is the user's name, every secret `CLIENT-secret`.
    pub(crate) async fn login(&self, user: &str, client: &str, scope: Option<&str>) -> Answer {
        let secret = format!("{client}-secret");
        let mut form =
            vec![("grant_type", "password"), ("client_id", client), ("username", user), ("password", user)];
        if client != "spa" && client != "admin-cli" {
            form.push(("client_secret", &secret));
        }
        form.extend(scope.map(|scope| ("scope", scope)));
        self.token(&form).await
    }

    pub(crate) async fn introspect(&self, token: &str, client: &str, hint: Option<&str>) -> Answer {
        let secret = format!("{client}-secret");
        let mut form = vec![("token", token), ("client_id", client), ("client_secret", &secret)];
        form.extend(hint.map(|hint| ("token_type_hint", hint)));
        self.post(&format!("{PROTOCOL}/token/introspect"), &form).await
    }

    pub(crate) async fn userinfo(&self, token: &str) -> Answer {
        self.send(self.request("GET", &format!("{PROTOCOL}/userinfo")).bearer_auth(token)).await
    }

    pub(crate) async fn refresh(&self, token: &str, client: &str, scope: Option<&str>) -> Answer {
        let secret = format!("{client}-secret");
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", client)];
        form.push(("client_secret", &secret));
        form.extend(scope.map(|scope| ("scope", scope)));
        self.token(&form).await
    }

    /// Adds clients to the realm by Keycloak's admin API.
    pub(crate) async fn add_clients(&self, clients: &[Value]) {
        if clients.is_empty() {
            return;
        }
        let token = self.admin_token().await;
        for client in clients {
            let request =
                self.request("POST", "/admin/realms/kc-demo/clients").bearer_auth(&token).json(client);
            let answer = self.send(request).await;
            assert_eq!(answer.status, 201, "{}", answer.body);
        }
    }

    /// Removes those of the clients that are there.
    pub(crate) async fn remove_clients(&self, clients: &[Value]) {
        if clients.is_empty() {
            return;
        }
        let token = self.admin_token().await;
        for id in clients.iter().filter_map(|client| client["clientId"].as_str()) {
            let path = format!("/admin/realms/kc-demo/clients?clientId={id}");
            let found = self.send(self.request("GET", &path).bearer_auth(&token)).await.json();
            if let Some(uuid) = found[0]["id"].as_str() {
                let path = format!("/admin/realms/kc-demo/clients/{uuid}");
                self.send(self.request("DELETE", &path).bearer_auth(&token)).await;
            }
        }
    }

    async fn admin_token(&self) -> String {
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", "admin"),
            ("password", "admin"),
        ];
        self.post("/realms/master/protocol/openid-connect/token", &form).await.text("access_token")
    }

    /// Path and query of an address of this server; a path stays as it is.
    pub(crate) fn path_of(&self, url: &str) -> String {
        url.strip_prefix(&self.base).unwrap_or(url).to_owned()
    }

    /// The path that an answer sends the browser to, if it is one of this server.
    pub(crate) fn own_path(&self, answer: &Answer) -> Option<String> {
        let location = answer.headers.get("location")?.to_str().ok()?;
        location.strip_prefix(&self.base).map(str::to_owned)
    }

    pub(crate) fn without_base(&self, text: &str) -> String {
        text.replace(&self.base, "BASE")
    }

    /// An answer without what differs from run to run.
    pub(crate) fn observe(&self, answer: &Answer) -> Value {
        const COMPARED: [&str; 5] =
            ["cache-control", "content-type", "location", "pragma", "www-authenticate"];
        let mut headers = Map::new();
        for name in COMPARED {
            let values = answer.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
            let values: Vec<String> = values.map(|value| value.replace(&self.base, "BASE")).collect();
            if !values.is_empty() {
                headers.insert(name.to_owned(), json!(values.join(" | ")));
            }
        }
        let body = serde_json::from_str(&answer.body).unwrap_or_else(|_| json!(answer.body));
        json!({ "status": answer.status, "headers": headers, "body": self.plain("", &body) })
    }

    /// A value without what differs from run to run: times, ids and signatures become their shape, lists of words are sorted.
    pub(crate) fn plain(&self, name: &str, value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                let mut plain: Map<String, Value> =
                    members.iter().map(|(name, value)| (name.clone(), self.plain(name, value))).collect();
                if let (Some(iat), Some(exp)) = (members.get("iat"), members.get("exp")) {
                    let lifetime = exp.as_i64().zip(iat.as_i64()).map(|(exp, iat)| exp - iat);
                    plain.insert("exp".to_owned(), json!(lifetime.map(a_second_less_is_nothing)));
                }
                Value::Object(plain)
            }
            Value::Array(items) => {
                let mut items: Vec<Value> = items.iter().map(|item| self.plain(name, item)).collect();
                items.sort_by_key(ToString::to_string);
                Value::Array(items)
            }
            Value::String(text) => self.plain_text(name, text),
            Value::Number(number) => match name {
                "iat" | "auth_time" | "not-before-policy" | "tokens-not-before" => json!("a time"),
                "expires_in" | "refresh_expires_in" => json!(number.as_i64().map(a_second_less_is_nothing)),
                _ => value.clone(),
            },
            Value::Null | Value::Bool(_) => value.clone(),
        }
    }

    fn plain_text(&self, name: &str, text: &str) -> Value {
        let shape = |text: &str| {
            let class = |c: char| if c.is_ascii_alphanumeric() || c == '_' { 'x' } else { c };
            let uuid = text.len() == 36 && text.matches('-').count() == 4;
            let shape: String = if uuid { text.chars().map(class).collect() } else { "x".repeat(text.len()) };
            json!(shape)
        };
        match name {
            "jti" => match text.split_once(':') {
                Some((prefix, uuid)) => json!(format!("{prefix}:{}", shape(uuid))),
                None => shape(text),
            },
            "at_hash" | "kid" | "n" | "public_key" | "session_state" | "sid" | "sub" | "x" | "x5t"
            | "x5t#S256" | "y" => shape(text),
            // A certificate's length varies with its serial number and times.
            "x5c" => json!(text.starts_with("MII")),
            "scope" => {
                let mut words: Vec<&str> = text.split(' ').collect();
                words.sort_unstable();
                json!(words)
            }
            _ if text.starts_with("eyJ") => self.plain("", &decoded(text)),
            _ => json!(text.replace(&self.base, "BASE")),
        }
    }
}

/// Header and claims of a token; with the length of its signature, which tells the algorithm.
pub(crate) fn decoded(token: &str) -> Value {
    let part = |part: &str| -> Value {
        let bytes = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(part).expect("base64url");
        serde_json::from_slice(&bytes).expect("JSON")
    };
    let parts: Vec<&str> = token.split('.').collect();
    json!({ "header": part(parts[0]), "claims": part(parts[1]), "signature characters": parts[2].len() })
}

/// The real server sometimes computes a lifetime across the tick of a second.
fn a_second_less_is_nothing(secs: i64) -> i64 {
    if secs % 10 == 9 { secs + 1 } else { secs }
}

impl Observed {
    pub(crate) fn add(&mut self, question: impl Into<String>, answer: Value) {
        let question = question.into();
        assert!(!self.0.contains_key(&question), "asked twice: {question}");
        self.0.insert(question, answer);
    }

    /// Every question with two different answers.
    pub(crate) fn differences(&self, real: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for question in self.0.keys().chain(real.0.keys().filter(|question| !self.0.contains_key(*question)))
        {
            differ(question, self.0.get(question), real.0.get(question), &mut found);
        }
        found
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

fn differ(place: &str, dev: Option<&Value>, real: Option<&Value>, found: &mut Vec<String>) {
    match (dev, real) {
        (Some(Value::Object(dev)), Some(Value::Object(real))) => {
            for name in dev.keys().chain(real.keys().filter(|name| !dev.contains_key(*name))) {
                differ(&format!("{place} / {name}"), dev.get(name), real.get(name), found);
            }
        }
        (dev, real) if dev == real => {}
        (dev, real) => {
            let said =
                |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), ToString::to_string);
            found.push(format!("{place}\n    Keycloak: {}\n    kc-dev:   {}", said(real), said(dev)));
        }
    }
}
