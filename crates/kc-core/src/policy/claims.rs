//! The caller, as Keycloak's evaluation sees them: the claims of their access token.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;

use crate::json::{self, Object, Value};
use crate::principal::Principal;
use crate::token::{Claims, TokenError};

/// Levels of JSON that a payload may nest, as everywhere.
const MAX_DEPTH: usize = 16;

/// Claims that are not those of a [`Principal`]: for tools and tests. Nothing about them was checked.
#[derive(Clone)]
pub struct IdentityClaims {
    claims: Claims,
    payload: Vec<u8>,
}

impl IdentityClaims {
    /// From the payload of an access token.
    ///
    /// # Errors
    /// [`TokenError`] when it is no JSON object, or a known claim has a wrong shape.
    pub fn from_json(payload: &[u8]) -> Result<Self, TokenError> {
        let object = json::parse_object(payload, MAX_DEPTH)
            .map_err(|_| TokenError::MalformedClaim { claim: "claims", expected: "a JSON object" })?;
        Ok(Self { claims: Claims::read(&object)?, payload: payload.to_vec() })
    }

    /// Whom they describe.
    #[must_use]
    pub fn identity(&self) -> Identity<'_> {
        Identity { claims: &self.claims, payload: &self.payload }
    }
}

/// Ids and the user's name, no other claims: a `Debug` ends up in logs.
impl fmt::Debug for IdentityClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.identity().fmt(f)
    }
}

/// Who asks.
#[derive(Clone, Copy)]
pub struct Identity<'a> {
    claims: &'a Claims,
    payload: &'a [u8],
}

impl<'a> Identity<'a> {
    /// A caller whose credentials were checked.
    #[must_use]
    pub fn of(principal: &'a Principal) -> Self {
        Self { claims: principal.claims(), payload: principal.token().payload() }
    }

    /// The claims that Keycloak issues.
    #[must_use]
    pub fn claims(&self) -> &'a Claims {
        self.claims
    }

    pub(super) fn roles(&self, client: Option<&str>) -> Option<&'a crate::token::Names> {
        match client {
            None => Some(&self.claims.realm_roles),
            Some(client) => {
                self.claims.client_roles.iter().find(|(id, _)| id == client).map(|(_, roles)| roles)
            }
        }
    }
}

impl fmt::Debug for Identity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("subject", &self.claims.subject)
            .field("username", &self.claims.username)
            .finish_non_exhaustive()
    }
}

/// All claims of a caller, read only if a policy asks for one that [`Claims`] lacks.
pub(super) struct AllClaims<'a> {
    payload: &'a [u8],
    object: OnceCell<Option<Object<'a>>>,
}

/// A claim as text, or why Keycloak's text of it is not known here.
#[derive(Debug, PartialEq)]
pub(super) enum Text<'t> {
    Absent,
    Is(Cow<'t, str>),
    /// Keycloak ends with an error.
    Fails,
    /// It depends on how Keycloak spells JSON.
    Unknown,
}

impl<'a> AllClaims<'a> {
    pub(super) fn of(identity: &Identity<'a>) -> Self {
        Self { payload: identity.payload, object: OnceCell::new() }
    }

