//! What is said at start: to people, and to programs.

use std::fmt::Write as _;

use kc_dev::{DevIssuer, Fault};
use serde_json::{Map, Value, json};

use super::options::Options;
use crate::terminal::{Paint, shown, takes_colours};

/// The most users that are listed to people.
const MOST_USERS: usize = 12;

/// What is shown in place of a secret of somebody's own realm.
const OWN_SECRET: &str = "# KEYCLOAK_CLIENT_SECRET: the client's secret, as in the realm's file";

/// Takes the token out of an answer, where there may be no jq.
const ONLY_TOKEN: &str = r#"sed 's/.*"access_token":"\([^"]*\)".*/\1/'"#;

/// For people.
pub(super) fn text(issuer: &DevIssuer, options: &Options) -> String {
    let paint = Paint(takes_colours());
    let base = issuer.base_url();
    let realm = match &options.realm {
        None => format!("{}, built in", shown(issuer.realm())),
        Some(file) => format!("{}, from {}", shown(issuer.realm()), shown(&file.display().to_string())),
    };
    let mut text = paint.red("For DEVELOPMENT ONLY: whoever reaches this issuer can make any token.");
    text.push_str("\n\n");
    for (name, value) in [
        ("realm", realm),
        ("issuer", shown(issuer.issuer())),
        ("page", format!("{base}/  to make tokens, look into them and rotate keys")),
        ("control", format!("{base}/_kc-dev/  the same for programs")),
    ] {
        push(&mut text, &format!("{}  {value}", paint.bold(&format!("{name:<8}"))));
    }
    for warning in issuer.warnings() {
        push(&mut text, &format!("{}  {}", paint.yellow("warning "), super::one_line(warning)));
    }
    for (endpoint, fault) in &options.faults {
        push(&mut text, &format!("{}  {endpoint} {}", paint.yellow("fault   "), told(fault)));
    }
    push(&mut text, "");
    users(&mut text, issuer, options, paint);
    let environment = environment(issuer, options);
    push(&mut text, &paint.bold("For your service, in its shell:"));
    for (name, value) in &environment {
        push(&mut text, &format!("  export {name}={}", quoted(&shown(value))));
    }
    if !environment.iter().any(|(name, _)| *name == "KEYCLOAK_CLIENT_SECRET")
        && client(issuer, options).and_then(|client| issuer.client_secret(client)).is_some()
    {
        push(&mut text, &format!("  {OWN_SECRET}"));
    }
    if let Some((whose, line)) = curl(issuer, options) {
        push(&mut text, "");
        push(&mut text, &paint.bold(&format!("A token of {whose}, and a request with it:")));
        push(&mut text, &format!("  TOKEN=$({line} | {ONLY_TOKEN})"));
        push(&mut text, "  curl -i -H \"Authorization: Bearer $TOKEN\" http://127.0.0.1:8000/me");
    }
    push(&mut text, "");
    push(&mut text, &paint.dim("Ctrl-C ends it."));
    text
}

fn users(text: &mut String, issuer: &DevIssuer, options: &Options, paint: Paint) {
    let names: Vec<&str> = issuer.usernames().collect();
    if names.is_empty() {
        return;
    }
    let heading = if options.realm.is_none() {
        "Users, each with the name as the password, and their roles:"
    } else {
        "Users and their roles; the passwords are those of the realm's file:"
    };
    push(text, &paint.bold(heading));
    let listed = names.iter().take(MOST_USERS);
    let widest = listed.clone().map(|name| shown(name).chars().count()).max().unwrap_or(0);
    for name in listed {
        let roles = issuer.roles_of(name);
        let roles = if roles.is_empty() { "no roles".to_owned() } else { shown(&roles.join(", ")) };
        let disabled = if issuer.is_user_enabled(name) { "" } else { " (disabled)" };
        push(text, &format!("  {:widest$}  {roles}{disabled}", shown(name)));
    }
    if names.len() > MOST_USERS {
        push(text, &format!("  and {} more", names.len() - MOST_USERS));
    }
    push(text, "");
}

