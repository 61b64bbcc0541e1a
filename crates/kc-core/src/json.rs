//! JSON as a token may hold it: strict where `serde_json` is lenient.
//!
//! One pass over the text gives a tree that borrows from it. Refused, at every level: a member named twice (RFC 7515
//! §4 and RFC 7519 §4 let a parser keep the last one, and two parsers that keep different ones disagree about who is
//! calling), nesting deeper than a limit, and anything after the value.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value that borrows its strings where they hold no escapes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    /// Exact up to 2^53, far beyond any date.
    Number(f64),
    String(Cow<'a, str>),
    Array(Vec<Self>),
    Object(Object<'a>),
}

/// A JSON object: members in the order of the text, no name twice.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Object<'a> {
    members: Vec<(Cow<'a, str>, Value<'a>)>,
}

impl<'a> Object<'a> {
    /// The member, if it is there and not `null`.
    pub(crate) fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.raw(name).filter(|value| !matches!(value, Value::Null))
    }

    /// Whether the member is there at all, `null` or not.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Value<'a>)> {
        self.members.iter().map(|(name, value)| (name.as_ref(), value))
    }

    fn raw(&self, name: &str) -> Option<&Value<'a>> {
        self.members.iter().find(|(have, _)| have == name).map(|(_, value)| value)
    }
}

/// Why a text is not the JSON we take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum JsonError {
    Duplicate,
    Syntax,
    TooDeep,
}

/// Parses a whole text; a scalar has depth 0, `[]` depth 1.
pub(crate) fn parse(text: &[u8], max_depth: usize) -> Result<Value<'_>, JsonError> {
    let refused = Cell::new(None);
    // Looked at once as a whole, not string by string.
    let text = str::from_utf8(text).map_err(|_| JsonError::Syntax)?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let seed = Strict { depth: max_depth, room: USUAL_MEMBERS, refused: &refused };
    let value = seed.deserialize(&mut deserializer);
    let value = value.map_err(|_| refused.get().unwrap_or(JsonError::Syntax))?;
    deserializer.end().map_err(|_| JsonError::Syntax)?;
    Ok(value)
}

/// Parses a text that must be an object.
pub(crate) fn parse_object(text: &[u8], max_depth: usize) -> Result<Object<'_>, JsonError> {
    match parse(text, max_depth)? {
        Value::Object(object) => Ok(object),
        _ => Err(JsonError::Syntax),
    }
}

/// A token of Keycloak's has about so many claims.
const USUAL_MEMBERS: usize = 32;

#[derive(Clone, Copy)]
struct Strict<'c> {
    depth: usize,
    /// For so many members there is room from the start: none inside of another value, where there may be many objects.
    room: usize,
    refused: &'c Cell<Option<JsonError>>,
}

impl Strict<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Self { depth, room: 0, ..self }),
            None => Err(self.refuse(JsonError::TooDeep)),
        }
    }

    fn refuse<E: serde::de::Error>(self, why: JsonError) -> E {
        self.refused.set(Some(why));
        E::custom("refused")
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Above this many members names are compared through a hash table, so that a hostile object costs linear time.
const FEW: usize = 32;

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::Bool(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "see Value::Number")]
    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Value::Number(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "see Value::Number")]
    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Value::String(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Value::String(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let seed = self.deeper()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(seed)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let seed = self.deeper()?;
        let mut members: Vec<(Cow<'de, str>, Value<'de>)> = Vec::with_capacity(self.room);
        let mut many: HashSet<Cow<'de, str>, foldhash::fast::RandomState> = HashSet::default();
        while let Some(name) = entries.next_key_seed(Name)? {
            let seen = if members.len() < FEW {
                members.iter().any(|(have, _)| *have == name)
            } else {
                if many.is_empty() {
                    many.extend(members.iter().map(|(have, _)| have.clone()));
                }
                !many.insert(name.clone())
            };
            if seen {
                return Err(self.refuse(JsonError::Duplicate));
            }
            let value = entries.next_value_seed(seed)?;
            members.push((name, value));
        }
        Ok(Value::Object(Object { members }))
    }
}

/// A member's name, borrowed where it can be.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_without_escapes_are_borrowed() {
        let object = parse_object(br#"{"a":"plain","b":"\u0041","c":[1,-2,2.5,true,null]}"#, 2).unwrap();
        assert!(matches!(object.get("a"), Some(Value::String(Cow::Borrowed("plain")))));
        assert_eq!(object.get("b"), Some(&Value::String(Cow::Owned("A".to_owned()))));
        let Some(Value::Array(items)) = object.get("c") else { panic!("an array") };
        assert_eq!(items[..3], [Value::Number(1.0), Value::Number(-2.0), Value::Number(2.5)]);
    }

    #[test]
    fn a_member_named_twice_is_refused_at_every_level_and_under_every_spelling() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"x":{"a":1,"b":2,"a":3}}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"[{"a":1,"a":2}]"#,
        ] {
            assert_eq!(parse(text.as_bytes(), 8), Err(JsonError::Duplicate), "{text}");
        }
    }

    #[test]
    fn a_member_named_twice_among_thousands_is_found() {
        let mut text = String::from("{");
        for n in 0..5000 {
            text.push_str(&format!("\"m{n}\":{n},"));
        }
        assert_eq!(parse(format!("{text}\"m17\":0}}").as_bytes(), 8), Err(JsonError::Duplicate));
        assert_eq!(parse(format!("{text}\"m4999\":0}}").as_bytes(), 8), Err(JsonError::Duplicate));
        assert!(parse(format!("{text}\"z\":0}}").as_bytes(), 8).is_ok());
    }

    #[test]
    fn nesting_is_counted() {
        assert!(parse(b"[[]]", 2).is_ok());
        assert_eq!(parse(b"[[]]", 1), Err(JsonError::TooDeep));
        assert_eq!(parse(b"{\"a\":{\"b\":{}}}", 2), Err(JsonError::TooDeep));
        assert_eq!(parse("[".repeat(100_000).as_bytes(), 16), Err(JsonError::TooDeep));
        assert!(parse(b"1", 0).is_ok());
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            "",
            "{",
            "{}x",
            "{} {}",
            "\u{feff}{}",
            "{\"a\":01}",
            "{'a':1}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":1,}",
            "NaN",
        ] {
            assert_eq!(parse(text.as_bytes(), 8), Err(JsonError::Syntax), "{text}");
        }
        assert_eq!(parse(b"{\"a\":\"\xff\"}", 8), Err(JsonError::Syntax));
        assert_eq!(parse_object(b"[]", 8), Err(JsonError::Syntax));
    }

    #[test]
    fn null_is_there_but_gives_nothing() {
        let object = parse_object(b"{\"a\":null}", 8).unwrap();
        assert!(object.has("a") && object.get("a").is_none() && !object.has("b"));
    }
}
