//! A browser as far as logins need one: cookies, forms, addresses. It runs no script and follows redirects of the server only.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::observed::{Answer, PROTOCOL, Server};

/// A browser at one of the two servers.
pub(crate) struct Browser {
    server: Server,
    cookies: BTreeMap<String, String>,
}

/// Messages of pages, to be found wherever a page has them.
const MESSAGES: [&str; 9] = [
    "Invalid username or password.",
    "Invalid password.",
    "Account is disabled, contact your administrator.",
    "Please re-authenticate to continue",
    "Do you want to log out?",
    "You are logged out",
    "You are already authenticated as different user",
    "Restart login cookie not found",
    "Authentication requirements not fulfilled",
];

pub(crate) const CALLBACK: &str = "http://127.0.0.1:5555/oidc/callback";

/// A request for a login that every client of the realm may make, with some parameters changed or (`None`) left out.
pub(crate) fn login_query(changes: &[(&str, Option<&str>)]) -> String {
    let usual = [
        ("client_id", "api"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid"),
        ("state", "a state"),
        ("nonce", "a nonce"),
    ];
    let changed = |name: &str| changes.iter().any(|(other, _)| *other == name);
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(usual.into_iter().filter(|(name, _)| !changed(name)));
    query.extend_pairs(changes.iter().filter_map(|(name, value)| Some((name, (*value)?))));
    query.finish()
}

impl Browser {
    pub(crate) fn new(server: &Server) -> Self {
        Self { server: server.clone(), cookies: BTreeMap::new() }
    }

    /// Asks for a login page, following the server's redirects to itself.
    pub(crate) async fn authorize(&mut self, changes: &[(&str, Option<&str>)]) -> Answer {
        let mut answer = self.get(&format!("{PROTOCOL}/auth?{}", login_query(changes))).await;
        while let Some(path) = self.server.own_path(&answer).filter(|path| path.contains("/login-actions/")) {
            answer = self.get(&path).await;
        }
        answer
    }

    /// Goes through a whole login; the name is typed only where it is asked for.
    pub(crate) async fn login(&mut self, user: &str, changes: &[(&str, Option<&str>)]) -> Answer {
        let mut answer = self.authorize(changes).await;
        for _ in 0..3 {
            if answer.status != 200 || !answer.body.contains("name=\"password\"") {
                break;
            }
            answer = self.send_form(&answer, &[("username", user), ("password", user)]).await;
        }
        answer
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        let request = self.server.request("GET", path);
        self.send(request).await
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = self.server.request("POST", path).form(fields);
        self.send(request).await
    }

    /// Sends the form of a page.
    pub(crate) async fn send_form(&mut self, page: &Answer, fields: &[(&str, &str)]) -> Answer {
        let action = self.server.path_of(&form_action(&page.body));
        self.post(&action, fields).await
    }

    /// Presses the button of the page that asks whether to log out.
    pub(crate) async fn confirm_logout(&mut self, page: &Answer) -> Answer {
        let code = page.body.split("name=\"session_code\" value=\"").nth(1).expect("a hidden field");
        let code = code.split('"').next().unwrap_or_default().to_owned();
        self.send_form(page, &[("session_code", &code), ("confirmLogout", "Logout")]).await
    }

    pub(crate) fn cookie_names(&self) -> Vec<&str> {
        self.cookies.keys().map(String::as_str).collect()
    }

    async fn send(&mut self, mut request: reqwest::RequestBuilder) -> Answer {
        if !self.cookies.is_empty() {
            let all: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", all.join("; "));
        }
        let answer = self.server.send(request).await;
        for line in answer.headers.get_all("set-cookie") {
            let line = line.to_str().expect("text");
            let (name, value) =
                line.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            assert!(line.contains("Path=/realms/kc-demo/"), "{line}");
            match line.contains("Max-Age=0") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        answer
    }
}

fn form_action(html: &str) -> String {
    let action = html.split("action=\"").nth(1).unwrap_or_else(|| panic!("no form in {html}"));
    action.split('"').next().unwrap_or_default().replace("&amp;", "&")
}

/// The parameters that an answer brings to the client, by whatever way.
pub(crate) fn brought(answer: &Answer) -> BTreeMap<String, String> {
    let parsed = |text: &str| url::form_urlencoded::parse(text.as_bytes()).into_owned().collect();
    match answer.headers.get("location").and_then(|value| value.to_str().ok()) {
        Some(location) => {
            let (rest, fragment) = location.split_once('#').unwrap_or((location, ""));
            let query = rest.split_once('?').map_or("", |(_, query)| query);
            parsed(if fragment.is_empty() { query } else { fragment })
        }
        None => hidden_fields(&answer.body),
    }
}

/// The hidden fields of a page that sends itself on.
fn hidden_fields(html: &str) -> BTreeMap<String, String> {
    let text = |html: &str, name: &str| {
        let value = html.split(&format!("{name}=\"")).nth(1)?.split('"').next()?;
        Some(value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    };
    html.split("<INPUT TYPE=\"HIDDEN\"")
        .skip(1)
        .filter_map(|field| Some((text(field, "NAME")?, text(field, "VALUE")?)))
        .collect()
}

impl Server {
    /// What a browser is shown, or where it is sent with what.
    pub(crate) fn shown(&self, answer: &Answer) -> Value {
        let mut seen = Map::from_iter([("status".to_owned(), json!(answer.status))]);
        let kind = answer.headers.get("content-type").and_then(|value| value.to_str().ok());
        seen.insert("type".to_owned(), json!(kind));
        let location = answer.headers.get("location").and_then(|value| value.to_str().ok());
        if let Some(location) = location {
            let to = location.split(['?', '#']).next().unwrap_or_default();
            seen.insert("to".to_owned(), json!(self.without_base(to)));
            seen.insert("in the fragment".to_owned(), json!(location.contains('#')));
        }
        if location.is_some() || answer.body.contains("OIDC Form_Post Response") {
            let brought: Map<String, Value> = brought(answer)
                .into_iter()
                .map(|(name, value)| {
                    let value = self.plain_parameter(&name, &value);
                    (name, value)
                })
                .collect();
            seen.insert("brought".to_owned(), Value::Object(brought));
        } else if answer.body.contains("<html") {
            let asked =
                ["username", "password"].map(|name| answer.body.contains(&format!("name=\"{name}\"")));
            seen.insert("asks for name, password".to_owned(), json!(asked));
            let told: Vec<&str> =
                MESSAGES.into_iter().filter(|message| answer.body.contains(message)).collect();
            seen.insert("told".to_owned(), json!(told));
            let error =
                answer.body.split("class=\"instruction\">").nth(1).and_then(|rest| rest.split('<').next());
            seen.insert("error".to_owned(), json!(error.map(str::trim)));
        } else {
            seen.insert("body".to_owned(), json!(answer.body));
        }
        let cached = answer.headers.get("cache-control").and_then(|value| value.to_str().ok());
        // Keycloak says nothing of keeping its error pages.
        seen.insert("cache-control".to_owned(), json!(cached.filter(|_| answer.status < 400)));
        Value::Object(seen)
    }

    fn plain_parameter(&self, name: &str, value: &str) -> Value {
        match name {
            "code" => json!(value.split('.').map(str::len).collect::<Vec<_>>()),
            "session_state" => json!(value.len()),
            "response" => {
                let mut decoded = crate::decoded(value);
                decoded["claims"]["exp"] = json!("a time");
                for name in ["code", "session_state"] {
                    let text = decoded["claims"][name].as_str().map(|text| self.plain_parameter(name, text));
                    decoded["claims"][name] = json!(text);
                }
                self.plain("", &decoded)
            }
            _ => json!(self.without_base(value)),
        }
    }
}