/// For programs: one line.
pub(super) fn json(issuer: &DevIssuer, options: &Options) -> String {
    let is_public = options.realm.is_none();
    let own = issuer.issuer();
    let at = |path: &str| format!("{own}/protocol/openid-connect/{path}");
    let users: Vec<Value> = issuer
        .usernames()
        .map(|name| {
            let mut user = json!({
                "username": name, "enabled": issuer.is_user_enabled(name), "roles": issuer.roles_of(name),
            });
            if let (Some(user), Some(password), true) =
                (user.as_object_mut(), issuer.password(name), is_public)
            {
                user.insert("password".to_owned(), json!(password));
            }
            user
        })
        .collect();
    let clients: Vec<Value> = issuer
        .client_ids()
        .into_iter()
        .map(|id| {
            let secret = issuer.client_secret(id);
            let mut client = json!({ "client_id": id, "confidential": secret.is_some() });
            if let (Some(client), Some(secret), true) = (client.as_object_mut(), secret, is_public) {
                client.insert("secret".to_owned(), json!(secret));
            }
            client
        })
        .collect();
    let environment: Map<String, Value> = environment(issuer, options)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    let mut line = json!({
        "issuer": own,
        "realm": issuer.realm(),
        "base_url": issuer.base_url(),
        "page": format!("{}/", issuer.base_url()),
        "control": format!("{}/_kc-dev/", issuer.base_url()),
        "endpoints": {
            "authorization": at("auth"),
            "certs": at("certs"),
            "discovery": format!("{own}/.well-known/openid-configuration"),
            "end_session": at("logout"),
            "introspection": at("token/introspect"),
            "pushed_authorization_request": at("ext/par/request"),
            "revocation": at("revoke"),
            "token": at("token"),
            "userinfo": at("userinfo"),
        },
        "environment": environment,
        "users": users,
        "clients": clients,
        "warnings": issuer.warnings(),
    })
    .to_string();
    line.push('\n');
    line
}

fn client<'a>(issuer: &'a DevIssuer, options: &'a Options) -> Option<&'a str> {
    options.client.as_deref().or_else(|| issuer.main_client())
}

/// What a service reads. The secret is there where everybody knows it.
fn environment(issuer: &DevIssuer, options: &Options) -> Vec<(&'static str, String)> {
    let mut variables =
        vec![("KEYCLOAK_URL", issuer.base_url().to_owned()), ("KEYCLOAK_REALM", issuer.realm().to_owned())];
    if let Some(client) = client(issuer, options) {
        variables.push(("KEYCLOAK_CLIENT_ID", client.to_owned()));
        if let (Some(secret), None) = (issuer.client_secret(client), &options.realm) {
            variables.push(("KEYCLOAK_CLIENT_SECRET", secret.to_owned()));
        }
    }
    variables
}

/// Whose token it is, and a line that gets it. Of a realm of somebody's own it is minted, which takes no password.
fn curl(issuer: &DevIssuer, options: &Options) -> Option<(String, String)> {
    let client = client(issuer, options)?;
    let user = issuer.usernames().find(|name| issuer.is_user_enabled(name))?;
    let secret = issuer.client_secret(client);
    let line = match (&options.realm, issuer.password(user)) {
        (None, Some(password)) => {
            let mut line = format!(
                "curl -s {}/protocol/openid-connect/token -d grant_type=password -d client_id={}",
                issuer.issuer(),
                quoted(client)
            );
            if let Some(secret) = secret {
                let _ = write!(line, " -d client_secret={}", quoted(secret));
            }
            let _ = write!(
                line,
                " -d username={} -d password={} -d scope=openid",
                quoted(user),
                quoted(password)
            );
            line
        }
        _ => {
            let order = json!({ "client": client, "user": user }).to_string();
            format!("curl -s {}/_kc-dev/tokens -d {}", issuer.base_url(), quoted(&order))
        }
    };
    Some((shown(user), line))
}

fn told(fault: &Fault) -> String {
    match fault {
        Fault::Slow(by) => format!("answers after {} ms", by.as_millis()),
        Fault::Status(status) => format!("answers {status}"),
        Fault::Cut => "cuts the connection".to_owned(),
        other => format!("answers wrongly: {}", format!("{other:?}").to_lowercase()),
    }
}

/// A word of a POSIX shell. JSON has escaped control characters already.
fn quoted(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=@,+".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}
