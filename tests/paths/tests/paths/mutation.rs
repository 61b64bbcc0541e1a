//! What may be done to a path.

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// One change, at some place of the target.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// Puts a text there.
    Insert(&'static str),
    /// Leaves the byte out.
    Remove,
    /// Doubles the byte.
    Double,
    /// Turns a letter's case.
    Case,
    /// Percent-encodes the byte this many times, in upper or lower case.
    Encode(usize, bool),
    /// Puts a text at the end.
    Append(&'static str),
    /// Puts a text before everything.
    Prepend(&'static str),
}

const TEXTS: [&str; 29] = [
    "/", "//", "/.", "/./", "/..", "/../", "..", ".", ";", ";a=b", ";/", "\\", "%2f", "%2F", "%5c", "%2e",
    "%2e%2e", "%3B", "%3b", "%00", "%0a", "%20", "%09", "%252f", "%c0%af", "%", "+", "?", "#",
];
const ENDS: [&str; 12] =
    ["/", "//", "/.", "/..", "/../", ";", "%2f", "?", "?x=/open/x", "#/open/x", "/..;/", ".json"];
const STARTS: [&str; 8] =
    ["/", "//", "/.", "/..", "/open/..", "/%2e", "http://other.example", "/open/%2e%2e"];

pub(crate) fn changes() -> impl Strategy<Value = Vec<(Change, Index)>> {
    let change = prop_oneof![
        4 => select(&TEXTS[..]).prop_map(Change::Insert),
        1 => Just(Change::Remove),
        1 => Just(Change::Double),
        2 => Just(Change::Case),
        4 => (1..3_usize, any::<bool>()).prop_map(|(times, upper)| Change::Encode(times, upper)),
        2 => select(&ENDS[..]).prop_map(Change::Append),
        1 => select(&STARTS[..]).prop_map(Change::Prepend),
    ];
    prop::collection::vec((change, any::<Index>()), 0..4)
}

/// What becomes of a target.
pub(crate) fn changed(target: &str, changes: &[(Change, Index)]) -> String {
    let mut text = target.to_owned();
    for (change, index) in changes {
        if text.is_empty() {
            break;
        }
        let place = index.index(text.len());
        let byte = text.as_bytes()[place];
        let here = place..=place;
        match change {
            Change::Insert(part) => text.insert_str(place, part),
            Change::Remove => text.replace_range(here, ""),
            Change::Double => text.insert(place, char::from(byte)),
            Change::Case if byte.is_ascii_alphabetic() => {
                text.replace_range(here, &char::from(byte ^ 0x20).to_string());
            }
            Change::Case => {}
            Change::Encode(times, upper) => {
                let mut code = if *upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
                (1..*times).for_each(|_| code = code.replace('%', "%25"));
                text.replace_range(here, &code);
            }
            Change::Append(part) => text.push_str(part),
            Change::Prepend(part) => text.insert_str(0, part),
        }
    }
    text
}

/// Those that a route may have, and those that nobody expects.
pub(crate) fn method() -> impl Strategy<Value = &'static str> {
    select(
        &[
            "GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT",
            "PROPFIND", "get", "GETX",
        ][..],
    )
}
