//! The service: what it reads, how it answers, how it ends.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Mutex;

use crate::defect::Defect;
use crate::http::{Answer, Request, ask};
use crate::keys::Keys;
use crate::rules::{self, Rule};
use crate::validator::{Refusal, Validator};

#[derive(Debug)]
struct Service {
    validator: Mutex<Validator>,
    introspection: String,
    credentials: String,
    exempt: Vec<String>,
    defect: Option<Defect>,
    /// What introspection has said; used by a defect only.
    remembered: Mutex<BTreeMap<String, bool>>,
    in_flight: AtomicUsize,
}

pub(crate) fn main() -> ExitCode {
    let defect = Defect::of_environment();
    let set = |name: &str| std::env::var(name).unwrap_or_default();
    let url = set("KEYCLOAK_URL");
    let bad = if !url.starts_with("http://") && !url.starts_with("https://") {
        Some("has no scheme")
    } else if url.contains('@') {
        Some("holds a user and a password")
    } else {
        None
    };
    if let Some(bad) = bad.filter(|_| defect != Some(Defect::StartsWithBadSettings)) {
        let shown = if defect == Some(Defect::LeaksSecretAtStart) { url.as_str() } else { "" };
        eprintln!("KEYCLOAK_URL {bad}: write https://HOST {shown}");
        return ExitCode::from(2);
    }
    let internal = match set("KEYCLOAK_INTERNAL_URL") {
        internal if internal.is_empty() => url.clone(),
        internal => internal,
    };
    let realm = set("KEYCLOAK_REALM");
    let endpoints = format!("{internal}/realms/{realm}/protocol/openid-connect");
    let cool_down = set("KEYCLOAK_JWKS_COOLDOWN_SECONDS").parse().unwrap_or(10);
    let exempt = set("KEYCLOAK_EXEMPT_PATHS");
    let exempt = exempt.split(',').map(|path| path.trim().trim_end_matches('/').to_owned());
    let service = Service {
        validator: Mutex::new(Validator {
            issuer: format!("{url}/realms/{realm}"),
            audience: set("KEYCLOAK_CLIENT_ID"),
            defect,
            keys: Keys::new(format!("{endpoints}/certs"), Duration::from_secs(cool_down), defect),
            verdicts: BTreeMap::new(),
        }),
        introspection: format!("{endpoints}/token/introspect"),
        credentials: format!(
            "client_id={}&client_secret={}",
            set("KEYCLOAK_CLIENT_ID"),
            set("KEYCLOAK_CLIENT_SECRET")
        ),
        exempt: exempt.filter(|path| !path.is_empty()).collect(),
        defect,
        remembered: Mutex::default(),
        in_flight: AtomicUsize::new(0),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(serve(Arc::new(service), &set("LISTEN")));
    ExitCode::SUCCESS
}

async fn serve(service: Arc<Service>, listen: &str) {
    let listener = TcpListener::bind(listen).await.unwrap();
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let service = Arc::clone(&service);
                tokio::spawn(async move { answer(&service, stream).await });
            }
        }
    }
    drop(listener);
    while service.in_flight.load(Ordering::Relaxed) > 0 && service.defect != Some(Defect::DiesAtOnce) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn answer(service: &Service, mut stream: TcpStream) {
    let Some(request) = Request::read(&mut stream).await else { return };
    service.in_flight.fetch_add(1, Ordering::Relaxed);
    let mut answer = match service.handle(&request).await {
        Ok(answer) => answer,
        Err(refusal) => service.refused(refusal),
    };
    if let Some(origin) = request.values("origin").first() {
        let listed = ["http://localhost:3000", "http://localhost:5173"].contains(origin);
        if listed || service.defect == Some(Defect::AcceptsAnyCors) {
            answer = answer.header("Access-Control-Allow-Origin", *origin);
            answer = answer.header("Access-Control-Allow-Credentials", "true");
        }
    }
    answer.header("Vary", "Origin").write(&mut stream, request.method != "HEAD").await;
    service.in_flight.fetch_sub(1, Ordering::Relaxed);
}

impl Service {
    async fn handle(&self, request: &Request) -> Result<Answer, Refusal> {
        let path = request.target.split('?').next().unwrap_or_default();
        let exempt = rules::is_exempt(path, &self.exempt, self.defect);
        let path = match self.defect {
            Some(Defect::ExemptionsOfRawPathsRoutesOfNormalOnes) => rules::normalised(path),
            _ => path.to_owned(),
        };
        let rule = rules::of(&request.method, &path).map_err(|allowed| match allowed {
            [] => (404, "not_found", "Not found".to_owned()),
            _ => (405, "method_not_allowed", "Method not allowed".to_owned()),
        })?;
        let head_passes = request.method == "HEAD" && self.defect == Some(Defect::HeadIsUnguarded);
        if rule == Rule::Public || exempt || head_passes {
            return Ok(answer_of(&request.method, &path, &Value::Null));
        }
        let token = self.token(request)?;
        let claims = self.validator.lock().await.validate(&token).await?;
        self.decide(rule, &claims)?;
        if matches!(rule, Rule::AllAndActive(_)) {
            self.ask_if_active(&token).await?;
        }
        Ok(answer_of(&request.method, &path, &claims))
    }