    fn get(&self, name: &str) -> Option<&Value<'a>> {
        let object = self.object.get_or_init(|| json::parse_object(self.payload, MAX_DEPTH).ok());
        object.as_ref()?.get(name)
    }

    /// The values of a claim, each as text; of one that is no array, one value.
    pub(super) fn values(&self, name: &str) -> Option<Vec<Text<'_>>> {
        match self.get(name)? {
            Value::Array(items) => Some(items.iter().map(scalar).collect()),
            Value::String(text) if text.is_empty() => None,
            Value::Object(_) => Some(vec![Text::Unknown]),
            other => Some(vec![scalar(other)]),
        }
    }

    /// What a regex policy looks at: the claim, of an array its first item; or, by a path with dots, a place in the JSON
    /// that the claim is or holds as text.
    pub(super) fn target(&self, target: &Target) -> Text<'_> {
        match target {
            Target::Claim(name) => {
                self.values(name).and_then(|values| values.into_iter().next()).unwrap_or(Text::Absent)
            }
            Target::Path(claim, path) => {
                let first = match self.get(claim) {
                    Some(Value::Array(items)) => items.first(),
                    other => other,
                };
                match first {
                    None => Text::Absent,
                    Some(Value::Object(_)) if !matches!(self.get(claim), Some(Value::Array(_))) => {
                        first.map_or(Text::Absent, |value| at(value, path))
                    }
                    Some(Value::String(text)) if text.is_empty() => {
                        // An empty claim counts as absent; an empty item is text that is no JSON.
                        if matches!(self.get(claim), Some(Value::Array(_))) {
                            Text::Fails
                        } else {
                            Text::Absent
                        }
                    }
                    Some(Value::String(text)) => match json::parse(text.as_bytes(), MAX_DEPTH) {
                        Ok(value) => match at(&value, path) {
                            Text::Is(text) => Text::Is(Cow::Owned(text.into_owned())),
                            Text::Absent => Text::Absent,
                            Text::Fails => Text::Fails,
                            Text::Unknown => Text::Unknown,
                        },
                        Err(_) => Text::Fails,
                    },
                    // As text they are JSON that has no members.
                    Some(Value::Bool(_) | Value::Number(_) | Value::Null) => Text::Absent,
                    Some(Value::Array(_) | Value::Object(_)) => Text::Fails,
                }
            }
        }
    }
}

/// `targetClaim`, taken apart as Keycloak does.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Target {
    /// No unescaped dot: the name as it stands, backslashes included.
    Claim(String),
    Path(String, Vec<String>),
}

impl Target {
    pub(super) fn read(text: &str) -> Self {
        let (first, rest) = components(text);
        let Some(first) = first else { return Self::Claim(text.to_owned()) };
        // Joined and taken apart again: what was escaped once no longer is.
        let mut path = all_components(rest).join(".");
        if path.ends_with('.') {
            path.clear();
        }
        Self::Path(first, all_components(&path))
    }
}

/// The first component, if a dot follows it, and what is behind the dot.
fn components(text: &str) -> (Option<String>, &str) {
    let mut component = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some((_, escaped)) => component.push(escaped),
                None => break,
            },
            '.' if component.is_empty() => break,
            '.' => return (Some(component), text.get(at + 1..).unwrap_or_default()),
            _ => component.push(letter),
        }
    }
    (None, text)
}

fn all_components(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut rest = text;
    loop {
        let (component, behind) = components(rest);
        let Some(component) = component else { break };
        all.push(component);
        rest = behind;
    }
    if !rest.is_empty() {
        let mut last = String::new();
        let mut letters = rest.chars();
        while let Some(letter) = letters.next() {
            last.push(if letter == '\\' { letters.next().unwrap_or(letter) } else { letter });
        }
        all.push(last);
    }
    all
}

/// What is at a path. Keycloak stops at the first array or plain value, whatever the path goes on with.
fn at<'t>(value: &'t Value<'_>, path: &[String]) -> Text<'t> {
    let mut here = value;
    if path.is_empty() {
        return Text::Absent;
    }
    for component in path {
        let (name, index) = match component.strip_suffix(']') {
            None => (component.as_str(), None),
            Some(indexed) => {
                let Some((name, index)) = indexed.split_once('[') else { return Text::Absent };
                let Some(index) = index.trim().parse::<i32>().ok().and_then(|n| usize::try_from(n).ok())
                else {
                    return Text::Absent;
                };
                (name.trim(), Some(index))
            }
        };
        let Value::Object(object) = here else { return Text::Absent };
        let Some(member) = object.get(name) else { return Text::Absent };
        here = match (member, index) {
            (Value::Array(items), Some(index)) => match items.get(index) {
                Some(item) => item,
                None => return Text::Absent,
            },
            _ => member,
        };
        match here {
            Value::Object(_) => {}
            Value::Null => return Text::Absent,
            Value::Array(items) if items.is_empty() => return Text::Absent,
            Value::Array(items) => return list(items),
            plain => {
                return match scalar(plain) {
                    Text::Is(text) => {
                        // Java's `trim`.
                        let trimmed = text.trim_matches(|letter| letter <= ' ');
                        if trimmed.is_empty() {
                            Text::Absent
                        } else {
                            Text::Is(Cow::Owned(trimmed.to_owned()))
                        }
                    }
                    other => other,
                };
            }
        }
    }
    // An object, in Keycloak's spelling.
    Text::Unknown
}

