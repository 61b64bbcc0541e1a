//! Settings that are bad: exit code 2, one line that names the setting, no secret in it.

use crate::case::{Case, CaseResult, ensure};
use crate::kit::{CLIENT_SECRET, Ended, Kit};

const CONTRACT: &str = "contract: start and stop";

/// A value that must be in no message.
const HIDDEN: &str = "hidden-in-the-value-7d3e";

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = BAD
        .iter()
        .map(|(name, variable, value)| {
            Case::own(format!("startup/{name}"), CONTRACT, async move |kit: &Kit| {
                let mut environment = kit.environment();
                environment.insert((*variable).to_owned(), (*value).to_owned());
                refused(&kit.start_refused(environment).await?, variable)
            })
        })
        .collect();
    for variable in ["KEYCLOAK_REALM", "KEYCLOAK_CLIENT_ID"] {
        let name = variable.to_lowercase().replace('_', "-");
        cases.push(Case::own(format!("startup/{name}-missing"), CONTRACT, async move |kit| {
            let mut environment = kit.environment();
            environment.remove(variable);
            refused(&kit.start_refused(environment).await?, variable)
        }));
    }
    cases.push(Case::own("startup/port-that-is-taken", CONTRACT, async |kit: &Kit| {
        // Nobody accepts here, so that nothing can be mistaken for a healthy service.
        let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
        let mut environment = kit.environment();
        environment.insert("LISTEN".to_owned(), taken.local_addr()?.to_string());
        let accepting = std::thread::spawn(move || {
            // Ends with the first connection: whoever asks for its health is told nothing.
            while let Ok((stream, _)) = taken.accept() {
                drop(stream);
            }
        });
        let ended = kit.start_refused(environment).await?;
        drop(accepting);
        refused(&ended, "LISTEN")
    }));
    cases.push(Case::own("startup/adapter-config-missing", CONTRACT, async |kit: &Kit| {
        let mut environment = kit.environment();
        environment.insert("KEYCLOAK_CONFIG".to_owned(), kit.file("x", "")?.replace("/x", "/nowhere.json"));
        refused(&kit.start_refused(environment).await?, "KEYCLOAK_CONFIG")
    }));
    cases.push(Case::own("startup/adapter-config-broken", CONTRACT, async |kit: &Kit| {
        let broken = format!("{{\"realm\": \"kc-demo\", \"credentials\": {{\"secret\": \"{HIDDEN}\"");
        let path = kit.file("keycloak.json", &broken)?;
        let environment = [("KEYCLOAK_CONFIG".to_owned(), path)].into();
        refused(&kit.start_refused(environment).await?, "KEYCLOAK_CONFIG")
    }));
    cases.push(Case::own("startup/ca-file-empty", CONTRACT, async |kit: &Kit| {
        let mut environment = kit.environment();
        environment.insert("KEYCLOAK_CA_FILE".to_owned(), kit.file("ca.pem", "")?);
        refused(&kit.start_refused(environment).await?, "KEYCLOAK_CA_FILE")
    }));
    cases.push(Case::own("startup/private-key-for-a-public-one", CONTRACT, async |kit: &Kit| {
        let mut environment = kit.environment();
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{HIDDEN}\n-----END PRIVATE KEY-----");
        environment.insert("KEYCLOAK_PUBLIC_KEY".to_owned(), pem);
        refused(&kit.start_refused(environment).await?, "KEYCLOAK_PUBLIC_KEY")
    }));
    cases
}

/// Name of the case, variable, bad value.
const BAD: &[(&str, &str, &str)] = &[
    ("url-without-a-scheme", "KEYCLOAK_URL", "login.example.com"),
    ("url-of-another-scheme", "KEYCLOAK_URL", "ftp://login.example.com"),
    ("url-that-is-none", "KEYCLOAK_URL", "http://"),
    ("url-with-user-and-password", "KEYCLOAK_URL", "http://admin:hidden-in-the-value-7d3e@127.0.0.1:1"),
    ("url-empty", "KEYCLOAK_URL", ""),
    ("internal-url-without-a-scheme", "KEYCLOAK_INTERNAL_URL", "keycloak:8080"),
    ("issuer-that-is-no-url", "KEYCLOAK_ISSUER", "kc-demo"),
    ("public-key-that-is-none", "KEYCLOAK_PUBLIC_KEY", "hidden-in-the-value-7d3e"),
    ("audience-list-empty", "KEYCLOAK_AUDIENCE", " , ,"),
    ("leeway-that-is-no-number", "KEYCLOAK_LEEWAY_SECONDS", "five"),
    ("leeway-negative", "KEYCLOAK_LEEWAY_SECONDS", "-1"),
    ("timeout-zero", "KEYCLOAK_HTTP_TIMEOUT_SECONDS", "0"),
    ("timeout-with-a-unit", "KEYCLOAK_HTTP_TIMEOUT_SECONDS", "5s"),
    ("cool-down-that-is-no-number", "KEYCLOAK_JWKS_COOLDOWN_SECONDS", "1e3"),
    ("ttl-that-is-no-number", "KEYCLOAK_JWKS_TTL_SECONDS", "soon"),
    ("create-users-that-is-no-flag", "KEYCLOAK_CREATE_USERS", "maybe"),
    ("ca-file-missing", "KEYCLOAK_CA_FILE", "/nowhere/ca.pem"),
    ("listen-without-a-port", "LISTEN", "127.0.0.1"),
    ("listen-that-is-none", "LISTEN", "nowhere:port"),
    ("public-url-without-a-scheme", "PUBLIC_URL", "app.example.com"),
    ("origin-that-is-none", "CORS_ALLOWED_ORIGINS", "https://app.example.com/path"),
    ("origins-of-everybody", "CORS_ALLOWED_ORIGINS", "*"),
    ("audit-log-that-cannot-be-opened", "AUDIT_LOG", "/nowhere/audit.log"),
    ("session-store-unheard-of", "SESSION_STORE", "files"),
    ("users-database-unheard-of", "USERS_DATABASE", "mysql://127.0.0.1/users"),
    // Nobody listens there.
    (
        "users-database-out-of-reach",
        "USERS_DATABASE",
        "postgres://kc:hidden-in-the-value-7d3e@127.0.0.1:1/users",
    ),
];

pub(super) fn refused(ended: &Ended, variable: &str) -> CaseResult {
    let lines: Vec<&str> = ended.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
    let said: String = ended.stderr.chars().take(300).collect();
    // First: it is worse than the wrong exit code.
    let all = format!("{}{}", ended.stdout, ended.stderr);
    ensure(!all.contains(HIDDEN) && !all.contains(CLIENT_SECRET), || {
        "expected no secret in the message, got one".to_owned()
    })?;
    ensure(ended.code == Some(2), || format!("expected exit code 2, got {:?}: {said}", ended.code))?;
    ensure(lines.len() == 1, || format!("expected one line on standard error, got {}: {said}", lines.len()))?;
    ensure(lines.iter().all(|line| line.contains(variable)), || {
        format!("expected that the line names {variable}, got {said:?}")
    })?;
    ensure(!all.contains("panicked") && !all.contains("Traceback"), || {
        format!("expected no crash, got {said}")
    })
}
