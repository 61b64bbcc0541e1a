//! A token that was made, taken apart for people.

use std::time::Duration;

use serde_json::{Map, Value};

use super::order::Order;
use crate::mint::Defect;
use crate::random::from_base64url;
use crate::state::State;

/// A token and all that is said about it. Text: nothing in it is HTML.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    /// Header, payload, signature.
    pub(super) parts: [String; 3],
    /// Header and payload, decoded.
    pub(super) decoded: [String; 2],
    /// What to know at a glance, each with its name.
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) notes: Vec<String>,
    /// What is wrong with it, on purpose.
    pub(super) defect: Option<Defect>,
    /// A shell's line that sends it, and one that makes another.
    pub(super) send: String,
    pub(super) again: String,
}

impl Shown {
    pub(super) fn new(state: &State, order: &Order, json: &Map<String, Value>, token: String) -> Self {
        let mut parts = token.split('.').map(str::to_owned);
        let parts = [(); 3].map(|()| parts.next().unwrap_or_default());
        let [header, payload, _] = parts.each_ref().map(|part| object(part));
        let mut facts = Vec::new();
        for (name, claim) in [("user", "preferred_username"), ("client", "azp"), ("acr", "acr")] {
            facts.extend(payload.get(claim).map(|value| (name, plain(value))));
        }
        facts.extend(payload.get("aud").map(|value| ("audience", plain(value))));
        facts.push(("roles", roles(&payload)));
        facts.extend(payload.get("groups").map(|value| ("groups", plain(value))));
        let now = state.now();
        for (name, claim) in [("good from", "nbf"), ("ends", "exp")] {
            facts.extend(payload.get(claim).and_then(Value::as_i64).map(|at| (name, when(at, now))));
        }
        facts.extend(
            header.get("alg").map(|value| ("signed by", format!("{} {}", plain(value), kid(&header)))),
        );
        let mut notes = Vec::new();
        if order.is_made_up(state) {
            notes.push(format!(
                "The realm has no user {}: this one is made up, and userinfo and introspection don't know it.",
                order.user
            ));
        }
        let user = state.realm.user(&order.user);
        if user.is_some_and(|user| !state.is_enabled(user)) {
            notes.push(format!(
                "{} is disabled: introspection says that the token is not active.",
                order.user
            ));
        }
        let body = Value::Object(json.clone()).to_string();
        Self {
            decoded: [pretty(header), pretty(payload)],
            facts,
            notes,
            defect: Defect::from_name(&order.broken),
            send: format!(
                "curl -i -H {} {}",
                quoted(&format!("Authorization: Bearer {token}")),
                quoted(&order.service)
            ),
            again: format!(
                "curl -s {} -d {}",
                quoted(&format!("{}/_kc-dev/tokens", state.base_url)),
                quoted(&body)
            ),
            parts,
        }
    }
}

/// A word of a POSIX shell.
pub(super) fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn object(part: &str) -> Map<String, Value> {
    from_base64url(part).and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn pretty(object: Map<String, Value>) -> String {
    serde_json::to_string_pretty(&Value::Object(object)).unwrap_or_default()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn kid(header: &Map<String, Value>) -> String {
    header.get("kid").map_or_else(String::new, |kid| format!("with key {}", plain(kid)))
}

/// Roles as the form takes them: `NAME`, `CLIENT/NAME`.
fn roles(payload: &Map<String, Value>) -> String {
    let names = |access: &Value| {
        let list = access.get("roles").and_then(Value::as_array).cloned().unwrap_or_default();
        list.iter().map(plain).collect::<Vec<_>>()
    };
    let mut all = payload.get("realm_access").map(names).unwrap_or_default();
    for (client, access) in payload.get("resource_access").and_then(Value::as_object).into_iter().flatten() {
        all.extend(names(access).into_iter().map(|name| format!("{client}/{name}")));
    }
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

fn when(at: i64, now: i64) -> String {
    let distance = span(Duration::from_secs(at.abs_diff(now)));
    if at > now { format!("in {distance}") } else { format!("{distance} ago") }
}

fn span(time: Duration) -> String {
    let secs = time.as_secs();
    match secs {
        0..120 => format!("{secs} s"),
        120..7200 => format!("{} min", secs / 60),
        7200..172_800 => format!("{} h", secs / 3600),
        _ => format!("{} days", secs / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::{quoted, when};

    #[test]
    fn a_word_of_the_shell_stays_one_word() {
        assert_eq!(quoted("http://127.0.0.1:8000/me"), "http://127.0.0.1:8000/me");
        assert_eq!(quoted("it's $HOME; rm -rf /"), r"'it'\''s $HOME; rm -rf /'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        assert_eq!(when(400, 100), "in 5 min");
        assert_eq!(when(100, 160), "60 s ago");
        assert_eq!(when(100 + 3 * 86_400, 100), "in 3 days");
    }
}