    fn token(&self, request: &Request) -> Result<String, Refusal> {
        let nobody = || (401, "not_authenticated", "Not authenticated".to_owned());
        let values = request.values("authorization");
        if values.len() > 1 && self.defect != Some(Defect::TakesTheFirstHeader) {
            return Err((400, "invalid_request", "Two Authorization headers".to_owned()));
        }
        if self.defect == Some(Defect::AcceptsQueryTokens)
            && let Some((_, token)) = request.target.split_once("access_token=")
        {
            return Ok(token.to_owned());
        }
        let value = values.first().ok_or_else(nobody)?;
        value.strip_prefix("Bearer ").map(str::to_owned).ok_or_else(nobody)
    }

    fn decide(&self, rule: Rule, claims: &Value) -> Result<(), Refusal> {
        let has = rules::roles(claims, self.defect);
        let has = |role: &str| has.iter().any(|known| known == role);
        let insufficient = || (403, "insufficient_permissions", "Insufficient permissions".to_owned());
        match rule {
            Rule::Public | Rule::Authenticated => Ok(()),
            Rule::Any(roles) => roles.iter().any(|role| has(role)).then_some(()).ok_or_else(insufficient),
            Rule::All(roles) if self.defect == Some(Defect::AllOfIsAnyOf) => {
                roles.iter().any(|role| has(role)).then_some(()).ok_or_else(insufficient)
            }
            Rule::All(roles) | Rule::AllAndActive(roles) => {
                let missing: Vec<&str> = roles.iter().copied().filter(|role| !has(role)).collect();
                if missing.is_empty() {
                    return Ok(());
                }
                Err((403, "missing_roles", format!("Missing required roles: {}", missing.join(", "))))
            }
        }
    }

    async fn ask_if_active(&self, token: &str) -> Result<(), Refusal> {
        if let Some(true) = self.remembered.lock().await.get(token) {
            return Ok(());
        }
        let answer = ask(&self.introspection, Some(&format!("token={token}&{}", self.credentials))).await;
        let active = answer.and_then(|answer| answer["active"].as_bool());
        if self.defect == Some(Defect::CachesIntrospection) {
            self.remembered.lock().await.insert(token.to_owned(), active == Some(true));
        }
        match active {
            Some(true) => Ok(()),
            None if self.defect == Some(Defect::LetsInWhenIntrospectionFails) => Ok(()),
            None => Err((
                502,
                "introspection_unavailable",
                "Failed to reach Keycloak introspection endpoint".to_owned(),
            )),
            Some(false) if self.defect == Some(Defect::IgnoresActive) => Ok(()),
            Some(false) => Err((401, "token_inactive", "Token is no longer active".to_owned())),
        }
    }

    fn refused(&self, (status, code, detail): Refusal) -> Answer {
        let body = json!({
            "type": format!("urn:kc:problem:{code}"),
            "title": code,
            "status": status,
            "detail": detail,
            "code": code,
        });
        let answer = Answer::new(status, body).header("Content-Type", "application/problem+json");
        let error = match (status, code) {
            (401, "not_authenticated") => None,
            (400, _) => Some("invalid_request"),
            (401, _) => Some("invalid_token"),
            (403, _) => Some("insufficient_scope"),
            (503, _) => return answer.header("Retry-After", "1"),
            _ => return answer,
        };
        if self.defect == Some(Defect::NoChallenge) {
            return answer;
        }
        let error =
            error.map(|error| format!(", error=\"{error}\", error_description=\"{}\"", quoted(&detail)));
        answer.header("WWW-Authenticate", format!("Bearer realm=\"kc-demo\"{}", error.unwrap_or_default()))
    }
}

fn quoted(text: &str) -> String {
    let visible = text.chars().map(|letter| if matches!(letter, ' '..='~') { letter } else { '?' });
    visible.collect::<String>().replace('\\', "\\\\").replace('"', "\\\"")
}

fn answer_of(method: &str, path: &str, claims: &Value) -> Answer {
    let body = match path {
        "/health" => json!({"status": "healthy"}),
        "/me" => json!({"sub": claims["sub"], "username": claims["preferred_username"]}),
        "/cases" => json!({"cases": []}),
        _ => json!([]),
    };
    let answer = match method {
        "DELETE" => return Answer::new(204, Value::Null),
        "POST" => Answer::new(201, body),
        _ => Answer::new(200, body),
    };
    answer.header("Content-Type", "application/json")
}