/// As Java writes a list: `[a, b]`.
fn list<'t>(items: &'t [Value<'_>]) -> Text<'t> {
    let mut text = String::from("[");
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            text.push_str(", ");
        }
        match scalar(item) {
            Text::Is(item) => text.push_str(&item),
            _ => return Text::Unknown,
        }
    }
    text.push(']');
    Text::Is(Cow::Owned(text))
}

fn scalar<'t>(value: &'t Value<'_>) -> Text<'t> {
    match value {
        Value::String(text) => Text::Is(Cow::Borrowed(text.as_ref())),
        Value::Bool(yes) => Text::Is(Cow::Borrowed(if *yes { "true" } else { "false" })),
        // Beyond, its spelling is not known any more.
        Value::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
            Text::Is(Cow::Owned(format!("{number:.0}")))
        }
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => Text::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(claims: &str, target: &str) -> Result<Option<String>, &'static str> {
        let claims = IdentityClaims::from_json(claims.as_bytes()).unwrap();
        let all = AllClaims::of(&claims.identity());
        match all.target(&Target::read(target)) {
            Text::Absent => Ok(None),
            Text::Is(text) => Ok(Some(text.into_owned())),
            Text::Fails => Err("fails"),
            Text::Unknown => Err("unknown"),
        }
    }

    #[test]
    fn a_simple_target_is_the_claim_or_its_first_item() {
        let claims =
            r#"{"a":"x","b":["y","z"],"n":17,"t":true,"e":"","l":[],"o":{"x":1},"null":null,"a\\.b":"w"}"#;
        let is = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(target(claims, "a"), is("x"));
        assert_eq!(target(claims, "b"), is("y"));
        assert_eq!(target(claims, "n"), is("17"));
        assert_eq!(target(claims, "t"), is("true"));
        for absent in ["e", "l", "null", "nobody", ".a"] {
            assert_eq!(target(claims, absent), Ok(None), "{absent}");
        }
        assert_eq!(target(claims, "o"), Err("unknown"));
        assert_eq!(target(claims, r"a\.b"), is("w"), "the backslash belongs to the name, as Keycloak has it");
    }

    #[test]
    fn a_path_goes_into_objects_and_stops_at_the_first_value() {
        let claims = r#"{"o":{"s":" x ","l":["p",1,true],"deep":{"k":"v"},"blank":"  ","a.b":"dot","n":null,"nest":[{"k":1}]},
            "text":"{\"k\":\"v\"}","plain":"not json","num":"12","list":["{\"k\":\"first\"}"],"objects":[{"k":"v"}]}"#;
        let is = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(target(claims, "o.s"), is("x"));
        assert_eq!(target(claims, "o.s.whatever"), is("x"));
        assert_eq!(target(claims, "o.l"), is("[p, 1, true]"));
        assert_eq!(target(claims, "o.l[1]"), is("1"));
        assert_eq!(target(claims, "o.l.x"), is("[p, 1, true]"));
        assert_eq!(target(claims, "o.deep.k"), is("v"));
        assert_eq!(target(claims, "o.deep"), Err("unknown"));
        assert_eq!(target(claims, "o.nest"), Err("unknown"));
        for absent in ["o.blank", "o.n", "o.none", "o.l[9]", "o.l[-1]", "o.l]", "o.", "none.x", "num.x"] {
            assert_eq!(target(claims, absent), Ok(None), "{absent}");
        }
        assert_eq!(target(claims, r"o.a\.b"), Ok(None), "escaped once, taken apart twice");
        assert_eq!(target(claims, "text.k"), is("v"));
        assert_eq!(target(claims, "list.k"), is("first"));
        assert_eq!(target(claims, "plain.k"), Err("fails"));
        assert_eq!(target(claims, "objects.k"), Err("fails"));
    }

    #[test]
    fn components_are_those_of_keycloaks_pattern() {
        for (text, parts) in [
            ("a.b", vec!["a", "b"]),
            ("a", vec!["a"]),
            (r"a\.b.c", vec!["a.b", "c"]),
            ("a..b", vec!["a", ".b"]),
            (".a", vec![".a"]),
            ("a.", vec!["a"]),
            (r"a\", vec![r"a\"]),
        ] {
            assert_eq!(all_components(text), parts, "{text}");
        }
    }
}
